/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vino.h - virtual inode numbers: 32 bits, given out once each, whatever crashes */
#ifndef FS_VINO_H
#define FS_VINO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Policies with IV_INO_LBLK flags put the inode number into keys and IVs: it has to persist and
 * must not come back. The numbers are our own, from FS_VINO_FIRST to FS_VINO_MAX.
 * STORE/.fuscrypt/ino says up to which they are reserved; it is replaced (new, fsync, rename)
 * before the first number of a range is given out, so that a crash loses numbers and never gives
 * one out twice. The file exists from the first such policy on and stays.
 */
#define FS_VINO_NAME  "ino" /* in STORE/.fuscrypt */
#define FS_VINO_FIRST 2u    /* the root's, where the root has such a policy */
#define FS_VINO_MAX   UINT32_MAX

struct fs_vino; /* opaque: one a mount */

/*
 * @meta_fd is STORE/.fuscrypt and must outlive it. @shared: other mounts may reserve, too. A file
 * that is damaged is no error here but one of fs_vino_alloc(). -ENOMEM.
 */
int fs_vino_open(int meta_fd, bool shared, struct fs_vino **ret_vino);

/* With @give_back what is reserved and was not given out becomes free again. NULL is fine. */
void fs_vino_close(struct fs_vino *v, bool give_back);

/*
 * A number that nobody has had. -ENOSPC when all have been given out, -EUCLEAN when the file is
 * damaged, missing or older than an inode that was seen (its numbers may be in use), or what
 * writing it gives. Context: any thread; waits for an fsync now and then.
 */
int fs_vino_alloc(struct fs_vino *v, uint32_t *ret_ino);

/* An inode of the store has @ino. */
void fs_vino_saw(struct fs_vino *v, uint32_t ino);

/* Whether the store has, or has had, a policy that needs such numbers. */
bool fs_vino_in_use(const struct fs_vino *v);

/* What the file says when all below @next (up to 2^32) are reserved. Returns its length. */
#define FS_VINO_TEXT_MAX 64
size_t fs_vino_format(uint64_t next, char ret_text[static FS_VINO_TEXT_MAX]);

#endif
