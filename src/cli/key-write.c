/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key-write.c - a key to standard output or into a file of its own */
#include "cli/key-write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "util/io.h"

int key_write(const struct secretbuf *key, const char *path)
{
	int r, fd;

	if (!path || !strcmp(path, "-")) {
		if (isatty(STDOUT_FILENO))
			return msg_fail(EXIT_FAILED,
					"standard output: is a terminal: write the key to "
					"a file with -o FILE");
		r = io_write(STDOUT_FILENO, key->data, key->len);
		return r < 0 ? msg_fail(EXIT_FAILED, "standard output: cannot be written: %s",
					strerror(-r))
			     : EXIT_DONE;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be made: %s", path, strerror(errno));
	r = io_write(fd, key->data, key->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return msg_fail(EXIT_FAILED, "%s: cannot be written: %s", path, strerror(-r));
	}
	return EXIT_DONE;
}
