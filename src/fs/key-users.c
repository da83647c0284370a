/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key-users.c - which inodes are encrypted with a key, and what is in their directories */
#include <stdlib.h>
#include <string.h>

#include "fs/context.h"
#include "fs/itable.h"

/* Identifiers and descriptors are hash values: any bytes of them are a hash. */
static unsigned key_bucket(const struct fscrypt_key_specifier *spec)
{
	return (spec->u.raw[0] << 8 | spec->u.raw[1]) % FS_KEY_BUCKETS;
}

static bool key_of(const struct fs_inode *inode, struct fscrypt_key_specifier *ret_spec)
{
	union fscrypt_policy policy;

	if (atomic_load(&inode->crypt) != FS_CRYPT_ENCRYPTED ||
	    fs_context_policy(inode, &policy) < 0)
		return false;
	fscrypt_policy_to_key_spec(&policy, ret_spec);
	return true;
}

static bool uses_key(const struct fs_inode *inode, const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_key_specifier mine;

	return key_of(inode, &mine) && fscrypt_key_spec_equal(&mine, spec);
}

void fs_inode_set_encrypted(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;
	struct fscrypt_key_specifier spec;

	atomic_store(&inode->crypt, FS_CRYPT_ENCRYPTED);
	if (!key_of(inode, &spec))
		return;
	pthread_mutex_lock(&t->mutex);
	if (!inode->use->by_key.le_prev)
		LIST_INSERT_HEAD(&t->by_key[key_bucket(&spec)], inode, use->by_key);
	pthread_mutex_unlock(&t->mutex);
}

void fs_itable_leave_key(struct fs_inode *inode)
{
	if (!inode->use || !inode->use->by_key.le_prev)
		return;
	LIST_REMOVE(inode, use->by_key);
	inode->use->by_key.le_prev = NULL;
}

void fs_inode_set_plain(struct fs_inode *dir)
{
	pthread_mutex_lock(&dir->sb->itable->mutex);
	fs_itable_leave_key(dir);
	pthread_mutex_unlock(&dir->sb->itable->mutex);
	atomic_store(&dir->crypt, FS_CRYPT_PLAIN);
}

struct found {
	struct fs_inode **list; /* referenced */
	size_t num, cap;
};

static void add(struct found *f, struct fs_inode *inode)
{
	if (f->num == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct fs_inode **list = realloc(f->list, cap * sizeof(*list));

		if (!list)
			return; /* what is left out stays in use, and is reported so */
		f->list = list;
		f->cap = cap;
	}
	inode->refs++;
	f->list[f->num++] = inode;
}

static void add_names(struct found *f, const struct fs_use_dir *dir,
		      const struct fscrypt_key_specifier *spec)
{
	for (unsigned b = 0; b < dir->buckets; b++)
		for (struct fs_alias *a = dir->names[b]; a; a = a->hash_next)
			if (!uses_key(a->inode, spec)) /* else it is found by itself */
				add(f, a->inode);
}

void fs_inode_for_each_of_key(struct fs_super *sb, const struct fscrypt_key_specifier *spec,
			      bool tree, void (*fn)(struct fs_inode *inode, void *arg), void *arg)
{
	struct fs_itable *t = sb->itable;
	struct found f = { NULL, 0, 0 };
	struct fs_inode *inode;

	pthread_mutex_lock(&t->mutex);
	LIST_FOREACH (inode, &t->by_key[key_bucket(spec)], use->by_key) {
		if (!uses_key(inode, spec))
			continue;
		add(&f, inode);
		if (tree && S_ISDIR(inode->type))
			add_names(&f, &inode->use->dir, spec);
	}
	pthread_mutex_unlock(&t->mutex);
	for (size_t i = 0; i < f.num; i++) {
		fn(f.list[i], arg);
		fs_inode_put(f.list[i]);
	}
	free(f.list);
}
