/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-io.c - reads and writes that go to the end, files replaced whole or not at all */
#include "util/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/bits.h"
#include "util/compiler.h"
#include "util/secret.h"

struct feeder {
	int fd;
	const uint8_t *data;
	size_t len;
};

/* Gives the bytes in small pieces, so that every read on the other side is short. */
static void *feed(void *arg)
{
	struct feeder *f = arg;

	for (size_t i = 0; i < f->len; i += 100) {
		size_t n = MIN(f->len - i, (size_t)100);

		if (write(f->fd, f->data + i, n) != (ssize_t)n)
			break;
		usleep(200);
	}
	close(f->fd);
	return NULL;
}

static void io_pipe(void **state)
{
	uint8_t data[3000], got[4000];
	struct feeder f = { .data = data, .len = sizeof(data) };
	pthread_t thread;
	int p[2];

	secret_random(data, sizeof(data));
	for (size_t want = 2500; want <= 4000; want += 1500) {
		assert_int_equal(pipe(p), 0);
		f.fd = p[1];
		assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
		/* To the length, or to the end of the pipe, whichever comes first. */
		assert_int_equal(io_read(p[0], got, want), MIN(want, sizeof(data)));
		assert_memory_equal(got, data, MIN(want, sizeof(data)));
		assert_int_equal(pthread_join(thread, NULL), 0);
		close(p[0]);
	}
	assert_int_equal(io_read(-1, got, 1), -EBADF);
	assert_int_equal(io_write(-1, got, 1), -EBADF);
}

static void *drain(void *arg)
{
	static uint8_t got[1 << 20];
	int fd = *(int *)arg;
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, got, 5000)) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum += got[i];
	return (void *)sum;
}

static void io_write_blocks(void **state)
{
	static uint8_t data[1 << 20];
	pthread_t thread;
	void *sum;
	int p[2];

	memset(data, 1, sizeof(data));
	assert_int_equal(pipe(p), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain, &p[0]), 0);
	/* More than a pipe holds. */
	assert_int_equal(io_write(p[1], data, sizeof(data)), 0);
	close(p[1]);
	assert_int_equal(pthread_join(thread, &sum), 0);
	assert_int_equal((size_t)sum, sizeof(data));
	close(p[0]);
}

static void io_file(void **state)
{
	int fd = memfd_create("test-util", MFD_CLOEXEC);
	uint8_t data[5000], got[6000];

	assert_true(fd >= 0);
	secret_random(data, sizeof(data));
	assert_int_equal(io_pwrite(fd, data, sizeof(data), 10000), 0);
	/* Short only at the end of the file. */
	assert_int_equal(io_pread(fd, got, sizeof(got), 10000), sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	assert_int_equal(io_pread(fd, got, 100, 14950), 50);
	assert_int_equal(io_pread(fd, got, 100, 15000), 0);
	assert_int_equal(io_pread(fd, got, 100, 0), 100);
	assert_true(mem_is_zero(got, 100));
	assert_int_equal(io_pread(fd, got, 0, 0), 0);
	assert_int_equal(io_pread(-1, got, 1, 0), -EBADF);
	assert_int_equal(io_pwrite(-1, got, 1, 0), -EBADF);
	close(fd);
}

static void io_text(void **state)
{
	char path[64], text[8];
	int fd = memfd_create("test-util", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(io_read_text(path, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(io_pwrite(fd, "123", 3, 0), 0);
	assert_int_equal(io_read_text(path, text, sizeof(text)), 3);
	assert_string_equal(text, "123");
	/* Never more than there is room for, and the end is always there. */
	assert_int_equal(io_pwrite(fd, "123456789", 9, 0), 0);
	assert_int_equal(io_read_text(path, text, sizeof(text)), 7);
	assert_string_equal(text, "1234567");
	close(fd);
	assert_int_equal(io_read_text("/proc/no such file", text, sizeof(text)), -ENOENT);
}

/* A file size limit in the middle: the kernel first writes a part, and then says why not more. */
static void io_short_write(void **state)
{
	struct rlimit old, small;
	uint8_t data[8192] = { 1 };
	struct iovec iov[2] = { { data, 3000 }, { data, 5192 } };
	FILE *file = tmpfile();
	struct stat st;
	int fd;

	assert_non_null(file);
	fd = fileno(file);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 5000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(io_pwrite(fd, data, sizeof(data), 0), -EFBIG);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 5000);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(io_write(fd, data, sizeof(data)), -EFBIG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(io_pwritev(fd, iov, 2, 0), -EFBIG);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 5000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	fclose(file);

	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, data, 1), -ENOSPC);
	close(fd);
}

/* More entries than one call takes, of all sizes and also empty ones. */
static void io_vectors(void **state)
{
	enum { ENTRIES = 3000, TOTAL = ENTRIES / 5 * (0 + 1 + 2 + 3 + 4) };
	static struct iovec iov[ENTRIES];
	static uint8_t data[TOTAL], got[TOTAL];
	int fd = memfd_create("test-util", MFD_CLOEXEC);
	size_t at = 0;

	assert_true(fd >= 0);
	secret_random(data, sizeof(data));
	for (unsigned i = 0; i < ENTRIES; at += i++ % 5)
		iov[i] = (struct iovec){ data + at, i % 5 };
	assert_int_equal(at, TOTAL);
	assert_int_equal(io_pwritev(fd, iov, ENTRIES, 7), 0);
	assert_int_equal(io_pread(fd, got, TOTAL, 7), TOTAL);
	assert_memory_equal(got, data, TOTAL);

	memset(got, 0, sizeof(got));
	at = 0;
	for (unsigned i = 0; i < ENTRIES; at += i++ % 5)
		iov[i] = (struct iovec){ got + at, i % 5 };
	assert_int_equal(io_preadv(fd, iov, ENTRIES, 7), TOTAL);
	assert_memory_equal(got, data, TOTAL);

	/* The end of the file in the second entry. */
	iov[0] = (struct iovec){ got, 60 };
	iov[1] = (struct iovec){ got + 60, 60 };
	assert_int_equal(io_preadv(fd, iov, 2, 7 + TOTAL - 100), 100);
	assert_memory_equal(got, data + TOTAL - 100, 100);
	/* So many empty ones in front that a whole call would move nothing. */
	for (unsigned i = 0; i < ENTRIES; i++)
		iov[i] = (struct iovec){ got, i == ENTRIES - 1 ? 50 : 0 };
	memset(got, 0, 50);
	assert_int_equal(io_preadv(fd, iov, ENTRIES, 7), 50);
	assert_memory_equal(got, data, 50);
	iov[0] = (struct iovec){ got, 0 };
	assert_int_equal(io_preadv(fd, iov, 1, 0), 0);
	assert_int_equal(io_preadv(fd, iov, 0, 0), 0);
	assert_int_equal(io_pwritev(fd, iov, 0, 0), 0);
	iov[0] = (struct iovec){ got, 1 };
	assert_int_equal(io_preadv(-1, iov, 1, 0), -EBADF);
	assert_int_equal(io_pwritev(-1, iov, 1, 0), -EBADF);
	close(fd);
}

static unsigned count_entries(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void expect_file(int dirfd, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	char got[64] = "";
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(io_read(fd, got, sizeof(got)), strlen(text));
	assert_memory_equal(got, text, strlen(text));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	close(fd);
}

static void io_replace(void **state)
{
	char path[] = "/tmp/test-util-XXXXXX", name[256];
	struct rlimit old, small;
	mode_t mask = umask(077);
	int dirfd, pathfd;

	assert_non_null(mkdtemp(path));
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pathfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dirfd >= 0 && pathfd >= 0);
	memset(name, 'n', 255);
	name[255] = '\0';

	/* New, with the exact mode, under the longest name. */
	assert_int_equal(io_replace_file(dirfd, name, "one", 3, 0664), 0);
	expect_file(dirfd, name, "one", 0664);
	/* In place of an old one, also by a handle that only names the directory. */
	assert_int_equal(io_replace_file(pathfd, name, "second", 6, 0400), 0);
	expect_file(dirfd, name, "second", 0400);
	assert_int_equal(count_entries(dirfd), 1);

	/* Failures leave the old file and nothing else. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(io_replace_file(dirfd, name, "third", 5, 0600), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	expect_file(dirfd, name, "second", 0400);
	assert_int_equal(count_entries(dirfd), 1);
	assert_int_equal(mkdirat(dirfd, "dir", 0700), 0);
	assert_int_equal(io_replace_file(dirfd, "dir", "x", 1, 0600), -EISDIR);
	assert_int_equal(count_entries(dirfd), 2);
	assert_int_equal(io_replace_file(dirfd, "", "x", 1, 0600), -EINVAL);
	assert_int_equal(io_replace_file(dirfd, "dir/x", "x", 1, 0600), -EINVAL);
	assert_int_equal(io_replace_file(-1, "x", "x", 1, 0600), -EBADF);

	assert_int_equal(unlinkat(dirfd, name, 0), 0);
	assert_int_equal(unlinkat(dirfd, "dir", AT_REMOVEDIR), 0);
	close(dirfd);
	close(pathfd);
	assert_int_equal(rmdir(path), 0);
	umask(mask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(io_pipe),    cmocka_unit_test(io_write_blocks),
		cmocka_unit_test(io_file),    cmocka_unit_test(io_short_write),
		cmocka_unit_test(io_vectors), cmocka_unit_test(io_replace),
		cmocka_unit_test(io_text),
	};

	if (secret_init())
		return 99;
	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
