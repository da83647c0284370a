/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exitcode.h - what the program's exit codes mean; a promise to scripts and front ends */
#ifndef CLI_EXITCODE_H
#define CLI_EXITCODE_H

#include "fs/store.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = STORE_EXIT_FAILED,	     /* 1: anything without a number of its own */
	EXIT_USAGE = 2,				     /* wrong words on the command line */
	EXIT_STORE_NOT_EMPTY = STORE_EXIT_NOT_EMPTY, /* 6 */
	EXIT_MNT_NOT_EMPTY = 10,		     /* mount point not empty */
	EXIT_WRONG_PASSPHRASE = 12,		     /* no protector opens with it */
	EXIT_BUSY = 16,				     /* locked, but files are still in use */
	EXIT_EMPTY_PASSPHRASE = 22,		     /* nothing was given */
	EXIT_CONF = STORE_EXIT_CONF,		     /* 23: store.conf or its kind unreadable */
	EXIT_NOT_WRITABLE = STORE_EXIT_NOT_WRITABLE, /* 24 */
	EXIT_FSCK_ERRORS = 26,			     /* fsck found errors */
};

#endif
