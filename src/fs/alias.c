/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alias.c - the names by which inodes are known, as they come and go */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/format.h"
#include "fs/itable.h"

struct fs_inode *fs_inode_find(struct fs_inode *parent, const char *name)
{
	struct fs_itable *t = parent->sb->itable;
	struct fs_alias *a;

	pthread_mutex_lock(&t->mutex);
	a = fs_itable_find_alias(parent, name);
	if (a)
		a->inode->refs++;
	pthread_mutex_unlock(&t->mutex);
	return a ? a->inode : NULL;
}

/* Of those that it has at present. */
static struct fs_alias *first_name(struct fs_inode *inode)
{
	return fs_itable_is_nameless(inode) ? NULL : LIST_FIRST(&inode->names);
}

bool fs_inode_has_other_alias(struct fs_inode *inode, struct fs_inode *parent, const char *name)
{
	struct fs_itable *t = inode->sb->itable;
	bool other;
	struct fs_alias *a;

	pthread_mutex_lock(&t->mutex);
	a = first_name(inode);
	if (a && a->parent == parent && strcmp(a->name, name) == 0)
		a = LIST_NEXT(a, link);
	other = a != NULL;
	pthread_mutex_unlock(&t->mutex);
	return other;
}

int fs_inode_name(struct fs_inode *inode, struct fs_inode **ret_parent,
		  char ret_name[static NAME_MAX_LEN + 1])
{
	struct fs_itable *t = inode->sb->itable;
	struct fs_alias *a;

	pthread_mutex_lock(&t->mutex);
	a = first_name(inode);
	if (a) {
		a->parent->refs++;
		*ret_parent = a->parent;
		memcpy(ret_name, a->name, a->len + 1u);
	}
	pthread_mutex_unlock(&t->mutex);
	return a ? 0 : -ESTALE;
}

int fs_inode_place(struct fs_inode *inode, struct fs_inode **ret_parent,
		   char ret_name[static NAME_MAX_LEN + 1])
{
	struct fs_itable *t = inode->sb->itable;
	struct fs_alias *a;

	pthread_mutex_lock(&t->mutex);
	a = LIST_FIRST(&inode->names);
	if (a) {
		a->parent->refs++;
		*ret_parent = a->parent;
		memcpy(ret_name, a->name, a->len + 1u);
	}
	pthread_mutex_unlock(&t->mutex);
	return a ? 0 : -ESTALE;
}

bool fs_inode_has_name(struct fs_inode *inode, struct fs_inode *parent, const char *name)
{
	struct fs_itable *t = inode->sb->itable;
	struct fs_alias *a;
	bool has;

	pthread_mutex_lock(&t->mutex);
	a = fs_itable_find_alias(parent, name);
	has = a && a->inode == inode;
	pthread_mutex_unlock(&t->mutex);
	return has;
}

bool fs_inode_is_foreign(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;
	uint8_t ct[NAME_MAX_LEN];
	bool foreign;
	struct fs_alias *a;
	size_t len;

	pthread_mutex_lock(&t->mutex);
	foreign = !fs_itable_is_nameless(inode);
	for (a = first_name(inode); a; a = LIST_NEXT(a, link))
		if (atomic_load(&a->parent->crypt) == FS_CRYPT_PLAIN ||
		    store_name_classify(a->name, ct, &len) != STORE_NAME_FOREIGN)
			foreign = false;
	pthread_mutex_unlock(&t->mutex);
	return foreign;
}

struct fs_inode *fs_inode_parent(struct fs_inode *inode)
{
	struct fs_itable *t = inode->sb->itable;
	struct fs_inode *parent = NULL;
	struct fs_alias *a;

	pthread_mutex_lock(&t->mutex);
	a = first_name(inode);
	if (a) {
		parent = a->parent;
		parent->refs++;
	}
	pthread_mutex_unlock(&t->mutex);
	return parent;
}

void fs_alias_remove(struct fs_inode *parent, const char *name)
{
	struct fs_itable *t = parent->sb->itable;
	struct fs_inode *dead = NULL;
	struct fs_alias *a;

	pthread_mutex_lock(&t->mutex);
	a = fs_itable_find_alias(parent, name);
	if (a)
		fs_itable_drop_alias(t, fs_itable_retire_alias(a), &dead);
	pthread_mutex_unlock(&t->mutex);
	fs_inode_free_dead(dead);
}

int fs_alias_add(struct fs_inode *inode, struct fs_inode *parent, const char *name)
{
	struct fs_itable *t = inode->sb->itable;
	struct fs_alias *named = fs_itable_new_alias(parent, name), *a;
	struct fs_inode *dead = NULL;

	if (!named)
		return -ENOMEM;
	pthread_mutex_lock(&t->mutex);
	a = fs_itable_find_alias(parent, name);
	if (!a || a->inode != inode) {
		fs_itable_give_name(t, inode, named, &dead);
		named = NULL;
	}
	pthread_mutex_unlock(&t->mutex);
	free(named);
	fs_inode_free_dead(dead);
	return 0;
}

int fs_alias_move(struct fs_inode *parent, const char *name, struct fs_inode *new_parent,
		  const char *new_name)
{
	struct fs_inode *inode = fs_inode_find(parent, name);
	int err = 0;

	if (inode) {
		err = fs_alias_add(inode, new_parent, new_name);
		/* Even without memory for the new name the old one must not stay. */
		fs_alias_remove(parent, name);
		fs_inode_put(inode);
	} else {
		fs_alias_remove(new_parent, new_name);
	}
	return err;
}

int fs_alias_exchange(struct fs_inode *pa, const char *a, struct fs_inode *pb, const char *b)
{
	struct fs_itable *t = pa->sb->itable;
	struct fs_alias *new_a = fs_itable_new_alias(pa, a), *new_b = fs_itable_new_alias(pb, b);
	struct fs_alias *old_a, *old_b;
	struct fs_inode *dead = NULL;
	bool nomem = !new_a || !new_b;

	/* In one step: whoever asks either for a name gets the old one or the new one. */
	pthread_mutex_lock(&t->mutex);
	old_a = fs_itable_find_alias(pa, a);
	old_b = fs_itable_find_alias(pb, b);
	if (old_a)
		fs_itable_unlink_alias(old_a);
	if (old_b)
		fs_itable_unlink_alias(old_b);
	if (old_a && !nomem) {
		fs_itable_link_alias(new_b, old_a->inode);
		new_b = NULL;
	}
	if (old_b && !nomem) {
		fs_itable_link_alias(new_a, old_b->inode);
		new_a = NULL;
	}
	fs_itable_drop_alias(t, old_a, &dead);
	fs_itable_drop_alias(t, old_b, &dead);
	pthread_mutex_unlock(&t->mutex);
	free(new_a);
	free(new_b);
	fs_inode_free_dead(dead);
	return nomem ? -ENOMEM : 0;
}
