/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-bdi.c - how far the kernel reads ahead for us, and how much it lets be written before we are
 * asked */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/ll/ll.h"
#include "util/compiler.h"
#include "util/io.h"

/*
 * read_ahead_kb: Linux reads 128 KiB ahead, which is a request of its own for us: one of 1 MiB is
 * deciphered by all processors at once, and half as much again comes through in a second. It is
 * the most that a request can have. Who faults in pages of a mapping here and there pays for it:
 * so much is read around each of the first hundred, half a millisecond more than with 512 KiB.
 *
 * max_ratio: a writer is made to wait when a hundredth of the memory that may be dirty is dirty for
 * a FUSE mount. With four hundredths a twelfth more of a large file is written in a second; with
 * ten it was no more than that, and all of it has to be written back when a key is removed.
 */
static const struct {
	const char *name;
	long usual, wanted;
} settings[] = {
	{ "read_ahead_kb", 128, 1024 },
	{ "max_ratio", 1, 4 },
};

void ll_bdi_tune(struct ll_session *s)
{
	char path[64], text[16];
	size_t i;
	int fd, n;

	for (i = 0; s->mount_dev && i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/%s", major(s->mount_dev),
			 minor(s->mount_dev), settings[i].name);
		/* A value that is not the usual one is somebody's wish (udev, sysfs). */
		if (io_read_text(path, text, sizeof(text)) < 0 ||
		    strtol(text, NULL, 10) != settings[i].usual)
			continue;
		/* For root only. */
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = snprintf(text, sizeof(text), "%ld\n", settings[i].wanted);
		(void)!write(fd, text, (size_t)n);
		close(fd);
	}
}
