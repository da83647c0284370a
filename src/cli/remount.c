/* SPDX-License-Identifier: GPL-3.0-or-later */
/* remount.c - change the flags of a mount that is there */
#include "cli/remount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/mounts.h"
#include "cli/msg.h"
#include "fs/control.h"
#include "util/compiler.h"
#include "util/mountinfo.h"

#ifndef MS_NOSYMFOLLOW /* Linux 5.10 */
#define MS_NOSYMFOLLOW 256
#endif
#define MS_ATIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

static unsigned long present_flags(const struct mount_entry *entry)
{
	static const struct {
		const char *word;
		unsigned long flag;
	} words[] = {
		{ "ro", MS_RDONLY },	     { "nosuid", MS_NOSUID },
		{ "nodev", MS_NODEV },	     { "noexec", MS_NOEXEC },
		{ "sync", MS_SYNCHRONOUS },  { "dirsync", MS_DIRSYNC },
		{ "lazytime", MS_LAZYTIME }, { "nosymfollow", MS_NOSYMFOLLOW },
		{ "noatime", MS_NOATIME },   { "nodiratime", MS_NODIRATIME },
		{ "relatime", MS_RELATIME },
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (mountinfo_has(entry->options, words[i].word) ||
		    mountinfo_has(entry->super_options, words[i].word))
			flags |= words[i].flag;
	/* The kernel shows all but this one. */
	if (!(flags & MS_ATIMES))
		flags |= MS_STRICTATIME;
	return flags;
}

/* Tell the server. It is no error when it does not understand: it notices when it has to. */
static void tell_server(int fd)
{
	(void)ioctl(fd, FUSCRYPT_IOC_REMOUNTED);
}

/* A store that cannot be written cannot have a mount that can. */
static int check_store(int fd, const char *mnt)
{
	struct fuscrypt_store_path store;
	struct statvfs sv;

	if (ioctl(fd, FUSCRYPT_IOC_STORE_PATH, &store) == 0 && statvfs(store.path, &sv) == 0 &&
	    (sv.f_flag & ST_RDONLY))
		return msg_fail(EXIT_FAILED, "%s: stays read-only: so is the filesystem of %s", mnt,
				store.path);
	return EXIT_DONE;
}

static int change(const struct mount_opts *opts, const struct mount_entry *entry)
{
	unsigned long had = present_flags(entry), flags;
	int r = EXIT_DONE, fd;

	flags = (had & ~opts->vfs_clear) | opts->vfs_set;
	if (!(flags & MS_ATIMES))
		flags |= MS_RELATIME; /* as for a new mount */
	fd = open(entry->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", entry->mountpoint,
				strerror(errno));
	if ((had & MS_RDONLY) && !(flags & MS_RDONLY))
		r = check_store(fd, entry->mountpoint);
	if (r == EXIT_DONE &&
	    mount(entry->source, entry->mountpoint, entry->fstype, flags | MS_REMOUNT, NULL) < 0)
		r = msg_fail(EXIT_FAILED, "%s: cannot be remounted: %s", entry->mountpoint,
			     errno == EBUSY   ? "files in it are open for writing"
			     : errno == EPERM ? "only root can do that"
					      : strerror(errno));
	if (r == EXIT_DONE)
		tell_server(fd);
	close(fd);
	return r;
}

int remount(const struct mount_opts *opts, const char *mnt)
{
	struct mount_entry entry;
	char *path = mounts_resolve(mnt);
	int r;

	if (!path)
		return msg_fail(EXIT_FAILED, "%s: %s", mnt, strerror(errno));
	if (mounts_find(path, &entry) < 0) {
		r = msg_fail(EXIT_FAILED, "%s: nothing is mounted there to be remounted", mnt);
	} else {
		r = strcmp(entry.fstype, FUSCRYPT_FSTYPE)
			    ? msg_fail(EXIT_FAILED, "%s: is a mount of another filesystem, %s", mnt,
				       entry.fstype)
			    : change(opts, &entry);
		mount_entry_free(&entry);
	}
	free(path);
	return r;
}
