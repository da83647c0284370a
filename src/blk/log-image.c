/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-image.c - the log of an image, which is writes and flushes of one file, done again in a copy
 */
#include "blk/blk.h"
#include "blk/log.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "cli/msg.h"
#include "util/io.h"

int replay_check_image(struct replay *re, const struct log_record *rec)
{
	if (rec->op == LOG_META + BLK_META_MARK)
		return BLK_EXIT_DONE;
	if (rec->op != LOG_WRITE && rec->op != LOG_FLUSH)
		return msg_fail(BLK_EXIT_FAILED,
				"%s: is a file, and the log is that of a store: it is replayed "
				"into a directory",
				re->name);
	if (re->have_ino && rec->ino != re->ino)
		return msg_fail(BLK_EXIT_FAILED, "%s: the log is that of several images", re->name);
	re->have_ino = true;
	re->ino = rec->ino;
	return BLK_EXIT_DONE;
}

int replay_image_record(struct replay *re, const struct log_record *rec)
{
	if (rec->op != LOG_WRITE || (re->opts->flushed_only && !replay_was_flushed(re, rec)))
		return 0;
	return io_pwrite(re->objects.root_fd, rec->data, rec->data_len, (off_t)rec->pos);
}
