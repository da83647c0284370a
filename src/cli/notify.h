/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify.h - tell others that the mount is up: the service manager, or a process by signal */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include <sys/types.h>

/* The service manager's protocol, by $NOTIFY_SOCKET: READY=1 and the supervisor's pid. No socket:
 * nothing. */
void notify_service_manager(pid_t main_pid);

/* SIGUSR1 to @pid, for --notifypid; 0: nothing. */
void notify_process(pid_t pid);

#endif
