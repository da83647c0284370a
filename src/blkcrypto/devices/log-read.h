/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-read.h - the records of a log device, read back one by one and believed only where they hold
 */
#ifndef BLKCRYPTO_DEVICES_LOG_READ_H
#define BLKCRYPTO_DEVICES_LOG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The fields are those of log-format.h. Names are single components, "" where there is none. */
struct log_record {
	uint64_t index; /* from 1; BLK_META_BASE is no change and has that of the record before */
	unsigned op, flags;
	bool failed;
	uint64_t ino, dir, dir2, pos, len;
	mode_t mode;
	char name[256], name2[256];
	const uint8_t *data; /* until the next record is read */
	size_t data_len;
};

struct log_reader {
	int fd;
	uint64_t at, size; /* bytes: of the next record; of what the log had when reading began */
	uint64_t index;	   /* of the last record */
	uint8_t *buf;
	size_t cap;
	bool skim; /* set by who wants no contents of files: their data is NULL, with its length */
	struct log_record rec;
	char why[128]; /* after an error: what is wrong, and where */
};

/* @fd, a regular file open for reading, stays the caller's. Returns 0 or -errno. */
int log_reader_init(struct log_reader *r, int fd);
void log_reader_free(struct log_reader *r);
/* Begin again. */
void log_reader_rewind(struct log_reader *r);

/*
 * The next record. Returns 1; 0 at the end; -ENODATA where the log is cut in a record, -EBADMSG
 * where there is no record, or one that no log device writes; or -errno of reading. After an error
 * @r->at is where the last good record ends.
 */
int log_reader_next(struct log_reader *r, const struct log_record **ret_rec);

/* What an operation is called: "write", "mkdir"; NULL for a number that means nothing. */
const char *log_op_name(unsigned op);

#endif
