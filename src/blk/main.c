/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c - fuscrypt-blk: the verbs, and which of them it is */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "blk/blk.h"
#include "blkcrypto/blk-device.h"
#include "cli/msg.h"
#include "cli/stdfds.h"
#include "crypto/selftest.h"
#include "util/log.h"

#define COMMON_DETAILS                                                                 \
	"  --mode MODE             AES-256-XTS (also AES-128-CBC-ESSIV, Adiantum, "    \
	"SM4-XTS)\n"                                                                   \
	"  --data-unit-size N      bytes encrypted as one (4096)\n"                    \
	"  --dun-bytes N           bytes of the largest data unit number (8)\n"        \
	"  --device SPEC           stack of devices, see fuscrypt-devices(7) (file)\n" \
	"  --inlinecrypt           let devices encrypt that can\n"                     \
	"  --no-fallback           encrypt in devices only, never in software\n"       \
	"  --block-size N          bytes of one request, at most (1M)\n"               \
	"  --json                  print what was done as JSON\n"

#define KEY_DETAILS                                                                  \
	"  --key FILE              the raw key; - is standard input\n"               \
	"  --plain                 no key: the bytes as they are\n"                  \
	"  --dun N                 data unit number of the image's first byte (0)\n" \
	"  --offset N              where to begin, bytes into the image (0)\n"

static const struct verb log_verbs[] = {
	{ "list", cmd_log_list, "[--json] LOG", "what a log device has recorded",
	  "  --json                  one JSON object a line\n", NULL, "log" },
	{ "mark", cmd_log_mark, "LOG TEXT", "add a mark to a log, also while a mount writes it",
	  NULL, NULL, "log" },
	{ "replay", cmd_log_replay, "[--to MARK | --records N] [--flushed-only] LOG COPY",
	  "make a copy of a store or image what it was at a point of a log",
	  "  --to MARK               up to the first mark of that text\n"
	  "  --records N             up to record N, as `log list` counts\n"
	  "  --flushed-only          leave out what a power cut at that point may take\n",
	  NULL, "log" },
	{ NULL },
};

static const struct verb verbs[] = {
	{ "read", cmd_read, "--key FILE [--offset N] [--length N] [-o FILE] [IMAGE]",
	  "decrypt an image or device",
	  KEY_DETAILS "  --length N              how many bytes (to the end of the image)\n"
		      "  -o, --output FILE       there, not to standard output\n" COMMON_DETAILS,
	  NULL, NULL },
	{ "write", cmd_write, "--key FILE [--offset N] [--length N] [-i FILE] [IMAGE]",
	  "encrypt into an image or device",
	  KEY_DETAILS
	  "  --length N              how many bytes (to the end of the input)\n"
	  "  --pad                   fill the last data unit with zeros\n"
	  "  -i, --input FILE        from there, not from standard input\n" COMMON_DETAILS,
	  NULL, NULL },
	{ "verify", cmd_verify, "--key FILE [--offset N] [--length N] [-i FILE] [IMAGE]",
	  "compare an image or device with plain data",
	  KEY_DETAILS
	  "  --length N              how many bytes (to the end of the input)\n"
	  "  --pad                   fill the last data unit with zeros\n"
	  "  -i, --input FILE        with that, not with standard input\n" COMMON_DETAILS,
	  NULL, NULL },
	{ "stress", cmd_stress, "[--threads N] [--keys N] [--seconds N] [--faults LIST] [IMAGE]",
	  "many threads, many keys, checked data, figures at the end",
	  "  --threads N             threads that read and write (4)\n"
	  "  --keys N                keys in use at a time (16)\n"
	  "  --seconds N             how long (10)\n"
	  "  --ops N                 instead: requests of each thread\n"
	  "  --size N                bytes of the image that are used (64M)\n"
	  "  --read-percent N        reads among the requests (50)\n"
	  "  --seed N                of keys, data and requests (random, and printed)\n"
	  "  --faults LIST           program,reset,suspend,io,evict, or all: those are switched on\n"
	  "                          and off\n"
	  "  --stall N               seconds without progress that count as a hang (60)\n" COMMON_DETAILS,
	  NULL, NULL },
	{ "log", NULL, "list|mark|replay ...", "what a log device has recorded", NULL, log_verbs,
	  NULL },
	{ NULL },
};

static int help(void)
{
	const struct blk_device_type *type;

	printf("usage: fuscrypt-blk VERB ... [IMAGE]\n\n");
	verb_print_table(verbs);
	printf("\nDevices:\n");
	for (unsigned i = 0; (type = blk_device_type_by_index(i)); i++)
		printf("  %-10s %s\n", type->name, type->help);
	printf("\nVERB --help shows its options, --version the version. See fuscrypt-blk(1).\n");
	return output_finish();
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (stdfds_open() < 0)
		return BLK_EXIT_FAILED;
	msg_program = "fuscrypt-blk";
	log_init("fuscrypt-blk", LOG_LVL_ERR, false);
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2), with a message */
	if (argc < 2)
		return msg_fail(BLK_EXIT_USAGE, "a verb is missing: see fuscrypt-blk --help");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("fuscrypt-blk %s\n", PACKAGE_VERSION);
		return output_finish();
	}
	verb = verb_find(verbs, argv[1]);
	if (!verb)
		return msg_fail(BLK_EXIT_USAGE, "%s: no such verb: see fuscrypt-blk --help",
				argv[1]);
	return verb_run(verb, argc - 1, argv + 1);
}
