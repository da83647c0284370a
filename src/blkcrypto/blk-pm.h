/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-pm.h - a device that goes to sleep when nobody uses it, and is woken before it is asked */
#ifndef BLKCRYPTO_BLK_PM_H
#define BLKCRYPTO_BLK_PM_H

#include <pthread.h>
#include <stdbool.h>

#include "util/stats.h"

/*
 * The power state of one device. Who needs it awake holds a use; without a use it may sleep. There
 * is no timer: whether the idle time has run out is looked at when somebody comes, who then finds
 * the device as a timer would have left it.
 */
struct blk_pm {
	/* public: both called under the lock of this object, with no use of it held; both may
	 * call blk_crypto_reprogram_all_keys(). 0 or -errno; NULL: nothing to do. */
	int (*suspend)(struct blk_pm *pm);
	int (*resume)(struct blk_pm *pm);
	unsigned autosuspend_ms; /* idle milliseconds after which it sleeps; 0: never by itself */
	stat_counter suspends, resumes;

	/* private: blk-pm.c */
	pthread_mutex_t lock;
	unsigned users;	     /* Protected by lock */
	atomic_bool asleep;  /* Written under lock */
	uint64_t idle_since; /* ms of the monotonic clock; protected by lock */
};

void blk_pm_init(struct blk_pm *pm);	/* awake; the public fields zero */
void blk_pm_destroy(struct blk_pm *pm); /* no use is held */

/*
 * Wake it if it sleeps, and keep it awake until blk_pm_put(). 0 or what resume said: then it still
 * sleeps and no use is held. @pm NULL: 0. Context: may sleep; outside of a profile's locks.
 */
int blk_pm_get(struct blk_pm *pm);
void blk_pm_put(struct blk_pm *pm); /* NULL is fine. Context: any */

/* Put it to sleep now. 0 (also when it sleeps), -EBUSY with users, or what suspend said. */
int blk_pm_suspend(struct blk_pm *pm);

/* True when awake; for assertions by those who hold a use, and for status. @pm NULL: true. */
bool blk_pm_awake(const struct blk_pm *pm);

#endif
