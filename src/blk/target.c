/* SPDX-License-Identifier: GPL-3.0-or-later */
/* target.c - an image or device, opened as the options say, and requests to it */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "blk/blk.h"
#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "cli/msg.h"
#include "cli/secretbuf.h"
#include "util/bits.h"
#include "util/secret.h"

#define MAX_DATA_UNIT  65536
#define MAX_BLOCK_SIZE (UINT64_C(64) << 20)
#define DEFAULT_BLOCK  (UINT64_C(1) << 20)

/* ---- options ---- */

void target_opts_init(struct target_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->mode = BLK_ENCRYPTION_MODE_AES_256_XTS;
	opts->data_unit_size = 4096;
	opts->block_size = DEFAULT_BLOCK;
	opts->device = "file";
}

/* By the kernel's name or by the spelling of device strings. */
static int take_mode(struct target_opts *opts, const struct verb *verb, const char *value)
{
	for (unsigned i = BLK_ENCRYPTION_MODE_INVALID + 1; i < BLK_ENCRYPTION_MODE_MAX; i++)
		if (!strcasecmp(value, blk_crypto_modes[i].name) ||
		    !strcasecmp(value, blk_crypto_modes[i].variant)) {
			opts->mode = (enum blk_crypto_mode_num)i;
			return 0;
		}
	return verb_usage(verb,
			  "%s: no such mode: AES-256-XTS, AES-128-CBC-ESSIV, Adiantum or SM4-XTS",
			  value);
}

int target_opts_take(struct target_opts *opts, const struct verb *verb, int c, const char *value)
{
	switch (c) {
	case OPT_KEY:
		opts->key = value;
		return 0;
	case OPT_PLAIN:
		opts->plain = true;
		return 0;
	case OPT_MODE:
		return take_mode(opts, verb, value);
	case OPT_DATA_UNIT_SIZE:
		if (blk_parse_number(value, &opts->data_unit_size) == 0 &&
		    is_power_of_2(opts->data_unit_size) && opts->data_unit_size >= SECTOR_SIZE &&
		    opts->data_unit_size <= MAX_DATA_UNIT)
			return 0;
		return verb_usage(verb, "%s: no such data unit size: a power of two from %u to %u",
				  value, SECTOR_SIZE, MAX_DATA_UNIT);
	case OPT_DUN:
		if (blk_parse_dun(value, opts->dun) == 0)
			return 0;
		return verb_usage(verb, "%s: no data unit number of at most 256 bits", value);
	case OPT_DUN_BYTES:
		if (blk_parse_number(value, &opts->dun_bytes) == 0 && opts->dun_bytes > 0 &&
		    opts->dun_bytes <= BLK_CRYPTO_MAX_IV_SIZE)
			return 0;
		return verb_usage(verb, "%s: no number of bytes from 1 to %u", value,
				  BLK_CRYPTO_MAX_IV_SIZE);
	case OPT_DEVICE:
		opts->device = value;
		return 0;
	case OPT_NO_FALLBACK:
		opts->no_fallback = true;
		return 0;
	case OPT_INLINECRYPT:
		opts->inlinecrypt = true;
		return 0;
	case OPT_BLOCK_SIZE:
		if (blk_parse_number(value, &opts->block_size) == 0 &&
		    is_power_of_2(opts->block_size) && opts->block_size >= SECTOR_SIZE &&
		    opts->block_size <= MAX_BLOCK_SIZE)
			return 0;
		return verb_usage(verb, "%s: no such block size: a power of two from %u to 64M",
				  value, SECTOR_SIZE);
	case OPT_JSON:
		opts->json = true;
		return 0;
	default:
		return BLK_EXIT_USAGE;
	}
}

/* ---- open and close ---- */

int target_open(struct target *target, const struct target_opts *opts, bool write)
{
	char *why = NULL;
	int err;

	memset(target, 0, sizeof(*target));
	target->opts = opts;
	target->name = opts->image ? opts->image : opts->device;
	target->unit = opts->plain ? SECTOR_SIZE : opts->data_unit_size;
	target->file.fd = -1;
	err = secret_init();
	if (err)
		return msg_fail(BLK_EXIT_FAILED, "no memory for keys: %s", strerror(-err));
	if (opts->block_size < target->unit)
		return msg_fail(BLK_EXIT_USAGE, "a block is smaller than a data unit");
	err = blk_device_open(opts->device, opts->no_fallback, &target->dev, &why);
	if (err) {
		msg_err("%s", why ? why : strerror(-err));
		free(why);
		return BLK_EXIT_FAILED;
	}
	if (opts->image && target->dev->space != BLK_SPACE_FILE) {
		msg_err("%s: is not used by device %s, which has its own space", opts->image,
			opts->device);
		target_close(target);
		return BLK_EXIT_USAGE;
	}
	if (opts->image) {
		target->file.fd =
			open(opts->image, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
		if (target->file.fd < 0) {
			msg_err("%s: cannot be opened: %s", opts->image, strerror(errno));
			target_close(target);
			return BLK_EXIT_FAILED;
		}
	}
	return BLK_EXIT_DONE;
}

void target_close(struct target *target)
{
	blk_device_close(target->dev);
	blk_crypto_fallback_destroy();
	if (target->file.fd >= 0)
		close(target->file.fd);
	target->dev = NULL;
	target->file.fd = -1;
}

/* ---- keys ---- */

static int explain_start(int err, const struct target *target)
{
	switch (err) {
	case -ENOPKG:
		return msg_fail(BLK_EXIT_FAILED, "%s: %s, and %s", target->name,
				target->opts->inlinecrypt
					? "the device cannot encrypt like that"
					: "no device may encrypt without --inlinecrypt",
				target->opts->no_fallback ? "the fallback is off"
							  : "this build has no such cipher");
	default:
		return msg_fail(BLK_EXIT_FAILED, "%s: the key cannot be used: %s", target->name,
				strerror(-err));
	}
}

int target_key_new(struct target *target, const uint8_t *bytes, size_t size, const char *label,
		   struct blk_crypto_key **ret_key)
{
	const struct target_opts *opts = target->opts;
	const struct blk_crypto_mode *mode = &blk_crypto_modes[opts->mode];
	unsigned dun_bytes = (unsigned)opts->dun_bytes;
	struct blk_crypto_key *key;
	int err;

	if (size != mode->keysize)
		return msg_fail(BLK_EXIT_FAILED, "the key has %zu bytes: %s takes %u", size,
				mode->name, mode->keysize);
	if (!dun_bytes)
		dun_bytes = MAX(8u, blk_dun_size(opts->dun));
	if (dun_bytes > mode->ivsize)
		return msg_fail(
			BLK_EXIT_FAILED,
			"data unit numbers of %u bytes do not fit the IV of %s, which has %u",
			dun_bytes, mode->name, mode->ivsize);
	if (blk_dun_size(opts->dun) > dun_bytes)
		return msg_fail(BLK_EXIT_FAILED, "--dun has %u bytes, --dun-bytes allows %u",
				blk_dun_size(opts->dun), dun_bytes);
	key = secret_slab_alloc();
	if (!key)
		return msg_fail(BLK_EXIT_FAILED, "no memory for keys");
	err = blk_crypto_init_key(key, bytes, (unsigned)size, BLK_CRYPTO_KEY_TYPE_RAW, opts->mode,
				  dun_bytes, (unsigned)opts->data_unit_size,
				  opts->inlinecrypt ? BLK_CRYPTO_CFG_ALLOW_HW : 0);
	if (!err) {
		blk_crypto_label_key(key, label, strlen(label));
		err = blk_crypto_start_using_key(target->dev, key);
	}
	if (err) {
		secret_slab_free(key);
		return explain_start(err, target);
	}
	*ret_key = key;
	return BLK_EXIT_DONE;
}

void target_key_free(struct target *target, struct blk_crypto_key *key)
{
	if (!key)
		return;
	blk_crypto_evict_key(target->dev, key);
	secret_slab_free(key);
}

int target_key_read(struct target *target, struct blk_crypto_key **ret_key)
{
	const char *path = target->opts->key;
	bool is_stdin = !strcmp(path, "-");
	struct secretbuf buf;
	int err, fd;

	if (secretbuf_init(&buf) < 0)
		return msg_fail(BLK_EXIT_FAILED, "no memory for keys");
	fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : secretbuf_read_all(&buf, fd, BLK_CRYPTO_MAX_ANY_KEY_SIZE);
	if (fd >= 0 && !is_stdin)
		close(fd);
	if (err)
		err = msg_fail(BLK_EXIT_FAILED, "%s: no key can be read: %s", path,
			       err == -E2BIG ? "it is longer than any" : strerror(-err));
	else
		err = target_key_new(target, buf.data, buf.len, "key", ret_key);
	secretbuf_free(&buf);
	return err;
}

/* ---- requests ---- */

int target_io(struct target *target, enum bio_op op, const struct blk_crypto_key *key, uint64_t pos,
	      const struct iovec *iov, unsigned vcnt)
{
	struct bio bio;

	bio_init(&bio, target->dev, &target->file, op, pos >> SECTOR_SHIFT, iov, vcnt);
	if (key) {
		uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];

		memcpy(dun, target->opts->dun, sizeof(dun));
		bio_crypt_dun_increment(dun, pos >> key->data_unit_size_bits);
		bio_crypt_set_ctx(&bio, key, dun);
	}
	return submit_bio_wait(&bio);
}

int target_flush(struct target *target)
{
	return target_io(target, REQ_OP_FLUSH, NULL, 0, NULL, 0);
}
