/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-key-wrapped.c - fuscrypt key import-, generate-, prepare-wrapped: keys that a device wraps */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-wrapped.h"
#include "blkcrypto/blk-device.h"
#include "cli/exitcode.h"
#include "cli/key-args.h"
#include "cli/key-write.h"
#include "cli/mount-keys.h"
#include "cli/mounted-store.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/verbs.h"
#include "fs/wrapped.h"
#include "util/secret.h"

static const struct option import_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ NULL },
};
static const struct option generate_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ NULL },
};
/* Without --device: what a device that stops at once prepares is of no use. */
static const struct option prepare_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "key", required_argument, NULL, OPT_KEY },
	{ NULL },
};

/* ---- who does it ---- */

static const char *reason(int err)
{
	return err == -EINVAL ? "the device takes no keys of this length" : strerror(-err);
}

/* A device of our own: its long-term keys are those of every device with the same hardware key. */
static int ask_device(const char *spec, enum fs_wrapped_op op, struct secretbuf *key)
{
	uint8_t made[BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE];
	struct blk_device *dev;
	char *why = NULL;
	int r;

	r = blk_device_open(spec, false, &dev, &why);
	if (r < 0) {
		r = msg_fail(EXIT_FAILED, "%s", why ? why : strerror(-r));
		free(why);
		return r;
	}
	r = op == FS_WRAPPED_IMPORT ? blk_crypto_import_key(dev, key->data, key->len, made)
				    : blk_crypto_generate_key(dev, made);
	blk_device_close(dev);
	if (r == -EOPNOTSUPP)
		return msg_fail(EXIT_FAILED,
				"device %s: takes no wrapped keys, see fuscrypt-devices(7)", spec);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "device %s: the key cannot be made: %s", spec,
				reason(r));
	memcpy(key->data, made, (size_t)r);
	key->len = (size_t)r;
	secret_wipe(made, sizeof(made));
	return EXIT_DONE;
}

/* The device of a mount. */
static int ask_mount(const char *path, enum fs_wrapped_op op, struct secretbuf *key)
{
	struct fuscrypt_wrapped_key arg = { .op = op, .size = (uint32_t)key->len };
	int fd, r;

	r = mounted_store_open(path, &fd);
	if (r == -ENOTTY)
		return msg_fail(EXIT_FAILED, "%s: is not mounted%s", path,
				op == FS_WRAPPED_PREPARE ? "" : ": name the device with --device");
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(-r));
	memcpy(arg.key, key->data, key->len);
	r = ioctl(fd, FUSCRYPT_IOC_WRAPPED_KEY, &arg) < 0 ? errno : 0;
	close(fd);
	if (r == 0 && arg.size <= sizeof(arg.key)) {
		memcpy(key->data, arg.key, arg.size);
		key->len = arg.size;
	}
	secret_wipe(&arg, sizeof(arg));
	if (r == EINVAL)
		return msg_fail(EXIT_FAILED, "%s: the key cannot be made: %s", path, reason(-r));
	return r ? mount_keys_wrapped_failed(path, "the key cannot be made", r) : EXIT_DONE;
}

static int run(const struct verb *verb, int argc, char **argv, const struct option *options,
	       enum fs_wrapped_op op)
{
	struct key_args args;
	struct secretbuf key;
	int r = key_args_parse(verb, argc, argv, options, &args);

	if (r == 0)
		r = verb_want_args(verb, argc, args.device ? 0 : 1);
	if (r)
		return r;
	r = secret_init();
	if (r < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	if (op == FS_WRAPPED_GENERATE)
		r = secretbuf_init(&key) < 0 ? msg_fail(EXIT_FAILED, "no memory for keys")
					     : EXIT_DONE;
	else
		r = op == FS_WRAPPED_IMPORT ? raw_key_read(args.key, &key)
					    : wrapped_key_read(args.key, &key);
	if (r != EXIT_DONE)
		return r;
	r = args.device ? ask_device(args.device, op, &key) : ask_mount(argv[optind], op, &key);
	if (r == EXIT_DONE)
		r = key_write(&key, args.output);
	secretbuf_free(&key);
	return r;
}

int cmd_key_import_wrapped(const struct verb *verb, int argc, char **argv)
{
	return run(verb, argc, argv, import_options, FS_WRAPPED_IMPORT);
}

int cmd_key_generate_wrapped(const struct verb *verb, int argc, char **argv)
{
	return run(verb, argc, argv, generate_options, FS_WRAPPED_GENERATE);
}

int cmd_key_prepare_wrapped(const struct verb *verb, int argc, char **argv)
{
	return run(verb, argc, argv, prepare_options, FS_WRAPPED_PREPARE);
}
