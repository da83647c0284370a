/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histogram.h - how long things took: a counter per span of time, raised by many threads */
#ifndef UTIL_HISTOGRAM_H
#define UTIL_HISTOGRAM_H

#include <stdint.h>
#include <time.h>

#include "util/bits.h"
#include "util/stats.h"

/*
 * Four buckets to each doubling, from 2^HISTOGRAM_MIN_BITS ns (0.26 us) to 2^HISTOGRAM_MAX_BITS ns
 * (69 s), and one at each end for what is shorter or longer. So a figure read back is at most a
 * quarter too high.
 */
#define HISTOGRAM_MIN_BITS 8
#define HISTOGRAM_MAX_BITS 36
#define HISTOGRAM_BUCKETS  (4 * (HISTOGRAM_MAX_BITS - HISTOGRAM_MIN_BITS) + 2)

/* Each thread has one of these to itself, as long as there are no more threads than that. */
#define HISTOGRAM_SHARDS 8

/* All zero is empty. */
struct histogram {
	struct {
		stat_counter count[HISTOGRAM_BUCKETS];
		char apart[64]; /* no cache line is in two shards */
	} shard[HISTOGRAM_SHARDS];
};

/* Times in ns: half, 90 %, 99 %, 99.9 % and all of @count took no longer. 0 when there are none. */
struct histogram_summary {
	uint64_t count;
	uint64_t p50, p90, p99, p999, max;
};

/* CLOCK_MONOTONIC in ns. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The same in ms. */
static inline int64_t clock_ms(void)
{
	return (int64_t)(clock_ns() / 1000000u);
}

static inline unsigned histogram_bucket(uint64_t ns)
{
	unsigned bits;

	if (ns >> HISTOGRAM_MIN_BITS == 0)
		return 0;
	if (ns >> HISTOGRAM_MAX_BITS != 0)
		return HISTOGRAM_BUCKETS - 1;
	bits = fls64(ns) - 1; /* of the leading one */
	return 1 + 4 * (bits - HISTOGRAM_MIN_BITS) + (unsigned)(ns >> (bits - 2) & 3);
}

/* The calling thread's shard + 1; 0 before it has one. */
extern _Thread_local unsigned histogram_shard;
unsigned histogram_take_shard(void);

/* Context: any thread; one atomic addition. */
static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	unsigned shard = histogram_shard;

	if (shard == 0)
		shard = histogram_take_shard();
	stat_inc(&h->shard[shard - 1].count[histogram_bucket(ns)]);
}

/* How many there are. Context: any; what is being added may be left out. */
uint64_t histogram_count(struct histogram *h);
void histogram_summarise(struct histogram *h, struct histogram_summary *ret);

#endif
