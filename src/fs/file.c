/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file.c - reading: bytes to whole data units and back, in a buffer of the thread */
#include "fs/file.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/file_private.h"
#include "util/bits.h"
#include "util/compiler.h"

#define COPY_PIECE   ((size_t)1 << 20)
#define BUFFER_SMALL ((size_t)(128 << 10) + 2 * FS_MAX_DATA_UNIT)
#define BUFFER_LARGE ((size_t)(1 << 20) + 2 * FS_MAX_DATA_UNIT)

/* ---- the buffer that a thread reads into -------------------------------------------------------
 */

static pthread_key_t buffer_key; /* only for its destructor */
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;
static int buffer_key_err;
static _Thread_local struct {
	uint8_t *mem;
	size_t size;
} buffer;

static void make_buffer_key(void)
{
	buffer_key_err = -pthread_key_create(&buffer_key, free);
}

static int grow_buffer(size_t need)
{
	size_t size = BUFFER_SMALL;
	uint8_t *mem;
	int err;

	pthread_once(&buffer_once, make_buffer_key);
	if (buffer_key_err)
		return buffer_key_err;
	if (need > size)
		size = MAX(round_up(need, 4096), BUFFER_LARGE);
	mem = aligned_alloc(4096, size);
	if (mem == NULL)
		return -ENOMEM;
	err = -pthread_setspecific(buffer_key, mem);
	if (err) {
		free(mem);
		return err;
	}
	free(buffer.mem);
	buffer.mem = mem;
	buffer.size = size;
	return 0;
}

/* ---- read ---------------------------------------------------------------------------------------
 */

int fs_file_read_held(struct fs_file *file, uint64_t off, size_t len, void *buf, size_t cap,
		      const void **ret_data, size_t *ret_len)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	uint64_t start, end, stop, size;
	struct rangelock_held held;
	struct fs_file_map map;
	struct iovec iov;
	int err;

	err = fs_file_map(inode, FS_BAR_READS, &map);
	if (err)
		return err;
	size = opened->size;
	if (off >= size || len == 0) {
		*ret_data = "";
		*ret_len = 0;
		return 0;
	}
	end = len < size - off ? off + len : size;
	start = round_down(off, map.du);
	stop = map.info != NULL ? round_up(end, map.du) : end;
	if (buf == NULL || stop - start > cap) {
		err = stop - start > buffer.size ? grow_buffer(stop - start) : 0;
		if (err)
			return err;
		buf = buffer.mem;
	}
	iov.iov_base = buf;
	iov.iov_len = stop - start;

	rangelock_lock(&opened->range, &held, start, round_up(stop, map.du), false);
	err = fs_file_submit(file, &map, REQ_OP_READ, start, &iov, 1, iov.iov_len, NULL);
	rangelock_unlock(&opened->range, &held);
	if (err)
		return err;
	*ret_data = (const uint8_t *)buf + (off - start);
	*ret_len = end - off;
	return 0;
}

int fs_file_read(struct fs_file *file, uint64_t off, size_t len, void *buf, size_t cap,
		 const void **ret_data, size_t *ret_len)
{
	struct fs_opened *opened = fs_opened(file->inode);
	int err;

	err = fs_file_refresh_shared(file);
	if (err)
		return err;
	pthread_rwlock_rdlock(&opened->size_lock);
	err = fs_file_read_held(file, off, len, buf, cap, ret_data, ret_len);
	pthread_rwlock_unlock(&opened->size_lock);
	return err;
}

/* ---- copy ---------------------------------------------------------------------------------------
 */

int fs_file_copy(struct fs_file *in, uint64_t off_in, struct fs_file *out, uint64_t off_out,
		 uint64_t len, uint64_t *ret_copied)
{
	uint64_t done = 0, distance;
	const void *data;
	size_t n;
	int err;

	distance = off_in < off_out ? off_out - off_in : off_in - off_out;
	if (in->inode == out->inode && distance < len)
		return -EINVAL;

	while (done < len) {
		size_t want = MIN(len - done, COPY_PIECE);

		err = fs_file_read(in, off_in + done, want, NULL, 0, &data, &n);
		if (!err && n > 0)
			err = fs_file_write(out, off_out + done, data, n);
		if (err) {
			/* What is copied is copied; the error comes back with the next try. */
			if (done > 0)
				break;
			return err;
		}
		done += n;
		if (n < want)
			break;
	}
	*ret_copied = done;
	return 0;
}
