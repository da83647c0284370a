/* SPDX-License-Identifier: GPL-3.0-or-later */
/* context-store.c - contexts to the store, whole or not at all, and fsynced before they are relied
 * on */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/format.h"
#include "fs/name.h"
#include "fs/vino.h"
#include "util/hex.h"
#include "util/io.h"
#include "util/secret.h"

static size_t encode(const struct fs_inode *inode, uint8_t buf[static STORE_HDR_MAX_USED])
{
	bool plain = atomic_load(&inode->crypt) == FS_CRYPT_PLAIN;
	struct store_header hdr = {
		.flags = plain ? STORE_HDR_FLAG_PLAIN : 0,
		.ino = atomic_load(&inode->use->vino),
		.parent_ino = inode->use->parent_vino,
		.ctx = inode->use->ctx,
		.ctx_len = plain ? 0 : inode->use->ctx_len,
	};

	memcpy(hdr.parent_nonce, inode->use->parent_nonce, sizeof(hdr.parent_nonce));
	return store_header_encode(&hdr, buf);
}

void fs_context_header_block(const struct fs_inode *inode, uint8_t block[static 4096])
{
	size_t used = encode(inode, block);

	memset(block + used, 0, STORE_HEADER_SIZE - used);
}

void fs_temp_name(char ret_name[static NAME_MAX_LEN + 1])
{
	uint8_t rnd[12];
	char hex[2 * sizeof(rnd) + 1];

	secret_random(rnd, sizeof(rnd));
	hex_encode(rnd, sizeof(rnd), hex);
	snprintf(ret_name, NAME_MAX_LEN + 1, STORE_CTX_TMP_PREFIX "%s", hex);
}

int fs_store_small_file(struct fs_super *sb, int dirfd, const char *name, bool replace,
			const void *data, size_t len)
{
	char tmp[NAME_MAX_LEN + 1];
	int fd, err;

	fs_temp_name(tmp);
	fd = fs_do_create(sb, dirfd, tmp, O_WRONLY, 0644);
	if (fd < 0)
		return fd;
	/* Whatever the caller's umask: an ordinary user's daemon must be able to read it back. */
	err = fchmod(fd, 0644) < 0 ? -errno : fs_do_pwrite(sb, fd, data, len, 0);
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err == 0) {
		err = fs_do_rename(sb, dirfd, tmp, dirfd, name, replace ? 0 : RENAME_NOREPLACE);
		/* A backing without RENAME_NOREPLACE: we hold the directory's lock. */
		if (err == -EINVAL || err == -ENOSYS)
			err = fs_do_rename(sb, dirfd, tmp, dirfd, name, 0);
	}
	if (err < 0)
		fs_do_unlink(sb, dirfd, tmp, 0);
	return err;
}

/* Whether what is there is the directory's number from its time without a policy. */
static bool is_own_number(const struct fs_inode *dir, int dirfd)
{
	int fd = openat(dirfd, STORE_CTX_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t buf[STORE_HDR_MAX_USED];
	struct store_header hdr;
	ssize_t n;
	size_t used;

	if (fd < 0)
		return false;
	n = io_pread(fd, buf, sizeof(buf), 0);
	close(fd);
	return n > 0 && store_header_decode(buf, (size_t)n, &hdr, &used) == 0 &&
	       (hdr.flags & STORE_HDR_FLAG_PLAIN) && hdr.ino == atomic_load(&dir->use->vino);
}

static int store_dir(struct fs_inode *dir)
{
	uint8_t buf[STORE_HDR_MAX_USED];
	size_t used = encode(dir, buf);
	int dirfd = fs_dirfd_get(dir), err;

	if (dirfd < 0)
		return dirfd;
	err = fs_store_small_file(dir->sb, dirfd, STORE_CTX_NAME, false, buf, used);
	if (err == -EEXIST && is_own_number(dir, dirfd))
		err = fs_store_small_file(dir->sb, dirfd, STORE_CTX_NAME, true, buf, used);
	fs_dirfd_put(dir);
	if (err == -EEXIST)
		return -EUCLEAN; /* somebody else made one behind our back: ours must not win */
	if (err == 0 && !atomic_exchange(&dir->use->dir.ctx_unsynced, true))
		atomic_fetch_add(&dir->sb->unsynced, 1);
	return err;
}

static int store_reg(struct fs_inode *inode, int fd)
{
	uint8_t block[STORE_HEADER_SIZE];
	struct timespec keep[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	fs_context_header_block(inode, block);
	err = fs_do_pwrite(inode->sb, fd, block, sizeof(block), 0);
	if (err < 0) {
		/* A part of a header is worse than none: a file of zero bytes is a valid empty one.
		 */
		if (st.st_size == 0)
			fs_do_truncate(inode->sb, fd, 0);
		return err;
	}
	keep[1] = st.st_mtim;
	(void)!futimens(fd, keep);
	return 0;
}

static int give_number_locked(struct fs_inode *inode)
{
	uint32_t vino;
	int err;

	if (!fscrypt_context_uses_ino(&inode->use->ctx) || atomic_load(&inode->use->vino) != 0)
		return 0;
	err = fs_vino_alloc(inode->sb->vino, &vino);
	if (err == 0)
		atomic_store(&inode->use->vino, vino);
	return err;
}

int fs_context_store_locked(struct fs_inode *inode, int fd)
{
	int err;

	if (atomic_load(&inode->use->ctx_stored))
		return 0;
	if (fs_inode_revoked(inode))
		return -ENOKEY; /* the file is another inode's by now */
	err = give_number_locked(inode);
	if (err == 0 && S_ISDIR(inode->type))
		err = store_dir(inode);
	else if (err == 0 && S_ISREG(inode->type))
		err = store_reg(inode, fd);
	if (err == 0)
		atomic_store(&inode->use->ctx_stored, true);
	return err;
}

int fs_context_store(struct fs_inode *inode, int fd)
{
	int err;

	if (atomic_load(&inode->crypt) != FS_CRYPT_ENCRYPTED ||
	    atomic_load(&inode->use->ctx_stored))
		return 0;
	tinylock_lock(&inode->crypt_lock);
	err = fs_context_store_locked(inode, fd);
	tinylock_unlock(&inode->crypt_lock);
	return err;
}

int fs_context_store_number(struct fs_inode *dir)
{
	uint32_t vino = atomic_load(&dir->use->vino);
	int err = 0;

	if (vino == 0) {
		err = fs_vino_alloc(dir->sb->vino, &vino);
		if (err < 0)
			return err;
	}
	tinylock_lock(&dir->crypt_lock);
	atomic_store(&dir->use->vino, vino);
	err = store_dir(dir);
	if (err == 0)
		atomic_store(&dir->use->ctx_stored, true);
	else
		atomic_store(&dir->use->vino, 0);
	tinylock_unlock(&dir->crypt_lock);
	return err;
}

int fs_context_settle(struct fs_inode *inode)
{
	int fd = -1, err;

	if (atomic_load(&inode->crypt) != FS_CRYPT_ENCRYPTED ||
	    atomic_load(&inode->sb->read_only) || !fscrypt_context_uses_ino(&inode->use->ctx) ||
	    atomic_load(&inode->use->vino) != 0)
		return 0;
	if (S_ISREG(inode->type)) {
		fd = fs_inode_open(inode, O_RDWR, NULL);
		if (fd < 0)
			return fd;
	}
	err = fs_context_store(inode, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

/* Marks what is not done as such again. Returns by how much the count of such marks is too high. */
static unsigned mark_again(_Atomic bool *flag, bool was)
{
	return was && atomic_exchange(flag, true);
}

/* sync_lock is held: what is not marked any more has been done, not just begun by somebody else. */
static int sync_dir(struct fs_inode *dir)
{
	int dirfd, fd, err = 0;
	bool ctx, names;
	unsigned less;

	ctx = atomic_exchange(&dir->use->dir.ctx_unsynced, false);
	names = atomic_exchange(&dir->use->dir.names_unsynced, false);
	if (!ctx && !names)
		return 0;
	dirfd = fs_dirfd_get(dir);
	if (dirfd < 0) {
		err = dirfd;
		goto out;
	}
	if (ctx) {
		fd = openat(dirfd, STORE_CTX_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		err = fd < 0 ? -errno : fs_do_fsync(dir->sb, fd, false);
		if (fd >= 0)
			close(fd);
	}
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err = err ? err : -errno;
	/* Sidecars are few: one call for all of them rather than a list of their names. */
	else if (err == 0)
		err = names ? fs_do_syncfs(dir->sb, fd) : fs_do_fsync(dir->sb, fd, false);
	if (fd >= 0)
		close(fd);
	fs_dirfd_put(dir);
out:
	less = (unsigned)ctx + (unsigned)names;
	if (err < 0) /* not done: the next fsync tries again */
		less = mark_again(&dir->use->dir.ctx_unsynced, ctx) +
		       mark_again(&dir->use->dir.names_unsynced, names);
	atomic_fetch_sub(&dir->sb->unsynced, less);
	return err;
}

void fs_context_forget_unsynced(struct fs_inode *dir)
{
	struct fs_super *sb = dir->sb;
	unsigned marks = (unsigned)atomic_load(&dir->use->dir.ctx_unsynced) +
			 (unsigned)atomic_load(&dir->use->dir.names_unsynced);

	if (!marks)
		return;
	if (!dir->use->dir.dead && !atomic_exchange(&sb->forgot_unsynced, true))
		atomic_fetch_add(&sb->unsynced, 1);
	atomic_fetch_sub(&sb->unsynced, marks);
}

/* Nobody knows any more which directories these are in. sync_lock is held. */
static int sync_forgotten(struct fs_super *sb)
{
	int fd, err = 0;

	if (!atomic_exchange(&sb->forgot_unsynced, false))
		return 0;
	fd = openat(sb->store->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? -errno : fs_do_syncfs(sb, fd);
	if (fd >= 0)
		close(fd);
	atomic_fetch_sub(&sb->unsynced, err < 0 ? mark_again(&sb->forgot_unsynced, true) : 1);
	return err;
}

bool fs_may_be_synced(const struct fs_inode *inode)
{
	return !S_ISREG(inode->type) || !(inode->use && atomic_load(&inode->use->reg.unsynced));
}

int fs_context_secure(struct fs_inode *dir)
{
	int err = 0;

	if (atomic_load(&dir->crypt) != FS_CRYPT_ENCRYPTED)
		return fs_context_sync_chain(dir);
	if (!atomic_load(&dir->use->ctx_stored)) {
		pthread_rwlock_wrlock(&dir->use->dir.dir_lock);
		err = dir->use->dir.dead ? -ENOENT : fs_context_store(dir, -1);
		pthread_rwlock_unlock(&dir->use->dir.dir_lock);
	}
	return err ? err : fs_context_sync_chain(dir);
}

int fs_context_sync_chain(struct fs_inode *inode)
{
	struct fs_inode *dir;
	int err = 0;

	if (atomic_load(&inode->sb->unsynced) == 0)
		return 0;
	pthread_mutex_lock(&inode->sb->sync_lock);
	if (S_ISDIR(inode->type)) {
		dir = inode;
		fs_inode_ref(dir);
	} else {
		dir = fs_inode_parent(inode);
	}
	err = sync_forgotten(inode->sb);
	while (dir && err == 0) {
		struct fs_inode *up;

		err = sync_dir(dir);
		up = fs_inode_parent(dir);
		fs_inode_put(dir);
		dir = up;
	}
	pthread_mutex_unlock(&inode->sb->sync_lock);
	fs_inode_put(dir);
	return err;
}
