/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-recorder.h - a device that writes down its requests, and may answer them later */
#ifndef TESTS_UNIT_BLK_RECORDER_H
#define TESTS_UNIT_BLK_RECORDER_H

#include "blk-test.h"

#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-request.h"

#define UNIT	 512
#define MAX_SEEN 64

struct seen {
	enum bio_op op;
	uint64_t sector;
	size_t size, head_size;
	unsigned bios;
	const struct blk_crypto_key *key;
	uint64_t dun;
	int slot; /* -1: none */
};

static struct recorder {
	struct blk_device dev;
	struct blk_crypto_profile profile;
	struct seen seen[MAX_SEEN];
	unsigned num_seen;
	bool later; /* keep the requests */
	struct blk_request *kept[MAX_SEEN];
	unsigned num_kept;
	int err, program_err;
} rec;

static inline void rec_queue_rq(struct blk_device *dev, struct blk_request *rq)
{
	struct seen *seen = &rec.seen[rec.num_seen++ % MAX_SEEN];
	struct blk_request_iter iter = blk_request_iter_begin(rq);
	struct iovec seg;
	size_t size = 0;

	while (blk_request_iter_next(&iter, SIZE_MAX, &seg))
		size += seg.iov_len;
	assert_false(blk_request_iter_next(&iter, SIZE_MAX, &seg));
	assert_int_equal(size, rq->size);
	*seen = (struct seen){
		.op = rq->op,
		.sector = rq->sector,
		.size = rq->size,
		.head_size = rq->head_size,
		.key = rq->crypt_ctx.bc_key,
		.dun = rq->crypt_ctx.bc_key ? rq->crypt_ctx.bc_dun[0] : 0,
		.slot = rq->keyslot ? (int)blk_crypto_keyslot_index(rq->keyslot) : -1,
	};
	for (struct bio *bio = rq->bios; bio; bio = bio->bi_next)
		seen->bios++;
	if (rec.later)
		rec.kept[rec.num_kept++] = rq;
	else
		blk_request_end(rq, rec.err);
}

static inline int rec_program(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			      unsigned slot)
{
	return rec.program_err;
}

static inline int rec_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			    unsigned slot)
{
	return 0;
}

static inline void rec_open(unsigned slots)
{
	static const struct blk_device_type type = { .name = "rec", .queue_rq = rec_queue_rq };

	memset(&rec, 0, sizeof(rec));
	rec.dev.type = &type;
	rec.dev.crypto_profile = &rec.profile;
	assert_int_equal(blk_crypto_profile_init(&rec.profile, slots), 0);
	rec.profile.ll_ops.keyslot_program = rec_program;
	rec.profile.ll_ops.keyslot_evict = rec_evict;
	rec.profile.max_dun_bytes_supported = 32;
	rec.profile.key_types_supported = BLK_CRYPTO_KEY_TYPE_RAW;
	rec.profile.modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS] = ~0u;
}

static inline void rec_close(void)
{
	blk_crypto_profile_destroy(&rec.profile);
}

/* A bio of one segment whose end is counted. */
struct one {
	struct bio bio;
	struct iovec iov;
	uint8_t buf[4 * UNIT];
	unsigned ended;
};

/* Users of all slots, as the ends of bios have seen them. */
static unsigned users_at_end;

static inline void count_users(unsigned slot, const struct blk_crypto_key *key, unsigned users,
			       void *arg)
{
	*(unsigned *)arg += users;
}

static inline void one_end_io(struct bio *bio)
{
	struct one *one = container_of(bio, struct one, bio);

	one->ended++;
	blk_crypto_profile_for_each_slot(&rec.profile, count_users, &users_at_end);
}

static inline void one_init(struct one *one, enum bio_op op, uint64_t unit, unsigned units,
			    const struct blk_crypto_key *key, uint64_t dun)
{
	uint64_t full[BLK_CRYPTO_DUN_ARRAY_SIZE] = { dun };

	one->ended = 0;
	one->iov = (struct iovec){ .iov_base = one->buf, .iov_len = (size_t)units * UNIT };
	bio_init(&one->bio, &rec.dev, NULL, op, unit, &one->iov, 1);
	one->bio.bi_end_io = one_end_io;
	if (key)
		bio_crypt_set_ctx(&one->bio, key, full);
}

#endif
