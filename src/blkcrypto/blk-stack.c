/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-stack.c - what a device above others shows of them: space, integrity, capabilities */
#include "blkcrypto/blk-stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blkcrypto/blk-crypto-caps.h"
#include "blkcrypto/blk-crypto-wrapped.h"
#include "util/log.h"

int blk_stack_inherit(struct blk_device *dev, char **ret_why)
{
	for (unsigned i = 0; i < dev->num_children; i++) {
		const struct blk_device *child = dev->children[i];

		dev->integrity |= child->integrity;
		dev->records_meta |= child->records_meta;
		dev->wants_base |= child->wants_base;
		if (child->space == BLK_SPACE_NONE || child->space == dev->space)
			continue;
		if (dev->space != BLK_SPACE_NONE)
			return blk_device_fail(
				ret_why, -EINVAL,
				"device %s: what is beneath it stores partly in the files of a "
				"mount and partly in a place of its own",
				dev->type->name);
		dev->space = child->space;
	}
	return 0;
}

bool blk_crypto_register(struct blk_device *dev, struct blk_crypto_profile *profile)
{
	if (dev->integrity) {
		log_info("device %s: keeps integrity data, so its inline encryption is hidden",
			 dev->type->name);
		__atomic_store_n(&dev->crypto_profile, NULL, __ATOMIC_RELEASE);
		return false;
	}
	__atomic_store_n(&dev->crypto_profile, profile, __ATOMIC_RELEASE);
	return true;
}

int blk_integrity_register(struct blk_device *dev)
{
	if (dev->crypto_profile)
		return -EINVAL;
	dev->integrity = true;
	return 0;
}

/* ---- what a layered device's profile does ------------------------------------------------- */

static struct blk_device *enter_children(struct blk_crypto_profile *profile)
{
	struct blk_device *dev = profile->driver_data;

	if (dev->children_lock)
		pthread_rwlock_rdlock(dev->children_lock);
	return dev;
}

static void leave_children(struct blk_device *dev)
{
	if (dev->children_lock)
		pthread_rwlock_unlock(dev->children_lock);
}

/* There are no slots here: the key may be in those of any child. */
static int stack_keyslot_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			       unsigned slot)
{
	struct blk_device *dev = enter_children(profile);

	for (unsigned i = 0; i < dev->num_children; i++) {
		struct blk_device *child = dev->children[i];
		int err = 0;

		if (child->crypto_profile)
			err = blk_crypto_profile_evict(child->crypto_profile, key);
		if (err)
			log_err("device %s: evicting a key failed: %s", child->type->name,
				strerror(-err));
	}
	leave_children(dev);
	return 0; /* every child has been asked: there is nothing else that anybody could do */
}

/*
 * Wrapped keys: the first child that can, as in the kernel: the children are taken for controllers
 * on one chip, and one that is not fails what comes to it.
 */
#define FIRST_THAT_CAN(profile, ask, ...)                                        \
	({                                                                       \
		struct blk_device *dev_ = enter_children(profile);               \
		int ret_ = -EOPNOTSUPP;                                          \
                                                                                 \
		for (unsigned i_ = 0; i_ < dev_->num_children && ret_ < 0; i_++) \
			ret_ = ask(dev_->children[i_], __VA_ARGS__);             \
		leave_children(dev_);                                            \
		ret_;                                                            \
	})

static int stack_derive_sw_secret(struct blk_crypto_profile *profile, const uint8_t *eph_key,
				  size_t eph_key_size, uint8_t *ret_sw_secret)
{
	return FIRST_THAT_CAN(profile, blk_crypto_derive_sw_secret, eph_key, eph_key_size,
			      ret_sw_secret);
}

static int stack_import_key(struct blk_crypto_profile *profile, const uint8_t *raw_key,
			    size_t raw_key_size, uint8_t *ret_lt_key)
{
	return FIRST_THAT_CAN(profile, blk_crypto_import_key, raw_key, raw_key_size, ret_lt_key);
}

static int stack_generate_key(struct blk_crypto_profile *profile, uint8_t *ret_lt_key)
{
	return FIRST_THAT_CAN(profile, blk_crypto_generate_key, ret_lt_key);
}

static int stack_prepare_key(struct blk_crypto_profile *profile, const uint8_t *lt_key,
			     size_t lt_key_size, uint8_t *ret_eph_key)
{
	return FIRST_THAT_CAN(profile, blk_crypto_prepare_key, lt_key, lt_key_size, ret_eph_key);
}

static const struct blk_crypto_ll_ops stack_ll_ops = {
	.keyslot_evict = stack_keyslot_evict,
	.derive_sw_secret = stack_derive_sw_secret,
	.import_key = stack_import_key,
	.generate_key = stack_generate_key,
	.prepare_key = stack_prepare_key,
};

/* ---- capabilities ------------------------------------------------------------------------- */

/* Kept apart from its own profile, so that one which is to be refused never shows. */
static void intersect(struct blk_crypto_profile *profile, struct blk_device *const *children,
		      unsigned num_children)
{
	blk_crypto_set_all_capabilities(profile);
	for (unsigned i = 0; i < num_children; i++)
		blk_crypto_intersect_capabilities(profile, children[i]->crypto_profile);
}

int blk_stack_set_profile(struct blk_device *dev)
{
	struct blk_crypto_profile *profile;
	int err;

	if (!(dev->type->flags & BLK_DEVICE_PASSES_CRYPTO))
		return 0;
	profile = malloc(sizeof(*profile));
	if (!profile)
		return -ENOMEM;
	err = blk_crypto_profile_init(profile, 0);
	if (err) {
		free(profile);
		return err;
	}
	profile->ll_ops = stack_ll_ops;
	profile->driver_data = dev;
	dev->stacked_profile = profile;
	intersect(profile, dev->children, dev->num_children);
	/* Nothing in common is the same as no profile. */
	if (!blk_crypto_capabilities_empty(profile))
		blk_crypto_register(dev, profile);
	return 0;
}

void blk_stack_free_profile(struct blk_device *dev)
{
	if (!dev->stacked_profile)
		return;
	blk_crypto_profile_destroy(dev->stacked_profile);
	free(dev->stacked_profile);
	dev->stacked_profile = NULL;
}

int blk_stack_grow_profile(struct blk_device *dev, struct blk_device *const *children,
			   unsigned num_children)
{
	struct blk_crypto_profile caps;

	memset(&caps, 0, sizeof(caps));
	intersect(&caps, children, num_children);
	if (!blk_crypto_has_capabilities(&caps, dev->crypto_profile))
		return -EINVAL;
	blk_crypto_update_capabilities(dev->stacked_profile, &caps);
	if (!dev->crypto_profile && !blk_crypto_capabilities_empty(&caps))
		blk_crypto_register(dev, dev->stacked_profile);
	return 0;
}
