/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-mount.c - whether a mount is read-only: the kernel knows, and does not tell its server */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/ll/ll.h"
#include "util/mountinfo.h"

/*
 * A remount, and a bind mount, are the kernel's alone: no request is sent. Ordinary writing is
 * refused there too; only what comes as an ioctl has to be refused here. Nothing of this asks the
 * mount itself, so any thread may do it.
 */

/* The first mount that @wanted says yes to, of those that process @pid sees. */
static bool find_mount(pid_t pid, bool (*wanted)(const struct mountinfo *info, void *arg),
		       void *arg)
{
	struct mountinfo info;
	bool found = false;
	char path[64], *line = NULL;
	size_t cap = 0;
	FILE *f;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	else
		strcpy(path, "/proc/self/mountinfo");
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && getline(&line, &cap, f) > 0)
		found = mountinfo_parse(line, &info) && wanted(&info, arg);
	free(line);
	fclose(f);
	return found;
}

static bool learn(const struct mountinfo *info, void *arg)
{
	struct ll_session *s = arg;

	if (s->mount_dev ? info->dev != s->mount_dev
			 : strcmp(info->mountpoint, s->mountpoint) != 0 ||
				   strcmp(info->fstype, "fuse.fuscrypt") != 0)
		return false;
	if (!s->mount_dev)
		s->mount_dev = info->dev; /* once, before there are other threads */
	atomic_store(&s->sb->read_only, mountinfo_has(info->super_options, "ro"));
	atomic_store(&s->sb->noatime, mountinfo_has(info->options, "noatime"));
	return true;
}

bool ll_mount_learn(struct ll_session *s)
{
	return find_mount(0, learn, s);
}

/* The descriptor that thread @tid has given to the ioctl it is in. -1: cannot be seen. */
static int descriptor_of_call(pid_t tid, unsigned cmd, const void *uptr)
{
	unsigned long nr, fd, arg_cmd, arg_ptr;
	char path[64];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%lu %lx %lx %lx", &nr, &fd, &arg_cmd, &arg_ptr);
	fclose(f);
	/* Registers may be wider than the arguments. */
	return n == 4 && (unsigned)arg_cmd == cmd && arg_ptr == (unsigned long)uptr ? (int)fd : -1;
}

static int mount_of_descriptor(pid_t tid, int fd)
{
	char path[64], line[256];
	int id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, fd);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (id < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %d", &id) != 1)
			id = -1;
	fclose(f);
	return id;
}

struct place {
	int mount_id;
	bool read_only;
};

static bool look(const struct mountinfo *info, void *arg)
{
	struct place *p = arg;

	if (info->id != p->mount_id)
		return false;
	p->read_only =
		mountinfo_has(info->options, "ro") || mountinfo_has(info->super_options, "ro");
	return true;
}

bool ll_caller_read_only(struct ll_session *s, pid_t pid, unsigned cmd, const void *uptr)
{
	struct place p = { .mount_id = -1 };
	int fd = pid > 0 ? descriptor_of_call(pid, cmd, uptr) : -1;

	if (fd >= 0)
		p.mount_id = mount_of_descriptor(pid, fd);
	if (p.mount_id >= 0 && find_mount(pid, look, &p))
		return p.read_only;
	/* Who cannot be looked at is judged by the mount as a whole. */
	(void)ll_mount_learn(s);
	return atomic_load(&s->sb->read_only);
}
