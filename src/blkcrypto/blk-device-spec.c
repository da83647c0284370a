/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-device-spec.c - device strings taken apart: names, options, children */
#include "blkcrypto/blk-device-spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "blkcrypto/blk-device-opt.h"
#include "util/bits.h"

#define VALUE_END ",;()"

struct parser {
	const char *str;
	const char *pos;
	char **ret_why;
};

static int fail_at(struct parser *p, const char *what)
{
	if (*p->pos == '\0')
		return blk_device_fail(p->ret_why, -EINVAL, "device \"%s\": %s at the end", p->str,
				       what);
	return blk_device_fail(p->ret_why, -EINVAL, "device \"%s\": %s at character %zu, \"%.20s\"",
			       p->str, what, (size_t)(p->pos - p->str) + 1, p->pos);
}

static void skip_blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->pos))
		p->pos++;
}

static bool accept(struct parser *p, char c)
{
	skip_blanks(p);
	if (*p->pos != c)
		return false;
	p->pos++;
	return true;
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static int parse_word(struct parser *p, const char *missing, char **ret_word)
{
	const char *start;
	char *word;

	skip_blanks(p);
	start = p->pos;
	while (is_word_char(*p->pos))
		p->pos++;
	if (p->pos == start)
		return fail_at(p, missing);
	word = strndup(start, (size_t)(p->pos - start));
	if (!word)
		return -ENOMEM;
	*ret_word = word;
	return 0;
}

static int parse_value(struct parser *p, char **ret_value)
{
	const char *start, *end;
	char *value;

	skip_blanks(p);
	start = p->pos;
	p->pos += strcspn(p->pos, VALUE_END);
	end = p->pos;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	if (end == start)
		return fail_at(p, "a value is missing");
	value = strndup(start, (size_t)(end - start));
	if (!value)
		return -ENOMEM;
	*ret_value = value;
	return 0;
}

static void opt_free(struct blk_device_opt *opt)
{
	free(opt->name);
	free(opt->value);
	free(opt);
}

static int parse_option(struct parser *p, struct blk_device_spec *spec,
			struct blk_device_opt **ret_opt)
{
	struct blk_device_opt *opt = calloc(1, sizeof(*opt));
	int err;

	if (!opt)
		return -ENOMEM;
	err = parse_word(p, "an option is missing", &opt->name);
	if (err)
		goto free_opt;
	if (accept(p, '=')) {
		err = parse_value(p, &opt->value);
	} else {
		opt->value = strdup("");
		err = opt->value ? 0 : -ENOMEM;
	}
	if (err)
		goto free_opt;
	if (accept(p, '(')) {
		err = blk_device_fail(p->ret_why, -EINVAL,
				      "device \"%s\": \"%s(\" stands among the options of %s; a "
				      "device beneath it follows after a semicolon",
				      p->str, opt->name, spec->name);
		goto free_opt;
	}
	if (blk_device_opt_get(spec->opts, opt->name)) {
		err = blk_device_fail(p->ret_why, -EINVAL,
				      "device \"%s\": option %s of %s is given twice", p->str,
				      opt->name, spec->name);
		goto free_opt;
	}
	*ret_opt = opt;
	return 0;

free_opt:
	opt_free(opt);
	return err;
}

static int parse_options(struct parser *p, struct blk_device_spec *spec)
{
	struct blk_device_opt **tail = &spec->opts;

	skip_blanks(p);
	if (*p->pos == ';' || *p->pos == ')')
		return 0;
	do {
		int err = parse_option(p, spec, tail);

		if (err)
			return err;
		tail = &(*tail)->next;
	} while (accept(p, ','));
	return 0;
}

static int parse_device(struct parser *p, unsigned depth, struct blk_device_spec **ret_spec);

static int parse_child(struct parser *p, struct blk_device_spec *spec, unsigned depth)
{
	struct blk_device_spec **children;
	int err;

	children = realloc(spec->children, (spec->num_children + 1) * sizeof(*children));
	if (!children)
		return -ENOMEM;
	spec->children = children;
	err = parse_device(p, depth + 1, &children[spec->num_children]);
	if (!err)
		spec->num_children++;
	return err;
}

/* ---- tables ------------------------------------------------------------------------------- */

static bool at_range(struct parser *p)
{
	const char *end;
	uint64_t bytes;

	skip_blanks(p);
	return blk_parse_bytes(p->pos, &end, &bytes) == 0 && *end == '+';
}

static int parse_range(struct parser *p, struct blk_device_range *ret)
{
	uint64_t start, len = 0;

	if (!at_range(p))
		return fail_at(p, "a range like 0+1M is missing");
	blk_parse_bytes(p->pos, &p->pos, &start);
	p->pos++;
	if (*p->pos == '*')
		p->pos++;
	else if (blk_parse_bytes(p->pos, &p->pos, &len) != 0 || len == 0)
		return fail_at(p, "a length is missing");
	else if (len > UINT64_MAX - start)
		return fail_at(p, "a range ends beyond all bounds");
	if ((start | len) % SECTOR_SIZE)
		return fail_at(p, "a range is not of whole sectors");
	ret->start = start >> SECTOR_SHIFT;
	ret->sectors = (len ? len : round_down(UINT64_MAX - start, SECTOR_SIZE)) >> SECTOR_SHIFT;
	return 0;
}

/* The devices behind the first one are its children, as if they stood in its parentheses. */
static int parse_target(struct parser *p, struct blk_device_spec *spec, unsigned depth)
{
	struct blk_device_range range;
	int err = parse_range(p, &range);

	if (!err)
		err = parse_child(p, spec, depth);
	if (err)
		return err;
	spec = spec->children[spec->num_children - 1];
	spec->range = range;
	skip_blanks(p);
	while (!err && *p->pos && *p->pos != ';' && *p->pos != ')') {
		err = parse_child(p, spec, depth + 1);
		skip_blanks(p);
	}
	return err;
}

static int parse_table(struct parser *p, struct blk_device_spec *spec, unsigned depth)
{
	int err;

	do {
		err = parse_target(p, spec, depth);
	} while (!err && accept(p, ';'));
	return err;
}

static int parse_device(struct parser *p, unsigned depth, struct blk_device_spec **ret_spec)
{
	struct blk_device_spec *spec;
	int err;

	if (depth > BLK_DEVICE_SPEC_MAX_DEPTH)
		return fail_at(p, "too many devices one above the other");
	spec = calloc(1, sizeof(*spec));
	if (!spec)
		return -ENOMEM;
	err = parse_word(p, "the name of a device is missing", &spec->name);
	if (err)
		goto free_spec;
	if (accept(p, '(')) {
		if (at_range(p)) {
			err = parse_table(p, spec, depth);
		} else {
			err = parse_options(p, spec);
			while (!err && accept(p, ';'))
				err = parse_child(p, spec, depth);
		}
		if (!err && !accept(p, ')'))
			err = fail_at(p, "a comma, semicolon or closing parenthesis is missing");
		if (err)
			goto free_spec;
	}
	*ret_spec = spec;
	return 0;

free_spec:
	blk_device_spec_free(spec);
	return err;
}

int blk_device_spec_parse(const char *str, struct blk_device_spec **ret_spec, char **ret_why)
{
	struct parser p = { .str = str, .pos = str, .ret_why = ret_why };
	struct blk_device_spec *spec;
	int err;

	err = parse_device(&p, 1, &spec);
	if (err)
		return err;
	skip_blanks(&p);
	if (*p.pos != '\0') {
		blk_device_spec_free(spec);
		return fail_at(&p, "unexpected text");
	}
	*ret_spec = spec;
	return 0;
}

void blk_device_spec_free(struct blk_device_spec *spec)
{
	struct blk_device_opt *opt, *next;

	if (!spec)
		return;
	for (unsigned i = 0; i < spec->num_children; i++)
		blk_device_spec_free(spec->children[i]);
	free(spec->children);
	for (opt = spec->opts; opt; opt = next) {
		next = opt->next;
		opt_free(opt);
	}
	free(spec->name);
	free(spec);
}
