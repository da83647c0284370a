/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-pm.c - a device that goes to sleep when nobody uses it, and is woken before it is asked */
#include "blkcrypto/blk-pm.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "util/histogram.h"

void blk_pm_init(struct blk_pm *pm)
{
	memset(pm, 0, sizeof(*pm));
	pthread_mutex_init(&pm->lock, NULL);
	pm->idle_since = (uint64_t)clock_ms();
}

void blk_pm_destroy(struct blk_pm *pm)
{
	pthread_mutex_destroy(&pm->lock);
}

static int suspend_locked(struct blk_pm *pm)
{
	int err = 0;

	if (atomic_load(&pm->asleep))
		return 0;
	if (pm->users > 0)
		return -EBUSY;
	if (pm->suspend)
		err = pm->suspend(pm);
	if (!err) {
		atomic_store(&pm->asleep, true);
		stat_inc(&pm->suspends);
	}
	return err;
}

/* Awake before the driver's function runs, which may use the device; asleep again if it fails. */
static int resume_locked(struct blk_pm *pm)
{
	int err = 0;

	atomic_store(&pm->asleep, false);
	stat_inc(&pm->resumes);
	if (pm->resume)
		err = pm->resume(pm);
	if (err)
		atomic_store(&pm->asleep, true);
	return err;
}

int blk_pm_get(struct blk_pm *pm)
{
	int err = 0;

	if (!pm)
		return 0;
	pthread_mutex_lock(&pm->lock);
	if (pm->autosuspend_ms > 0 && pm->users == 0 &&
	    (uint64_t)clock_ms() - pm->idle_since >= pm->autosuspend_ms)
		suspend_locked(pm);
	if (atomic_load(&pm->asleep))
		err = resume_locked(pm);
	if (!err)
		pm->users++;
	pthread_mutex_unlock(&pm->lock);
	return err;
}

void blk_pm_put(struct blk_pm *pm)
{
	if (!pm)
		return;
	pthread_mutex_lock(&pm->lock);
	pm->users--;
	if (pm->users == 0 && pm->autosuspend_ms > 0)
		pm->idle_since = (uint64_t)clock_ms();
	pthread_mutex_unlock(&pm->lock);
}

int blk_pm_suspend(struct blk_pm *pm)
{
	int err;

	pthread_mutex_lock(&pm->lock);
	err = suspend_locked(pm);
	pthread_mutex_unlock(&pm->lock);
	return err;
}

bool blk_pm_awake(const struct blk_pm *pm)
{
	return !pm || !atomic_load(&pm->asleep);
}
