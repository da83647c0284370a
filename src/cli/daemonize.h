/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemonize.h - the processes of a mount: who mounts, a keyless supervisor, the server */
#ifndef CLI_DAEMONIZE_H
#define CLI_DAEMONIZE_H

#include <sys/types.h>

#include "cli/serve.h"

/*
 * Mount. In the background: returns once the mount answers, or with the exit code of what went
 * wrong, reported. In the foreground: returns when it has ended. @on_up is called when the mount is
 * up, with the pid that stands for it.
 */
int daemonize_mount(const struct mount_job *job,
		    void (*on_up)(const struct mount_job *job, pid_t pid));

#endif
