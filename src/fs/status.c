/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status.c - what a mount is doing, told in pages: devices, keyslots, keys */
#include "fs/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"
#include "util/histogram.h"

_Static_assert(BLK_ENCRYPTION_MODE_MAX <=
		       ARRAY_SIZE(((struct fuscrypt_status_profile *)NULL)->modes),
	       "every mode has its mask");

static void copy_text(char *to, size_t cap, const char *from)
{
	size_t len = strnlen(from, cap - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

/* ---- the mount ---- */

static void fill_mount(struct fs_super *sb, const struct fs_caller *who,
		       struct fuscrypt_status_mount *m)
{
	const struct fs_options *opts = &sb->opts;

	m->uptime_ns = clock_ns() - sb->since_ns;
	m->flags = (opts->inlinecrypt ? FUSCRYPT_MOUNT_INLINECRYPT : 0) |
		   (opts->no_fallback ? FUSCRYPT_MOUNT_NO_FALLBACK : 0) |
		   (opts->shared ? FUSCRYPT_MOUNT_SHARED : 0) |
		   (atomic_load(&sb->read_only) ? FUSCRYPT_MOUNT_READ_ONLY : 0) |
		   (sb->privileged ? FUSCRYPT_MOUNT_PRIVILEGED : 0) |
		   (who->cap_sys_admin ? FUSCRYPT_MOUNT_SEES_KEYS : 0);
	m->owner = sb->owner;
	m->pid = (uint32_t)getpid();
	m->open_files = atomic_load(&sb->handles);
	m->max_open_files = sb->max_handles;
	memcpy(m->uuid, sb->store->uuid, sizeof(m->uuid));
	copy_text(m->version, sizeof(m->version), PACKAGE_VERSION);
	copy_text(m->device, sizeof(m->device), opts->device ? opts->device : "file");
	copy_text(m->store, sizeof(m->store), sb->store->path);
}

/* ---- devices and profiles, in the same order ---- */

/* A walk over the stack; what is before start or behind the page is only counted. */
struct walk {
	struct fuscrypt_status *page;
	uint32_t devices, profiles; /* seen so far */
	bool want_profiles;
	uint32_t wanted_profile; /* to be found; UINT32_MAX: none */
	struct blk_crypto_profile *found;
};

/* The place of item @i in a page of @cap, or NULL. */
static bool in_page(struct fuscrypt_status *page, uint32_t i, uint32_t cap, uint32_t *ret_at)
{
	if (i < page->start || i - page->start >= cap)
		return false;
	*ret_at = i - page->start;
	page->count = MAX(page->count, *ret_at + 1);
	return true;
}

static void put_device(struct walk *w, struct blk_device *dev, uint32_t depth)
{
	struct blk_device_stats *st = &dev->stats;
	struct fuscrypt_status_device *d;
	uint64_t done = 0;
	uint32_t at;

	if (w->want_profiles || !in_page(w->page, w->devices, ARRAY_SIZE(w->page->u.devices), &at))
		return;
	d = &w->page->u.devices[at];
	copy_text(d->name, sizeof(d->name), dev->type->name);
	d->depth = depth;
	d->profile = dev->crypto_profile ? (int32_t)w->profiles : -1;
	/* Those that are done first: what is counted in between is in flight. */
	for (unsigned op = 0; op < REQ_OP_COUNT; op++) {
		struct histogram_summary sum;

		histogram_summarise(&st->latency[op], &sum);
		done += sum.count;
		d->latency[op] = (struct fuscrypt_status_latency){ sum.count, sum.p50,	sum.p90,
								   sum.p99,   sum.p999, sum.max };
	}
	d->reads = stat_read(&st->reads);
	d->writes = stat_read(&st->writes);
	d->flushes = stat_read(&st->flushes);
	d->read_bytes = stat_read(&st->read_bytes);
	d->write_bytes = stat_read(&st->write_bytes);
	d->errors = stat_read(&st->errors);
	d->in_flight = d->reads + d->writes + d->flushes - done;
}

static void put_profile(struct walk *w, struct blk_crypto_profile *profile, const char *name,
			int32_t device)
{
	struct fuscrypt_status_profile *p;
	uint32_t at;

	if (w->profiles == w->wanted_profile)
		w->found = profile;
	if (!w->want_profiles ||
	    !in_page(w->page, w->profiles, ARRAY_SIZE(w->page->u.profiles), &at))
		return;
	p = &w->page->u.profiles[at];
	copy_text(p->name, sizeof(p->name), name);
	p->device = device;
	p->num_slots = profile->num_slots;
	p->max_dun_bytes = profile->max_dun_bytes_supported;
	p->key_types = profile->key_types_supported;
	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
		p->modes[i] = profile->modes_supported[i];
	p->hits = stat_read(&profile->stats.hits);
	p->programs = stat_read(&profile->stats.programs);
	p->program_errors = stat_read(&profile->stats.program_errors);
	p->evictions = stat_read(&profile->stats.evictions);
	p->waits = stat_read(&profile->stats.waits);
}

static void walk_devices(struct walk *w, struct blk_device *dev, uint32_t depth)
{
	put_device(w, dev, depth);
	if (dev->crypto_profile) {
		put_profile(w, dev->crypto_profile, dev->type->name, (int32_t)w->devices);
		w->profiles++;
	}
	w->devices++;
	for (unsigned i = 0; i < dev->num_children; i++)
		walk_devices(w, dev->children[i], depth + 1);
}

static void walk(struct walk *w, struct fs_super *sb)
{
	struct blk_crypto_profile *fallback = blk_crypto_fallback_profile();

	if (fallback) {
		put_profile(w, fallback, "fallback", -1);
		w->profiles++;
	}
	walk_devices(w, sb->bdev, 0);
}

/* ---- keys ---- */

static bool may_see(struct fs_super *sb, const struct fs_caller *who,
		    const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_caller caller = { who->cred.uid, who->cap_sys_admin };

	return who->cap_sys_admin || fscrypt_may_revoke(sb->fsc, &caller, spec) == 0;
}

static void put_key(const struct fscrypt_key_specifier *spec, unsigned status, unsigned user_count,
		    void *arg)
{
	struct fuscrypt_status *page = arg;
	uint32_t at;

	if (in_page(page, page->total++, ARRAY_SIZE(page->u.keys), &at))
		page->u.keys[at] = (struct fuscrypt_status_key){ .spec = *spec,
								 .status = status,
								 .user_count = user_count };
}

/* The holders are added, or all of it hidden, outside of the keyring's lock. */
static void fill_keys(struct fs_super *sb, const struct fs_caller *who,
		      struct fuscrypt_status *page)
{
	fscrypt_for_each_key(sb->fsc, put_key, page);
	for (uint32_t i = 0; i < page->count; i++) {
		struct fuscrypt_status_key *key = &page->u.keys[i];
		uid_t uids[FUSCRYPT_STATUS_HOLDERS];
		unsigned n;

		if (!may_see(sb, who, &key->spec)) {
			*key = (struct fuscrypt_status_key){ .status = key->status };
			continue;
		}
		n = fscrypt_key_holders(sb->fsc, &key->spec, uids, ARRAY_SIZE(uids));
		key->user_count = n;
		for (unsigned k = 0; k < MIN(n, ARRAY_SIZE(uids)); k++)
			key->users[k] = uids[k];
	}
}

/* ---- keyslots ---- */

static void put_slot(unsigned slot, const struct blk_crypto_key *key, unsigned users, void *arg)
{
	struct fuscrypt_status *page = arg;
	struct fuscrypt_status_slot *s;
	uint32_t at;

	page->total++;
	if (!in_page(page, slot, ARRAY_SIZE(page->u.slots), &at))
		return;
	s = &page->u.slots[at];
	s->in_flight = users;
	if (!key)
		return;
	s->state = FUSCRYPT_SLOT_KEY_HIDDEN;
	s->mode = key->crypto_cfg.crypto_mode;
	s->data_unit_size = key->crypto_cfg.data_unit_size;
	s->spec.type = key->label_size == FSCRYPT_KEY_IDENTIFIER_SIZE
			       ? FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER
			       : FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
	memcpy(s->spec.u.raw, key->label, key->label_size);
}

static int fill_slots(struct fs_super *sb, const struct fs_caller *who,
		      struct fuscrypt_status *page)
{
	struct walk w = { .page = page, .want_profiles = true, .wanted_profile = page->index };
	uint32_t start = page->start;

	page->start = UINT32_MAX; /* nothing of the walk goes into the page */
	walk(&w, sb);
	page->start = start;
	if (!w.found)
		return -EINVAL;
	blk_crypto_profile_for_each_slot(w.found, put_slot, page);
	/* Not under the profile's lock: the keyring's is outside of it. */
	for (uint32_t i = 0; i < page->count; i++) {
		struct fuscrypt_status_slot *s = &page->u.slots[i];

		if (s->state == FUSCRYPT_SLOT_KEY_HIDDEN && may_see(sb, who, &s->spec))
			s->state = FUSCRYPT_SLOT_KEY;
		else
			memset(&s->spec, 0, sizeof(s->spec));
	}
	return 0;
}

struct lister {
	struct fuscrypt_key_list *list;
	uint32_t start, seen;
};

static void list_one(const struct fscrypt_key_specifier *spec, unsigned status, unsigned user_count,
		     void *arg)
{
	struct lister *l = arg;
	uint32_t n = l->list->count;

	if (l->seen++ < l->start || n == FUSCRYPT_LIST_MAX)
		return;
	l->list->keys[n].spec = *spec;
	l->list->keys[n].status = status;
	l->list->keys[n].user_count = user_count;
	l->list->count = n + 1;
}

int fs_list_keys(struct fs_super *sb, const struct fs_caller *who, struct fuscrypt_key_list *list)
{
	struct lister l = { .list = list, .start = list->start };

	/* Which keys there are is for the mount's owner and administrators (DESIGN section 3). */
	if (!who->cap_sys_admin)
		return -EACCES;
	memset(list, 0, sizeof(*list));
	fscrypt_for_each_key(sb->fsc, list_one, &l);
	return 0;
}

int fs_status(struct fs_super *sb, const struct fs_caller *who, struct fuscrypt_status *page)
{
	struct walk w = { .page = page, .wanted_profile = UINT32_MAX };

	if (page->version != FUSCRYPT_STATUS_VERSION)
		return -EINVAL;
	page->total = page->count = 0;
	memset(&page->u, 0, sizeof(page->u));
	switch (page->section) {
	case FUSCRYPT_STATUS_MOUNT:
		fill_mount(sb, who, &page->u.mount);
		page->total = page->count = 1;
		return 0;
	case FUSCRYPT_STATUS_DEVICES:
		walk(&w, sb);
		page->total = w.devices;
		return 0;
	case FUSCRYPT_STATUS_PROFILES:
		w.want_profiles = true;
		walk(&w, sb);
		page->total = w.profiles;
		return 0;
	case FUSCRYPT_STATUS_SLOTS:
		return fill_slots(sb, who, page);
	case FUSCRYPT_STATUS_KEYS:
		fill_keys(sb, who, page);
		return 0;
	default:
		return -EINVAL;
	}
}
