/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key-args.c - options of `fuscrypt key`: one parser for all its verbs */
#include "cli/key-args.h"

#include "cli/exitcode.h"

/* The only short one goes where its long one does. */
static const char *shortopts(const struct option *options)
{
	for (; options->name; options++)
		if (options->val == 'o')
			return ":o:";
	return ":";
}

int key_args_parse(const struct verb *verb, int argc, char **argv, const struct option *options,
		   struct key_args *ret_args)
{
	const char *shorts = shortopts(options);
	struct key_args args = { .key = "-" };
	bool first = true;
	int c;

	while ((c = verb_getopt(verb, argc, argv, shorts, options, first)) != -1) {
		first = false;
		switch (c) {
		case 'o':
			args.output = optarg;
			break;
		case OPT_KEY:
			args.key = optarg;
			break;
		case OPT_KEY_V1:
			args.v1 = true;
			break;
		case OPT_HW_WRAPPED:
			args.hw_wrapped = true;
			break;
		case OPT_JSON:
			args.json = true;
			break;
		case OPT_ALL_USERS:
			args.all_users = true;
			break;
		case OPT_DEVICE:
			args.device = optarg;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	*ret_args = args;
	return 0;
}
