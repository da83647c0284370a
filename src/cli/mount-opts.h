/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-opts.h - what a mount is to be like, from options and from -o */
#ifndef CLI_MOUNT_OPTS_H
#define CLI_MOUNT_OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "cli/passphrase.h"

#define MOUNT_FUSE_OPTS_MAX 32

struct mount_opts {
	struct key_sources keys; /* strings belong to argv or to texts */
	bool locked;
	const char *device;  /* NULL: file */
	const char *keyring; /* of the kernel, to search for keys beside our own; or NULL */
	bool inlinecrypt, no_fallback, shared, read_only, nonempty, foreground, debug;
	struct blk_crypto_fallback_params fallback; /* 0: the default */
	bool writeback;
	bool kernel_checks; /* default_permissions: always with allow_other */
	bool uring;
	bool acl;
	bool sloppy;	 /* ignore unknown -o words */
	int allow_other; /* -1: not said */
	bool dev, suid;
	bool remount;
	unsigned dummy; /* 1, 2: test_dummy_encryption with such a policy */
	/* Flags of mount(2) that the words set and clear; the last word about one wins. */
	unsigned long vfs_set, vfs_clear;
	bool no_ask;			      /* run by mount(8) */
	pid_t notify_pid;		      /* 0: none */
	const char *fsname;		      /* NULL: the store as given */
	char *fuse_opts[MOUNT_FUSE_OPTS_MAX]; /* each for one -o of libfuse; malloc'ed */
	size_t num_fuse_opts;
	char *texts[KEY_SOURCES_MAX]; /* private: -o texts that are referred to */
	size_t num_texts;
};

void mount_opts_init(struct mount_opts *opts);
void mount_opts_free(struct mount_opts *opts);

/*
 * Take the words of one -o. They are separated by commas; commas within (...) or after a backslash
 * do not separate. 0, or an exit code with a sentence in @why (of @why_cap bytes).
 */
int mount_opts_take(struct mount_opts *opts, const char *text, char *why, size_t why_cap);

/* Once all are taken: fills in the defaults of -o for libfuse (@as_root: allow_other). -ENOMEM. */
int mount_opts_finish(struct mount_opts *opts, bool as_root);

/* One more option for libfuse. -ENOMEM, -E2BIG. */
int mount_opts_add_fuse(struct mount_opts *opts, const char *word);

#endif
