/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-secret.c - key memory: wiped, aligned, out of dumps and of children */
#include "util/secret.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/bits.h"
#include "util/compiler.h"

/* The slab has objects of two sizes. */
static const struct slab {
	void *(*alloc)(void);
	void (*free)(void *p);
	size_t size;
} slabs[] = {
	{ secret_slab_alloc, secret_slab_free, SECRET_SLAB_MAX },
	{ secret_slab_alloc_large, secret_slab_free_large, SECRET_SLAB_LARGE },
};

static void process_closed(void **state)
{
	struct rlimit core;

	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_int_equal(core.rlim_cur, 0);
	assert_int_equal(core.rlim_max, 0);
	/* A second start is harmless. */
	assert_int_equal(secret_init(), 0);
}

static void wipe_and_equal(void **state)
{
	uint8_t a[64], b[64];

	memset(a, 0xaa, sizeof(a));
	secret_wipe(a + 1, 62);
	assert_int_equal(a[0], 0xaa);
	assert_int_equal(a[63], 0xaa);
	assert_true(mem_is_zero(a + 1, 62));

	secret_random(a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(secret_equal(a, b, sizeof(a)));
	assert_true(secret_equal(a, b, 0));
	for (unsigned bit = 0; bit < 512; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(secret_equal(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void random_differs(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	secret_random(a, sizeof(a));
	secret_random(b, sizeof(b));
	assert_memory_not_equal(a, b, 32);
	assert_memory_not_equal(a + 32, b + 32, 32);
}

/* The line VmFlags of the mapping that holds @p, as " rd wr ... ". */
static void mapping_flags(const void *p, char *out, size_t cap)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool inside = false;
	char line[512];

	assert_non_null(file);
	out[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)p >= start && (uintptr_t)p < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(out, cap, "%s", line + 8);
	}
	fclose(file);
}

static bool has_flag(const void *p, const char *flag)
{
	char flags[512], word[8];

	mapping_flags(p, flags, sizeof(flags));
	assert_non_null(strstr(flags, " rd "));
	snprintf(word, sizeof(word), " %s ", flag);
	return strstr(flags, word) != NULL;
}

static void kept_out_of_dumps(void **state)
{
	static uint8_t ordinary[64];
	void *guarded = secret_alloc(64);

	assert_non_null(guarded);
	assert_false(has_flag(ordinary, "dd"));
	assert_true(has_flag(guarded, "dd"));
	secret_free(guarded);
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++) {
		void *object = slabs[i].alloc();

		assert_non_null(object);
		assert_true(has_flag(object, "dd"));
		assert_true(has_flag(object, "dc"));
		slabs[i].free(object);
	}
}

static void guarded(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 64, 4096, 5000 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *p = secret_alloc(sizes[i]);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_true(mem_is_zero(p, sizes[i]));
		memset(p, 0xff, sizes[i]);
		secret_free(p);
	}
	assert_null(secret_alloc(SIZE_MAX));
	assert_null(secret_alloc(SIZE_MAX / 2));
	secret_free(NULL);
}

/* What ends @child; 0 when it left by itself with 0. */
static int run_child(void (*child)(uint8_t *), uint8_t *arg)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		/* Also under a sanitizer, which would have its own say. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		child(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void child_overruns(uint8_t *p)
{
	((volatile uint8_t *)p)[64] = 1;
}

static void child_reads(uint8_t *p)
{
	uint8_t copy = *(volatile uint8_t *)p;

	_exit(copy == 0x77 ? 0 : 1);
}

static void child_allocates(uint8_t *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++) {
		uint8_t *mine = slabs[i].alloc();

		if (!mine || !mem_is_zero(mine, slabs[i].size))
			_exit(1);
		memset(mine, 1, slabs[i].size);
		slabs[i].free(mine);
	}
}

static void guard_page(void **state)
{
	uint8_t *p = secret_alloc(64);

	assert_non_null(p);
	assert_int_equal(run_child(child_overruns, p), SIGSEGV);
	secret_free(p);
}

static void not_in_children(void **state)
{
	uint8_t *whole = secret_alloc(16);

	assert_non_null(whole);
	*whole = 0x77;
	assert_int_equal(run_child(child_reads, whole), 0);
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++) {
		uint8_t *object = slabs[i].alloc(), *spare = slabs[i].alloc();

		assert_non_null(object);
		assert_non_null(spare);
		/* A free object as well, which the child must not be given. */
		slabs[i].free(spare);
		*object = 0x77;
		assert_int_equal(run_child(child_reads, object), SIGSEGV);
		assert_int_equal(run_child(child_allocates, NULL), 0);
		assert_int_equal(*object, 0x77);
		slabs[i].free(object);
	}
	secret_free(whole);
}

static int by_address(const void *a, const void *b)
{
	const uint8_t *x = *(uint8_t *const *)a, *y = *(uint8_t *const *)b;

	return x < y ? -1 : x > y;
}

static void check_many(const struct slab *slab)
{
	enum { MANY = 5000 };
	static uint8_t *objects[MANY], *again[MANY];
	unsigned reused = 0;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			objects[i] = slab->alloc();
			assert_non_null(objects[i]);
			assert_int_equal((uintptr_t)objects[i] % SECRET_SLAB_MAX, 0);
			assert_true(mem_is_zero(objects[i], slab->size));
			memset(objects[i], (int)(i % 255 + 1), slab->size);
		}
		qsort(objects, MANY, sizeof(objects[0]), by_address);
		for (unsigned i = 1; i < MANY; i++)
			assert_true(objects[i] - objects[i - 1] >= (ptrdiff_t)slab->size);
		/* The second time nothing new is needed. */
		for (unsigned i = 0; round && i < MANY; i++)
			reused += bsearch(&objects[i], again, MANY, sizeof(again[0]), by_address) !=
				  NULL;
		for (unsigned i = 0; i < MANY; i++) {
			uint8_t first = objects[i][0];

			/* Nobody wrote into a neighbour. */
			for (unsigned j = 1; j < slab->size; j++)
				assert_int_equal(objects[i][j], first);
			slab->free(objects[i]);
			/* Wiped, all but the link of the free list. */
			assert_true(mem_is_zero(objects[i] + sizeof(void *),
						slab->size - sizeof(void *)));
		}
		memcpy(again, objects, sizeof(again));
	}
	assert_true(reused >= MANY - 256);
	slab->free(NULL);
}

static void slab_many(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++)
		check_many(&slabs[i]);
}

static unsigned count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	int c;

	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

/* A process has some 65,000 mappings: keys of as many directories must not take one each. */
static void slab_mappings(void **state)
{
	enum { MANY = 50000 };
	static void *objects[MANY];
	unsigned before = count_mappings();

	for (unsigned i = 0; i < MANY; i++) {
		objects[i] = secret_slab_alloc_large();
		assert_non_null(objects[i]);
	}
	assert_true(count_mappings() < before + 2000);
	for (unsigned i = 0; i < MANY; i++)
		secret_slab_free_large(objects[i]);
}

enum { ROUNDS = 5000, HELD = 20 };

static void *slab_player(void *arg)
{
	uint8_t *held[HELD] = { NULL }, tag = (uint8_t)(uintptr_t)arg;
	const struct slab *slab = &slabs[tag % ARRAY_SIZE(slabs)];
	unsigned seed = tag;
	uintptr_t bad = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t **slot = &held[rand_r(&seed) % HELD];

		if (*slot) {
			bad += (*slot)[0] != tag || (*slot)[slab->size - 1] != tag;
			slab->free(*slot);
			*slot = NULL;
		} else {
			*slot = slab->alloc();
			if (!*slot || !mem_is_zero(*slot, slab->size))
				return (void *)1;
			memset(*slot, tag, slab->size);
		}
	}
	for (unsigned i = 0; i < HELD; i++)
		slab->free(held[i]);
	return (void *)bad;
}

static void slab_threads(void **state)
{
	pthread_t threads[4];
	void *bad;

	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, slab_player, (void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
}

/* No memory may be locked: it works all the same, and stays out of dumps. */
static void child_without_locks(uint8_t *p)
{
	static const struct rlimit none = { 0, 0 };
	uint8_t *object;

	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 || (geteuid() == 0 && setuid(65534) < 0))
		_exit(2);
	object = secret_slab_alloc();
	if (!object)
		_exit(3);
	memset(object, 1, SECRET_SLAB_MAX);
	_exit(has_flag(object, "dd") && !has_flag(object, "lo") ? 0 : 4);
}

static void unlocked(void **state)
{
	void *object = secret_slab_alloc();

	assert_non_null(object);
	assert_int_equal(run_child(child_without_locks, NULL), 0);
	secret_slab_free(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_closed),  cmocka_unit_test(wipe_and_equal),
		cmocka_unit_test(random_differs),  cmocka_unit_test(kept_out_of_dumps),
		cmocka_unit_test(guarded),	   cmocka_unit_test(guard_page),
		cmocka_unit_test(not_in_children), cmocka_unit_test(slab_many),
		cmocka_unit_test(slab_threads),	   cmocka_unit_test(unlocked),
		cmocka_unit_test(slab_mappings),
	};

	if (secret_init())
		return 99;
	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
