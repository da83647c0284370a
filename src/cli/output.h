/* SPDX-License-Identifier: GPL-3.0-or-later */
/* output.h - records to standard output, as text for people or as JSON lines for programs */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Print one record and drop the reference to it. As JSON: one object on one line, members in the
 * order of insertion. As text: one `Name: value` line a member; an empty line before each but the
 * first. Returns 0, or -EIO when the output cannot be written, -ENOMEM when @record is NULL (a
 * failed json_pack()).
 */
int output_record(bool json, json_t *record);

/* A string for a record; bytes that are not UTF-8 become U+FFFD (jansson refuses them). */
json_t *output_string(const char *text);
/* @len bytes as hex. */
json_t *output_hex(const void *bytes, size_t len);
/* True when @text is UTF-8 that a record can hold as it is. */
bool output_is_utf8(const char *text);

/* Flush at the end: EXIT_DONE, or EXIT_FAILED with a message when something was not written. */
int output_finish(void);

#endif
