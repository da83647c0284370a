/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-pool.c - fixed pools, helpers, and memory that runs out at every place */
#include "blk-test.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blkcrypto/blk-crypt-workers.h"
#include "blkcrypto/blk-crypto-fallback-io.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-pool.h"
#include "util/secret.h"

/* ---- allocation that fails (ld's --wrap) --------------------------------------------------- */

static atomic_int fail_in; /* the n-th allocation from now on fails; 0: none */

static bool fails(void)
{
	int n = atomic_load(&fail_in);

	return n > 0 && atomic_fetch_sub(&fail_in, 1) == 1;
}

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(align, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	return fails() ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}

/* Ciphers and mappings that fail, each by its own switch. */
static atomic_int setkey_err, crypt_err;
static atomic_bool no_mmap, no_slab, no_setspecific;

int __real_skcipher_setkey(struct skcipher *tfm, const uint8_t *key, size_t len);
int __real_skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
int __real_skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__real_secret_slab_alloc(void);
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_skcipher_setkey(struct skcipher *tfm, const uint8_t *key, size_t len);
int __wrap_skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
int __wrap_skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_secret_slab_alloc(void);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

int __wrap_skcipher_setkey(struct skcipher *tfm, const uint8_t *key, size_t len)
{
	int err = atomic_load(&setkey_err);

	return err ? err : __real_skcipher_setkey(tfm, key, len);
}

int __wrap_skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len)
{
	int err = atomic_load(&crypt_err);

	return err ? err : __real_skcipher_encrypt(tfm, iv, src, dst, len);
}

int __wrap_skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
			    size_t len)
{
	int err = atomic_load(&crypt_err);

	return err ? err : __real_skcipher_decrypt(tfm, iv, src, dst, len);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return atomic_load(&no_mmap) ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, off);
}

void *__wrap_secret_slab_alloc(void)
{
	return atomic_load(&no_slab) ? NULL : __real_secret_slab_alloc();
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
	return atomic_load(&no_setspecific) ? ENOMEM : __real_pthread_setspecific(key, value);
}

/* Let each allocation of @fn fail in turn, until it has enough. How many there are. */
static unsigned starve(int (*fn)(void *arg), void *arg)
{
	unsigned n = 0;
	int err;

	do {
		atomic_store(&fail_in, (int)++n);
		err = fn(arg);
		if (atomic_exchange(&fail_in, 0) > 0)
			assert_int_equal(err, 0); /* none failed */
		else
			assert_int_equal(err, -ENOMEM);
	} while (err);
	return n - 1;
}

static int open_and_close(void *arg)
{
	struct blk_device *dev;
	int err = blk_device_open(arg, false, &dev, NULL);

	if (!err)
		blk_device_close(dev);
	return err;
}

static void test_b23_no_memory_for_devices(void **state)
{
	assert_true(starve(open_and_close, (void *)"mem") >= 2);
	assert_true(starve(open_and_close,
			   (void *)"sim(slots=2,modes=aes-256-xts/adiantum,dun=8;mem(size=4096))") >
		    20);
	assert_true(starve(open_and_close, (void *)"sim(slots=0;mem)") > 20);
}

static int start_mode(void *arg)
{
	struct blk_crypto_fallback_params params = { .num_keyslots = 3 };
	int err;

	blk_crypto_fallback_configure(&params);
	err = blk_crypto_fallback_start_using_mode(BLK_ENCRYPTION_MODE_AES_256_XTS);
	/* All or nothing: what is not ready does nothing. */
	if (err) {
		struct blk_crypto_config cfg = {
			.crypto_mode = BLK_ENCRYPTION_MODE_AES_256_XTS,
			.data_unit_size = 4096,
			.dun_bytes = 8,
			.key_type = BLK_CRYPTO_KEY_TYPE_RAW,
		};

		assert_false(blk_crypto_fallback_supports(&cfg));
		blk_crypto_fallback_destroy();
	}
	return err;
}

static void test_b23_no_memory_for_a_mode(void **state)
{
	struct blk_device *dev = open_device("mem", false);
	struct blk_crypto_key key;

	assert_true(starve(start_mode, NULL) > 10);
	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	round_trip(dev, &key, 8192, 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

static int make_io(void *arg)
{
	static struct blk_fallback_io io;
	int err = blk_fallback_io_init(&io, 2, 2, 2, 2);

	if (!err)
		blk_fallback_io_destroy(&io);
	return err;
}

static void test_b25_no_memory_for_pools(void **state)
{
	struct blk_fallback_io io;
	struct blk_pool pool;

	assert_true(starve(make_io, NULL) > 8);
	assert_int_equal(blk_fallback_io_init(&io, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(blk_fallback_io_init(&io, 0, 1, 1, 0), -EINVAL);
	assert_int_equal(blk_fallback_io_init(&io, 1, 0, 1, 0), -EINVAL);
	assert_int_equal(blk_pool_init(&pool, 0, 8), -EINVAL);
}

/* Without a byte of memory to be had: the data path has all that it needs. */
static void test_b25_io_allocates_nothing(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=2;mem)", "sim(slots=0;mem)",
					     "linear(;sim(;mem))",
					     "stripe(chunk=4K;sim(;mem);sim(;mem))" };
	static uint8_t buf[64 * 1024], in[64 * 1024];

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
		uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 5 };
		struct blk_crypto_key key;
		struct bio bio;
		int err;

		make_key(&key, 1, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		fill_pattern(buf, sizeof(buf), i);
		/* `mem` and the thread's bounce buffer grow by the first one. */
		for (unsigned round = 0; round < 3; round++) {
			iov.iov_base = buf;
			bio_init(&bio, dev, NULL, REQ_OP_WRITE, 0, &iov, 1);
			bio_crypt_set_ctx(&bio, &key, dun);
			atomic_store(&fail_in, round ? 1 : 0);
			err = submit_bio_wait(&bio);
			iov.iov_base = in;
			memset(in, 0, sizeof(in));
			bio_init(&bio, dev, NULL, REQ_OP_READ, 0, &iov, 1);
			bio_crypt_set_ctx(&bio, &key, dun);
			if (!err)
				err = submit_bio_wait(&bio);
			assert_int_equal(atomic_exchange(&fail_in, 0), round ? 1 : 0);
			assert_int_equal(err, 0);
			assert_memory_equal(in, buf, sizeof(in));
		}
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);
	}
}

/* ---- ciphers that fail -------------------------------------------------------------------- */

/* EIO, the caller's bytes untouched, nothing stored; and the next one is served. */
static void test_b21_b22_cipher_fails(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=2;mem)", "sim(slots=0;mem)" };
	static uint8_t buf[512 * 1024], copy[sizeof(buf)];

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_key key;
		struct io io = { .dev = dev, .key = &key, .seg = 4096 };
		size_t size;

		make_key(&key, 1, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		fill_pattern(buf, sizeof(buf), 1);
		memcpy(copy, buf, sizeof(buf));
		atomic_store(&crypt_err, -EIO);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
		stored(dev, &size);
		assert_int_equal(size, 0);
		assert_memory_equal(buf, copy, sizeof(buf));
		assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EIO);
		assert_int_equal(do_io(&io, REQ_OP_READ, buf, 4096), -EIO);
		atomic_store(&crypt_err, 0);
		assert_int_equal(atomic_load(&key.life.in_flight), 0);
		round_trip(dev, &key, 8192, 0);
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);
	}
}

/* The key leaves the table whatever the engine says to that, and its slot serves others. */
static void test_b10_b24_blanking_fails(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=1;mem)", "sim(slots=0;mem)",
					     "linear(;sim(slots=1;mem))" };
	struct blk_crypto_fallback_params params = { .num_keyslots = 1 };

	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_key key, adiantum;
		uint8_t bytes[32], buf[4096] = { 0 };
		struct io io = { .dev = dev, .key = &adiantum };

		fill_pattern(bytes, sizeof(bytes), 8);
		make_key(&key, 1, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
		assert_int_equal(blk_crypto_init_key(&adiantum, bytes, sizeof(bytes),
						     BLK_CRYPTO_KEY_TYPE_RAW,
						     BLK_ENCRYPTION_MODE_ADIANTUM, 8, 4096,
						     BLK_CRYPTO_CFG_ALLOW_HW),
				 0);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		assert_int_equal(blk_crypto_start_using_key(dev, &adiantum), 0);
		round_trip(dev, &key, 4096, 0);
		/* Another mode over the one that is live, which cannot be blanked. */
		atomic_store(&setkey_err, -EIO);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
		atomic_store(&setkey_err, 0);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
		/* The eviction says so and goes on. */
		atomic_store(&setkey_err, -EIO);
		blk_crypto_evict_key(dev, &adiantum);
		atomic_store(&setkey_err, 0);
		round_trip(dev, &key, 4096, 0);
		blk_crypto_evict_key(dev, &key);
		if (dev->crypto_profile)
			blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
		blk_device_close(dev);
	}
	blk_crypto_profile_for_each_slot(blk_crypto_fallback_profile(), no_key, NULL);
}

static void test_b23_engine_refuses(void **state)
{
	struct blk_crypt_engine engine;
	struct blk_slot_cipher *sc;
	struct blk_crypto_key key;

	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypt_engine_init(&engine, 1, 1), 0);
	assert_int_equal(blk_crypt_engine_program(&engine, BLK_ENCRYPTION_MODE_AES_256_XTS,
						  key.bytes, 64, 0),
			 -EIO);
	assert_int_equal(blk_crypt_engine_add_mode(&engine, BLK_ENCRYPTION_MODE_AES_256_XTS), 0);
	key.crypto_cfg.key_type = BLK_CRYPTO_KEY_TYPE_HW_WRAPPED;
	assert_int_equal(engine.profile.ll_ops.keyslot_program(&engine.profile, &key, 0),
			 -EOPNOTSUPP);
	blk_crypt_engine_destroy(&engine);
	assert_int_equal(blk_slot_cipher_create(BLK_ENCRYPTION_MODE_AES_256_XTS, &sc), 0);
	assert_int_equal(blk_slot_cipher_program(sc, key.bytes, 0), -EINVAL);
	assert_int_equal(blk_slot_cipher_program(sc, key.bytes, 65), -EINVAL);
	blk_slot_cipher_destroy(sc);
	atomic_store(&no_slab, true);
	assert_int_equal(blk_slot_cipher_create(BLK_ENCRYPTION_MODE_AES_256_XTS, &sc), -ENOMEM);
	atomic_store(&no_slab, false);
}

/* A thread of its own, for its bounce buffer: it gets none, and lives on the reserve. */
static void *write_without_buffer(void *arg)
{
	const struct io *io = arg;
	static uint8_t buf[200 * 1024];

	fill_pattern(buf, sizeof(buf), 3);
	for (unsigned i = 0; i < 3; i++) {
		atomic_store(&no_mmap, i == 0);
		atomic_store(&no_setspecific, i == 1);
		if (do_io(io, REQ_OP_WRITE, buf, sizeof(buf)) != 0)
			abort();
	}
	atomic_store(&no_setspecific, false);
	return NULL;
}

static void test_b25_no_buffer_for_a_thread(void **state)
{
	struct blk_crypto_fallback_params params = { .num_prealloc_bounce_pg = 4 };
	struct blk_device *dev = open_device("mem", false);
	struct blk_bounce_pool pool;
	struct blk_crypto_key key;
	struct io io = { .dev = dev, .key = &key };
	pthread_t thread;

	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	/* `mem` has its room already. */
	round_trip(dev, &key, 200 * 1024, 0);
	assert_int_equal(stat_read(&dev->stats.writes), 1);
	assert_int_equal(pthread_create(&thread, NULL, write_without_buffer, &io), 0);
	pthread_join(thread, NULL);
	/* Twice in pieces of 16 KiB, at last with a buffer. */
	assert_int_equal(stat_read(&dev->stats.writes), 1 + 13 + 13 + 1);
	atomic_store(&no_mmap, true);
	assert_int_equal(blk_bounce_pool_init(&pool, 1), -ENOMEM);
	atomic_store(&no_mmap, false);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

/* ---- pools -------------------------------------------------------------------------------- */

#define THREADS 6
#define ROUNDS	20000

static struct {
	struct blk_pool pool;
	atomic_uint out, most, doubles;
} pl;

struct thing {
	atomic_uint owner;
};

static void *take_and_give(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg + 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct thing *t = blk_pool_get(&pl.pool);
		unsigned n = atomic_fetch_add(&pl.out, 1) + 1, most = atomic_load(&pl.most);

		while (n > most && !atomic_compare_exchange_weak(&pl.most, &most, n))
			;
		if (atomic_exchange(&t->owner, me) != 0)
			atomic_fetch_add(&pl.doubles, 1);
		if (i % 512 == 0)
			usleep(10);
		if (atomic_exchange(&t->owner, 0) != me)
			atomic_fetch_add(&pl.doubles, 1);
		atomic_fetch_sub(&pl.out, 1);
		blk_pool_put(&pl.pool, t);
	}
	return NULL;
}

static void test_b25_pool(void **state)
{
	static const unsigned counts[] = { 1, 3, 16 };
	pthread_t threads[THREADS];

	for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
		void *all[16];

		assert_int_equal(blk_pool_init(&pl.pool, counts[c], sizeof(struct thing)), 0);
		atomic_store(&pl.most, 0);
		for (uintptr_t i = 0; i < THREADS; i++)
			assert_int_equal(
				pthread_create(&threads[i], NULL, take_and_give, (void *)i), 0);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(atomic_load(&pl.doubles), 0);
		assert_true(atomic_load(&pl.most) <= counts[c]);
		if (counts[c] == 1)
			assert_true(stat_read(&pl.pool.waits) > 0);
		/* None is lost. */
		for (unsigned i = 0; i < counts[c]; i++)
			all[i] = blk_pool_get(&pl.pool);
		for (unsigned i = 0; i < counts[c]; i++)
			blk_pool_put(&pl.pool, all[i]);
		blk_pool_destroy(&pl.pool);
	}
}

/* ---- helpers ------------------------------------------------------------------------------ */

#define PARTS 40

struct work {
	atomic_uint done[PARTS];
	unsigned slow;
};

static void do_part(void *arg, unsigned part)
{
	struct work *work = arg;

	if (work->slow)
		usleep(work->slow);
	atomic_fetch_add(&work->done[part], 1);
}

static struct blk_crypt_workers *workers;

static void *many_works(void *arg)
{
	for (unsigned i = 0; i < 300; i++) {
		struct work work = { .slow = i % 32 == 0 ? 20 : 0 };

		blk_crypt_workers_run(workers, PARTS, do_part, &work);
		/* All done when it returns, each once. */
		for (unsigned p = 0; p < PARTS; p++)
			if (atomic_load(&work.done[p]) != 1)
				abort();
	}
	return NULL;
}

static void test_b22_workers(void **state)
{
	pthread_t threads[THREADS];

	assert_int_equal(blk_crypt_workers_create(3, &workers), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, many_works, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* Alone with slow parts, it is helped. */
	for (unsigned i = 0; i < 100 && blk_crypt_workers_helped(workers) == 0; i++) {
		struct work work = { .slow = 2000 };

		blk_crypt_workers_run(workers, PARTS, do_part, &work);
	}
	assert_true(blk_crypt_workers_helped(workers) > 0);
	blk_crypt_workers_destroy(workers);
	blk_crypt_workers_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b23_no_memory_for_devices),
		cmocka_unit_test_teardown(test_b23_no_memory_for_a_mode, stop_fallback),
		cmocka_unit_test(test_b25_no_memory_for_pools),
		cmocka_unit_test_teardown(test_b25_io_allocates_nothing, stop_fallback),
		cmocka_unit_test_teardown(test_b21_b22_cipher_fails, stop_fallback),
		cmocka_unit_test_teardown(test_b10_b24_blanking_fails, stop_fallback),
		cmocka_unit_test(test_b23_engine_refuses),
		cmocka_unit_test_teardown(test_b25_no_buffer_for_a_thread, stop_fallback),
		cmocka_unit_test(test_b25_pool),
		cmocka_unit_test(test_b22_workers),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-pool", tests, NULL, NULL);
}
