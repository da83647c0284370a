/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stats.h - a counter that many threads raise */
#ifndef UTIL_STATS_H
#define UTIL_STATS_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t stat_counter;

static inline void stat_add(stat_counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline void stat_inc(stat_counter *c)
{
	stat_add(c, 1);
}

static inline uint64_t stat_read(stat_counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
