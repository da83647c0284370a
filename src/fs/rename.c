/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rename.c - rename, with policies, long names, both spellings, and directories to be replaced */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/namei.h"
#include "fs/symlink.h"

/* One end of a rename. */
struct end {
	struct fs_inode *parent;
	const char *name;
	int dirfd;
	struct fs_name found;	/* the entry that is there, if @inode */
	struct fs_inode *inode; /* referenced, loaded; NULL: no such entry */
	struct statx stx;
};

static int end_open(struct end *e, struct fs_inode *parent, const char *name)
{
	int err = fs_context_load(parent, -1);

	e->parent = parent;
	e->name = name;
	e->inode = NULL;
	if (err < 0)
		return fs_context_is_bad(parent) ? -ENOKEY : err; /* its names are no-key names */
	e->dirfd = fs_dirfd_get(parent);
	return e->dirfd < 0 ? e->dirfd : 0;
}

static void end_close(struct end *e)
{
	fs_dirfd_put(e->parent);
	fs_inode_put(e->inode);
}

/*
 * What is at this end, with its context. Done before the directories are locked for good, because
 * reading a context goes through them; the kernel holds both directories, so nothing changes
 * between.
 */
static int end_find(struct end *e, bool need_context)
{
	int err;

	pthread_rwlock_rdlock(&e->parent->use->dir.dir_lock);
	err = fs_find_entry(e->parent, e->dirfd, e->name, &e->found, &e->stx);
	if (err == 0)
		err = fs_inode_get(e->parent->sb, e->parent, e->found.stored, &e->stx, false,
				   &e->inode);
	pthread_rwlock_unlock(&e->parent->use->dir.dir_lock);
	if (err == 0 && need_context) {
		err = fs_context_load(e->inode, -1);
		/* What is damaged, or not to be looked into, may be renamed where it is. */
		if (err == -EUCLEAN || err == -EINVAL || err == -EACCES)
			err = 0;
	}
	return err;
}

static bool is_encrypted(const struct fs_inode *inode)
{
	return atomic_load(&inode->crypt) != FS_CRYPT_PLAIN &&
	       (S_ISREG(inode->type) || S_ISLNK(inode->type));
}

/*
 * Two directories by address, though one may be above the other, while fs_empty_dir() goes from a
 * directory to one in it. What keeps these apart is the kernel: it holds both directories of a
 * rename, and a directory that is removed or replaced, exclusively before it asks us.
 */
static void lock_dirs(struct fs_inode *a, struct fs_inode *b)
{
	if (a == b) {
		pthread_rwlock_wrlock(&a->use->dir.dir_lock);
		return;
	}
	pthread_rwlock_wrlock(a < b ? &a->use->dir.dir_lock : &b->use->dir.dir_lock);
	pthread_rwlock_wrlock(a < b ? &b->use->dir.dir_lock : &a->use->dir.dir_lock);
}

static void unlock_dirs(struct fs_inode *a, struct fs_inode *b)
{
	pthread_rwlock_unlock(&a->use->dir.dir_lock);
	if (a != b)
		pthread_rwlock_unlock(&b->use->dir.dir_lock);
}

static int rename_at(const struct end *from, const struct end *to, const char *stored,
		     unsigned flags)
{
	const struct fs_super *sb = from->parent->sb;
	int err = fs_do_rename(sb, from->dirfd, from->found.stored, to->dirfd, stored, flags);

	/* A backing without flags: both directories are ours, and the target has been looked at. */
	if ((err == -EINVAL || err == -ENOSYS) && flags == RENAME_NOREPLACE)
		err = fs_do_rename(sb, from->dirfd, from->found.stored, to->dirfd, stored, 0);
	return err;
}

/*
 * What @inode is must not depend on the directory that it is in, when it leaves for @parent. A
 * directory without entries may have no context of its own yet, which in a plain one would make it
 * plain.
 */
static int settle(struct fs_inode *inode, const struct fs_inode *parent)
{
	int err;

	if (!S_ISDIR(inode->type))
		return fs_file_settle_header(inode);
	if (atomic_load(&parent->crypt) != FS_CRYPT_PLAIN)
		return 0;
	if (fs_context_is_bad(inode) && inode->use->crypt_err == -EUCLEAN)
		return -EUCLEAN; /* it would become a plain one, with entries that are not */
	pthread_rwlock_wrlock(&inode->use->dir.dir_lock);
	err = inode->use->dir.dead ? -ENOENT : fs_context_store(inode, -1);
	pthread_rwlock_unlock(&inode->use->dir.dir_lock);
	return err;
}

/*
 * An encrypted file that comes to a plain directory must be marked there, and what is exchanged for
 * it must not. Directories and special files are the same under either spelling, so the entry takes
 * the other one first, and the exchange itself stays one step: a crash between the two leaves the
 * same name. @end's parent is plain and exclusively locked; so is rename_lock.
 */
static int respell(struct end *end, bool marked)
{
	struct fs_name other = end->found;
	size_t plen = strlen(STORE_ENC_PREFIX);
	int err = 0;

	if ((strncmp(end->found.stored, STORE_ENC_PREFIX, plen) == 0) == marked)
		return 0;
	if (marked)
		err = fs_name_mark_encrypted(&other);
	else
		memmove(other.stored, other.stored + plen, strlen(other.stored) - plen + 1);
	if (err == 0)
		err = rename_at(end, end, other.stored, RENAME_NOREPLACE);
	if (err == 0)
		err = fs_alias_move(end->parent, end->found.stored, end->parent, other.stored);
	if (err == 0)
		end->found = other;
	return err;
}

static int exchange(struct end *from, struct end *to)
{
	bool from_enc = is_encrypted(from->inode), to_enc = is_encrypted(to->inode);
	int err;

	if (from->parent != to->parent && (!fs_context_permitted(to->parent, from->inode) ||
					   !fs_context_permitted(from->parent, to->inode)))
		return -EXDEV;
	/* Two spellings would have to change at once (README, limits). */
	if (from->found.plain && to->found.plain && from_enc != to_enc)
		return -EXDEV;
	if (from->parent != to->parent) {
		err = settle(from->inode, to->parent);
		if (err == 0)
			err = settle(to->inode, from->parent);
		if (err < 0)
			return err;
	}
	err = fs_may_be_synced(from->inode) ? fs_context_secure(to->parent) : 0;
	if (err == 0 && fs_may_be_synced(to->inode))
		err = fs_context_secure(from->parent);
	if (err < 0)
		return err;
	lock_dirs(from->parent, to->parent);
	pthread_rwlock_wrlock(&to->parent->sb->rename_lock);
	if (from->found.plain && from_enc != to_enc && to_enc)
		err = respell(from, true);
	if (to->found.plain && from_enc != to_enc && from_enc)
		err = respell(to, true);
	if (err == 0)
		err = rename_at(from, to, to->found.stored, RENAME_EXCHANGE);
	if (err == 0)
		err = fs_alias_exchange(from->parent, from->found.stored, to->parent,
					to->found.stored);
	pthread_rwlock_unlock(&to->parent->sb->rename_lock);
	unlock_dirs(from->parent, to->parent);
	return err;
}

/* Get the replaced entry out of the way as far as it has to be before the rename itself. */
static int prepare_target(struct end *to)
{
	int err;

	if (!to->inode)
		return 0;
	err = S_ISDIR(to->inode->type) ? fs_empty_dir(to->inode) : 0;
	if (err == 0)
		fs_prepare_last_name(to->inode, to->parent, to->dirfd, to->found.stored);
	return err;
}

static int move(struct end *from, struct end *to, unsigned flags)
{
	union fscrypt_context dropped;
	struct fs_name stored;
	bool drop_long = false, moved, secure;
	int err;

	if (from->parent != to->parent) {
		if (!fs_context_permitted(to->parent, from->inode))
			return -EXDEV;
		err = settle(from->inode, to->parent);
		if (err < 0)
			return err;
	}
	if (to->inode && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (to->inode == from->inode)
		return 0; /* two names of one file: POSIX wants nothing done */
	if (to->inode && S_ISLNK(to->inode->type) && to->stx.stx_nlink == 1 &&
	    atomic_load(&to->inode->crypt) == FS_CRYPT_ENCRYPTED) {
		dropped = to->inode->use->ctx;
		drop_long = true;
	}
	secure = fs_may_be_synced(from->inode);
	if (secure) {
		err = fs_context_secure(to->parent);
		if (err < 0)
			return err;
	}
	lock_dirs(from->parent, to->parent);
	err = to->parent->use->dir.dead ? -ENOENT : fs_name_create(to->parent, to->name, &stored);
	if (err == 0 && stored.plain && is_encrypted(from->inode))
		err = fs_name_mark_encrypted(&stored);
	if (err == 0)
		err = fs_context_store(to->parent, -1);
	if (err == 0)
		err = fs_sidecar_write(to->parent, to->dirfd, &stored);
	if (err == 0 && secure)
		err = fs_sidecar_sync(to->parent, to->dirfd, &stored);
	if (err == 0)
		err = prepare_target(to);
	if (err < 0)
		goto unlock;
	pthread_rwlock_wrlock(&to->parent->sb->rename_lock);
	/* A whiteout is a device: all that is encrypted of it is its name, which is the old one. */
	err = rename_at(from, to, stored.stored,
			flags & RENAME_WHITEOUT ? RENAME_WHITEOUT
			: to->inode		? 0
						: RENAME_NOREPLACE);
	moved = err == 0;
	if (moved && (from->parent != to->parent || strcmp(from->found.stored, stored.stored) != 0))
		err = fs_alias_move(from->parent, from->found.stored, to->parent, stored.stored);
	pthread_rwlock_unlock(&to->parent->sb->rename_lock);
	if (!moved) {
		if (to->inode && S_ISDIR(to->inode->type))
			fs_undo_empty_dir(to->inode);
		if (to->inode)
			fs_inode_unkeep(to->inode);
		else
			fs_sidecar_undo(to->parent, to->dirfd, &stored);
		err = err == -EEXIST && to->inode ? -ENOTEMPTY : err;
		goto unlock;
	}
	if (to->inode && S_ISDIR(to->inode->type))
		fs_dir_gone(to->inode);
	if (to->inode && strcmp(to->found.stored, stored.stored) != 0) {
		fs_do_unlink(to->parent->sb, to->dirfd, to->found.stored, 0);
		fs_alias_remove(to->parent, to->found.stored);
	}
	if (!(flags & RENAME_WHITEOUT) &&
	    (from->parent != to->parent || strcmp(from->found.stored, stored.stored) != 0))
		fs_sidecar_remove(from->parent, from->dirfd, &from->found);
	if (drop_long)
		fs_symlink_drop_long(to->parent->sb, &dropped);
unlock:
	unlock_dirs(from->parent, to->parent);
	return err;
}

int fs_rename(struct fs_inode *parent, const char *name, struct fs_inode *new_parent,
	      const char *new_name, unsigned flags)
{
	struct end from, to;
	int err;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	fs_descriptors_settle(parent->sb);
	err = end_open(&from, parent, name);
	if (err < 0)
		return err;
	err = end_open(&to, new_parent, new_name);
	if (err < 0)
		goto close_from;
	err = end_find(&from, true);
	if (err == 0)
		err = fs_context_require_names(parent);
	if (err == 0)
		err = fs_context_require_names(new_parent);
	if (err < 0)
		goto close_to;
	err = end_find(&to, true);
	if (err == -ENOENT && !(flags & RENAME_EXCHANGE))
		err = 0;
	if (err == 0)
		err = flags & RENAME_EXCHANGE ? exchange(&from, &to) : move(&from, &to, flags);
close_to:
	end_close(&to);
close_from:
	end_close(&from);
	return err;
}
