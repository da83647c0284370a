/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-rules.c - encryption that was asked for is done or fails; the life that a key must lead
 */
#include "blk-test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blk-canary.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-request.h"
#include "util/secret.h"

#define HW  BLK_CRYPTO_CFG_ALLOW_HW
#define LEN 16384

/* ---- never silently dropped --------------------------------------------------------------- */

/* Every kind of stack that there is; `mem` is what a thief gets. */
static const char *const stacks[] = {
	"mem",
	"sim(slots=1;mem)",
	"sim(slots=0;mem)",
	"sim(modes=adiantum;mem)",
	"sim(modes=aes-256-xts:512;mem)",
	"sim(dun=4;mem)",
	"sim(fail-program=500;mem)",
	"sim(slots=1,reset=2;mem)",
	"sim(fail-program=300,reset=3;mem)",
	"sim(;sim(slots=1;mem))",
	"linear(;mem)",
	"linear(offset=8K;sim(;mem))",
	"stripe(chunk=4K;sim(;mem);mem)",
	"stripe(chunk=4K;sim(slots=1;mem);sim(slots=0;mem))",
	"mirror(;sim(;mem);sim(slots=1;mem))",
	"mirror(;sim(;mem);flakey(good=1,bad=1;mem))",
	"mirror(;flakey(good=1,bad=1,what=read;sim(;mem));sim(;mem))",
	"flakey(good=1,bad=1;mem)",
	"flakey(good=1,bad=1;sim(;mem))",
	"flakey(mode=drop,good=1,bad=1;sim(;mem))",
	"flakey(mode=corrupt,good=1,bad=1;sim(;mem))",
	"delay(read=1us;sim(;mem))",
	"dm(0+8K linear sim(;mem); 8K+* linear mem)",
	"dm(0+8K linear sim(;mem); 8K+* linear sim(slots=0;mem))",
	"dm(0+8K error; 8K+* linear sim(;mem))",
};

static bool bottom_has_mark(const struct blk_device *dev)
{
	const uint8_t *data;
	size_t size;

	for (unsigned i = 0; i < dev->num_children; i++)
		if (bottom_has_mark(dev->children[i]))
			return true;
	if (strcmp(dev->type->name, "mem") != 0)
		return false;
	data = dev_mem_data((struct blk_device *)dev, &size);
	return size > 0 && memmem(data, size, MARK, strlen(MARK));
}

static void fill_marks(uint8_t *buf, size_t len)
{
	memset(buf, '.', len);
	for (size_t i = 0; i + strlen(MARK) <= len; i += 32)
		memcpy(buf + i, MARK, strlen(MARK));
}

/* What one caller may do with a key, as it is, in parts, cloned, merged, once more. */
enum way { WHOLE, SEGMENTS, SPLIT, CLONED, PLUGGED, WAYS };

static int write_by(enum way way, struct blk_device *dev, const struct blk_crypto_key *key,
		    uint8_t *buf)
{
	struct io io = { .dev = dev, .key = key, .dun = 3, .sector = 8 };
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 3 };
	struct iovec iov = { .iov_base = buf, .iov_len = LEN };
	struct bio bio, other;
	struct blk_plug plug;
	int err;

	if (way == WHOLE || way == SEGMENTS) {
		io.seg = way == SEGMENTS ? 4096 : 0;
		return do_io(&io, REQ_OP_WRITE, buf, LEN);
	}
	bio_init(&bio, dev, NULL, REQ_OP_WRITE, 8, &iov, 1);
	bio_crypt_set_ctx(&bio, key, dun);
	switch (way) {
	case CLONED:
		bio_clone(&bio, &other, dev);
		return submit_bio_wait(&other);
	case SPLIT:
		assert_int_equal(bio_split(&bio, 4096, &other), 0);
		err = submit_bio_wait(&other);
		return err ? err : submit_bio_wait(&bio);
	default:
		assert_int_equal(bio_split(&bio, 8192, &other), 0);
		bio_chain(&other, &bio);
		blk_start_plug(&plug);
		blk_crypto_submit_bio(&other);
		err = submit_bio_wait(&bio);
		blk_finish_plug(&plug);
		return err;
	}
}

static void try_stack(const char *spec, bool no_fallback, unsigned flags, bool start)
{
	struct blk_device *dev = open_device(spec, no_fallback);
	bool lies = strstr(spec, "mode=") || strstr(spec, "mirror");
	uint8_t *buf = malloc(3 * LEN), *copy = buf + LEN, *in = copy + LEN;
	struct io io = { .dev = dev, .dun = 3, .sector = 8 };
	struct blk_crypto_key key;
	int started;

	assert_non_null(buf);
	make_key(&key, 1, 4096, flags);
	fill_marks(buf, LEN);
	memcpy(copy, buf, LEN);
	io.key = &key;
	started = start ? blk_crypto_start_using_key(dev, &key) : -1;
	if (start)
		assert_int_equal(started == 0, blk_crypto_config_supported(dev, &key.crypto_cfg));
	if (!start && DEBUG_BUILD)
		goto out;
	for (unsigned way = 0; way < WAYS; way++)
		/* Again after errors, as callers do. */
		for (unsigned again = 0; again < 3; again++) {
			int err = write_by((enum way)way, dev, &key, buf);

			assert_memory_equal(buf, copy, LEN);
			if (bottom_has_mark(dev))
				fail_msg("%s: plaintext was stored", spec);
			if (started != 0)
				assert_int_not_equal(err, 0);
			memset(in, 0, LEN);
			/* What is read without an error is what was written, if that had none. */
			if (err == 0 && do_io(&io, REQ_OP_READ, in, LEN) == 0 && !lies)
				assert_memory_equal(in, buf, LEN);
		}
out:
	if (started == 0)
		blk_crypto_evict_key(dev, &key);
	free(buf);
	blk_device_close(dev);
}

static void test_b17_never_dropped(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		for (unsigned n = 0; n < 8; n++)
			try_stack(stacks[i], n & 1, n & 2 ? HW : 0, n & 4);
}

/* A context never comes to a device that has not declared it, by any way. */
static void test_b17_device_sees_only_what_it_declared(void **state)
{
	struct blk_crypto_key key;
	uint8_t buf[LEN];

	canary_open(false, 0);
	make_key(&key, 1, 4096, HW);
	fill_marks(buf, LEN);
	assert_int_equal(blk_crypto_start_using_key(&canary.dev, &key), 0);
	for (unsigned way = 0; way < WAYS; way++)
		assert_int_equal(write_by((enum way)way, &canary.dev, &key, buf), 0);
	assert_int_equal(atomic_load(&canary.contexts), 0);
	assert_int_equal(atomic_load(&canary.marks), 0);
	assert_true(atomic_load(&canary.writes) >= WAYS);
	blk_crypto_evict_key(&canary.dev, &key);
	canary_close();
}

/* Started where an engine did it all; handed to a device that has none. */
static void test_b19_mode_never_started(void **state)
{
	struct blk_device *sim = open_device("sim(;mem)", false), *mem = open_device("mem", false);
	uint8_t buf[4096] = { 0 };
	struct blk_crypto_key key;
	struct io io = { .dev = mem, .key = &key };
	size_t size;

	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(sim, &key), 0);
	if (!DEBUG_BUILD) {
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
		stored(mem, &size);
		assert_int_equal(size, 0);
	}
	blk_crypto_evict_key(sim, &key);
	blk_device_close(sim);
	blk_device_close(mem);
}

/* ---- the life of a key -------------------------------------------------------------------- */

static struct blk_crypto_key *new_key(unsigned flags)
{
	struct blk_crypto_key *key = secret_slab_alloc();

	assert_non_null(key);
	make_key(key, 1, 4096, flags);
	return key;
}

static void test_b20_whole_life(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=2;mem)", "sim(slots=0;mem)" };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_profile *profile;
		struct blk_crypto_key *key = new_key(HW);

		assert_true(blk_crypto_config_supported(dev, &key->crypto_cfg));
		assert_int_equal(blk_crypto_start_using_key(dev, key), 0);
		assert_int_equal(atomic_load(&key->life.started), 1);
		round_trip(dev, key, 8192, 0);
		assert_int_equal(atomic_load(&key->life.in_flight), 0);
		blk_crypto_evict_key(dev, key);
		assert_int_equal(atomic_load(&key->life.started), 0);
		profile = dev->crypto_profile ? dev->crypto_profile : blk_crypto_fallback_profile();
		blk_crypto_profile_for_each_slot(profile, no_key, NULL);
		/* Evicting what is not there is no error and counts nothing. */
		blk_crypto_evict_key(dev, key);
		assert_int_equal(atomic_load(&key->life.started), 0);
		secret_slab_free(key);
		blk_device_close(dev);
	}
}

#define MASK 0x5a

/* Where 16 bytes, given masked so that the search does not find itself, are in what can be written.
 */
#ifdef __SANITIZE_THREAD__
#define SEARCH_MAX (16ul << 20) /* its own memory is endless */
#else
#define SEARCH_MAX (256ul << 20)
#endif

__attribute__((no_sanitize("thread", "address"))) static unsigned
found_in_memory(const uint8_t masked[static 16])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY);
	static uint8_t buf[1 << 20];
	unsigned found = 0;
	char line[512];

	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 || perms[1] != 'w' ||
		    to - from > SEARCH_MAX)
			continue;
		/* Steps that overlap, so that none is cut in two. */
		for (unsigned long at = from; at < to; at += sizeof(buf) - 16) {
			ssize_t n = pread(mem, buf, MIN(sizeof(buf), to - at), (off_t)at);

			for (ssize_t k = 0; k + 16 <= n; k++) {
				unsigned same = 0;

				while (same < 16 && (uint8_t)(buf[k + same] ^ MASK) == masked[same])
					same++;
				found += same == 16;
			}
		}
	}
	secret_wipe(buf, sizeof(buf));
	close(mem);
	fclose(maps);
	return found;
}

/* After its life no half of the key is in memory: not in a slot, a cipher, or a schedule. */
static void test_b20_zeroing(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=2;mem)", "sim(slots=0;mem)" };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_key *key = new_key(HW);
		uint8_t masked[2][16];

		/* One of its own for each, and not from a pattern that others have. */
		secret_random(key->bytes, 64);
		for (unsigned k = 0; k < 32; k++)
			masked[k / 16][k % 16] = key->bytes[k / 16 * 32 + k % 16] ^ MASK;
		assert_int_equal(blk_crypto_start_using_key(dev, key), 0);
		{
			uint8_t buf[4096] = { 0 };
			struct io io = { .dev = dev, .key = key };

			assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
			assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
		}
		assert_true(found_in_memory(masked[0]) >= 2); /* the search can find */
		assert_true(found_in_memory(masked[1]) >= 2);
		blk_crypto_evict_key(dev, key);
		secret_slab_free(key);
		assert_int_equal(found_in_memory(masked[0]), 0);
		assert_int_equal(found_in_memory(masked[1]), 0);
		blk_device_close(dev);
	}
}

static void use_unstarted(void)
{
	struct blk_device *dev = open_device("sim(;mem)", true);
	uint8_t buf[4096] = { 0 };
	struct blk_crypto_key key;
	struct io io = { .dev = dev, .key = &key };
	size_t size;

	make_key(&key, 1, 4096, HW);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EIO);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
	blk_crypto_evict_key(dev, &key);
	/* Its life is over. */
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	stored(dev, &size);
	assert_int_equal(size, 0);
	blk_device_close(dev);
}

static struct late {
	struct bio bio;
	struct iovec iov;
	uint8_t buf[4096];
	atomic_bool done;
} late;

static void late_end_io(struct bio *bio)
{
	atomic_store(&late.done, true);
}

/* The key is freed at once: who completes the read then must not need it (ASan looks on). */
static void evict_in_flight(void)
{
	struct blk_crypto_key *key = malloc(sizeof(*key));
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 0 };

	if (!key)
		abort();
	canary_open(false, 1);
	make_key(key, 1, 4096, 0);
	if (blk_crypto_start_using_key(&canary.dev, key) != 0)
		abort();
	late.iov = (struct iovec){ .iov_base = late.buf, .iov_len = sizeof(late.buf) };
	bio_init(&late.bio, &canary.dev, NULL, REQ_OP_READ, 0, &late.iov, 1);
	bio_crypt_set_ctx(&late.bio, key, dun);
	late.bio.bi_end_io = late_end_io;
	blk_crypto_submit_bio(&late.bio);
	blk_crypto_evict_key(&canary.dev, key);
	free(key);
	while (!atomic_load(&late.done))
		usleep(100);
	assert_int_equal(bio_errno(&late.bio), 0);
	canary_close();
}

/* Errors in a release build; in a debug build the engine stops, which is seen from outside. */
static void misuse(void (*fn)(void))
{
	int status;
	pid_t pid;

	if (!DEBUG_BUILD) {
		fn();
		return;
	}
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_b19_use_before_start(void **state)
{
	misuse(use_unstarted);
}

static void test_b20_evict_in_flight(void **state)
{
	misuse(evict_in_flight);
}

/* The same key on two devices: it lives until it has left both. */
static void test_b20_two_devices(void **state)
{
	struct blk_device *a = open_device("sim(;mem)", true), *b = open_device("sim(;mem)", true);
	struct blk_crypto_key key;

	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(a, &key), 0);
	assert_int_equal(blk_crypto_start_using_key(b, &key), 0);
	round_trip(a, &key, 4096, 0);
	blk_crypto_evict_key(a, &key);
	round_trip(b, &key, 4096, 0);
	blk_crypto_evict_key(b, &key);
	assert_int_equal(atomic_load(&key.life.started), 0);
	blk_device_close(a);
	blk_device_close(b);
}

/* ---- the fallback's reads ----------------------------------------------------------------- */

/* Large reads, in uneven segments, with helpers or without: every byte, and only those asked for.
 */
static void test_b22_large_reads(void **state)
{
	static const size_t sizes[] = { 256 << 10, (256 << 10) + 4096, 1 << 20, (1 << 20) + 12288 };
	static const size_t segs[] = { 0, 4096, 20480, 299008 };
	struct blk_device *dev = open_device("mem", false);
	size_t max = 2 << 20;
	uint8_t *out = malloc(max), *in = malloc(max + 8192);
	struct blk_crypto_key key;
	struct io io = { .dev = dev, .key = &key, .dun = UINT32_MAX - 5 };

	assert_non_null(out);
	assert_non_null(in);
	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, max, 3);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, max), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t s = 0; s < ARRAY_SIZE(segs); s++) {
			memset(in, 0xee, max + 8192);
			io.seg = segs[s];
			assert_int_equal(do_io(&io, REQ_OP_READ, in + 1, sizes[i]), 0);
			assert_memory_equal(in + 1, out, sizes[i]);
			assert_int_equal(in[0], 0xee);
			for (size_t b = 1 + sizes[i]; b < max + 8192; b++)
				assert_int_equal(in[b], 0xee);
		}
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	free(out);
	free(in);
}

/* An error from below: nothing is decrypted, nothing is kept. */
static void test_b22_read_error(void **state)
{
	struct blk_crypto_fallback_params params = { .num_prealloc_crypt_ctxs = 1 };
	uint8_t buf[4096], copy[4096];
	struct blk_crypto_key key;
	struct io io = { .dev = &canary.dev, .key = &key };

	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
	canary_open(false, 0);
	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(&canary.dev, &key), 0);
	fill_pattern(buf, sizeof(buf), 1);
	memcpy(copy, buf, sizeof(buf));
	canary.err = -ETIMEDOUT;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -ETIMEDOUT);
		assert_memory_equal(buf, copy, sizeof(buf));
	}
	assert_int_equal(stat_read(&blk_crypto_fallback_profile()->stats.programs), 0);
	canary.err = 0;
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
	blk_crypto_evict_key(&canary.dev, &key);
	canary_close();
}

/* More reads in a plug than there are contexts: who waits for one sends what it has. */
static void test_b25_contexts_and_plug(void **state)
{
	struct blk_crypto_fallback_params params = { .num_prealloc_crypt_ctxs = 2 };
	struct blk_device *dev = open_device("mem", false);
	static struct bio bios[12];
	static uint8_t buf[12][4096];
	struct iovec iov[12];
	struct blk_crypto_key key;
	struct blk_plug plug;

	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	blk_start_plug(&plug);
	for (unsigned i = 0; i < 12; i++) {
		uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { i };

		iov[i] = (struct iovec){ .iov_base = buf[i], .iov_len = 4096 };
		bio_init(&bios[i], dev, NULL, REQ_OP_READ, 8 * i, &iov[i], 1);
		bio_crypt_set_ctx(&bios[i], &key, dun);
		bios[i].bi_end_io = late_end_io;
		atomic_store(&late.done, false);
		blk_crypto_submit_bio(&bios[i]);
	}
	blk_finish_plug(&plug);
	assert_true(atomic_load(&late.done));
	assert_int_equal(atomic_load(&key.life.in_flight), 0);
	/* Two at a time came together and went below as one. */
	assert_int_equal(stat_read(&dev->stats.merges), 6);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

static void test_b25_defaults(void **state)
{
	struct blk_crypto_fallback_params params = { .num_keyslots = 3 };

	blk_crypto_fallback_get_params(&params);
	assert_int_equal(params.num_keyslots, 100);
	assert_int_equal(params.num_prealloc_bounce_pg, 32);
	assert_int_equal(params.num_prealloc_crypt_ctxs, 128);
	params = (struct blk_crypto_fallback_params){ .num_keyslots = 7 };
	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
	blk_crypto_fallback_get_params(&params);
	assert_int_equal(params.num_keyslots, 7);
	assert_int_equal(params.num_prealloc_bounce_pg, 32);
	params.num_keyslots = BLK_CRYPTO_FALLBACK_MAX_KEYSLOTS + 1;
	assert_int_equal(blk_crypto_fallback_configure(&params), -EINVAL);
	params.num_keyslots = 0;
	params.num_prealloc_bounce_pg = BLK_CRYPTO_FALLBACK_MAX_BOUNCE_PG + 1;
	assert_int_equal(blk_crypto_fallback_configure(&params), -EINVAL);
	params.num_prealloc_bounce_pg = 0;
	params.num_prealloc_crypt_ctxs = BLK_CRYPTO_FALLBACK_MAX_CTXS + 1;
	assert_int_equal(blk_crypto_fallback_configure(&params), -EINVAL);
	assert_int_equal(blk_crypto_fallback_start_using_mode(BLK_ENCRYPTION_MODE_INVALID),
			 -ENOPKG);
	assert_int_equal(blk_crypto_fallback_start_using_mode(BLK_ENCRYPTION_MODE_MAX), -ENOPKG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* The first two fork, so no thread may have been there before. */
		cmocka_unit_test_teardown(test_b19_use_before_start, stop_fallback),
		cmocka_unit_test_teardown(test_b20_evict_in_flight, stop_fallback),
		cmocka_unit_test_teardown(test_b17_never_dropped, stop_fallback),
		cmocka_unit_test_teardown(test_b17_device_sees_only_what_it_declared,
					  stop_fallback),
		cmocka_unit_test_teardown(test_b19_mode_never_started, stop_fallback),
		cmocka_unit_test_teardown(test_b20_whole_life, stop_fallback),
		cmocka_unit_test(test_b20_zeroing),
		cmocka_unit_test(test_b20_two_devices),
		cmocka_unit_test_teardown(test_b22_large_reads, stop_fallback),
		cmocka_unit_test_teardown(test_b22_read_error, stop_fallback),
		cmocka_unit_test_teardown(test_b25_contexts_and_plug, stop_fallback),
		cmocka_unit_test_teardown(test_b25_defaults, stop_fallback),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-rules", tests, NULL, NULL);
}
