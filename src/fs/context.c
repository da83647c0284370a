/* SPDX-License-Identifier: GPL-3.0-or-later */
/* context.c - an inode's fscrypt_context: read once, inherited by the new, its key set up on demand
 */
#include "fs/context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/dir.h"
#include "fs/format.h"
#include "fs/name.h"
#include "fs/symlink.h"
#include "fs/vino.h"
#include "util/bits.h"
#include "util/io.h"
#include "util/log.h"
#include "util/secret.h"

/* How an inode's state is to be found: what its directory and its stored name say. */
struct place {
	struct fs_inode *parent; /* referenced, or NULL for the root and nameless inodes */
	char name[NAME_MAX_LEN + 1];
	bool plain; /* what is there has no context of its own: regular files and symlinks */
};

static bool parent_encrypted(const struct place *p)
{
	return p->parent && atomic_load(&p->parent->crypt) != FS_CRYPT_PLAIN;
}

/* Where what has no context yet gets one: not in a directory that is itself damaged. */
static bool parent_gives_context(const struct place *p)
{
	return p->parent && atomic_load(&p->parent->crypt) == FS_CRYPT_ENCRYPTED;
}

/* Once for each place: its directory may get a policy meanwhile, if the file has left it. */
static bool is_plain_place(const struct place *p)
{
	return p->parent && !parent_encrypted(p) &&
	       strncmp(p->name, STORE_ENC_PREFIX, strlen(STORE_ENC_PREFIX)) != 0;
}

int fs_context_heritage(const struct fs_inode *parent, union fscrypt_policy *ret_policy)
{
	if (atomic_load(&parent->crypt) != FS_CRYPT_PLAIN)
		return fs_context_policy(parent, ret_policy);
	if (!parent->sb->has_dummy)
		return -ENODATA;
	*ret_policy = parent->sb->dummy_policy;
	return 0;
}

static void inherit_locked(struct fs_inode *inode, const struct fs_inode *parent)
{
	struct fs_use *use = inode->use;
	union fscrypt_policy policy;
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];

	/* A parent that has no sound policy to give has been refused before anybody comes here. */
	if (fs_context_heritage(parent, &policy) < 0)
		return;
	secret_random(nonce, sizeof(nonce));
	use->ctx_len = (uint8_t)fscrypt_context_from_policy(&policy, nonce, &use->ctx);
	memcpy(use->parent_nonce, fscrypt_context_nonce(&parent->use->ctx), sizeof(nonce));
	use->parent_vino = parent->use->vino;
	atomic_store(&use->ctx_stored, false);
	fs_inode_set_encrypted(inode);
}

void fs_context_inherit(struct fs_inode *inode, struct fs_inode *parent)
{
	tinylock_lock(&inode->crypt_lock);
	inherit_locked(inode, parent);
	tinylock_unlock(&inode->crypt_lock);
}

void fs_context_adopt(struct fs_inode *inode, struct fs_inode *parent,
		      const union fscrypt_context *ctx, size_t ctx_len, uint32_t vino,
		      struct fscrypt_info *info)
{
	struct fs_use *use = inode->use;

	tinylock_lock(&inode->crypt_lock);
	use->ctx = *ctx;
	use->ctx_len = (uint8_t)ctx_len;
	atomic_store(&use->vino, vino);
	memcpy(use->parent_nonce, fscrypt_context_nonce(&parent->use->ctx),
	       sizeof(use->parent_nonce));
	use->parent_vino = parent->use->vino;
	/*
	 * The key may have been revoked since. Who revokes it goes through its inodes after that:
	 * this must be among them, should it not look revoked yet.
	 */
	fs_inode_set_encrypted(inode);
	if (!fscrypt_info_revoked(info)) {
		use->info = info;
		info = NULL;
	}
	tinylock_unlock(&inode->crypt_lock);
	fscrypt_put_info(info);
}

static int adopt_header(struct fs_inode *inode, const struct store_header *hdr)
{
	struct fs_use *use = inode->use;
	union fscrypt_policy policy;
	int err;

	if (hdr->flags & STORE_HDR_FLAG_PLAIN)
		return -EUCLEAN;
	err = fscrypt_policy_from_context(&hdr->ctx, hdr->ctx_len, &policy);
	use->ctx = hdr->ctx;
	use->ctx_len = (uint8_t)hdr->ctx_len;
	atomic_store(&use->vino, hdr->ino);
	use->parent_vino = hdr->parent_ino;
	memcpy(use->parent_nonce, hdr->parent_nonce, sizeof(use->parent_nonce));
	if (err < 0)
		return err;
	if (fscrypt_context_uses_ino(&hdr->ctx)) {
		if (hdr->ino < FS_VINO_FIRST)
			return -EUCLEAN;
		fs_vino_saw(inode->sb->vino, hdr->ino);
	}
	atomic_store(&use->ctx_stored, true);
	fs_inode_set_encrypted(inode);
	return 0;
}

/* A directory without a policy, in one without, that has a number all the same. */
static void adopt_number(struct fs_inode *dir, const struct store_header *hdr)
{
	if (hdr->ino >= FS_VINO_FIRST) {
		fs_vino_saw(dir->sb->vino, hdr->ino);
		atomic_store(&dir->use->vino, hdr->ino);
	}
	atomic_store(&dir->use->ctx_stored, true);
	atomic_store(&dir->crypt, FS_CRYPT_PLAIN);
}

static int open_ctx(int dirfd)
{
	int fd = openat(dirfd, STORE_CTX_NAME,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * A directory that its owner may not look into has a number all the same, to be shown: an ordinary
 * user's daemon lends itself the right for the moment of opening.
 */
static int open_ctx_lent(const struct fs_super *sb, int dirfd)
{
	struct stat st;
	int fd;

	if (sb->privileged || fstat(dirfd, &st) < 0 || st.st_uid != geteuid() ||
	    chmod(fs_procpath(dirfd).s, (st.st_mode & 07777) | S_IXUSR) < 0)
		return -EACCES;
	fd = open_ctx(dirfd);
	(void)!chmod(fs_procpath(dirfd).s, st.st_mode & 07777);
	return fd;
}

static int load_dir(struct fs_inode *inode, const struct place *p)
{
	uint8_t buf[STORE_HDR_MAX_USED];
	struct store_header hdr;
	ssize_t n = -ENOENT;
	size_t used;
	int dirfd, fd, err;

	if (inode == inode->sb->root) {
		const struct store *store = inode->sb->store;

		if (store->root_plain) {
			atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
			return 0;
		}
	}
	dirfd = fs_dirfd_get(inode);
	if (dirfd < 0)
		return dirfd;
	fd = open_ctx(dirfd);
	if (fd == -EACCES && (parent_encrypted(p) ? fscrypt_context_uses_ino(&p->parent->use->ctx)
						  : fs_vino_in_use(inode->sb->vino)))
		fd = open_ctx_lent(inode->sb, dirfd);
	if (fd >= 0) {
		struct stat st;

		n = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EUCLEAN;
		if (n == 0)
			n = io_pread(fd, buf, sizeof(buf), 0);
		close(fd);
	} else if (fd != -ENOENT) {
		/* A symlink, a socket, a device without a driver: nothing that we made. */
		n = fd == -ELOOP || fd == -ENXIO || fd == -ENODEV ? -EUCLEAN : fd;
	}
	if (n >= 0) {
		err = store_header_decode(buf, (size_t)n, &hdr, &used);
		if (err == -ENODATA)
			err = -EUCLEAN;
		if (err == 0 && (hdr.flags & STORE_HDR_FLAG_PLAIN) && p->parent &&
		    !parent_encrypted(p))
			adopt_number(inode, &hdr);
		else if (err == 0)
			err = adopt_header(inode, &hdr);
	} else if (n != -ENOENT) {
		err = (int)n;
	} else if (!parent_encrypted(p)) {
		/* Nameless or the root: known from elsewhere, never plain by accident. */
		err = p->parent ? 0 : -EUCLEAN;
		if (err == 0)
			atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
	} else if (!parent_gives_context(p)) {
		err = -EUCLEAN;
	} else if ((err = fs_dir_check_empty(inode->sb, dirfd, NULL)) == 0) {
		inherit_locked(inode, p->parent);
		/* A number that was shown must stay. If that fails, its first use says so. */
		if (fscrypt_context_uses_ino(&inode->use->ctx) &&
		    !atomic_load(&inode->sb->read_only))
			(void)fs_context_store_locked(inode, -1);
	} else if (err == -ENOTEMPTY) {
		err = -EUCLEAN;
	}
	fs_dirfd_put(inode);
	return err;
}

/* All that follows a lost header is a hole or zeros: the file was never synced (DESIGN section 2).
 */
static bool data_is_zero(int fd, uint64_t size)
{
	static const size_t chunk = 65536;
	uint8_t *buf = malloc(chunk);
	off_t pos = STORE_HEADER_SIZE;
	bool zero = buf != NULL;

	while (zero && (uint64_t)pos < size) {
		off_t data = lseek(fd, pos, SEEK_DATA);
		ssize_t n;

		if (data < 0 && errno == ENXIO)
			break;
		pos = data < 0 ? pos : data;
		n = io_pread(fd, buf, chunk, pos);
		if (n <= 0)
			zero = n == 0;
		else
			zero = mem_is_zero(buf, (size_t)n);
		if (n <= 0)
			break;
		pos += n;
	}
	free(buf);
	return zero;
}

static int load_reg(struct fs_inode *inode, const struct place *p, int fd)
{
	uint8_t buf[STORE_HDR_MAX_USED];
	struct store_header hdr;
	struct stat st;
	size_t used;
	ssize_t n;
	int own = -1, err;

	if (!p->parent)
		return -EUCLEAN;
	if (p->plain) {
		atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
		return 0;
	}
	if (fd < 0) {
		fd = own = fs_inode_open(inode, O_RDONLY, NULL);
		if (fd < 0)
			return fd;
	}
	n = fstat(fd, &st) < 0 ? -errno : io_pread(fd, buf, sizeof(buf), 0);
	if (n < 0) {
		err = (int)n;
	} else if (st.st_size == 0) {
		/* An empty file that a crash caught before its header: good, and gets one now. */
		err = parent_gives_context(p) ? 0 : -EUCLEAN;
		if (err == 0)
			inherit_locked(inode, p->parent);
	} else if (st.st_size < STORE_HEADER_SIZE) {
		err = -EUCLEAN;
	} else {
		err = store_header_decode(buf, (size_t)n, &hdr, &used);
		if (err == 0) {
			err = adopt_header(inode, &hdr);
		} else if (err == -ENODATA) {
			err = -EUCLEAN;
			if (parent_gives_context(p) && data_is_zero(fd, (uint64_t)st.st_size)) {
				inherit_locked(inode, p->parent);
				err = 0;
			}
		}
	}
	if (own >= 0)
		close(own);
	return err;
}

/* @text: the @n characters that are stored, or why they cannot be read. */
static int load_lnk(struct fs_inode *inode, const struct place *p, const char *text, ssize_t n)
{
	uint8_t blob[STORE_SYMLINK_MAX];
	struct store_header hdr;
	size_t used;
	int err;

	if (!p->parent)
		return -EUCLEAN;
	if (p->plain) {
		atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
		return 0;
	}
	if (n < 0)
		return (int)n;
	err = fs_symlink_decode(text, (size_t)n, blob, &hdr, &used, NULL);
	return err < 0 ? err : adopt_header(inode, &hdr);
}

int fs_context_load(struct fs_inode *inode, int fd)
{
	char text[STORE_SYMLINK_MAX + 1];
	struct place p = { 0 };
	ssize_t n = 0;
	int err = 0;

	switch ((enum fs_crypt_state)atomic_load(&inode->crypt)) {
	case FS_CRYPT_PLAIN:
	case FS_CRYPT_ENCRYPTED:
		return 0;
	case FS_CRYPT_BAD:
		return inode->use->crypt_err;
	case FS_CRYPT_UNKNOWN:
		break;
	}
	if (!S_ISREG(inode->type) && !S_ISDIR(inode->type) && !S_ISLNK(inode->type)) {
		atomic_store(&inode->crypt, FS_CRYPT_PLAIN);
		return 0;
	}
	if (fs_inode_place(inode, &p.parent, p.name) == 0) {
		err = fs_context_load(p.parent, -1); /* done already unless this is a cold start */
		if (err < 0 && !fs_context_is_bad(p.parent)) {
			fs_inode_put(p.parent);
			return err;
		}
		err = 0;
	}
	p.plain = is_plain_place(&p);
	if (!p.plain && !fs_use_get(inode)) {
		fs_inode_put(p.parent);
		return -ENOMEM;
	}
	/*
	 * fs_inode_open() looks at open handles under crypt_lock, and a symlink is read under its
	 * directory's lock: before it is taken.
	 */
	if (S_ISLNK(inode->type) && p.parent && !p.plain)
		n = fs_symlink_read_stored(inode, text, sizeof(text));
	if (S_ISREG(inode->type) && fd < 0 && p.parent && !p.plain) {
		int own = fs_inode_open(inode, O_RDONLY, NULL);

		fs_inode_put(p.parent);
		if (own < 0)
			return own;
		err = fs_context_load(inode, own);
		close(own);
		return err;
	}
	tinylock_lock(&inode->crypt_lock);
	if (atomic_load(&inode->crypt) == FS_CRYPT_UNKNOWN) {
		err = S_ISDIR(inode->type)   ? load_dir(inode, &p)
		      : S_ISREG(inode->type) ? load_reg(inode, &p, fd)
					     : load_lnk(inode, &p, text, n);
		if (err == -EUCLEAN || err == -EINVAL || err == -EPROTONOSUPPORT) {
			log_warn("damaged or foreign header: inode %llu in the store (%s): %s",
				 (unsigned long long)inode->ino, p.parent ? p.name : "root",
				 strerror(-err));
			if (err == -EPROTONOSUPPORT)
				err = -EUCLEAN;
			inode->use->crypt_err = err;
			atomic_store(&inode->crypt, FS_CRYPT_BAD);
		}
	} else if (atomic_load(&inode->crypt) == FS_CRYPT_BAD) {
		err = inode->use->crypt_err;
	}
	tinylock_unlock(&inode->crypt_lock);
	fs_inode_put(p.parent);
	if (err == 0 && S_ISREG(inode->type))
		(void)fs_context_settle(inode); /* as in load_dir() */
	return err;
}

bool fs_context_is_bad(const struct fs_inode *inode)
{
	return atomic_load(&inode->crypt) == FS_CRYPT_BAD;
}

static enum fscrypt_inode_kind kind_of(const struct fs_inode *inode)
{
	return S_ISDIR(inode->type)   ? FSCRYPT_DIR
	       : S_ISLNK(inode->type) ? FSCRYPT_LNK
				      : FSCRYPT_REG;
}

/*
 * A key in the kernel's keyrings comes without a word, so they are asked at each use of a locked
 * inode; but not for each name of a listing.
 */
#define ASK_AGAIN_NS 20000

static bool may_have_come(struct fs_inode *inode)
{
	struct timespec ts;
	uint64_t now;

	if (!fscrypt_kernel_keys_enabled(inode->sb->fsc))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	if (now - inode->use->key_asked_ns < ASK_AGAIN_NS)
		return false;
	inode->use->key_asked_ns = now;
	return true;
}

int fs_context_require_key(struct fs_inode *inode)
{
	struct fs_super *sb = inode->sb;
	uint64_t gen;
	int err = fs_context_load(inode, -1);

	if (err < 0 || atomic_load(&inode->crypt) == FS_CRYPT_PLAIN)
		return err;
	err = fs_context_settle(inode); /* the number enters the key */
	if (err < 0)
		return err;
	tinylock_lock(&inode->crypt_lock);
	if (fs_inode_bar(inode) != FS_BAR_NONE) {
		err = -ENOKEY;
	} else if (!inode->use->info) {
		gen = fscrypt_keyring_generation(sb->fsc);
		if (inode->use->keygen == gen + 1 && !may_have_come(inode)) {
			err = -ENOKEY; /* asked before, and no key has come or gone since */
		} else {
			err = fscrypt_setup_info(sb->fsc, &inode->use->ctx, inode->use->ctx_len,
						 kind_of(inode), inode->use->vino,
						 &inode->use->info);
			if (err == -ENOKEY)
				inode->use->keygen =
					gen + 1; /* never 0, which means: not asked yet */
		}
	}
	tinylock_unlock(&inode->crypt_lock);
	return err;
}

int fs_context_require_names(struct fs_inode *dir)
{
	int err = fs_context_require_key(dir);

	return err == -ENOPKG || err == -EINVAL ? -ENOKEY : err;
}

bool fs_context_is_locked(struct fs_inode *inode)
{
	bool locked;

	if (atomic_load(&inode->crypt) != FS_CRYPT_ENCRYPTED)
		return false;
	tinylock_lock(&inode->crypt_lock);
	locked = !inode->use->info;
	tinylock_unlock(&inode->crypt_lock);
	return locked;
}

int fs_context_try_key(struct fs_inode *inode, struct fscrypt_info **ret_info)
{
	int err = fs_context_require_key(inode);

	/* What cannot be used is treated as locked: listing and deleting work (spec/ioctls.md 9).
	 */
	if (err == -ENOKEY || err == -ENOPKG || err == -EINVAL)
		err = 0;
	if (err == 0)
		*ret_info = inode->use->info;
	return err;
}
