/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-wrapped.c - the kernel's ioctls for hardware-wrapped keys, and fuscrypt's own for the same */
#include <errno.h>
#include <string.h>

#include "fs/ll/ll-wrapped.h"
#include "util/bits.h"
#include "util/secret.h"

/* The keys of one request: at most 64 bytes come, at most 128 go. Wiped by who has it. */
struct keys {
	uint8_t in[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
	uint8_t out[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
};

/* A pointer of the caller's, whatever his word size. */
static void *user_ptr(uint64_t ptr)
{
	return (void *)(uintptr_t)ptr;
}

/* In the kernel's order of checks; @out_size is the room, then the size. */
static int run(struct fs_super *sb, pid_t pid, enum fs_wrapped_op op, uint64_t in_ptr,
	       uint64_t in_size, uint64_t out_ptr, uint64_t *out_size)
{
	struct keys keys;
	size_t size;
	int err = fs_wrapped_check_size(op, in_size);

	if (err == 0 && in_size > 0)
		err = ll_caller_read(pid, keys.in, user_ptr(in_ptr), in_size);
	if (err == 0)
		err = fs_wrapped_key(sb, op, keys.in, in_size, keys.out, &size);
	if (err == 0 && size > *out_size)
		err = -EOVERFLOW;
	if (err == 0)
		err = ll_caller_write(pid, user_ptr(out_ptr), keys.out, size);
	if (err == 0)
		*out_size = size;
	secret_wipe(&keys, sizeof(keys));
	return err;
}

static int run_import(struct fs_super *sb, pid_t pid, struct blk_crypto_import_key_arg *a)
{
	if (!mem_is_zero(a->reserved, sizeof(a->reserved)))
		return -EINVAL;
	return run(sb, pid, FS_WRAPPED_IMPORT, a->raw_key_ptr, a->raw_key_size, a->lt_key_ptr,
		   &a->lt_key_size);
}

static int run_generate(struct fs_super *sb, pid_t pid, struct blk_crypto_generate_key_arg *a)
{
	if (!mem_is_zero(a->reserved, sizeof(a->reserved)))
		return -EINVAL;
	return run(sb, pid, FS_WRAPPED_GENERATE, 0, 0, a->lt_key_ptr, &a->lt_key_size);
}

static int run_prepare(struct fs_super *sb, pid_t pid, struct blk_crypto_prepare_key_arg *a)
{
	if (!mem_is_zero(a->reserved, sizeof(a->reserved)))
		return -EINVAL;
	return run(sb, pid, FS_WRAPPED_PREPARE, a->lt_key_ptr, a->lt_key_size, a->eph_key_ptr,
		   &a->eph_key_size);
}

static int run_own(struct fs_super *sb, struct fuscrypt_wrapped_key *a)
{
	uint8_t out[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE] = { 0 };
	enum fs_wrapped_op op = a->op;
	size_t size;
	int err = a->size <= sizeof(a->key) ? fs_wrapped_check_size(op, a->size) : -EINVAL;

	if (err == 0)
		err = fs_wrapped_key(sb, op, a->key, a->size, out, &size);
	if (err == 0) {
		memcpy(a->key, out, sizeof(out));
		a->size = (uint32_t)size;
	}
	secret_wipe(out, sizeof(out));
	return err;
}

int ll_wrapped_ioctl(struct fs_super *sb, const struct fs_caller *who, unsigned cmd,
		     union ll_wrapped_arg *arg)
{
	pid_t pid = who->cred.pid;
	int err = fs_wrapped_allowed(sb, who);

	if (err)
		return err;
	switch (cmd) {
	case BLKCRYPTOIMPORTKEY:
		return run_import(sb, pid, &arg->import);
	case BLKCRYPTOGENERATEKEY:
		return run_generate(sb, pid, &arg->generate);
	case BLKCRYPTOPREPAREKEY:
		return run_prepare(sb, pid, &arg->prepare);
	default:
		return run_own(sb, &arg->own);
	}
}
