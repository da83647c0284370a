/* SPDX-License-Identifier: GPL-3.0-or-later */
/* io.h - reads and writes that go to the end, and small files taken whole */
#ifndef UTIL_IO_H
#define UTIL_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Read up to @len bytes at @off, going on after short reads and EINTR.
 * Returns the count (less than @len only at end of file) or -errno.
 */
ssize_t io_pread(int fd, void *buf, size_t len, off_t off);

/* Write all of @len bytes at @off. Returns 0 or -errno (the file may hold a part). */
int io_pwrite(int fd, const void *buf, size_t len, off_t off);

/* As io_pread(), into/from @iov. @iov is modified. io_pwritev() writes everything or fails. */
ssize_t io_preadv(int fd, struct iovec *iov, int iovcnt, off_t off);
int io_pwritev(int fd, struct iovec *iov, int iovcnt, off_t off);

/* Read from a pipe, socket or file until end or @len. Returns the count or -errno. */
ssize_t io_read(int fd, void *buf, size_t len);
int io_write(int fd, const void *buf, size_t len);

/*
 * What a small file (of /proc, of /sys) says, as a string of at most @size - 1 bytes. Returns its
 * length or -errno.
 */
ssize_t io_read_text(const char *path, char *text, size_t size);

/*
 * What has been made, renamed or removed in directory @dirfd, which may be AT_FDCWD or O_PATH,
 * stays after a crash. Returns 0, also where directories have no such thing, or -errno.
 */
int io_sync_dir(int dirfd);

/*
 * Replace @name in directory @dirfd by @len bytes at @buf so that a crash leaves the old or the new
 * file: written under a temporary name (.fuscrypt-tmp-*, which a crash may leave behind), fsynced,
 * renamed, directory fsynced. @mode is exact, whatever the umask. @dirfd may be AT_FDCWD or O_PATH;
 * @name must be one component, else -EINVAL. Returns 0 or -errno; after an error of the last step
 * the new file is in place but may not survive a crash.
 */
int io_replace_file(int dirfd, const char *name, const void *buf, size_t len, mode_t mode);

#endif
