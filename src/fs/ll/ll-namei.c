/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-namei.c - names: decode, call fs, reply once */
#include <errno.h>
#include <fcntl.h>

#include "fs/context.h"
#include "fs/ll/ll.h"
#include "fs/negative.h"

void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_inode *dir = ll_inode(req, parent);
	struct fs_entry entry;
	int err = fs_lookup(dir, name, &entry);

	/*
	 * Written down before the reply, which may be put where @name is. A lock that takes the
	 * list before the kernel has the name finds it yet: to take a name back the kernel waits
	 * for the look-ups that are under way in the directory.
	 */
	if (err == -ENOENT)
		fs_negative_note(dir, name);
	/* A key in the kernel's keyrings comes without a word: not to be remembered. */
	if (err == -ENOENT && ll_session_of(req)->keys && fs_context_is_locked(dir))
		ll_reply_err(req, err);
	else
		ll_reply_entry(req, err, &entry);
}

void ll_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct ll_session *s = ll_session_of(req);

	ll_space_end_begin(s);
	if (ino != FUSE_ROOT_ID)
		fs_inode_forget(ll_inode(req, ino), nlookup);
	fs_inodes_relax(s->sb);
	ll_space_end_done(s);
	fuse_reply_none(req);
}

void ll_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct ll_session *s = ll_session_of(req);

	ll_space_end_begin(s);
	for (size_t i = 0; i < count; i++)
		if (forgets[i].ino != FUSE_ROOT_ID)
			fs_inode_forget(ll_inode(req, forgets[i].ino), forgets[i].nlookup);
	fs_inodes_relax(s->sb);
	ll_space_end_done(s);
	fuse_reply_none(req);
}

void ll_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs_cred cred = ll_cred(req);
	struct fs_entry entry;
	int err = fs_mknod(ll_inode(req, parent), name, mode, rdev, &cred, &entry);

	if (ll_space_again(ll_session_of(req), err))
		err = fs_mknod(ll_inode(req, parent), name, mode, rdev, &cred, &entry);
	if (err < 0)
		ll_reply_err(req, err);
	else
		ll_reply_entry(req, 0, &entry);
}

void ll_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs_cred cred = ll_cred(req);
	struct fs_entry entry;
	int err = fs_mkdir(ll_inode(req, parent), name, mode, &cred, &entry);

	if (ll_space_again(ll_session_of(req), err))
		err = fs_mkdir(ll_inode(req, parent), name, mode, &cred, &entry);
	if (err < 0)
		ll_reply_err(req, err);
	else
		ll_reply_entry(req, 0, &entry);
}

void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs_cred cred = ll_cred(req);
	struct fs_entry entry;
	int err = fs_symlink(ll_inode(req, parent), name, target, &cred, &entry);

	if (ll_space_again(ll_session_of(req), err))
		err = fs_symlink(ll_inode(req, parent), name, target, &cred, &entry);
	if (err < 0)
		ll_reply_err(req, err);
	else
		ll_reply_entry(req, 0, &entry);
}

void ll_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs_cred cred = ll_cred(req);
	struct fs_entry entry;
	int err = fs_link(ll_inode(req, ino), ll_inode(req, parent), name, &cred, &entry);

	if (err < 0)
		ll_reply_err(req, err);
	else
		ll_reply_entry(req, 0, &entry);
}

/* With @absent the kernel keeps the name in memory as one that does not exist. */
static void reply_name(fuse_req_t req, struct fs_inode *dir, const char *name, int err, bool absent)
{
	if (absent)
		fs_negative_note(dir, name);
	ll_reply_err(req, err);
}

void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_inode *dir = ll_inode(req, parent);
	int err = fs_unlink(dir, name);

	reply_name(req, dir, name, err, err == 0);
}

void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_inode *dir = ll_inode(req, parent);
	int err = fs_rmdir(dir, name);

	reply_name(req, dir, name, err, err == 0);
}

void ll_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	       const char *new_name, unsigned int flags)
{
	struct fs_cred cred = ll_cred(req);

	fs_cred_enter(ll_session_of(req)->sb, &cred);
	ll_reply_err(req, fs_rename(ll_inode(req, parent), name, ll_inode(req, new_parent),
				    new_name, flags));
}

/* The name appeared after the kernel looked: without O_EXCL it is to be opened. */
static int open_existing(struct fs_inode *parent, const char *name, int flags,
			 struct fs_entry *ret_entry, struct fs_file **ret_file)
{
	int err = fs_lookup(parent, name, ret_entry);

	if (err < 0)
		return err;
	err = S_ISREG(ret_entry->inode->type) ? fs_file_open(ret_entry->inode, flags, ret_file)
					      : -EEXIST;
	if (err < 0)
		fs_inode_put(ret_entry->inode);
	return err;
}

void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	struct ll_session *s = ll_session_of(req);
	struct fs_inode *dir = ll_inode(req, parent);
	struct fs_cred cred = ll_cred(req);
	struct fuse_entry_param e;
	struct fs_entry entry;
	struct fs_file *file;
	int err;

	/* FUSE_TMPFILE comes this way too (ll-wire.c): it has the same arguments and answer. */
	if ((fi->flags & O_TMPFILE) == O_TMPFILE)
		err = fs_tmpfile(dir, mode, fi->flags, &cred, &entry, &file);
	else
		err = fs_create(dir, name, mode, &cred, &entry, &file);
	if (ll_space_again(s, err) && (fi->flags & O_TMPFILE) != O_TMPFILE)
		err = fs_create(dir, name, mode, &cred, &entry, &file);
	if (err == -EEXIST && !(fi->flags & O_EXCL))
		err = open_existing(dir, name, fi->flags, &entry, &file);
	if (err < 0) {
		/* The kernel need not have looked the name up before. */
		reply_name(req, dir, name, err, (fi->flags & O_TMPFILE) != O_TMPFILE);
		return;
	}
	ll_fill_entry(s, &entry, &e);
	ll_fill_open(s, fi, file);
	fs_inode_lookup(entry.inode);
	if (fuse_reply_create(req, &e, fi) < 0) {
		fs_inode_forget(entry.inode, 1);
		fs_file_release(file);
	}
	fs_inode_put(entry.inode);
}
