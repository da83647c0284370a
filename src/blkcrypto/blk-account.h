/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-account.h - what each device of a stack was given, and how long it took */
#ifndef BLKCRYPTO_BLK_ACCOUNT_H
#define BLKCRYPTO_BLK_ACCOUNT_H

#include "blkcrypto/bio.h"

struct blk_device;

/*
 * Around the way of a bio through a device, by blk_crypto_submit_bio() and bio_endio(): no device
 * has to do anything. A device that hands the bio itself on and takes its completion before the
 * devices above may know (blk-crypt-engine.c) raises bi_account_base for as long.
 * Context: any; relaxed counters and a reading of the clock each.
 */
void blk_account_start(struct blk_device *bdev, struct bio *bio);
void blk_account_end(struct bio *bio);

#endif
