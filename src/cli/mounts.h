/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounts.h - the kernel's table of mounts, and taking one away */
#ifndef CLI_MOUNTS_H
#define CLI_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FUSCRYPT_FSTYPE "fuse.fuscrypt"

struct mount_entry {
	char *mountpoint, *fstype, *source; /* unescaped */
	char *options, *super_options;	    /* as util/mountinfo.h has them */
	dev_t dev;
};

/* One mount of a filesystem, as some process sees it. */
struct mount_place {
	int id;
	char *root;  /* what of the filesystem is mounted, from its root on: "/" is all */
	char *point; /* where */
};

/* The topmost mount at @mountpoint (absolute, resolved). 0, -ENOENT, -errno. */
int mounts_find(const char *mountpoint, struct mount_entry *ret_entry);
void mount_entry_free(struct mount_entry *entry);

/*
 * Absolute path with links resolved, also of a mount point whose daemon is gone (its parent is
 * resolved then). malloc'ed; NULL with errno.
 */
char *mounts_resolve(const char *path);

/* True when @path is a FUSE mount whose daemon is gone. */
bool mounts_is_dead(const char *path);

/*
 * Unmount: umount2(2) as root, else fusermount3, which speaks for itself on standard error. @lazy
 * detaches at once. 0, -EBUSY, -errno.
 */
int mounts_unmount(const char *mountpoint, bool lazy, bool quiet);

/* The mounts of @dev that the process has whose folder in /proc is @procfd. 0, -ENOMEM, -errno. */
int mount_places(int procfd, dev_t dev, struct mount_place **ret_list, size_t *ret_num);
void mount_places_free(struct mount_place *list, size_t num);

#endif
