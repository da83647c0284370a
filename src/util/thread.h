/* SPDX-License-Identifier: GPL-3.0-or-later */
/* thread.h - threads that run wherever the process may, whoever makes them */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>

/*
 * As pthread_create(), for a thread that has the processors and the scheduling policy of the
 * process: its maker may be bound to one processor, and be the last there to run (ll-uring-mode.c).
 * Returns 0 or -errno.
 */
int thread_create(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg);

#endif
