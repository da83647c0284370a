/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secretbuf.h - a passphrase or raw key in guarded memory */
#ifndef CLI_SECRETBUF_H
#define CLI_SECRETBUF_H

#include <stddef.h>
#include <stdint.h>

#define SECRETBUF_MAX 2048 /* longest passphrase; raw keys are far shorter */

struct secretbuf {
	uint8_t *data; /* secret_alloc(SECRETBUF_MAX + 1), NUL behind the last byte */
	size_t len;
};

/* Allocate; -ENOMEM. The process must have called secret_init(). */
int secretbuf_init(struct secretbuf *buf);
void secretbuf_free(struct secretbuf *buf); /* wipes; an all-zero one is fine */

/*
 * Read the first line of @fd without its end, byte by byte so that nothing behind it is consumed.
 * Returns 0, -ENODATA at end of file before any byte, -E2BIG for an over-long line, -errno.
 */
int secretbuf_read_line(struct secretbuf *buf, int fd);

/* Read all of @fd, at most @max bytes (<= SECRETBUF_MAX). -E2BIG when there is more. */
int secretbuf_read_all(struct secretbuf *buf, int fd, size_t max);

#endif
