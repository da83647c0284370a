/* SPDX-License-Identifier: GPL-3.0-or-later */
/* super.h - mount-wide state of the filesystem core */
#ifndef FS_SUPER_H
#define FS_SUPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "fs/fscrypt/fscrypt.h"
#include "fs/store.h"
#include "util/histogram.h"
#include "util/stats.h"

struct blk_device;
struct fs_inode;
struct fs_itable;
struct fs_dirfds;
struct fs_vino;

struct fs_options {
	const char *device; /* device string; NULL: "file" */
	bool inlinecrypt;   /* use the device's own engine */
	bool no_fallback;
	bool read_only; /* at first: see fs_super */
	unsigned dummy; /* version of the policy of test_dummy_encryption; 0: off */
	bool shared;	/* other writers: nothing about a file is cached between requests */
	struct blk_crypto_fallback_params fallback; /* 0: the default */
};

struct fs_super {
	struct store *store;
	struct fs_options opts;
	struct blk_device *bdev;
	struct fscrypt_super *fsc;
	struct fs_inode *root;
	struct fs_itable *itable;
	struct fs_dirfds *dirfds;
	bool has_dummy; /* dummy_policy is for what is made in plain directories */
	union fscrypt_policy dummy_policy;
	struct fs_vino *vino; /* numbers for inodes under IV_INO policies */
	uint64_t since_ns;    /* clock_ns() at the beginning */
	uid_t owner;	      /* who mounted */
	bool privileged;      /* the daemon is root: objects are made as the caller */
	/* What the mount is at present: a remount may change it. */
	_Atomic bool read_only;
	_Atomic bool noatime; /* reading leaves no trace in the store; so it is with read_only */
	/*
	 * A rename in the store and what the inode table makes of it are one step for those who
	 * hold this shared; for use where dir_lock cannot be taken.
	 */
	pthread_rwlock_t rename_lock;
	pthread_mutex_t sync_lock; /* one fsync of contexts and sidecars at a time */
	/* Open files and directories; what is left of RLIMIT_NOFILE keeps the rest going. */
	_Atomic unsigned handles;
	unsigned max_handles;
	/* Removed objects that the kernel has not let go of; when the last one joined them. */
	_Atomic unsigned kept;
	_Atomic int64_t kept_ms;      /* clock_ms() */
	_Atomic bool forgot_unsynced; /* some of these are on inodes that are gone */
	_Atomic unsigned unsynced; /* contexts and sidecars not fsynced yet, all over the mount */
};

/* Who asks and how: from the request. */
struct fs_cred {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	pid_t pid;
};

/* Takes over @store (closed by fs_super_destroy()). *ret_why: a sentence, malloc'ed. 0 or -errno.
 */
int fs_super_create(struct store *store, const struct fs_options *opts, struct fs_super **ret_sb,
		    char **ret_why);

/*
 * dummy.c: from now on, what is made in plain directories is encrypted under the test policy of
 * @version, 1 or 2, whose key is added. -EOPNOTSUPP without an engine for it; -ENOMEM.
 */
int fs_dummy_enable(struct fs_super *sb, unsigned version);

/* No requests are running. Writes out what is pending, evicts and wipes all keys. */
void fs_super_destroy(struct fs_super *sb);

/*
 * Act as @cred for the making of objects: this thread's fsuid, fsgid and umask. Stays until the
 * next call of the same thread. Nothing for an ordinary user's daemon but the umask.
 */
void fs_cred_enter(const struct fs_super *sb, const struct fs_cred *cred);

#endif
