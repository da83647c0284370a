/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key-write.h - a key to standard output or into a file of its own */
#ifndef CLI_KEY_WRITE_H
#define CLI_KEY_WRITE_H

#include "cli/secretbuf.h"

/*
 * Write @key into the new file @path, mode 0600; with NULL or "-" to standard output, unless that
 * is a terminal. An exit code, reported.
 */
int key_write(const struct secretbuf *key, const char *path);

#endif
