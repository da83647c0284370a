/* SPDX-License-Identifier: GPL-3.0-or-later */
/* supervise.h - the process that stays beside a server, without keys, and cleans up after it */
#ifndef CLI_SUPERVISE_H
#define CLI_SUPERVISE_H

#include <sys/types.h>

/*
 * Wait for @server, a child. SIGTERM, SIGINT and SIGHUP unmount @mnt; when it is busy it is
 * detached, and the server ends with its last user; a second signal ends it at once. When the
 * server dies otherwise its dead mount is taken away. Returns the server's exit code, EXIT_FAILED
 * after a signal.
 */
int supervise(pid_t server, const char *mnt);

#endif
