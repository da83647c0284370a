/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bio.h - one read or write of consecutive sectors of one backing file */
#ifndef BLKCRYPTO_BIO_H
#define BLKCRYPTO_BIO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "blkcrypto/blk-status.h"

#define SECTOR_SHIFT	9
#define SECTOR_SIZE	(1u << SECTOR_SHIFT)
#define BIO_MAX_VECS	256
#define BIO_ACCOUNT_MAX 16 /* devices of a stack that are timed */

#define BLK_CRYPTO_MAX_IV_SIZE	  32
#define BLK_CRYPTO_DUN_ARRAY_SIZE (BLK_CRYPTO_MAX_IV_SIZE / sizeof(uint64_t))

struct bio;
struct blk_crypto_key;
struct blk_crypto_keyslot;
struct blk_device;

enum bio_op {
	REQ_OP_READ,
	REQ_OP_WRITE,
	REQ_OP_FLUSH, /* no data: fdatasync of bi_file; BIO_FLUSH_META: fsync */
};

#define REQ_OP_COUNT 3

enum {
	/*
	 * A data unit that is all zero in the store is a hole: it reads as zeros and is not
	 * decrypted. Set by the owner of a sparse format; every engine honours it on reads.
	 */
	BIO_ZERO_UNIT_IS_HOLE = 1u << 0,
	BIO_FLUSH_META = 1u << 1,
};

/*
 * The backing object of a bio: what bi_bdev alone is in the kernel, because under a mount each file
 * is its own address space. Owned by the filesystem, which keeps it open until its bios are done.
 */
struct blk_file {
	int fd;
};

/*
 * The encryption of a bio: a key and the data unit number of its first data unit, least significant
 * limb first. Writes encrypt, reads decrypt. A bio has room for its own, so that attaching one
 * cannot fail.
 */
struct bio_crypt_ctx {
	const struct blk_crypto_key *bc_key;
	uint64_t bc_dun[BLK_CRYPTO_DUN_ARRAY_SIZE];
};

/*
 * One or more bios that a device serves in one piece: alike, one behind the other. It lives in one
 * of its bios, which is completed last. Devices get it by queue_rq; blk-request.h has the rest.
 */
struct blk_request {
	struct blk_device *bdev;
	struct blk_file *file;
	enum bio_op op;
	unsigned flags;	  /* bi_flags of all its bios */
	uint64_t sector;  /* of the first bio */
	size_t size;	  /* of all, bytes */
	unsigned vcnt;	  /* segments of all */
	const void *head; /* the first bio's bi_head */
	size_t head_size;
	struct bio_crypt_ctx crypt_ctx;	    /* a copy of the first bio's; bc_key NULL: plain */
	struct blk_crypto_keyslot *keyslot; /* from dispatch to completion; NULL without slots */
	struct bio *bios, *last_bio;	    /* in order, by bi_next */
	struct blk_request *next;	    /* private: in a plug */
};

/*
 * A bio lives in its submitter's memory (on the stack as a rule) and belongs to the engine from
 * blk_crypto_submit_bio() until bi_end_io is called, exactly once, possibly before submit returns.
 */
struct bio {
	/* public: */
	struct blk_device *bi_bdev;
	struct blk_file *bi_file;
	enum bio_op bi_op;
	unsigned bi_flags;
	uint64_t bi_sector; /* 512-byte units in bi_file */
	/*
	 * Memory: bi_size bytes from bi_skip of the first vector on. What is left of the last one
	 * is not the bio's: walk with bio_iter. The vectors are never changed. With a context, each
	 * segment is a multiple of the data unit size; the memory may lie anywhere.
	 */
	const struct iovec *bi_iov;
	unsigned bi_vcnt;
	size_t bi_skip; /* bytes; 0 but for what was split or advanced */
	size_t bi_size; /* bytes */
	/*
	 * Plain bytes to be stored directly in front of bi_sector in the same write (a file's
	 * header, with its first data). Not encrypted, not part of bi_size. Writes only.
	 */
	const void *bi_head;
	size_t bi_head_size;
	struct bio_crypt_ctx *bi_crypt_context; /* NULL, or the bio's own bi_crypt_mem */
	enum blk_status bi_status;
	int bi_errno; /* with BLK_STS_BACKING: -errno */
	void (*bi_end_io)(struct bio *bio);
	void *bi_private;

	/* private: */
	bool bi_counted;	    /* in its key's in_flight */
	bool bi_is_chained;	    /* bi_remaining counts */
	atomic_uint bi_remaining;   /* itself and its children; bio_chain() */
	_Atomic int bi_chain_errno; /* the first error of a child */
	struct bio *bi_next;	    /* in a request */
	/*
	 * blk-account.c. Devices that have the bio, outermost first, and since when; those from
	 * base on are done with it at the next completion.
	 */
	unsigned bi_account_base, bi_account_depth;
	/* What follows is written before it is read. */
	struct {
		struct blk_device *bdev;
		uint64_t since; /* ns */
	} bi_account[BIO_ACCOUNT_MAX];
	struct bio_crypt_ctx bi_crypt_mem;
	struct blk_request bi_request;
};

/* All fields zero but these. */
void bio_init(struct bio *bio, struct blk_device *bdev, struct blk_file *file, enum bio_op op,
	      uint64_t sector, const struct iovec *iov, unsigned vcnt);

/* ---- taking bios apart -------------------------------------------------------------------- */

/* A place in the memory of a bio. */
struct bio_iter {
	const struct iovec *iov;
	size_t skip; /* bytes of *iov that are behind us */
	size_t left; /* bytes of the bio that are before us */
};

static inline struct bio_iter bio_iter_begin(const struct bio *bio)
{
	return (struct bio_iter){ .iov = bio->bi_iov, .skip = bio->bi_skip, .left = bio->bi_size };
}

/* The next piece of at most @max bytes of one segment; false at the end. */
bool bio_iter_next(struct bio_iter *iter, size_t max, struct iovec *ret_seg);

/* Each segment of @bio in turn. */
#define bio_for_each_segment(seg, bio, iter) \
	for ((iter) = bio_iter_begin(bio); bio_iter_next(&(iter), SIZE_MAX, &(seg));)

/*
 * Leave out the first @bytes, a multiple of the sector and data unit sizes, at most bi_size.
 * Sector, memory and data unit number move on; a head is left out with them.
 */
void bio_advance(struct bio *bio, size_t bytes);

/*
 * Make @front of the first @bytes of @bio, without bi_end_io, and leave the rest in @bio. The head
 * goes with the front. 0, or -EINVAL when @bytes is not a multiple of the sector and data unit
 * sizes, or leaves either part empty. @front refers to the vectors of @bio.
 */
int bio_split(struct bio *bio, size_t bytes, struct bio *front);

/* Make @clone of all of @bio, context included, for @bdev, without bi_end_io. Same memory. */
void bio_clone(const struct bio *bio, struct bio *clone, struct blk_device *bdev);

/*
 * @parent completes when it and @child have, with the first error of either. Sets bi_end_io of
 * @child. Before either is submitted; a parent may have many children.
 */
void bio_chain(struct bio *child, struct bio *parent);

/* ---- completion --------------------------------------------------------------------------- */

/*
 * Complete @bio: with its bi_status, with @status, or with 0/-errno (keeping a backing's errno).
 * The latter two count an error on bi_bdev, which a layered device may have changed by then.
 */
void bio_endio(struct bio *bio);
void bio_end_status(struct bio *bio, enum blk_status status);
void bio_end_errno(struct bio *bio, int err);

/* 0 or -errno of a completed bio; and the other way, keeping what the table does not list. */
int bio_errno(const struct bio *bio);
void bio_set_errno(struct bio *bio, int err);

/*
 * Submit and wait. Returns 0 or -errno. Sets bi_end_io and bi_private. The ordinary way in for a
 * filesystem thread: with a bottom device that completes in the caller's thread nothing sleeps.
 */
int submit_bio_wait(struct bio *bio);

#endif
