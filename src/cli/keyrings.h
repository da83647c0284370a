/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyrings.h - which of the kernel's keyrings a server possesses */
#ifndef CLI_KEYRINGS_H
#define CLI_KEYRINGS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Link the session keyring, the user keyring and @extra (a number, @s, @u or @us; or NULL) into the
 * process keyring, which is searched for keys. Context: before there are threads. 0, then *ret_any
 * says whether there is something to search; or -errno of what went wrong with @extra.
 */
int keyrings_possess(const char *extra, bool *ret_any);

#endif
