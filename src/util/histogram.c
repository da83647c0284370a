/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histogram.c - percentiles out of counters */
#include "util/histogram.h"

#include <string.h>

/* The longest time that bucket @i counts, in ns. The last one has no end: its beginning. */
static uint64_t bucket_end(unsigned i)
{
	unsigned bits, quarter;

	if (i == 0)
		return (UINT64_C(1) << HISTOGRAM_MIN_BITS) - 1;
	if (i == HISTOGRAM_BUCKETS - 1)
		return UINT64_C(1) << HISTOGRAM_MAX_BITS;
	bits = HISTOGRAM_MIN_BITS + (i - 1) / 4;
	quarter = (i - 1) % 4;
	return ((UINT64_C(5) + quarter) << (bits - 2)) - 1;
}

_Thread_local unsigned histogram_shard;

unsigned histogram_take_shard(void)
{
	static atomic_uint next;

	histogram_shard = 1 + atomic_fetch_add(&next, 1) % HISTOGRAM_SHARDS;
	return histogram_shard;
}

static uint64_t count_of(struct histogram *h, unsigned bucket)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HISTOGRAM_SHARDS; i++)
		sum += stat_read(&h->shard[i].count[bucket]);
	return sum;
}

uint64_t histogram_count(struct histogram *h)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum += count_of(h, i);
	return sum;
}

/* End of the bucket in which the @permille of @total lies; @count is a copy that stands still. */
static uint64_t percentile(const uint64_t *count, uint64_t total, unsigned permille)
{
	uint64_t rank = (total * permille + 999) / 1000, sum = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum += count[i];
		if (sum >= rank)
			return bucket_end(i);
	}
	return bucket_end(HISTOGRAM_BUCKETS - 1);
}

void histogram_summarise(struct histogram *h, struct histogram_summary *ret)
{
	uint64_t count[HISTOGRAM_BUCKETS];

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count[i] = count_of(h, i);
		ret->count += count[i];
	}
	if (ret->count == 0)
		return;
	ret->p50 = percentile(count, ret->count, 500);
	ret->p90 = percentile(count, ret->count, 900);
	ret->p99 = percentile(count, ret->count, 990);
	ret->p999 = percentile(count, ret->count, 999);
	ret->max = percentile(count, ret->count, 1000);
}
