/* SPDX-License-Identifier: GPL-3.0-or-later */
/* permitted.c - whether an object may be where somebody who can write to the store has put it */
#include <errno.h>

#include "fs/context.h"

bool fs_context_permitted(const struct fs_inode *parent, const struct fs_inode *child)
{
	union fscrypt_policy pp, cp;
	int perr, cerr;

	if (!S_ISREG(child->type) && !S_ISDIR(child->type) && !S_ISLNK(child->type))
		return true;
	if (atomic_load(&parent->crypt) == FS_CRYPT_PLAIN)
		return true;
	if (atomic_load(&child->crypt) == FS_CRYPT_PLAIN)
		return false;
	perr = fs_context_policy(parent, &pp);
	cerr = fs_context_policy(child, &cp);
	if (perr < 0 && cerr < 0)
		return true; /* so that both can be deleted */
	return perr == 0 && cerr == 0 && fscrypt_policies_equal(&pp, &cp);
}

static bool is_damaged(const struct fs_inode *inode)
{
	return fs_context_is_bad(inode) && inode->use->crypt_err == -EUCLEAN;
}

int fs_context_check_found(const struct fs_inode *parent, struct fs_inode *inode)
{
	int err;

	if (!S_ISDIR(inode->type) && !S_ISLNK(inode->type))
		return 0;
	err = fs_context_load(inode, -1);
	if (err == -EACCES)
		return 0;
	if (err < 0 && !fs_context_is_bad(inode))
		return err;
	/* What is damaged, and what is in it, still has to be seen, and removed. */
	if (is_damaged(inode) || is_damaged(parent))
		return 0;
	return fs_context_permitted(parent, inode) ? 0 : -EPERM;
}

int fs_context_check_open(struct fs_inode *inode)
{
	struct fs_inode *parent = fs_inode_parent(inode);
	int err;

	if (!parent)
		return 0;
	err = fs_context_load(parent, -1);
	if (is_damaged(parent))
		err = -EUCLEAN;
	else if (err == 0 || fs_context_is_bad(parent))
		err = fs_context_permitted(parent, inode) ? 0 : -EPERM;
	/* A sync tool's copy, say: its header may be sound, but it is no entry of ours. */
	if (err == 0 && fs_inode_is_foreign(inode))
		err = -EUCLEAN;
	fs_inode_put(parent);
	return err;
}
