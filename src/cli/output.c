/* SPDX-License-Identifier: GPL-3.0-or-later */
/* output.c - records to standard output, as text for people or as JSON lines for programs */
#include "cli/output.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "util/hex.h"

static void print_name(const char *name)
{
	bool first = true;

	for (; *name; name++, first = false) {
		int c = (unsigned char)*name;

		putchar(first ? toupper(c) : c == '_' ? ' ' : c);
	}
}

static void print_safe(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		putchar(c < 0x20 || c == 0x7f ? '?' : c);
	}
}

static void print_members(const json_t *record, int depth)
{
	const char *name;
	json_t *value;
	int i;

	json_object_foreach ((json_t *)record, name, value) {
		for (i = 0; i < depth; i++)
			fputs("  ", stdout);
		print_name(name);
		if (json_is_object(value)) {
			fputs(":\n", stdout);
			print_members(value, depth + 1);
			continue;
		}
		fputs(": ", stdout);
		if (json_is_string(value))
			print_safe(json_string_value(value));
		else if (json_is_integer(value))
			printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
		else if (json_is_boolean(value))
			fputs(json_is_true(value) ? "yes" : "no", stdout);
		else
			putchar('-');
		putchar('\n');
	}
}

int output_record(bool json, json_t *record)
{
	static bool printed;
	char *line;

	if (!record)
		return -ENOMEM;
	if (json) {
		line = json_dumps(record, JSON_COMPACT);
		if (line)
			puts(line);
		free(line);
	} else {
		if (printed)
			putchar('\n');
		print_members(record, 0);
		line = NULL;
	}
	printed = true;
	json_decref(record);
	return ferror(stdout) ? -EIO : 0;
}

/* Length of the UTF-8 sequence at @p, 0 when there is none. jansson is the judge of the details. */
static size_t utf8_length(const char *p)
{
	size_t len;

	for (len = 1; len <= 4 && p[len - 1]; len++) {
		json_t *s = json_stringn(p, len);

		if (s) {
			json_decref(s);
			return len;
		}
	}
	return 0;
}

bool output_is_utf8(const char *text)
{
	json_t *s = json_string(text);

	json_decref(s);
	return s != NULL;
}

json_t *output_string(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	json_t *s = json_string(text);
	size_t out = 0, len;
	char *copy;

	if (s)
		return s;
	copy = malloc(strlen(text) * 3 + 1);
	if (!copy)
		return NULL;
	while (*text) {
		len = utf8_length(text);
		if (len) {
			memcpy(copy + out, text, len);
			out += len;
			text += len;
		} else {
			memcpy(copy + out, replacement, 3);
			out += 3;
			text++;
		}
	}
	s = json_stringn(copy, out);
	free(copy);
	return s;
}

json_t *output_hex(const void *bytes, size_t len)
{
	char *text = malloc(2 * len + 1);
	json_t *s;

	if (!text)
		return NULL;
	hex_encode(bytes, len, text);
	s = json_string(text);
	free(text);
	return s;
}

int output_finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	return msg_fail(EXIT_FAILED, "standard output: cannot be written: %s", strerror(errno));
}
