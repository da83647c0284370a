/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-main.h - a fuzz target without libFuzzer: its corpus, and so many mutations of it */
#ifndef FUZZ_MAIN_H
#define FUZZ_MAIN_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_INPUT_MAX	4096
#define FUZZ_CORPUS_MAX 64

static struct {
	uint8_t data[FUZZ_INPUT_MAX];
	size_t len;
} fuzz_corpus[FUZZ_CORPUS_MAX];
static size_t fuzz_corpus_size;
static uint64_t fuzz_state = 88172645463325252ull; /* the same inputs in every run */

static inline uint32_t fuzz_random(uint32_t below)
{
	fuzz_state ^= fuzz_state << 13;
	fuzz_state ^= fuzz_state >> 7;
	fuzz_state ^= fuzz_state << 17;
	return (uint32_t)(fuzz_state >> 32) % below;
}

/* One small change of @buf, which has room for FUZZ_INPUT_MAX bytes. Returns its new length. */
static inline size_t fuzz_mutate(uint8_t *buf, size_t len)
{
	static const uint8_t special[] = { 0, 1, 15, 16, 127, 128, 255, '/', '.', '=', '(', ';' };
	size_t at = len ? fuzz_random((uint32_t)len) : 0, n, other;

	switch (fuzz_random(6)) {
	case 0:
		if (len)
			buf[at] ^= (uint8_t)(1u << fuzz_random(8));
		return len;
	case 1:
		if (len)
			buf[at] = special[fuzz_random(sizeof(special))];
		return len;
	case 2:
		return at; /* cut */
	case 3:		   /* a hole */
		n = fuzz_random(8) + 1;
		if (at + n >= len)
			return len;
		memmove(buf + at, buf + at + n, len - at - n);
		return len - n;
	case 4: /* some bytes twice */
		n = fuzz_random(32) + 1;
		if (len + n > FUZZ_INPUT_MAX || at + n > len)
			return len;
		memmove(buf + at + n, buf + at, len - at);
		return len + n;
	default: /* a piece of another input */
		other = fuzz_random((uint32_t)fuzz_corpus_size);
		n = fuzz_corpus[other].len;
		if (at + n > FUZZ_INPUT_MAX)
			n = FUZZ_INPUT_MAX - at;
		memcpy(buf + at, fuzz_corpus[other].data, n);
		return at + n > len ? at + n : len;
	}
}

/* The folder of @argv or of the environment; FUZZ_ROUNDS mutations of what is in it. */
static inline int fuzz_main(int argc, char **argv)
{
	static uint8_t buf[FUZZ_INPUT_MAX];
	const char *dir = argc > 1 ? argv[1] : getenv("FUSCRYPT_CORPUS");
	const char *rounds = getenv("FUZZ_ROUNDS");
	unsigned long left = rounds ? strtoul(rounds, NULL, 10) : 20000;
	struct dirent **list;
	char path[4096];
	int n;

	n = dir ? scandir(dir, &list, NULL, alphasort) : -1;
	if (n < 3) /* nothing but "." and "..": a test of nothing */
		return 99;
	printf("1..%d\n", n - 1);
	for (int i = 0, num = 0; i < n; free(list[i++])) {
		FILE *f;

		if (list[i]->d_name[0] == '.' || fuzz_corpus_size == FUZZ_CORPUS_MAX)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		f = fopen(path, "rb");
		if (f) {
			size_t c = fuzz_corpus_size++;

			fuzz_corpus[c].len = fread(fuzz_corpus[c].data, 1, FUZZ_INPUT_MAX, f);
			fclose(f);
			LLVMFuzzerTestOneInput(fuzz_corpus[c].data, fuzz_corpus[c].len);
		}
		printf("%sok %d - %s\n", f ? "" : "not ", ++num, list[i]->d_name);
	}
	free(list);
	for (; left > 0 && fuzz_corpus_size > 0; left--) {
		size_t c = fuzz_random((uint32_t)fuzz_corpus_size), len = fuzz_corpus[c].len;

		memcpy(buf, fuzz_corpus[c].data, len);
		for (uint32_t i = fuzz_random(4) + 1; i > 0; i--)
			len = fuzz_mutate(buf, len);
		LLVMFuzzerTestOneInput(buf, len);
	}
	printf("ok %d - mutations\n", n - 1);
	return 0;
}

#endif
