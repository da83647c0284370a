/* SPDX-License-Identifier: GPL-3.0-or-later */
/* figures.c - counters of profiles and devices, and latencies, as JSON */
#include "blk/blk.h"
#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"
#include "util/histogram.h"

static json_int_t number(stat_counter *c)
{
	return (json_int_t)stat_read(c);
}

static json_t *profile_record(const char *name, struct blk_crypto_profile *p)
{
	return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I}", "name", name, "slots",
			 (int)p->num_slots, "hits", number(&p->stats.hits), "programs",
			 number(&p->stats.programs), "program_errors",
			 number(&p->stats.program_errors), "evictions", number(&p->stats.evictions),
			 "waits", number(&p->stats.waits));
}

static void add_profiles(json_t *list, struct blk_device *dev)
{
	if (dev->crypto_profile)
		json_array_append_new(list, profile_record(dev->type->name, dev->crypto_profile));
	for (unsigned i = 0; i < dev->num_children; i++)
		add_profiles(list, dev->children[i]);
}

json_t *figures_profiles(struct target *target)
{
	struct blk_crypto_profile *fallback = blk_crypto_fallback_profile();
	json_t *list = json_array();

	add_profiles(list, target->dev);
	if (fallback)
		json_array_append_new(list, profile_record("fallback", fallback));
	return list;
}

static void add_devices(json_t *list, struct blk_device *dev, int depth)
{
	struct blk_device_stats *st = &dev->stats;

	json_array_append_new(
		list, json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "name", dev->type->name,
				"depth", depth, "reads", number(&st->reads), "read_bytes",
				number(&st->read_bytes), "writes", number(&st->writes),
				"write_bytes", number(&st->write_bytes), "flushes",
				number(&st->flushes), "errors", number(&st->errors)));
	for (unsigned i = 0; i < dev->num_children; i++)
		add_devices(list, dev->children[i], depth + 1);
}

json_t *figures_devices(struct target *target)
{
	json_t *list = json_array();

	add_devices(list, target->dev, 0);
	return list;
}

json_t *figures_latency(struct histogram *h)
{
	struct histogram_summary sum;

	histogram_summarise(h, &sum);
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)sum.count, "p50_us",
			 (double)sum.p50 / 1e3, "p90_us", (double)sum.p90 / 1e3, "p99_us",
			 (double)sum.p99 / 1e3, "p999_us", (double)sum.p999 / 1e3, "max_us",
			 (double)sum.max / 1e3);
}
