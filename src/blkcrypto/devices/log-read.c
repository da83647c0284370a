/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-read.c - the records of a log device, read back one by one and believed only where they hold
 */
#include "blkcrypto/devices/log-read.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "util/bits.h"
#include "util/compiler.h"
#include "util/io.h"

#define DATA_MAX (UINT32_C(128) << 20) /* twice what fuscrypt-blk puts into a request */

/* What a record of an operation has; nothing else may be in it. */
enum {
	HAS_NAME = 1,
	HAS_NAME2 = 2,
	HAS_DATA = 4,
	MAY_NAME = 8, /* the root has none */
	IS_BULK = 16, /* the data is contents of a file */
};

static const struct {
	const char *name;
	unsigned has;
} ops[] = {
	[LOG_WRITE] = { "write", HAS_DATA | IS_BULK },
	[LOG_FLUSH] = { "flush", 0 },
	[LOG_META + BLK_META_CREATE] = { "create", HAS_NAME },
	[LOG_META + BLK_META_TMPFILE] = { "tmpfile", 0 },
	[LOG_META + BLK_META_MKDIR] = { "mkdir", HAS_NAME },
	[LOG_META + BLK_META_MKNOD] = { "mknod", HAS_NAME },
	[LOG_META + BLK_META_SYMLINK] = { "symlink", HAS_NAME | HAS_DATA },
	[LOG_META + BLK_META_LINK] = { "link", HAS_NAME },
	[LOG_META + BLK_META_RENAME] = { "rename", HAS_NAME | HAS_NAME2 },
	[LOG_META + BLK_META_UNLINK] = { "unlink", HAS_NAME },
	[LOG_META + BLK_META_RMDIR] = { "rmdir", HAS_NAME },
	[LOG_META + BLK_META_TRUNCATE] = { "truncate", 0 },
	[LOG_META + BLK_META_FALLOCATE] = { "fallocate", 0 },
	[LOG_META + BLK_META_WRITE] = { "pwrite", HAS_DATA | IS_BULK },
	[LOG_META + BLK_META_SYNC] = { "sync", 0 },
	[LOG_META + BLK_META_SYNCFS] = { "syncfs", 0 },
	[LOG_META + BLK_META_REPLACE] = { "replace", HAS_NAME | HAS_DATA | IS_BULK },
	[LOG_META + BLK_META_MARK] = { "mark", HAS_DATA },
	[LOG_META + BLK_META_BASE] = { "base", MAY_NAME },
};

const char *log_op_name(unsigned op)
{
	return op < ARRAY_SIZE(ops) ? ops[op].name : NULL;
}

int log_reader_init(struct log_reader *r, int fd)
{
	struct stat st;

	memset(r, 0, sizeof(*r));
	r->fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r->size = (uint64_t)st.st_size;
	return 0;
}

void log_reader_free(struct log_reader *r)
{
	free(r->buf);
	r->buf = NULL;
}

void log_reader_rewind(struct log_reader *r)
{
	r->at = 0;
	r->index = 0;
}

static int bad(struct log_reader *r, const char *what)
{
	snprintf(r->why, sizeof(r->why), "%s at byte %" PRIu64, what, r->at);
	return -EBADMSG;
}

static int cut(struct log_reader *r)
{
	snprintf(r->why, sizeof(r->why), "it ends within the record at byte %" PRIu64, r->at);
	return -ENODATA;
}

/* One component, which cannot lead elsewhere. */
static bool take_name(char ret_name[static 256], const uint8_t *text, size_t len, bool needed)
{
	if (len == 0 || len > NAME_MAX)
		return len == 0 && !needed;
	if (memchr(text, '/', len) || memchr(text, '\0', len) || (len == 1 && text[0] == '.') ||
	    (len == 2 && text[0] == '.' && text[1] == '.'))
		return false;
	memcpy(ret_name, text, len);
	return true;
}

static bool range_fits(uint64_t pos, uint64_t len)
{
	return pos <= INT64_MAX && len <= INT64_MAX - pos;
}

/* Fields that a system call would take, or that none would. */
static bool fields_hold(const struct log_record *rec)
{
	switch (rec->op) {
	case LOG_WRITE:
	case LOG_META + BLK_META_WRITE:
		return range_fits(rec->pos, rec->data_len);
	case LOG_META + BLK_META_TRUNCATE:
		return range_fits(0, rec->len);
	case LOG_META + BLK_META_FALLOCATE:
		return rec->len > 0 && range_fits(rec->pos, rec->len);
	case LOG_META + BLK_META_SYMLINK:
		return rec->data_len > 0 && rec->data_len < PATH_MAX &&
		       !memchr(rec->data, '\0', rec->data_len);
	default:
		return true;
	}
}

static int fill(struct log_reader *r, size_t len)
{
	uint8_t *buf;
	ssize_t n;

	if (len >= r->cap) {
		buf = realloc(r->buf, len + 1);
		if (!buf)
			return -ENOMEM;
		r->buf = buf;
		r->cap = len + 1;
	}
	n = io_pread(r->fd, r->buf, len, (off_t)(r->at + LOG_HEADER_SIZE));
	return n < 0 ? (int)n : (size_t)n < len ? -ENODATA : 0;
}

int log_reader_next(struct log_reader *r, const struct log_record **ret_rec)
{
	struct log_record *rec = &r->rec;
	uint8_t head[LOG_HEADER_SIZE];
	size_t name, name2, data, bulk;
	ssize_t n;
	unsigned has;
	int err;

	if (r->at == r->size)
		return 0;
	n = io_pread(r->fd, head, MIN(sizeof(head), r->size - r->at), (off_t)r->at);
	if (n < 0)
		goto cannot_read;
	if (memcmp(head, LOG_MAGIC, MIN((size_t)n, (size_t)4)) != 0)
		return bad(r, "no record");
	if ((size_t)n < sizeof(head))
		return cut(r);
	memset(rec, 0, sizeof(*rec));
	rec->op = get_le16(head + 4);
	if (!log_op_name(rec->op) || get_le16(head + 6) > LOG_FAILED)
		return bad(r, "a record of an unknown kind");
	rec->failed = get_le16(head + 6) & LOG_FAILED;
	rec->ino = get_le64(head + 8);
	rec->dir = get_le64(head + 16);
	rec->dir2 = get_le64(head + 24);
	rec->pos = get_le64(head + 32);
	rec->len = get_le64(head + 40);
	rec->mode = get_le32(head + 48);
	rec->flags = get_le32(head + 52);
	name = get_le16(head + 56);
	name2 = get_le16(head + 58);
	data = get_le32(head + 60);
	has = ops[rec->op].has;
	if ((name2 && !(has & HAS_NAME2)) || (name && !(has & (HAS_NAME | MAY_NAME))) ||
	    (data && !(has & HAS_DATA)))
		return bad(r, "a record with what does not belong in it");
	if (data > DATA_MAX)
		return bad(r, "a record that is too long");
	if (name + name2 + data > r->size - r->at - LOG_HEADER_SIZE)
		return cut(r);
	bulk = r->skim && (has & IS_BULK) ? data : 0;
	err = fill(r, name + name2 + data - bulk);
	if (err == -ENODATA)
		return cut(r);
	n = err;
	if (err)
		goto cannot_read;
	rec->data = bulk ? NULL : r->buf + name + name2;
	rec->data_len = data;
	if (!take_name(rec->name, r->buf, name, has & HAS_NAME) ||
	    !take_name(rec->name2, r->buf + name, name2, has & HAS_NAME2))
		return bad(r, "a record with a name that is none");
	if (!fields_hold(rec))
		return bad(r, "a record with impossible numbers");
	r->at += LOG_HEADER_SIZE + name + name2 + data;
	if (rec->op != LOG_META + BLK_META_BASE)
		r->index++;
	rec->index = r->index;
	*ret_rec = rec;
	return 1;

cannot_read:
	snprintf(r->why, sizeof(r->why), "cannot be read at byte %" PRIu64 ": %s", r->at,
		 strerror((int)-n));
	return (int)n;
}
