/* SPDX-License-Identifier: GPL-3.0-or-later */
/* negative.h - names of a directory that the kernel was told do not exist */
#ifndef FS_NEGATIVE_H
#define FS_NEGATIVE_H

#include "fs/inode.h"

/*
 * The kernel remembers a name that does not exist, and with it keeps the directory. When a key is
 * removed these names have to be taken back one by one, or the directory looks as if somebody used
 * it. So they are written down, for encrypted directories, the last FS_NEGATIVES_MAX of each.
 */
#define FS_NEGATIVES_MAX 1024

/* A look-up of @name in @dir was answered with ENOENT, or it was removed. Without memory nothing is
 * written down. */
void fs_negative_note(struct fs_inode *dir, const char *name);

/*
 * Take the list of @dir away, or NULL. *ret_all: none has been lost. Free it with
 * fs_negatives_free().
 */
struct fs_negatives *fs_negatives_take(struct fs_inode *dir, bool *ret_all);

/* Name number @i, NULL past the last. */
const char *fs_negatives_name(const struct fs_negatives *neg, unsigned i);
void fs_negatives_free(struct fs_negatives *neg);

#endif
