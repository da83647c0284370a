/* SPDX-License-Identifier: GPL-3.0-or-later */
/* top-view.c - two statuses of a mount as the lines that `fuscrypt top` shows */
#include "cli/top-view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL 16 /* columns of a keyslot */

static struct top_line *new_line(struct top_view *view)
{
	if (view->count == view->room) {
		unsigned room = view->room ? 2 * view->room : 64;
		struct top_line *lines = realloc(view->lines, room * sizeof(*lines));

		if (!lines)
			return NULL;
		view->lines = lines;
		view->room = room;
	}
	return &view->lines[view->count++];
}

static bool add(struct top_view *view, bool heading, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool add(struct top_view *view, bool heading, const char *fmt, ...)
{
	struct top_line *line = new_line(view);
	va_list args;

	if (!line)
		return false;
	line->heading = heading;
	va_start(args, fmt);
	vsnprintf(line->text, sizeof(line->text), fmt, args);
	va_end(args);
	for (char *p = line->text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return true;
}

/* A rate of small numbers has a decimal. */
static char *rate_text(uint64_t now, uint64_t before, double seconds, char *text)
{
	double rate = seconds > 0 ? (double)(now - before) / seconds : 0;

	if (rate >= 99999.5)
		return status_text_bytes(rate, text);
	snprintf(text, STATUS_TEXT, rate > 0 && rate < 9.95 ? "%.1f" : "%.0f", rate);
	return text;
}

static bool add_mount(struct top_view *view, const char *path, const struct mount_status *now,
		      unsigned columns)
{
	char up[STATUS_TEXT], options[STATUS_OPTIONS_TEXT];
	uint32_t present = 0;
	int room;

	for (uint32_t i = 0; i < now->num_keys; i++)
		present += now->keys[i].status == FSCRYPT_KEY_STATUS_PRESENT;
	status_text_uptime(now->mount.uptime_ns, up);
	room = (int)columns - (int)strlen("fuscrypt top - ") - (int)strlen(up) - 4;
	return add(view, false, "fuscrypt top - %-*.*s up %s", room > 8 ? room : 8,
		   room > 8 ? room : 8, path, up) &&
	       add(view, false, "Store: %s", now->mount.store) &&
	       add(view, false, "Device: %s", now->mount.device) &&
	       add(view, false, "Options: %s   Open files: %" PRIu32 "   Keys: %" PRIu32 "%s",
		   status_text_options(now->mount.flags, options), now->mount.open_files, present,
		   present < now->num_keys ? " and some still in use" : "") &&
	       add(view, false, "%s", "");
}

static bool add_device(struct top_view *view, const struct fuscrypt_status_device *d,
		       const struct fuscrypt_status_device *b, double seconds)
{
	static const struct fuscrypt_status_device none;
	char t[8][STATUS_TEXT];

	if (!b)
		b = &none;
	return add(view, false, "%*s%-*.*s %7s %6s %6s %6s %7s %6s %6s %6s %4" PRIu64 " %4" PRIu64,
		   (int)d->depth, "", 12 - (int)d->depth, 12 - (int)d->depth, d->name,
		   rate_text(d->reads, b->reads, seconds, t[0]),
		   status_text_bytes((double)(d->read_bytes - b->read_bytes) / seconds, t[1]),
		   status_text_time(d->latency[REQ_OP_READ].p50, t[2]),
		   status_text_time(d->latency[REQ_OP_READ].p99, t[3]),
		   rate_text(d->writes, b->writes, seconds, t[4]),
		   status_text_bytes((double)(d->write_bytes - b->write_bytes) / seconds, t[5]),
		   status_text_time(d->latency[REQ_OP_WRITE].p50, t[6]),
		   status_text_time(d->latency[REQ_OP_WRITE].p99, t[7]), d->in_flight, d->errors);
}

static bool add_devices(struct top_view *view, const struct mount_status *now,
			const struct mount_status *before, double seconds)
{
	bool same = before && before->num_devices == now->num_devices;
	bool ok = add(view, true, "%-12s %7s %6s %6s %6s %7s %6s %6s %6s %4s %4s", "DEVICE",
		      "READS/s", "BYTES", "HALF", "99%", "WRITE/s", "BYTES", "HALF", "99%", "NOW",
		      "ERR");

	for (uint32_t i = 0; ok && i < now->num_devices; i++)
		ok = add_device(view, &now->devices[i], same ? &before->devices[i] : NULL, seconds);
	return ok && add(view, false, "%s", "");
}

/* Those with a key, as many in a line as fit: number, key, and what uses it now. */
static bool add_slots(struct top_view *view, const struct status_profile *p, unsigned columns)
{
	unsigned per_line = columns >= 2 * CELL ? (columns - 2) / CELL : 1;
	char line[TOP_WIDTH + CELL], key[STATUS_TEXT];
	unsigned cells = 0, at = 0;
	bool ok = true;

	for (uint32_t i = 0; ok && i < p->num_slots; i++) {
		const struct fuscrypt_status_slot *s = &p->slots[i];
		int n;

		if (s->state == FUSCRYPT_SLOT_EMPTY && !s->in_flight)
			continue;
		n = snprintf(line + at, CELL + 1, "%3" PRIu32 " %-8s", i,
			     status_text_key(&s->spec, 8, key));
		if (s->in_flight)
			n += snprintf(line + at + n, CELL + 1 - (size_t)n, "*%-2" PRIu32,
				      s->in_flight > 99 ? 99 : s->in_flight);
		memset(line + at + n, ' ', CELL - (size_t)n);
		at += CELL;
		line[at] = '\0';
		if (++cells == per_line || at + CELL > TOP_WIDTH) {
			ok = add(view, false, " %s", line);
			cells = at = 0;
		}
	}
	return ok && (!cells || add(view, false, " %s", line));
}

static bool add_profiles(struct top_view *view, const struct mount_status *now,
			 const struct mount_status *before, double seconds, unsigned columns)
{
	static const struct fuscrypt_status_profile none;
	bool same = before && before->num_profiles == now->num_profiles;
	bool ok = add(view, true, "%-12s %6s %6s %6s %9s %9s %9s %9s %6s", "KEYSLOTS", "SLOTS",
		      "KEYS", "NOW", "HITS/s", "PROGRAM/s", "EVICT/s", "WAITS/s", "FAILED");

	for (uint32_t i = 0; ok && i < now->num_profiles; i++) {
		const struct status_profile *p = &now->profiles[i];
		const struct fuscrypt_status_profile *b = same ? &before->profiles[i].p : &none;
		char t[4][STATUS_TEXT];

		ok = add(view, false,
			 "%-12s %6" PRIu32 " %6" PRIu32 " %6" PRIu32 " %9s %9s %9s %9s %6" PRIu64,
			 p->p.name, p->p.num_slots, p->occupied, p->in_flight,
			 rate_text(p->p.hits, b->hits, seconds, t[0]),
			 rate_text(p->p.programs, b->programs, seconds, t[1]),
			 rate_text(p->p.evictions, b->evictions, seconds, t[2]),
			 rate_text(p->p.waits, b->waits, seconds, t[3]), p->p.program_errors) &&
		     add_slots(view, p, columns);
	}
	return ok && add(view, false, "%s", "");
}

static bool add_keys(struct top_view *view, const struct mount_status *now)
{
	bool ok = add(view, true, "%-32s  %-20s  %s", "KEY", "STATUS", "HOLDERS");

	for (uint32_t i = 0; ok && i < now->num_keys; i++) {
		const struct fuscrypt_status_key *k = &now->keys[i];
		char key[STATUS_TEXT], holders[16 * FUSCRYPT_STATUS_HOLDERS] = "";
		size_t n = 0;

		for (uint32_t u = 0; u < k->user_count && u < FUSCRYPT_STATUS_HOLDERS; u++)
			n += (size_t)snprintf(holders + n, sizeof(holders) - n, "%s%" PRIu32,
					      u ? " " : "", k->users[u]);
		ok = add(view, false, "%-32s  %-20s  %s",
			 status_text_key(&k->spec, STATUS_TEXT, key), key_status_name(k->status),
			 holders);
	}
	return ok;
}

int top_view_build(struct top_view *view, const char *path, const struct mount_status *now,
		   const struct mount_status *before, unsigned columns)
{
	double seconds =
		(double)(before ? now->taken_ns - before->taken_ns : now->mount.uptime_ns + 1) /
		1e9;

	view->count = 0;
	return add_mount(view, path, now, columns) && add_devices(view, now, before, seconds) &&
			       add_profiles(view, now, before, seconds, columns) &&
			       add_keys(view, now)
		       ? 0
		       : -ENOMEM;
}

void top_view_free(struct top_view *view)
{
	free(view->lines);
	memset(view, 0, sizeof(*view));
}
