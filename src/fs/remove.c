/* SPDX-License-Identifier: GPL-3.0-or-later */
/* remove.c - unlink and rmdir, with the key or without */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/dir.h"
#include "fs/namei.h"
#include "fs/symlink.h"

void fs_prepare_last_name(struct fs_inode *inode, struct fs_inode *parent, int dirfd,
			  const char *stored)
{
	struct statx stx;
	bool open;
	int fd;

	if (!inode || fs_inode_has_other_alias(inode, parent, stored))
		return;
	/*
	 * Open files are found by their handles, until the last one is closed and kept (open.c):
	 * thousands of them, open and unlinked, need one descriptor each.
	 */
	if (S_ISREG(inode->type)) {
		tinylock_lock(&inode->crypt_lock);
		open = fs_opened(inode) != NULL;
		if (open)
			fs_opened(inode)->losing = true;
		tinylock_unlock(&inode->crypt_lock);
		if (open)
			return;
	}
	/* Everything else is found by this descriptor. */
	fd = fs_open_somehow(inode->sb, dirfd, stored, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (statx(fd, "", AT_EMPTY_PATH, FS_STATX_MASK, &stx) == 0 && fs_inode_is(inode, &stx))
		fs_inode_keep(inode, fd);
	else
		close(fd);
}

/* The context of a stored symlink whose payload is kept aside, when this is its last name. */
static bool long_symlink(int dirfd, const char *stored, const struct statx *stx,
			 union fscrypt_context *ret_ctx)
{
	char text[STORE_SYMLINK_MAX + 1];
	uint8_t blob[STORE_SYMLINK_MAX];
	struct store_header hdr;
	size_t used;
	ssize_t n;

	if (!S_ISLNK(stx->stx_mode) || stx->stx_nlink > 1)
		return false;
	n = readlinkat(dirfd, stored, text, sizeof(text));
	if (n < 0 || fs_symlink_decode(text, (size_t)n, blob, &hdr, &used, NULL) < 0 ||
	    !(hdr.flags & STORE_HDR_FLAG_LONG))
		return false;
	*ret_ctx = hdr.ctx;
	return true;
}

int fs_unlink(struct fs_inode *parent, const char *name)
{
	union fscrypt_context ctx;
	struct fs_inode *inode;
	struct fs_name sname;
	struct statx stx;
	bool aside = false;
	int dirfd, err;

	fs_descriptors_settle(parent->sb);
	dirfd = fs_dir_enter(parent, true);
	if (dirfd < 0)
		return dirfd;
	err = fs_find_entry(parent, dirfd, name, &sname, &stx);
	if (err == 0) {
		inode = fs_inode_find(parent, sname.stored);
		if (!S_ISDIR(stx.stx_mode))
			fs_prepare_last_name(inode, parent, dirfd, sname.stored);
		aside = long_symlink(dirfd, sname.stored, &stx, &ctx);
		err = fs_do_unlink(parent->sb, dirfd, sname.stored, 0);
		if (err == 0) {
			fs_sidecar_remove(parent, dirfd, &sname);
			fs_alias_remove(parent, sname.stored);
			if (aside)
				fs_symlink_drop_long(parent->sb, &ctx);
		} else if (inode) {
			fs_inode_unkeep(inode);
		}
		fs_inode_put(inode);
	}
	fs_dir_leave(parent);
	return err;
}

/* Removes what is in a directory but is no entry of it. */
static int remove_internal(struct fs_super *sb, int dirfd)
{
	uint8_t ct[NAME_MAX_LEN];
	struct dirent *e;
	int err = 0;
	size_t len;
	DIR *d;

	d = fs_dir_open_somehow(sb, dirfd, &err);
	if (!d)
		return err;
	while (err == 0 && (errno = 0, e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (store_name_classify(e->d_name, ct, &len) != STORE_NAME_INTERNAL)
			err = -ENOTEMPTY;
		else
			err = fs_do_unlink(sb, dirfd, e->d_name, 0);
		if (err == -ENOENT)
			err = 0;
	}
	if (err == 0)
		err = -errno;
	closedir(d);
	return err;
}

/* The directory stays, so its context has to. The nonce is the same: names made with it stay good.
 */
static void restore_context(struct fs_inode *dir, int dirfd)
{
	struct stat st;

	if (!atomic_load(&dir->use->ctx_stored) ||
	    fstatat(dirfd, STORE_CTX_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	atomic_store(&dir->use->ctx_stored, false);
	if (atomic_load(&dir->crypt) == FS_CRYPT_PLAIN)
		fs_context_store_number(dir);
	else
		fs_context_store(dir, -1);
}

int fs_empty_dir(struct fs_inode *dir)
{
	int dirfd, err, crypt = atomic_load(&dir->crypt);
	struct stat st;
	bool internal, lent = false;

	if (crypt == FS_CRYPT_PLAIN && !atomic_load(&dir->use->ctx_stored))
		return 0; /* the backing itself refuses what is not empty */
	dirfd = fs_dirfd_get(dir);
	if (dirfd < 0)
		return dirfd;
	pthread_rwlock_wrlock(&dir->use->dir.dir_lock);
	/* An ordinary user may remove a directory that he cannot look into, if it is empty. */
	if (!dir->sb->privileged && fstat(dirfd, &st) == 0 && (st.st_mode & 0700) != 0700 &&
	    st.st_uid == geteuid() && chmod(fs_procpath(dirfd).s, 0700) == 0)
		lent = true;
	err = fs_dir_check_empty(dir->sb, dirfd, &internal);
	if (err == 0 && internal)
		err = remove_internal(dir->sb, dirfd);
	if (err == 0)
		dir->use->dir.dead = true;
	else
		restore_context(dir, dirfd); /* of what has gone before it failed */
	if (lent && err < 0)
		(void)!chmod(fs_procpath(dirfd).s, st.st_mode & 07777);
	pthread_rwlock_unlock(&dir->use->dir.dir_lock);
	fs_dirfd_put(dir);
	return err;
}

void fs_undo_empty_dir(struct fs_inode *dir)
{
	int dirfd;

	if (atomic_load(&dir->crypt) == FS_CRYPT_PLAIN && !atomic_load(&dir->use->ctx_stored))
		return;
	dirfd = fs_dirfd_get(dir);
	pthread_rwlock_wrlock(&dir->use->dir.dir_lock);
	dir->use->dir.dead = false;
	if (dirfd >= 0)
		restore_context(dir, dirfd);
	pthread_rwlock_unlock(&dir->use->dir.dir_lock);
	if (dirfd >= 0)
		fs_dirfd_put(dir);
}

void fs_dir_gone(struct fs_inode *dir)
{
	pthread_rwlock_wrlock(&dir->use->dir.dir_lock);
	dir->use->dir.dead = true;
	pthread_rwlock_unlock(&dir->use->dir.dir_lock);
}

int fs_rmdir(struct fs_inode *parent, const char *name)
{
	struct fs_inode *inode = NULL;
	struct fs_name sname;
	struct statx stx;
	int dirfd, err;

	fs_descriptors_settle(parent->sb);
	dirfd = fs_dir_enter(parent, true);
	if (dirfd < 0)
		return dirfd;
	err = fs_find_entry(parent, dirfd, name, &sname, &stx);
	if (err == 0 && !S_ISDIR(stx.stx_mode))
		err = -ENOTDIR;
	if (err == 0)
		err = fs_inode_get(parent->sb, parent, sname.stored, &stx, false, &inode);
	if (err == 0) {
		/* What it is decides what may be in it; a damaged one is emptied like an encrypted
		 * one. */
		fs_context_load(inode, -1);
		err = fs_empty_dir(inode);
	}
	if (err == 0) {
		fs_prepare_last_name(inode, parent, dirfd, sname.stored);
		err = fs_do_unlink(parent->sb, dirfd, sname.stored, AT_REMOVEDIR);
		if (err < 0) {
			fs_inode_unkeep(inode);
			fs_undo_empty_dir(inode);
			err = err == -EEXIST ? -ENOTEMPTY : err;
		} else {
			fs_dir_gone(inode);
			fs_sidecar_remove(parent, dirfd, &sname);
			fs_alias_remove(parent, sname.stored);
		}
	}
	fs_dir_leave(parent);
	fs_inode_put(inode);
	return err;
}
