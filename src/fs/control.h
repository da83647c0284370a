/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.h - fscrypt requests on inodes and on the mount, however they arrive */
#ifndef FS_CONTROL_H
#define FS_CONTROL_H

#include <sys/ioctl.h>

#include "fs/inode.h"

/*
 * Private ioctls of fuscrypt's own verbs: their whole argument is encoded in the number, so they
 * work where the caller's memory cannot be reached. Sent to the mount's root or any file or
 * directory in it.
 */
struct fuscrypt_add_key {
	struct fscrypt_add_key_arg arg;
	uint8_t raw[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
};
struct fuscrypt_policy {
	uint32_t size; /* in GET out: 12 or 24 */
	uint32_t reserved;
	uint8_t policy[24];
};
#define FUSCRYPT_LIST_MAX 64
struct fuscrypt_key_list {
	uint32_t start; /* in: index of the first wanted */
	uint32_t count; /* out: how many follow; fewer than FUSCRYPT_LIST_MAX: that was all */
	struct {
		struct fscrypt_key_specifier spec;
		uint32_t status;
		uint32_t user_count;
	} keys[FUSCRYPT_LIST_MAX];
};
/* Where the store is, absolute: the mount table has it as the user spelt it. */
struct fuscrypt_store_path {
	char path[4096];
};
/* The mount has been remounted: look at its flags again. */
#define FUSCRYPT_IOC_REMOUNTED _IO('f', 0xe5)
/*
 * Lock a key's tree: polite follows the rules of FS_IOC_REMOVE_ENCRYPTION_KEY, the others are for
 * whom fscrypt_may_revoke() says so.
 */
enum fuscrypt_lock_level { FUSCRYPT_LOCK_POLITE, FUSCRYPT_LOCK_REVOKE, FUSCRYPT_LOCK_PANIC };
struct fuscrypt_lock {
	struct fscrypt_key_specifier spec;
	uint32_t level;
	uint32_t status_flags; /* out: FSCRYPT_KEY_REMOVAL_STATUS_FLAG_... */
	uint32_t reserved[4];  /* 0 */
};
/* What of a key's tree the kernel holds on to: one of the processes that hold the rest does it. */
#define FUSCRYPT_INODES_MAX 1024
struct fuscrypt_key_inodes {
	struct fscrypt_key_specifier spec;
	uint64_t start; /* in: the lowest number wanted */
	uint32_t count; /* out: fewer than FUSCRYPT_INODES_MAX: that was all */
	uint32_t reserved;
	uint64_t ino[FUSCRYPT_INODES_MAX];
};
#define FUSCRYPT_IOC_LOCK	_IOWR('f', 0xe8, struct fuscrypt_lock)
#define FUSCRYPT_IOC_KEY_INODES _IOWR('f', 0xe9, struct fuscrypt_key_inodes)
#define FUSCRYPT_IOC_STORE_PATH _IOR('f', 0xe4, struct fuscrypt_store_path)
#define FUSCRYPT_IOC_ADD_KEY	_IOWR('f', 0xe0, struct fuscrypt_add_key)
#define FUSCRYPT_IOC_SET_POLICY _IOW('f', 0xe1, struct fuscrypt_policy)
#define FUSCRYPT_IOC_GET_POLICY _IOR('f', 0xe2, struct fuscrypt_policy)
#define FUSCRYPT_IOC_LIST_KEYS	_IOWR('f', 0xe3, struct fuscrypt_key_list)

/* The caller's rights, gathered by the adapter. */
struct fs_caller {
	struct fs_cred cred;
	bool cap_sys_admin; /* in the initial user name space; or owner of the mount */
	bool cap_fowner;
	bool read_only; /* the mount through which he asks */
};

/* FS_IOC_SET_ENCRYPTION_POLICY on a private copy of the 12 or 24 bytes: spec/ioctls.md section 4,
 * from step 4 on. */
int fs_set_policy(struct fs_inode *inode, const struct fs_caller *who,
		  const union fscrypt_policy *policy);
/* Policy of an inode: -ENODATA when plain, -EINVAL when unrecognised. */
int fs_get_policy(struct fs_inode *inode, union fscrypt_policy *ret_policy);
int fs_get_nonce(struct fs_inode *inode, uint8_t ret_nonce[static FSCRYPT_FILE_NONCE_SIZE]);
/* -ENAMETOOLONG. */
int fs_store_path(const struct fs_super *sb, struct fuscrypt_store_path *ret_path);
/* Persistent salt, made on first use. */
int fs_get_pwsalt(struct fs_super *sb, const struct fs_caller *who, uint8_t ret_salt[static 16]);

/*
 * Numbers, as st_ino shows them, of what the kernel knows and what is in the tree of the key, in
 * rising order: those from @start on, at most FUSCRYPT_INODES_MAX. -ENOMEM.
 */
int fs_list_key_inodes(struct fs_super *sb, struct fuscrypt_key_inodes *list);

#endif
