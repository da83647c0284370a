/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-status.c - what a mount says about itself, fetched page by page, and put into short texts
 */
#include "cli/mount-status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/mount-keys.h"
#include "cli/msg.h"
#include "util/hex.h"
#include "util/histogram.h"

/* ---- fetching ---- */

/* All items of a section, @size bytes each, in one array. 0 or -errno. */
static int fetch_all(int fd, uint32_t section, uint32_t index, size_t size, void **ret_items,
		     uint32_t *ret_count)
{
	struct fuscrypt_status *page = malloc(sizeof(*page));
	uint32_t have = 0;
	char *items = NULL, *more;
	int err = page ? 0 : -ENOMEM;

	while (!err) {
		memset(page, 0, sizeof(*page));
		page->version = FUSCRYPT_STATUS_VERSION;
		page->section = section;
		page->index = index;
		page->start = have;
		if (ioctl(fd, FUSCRYPT_IOC_STATUS, page) < 0)
			err = -errno;
		else if (page->count > sizeof(page->u) / size)
			err = -EPROTO;
		if (err || page->count == 0)
			break;
		more = realloc(items, (have + page->count) * size);
		if (!more) {
			err = -ENOMEM;
			break;
		}
		items = more;
		memcpy(items + have * size, &page->u, page->count * size);
		have += page->count;
		if (have >= page->total)
			break;
	}
	free(page);
	if (err) {
		free(items);
		return err;
	}
	*ret_items = items;
	*ret_count = have;
	return 0;
}

static int fetch_profiles(int fd, struct mount_status *st)
{
	struct fuscrypt_status_profile *profiles;
	uint32_t count;
	int err;

	err = fetch_all(fd, FUSCRYPT_STATUS_PROFILES, 0, sizeof(*profiles), (void **)&profiles,
			&count);
	if (err)
		return err;
	st->profiles = calloc(count + 1, sizeof(*st->profiles));
	st->num_profiles = st->profiles ? count : 0;
	for (uint32_t i = 0; i < st->num_profiles && !err; i++) {
		struct status_profile *p = &st->profiles[i];

		p->p = profiles[i];
		err = fetch_all(fd, FUSCRYPT_STATUS_SLOTS, i, sizeof(*p->slots), (void **)&p->slots,
				&p->num_slots);
		for (uint32_t s = 0; s < p->num_slots; s++) {
			p->occupied += p->slots[s].state != FUSCRYPT_SLOT_EMPTY;
			p->in_flight += p->slots[s].in_flight;
		}
	}
	free(profiles);
	return st->profiles ? err : -ENOMEM;
}

static int fetch(int fd, struct mount_status *st)
{
	struct fuscrypt_status_mount *mount = NULL;
	uint32_t one;
	int err;

	err = fetch_all(fd, FUSCRYPT_STATUS_MOUNT, 0, sizeof(*mount), (void **)&mount, &one);
	if (!err && one != 1)
		err = -EPROTO;
	if (!err)
		st->mount = *mount;
	free(mount);
	st->taken_ns = clock_ns();
	if (!err)
		err = fetch_all(fd, FUSCRYPT_STATUS_DEVICES, 0, sizeof(*st->devices),
				(void **)&st->devices, &st->num_devices);
	if (!err)
		err = fetch_profiles(fd, st);
	if (!err)
		err = fetch_all(fd, FUSCRYPT_STATUS_KEYS, 0, sizeof(*st->keys), (void **)&st->keys,
				&st->num_keys);
	return err;
}

int mount_status_get(const char *path, struct mount_status *ret)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err;

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return -errno;
	err = fetch(fd, ret);
	close(fd);
	if (err)
		mount_status_free(ret);
	return err;
}

int mount_status_failed(const char *path, int err)
{
	if (err == -EINVAL)
		return msg_fail(EXIT_FAILED, "%s: its daemon is of another version", path);
	return mount_keys_failed(path, "its status cannot be got", -err);
}

int mount_status_fetch(const char *path, struct mount_status *ret)
{
	int err = mount_status_get(path, ret);

	return err ? mount_status_failed(path, err) : EXIT_DONE;
}

void mount_status_free(struct mount_status *st)
{
	for (uint32_t i = 0; i < st->num_profiles; i++)
		free(st->profiles[i].slots);
	free(st->profiles);
	free(st->devices);
	free(st->keys);
	memset(st, 0, sizeof(*st));
}

/* ---- texts ---- */

const char *key_status_name(uint32_t status)
{
	switch (status) {
	case FSCRYPT_KEY_STATUS_ABSENT:
		return "Absent";
	case FSCRYPT_KEY_STATUS_PRESENT:
		return "Present";
	case FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED:
		return "Incompletely removed";
	default:
		return "Unknown";
	}
}

char *status_text_bytes(double bytes, char *text)
{
	static const char units[] = "\0KMGTPE";
	unsigned i = 0;

	while (bytes >= 1023.5 && units[i + 1]) {
		bytes /= 1024;
		i++;
		if (i == sizeof(units) - 2)
			break;
	}
	snprintf(text, STATUS_TEXT, i && bytes < 9.95 ? "%.1f%c" : "%.0f%c", bytes, units[i]);
	return text;
}

char *status_text_time(uint64_t ns, char *text)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double t = (double)ns;
	unsigned i = 0;

	if (!ns) {
		strcpy(text, "-");
		return text;
	}
	for (; t >= 999.5 && i < 3; i++)
		t /= 1000;
	snprintf(text, STATUS_TEXT, i && t < 9.95 ? "%.1f%s" : "%.0f%s", t, units[i]);
	return text;
}

char *status_text_uptime(uint64_t ns, char *text)
{
	uint64_t s = ns / 1000000000u;
	int n = 0;

	if (s >= 86400)
		n = snprintf(text, STATUS_TEXT, "%" PRIu64 "d ", s / 86400);
	snprintf(text + n, STATUS_TEXT - (size_t)n, "%u:%02u:%02u", (unsigned)(s % 86400 / 3600),
		 (unsigned)(s % 3600 / 60), (unsigned)(s % 60));
	return text;
}

char *status_text_key(const struct fscrypt_key_specifier *spec, unsigned digits, char *text)
{
	size_t len = spec->type == FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER   ? FSCRYPT_KEY_IDENTIFIER_SIZE
		     : spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR ? FSCRYPT_KEY_DESCRIPTOR_SIZE
								      : 0;

	if (!len) {
		strcpy(text, "hidden");
		return text;
	}
	hex_encode(spec->u.raw, len, text);
	if (digits < 2 * len)
		text[digits] = '\0';
	return text;
}

char *status_text_options(uint32_t flags, char *text)
{
	snprintf(text, STATUS_OPTIONS_TEXT, "%s%s%s%s%s%s",
		 flags & FUSCRYPT_MOUNT_READ_ONLY ? "ro" : "rw",
		 flags & FUSCRYPT_MOUNT_WRITEBACK ? ", writeback" : "",
		 flags & FUSCRYPT_MOUNT_INLINECRYPT ? ", inlinecrypt" : "",
		 flags & FUSCRYPT_MOUNT_NO_FALLBACK ? ", no-fallback" : "",
		 flags & FUSCRYPT_MOUNT_SHARED ? ", shared" : "",
		 flags & FUSCRYPT_MOUNT_IO_URING ? ", io_uring" : "");
	return text;
}
