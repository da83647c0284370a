/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypt-workers.h - threads that help with a large piece of work and are never waited for */
#ifndef BLKCRYPTO_BLK_CRYPT_WORKERS_H
#define BLKCRYPTO_BLK_CRYPT_WORKERS_H

#include "util/stats.h"

struct blk_crypt_workers;

/* @threads of them. 0 or -ENOMEM. */
int blk_crypt_workers_create(unsigned threads, struct blk_crypt_workers **ret);
void blk_crypt_workers_destroy(struct blk_crypt_workers *workers); /* NULL is fine; none is busy */

/*
 * Call @fn for each of @parts parts, in this thread and in such workers as are idle; returns when
 * all parts are done. A busy pool costs nothing but its help. Context: any thread but a worker.
 */
void blk_crypt_workers_run(struct blk_crypt_workers *workers, unsigned parts,
			   void (*fn)(void *arg, unsigned part), void *arg);

/* Parts that workers have done, for status and tests. */
uint64_t blk_crypt_workers_helped(struct blk_crypt_workers *workers);

#endif
