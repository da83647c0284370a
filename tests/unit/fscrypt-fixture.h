/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fscrypt-fixture.h - for unit tests of fs/fscrypt: an engine, a keyring, inodes with a known key
 */
#ifndef TESTS_UNIT_FSCRYPT_FIXTURE_H
#define TESTS_UNIT_FSCRYPT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "fs/fscrypt/fscrypt_private.h"
#include "vector-files.h"

#define DATA_SECTOR 8 /* where transfer() puts data: behind a block, as in a store */

void assert_sha256(const void *data, size_t len, const char *hex);
void assert_hex(const void *data, size_t len, const char *hex);

/* A stack of devices (or -errno), a mount's state on it, a key in that. */
int open_stack(const char *spec, struct blk_device **ret_dev);
struct fscrypt_super *open_super(struct blk_device *bdev, bool inlinecrypt, const char *uuid_hex);
void add_master_key(struct fscrypt_super *fsc, const uint8_t *raw, size_t size,
		    const char *descriptor, const char *identifier);

/* Data units from @index on, cut as a filesystem must: where their numbers stop being contiguous.
 */
void transfer(struct fscrypt_super *fsc, struct fscrypt_info *info, struct blk_file *file,
	      enum bio_op op, uint64_t index, uint8_t *data, size_t len);

/* The no-key text of a ciphertext, there and back; a name's ciphertext, there and back. */
void check_nokey(uint32_t hash, uint32_t minor, const uint8_t *ct, size_t len,
		 const char *expected);
void check_name_bytes(struct fscrypt_info *info, const char *name, size_t len, const char *ct_hex);

/*
 * The key, UUID, nonce and inode number that the known answers of spec/fscrypt.md section 20 are
 * for. AES-256-XTS with AES-256-CTS under @version and @flags.
 */
extern struct blk_device *known_bdev;
extern struct fscrypt_super *known_fsc;
int known_setup(void **state);
int known_teardown(void **state);
struct fscrypt_info *known_info(unsigned version, unsigned flags, unsigned log2_du,
				enum fscrypt_inode_kind kind);

#endif
