/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.h - what the files share that replay a log into a directory */
#ifndef BLK_LOG_H
#define BLK_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "blkcrypto/devices/log-read.h"

/* ---- log-objects.c: what the log calls by inode numbers, and where that is in the directory ----
 */

struct naming;

struct object {
	uint64_t ino;	/* in the log */
	mode_t kind;	/* S_IFMT */
	bool left_out;	/* not in the directory: it came into the store without the log */
	int fd;		/* of a file without a name that may get one; else -1 */
	uint64_t found; /* inode number in the directory, of what was there at the beginning */
	nlink_t links;	/* as found */
	unsigned children;
	struct naming *names;
	struct object *next; /* of all */
};

struct naming {
	struct object *dir, *object;
	char *name;
	struct naming *next; /* of the object's */
};

struct objects {
	int root_fd; /* the caller's */
	struct object *root, *all;
	void *by_ino, *by_name; /* trees of tsearch(3) */
};

void objects_free(struct objects *o);
/* The newest of this number, or NULL. */
struct object *object_find(const struct objects *o, uint64_t ino);
/* A new one, which takes the number from whatever had it. NULL without memory. */
struct object *object_new(struct objects *o, uint64_t ino, mode_t kind);
struct naming *object_lookup(const struct objects *o, struct object *dir, const char *name);
/* @object is now called so; another one of that name no longer is. 0 or -ENOMEM. */
int object_name(struct objects *o, struct object *object, struct object *dir, const char *name);
void object_unname(struct objects *o, struct naming *entry);

/* Descriptors below root_fd; no symlink is followed. -errno; -ESTALE for what has no name. */
int object_open_dir(const struct objects *o, const struct object *dir);
int object_open_file(const struct objects *o, const struct object *file);
/* Where it is, for messages, from the directory's top. */
const char *object_path(const struct object *dir, const char *name, char buf[static PATH_MAX]);

/* ---- log-replay.c ---- */

struct replay_opts {
	const char *mark; /* or NULL */
	bool have_count, flushed_only;
	bool image; /* into a copy of an image, not of a store */
	uint64_t count;
};

struct replay_result {
	uint64_t records;	   /* the last that was looked at */
	uint64_t failed, left_out; /* not done: what had failed; what no record has made */
	bool damaged;		   /* the log is good up to where it was replayed only */
};

struct replay {
	struct log_reader *log;
	const struct replay_opts *opts;
	struct replay_result *res;
	const char *name; /* of the directory */
	struct objects objects;
	uint64_t stop;	 /* the last record that counts */
	uint64_t commit; /* with flushed_only: the last one that a flush of anything answers for */
	uint64_t all;	 /* the last syncfs */
	void *synced;	 /* tree of the last flush of each object */
	bool checked;	 /* the directory is a copy of the store */
	struct object *file;
	int fd;	      /* of file, or -1 */
	uint64_t ino; /* of an image: its number in the log, once have_ino */
	bool have_ino;
};

/* Whether a later flush has answered for what this record wrote. */
bool replay_was_flushed(const struct replay *re, const struct log_record *rec);

/*
 * Make the directory @fd (called @name in messages), a copy of the store from when the log
 * began, what the store was at a point; or with opts->image the file @fd, open for writing. Changes
 * nothing unless it is such a copy, or the log is of one image, and the log has the point. An exit
 * code, reported, all but damage.
 */
int log_replay(struct log_reader *log, int fd, const char *name, const struct replay_opts *opts,
	       struct replay_result *ret);

/* ---- log-image.c ---- */

/* In the first pass: it is of an image, of the one that the others are of. An exit code, reported.
 */
int replay_check_image(struct replay *re, const struct log_record *rec);
/* Do it again, in the file that the replay is into. 0 or -errno. */
int replay_image_record(struct replay *re, const struct log_record *rec);

/* ---- log-base.c ---- */

/* Returned when the directory is not the store that the log began with: reported. */
#define REPLAY_IS_OTHER 1

/* A record of what the store had when a mount began. 0, REPLAY_IS_OTHER or -errno. */
int replay_base(struct replay *re, const struct log_record *rec);
/* Behind the first list: the directory has all of that and nothing more. As replay_base(). */
int replay_check_copy(struct replay *re);

/* ---- log-apply.c ---- */

/* Do it again. 0 or -errno; -ESTALE where nothing fits, -EXDEV where what was left out is needed.
 */
int replay_record(struct replay *re, const struct log_record *rec);

#endif
