/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vector-files.h - for unit tests: find and read the JSON vectors of tests/vectors */
#ifndef TESTS_UNIT_VECTOR_FILES_H
#define TESTS_UNIT_VECTOR_FILES_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/hex.h"

static inline const char *vector_dir(void)
{
	static char path[4096];
	const char *dir = getenv("FUSCRYPT_VECTORS");
	const char *srcdir = getenv("srcdir");

	if (dir != NULL)
		return dir;
	snprintf(path, sizeof(path), "%s/tests/vectors", srcdir != NULL ? srcdir : ".");
	return path;
}

/* The file's JSON; a test cannot go on without it. */
static inline json_t *vector_load(const char *name)
{
	char path[4352];
	json_error_t error;
	json_t *json;

	snprintf(path, sizeof(path), "%s/%s", vector_dir(), name);
	json = json_load_file(path, 0, &error);
	if (json == NULL) {
		fprintf(stderr, "%s: %s (line %d)\n", path, error.text, error.line);
		exit(99);
	}
	return json;
}

static inline const char *vector_str(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static inline uint64_t vector_int(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* Bytes of hex text @hex into @out; their count. Ends the program on anything else. */
static inline size_t vector_unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t len = hex != NULL ? strlen(hex) / 2 : 0;

	if (hex == NULL || len > cap || hex_decode(hex, out, len) != 0) {
		fprintf(stderr, "bad hex in a vector: %.80s\n", hex != NULL ? hex : "(none)");
		exit(99);
	}
	return len;
}

#endif
