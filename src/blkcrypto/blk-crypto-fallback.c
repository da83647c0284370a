/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-fallback.c - encryption in software for devices that have none */
#include "blkcrypto/blk-crypto-fallback.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-fallback-io.h"
#include "blkcrypto/blk-crypto-internal.h"
#include "util/log.h"

#define MAX_WORKERS 8

static const struct blk_crypto_fallback_params default_params = {
	.num_keyslots = 100,
	.num_prealloc_bounce_pg = 32,
	.num_prealloc_crypt_ctxs = 128,
};

/*
 * One for the process, as in the kernel. The I/O path takes no lock here: what it uses was complete
 * before the mode was marked as ready.
 */
static struct {
	pthread_mutex_t lock;			  /* starting and stopping */
	struct blk_crypto_fallback_params params; /* 0: the default. Protected by lock */
	struct blk_fallback_io io;
	atomic_bool started; /* set under lock, after io is complete */
	atomic_bool mode_ready[BLK_ENCRYPTION_MODE_MAX];
} fallback = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct blk_crypto_fallback_params with_defaults(const struct blk_crypto_fallback_params *p)
{
	const struct blk_crypto_fallback_params *d = &default_params;

	return (struct blk_crypto_fallback_params){
		.num_keyslots = p->num_keyslots ? p->num_keyslots : d->num_keyslots,
		.num_prealloc_bounce_pg = p->num_prealloc_bounce_pg ? p->num_prealloc_bounce_pg
								    : d->num_prealloc_bounce_pg,
		.num_prealloc_crypt_ctxs = p->num_prealloc_crypt_ctxs ? p->num_prealloc_crypt_ctxs
								      : d->num_prealloc_crypt_ctxs,
	};
}

int blk_crypto_fallback_configure(const struct blk_crypto_fallback_params *params)
{
	struct blk_crypto_fallback_params want = with_defaults(params), have;
	int err = 0;

	if (want.num_keyslots > BLK_CRYPTO_FALLBACK_MAX_KEYSLOTS ||
	    want.num_prealloc_bounce_pg > BLK_CRYPTO_FALLBACK_MAX_BOUNCE_PG ||
	    want.num_prealloc_crypt_ctxs > BLK_CRYPTO_FALLBACK_MAX_CTXS)
		return -EINVAL;
	pthread_mutex_lock(&fallback.lock);
	have = with_defaults(&fallback.params);
	if (!atomic_load(&fallback.started))
		fallback.params = want;
	else if (memcmp(&want, &have, sizeof(want)) != 0)
		err = -EBUSY;
	pthread_mutex_unlock(&fallback.lock);
	return err;
}

void blk_crypto_fallback_get_params(struct blk_crypto_fallback_params *ret)
{
	pthread_mutex_lock(&fallback.lock);
	*ret = with_defaults(&fallback.params);
	pthread_mutex_unlock(&fallback.lock);
}

/* One thread for each processor but that of who completes the read. */
static unsigned num_workers(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 2 ? 0 : (unsigned)MIN(cpus - 1, MAX_WORKERS);
}

static int start_locked(void)
{
	struct blk_crypto_fallback_params params = with_defaults(&fallback.params);
	struct blk_crypto_profile *profile = &fallback.io.engine.profile;
	int err;

	if (atomic_load(&fallback.started))
		return 0;
	err = blk_fallback_io_init(&fallback.io, params.num_keyslots, params.num_prealloc_bounce_pg,
				   params.num_prealloc_crypt_ctxs, num_workers());
	if (err)
		return err;
	profile->max_dun_bytes_supported = BLK_CRYPTO_MAX_IV_SIZE;
	profile->key_types_supported = BLK_CRYPTO_KEY_TYPE_RAW;
	for (unsigned i = BLK_ENCRYPTION_MODE_INVALID + 1; i < BLK_ENCRYPTION_MODE_MAX; i++)
		profile->modes_supported[i] = ~0u;
	atomic_store(&fallback.started, true);
	return 0;
}

int blk_crypto_fallback_start_using_mode(enum blk_crypto_mode_num mode)
{
	int err;

	if (mode <= BLK_ENCRYPTION_MODE_INVALID || mode >= BLK_ENCRYPTION_MODE_MAX)
		return -ENOPKG;
	/* The ordinary case, once per opened file. */
	if (atomic_load(&fallback.mode_ready[mode]))
		return 0;

	pthread_mutex_lock(&fallback.lock);
	err = start_locked();
	if (!err && !atomic_load(&fallback.mode_ready[mode])) {
		err = blk_crypt_engine_add_mode(&fallback.io.engine, mode);
		if (!err)
			atomic_store(&fallback.mode_ready[mode], true);
	}
	pthread_mutex_unlock(&fallback.lock);
	return err;
}

bool blk_crypto_fallback_supports(const struct blk_crypto_config *cfg)
{
	return (unsigned)cfg->crypto_mode < BLK_ENCRYPTION_MODE_MAX &&
	       atomic_load(&fallback.mode_ready[cfg->crypto_mode]) &&
	       blk_crypto_profile_supports(&fallback.io.engine.profile, cfg);
}

void blk_crypto_fallback_submit_bio(struct bio *bio)
{
	const struct blk_crypto_config *cfg = &bio->bi_crypt_context->bc_key->crypto_cfg;

	/* Started on a device that could do it alone, and brought to one that cannot. */
	if (unlikely(!blk_crypto_fallback_supports(cfg))) {
		BLK_CRYPTO_BUG_ONCE(
			"I/O with a key of a mode that the fallback was not started for");
		bio_end_status(bio, BLK_STS_IOERR);
		return;
	}
	blk_fallback_io_submit(&fallback.io, bio);
}

int blk_crypto_fallback_evict_key(const struct blk_crypto_key *key)
{
	if (!atomic_load(&fallback.started))
		return 0;
	return blk_crypto_profile_evict(&fallback.io.engine.profile, key);
}

struct blk_crypto_profile *blk_crypto_fallback_profile(void)
{
	return atomic_load(&fallback.started) ? &fallback.io.engine.profile : NULL;
}

void blk_crypto_fallback_destroy(void)
{
	pthread_mutex_lock(&fallback.lock);
	if (atomic_load(&fallback.started)) {
		for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
			atomic_store(&fallback.mode_ready[i], false);
		atomic_store(&fallback.started, false);
		blk_fallback_io_destroy(&fallback.io);
	}
	fallback.params = (struct blk_crypto_fallback_params){ 0 };
	pthread_mutex_unlock(&fallback.lock);
}
