/* SPDX-License-Identifier: GPL-3.0-or-later */
/* itable.c - the inode table: inodes by number, names by directory, and a walk over all inodes */
#include "fs/itable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/backing.h"

#define INITIAL_BUCKETS 1024

static uint32_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(x >> 32);
}

static uint32_t inode_hash(uint32_t dev, uint64_t ino)
{
	return mix(ino ^ ((uint64_t)dev << 40));
}

static uint32_t alias_hash(const char *name, size_t len)
{
	uint64_t h = 0;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ULL;
	return mix(h);
}

int fs_itable_create(struct fs_super *sb)
{
	struct fs_itable *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->inodes = calloc(INITIAL_BUCKETS, sizeof(*t->inodes));
	if (!t->inodes) {
		free(t);
		return -ENOMEM;
	}
	t->inode_buckets = INITIAL_BUCKETS;
	pthread_mutex_init(&t->mutex, NULL);
	sb->itable = t;
	return 0;
}

/* Growth that cannot get memory is no error: chains get longer. */
static void grow_inodes(struct fs_itable *t)
{
	size_t n = t->inode_buckets * 2;
	struct fs_inode **tab;

	if (t->num_inodes <= n || !(tab = calloc(n, sizeof(*tab))))
		return;
	for (size_t b = 0; b < t->inode_buckets; b++) {
		struct fs_inode *i, *next;

		for (i = t->inodes[b]; i; i = next) {
			size_t to = inode_hash(i->dev, i->ino) & (n - 1);

			next = i->hash_next;
			i->hash_next = tab[to];
			tab[to] = i;
		}
	}
	free(t->inodes);
	t->inodes = tab;
	t->inode_buckets = n;
}

static void grow_names(struct fs_use_dir *dir)
{
	unsigned n = MAX(dir->buckets * 2, 8u);
	struct fs_alias **tab;

	if (dir->num_names <= dir->buckets * 2 || !(tab = calloc(n, sizeof(*tab))))
		return;
	for (unsigned b = 0; b < dir->buckets; b++) {
		struct fs_alias *a, *next;

		for (a = dir->names[b]; a; a = next) {
			size_t to = a->hash & (n - 1);

			next = a->hash_next;
			a->hash_next = tab[to];
			tab[to] = a;
		}
	}
	fs_use_set_names(dir, tab, n);
}

struct fs_inode *fs_itable_find(struct fs_itable *t, uint32_t dev, uint64_t ino)
{
	struct fs_inode *i = t->inodes[inode_hash(dev, ino) & (t->inode_buckets - 1)];

	while (i && (i->dev != dev || i->ino != ino))
		i = i->hash_next;
	return i;
}

void fs_itable_add(struct fs_itable *t, struct fs_inode *inode)
{
	struct fs_inode **bucket =
		&t->inodes[inode_hash(inode->dev, inode->ino) & (t->inode_buckets - 1)];

	inode->hash_next = *bucket;
	*bucket = inode;
	inode->hashed = true;
	t->num_inodes++;
	t->peak = MAX(t->peak, t->num_inodes);
	grow_inodes(t);
}

void fs_itable_unhash(struct fs_itable *t, struct fs_inode *inode)
{
	struct fs_inode **p =
		inode->stale
			? &t->stale
			: &t->inodes[inode_hash(inode->dev, inode->ino) & (t->inode_buckets - 1)];

	if (!inode->hashed)
		return;
	while (*p != inode)
		p = &(*p)->hash_next;
	*p = inode->hash_next;
	inode->hashed = inode->stale = false;
	t->num_inodes--;
}

void fs_itable_make_stale(struct fs_itable *t, struct fs_inode *inode)
{
	fs_itable_unhash(t, inode);
	inode->hash_next = t->stale;
	t->stale = inode;
	inode->hashed = inode->stale = true;
	t->num_inodes++;
}

static struct fs_alias **bucket_of(const struct fs_inode *parent, uint32_t hash)
{
	struct fs_use_dir *dir = &parent->use->dir;

	return &dir->names[hash & (dir->buckets - 1)];
}

static struct fs_alias **alias_slot(const struct fs_inode *parent, const char *name, size_t len,
				    uint32_t hash)
{
	struct fs_alias **p = bucket_of(parent, hash);

	while (*p && ((*p)->hash != hash || (*p)->len != len || memcmp((*p)->name, name, len) != 0))
		p = &(*p)->hash_next;
	return p;
}

struct fs_alias *fs_itable_find_alias(const struct fs_inode *parent, const char *name)
{
	size_t len = strlen(name);

	return *alias_slot(parent, name, len, alias_hash(name, len));
}

void fs_itable_init_alias(struct fs_alias *a, struct fs_inode *parent, const char *name, size_t len)
{
	a->parent = parent;
	a->len = (uint8_t)len;
	a->hash = alias_hash(name, len);
	memcpy(a->name, name, len + 1);
}

struct fs_alias *fs_itable_new_alias(struct fs_inode *parent, const char *name)
{
	size_t len = strlen(name);
	struct fs_alias *a = malloc(sizeof(*a) + len + 1);

	if (a)
		fs_itable_init_alias(a, parent, name, len);
	return a;
}

void fs_itable_free_alias(struct fs_alias *a)
{
	if (a != &a->inode->own)
		free(a);
}

/* Newest first: the name that was used last is the likeliest to be used next. */
void fs_itable_link_alias(struct fs_alias *a, struct fs_inode *inode)
{
	struct fs_alias **bucket = bucket_of(a->parent, a->hash);

	a->inode = inode;
	a->parent->refs++;
	a->hash_next = *bucket;
	*bucket = a;
	LIST_INSERT_HEAD(&inode->names, a, link);
	a->parent->use->dir.num_names++;
	grow_names(&a->parent->use->dir);
}

void fs_itable_unlink_alias(struct fs_alias *a)
{
	LIST_REMOVE(a, link);
	if (a->inode->nameless) {
		a->inode->nameless = false;
		return;
	}
	*alias_slot(a->parent, a->name, a->len, a->hash) = a->hash_next;
	a->parent->use->dir.num_names--;
}

struct fs_alias *fs_itable_retire_alias(struct fs_alias *a)
{
	struct fs_inode *inode = a->inode;

	fs_itable_unlink_alias(a);
	if (!S_ISREG(inode->type) || !LIST_EMPTY(&inode->names))
		return a;
	LIST_INSERT_HEAD(&inode->names, a, link);
	inode->nameless = true;
	return NULL;
}

void fs_itable_give_name(struct fs_itable *t, struct fs_inode *inode, struct fs_alias *a,
			 struct fs_inode **dead)
{
	struct fs_alias *old = *alias_slot(a->parent, a->name, a->len, a->hash);
	struct fs_alias *lost = inode->nameless ? LIST_FIRST(&inode->names) : NULL;

	if (old)
		old = fs_itable_retire_alias(old);
	if (lost)
		fs_itable_unlink_alias(lost);
	/* Linked before they go: what they have kept alive must outlive this. */
	fs_itable_link_alias(a, inode);
	fs_itable_drop_alias(t, old, dead);
	fs_itable_drop_alias(t, lost, dead);
}

void fs_itable_drop_alias(struct fs_itable *t, struct fs_alias *a, struct fs_inode **dead)
{
	if (!a)
		return;
	fs_inode_put_locked(t, a->parent, dead);
	fs_itable_free_alias(a);
}

void fs_inode_for_each(struct fs_super *sb, void (*fn)(struct fs_inode *inode, void *arg),
		       void *arg)
{
	struct fs_itable *t = sb->itable;
	struct fs_inode **list;
	size_t n = 0;

	pthread_mutex_lock(&t->mutex);
	list = malloc((t->num_inodes + 1) * sizeof(*list));
	for (size_t b = 0; list && b <= t->inode_buckets; b++)
		for (struct fs_inode *i = b < t->inode_buckets ? t->inodes[b] : t->stale; i;
		     i = i->hash_next) {
			i->refs++;
			list[n++] = i;
		}
	pthread_mutex_unlock(&t->mutex);
	for (size_t k = 0; k < n; k++) {
		fn(list[k], arg);
		fs_inode_put(list[k]);
	}
	free(list);
}

void fs_itable_destroy(struct fs_super *sb)
{
	struct fs_itable *t = sb->itable;
	struct fs_inode *dead = NULL;

	if (!t)
		return;
	/* The kernel sends no FORGET for what it still knew at the end. */
	for (size_t b = 0; b <= t->inode_buckets; b++)
		for (;;) {
			struct fs_inode *i = b < t->inode_buckets ? t->inodes[b] : t->stale;
			struct fs_alias *a;

			if (!i)
				break;
			fs_itable_unhash(t, i);
			while ((a = LIST_FIRST(&i->names))) {
				fs_itable_unlink_alias(a);
				fs_itable_free_alias(a);
			}
			i->hash_next = dead;
			dead = i;
		}
	fs_inode_free_dead(dead);
	free(t->inodes);
	pthread_mutex_destroy(&t->mutex);
	free(t);
	sb->itable = NULL;
}
