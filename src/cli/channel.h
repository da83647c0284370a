/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel.h - what the mounting program and the serving process say to each other over two pipes */
#ifndef CLI_CHANNEL_H
#define CLI_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "cli/secretbuf.h"

/*
 * Server to program: WANT_KEYS once (the store is fine; @value: number of passphrase protectors),
 * then one RESULT (@value: exit code, the text says why it is not 0). Program to server, in
 * between: any number of KEY and PASSPHRASE, then END. Secrets travel this way so that they are
 * never in memory that a fork shares with the supervisor.
 */
enum channel_kind {
	CHANNEL_WANT_KEYS = 'W',
	CHANNEL_RESULT = 'R',
	CHANNEL_KEY = 'K',
	CHANNEL_PASSPHRASE = 'P',
	CHANNEL_END = 'E',
};

struct channel_head {
	uint8_t kind;
	uint8_t reserved[3];
	int32_t value;
	uint32_t len; /* of what follows */
};

/* 0 or -errno (-EPIPE when the other side is gone). */
int channel_send(int fd, enum channel_kind kind, int value, const void *data, size_t len);

/* A text message; *ret_text (of @cap bytes) is NUL-terminated. -ENODATA when the other side is
 * gone. */
int channel_receive_text(int fd, enum channel_kind *ret_kind, int *ret_value, char *ret_text,
			 size_t cap);

/* A secret message into @buf, which is initialised. -ENODATA, -EPROTO. */
int channel_receive_secret(int fd, enum channel_kind *ret_kind, struct secretbuf *buf);

#endif
