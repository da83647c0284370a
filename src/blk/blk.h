/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk.h - what the files of fuscrypt-blk share: exit codes, numbers, the target of its requests */
#ifndef BLK_BLK_H
#define BLK_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blkcrypto/blk-crypto.h"
#include "cli/output.h"
#include "cli/verb.h"

enum blk_exit {
	BLK_EXIT_DONE = 0,
	BLK_EXIT_FAILED = 1,   /* an error of the device, of a file, of the set-up */
	BLK_EXIT_USAGE = 2,    /* wrong words on the command line */
	BLK_EXIT_MISMATCH = 3, /* data is not what it should be */
};

/* ---- number.c ---- */

/* "4096", "0x1000", "64K": bytes or a count, with K, M, G or T for powers of 1024. 0 or -EINVAL. */
int blk_parse_number(const char *text, uint64_t *ret_value);
/* A data unit number of up to 256 bits, decimal or 0x and hex. 0 or -EINVAL. */
int blk_parse_dun(const char *text, uint64_t ret_dun[static BLK_CRYPTO_DUN_ARRAY_SIZE]);
/* Bytes that @dun takes, at least 1. */
unsigned blk_dun_size(const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE]);

/* ---- target.c: an image or device, with the key and the numbers that all verbs take ---- */

enum {
	OPT_KEY = 0x200,
	OPT_PLAIN,
	OPT_MODE,
	OPT_DATA_UNIT_SIZE,
	OPT_DUN,
	OPT_DUN_BYTES,
	OPT_DEVICE,
	OPT_NO_FALLBACK,
	OPT_INLINECRYPT,
	OPT_BLOCK_SIZE,
	OPT_JSON,
	OPT_OWN, /* from here on: of one verb */
};

#define TARGET_OPTIONS                                                             \
	{ "mode", required_argument, NULL, OPT_MODE },                             \
		{ "data-unit-size", required_argument, NULL, OPT_DATA_UNIT_SIZE }, \
		{ "dun-bytes", required_argument, NULL, OPT_DUN_BYTES },           \
		{ "device", required_argument, NULL, OPT_DEVICE },                 \
		{ "no-fallback", no_argument, NULL, OPT_NO_FALLBACK },             \
		{ "inlinecrypt", no_argument, NULL, OPT_INLINECRYPT },             \
		{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },         \
	{                                                                          \
		"json", no_argument, NULL, OPT_JSON                                \
	}

struct target_opts {
	const char *key, *device, *image; /* image NULL: the device has its own files */
	enum blk_crypto_mode_num mode;
	uint64_t data_unit_size, dun_bytes, block_size;
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE]; /* of the image's first byte */
	bool plain, no_fallback, inlinecrypt, json;
};

struct target {
	const struct target_opts *opts;
	const char *name; /* for messages */
	struct blk_device *dev;
	struct blk_file file; /* fd -1 without an image */
	size_t unit;	      /* bytes that lengths and offsets are multiples of */
};

void target_opts_init(struct target_opts *opts);
/* Take option @c of TARGET_OPTIONS. 0 or BLK_EXIT_USAGE, reported. */
int target_opts_take(struct target_opts *opts, const struct verb *verb, int c, const char *value);

/* Open image (for writing, made if need be, with @write) and device. An exit code, reported. */
int target_open(struct target *target, const struct target_opts *opts, bool write);
/* Frees the fallback too: all keys have been evicted. */
void target_close(struct target *target);

/*
 * A key of the target's mode from @bytes, labelled @label, started on the device. In secret memory.
 * An exit code, reported.
 */
int target_key_new(struct target *target, const uint8_t *bytes, size_t size, const char *label,
		   struct blk_crypto_key **ret_key);
/* Evict, wipe, free. NULL is fine. */
void target_key_free(struct target *target, struct blk_crypto_key *key);
/* From the file that the options name. */
int target_key_read(struct target *target, struct blk_crypto_key **ret_key);

/*
 * One request at byte @pos, with @key (NULL: plain); the DUN follows from the position. @flush is
 * without data. 0 or -errno.
 */
int target_io(struct target *target, enum bio_op op, const struct blk_crypto_key *key, uint64_t pos,
	      const struct iovec *iov, unsigned vcnt);
int target_flush(struct target *target);

/* ---- figures.c ---- */

/* Profiles and devices of @target as JSON; NULL without memory. */
json_t *figures_profiles(struct target *target);
json_t *figures_devices(struct target *target);
struct histogram;
json_t *figures_latency(struct histogram *h);

/* ---- one function a verb: transfer.c, stress.c, log.c ---- */
int cmd_read(const struct verb *verb, int argc, char **argv);
int cmd_write(const struct verb *verb, int argc, char **argv);
int cmd_verify(const struct verb *verb, int argc, char **argv);
int cmd_stress(const struct verb *verb, int argc, char **argv);
int cmd_log_list(const struct verb *verb, int argc, char **argv);
int cmd_log_mark(const struct verb *verb, int argc, char **argv);
int cmd_log_replay(const struct verb *verb, int argc, char **argv);

#endif
