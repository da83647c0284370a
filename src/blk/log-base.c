/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-base.c - whether a directory is a copy of the store that a log began with */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk/log.h"
#include "blkcrypto/devices/log-format.h"
#include "cli/msg.h"

static int is_other(const struct replay *re, struct object *dir, const char *name, const char *how)
{
	char path[PATH_MAX];

	msg_err("%s: is not the store that the log began with: %s %s", re->name,
		object_path(dir, name, path), how);
	return REPLAY_IS_OTHER;
}

/* The list of a later mount: what came into the store without the log is left out. */
static int base_later(struct replay *re, const struct log_record *rec, struct object *dir)
{
	struct naming *e = dir->left_out ? NULL : object_lookup(&re->objects, dir, rec->name);
	struct object *object = object_find(&re->objects, rec->ino);

	if (e && e->object->ino == rec->ino)
		return 0;
	re->res->left_out += !(rec->flags & LOG_BASE_UNRECORDED);
	if (e && e->object->kind == (rec->mode & S_IFMT) && e->object->kind != S_IFDIR) {
		/* Something new in its place, which from here on has that number. */
		object = object_new(&re->objects, rec->ino, rec->mode);
		return object ? object_name(&re->objects, object, dir, rec->name) : -ENOMEM;
	}
	if (object && object->names)
		return 0; /* it has another name, too */
	object = object_new(&re->objects, rec->ino, rec->mode);
	if (!object)
		return -ENOMEM;
	object->left_out = true;
	return 0;
}

static int base_first(struct replay *re, const struct log_record *rec, struct object *dir)
{
	struct object *object = object_find(&re->objects, rec->ino);
	struct stat st;
	int err = 0, dirfd = object_open_dir(&re->objects, dir);

	if (dirfd < 0)
		return dirfd;
	if (fstatat(dirfd, rec->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		err = -errno;
	close(dirfd);
	if (err == -ENOENT && (rec->flags & LOG_BASE_UNRECORDED)) {
		object = object_new(&re->objects, rec->ino, rec->mode);
		if (object)
			object->left_out = true;
		return object ? 0 : -ENOMEM;
	}
	if (err)
		return is_other(re, dir, rec->name, "cannot be found");
	if (((st.st_mode ^ rec->mode) & S_IFMT) ||
	    (S_ISREG(st.st_mode) && !(rec->flags & LOG_BASE_UNRECORDED) &&
	     (uint64_t)st.st_size != rec->len))
		return is_other(re, dir, rec->name, "is of another kind or size");
	if (object_lookup(&re->objects, dir, rec->name) ||
	    (object && (S_ISDIR(st.st_mode) || object->found != st.st_ino)))
		return is_other(re, dir, rec->name, "is another file");
	if (!object) {
		object = object_new(&re->objects, rec->ino, rec->mode);
		if (!object)
			return -ENOMEM;
		object->found = st.st_ino;
		object->links = st.st_nlink;
	}
	return object_name(&re->objects, object, dir, rec->name);
}

int replay_base(struct replay *re, const struct log_record *rec)
{
	struct object *dir = object_find(&re->objects, rec->dir);

	if (!*rec->name) {
		/* Of later mounts: it is the same one, or nothing fits. */
		if (re->objects.root)
			return re->objects.root->ino == rec->ino ? 0 : -ESTALE;
		re->objects.root = object_new(&re->objects, rec->ino, S_IFDIR);
		return re->objects.root ? 0 : -ENOMEM;
	}
	if (!dir || dir->kind != S_IFDIR)
		return -ESTALE;
	return re->checked ? base_later(re, rec, dir) : base_first(re, rec, dir);
}

static int count_entries(const struct replay *re, const struct object *dir, unsigned *ret_count)
{
	int err, fd, path = object_open_dir(&re->objects, dir);
	struct dirent *d;
	DIR *stream;

	if (path < 0)
		return path;
	fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	close(path);
	if (err)
		return err;
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return -ENOMEM;
	}
	*ret_count = 0;
	while ((d = readdir(stream)))
		*ret_count += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	closedir(stream);
	return 0;
}

/* Nothing more is there than the list has, and no file has a name elsewhere. */
int replay_check_copy(struct replay *re)
{
	const struct object *o;
	const struct naming *e;
	unsigned count;
	nlink_t links;
	int err;

	if (re->checked)
		return 0;
	if (!re->objects.root) {
		msg_err("the log does not begin with what a store had, as that of a mount does: "
			"that of an image is replayed into a copy of the image");
		return REPLAY_IS_OTHER;
	}
	for (o = re->objects.all; o; o = o->next) {
		if (o->left_out)
			continue;
		if (o->kind == S_IFDIR) {
			err = count_entries(re, o, &count);
			if (err)
				return err;
			if (count != o->children)
				return is_other(re, o->names ? o->names->dir : NULL,
						o->names ? o->names->name : ".", "has more in it");
			continue;
		}
		for (links = 0, e = o->names; e; e = e->next)
			links++;
		if (links != o->links)
			return is_other(re, o->names->dir, o->names->name,
					"has other names too, by which it would change");
	}
	re->checked = true;
	return 0;
}
