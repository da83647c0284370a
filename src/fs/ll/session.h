/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.h - a mount from the programs' side: what to serve, where, and when it is up */
#ifndef FS_LL_SESSION_H
#define FS_LL_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/super.h"

struct ll_session;

struct ll_options {
	const char *source;	/* as given by the user: what `mount` shows */
	const char *mountpoint; /* absolute */
	char *const *fuse_opts; /* each one -o value for libfuse/mount: "allow_other", "ro",
				   "fsname=..." */
	size_t num_fuse_opts;
	bool writeback;	    /* writeback cache (default on) */
	bool uring;	    /* FUSE over io_uring, where the kernel offers it */
	bool kernel_checks; /* modes, owners and ACLs; needed unless one user is alone on the mount
			     */
	bool acl;	    /* ACLs are shown, set and, with kernel_checks, checked */
	bool kernel_keys;   /* search the kernel's keyrings for keys */
	bool debug;
};

/*
 * Mount and get ready: mounts through libfuse (fusermount3 for an ordinary user). The caller is the
 * serving process already (after all forks). *ret_why: a sentence (malloc'ed). 0 or -errno.
 */
int ll_session_create(struct fs_super *sb, const struct ll_options *opts,
		      struct ll_session **ret_session, char **ret_why);

/*
 * Serve until unmounted, or until SIGTERM, SIGINT or SIGHUP. @ready is called (from another thread)
 * once the mount answers. Returns 0 or -errno.
 */
int ll_session_run(struct ll_session *session, void (*ready)(void *arg), void *arg);

/* Unmount if still mounted, free. The super is destroyed by the caller afterwards. */
void ll_session_destroy(struct ll_session *session);

#endif
