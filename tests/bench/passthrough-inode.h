/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passthrough-inode.h - the files that the kernel knows of, each with its descriptor */
#ifndef PASSTHROUGH_INODE_H
#define PASSTHROUGH_INODE_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>
#include <stddef.h>

#define PT_TIMEOUT   86400.0 /* seconds that the kernel may keep names and attributes: a day */
#define PT_PROC_SIZE 32

/* Once, before all others: `source` is the root. Returns 0, or -1 with errno. */
int pt_inode_init(const char *source);

/* The O_PATH descriptor of an inode that the kernel has not forgotten. It stays the table's. */
int pt_fd(fuse_ino_t ino);

/* Fills `buf` with the way from an O_PATH descriptor to calls that want a path; returns `buf`. */
const char *pt_proc_path(char buf[static PT_PROC_SIZE], int fd);

/*
 * What `name` is. Counts one look-up, to be taken back by pt_drop(). Returns 0 or an errno, as
 * libfuse wants them; then e->ino is 0 and the timeouts are set, fit to reply "does not exist".
 */
int pt_look_up(fuse_ino_t parent, const char *name, struct fuse_entry_param *e);

/* Takes back `n` look-ups; with the last one the inode goes. */
void pt_drop(fuse_ino_t ino, uint64_t n);

/*
 * Memory of this thread, good until its next call: `size` bytes or more, which the thread's earlier
 * requests may have used. NULL without memory.
 */
char *pt_buffer(size_t size);

#endif
