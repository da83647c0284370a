/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim.h - what the files of the simulated engine share */
#ifndef BLKCRYPTO_DEVICES_SIM_H
#define BLKCRYPTO_DEVICES_SIM_H

#include "blkcrypto/blk-crypt-engine.h"
#include "blkcrypto/blk-device.h"

struct sim_opts {
	uint64_t slots; /* 0: keys come with each request */
	uint64_t dun_bytes;
	uint64_t program_us;   /* what programming a slot takes */
	uint64_t fail_program; /* of 1000 programmings, so many fail */
	uint64_t reset;	       /* the engine loses its keys each so many requests; 0: never */
	uint64_t suspend_us;   /* it sleeps after so much idle time; 0: never by itself */
	const char *modes;     /* NULL: all */
};

struct sim {
	struct blk_crypt_engine engine;
	/*
	 * slots=0: what the device shows instead of the engine's profile. Keys come with each
	 * request; the engine's slots are then its private cache of them.
	 */
	struct blk_crypto_profile direct;
	struct sim_hw *hw; /* NULL when it takes raw keys only */
	struct blk_pm pm;
	unsigned program_us;
	atomic_uint fail_program; /* of 1000; may change at any time */
	atomic_uint programs;	  /* tried */
	unsigned reset_every;	  /* requests; 0: never */
	atomic_uint requests;
	pthread_mutex_t reset_lock; /* held while keys are lost and put back */
	unsigned resets;	    /* since opening; protected by reset_lock */
};

/* ---- sim-opts.c ---- */

/* 0, or -errno with a sentence. @ret refers to @opts. */
int sim_opts_parse(const struct blk_device_opt *opts, struct sim_opts *ret, char **ret_why);

/* Ciphers and capabilities of the modes that are asked for. */
int sim_opts_add_modes(struct sim *sim, const struct sim_opts *opts, char **ret_why);

/* ---- sim-wrapped.c ---- */

/*
 * Read keytypes= and hwkey=, declare the key types in the engine's profile and, with wrapped ones
 * among them, start the hardware (sim->hw) and put the operations in. 0 or -errno with *ret_why.
 */
int sim_init_key_types(struct sim *sim, const struct blk_device_opt *opts, char **ret_why);

/* Put what is derived from the wrapped @key into @slot. Caller holds the profile's lock. */
int sim_program_wrapped(struct sim *sim, const struct blk_crypto_key *key, unsigned slot);

/* ---- sim.c ---- */

/*
 * The engine loses its keys and gets them back: requests that meet a slot without its key meanwhile
 * wait for reset_lock. Context: it is awake, or being woken.
 */
void sim_reset(struct sim *sim);

/* Wait until no reset is under way. How many there were, which is at least 1 after any. */
unsigned sim_wait_for_reset(struct sim *sim);

/* ---- sim-rq.c ---- */

void sim_queue_rq(struct blk_device *dev, struct blk_request *rq);

#endif
