/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer.c - fuscrypt-blk read, write and verify: between a file or pipe and the engine */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk/blk.h"
#include "blkcrypto/blk-device.h"
#include "cli/msg.h"
#include "util/io.h"
#include "util/secret.h"

enum { OPT_OFFSET = OPT_OWN, OPT_LENGTH, OPT_PAD };

struct transfer {
	struct target_opts opts;
	struct target target;
	struct blk_crypto_key *key;
	const char *path; /* the file on our side; "-" */
	int fd;
	uint8_t *buf, *other; /* a block each; the second for verify */
	uint64_t offset, length;
	bool have_length, pad;
	uint64_t done; /* bytes */
};

/* ---- command line ---- */

static const struct option read_options[] = {
	TARGET_OPTIONS,
	{ "key", required_argument, NULL, OPT_KEY },
	{ "plain", no_argument, NULL, OPT_PLAIN },
	{ "dun", required_argument, NULL, OPT_DUN },
	{ "offset", required_argument, NULL, OPT_OFFSET },
	{ "length", required_argument, NULL, OPT_LENGTH },
	{ "output", required_argument, NULL, 'o' },
	{ NULL },
};
static const struct option write_options[] = {
	TARGET_OPTIONS,
	{ "key", required_argument, NULL, OPT_KEY },
	{ "plain", no_argument, NULL, OPT_PLAIN },
	{ "dun", required_argument, NULL, OPT_DUN },
	{ "offset", required_argument, NULL, OPT_OFFSET },
	{ "length", required_argument, NULL, OPT_LENGTH },
	{ "pad", no_argument, NULL, OPT_PAD },
	{ "input", required_argument, NULL, 'i' },
	{ NULL },
};

static int take(struct transfer *t, const struct verb *verb, int c, const char *value)
{
	switch (c) {
	case 'i':
	case 'o':
		t->path = value;
		return 0;
	case OPT_PAD:
		t->pad = true;
		return 0;
	case OPT_LENGTH:
		t->have_length = true;
		return blk_parse_number(value, &t->length) == 0
			       ? 0
			       : verb_usage(verb, "%s: no number of bytes", value);
	case OPT_OFFSET:
		return blk_parse_number(value, &t->offset) == 0
			       ? 0
			       : verb_usage(verb, "%s: no number of bytes", value);
	default:
		return target_opts_take(&t->opts, verb, c, value);
	}
}

static int parse(struct transfer *t, const struct verb *verb, int argc, char **argv,
		 const char *shortopts, const struct option *options)
{
	bool first = true;
	int c, r;

	memset(t, 0, sizeof(*t));
	target_opts_init(&t->opts);
	t->path = "-";
	while ((c = verb_getopt(verb, argc, argv, shortopts, options, first)) != -1) {
		first = false;
		r = take(t, verb, c, optarg);
		if (r)
			return r;
	}
	if (argc - optind > 1)
		return verb_usage(verb, "too many words");
	t->opts.image = argv[optind];
	if (!t->opts.key == !t->opts.plain)
		return verb_usage(verb, "either --key or --plain is needed");
	if (t->opts.key && !strcmp(t->opts.key, "-") && !strcmp(t->path, "-") &&
	    shortopts[1] == 'i')
		return verb_usage(verb, "standard input is either the key or the data");
	return 0;
}

/* ---- set-up ---- */

/* The number of the last data unit, of @length bytes, must fit as that of the first does. */
static int check_last_dun(const struct transfer *t, uint64_t length)
{
	uint64_t last[BLK_CRYPTO_DUN_ARRAY_SIZE];

	if (!t->key || !length)
		return 0;
	memcpy(last, t->opts.dun, sizeof(last));
	bio_crypt_dun_increment(last, (t->offset + length - 1) >> t->key->data_unit_size_bits);
	if (blk_dun_size(last) <= t->key->crypto_cfg.dun_bytes &&
	    blk_dun_size(last) >= blk_dun_size(t->opts.dun))
		return 0;
	return msg_fail(BLK_EXIT_FAILED,
			"%s: the last data unit's number takes more than %u bytes (--dun-bytes)",
			t->target.name, t->key->crypto_cfg.dun_bytes);
}

static int check_range(struct transfer *t, bool to_end)
{
	size_t unit = t->target.unit;
	off_t end;

	if (!t->have_length && to_end) {
		if (!t->opts.image)
			return msg_fail(BLK_EXIT_USAGE, "%s: how much? --length says",
					t->target.name);
		end = lseek(t->target.file.fd, 0, SEEK_END);
		if (end < 0)
			return msg_fail(BLK_EXIT_FAILED, "%s: its size is not known: %s",
					t->target.name, strerror(errno));
		t->length = (uint64_t)end > t->offset ? (uint64_t)end - t->offset : 0;
	}
	if (t->offset % unit || t->length % unit)
		return msg_fail(BLK_EXIT_FAILED,
				"%s: %s %" PRIu64 " is not a multiple of %s, %zu bytes",
				t->target.name, t->offset % unit ? "offset" : "length",
				t->offset % unit ? t->offset : t->length,
				t->opts.plain ? "a sector" : "the data unit size", unit);
	if (t->offset > INT64_MAX || t->length > INT64_MAX - t->offset)
		return msg_fail(BLK_EXIT_FAILED, "%s: past the end of any device", t->target.name);
	return check_last_dun(t, t->length);
}

/* The file on our side, which must not be what it is made of. */
static int open_side(struct transfer *t, bool write, int flags)
{
	struct stat ours, image;

	t->fd = open(t->path, flags | O_CLOEXEC, 0600);
	if (t->fd < 0 || fstat(t->fd, &ours) < 0)
		return msg_fail(BLK_EXIT_FAILED, "%s: cannot be opened: %s", t->path,
				strerror(errno));
	if ((flags != O_RDONLY || (write && t->offset)) && t->opts.image &&
	    fstat(t->target.file.fd, &image) == 0 && ours.st_dev == image.st_dev &&
	    ours.st_ino == image.st_ino)
		return msg_fail(BLK_EXIT_FAILED, "%s: is the image itself", t->path);
	/* Not by O_TRUNC: now it is known what that would empty. */
	if (flags != O_RDONLY && S_ISREG(ours.st_mode) && ftruncate(t->fd, 0) < 0)
		return msg_fail(BLK_EXIT_FAILED, "%s: cannot be emptied: %s", t->path,
				strerror(errno));
	return BLK_EXIT_DONE;
}

static int set_up(struct transfer *t, bool write, bool to_end, int flags)
{
	int r = target_open(&t->target, &t->opts, write);

	t->fd = -1;
	if (r)
		return r;
	if (t->target.dev->space == BLK_SPACE_FILE && !t->opts.image)
		return msg_fail(BLK_EXIT_USAGE,
				"%s: the device has no file of its own: name an image",
				t->target.name);
	if (t->opts.key)
		r = target_key_read(&t->target, &t->key);
	if (r == 0)
		r = check_range(t, to_end);
	if (r == 0) {
		t->buf = malloc(t->opts.block_size);
		t->other = malloc(t->opts.block_size);
		if (!t->buf || !t->other)
			r = msg_fail(BLK_EXIT_FAILED, "no memory for a block");
	}
	if (r == 0 && !strcmp(t->path, "-"))
		t->fd = flags == O_RDONLY ? STDIN_FILENO : STDOUT_FILENO;
	else if (r == 0)
		r = open_side(t, write, flags);
	return r;
}

static int tear_down(struct transfer *t, int r)
{
	if (r == BLK_EXIT_DONE && t->opts.json)
		r = output_record(true, json_pack("{s:I, s:o, s:o}", "bytes", (json_int_t)t->done,
						  "profiles", figures_profiles(&t->target),
						  "devices", figures_devices(&t->target))) < 0
			    ? BLK_EXIT_FAILED
			    : output_finish();
	if (t->fd > STDERR_FILENO && close(t->fd) < 0 && r == BLK_EXIT_DONE)
		r = msg_fail(BLK_EXIT_FAILED, "%s: cannot be written: %s", t->path,
			     strerror(errno));
	if (t->target.dev) {
		target_key_free(&t->target, t->key);
		target_close(&t->target);
	}
	/* Plaintext of somebody's. */
	if (t->buf)
		secret_wipe(t->buf, t->opts.block_size);
	if (t->other)
		secret_wipe(t->other, t->opts.block_size);
	free(t->buf);
	free(t->other);
	return r;
}

static int run(struct transfer *t, bool write, bool to_end, int flags,
	       int (*all)(struct transfer *t))
{
	int r = set_up(t, write, to_end, flags);

	if (r == BLK_EXIT_DONE)
		r = all(t);
	return tear_down(t, r);
}

static int engine_failed(const struct transfer *t, const char *what, int err)
{
	return msg_fail(BLK_EXIT_FAILED, "%s: %s at byte %" PRIu64 ": %s", t->target.name, what,
			t->offset + t->done, strerror(-err));
}

static const char *side(const struct transfer *t, const char *standard)
{
	return strcmp(t->path, "-") ? t->path : standard;
}

/* The next block of input, whole data units: *ret_len 0 at the end. An exit code, reported. */
static int next_input(struct transfer *t, uint8_t *buf, size_t *ret_len)
{
	size_t want = t->opts.block_size, rest, unit = t->target.unit;
	ssize_t n;

	if (t->have_length)
		want = MIN(want, t->length - t->done);
	n = io_read(t->fd, buf, want);
	if (n < 0)
		return msg_fail(BLK_EXIT_FAILED, "%s: cannot be read: %s",
				side(t, "standard input"), strerror((int)-n));
	if (t->have_length && (size_t)n < want)
		return msg_fail(BLK_EXIT_FAILED,
				"%s: ends after %" PRIu64 " bytes of %" PRIu64 " (--length)",
				side(t, "standard input"), t->done + (uint64_t)n, t->length);
	rest = (size_t)n % unit;
	if (rest && !t->pad)
		return msg_fail(BLK_EXIT_FAILED,
				"%s: %" PRIu64 " bytes are not a multiple of %zu: --pad fills the "
				"last unit with zeros",
				side(t, "standard input"), t->done + (uint64_t)n, unit);
	if (rest) {
		memset(buf + n, 0, unit - rest);
		n += (ssize_t)(unit - rest);
	}
	*ret_len = (size_t)n;
	return BLK_EXIT_DONE;
}

static int engine_io(struct transfer *t, enum bio_op op, uint8_t *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return target_io(&t->target, op, t->key, t->offset + t->done, &iov, 1);
}

/* ---- read ---- */

static int read_all(struct transfer *t)
{
	while (t->done < t->length) {
		size_t len = MIN(t->opts.block_size, t->length - t->done);
		int err = engine_io(t, REQ_OP_READ, t->buf, len);

		if (err)
			return engine_failed(t, "reading", err);
		err = io_write(t->fd, t->buf, len);
		if (err)
			return msg_fail(BLK_EXIT_FAILED, "%s: cannot be written: %s",
					side(t, "standard output"), strerror(-err));
		t->done += len;
	}
	return BLK_EXIT_DONE;
}

int cmd_read(const struct verb *verb, int argc, char **argv)
{
	struct transfer t;
	int r = parse(&t, verb, argc, argv, ":o:", read_options);

	if (r)
		return r;
	if (t.opts.json && !strcmp(t.path, "-"))
		return verb_usage(verb, "--json needs -o FILE: the data goes to standard output");
	return run(&t, false, true, O_WRONLY | O_CREAT, read_all);
}

/* ---- write ---- */

static int write_all(struct transfer *t)
{
	size_t len;
	int r, err;

	while (!t->have_length || t->done < t->length) {
		r = next_input(t, t->buf, &len);
		if (r == 0)
			r = check_last_dun(t, t->done + len);
		if (r || !len)
			break;
		err = engine_io(t, REQ_OP_WRITE, t->buf, len);
		if (err)
			return engine_failed(t, "writing", err);
		t->done += len;
		r = BLK_EXIT_DONE;
	}
	err = target_flush(&t->target);
	if (err)
		return msg_fail(BLK_EXIT_FAILED, "%s: cannot be flushed: %s", t->target.name,
				strerror(-err));
	return r;
}

int cmd_write(const struct verb *verb, int argc, char **argv)
{
	struct transfer t;
	int r = parse(&t, verb, argc, argv, ":i:", write_options);

	return r ? r : run(&t, true, false, O_RDONLY, write_all);
}

/* ---- verify ---- */

/* How many data units of a block differ; the first is reported. */
static uint64_t compare(struct transfer *t, size_t len, bool report)
{
	size_t unit = t->target.unit, pos, at;
	uint64_t bad = 0;

	for (pos = 0; pos < len; pos += unit) {
		if (!memcmp(t->buf + pos, t->other + pos, unit))
			continue;
		for (at = pos; t->buf[at] == t->other[at]; at++)
			;
		if (report && !bad)
			msg_err("%s: differs from %s at byte %" PRIu64 " of the %s", t->target.name,
				side(t, "standard input"), t->offset + t->done + at,
				t->opts.image ? "image" : "device");
		bad++;
	}
	return bad;
}

static int verify_all(struct transfer *t)
{
	uint64_t bad = 0;
	size_t len;
	int r = BLK_EXIT_DONE, err;

	while (!t->have_length || t->done < t->length) {
		r = next_input(t, t->other, &len);
		if (r == 0)
			r = check_last_dun(t, t->done + len);
		if (r || !len)
			break;
		err = engine_io(t, REQ_OP_READ, t->buf, len);
		if (err)
			return engine_failed(t, "reading", err);
		bad += compare(t, len, bad == 0);
		t->done += len;
	}
	if (r || !bad)
		return r;
	return msg_fail(BLK_EXIT_MISMATCH, "%s: %" PRIu64 " of %" PRIu64 " %s differ",
			t->target.name, bad, t->done / t->target.unit,
			t->opts.plain ? "sectors" : "data units");
}

int cmd_verify(const struct verb *verb, int argc, char **argv)
{
	struct transfer t;
	int r = parse(&t, verb, argc, argv, ":i:", write_options);

	return r ? r : run(&t, false, false, O_RDONLY, verify_all);
}
