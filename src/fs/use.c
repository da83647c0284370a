/* SPDX-License-Identifier: GPL-3.0-or-later */
/* use.c - what inodes have only once they are used comes and goes */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "fs/context.h"
#include "fs/negative.h"

/* A directory's part is by far the largest, and others are many. */
static size_t size_of(mode_t type)
{
	return S_ISDIR(type)   ? sizeof(struct fs_use)
	       : S_ISLNK(type) ? offsetof(struct fs_use, lnk) + sizeof(struct fs_use_lnk)
			       : offsetof(struct fs_use, reg) + sizeof(struct fs_use_reg);
}

struct fs_use *fs_use_get(struct fs_inode *inode)
{
	struct fs_use *use = inode->use, *none = NULL;

	if (use)
		return use;
	use = calloc(1, size_of(inode->type));
	if (!use)
		return NULL;
	if (S_ISDIR(inode->type)) {
		pthread_rwlock_init(&use->dir.dir_lock, NULL);
		use->dir.fd = -1;
		use->dir.names = &use->dir.few;
		use->dir.buckets = 1;
	}
	/* Without a lock: it may be asked for under any. Who comes second takes the first one's. */
	if (!atomic_compare_exchange_strong(&inode->use, &none, use)) {
		free(use);
		return none;
	}
	return use;
}

void fs_use_set_names(struct fs_use_dir *dir, struct fs_alias **names, unsigned buckets)
{
	if (dir->names != &dir->few)
		free(dir->names);
	dir->names = names;
	dir->buckets = buckets;
}

void fs_use_free(struct fs_inode *inode)
{
	struct fs_use *use = inode->use;

	if (!use)
		return;
	fscrypt_put_info(use->info);
	if (S_ISDIR(inode->type)) {
		fs_negatives_free(use->dir.neg);
		fs_use_set_names(&use->dir, &use->dir.few, 1);
		pthread_rwlock_destroy(&use->dir.dir_lock);
	}
	free(use);
}

int fs_context_policy(const struct fs_inode *inode, union fscrypt_policy *ret_policy)
{
	struct fs_use *use = inode->use;

	return use ? fscrypt_policy_from_context(&use->ctx, use->ctx_len, ret_policy) : -EINVAL;
}
