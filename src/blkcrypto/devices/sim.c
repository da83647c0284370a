/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim.c - a simulated inline-encryption engine: changes data, so contexts end here */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-caps.h"
#include "blkcrypto/devices/devices.h"
#include "blkcrypto/devices/sim-hw.h"
#include "blkcrypto/devices/sim.h"

#define DIRECT_CACHE_SLOTS 16
#define BOUNCE_PAGES	   32

/* ---- the engine --------------------------------------------------------------------------- */

/* Spread evenly, and the same in each run: 7 and 1000 have no common divisor. */
static bool fails_now(struct sim *sim)
{
	unsigned per_1000 = atomic_load_explicit(&sim->fail_program, memory_order_relaxed);

	return per_1000 > 0 && atomic_fetch_add(&sim->programs, 1) * 7u % 1000 < per_1000;
}

static int program(struct sim *sim, const struct blk_crypto_key *key, unsigned slot)
{
	if (fails_now(sim))
		return -EIO;
	if (key->crypto_cfg.key_type == BLK_CRYPTO_KEY_TYPE_HW_WRAPPED)
		return sim_program_wrapped(sim, key, slot);
	return blk_crypt_engine_program(&sim->engine, key->crypto_cfg.crypto_mode, key->bytes,
					key->size, slot);
}

static int sim_keyslot_program(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			       unsigned slot)
{
	struct sim *sim = profile->driver_data;
	int err;

	if (sim->program_us > 0)
		usleep(sim->program_us);
	err = program(sim, key, slot);
	/*
	 * What was there before is not in the table any more: nobody else would take it out. Not a
	 * blank key: after a reset the slot may have users, who must fail.
	 */
	if (err)
		blk_crypt_engine_forget_slot(&sim->engine, slot);
	return err;
}

static int direct_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			unsigned slot)
{
	struct sim *sim = profile->driver_data;

	return blk_crypto_profile_evict(&sim->engine.profile, key);
}

void sim_reset(struct sim *sim)
{
	pthread_mutex_lock(&sim->reset_lock);
	blk_crypt_engine_forget(&sim->engine);
	blk_crypto_reprogram_all_keys(&sim->engine.profile);
	sim->resets++;
	pthread_mutex_unlock(&sim->reset_lock);
}

unsigned sim_wait_for_reset(struct sim *sim)
{
	unsigned resets;

	pthread_mutex_lock(&sim->reset_lock);
	resets = sim->resets;
	pthread_mutex_unlock(&sim->reset_lock);
	return resets;
}

/* It forgets its keys in its sleep. */
static int sim_suspend(struct blk_pm *pm)
{
	struct sim *sim = container_of(pm, struct sim, pm);

	blk_crypt_engine_forget(&sim->engine);
	return 0;
}

static int sim_resume(struct blk_pm *pm)
{
	sim_reset(container_of(pm, struct sim, pm));
	return 0;
}

static int sim_control(struct blk_device *dev, enum blk_device_control what, unsigned value)
{
	struct sim *sim = dev->private;
	int err;

	switch (what) {
	case BLK_CONTROL_RESET:
		err = blk_pm_get(&sim->pm);
		if (err)
			return err;
		sim_reset(sim);
		blk_pm_put(&sim->pm);
		return 0;
	case BLK_CONTROL_FAIL_PROGRAM:
		atomic_store(&sim->fail_program, value);
		return 0;
	case BLK_CONTROL_SUSPEND:
		return blk_pm_suspend(&sim->pm);
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- device ------------------------------------------------------------------------------- */

static int init_direct_profile(struct sim *sim)
{
	int err = blk_crypto_profile_init(&sim->direct, 0);

	if (err)
		return err;
	/* It may be asked about wrapped keys as the engine may, but has no slots to program. */
	sim->direct.ll_ops = sim->engine.profile.ll_ops;
	sim->direct.ll_ops.keyslot_program = NULL;
	sim->direct.ll_ops.keyslot_evict = direct_evict;
	blk_crypto_update_capabilities(&sim->direct, &sim->engine.profile);
	sim->direct.driver_data = sim;
	return 0;
}

static void init_power(struct sim *sim, const struct sim_opts *opts)
{
	blk_pm_init(&sim->pm);
	sim->pm.suspend = sim_suspend;
	sim->pm.resume = sim_resume;
	sim->pm.autosuspend_ms = (unsigned)((opts->suspend_us + 999) / 1000);
	sim->engine.profile.pm = &sim->pm;
	sim->direct.pm = &sim->pm;
}

static int sim_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	struct blk_crypto_profile *profile;
	struct sim_opts o;
	struct sim *sim;
	int err;

	err = sim_opts_parse(opts, &o, ret_why);
	if (err)
		return err;
	sim = calloc(1, sizeof(*sim));
	if (!sim)
		return -ENOMEM;
	profile = &sim->engine.profile;
	err = blk_crypt_engine_init(&sim->engine, o.slots ? (unsigned)o.slots : DIRECT_CACHE_SLOTS,
				    BOUNCE_PAGES);
	if (err)
		goto free_sim;
	profile->driver_data = sim;
	profile->ll_ops.keyslot_program = sim_keyslot_program;
	profile->max_dun_bytes_supported = (unsigned)o.dun_bytes;
	err = sim_init_key_types(sim, opts, ret_why);
	if (err)
		goto destroy_engine;
	err = sim_opts_add_modes(sim, &o, ret_why);
	if (err)
		goto close_hw;
	err = init_direct_profile(sim);
	if (err)
		goto close_hw;
	init_power(sim, &o);
	pthread_mutex_init(&sim->reset_lock, NULL);
	sim->program_us = (unsigned)MIN(o.program_us, UINT_MAX);
	atomic_init(&sim->fail_program, (unsigned)o.fail_program);
	sim->reset_every = (unsigned)o.reset;
	dev->private = sim;
	dev->crypto_profile = o.slots ? profile : &sim->direct;
	return 0;

close_hw:
	sim_hw_close(sim->hw);
destroy_engine:
	blk_crypt_engine_destroy(&sim->engine);
free_sim:
	free(sim);
	return err;
}

static void sim_close(struct blk_device *dev)
{
	struct sim *sim = dev->private;

	pthread_mutex_destroy(&sim->reset_lock);
	blk_pm_destroy(&sim->pm);
	blk_crypto_profile_destroy(&sim->direct);
	blk_crypt_engine_destroy(&sim->engine);
	sim_hw_close(sim->hw);
	free(sim);
}

const struct blk_device_type dev_sim_type = {
	.name = "sim",
	.help = "a simulated inline-encryption engine (slots=N,modes=M:SIZE+SIZE/M:SIZE,dun=BYTES,"
		"keytypes=raw+wrapped,hwkey=FILE,program=TIME,fail-program=N,reset=N,suspend=TIME)",
	.max_children = 1,
	.open = sim_open,
	.close = sim_close,
	.queue_rq = sim_queue_rq,
	.control = sim_control,
};
