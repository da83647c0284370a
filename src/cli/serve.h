/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve.h - the serving process of a mount, from the open store to the unmount */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli/mount-opts.h"

struct mount_job {
	const struct mount_opts *opts;
	const char *source;	 /* the store as given */
	const char *store, *mnt; /* absolute, resolved */
};

/*
 * Runs in a process of its own, after all forks: opens and locks the store, asks for keys through
 * @status_fd, takes them from @key_fd, mounts, reports once, serves until unmounted. Returns the
 * process's exit code. Takes over both descriptors.
 */
int serve(const struct mount_job *job, int key_fd, int status_fd);

#endif
