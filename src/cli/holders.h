/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holders.h - which processes hold files of a mount, and how */
#ifndef CLI_HOLDERS_H
#define CLI_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum holder_kind { HOLDER_FD, HOLDER_CWD, HOLDER_ROOT, HOLDER_MAPPING };

struct holder {
	pid_t pid;
	char program[32];
	enum holder_kind kind;
	int fd;	    /* of kind HOLDER_FD, else -1 */
	char *path; /* inside the mount: "." is its root */
};

struct holders {
	struct holder *list;
	size_t num;
};

/*
 * Who holds something of the filesystem mounted at @mnt (absolute, resolved), by any of its mounts
 * in any name space; with @wanted only inodes of these numbers. Processes that the caller may not
 * look into are left out, and so is he himself. Reads /proc only: it does not touch the mount,
 * which may be dead, nor any other. -ENOENT when nothing is mounted there, -ENOMEM, -errno.
 */
int holders_find(const char *mnt, bool (*wanted)(uint64_t ino, void *arg), void *arg,
		 struct holders *ret_holders);
void holders_free(struct holders *h);

/* The processes in one line, as far as it goes: "bash (812), vim (911)". */
void holders_describe(const struct holders *h, char *text, size_t cap);

/* "descriptor", "working directory", "root directory", "mapping"; for JSON the short forms. */
const char *holder_kind_name(enum holder_kind kind, bool json);

#endif
