/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stress-model.c - keys, and what every data unit should contain, as functions of a seed */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk/stress.h"
#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"
#include "cli/msg.h"
#include "util/bits.h"
#include "util/secret.h"

/* Streams of random numbers; threads have those from STREAM_THREADS on. */
enum { STREAM_LAYOUT = 1, STREAM_KEYS = 1000 };

uint64_t prng_next(struct prng *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return p->state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t prng_below(struct prng *p, uint64_t n)
{
	return (prng_next(p) >> 16) % n;
}

/* splitmix64: near seeds give far states. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void prng_seed(struct prng *p, uint64_t seed, uint64_t stream)
{
	p->state = mix(mix(seed) + stream);
	if (!p->state)
		p->state = 1;
}

void stress_fill(const struct stress *st, uint64_t unit, uint32_t generation, uint8_t *buf)
{
	struct prng p;

	prng_seed(&p, st->opts.seed ^ unit, (uint64_t)generation << 32);
	for (size_t i = 0; i < st->target->unit; i += sizeof(uint64_t)) {
		uint64_t word = prng_next(&p);

		memcpy(buf + i, &word, sizeof(word));
	}
}

/* ---- keys ---- */

static int new_key(struct stress *st, unsigned i, struct blk_crypto_key **ret_key)
{
	uint8_t bytes[BLK_CRYPTO_MAX_RAW_KEY_SIZE];
	char label[BLK_CRYPTO_KEY_LABEL_SIZE];
	struct prng p;
	int r;

	prng_seed(&p, st->opts.seed, STREAM_KEYS + i);
	for (size_t n = 0; n < sizeof(bytes); n++)
		bytes[n] = (uint8_t)(prng_next(&p) >> 32);
	snprintf(label, sizeof(label), "key %u", i);
	r = target_key_new(st->target, bytes, blk_crypto_modes[st->target->opts->mode].keysize,
			   label, ret_key);
	secret_wipe(bytes, sizeof(bytes));
	return r;
}

int stress_key_renew(struct stress *st, unsigned i)
{
	struct stress_key *k = &st->keys[i];
	struct blk_crypto_key *fresh;
	int r;

	pthread_rwlock_wrlock(&k->lock);
	r = new_key(st, i, &fresh);
	if (r == BLK_EXIT_DONE) {
		target_key_free(st->target, k->key);
		k->key = fresh;
	}
	pthread_rwlock_unlock(&k->lock);
	return r;
}

static int create_keys(struct stress *st)
{
	pthread_rwlockattr_t attr;
	int r = BLK_EXIT_DONE;

	st->keys = calloc(st->opts.keys, sizeof(*st->keys));
	if (!st->keys)
		return msg_fail(BLK_EXIT_FAILED, "no memory for keys");
	pthread_rwlockattr_init(&attr);
	/* Or who renews a key would wait for ever. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (unsigned i = 0; i < st->opts.keys; i++)
		pthread_rwlock_init(&st->keys[i].lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	for (unsigned i = 0; i < st->opts.keys && r == BLK_EXIT_DONE; i++)
		r = new_key(st, i, &st->keys[i].key);
	return r;
}

/* ---- extents ---- */

static int create_extents(struct stress *st)
{
	uint64_t units = st->opts.size / st->target->unit, at = 0;
	uint64_t most = st->target->opts->block_size / st->target->unit;
	struct prng p;

	/* At most as many as there are units; as a rule far fewer. */
	st->extents = calloc(units, sizeof(*st->extents));
	if (!st->extents)
		return msg_fail(BLK_EXIT_FAILED, "no memory for %zu units", (size_t)units);
	prng_seed(&p, st->opts.seed, STREAM_LAYOUT);
	while (at < units) {
		struct extent *e = &st->extents[st->num_extents];
		/* Small and large ones alike: up to a power of two that is drawn first. */
		uint64_t top = MIN(most, UINT64_C(1) << prng_below(&p, fls64(most)));

		e->first_unit = at;
		e->units = (unsigned)MIN(1 + prng_below(&p, top), units - at);
		e->generation = calloc(e->units, sizeof(*e->generation));
		if (!e->generation)
			return msg_fail(BLK_EXIT_FAILED, "no memory for units");
		pthread_mutex_init(&e->lock, NULL);
		at += e->units;
		st->num_extents++;
	}
	return BLK_EXIT_DONE;
}

int stress_model_create(struct stress *st)
{
	int r = create_keys(st);

	return r == BLK_EXIT_DONE ? create_extents(st) : r;
}

/* ---- the end ---- */

struct leftovers {
	struct stress *st;
	const char *name;
};

static void look_at_slot(unsigned slot, const struct blk_crypto_key *key, unsigned users, void *arg)
{
	struct leftovers *left = arg;

	if (!key && !users)
		return;
	msg_err("%s: slot %u still has %s and %u users after all keys were evicted", left->name,
		slot, key ? "a key" : "no key", users);
	stat_inc(&left->st->mismatches);
}

static void look_for_keys(struct stress *st, struct blk_device *dev)
{
	struct leftovers left = { st, dev->type->name };

	if (dev->crypto_profile)
		blk_crypto_profile_for_each_slot(dev->crypto_profile, look_at_slot, &left);
	for (unsigned i = 0; i < dev->num_children; i++)
		look_for_keys(st, dev->children[i]);
}

void stress_model_destroy(struct stress *st)
{
	struct leftovers left = { st, "fallback" };

	if (!st->keys)
		return;
	for (unsigned i = 0; i < st->opts.keys; i++) {
		target_key_free(st->target, st->keys[i].key);
		pthread_rwlock_destroy(&st->keys[i].lock);
	}
	look_for_keys(st, st->target->dev);
	if (blk_crypto_fallback_profile())
		blk_crypto_profile_for_each_slot(blk_crypto_fallback_profile(), look_at_slot,
						 &left);
	for (unsigned i = 0; i < st->num_extents; i++) {
		pthread_mutex_destroy(&st->extents[i].lock);
		free(st->extents[i].generation);
	}
	free(st->extents);
	free(st->keys);
}
