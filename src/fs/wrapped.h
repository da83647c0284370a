/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wrapped.h - requests to make hardware-wrapped keys, which the mount's device answers */
#ifndef FS_WRAPPED_H
#define FS_WRAPPED_H

#include <sys/ioctl.h>

#include "fs/control.h"

/*
 * What the kernel offers on a block device, offered on the mount: <linux/blk-crypto.h>, which
 * Debian 12 does not have. The sizes of results are the room on the way in.
 */
struct blk_crypto_import_key_arg {
	uint64_t raw_key_ptr;
	uint64_t raw_key_size;
	uint64_t lt_key_ptr;
	uint64_t lt_key_size;
	uint64_t reserved[4];
};
struct blk_crypto_generate_key_arg {
	uint64_t lt_key_ptr;
	uint64_t lt_key_size;
	uint64_t reserved[4];
};
struct blk_crypto_prepare_key_arg {
	uint64_t lt_key_ptr;
	uint64_t lt_key_size;
	uint64_t eph_key_ptr;
	uint64_t eph_key_size;
	uint64_t reserved[4];
};
#define BLKCRYPTOIMPORTKEY   0xc0401289u
#define BLKCRYPTOGENERATEKEY 0xc030128au
#define BLKCRYPTOPREPAREKEY  0xc040128bu

enum fs_wrapped_op {
	FS_WRAPPED_IMPORT = 1, /* of a raw key the long-term form */
	FS_WRAPPED_GENERATE,   /* the long-term form of a new one */
	FS_WRAPPED_PREPARE,    /* of the long-term form the ephemeral one */
};

/* The same in one request of fuscrypt's own. */
struct fuscrypt_wrapped_key {
	uint32_t op;   /* enum fs_wrapped_op */
	uint32_t size; /* in: of the key that is given; out: of the one that is made */
	uint8_t key[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
};
#define FUSCRYPT_IOC_WRAPPED_KEY _IOWR('f', 0xea, struct fuscrypt_wrapped_key)

/*
 * Whether to look at a request of @who's at all: he must be one who may open a disk, that is root,
 * or the owner of the mount (-EACCES), and the device must have an engine (-EOPNOTSUPP).
 */
int fs_wrapped_allowed(const struct fs_super *sb, const struct fs_caller *who);
/* Whether a key of @size bytes may be given: 0 or -EINVAL. Before it is fetched. */
int fs_wrapped_check_size(enum fs_wrapped_op op, uint64_t size);

/*
 * Have the device do it. @ret_key takes FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE bytes. 0, -EOPNOTSUPP when
 * the device does not take wrapped keys, -EBADMSG when it did not make the one that is given,
 * -EINVAL for a size that it does not take.
 */
int fs_wrapped_key(struct fs_super *sb, enum fs_wrapped_op op, const uint8_t *key, size_t size,
		   uint8_t *ret_key, size_t *ret_size);

#endif
