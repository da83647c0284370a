/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ino.c - the inode numbers that users see: virtual ones, and others that cannot equal one */
#include "fs/ino.h"

#include <dirent.h>
#include <string.h>

#include "fs/context.h"
#include "fs/format.h"
#include "fs/namei.h"
#include "fs/vino.h"

/* No virtual number has it, and no filesystem's own numbers get there. */
#define NOT_VIRTUAL ((ino_t)1 << 63)

static bool encrypted(const struct fs_inode *inode)
{
	return atomic_load(&inode->crypt) == FS_CRYPT_ENCRYPTED;
}

ino_t fs_ino_shown(const struct fs_inode *inode, ino_t backing)
{
	uint32_t vino = 0;

	if (!fs_vino_in_use(inode->sb->vino))
		return backing;
	/* A directory keeps the number that it was made with, whatever its policy. */
	if (S_ISDIR(inode->type) ||
	    (encrypted(inode) && fscrypt_context_uses_ino(&inode->use->ctx)))
		vino = atomic_load(&inode->use->vino);
	return vino != 0 ? vino : backing | NOT_VIRTUAL;
}

/* Whether something in @parent, stored as @stored (NULL: not known), can have a virtual number. */
static bool may_be_virtual(const struct fs_inode *parent, const char *stored, unsigned char type)
{
	if (!fs_vino_in_use(parent->sb->vino))
		return false;
	if (type != DT_REG && type != DT_DIR && type != DT_LNK && type != DT_UNKNOWN)
		return false;
	if (encrypted(parent) && fscrypt_context_uses_ino(&parent->use->ctx))
		return true;
	return type == DT_DIR || type == DT_UNKNOWN ||
	       (!encrypted(parent) && (stored == NULL || strncmp(stored, STORE_ENC_PREFIX,
								 strlen(STORE_ENC_PREFIX)) == 0));
}

void fs_ino_found(struct fs_inode *parent, struct fs_inode *inode)
{
	if (atomic_load(&inode->crypt) == FS_CRYPT_UNKNOWN && S_ISREG(inode->type) &&
	    may_be_virtual(parent, NULL, DT_REG))
		(void)fs_context_load(inode, -1);
}

static ino_t above(struct fs_inode *dir, ino_t backing)
{
	struct fs_inode *up = fs_inode_parent(dir);
	ino_t ino = fs_ino_shown(up ? up : dir, backing);

	fs_inode_put(up);
	return ino;
}

ino_t fs_ino_of_entry(struct fs_inode *dir, int dirfd, const char *stored, ino_t backing,
		      unsigned char type)
{
	struct fs_inode *inode;
	struct statx stx;
	ino_t ino;

	if (!fs_vino_in_use(dir->sb->vino))
		return backing;
	if (strcmp(stored, ".") == 0)
		return fs_ino_shown(dir, backing);
	if (strcmp(stored, "..") == 0)
		return above(dir, backing);
	if (!may_be_virtual(dir, stored, type))
		return backing | NOT_VIRTUAL;
	inode = fs_inode_find(dir, stored);
	if (inode == NULL && (fs_stat_stored(dirfd, stored, &stx) < 0 ||
			      fs_inode_get(dir->sb, dir, stored, &stx, false, &inode) < 0))
		return backing | NOT_VIRTUAL;
	if (atomic_load(&inode->crypt) == FS_CRYPT_UNKNOWN)
		(void)fs_context_load(inode, -1);
	ino = fs_ino_shown(inode, backing);
	fs_inode_put(inode);
	return ino;
}
