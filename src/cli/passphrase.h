/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passphrase.h - passphrases and raw keys from a terminal, standard input, a file or a program */
#ifndef CLI_PASSPHRASE_H
#define CLI_PASSPHRASE_H

#include <stdbool.h>

#include "cli/secretbuf.h"

enum key_source_kind { KEY_SOURCE_RAW, KEY_SOURCE_PASSFILE, KEY_SOURCE_EXTPASS };

#define KEY_SOURCES_MAX 16

/* What the options name, in their order. Strings are borrowed from argv or the options' text. */
struct key_sources {
	struct {
		enum key_source_kind kind;
		const char *arg;
	} list[KEY_SOURCES_MAX];
	unsigned count;
};

/* -E2BIG when there are too many. */
int key_sources_add(struct key_sources *sources, enum key_source_kind kind, const char *arg);

/* How many there are: programs given one after the other are one program and its words. */
unsigned key_sources_count(const struct key_sources *sources);

/*
 * The functions below report what goes wrong on standard error and return an exit code, EXIT_DONE
 * (0) for success; then *ret_buf holds the secret, to be freed by the caller.
 */

/* The source at @index; *ret_next is the index after it: programs given one after the other are the
 * words of one command. @what is named in messages. */
int key_source_read(const struct key_sources *sources, unsigned index, unsigned *ret_next,
		    struct secretbuf *ret_buf);

/*
 * Ask at the terminal, twice when @twice; or take the first line of standard input when that is no
 * terminal. *ret_none (may be NULL): no terminal and nothing on standard input is not an error
 * then.
 */
int passphrase_ask(const char *prompt, bool twice, bool *ret_none, struct secretbuf *ret_buf);

/* A raw key of 16 to 64 bytes from @path ("-": standard input), as it is. */
int raw_key_read(const char *path, struct secretbuf *ret_buf);
/* A hardware-wrapped key of 16 to 128 bytes, likewise. */
int wrapped_key_read(const char *path, struct secretbuf *ret_buf);

#endif
