/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-device-spec.h - device strings taken apart: names, options, children */
#ifndef BLKCRYPTO_BLK_DEVICE_SPEC_H
#define BLKCRYPTO_BLK_DEVICE_SPEC_H

#include "blkcrypto/blk-device.h"

/* Deeper than any sensible stack; bounds the recursion. */
#define BLK_DEVICE_SPEC_MAX_DEPTH 16

struct blk_device_spec {
	char *name;
	struct blk_device_opt *opts; /* in order */
	struct blk_device_spec **children;
	unsigned num_children;
	struct blk_device_range range; /* in front of it, in a table */
};

/*
 * Parse
 *	DEVICE  = NAME [ "(" [ OPTION { "," OPTION } ] { ";" DEVICE } ")" ]
 *	        | NAME "(" TARGET { ";" TARGET } ")"
 *	OPTION  = WORD [ "=" VALUE ]
 *	TARGET  = RANGE DEVICE { DEVICE }, the latter being children of the first: a table
 *	RANGE   = SIZE "+" ( SIZE | "*" ), start and length; SIZE is like 64K
 * with blanks allowed around each part. NAME and WORD are letters, digits, "-" and "_"; VALUE is
 * anything without , ; ( ) and without blanks at its ends. An option may stand only once.
 * Returns 0, -EINVAL with a sentence in *ret_why (malloc'ed), or -ENOMEM.
 */
int blk_device_spec_parse(const char *str, struct blk_device_spec **ret_spec, char **ret_why);
void blk_device_spec_free(struct blk_device_spec *spec); /* NULL is fine */

#endif
