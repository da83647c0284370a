/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-meta.h - changes of the backing files that are no bios, told to devices that want to know */
#ifndef BLKCRYPTO_BLK_META_H
#define BLKCRYPTO_BLK_META_H

#include <stdint.h>
#include <sys/types.h>

struct blk_device;

enum blk_meta_op {
	BLK_META_CREATE,    /* dirfd, name, fd, mode */
	BLK_META_TMPFILE,   /* dirfd, fd, mode: a file without a name */
	BLK_META_MKDIR,	    /* dirfd, name, mode */
	BLK_META_MKNOD,	    /* dirfd, name, mode, pos: the device's number */
	BLK_META_SYMLINK,   /* dirfd, name, data: the target */
	BLK_META_LINK,	    /* fd: what gets the name; dirfd, name */
	BLK_META_RENAME,    /* dirfd, name to dirfd2, name2; flags as of renameat2() */
	BLK_META_UNLINK,    /* dirfd, name */
	BLK_META_RMDIR,	    /* dirfd, name */
	BLK_META_TRUNCATE,  /* fd, len */
	BLK_META_FALLOCATE, /* fd, flags as of fallocate(), pos, len */
	BLK_META_WRITE,	    /* fd, pos, data: of a file that is not contents of a user's */
	BLK_META_SYNC,	    /* fd: fsync; with flags 1 fdatasync */
	BLK_META_SYNCFS,    /* all of it */
	BLK_META_REPLACE,   /* dirfd, name, data: whole, atomic and synced */
	BLK_META_MARK,	    /* data: a note of the caller's */
	BLK_META_BASE,	    /* no change: a name that a store has as a mount begins; dirfd, name,
			     * mode, len; flags 1: of a file that is changed without telling */
};

/* Descriptors are -1 and pointers NULL where an operation has none. Valid for the call only. */
struct blk_meta {
	enum blk_meta_op op;
	int dirfd, dirfd2, fd;
	const char *name, *name2;
	uint64_t pos;
	const void *data;
	uint64_t len; /* of data; or as the operation says */
	mode_t mode;
	unsigned flags;
};

/*
 * Around a change: between the two no device below @dev that records lets another one or a bio
 * begin. @err: 0 or -errno of the change. Nothing happens where no device records; who has to
 * prepare anything may look at dev->records_meta.
 */
void blk_meta_begin(struct blk_device *dev);
void blk_meta_end(struct blk_device *dev, const struct blk_meta *meta, int err);

/* A mark at this point of what is recorded. */
void blk_meta_mark(struct blk_device *dev, const char *text);

#endif
