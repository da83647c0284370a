/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stress-worker.c - a thread that writes, reads back and compares, and gives no failure a rest */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "blk/stress.h"
#include "cli/msg.h"

#define MAX_SEGMENTS 8
#define RETRY_USECS  500

/* A range of an extent's units, with the key to use. */
struct range {
	struct extent *e;
	unsigned first, units;
	unsigned key;
};

/* The first trouble is told and ends the run. */
static void trouble(struct stress *st, const char *what, const struct range *r, unsigned unit,
		    const char *why)
{
	if (!atomic_flag_test_and_set(&st->told))
		msg_err("%s: %s data unit %" PRIu64 " (key %u): %s", st->target->name, what,
			r->e->first_unit + r->first + unit, r->key, why);
	atomic_store(&st->stop, true);
}

/* The block of a worker, shifted: memory may lie anywhere. */
static uint8_t *take_buffer(struct worker *w)
{
	return w->memory + prng_below(&w->rnd, 64);
}

/* Up to MAX_SEGMENTS pieces of whole units. */
static unsigned cut(struct worker *w, uint8_t *buf, unsigned units, struct iovec *iov)
{
	size_t unit = w->st->target->unit;
	unsigned n = 0;

	while (units > 0) {
		unsigned part =
			n == MAX_SEGMENTS - 1 ? units : 1 + (unsigned)prng_below(&w->rnd, units);

		iov[n].iov_base = buf;
		iov[n].iov_len = part * unit;
		buf += part * unit;
		units -= part;
		n++;
	}
	return n;
}

/* One request. 0 or -errno; failures are counted. */
static int io(struct worker *w, const struct range *r, enum bio_op op, uint8_t *buf)
{
	struct stress *st = w->st;
	struct iovec iov[MAX_SEGMENTS];
	unsigned vcnt = cut(w, buf, r->units, iov);
	uint64_t pos = (r->e->first_unit + r->first) * st->target->unit, since;
	int err;

	atomic_store(&w->key, r->key);
	atomic_store(&w->writing, op == REQ_OP_WRITE);
	pthread_rwlock_rdlock(&st->keys[r->key].lock);
	since = clock_ns();
	err = target_io(st->target, op, st->keys[r->key].key, pos, iov, vcnt);
	if (err) {
		stat_inc(&st->errors);
	} else {
		histogram_add(&st->latency[op == REQ_OP_WRITE], clock_ns() - since);
		stat_add(&st->bytes[op == REQ_OP_WRITE], r->units * st->target->unit);
	}
	pthread_rwlock_unlock(&st->keys[r->key].lock);
	return err;
}

/*
 * Until it works. Without faults a failure is one of the engine: -errno, reported. With them it is
 * a matter of time; who never succeeds makes no progress, and that is found.
 */
static int io_until_done(struct worker *w, const struct range *r, enum bio_op op, uint8_t *buf)
{
	for (;;) {
		int err = io(w, r, op, buf);

		if (!err)
			return 0;
		if (!(w->st->opts.faults & FAULT_FAILS)) {
			trouble(w->st, op == REQ_OP_WRITE ? "writing" : "reading", r, 0,
				strerror(-err));
			return err;
		}
		usleep(RETRY_USECS);
	}
}

static void check(struct worker *w, const struct range *r, const uint8_t *buf)
{
	struct stress *st = w->st;
	size_t unit = st->target->unit;

	for (unsigned i = 0; i < r->units; i++) {
		uint32_t generation = r->e->generation[r->first + i];

		if (generation == 0)
			continue;
		stress_fill(st, r->e->first_unit + r->first + i, generation, w->expect);
		stat_inc(&st->checked_units);
		if (memcmp(w->expect, buf + i * unit, unit) == 0)
			continue;
		stat_inc(&st->mismatches);
		trouble(st, "reading", r, i, "is not what was written");
	}
}

/* ---- reads ---- */

static void do_read(struct worker *w, struct extent *e)
{
	struct range r = { .e = e, .key = e->key };
	uint8_t *buf = take_buffer(w);

	r.first = (unsigned)prng_below(&w->rnd, e->units);
	r.units = 1 + (unsigned)prng_below(&w->rnd, e->units - r.first);
	if (io_until_done(w, &r, REQ_OP_READ, buf) == 0)
		check(w, &r, buf);
}

/* ---- writes ---- */

static bool unit_is(struct worker *w, struct range *one, uint8_t *buf, unsigned key,
		    uint32_t generation)
{
	if (generation == 0)
		return true;
	one->key = key;
	if (io_until_done(w, one, REQ_OP_READ, buf) != 0)
		return true; /* reported */
	stress_fill(w->st, one->e->first_unit + one->first, generation, w->expect);
	return memcmp(w->expect, buf, w->st->target->unit) == 0;
}

/* A write that failed has left each unit as it was or as it should have become. */
static void check_failed_write(struct worker *w, const struct range *r, uint32_t generation)
{
	uint8_t *buf = take_buffer(w);

	for (unsigned i = 0; i < r->units; i++) {
		struct range one = { r->e, r->first + i, 1, r->key };

		stat_inc(&w->st->checked_units);
		if (unit_is(w, &one, buf, r->e->key, r->e->generation[one.first]) ||
		    unit_is(w, &one, buf, r->key, generation))
			continue;
		stat_inc(&w->st->mismatches);
		trouble(w->st, "after a failed write", r, i, "is neither old nor new");
	}
}

static void fill(struct worker *w, const struct range *r, uint32_t generation, uint8_t *buf)
{
	for (unsigned i = 0; i < r->units; i++)
		stress_fill(w->st, r->e->first_unit + r->first + i, generation,
			    buf + i * w->st->target->unit);
}

static void do_write(struct worker *w, struct extent *e)
{
	struct stress *st = w->st;
	uint32_t generation = 1 + (uint32_t)prng_below(&w->rnd, UINT32_MAX);
	struct range r = { .e = e, .units = e->units, .key = e->key };
	uint8_t *buf = take_buffer(w);
	int err;

	/* The whole extent with another key, or a part with the one that it has. */
	if (e->generation[0] == 0 || prng_below(&w->rnd, 2)) {
		r.key = (unsigned)prng_below(&w->rnd, st->opts.keys);
	} else {
		r.first = (unsigned)prng_below(&w->rnd, e->units);
		r.units = 1 + (unsigned)prng_below(&w->rnd, e->units - r.first);
	}
	fill(w, &r, generation, buf);
	err = io(w, &r, REQ_OP_WRITE, buf);
	if (err && (st->opts.faults & FAULT_FAILS)) {
		check_failed_write(w, &r, generation);
		buf = take_buffer(w);
		fill(w, &r, generation, buf);
		err = io_until_done(w, &r, REQ_OP_WRITE, buf);
	} else if (err) {
		trouble(st, "writing", &r, 0, strerror(-err));
	}
	if (err)
		return;
	/* The caller's memory is the caller's. */
	stress_fill(st, e->first_unit + r.first, generation, w->expect);
	if (memcmp(buf, w->expect, st->target->unit) != 0) {
		stat_inc(&st->mismatches);
		trouble(st, "writing", &r, 0, "has changed the data that was to be written");
	}
	e->key = r.key;
	for (unsigned i = 0; i < r.units; i++)
		e->generation[r.first + i] = generation;
}

/* ---- the thread ---- */

void *stress_worker(void *arg)
{
	struct worker *w = arg;
	struct stress *st = w->st;

	for (uint64_t n = 0; !atomic_load(&st->stop) && (!st->opts.ops || n < st->opts.ops); n++) {
		unsigned i = (unsigned)prng_below(&w->rnd, st->num_extents);
		bool read = prng_below(&w->rnd, 100) < st->opts.read_percent;
		struct extent *e = &st->extents[i];

		atomic_store(&w->extent, i);
		pthread_mutex_lock(&e->lock);
		if (read && e->generation[0] != 0)
			do_read(w, e);
		else
			do_write(w, e);
		pthread_mutex_unlock(&e->lock);
		atomic_fetch_add(&w->progress, 1);
	}
	return NULL;
}

int stress_check_all(struct stress *st)
{
	struct worker *w = &st->workers[0];

	for (unsigned i = 0; i < st->num_extents; i++) {
		struct extent *e = &st->extents[i];
		struct range r = { e, 0, e->units, e->key };

		if (e->generation[0] == 0)
			continue;
		if (io_until_done(w, &r, REQ_OP_READ, w->memory) != 0)
			return BLK_EXIT_FAILED;
		check(w, &r, w->memory);
		atomic_fetch_add(&w->progress, 1);
	}
	return BLK_EXIT_DONE;
}
