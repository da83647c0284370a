/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flakey.c - fails for a while: errors, drops or corrupts */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/devices/devices.h"

enum flakey_mode {
	FLAKEY_ERROR,	/* fail, and do nothing */
	FLAKEY_DROP,	/* writes: say that they are done, and do nothing */
	FLAKEY_CORRUPT, /* one byte of what is written, or of what was read */
};

struct flakey {
	enum flakey_mode mode;
	unsigned ops; /* mask of 1 << REQ_OP_* that are meant */
	int err;
	uint64_t byte; /* which one is corrupted, if the bio has it */
	/* When: all that are given must say so. None given: always. */
	uint64_t up, down;	/* microseconds from opening on, in turn; 0, 0: not by time */
	uint64_t good, bad;	/* bios that are meant, in turn; 0, 0: not by number */
	char *while_path;	/* as long as this exists */
	uint64_t start;		/* microseconds */
	_Atomic uint64_t count; /* of bios that are meant */
	/* Of 1000 that would be bad so many are: all, unless control() says otherwise. */
	_Atomic unsigned permille;
	_Atomic uint64_t drawn;
};

static uint64_t now_usecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int parse_mode(const struct blk_device_opt *opts, struct flakey *flakey, char **ret_why)
{
	static const char *const modes[] = {
		[FLAKEY_ERROR] = "error",
		[FLAKEY_DROP] = "drop",
		[FLAKEY_CORRUPT] = "corrupt",
	};
	static const unsigned presets[] = {
		[FLAKEY_ERROR] = 1 << REQ_OP_READ | 1 << REQ_OP_WRITE | 1 << REQ_OP_FLUSH,
		[FLAKEY_DROP] = 1 << REQ_OP_WRITE,
		[FLAKEY_CORRUPT] = 1 << REQ_OP_WRITE,
	};
	const char *value = blk_device_opt_get(opts, "mode");
	unsigned mode = 0;
	int err;

	while (value && mode < ARRAY_SIZE(modes) && strcmp(modes[mode], value) != 0)
		mode++;
	if (mode == ARRAY_SIZE(modes))
		return blk_device_fail(ret_why, -EINVAL, "mode=%s is not error, drop or corrupt",
				       value);
	flakey->mode = (enum flakey_mode)mode;
	err = blk_opt_ops(opts, "what", presets[mode], &flakey->ops, ret_why);
	if (err)
		return err;
	if (mode == FLAKEY_DROP && flakey->ops & 1 << REQ_OP_READ)
		return blk_device_fail(ret_why, -EINVAL, "a read cannot be dropped");
	if (mode == FLAKEY_CORRUPT && flakey->ops & 1 << REQ_OP_FLUSH)
		return blk_device_fail(ret_why, -EINVAL, "a flush cannot be corrupted");
	return 0;
}

static int parse_when(const struct blk_device_opt *opts, struct flakey *flakey, char **ret_why)
{
	const char *path;
	int err;

	err = blk_opt_usecs(opts, "up", 0, &flakey->up, ret_why);
	if (!err)
		err = blk_opt_usecs(opts, "down", 0, &flakey->down, ret_why);
	if (!err)
		err = blk_opt_number(opts, "good", 0, 0, UINT32_MAX, &flakey->good, ret_why);
	if (!err)
		err = blk_opt_number(opts, "bad", 0, 0, UINT32_MAX, &flakey->bad, ret_why);
	if (!err)
		err = blk_opt_path(opts, "while", &path, ret_why);
	if (err)
		return err;
	if (path) {
		flakey->while_path = strdup(path);
		if (!flakey->while_path)
			return -ENOMEM;
	}
	return 0;
}

static int flakey_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "mode", "what", "errno", "byte",  "up",
					     "down", "good", "bad",   "while", NULL };
	struct flakey *flakey;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (err)
		return err;
	flakey = calloc(1, sizeof(*flakey));
	if (!flakey)
		return -ENOMEM;
	flakey->start = now_usecs();
	atomic_store(&flakey->permille, 1000);
	err = parse_mode(opts, flakey, ret_why);
	if (!err)
		err = parse_when(opts, flakey, ret_why);
	if (!err)
		err = blk_opt_errno(opts, "errno", -EIO, &flakey->err, ret_why);
	if (!err)
		err = blk_opt_number(opts, "byte", 0, 0, UINT32_MAX, &flakey->byte, ret_why);
	if (err) {
		free(flakey->while_path);
		free(flakey);
		return err;
	}
	dev->private = flakey;
	return 0;
}

static void flakey_close(struct blk_device *dev)
{
	struct flakey *flakey = dev->private;

	free(flakey->while_path);
	free(flakey);
}

/* In an order that looks random and is the same each time. */
static bool is_drawn(struct flakey *flakey)
{
	unsigned permille = atomic_load(&flakey->permille);

	if (permille >= 1000 || permille == 0)
		return permille != 0;
	return (atomic_fetch_add(&flakey->drawn, 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % 1000 <
	       permille;
}

static int flakey_control(struct blk_device *dev, enum blk_device_control what, unsigned value)
{
	struct flakey *flakey = dev->private;

	if (what != BLK_CONTROL_FAIL_IO)
		return -EOPNOTSUPP;
	atomic_store(&flakey->permille, value);
	return 0;
}

static bool is_bad_now(struct flakey *flakey, const struct bio *bio)
{
	if (!(flakey->ops & 1u << bio->bi_op))
		return false;
	if (flakey->while_path && access(flakey->while_path, F_OK) != 0)
		return false;
	if (flakey->up + flakey->down > 0 &&
	    (now_usecs() - flakey->start) % (flakey->up + flakey->down) < flakey->up)
		return false;
	if (flakey->good + flakey->bad > 0 &&
	    atomic_fetch_add(&flakey->count, 1) % (flakey->good + flakey->bad) < flakey->good)
		return false;
	return is_drawn(flakey);
}

/* The byte that is corrupted, or NULL when the bio has none there. */
static uint8_t *bad_byte(const struct flakey *flakey, const struct bio *bio)
{
	uint64_t at = flakey->byte;
	struct bio_iter iter;
	struct iovec seg;

	bio_for_each_segment(seg, bio, iter)
	{
		if (at < seg.iov_len)
			return (uint8_t *)seg.iov_base + at;
		at -= seg.iov_len;
	}
	return NULL;
}

/* Of a copy: the caller's memory is not ours to change. */
static void corrupt_write(const struct flakey *flakey, struct blk_device *child, struct bio *bio)
{
	struct iovec iov = { .iov_base = malloc(bio->bi_size), .iov_len = bio->bi_size };
	struct bio_iter iter;
	struct iovec seg;
	struct bio copy;
	size_t at = 0;

	if (!iov.iov_base) {
		bio_end_status(bio, BLK_STS_RESOURCE);
		return;
	}
	bio_for_each_segment(seg, bio, iter)
	{
		memcpy((uint8_t *)iov.iov_base + at, seg.iov_base, seg.iov_len);
		at += seg.iov_len;
	}
	((uint8_t *)iov.iov_base)[flakey->byte] ^= 0xff;
	bio_clone(bio, &copy, child);
	copy.bi_iov = &iov;
	copy.bi_vcnt = 1;
	copy.bi_skip = 0;
	submit_bio_wait(&copy);
	bio->bi_status = copy.bi_status;
	bio->bi_errno = copy.bi_errno;
	free(iov.iov_base);
	bio_endio(bio);
}

static void corrupt_read(const struct flakey *flakey, struct blk_device *child, struct bio *bio)
{
	if (bio_submit_clone(bio, child, bio->bi_sector))
		*bad_byte(flakey, bio) ^= 0xff;
	bio_endio(bio);
}

static void flakey_submit_bio(struct blk_device *dev, struct bio *bio)
{
	struct flakey *flakey = dev->private;

	if (!is_bad_now(flakey, bio))
		bio_pass(bio, dev->children[0]);
	else if (flakey->mode == FLAKEY_ERROR)
		bio_end_errno(bio, flakey->err);
	else if (flakey->mode == FLAKEY_DROP)
		bio_end_status(bio, BLK_STS_OK);
	else if (!bad_byte(flakey, bio))
		bio_pass(bio, dev->children[0]);
	else if (bio->bi_op == REQ_OP_WRITE)
		corrupt_write(flakey, dev->children[0], bio);
	else
		corrupt_read(flakey, dev->children[0], bio);
}

const struct blk_device_type dev_flakey_type = {
	.name = "flakey",
	.help = "fails for a while (mode=error|drop|corrupt,what=OPS,up=TIME,down=TIME,good=N,bad=N,"
		"while=PATH,errno=NAME,byte=N)",
	.max_children = 1,
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TARGET,
	.open = flakey_open,
	.close = flakey_close,
	.submit_bio = flakey_submit_bio,
	.control = flakey_control,
};
