/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.c - fscrypt requests on inodes and on the mount */
#include "fs/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/attr.h"
#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/dir.h"
#include "fs/evict.h"
#include "fs/file.h"
#include "fs/format.h"
#include "fs/namei.h"
#include "util/compiler.h"
#include "util/io.h"
#include "util/log.h"
#include "util/secret.h"

static bool owner_or_capable(struct fs_inode *inode, const struct fs_caller *who, int *ret_err)
{
	struct statx stx;

	*ret_err = fs_inode_statx(inode, &stx);
	return *ret_err == 0 && (stx.stx_uid == who->cred.uid || who->cap_fowner);
}

/*
 * The context of a directory that has been plain so far. It is an empty one, its dir_lock is held
 * exclusively, so nobody sees it half done: the file appears whole, and then the state changes.
 */
static int encrypt_dir(struct fs_inode *dir, const union fscrypt_policy *policy)
{
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];
	struct fs_inode *parent = fs_inode_parent(dir);
	bool stored = atomic_load(&dir->use->ctx_stored); /* its number */
	uint32_t vino = atomic_load(&dir->use->vino);
	int err;

	tinylock_lock(&dir->crypt_lock);
	secret_random(nonce, sizeof(nonce));
	dir->use->ctx_len = (uint8_t)fscrypt_context_from_policy(policy, nonce, &dir->use->ctx);
	if (parent && atomic_load(&parent->crypt) == FS_CRYPT_ENCRYPTED) {
		memcpy(dir->use->parent_nonce, fscrypt_context_nonce(&parent->use->ctx),
		       sizeof(nonce));
		dir->use->parent_vino = atomic_load(&parent->use->vino);
	}
	atomic_store(&dir->use->ctx_stored, false);
	fs_inode_set_encrypted(dir);
	tinylock_unlock(&dir->crypt_lock);
	err = fs_context_store(dir, -1);
	if (err < 0) {
		fs_inode_set_plain(dir);
		atomic_store(&dir->use->vino, vino);
		atomic_store(&dir->use->ctx_stored, stored);
	}
	fs_inode_put(parent);
	return err;
}

static int set_on_plain_dir(struct fs_inode *dir, const struct fs_caller *who,
			    const union fscrypt_policy *policy)
{
	struct fs_super *sb = dir->sb;
	struct fscrypt_key_specifier spec;
	int dirfd, err = 0;

	dirfd = fs_dirfd_get(dir);
	if (dirfd < 0)
		return dirfd;
	pthread_rwlock_wrlock(&dir->use->dir.dir_lock);
	if (dir->use->dir.dead)
		err = -ENOENT;
	else if (dir != sb->root)
		err = fs_dir_check_empty(sb, dirfd, NULL);
	if (err == 0 && !fscrypt_supported_policy(sb->fsc, policy))
		err = -EINVAL;
	if (err == 0 && !fscrypt_contents_possible(sb->fsc, policy))
		err = -EOPNOTSUPP; /* --no-fallback, and the device cannot */
	if (err == 0) {
		fscrypt_policy_to_key_spec(policy, &spec);
		/* One of the kernel's keyrings is added when it is needed. */
		(void)fscrypt_key_present(sb->fsc, policy);
		if (spec.type == FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER && !who->cap_fowner)
			err = fscrypt_verify_key_added(sb->fsc, who->cred.uid, spec.u.identifier);
	}
	if (err == 0)
		err = dir == sb->root ? -EPERM : encrypt_dir(dir, policy);
	pthread_rwlock_unlock(&dir->use->dir.dir_lock);
	fs_dirfd_put(dir);
	return err;
}

int fs_set_policy(struct fs_inode *inode, const struct fs_caller *who,
		  const union fscrypt_policy *policy)
{
	union fscrypt_policy have;
	int err;

	if (!owner_or_capable(inode, who, &err))
		return err < 0 ? err : -EACCES;
	if (who->read_only)
		return -EROFS;
	err = fs_context_load(inode, -1);
	if (err == -EINVAL)
		return -EEXIST;
	if (err < 0)
		return err;
	if (atomic_load(&inode->crypt) == FS_CRYPT_ENCRYPTED) {
		err = fs_context_policy(inode, &have);
		return err == 0 && fscrypt_policies_equal(&have, policy) ? 0 : -EEXIST;
	}
	if (!S_ISDIR(inode->type))
		return -ENOTDIR;
	fs_cred_enter(inode->sb, &who->cred);
	return set_on_plain_dir(inode, who, policy);
}

int fs_get_policy(struct fs_inode *inode, union fscrypt_policy *ret_policy)
{
	int err = fs_context_load(inode, -1);

	if (err < 0)
		return err;
	if (atomic_load(&inode->crypt) != FS_CRYPT_ENCRYPTED)
		return -ENODATA;
	return fs_context_policy(inode, ret_policy);
}

int fs_get_nonce(struct fs_inode *inode, uint8_t ret_nonce[static FSCRYPT_FILE_NONCE_SIZE])
{
	int err = fs_context_load(inode, -1);

	if (err < 0)
		return err;
	if (atomic_load(&inode->crypt) != FS_CRYPT_ENCRYPTED)
		return -ENODATA;
	/* A nonce that somebody has been told must stay. */
	if (!atomic_load(&inode->use->ctx_stored) && !atomic_load(&inode->sb->read_only)) {
		if (S_ISREG(inode->type)) {
			err = fs_file_settle_header(inode);
		} else {
			pthread_rwlock_wrlock(&inode->use->dir.dir_lock);
			err = inode->use->dir.dead ? 0 : fs_context_store(inode, -1);
			pthread_rwlock_unlock(&inode->use->dir.dir_lock);
		}
		if (err < 0)
			return err;
	}
	memcpy(ret_nonce, fscrypt_context_nonce(&inode->use->ctx), FSCRYPT_FILE_NONCE_SIZE);
	return 0;
}

int fs_store_path(const struct fs_super *sb, struct fuscrypt_store_path *ret_path)
{
	if (strlen(sb->store->path) >= sizeof(ret_path->path))
		return -ENAMETOOLONG;
	memset(ret_path, 0, sizeof(*ret_path));
	strcpy(ret_path->path, sb->store->path);
	return 0;
}

int fs_get_pwsalt(struct fs_super *sb, const struct fs_caller *who, uint8_t ret_salt[static 16])
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int fd, err = 0;
	ssize_t n;

	pthread_mutex_lock(&lock);
	fd = openat(sb->store->meta_fd, "pwsalt", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		n = io_pread(fd, ret_salt, 16, 0);
		err = n == 16 ? 0 : n < 0 ? (int)n : -EUCLEAN;
		close(fd);
	} else if (errno != ENOENT) {
		err = -errno;
	} else if (who->read_only) {
		err = -EROFS;
	} else {
		secret_random(ret_salt, 16);
		ret_salt[6] = (uint8_t)((ret_salt[6] & 0x0f) | 0x40); /* UUID version 4, RFC 4122 */
		ret_salt[8] = (uint8_t)((ret_salt[8] & 0x3f) | 0x80);
		err = fs_do_replace_file(sb, sb->store->meta_fd, "pwsalt", ret_salt, 16, 0644);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

/* ---- who holds a tree ---- */

struct inode_list {
	uint64_t start, *ino;
	size_t num, cap;
	int err;
};

static void list_one(struct fs_inode *inode, void *arg)
{
	struct inode_list *l = arg;
	struct stat st;

	/* What a lock has revoked stays known as long as somebody holds it, but holds no key. */
	if (l->err < 0 || !fs_inode_is_pinned(inode) || fs_inode_revoked(inode) ||
	    fs_getattr(inode, &st) < 0 || st.st_ino < l->start)
		return;
	if (l->num == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		uint64_t *ino = realloc(l->ino, cap * sizeof(*ino));

		if (!ino) {
			l->err = -ENOMEM;
			return;
		}
		l->ino = ino;
		l->cap = cap;
	}
	l->ino[l->num++] = st.st_ino;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int fs_list_key_inodes(struct fs_super *sb, struct fuscrypt_key_inodes *list)
{
	struct inode_list l = { .start = list->start };

	fs_inode_for_each_of_key(sb, &list->spec, true, list_one, &l);
	if (l.num)
		qsort(l.ino, l.num, sizeof(*l.ino), by_number);
	list->count = (uint32_t)MIN(l.num, (size_t)FUSCRYPT_INODES_MAX);
	memset(list->ino, 0, sizeof(list->ino));
	for (uint32_t i = 0; i < list->count; i++)
		list->ino[i] = l.ino[i];
	free(l.ino);
	return l.err;
}
