/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inspect.c - what one object of a store is, found out without a key */
#include "cli/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/store.h"
#include "fs/symlink.h"
#include "util/bits.h"
#include "util/compiler.h"
#include "util/hex.h"
#include "util/io.h"

#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

const char *inspect_kind_name(enum inspect_kind kind)
{
	static const char *const names[] = {
		[INSPECT_FILE] = "file",       [INSPECT_DIR] = "dir",
		[INSPECT_SYMLINK] = "symlink", [INSPECT_SPECIAL] = "special",
		[INSPECT_FOREIGN] = "foreign", [INSPECT_PLAIN] = "plain",
	};

	return names[kind];
}

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

bool inspect_is_internal(const struct inspect_dir *dir, bool is_root, const char *name)
{
	uint8_t ct[NAME_MAX_LEN];
	size_t len;

	if (is_root && !strcmp(name, STORE_DIR))
		return true;
	if (dir->encrypted)
		return store_name_classify(name, ct, &len) == STORE_NAME_INTERNAL;
	return store_name_is_reserved(name) && !has_prefix(name, STORE_ENC_PREFIX);
}

/* Keep the first thing that is wrong. */
static void wrong(struct inspect_object *obj, const char *what)
{
	if (!obj->error)
		obj->error = what;
}

/* A decoded header's context into @obj. */
static void take_context(struct inspect_object *obj)
{
	obj->has_context = true;
	if (fscrypt_policy_from_context(&obj->hdr.ctx, obj->hdr.ctx_len, &obj->policy) == 0)
		obj->has_policy = true;
	else
		wrong(obj, "the context is of an unknown kind");
}

static const char *header_error(int errnum)
{
	switch (errnum) {
	case EPROTONOSUPPORT:
		return "the header is of a newer format";
	case ENODATA:
		return "the header is all zeros";
	default:
		return "the header is damaged";
	}
}

/* ---- regular files ---- */

static bool data_is_zero(int fd)
{
	static uint8_t buf[1 << 16];
	off_t off = STORE_HEADER_SIZE;
	ssize_t n;

	for (;;) {
		/* Holes need not be read; where they are not known, everything is. */
		off_t data = lseek(fd, off, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			return true;
		off = data < 0 ? off : data;
		n = io_pread(fd, buf, sizeof(buf), off);
		if (n <= 0)
			return n == 0;
		if (!mem_is_zero(buf, (size_t)n))
			return false;
		off += n;
	}
}

static void read_header_block(struct inspect_object *obj, int fd)
{
	uint8_t block[STORE_HEADER_SIZE];
	ssize_t n = io_pread(fd, block, sizeof(block), 0);
	size_t used;
	int r;

	if (n < 0) {
		wrong(obj, "the header cannot be read");
		return;
	}
	if (n < (ssize_t)sizeof(block)) {
		wrong(obj, "the file ends within its header");
		return;
	}
	r = store_header_decode(block, sizeof(block), &obj->hdr, &used);
	if (r == 0) {
		take_context(obj);
		if (!mem_is_zero(block + used, sizeof(block) - used))
			wrong(obj, "the header is followed by something that is not zero");
	} else if (r != -ENODATA || !data_is_zero(fd)) {
		/* Zeros over zeros are a file that a power cut caught before its first sync. */
		wrong(obj, header_error(-r));
	}
}

static void inspect_file(const struct inspect_dir *dir, const char *name,
			 struct inspect_object *obj)
{
	struct stat st;
	int fd;

	obj->kind = INSPECT_FILE;
	fd = openat(dir->fd, name, OPEN_FLAGS);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != obj->st.st_ino) {
		wrong(obj, "the file cannot be opened");
		goto out;
	}
	obj->st = st;
	/* An empty one gets its header on first use. */
	if (st.st_size > 0)
		read_header_block(obj, fd);
	if (!obj->has_context && dir->encrypted) {
		obj->policy = dir->policy;
		obj->has_policy = !dir->unusable;
	}
	obj->data_offset = STORE_HEADER_SIZE;
	if (obj->has_policy) {
		obj->data_unit_size = fscrypt_policy_data_unit_size(&obj->policy);
		if (!is_power_of_2(obj->data_unit_size) || obj->data_unit_size < 512 ||
		    obj->data_unit_size > FSCRYPT_BLOCK_SIZE) {
			obj->data_unit_size = 0;
			wrong(obj, "the context has an impossible data unit size");
		} else if (store_size_decode((uint64_t)st.st_size, obj->data_unit_size,
					     &obj->size) < 0) {
			wrong(obj, "the file has an impossible length");
		}
	}
out:
	if (fd >= 0)
		close(fd);
}

/* ---- directories ---- */

static int is_empty_dir(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;
	int empty = 1;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return -errno;
	}
	while (empty && (de = readdir(d)) != NULL)
		empty = !strcmp(de->d_name, ".") || !strcmp(de->d_name, "..");
	closedir(d);
	return empty;
}

/* What the directory @fd is, below @parent (NULL: it is the root). */
static void inspect_directory_fd(int fd, const struct inspect_dir *parent,
				 struct inspect_object *obj)
{
	bool wants_context = parent && parent->encrypted;
	uint8_t block[STORE_HEADER_SIZE];
	size_t len, used;
	int r;

	obj->is_dir = true;
	r = store_read_small(fd, STORE_CTX_NAME, block, sizeof(block), &len);
	if (r == -ENOENT && !wants_context) {
		obj->kind = INSPECT_PLAIN;
		return;
	}
	obj->kind = INSPECT_DIR;
	if (r == -ENOENT) {
		if (is_empty_dir(fd) == 1) {
			obj->policy = parent->policy;
			obj->has_policy = !parent->unusable;
		} else {
			wrong(obj, "the directory has lost its context (" STORE_CTX_NAME ")");
		}
		return;
	}
	if (r == 0)
		r = store_header_decode(block, len, &obj->hdr, &used);
	if (r < 0)
		wrong(obj, header_error(-r));
	else if (len != used)
		wrong(obj, "the context file has the wrong length");
	if (r == 0 && (obj->hdr.flags & STORE_HDR_FLAG_PLAIN)) {
		if (wants_context || !parent)
			wrong(obj, "the directory has a number in place of its context");
		else
			obj->kind = INSPECT_PLAIN;
	} else if (r == 0) {
		take_context(obj);
	}
}

static void inspect_directory(const struct inspect_dir *dir, const char *name,
			      struct inspect_object *obj)
{
	int fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		obj->kind = dir->encrypted ? INSPECT_DIR : INSPECT_PLAIN;
		obj->is_dir = true;
		wrong(obj, "the directory cannot be opened");
		return;
	}
	inspect_directory_fd(fd, dir, obj);
	close(fd);
}

/* ---- symlinks ---- */

static void read_long_payload(struct inspect_object *obj, int meta_fd)
{
	char path[16 + 2 * FSCRYPT_FILE_NONCE_SIZE + 1] = "symlinks/";
	int fd = openat(meta_fd, "symlinks", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		hex_encode(fscrypt_context_nonce(&obj->hdr.ctx), FSCRYPT_FILE_NONCE_SIZE, path);
		if (store_read_small(fd, path, obj->payload, sizeof(obj->payload),
				     &obj->payload_len) < 0)
			obj->payload_len = 0;
		close(fd);
	}
	if (obj->payload_len == 0)
		wrong(obj, "the symlink's long payload is missing");
}

static void inspect_symlink(const struct inspect_dir *dir, const char *name, int meta_fd,
			    struct inspect_object *obj)
{
	char text[STORE_SYMLINK_MAX + 2];
	uint8_t blob[STORE_SYMLINK_MAX];
	size_t used, len;
	ssize_t n;
	int r;

	obj->kind = INSPECT_SYMLINK;
	n = readlinkat(dir->fd, name, text, sizeof(text));
	r = n < 0 ? -errno : fs_symlink_decode(text, (size_t)n, blob, &obj->hdr, &used, &len);
	if (r < 0) {
		wrong(obj,
		      r == -EUCLEAN ? "the symlink's stored target is damaged" : header_error(-r));
		return;
	}
	take_context(obj);
	if (obj->hdr.flags & STORE_HDR_FLAG_LONG) {
		if (fscrypt_context_size(&obj->hdr.ctx) > 0)
			read_long_payload(obj, meta_fd);
	} else {
		obj->payload_len = len - used;
		memcpy(obj->payload, blob + used, obj->payload_len);
	}
	if (obj->payload_len < 2 + FSCRYPT_FNAME_MIN_MSG_LEN ||
	    get_le16(obj->payload) != obj->payload_len - 2)
		wrong(obj, "the symlink's payload has the wrong length");
	obj->size = obj->payload_len;
}

/* ---- entries ---- */

static const char sidecar_error[] = "the long name's sidecar is missing or damaged";

static void read_sidecar(const struct inspect_dir *dir, const char *name,
			 struct inspect_object *obj)
{
	char sidecar[NAME_MAX_LEN + 1];

	store_sidecar_name(name, sidecar);
	if (store_read_small(dir->fd, sidecar, obj->name_ct, sizeof(obj->name_ct),
			     &obj->name_ct_len) < 0)
		obj->name_ct_len = 0;
	if (obj->name_ct_len == 0 ||
	    !store_long_name_matches(name, obj->name_ct, obj->name_ct_len)) {
		obj->name_ct_len = 0;
		wrong(obj, sidecar_error);
	}
}

/* The kernel refuses (EPERM) what is not under its directory's own policy. */
static void check_policy(const struct inspect_dir *dir, struct inspect_object *obj)
{
	if (dir->encrypted && !dir->unusable && obj->has_context && obj->has_policy &&
	    !fscrypt_policies_equal(&obj->policy, &dir->policy))
		wrong(obj, "the policy is not that of its directory");
}

int inspect_entry(const struct inspect_dir *dir, const char *name, int meta_fd,
		  struct inspect_object *ret_obj)
{
	struct inspect_object *obj = ret_obj;
	bool encrypted = dir->encrypted || has_prefix(name, STORE_ENC_PREFIX);

	memset(obj, 0, sizeof(*obj));
	if (fstatat(dir->fd, name, &obj->st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (dir->encrypted) {
		switch (store_name_classify(name, obj->name_ct, &obj->name_ct_len)) {
		case STORE_NAME_SHORT:
			break;
		case STORE_NAME_LONG:
			read_sidecar(dir, name, obj);
			break;
		default:
			obj->name_ct_len = 0;
			obj->kind = INSPECT_FOREIGN;
			obj->size = (uint64_t)obj->st.st_size;
			return 0;
		}
	}
	if (S_ISDIR(obj->st.st_mode)) {
		inspect_directory(dir, name, obj);
	} else if (!encrypted) {
		obj->kind = INSPECT_PLAIN;
		obj->size = (uint64_t)obj->st.st_size;
	} else if (S_ISREG(obj->st.st_mode)) {
		inspect_file(dir, name, obj);
	} else if (S_ISLNK(obj->st.st_mode)) {
		inspect_symlink(dir, name, meta_fd, obj);
	} else {
		obj->kind = INSPECT_SPECIAL;
	}
	check_policy(dir, obj);
	if (dir->unusable)
		wrong(obj, "its directory has no usable context");
	return 0;
}

static void dir_from_object(const struct inspect_object *obj, struct inspect_dir *ret_dir)
{
	ret_dir->encrypted = obj->kind == INSPECT_DIR;
	ret_dir->unusable = ret_dir->encrypted && !obj->has_policy;
	ret_dir->policy = obj->policy;
}

int inspect_open_root(int root_fd, struct inspect_object *ret_obj, struct inspect_dir *ret_dir)
{
	struct inspect_dir dir;

	memset(ret_obj, 0, sizeof(*ret_obj));
	dir.fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir.fd < 0)
		return -errno;
	if (fstat(dir.fd, &ret_obj->st) < 0) {
		int r = -errno;

		close(dir.fd);
		return r;
	}
	inspect_directory_fd(dir.fd, NULL, ret_obj);
	dir_from_object(ret_obj, &dir);
	*ret_dir = dir;
	return 0;
}

int inspect_open_dir(const struct inspect_dir *parent, const char *name,
		     const struct inspect_object *obj, struct inspect_dir *ret_dir)
{
	struct inspect_dir dir;
	struct stat st;

	dir.fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir.fd < 0)
		return -errno;
	/* What was judged must be what is entered. */
	if (fstat(dir.fd, &st) < 0 || st.st_dev != obj->st.st_dev || st.st_ino != obj->st.st_ino) {
		close(dir.fd);
		return -ESTALE;
	}
	dir_from_object(obj, &dir);
	*ret_dir = dir;
	return 0;
}
