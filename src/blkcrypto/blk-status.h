/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-status.h - the status of a bio, and what it is as an errno */
#ifndef BLKCRYPTO_BLK_STATUS_H
#define BLKCRYPTO_BLK_STATUS_H

enum blk_status {
	BLK_STS_OK = 0,
	BLK_STS_NOTSUPP,
	BLK_STS_TIMEOUT,
	BLK_STS_NOSPC,
	BLK_STS_TRANSPORT,
	BLK_STS_TARGET,
	BLK_STS_MEDIUM,
	BLK_STS_PROTECTION,
	BLK_STS_RESOURCE,
	BLK_STS_IOERR,
	BLK_STS_AGAIN,
	BLK_STS_DEV_RESOURCE,
	BLK_STS_INVAL,
	BLK_STS_OFFLINE,
	/*
	 * Not the kernel's: a backing file has failures of its own that a caller must see (EDQUOT,
	 * EFBIG, EROFS, ESTALE). Such a bio carries the errno in bi_errno.
	 */
	BLK_STS_BACKING,
};

/* 0 or -errno of a status (spec/blk-crypto.md section 17). BACKING gives -EIO here. */
int blk_status_to_errno(enum blk_status status);

/* Status of 0 or -errno; IOERR for what the table does not list. */
enum blk_status errno_to_blk_status(int err);

#endif
