/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passthrough-inode.c - the files that the kernel knows of, each with its descriptor */
#include "passthrough-inode.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_BUCKETS 1024

/* A file that the kernel knows: its number in FUSE is its address. */
struct inode {
	struct inode *next; /* Protected by table_lock */
	int fd;		    /* O_PATH: holds the number `ino` too, so that no other file gets it */
	dev_t dev;
	ino_t ino;
	uint64_t nlookup; /* Protected by table_lock */
};

/* Each thread's, see pt_buffer(). */
struct buffer {
	size_t size;
	char data[];
};

static struct inode root;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct inode **table;
static size_t num_buckets, num_inodes;
static pthread_key_t buffer_key;

int pt_inode_init(const char *source)
{
	num_buckets = MIN_BUCKETS;
	table = calloc(num_buckets, sizeof(*table));
	if (!table)
		return -1;
	errno = pthread_key_create(&buffer_key, free);
	if (errno)
		return -1;
	root.fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root.fd < 0 ? -1 : 0;
}

static struct inode *get_inode(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct inode *)(uintptr_t)ino;
}

int pt_fd(fuse_ino_t ino)
{
	return get_inode(ino)->fd;
}

const char *pt_proc_path(char buf[static PT_PROC_SIZE], int fd)
{
	snprintf(buf, PT_PROC_SIZE, "/proc/self/fd/%d", fd);
	return buf;
}

/* Where the inode hangs, or where it would. */
static struct inode **find_slot(dev_t dev, ino_t ino)
{
	struct inode **p = &table[(ino ^ dev) & (num_buckets - 1)];

	while (*p && ((*p)->ino != ino || (*p)->dev != dev))
		p = &(*p)->next;
	return p;
}

/* Twice the buckets; without memory the chains just get longer. */
static void grow_table(void)
{
	struct inode **old = table, **wide = calloc(2 * num_buckets, sizeof(*wide));
	size_t b, num_old = num_buckets;
	struct inode *i, *next;

	if (!wide)
		return;
	table = wide;
	num_buckets *= 2;
	for (b = 0; b < num_old; b++) {
		for (i = old[b]; i; i = next) {
			next = i->next;
			i->next = NULL;
			*find_slot(i->dev, i->ino) = i;
		}
	}
	free(old);
}

/* The inode that `st` describes, counted once more; a new one takes `fd`. NULL without memory. */
static struct inode *count_locked(const struct stat *st, int fd)
{
	struct inode **slot = find_slot(st->st_dev, st->st_ino), *i = *slot;

	if (!i) {
		i = calloc(1, sizeof(*i));
		if (!i)
			return NULL;
		i->fd = fd;
		i->dev = st->st_dev;
		i->ino = st->st_ino;
		*slot = i;
		if (++num_inodes > num_buckets)
			grow_table();
	}
	i->nlookup++;
	return i;
}

int pt_look_up(fuse_ino_t parent, const char *name, struct fuse_entry_param *e)
{
	int fd = openat(pt_fd(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err = fd < 0 ? errno : 0;
	bool taken = false;
	struct inode *i;

	memset(e, 0, sizeof(*e));
	e->attr_timeout = e->entry_timeout = PT_TIMEOUT;
	if (err)
		return err;
	if (fstatat(fd, "", &e->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
		err = errno;
	} else {
		pthread_mutex_lock(&table_lock);
		i = count_locked(&e->attr, fd);
		taken = i && i->fd == fd;
		pthread_mutex_unlock(&table_lock);
		e->ino = (uintptr_t)i;
		err = i ? 0 : ENOMEM;
	}
	if (!taken)
		close(fd);
	return err;
}

void pt_drop(fuse_ino_t ino, uint64_t n)
{
	struct inode *i = get_inode(ino);
	bool last;

	if (i == &root)
		return;
	pthread_mutex_lock(&table_lock);
	i->nlookup -= n;
	last = i->nlookup == 0;
	if (last) {
		*find_slot(i->dev, i->ino) = i->next;
		num_inodes--;
	}
	pthread_mutex_unlock(&table_lock);
	if (last) {
		close(i->fd);
		free(i);
	}
}

char *pt_buffer(size_t size)
{
	struct buffer *b = pthread_getspecific(buffer_key);

	if (!b || b->size < size) {
		free(b);
		b = malloc(sizeof(*b) + size);
		if (b)
			b->size = size;
		pthread_setspecific(buffer_key, b);
	}
	return b ? b->data : NULL;
}
