/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-status-record.c - the status of a mount as one JSON object */
#include <string.h>

#include "blkcrypto/blk-crypto-caps.h"
#include "cli/mount-status.h"
#include "fs/store.h"

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *index_or_null(int32_t i)
{
	return i < 0 ? json_null() : json_integer(i);
}

static json_t *key_or_null(const struct fscrypt_key_specifier *spec)
{
	char text[STATUS_TEXT];

	return spec->type ? json_string(status_text_key(spec, STATUS_TEXT, text)) : json_null();
}

static json_t *latency_record(const struct fuscrypt_status_latency *l)
{
	return json_pack("{s:o, s:f, s:f, s:f, s:f, s:f}", "count", integer(l->count), "p50_us",
			 (double)l->p50 / 1e3, "p90_us", (double)l->p90 / 1e3, "p99_us",
			 (double)l->p99 / 1e3, "p999_us", (double)l->p999 / 1e3, "max_us",
			 (double)l->max / 1e3);
}

static json_t *device_record(const struct fuscrypt_status_device *d)
{
	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}}",
			 "name", d->name, "depth", (int)d->depth, "profile",
			 index_or_null(d->profile), "in_flight", integer(d->in_flight), "reads",
			 integer(d->reads), "read_bytes", integer(d->read_bytes), "writes",
			 integer(d->writes), "write_bytes", integer(d->write_bytes), "flushes",
			 integer(d->flushes), "errors", integer(d->errors), "latency", "read",
			 latency_record(&d->latency[REQ_OP_READ]), "write",
			 latency_record(&d->latency[REQ_OP_WRITE]), "flush",
			 latency_record(&d->latency[REQ_OP_FLUSH]));
}

static void add_capability(const char *name, const char *value, void *arg)
{
	json_object_set_new(arg, name, json_string(value));
}

/* In the names and spellings of the kernel's queue/crypto. */
static json_t *capabilities(const struct fuscrypt_status_profile *p)
{
	struct blk_crypto_profile profile = { .max_dun_bytes_supported = p->max_dun_bytes,
					      .key_types_supported = p->key_types,
					      .num_slots = p->num_slots };
	json_t *rec = json_object();

	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
		profile.modes_supported[i] = p->modes[i];
	blk_crypto_for_each_capability(&profile, add_capability, rec);
	return rec;
}

static json_t *slots_list(const struct status_profile *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->num_slots; i++) {
		const struct fuscrypt_status_slot *s = &p->slots[i];

		if (s->state == FUSCRYPT_SLOT_EMPTY && !s->in_flight)
			continue;
		json_array_append_new(list, json_pack("{s:i, s:o, s:s, s:i, s:i}", "slot", (int)i,
						      "key", key_or_null(&s->spec), "mode",
						      s->mode && s->mode < BLK_ENCRYPTION_MODE_MAX
							      ? blk_crypto_modes[s->mode].name
							      : "none",
						      "data_unit_size", (int)s->data_unit_size,
						      "in_flight", (int)s->in_flight));
	}
	return list;
}

static json_t *profile_record(const struct status_profile *p)
{
	return json_pack("{s:s, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
			 p->p.name, "device", index_or_null(p->p.device), "slots",
			 (int)p->p.num_slots, "occupied", (int)p->occupied, "in_flight",
			 (int)p->in_flight, "hits", integer(p->p.hits), "programs",
			 integer(p->p.programs), "program_errors", integer(p->p.program_errors),
			 "evictions", integer(p->p.evictions), "waits", integer(p->p.waits),
			 "capabilities", capabilities(&p->p), "keyslots", slots_list(p));
}

static json_t *key_record(const struct fuscrypt_status_key *k)
{
	json_t *holders = json_array();

	for (uint32_t i = 0; i < k->user_count && i < FUSCRYPT_STATUS_HOLDERS; i++)
		json_array_append_new(holders, integer(k->users[i]));
	if (!k->spec.type) {
		json_decref(holders);
		return json_pack("{s:n, s:s, s:n, s:n}", "key", "status",
				 key_status_name(k->status), "user_count", "holders");
	}
	return json_pack("{s:o, s:s, s:i, s:o}", "key", key_or_null(&k->spec), "status",
			 key_status_name(k->status), "user_count", (int)k->user_count, "holders",
			 holders);
}

static json_t *mount_record(const char *path, const struct fuscrypt_status_mount *m)
{
	uint32_t f = m->flags;
	char uuid[37];

	store_uuid_format(m->uuid, uuid);
	return json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:f, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:b, s:b, "
		"s:o, s:o, s:o, s:o}",
		"mount", output_string(path), "store", output_string(m->store), "uuid", uuid,
		"version", m->version, "device", output_string(m->device), "uptime_seconds",
		(double)m->uptime_ns / 1e9, "owner", integer(m->owner), "pid", integer(m->pid),
		"read_only", !!(f & FUSCRYPT_MOUNT_READ_ONLY), "writeback",
		!!(f & FUSCRYPT_MOUNT_WRITEBACK), "inlinecrypt", !!(f & FUSCRYPT_MOUNT_INLINECRYPT),
		"fallback", !(f & FUSCRYPT_MOUNT_NO_FALLBACK), "shared",
		!!(f & FUSCRYPT_MOUNT_SHARED), "io_uring", !!(f & FUSCRYPT_MOUNT_IO_URING),
		"sees_keys", !!(f & FUSCRYPT_MOUNT_SEES_KEYS), "max_request",
		integer(m->max_request), "timeout_ms", integer(m->timeout_ms), "open_files",
		integer(m->open_files), "max_open_files", integer(m->max_open_files));
}

json_t *mount_status_record(const char *path, const struct mount_status *st)
{
	json_t *rec = mount_record(path, &st->mount);
	json_t *devices = json_array(), *profiles = json_array(), *keys = json_array();

	for (uint32_t i = 0; i < st->num_devices; i++)
		json_array_append_new(devices, device_record(&st->devices[i]));
	for (uint32_t i = 0; i < st->num_profiles; i++)
		json_array_append_new(profiles, profile_record(&st->profiles[i]));
	for (uint32_t i = 0; i < st->num_keys; i++)
		json_array_append_new(keys, key_record(&st->keys[i]));
	json_object_set_new(rec, "devices", devices);
	json_object_set_new(rec, "profiles", profiles);
	json_object_set_new(rec, "keys", keys);
	return rec;
}
