/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verb.h - a row of a table of verbs: found, run, explained, its options parsed */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <getopt.h>
#include <stdbool.h>

struct verb {
	const char *name;
	/* argv[0] is the verb's name. Returns an exit code. NULL for a verb with sub-verbs. */
	int (*run)(const struct verb *verb, int argc, char **argv);
	const char *usage;	     /* words after the verb */
	const char *help;	     /* one line, for the list */
	const char *details;	     /* options, one a line, for `help VERB`; may be NULL */
	const struct verb *subverbs; /* ends with a row without a name; may be NULL */
	const char *parent;	     /* of a sub-verb: the verb it belongs to */
};

/* The row of @name in @table, or NULL. */
const struct verb *verb_find(const struct verb *table, const char *name);
/* Find the sub-verb and run it, or say which there are. */
int verb_run(const struct verb *verb, int argc, char **argv);
/* One line each, those with sub-verbs as their sub-verbs. */
void verb_print_table(const struct verb *table);
void verb_print_help(const struct verb *verb);

/* Report wrong usage of @verb: the reason, then the usage line. Returns EXIT_USAGE. */
int verb_usage(const struct verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * getopt_long() for a verb: starts afresh on the first call of a verb (@first), reports unknown
 * options and missing values itself, and ends the program after --help. Returns the option, -1 at
 * the end, or '?' after it has reported.
 */
int verb_getopt(const struct verb *verb, int argc, char **argv, const char *shortopts,
		const struct option *longopts, bool first);

/* Words that are left must be exactly @count: else EXIT_USAGE, reported. 0 when they are. */
int verb_want_args(const struct verb *verb, int argc, int count);

/* A decimal number from @min to @max: else EXIT_USAGE, reported. 0 when it is one. */
int verb_take_number(const struct verb *verb, const char *text, unsigned long min,
		     unsigned long max, unsigned long *ret_n);

#endif
