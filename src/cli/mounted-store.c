/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounted-store.c - from a store to the place where it is mounted */
#include "cli/mounted-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/mounts.h"
#include "fs/control.h"
#include "util/mountinfo.h"

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* 0 when @fd is in a mount of ours, then with where its store is; else -errno. */
static int store_of(int fd, struct fuscrypt_store_path *ret)
{
	return ioctl(fd, FUSCRYPT_IOC_STORE_PATH, ret) < 0 ? -errno : 0;
}

static bool is_store(const char *path, const struct stat *want)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == want->st_dev && st.st_ino == want->st_ino;
}

/*
 * Whether a mount with this source may be the store's. The text is the user's and may say anything
 * (fsname=), but where it names something that exists, and that is another one, it is believed: a
 * mount of somebody else's that does not answer must not hold us up.
 */
static bool may_be(const char *source, const struct stat *store)
{
	struct stat st;

	return source[0] != '/' || stat(source, &st) < 0 ||
	       (st.st_dev == store->st_dev && st.st_ino == store->st_ino);
}

/* In the end it is the mount that says which store it is of. */
static int find_mount(const struct stat *store)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct fuscrypt_store_path path;
	struct mountinfo info;
	char *line = NULL;
	size_t cap = 0;
	int fd = -ENOTTY;

	if (!f)
		return -errno;
	while (fd < 0 && getline(&line, &cap, f) > 0) {
		if (!mountinfo_parse(line, &info) || strcmp(info.fstype, FUSCRYPT_FSTYPE) != 0 ||
		    !may_be(info.source, store))
			continue;
		fd = open_dir(info.mountpoint);
		if (fd >= 0 && (store_of(fd, &path) < 0 || !is_store(path.path, store))) {
			close(fd);
			fd = -ENOTTY;
		}
	}
	free(line);
	fclose(f);
	return fd < 0 ? -ENOTTY : fd;
}

int mounted_store_open(const char *path, int *ret_fd)
{
	struct fuscrypt_store_path ignored;
	struct stat st;
	int fd = open_dir(path), r;

	if (fd < 0)
		return fd;
	r = store_of(fd, &ignored);
	if (r == -ENOTTY) {
		r = fstat(fd, &st) < 0 ? -errno : 0;
		close(fd);
		fd = r < 0 ? r : find_mount(&st);
		r = fd < 0 ? fd : 0;
	} else if (r < 0) {
		close(fd);
	}
	if (r == 0)
		*ret_fd = fd;
	return r;
}
