/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secretbuf.c - a passphrase or raw key in guarded memory */
#include "cli/secretbuf.h"

#include <errno.h>
#include <unistd.h>

#include "util/secret.h"

int secretbuf_init(struct secretbuf *buf)
{
	buf->data = secret_alloc(SECRETBUF_MAX + 1);
	buf->len = 0;
	if (!buf->data)
		return -ENOMEM;
	buf->data[0] = '\0';
	return 0;
}

void secretbuf_free(struct secretbuf *buf)
{
	secret_free(buf->data);
	buf->data = NULL;
	buf->len = 0;
}

/* One byte: 1, 0 at the end, or -errno. */
static int read_byte(int fd, uint8_t *ret_byte)
{
	ssize_t n;

	do {
		n = read(fd, ret_byte, 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

int secretbuf_read_line(struct secretbuf *buf, int fd)
{
	uint8_t byte = 0;
	size_t len = 0;
	int r;

	for (;;) {
		r = read_byte(fd, &byte);
		if (r == 0 && len == 0)
			r = -ENODATA;
		if (r < 0)
			break;
		if (r == 0 || byte == '\n')
			break;
		if (len == SECRETBUF_MAX) {
			r = -E2BIG;
			break;
		}
		buf->data[len++] = byte;
	}
	secret_wipe(&byte, 1);
	if (r < 0)
		return r;
	if (len > 0 && buf->data[len - 1] == '\r')
		len--;
	buf->data[len] = '\0';
	buf->len = len;
	return 0;
}

int secretbuf_read_all(struct secretbuf *buf, int fd, size_t max)
{
	uint8_t byte = 0;
	size_t len = 0;
	int r;

	while ((r = read_byte(fd, &byte)) > 0) {
		if (len == max) {
			r = -E2BIG;
			break;
		}
		buf->data[len++] = byte;
	}
	secret_wipe(&byte, 1);
	if (r < 0)
		return r;
	buf->data[len] = '\0';
	buf->len = len;
	return 0;
}
