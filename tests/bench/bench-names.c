/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench-names.c - what names and key set-up cost, by cipher: ns a name, us a directory and a file
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "fs/fscrypt/fscrypt.h"
#include "util/secret.h"

/*
 * bench-names [SECONDS]: each figure is the best of five runs of that many seconds in all (default
 * 0.25) of processor time. Padding is 32.
 */
#define RUNS 5

static const struct {
	uint8_t contents, filenames;
} pairs[] = {
	{ FSCRYPT_MODE_AES_256_XTS, FSCRYPT_MODE_AES_256_CTS },
	{ FSCRYPT_MODE_AES_256_XTS, FSCRYPT_MODE_AES_256_HCTR2 },
	{ FSCRYPT_MODE_AES_128_CBC, FSCRYPT_MODE_AES_128_CTS },
	{ FSCRYPT_MODE_ADIANTUM, FSCRYPT_MODE_ADIANTUM },
	{ FSCRYPT_MODE_SM4_XTS, FSCRYPT_MODE_SM4_CTS },
};
static const size_t lengths[] = { 12, 40, 100, 255 };

static struct fscrypt_super *fsc;
static double seconds = 0.25;

/* Of this thread: what others do meanwhile is not counted. */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* One run of something; 0 or -errno. */
struct measured {
	int (*once)(struct measured *m);
	struct fscrypt_info *dir;
	union fscrypt_context ctx;
	size_t ctx_len, name_len;
	enum fscrypt_inode_kind kind;
	char name[NAME_MAX_LEN];
	uint8_t ct[NAME_MAX_LEN];
	size_t ct_len;
};

static int encrypt_name(struct measured *m)
{
	/* Another name each time: nothing in the processor may learn it. */
	m->name[m->name_len - 1] = (char)('a' + (m->name[m->name_len - 1] - 'a' + 1) % 26);
	return fscrypt_fname_encrypt(m->dir, m->name, m->name_len, m->ct, &m->ct_len);
}

static int decrypt_name(struct measured *m)
{
	char name[NAME_MAX_LEN];
	size_t len;

	return fscrypt_fname_decrypt(m->dir, m->ct, m->ct_len, name, &len);
}

static int set_up(struct measured *m)
{
	struct fscrypt_info *info;
	int err;

	m->ctx.v2.nonce[0]++;
	err = fscrypt_setup_info(fsc, &m->ctx, m->ctx_len, m->kind, 0, &info);
	if (err == 0)
		fscrypt_put_info(info);
	return err;
}

/* Seconds that one takes; negative: -errno. */
static double best(struct measured *m)
{
	unsigned long n = 1;
	double least = 0;

	for (int run = 0; run < RUNS;) {
		double begun = now(), took;

		for (unsigned long i = 0; i < n; i++) {
			int err = m->once(m);

			if (err < 0)
				return err;
		}
		took = now() - begun;
		if (took < seconds / RUNS) {
			n = took > seconds / RUNS / 50
				    ? (unsigned long)((double)n * seconds / RUNS / took * 1.1) + 1
				    : n * 10;
			continue;
		}
		took /= (double)n;
		if (run == 0 || took < least)
			least = took;
		run++;
	}
	return least;
}

static void cell(double t, double unit)
{
	if (t < 0)
		printf(" %8s", "-");
	else
		printf(" %8.*f", unit < 1e8 ? 2 : 0, t * unit);
}

static void measure(unsigned contents, unsigned filenames, const uint8_t *identifier)
{
	union fscrypt_policy policy = { .v2 = { .version = FSCRYPT_POLICY_V2,
						.contents_encryption_mode = (uint8_t)contents,
						.filenames_encryption_mode = (uint8_t)filenames,
						.flags = 3 } };
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = { 1 };
	struct measured m = { .kind = FSCRYPT_DIR };
	int err;

	memcpy(policy.v2.master_key_identifier, identifier, FSCRYPT_KEY_IDENTIFIER_SIZE);
	m.ctx_len = fscrypt_context_from_policy(&policy, nonce, &m.ctx);
	printf("%-14s", fscrypt_mode_name(filenames));
	err = fscrypt_setup_info(fsc, &m.ctx, m.ctx_len, FSCRYPT_DIR, 0, &m.dir);
	if (err < 0) {
		printf(" %s\n", strerror(-err));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		m.name_len = lengths[i];
		memset(m.name, 'a', sizeof(m.name));
		m.once = encrypt_name;
		cell(best(&m), 1e9);
		m.once = decrypt_name;
		cell(best(&m), 1e9);
	}
	fscrypt_put_info(m.dir);
	m.once = set_up;
	cell(best(&m), 1e6);
	m.kind = FSCRYPT_REG;
	cell(best(&m), 1e6);
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct fscrypt_caller who = { .cap_sys_admin = true };
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	struct fscrypt_super_params params = { 0 };
	uint8_t key[FSCRYPT_MAX_RAW_KEY_SIZE];
	char *why = NULL;

	if (argc > 1)
		seconds = strtod(argv[1], NULL);
	if (seconds <= 0 || secret_init() < 0) {
		fprintf(stderr, "usage: bench-names [SECONDS]\n");
		return 2;
	}
	if (blk_device_open("file", false, &params.bdev, &why) < 0 ||
	    fscrypt_super_create(&params, &fsc) < 0) {
		fprintf(stderr, "bench-names: %s\n", why ? why : "cannot start");
		return 1;
	}
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	if (fscrypt_add_key(fsc, &who, &spec, key, sizeof(key)) < 0)
		return 1;
	printf("%-14s", "");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		printf("  %4zu enc   %5s", lengths[i], "dec");
	printf(" %8s %8s\n%-14s %71s %8s %8s\n", "dir", "file", "", "ns", "us", "us");
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		measure(pairs[i].contents, pairs[i].filenames, spec.u.identifier);
	fscrypt_super_destroy(fsc);
	blk_device_close(params.bdev);
	blk_crypto_fallback_destroy();
	return 0;
}
