/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evict.c - a key is taken from the inodes that use it: from idle ones, or from all */
#include "fs/evict.h"

#include "fs/file.h"

/* Names are translated under dir_lock with a borrowed info, data under size_lock. */
static void lock_users_out(struct fs_inode *inode, bool data)
{
	struct fs_opened *opened;

	if (S_ISDIR(inode->type))
		pthread_rwlock_wrlock(&inode->use->dir.dir_lock);
	tinylock_lock(&inode->crypt_lock);
	opened = data ? fs_opened(inode) : NULL;
	if (opened)
		pthread_rwlock_wrlock(&opened->size_lock);
}

static void let_users_in(struct fs_inode *inode, bool data)
{
	struct fs_opened *opened = data ? fs_opened(inode) : NULL;

	if (opened)
		pthread_rwlock_unlock(&opened->size_lock);
	tinylock_unlock(&inode->crypt_lock);
	if (S_ISDIR(inode->type))
		pthread_rwlock_unlock(&inode->use->dir.dir_lock);
}

static struct fscrypt_info *take_info(struct fs_inode *inode)
{
	struct fscrypt_info *info = inode->use->info;

	inode->use->info = NULL;
	inode->use->keygen = 0;
	return info;
}

static void evict_one(struct fs_inode *inode, void *arg)
{
	const struct fscrypt_key_specifier *spec = arg;
	struct fscrypt_info *info = NULL;

	if (!inode->use)
		return;
	lock_users_out(inode, false);
	if (inode->use->info && fscrypt_info_uses_key(inode->use->info, spec) &&
	    !(S_ISREG(inode->type) && fs_opened(inode)) && !fs_inode_is_pinned(inode))
		info = take_info(inode);
	let_users_in(inode, false);
	fscrypt_put_info(info);
}

void fs_evict_key_users(struct fs_super *sb, const struct fscrypt_key_specifier *spec)
{
	fs_inode_for_each_of_key(sb, spec, false, evict_one, (void *)spec);
}

/* ---- in use or not ---- */

struct barring {
	const struct fscrypt_key_specifier *spec;
	enum fs_bar bar;
};

static bool is_revoked(const struct fs_inode *inode, const struct fscrypt_key_specifier *spec)
{
	return inode->use->info && fscrypt_info_uses_key(inode->use->info, spec) &&
	       fscrypt_info_revoked(inode->use->info);
}

static void bar_one(struct fs_inode *inode, void *arg)
{
	const struct barring *b = arg;

	if (!S_ISREG(inode->type) || !inode->use)
		return;
	tinylock_lock(&inode->crypt_lock);
	if (is_revoked(inode, b->spec)) {
		atomic_store(&inode->use->reg.bar, b->bar);
		if (fs_opened(inode))
			fs_file_wait_filled(fs_opened(inode));
	}
	tinylock_unlock(&inode->crypt_lock);
}

void fs_bar_key_users(struct fs_super *sb, const struct fscrypt_key_specifier *spec,
		      enum fs_bar bar)
{
	struct barring b = { spec, bar };

	fs_inode_for_each_of_key(sb, spec, false, bar_one, &b);
}

static void revoke_one(struct fs_inode *inode, void *arg)
{
	const struct fscrypt_key_specifier *spec = arg;
	bool data = S_ISREG(inode->type), retire = false;
	struct fscrypt_info *info = NULL;

	if (!inode->use)
		return;
	lock_users_out(inode, data);
	if (is_revoked(inode, spec)) {
		info = take_info(inode);
		if (data && fs_opened(inode)) {
			atomic_store(&inode->use->reg.bar, FS_BAR_ALL);
			atomic_store(&inode->use->reg.revoked, true);
			retire = true;
		} else if (data) {
			atomic_store(&inode->use->reg.bar, FS_BAR_NONE);
		}
	}
	let_users_in(inode, data);
	if (retire)
		fs_inode_retire(inode);
	fscrypt_put_info(info);
}

void fs_revoke_key_users(struct fs_super *sb, const struct fscrypt_key_specifier *spec)
{
	fs_inode_for_each_of_key(sb, spec, false, revoke_one, (void *)spec);
}
