/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name.c - between the names that users see and the names that the store has */
#include "fs/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "util/io.h"
#include "util/secret.h"

#define FOREIGN_HASH 0xFFFFFFFFu

static int read_sidecar(int dirfd, const char *long_name, uint8_t ct[static NAME_MAX_LEN],
			size_t *ret_len)
{
	char side[NAME_MAX_LEN + 1];
	uint8_t buf[NAME_MAX_LEN + 1];
	struct stat st;
	ssize_t n;
	int fd;

	store_sidecar_name(long_name, side);
	fd = openat(dirfd, side, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == ENODEV ? -EUCLEAN : -errno;
	n = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EUCLEAN;
	if (n == 0)
		n = io_pread(fd, buf, sizeof(buf), 0);
	close(fd);
	if (n < 0)
		return (int)n;
	/* A sidecar must hash to its name: nobody can make one entry pass for another. */
	if (n > NAME_MAX_LEN || !store_long_name_matches(long_name, buf, (size_t)n))
		return -EUCLEAN;
	memcpy(ct, buf, (size_t)n);
	*ret_len = (size_t)n;
	return 0;
}

int fs_sidecar_write(struct fs_inode *dir, int dirfd, const struct fs_name *name)
{
	char side[NAME_MAX_LEN + 1];
	int err;

	if (!name->is_long)
		return 0;
	store_sidecar_name(name->stored, side);
	err = fs_store_small_file(dir->sb, dirfd, side, false, name->ct, name->ct_len);
	if (err == -EEXIST) {
		/* A crash left it, or a rename replaces the entry: the same hash is the same bytes.
		 */
		uint8_t ct[NAME_MAX_LEN];
		size_t len;

		err = read_sidecar(dirfd, name->stored, ct, &len);
		if (err == -EUCLEAN && fs_do_unlink(dir->sb, dirfd, side, 0) == 0)
			err = fs_store_small_file(dir->sb, dirfd, side, false, name->ct,
						  name->ct_len);
	}
	if (err == 0 && !atomic_exchange(&dir->use->dir.names_unsynced, true))
		atomic_fetch_add(&dir->sb->unsynced, 1);
	return err;
}

int fs_sidecar_sync(struct fs_inode *dir, int dirfd, const struct fs_name *name)
{
	char side[NAME_MAX_LEN + 1];
	int fd, err;

	if (!name->is_long)
		return 0;
	store_sidecar_name(name->stored, side);
	fd = openat(dirfd, side, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fs_do_fsync(dir->sb, fd, false);
	close(fd);
	return err;
}

void fs_sidecar_remove(struct fs_inode *dir, int dirfd, const struct fs_name *name)
{
	char side[NAME_MAX_LEN + 1];

	if (!name->is_long)
		return;
	store_sidecar_name(name->stored, side);
	fs_do_unlink(dir->sb, dirfd, side, 0);
}

void fs_sidecar_undo(struct fs_inode *dir, int dirfd, const struct fs_name *name)
{
	struct stat st;

	if (name->is_long && fstatat(dirfd, name->stored, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		fs_sidecar_remove(dir, dirfd, name);
}

int fs_name_mark_encrypted(struct fs_name *name)
{
	size_t plen = strlen(STORE_ENC_PREFIX), len = strlen(name->stored);

	if (plen + len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	memmove(name->stored + plen, name->stored, len + 1);
	memcpy(name->stored, STORE_ENC_PREFIX, plen);
	return 0;
}

static int encrypt(struct fscrypt_info *info, const char *name, struct fs_name *ret)
{
	int err = fscrypt_fname_encrypt(info, name, strlen(name), ret->ct, &ret->ct_len);

	if (err == 0)
		store_name_encode(ret->ct, ret->ct_len, ret->stored, &ret->is_long);
	return err;
}

/* Does this stored name have the ciphertext, or foreign bytes, that the long no-key name describes?
 */
static bool matches(const struct fscrypt_nokey_name *nk, const uint8_t *bytes, size_t len)
{
	uint8_t sha[SHA256_SIZE];

	if (len <= FSCRYPT_NOKEY_PREFIX || memcmp(bytes, nk->bytes, FSCRYPT_NOKEY_PREFIX) != 0)
		return false;
	sha256(bytes + FSCRYPT_NOKEY_PREFIX, len - FSCRYPT_NOKEY_PREFIX, sha);
	return secret_equal(sha, nk->sha256, sizeof(sha));
}

/*
 * A long no-key name shows a prefix and a hash. Ciphertexts of 192 bytes and more are stored under
 * a hash that can be computed from these two; those of 150 to 191, and foreign names, must be
 * searched.
 */
static int search(struct fs_super *sb, int dirfd, const struct fscrypt_nokey_name *nk, bool foreign,
		  struct fs_name *ret)
{
	struct dirent *e;
	int err = -ENOENT;
	DIR *d;

	d = fs_dir_open_somehow(sb, dirfd, &err);
	if (!d)
		return err;
	while (err == -ENOENT && (errno = 0, e = readdir(d))) {
		enum store_name_kind kind = store_name_classify(e->d_name, ret->ct, &ret->ct_len);

		if (foreign && kind != STORE_NAME_INTERNAL) {
			if (matches(nk, (const uint8_t *)e->d_name, strlen(e->d_name)))
				err = 0;
		} else if (!foreign && kind == STORE_NAME_SHORT) {
			if (matches(nk, ret->ct, ret->ct_len))
				err = 0;
		}
		if (err == 0)
			strcpy(ret->stored, e->d_name);
	}
	if (err == -ENOENT && errno)
		err = -errno;
	closedir(d);
	return err;
}

static int lookup_nokey(struct fs_super *sb, int dirfd, const char *name, bool foreign_only,
			struct fs_name *ret)
{
	struct fscrypt_nokey_name nk;
	uint8_t ct[NAME_MAX_LEN];
	enum store_name_kind kind;
	struct stat st;
	size_t len;
	int err = fscrypt_nokey_decode(name, strlen(name), &nk);

	if (err < 0)
		return err;
	ret->ct_len = 0;
	if (nk.dirhash[0] == FOREIGN_HASH && nk.dirhash[1] == FOREIGN_HASH) {
		if (nk.is_long)
			return search(sb, dirfd, &nk, true, ret);
		memcpy(ret->stored, nk.bytes, nk.len);
		ret->stored[nk.len] = '\0';
		/* Any entry, but neither our own files nor a way out of the directory. */
		if (memchr(nk.bytes, '\0', nk.len) || memchr(nk.bytes, '/', nk.len) ||
		    strcmp(ret->stored, ".") == 0 || strcmp(ret->stored, "..") == 0)
			return -ENOENT;
		kind = store_name_classify(ret->stored, ct, &len);
		ret->is_long = kind == STORE_NAME_LONG;
		return kind == STORE_NAME_INTERNAL ? -ENOENT : 0;
	}
	if (foreign_only)
		return -ENOENT;
	if (!nk.is_long) {
		if (nk.len < FSCRYPT_FNAME_MIN_MSG_LEN)
			return -ENOENT;
		memcpy(ret->ct, nk.bytes, nk.len);
		ret->ct_len = nk.len;
		store_name_encode(ret->ct, ret->ct_len, ret->stored, &ret->is_long);
		return 0;
	}
	store_name_encode_long(nk.bytes, nk.sha256, ret->stored);
	if (fstatat(dirfd, ret->stored, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		ret->is_long = true;
		return 0;
	}
	return search(sb, dirfd, &nk, false, ret);
}

int fs_name_lookup(struct fs_inode *dir, int dirfd, const char *name, struct fs_name *ret)
{
	struct fscrypt_info *info;
	size_t len = strlen(name);
	int err;

	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	ret->is_long = ret->plain = false;
	ret->ct_len = 0;
	if (atomic_load(&dir->crypt) == FS_CRYPT_PLAIN) {
		ret->plain = true;
		memcpy(ret->stored, name, len + 1);
		return store_name_is_reserved(name) ? -ENOENT : 0;
	}
	/* A directory whose context nobody understands, or is damaged, is locked for good. */
	info = NULL;
	if (!fs_context_is_bad(dir)) {
		err = fs_context_try_key(dir, &info);
		if (err < 0)
			return err;
	}
	if (!info)
		return lookup_nokey(dir->sb, dirfd, name, false, ret);
	/* With the key only foreign entries have a no-key name; ten underscores are their hash
	 * words. */
	if (strncmp(name, "__________", 10) == 0 &&
	    lookup_nokey(dir->sb, dirfd, name, true, ret) == 0) {
		struct stat st;

		if (fstatat(dirfd, ret->stored, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;
		ret->is_long = false;
	}
	return encrypt(info, name, ret);
}

int fs_name_create(struct fs_inode *dir, const char *name, struct fs_name *ret)
{
	size_t len = strlen(name);
	int err;

	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	ret->is_long = ret->plain = false;
	ret->ct_len = 0;
	if (atomic_load(&dir->crypt) == FS_CRYPT_PLAIN) {
		if (store_name_is_reserved(name))
			return -EPERM;
		ret->plain = true;
		memcpy(ret->stored, name, len + 1);
		return 0;
	}
	err = fs_context_require_key(dir);
	if (err < 0)
		return err;
	return encrypt(dir->use->info, name, ret);
}

int fs_name_read(struct fs_inode *dir, int dirfd, const char *stored,
		 char ret_name[static NAME_MAX_LEN + 1], size_t *ret_len)
{
	struct fscrypt_info *info = NULL;
	uint8_t ct[NAME_MAX_LEN];
	struct stat st;
	size_t len;
	int err;

	if (atomic_load(&dir->crypt) == FS_CRYPT_PLAIN) {
		if (strncmp(stored, STORE_ENC_PREFIX, strlen(STORE_ENC_PREFIX)) == 0)
			stored += strlen(STORE_ENC_PREFIX);
		else if (store_name_is_reserved(stored))
			return -ENOENT;
		len = strlen(stored);
		memcpy(ret_name, stored, len + 1);
		*ret_len = len;
		/* What a marked name stands for must be a name. */
		return len && strcmp(ret_name, ".") != 0 && strcmp(ret_name, "..") != 0 ? 0
											: -ENOENT;
	}
	if (dir == dir->sb->root && strcmp(stored, STORE_DIR) == 0)
		return -ENOENT;
	switch (store_name_classify(stored, ct, &len)) {
	case STORE_NAME_INTERNAL:
		return -ENOENT;
	case STORE_NAME_LONG:
		err = read_sidecar(dirfd, stored, ct, &len);
		if (err == 0)
			break;
		if (err == -EIO)
			return err;
		/* A listing may be about what has been removed since it was read. */
		if (err == -ENOENT && fstatat(dirfd, stored, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -ENOENT;
		goto foreign; /* its sidecar is lost or forged: still there to be seen and removed
			       */
	case STORE_NAME_SHORT:
		break;
	case STORE_NAME_FOREIGN:
		goto foreign;
	}
	if (!fs_context_is_bad(dir)) {
		err = fs_context_try_key(dir, &info);
		if (err < 0)
			return err;
	}
	if (info) {
		err = fscrypt_fname_decrypt(info, ct, len, ret_name, ret_len);
		if (err == 0)
			ret_name[*ret_len] = '\0';
		if (err != -EUCLEAN)
			return err;
		goto foreign;
	}
	*ret_len = fscrypt_nokey_encode(0, 0, ct, len, ret_name);
	ret_name[*ret_len] = '\0';
	return 0;
foreign:
	*ret_len = store_foreign_nokey(stored, ret_name, NAME_MAX_LEN);
	ret_name[*ret_len] = '\0';
	return 0;
}
