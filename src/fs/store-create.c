/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store-create.c - make a store: probe the backing, write everything aside, show it by one rename
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/format.h"
#include "fs/store.h"
#include "fs/vino.h"
#include "util/hex.h"
#include "util/io.h"
#include "util/secret.h"

#define META_TMP    STORE_CTX_TMP_PREFIX "init"
#define PROBE_UPPER STORE_CTX_TMP_PREFIX "PROBE"
#define PROBE_LOWER STORE_CTX_TMP_PREFIX "probe"

struct new_store {
	const char *path;
	int root_fd;
	bool made_dir, made_ctx, made_tmp, made_meta;
	mode_t old_mode;
	bool changed_mode;
};

static int open_root(struct new_store *ns, struct store_error *err)
{
	if (mkdir(ns->path, 0700) == 0)
		ns->made_dir = true;
	else if (errno != EEXIST)
		return store_fail(err, errno, STORE_EXIT_NOT_WRITABLE, "%s: cannot be made: %s",
				  ns->path, strerror(errno));
	ns->root_fd = open(ns->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ns->root_fd < 0)
		return store_fail(err, errno, STORE_EXIT_FAILED, "%s: cannot be opened: %s",
				  ns->path, strerror(errno));
	return 0;
}

static int check_contents(const struct new_store *ns, bool must_be_empty, struct store_error *err)
{
	struct dirent *de;
	DIR *dir;
	int fd, r = 0;

	fd = openat(ns->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = errno;
		if (fd >= 0)
			close(fd);
		return store_fail(err, r, STORE_EXIT_FAILED, "%s: cannot be read: %s", ns->path,
				  strerror(r));
	}
	while ((errno = 0, de = readdir(dir)) != NULL) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (!strcmp(de->d_name, STORE_DIR))
			r = store_fail(err, ENOTEMPTY, STORE_EXIT_NOT_EMPTY,
				       "%s: is a store already: choose another directory",
				       ns->path);
		else if (must_be_empty)
			r = store_fail(err, ENOTEMPTY, STORE_EXIT_NOT_EMPTY,
				       "%s: is not empty: choose an empty directory, or leave its "
				       "root plain with --no-policy",
				       ns->path);
		else if (!strncmp(de->d_name, STORE_RESERVED_PREFIX, strlen(STORE_RESERVED_PREFIX)))
			r = store_fail(err, ENOTEMPTY, STORE_EXIT_NOT_EMPTY,
				       "%s/%s: has a reserved name: rename it", ns->path,
				       de->d_name);
		if (r < 0)
			break;
	}
	if (r == 0 && errno)
		r = store_fail(err, errno, STORE_EXIT_FAILED, "%s: cannot be read: %s", ns->path,
			       strerror(errno));
	closedir(dir);
	return r;
}

static int probe_file(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int probe_long_name(const struct new_store *ns, struct store_error *err)
{
	char name[NAME_MAX_LEN + 1];
	struct statvfs sv;
	int r;

	memset(name, 'n', NAME_MAX_LEN);
	memcpy(name, STORE_CTX_TMP_PREFIX, strlen(STORE_CTX_TMP_PREFIX));
	name[NAME_MAX_LEN] = '\0';
	r = probe_file(ns->root_fd, name);
	if (r == 0)
		unlinkat(ns->root_fd, name, 0);
	if (r == -ENAMETOOLONG ||
	    (fstatvfs(ns->root_fd, &sv) == 0 && sv.f_namemax && sv.f_namemax < NAME_MAX_LEN))
		return store_fail(
			err, ENAMETOOLONG, STORE_EXIT_FAILED,
			"%s: the filesystem cannot keep names of %d bytes: choose another "
			"one",
			ns->path, NAME_MAX_LEN);
	if (r < 0)
		return store_fail(err, -r, STORE_EXIT_NOT_WRITABLE,
				  "%s: no file can be made in it: %s", ns->path, strerror(-r));
	return 0;
}

/* Stored names are base64url: a filesystem that takes A for a would mix up files. */
static int probe_names(const struct new_store *ns, struct store_error *err)
{
	struct stat st;
	bool folds;
	int r = probe_file(ns->root_fd, PROBE_UPPER);

	if (r < 0)
		return store_fail(err, -r, STORE_EXIT_NOT_WRITABLE,
				  "%s: no file can be made in it: %s", ns->path, strerror(-r));
	folds = fstatat(ns->root_fd, PROBE_LOWER, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (folds) {
		unlinkat(ns->root_fd, PROBE_UPPER, 0);
		return store_fail(
			err, EOPNOTSUPP, STORE_EXIT_FAILED,
			"%s: the filesystem does not tell capital letters from small ones: "
			"choose another one",
			ns->path);
	}
	if (renameat(ns->root_fd, PROBE_UPPER, ns->root_fd, PROBE_LOWER) < 0) {
		r = errno;
		unlinkat(ns->root_fd, PROBE_UPPER, 0);
		return store_fail(err, r, STORE_EXIT_FAILED,
				  "%s: the filesystem cannot rename: %s: choose another one",
				  ns->path, strerror(r));
	}
	unlinkat(ns->root_fd, PROBE_LOWER, 0);
	return 0;
}

static int write_new(int dirfd, const char *name, const void *buf, size_t len)
{
	int r = 0;
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	r = io_pwrite(fd, buf, len, 0);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, name, 0);
	return r;
}

/* STORE/.fuscrypt under a temporary name, complete and on disk. */
static int make_meta(struct new_store *ns, const char *conf, bool root_has_ino)
{
	char ino[FS_VINO_TEXT_MAX];
	int fd, r;

	if (mkdirat(ns->root_fd, META_TMP, 0700) < 0)
		return -errno;
	ns->made_tmp = true;
	fd = openat(ns->root_fd, META_TMP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = 0;
	if (mkdirat(fd, "protectors", 0700) < 0 || mkdirat(fd, "symlinks", 0700) < 0)
		r = -errno;
	if (r == 0)
		r = write_new(fd, "lock", "", 0);
	if (r == 0 && root_has_ino)
		r = write_new(fd, FS_VINO_NAME, ino, fs_vino_format(FS_VINO_FIRST + 1, ino));
	if (r == 0)
		r = write_new(fd, "store.conf", conf, strlen(conf));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void remove_meta(int root_fd, const char *name)
{
	int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	unlinkat(fd, "store.conf", 0);
	unlinkat(fd, "lock", 0);
	unlinkat(fd, FS_VINO_NAME, 0);
	unlinkat(fd, "protectors", AT_REMOVEDIR);
	unlinkat(fd, "symlinks", AT_REMOVEDIR);
	close(fd);
	unlinkat(root_fd, name, AT_REMOVEDIR);
}

static void undo(const struct new_store *ns)
{
	if (ns->root_fd >= 0) {
		if (ns->made_meta)
			remove_meta(ns->root_fd, STORE_DIR);
		if (ns->made_tmp)
			remove_meta(ns->root_fd, META_TMP);
		if (ns->made_ctx)
			unlinkat(ns->root_fd, STORE_CTX_NAME, 0);
		if (ns->changed_mode)
			(void)fchmod(ns->root_fd, ns->old_mode);
		close(ns->root_fd);
	}
	if (ns->made_dir)
		rmdir(ns->path);
}

static int write_everything(struct new_store *ns, const union fscrypt_policy *policy,
			    const uint8_t *uuid)
{
	char uuid_text[37], ctx_text[2 * FSCRYPT_CONTEXT_SIZE_MAX + 1] = "plain", conf[512];
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE], buf[STORE_HDR_MAX_USED];
	struct store_header hdr = { 0 };
	struct stat st;
	int r;

	if (geteuid() == 0 && fstat(ns->root_fd, &st) == 0 && (st.st_mode & 07777) != 0700) {
		if (fchmod(ns->root_fd, 0700) < 0)
			return -errno;
		ns->old_mode = st.st_mode & 07777;
		ns->changed_mode = true;
	}
	if (policy) {
		secret_random(nonce, sizeof(nonce));
		hdr.ctx_len = fscrypt_context_from_policy(policy, nonce, &hdr.ctx);
		if (fscrypt_context_uses_ino(&hdr.ctx))
			hdr.ino = FS_VINO_FIRST;
		r = write_new(ns->root_fd, STORE_CTX_NAME, buf, store_header_encode(&hdr, buf));
		if (r < 0)
			return r;
		ns->made_ctx = true;
		hex_encode((const uint8_t *)&hdr.ctx, hdr.ctx_len, ctx_text);
	}
	store_uuid_format(uuid, uuid_text);
	snprintf(conf, sizeof(conf), "fuscrypt-store=%d\nuuid=%s\nfeatures=\nroot=%s\n",
		 STORE_FORMAT, uuid_text, ctx_text);
	r = make_meta(ns, conf, hdr.ino != 0);
	if (r < 0)
		return r;
	/* From here on it is a store: everything it consists of is on disk already. */
	if (renameat(ns->root_fd, META_TMP, ns->root_fd, STORE_DIR) < 0)
		return -errno;
	ns->made_tmp = false;
	ns->made_meta = true;
	return fsync(ns->root_fd) < 0 ? -errno : 0;
}

int store_create(const char *path, const union fscrypt_policy *policy, const uint8_t *uuid,
		 struct store_error *err)
{
	struct new_store ns = { .path = path, .root_fd = -1 };
	uint8_t random_uuid[16];
	int r;

	if (!uuid) {
		secret_random(random_uuid, sizeof(random_uuid));
		random_uuid[6] = (random_uuid[6] & 0x0f) | 0x40; /* RFC 4122: random, version 4 */
		random_uuid[8] = (random_uuid[8] & 0x3f) | 0x80;
		uuid = random_uuid;
	}
	r = open_root(&ns, err);
	if (r == 0)
		r = check_contents(&ns, policy != NULL, err);
	if (r == 0)
		r = probe_long_name(&ns, err);
	if (r == 0)
		r = probe_names(&ns, err);
	if (r == 0) {
		r = write_everything(&ns, policy, uuid);
		if (r < 0)
			store_fail(err, -r,
				   r == -EACCES || r == -EROFS ? STORE_EXIT_NOT_WRITABLE
							       : STORE_EXIT_FAILED,
				   "%s: the store cannot be written: %s", path, strerror(-r));
	}
	if (r < 0) {
		undo(&ns);
		return r;
	}
	close(ns.root_fd);
	return 0;
}

static void remove_protectors(int root_fd)
{
	int fd = openat(root_fd, STORE_DIR "/protectors",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			unlinkat(dirfd(dir), de->d_name, 0);
	closedir(dir);
}

void store_create_undo(const char *path, bool made_dir)
{
	struct new_store ns = {
		.path = path, .made_dir = made_dir, .made_ctx = true, .made_meta = true
	};

	ns.root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ns.root_fd >= 0)
		remove_protectors(ns.root_fd);
	undo(&ns);
}
