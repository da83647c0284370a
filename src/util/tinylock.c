/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tinylock.c - a mutex of four bytes: one word that the kernel lets threads wait at */
#include "util/tinylock.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FREE, HELD, WAITED_FOR }; /* the last: held, and who lets go must wake somebody */

void tinylock_lock(struct tinylock *lock)
{
	uint32_t was = FREE;

	if (atomic_compare_exchange_strong(&lock->state, &was, HELD))
		return;
	/* Who has slept cannot know whether others still do: it takes the lock as waited for. */
	while (atomic_exchange(&lock->state, WAITED_FOR) != FREE)
		syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, WAITED_FOR, NULL, NULL, 0);
}

void tinylock_unlock(struct tinylock *lock)
{
	if (atomic_exchange(&lock->state, FREE) == WAITED_FOR)
		syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

bool tinylock_is_held(const struct tinylock *lock)
{
	return atomic_load(&lock->state) != FREE;
}
