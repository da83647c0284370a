/* SPDX-License-Identifier: GPL-3.0-or-later */
/* msg.h - messages to the person at the terminal: one line each, to standard error */
#ifndef CLI_MSG_H
#define CLI_MSG_H

#include "util/compiler.h"

/* Name in front of messages and in usage lines; "fuscrypt" unless main says otherwise. */
extern const char *msg_program;

/*
 * Its name and the text: `PATH: what happened: what to do`. Characters that could act on a
 * terminal are shown as '?': names come out of stores that others may have written.
 */
void msg_err(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* As msg_err(); returns @exit_code, for `return msg_fail(EXIT_FAILED, ...)`. */
int msg_fail(int exit_code, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
