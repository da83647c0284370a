/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-bench.c - what the engine costs: ns a bio without a cipher, throughput beside the cipher
 * alone */
#include <errno.h>
#include <math.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"
#include "blkcrypto/blk-request.h"
#include "crypto/skcipher.h"
#include "util/secret.h"

#define UNIT	4096
#define BIG	(1u << 20)
#define ROUNDS	15
#define BIOS	200000
#define BIG_OPS 64
#define THREADS 2

/* ---- a cipher that does nothing: linked in front of the real one, with ld's --wrap ---------- */

static bool null_cipher;

int __real_skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
int __real_skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
int __wrap_skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
int __wrap_skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);

int __wrap_skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len)
{
	return null_cipher ? 0 : __real_skcipher_encrypt(tfm, iv, src, dst, len);
}

int __wrap_skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len)
{
	return null_cipher ? 0 : __real_skcipher_decrypt(tfm, iv, src, dst, len);
}

/* ---- devices that do nothing --------------------------------------------------------------- */

static void null_queue_rq(struct blk_device *dev, struct blk_request *rq)
{
	blk_request_end(rq, 0);
}

static const struct blk_device_type null_type = { .name = "null", .queue_rq = null_queue_rq };

static int null_program(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			unsigned slot)
{
	return 0;
}

/* An engine with keyslots and no cipher. */
static struct blk_crypto_profile null_profile;
static struct blk_device null_engine = { .type = &null_type, .crypto_profile = &null_profile };
/* What is below the fallback. */
static struct blk_device null_bottom = { .type = &null_type };

static void die(const char *what, int err)
{
	fprintf(stderr, "blk-bench: %s: %s\n", what, strerror(-err));
	exit(1);
}

/* Processor time, for others run on the machine too: of a thread, or of all with helpers. */
static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct blk_crypto_key *new_key(struct blk_device *dev, uint8_t seed, unsigned flags)
{
	struct blk_crypto_key *key = secret_slab_alloc();
	uint8_t bytes[64];
	int err;

	if (!key)
		die("key", -ENOMEM);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(seed + i);
	err = blk_crypto_init_key(key, bytes, sizeof(bytes), BLK_CRYPTO_KEY_TYPE_RAW,
				  BLK_ENCRYPTION_MODE_AES_256_XTS, 8, UNIT, flags);
	if (!err)
		err = blk_crypto_start_using_key(dev, key);
	if (err)
		die("starting a key", err);
	return key;
}

/* ---- one bio ------------------------------------------------------------------------------- */

static void count_end_io(struct bio *bio)
{
	if (bio->bi_status != BLK_STS_OK)
		die("a bio failed", bio_errno(bio));
	(*(unsigned *)bio->bi_private)++;
}

static void one_bio(struct blk_device *dev, const struct blk_crypto_key *key, enum bio_op op,
		    uint64_t unit, void *buf, size_t len, unsigned *ended)
{
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { unit };
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct bio bio;

	bio_init(&bio, dev, NULL, op, unit * (UNIT / SECTOR_SIZE), &iov, 1);
	if (key)
		bio_crypt_set_ctx(&bio, key, dun);
	bio.bi_end_io = count_end_io;
	bio.bi_private = ended;
	blk_crypto_submit_bio(&bio);
}

struct hitter {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct blk_device *dev;
	const struct blk_crypto_key *key;
	enum bio_op op;
	unsigned cpu;
	double seconds;
};

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *hit(void *arg)
{
	struct hitter *h = arg;
	uint8_t *buf = aligned_alloc(4096, UNIT);
	unsigned ended = 0;
	double start;

	if (!buf)
		die("memory", -ENOMEM);
	memset(buf, 1, UNIT);
	pin(h->cpu);
	one_bio(h->dev, h->key, h->op, 0, buf, UNIT, &ended); /* the miss */
	pthread_barrier_wait(h->barrier);
	start = now(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < BIOS; i++)
		one_bio(h->dev, h->key, h->op, i, buf, UNIT, &ended);
	h->seconds = now(CLOCK_THREAD_CPUTIME_ID) - start;
	if (ended != BIOS + 1)
		die("bios are missing", -EIO);
	free(buf);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

/* Nanoseconds of processor time for a bio; the median of some rounds, of the slower thread. */
static double hit_ns(struct blk_device *dev, struct blk_crypto_key *const *keys, enum bio_op op,
		     unsigned threads)
{
	double rounds[5];

	for (unsigned r = 0; r < 5; r++) {
		struct hitter h[THREADS];
		pthread_barrier_t barrier;
		double worst = 0;

		pthread_barrier_init(&barrier, NULL, threads);
		for (unsigned i = 0; i < threads; i++) {
			h[i] = (struct hitter){
				.barrier = &barrier, .dev = dev, .key = keys[i], .op = op, .cpu = i
			};
			if (pthread_create(&h[i].thread, NULL, hit, &h[i]) != 0)
				die("thread", -EAGAIN);
		}
		for (unsigned i = 0; i < threads; i++) {
			pthread_join(h[i].thread, NULL);
			worst = fmax(worst, h[i].seconds);
		}
		pthread_barrier_destroy(&barrier);
		rounds[r] = worst * 1e9 / BIOS;
	}
	return median(rounds, 5);
}

static void hit_path(void)
{
	struct blk_crypto_key *key = new_key(&null_engine, 1, BLK_CRYPTO_CFG_ALLOW_HW);
	struct blk_crypto_key *other = new_key(&null_engine, 2, BLK_CRYPTO_CFG_ALLOW_HW);
	struct blk_crypto_key *soft = new_key(&null_bottom, 3, 0);
	struct blk_crypto_key *soft2 = new_key(&null_bottom, 4, 0);
	struct blk_crypto_key *const none[] = { NULL, NULL };
	struct blk_crypto_key *const same[] = { key, key }, *const two[] = { key, other };
	struct blk_crypto_key *const ssame[] = { soft, soft }, *const stwo[] = { soft, soft2 };
	const struct {
		const char *name;
		struct blk_device *dev;
		struct blk_crypto_key *const *keys;
		enum bio_op op;
	} rows[] = {
		{ "plain, no keyslot", &null_bottom, none, REQ_OP_WRITE },
		{ "inline, a key each", &null_engine, two, REQ_OP_WRITE },
		{ "inline, the same key", &null_engine, same, REQ_OP_WRITE },
		{ "fallback read, a key each", &null_bottom, stwo, REQ_OP_READ },
		{ "fallback read, the same key", &null_bottom, ssame, REQ_OP_READ },
		{ "fallback write, a key each", &null_bottom, stwo, REQ_OP_WRITE },
		{ "fallback write, the same key", &null_bottom, ssame, REQ_OP_WRITE },
	};

	null_cipher = true;
	printf("%-32s %9s %9s\n", "ns a bio, hit, null cipher", "1 thread", "2 threads");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		printf("%-32s %9.0f %9.0f\n", rows[i].name,
		       hit_ns(rows[i].dev, rows[i].keys, rows[i].op, 1),
		       hit_ns(rows[i].dev, rows[i].keys, rows[i].op, 2));
	null_cipher = false;
	blk_crypto_evict_key(&null_engine, key);
	blk_crypto_evict_key(&null_engine, other);
	blk_crypto_evict_key(&null_bottom, soft);
	blk_crypto_evict_key(&null_bottom, soft2);
}

/* ---- throughput ---------------------------------------------------------------------------- */

static uint8_t *src, *dst;

/* What nothing can beat: the cipher alone, one call a data unit. */
static void bare_pass(struct skcipher *tfm, bool encrypt, uint64_t unit)
{
	uint8_t iv[SKCIPHER_MAX_IV_SIZE] = { 0 };

	for (size_t pos = 0; pos < BIG; pos += UNIT, unit++) {
		memcpy(iv, &unit, sizeof(unit));
		if (encrypt ? skcipher_encrypt(tfm, iv, src + pos, dst + pos, UNIT)
			    : skcipher_decrypt(tfm, iv, src + pos, dst + pos, UNIT))
			die("cipher", -EIO);
	}
}

static struct skcipher *bare_new(void)
{
	struct skcipher *tfm;
	uint8_t key[64];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i + 9);
	if (skcipher_alloc(skcipher_find("aes-256-xts"), &tfm) ||
	    skcipher_setkey(tfm, key, sizeof(key)))
		die("cipher", -EIO);
	return tfm;
}

/* The same by OpenSSL, which is another library on processors with VAES (aes-xts.c). */
static void evp_pass(EVP_CIPHER_CTX *ctx, uint64_t unit)
{
	uint8_t iv[16] = { 0 };
	int n;

	for (size_t pos = 0; pos < BIG; pos += UNIT, unit++) {
		memcpy(iv, &unit, sizeof(unit));
		if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) != 1 ||
		    EVP_CipherUpdate(ctx, dst + pos, &n, src + pos, UNIT) != 1)
			die("EVP", -EIO);
	}
}

static EVP_CIPHER_CTX *evp_new(int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[64];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i + 9);
	if (!ctx || EVP_CipherInit_ex(ctx, EVP_aes_256_xts(), NULL, key, NULL, encrypt) != 1)
		die("EVP", -ENOMEM);
	return ctx;
}

enum {
	EVP_ENC,
	EVP_DEC,
	BARE_ENC,
	BARE_DEC,
	FB_WRITE,
	FB_READ,
	SIM_WRITE,
	SIM_READ,
	SIM0_WRITE,
	SIM0_READ,
	PATHS
};

static void throughput(void)
{
	static const char *const names[] = { "OpenSSL alone, encrypt",
					     "OpenSSL alone, decrypt",
					     "cipher alone, encrypt",
					     "cipher alone, decrypt",
					     "fallback write",
					     "fallback read",
					     "sim write",
					     "sim read",
					     "sim(slots=0) write",
					     "sim(slots=0) read" };
	EVP_CIPHER_CTX *enc = evp_new(1), *dec = evp_new(0);
	struct skcipher *bare = bare_new();
	double mib[PATHS][ROUNDS], med[PATHS];
	struct blk_device *sims[2], *devs[PATHS];
	struct blk_crypto_key *keys[3];
	unsigned ended = 0;

	for (unsigned i = 0; i < 2; i++) {
		int err = blk_device_open(i ? "sim(slots=0;mem)" : "sim(slots=4;mem)", true,
					  &sims[i], NULL);

		if (err)
			die("sim", err);
		blk_device_close(sims[i]->children[0]);
		sims[i]->children[0] = &null_bottom;
		keys[1 + i] = new_key(sims[i], (uint8_t)(20 + i), BLK_CRYPTO_CFG_ALLOW_HW);
	}
	keys[0] = new_key(&null_bottom, 10, 0);
	devs[FB_WRITE] = devs[FB_READ] = &null_bottom;
	devs[SIM_WRITE] = devs[SIM_READ] = sims[0];
	devs[SIM0_WRITE] = devs[SIM0_READ] = sims[1];

	/* In turn, so that what the machine does meanwhile hits all alike. */
	for (unsigned r = 0; r < ROUNDS + 1; r++)
		for (unsigned p = 0; p < PATHS; p++) {
			double start = now(CLOCK_PROCESS_CPUTIME_ID);

			for (unsigned i = 0; i < BIG_OPS; i++) {
				if (p == EVP_ENC || p == EVP_DEC)
					evp_pass(p == EVP_ENC ? enc : dec, i * (BIG / UNIT));
				else if (p == BARE_ENC || p == BARE_DEC)
					bare_pass(bare, p == BARE_ENC, i * (BIG / UNIT));
				else
					one_bio(devs[p], keys[(p - FB_WRITE) / 2],
						p % 2 ? REQ_OP_READ : REQ_OP_WRITE,
						i * (BIG / UNIT), p % 2 ? dst : src, BIG, &ended);
			}
			if (r > 0) /* the first warms up */
				mib[p][r - 1] = BIG_OPS / (now(CLOCK_PROCESS_CPUTIME_ID) - start);
		}
	printf("\n%-32s %9s %9s\n", "1 MiB requests, one core", "MiB/s", "of it alone");
	for (unsigned p = 0; p < PATHS; p++)
		med[p] = median(mib[p], ROUNDS);
	for (unsigned p = 0; p < PATHS; p++)
		printf("%-32s %9.0f %8.1f %%\n", names[p], med[p],
		       100 * med[p] / med[p % 2 ? BARE_DEC : BARE_ENC]);
	for (unsigned i = 0; i < 2; i++) {
		blk_crypto_evict_key(sims[i], keys[1 + i]);
		sims[i]->num_children = 0;
		blk_device_close(sims[i]);
	}
	blk_crypto_evict_key(&null_bottom, keys[0]);
	for (unsigned i = 0; i < 3; i++)
		secret_slab_free(keys[i]);
	EVP_CIPHER_CTX_free(enc);
	EVP_CIPHER_CTX_free(dec);
	skcipher_free(bare);
}

int main(void)
{
	int err = secret_init();

	if (err)
		die("secrets", err);
	err = blk_crypto_profile_init(&null_profile, 4);
	if (err)
		die("profile", err);
	null_profile.ll_ops.keyslot_program = null_program;
	null_profile.ll_ops.keyslot_evict = null_program;
	null_profile.max_dun_bytes_supported = 8;
	null_profile.key_types_supported = BLK_CRYPTO_KEY_TYPE_RAW;
	null_profile.modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS] = UNIT;
	src = aligned_alloc(4096, BIG);
	dst = aligned_alloc(4096, BIG);
	if (!src || !dst)
		die("memory", -ENOMEM);
	memset(src, 1, BIG);
	memset(dst, 2, BIG);
	pin(0);
	hit_path();
	throughput();
	free(src);
	free(dst);
	blk_crypto_profile_destroy(&null_profile);
	blk_crypto_fallback_destroy();
	return 0;
}
