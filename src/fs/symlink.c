/* SPDX-License-Identifier: GPL-3.0-or-later */
/* symlink.c - symlinks in the store: header and payload as text, long payloads aside */
#include "fs/symlink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/name.h"
#include "util/base64url.h"
#include "util/hex.h"
#include "util/io.h"

#define LONG_DIR "symlinks"

ssize_t fs_symlink_read_stored(struct fs_inode *inode, char *buf, size_t cap)
{
	struct fs_path path;
	ssize_t n;
	int err = fs_path_get(inode, &path);

	if (err < 0)
		return err;
	n = readlinkat(path.dirfd, path.name, buf, cap);
	if (n < 0)
		n = errno == ENOENT || errno == EINVAL ? -ESTALE : -errno;
	fs_path_put(&path);
	return n;
}

int fs_symlink_decode(const char *text, size_t len, uint8_t *blob, struct store_header *ret_hdr,
		      size_t *ret_used, size_t *ret_len)
{
	ssize_t n;
	int err;

	if (len > STORE_SYMLINK_MAX)
		return -EUCLEAN;
	n = base64url_decode(text, len, blob, STORE_SYMLINK_MAX);
	if (n < 0)
		return -EUCLEAN;
	err = store_header_decode(blob, (size_t)n, ret_hdr, ret_used);
	if (err == -ENODATA)
		err = -EUCLEAN;
	if (err == 0 && ret_len)
		*ret_len = (size_t)n;
	return err;
}

static int open_long_dir(struct fs_super *sb, bool make)
{
	int fd =
		openat(sb->store->meta_fd, LONG_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make) {
		/* Everybody who may make a symlink makes his payload here. */
		int err = fs_do_mkdir(sb, sb->store->meta_fd, LONG_DIR, 0700);

		if (err < 0 && err != -EEXIST)
			return err;
		if (err == 0 && fchmodat(sb->store->meta_fd, LONG_DIR, 0700, 0) < 0)
			return -errno; /* the caller's umask is none of its business */
		fd = openat(sb->store->meta_fd, LONG_DIR,
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

static void long_name(const union fscrypt_context *ctx,
		      char ret_name[2 * FSCRYPT_FILE_NONCE_SIZE + 1])
{
	hex_encode(fscrypt_context_nonce(ctx), FSCRYPT_FILE_NONCE_SIZE, ret_name);
}

static int write_long(struct fs_super *sb, const union fscrypt_context *ctx, const uint8_t *payload,
		      size_t len)
{
	char name[2 * FSCRYPT_FILE_NONCE_SIZE + 1];
	int dirfd = open_long_dir(sb, true), err;

	if (dirfd < 0)
		return dirfd;
	long_name(ctx, name);
	err = fs_store_small_file(sb, dirfd, name, false, payload, len);
	close(dirfd);
	return err;
}

static int read_long(struct fs_super *sb, const union fscrypt_context *ctx, uint8_t *payload,
		     size_t *ret_len)
{
	char name[2 * FSCRYPT_FILE_NONCE_SIZE + 1];
	int dirfd = open_long_dir(sb, false), fd;
	struct stat st;
	ssize_t n;

	if (dirfd < 0)
		return dirfd == -ENOENT ? -EUCLEAN : dirfd;
	long_name(ctx, name);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	n = fd < 0 ? -errno : 0;
	close(dirfd);
	if (fd < 0)
		return n == -ENOENT || n == -ELOOP ? -EUCLEAN : (int)n;
	n = fstat(fd, &st) < 0	   ? -errno
	    : !S_ISREG(st.st_mode) ? -EUCLEAN
				   : io_pread(fd, payload, FSCRYPT_MAX_SYMLINK_PAYLOAD, 0);
	close(fd);
	if (n < 0)
		return (int)n;
	*ret_len = (size_t)n;
	return 0;
}

void fs_symlink_drop_long(struct fs_super *sb, const union fscrypt_context *ctx)
{
	char name[2 * FSCRYPT_FILE_NONCE_SIZE + 1];
	int dirfd = open_long_dir(sb, false);

	if (dirfd < 0)
		return;
	long_name(ctx, name);
	fs_do_unlink(sb, dirfd, name, 0);
	close(dirfd);
}

int fs_symlink_make(struct fs_super *sb, struct fs_inode *parent, const union fscrypt_context *ctx,
		    size_t ctx_len, uint32_t vino, struct fscrypt_info *info, const char *target,
		    char *ret_text)
{
	uint8_t blob[STORE_HDR_MAX_USED + FSCRYPT_MAX_SYMLINK_PAYLOAD];
	uint8_t payload[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	struct store_header hdr = {
		.ino = vino,
		.parent_ino = atomic_load(&parent->use->vino),
		.ctx = *ctx,
		.ctx_len = ctx_len,
	};
	size_t used, len, n;
	int err = fscrypt_symlink_encrypt(info, target, strlen(target), payload, &len);

	if (err < 0)
		return err;
	memcpy(hdr.parent_nonce, fscrypt_context_nonce(&parent->use->ctx),
	       sizeof(hdr.parent_nonce));
	used = store_header_encode(&hdr, blob);
	if (BASE64URL_LEN(used + len) > STORE_SYMLINK_MAX) {
		hdr.flags = STORE_HDR_FLAG_LONG;
		used = store_header_encode(&hdr, blob);
		err = write_long(sb, ctx, payload, len);
		if (err < 0)
			return err;
		/* fsync of the directory has to see to what is aside, too. */
		if (!atomic_exchange(&parent->use->dir.names_unsynced, true))
			atomic_fetch_add(&sb->unsynced, 1);
		len = 0;
	}
	memcpy(blob + used, payload, len);
	n = base64url_encode(blob, used + len, ret_text);
	ret_text[n] = '\0';
	return 0;
}

int fs_readlink(struct fs_inode *inode, char *ret_target, size_t *ret_len)
{
	uint8_t blob[STORE_SYMLINK_MAX], aside[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	char text[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	const uint8_t *payload;
	struct store_header hdr;
	size_t used, len;
	ssize_t n;
	int err;

	err = fs_context_require_key(inode);
	if (err == -ENOPKG || (err == -EINVAL && inode->use && inode->use->ctx_len))
		err = -ENOKEY;
	if (err < 0 && err != -ENOKEY)
		return err;
	n = fs_symlink_read_stored(inode, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	if (atomic_load(&inode->crypt) == FS_CRYPT_PLAIN) {
		memcpy(ret_target, text, (size_t)n);
		ret_target[n] = '\0';
		*ret_len = (size_t)n;
		return 0;
	}
	if (fs_symlink_decode(text, (size_t)n, blob, &hdr, &used, &len) < 0)
		return -EUCLEAN;
	payload = blob + used;
	len -= used;
	if (hdr.flags & STORE_HDR_FLAG_LONG) {
		int e = read_long(inode->sb, &hdr.ctx, aside, &len);

		/* Removed since the kernel found it: what is aside goes with the last name. */
		if (e == -EUCLEAN && fs_inode_kept(inode) >= 0)
			return -ESTALE;
		if (e < 0)
			return e;
		payload = aside;
	}
	if (err == -ENOKEY) {
		err = fscrypt_symlink_nokey(payload, len, ret_target, ret_len);
		if (err == 0)
			ret_target[*ret_len] = '\0';
		return err;
	}
	/* The info is dropped under crypt_lock when its key goes. */
	tinylock_lock(&inode->crypt_lock);
	err = inode->use->info
		      ? fscrypt_symlink_decrypt(inode->use->info, payload, len, ret_target, ret_len)
		      : -EAGAIN;
	tinylock_unlock(&inode->crypt_lock);
	return err == -EAGAIN ? fs_readlink(inode, ret_target, ret_len) : err;
}

int fs_symlink_size(struct fs_inode *inode, uint64_t *ret_size)
{
	char target[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	uint64_t gen = fscrypt_keyring_generation(inode->sb->fsc);
	size_t len = 0;
	int err;

	tinylock_lock(&inode->crypt_lock);
	if (inode->use && inode->use->lnk.target_gen == gen)
		len = inode->use->lnk.target_len;
	tinylock_unlock(&inode->crypt_lock);
	if (!len) {
		err = fs_readlink(inode, target, &len);
		if (err < 0)
			return err;
	}
	if (inode->use) {
		tinylock_lock(&inode->crypt_lock);
		inode->use->lnk.target_len = (uint32_t)len;
		inode->use->lnk.target_gen = gen;
		tinylock_unlock(&inode->crypt_lock);
	}
	*ret_size = len;
	return 0;
}
