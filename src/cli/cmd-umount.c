/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-umount.c - fuscrypt umount: unmount, and wait until the store is free again */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/holders.h"
#include "cli/mounts.h"
#include "cli/msg.h"
#include "cli/verbs.h"
#include "fs/format.h"

#define WAIT_SECS 30

enum { OPT_STALE = 0x200 };

static const struct option long_options[] = {
	{ "stale", no_argument, NULL, OPT_STALE },
	{ NULL },
};

/*
 * The lock of the mount's store, or -1. The table of mounts has the store as it was given: a
 * relative path is tried from here, which is often where it was given from.
 */
static int open_lock(const char *source)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/" STORE_DIR "/lock", source) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(path);
	return fd;
}

/* The daemon lets go of the lock when everything is written and its keys are wiped. */
static bool wait_for_lock(int fd)
{
	const struct timespec pause = { 0, 20 * 1000 * 1000 };
	int i;

	for (i = 0; i < WAIT_SECS * 50; i++) {
		if (flock(fd, LOCK_SH | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return true; /* cannot be known here: do not wait */
		nanosleep(&pause, NULL);
	}
	return false;
}

static int report_failure(const char *mnt, int errnum)
{
	struct holders holders = { NULL, 0 };
	char users[512];

	if (errnum != EBUSY)
		return msg_fail(EXIT_FAILED, "%s: cannot be unmounted: %s", mnt, strerror(errnum));
	(void)holders_find(mnt, NULL, NULL, &holders);
	holders_describe(&holders, users, sizeof(users));
	holders_free(&holders);
	if (*users)
		return msg_fail(EXIT_FAILED,
				"%s: is in use by %s: end them, or leave the directory", mnt,
				users);
	return msg_fail(EXIT_FAILED, "%s: is in use, or is not yours: see fuser -m", mnt);
}

static int unmount(const char *mnt, bool stale)
{
	struct mount_entry entry;
	int r, lock_fd;
	bool dead = mounts_is_dead(mnt);

	r = mounts_find(mnt, &entry);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: nothing is mounted there", mnt);
	if (strcmp(entry.fstype, FUSCRYPT_FSTYPE)) {
		r = msg_fail(EXIT_FAILED, "%s: is a mount of type %s: use umount(8)", mnt,
			     entry.fstype);
		mount_entry_free(&entry);
		return r;
	}
	lock_fd = open_lock(entry.source);
	/* Nobody can be using a dead mount to any good: detaching it loses nothing. */
	r = mounts_unmount(mnt, stale && dead, true);
	if (r < 0) {
		r = report_failure(mnt, -r);
	} else if (lock_fd >= 0 && !dead && !wait_for_lock(lock_fd)) {
		r = msg_fail(EXIT_FAILED,
			     "%s: is unmounted, but its daemon still holds the store %s: it is "
			     "writing, or mounted elsewhere",
			     mnt, entry.source);
	} else {
		r = EXIT_DONE;
	}
	if (lock_fd >= 0)
		close(lock_fd);
	mount_entry_free(&entry);
	return r;
}

int cmd_umount(const struct verb *verb, int argc, char **argv)
{
	bool stale = false, first = true;
	char *mnt;
	int c, r;

	while ((c = verb_getopt(verb, argc, argv, ":", long_options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		stale = true;
	}
	r = verb_want_args(verb, argc, 1);
	if (r)
		return r;
	mnt = mounts_resolve(argv[optind]);
	if (!mnt)
		return msg_fail(EXIT_FAILED, "%s: %s", argv[optind], strerror(errno));
	r = unmount(mnt, stale);
	free(mnt);
	return r;
}
