/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounts.c - the kernel's table of mounts, and taking one away */
#include "cli/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/mountinfo.h"

int mounts_find(const char *mountpoint, struct mount_entry *ret_entry)
{
	struct mount_entry found = { NULL };
	struct mountinfo info;
	char *line = NULL;
	size_t cap = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		if (!mountinfo_parse(line, &info) || strcmp(info.mountpoint, mountpoint))
			continue;
		/* Later lines lie on top of earlier ones. */
		mount_entry_free(&found);
		found.mountpoint = strdup(info.mountpoint);
		found.fstype = strdup(info.fstype);
		found.source = strdup(info.source);
		found.options = strdup(info.options);
		found.super_options = strdup(info.super_options);
		found.dev = info.dev;
	}
	free(line);
	fclose(f);
	if (!found.mountpoint || !found.fstype || !found.source || !found.options ||
	    !found.super_options) {
		mount_entry_free(&found);
		return -ENOENT;
	}
	*ret_entry = found;
	return 0;
}

void mount_entry_free(struct mount_entry *entry)
{
	free(entry->mountpoint);
	free(entry->fstype);
	free(entry->source);
	free(entry->options);
	free(entry->super_options);
	memset(entry, 0, sizeof(*entry));
}

char *mounts_resolve(const char *path)
{
	char *resolved = realpath(path, NULL), *copy, *slash, *parent;
	const char *base;
	size_t len;

	if (resolved || errno != ENOTCONN)
		return resolved;
	copy = strdup(path);
	if (!copy)
		return NULL;
	for (len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = '\0';
	slash = strrchr(copy, '/');
	base = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (parent && asprintf(&resolved, "%s/%s", strcmp(parent, "/") ? parent : "", base) < 0)
		resolved = NULL;
	free(parent);
	free(copy);
	return resolved;
}

bool mounts_is_dead(const char *path)
{
	struct statfs sf;

	/* Not stat(2): the kernel may answer that from what it remembers. */
	return statfs(path, &sf) < 0 && errno == ENOTCONN;
}

static int run_fusermount(const char *mountpoint, bool lazy, bool quiet)
{
	int status, devnull;
	sigset_t none;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (quiet) {
			devnull = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (devnull >= 0)
				dup2(devnull, STDERR_FILENO);
		}
		if (lazy)
			execlp("fusermount3", "fusermount3", "-u", "-z", "--", mountpoint,
			       (char *)NULL);
		else
			execlp("fusermount3", "fusermount3", "-u", "--", mountpoint, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EBUSY;
}

int mounts_unmount(const char *mountpoint, bool lazy, bool quiet)
{
	if (geteuid() != 0)
		return run_fusermount(mountpoint, lazy, quiet);
	if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) < 0)
		return -errno;
	return 0;
}

static int add_place(const struct mountinfo *l, struct mount_place **list, size_t *num)
{
	struct mount_place *grown = reallocarray(*list, *num + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[*num] = (struct mount_place){ l->id, strdup(l->root), strdup(l->mountpoint) };
	if (grown[*num].root && grown[*num].point) {
		(*num)++;
		return 0;
	}
	free(grown[*num].root);
	free(grown[*num].point);
	return -ENOMEM;
}

int mount_places(int procfd, dev_t dev, struct mount_place **ret_list, size_t *ret_num)
{
	int fd = openat(procfd, "mountinfo", O_RDONLY | O_CLOEXEC), err = 0;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	struct mount_place *list = NULL;
	struct mountinfo l;
	char *line = NULL;
	size_t cap = 0, num = 0;

	if (!f) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (err == 0 && getline(&line, &cap, f) > 0)
		if (mountinfo_parse(line, &l) && l.dev == dev)
			err = add_place(&l, &list, &num);
	free(line);
	fclose(f);
	if (err < 0) {
		mount_places_free(list, num);
		return err;
	}
	*ret_list = list;
	*ret_num = num;
	return 0;
}

void mount_places_free(struct mount_place *list, size_t num)
{
	for (size_t i = 0; i < num; i++) {
		free(list[i].root);
		free(list[i].point);
	}
	free(list);
}
