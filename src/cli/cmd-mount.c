/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-mount.c - fuscrypt mount, fuscrypt STORE MNT, and what mount(8) calls */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli/daemonize.h"
#include "cli/exitcode.h"
#include "cli/mount-opts.h"
#include "cli/mount-point.h"
#include "cli/msg.h"
#include "cli/notify.h"
#include "cli/remount.h"
#include "cli/verbs.h"

enum {
	OPT_KEY = 0x200,
	OPT_PASSFILE,
	OPT_EXTPASS,
	OPT_LOCKED,
	OPT_DEVICE,
	OPT_KEYRING,
	OPT_NO_FALLBACK,
	OPT_NOTIFYPID,
};

static const struct option long_options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "passfile", required_argument, NULL, OPT_PASSFILE },
	{ "extpass", required_argument, NULL, OPT_EXTPASS },
	{ "locked", no_argument, NULL, OPT_LOCKED },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "keyring", required_argument, NULL, OPT_KEYRING },
	{ "no-fallback", no_argument, NULL, OPT_NO_FALLBACK },
	{ "notifypid", required_argument, NULL, OPT_NOTIFYPID },
	{ "foreground", no_argument, NULL, 'f' },
	{ "debug", no_argument, NULL, 'd' },
	{ NULL },
};

/*
 * mount(8) may have a terminal, but nobody expects a question from it: its helpers never ask. By
 * way of mount.fuse(8) we are one of its grandchildren.
 */
static bool run_by_mount(void)
{
	char path[64], line[512], *paren;
	long pid = getppid();
	int i;

	for (i = 0; i < 3 && pid > 1; i++) {
		FILE *f;
		bool got;

		snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
		f = fopen(path, "re");
		if (!f)
			return false;
		got = fgets(line, sizeof(line), f) != NULL;
		fclose(f);
		paren = got ? strrchr(line, ')') : NULL;
		if (!paren)
			return false;
		if (strstr(line, " (mount)") || strstr(line, " (mount.fuse"))
			return true;
		if (sscanf(paren + 1, " %*c %ld", &pid) != 1)
			return false;
	}
	return false;
}

static void tell(const struct mount_job *job, pid_t pid)
{
	/* What libfuse has no words for. */
	if (geteuid() == 0 &&
	    (job->opts->vfs_set & (MS_STRICTATIME | MS_NODIRATIME | MS_LAZYTIME)) != 0)
		(void)remount(job->opts, job->mnt);
	notify_service_manager(pid);
	notify_process(job->opts->notify_pid);
}

static int mount_store(struct mount_opts *opts, const char *source, const char *mnt)
{
	struct mount_job job = { .opts = opts, .source = source };
	char *store = NULL, *mnt_path = NULL;
	int r;

	if (opts->remount)
		return remount(opts, mnt);
	if (mount_opts_finish(opts, geteuid() == 0) < 0)
		return msg_fail(EXIT_FAILED, "%s: too many mount options", source);
	r = mount_point_check(source, mnt, opts->nonempty, &store, &mnt_path);
	if (r != EXIT_DONE)
		return r;
	job.store = store;
	job.mnt = mnt_path;
	r = daemonize_mount(&job, tell);
	free(store);
	free(mnt_path);
	return r;
}

static int take_option(const struct verb *verb, struct mount_opts *opts, int c)
{
	unsigned long pid;
	char why[512];
	int r = 0;

	switch (c) {
	case OPT_KEY:
		r = key_sources_add(&opts->keys, KEY_SOURCE_RAW, optarg);
		break;
	case OPT_PASSFILE:
		r = key_sources_add(&opts->keys, KEY_SOURCE_PASSFILE, optarg);
		break;
	case OPT_EXTPASS:
		r = key_sources_add(&opts->keys, KEY_SOURCE_EXTPASS, optarg);
		break;
	case OPT_LOCKED:
		opts->locked = true;
		break;
	case OPT_DEVICE:
		opts->device = optarg;
		break;
	case OPT_KEYRING:
		opts->keyring = optarg;
		break;
	case OPT_NO_FALLBACK:
		opts->no_fallback = true;
		break;
	case OPT_NOTIFYPID:
		/* What does not fit a pid_t could become -1: all processes of the user. */
		r = verb_take_number(verb, optarg, 1, INT_MAX, &pid);
		if (r)
			return r;
		opts->notify_pid = (pid_t)pid;
		break;
	case 'f':
		opts->foreground = true;
		break;
	case 'd':
		opts->debug = true;
		break;
	case 'o':
		r = mount_opts_take(opts, optarg, why, sizeof(why));
		return r ? msg_fail(r, "%s", why) : 0;
	default:
		return EXIT_USAGE;
	}
	return r < 0 ? verb_usage(verb, "too many keys") : 0;
}

static int check_combination(const struct verb *verb, const struct mount_opts *opts)
{
	if (opts->locked && opts->keys.count > 0)
		return verb_usage(verb, "--locked and a key exclude each other");
	return 0;
}

int cmd_mount(const struct verb *verb, int argc, char **argv)
{
	struct mount_opts opts;
	bool first = true;
	int c, r = 0;

	mount_opts_init(&opts);
	while (r == 0 && (c = verb_getopt(verb, argc, argv, ":fdo:", long_options, first)) != -1) {
		first = false;
		r = take_option(verb, &opts, c);
	}
	if (r == 0)
		r = verb_want_args(verb, argc, 2);
	if (r == 0)
		r = check_combination(verb, &opts);
	opts.no_ask = run_by_mount();
	if (r == 0)
		r = mount_store(&opts, argv[optind], argv[optind + 1]);
	mount_opts_free(&opts);
	return r;
}

int cmd_mount_helper(int argc, char **argv)
{
	const struct verb *verb = verb_find(verbs, "mount");
	static const struct option none[] = { { NULL } };
	const char *texts[KEY_SOURCES_MAX];
	struct mount_opts opts;
	size_t num_texts = 0, i;
	bool first = true, fake = false;
	char why[512];
	int c, r = 0;

	mount_opts_init(&opts);
	opts.no_ask = true;
	/* mount(8) keeps "dev" and "suid" to itself: only what forbids them is handed on. */
	opts.dev = opts.suid = geteuid() == 0;
	while (r == 0 && (c = verb_getopt(verb, argc, argv, ":sfnvrwo:t:N:", none, first)) != -1) {
		first = false;
		switch (c) {
		case 's':
			opts.sloppy = true;
			break;
		case 'f':
			fake = true;
			break;
		case 'o':
			if (num_texts == KEY_SOURCES_MAX)
				r = verb_usage(verb, "too many -o");
			else
				texts[num_texts++] = optarg;
			break;
		case 'r':
			opts.read_only = true;
			opts.vfs_set |= MS_RDONLY;
			break;
		case 'N':
			r = msg_fail(EXIT_FAILED,
				     "-N %s: other mount name spaces are not supported: "
				     "use nsenter(1)",
				     optarg);
			break;
		case '?':
			r = EXIT_USAGE;
			break;
		default: /* n, v, w, t: nothing to do */
			break;
		}
	}
	/* After all of them: -s may come last. */
	for (i = 0; i < num_texts && r == 0; i++) {
		r = mount_opts_take(&opts, texts[i], why, sizeof(why));
		if (r)
			msg_err("%s", why);
	}
	if (r == 0)
		r = verb_want_args(verb, argc, 2);
	if (r == 0)
		r = check_combination(verb, &opts);
	if (r == 0 && !fake)
		r = mount_store(&opts, argv[optind], argv[optind + 1]);
	mount_opts_free(&opts);
	return r;
}
