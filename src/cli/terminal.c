/* SPDX-License-Identifier: GPL-3.0-or-later */
/* terminal.c - whether curses knows a terminal; apart, for <term.h> defines ordinary words */
#include "cli/terminal.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

bool terminal_is_known(int fd)
{
	int why;

	if (setupterm(NULL, fd, &why) == ERR)
		return false;
	del_curterm(cur_term);
	return true;
}
