/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-flags.h - the ioctls that chattr(1) and lsattr(1) use: flags of inodes */
#ifndef FS_LL_LL_FLAGS_H
#define FS_LL_LL_FLAGS_H

#include "fs/inode.h"

/* Of <linux/fs.h>, which cannot stand beside our own fscrypt structures. */
#define IOC_GETFLAGS   0x80086601u
#define IOC_SETFLAGS   0x40086602u
#define IOC_FSGETXATTR 0x801c581fu
#define IOC_FSSETXATTR 0x401c5820u

#define LL_FLAGS_WORDS 7 /* struct fsxattr: xflags, extsize, nextents, projid, ... */

/* One of these on @inode. @arg is what came and what goes. 0 or -errno. Context: any. */
int ll_flags_ioctl(struct fs_inode *inode, unsigned cmd, uint32_t arg[static LL_FLAGS_WORDS]);

#endif
