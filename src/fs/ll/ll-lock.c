/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-lock.c - a key's tree is locked: the kernel's pages and names of it go, then the keys */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/backing.h"
#include "fs/context.h"
#include "fs/evict.h"
#include "fs/ll/ll.h"
#include "fs/negative.h"
#include "util/log.h"

/*
 * What is after ll_lock_begin() runs on the notifier, under no lock (ll-notify.c says why). The
 * kernel may be asked for names and pages of the tree meanwhile, and by the daemon for more of them
 * than it had at first: so the order is always first to refuse, then to take back.
 */

/* A writer in the midst of a large write(2) goes on: as often its pages are taken from it. */
#define DROP_TRIES 100

/* For FORGETs: how often they are looked for, how often in vain, how often at most in vain while
 * the workers have more to do. */
#define TRY_NSECS   2000000
#define QUIET_TRIES 10
#define MOST_TRIES  500

struct victim {
	struct fs_inode *inode; /* referenced */
	unsigned depth;
};

struct victims {
	const struct fscrypt_key_specifier *spec;
	struct victim *list;
	size_t num, cap;
};

static unsigned depth_of(struct fs_inode *inode)
{
	struct fs_inode *up = fs_inode_parent(inode);
	unsigned depth = 0;

	while (up) {
		struct fs_inode *next = fs_inode_parent(up);

		depth++;
		fs_inode_put(up);
		up = next;
	}
	return depth;
}

/* Inodes of the key's tree that the kernel knows: their names pin the directories above them. */
static void collect(struct fs_inode *inode, void *arg)
{
	struct victims *v = arg;

	if (!fs_inode_is_pinned(inode))
		return;
	if (v->num == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 256;
		struct victim *list = realloc(v->list, cap * sizeof(*list));

		if (!list)
			return; /* stays busy, and is reported so */
		v->list = list;
		v->cap = cap;
	}
	fs_inode_ref(inode);
	v->list[v->num++] = (struct victim){ inode, depth_of(inode) };
}

static int deeper_first(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;

	return x->depth < y->depth ? 1 : x->depth > y->depth ? -1 : 0;
}

/*
 * Made since it was asked for, and known to the kernel: not absent, perhaps somebody's working
 * directory. One that exists and is not known was asked for without the key.
 */
static bool known_by_now(struct fs_inode *dir, const char *name)
{
	int dirfd = fs_dir_enter(dir, false);
	struct fs_inode *inode = NULL;
	struct fs_name stored;
	struct statx stx;
	bool known;

	if (dirfd < 0)
		return false;
	if (fs_find_entry(dir, dirfd, name, &stored, &stx) == 0)
		inode = fs_inode_find(dir, stored.stored);
	fs_dir_leave(dir);
	known = inode && fs_inode_is_pinned(inode);
	fs_inode_put(inode);
	return known;
}

/* Names that do not exist keep their directory too (fs/negative.h). */
static void drop_negatives(struct ll_session *s, const struct victims *v)
{
	for (size_t i = 0; i < v->num; i++) {
		struct fs_inode *dir = v->list[i].inode;
		struct fs_negatives *neg;
		const char *name;
		bool all;

		if (!S_ISDIR(dir->type))
			continue;
		neg = fs_negatives_take(dir, &all);
		for (unsigned n = 0; (name = fs_negatives_name(neg, n)); n++)
			if (!known_by_now(dir, name))
				fuse_lowlevel_notify_inval_entry(s->se, ll_nodeid(dir), name,
								 strlen(name));
		fs_negatives_free(neg);
		if (!all)
			log_info("a directory had more absent names than are kept: it may be "
				 "reported busy until the kernel drops them");
	}
}

/* Names of inodes that nobody uses are dropped, so that the kernel forgets the inodes. */
static int prune(struct ll_session *s, const struct victims *v)
{
	fuse_ino_t *ids = calloc(v->num + 1, sizeof(*ids));
	int err;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < v->num; i++)
		ids[i] = ll_nodeid(v->list[i].inode);
	err = ll_notify_prune(s, ids, v->num);
	free(ids);
	return err;
}

/*
 * Before Linux 6.18: by name. The names are still known, for the directories' keys are dropped
 * last. A directory in use is left alone: invalidating its name would unhash somebody's working
 * directory.
 */
static void inval_names(struct ll_session *s, const struct victims *v)
{
	char stored[NAME_MAX_LEN + 1], name[NAME_MAX_LEN + 1];

	for (size_t i = 0; i < v->num; i++) {
		struct fs_inode *inode = v->list[i].inode, *parent;
		size_t len;
		int dirfd, err;

		if (S_ISDIR(inode->type) || fs_inode_name(inode, &parent, stored) < 0)
			continue;
		dirfd = fs_dirfd_get(parent);
		err = dirfd;
		if (dirfd >= 0) {
			pthread_rwlock_rdlock(&parent->use->dir.dir_lock);
			err = fs_name_read(parent, dirfd, stored, name, &len);
			pthread_rwlock_unlock(&parent->use->dir.dir_lock);
			fs_dirfd_put(parent);
		}
		if (err == 0)
			fuse_lowlevel_notify_inval_entry(s->se, ll_nodeid(parent), name, len);
		fs_inode_put(parent);
	}
}

static size_t count_pinned(const struct victims *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->num; i++)
		n += fs_inode_is_pinned(v->list[i].inode);
	return n;
}

/*
 * RELEASEs that are under way keep inodes, and FORGETs come through the workers a moment later:
 * wait while the number still goes down. A moment without any does not count as long as nobody has
 * had the time to read them.
 */
static void wait_for_forgets(struct ll_session *s, const struct victims *v)
{
	size_t left = count_pinned(v), before;
	unsigned quiet = 0;

	if (left)
		ll_wire_settle(s);
	for (unsigned i = 0; left && quiet < QUIET_TRIES && i < MOST_TRIES; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = TRY_NSECS }, NULL);
		before = left;
		left = count_pinned(v);
		if (left < before)
			i = quiet = 0;
		else if (!ll_wire_has_unread(s))
			quiet++;
	}
}

/* Names that nobody uses go, and with them the inodes. */
static void drop_idle_names(struct ll_session *s, const struct victims *v)
{
	int err;

	if (atomic_load(&s->prune_works)) {
		err = prune(s, v);
		if (err == -EINVAL || err == -ENOSYS) {
			atomic_store(&s->prune_works, false);
			log_info("this kernel has no FUSE_NOTIFY_PRUNE: names are invalidated one "
				 "by one");
		}
	}
	if (!atomic_load(&s->prune_works))
		inval_names(s, v);
	wait_for_forgets(s, v);
}

/* Absent names once it is clear which of them are not known by now; then their directories go. */
static void drop_names(struct ll_session *s, const struct victims *v)
{
	drop_idle_names(s, v);
	drop_negatives(s, v);
	drop_idle_names(s, v);
}

/* Plaintext pages: dirty ones come to the store or are refused, then all of them go. */
static int drop_pages(struct ll_session *s, const struct victims *v)
{
	int err = 0, e;

	for (size_t i = 0; i < v->num; i++)
		if (S_ISREG(v->list[i].inode->type)) {
			e = ll_notify_write_back(s, v->list[i].inode);
			if (e < 0 && e != -ENOENT && err == 0)
				err = e;
		}
	return err;
}

static unsigned refused(const struct fs_inode *inode)
{
	struct fs_use *use = inode->use;

	return use ? atomic_load(&use->reg.refused) : 0;
}

/* The same where writes are refused: until none is left that had been let into the cache before. */
static void drop_pages_for_good(struct ll_session *s, const struct victims *v)
{
	for (size_t i = 0; i < v->num; i++) {
		struct fs_inode *inode = v->list[i].inode;
		unsigned before, tries = 0;

		if (!S_ISREG(inode->type))
			continue;
		do {
			before = refused(inode);
			ll_notify_write_back(s, inode);
		} while (refused(inode) != before && ++tries < DROP_TRIES);
	}
}

static void settle(struct ll_session *s, const struct victims *v)
{
	for (size_t i = 0; i < v->num; i++)
		if (S_ISREG(v->list[i].inode->type))
			ll_file_settle(s, v->list[i].inode);
}

static void find_victims(struct ll_session *s, struct victims *v)
{
	fs_inode_for_each_of_key(s->sb, v->spec, true, collect, v);
	if (v->num)
		qsort(v->list, v->num, sizeof(*v->list), deeper_first);
}

static void put_victims(struct victims *v)
{
	for (size_t i = 0; i < v->num; i++)
		fs_inode_put(v->list[i].inode);
	free(v->list);
}

int ll_lock_evict(struct ll_session *s, const struct fscrypt_key_specifier *spec)
{
	struct victims v = { .spec = spec };
	int err;

	ll_notify_keys_changed(s);
	find_victims(s, &v);
	err = drop_pages(s, &v);
	drop_names(s, &v);
	put_victims(&v);
	fs_evict_key_users(s->sb, spec);
	/* What was looked up by the keys that have just gone is not to be found any more either. */
	ll_notify_keys_changed(s);
	return err;
}

static void revoke(struct ll_session *s, const struct fscrypt_key_specifier *spec)
{
	struct victims v = { .spec = spec };

	ll_notify_keys_changed(s);
	find_victims(s, &v);
	drop_pages(s, &v);
	/* What gets dirty from here on is lost, and fsync says so. */
	fs_bar_key_users(s->sb, spec, FS_BAR_ALL);
	drop_pages_for_good(s, &v);
	settle(s, &v);
	drop_names(s, &v);
	put_victims(&v);
	fs_revoke_key_users(s->sb, spec);
	ll_notify_keys_changed(s);
}

/* The keys first, as nothing is to be saved. */
static void panic(struct ll_session *s, const struct fscrypt_key_specifier *spec)
{
	struct victims v = { .spec = spec };

	find_victims(s, &v);
	settle(s, &v);
	fs_revoke_key_users(s->sb, spec);
	ll_notify_keys_changed(s);
	drop_pages_for_good(s, &v);
	drop_names(s, &v);
	put_victims(&v);
}

int ll_lock_begin(struct ll_session *s, const struct fscrypt_caller *who,
		  struct fuscrypt_lock *lock, bool *ret_evict)
{
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(lock->reserved); i++)
		if (lock->reserved[i])
			return -EINVAL;
	lock->status_flags = 0;
	if (lock->level == FUSCRYPT_LOCK_POLITE) {
		err = fscrypt_remove_key(s->sb->fsc, who, &lock->spec, false, ret_evict,
					 &lock->status_flags);
		if (err == 0)
			fscrypt_kernel_key_dismiss(s->sb->fsc, &lock->spec);
		return err;
	}
	if (lock->level > FUSCRYPT_LOCK_PANIC)
		return -EINVAL;
	err = fscrypt_revoke_key(s->sb->fsc, who, &lock->spec);
	if (err < 0)
		return err;
	fscrypt_kernel_key_dismiss(s->sb->fsc, &lock->spec);
	/* At once, whatever else the notifier has to do. */
	fs_bar_key_users(s->sb, &lock->spec,
			 lock->level == FUSCRYPT_LOCK_PANIC ? FS_BAR_ALL : FS_BAR_READS);
	*ret_evict = true;
	return 0;
}

int ll_lock_finish(struct ll_session *s, struct fuscrypt_lock *lock)
{
	int err = 0;

	if (lock->level == FUSCRYPT_LOCK_POLITE)
		err = ll_lock_evict(s, &lock->spec);
	else if (lock->level == FUSCRYPT_LOCK_REVOKE)
		revoke(s, &lock->spec);
	else
		panic(s, &lock->spec);
	fscrypt_finish_removal(s->sb->fsc, &lock->spec, &lock->status_flags);
	return err;
}

/* ---- writes that come after all ---------------------------------------------------------------
 */

struct late_job {
	struct work work;
	struct ll_session *s;
	struct fs_inode *inode; /* referenced */
};

static void drop_late_pages(struct work *work)
{
	struct late_job *job = container_of(work, struct late_job, work);

	atomic_store(&job->inode->use->reg.late, false);
	ll_notify_write_back(job->s, job->inode);
	fs_inode_put(job->inode);
	free(job);
}

void ll_lock_late_write(struct ll_session *s, struct fs_inode *inode)
{
	struct late_job *job;

	if (!fs_inode_revoked(inode) || atomic_exchange(&inode->use->reg.late, true))
		return;
	job = malloc(sizeof(*job));
	if (!job) {
		atomic_store(&inode->use->reg.late, false);
		return;
	}
	fs_inode_ref(inode);
	*job = (struct late_job){ { drop_late_pages, NULL }, s, inode };
	workqueue_queue(s->notifier, &job->work);
}
