/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dir.c - listing directories */
#include "fs/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/ino.h"
#include "fs/namei.h"

#define DIRBUF_SIZE 32768

/* As the kernel's getdents64 lays it out. */
struct dirent64_raw {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

struct fs_dir {
	struct fs_inode *inode; /* referenced */
	int fd;
	pthread_mutex_t lock; /* one reader at a time; protects the rest */
	off_t next;	      /* offset of the entry at buf + pos */
	off_t told;	      /* of the one behind the last that was told: what is asked for next */
	size_t pos, len;
	bool fresh;  /* nothing has been read yet: the descriptor stands at the beginning */
	bool at_end; /* the last call came to the end: the next one is told so without asking */
	_Alignas(8) char buf[DIRBUF_SIZE];
};

/* From the pinned descriptor, which has been checked: the same object, opened to be read. */
static int open_checked(struct fs_inode *inode)
{
	int dirfd = fs_dirfd_get(inode), fd;

	if (dirfd < 0)
		return dirfd;
	fd = fs_open_somehow(inode->sb, dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fs_dirfd_put(inode);
	return fd;
}

int fs_opendir(struct fs_inode *inode, struct fs_dir **ret_dir)
{
	struct fs_dir *dir;
	int err = fs_context_load(inode, -1);

	if (err < 0 && !fs_context_is_bad(inode))
		return err;
	err = fs_handle_take(inode->sb);
	if (err < 0)
		return err;
	dir = malloc(sizeof(*dir));
	if (!dir) {
		fs_handle_give(inode->sb);
		return -ENOMEM;
	}
	dir->fd = open_checked(inode);
	if (dir->fd < 0) {
		err = dir->fd;
		free(dir);
		fs_handle_give(inode->sb);
		return err;
	}
	pthread_mutex_init(&dir->lock, NULL);
	dir->next = dir->told = 0;
	dir->pos = dir->len = 0;
	dir->fresh = true;
	dir->at_end = false;
	fs_inode_ref(inode);
	dir->inode = inode;
	*ret_dir = dir;
	return 0;
}

void fs_releasedir(struct fs_dir *dir)
{
	close(dir->fd);
	fs_handle_give(dir->inode->sb);
	pthread_mutex_destroy(&dir->lock);
	fs_inode_put(dir->inode);
	free(dir);
}

int fs_fsyncdir(struct fs_dir *dir, bool datasync)
{
	int err = fs_context_sync_chain(dir->inode);

	if (err == 0)
		err = fs_do_fsync(dir->inode->sb, dir->fd, datasync);
	return err;
}

/* The entry's inode and attributes, or NULL in *ret when it went away or is not to be looked at. */
static int plus_entry(struct fs_inode *inode, int dirfd, const char *stored, struct fs_entry *ret)
{
	struct statx stx;
	int err = fs_stat_stored(dirfd, stored, &stx);

	ret->inode = NULL;
	if (err < 0)
		return err;
	err = fs_inode_get(inode->sb, inode, stored, &stx, false, &ret->inode);
	if (err < 0)
		return err;
	if (S_ISDIR(stx.stx_mode) || S_ISLNK(stx.stx_mode)) {
		err = fs_context_check_found(inode, ret->inode);
		if (err == -EPERM || err == -EIO || err == -ESTALE) {
			/* Shown by name; a look-up will say what is wrong with it. */
			fs_inode_put(ret->inode);
			ret->inode = NULL;
			return err;
		}
	} else {
		fs_ino_found(inode, ret->inode);
	}
	fs_attr_from_statx(ret->inode, &stx, &ret->attr);
	return 0;
}

/* Hand an entry to the caller; between it and the next there may be some that are none of his. */
static bool tell(struct fs_dir *dir, int dirfd, const struct dirent64_raw *d, fs_emit_fn emit,
		 void *arg, const char *name, struct fs_entry *entry)
{
	ino_t ino = entry ? entry->attr.st_ino
			  : fs_ino_of_entry(dir->inode, dirfd, d->d_name, d->d_ino, d->d_type);
	bool room = emit(arg, name, ino, (mode_t)DTTOIF(d->d_type), entry, d->d_off);

	if (room)
		dir->told = d->d_off;
	return room;
}

/* One entry of the buffer. Returns false when @emit is full. */
static bool emit_one(struct fs_dir *dir, int dirfd, const struct dirent64_raw *d, bool plus,
		     fs_emit_fn emit, void *arg, int *ret_err)
{
	char name[NAME_MAX_LEN + 1];
	struct fs_entry entry;
	size_t len;
	int err;

	if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
		return tell(dir, dirfd, d, emit, arg, d->d_name, NULL);
	err = fs_name_read(dir->inode, dirfd, d->d_name, name, &len);
	if (err == -ENOENT || err == -ESTALE)
		return true;
	if (err < 0) {
		*ret_err = err;
		return false;
	}
	if (!plus)
		return tell(dir, dirfd, d, emit, arg, name, NULL);
	err = plus_entry(dir->inode, dirfd, d->d_name, &entry);
	if (err == -ENOENT)
		return true;
	if (!entry.inode)
		return tell(dir, dirfd, d, emit, arg, name, NULL);
	if (tell(dir, dirfd, d, emit, arg, name, &entry))
		return true;
	fs_inode_put(entry.inode);
	return false;
}

int fs_readdir(struct fs_dir *dir, off_t off, bool plus, fs_emit_fn emit, void *arg)
{
	struct fs_inode *inode = dir->inode;
	bool more = true;
	int dirfd, err = 0;

	dirfd = fs_dirfd_get(inode);
	if (dirfd < 0)
		return dirfd;
	pthread_mutex_lock(&dir->lock);
	pthread_rwlock_rdlock(&inode->use->dir.dir_lock);
	if (off == dir->told && !dir->fresh)
		off = dir->next;
	if (dir->at_end && off == dir->next) {
		more = false;
	} else if (off != dir->next || (off == 0 && !dir->fresh)) {
		if (lseek(dir->fd, off, SEEK_SET) < 0)
			err = -errno;
		dir->pos = dir->len = 0;
		dir->next = dir->told = off;
	}
	dir->at_end = dir->fresh = false;
	while (more && err == 0) {
		const struct dirent64_raw *d;

		if (dir->pos >= dir->len) {
			long n;

			n = syscall(SYS_getdents64, dir->fd, dir->buf, sizeof(dir->buf));
			if (n < 0)
				err = -errno;
			if (n <= 0) {
				dir->at_end = n == 0;
				dir->pos = dir->len = 0;
				break;
			}
			dir->pos = 0;
			dir->len = (size_t)n;
		}
		d = (const struct dirent64_raw *)(dir->buf + dir->pos);
		more = emit_one(dir, dirfd, d, plus, emit, arg, &err);
		if (more) {
			dir->next = d->d_off;
			dir->pos += d->d_reclen;
		}
	}
	pthread_rwlock_unlock(&inode->use->dir.dir_lock);
	pthread_mutex_unlock(&dir->lock);
	fs_dirfd_put(inode);
	return err;
}

int fs_dir_check_empty(struct fs_super *sb, int dirfd, bool *ret_internal)
{
	bool internal = false;
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
		if (store_name_classify(e->d_name, ct, &len) == STORE_NAME_INTERNAL)
			internal = true;
		else
			err = -ENOTEMPTY;
	}
	if (err == 0)
		err = -errno;
	closedir(d);
	if (ret_internal)
		*ret_internal = internal;
	return err;
}
