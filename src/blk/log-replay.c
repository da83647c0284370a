/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-replay.c - a copy of a store becomes what the store was at a point of its log */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk/blk.h"
#include "blk/log.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "cli/msg.h"

struct synced {
	uint64_t ino, index; /* the last flush that worked */
};

static bool is_sync(const struct log_record *rec)
{
	return rec->op == LOG_FLUSH || rec->op == LOG_META + BLK_META_SYNC;
}

static bool is_mark(const struct log_record *rec)
{
	return rec->op == LOG_META + BLK_META_MARK;
}

/* ---- first pass: the point, and what was flushed by then ---------------------------------- */

static int compare_synced(const void *a, const void *b)
{
	const struct synced *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int note_flush(struct replay *re, const struct log_record *rec)
{
	struct synced key = { .ino = rec->ino }, *s, **at;

	if (rec->failed)
		return 0;
	if (rec->op == LOG_META + BLK_META_SYNCFS)
		re->all = rec->index;
	if (is_sync(rec) || rec->op == LOG_META + BLK_META_SYNCFS ||
	    rec->op == LOG_META + BLK_META_REPLACE)
		re->commit = rec->index;
	if (!is_sync(rec))
		return 0;
	at = tfind(&key, &re->synced, compare_synced);
	if (!at) {
		s = malloc(sizeof(*s));
		if (!s)
			return -ENOMEM;
		*s = key;
		at = tsearch(s, &re->synced, compare_synced);
		if (!at) {
			free(s);
			return -ENOMEM;
		}
	}
	(*at)->index = rec->index;
	return 0;
}

bool replay_was_flushed(const struct replay *re, const struct log_record *rec)
{
	struct synced key = { .ino = rec->ino };
	struct synced **at = tfind(&key, &re->synced, compare_synced);

	return rec->index < re->all || (at && rec->index < (*at)->index);
}

static bool is_the_mark(const struct replay *re, const struct log_record *rec)
{
	const char *mark = re->opts->mark;

	return mark && is_mark(rec) && rec->data_len == strlen(mark) &&
	       !memcmp(rec->data, mark, rec->data_len);
}

static int find_point(struct replay *re)
{
	const struct log_record *rec;
	bool found = false;
	int r, code;

	log_reader_rewind(re->log);
	while (!found && (r = log_reader_next(re->log, &rec)) > 0) {
		if (re->opts->have_count && rec->index > re->opts->count)
			break;
		code = re->opts->image ? replay_check_image(re, rec) : BLK_EXIT_DONE;
		if (code)
			return code;
		if (note_flush(re, rec) < 0)
			return msg_fail(BLK_EXIT_FAILED, "no memory for a log");
		re->stop = rec->index;
		found = is_the_mark(re, rec);
		if (re->opts->have_count && rec->index == re->opts->count)
			break;
	}
	if (!found && r < 0) {
		if (r != -EBADMSG && r != -ENODATA)
			return msg_fail(BLK_EXIT_FAILED, "the log: %s", re->log->why);
		re->res->damaged = true;
	}
	if (re->opts->mark && !found)
		return msg_fail(BLK_EXIT_FAILED, "the log has no mark \"%s\"%s%s", re->opts->mark,
				re->res->damaged ? " before its damage: " : "",
				re->res->damaged ? re->log->why : "");
	if (re->opts->have_count && re->stop < re->opts->count && !re->res->damaged)
		return msg_fail(BLK_EXIT_FAILED, "the log has only %" PRIu64 " records", re->stop);
	return BLK_EXIT_DONE;
}

/* ---- second pass -------------------------------------------------------------------------- */

static const char *explain(int err)
{
	switch (err) {
	case -ESTALE:
		return "it is about something that is not there, or cannot be done";
	case -EXDEV:
		return "it moves what came into the store without the log";
	default:
		return strerror(-err);
	}
}

static int stopped(const struct replay *re, const struct log_record *rec, int err)
{
	if (err == REPLAY_IS_OTHER)
		return BLK_EXIT_FAILED; /* reported */
	return msg_fail(BLK_EXIT_FAILED, "%s: record %" PRIu64 ", %s \"%s\": %s", re->name,
			rec->index, log_op_name(rec->op), rec->name, explain(err));
}

static int one_record(struct replay *re, const struct log_record *rec)
{
	int err;

	if (rec->op == LOG_META + BLK_META_BASE) {
		err = replay_base(re, rec);
		return err == 0 ? 0 : stopped(re, rec, err);
	}
	if (!re->checked && is_mark(rec) && !re->objects.root)
		return 0; /* somebody's, before the mount */
	err = re->opts->image ? 0 : replay_check_copy(re);
	if (err)
		return stopped(re, rec, err);
	if (rec->failed) {
		re->res->failed++;
		return 0;
	}
	if (re->opts->flushed_only && rec->index > re->commit)
		return 0;
	err = re->opts->image ? replay_image_record(re, rec) : replay_record(re, rec);
	return err == 0 ? 0 : stopped(re, rec, err);
}

static int second_pass(struct replay *re)
{
	const struct log_record *rec;
	int r = 0, err, code = BLK_EXIT_DONE;

	log_reader_rewind(re->log);
	while (code == BLK_EXIT_DONE && (r = log_reader_next(re->log, &rec)) > 0) {
		if (rec->index > re->stop)
			break;
		code = one_record(re, rec);
		if (code == BLK_EXIT_DONE)
			re->res->records = rec->index;
	}
	/* Damage has been met before, behind what counts; anything else is new. */
	if (code == BLK_EXIT_DONE && r < 0 && !(re->res->damaged && re->res->records == re->stop))
		code = msg_fail(BLK_EXIT_FAILED, "%s: as after record %" PRIu64 " only: the log %s",
				re->name, re->res->records, re->log->why);
	if (code == BLK_EXIT_DONE && !re->opts->image) {
		err = replay_check_copy(re);
		if (err && err != REPLAY_IS_OTHER)
			msg_err("%s: cannot be compared with the log: %s", re->name, explain(err));
		code = err ? BLK_EXIT_FAILED : BLK_EXIT_DONE;
	}
	return code;
}

static int flush(const struct replay *re)
{
	int fd = re->objects.root_fd;

	if (re->res->records == 0 || (re->opts->image ? fsync(fd) : syncfs(fd)) == 0)
		return BLK_EXIT_DONE;
	return msg_fail(BLK_EXIT_FAILED, "%s: cannot be flushed: %s", re->name, strerror(errno));
}

int log_replay(struct log_reader *log, int fd, const char *name, const struct replay_opts *opts,
	       struct replay_result *ret)
{
	struct replay re = {
		.log = log,
		.opts = opts,
		.res = ret,
		.name = name,
		.objects = { .root_fd = fd },
		.fd = -1,
	};
	mode_t mask = umask(0);
	int code;

	memset(ret, 0, sizeof(*ret));
	code = find_point(&re);
	if (code == BLK_EXIT_DONE)
		code = second_pass(&re);
	if (code == BLK_EXIT_DONE)
		code = flush(&re);
	umask(mask);
	if (re.fd >= 0)
		close(re.fd);
	tdestroy(re.synced, free);
	objects_free(&re.objects);
	return code;
}
