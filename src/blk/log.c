/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c - fuscrypt-blk log list, mark and replay: the logs of a log device */
#include "blk/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk/blk.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "cli/msg.h"
#include "util/bits.h"

#define MARK_MAX 4096

enum { OPT_TO = OPT_OWN, OPT_RECORDS, OPT_FLUSHED_ONLY };

static int open_log(const char *path, int flags, struct log_reader *ret_log)
{
	int err, fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return msg_fail(BLK_EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
	err = log_reader_init(ret_log, fd);
	if (!err)
		return BLK_EXIT_DONE;
	close(fd);
	return msg_fail(BLK_EXIT_FAILED, "%s: %s", path,
			err == -EINVAL ? "is no regular file" : strerror(-err));
}

static void close_log(struct log_reader *log)
{
	close(log->fd);
	log_reader_free(log);
}

/* ---- list ---- */

/* Names and marks are bytes that others chose: none of them may act on a terminal. */
static void put_text(const char *before, const void *text, size_t len)
{
	const uint8_t *p = text;

	if (!len)
		return;
	printf("%s\"", before);
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] >= 0x7f || p[i] == '"' || p[i] == '\\')
			printf("\\x%02x", p[i]);
		else
			putchar(p[i]);
	putchar('"');
}

static bool has_text(const struct log_record *rec)
{
	return rec->op == LOG_META + BLK_META_MARK || rec->op == LOG_META + BLK_META_SYMLINK;
}

static void put_number(const char *name, uint64_t n)
{
	if (n)
		printf(" %s=%" PRIu64, name, n);
}

static int list_text(const struct log_record *rec)
{
	if (rec->op == LOG_META + BLK_META_BASE)
		printf("%7s", "-");
	else
		printf("%7" PRIu64, rec->index);
	printf(" %-9s", log_op_name(rec->op));
	if (rec->failed)
		printf(" failed");
	put_number("ino", rec->ino);
	put_number("dir", rec->dir);
	put_number("dir2", rec->dir2);
	put_number("pos", rec->pos);
	put_number("len", rec->data_len ? rec->data_len : rec->len);
	if (rec->mode)
		printf(" mode=%o", rec->mode);
	put_number("flags", rec->flags);
	put_text(" ", rec->name, strlen(rec->name));
	put_text(" ", rec->name2, strlen(rec->name2));
	if (has_text(rec))
		put_text(" ", rec->data, rec->data_len);
	putchar('\n');
	return ferror(stdout) ? -EIO : 0;
}

/* A text, or null; as hex too where it is no UTF-8 and would not survive. */
static void set_text(json_t *o, const char *key, const char *hex_key, const char *text)
{
	json_object_set_new(o, key, output_string(text));
	if (!output_is_utf8(text))
		json_object_set_new(o, hex_key, output_hex(text, strlen(text)));
}

static int list_json(const struct log_record *rec)
{
	char text[MARK_MAX + 1];
	json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "operation",
			      log_op_name(rec->op), "failed", rec->failed, "inode",
			      (json_int_t)rec->ino, "directory", (json_int_t)rec->dir, "directory2",
			      (json_int_t)rec->dir2, "position", (json_int_t)rec->pos, "length",
			      (json_int_t)(rec->data_len ? rec->data_len : rec->len), "mode",
			      (json_int_t)rec->mode, "flags", (json_int_t)rec->flags);

	if (!o)
		return -ENOMEM;
	if (rec->op != LOG_META + BLK_META_BASE)
		json_object_set_new(o, "record", json_integer((json_int_t)rec->index));
	if (*rec->name)
		set_text(o, "name", "name_hex", rec->name);
	if (*rec->name2)
		set_text(o, "name2", "name2_hex", rec->name2);
	if (has_text(rec)) {
		size_t len = MIN(rec->data_len, MARK_MAX);

		memcpy(text, rec->data, len);
		text[len] = '\0';
		set_text(o, "text", "text_hex", text);
	}
	return output_record(true, o);
}

int cmd_log_list(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, OPT_JSON },
						 { NULL } };
	const struct log_record *rec;
	struct log_reader log;
	bool json = false, first = true;
	int c, r;

	while ((c = verb_getopt(verb, argc, argv, ":", options, first)) != -1) {
		first = false;
		if (c != OPT_JSON)
			return BLK_EXIT_USAGE;
		json = true;
	}
	r = verb_want_args(verb, argc, 1);
	if (r == 0)
		r = open_log(argv[optind], O_RDONLY, &log);
	if (r)
		return r;
	while ((r = log_reader_next(&log, &rec)) > 0)
		if ((json ? list_json(rec) : list_text(rec)) < 0)
			break;
	c = output_finish();
	if (r < 0)
		c = msg_fail(BLK_EXIT_FAILED, "%s: %s", argv[optind], log.why);
	close_log(&log);
	return c;
}

/* ---- mark ---- */

/*
 * One write(2) with O_APPEND, as those of the device are: it comes to lie between two records,
 * whoever else writes.
 */
static int append_mark(int fd, const char *text)
{
	uint8_t rec[LOG_HEADER_SIZE + MARK_MAX] = LOG_MAGIC;
	size_t len = strlen(text);
	ssize_t n;

	put_le16(rec + 4, LOG_META + BLK_META_MARK);
	put_le32(rec + 60, (uint32_t)len);
	memcpy(rec + LOG_HEADER_SIZE, text, len);
	do {
		n = write(fd, rec, LOG_HEADER_SIZE + len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (size_t)n < LOG_HEADER_SIZE + len ? -ENOSPC : 0;
}

int cmd_log_mark(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = { { NULL } };
	const struct log_record *rec;
	struct log_reader log;
	const char *path;
	int r, err;

	if (verb_getopt(verb, argc, argv, ":", options, true) != -1)
		return BLK_EXIT_USAGE;
	r = verb_want_args(verb, argc, 2);
	if (r)
		return r;
	path = argv[optind];
	if (!*argv[optind + 1] || strlen(argv[optind + 1]) > MARK_MAX)
		return verb_usage(verb, "a mark has from 1 to %d bytes", MARK_MAX);
	r = open_log(path, O_RDWR | O_APPEND | O_NOFOLLOW, &log);
	if (r)
		return r;
	/* Not into somebody's letter: it must begin as logs do. */
	err = log_reader_next(&log, &rec);
	if (err <= 0)
		r = msg_fail(BLK_EXIT_FAILED, "%s: is no log%s%s", path,
			     err ? ": " : ", it is empty", err ? log.why : "");
	else if ((err = append_mark(log.fd, argv[optind + 1])) < 0)
		r = msg_fail(BLK_EXIT_FAILED, "%s: cannot be written: %s", path, strerror(-err));
	close_log(&log);
	return r;
}

/* ---- replay ---- */

static int take_replay(struct replay_opts *opts, const struct verb *verb, int c, const char *value)
{
	switch (c) {
	case OPT_TO:
		opts->mark = value;
		return 0;
	case OPT_RECORDS:
		opts->have_count = true;
		return blk_parse_number(value, &opts->count) == 0
			       ? 0
			       : verb_usage(verb, "%s: no number of records", value);
	case OPT_FLUSHED_ONLY:
		opts->flushed_only = true;
		return 0;
	default:
		return BLK_EXIT_USAGE;
	}
}

static int report(const char *path, const char *dir, const struct replay_result *res,
		  const struct log_reader *log)
{
	printf("%s: as after record %" PRIu64 "\n", dir, res->records);
	if (res->failed)
		msg_err("%s: %" PRIu64
			" writes had failed and are left out; they may have happened "
			"in part",
			dir, res->failed);
	if (res->left_out)
		msg_err("%s: %" PRIu64 " names of the store changed between its mounts, without "
			"the log, and are left as they were",
			dir, res->left_out);
	if (res->damaged)
		msg_err("%s: damaged behind record %" PRIu64 ", and replayed up to there: %s", path,
			res->records, log->why);
	return res->damaged ? BLK_EXIT_FAILED : BLK_EXIT_DONE;
}

/* A copy of a store, or of an image: *ret_image. Or -1 with errno. */
static int open_copy(const char *path, bool *ret_image)
{
	struct stat st;

	/* What it is is known before it is opened for writing: it may be a pipe. */
	if (stat(path, &st) < 0)
		return -1;
	*ret_image = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
	return open(path, (*ret_image ? O_WRONLY | O_NOCTTY : O_RDONLY | O_DIRECTORY) | O_CLOEXEC);
}

int cmd_log_replay(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, OPT_TO },
		{ "records", required_argument, NULL, OPT_RECORDS },
		{ "flushed-only", no_argument, NULL, OPT_FLUSHED_ONLY },
		{ NULL },
	};
	struct replay_opts opts = { NULL };
	struct replay_result res;
	struct log_reader log;
	bool first = true;
	int c, r, fd;

	while ((c = verb_getopt(verb, argc, argv, ":", options, first)) != -1) {
		first = false;
		r = take_replay(&opts, verb, c, optarg);
		if (r)
			return r;
	}
	r = verb_want_args(verb, argc, 2);
	if (r == 0 && opts.mark && opts.have_count)
		r = verb_usage(verb, "either --to or --records");
	if (r == 0)
		r = open_log(argv[optind], O_RDONLY, &log);
	if (r)
		return r;
	fd = open_copy(argv[optind + 1], &opts.image);
	if (fd < 0) {
		r = msg_fail(BLK_EXIT_FAILED, "%s: cannot be opened: %s", argv[optind + 1],
			     strerror(errno));
	} else {
		r = log_replay(&log, fd, argv[optind + 1], &opts, &res);
		close(fd);
		if (r == BLK_EXIT_DONE)
			r = report(argv[optind], argv[optind + 1], &res, &log);
		if (output_finish() && r == BLK_EXIT_DONE)
			r = BLK_EXIT_FAILED;
	}
	close_log(&log);
	return r;
}
