/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-keys.c - keys from the kernel's keyrings: looked at once a second, and by number */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/ll/ll.h"
#include "util/keyctl.h"
#include "util/log.h"
#include "util/thread.h"

#define PERIOD_SECS 1
#define BATCH	    64

/*
 * A clock, which only runs while there are such keys: nobody is told when one of the kernel's ends.
 * What there is to do then is the notifier's, as for any other lock.
 */
struct ll_keys {
	struct ll_session *s;
	struct work work;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_t thread; /* Protected by mutex, as all below */
	bool started, stop;
	bool came;     /* a key, since the notifier looked */
	bool queued;   /* the notifier is going to look */
	bool watching; /* there are keys that may end */
};

static void lock_tree(struct ll_session *s, const struct fscrypt_key_specifier *spec)
{
	const struct fscrypt_caller owner = { .fsuid = s->sb->owner, .cap_sys_admin = true };
	uint32_t flags = 0;
	bool evict = false;
	int err = fscrypt_remove_key(s->sb->fsc, &owner, spec, false, &evict, &flags);

	if (err == 0 && evict) {
		(void)ll_lock_evict(s, spec);
		fscrypt_finish_removal(s->sb->fsc, spec, &flags);
	}
	/* As long as files are in use it is tried again. Whoever else has added the key keeps it.
	 */
	if (err < 0 || !(flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY))
		fscrypt_kernel_key_left(s->sb->fsc, spec);
}

/* On the notifier. */
static void look(struct work *work)
{
	struct ll_keys *k = container_of(work, struct ll_keys, work);
	struct fscrypt_key_specifier gone[BATCH];
	bool came, watching;
	size_t count;

	pthread_mutex_lock(&k->mutex);
	came = k->came;
	k->came = k->queued = false;
	pthread_mutex_unlock(&k->mutex);
	if (came)
		ll_notify_keys_changed(k->s);
	(void)fscrypt_kernel_keys_check(k->s->sb->fsc, gone, BATCH, &count);
	for (size_t i = 0; i < count; i++)
		lock_tree(k->s, &gone[i]);
	watching = fscrypt_kernel_keys_check(k->s->sb->fsc, NULL, 0, &count);
	pthread_mutex_lock(&k->mutex);
	/* One that came meanwhile has queued us again. */
	k->watching = watching || k->came;
	pthread_mutex_unlock(&k->mutex);
}

static void queue_locked(struct ll_keys *k)
{
	if (k->queued || k->stop)
		return;
	k->queued = true;
	workqueue_queue(k->s->notifier, &k->work);
}

static void *tick(void *arg)
{
	struct ll_keys *k = arg;
	struct timespec until;

	pthread_mutex_lock(&k->mutex);
	while (!k->stop) {
		if (!k->watching) {
			pthread_cond_wait(&k->cond, &k->mutex);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += PERIOD_SECS;
		while (!k->stop && pthread_cond_timedwait(&k->cond, &k->mutex, &until) != ETIMEDOUT)
			;
		queue_locked(k);
	}
	pthread_mutex_unlock(&k->mutex);
	return NULL;
}

/* Of any thread: a key has just unlocked something. */
static void key_came(void *arg)
{
	struct ll_keys *k = arg;

	pthread_mutex_lock(&k->mutex);
	k->came = k->watching = true;
	queue_locked(k);
	if (!k->started && !k->stop) {
		k->started = thread_create(&k->thread, tick, k) == 0;
		if (!k->started)
			log_warn("no thread to watch keys of the kernel's keyrings: they stay");
	}
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->mutex);
}

int ll_keys_create(struct ll_session *s)
{
	struct ll_keys *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;

	if (!k)
		return -ENOMEM;
	k->s = s;
	k->work.fn = look;
	pthread_mutex_init(&k->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->cond, &attr);
	pthread_condattr_destroy(&attr);
	s->keys = k;
	fscrypt_kernel_keys_enable(s->sb->fsc, key_came, k);
	return 0;
}

void ll_keys_stop(struct ll_session *s)
{
	struct ll_keys *k = s->keys;
	bool started;

	if (!k)
		return;
	pthread_mutex_lock(&k->mutex);
	k->stop = true;
	started = k->started;
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->mutex);
	if (started)
		pthread_join(k->thread, NULL);
}

void ll_keys_destroy(struct ll_session *s)
{
	struct ll_keys *k = s->keys;

	if (!k)
		return;
	fscrypt_kernel_keys_enable(s->sb->fsc, NULL, NULL);
	pthread_cond_destroy(&k->cond);
	pthread_mutex_destroy(&k->mutex);
	free(k);
	s->keys = NULL;
}

int ll_key_by_id(const struct fs_caller *who, uint32_t id, uint8_t *raw, size_t cap,
		 uint32_t *ret_size)
{
	char text[256];
	unsigned uid;
	int n;

	/* Special numbers stand for keyrings, and here for ours. */
	if (id > INT32_MAX)
		return -EKEYREJECTED;
	n = keyctl_describe((int)id, text, sizeof(text));
	if (n < 0)
		return n;
	if (strncmp(text, "user;", 5) != 0 || sscanf(text + 5, "%u;", &uid) != 1) {
		if (strncmp(text, "fscrypt-provisioning;", 21) != 0)
			return -EKEYREJECTED;
		log_warn("key %u was given by its number: the payload of an fscrypt-provisioning "
			 "key is for the kernel alone: use a key of type user, or its bytes",
			 id);
		return -EOPNOTSUPP;
	}
	/* What we may read he may perhaps not. */
	if (uid != who->cred.uid && !who->cap_sys_admin)
		return -EACCES;
	n = keyctl_read((int)id, raw, cap);
	if (n == -EACCES)
		log_warn("key %u was given by its number, and is in no keyring of this mount's: "
			 "link it to its owner's user keyring, or let its user read it",
			 id);
	if (n < 0)
		return n;
	/* A longer one is no master key, and what is in @raw is not all of it. */
	*ret_size = (uint32_t)n;
	return 0;
}
