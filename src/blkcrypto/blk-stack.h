/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-stack.h - what a device above others shows of them: space, integrity, capabilities */
#ifndef BLKCRYPTO_BLK_STACK_H
#define BLKCRYPTO_BLK_STACK_H

#include "blkcrypto/blk-device.h"

/*
 * Before the type's open(): whose space the bios of @dev address, and whether integrity data is
 * kept below. -EINVAL with a sentence when the children do not agree about space.
 */
int blk_stack_inherit(struct blk_device *dev, char **ret_why);

/*
 * After it: the profile of a type that passes contexts on is the intersection of its children's.
 * 0 or -ENOMEM.
 */
int blk_stack_set_profile(struct blk_device *dev);
void blk_stack_free_profile(struct blk_device *dev);

/* As set_profile(), for a layered device whose children have been exchanged: may only grow. Returns
 * -EINVAL, nothing changed, when it would shrink. Context: no bio is in flight. */
int blk_stack_grow_profile(struct blk_device *dev, struct blk_device *const *children,
			   unsigned num_children);

/*
 * Integrity data over plaintext would tell about it, and would not fit what a fallback stores:
 * a device has a crypto profile or integrity, never both. The first refuses (false; the device
 * counts as one without a profile then), the second gives -EINVAL.
 */
bool blk_crypto_register(struct blk_device *dev, struct blk_crypto_profile *profile);
int blk_integrity_register(struct blk_device *dev);

#endif
