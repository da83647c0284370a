/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verb.c - a row of a table of verbs: found, run, explained, its options parsed */
#include "cli/verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/output.h"

const struct verb *verb_find(const struct verb *table, const char *name)
{
	const struct verb *v;

	for (v = table; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

int verb_run(const struct verb *verb, int argc, char **argv)
{
	const struct verb *sub;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		verb_print_help(verb);
		return output_finish();
	}
	if (!verb->subverbs)
		return verb->run(verb, argc, argv);
	if (argc < 2)
		return verb_usage(verb, "a word is missing");
	sub = verb_find(verb->subverbs, argv[1]);
	if (!sub)
		return verb_usage(verb, "%s: no such word", argv[1]);
	return verb_run(sub, argc - 1, argv + 1);
}

static void print_name(FILE *f, const struct verb *verb)
{
	fprintf(f, "%s%s%s", verb->parent ? verb->parent : "", verb->parent ? " " : "", verb->name);
}

void verb_print_table(const struct verb *table)
{
	const struct verb *v;

	for (v = table; v->name; v++) {
		if (v->subverbs)
			verb_print_table(v->subverbs);
		else
			printf("  %s %s%s%-*s  %s\n", msg_program, v->parent ? v->parent : "",
			       v->parent ? " " : "", v->parent ? 20 - (int)strlen(v->parent) : 21,
			       v->name, v->help);
	}
}

void verb_print_help(const struct verb *verb)
{
	const struct verb *sub;

	if (verb->subverbs) {
		for (sub = verb->subverbs; sub->name; sub++) {
			if (sub != verb->subverbs)
				putchar('\n');
			verb_print_help(sub);
		}
		return;
	}
	printf("usage: %s ", msg_program);
	print_name(stdout, verb);
	printf(" %s\n\n%s.\n", verb->usage, verb->help);
	if (verb->details)
		printf("\n%s", verb->details);
}

int verb_usage(const struct verb *verb, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	msg_err("%s%s%s: %s", verb->parent ? verb->parent : "", verb->parent ? " " : "", verb->name,
		text);
	fprintf(stderr, "usage: %s ", msg_program);
	print_name(stderr, verb);
	fprintf(stderr, " %s\n", verb->usage);
	return EXIT_USAGE;
}

int verb_getopt(const struct verb *verb, int argc, char **argv, const char *shortopts,
		const struct option *longopts, bool first)
{
	int c;

	if (first)
		optind = 0;
	opterr = 0;
	c = getopt_long(argc, argv, shortopts, longopts, NULL);
	/* Wherever it stands, as everywhere. Nothing has been done yet. */
	if (c == '?' && optind > 0 && !strcmp(argv[optind - 1], "--help")) {
		verb_print_help(verb);
		exit(output_finish());
	}
	if (c == '?')
		verb_usage(verb,
			   "%s: no such option, or ambiguous, or with a value it does not take",
			   argv[optind > 0 ? optind - 1 : 0]);
	if (c == ':') {
		verb_usage(verb, "%s: needs a value", argv[optind > 0 ? optind - 1 : 0]);
		c = '?';
	}
	return c;
}

int verb_want_args(const struct verb *verb, int argc, int count)
{
	if (argc - optind == count)
		return 0;
	return verb_usage(verb, argc - optind < count ? "a word is missing" : "too many words");
}

int verb_take_number(const struct verb *verb, const char *text, unsigned long min,
		     unsigned long max, unsigned long *ret_n)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < min || n > max)
		return verb_usage(verb, "%s: no number from %lu to %lu", text, min, max);
	*ret_n = n;
	return 0;
}
