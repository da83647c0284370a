/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holders.c - which processes hold files of a mount, and how */
#include "cli/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/mounts.h"

/*
 * Descriptors and mappings are recognised by what /proc writes about them: number of the mount or
 * device, number of the inode. A stat of them would ask the filesystems that they are on, of which
 * one may not answer.
 */
struct search {
	dev_t dev;
	bool (*wanted)(uint64_t ino, void *arg);
	void *arg;
	struct holders *found;
	int err;
	/* The process being looked at */
	int procfd;
	pid_t pid;
	char program[32];
	char mnt_ns[64];	    /* whose table @mounts is */
	struct mount_place *mounts; /* of the filesystem, as this process sees them */
	size_t num_mounts;
};

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 1) /* "/" */
		return path[0] == '/';
	return !strncmp(path, dir, len) &&
	       (path[len] == '\0' || path[len] == '/' || path[len] == ' ');
}

/* @link as the process sees it, from the root of the filesystem. malloc'ed. */
static char *path_inside(const struct search *s, const char *link)
{
	const struct mount_place *best = NULL;
	const char *rest, *root;
	char *path;

	for (size_t i = 0; i < s->num_mounts; i++)
		if (is_below(link, s->mounts[i].point) &&
		    (!best || strlen(s->mounts[i].point) > strlen(best->point)))
			best = &s->mounts[i];
	if (!best)
		return strdup(link);
	rest = link + (strlen(best->point) > 1 ? strlen(best->point) : 0);
	root = strlen(best->root) > 1 ? best->root + 1 : "";
	while (*rest == '/')
		rest++;
	if (asprintf(&path, "%s%s%s", root, *root && *rest ? "/" : "",
		     *root || *rest ? rest : ".") < 0)
		return NULL;
	return path;
}

static void add(struct search *s, enum holder_kind kind, int fd, const char *link)
{
	struct holder *list;
	char *path = path_inside(s, link);

	list = path ? reallocarray(s->found->list, s->found->num + 1, sizeof(*list)) : NULL;
	if (!list) {
		free(path);
		s->err = -ENOMEM;
		return;
	}
	s->found->list = list;
	list[s->found->num] = (struct holder){ s->pid, "", kind, fd, path };
	memcpy(list[s->found->num++].program, s->program, sizeof(s->program));
}

static bool is_wanted(const struct search *s, uint64_t ino)
{
	return !s->wanted || s->wanted(ino, s->arg);
}

static bool is_our_mount(const struct search *s, int id)
{
	for (size_t i = 0; i < s->num_mounts; i++)
		if (s->mounts[i].id == id)
			return true;
	return false;
}

/* A small file of /proc as a string. */
static bool read_text(int dirfd, const char *name, char *text, size_t cap)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, cap - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool read_link(int dirfd, const char *name, char text[PATH_MAX])
{
	ssize_t n = readlinkat(dirfd, name, text, PATH_MAX - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Mount and inode of a descriptor from its line in fdinfo. */
static bool read_fdinfo(int dirfd, const char *name, int *ret_mount, uint64_t *ret_ino)
{
	char text[1024];
	const char *mount, *ino;

	if (!read_text(dirfd, name, text, sizeof(text)))
		return false;
	mount = strstr(text, "mnt_id:");
	ino = strstr(text, "\nino:"); /* Linux 5.14 */
	if (!mount || !ino)
		return false;
	*ret_mount = atoi(mount + strlen("mnt_id:"));
	*ret_ino = strtoull(ino + strlen("\nino:"), NULL, 10);
	return true;
}

static void look_at_fds(struct search *s)
{
	int fd = openat(s->procfd, "fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC), mount;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char name[64], link[PATH_MAX];
	struct dirent *de;
	uint64_t ino;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(d)) != NULL) {
		if (!isdigit((unsigned char)de->d_name[0]) ||
		    !read_fdinfo(dirfd(d), de->d_name, &mount, &ino) || !is_our_mount(s, mount) ||
		    !is_wanted(s, ino))
			continue;
		snprintf(name, sizeof(name), "fd/%.32s", de->d_name);
		if (read_link(s->procfd, name, link))
			add(s, HOLDER_FD, atoi(de->d_name), link);
	}
	closedir(d);
}

/* Working directory or root: these have no fdinfo, but a descriptor of ours on them has. */
static void look_at_place(struct search *s, const char *name, enum holder_kind kind)
{
	char link[PATH_MAX], info[64];
	bool ours = false;
	uint64_t ino;
	int fd, mount;

	if (!read_link(s->procfd, name, link))
		return;
	for (size_t i = 0; i < s->num_mounts && !ours; i++)
		ours = is_below(link, s->mounts[i].point);
	fd = ours ? openat(s->procfd, name, O_PATH | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
	if (read_fdinfo(AT_FDCWD, info, &mount, &ino) && is_our_mount(s, mount) &&
	    is_wanted(s, ino))
		add(s, kind, -1, link);
	close(fd);
}

/* "7f00-7f01 r--s 00000000 00:2d 17   /mnt/file": every file once, as it has several lines. */
static void look_at_mappings(struct search *s)
{
	int fd = openat(s->procfd, "maps", O_RDONLY | O_CLOEXEC), at;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned long long ino, last = 0;
	char *line = NULL;
	unsigned maj, min;
	size_t cap = 0;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (getline(&line, &cap, f) > 0) {
		if (sscanf(line, "%*s %*s %*s %x:%x %llu %n", &maj, &min, &ino, &at) != 3 ||
		    makedev(maj, min) != s->dev || ino == last || !is_wanted(s, ino))
			continue;
		last = ino;
		line[strcspn(line, "\n")] = '\0';
		add(s, HOLDER_MAPPING, -1, line + at);
	}
	free(line);
	fclose(f);
}

static void look_at_process(struct search *s)
{
	char ns[64];
	ssize_t n = readlinkat(s->procfd, "ns/mnt", ns, sizeof(ns) - 1);

	if (n <= 0)
		return; /* not ours to look into */
	ns[n] = '\0';
	if (strcmp(ns, s->mnt_ns) != 0) {
		mount_places_free(s->mounts, s->num_mounts);
		s->mounts = NULL;
		s->num_mounts = 0;
		strcpy(s->mnt_ns, ns);
		if (mount_places(s->procfd, s->dev, &s->mounts, &s->num_mounts) < 0)
			s->mnt_ns[0] = '\0';
	}
	if (!s->num_mounts)
		return;
	if (!read_text(s->procfd, "comm", s->program, sizeof(s->program)))
		strcpy(s->program, "?");
	s->program[strcspn(s->program, "\n")] = '\0';
	look_at_place(s, "cwd", HOLDER_CWD);
	look_at_place(s, "root", HOLDER_ROOT);
	look_at_fds(s);
	look_at_mappings(s);
}

int holders_find(const char *mnt, bool (*wanted)(uint64_t ino, void *arg), void *arg,
		 struct holders *ret_holders)
{
	struct search s = { .wanted = wanted, .arg = arg, .found = ret_holders };
	struct mount_entry entry;
	struct dirent *de;
	DIR *proc;
	int err = mounts_find(mnt, &entry);

	*ret_holders = (struct holders){ NULL, 0 };
	if (err < 0)
		return err;
	s.dev = entry.dev;
	mount_entry_free(&entry);
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while (s.err == 0 && (de = readdir(proc)) != NULL) {
		s.pid = isdigit((unsigned char)de->d_name[0]) ? atoi(de->d_name) : 0;
		if (s.pid == 0 || s.pid == getpid())
			continue;
		s.procfd = openat(dirfd(proc), de->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (s.procfd < 0)
			continue;
		look_at_process(&s);
		close(s.procfd);
	}
	closedir(proc);
	mount_places_free(s.mounts, s.num_mounts);
	if (s.err < 0)
		holders_free(ret_holders);
	return s.err;
}

void holders_free(struct holders *h)
{
	for (size_t i = 0; i < h->num; i++)
		free(h->list[i].path);
	free(h->list);
	*h = (struct holders){ NULL, 0 };
}

void holders_describe(const struct holders *h, char *text, size_t cap)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < h->num && used < cap; i++)
		if (i == 0 || h->list[i].pid != h->list[i - 1].pid)
			used += (size_t)snprintf(text + used, cap - used, "%s%s (%d)",
						 used ? ", " : "", h->list[i].program,
						 (int)h->list[i].pid);
}

const char *holder_kind_name(enum holder_kind kind, bool json)
{
	switch (kind) {
	case HOLDER_FD:
		return json ? "fd" : "descriptor";
	case HOLDER_CWD:
		return json ? "cwd" : "working directory";
	case HOLDER_ROOT:
		return json ? "root" : "root directory";
	case HOLDER_MAPPING:
		break;
	}
	return "mapping";
}
