/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-vino.c - virtual inode numbers: each given out once, whatever crashes where */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "fs/vino.h"
#include "util/compiler.h"
#include "util/io.h"
#include "util/log.h"
#include "util/secret.h"

static char tmp[] = "/tmp/fuscrypt-vino.XXXXXX";
static int meta_fd = -1;

/* ---- the C library's, each with a place to crash or fail before it and after it ---- */

static struct {
	int crash_at;	/* steps still to do; -1: never */
	int fail_errno; /* of the next fsync of a file */
	unsigned files, renames, dirs;
	char order[64]; /* what was done: Write, Fsync, Rename, Directory's fsync */
	size_t len;
} io = { .crash_at = -1 };

static void step(char what)
{
	if (io.crash_at >= 0 && io.crash_at-- == 0)
		_exit(3);
	if (what != 0 && io.len < sizeof(io.order) - 1)
		io.order[io.len++] = what;
}

static bool is_dir(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int fsync(int fd)
{
	bool dir = is_dir(fd);
	int ret;

	step(0);
	if (!dir && io.fail_errno != 0) {
		errno = io.fail_errno;
		io.fail_errno = 0;
		return -1;
	}
	ret = (int)syscall(SYS_fsync, fd);
	__atomic_add_fetch(dir ? &io.dirs : &io.files, 1, __ATOMIC_RELAXED);
	step(dir ? 'D' : 'F');
	return ret;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t ret;

	if (fd <= 2) /* the test's own talk */
		return syscall(SYS_write, fd, buf, n);
	step(0);
	ret = syscall(SYS_write, fd, buf, n);
	step('W');
	return ret;
}

int renameat(int olddirfd, const char *old, int newdirfd, const char *new)
{
	int ret;

	step(0);
	ret = (int)syscall(SYS_renameat2, olddirfd, old, newdirfd, new, 0);
	io.renames++;
	step('R');
	return ret;
}

/* ---- helpers ---- */

static void put_text(const char *text)
{
	assert_int_equal(io_replace_file(meta_fd, FS_VINO_NAME, text, strlen(text), 0600), 0);
}

static void put_next(uint64_t next)
{
	char text[FS_VINO_TEXT_MAX];

	fs_vino_format(next, text);
	put_text(text);
}

static uint64_t file_next(void)
{
	char text[FS_VINO_TEXT_MAX + 1] = "";
	unsigned long long next;
	int fd = openat(meta_fd, FS_VINO_NAME, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(io_pread(fd, text, FS_VINO_TEXT_MAX, 0) > 0);
	close(fd);
	assert_int_equal(sscanf(text, "fuscrypt-ino=1\nnext=%llu\n", &next), 1);
	return next;
}

static struct fs_vino *open_vino(bool shared)
{
	struct fs_vino *v;

	assert_int_equal(fs_vino_open(meta_fd, shared, &v), 0);
	return v;
}

static uint32_t alloc_one(struct fs_vino *v)
{
	uint32_t ino = 0;

	assert_int_equal(fs_vino_alloc(v, &ino), 0);
	assert_true(ino >= FS_VINO_FIRST);
	return ino;
}

static int fresh(void **state)
{
	unlinkat(meta_fd, FS_VINO_NAME, 0);
	memset(&io, 0, sizeof(io));
	io.crash_at = -1;
	return 0;
}

/* ---- tests ---- */

static void test_first(void **state)
{
	struct fs_vino *v = open_vino(false);

	assert_false(fs_vino_in_use(v));
	assert_int_equal(faccessat(meta_fd, FS_VINO_NAME, F_OK, 0), -1);
	assert_int_equal(alloc_one(v), FS_VINO_FIRST);
	/* On disk for good before the number was given out. */
	assert_string_equal(io.order, "WFRD");
	assert_true(fs_vino_in_use(v));
	assert_true(file_next() >= FS_VINO_FIRST + 1024);
	assert_int_equal(alloc_one(v), FS_VINO_FIRST + 1);
	/* What is left goes back, and nothing that was given out. */
	fs_vino_close(v, true);
	assert_int_equal(file_next(), FS_VINO_FIRST + 2);
	v = open_vino(false);
	assert_true(fs_vino_in_use(v));
	assert_int_equal(alloc_one(v), FS_VINO_FIRST + 2);
	/* A mount that has become read-only writes nothing. */
	io.renames = 0;
	fs_vino_close(v, false);
	assert_int_equal(io.renames, 0);
	assert_int_equal(file_next(), FS_VINO_FIRST + 2 + 1024);
}

/* A mount that gives out none writes nothing. */
static void test_idle(void **state)
{
	put_next(77);
	memset(&io, 0, sizeof(io));
	io.crash_at = -1;
	fs_vino_close(open_vino(false), true);
	assert_int_equal(io.renames, 0);
	assert_int_equal(file_next(), 77);
}

#define THREADS	   8
#define PER_THREAD 40000u

static struct fs_vino *crowd;
static uint8_t *given; /* by number */

static void *take_many(void *arg)
{
	uint32_t ino, last = 0;

	for (unsigned i = 0; i < PER_THREAD; i++) {
		if (fs_vino_alloc(crowd, &ino) != 0 || ino > THREADS * PER_THREAD + 1 ||
		    ino <= last || __atomic_exchange_n(&given[ino], 1, __ATOMIC_RELAXED) != 0)
			return (void *)1;
		last = ino;
	}
	return NULL;
}

/* Every number once, without gaps, and few fsyncs. */
static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	void *ret;

	given = calloc(THREADS * PER_THREAD + 2, 1);
	assert_non_null(given);
	crowd = open_vino(false);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &ret), 0);
		assert_null(ret);
	}
	for (size_t i = FS_VINO_FIRST; i < THREADS * PER_THREAD + 2; i++)
		assert_int_equal(given[i], 1);
	assert_in_range(io.files, 1, 12);
	fs_vino_close(crowd, true);
	assert_int_equal(file_next(), THREADS * PER_THREAD + 2);
	free(given);
}

/*
 * Runs of a mount that gives out up to 1500 numbers (two ranges) and ends, killed at its n-th step
 * of writing. No number may come twice, over all of them.
 */
static void test_crashes(void **state)
{
	const size_t most = 1u << 20;
	uint8_t *seen = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned crashed = 0, ended = 0;

	assert_true(seen != MAP_FAILED);
	for (int n = 0; ended < 3; n++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		assert_true(n < 100);
		if (pid == 0) {
			struct fs_vino *v;
			uint32_t ino;

			if (fs_vino_open(meta_fd, n & 1, &v) != 0)
				_exit(1);
			io.crash_at = n;
			for (unsigned i = 0; i < 1500; i++) {
				if (fs_vino_alloc(v, &ino) != 0 || ino >= most)
					_exit(1);
				if (seen[ino]++ != 0)
					_exit(2);
			}
			fs_vino_close(v, true);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
		crashed += WEXITSTATUS(status) == 3;
		ended += WEXITSTATUS(status) == 0;
	}
	/* Two reservations and one giving back, eight steps each. */
	assert_int_equal(crashed, 24);
	munmap(seen, most);
}

/* What could not be made to last is not given out, and the next try goes on behind it. */
static void test_failed_write(void **state)
{
	struct fs_vino *v = open_vino(false);
	uint32_t ino = 4711;

	io.fail_errno = EIO;
	assert_int_equal(fs_vino_alloc(v, &ino), -EIO);
	assert_int_equal(ino, 4711);
	assert_int_equal(alloc_one(v), FS_VINO_FIRST);
	fs_vino_close(v, true);
}

static void test_exhausted(void **state)
{
	struct fs_vino *v;
	uint32_t ino;

	put_next(FS_VINO_MAX - 1);
	v = open_vino(false);
	assert_int_equal(alloc_one(v), FS_VINO_MAX - 1);
	assert_int_equal(alloc_one(v), FS_VINO_MAX);
	assert_int_equal(fs_vino_alloc(v, &ino), -ENOSPC);
	assert_int_equal(fs_vino_alloc(v, &ino), -ENOSPC);
	fs_vino_close(v, true);
	assert_int_equal(file_next(), (uint64_t)FS_VINO_MAX + 1);
	v = open_vino(false);
	assert_int_equal(fs_vino_alloc(v, &ino), -ENOSPC);
	fs_vino_close(v, true);
}

static void test_damaged(void **state)
{
	static const char *const bad[] = {
		"",
		"fuscrypt-ino=1\n",
		"fuscrypt-ino=2\nnext=10\n",
		"fuscrypt-ino=1\nnext=10",
		"fuscrypt-ino=1\nnext=10\n\n",
		"fuscrypt-ino=1\nnext=010\n",
		"fuscrypt-ino=1\nnext=+10\n",
		"fuscrypt-ino=1\nnext=1\n",
		"fuscrypt-ino=1\nnext=4294967297\n",
		"fuscrypt-ino=1\nnext=18446744073709551626\n",
		"fuscrypt-ino=1\nnext=10\nmore, and a text that is far too long for any number there is\n",
	};
	struct fs_vino *v;
	uint32_t ino;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put_text(bad[i]);
		v = open_vino(false);
		assert_true(fs_vino_in_use(v));
		assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
		put_next(50); /* restored under a mount */
		assert_int_equal(alloc_one(v), 50);
		fs_vino_close(v, true);
	}
	unlinkat(meta_fd, FS_VINO_NAME, 0);
	assert_int_equal(symlinkat("store.conf", meta_fd, FS_VINO_NAME), 0);
	v = open_vino(false);
	assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
	fs_vino_close(v, true);
}

/* An inode has a number that is still to come: the file is an old copy, or lost. */
static void test_rolled_back(void **state)
{
	struct fs_vino *v = open_vino(false);
	uint32_t ino;

	fs_vino_saw(v, 900);
	assert_true(fs_vino_in_use(v));
	assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
	put_next(900);
	assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
	put_next(901);
	assert_int_equal(alloc_one(v), 901);
	fs_vino_saw(v, 30);
	fs_vino_saw(v, 901);
	assert_int_equal(alloc_one(v), 902);
	/* Found out when a range has been taken already: in it, and behind it. */
	fs_vino_saw(v, 910);
	assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
	assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
	put_next(5000);
	assert_int_equal(alloc_one(v), 5000);
	fs_vino_saw(v, 1000000);
	assert_int_equal(fs_vino_alloc(v, &ino), -EUCLEAN);
	put_next(1000001);
	alloc_one(v);
	fs_vino_close(v, true);
	/* What is not ours any more is not given back. */
	assert_int_equal(file_next(), 1000001);
}

/* Two mounts with -o shared. */
static void test_shared(void **state)
{
	struct fs_vino *v[2] = { open_vino(true), open_vino(true) };
	uint8_t *seen = calloc(1u << 20, 1);

	assert_non_null(seen);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t ino = alloc_one(v[i % 3 == 0]);

		assert_int_equal(seen[ino], 0);
		seen[ino] = 1;
		/* The other one looks at it. */
		fs_vino_saw(v[i % 3 != 0], ino);
	}
	fs_vino_close(v[0], true);
	fs_vino_close(v[1], true);
	free(seen);
}

static int setup(void **state)
{
	log_init("test-vino", LOG_LVL_ERR, false);
	if (secret_init() != 0 || mkdtemp(tmp) == NULL)
		return -1;
	meta_fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return meta_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	/* Crashes leave temporary files behind. */
	char command[sizeof(tmp) + 16];

	close(meta_fd);
	snprintf(command, sizeof(command), "rm -rf %s", tmp);
	return system(command) == 0 ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first, fresh),
		cmocka_unit_test_setup(test_idle, fresh),
		cmocka_unit_test_setup(test_threads, fresh),
		cmocka_unit_test_setup(test_crashes, fresh),
		cmocka_unit_test_setup(test_failed_write, fresh),
		cmocka_unit_test_setup(test_exhausted, fresh),
		cmocka_unit_test_setup(test_damaged, fresh),
		cmocka_unit_test_setup(test_rolled_back, fresh),
		cmocka_unit_test_setup(test_shared, fresh),
	};

	return cmocka_run_group_tests_name("vino", tests, setup, teardown);
}
