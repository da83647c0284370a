/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-objects.c - what a log calls by inode numbers, and where that is in a directory */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk/log.h"

static int compare_inos(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int compare_names(const void *a, const void *b)
{
	const struct naming *x = a, *y = b;

	if (x->dir != y->dir)
		return (uintptr_t)x->dir < (uintptr_t)y->dir ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void free_entry(void *p)
{
	struct naming *e = p;

	free(e->name);
	free(e);
}

static void keep(void *p)
{
	(void)p; /* objects are freed by their list */
}

void objects_free(struct objects *o)
{
	struct object *next;

	tdestroy(o->by_name, free_entry);
	tdestroy(o->by_ino, keep);
	for (; o->all; o->all = next) {
		next = o->all->next;
		if (o->all->fd >= 0)
			close(o->all->fd);
		free(o->all);
	}
}

struct object *object_find(const struct objects *o, uint64_t ino)
{
	struct object key = { .ino = ino };
	struct object **found = tfind(&key, &o->by_ino, compare_inos);

	return found ? *found : NULL;
}

struct object *object_new(struct objects *o, uint64_t ino, mode_t kind)
{
	struct object *new = calloc(1, sizeof(*new)), **at;

	if (!new)
		return NULL;
	new->ino = ino;
	new->kind = kind &S_IFMT;
	new->fd = -1;
	at = tsearch(new, &o->by_ino, compare_inos);
	if (!at) {
		free(new);
		return NULL;
	}
	/* Nobody can have the old one open: its number would not be free. */
	if (*at != new && (*at)->fd >= 0) {
		close((*at)->fd);
		(*at)->fd = -1;
	}
	*at = new;
	new->next = o->all;
	o->all = new;
	return new;
}

struct naming *object_lookup(const struct objects *o, struct object *dir, const char *name)
{
	struct naming key = { .dir = dir, .name = (char *)name };
	struct naming **found = tfind(&key, &o->by_name, compare_names);

	return found ? *found : NULL;
}

void object_unname(struct objects *o, struct naming *entry)
{
	struct naming **p;

	tdelete(entry, &o->by_name, compare_names);
	for (p = &entry->object->names; *p != entry; p = &(*p)->next)
		;
	*p = entry->next;
	entry->dir->children--;
	free_entry(entry);
}

int object_name(struct objects *o, struct object *object, struct object *dir, const char *name)
{
	struct naming *e = object_lookup(o, dir, name);

	if (e)
		object_unname(o, e);
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->dir = dir;
	e->object = object;
	e->name = strdup(name);
	if (!e->name || !tsearch(e, &o->by_name, compare_names)) {
		free_entry(e);
		return -ENOMEM;
	}
	e->next = object->names;
	object->names = e;
	dir->children++;
	return 0;
}

/* One step at a time, each into a real directory: nothing that lies there can lead elsewhere. */
int object_open_dir(const struct objects *o, const struct object *dir)
{
	const struct object *d;
	const char **way;
	size_t depth = 0;
	int fd, next;

	for (d = dir; d != o->root; d = d->names->dir, depth++)
		if (!d->names)
			return -ESTALE;
	fd = fcntl(o->root_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!depth)
		return fd;
	way = calloc(depth, sizeof(*way));
	if (!way) {
		close(fd);
		return -ENOMEM;
	}
	for (size_t i = depth; i-- > 0; dir = dir->names->dir)
		way[i] = dir->names->name;
	for (size_t i = 0; i < depth && fd >= 0; i++) {
		next = openat(fd, way[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			next = -errno;
		close(fd);
		fd = next;
	}
	free(way);
	return fd;
}

/* Looked at before it is opened for writing: a device or a pipe may lie there. */
int object_open_file(const struct objects *o, const struct object *file)
{
	int dirfd, path, fd;
	char proc[32];
	struct stat st;

	if (file->fd >= 0) {
		fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	if (!file->names)
		return -ESTALE;
	dirfd = object_open_dir(o, file->names->dir);
	if (dirfd < 0)
		return dirfd;
	path = openat(dirfd, file->names->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	fd = path < 0 ? -errno : 0;
	close(dirfd);
	if (fd < 0)
		return fd;
	if (fstat(path, &st) < 0) {
		fd = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		fd = -EUCLEAN;
	} else {
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", path);
		fd = open(proc, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		/* Whoever made it without leave to write could write it all the same. */
		if (fd < 0 && errno == EACCES && chmod(proc, (st.st_mode & 07777) | 0200) == 0) {
			fd = open(proc, O_WRONLY | O_NOCTTY | O_CLOEXEC);
			chmod(proc, st.st_mode & 07777);
			errno = EACCES;
		}
		if (fd < 0)
			fd = -errno;
	}
	close(path);
	return fd;
}

const char *object_path(const struct object *dir, const char *name, char buf[static PATH_MAX])
{
	size_t at = PATH_MAX - 1, len = strlen(name);

	buf[at] = '\0';
	for (;;) {
		if (len + 4 > at) {
			memcpy(buf + at - 3, "...", 3);
			return buf + at - 3;
		}
		at -= len;
		memcpy(buf + at, name, len);
		if (!dir || !dir->names)
			return buf + at;
		buf[--at] = '/';
		name = dir->names->name;
		len = strlen(name);
		dir = dir->names->dir;
	}
}
