/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.h - a store as a whole: make one, open and check it, lock it against a second mount */
#ifndef FS_STORE_H
#define FS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/fscrypt/fscrypt.h"

/*
 * STORE/.fuscrypt/store.conf, a text file of `key=value` lines, replaced whole, never rewritten:
 *   fuscrypt-store=1            format
 *   uuid=8-4-4-4-12 hex         enters IV_INO_LBLK keys
 *   features=                   comma-separated incompatible features; an unknown one refuses the
 * mount root=plain | <hex context>  copy of the root directory's context
 */
struct store {
	int root_fd; /* O_PATH | O_DIRECTORY */
	int meta_fd; /* STORE/.fuscrypt, O_RDONLY | O_DIRECTORY */
	int lock_fd; /* -1 until store_lock() */
	char *path;  /* absolute, for messages */
	uint8_t uuid[16];
	bool root_plain;
	union fscrypt_context root_ctx;
	size_t root_ctx_len;
};

/* Exit codes of the program that have their cause in a store; cli/exitcode.h has the whole list. */
enum store_exit {
	STORE_EXIT_FAILED = 1,
	STORE_EXIT_NOT_EMPTY = 6,
	STORE_EXIT_CONF = 23,
	STORE_EXIT_NOT_WRITABLE = 24,
};

/* Why something failed: a sentence for a person, with the path; and the exit code for it. */
struct store_error {
	int exit_code; /* enum store_exit */
	char text[512];
};

/*
 * Make a store in @path (created when missing; must be empty unless @policy is NULL: exit code 6).
 * With @policy the root directory gets a fresh context. Probes the backing: case-folding, NAME_MAX
 * under 255, no rename -> refused with the reason. As root the directory becomes 0700. @uuid NULL:
 * random. Returns 0 or -errno with *err filled. On failure nothing of ours is left behind.
 */
int store_create(const char *path, const union fscrypt_policy *policy, const uint8_t *uuid,
		 struct store_error *err);

/*
 * Take back what store_create() has just made in @path, when a later step of the same init failed.
 * @made_dir: the directory itself was made too. Nothing else may have been put into the store but
 * files in .fuscrypt/protectors.
 */
void store_create_undo(const char *path, bool made_dir);

/*
 * Open and check: store.conf readable and of our format (23), root context equal to its copy (23),
 * not itself a fuscrypt mount of the same store. Returns 0 or -errno with *err.
 */
int store_open(const char *path, struct store **ret_store, struct store_error *err);

/*
 * Take STORE/.fuscrypt/lock (flock). @shared: with other shared mounts. Waits up to @wait_secs for
 * a daemon that is ending. -EBUSY with *err naming the holder's pid when known. A store on a
 * read-only backing mounts read-only without a lock.
 */
int store_lock(struct store *store, bool shared, unsigned wait_secs, struct store_error *err);

void store_close(struct store *store); /* releases the lock; NULL is fine */

/* 8-4-4-4-12 hex digits to bytes (-EINVAL) and back. */
int store_uuid_parse(const char *text, uint8_t ret_uuid[static 16]);
void store_uuid_format(const uint8_t uuid[static 16], char ret_text[static 37]);

/*
 * A small regular file of the store, whole: never follows, blocks or reads more than @cap bytes.
 * 0 or -errno; -EUCLEAN for one that is larger or of another type.
 */
int store_read_small(int dirfd, const char *name, void *buf, size_t cap, size_t *ret_len);

/* Fill @err by a format; returns -@errnum. For store*.c. */
int store_fail(struct store_error *err, int errnum, int exit_code, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

#endif
