/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-space.c - whether the store has so little room that data should not wait in the kernel's cache
 */
#include <sys/statvfs.h>
#include <time.h>

#include "fs/ll/ll.h"
#include "util/histogram.h"

/* Looked at this often at most, and low below this: more than the kernel caches between two looks.
 */
#define CHECK_MS  200
#define LOW_BYTES (1ull << 30)
/* Removing a large file takes the backing some time; a second is enough for any answer. */
#define SETTLE_MS 1000

void ll_space_end_begin(struct ll_session *s)
{
	atomic_fetch_add(&s->ends_begun, 1);
}

void ll_space_end_done(struct ll_session *s)
{
	atomic_fetch_add(&s->ends_done, 1);
}

bool ll_space_settle(struct ll_session *s)
{
	uint64_t goal = 0;
	bool coming;
	int ms;

	for (ms = 0; ms < SETTLE_MS; ms++) {
		/* Requests may overtake a FORGET, but not for long: what comes later has users. */
		coming = fs_forgets_are_coming(s->sb);
		if (coming || goal == 0)
			goal = atomic_load(&s->ends_begun);
		if (!coming && atomic_load(&s->ends_done) >= goal)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return ms > 0;
}

bool ll_space_is_low(struct ll_session *s)
{
	struct statvfs st;
	int64_t ms = clock_ms() + 1;

	if (ms - s->space_checked_ms >= CHECK_MS || s->space_checked_ms == 0) {
		s->space_checked_ms = ms;
		if (fstatvfs(s->sb->store->root_fd, &st) == 0)
			s->space_is_low = (uint64_t)st.f_bavail * st.f_frsize < LOW_BYTES;
	}
	return s->space_is_low;
}
