/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c - the device types that there are */
#include <string.h>

#include "blkcrypto/devices/devices.h"

static const struct blk_device_type *const types[] = {
	&dev_file_type,	  &dev_mem_type, &dev_sim_type,	      &dev_linear_type, &dev_stripe_type,
	&dev_mirror_type, &dev_dm_type,	 &dev_zero_type,      &dev_error_type,	&dev_flakey_type,
	&dev_delay_type,  &dev_log_type, &dev_integrity_type,
};

const struct blk_device_type *blk_device_type_by_index(unsigned i)
{
	return i < ARRAY_SIZE(types) ? types[i] : NULL;
}

const struct blk_device_type *blk_device_type_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i]->name, name) == 0)
			return types[i];
	return NULL;
}
