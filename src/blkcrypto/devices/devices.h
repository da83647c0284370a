/* SPDX-License-Identifier: GPL-3.0-or-later */
/* devices.h - the device types, for table.c, and what tests may ask of them */
#ifndef BLKCRYPTO_DEVICES_DEVICES_H
#define BLKCRYPTO_DEVICES_DEVICES_H

#include "blkcrypto/blk-device.h"

/* Each at the end of its own file. */
extern const struct blk_device_type dev_delay_type;
extern const struct blk_device_type dev_dm_type;
extern const struct blk_device_type dev_error_type;
extern const struct blk_device_type dev_file_type;
extern const struct blk_device_type dev_flakey_type;
extern const struct blk_device_type dev_integrity_type;
extern const struct blk_device_type dev_linear_type;
extern const struct blk_device_type dev_log_type;
extern const struct blk_device_type dev_mem_type;
extern const struct blk_device_type dev_mirror_type;
extern const struct blk_device_type dev_sim_type;
extern const struct blk_device_type dev_stripe_type;
extern const struct blk_device_type dev_zero_type;

/* What a `mem` device stores, from byte 0 to the end of what was written. Valid until the next
 * write. */
const uint8_t *dev_mem_data(struct blk_device *dev, size_t *ret_size);

#endif
