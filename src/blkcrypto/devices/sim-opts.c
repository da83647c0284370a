/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim-opts.c - what the string of a simulated engine says: slots, modes, and what goes wrong */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/devices/sim.h"
#include "util/bits.h"

#define DEFAULT_SLOTS	  16
#define MAX_SLOTS	  1024
#define DEFAULT_DUN_BYTES 8
#define MIN_DATA_UNIT	  512
#define MAX_DATA_UNIT	  4096
#define ALL_DATA_UNITS	  (2 * MAX_DATA_UNIT - MIN_DATA_UNIT)

static enum blk_crypto_mode_num mode_by_variant(const char *variant, size_t len)
{
	for (unsigned i = BLK_ENCRYPTION_MODE_INVALID + 1; i < BLK_ENCRYPTION_MODE_MAX; i++)
		if (strlen(blk_crypto_modes[i].variant) == len &&
		    memcmp(blk_crypto_modes[i].variant, variant, len) == 0)
			return (enum blk_crypto_mode_num)i;
	return BLK_ENCRYPTION_MODE_INVALID;
}

/* "512+4096": one bit each. */
static int parse_sizes(const char *str, size_t len, unsigned *ret_mask, char **ret_why)
{
	const char *end = str + len;
	unsigned mask = 0;

	for (const char *p = str;; p++) {
		char *stop;
		unsigned long n = *p >= '0' && *p <= '9' ? strtoul(p, &stop, 10) : 0;

		if (n < MIN_DATA_UNIT || n > MAX_DATA_UNIT || !is_power_of_2(n) ||
		    (stop != end && *stop != '+'))
			return blk_device_fail(ret_why, -EINVAL,
					       "\"%.*s\" is not a list of data unit sizes like "
					       "512+4096 (powers of two, %u to %u)",
					       (int)len, str, MIN_DATA_UNIT, MAX_DATA_UNIT);
		mask |= (unsigned)n;
		p = stop;
		if (p == end)
			break;
	}
	*ret_mask = mask;
	return 0;
}

/* One "aes-256-xts:512+4096"; without sizes it has all. */
static int add_mode(struct sim *sim, const char *str, size_t len, char **ret_why)
{
	unsigned *modes = sim->engine.profile.modes_supported;
	const char *colon = memchr(str, ':', len);
	size_t name_len = colon ? (size_t)(colon - str) : len;
	enum blk_crypto_mode_num mode = mode_by_variant(str, name_len);
	unsigned mask = ALL_DATA_UNITS;
	int err;

	if (mode == BLK_ENCRYPTION_MODE_INVALID)
		return blk_device_fail(ret_why, -EINVAL, "there is no mode named \"%.*s\"",
				       (int)name_len, str);
	if (modes[mode])
		return blk_device_fail(ret_why, -EINVAL, "mode %s is given twice",
				       blk_crypto_modes[mode].variant);
	if (colon) {
		err = parse_sizes(colon + 1, len - name_len - 1, &mask, ret_why);
		if (err)
			return err;
	}
	err = blk_crypt_engine_add_mode(&sim->engine, mode);
	if (err == -ENOPKG)
		return blk_device_fail(ret_why, err, "the cipher of mode %s is missing",
				       blk_crypto_modes[mode].variant);
	if (!err)
		modes[mode] = mask;
	return err;
}

static int add_listed_modes(struct sim *sim, const char *list, char **ret_why)
{
	for (;;) {
		size_t len = strcspn(list, "/");
		int err = add_mode(sim, list, len, ret_why);

		if (err || list[len] == '\0')
			return err;
		list += len + 1;
	}
}

/* Every mode whose cipher this build has. */
static int add_all_modes(struct sim *sim)
{
	for (unsigned i = BLK_ENCRYPTION_MODE_INVALID + 1; i < BLK_ENCRYPTION_MODE_MAX; i++) {
		int err = blk_crypt_engine_add_mode(&sim->engine, (enum blk_crypto_mode_num)i);

		if (err && err != -ENOPKG)
			return err;
		if (!err)
			sim->engine.profile.modes_supported[i] = ALL_DATA_UNITS;
	}
	return 0;
}

int sim_opts_parse(const struct blk_device_opt *opts, struct sim_opts *ret, char **ret_why)
{
	static const char *const known[] = { "slots",	"modes",   "dun",	   "keytypes",
					     "hwkey",	"program", "fail-program", "reset",
					     "suspend", NULL };
	int err = blk_device_opts_check(opts, known, ret_why);

	if (!err)
		err = blk_opt_number(opts, "slots", DEFAULT_SLOTS, 0, MAX_SLOTS, &ret->slots,
				     ret_why);
	if (!err)
		err = blk_opt_number(opts, "dun", DEFAULT_DUN_BYTES, 1, BLK_CRYPTO_MAX_IV_SIZE,
				     &ret->dun_bytes, ret_why);
	if (!err)
		err = blk_opt_usecs(opts, "program", 0, &ret->program_us, ret_why);
	if (!err)
		err = blk_opt_number(opts, "fail-program", 0, 0, 1000, &ret->fail_program, ret_why);
	if (!err)
		err = blk_opt_number(opts, "reset", 0, 0, UINT_MAX, &ret->reset, ret_why);
	if (!err)
		err = blk_opt_usecs(opts, "suspend", 0, &ret->suspend_us, ret_why);
	if (!err)
		ret->modes = blk_device_opt_get(opts, "modes");
	return err;
}

int sim_opts_add_modes(struct sim *sim, const struct sim_opts *opts, char **ret_why)
{
	return opts->modes ? add_listed_modes(sim, opts->modes, ret_why) : add_all_modes(sim);
}
