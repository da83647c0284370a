/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-dm.c - tables of targets: cutting, opting in, loading another one */
#include "blk-test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device-spec.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

static void test_table_strings(void **state)
{
	static const struct {
		const char *spec, *why;
	} bad[] = {
		{ "dm", "dm needs at least 1 device" },
		{ "dm()", "dm needs at least 1 device" },
		{ "dm(0+1M)", "the name of a device is missing" },
		{ "dm(0+ linear)", "a length is missing" },
		{ "dm(0+0 linear)", "a length is missing" },
		{ "dm(0+100 linear)", "not of whole sectors" },
		{ "dm(0+1M linear; linear)", "a range like 0+1M is missing" },
		{ "dm(0+1M linear; 2M+* linear)", "begins at byte 2097152, not at 1048576" },
		{ "dm(1M+* linear)", "begins at byte 1048576, not at 0" },
		{ "dm(0+1M linear; 512K+* linear)", "begins at byte 524288, not at 1048576" },
		{ "dm(0+* linear; 1M+* linear)", "begins at byte 1048576" },
		{ "dm(0+1M sim; 1M+* linear)", "sim is not a target; \"linear sim\" is one" },
		{ "dm(0+* file)", "file is not a target" },
		{ "mirror(0+1M linear; 1M+* linear)", "mirror has no ranges like 0+1M: dm has" },
		{ "linear(0+* file)", "linear has no ranges like 0+1M: dm has" },
		{ "dm(0+* dm(0+* linear))", "dm is not a target" },
		{ "dm(;linear)", "has no range like 0+1M" },
		{ "dm(0+1M stripe file)", "stripe needs at least 2 device" },
		{ "dm(0+1M linear mem; 1M+* linear file)", "partly in the files of a mount" },
		{ "dm(99999999999T+1 linear)", "semicolon or closing parenthesis is missing" },
		{ "sim(0+1M linear)", "sim has no ranges like 0+1M: dm has" },
	};
	struct blk_device_spec *spec;

	assert_int_equal(blk_device_spec_parse(
				 "dm( 0+1M linear sim(slots=1) ; 1M+* stripe(chunk=4K) file sim )",
				 &spec, NULL),
			 0);
	assert_int_equal(spec->num_children, 2);
	assert_string_equal(spec->children[0]->name, "linear");
	assert_int_equal(spec->children[0]->range.start, 0);
	assert_int_equal(spec->children[0]->range.sectors, 2048);
	assert_string_equal(spec->children[0]->children[0]->name, "sim");
	assert_int_equal(spec->children[1]->range.start, 2048);
	assert_true(spec->children[1]->range.sectors > UINT64_C(1) << 54);
	assert_string_equal(blk_device_opt_get(spec->children[1]->opts, "chunk"), "4K");
	assert_int_equal(spec->children[1]->num_children, 2);
	assert_string_equal(spec->children[1]->children[1]->name, "sim");
	blk_device_spec_free(spec);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct blk_device *dev;
		char *why = NULL;
		int err = blk_device_open(bad[i].spec, false, &dev, &why);

		assert_int_equal(err, -EINVAL);
		if (!why || !strstr(why, bad[i].why))
			fail_msg("\"%s\": %s", bad[i].spec, why ? why : "no sentence");
		free(why);
	}
}

/* A bio over three targets: cut, remapped, its data unit numbers going on. */
static void test_cut_B27_B30(void **state)
{
	struct blk_device *dev = open_device("dm(0+8K linear sim(slots=1;mem);"
					     "   8K+8K linear(offset=4K) sim(slots=2;mem);"
					     "   16K+16K linear sim(slots=0;mem))",
					     true);
	struct blk_crypto_key key;
	uint8_t out[20480], in[20480], want[20480], head[4096];
	struct io io = { .dev = dev, .key = &key, .dun = 7, .sector = 8, .seg = 4096 };
	const uint8_t *data;
	size_t size;

	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, sizeof(out), 1);
	fill_pattern(head, sizeof(head), 2);
	reference_encrypt(&key, 7, out, want, sizeof(out));
	io.head = head;
	io.head_size = sizeof(head);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	io.head = NULL;
	io.head_size = 0;
	data = stored(dev->children[0], &size);
	assert_int_equal(size, 8192);
	assert_memory_equal(data, head, 4096);
	assert_memory_equal(data + 4096, want, 4096);
	data = stored(dev->children[1], &size);
	assert_int_equal(size, 4096 + 8192);
	assert_memory_equal(data + 4096, want + 4096, 8192);
	data = stored(dev->children[2], &size);
	assert_int_equal(size, 8192);
	assert_memory_equal(data, want + 12288, 8192);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));

	/* Not there. */
	io.sector = 56;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 8192), -EIO);
	io.sector = 64;
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 4096), -EIO);
	/* A head in front of a border. */
	io.sector = 16;
	io.head = head;
	io.head_size = sizeof(head);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 4096), 0);
	data = stored(dev->children[0], &size);
	assert_memory_equal(data + 4096, head, 4096);
	io.key = NULL;
	io.head_size = 0;
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(stat_read(&dev->children[i]->stats.flushes), 1);
	blk_crypto_evict_key(dev, &key);
	blk_crypto_profile_for_each_slot(dev->children[0]->children[0]->crypto_profile, no_key,
					 NULL);
	blk_crypto_profile_for_each_slot(dev->children[1]->children[0]->crypto_profile, no_key,
					 NULL);
	blk_device_close(dev);
}

static void test_opt_in_B32(void **state)
{
	struct blk_device *dev =
		open_device("dm(0+1M linear sim; 1M+1M zero; 2M+* delay sim)", false);

	assert_non_null(dev->crypto_profile);
	blk_device_close(dev);
	/* `error` does not opt in: one such target, and the whole table has no engine. */
	dev = open_device("dm(0+1M linear sim; 1M+* error)", false);
	assert_null(dev->crypto_profile);
	blk_device_close(dev);
	dev = open_device("dm(0+1M linear sim; 1M+* linear file)", false);
	assert_null(dev->crypto_profile);
	blk_device_close(dev);
}

static void reload_refused(struct blk_device *dev, const char *spec, int want, const char *sentence)
{
	unsigned count = dev->num_children;
	struct blk_device *first = count ? dev->children[0] : NULL;
	char *why = NULL;

	assert_int_equal(blk_device_reload(dev, spec, &why), want);
	if (!why || !strstr(why, sentence))
		fail_msg("\"%s\": %s", spec, why ? why : "no sentence");
	free(why);
	assert_int_equal(dev->num_children, count);
	assert_ptr_equal(count ? dev->children[0] : NULL, first);
}

static void test_reload_B34(void **state)
{
	struct blk_device *dev = open_device(
		"linear(;dm(0+* linear sim(slots=1,modes=aes-256-xts:4096,dun=8;mem)))", false);
	struct blk_device *dm = dev->children[0];
	struct blk_crypto_key key, small;
	uint8_t out[4096], in[4096], want[4096];
	struct io io = { .dev = dm, .key = &key };
	const uint8_t *data;
	size_t size;

	make_key(&key, 1, 4096, HW);
	make_key(&small, 2, 512, HW);
	fill_pattern(out, sizeof(out), 1);
	assert_int_equal(blk_crypto_start_using_key(dm, &key), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_false(blk_crypto_config_supported_natively(dm, &small.crypto_cfg));

	/* Less in any dimension, or nothing. */
	reload_refused(dm, "dm(0+* linear sim(modes=aes-256-xts:512;mem))", -EINVAL,
		       "cannot encrypt all");
	reload_refused(dm, "dm(0+* linear sim(modes=adiantum;mem))", -EINVAL, "cannot encrypt all");
	reload_refused(dm, "dm(0+* linear sim(modes=aes-256-xts:4096,dun=4;mem))", -EINVAL,
		       "cannot encrypt all");
	reload_refused(dm, "dm(0+* linear mem)", -EINVAL, "cannot encrypt all");
	reload_refused(dm, "dm(0+1M linear sim(;mem); 1M+* error)", -EINVAL, "cannot encrypt all");
	reload_refused(dm, "dm(0+* linear sim)", -EINVAL, "stores in another place");
	reload_refused(dm, "sim(;mem)", -EINVAL, "a dm can only be loaded as one");
	reload_refused(dm, "dm(", -EINVAL, "at the end");
	reload_refused(dev, "linear(;mem)", -EOPNOTSUPP, "cannot be reloaded");
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));

	/* More: keys that are in use go on, and what is new can be used. */
	assert_int_equal(blk_device_reload(
				 dm,
				 "dm(0+1M linear sim(slots=2,modes=aes-256-xts:512+4096,dun=8;mem);"
				 "1M+* zero)",
				 NULL),
			 0);
	assert_int_equal(dm->num_children, 2);
	assert_true(blk_crypto_config_supported_natively(dm, &small.crypto_cfg));
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	data = stored(dm->children[0], &size);
	reference_encrypt(&key, 0, out, want, sizeof(out));
	assert_memory_equal(data, want, sizeof(want));
	io.key = &small;
	assert_int_equal(blk_crypto_start_using_key(dm, &small), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	/* And now that is what may not shrink. */
	reload_refused(dm, "dm(0+* linear sim(modes=aes-256-xts:4096;mem))", -EINVAL,
		       "cannot encrypt all");
	blk_crypto_evict_key(dm, &key);
	blk_crypto_evict_key(dm, &small);
	blk_crypto_profile_for_each_slot(dm->children[0]->children[0]->crypto_profile, no_key,
					 NULL);
	assert_null(blk_crypto_fallback_profile());
	blk_device_close(dev);
}

/* A table without engines gets some: what was started on the fallback is evicted from both. */
static void test_reload_from_nothing_B34(void **state)
{
	struct blk_device *dm = open_device("dm(0+* linear mem)", false);
	struct blk_crypto_key key;
	uint8_t out[4096], in[4096];
	struct io io = { .dev = dm, .key = &key };

	fill_pattern(out, sizeof(out), 1);
	make_key(&key, 1, 4096, HW);
	assert_null(dm->crypto_profile);
	assert_int_equal(blk_crypto_start_using_key(dm, &key), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_int_equal(blk_device_reload(dm, "dm(0+* linear sim(;mem))", NULL), 0);
	assert_non_null(dm->crypto_profile);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	blk_crypto_evict_key(dm, &key);
	blk_crypto_profile_for_each_slot(blk_crypto_fallback_profile(), no_key, NULL);
	blk_crypto_profile_for_each_slot(dm->children[0]->children[0]->crypto_profile, no_key,
					 NULL);
	blk_device_close(dm);
	blk_crypto_fallback_destroy();
}

static struct {
	struct blk_device *dm;
	atomic_bool stop;
	atomic_uint bios;
} busy;

static void *busy_thread(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	struct blk_crypto_key key;
	uint8_t buf[8192];
	struct io io = { .dev = busy.dm, .key = &key, .sector = 8 * seed };

	make_key(&key, seed, 4096, HW);
	if (blk_crypto_start_using_key(busy.dm, &key) != 0)
		abort();
	while (!atomic_load(&busy.stop)) {
		fill_pattern(buf, sizeof(buf), seed);
		if (do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)) != 0 ||
		    do_io(&io, REQ_OP_READ, buf, sizeof(buf)) != 0)
			abort();
		atomic_fetch_add(&busy.bios, 2);
		if (atomic_load(&busy.bios) % 64 == 0) {
			blk_crypto_evict_key(busy.dm, &key);
			if (blk_crypto_start_using_key(busy.dm, &key) != 0)
				abort();
		}
	}
	blk_crypto_evict_key(busy.dm, &key);
	return NULL;
}

static void test_reload_under_load_B34(void **state)
{
	pthread_t threads[3];

	busy.dm = open_device("dm(0+* linear sim(slots=1,modes=aes-256-xts;mem))", true);
	atomic_store(&busy.stop, false);
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, busy_thread, (void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < 20; i++) {
		unsigned before = atomic_load(&busy.bios);

		assert_int_equal(
			blk_device_reload(
				busy.dm,
				i % 2 ? "dm(0+12K linear sim(slots=1;mem); 12K+* linear sim(;mem))"
				      : "dm(0+* mirror sim(slots=2;mem) sim(slots=1;mem))",
				NULL),
			0);
		while (atomic_load(&busy.bios) < before + 4)
			sched_yield();
	}
	atomic_store(&busy.stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	blk_device_close(busy.dm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_strings),
		cmocka_unit_test(test_cut_B27_B30),
		cmocka_unit_test(test_opt_in_B32),
		cmocka_unit_test(test_reload_B34),
		cmocka_unit_test(test_reload_from_nothing_B34),
		cmocka_unit_test(test_reload_under_load_B34),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-dm", tests, NULL, NULL);
}
