/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inode.c - inodes: one a backing object, referenced by the kernel, by handles and by names */
#include "fs/inode.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/context.h"
#include "fs/itable.h"
#include "util/compiler.h"
#include "util/histogram.h"

/* Milliseconds: so long a FORGET may be on its way. */
#define FORGET_MS 40

#define RELAX_FROM 50000 /* inodes: some 10 MiB */

static void inode_free(struct fs_inode *inode)
{
	if (inode->keep_fd >= 0) {
		close(inode->keep_fd);
		atomic_fetch_sub(&inode->sb->kept, 1);
	}
	if (S_ISDIR(inode->type) && inode->use) {
		fs_context_forget_unsynced(inode);
		fs_dirfd_drop(inode);
	}
	fs_use_free(inode);
	free(inode);
}

/*
 * Drop a reference with the mutex held; what dies is put on *dead (by hash_next), aliases and
 * all. Going up the parents is a loop, not a recursion: a chain of names can be thousands long.
 */
void fs_inode_put_locked(struct fs_itable *t, struct fs_inode *inode, struct fs_inode **dead)
{
	while (inode && --inode->refs == 0) {
		struct fs_inode *up = NULL;
		struct fs_alias *a;

		fs_itable_unhash(t, inode);
		fs_itable_leave_key(inode);
		while ((a = LIST_FIRST(&inode->names))) {
			struct fs_inode *parent = a->parent;

			fs_itable_unlink_alias(a);
			fs_itable_free_alias(a);
			if (up)
				fs_inode_put_locked(t, up, dead); /* only for hard links: shallow */
			up = parent;
		}
		inode->hash_next = *dead;
		*dead = inode;
		inode = up;
	}
}

void fs_inode_free_dead(struct fs_inode *dead)
{
	while (dead) {
		struct fs_inode *next = dead->hash_next;

		inode_free(dead);
		dead = next;
	}
}

/* @name: what it is found by in @parent, for its own alias; NULL: by none. */
static struct fs_inode *inode_alloc(struct fs_super *sb, const struct statx *stx,
				    struct fs_inode *parent, const char *name)
{
	size_t len = name ? strlen(name) : 0;
	size_t size = offsetof(struct fs_inode, own.name) + len + 1;
	struct fs_inode *inode = calloc(1, MAX(size, sizeof(*inode)));

	if (!inode)
		return NULL;
	inode->sb = sb;
	inode->dev = fs_dev(stx);
	inode->ino = stx->stx_ino;
	inode->btime = fs_btime(stx);
	inode->type = stx->stx_mode & S_IFMT;
	inode->refs = 1;
	inode->keep_fd = -1;
	if (parent)
		fs_itable_init_alias(&inode->own, parent, name, len);
	if (S_ISDIR(inode->type) && !fs_use_get(inode)) {
		free(inode);
		return NULL;
	}
	return inode;
}

static void count_lookup(struct fs_inode *inode)
{
	if (inode->nlookup == 0)
		inode->refs++;
	if (inode->nlookup != UINT32_MAX)
		inode->nlookup++;
}

int fs_inode_get(struct fs_super *sb, struct fs_inode *parent, const char *name,
		 const struct statx *stx, bool lookup, struct fs_inode **ret_inode)
{
	struct fs_itable *t = sb->itable;
	struct fs_inode *inode, *dead = NULL, *fresh = NULL;
	struct fs_alias *a, *named = NULL;

	/* The common case first: known already, by this name. What is not is made without the mutex
	 * and looked for again, for others may have been faster. */
	for (;;) {
		pthread_mutex_lock(&t->mutex);
		inode = fs_itable_find(t, fs_dev(stx), stx->stx_ino);
		if (inode && !fs_inode_is(inode, stx)) {
			fs_itable_make_stale(t, inode);
			inode = NULL;
		}
		a = inode && parent ? fs_itable_find_alias(parent, name) : NULL;
		if (inode ? !parent || named || (a && a->inode == inode) : fresh != NULL)
			break;
		pthread_mutex_unlock(&t->mutex);
		if (inode ? !(named = fs_itable_new_alias(parent, name))
			  : !(fresh = inode_alloc(sb, stx, parent, name))) {
			free(named);
			if (fresh)
				inode_free(fresh);
			return -ENOMEM;
		}
	}
	if (!inode) {
		inode = fresh;
		fresh = NULL;
		inode->refs = 0; /* the caller's reference is taken below */
		fs_itable_add(t, inode);
		if (parent)
			fs_itable_give_name(t, inode, &inode->own, &dead);
	} else if (parent && !(a && a->inode == inode)) {
		fs_itable_give_name(t, inode, named, &dead);
		named = NULL;
	}
	inode->refs++;
	if (lookup)
		count_lookup(inode);
	pthread_mutex_unlock(&t->mutex);
	free(named);
	if (fresh)
		inode_free(fresh);
	fs_inode_free_dead(dead);
	*ret_inode = inode;
	return 0;
}

void fs_inodes_relax(struct fs_super *sb)
{
	struct fs_itable *t = sb->itable;
	bool trim;

	pthread_mutex_lock(&t->mutex);
	trim = t->peak >= RELAX_FROM && t->num_inodes < t->peak / 2;
	if (trim)
		t->peak = t->num_inodes;
	pthread_mutex_unlock(&t->mutex);
	/* The allocator would keep what is free for good: a listing of a large tree would show for
	 * as long as the mount lives. */
	if (trim)
		malloc_trim(0);
}

void fs_inode_ref(struct fs_inode *inode)
{
	pthread_mutex_lock(&inode->sb->itable->mutex);
	inode->refs++;
	pthread_mutex_unlock(&inode->sb->itable->mutex);
}

void fs_inode_retire(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;

	pthread_mutex_lock(&t->mutex);
	if (inode->hashed && !inode->stale)
		fs_itable_make_stale(t, inode);
	pthread_mutex_unlock(&t->mutex);
}

void fs_inode_lookup(struct fs_inode *inode)
{
	pthread_mutex_lock(&inode->sb->itable->mutex);
	count_lookup(inode);
	pthread_mutex_unlock(&inode->sb->itable->mutex);
}

void fs_inode_put(struct fs_inode *inode)
{
	struct fs_inode *dead = NULL;
	struct fs_itable *t;

	if (!inode)
		return;
	t = inode->sb->itable;
	pthread_mutex_lock(&t->mutex);
	fs_inode_put_locked(t, inode, &dead);
	pthread_mutex_unlock(&t->mutex);
	fs_inode_free_dead(dead);
}

void fs_inode_forget(struct fs_inode *inode, uint64_t nlookup)
{
	struct fs_itable *t = inode->sb->itable;
	struct fs_inode *dead = NULL;

	pthread_mutex_lock(&t->mutex);
	if (inode->nlookup && inode->nlookup != UINT32_MAX) {
		inode->nlookup -= (uint32_t)MIN(nlookup, inode->nlookup);
		if (inode->nlookup == 0)
			fs_inode_put_locked(t, inode, &dead);
	}
	pthread_mutex_unlock(&t->mutex);
	fs_inode_free_dead(dead);
}

bool fs_inode_is_pinned(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;
	bool pinned;

	/* The mount itself holds the root: that says nothing about anybody using it. */
	pthread_mutex_lock(&t->mutex);
	pinned = inode != inode->sb->root && inode->nlookup > 0;
	pthread_mutex_unlock(&t->mutex);
	return pinned;
}

bool fs_forgets_are_coming(struct fs_super *sb)
{
	return atomic_load(&sb->kept) > 0 && clock_ms() - atomic_load(&sb->kept_ms) < FORGET_MS;
}

void fs_inode_keep(struct fs_inode *inode, int fd)
{
	struct fs_itable *t = inode->sb->itable;

	pthread_mutex_lock(&t->mutex);
	if (inode->keep_fd < 0) {
		inode->keep_fd = fd;
		fd = -1;
		atomic_store(&inode->sb->kept_ms, clock_ms());
		atomic_fetch_add(&inode->sb->kept, 1);
	}
	pthread_mutex_unlock(&t->mutex);
	if (fd >= 0)
		close(fd);
}

void fs_inode_unkeep(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;
	int fd = -1;

	if (S_ISREG(inode->type)) {
		tinylock_lock(&inode->crypt_lock);
		if (fs_opened(inode))
			fs_opened(inode)->losing = false;
		tinylock_unlock(&inode->crypt_lock);
	}
	pthread_mutex_lock(&t->mutex);
	if (!fs_itable_is_nameless(inode)) {
		fd = inode->keep_fd;
		inode->keep_fd = -1;
	}
	pthread_mutex_unlock(&t->mutex);
	if (fd >= 0) {
		close(fd);
		atomic_fetch_sub(&inode->sb->kept, 1);
	}
}

int fs_inode_kept(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;
	int fd;

	/* Closed only when the inode dies: valid as long as the caller's reference. */
	pthread_mutex_lock(&t->mutex);
	fd = fs_itable_is_nameless(inode) ? inode->keep_fd : -1;
	pthread_mutex_unlock(&t->mutex);
	return fd;
}
