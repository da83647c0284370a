/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-caps.c - capabilities as sets, their listing, and a device that sleeps */
#include "blk-test.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-caps.h"
#include "util/secret.h"

static void fill(struct blk_crypto_profile *p, unsigned xts, unsigned adiantum, unsigned dun,
		 unsigned types)
{
	memset(p, 0, sizeof(*p));
	p->modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS] = xts;
	p->modes_supported[BLK_ENCRYPTION_MODE_ADIANTUM] = adiantum;
	p->max_dun_bytes_supported = dun;
	p->key_types_supported = types;
}

static bool equal(const struct blk_crypto_profile *a, const struct blk_crypto_profile *b)
{
	return blk_crypto_has_capabilities(a, b) && blk_crypto_has_capabilities(b, a);
}

static void test_b31_intersection(void **state)
{
	struct blk_crypto_profile all, a, b, want;

	memset(&all, 0, sizeof(all));
	blk_crypto_set_all_capabilities(&all);
	assert_int_equal(all.modes_supported[BLK_ENCRYPTION_MODE_INVALID], 0);
	fill(&a, 512 | 4096, 4096, 8, 1);
	fill(&b, 4096 | 2048, 0, 16, 1 | 2);
	blk_crypto_intersect_capabilities(&all, &a);
	assert_true(equal(&all, &a));
	blk_crypto_intersect_capabilities(&all, &b);
	fill(&want, 4096, 0, 8, 1);
	assert_true(equal(&all, &want));
	assert_false(blk_crypto_capabilities_empty(&all));
	/* One child without a profile, and nothing is left. */
	blk_crypto_intersect_capabilities(&all, NULL);
	assert_true(blk_crypto_capabilities_empty(&all));
	fill(&want, 4096, 0, 8, 0);
	assert_true(blk_crypto_capabilities_empty(&want));
	fill(&want, 4096, 0, 0, 1);
	assert_true(blk_crypto_capabilities_empty(&want));
}

static void test_b34_superset(void **state)
{
	struct blk_crypto_profile a, b;

	fill(&a, 512 | 4096, 4096, 8, 1);
	assert_true(blk_crypto_has_capabilities(&a, &a));
	assert_true(blk_crypto_has_capabilities(&a, NULL));
	assert_true(blk_crypto_has_capabilities(NULL, NULL));
	assert_false(blk_crypto_has_capabilities(NULL, &a));
	fill(&b, 4096, 0, 4, 1);
	assert_true(blk_crypto_has_capabilities(&a, &b));
	assert_false(blk_crypto_has_capabilities(&b, &a));
	/* More in one dimension does not make up for less in another. */
	fill(&b, 512 | 4096, 4096, 9, 1);
	assert_false(blk_crypto_has_capabilities(&a, &b));
	fill(&b, 512 | 4096, 4096, 8, 2);
	assert_false(blk_crypto_has_capabilities(&a, &b));
	fill(&b, 1024, 0, 1, 1);
	assert_false(blk_crypto_has_capabilities(&a, &b));
	fill(&b, 512 | 1024 | 4096, 4096, 32, 3);
	blk_crypto_update_capabilities(&a, &b);
	assert_true(equal(&a, &b));
}

static void list(const char *name, const char *value, void *arg)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s=%s\n", name, value);
}

static void test_b37_listing(void **state)
{
	struct blk_device *dev = open_device(
		"sim(slots=4,modes=aes-256-xts:512+4096/adiantum:4096,dun=8;mem)", false);
	struct blk_crypto_profile wrapped;
	char text[512] = "";

	blk_crypto_for_each_capability(dev->crypto_profile, list, text);
	assert_string_equal(text, "max_dun_bits=64\n"
				  "num_keyslots=4\n"
				  "raw_keys=supported\n"
				  "modes/AES-256-XTS=0x1200\n"
				  "modes/Adiantum=0x1000\n");
	blk_device_close(dev);
	fill(&wrapped, 4096, 0, 32, BLK_CRYPTO_KEY_TYPE_HW_WRAPPED);
	text[0] = '\0';
	blk_crypto_for_each_capability(&wrapped, list, text);
	assert_string_equal(text, "hw_wrapped_keys=supported\n"
				  "max_dun_bits=256\n"
				  "num_keyslots=0\n"
				  "modes/AES-256-XTS=0x1000\n");
	text[0] = '\0';
	blk_crypto_for_each_capability(NULL, list, text);
	assert_string_equal(text, "");
}

/* ---- power -------------------------------------------------------------------------------- */

/* An engine that forgets its keys when it sleeps, and gets them back when it wakes. */
static struct sleeper {
	struct blk_crypto_profile profile;
	struct blk_pm pm;
	struct blk_crypto_key keys[3];
	const struct blk_crypto_key *holds[2];
	unsigned asleep_calls, reprograms;
	int suspend_err, resume_err;
} sl;

static int sl_program(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
		      unsigned slot)
{
	sl.asleep_calls += !blk_pm_awake(profile->pm);
	sl.holds[slot] = key;
	return 0;
}

static int sl_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
		    unsigned slot)
{
	sl.asleep_calls += !blk_pm_awake(profile->pm);
	if (slot < ARRAY_SIZE(sl.holds))
		sl.holds[slot] = NULL;
	return 0;
}

static int sl_suspend(struct blk_pm *pm)
{
	if (!sl.suspend_err)
		memset(sl.holds, 0, sizeof(sl.holds));
	return sl.suspend_err;
}

static int sl_resume(struct blk_pm *pm)
{
	if (sl.resume_err)
		return sl.resume_err;
	sl.reprograms++;
	blk_crypto_reprogram_all_keys(&sl.profile);
	return 0;
}

static void start(unsigned slots)
{
	memset(&sl, 0, sizeof(sl));
	assert_int_equal(blk_crypto_profile_init(&sl.profile, slots), 0);
	sl.profile.ll_ops.keyslot_program = sl_program;
	sl.profile.ll_ops.keyslot_evict = sl_evict;
	blk_pm_init(&sl.pm);
	sl.pm.suspend = sl_suspend;
	sl.pm.resume = sl_resume;
	sl.profile.pm = &sl.pm;
	for (unsigned i = 0; i < ARRAY_SIZE(sl.keys); i++)
		make_key(&sl.keys[i], i, 4096, 0);
}

static void finish(void)
{
	assert_int_equal(sl.asleep_calls, 0);
	blk_pm_destroy(&sl.pm);
	blk_crypto_profile_destroy(&sl.profile);
}

static enum blk_status use(unsigned key)
{
	struct blk_crypto_keyslot *slot;
	enum blk_status status = blk_crypto_get_keyslot(&sl.profile, &sl.keys[key], &slot);

	if (status == BLK_STS_OK) {
		if (blk_pm_awake(&sl.pm))
			assert_ptr_equal(sl.holds[blk_crypto_keyslot_index(slot)], &sl.keys[key]);
		blk_crypto_put_keyslot(slot);
	}
	return status;
}

static void test_b14_woken_once_before_the_engine(void **state)
{
	start(2);
	assert_int_equal(use(0), BLK_STS_OK);
	assert_int_equal(stat_read(&sl.pm.resumes), 0);
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_int_equal(stat_read(&sl.pm.suspends), 1);
	/* A miss wakes it, once, and waking brings back what was there: no deadlock. */
	assert_int_equal(use(1), BLK_STS_OK);
	assert_int_equal(stat_read(&sl.pm.resumes), 1);
	assert_int_equal(sl.reprograms, 1);
	assert_int_equal(use(0), BLK_STS_OK);
	/* So does an eviction. */
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_int_equal(blk_crypto_profile_evict(&sl.profile, &sl.keys[0]), 0);
	assert_int_equal(stat_read(&sl.pm.resumes), 2);
	/* An absent key is none of the engine's business. */
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_int_equal(blk_crypto_profile_evict(&sl.profile, &sl.keys[2]), 0);
	assert_int_equal(stat_read(&sl.pm.resumes), 2);
	finish();

	start(0);
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_int_equal(blk_crypto_profile_evict(&sl.profile, &sl.keys[0]), 0);
	assert_int_equal(stat_read(&sl.pm.resumes), 1);
	finish();
}

static void test_b14_power_trouble(void **state)
{
	start(2);
	assert_int_equal(use(0), BLK_STS_OK);
	assert_int_equal(blk_pm_get(&sl.pm), 0);
	assert_int_equal(blk_pm_suspend(&sl.pm), -EBUSY);
	blk_pm_put(&sl.pm);
	sl.suspend_err = -EIO;
	assert_int_equal(blk_pm_suspend(&sl.pm), -EIO);
	assert_true(blk_pm_awake(&sl.pm));
	sl.suspend_err = 0;
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_false(blk_pm_awake(&sl.pm));
	/* It does not wake: no programming, and a key that is to go is gone from the table. */
	sl.resume_err = -ENODEV;
	assert_int_equal(use(1), BLK_STS_OFFLINE);
	assert_int_equal(blk_crypto_profile_evict(&sl.profile, &sl.keys[0]), -ENODEV);
	assert_int_equal(blk_crypto_profile_evict(&sl.profile, &sl.keys[0]), 0);
	assert_false(blk_pm_awake(&sl.pm));
	sl.resume_err = 0;
	assert_int_equal(use(1), BLK_STS_OK);
	finish();

	start(0);
	sl.resume_err = -EIO;
	assert_int_equal(blk_pm_suspend(&sl.pm), 0);
	assert_int_equal(blk_crypto_profile_evict(&sl.profile, &sl.keys[0]), -EIO);
	finish();
}

static void test_b14_sleeps_by_itself(void **state)
{
	start(2);
	sl.pm.autosuspend_ms = 1;
	assert_int_equal(use(0), BLK_STS_OK);
	usleep(5000);
	assert_int_equal(use(1), BLK_STS_OK); /* a miss: it had slept, and was woken */
	assert_true(stat_read(&sl.pm.suspends) >= 1);
	assert_int_equal(stat_read(&sl.pm.suspends), stat_read(&sl.pm.resumes));
	/* Not while somebody needs it. */
	assert_int_equal(blk_pm_get(&sl.pm), 0);
	usleep(5000);
	assert_int_equal(blk_pm_get(&sl.pm), 0);
	assert_int_equal(blk_pm_suspend(&sl.pm), -EBUSY);
	blk_pm_put(&sl.pm);
	blk_pm_put(&sl.pm);
	finish();
	assert_int_equal(blk_pm_get(NULL), 0);
	blk_pm_put(NULL);
	assert_true(blk_pm_awake(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b31_intersection),
		cmocka_unit_test(test_b34_superset),
		cmocka_unit_test(test_b37_listing),
		cmocka_unit_test(test_b14_woken_once_before_the_engine),
		cmocka_unit_test(test_b14_power_trouble),
		cmocka_unit_test(test_b14_sleeps_by_itself),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-caps", tests, NULL, NULL);
}
