/* SPDX-License-Identifier: GPL-3.0-or-later */
/* terminal.h - whether curses knows a terminal */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

/* True when the type that TERM names is known, so that newterm() can succeed. */
bool terminal_is_known(int fd);

#endif
