/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link.c - hard links, and files that have no name yet */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/namei.h"
#include "util/secret.h"

int fs_link(struct fs_inode *inode, struct fs_inode *parent, const char *name,
	    const struct fs_cred *cred, struct fs_entry *ret_entry)
{
	struct fs_name sname;
	struct statx stx;
	bool secure;
	int fd, dirfd, err;

	err = fs_context_load(parent, -1);
	if (err < 0)
		return fs_context_is_bad(parent) ? -ENOKEY : err;
	err = fs_context_load(inode, -1);
	if (err < 0 && !fs_context_is_bad(inode))
		return err; /* what is damaged is not permitted, or as encrypted as it was */
	/* A locked directory takes no names at all; what would be permitted there is asked next. */
	err = fs_context_require_names(parent);
	if (err < 0)
		return err;
	if (!fs_context_permitted(parent, inode))
		return -EXDEV;
	if (fs_inode_revoked(inode))
		return -ENOKEY;
	/* A header that is still only in memory must not depend on the directory that the file is
	 * in. */
	err = fs_file_settle_header(inode);
	if (err < 0)
		return err;
	secure = fs_may_be_synced(inode);
	if (secure)
		err = fs_context_secure(parent);
	if (err < 0)
		return err;
	fd = fs_inode_open_path(inode);
	if (fd < 0)
		return fd;
	dirfd = fs_dirfd_get(parent);
	if (dirfd < 0) {
		close(fd);
		return dirfd;
	}
	fs_cred_enter(parent->sb, cred);
	pthread_rwlock_wrlock(&parent->use->dir.dir_lock);
	err = fs_prepare_entry(parent, dirfd, name, atomic_load(&inode->crypt) != FS_CRYPT_PLAIN,
			       &sname);
	if (err == 0 && secure)
		err = fs_sidecar_sync(parent, dirfd, &sname);
	if (err == 0) {
		err = fs_do_link(parent->sb, fd, dirfd, sname.stored);
		if (err < 0)
			fs_sidecar_undo(parent, dirfd, &sname);
	}
	if (err == 0)
		err = fs_alias_add(inode, parent, sname.stored);
	if (err == 0)
		err = statx(fd, "", AT_EMPTY_PATH, FS_STATX_MASK, &stx) < 0 ? -errno : 0;
	pthread_rwlock_unlock(&parent->use->dir.dir_lock);
	fs_dirfd_put(parent);
	close(fd);
	if (err < 0)
		return err;
	fs_inode_ref(inode);
	ret_entry->inode = inode;
	fs_attr_from_statx(inode, &stx, &ret_entry->attr);
	return 0;
}

int fs_tmpfile(struct fs_inode *parent, mode_t mode, int flags, const struct fs_cred *cred,
	       struct fs_entry *ret_entry, struct fs_file **ret_file)
{
	union fscrypt_policy policy;
	struct fs_inode *inode;
	struct statx stx;
	bool encrypted;
	int dirfd, fd, err;

	err = fs_context_load(parent, -1);
	if (err < 0)
		return err;
	err = fs_context_heritage(parent, &policy);
	if (err < 0 && err != -ENODATA)
		return err;
	encrypted = err == 0;
	if (encrypted && !fscrypt_key_present(parent->sb->fsc, &policy))
		return -ENOKEY;
	err = fs_handle_room(parent->sb);
	if (err < 0)
		return err;
	dirfd = fs_dirfd_get(parent);
	if (dirfd < 0)
		return dirfd;
	fs_cred_enter(parent->sb, cred);
	pthread_rwlock_rdlock(&parent->use->dir.dir_lock);
	fd = fs_do_tmpfile(parent->sb, dirfd, O_RDWR | (flags & O_EXCL), mode & 07777);
	err = fd < 0 ? fd : statx(fd, "", AT_EMPTY_PATH, FS_STATX_MASK, &stx) < 0 ? -errno : 0;
	pthread_rwlock_unlock(&parent->use->dir.dir_lock);
	fs_dirfd_put(parent);
	if (err == -EISDIR || err == -EINVAL)
		err = -EOPNOTSUPP;
	if (err == 0)
		err = fs_inode_get(parent->sb, NULL, NULL, &stx, false, &inode);
	if (err < 0) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (!fs_use_get(inode)) {
		err = -ENOMEM;
	} else if (encrypted) {
		fs_context_inherit(inode, parent);
		if (fscrypt_context_uses_ino(&inode->use->ctx))
			err = fs_context_store(inode, fd); /* the number is needed now */
		if (err == 0)
			err = fs_context_require_key(inode);
	} else {
		atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
	}
	if (err == 0) {
		atomic_store(&inode->use->reg.unsynced, true);
		err = fs_file_adopt(inode, fd, ret_file);
	} else {
		close(fd);
	}
	if (err < 0) {
		fs_inode_put(inode);
		return err;
	}
	ret_entry->inode = inode;
	fs_attr_from_statx(inode, &stx, &ret_entry->attr);
	return 0;
}
