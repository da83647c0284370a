/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stdfds.c - standard input, output and error are taken, whatever the caller has closed */
#include "cli/stdfds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int stdfds_open(void)
{
	int fd;

	/* Each the wrong way round: EBADF for who reads or writes, as if it were closed. */
	for (;;) {
		fd = open("/dev/null", O_RDONLY);
		if (fd < 0)
			return -errno;
		if (fd > STDERR_FILENO)
			break;
		if (fd != STDIN_FILENO)
			continue;
		close(fd);
		fd = open("/dev/null", O_WRONLY);
		if (fd < 0)
			return -errno;
	}
	close(fd);
	return 0;
}
