/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuscrypt.c - main: which verb it is, by the first word or by the name of the program */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/stdfds.h"
#include "cli/verbs.h"
#include "fs/format.h"
#include "util/log.h"

static int help(int argc, char **argv)
{
	const struct verb *verb = NULL, *table = verbs;
	int i;

	if (argc < 2) {
		verbs_print_help();
		return output_finish();
	}
	for (i = 1; i < argc; i++) {
		verb = table ? verb_find(table, argv[i]) : NULL;
		if (!verb)
			return msg_fail(EXIT_USAGE, "%s: no such verb: see fuscrypt --help",
					argv[i]);
		table = verb->subverbs;
	}
	verb_print_help(verb);
	return output_finish();
}

static bool is_mount_helper(const char *program)
{
	const char *base = strrchr(program, '/');

	base = base ? base + 1 : program;
	return !strcmp(base, "mount.fuscrypt") || !strcmp(base, "mount.fuse.fuscrypt");
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (stdfds_open() < 0)
		return EXIT_FAILED;
	log_init("fuscrypt", LOG_LVL_WARN, false);
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2), with a message */
	if (argc > 0 && is_mount_helper(argv[0]))
		return cmd_mount_helper(argc, argv);
	if (argc < 2) {
		msg_err("a verb is missing: see fuscrypt --help");
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(1, argv + 1);
	if (!strcmp(argv[1], "help"))
		return help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") ||
	    !strcmp(argv[1], "version")) {
		printf("fuscrypt %s; on-disk format %d\n", PACKAGE_VERSION, STORE_FORMAT);
		return output_finish();
	}
	verb = verb_find(verbs, argv[1]);
	if (verb)
		return verb_run(verb, argc - 1, argv + 1);
	/* `fuscrypt STORE MNT`: what mount.fuse(8) runs. A lone unknown word is rather a wrong
	 * verb. */
	if (argc == 2)
		return msg_fail(EXIT_USAGE, "%s: no such verb: see fuscrypt --help", argv[1]);
	return cmd_mount(verb_find(verbs, "mount"), argc, argv);
}
