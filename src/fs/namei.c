/* SPDX-License-Identifier: GPL-3.0-or-later */
/* namei.c - look-up, and the making of files, directories, special files and symlinks */
#include "fs/namei.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/ino.h"
#include "fs/symlink.h"
#include "fs/vino.h"
#include "util/secret.h"

int fs_dir_enter(struct fs_inode *dir, bool change)
{
	int dirfd, err = fs_context_load(dir, -1);

	if (err < 0 && !fs_context_is_bad(dir))
		return err;
	dirfd = fs_dirfd_get(dir);
	if (dirfd < 0)
		return dirfd;
	if (change)
		pthread_rwlock_wrlock(&dir->use->dir.dir_lock);
	else
		pthread_rwlock_rdlock(&dir->use->dir.dir_lock);
	return dirfd;
}

void fs_dir_leave(struct fs_inode *dir)
{
	pthread_rwlock_unlock(&dir->use->dir.dir_lock);
	fs_dirfd_put(dir);
}

int fs_stat_stored(int dirfd, const char *stored, struct statx *ret_stx)
{
	return statx(dirfd, stored, AT_SYMLINK_NOFOLLOW, FS_STATX_MASK, ret_stx) < 0 ? -errno : 0;
}

int fs_find_entry(struct fs_inode *parent, int dirfd, const char *name, struct fs_name *ret_name,
		  struct statx *ret_stx)
{
	int err = fs_name_lookup(parent, dirfd, name, ret_name);

	if (err < 0)
		return err;
	err = fs_stat_stored(dirfd, ret_name->stored, ret_stx);
	if (err == -ENOENT && ret_name->plain) {
		if (fs_name_mark_encrypted(ret_name) < 0)
			return -ENOENT;
		err = fs_stat_stored(dirfd, ret_name->stored, ret_stx);
	}
	return err;
}

int fs_lookup(struct fs_inode *parent, const char *name, struct fs_entry *ret_entry)
{
	struct fs_inode *inode;
	struct fs_name sname;
	struct statx stx;
	int dirfd, err;

	dirfd = fs_dir_enter(parent, false);
	if (dirfd < 0)
		return dirfd;
	err = fs_find_entry(parent, dirfd, name, &sname, &stx);
	if (err == 0)
		err = fs_inode_get(parent->sb, parent, sname.stored, &stx, false, &inode);
	if (err == 0) {
		if (!S_ISDIR(inode->type) && !S_ISLNK(inode->type))
			fs_ino_found(parent, inode);
		err = fs_context_check_found(parent, inode);
		if (err < 0)
			fs_inode_put(inode);
	}
	fs_dir_leave(parent);
	if (err < 0)
		return err;
	ret_entry->inode = inode;
	fs_attr_from_statx(inode, &stx, &ret_entry->attr);
	return 0;
}

int fs_prepare_entry(struct fs_inode *parent, int dirfd, const char *name, bool encrypted_object,
		     struct fs_name *ret_name)
{
	struct fs_name other;
	struct statx stx;
	int err;

	if (parent->use->dir.dead)
		return -ENOENT;
	err = fs_name_create(parent, name, ret_name);
	if (err < 0)
		return err;
	if (ret_name->plain) {
		/* The other spelling must be free; ours is looked at by the call that makes it. */
		other = *ret_name;
		err = fs_name_mark_encrypted(&other);
		if (err < 0)
			return encrypted_object ? err : 0;
		if (encrypted_object) {
			err = fs_stat_stored(dirfd, ret_name->stored, &stx);
			*ret_name = other;
		} else {
			err = fs_stat_stored(dirfd, other.stored, &stx);
		}
		return err == 0 ? -EEXIST : err == -ENOENT ? 0 : err;
	}
	err = fs_context_store(parent, -1);
	if (err < 0)
		return err;
	return fs_sidecar_write(parent, dirfd, ret_name);
}

/* What a new object gets from its directory: a context with a fresh nonce, and its key. */
struct heritage {
	bool encrypted;
	union fscrypt_context ctx;
	size_t ctx_len;
	uint32_t vino;
	struct fscrypt_info *info;
};

/*
 * Made before the object, so that a missing key, a weak one or a missing cipher leaves nothing
 * behind. A new inode needs the master key itself, not just what a busy directory still has of it.
 */
static int inherit(struct fs_inode *parent, enum fscrypt_inode_kind kind, struct heritage *ret)
{
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];
	union fscrypt_policy policy;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = fs_context_load(parent, -1);
	if (err < 0)
		return err;
	err = fs_context_heritage(parent, &policy);
	if (err < 0)
		return err == -ENODATA ? 0 : err;
	if (!fscrypt_key_present(parent->sb->fsc, &policy))
		return -ENOKEY;
	secret_random(nonce, sizeof(nonce));
	ret->ctx_len = fscrypt_context_from_policy(&policy, nonce, &ret->ctx);
	ret->encrypted = true;
	if (fscrypt_context_uses_ino(&ret->ctx)) {
		err = fs_vino_alloc(parent->sb->vino, &ret->vino);
		if (err < 0)
			return err;
	}
	return fscrypt_setup_info(parent->sb->fsc, &ret->ctx, ret->ctx_len, kind, ret->vino,
				  &ret->info);
}

/*
 * A handle, a directory and a symlink each are a making of something under an exclusively locked
 * directory; this is what they have in common.
 */
struct making {
	struct fs_inode *parent;
	int dirfd;
	int fd; /* of the file that was made, or -1 */
	struct fs_name name;
	struct heritage heritage;
};

static int making_begin(struct making *m, struct fs_inode *parent, const char *name, int kind,
			const struct fs_cred *cred)
{
	int err;

	memset(&m->heritage, 0, sizeof(m->heritage));
	m->parent = parent;
	m->fd = -1;
	err = kind < 0 ? fs_context_load(parent, -1)
		       : inherit(parent, (enum fscrypt_inode_kind)kind, &m->heritage);
	if (err < 0)
		return err;
	m->dirfd = fs_dirfd_get(parent);
	if (m->dirfd < 0) {
		err = m->dirfd;
		goto put_info;
	}
	fs_cred_enter(parent->sb, cred);
	pthread_rwlock_wrlock(&parent->use->dir.dir_lock);
	err = fs_prepare_entry(parent, m->dirfd, name, m->heritage.encrypted && kind != FSCRYPT_DIR,
			       &m->name);
	if (err == 0)
		return 0;
	pthread_rwlock_unlock(&parent->use->dir.dir_lock);
	fs_dirfd_put(parent);
put_info:
	fscrypt_put_info(m->heritage.info);
	return err;
}

/* A plain directory of a store with IV_INO policies may get one, and may not change its number
 * then.
 */
static bool wants_number(const struct making *m)
{
	return !m->heritage.encrypted && m->name.plain && fs_vino_in_use(m->parent->sb->vino);
}

/*
 * What is encrypted in a plain directory (test_dummy_encryption) has nobody to inherit from later,
 * and under an IV_INO policy the header has the number that users are about to see: the context
 * goes to the store at once.
 */
static int store_context(struct making *m, struct fs_inode *inode, struct statx *stx)
{
	int err;

	if (S_ISLNK(inode->type)) {
		if (m->heritage.encrypted)
			atomic_store(&inode->use->ctx_stored, true); /* in its target */
		return 0;
	}
	/* That it has none is no reason not to make it. */
	if (S_ISDIR(inode->type) && wants_number(m) && fs_context_store_number(inode) == 0)
		return fs_stat_stored(m->dirfd, m->name.stored, stx);
	if (!m->heritage.encrypted || (!m->name.plain && !m->heritage.vino))
		return 0;
	err = fs_context_store(inode, m->fd);
	return err < 0 ? err : fs_stat_stored(m->dirfd, m->name.stored, stx);
}

/* The object goes again, before anybody else knows of it. */
static void unmake(struct making *m, struct fs_inode *inode)
{
	if (S_ISDIR(inode->type))
		fs_empty_dir(inode);
	fs_do_unlink(inode->sb, m->dirfd, m->name.stored, S_ISDIR(inode->type) ? AT_REMOVEDIR : 0);
	fs_alias_remove(m->parent, m->name.stored);
	fs_sidecar_undo(m->parent, m->dirfd, &m->name);
	fs_inode_put(inode);
}

static int settle_new(struct making *m, struct fs_inode *inode, struct statx *stx)
{
	if ((m->heritage.encrypted || S_ISREG(inode->type)) && !fs_use_get(inode))
		return -ENOMEM;
	if (m->heritage.encrypted) {
		fs_context_adopt(inode, m->parent, &m->heritage.ctx, m->heritage.ctx_len,
				 m->heritage.vino, m->heritage.info);
		m->heritage.info = NULL;
	} else {
		atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
	}
	return store_context(m, inode, stx);
}

/* The object is made if @err is 0, @stx its attributes: enter it into the table. */
static int making_end(struct making *m, int err, struct statx *stx, struct fs_entry *ret_entry)
{
	struct fs_inode *inode;

	if (err == 0)
		err = fs_inode_get(m->parent->sb, m->parent, m->name.stored, stx, false, &inode);
	else
		fs_sidecar_undo(m->parent, m->dirfd, &m->name);
	if (err == 0) {
		err = settle_new(m, inode, stx);
		if (err < 0)
			unmake(m, inode);
		else
			ret_entry->inode = inode;
	}
	pthread_rwlock_unlock(&m->parent->use->dir.dir_lock);
	fs_dirfd_put(m->parent);
	fscrypt_put_info(m->heritage.info);
	if (err == 0)
		fs_attr_from_statx(ret_entry->inode, stx, &ret_entry->attr);
	return err;
}

int fs_create(struct fs_inode *parent, const char *name, mode_t mode, const struct fs_cred *cred,
	      struct fs_entry *ret_entry, struct fs_file **ret_file)
{
	struct making m;
	struct statx stx;
	int fd, err = fs_handle_room(parent->sb);

	if (err == 0)
		err = making_begin(&m, parent, name, FSCRYPT_REG, cred);
	if (err < 0)
		return err;
	fd = fs_do_create(parent->sb, m.dirfd, m.name.stored, O_RDWR, mode & 07777);
	err = fd < 0 ? fd : statx(fd, "", AT_EMPTY_PATH, FS_STATX_MASK, &stx) < 0 ? -errno : 0;
	m.fd = fd;
	err = making_end(&m, err, &stx, ret_entry);
	if (err == 0) {
		atomic_store(&ret_entry->inode->use->reg.unsynced, true);
		err = fs_file_adopt(ret_entry->inode, fd, ret_file);
		if (err < 0)
			fs_inode_put(ret_entry->inode);
	} else if (fd >= 0) {
		close(fd);
	}
	return err;
}

int fs_mknod(struct fs_inode *parent, const char *name, mode_t mode, dev_t rdev,
	     const struct fs_cred *cred, struct fs_entry *ret_entry)
{
	struct making m;
	struct statx stx;
	int err;

	if (S_ISREG(mode) || (mode & S_IFMT) == 0) {
		struct fs_file *file;

		err = fs_create(parent, name, mode, cred, ret_entry, &file);
		if (err == 0) /* not fs_file_release(): its header may wait for the first open */
			fs_file_release(file);
		return err;
	}
	/* Special files have an encrypted name and nothing else; they do need a present key. */
	err = making_begin(&m, parent, name, -1, cred);
	if (err < 0)
		return err;
	err = fs_do_mknod(parent->sb, m.dirfd, m.name.stored, mode, rdev);
	if (err == 0)
		err = fs_stat_stored(m.dirfd, m.name.stored, &stx);
	return making_end(&m, err, &stx, ret_entry);
}

/* Mode bits of a new directory that were lent to ourselves. */
static int take_back(struct fs_entry *entry, mode_t lent)
{
	entry->attr.st_mode &= ~lent;
	return fs_setattr(entry->inode, NULL, &entry->attr, FS_SET_MODE, &entry->attr);
}

int fs_mkdir(struct fs_inode *parent, const char *name, mode_t mode, const struct fs_cred *cred,
	     struct fs_entry *ret_entry)
{
	struct making m;
	struct statx stx;
	bool numbered;
	mode_t lent;
	int err = making_begin(&m, parent, name, FSCRYPT_DIR, cred);

	if (err < 0)
		return err;
	/*
	 * Its context goes to the store with its first entry, for an empty directory needs none; or
	 * at once, with its number, which an ordinary user's daemon needs the right for.
	 */
	numbered = m.heritage.vino || wants_number(&m);
	lent = numbered && !parent->sb->privileged ? ~mode & 0700 : 0;
	err = fs_do_mkdir(parent->sb, m.dirfd, m.name.stored, (mode & 07777) | lent);
	if (err == 0)
		err = fs_stat_stored(m.dirfd, m.name.stored, &stx);
	err = making_end(&m, err, &stx, ret_entry);
	if (err == 0 && lent) {
		err = take_back(ret_entry, lent);
		if (err < 0)
			fs_inode_put(ret_entry->inode);
	}
	return err;
}

int fs_symlink(struct fs_inode *parent, const char *name, const char *target,
	       const struct fs_cred *cred, struct fs_entry *ret_entry)
{
	char text[STORE_SYMLINK_MAX + 1];
	const char *stored = target;
	struct making m;
	struct statx stx;
	int err = making_begin(&m, parent, name, FSCRYPT_LNK, cred);

	if (err < 0)
		return err;
	if (m.heritage.encrypted) {
		err = fs_symlink_make(parent->sb, parent, &m.heritage.ctx, m.heritage.ctx_len,
				      m.heritage.vino, m.heritage.info, target, text);
		stored = text;
	}
	if (err == 0) {
		err = fs_do_symlink(parent->sb, stored, m.dirfd, m.name.stored);
		if (err < 0 && m.heritage.encrypted)
			fs_symlink_drop_long(parent->sb, &m.heritage.ctx);
	}
	if (err == 0)
		err = fs_stat_stored(m.dirfd, m.name.stored, &stx);
	return making_end(&m, err, &stx, ret_entry);
}
