/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-status.c - fuscrypt status: what a mount is doing, once */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/mount-status.h"
#include "cli/msg.h"
#include "cli/verbs.h"

enum { OPT_JSON = 0x200 };

static const struct option status_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};

/* Names come from others. */
static void print_line(const char *name, const char *text)
{
	printf("%s: ", name);
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
	putchar('\n');
}

static void print_mount(const char *path, const struct fuscrypt_status_mount *m)
{
	char text[STATUS_TEXT], options[STATUS_OPTIONS_TEXT];

	print_line("Mount", path);
	print_line("Store", m->store);
	print_line("Device", m->device);
	print_line("Options", status_text_options(m->flags, options));
	print_line("Up", status_text_uptime(m->uptime_ns, text));
	printf("Daemon: %" PRIu32 ", of user %" PRIu32 "\n", m->pid, m->owner);
	printf("Open files: %" PRIu32 " of %" PRIu32 "\n", m->open_files, m->max_open_files);
}

static void print_keys(const struct mount_status *st)
{
	char text[STATUS_TEXT];

	printf("\n%-32s  %-20s  %s\n", "KEY", "STATUS", "HOLDERS");
	for (uint32_t i = 0; i < st->num_keys; i++) {
		const struct fuscrypt_status_key *k = &st->keys[i];

		printf("%-32s  %-20s ", status_text_key(&k->spec, STATUS_TEXT, text),
		       key_status_name(k->status));
		for (uint32_t u = 0; u < k->user_count && u < FUSCRYPT_STATUS_HOLDERS; u++)
			printf(" %" PRIu32, k->users[u]);
		if (k->user_count > FUSCRYPT_STATUS_HOLDERS)
			printf(" and %" PRIu32 " more", k->user_count - FUSCRYPT_STATUS_HOLDERS);
		putchar('\n');
	}
}

static void print_latency(const struct fuscrypt_status_latency *l)
{
	char p50[STATUS_TEXT], p99[STATUS_TEXT];

	printf(" %6s %6s", status_text_time(l->p50, p50), status_text_time(l->p99, p99));
}

static void print_devices(const struct mount_status *st)
{
	char bytes[STATUS_TEXT];

	printf("\n%-14s %8s %6s %6s %6s %8s %6s %6s %6s %7s %6s\n", "DEVICE", "READS", "BYTES",
	       "HALF", "99%", "WRITES", "BYTES", "HALF", "99%", "FLUSHES", "ERRORS");
	for (uint32_t i = 0; i < st->num_devices; i++) {
		const struct fuscrypt_status_device *d = &st->devices[i];

		printf("%*s%-*s", (int)d->depth, "", 14 - (int)d->depth, d->name);
		printf(" %8" PRIu64 " %6s", d->reads,
		       status_text_bytes((double)d->read_bytes, bytes));
		print_latency(&d->latency[REQ_OP_READ]);
		printf(" %8" PRIu64 " %6s", d->writes,
		       status_text_bytes((double)d->write_bytes, bytes));
		print_latency(&d->latency[REQ_OP_WRITE]);
		printf(" %7" PRIu64 " %6" PRIu64 "\n", d->flushes, d->errors);
	}
}

static void print_slots(const struct status_profile *p)
{
	char text[STATUS_TEXT];

	for (uint32_t i = 0; i < p->num_slots; i++) {
		const struct fuscrypt_status_slot *s = &p->slots[i];

		if (s->state == FUSCRYPT_SLOT_EMPTY && !s->in_flight)
			continue;
		printf("  slot %-4" PRIu32 " %-32s  %s, units of %" PRIu32 "%s", i,
		       status_text_key(&s->spec, STATUS_TEXT, text),
		       s->mode < BLK_ENCRYPTION_MODE_MAX && s->mode ? blk_crypto_modes[s->mode].name
								    : "-",
		       s->data_unit_size, s->in_flight ? "" : "\n");
		if (s->in_flight)
			printf(", %" PRIu32 " in flight\n", s->in_flight);
	}
}

static void print_profiles(const struct mount_status *st)
{
	for (uint32_t i = 0; i < st->num_profiles; i++) {
		const struct status_profile *p = &st->profiles[i];

		printf("\nKeyslots of %s: %" PRIu32, p->p.name, p->p.num_slots);
		if (p->p.num_slots)
			printf(", %" PRIu32 " with a key, %" PRIu32 " in flight; %" PRIu64
			       " hits, %" PRIu64 " programs (%" PRIu64 " failed), %" PRIu64
			       " evictions, %" PRIu64 " waits",
			       p->occupied, p->in_flight, p->p.hits, p->p.programs,
			       p->p.program_errors, p->p.evictions, p->p.waits);
		putchar('\n');
		print_slots(p);
	}
}

int cmd_status(const struct verb *verb, int argc, char **argv)
{
	struct mount_status st;
	bool json = false, first = true;
	int c, r;

	while ((c = verb_getopt(verb, argc, argv, ":", status_options, first)) != -1) {
		first = false;
		if (c != OPT_JSON)
			return EXIT_USAGE;
		json = true;
	}
	r = verb_want_args(verb, argc, 1);
	if (r)
		return r;
	r = mount_status_fetch(argv[optind], &st);
	if (r != EXIT_DONE)
		return r;
	if (json) {
		if (output_record(true, mount_status_record(argv[optind], &st)) < 0)
			r = msg_fail(EXIT_FAILED, "standard output: cannot be written");
	} else {
		print_mount(argv[optind], &st.mount);
		print_keys(&st);
		print_devices(&st);
		print_profiles(&st);
	}
	mount_status_free(&st);
	return r == EXIT_DONE ? output_finish() : r;
}
