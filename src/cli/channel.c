/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel.c - what the mounting program and the serving process say to each other over two pipes */
#include "cli/channel.h"

#include <errno.h>

#include "util/io.h"

int channel_send(int fd, enum channel_kind kind, int value, const void *data, size_t len)
{
	struct channel_head head = { .kind = (uint8_t)kind, .value = value, .len = (uint32_t)len };
	int r = io_write(fd, &head, sizeof(head));

	if (r == 0 && len > 0)
		r = io_write(fd, data, len);
	return r;
}

static int receive(int fd, struct channel_head *head, void *data, size_t cap)
{
	ssize_t n = io_read(fd, head, sizeof(*head));

	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENODATA;
	if (n != sizeof(*head) || head->len > cap)
		return -EPROTO;
	n = io_read(fd, data, head->len);
	if (n < 0)
		return (int)n;
	return n == (ssize_t)head->len ? 0 : -ENODATA;
}

int channel_receive_text(int fd, enum channel_kind *ret_kind, int *ret_value, char *ret_text,
			 size_t cap)
{
	struct channel_head head;
	int r = receive(fd, &head, ret_text, cap - 1);

	if (r < 0)
		return r;
	ret_text[head.len] = '\0';
	*ret_kind = (enum channel_kind)head.kind;
	*ret_value = head.value;
	return 0;
}

int channel_receive_secret(int fd, enum channel_kind *ret_kind, struct secretbuf *buf)
{
	struct channel_head head;
	int r = receive(fd, &head, buf->data, SECRETBUF_MAX);

	if (r < 0)
		return r;
	buf->len = head.len;
	buf->data[buf->len] = '\0';
	*ret_kind = (enum channel_kind)head.kind;
	return 0;
}
