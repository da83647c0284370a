/* SPDX-License-Identifier: GPL-3.0-or-later */
/* msg.c - messages to the person at the terminal: one line each, to standard error */
#include "cli/msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *msg_program = "fuscrypt";

static void print(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

static void print(const char *fmt, va_list args)
{
	char text[2048];
	unsigned char *p;

	vsnprintf(text, sizeof(text), fmt, args);
	for (p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	/* One call, one write(2): lines of several processes do not mix. */
	fprintf(stderr, "%s: %s\n", msg_program, text);
}

void msg_err(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(fmt, args);
	va_end(args);
}

int msg_fail(int exit_code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(fmt, args);
	va_end(args);
	return exit_code;
}
