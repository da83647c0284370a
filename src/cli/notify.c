/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify.c - tell others that the mount is up: the service manager, or a process by signal */
#include "cli/notify.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/msg.h"

/* sd_notify(3) in a few lines: a datagram to a socket that is a path or, with '@', an abstract
 * name. */
void notify_service_manager(pid_t main_pid)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[64];
	socklen_t len;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
		return;
	strcpy(addr.sun_path, path);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%ld", (long)main_pid);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
		msg_err("%s: the service manager could not be told: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void notify_process(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGUSR1) < 0)
		msg_err("process %ld could not be told that the mount is up: %s", (long)pid,
			strerror(errno));
}
