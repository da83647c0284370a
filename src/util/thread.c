/* SPDX-License-Identifier: GPL-3.0-or-later */
/* thread.c - what a new thread does not take over from its maker */
#include "util/thread.h"

#include <sched.h>
#include <unistd.h>

int thread_create(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int err = pthread_attr_init(&attr);

	if (err != 0)
		return -err;
	/* Of more processors than there are bits the maker's set has to do. */
	if (sched_getaffinity(getpid(), sizeof(cpus), &cpus) == 0)
		(void)pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	/* Another policy of the process is the administrator's, and everybody has it. */
	if (sched_getscheduler(getpid()) == SCHED_OTHER) {
		(void)pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		(void)pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	}
	err = pthread_create(ret_thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return -err;
}
