/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-readahead.c - how far the kernel reads ahead of who reads a file from one end to the other */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/ll/ll.h"
#include "util/io.h"

/*
 * Linux reads 128 KiB ahead, which is a request of its own for us: one of 512 KiB is deciphered by
 * all processors at once, and a fifth more comes through in a second. More still would be too much
 * for who faults in pages of a mapping here and there, for it reads that far around each.
 */
#define USUAL_KIB 128
#define WANT_KIB  512

void ll_readahead_raise(struct ll_session *s)
{
	char path[64], text[16];
	int fd, n;

	if (!s->mount_dev)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(s->mount_dev),
		 minor(s->mount_dev));
	/* For root only; and a value that is not the usual one is somebody's wish (udev, sysfs). */
	if (io_read_text(path, text, sizeof(text)) < 0 || strtol(text, NULL, 10) != USUAL_KIB)
		return;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text), "%d\n", WANT_KIB);
	(void)!write(fd, text, (size_t)n);
	close(fd);
}
