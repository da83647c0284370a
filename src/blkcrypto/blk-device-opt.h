/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-device-opt.h - values of device options: numbers, sizes, times, lists, error names */
#ifndef BLKCRYPTO_BLK_DEVICE_OPT_H
#define BLKCRYPTO_BLK_DEVICE_OPT_H

#include "blkcrypto/blk-device.h"

/*
 * Each reads the option @name, or gives @preset when it is not there. Returns 0 or -EINVAL with a
 * sentence in *ret_why.
 */
int blk_opt_number(const struct blk_device_opt *opts, const char *name, uint64_t preset,
		   uint64_t min, uint64_t max, uint64_t *ret, char **ret_why);

/* Bytes, with K, M, G or T behind: "64K". A multiple of the sector. Returned in sectors. */
int blk_opt_sectors(const struct blk_device_opt *opts, const char *name, uint64_t preset,
		    uint64_t *ret_sectors, char **ret_why);

/* "5", "5ms", "200us", "2s": milliseconds unless said otherwise. Returned in microseconds. */
int blk_opt_usecs(const struct blk_device_opt *opts, const char *name, uint64_t preset,
		  uint64_t *ret_usecs, char **ret_why);

/* "EIO", "ENOSPC", ...: the names that an I/O may fail with. Returned as -errno. */
int blk_opt_errno(const struct blk_device_opt *opts, const char *name, int preset, int *ret_errno,
		  char **ret_why);

/* "read+write+flush": a mask of 1 << REQ_OP_*. */
int blk_opt_ops(const struct blk_device_opt *opts, const char *name, unsigned preset,
		unsigned *ret_mask, char **ret_why);

/* An absolute path (a mount's server works in the root directory); NULL when not given. */
int blk_opt_path(const struct blk_device_opt *opts, const char *name, const char **ret_path,
		 char **ret_why);

/* The bytes "64K" at @str up to a character that is not part of it. -EINVAL; *ret_end is set. */
int blk_parse_bytes(const char *str, const char **ret_end, uint64_t *ret_bytes);

#endif
