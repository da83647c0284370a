/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-file-fill.c - which files come with their OPEN, and who waits for that */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file-fixture.h"

#define MOST 16384

static struct {
	unsigned calls;
	size_t len;
	int err;
	bool slow;
	_Atomic bool over;
} stored;

static int store(struct fs_inode *inode, const void *data, size_t len, void *arg)
{
	assert_ptr_equal(inode, &t.inode);
	assert_ptr_equal(arg, &stored);
	assert_int_equal(len, shadow_size);
	assert_memory_equal(data, shadow, len);
	stored.calls++;
	if (stored.slow) {
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		atomic_store(&stored.over, true);
	}
	return stored.err;
}

/* A file of @size bytes in the store, and nothing known of it. */
static void make(unsigned du, size_t size)
{
	struct fs_file *file;

	start(du);
	file = create_file();
	shadow_resize(size);
	fill(shadow, size);
	if (size)
		write_ok(file, 0, shadow, size);
	assert_int_equal(fs_file_release(file), 0);
	forget_file();
	memset(&stored, 0, sizeof(stored));
}

static unsigned fill_it(struct fs_file *file)
{
	stored.calls = 0;
	fs_file_fill(file, MOST, store, &stored);
	assert_false(atomic_load(&fs_opened(&t.inode)->filling));
	return stored.calls;
}

/* The first open of a new @size, with @flags. */
static unsigned filled(unsigned du, size_t size, int flags)
{
	struct fs_file *file;
	unsigned calls;

	make(du, size);
	file = open_file(flags);
	calls = fill_it(file);
	assert_int_equal(atomic_load(&t.inode.use->reg.cached), calls > 0);
	assert_int_equal(fs_file_release(file), 0);
	return calls;
}

static void test_which(void **state)
{
	struct fs_file *a, *b;

	(void)state;
	assert_int_equal(filled(4096, 1, O_NOATIME), 1);
	assert_int_equal(filled(512, MOST - 1, O_NOATIME), 1);
	assert_int_equal(filled(4096, MOST, O_NOATIME), 1);
	assert_int_equal(filled(4096, MOST + 1, O_NOATIME), 0);
	assert_int_equal(filled(4096, 0, O_NOATIME), 0);
	assert_int_equal(filled(0, 100, O_NOATIME), 0);
	assert_int_equal(filled(4096, 100, O_RDWR), 0);

	/* Not with another handle, and not what the kernel has something of. */
	make(4096, 5000);
	a = open_file(O_NOATIME);
	b = open_file(O_NOATIME);
	assert_int_equal(fill_it(a), 0);
	assert_int_equal(fs_file_release(b), 0);
	assert_int_equal(fill_it(a), 1);
	assert_int_equal(fill_it(a), 0);
	atomic_store(&t.inode.use->reg.cached, false);
	atomic_store(&t.inode.use->reg.filled, true);
	assert_int_equal(fill_it(a), 0);
	/* Not while the size changes. */
	atomic_store(&t.inode.use->reg.filled, false);
	pthread_rwlock_wrlock(&fs_opened(&t.inode)->size_lock);
	assert_int_equal(fill_it(a), 0);
	pthread_rwlock_unlock(&fs_opened(&t.inode)->size_lock);
	/* What the kernel does not take is not there, and it is no error. */
	stored.err = -ENOENT;
	assert_int_equal(fill_it(a), 1);
	assert_false(atomic_load(&t.inode.use->reg.cached));
	stored.err = 0;
	/* Nor while a lock refuses reads. */
	atomic_store(&t.inode.use->reg.bar, FS_BAR_READS);
	assert_int_equal(fill_it(a), 0);
	atomic_store(&t.inode.use->reg.bar, FS_BAR_NONE);
	assert_int_equal(fill_it(a), 1);
	assert_int_equal(fs_file_release(a), 0);
	/* Its header is known now: whether its atime goes with reading is not seen any more. */
	atomic_store(&t.inode.use->reg.cached, false);
	a = open_file(O_NOATIME);
	assert_int_equal(fill_it(a), 0);
	assert_int_equal(fs_file_release(a), 0);
}

/* As the backing does it: first a reader that it takes note of, and then one that it does not. */
static void test_atime(void **state)
{
	const struct timespec old[2] = { { 1000, 1 }, { 2000, 2 } };
	struct fs_file *file;
	struct stat before, after;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		if (i == 0) {
			make(4096, 5000);
			assert_int_equal(utimensat(AT_FDCWD, t.path, old, 0), 0);
		}
		assert_int_equal(stat(t.path, &before), 0);
		file = open_file(O_RDONLY);
		assert_int_equal(stat(t.path, &after), 0);
		assert_int_equal(fill_it(file),
				 before.st_atim.tv_sec == after.st_atim.tv_sec &&
					 before.st_atim.tv_nsec == after.st_atim.tv_nsec);
		assert_int_equal(fs_file_release(file), 0);
		forget_file();
	}
	assert_int_equal(stored.calls, 1);
}

/* Threads: NULL, or what is wrong. */
static void *opens(void *arg)
{
	struct fs_file *file;

	if (fs_file_open(&t.inode, *(int *)arg, &file) < 0)
		return (void *)"open failed";
	if (!atomic_load(&stored.over))
		return (void *)"open did not wait";
	return fs_file_release(file) < 0 ? (void *)"release failed" : NULL;
}

static void *cuts(void *arg)
{
	(void)arg;
	if (fs_file_truncate(TAILQ_FIRST(&fs_opened(&t.inode)->files), 10) < 0)
		return (void *)"truncate failed";
	return atomic_load(&stored.over) ? NULL : (void *)"truncate did not wait";
}

static void *waits(void *arg)
{
	(void)arg;
	tinylock_lock(&t.inode.crypt_lock);
	fs_file_wait_filled(fs_opened(&t.inode));
	tinylock_unlock(&t.inode.crypt_lock);
	return atomic_load(&stored.over) ? NULL : (void *)"a lock did not wait";
}

static void *fills(void *arg)
{
	fs_file_fill(arg, MOST, store, &stored);
	return NULL;
}

static void test_waiting(void **state)
{
	static int rdonly = O_RDONLY, rdwr = O_RDWR;
	static const struct {
		void *(*fn)(void *arg);
		void *arg;
	} others[] = { { opens, &rdonly }, { opens, &rdwr }, { waits, NULL }, { cuts, NULL } };
	pthread_t filler, other;
	struct fs_file *file;
	void *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		make(4096, 9000);
		file = open_file(O_NOATIME);
		/* For cutting it off: the handle of a request. */
		file->writable = others[i].fn == cuts;
		if (file->writable)
			file->backing.fd = dup2(open(t.path, O_RDWR | O_CLOEXEC), file->backing.fd);
		stored.slow = true;
		assert_int_equal(pthread_create(&filler, NULL, fills, file), 0);
		while (!atomic_load(&fs_opened(&t.inode)->filling))
			sched_yield();
		assert_int_equal(pthread_create(&other, NULL, others[i].fn, others[i].arg), 0);
		assert_int_equal(pthread_join(other, &why), 0);
		assert_int_equal(pthread_join(filler, NULL), 0);
		if (why)
			fail_msg("%s", (const char *)why);
		assert_int_equal(stored.calls, 1);
		file->writable = false;
		assert_int_equal(fs_file_release(file), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which),
		cmocka_unit_test(test_atime),
		cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests_name("file-fill", tests, group_setup, group_teardown);
}
