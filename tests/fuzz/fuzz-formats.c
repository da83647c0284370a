/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-formats.c - whatever a hostile store, caller or command line may hand to a parser */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz-main.h"

#include "blkcrypto/blk-device.h"
#include "fs/format.h"
#include "fs/fscrypt/fscrypt.h"
#include "util/base64url.h"
#include "util/compiler.h"
#include "util/secret.h"

/* What decodes must encode to what it was: one text, one meaning. */
static void check(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fuzz-formats: %s\n", what);
		abort();
	}
}

static void headers(const uint8_t *data, size_t size)
{
	uint8_t again[STORE_HDR_MAX_USED];
	struct store_header hdr;
	size_t used;

	if (store_header_decode(data, size, &hdr, &used) == 0) {
		check(used <= size && used <= sizeof(again), "a header longer than its bytes");
		check(store_header_encode(&hdr, again) == used && !memcmp(again, data, used),
		      "a header that does not encode to itself");
	}
}

static void sizes(const uint8_t *data, size_t size)
{
	static const unsigned units[] = { 512, 1024, 2048, 4096 };
	uint64_t st_size, plain;

	if (size < 8)
		return;
	memcpy(&st_size, data, 8);
	st_size &= (1ULL << 46) - 1;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (store_size_decode(st_size, units[i], &plain) == 0 && st_size)
			check(store_size_encode(plain, units[i]) == st_size,
			      "a size of two lengths");
}

static void names(const char *text, size_t len)
{
	uint8_t ct[NAME_MAX_LEN], back[NAME_MAX_LEN];
	char again[512], stored[NAME_MAX_LEN + 1];
	struct fscrypt_nokey_name nk;
	bool is_long;
	size_t n;
	ssize_t m;

	m = base64url_decode(text, len, back, sizeof(back));
	if (m >= 0)
		check(base64url_encode(back, (size_t)m, again) == len && !memcmp(again, text, len),
		      "base64url of two spellings");
	if (len <= NAME_MAX_LEN && fscrypt_nokey_decode(text, len, &nk) == 0)
		check(nk.len >= 1 && nk.len <= FSCRYPT_NOKEY_PREFIX, "a no-key name out of bounds");
	if (len > NAME_MAX_LEN)
		return;
	if (store_name_classify(text, ct, &n) == STORE_NAME_SHORT) {
		check(n >= FSCRYPT_FNAME_MIN_MSG_LEN && n <= NAME_MAX_LEN, "a name out of bounds");
		store_name_encode(ct, n, stored, &is_long);
		check(is_long || !strcmp(stored, text), "a stored name of two spellings");
	}
	(void)store_foreign_nokey(text, again, NAME_MAX_LEN);
}

static void devices(const char *text)
{
	struct blk_device *dev;
	char *why = NULL;

	if (blk_device_open(text, false, &dev, &why) == 0)
		blk_device_close(dev);
	free(why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char shown[FSCRYPT_NOKEY_MAX_ENCODED], *text;
	size_t n;

	headers(data, size);
	sizes(data, size);
	(void)fscrypt_symlink_nokey(data, size, shown, &n);
	text = malloc(size + 1);
	check(text != NULL, "no memory");
	memcpy(text, data, size);
	text[size] = '\0';
	/* Names come from the system as C strings. */
	names(text, strlen(text));
	if (size < 200)
		devices(text);
	free(text);
	return 0;
}

#ifndef FUZZ_LIBFUZZER
int main(int argc, char **argv)
{
	return secret_init() < 0 ? 99 : fuzz_main(argc, argv);
}
#endif
