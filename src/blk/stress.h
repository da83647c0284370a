/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stress.h - what the files of `fuscrypt-blk stress` share: what is where, who works, what breaks
 */
#ifndef BLK_STRESS_H
#define BLK_STRESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "blk/blk.h"
#include "util/histogram.h"

/* Kinds of faults, as bits. */
enum {
	FAULT_PROGRAM = 1 << 0, /* some programmings of a keyslot fail */
	FAULT_RESET = 1 << 1,	/* engines lose all keys */
	FAULT_SUSPEND = 1 << 2, /* engines sleep */
	FAULT_IO = 1 << 3,	/* some requests fail below */
	FAULT_EVICT = 1 << 4,	/* keys are evicted, wiped, and made again */
	FAULT_COUNT = 5,
	FAULT_ALL = (1 << FAULT_COUNT) - 1,
	/* Those that make requests fail: none may without. */
	FAULT_FAILS = FAULT_PROGRAM | FAULT_RESET | FAULT_SUSPEND | FAULT_IO,
};

struct stress_opts {
	uint64_t threads, keys, seconds, ops, size, read_percent, seed, stall;
	unsigned faults;
	bool all_faults; /* those that the device knows */
};

/*
 * Consecutive data units, written with one key at a time. Its content is a function of the seed,
 * the unit and the unit's generation, so it is checked without being kept.
 */
struct extent {
	pthread_mutex_t lock;
	uint64_t first_unit;
	unsigned units;
	unsigned key;	      /* Protected by lock, as is the next */
	uint32_t *generation; /* of each unit; 0: not written yet */
};

/* Held shared for I/O, exclusively to take the key away from the engine. */
struct stress_key {
	pthread_rwlock_t lock;
	struct blk_crypto_key *key;
};

/* xorshift64*; never 0. */
struct prng {
	uint64_t state;
};
uint64_t prng_next(struct prng *p);
/* 0 to @n - 1. */
uint64_t prng_below(struct prng *p, uint64_t n);
void prng_seed(struct prng *p, uint64_t seed, uint64_t stream);

struct stress;

struct worker {
	struct stress *st;
	pthread_t thread;
	unsigned index;
	struct prng rnd;
	uint8_t *memory, *expect; /* a block and a bit each */
	_Atomic uint64_t progress;
	/* For whoever asks what it hangs in. */
	_Atomic unsigned extent, key;
	_Atomic bool writing;
};

struct stress {
	struct target *target;
	struct stress_opts opts;
	struct extent *extents;
	unsigned num_extents;
	struct stress_key *keys;
	struct worker *workers;
	_Atomic bool stop;
	_Atomic uint32_t next_generation;
	struct histogram latency[2]; /* reads, writes: those that worked */
	stat_counter bytes[2], errors, mismatches, checked_units, faults[FAULT_COUNT];
	atomic_flag told; /* the first thing that went wrong has been reported */
};

/* ---- stress-model.c ---- */

/* An exit code, reported. */
int stress_model_create(struct stress *st);
/* Evicts and frees; a key that is left in a slot is reported and counted as a mismatch. */
void stress_model_destroy(struct stress *st);
/* Content of a unit. */
void stress_fill(const struct stress *st, uint64_t unit, uint32_t generation, uint8_t *buf);
/* Take key @i from the engine, wipe it, and start it again at another address. 0 or -errno. */
int stress_key_renew(struct stress *st, unsigned i);

/* ---- stress-worker.c ---- */

void *stress_worker(void *arg);
/* Read and check everything; all workers are gone. An exit code, reported. */
int stress_check_all(struct stress *st);

/* ---- stress-faults.c ---- */

int stress_faults_parse(const struct verb *verb, const char *list, struct stress_opts *opts);
/* Which of the wanted ones the device knows. An exit code, reported. */
int stress_faults_probe(struct stress *st);
/* Thread that switches them on and off until st->stop; leaves all off. */
void *stress_faults(void *arg);
const char *stress_fault_name(unsigned i);

#endif
