/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tinylock.h - a mutex of four bytes, for what there are a million of */
#ifndef UTIL_TINYLOCK_H
#define UTIL_TINYLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Zeros are a free one; nothing to destroy. Opaque in use; open so that it can be embedded. */
struct tinylock {
	_Atomic uint32_t state;
};

/* Not recursive. Context: may block, in the kernel and not by spinning. */
void tinylock_lock(struct tinylock *lock);
void tinylock_unlock(struct tinylock *lock);

/* Whether anybody holds it: for assertions. */
bool tinylock_is_held(const struct tinylock *lock);

#endif
