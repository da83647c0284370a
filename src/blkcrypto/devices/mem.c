/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mem.c - a bottom device in memory, one file for all bios: for tests */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blkcrypto/blk-request.h"
#include "blkcrypto/devices/devices.h"

struct mem {
	pthread_rwlock_t lock;
	uint8_t *data; /* Protected by lock, as are the next two */
	size_t size;
	size_t allocated;
	uint64_t limit; /* bytes; writes past it are ENOSPC */
};

static int mem_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "size", NULL };
	const char *size = blk_device_opt_get(opts, "size");
	unsigned long limit = SIZE_MAX;
	struct mem *mem;
	char *end;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (err)
		return err;
	if (size) {
		errno = 0;
		limit = strtoul(size, &end, 10);
		if (errno || *end || *size < '0' || *size > '9')
			return blk_device_fail(ret_why, -EINVAL, "size=%s is not a number of bytes",
					       size);
	}
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return -ENOMEM;
	pthread_rwlock_init(&mem->lock, NULL);
	mem->limit = limit;
	dev->space = BLK_SPACE_OWN;
	dev->private = mem;
	return 0;
}

static void mem_close(struct blk_device *dev)
{
	struct mem *mem = dev->private;

	pthread_rwlock_destroy(&mem->lock);
	free(mem->data);
	free(mem);
}

static void mem_read(struct mem *mem, const struct blk_request *rq)
{
	struct blk_request_iter iter = blk_request_iter_begin(rq);
	uint64_t pos = rq->sector << SECTOR_SHIFT;
	struct iovec seg;

	pthread_rwlock_rdlock(&mem->lock);
	while (blk_request_iter_next(&iter, SIZE_MAX, &seg)) {
		size_t n = pos < mem->size ? MIN(seg.iov_len, mem->size - pos) : 0;

		if (n > 0)
			memcpy(seg.iov_base, mem->data + pos, n);
		memset((char *)seg.iov_base + n, 0, seg.iov_len - n);
		pos += seg.iov_len;
	}
	pthread_rwlock_unlock(&mem->lock);
}

static int mem_grow_locked(struct mem *mem, size_t size)
{
	if (size > mem->allocated) {
		size_t allocated = MAX(size, 2 * mem->allocated);
		uint8_t *data = realloc(mem->data, allocated);

		if (!data)
			return -ENOMEM;
		mem->data = data;
		mem->allocated = allocated;
	}
	if (size > mem->size) {
		memset(mem->data + mem->size, 0, size - mem->size);
		mem->size = size;
	}
	return 0;
}

static int mem_write(struct mem *mem, const struct blk_request *rq)
{
	struct blk_request_iter iter = blk_request_iter_begin(rq);
	uint64_t pos = (rq->sector << SECTOR_SHIFT) - rq->head_size;
	uint64_t end = pos + rq->head_size + rq->size;
	struct iovec seg;
	int err;

	if (end < pos || end > mem->limit)
		return -ENOSPC;
	pthread_rwlock_wrlock(&mem->lock);
	err = mem_grow_locked(mem, end);
	if (err)
		goto unlock;
	if (rq->head_size > 0)
		memcpy(mem->data + pos, rq->head, rq->head_size);
	pos += rq->head_size;
	while (blk_request_iter_next(&iter, SIZE_MAX, &seg)) {
		memcpy(mem->data + pos, seg.iov_base, seg.iov_len);
		pos += seg.iov_len;
	}
unlock:
	pthread_rwlock_unlock(&mem->lock);
	return err;
}

static void mem_queue_rq(struct blk_device *dev, struct blk_request *rq)
{
	int err = 0;

	if (rq->op == REQ_OP_READ)
		mem_read(dev->private, rq);
	else if (rq->op == REQ_OP_WRITE)
		err = mem_write(dev->private, rq);
	blk_request_end(rq, err);
}

const uint8_t *dev_mem_data(struct blk_device *dev, size_t *ret_size)
{
	struct mem *mem = dev->private;

	*ret_size = mem->size;
	return mem->data;
}

const struct blk_device_type dev_mem_type = {
	.name = "mem",
	.help = "one file in memory, forgotten at the end: for tests (size=BYTES)",
	.open = mem_open,
	.close = mem_close,
	.queue_rq = mem_queue_rq,
};
