/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key-args.h - options of `fuscrypt key`: one parser for all its verbs */
#ifndef CLI_KEY_ARGS_H
#define CLI_KEY_ARGS_H

#include <stdbool.h>

#include "cli/verb.h"

/* Codes for tables of options; -o is 'o'. */
enum {
	OPT_KEY = 0x200,
	OPT_KEY_V1,
	OPT_JSON,
	OPT_ALL_USERS,
	OPT_HW_WRAPPED,
	OPT_DEVICE,
};

struct key_args {
	bool json, v1, all_users, hw_wrapped;
	const char *key; /* "-" unless given */
	const char *output, *device;
};

/* Those of @options; what is left begins at optind. 0 or EXIT_USAGE, reported. */
int key_args_parse(const struct verb *verb, int argc, char **argv, const struct option *options,
		   struct key_args *ret_args);

#endif
