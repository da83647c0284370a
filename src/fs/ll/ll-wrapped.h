/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-wrapped.h - the kernel's ioctls for hardware-wrapped keys, and fuscrypt's own for the same */
#ifndef FS_LL_LL_WRAPPED_H
#define FS_LL_LL_WRAPPED_H

#include "fs/ll/ll.h"
#include "fs/wrapped.h"

union ll_wrapped_arg {
	struct blk_crypto_import_key_arg import;
	struct blk_crypto_generate_key_arg generate;
	struct blk_crypto_prepare_key_arg prepare;
	struct fuscrypt_wrapped_key own;
};

/*
 * BLKCRYPTOIMPORTKEY, GENERATEKEY and PREPAREKEY as on a block device (spec/ioctls.md section 11),
 * but -EACCES for who could not open one: keys are fetched from and stored in the caller's memory.
 * FUSCRYPT_IOC_WRAPPED_KEY has all in @arg. 0 or -errno; with 0 @arg is what the caller gets back.
 * Context: not on a libfuse worker, for it may block; that last one anywhere.
 */
int ll_wrapped_ioctl(struct fs_super *sb, const struct fs_caller *who, unsigned cmd,
		     union ll_wrapped_arg *arg);

#endif
