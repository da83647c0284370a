/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secret.h - memory for keys: guarded or slab, locked, kept out of dumps, wiped */
#ifndef UTIL_SECRET_H
#define UTIL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Once per process before any other call here: starts libsodium, forbids core dumps and ptrace by
 * others (PR_SET_DUMPABLE 0). Returns 0 or -errno. Context: before there are threads.
 */
int secret_init(void);

/*
 * Guarded allocation (libsodium: guard pages, canary, mlock, MADV_DONTDUMP) for the few long-lived
 * secrets: master keys, PRKs, passphrases. NULL when memory or the lock limit is exhausted.
 * Comes zeroed, aligned to 16 bytes. After fork() the child has a copy, but not a locked one.
 * secret_free() wipes; NULL is fine.
 */
void *secret_alloc(size_t len);
void secret_free(void *p);

/*
 * Slab allocation for the many: per-file keys. Objects of up to SECRET_SLAB_MAX bytes out of chunks
 * that are MADV_DONTDUMP | MADV_DONTFORK and locked as far as RLIMIT_MEMLOCK allows.
 * Comes zeroed, aligned to SECRET_SLAB_MAX; NULL without memory. The child of a fork() does not
 * have the parent's objects (touching one is a fault) but may allocate its own: become a daemon
 * first. secret_slab_free() wipes; NULL is fine. Context: any thread; takes one internal mutex.
 */
#define SECRET_SLAB_MAX 256
void *secret_slab_alloc(void);
void secret_slab_free(void *p);

/* The same for objects of up to SECRET_SLAB_LARGE bytes, aligned to 256: big cipher contexts. */
#define SECRET_SLAB_LARGE 1280
void *secret_slab_alloc_large(void);
void secret_slab_free_large(void *p);

/* Wipe that the compiler keeps. */
void secret_wipe(void *p, size_t len);

/* Constant-time comparison. */
bool secret_equal(const void *a, const void *b, size_t len);

/* @len bytes from the system's random source. Never fails. */
void secret_random(void *p, size_t len);

#endif
