/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vino.c - virtual inode numbers: reserved on disk in ranges, then given out from memory */
#include "fs/vino.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fs/store.h"
#include "util/compiler.h"
#include "util/io.h"
#include "util/log.h"

#define LOCK_NAME "ino.lock"
/* What a crash may lose; it doubles while a mount goes on, so that busy ones rarely wait. */
#define RANGE_MIN 1024u
#define RANGE_MAX 65536u
#define NO_MORE	  ((uint64_t)FS_VINO_MAX + 1)

struct fs_vino {
	int meta_fd;
	bool shared;
	_Atomic bool in_use;
	_Atomic uint32_t seen; /* highest number that an inode was found to have */

	pthread_mutex_t mutex;
	uint64_t next, end;  /* Protected by mutex: reserved for us and not given out */
	uint64_t known;	     /* Protected by mutex: what the file said last; 0: it was not there */
	uint64_t doubted;    /* Protected by mutex: what it says while it must not be believed */
	uint32_t range;	     /* Protected by mutex: how many to reserve next */
	bool told_end, told; /* Protected by mutex: logged once */
};

size_t fs_vino_format(uint64_t next, char ret_text[static FS_VINO_TEXT_MAX])
{
	return (size_t)snprintf(ret_text, FS_VINO_TEXT_MAX, "fuscrypt-ino=1\nnext=%llu\n",
				(unsigned long long)next);
}

/* Exactly what fs_vino_format() writes: everything else is damage. */
static int parse(const char *text, size_t len, uint64_t *ret_next)
{
	char again[FS_VINO_TEXT_MAX];
	unsigned long long next;

	if (sscanf(text, "fuscrypt-ino=1\nnext=%llu", &next) != 1 || next < FS_VINO_FIRST ||
	    next > NO_MORE || fs_vino_format(next, again) != len || memcmp(again, text, len) != 0)
		return -EUCLEAN;
	*ret_next = next;
	return 0;
}

/* *ret_next is 0 when there is no file. */
static int read_file(const struct fs_vino *v, uint64_t *ret_next)
{
	char text[FS_VINO_TEXT_MAX + 1];
	size_t len;
	int err = store_read_small(v->meta_fd, FS_VINO_NAME, text, FS_VINO_TEXT_MAX, &len);

	if (err == -ENOENT) {
		*ret_next = 0;
		return 0;
	}
	if (err < 0)
		return err == -ELOOP || err == -ENXIO ? -EUCLEAN : err;
	text[len] = '\0';
	return parse(text, len, ret_next);
}

static int write_file(const struct fs_vino *v, uint64_t next)
{
	char text[FS_VINO_TEXT_MAX];
	size_t len = fs_vino_format(next, text);

	return io_replace_file(v->meta_fd, FS_VINO_NAME, text, len, 0600);
}

/* Between mounts of one store; *ret_fd is -1 where there is only one. */
static int lock_file(const struct fs_vino *v, int *ret_fd)
{
	int fd;

	*ret_fd = -1;
	if (!v->shared)
		return 0;
	fd = openat(v->meta_fd, LOCK_NAME,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0) {
		int err = -errno;

		if (err == -EINTR)
			continue;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static void unlock_file(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void tell_damage_locked(struct fs_vino *v, uint32_t seen)
{
	if (v->told)
		return;
	v->told = true;
	log_err(".fuscrypt/" FS_VINO_NAME
		" in the store is damaged, missing or an old copy (the highest number seen is %lu): "
		"restore the newest one; until then nothing can be made under IV_INO policies",
		(unsigned long)seen);
}

/* v->mutex is held. The file must know of every number that an inode was seen to have. */
static int refresh_locked(struct fs_vino *v)
{
	uint32_t seen = atomic_load(&v->seen);
	uint64_t file_next;
	int err = read_file(v, &file_next);

	if (err == 0 && ((seen != 0 && MAX(file_next, v->end) <= seen) ||
			 (file_next == 0 && v->known != 0) || /* it was there before */
			 (file_next != 0 && file_next == v->doubted)))
		err = -EUCLEAN;
	if (err < 0) {
		if (err == -EUCLEAN)
			tell_damage_locked(v, seen);
		return err;
	}
	v->known = file_next;
	v->doubted = 0;
	v->told = false;
	return 0;
}

/* v->mutex is held, and the lock between mounts. */
static int reserve_locked(struct fs_vino *v)
{
	uint64_t from, to;
	int err = refresh_locked(v);

	if (err < 0)
		return err;
	from = MAX(MAX(v->known, v->end), (uint64_t)FS_VINO_FIRST);
	if (from >= NO_MORE) {
		if (!v->told_end)
			log_err("all virtual inode numbers of the store have been given out: nothing "
				"more can be made under IV_INO policies");
		v->told_end = true;
		return -ENOSPC;
	}
	to = MIN(from + v->range, NO_MORE);
	err = write_file(v, to);
	if (err < 0)
		return err; /* perhaps it is there all the same: numbers lost, none given out */
	v->known = v->end = to;
	v->next = from;
	v->range = MIN(v->range * 2, RANGE_MAX);
	atomic_store(&v->in_use, true);
	return 0;
}

static int refill_locked(struct fs_vino *v, bool reserve)
{
	int lock, err = lock_file(v, &lock);

	if (err < 0)
		return err;
	err = reserve ? reserve_locked(v) : refresh_locked(v);
	unlock_file(lock);
	return err;
}

int fs_vino_alloc(struct fs_vino *v, uint32_t *ret_ino)
{
	uint32_t seen;
	int err = 0;

	pthread_mutex_lock(&v->mutex);
	seen = atomic_load(&v->seen);
	/* An inode has a number that is ours to give: we have begun with an old copy of the file.
	 */
	if (v->next <= seen && seen < v->end) {
		v->doubted = v->end;
		v->next = v->end = 0;
	}
	/* Or one that is free by what we know: another mount has been at work, or the same. */
	if (v->doubted != 0 || (seen != 0 && v->known <= seen))
		err = refill_locked(v, false);
	if (err == 0 && v->next == v->end)
		err = refill_locked(v, true);
	if (err == 0)
		*ret_ino = (uint32_t)v->next++;
	pthread_mutex_unlock(&v->mutex);
	return err;
}

void fs_vino_saw(struct fs_vino *v, uint32_t ino)
{
	uint32_t seen = atomic_load(&v->seen);

	while (ino > seen && !atomic_compare_exchange_weak(&v->seen, &seen, ino))
		;
	if (!atomic_load(&v->in_use))
		atomic_store(&v->in_use, true);
}

bool fs_vino_in_use(const struct fs_vino *v)
{
	return atomic_load(&v->in_use);
}

int fs_vino_open(int meta_fd, bool shared, struct fs_vino **ret_vino)
{
	struct fs_vino *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	pthread_mutex_init(&v->mutex, NULL);
	v->meta_fd = meta_fd;
	v->shared = shared;
	v->range = RANGE_MIN;
	/* A damaged one, too, says that the store has such policies. */
	if (read_file(v, &v->known) < 0 || v->known != 0)
		atomic_store(&v->in_use, true);
	*ret_vino = v;
	return 0;
}

void fs_vino_close(struct fs_vino *v, bool give_back)
{
	uint64_t file_next;
	int lock;

	if (v == NULL)
		return;
	/* Only while the end of the reserved numbers is still our own. */
	if (give_back && v->next < v->end && lock_file(v, &lock) == 0) {
		if (read_file(v, &file_next) == 0 && file_next == v->end)
			(void)write_file(v, v->next);
		unlock_file(lock);
	}
	pthread_mutex_destroy(&v->mutex);
	free(v);
}
