/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file-units.c - data units of an open file as bios */
#include "fs/file_private.h"

#include <errno.h>
#include <string.h>

#include "blkcrypto/blk-request.h"
#include "fs/context.h"
#include "util/bits.h"
#include "util/compiler.h"

#define ZEROS_VECS 64u
static const uint8_t zeros[4096];

int fs_file_map(const struct fs_inode *inode, enum fs_bar bar, struct fs_file_map *ret_map)
{
	if (unlikely(atomic_load(&inode->use->reg.bar) >= (int)bar))
		return -ENOKEY;
	switch ((enum fs_crypt_state)atomic_load(&inode->crypt)) {
	case FS_CRYPT_PLAIN:
		*ret_map = (struct fs_file_map){ .info = NULL, .du = SECTOR_SIZE, .base = 0 };
		return 0;
	case FS_CRYPT_ENCRYPTED:
		if (inode->use->info == NULL)
			return -ENOKEY;
		*ret_map = (struct fs_file_map){
			.info = inode->use->info,
			.du = fscrypt_info_data_unit_size(inode->use->info),
			.base = STORE_HEADER_SIZE,
		};
		return ret_map->du <= FS_MAX_DATA_UNIT ? 0 : -EINVAL;
	case FS_CRYPT_BAD:
		return inode->use->crypt_err;
	default:
		return -EIO;
	}
}

/*
 * Two bios where the data unit numbers begin again after @n bytes: of a write first the one and
 * then, if that was good, the other; of a read both at once, and what is below the encryption may
 * make one request of them. There is no second such place in a bio: it is 2^32 data units away.
 */
static int submit_cut(struct bio *bio, const struct fs_file_map *map, uint64_t pos, size_t n)
{
	struct blk_plug plug;
	struct bio front;
	int err;

	err = bio_split(bio, n, &front);
	if (err)
		return err;
	fscrypt_set_bio_crypt_ctx(map->info, &front, pos / map->du);
	fscrypt_set_bio_crypt_ctx(map->info, bio, (pos + n) / map->du);
	if (bio->bi_op == REQ_OP_WRITE) {
		err = submit_bio_wait(&front);
		return err ? err : submit_bio_wait(bio);
	}
	bio_chain(&front, bio);
	blk_start_plug(&plug);
	blk_crypto_submit_bio(&front);
	err = submit_bio_wait(bio);
	blk_finish_plug(&plug);
	return err;
}

int fs_file_submit(struct fs_file *file, const struct fs_file_map *map, enum bio_op op,
		   uint64_t pos, const struct iovec *iov, unsigned vcnt, size_t size,
		   const void *head)
{
	struct bio bio;
	size_t n;

	bio_init(&bio, file->inode->sb->bdev, &file->backing, op, (map->base + pos) >> SECTOR_SHIFT,
		 iov, vcnt);
	if (head != NULL) {
		bio.bi_head = head;
		bio.bi_head_size = STORE_HEADER_SIZE;
	}
	if (map->info == NULL)
		return submit_bio_wait(&bio);
	if (op == REQ_OP_READ)
		bio.bi_flags |= BIO_ZERO_UNIT_IS_HOLE;
	n = fscrypt_contiguous_bytes(map->info, pos / map->du, size);
	if (unlikely(n != size))
		return submit_cut(&bio, map, pos, n);
	fscrypt_set_bio_crypt_ctx(map->info, &bio, pos / map->du);
	return submit_bio_wait(&bio);
}

int fs_file_read_unit(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
		      uint64_t size, uint8_t *buf)
{
	struct iovec iov = { .iov_base = buf, .iov_len = map->du };
	int err;

	if (pos >= size) {
		memset(buf, 0, map->du);
		return 0;
	}
	/* Whole units are stored up to the size; a plain file ends where it ends. */
	if (map->info == NULL)
		iov.iov_len = MIN(size - pos, map->du);
	err = fs_file_submit(file, map, REQ_OP_READ, pos, &iov, 1, iov.iov_len, NULL);
	if (err)
		return err;
	if (size - pos < map->du)
		memset(buf + (size - pos), 0, map->du - (size - pos));
	return 0;
}

int fs_file_write_unit(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
		       const uint8_t *buf)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = map->du };

	return fs_file_submit(file, map, REQ_OP_WRITE, pos, &iov, 1, map->du, NULL);
}

int fs_file_write_zeros(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
			uint64_t len)
{
	/* Past the cipher on purpose: it is the ciphertext that must be zero. */
	struct fs_file_map raw = { .info = NULL, .du = SECTOR_SIZE, .base = map->base };
	uint64_t lead = pos % SECTOR_SIZE; /* in a plain file; bios begin with a sector */
	struct iovec iov[ZEROS_VECS];
	uint8_t sector[SECTOR_SIZE];
	unsigned n = 0;
	int err;

	if (lead > 0) {
		iov[n].iov_base = sector;
		iov[n++].iov_len = lead;
		pos -= lead;
		len += lead;
		err = fs_file_submit(file, &raw, REQ_OP_READ, pos, iov, n, lead, NULL);
		if (err)
			return err;
	}
	while (len > 0) {
		size_t size = MIN(len, sizeof(zeros) * (ZEROS_VECS - 1)), left = size - lead;

		for (; left > 0; n++) {
			iov[n].iov_base = (void *)zeros;
			iov[n].iov_len = MIN(left, sizeof(zeros));
			left -= iov[n].iov_len;
		}
		err = fs_file_submit(file, &raw, REQ_OP_WRITE, pos, iov, n, size, NULL);
		if (err)
			return err;
		pos += size;
		len -= size;
		lead = n = 0;
	}
	return 0;
}

int fs_file_write_header(struct fs_file *file)
{
	struct fs_file_map raw = { .info = NULL, .du = SECTOR_SIZE, .base = 0 };
	struct fs_inode *inode = file->inode;
	uint8_t block[STORE_HEADER_SIZE];
	struct iovec iov = { .iov_base = block, .iov_len = sizeof(block) };
	int err;

	fs_context_header_block(inode, block);
	err = fs_file_submit(file, &raw, REQ_OP_WRITE, 0, &iov, 1, sizeof(block), NULL);
	if (err) {
		/* A part of a header would make the empty file a corrupt one. */
		if (fs_opened(inode)->size == 0)
			fs_file_set_st_size(file, 0);
		return err;
	}
	inode->use->ctx_stored = true;
	return 0;
}
