/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stress-faults.c - what goes wrong under stress: programming, resets, sleep, requests, evictions
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk/stress.h"
#include "blkcrypto/blk-device.h"
#include "cli/msg.h"

#define STREAM_FAULTS 500
#define PAUSE_USECS   5000 /* between two, on average */
#define MAX_PERMILLE  300

static const struct {
	const char *name;
	int control; /* enum blk_device_control, or -1 */
	bool rate;   /* is switched on and off; else it happens */
} faults[FAULT_COUNT] = {
	{ "program", BLK_CONTROL_FAIL_PROGRAM, true },
	{ "reset", BLK_CONTROL_RESET, false },
	{ "suspend", BLK_CONTROL_SUSPEND, false },
	{ "io", BLK_CONTROL_FAIL_IO, true },
	{ "evict", -1, false },
};

const char *stress_fault_name(unsigned i)
{
	return faults[i].name;
}

int stress_faults_parse(const struct verb *verb, const char *list, struct stress_opts *opts)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		unsigned i;

		if (len == 3 && !strncmp(list, "all", 3)) {
			opts->all_faults = true;
			opts->faults = FAULT_ALL;
		} else {
			for (i = 0; i < FAULT_COUNT; i++)
				if (strlen(faults[i].name) == len &&
				    !strncmp(list, faults[i].name, len))
					break;
			if (i == FAULT_COUNT)
				return verb_usage(verb,
						  "%.*s: no such fault: program, reset, suspend, "
						  "io, evict or all",
						  (int)len, list);
			opts->faults |= 1u << i;
		}
		list += len + (list[len] == ',');
	}
	return 0;
}

static int control(struct stress *st, unsigned i, unsigned value)
{
	return blk_device_control(st->target->dev, (enum blk_device_control)faults[i].control,
				  value);
}

int stress_faults_probe(struct stress *st)
{
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		if (!(st->opts.faults & 1u << i) || faults[i].control < 0)
			continue;
		if (control(st, i, 0) != -EOPNOTSUPP)
			continue;
		if (!st->opts.all_faults)
			return msg_fail(BLK_EXIT_FAILED,
					"%s: no device of this stack has the fault \"%s\": %s has",
					st->target->opts->device, faults[i].name,
					1u << i == FAULT_IO ? "flakey" : "sim");
		st->opts.faults &= ~(1u << i);
	}
	return BLK_EXIT_DONE;
}

static void strike(struct stress *st, struct prng *rnd, unsigned i, bool *on)
{
	if (faults[i].control < 0) {
		stress_key_renew(st, (unsigned)prng_below(rnd, st->opts.keys));
	} else if (faults[i].rate) {
		*on = !*on;
		control(st, i, *on ? 1 + (unsigned)prng_below(rnd, MAX_PERMILLE) : 0);
		if (!*on)
			return;
	} else if (control(st, i, 0) == -EBUSY) {
		return; /* nothing sleeps while it is used */
	}
	stat_inc(&st->faults[i]);
}

void *stress_faults(void *arg)
{
	struct stress *st = arg;
	bool on[FAULT_COUNT] = { false };
	struct prng rnd;

	prng_seed(&rnd, st->opts.seed, STREAM_FAULTS);
	while (!atomic_load(&st->stop)) {
		unsigned i = (unsigned)prng_below(&rnd, FAULT_COUNT);

		if (st->opts.faults & 1u << i)
			strike(st, &rnd, i, &on[i]);
		usleep((useconds_t)prng_below(&rnd, 2 * PAUSE_USECS));
	}
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		if (on[i])
			control(st, i, 0);
	return NULL;
}
