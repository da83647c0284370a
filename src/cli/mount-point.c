/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-point.c - whether a store may be mounted there */
#include "cli/mount-point.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/mounts.h"
#include "cli/msg.h"

/* A daemon that was killed leaves a mount that answers ENOTCONN to everything. */
static int clean_dead_mount(const char *mnt)
{
	struct mount_entry entry;
	char *path = mounts_resolve(mnt);
	bool ours;
	int r;

	if (!path)
		return msg_fail(EXIT_FAILED, "%s: %s", mnt, strerror(errno));
	r = mounts_find(path, &entry);
	ours = r == 0 && !strcmp(entry.fstype, FUSCRYPT_FSTYPE);
	if (r == 0)
		mount_entry_free(&entry);
	if (!ours)
		r = msg_fail(EXIT_FAILED, "%s: has a dead mount of another program: unmount it",
			     mnt);
	else if (mounts_unmount(path, true, false) < 0 || mounts_is_dead(path))
		r = msg_fail(EXIT_FAILED, "%s: has a dead mount that cannot be removed: unmount it",
			     mnt);
	else
		r = EXIT_DONE;
	free(path);
	return r;
}

static int check_empty(const char *mnt)
{
	DIR *dir = opendir(mnt);
	struct dirent *de;
	bool empty = true;

	if (!dir)
		return msg_fail(EXIT_FAILED, "%s: the mount point cannot be read: %s", mnt,
				strerror(errno));
	while (empty && (de = readdir(dir)) != NULL)
		empty = !strcmp(de->d_name, ".") || !strcmp(de->d_name, "..");
	closedir(dir);
	if (empty)
		return EXIT_DONE;
	return msg_fail(EXIT_MNT_NOT_EMPTY,
			"%s: the mount point is not empty: choose an empty one, or use -o nonempty",
			mnt);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* True when @path or a directory above it is @dir. By identity, so that bind mounts do not hide it.
 */
static bool is_within(const char *path, const struct stat *dir)
{
	struct stat st, above;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), up;
	bool found = false;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto out;
	for (;;) {
		found = same(&st, dir);
		if (found)
			break;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			break;
		close(fd);
		fd = up;
		if (fstat(fd, &above) < 0 || same(&above, &st))
			break;
		st = above;
	}
out:
	if (fd >= 0)
		close(fd);
	return found;
}

static int check_nesting(const char *store, const char *mnt)
{
	struct stat store_st, mnt_st;

	if (stat(store, &store_st) < 0 || stat(mnt, &mnt_st) < 0)
		return msg_fail(EXIT_FAILED, "%s: %s", mnt, strerror(errno));
	if (same(&store_st, &mnt_st))
		return msg_fail(EXIT_FAILED,
				"%s: the store cannot be mounted on itself: choose "
				"another mount point",
				mnt);
	if (is_within(mnt, &store_st))
		return msg_fail(EXIT_FAILED,
				"%s: the mount point is inside the store %s: choose one "
				"outside",
				mnt, store);
	if (is_within(store, &mnt_st))
		return msg_fail(EXIT_FAILED,
				"%s: the store is inside the mount point %s, which would "
				"hide it: choose another one",
				store, mnt);
	return EXIT_DONE;
}

static int check_not_mounted(const char *mnt)
{
	struct mount_entry entry;
	int r = EXIT_DONE;

	if (mounts_find(mnt, &entry) < 0)
		return EXIT_DONE;
	if (!strcmp(entry.fstype, FUSCRYPT_FSTYPE))
		r = msg_fail(EXIT_FAILED, "%s: %s is mounted there already: unmount it first", mnt,
			     entry.source);
	mount_entry_free(&entry);
	return r;
}

int mount_point_check(const char *store, const char *mnt, bool nonempty, char **ret_store,
		      char **ret_mnt)
{
	char *store_path = NULL, *mnt_path = NULL;
	struct stat st;
	int r;

	if (mounts_is_dead(mnt)) {
		r = clean_dead_mount(mnt);
		if (r != EXIT_DONE)
			return r;
	}
	mnt_path = realpath(mnt, NULL);
	if (!mnt_path || stat(mnt_path, &st) < 0) {
		r = msg_fail(EXIT_FAILED, "%s: no such mount point: %s", mnt, strerror(errno));
		goto fail;
	}
	if (!S_ISDIR(st.st_mode)) {
		r = msg_fail(EXIT_FAILED, "%s: the mount point is not a directory", mnt);
		goto fail;
	}
	store_path = realpath(store, NULL);
	if (!store_path) {
		r = msg_fail(EXIT_FAILED, "%s: the store cannot be found: %s", store,
			     strerror(errno));
		goto fail;
	}
	r = check_not_mounted(mnt_path);
	if (r == EXIT_DONE)
		r = check_nesting(store_path, mnt_path);
	if (r == EXIT_DONE && !nonempty)
		r = check_empty(mnt_path);
	if (r != EXIT_DONE)
		goto fail;
	*ret_store = store_path;
	*ret_mnt = mnt_path;
	return EXIT_DONE;

fail:
	free(store_path);
	free(mnt_path);
	return r;
}
