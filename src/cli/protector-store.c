/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protector-store.c - protector files of a store: replaced whole, read without trust */
#include "cli/protector.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/store.h"
#include "util/io.h"

#define FILE_NAME_SIZE (PROTECTOR_ID_LEN + 24)

static int open_protectors(int meta_fd)
{
	int fd = openat(meta_fd, PROTECTORS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void file_name(const char *id, char ret_name[static FILE_NAME_SIZE])
{
	snprintf(ret_name, FILE_NAME_SIZE, "%s.json", id);
}

/* One file. 0, or -errno with the reason. */
static int load_one(int dirfd, const char *name, struct protector *ret_p, const char **ret_why)
{
	char text[PROTECTOR_FILE_MAX];
	struct stat st;
	size_t len;
	int r = store_read_small(dirfd, name, text, sizeof(text), &len);

	if (r < 0) {
		*ret_why = r == -EUCLEAN ? "it is too large or no regular file" : strerror(-r);
		return r;
	}
	r = protector_parse(text, len, ret_p, ret_why);
	if (r == 0 && strncmp(name, ret_p->id, PROTECTOR_ID_LEN)) {
		*ret_why = "its id is not its name";
		r = -EINVAL;
	}
	if (r == 0 && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		ret_p->written = st.st_mtime;
	return r;
}

int protector_load(int meta_fd, const char *id, struct protector *ret_p, const char **ret_why)
{
	char name[FILE_NAME_SIZE];
	int dirfd = open_protectors(meta_fd), r;

	if (dirfd < 0) {
		*ret_why = strerror(-dirfd);
		return dirfd;
	}
	file_name(id, name);
	r = load_one(dirfd, name, ret_p, ret_why);
	close(dirfd);
	return r;
}

/* Owner and mode of @like, when they are not that already. */
static int make_like(int fd, const struct stat *like)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
	    fchown(fd, like->st_uid, like->st_gid) < 0)
		return -errno;
	if ((st.st_mode & 0777) != (like->st_mode & 0777) && fchmod(fd, like->st_mode & 0777) < 0)
		return -errno;
	return 0;
}

/* Under another name first: what @name is changes from one moment to the next, on disk too. */
static int put(int dirfd, const char *name, const struct protector *p, const struct stat *like)
{
	char tmp[FILE_NAME_SIZE], *text = protector_format(p);
	int fd, r;

	if (!text)
		return -ENOMEM;
	snprintf(tmp, sizeof(tmp), ".fuscrypt-tmp-%s", p->id);
	unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		goto out_free;
	}
	r = make_like(fd, like);
	if (r == 0)
		r = io_pwrite(fd, text, strlen(text), 0);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, tmp, 0);
	else if (fsync(dirfd) < 0)
		r = -errno;
out_free:
	free(text);
	return r;
}

int protector_lock(int meta_fd, int *ret_dirfd)
{
	int dirfd = open_protectors(meta_fd);

	if (dirfd < 0)
		return dirfd;
	/* Some network filesystems have none for directories. */
	while (flock(dirfd, LOCK_EX) < 0 && errno == EINTR)
		;
	*ret_dirfd = dirfd;
	return 0;
}

int protector_write(int meta_fd, const struct protector *p)
{
	char name[FILE_NAME_SIZE];
	struct stat dir, st;
	int dirfd, r;

	bool made = mkdirat(meta_fd, PROTECTORS_DIR, 0700) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	r = protector_lock(meta_fd, &dirfd);
	if (r < 0)
		return r;
	file_name(p->id, name);
	r = fstat(made ? meta_fd : dirfd, &dir) < 0 ? -errno : 0;
	if (r == 0 && made) {
		dir.st_mode = 0700;
		r = make_like(dirfd, &dir);
	}
	if (r < 0) {
		/* told below */
	} else if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		r = -EEXIST;
	} else {
		dir.st_mode = 0600;
		/* A group that others gave the directory is not a reason to fail. */
		if (dir.st_uid == geteuid())
			dir.st_gid = getegid();
		r = put(dirfd, name, p, &dir);
	}
	close(dirfd);
	return r;
}

int protector_replace(int meta_fd, const struct protector *old, const struct protector *p)
{
	char name[FILE_NAME_SIZE];
	struct protector now;
	const char *why;
	struct stat st;
	int dirfd, r;

	r = protector_lock(meta_fd, &dirfd);
	if (r < 0)
		return r;
	file_name(p->id, name);
	if (load_one(dirfd, name, &now, &why) < 0 ||
	    memcmp(now.nonce, old->nonce, sizeof(now.nonce)) != 0)
		r = -ESTALE;
	else if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	else
		r = put(dirfd, name, p, &st);
	close(dirfd);
	return r;
}

int protector_remove(int dirfd, const char *id)
{
	char name[FILE_NAME_SIZE];

	file_name(id, name);
	if (unlinkat(dirfd, name, 0) < 0 || fsync(dirfd) < 0)
		return -errno;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct protector *)a)->id, ((const struct protector *)b)->id);
}

int protector_load_all(int meta_fd, struct protector **ret_list, size_t *ret_count, size_t *ret_bad,
		       char *why, size_t why_cap)
{
	struct protector *list = NULL, *grown, one;
	size_t count = 0, bad = 0;
	const char *reason;
	struct dirent *de;
	DIR *dir;
	int fd, r = 0;

	fd = openat(meta_fd, PROTECTORS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (dir && count + bad < PROTECTORS_MAX && (de = readdir(dir)) != NULL) {
		size_t len = strlen(de->d_name);

		/* Others are temporaries, or a sync tool's. */
		if (len != PROTECTOR_ID_LEN + 5 || strcmp(de->d_name + PROTECTOR_ID_LEN, ".json"))
			continue;
		if (load_one(dirfd(dir), de->d_name, &one, &reason) < 0) {
			if (bad++ == 0)
				snprintf(why, why_cap, PROTECTORS_DIR "/%s: %s", de->d_name,
					 reason);
			continue;
		}
		grown = realloc(list, (count + 1) * sizeof(*list));
		if (!grown) {
			r = -ENOMEM;
			break;
		}
		list = grown;
		list[count++] = one;
	}
	if (dir)
		closedir(dir);
	if (r < 0) {
		free(list);
		return r;
	}
	if (list)
		qsort(list, count, sizeof(*list), by_id);
	*ret_list = list;
	*ret_count = count;
	*ret_bad = bad;
	return 0;
}
