/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim-wrapped.c - key types of the simulated engine, and its operations on wrapped keys */
#include <errno.h>
#include <string.h>

#include "blkcrypto/devices/sim-hw.h"
#include "blkcrypto/devices/sim.h"
#include "util/secret.h"

/* ---- operations: the profile's driver_data is the sim ------------------------------------- */

static struct sim_hw *hw_of(struct blk_crypto_profile *profile)
{
	const struct sim *sim = profile->driver_data;

	return sim->hw;
}

/* The key that is derived inside goes to the ciphers and nowhere else. */
int sim_program_wrapped(struct sim *sim, const struct blk_crypto_key *key, unsigned slot)
{
	enum blk_crypto_mode_num mode = key->crypto_cfg.crypto_mode;
	unsigned size = blk_crypto_modes[mode].keysize;
	uint8_t raw[BLK_CRYPTO_MAX_RAW_KEY_SIZE];
	int err = sim_hw_inline_key(sim->hw, key->bytes, key->size, raw, size);

	if (!err)
		err = blk_crypt_engine_program(&sim->engine, mode, raw, size, slot);
	secret_wipe(raw, sizeof(raw));
	return err;
}

static int derive_sw_secret(struct blk_crypto_profile *profile, const uint8_t *eph_key,
			    size_t eph_key_size, uint8_t *ret_sw_secret)
{
	return sim_hw_sw_secret(hw_of(profile), eph_key, eph_key_size, ret_sw_secret);
}

static int import_key(struct blk_crypto_profile *profile, const uint8_t *raw_key,
		      size_t raw_key_size, uint8_t *ret_lt_key)
{
	return sim_hw_import(hw_of(profile), raw_key, raw_key_size, ret_lt_key);
}

static int generate_key(struct blk_crypto_profile *profile, uint8_t *ret_lt_key)
{
	return sim_hw_generate(hw_of(profile), ret_lt_key);
}

static int prepare_key(struct blk_crypto_profile *profile, const uint8_t *lt_key,
		       size_t lt_key_size, uint8_t *ret_eph_key)
{
	return sim_hw_prepare(hw_of(profile), lt_key, lt_key_size, ret_eph_key);
}

/* ---- options ------------------------------------------------------------------------------ */

static int parse_key_types(const char *list, unsigned *ret_types, char **ret_why)
{
	static const struct {
		const char *name;
		unsigned type;
	} names[] = {
		{ "raw", BLK_CRYPTO_KEY_TYPE_RAW },
		{ "wrapped", BLK_CRYPTO_KEY_TYPE_HW_WRAPPED },
	};
	unsigned types = 0;

	for (;;) {
		size_t len = strcspn(list, "+");
		unsigned type = 0;

		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (strlen(names[i].name) == len && memcmp(names[i].name, list, len) == 0)
				type = names[i].type;
		if (!type || (types & type))
			return blk_device_fail(ret_why, -EINVAL,
					       "\"%.*s\" is no key type, or given twice: there are "
					       "raw, wrapped and raw+wrapped",
					       (int)len, list);
		types |= type;
		if (list[len] == '\0')
			break;
		list += len + 1;
	}
	*ret_types = types;
	return 0;
}

int sim_init_key_types(struct sim *sim, const struct blk_device_opt *opts, char **ret_why)
{
	const char *list = blk_device_opt_get(opts, "keytypes");
	const char *path = blk_device_opt_get(opts, "hwkey");
	struct blk_crypto_profile *profile = &sim->engine.profile;
	unsigned types = BLK_CRYPTO_KEY_TYPE_RAW;
	int err;

	if (list) {
		err = parse_key_types(list, &types, ret_why);
		if (err)
			return err;
	}
	if (!(types & BLK_CRYPTO_KEY_TYPE_HW_WRAPPED) != !path)
		return blk_device_fail(
			ret_why, -EINVAL,
			"keytypes=wrapped and hwkey=FILE, which keeps the hardware's "
			"own key, belong together");
	profile->key_types_supported = types;
	if (!path)
		return 0;
	err = sim_hw_open(path, &sim->hw, ret_why);
	if (err)
		return err;
	profile->ll_ops.derive_sw_secret = derive_sw_secret;
	profile->ll_ops.import_key = import_key;
	profile->ll_ops.generate_key = generate_key;
	profile->ll_ops.prepare_key = prepare_key;
	return 0;
}
