/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-flags.c - the ioctls that chattr(1) and lsattr(1) use: flags of inodes */
#include "fs/ll/ll-flags.h"

#include <errno.h>
#include <string.h>

#include "fs/context.h"
#include "util/bits.h"

static int get_flags(struct fs_inode *inode, uint32_t *ret_flags)
{
	int err = fs_context_load(inode, -1);

	if (err < 0 && err != -EINVAL)
		return err;
	*ret_flags = atomic_load(&inode->crypt) != FS_CRYPT_PLAIN ? FS_ENCRYPT_FL : 0;
	return 0;
}

int ll_flags_ioctl(struct fs_inode *inode, unsigned cmd, uint32_t arg[static LL_FLAGS_WORDS])
{
	size_t size = LL_FLAGS_WORDS * sizeof(arg[0]);

	switch (cmd) {
	case IOC_GETFLAGS:
		return get_flags(inode, arg);
	case IOC_SETFLAGS:
		/* The encrypt bit is ignored, as the kernel does; there are no others. */
		return arg[0] & ~(uint32_t)FS_ENCRYPT_FL ? -EOPNOTSUPP : 0;
	case IOC_FSGETXATTR:
		/* The kernel asks for these before it sets flags; the encrypt bit is none of them.
		 */
		memset(arg, 0, size);
		return 0;
	case IOC_FSSETXATTR:
		return mem_is_zero(arg, size) ? 0 : -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}
