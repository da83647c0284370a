/* SPDX-License-Identifier: GPL-3.0-or-later */
/* io.c - reads and writes that go to the end, and small files replaced whole */
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/secret.h"

ssize_t io_pread(int fd, void *buf, size_t len, off_t off)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)buf + done, len - done, off + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int io_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t n;

	while (len) {
		n = pwrite(fd, buf, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* No progress and no reason given: do not spin. */
		if (n == 0)
			return -EIO;
		buf = (const char *)buf + n;
		len -= (size_t)n;
		off += n;
	}
	return 0;
}

/* Drop @n bytes from the front of the list, and entries that are used up. */
static void iov_advance(struct iovec **iov, int *iovcnt, size_t n)
{
	while (*iovcnt && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*iovcnt)--;
	}
	if (n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static int iov_batch(int iovcnt)
{
	return iovcnt < IOV_MAX ? iovcnt : IOV_MAX;
}

ssize_t io_preadv(int fd, struct iovec *iov, int iovcnt, off_t off)
{
	ssize_t n, done = 0;

	/* Empty entries in front would make a 0 that is not the end of the file. */
	iov_advance(&iov, &iovcnt, 0);
	while (iovcnt) {
		n = preadv(fd, iov, iov_batch(iovcnt), off + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += n;
		iov_advance(&iov, &iovcnt, (size_t)n);
	}
	return done;
}

int io_pwritev(int fd, struct iovec *iov, int iovcnt, off_t off)
{
	ssize_t n;

	iov_advance(&iov, &iovcnt, 0);
	while (iovcnt) {
		n = pwritev(fd, iov, iov_batch(iovcnt), off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		off += n;
		iov_advance(&iov, &iovcnt, (size_t)n);
	}
	return 0;
}

ssize_t io_read(int fd, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, (char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int io_write(int fd, const void *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		buf = (const char *)buf + n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t io_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = io_read(fd, text, size - 1);
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

/* Opened anew, because @dirfd may be AT_FDCWD or O_PATH, which fsync() does not take. */
int io_sync_dir(int dirfd)
{
	int fd, err = 0;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* EINVAL: this filesystem has no such thing as syncing a directory. */
	if (fsync(fd) < 0 && errno != EINVAL)
		err = -errno;
	close(fd);
	return err;
}

static int write_new(int dirfd, const char *name, const void *buf, size_t len, mode_t mode)
{
	int fd, err;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = io_write(fd, buf, len);
	/* Not by openat(): the umask would have its say. */
	if (!err && fchmod(fd, mode) < 0)
		err = -errno;
	if (!err && fsync(fd) < 0)
		err = -errno;
	/* Network filesystems report here what they could not write. */
	if (close(fd) < 0 && !err)
		err = -errno;
	if (err)
		unlinkat(dirfd, name, 0);
	return err;
}

int io_replace_file(int dirfd, const char *name, const void *buf, size_t len, mode_t mode)
{
	/* Not made from @name: that may have the greatest length a name can have. */
	char tmp[sizeof(".fuscrypt-tmp-") + 16];
	uint64_t r;
	int err;

	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	do {
		secret_random(&r, sizeof(r));
		snprintf(tmp, sizeof(tmp), ".fuscrypt-tmp-%016llx", (unsigned long long)r);
		err = write_new(dirfd, tmp, buf, len, mode);
	} while (err == -EEXIST);
	if (err)
		return err;
	if (renameat(dirfd, tmp, dirfd, name) < 0) {
		err = -errno;
		unlinkat(dirfd, tmp, 0);
		return err;
	}
	return io_sync_dir(dirfd);
}
