/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-key.c - fuscrypt key: raw keys made, and given to and taken from a mount */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/key-args.h"
#include "cli/key-write.h"
#include "cli/mount-keys.h"
#include "cli/mount-status.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/policy-check.h"
#include "cli/policy-opts.h"
#include "cli/verbs.h"
#include "fs/control.h"
#include "util/io.h"
#include "util/secret.h"

static const struct option generate_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};
static const struct option add_options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "v1", no_argument, NULL, OPT_KEY_V1 },
	{ "hw-wrapped", no_argument, NULL, OPT_HW_WRAPPED },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};
static const struct option remove_options[] = {
	{ "all-users", no_argument, NULL, OPT_ALL_USERS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};
static const struct option show_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};

static int parse(const struct verb *verb, int argc, char **argv, const struct option *options,
		 int words, struct key_args *args)
{
	int r = key_args_parse(verb, argc, argv, options, args);

	return r ? r : verb_want_args(verb, argc, words);
}

static int print_record(bool json, json_t *rec)
{
	if (output_record(json, rec) < 0)
		return msg_fail(EXIT_FAILED, "standard output: cannot be written");
	return output_finish();
}

/* ---- generate ---- */

int cmd_key_generate(const struct verb *verb, int argc, char **argv)
{
	uint8_t ref[FSCRYPT_KEY_IDENTIFIER_SIZE];
	struct key_args args;
	struct secretbuf key;
	int r = parse(verb, argc, argv, generate_options, 0, &args);

	if (r)
		return r;
	r = secret_init();
	if (r == 0)
		r = secretbuf_init(&key);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	key.len = FSCRYPT_MAX_RAW_KEY_SIZE;
	secret_random(key.data, key.len);
	r = policy_key_ref(&key, false, ref);
	if (r < 0)
		r = msg_fail(EXIT_FAILED, "the key cannot be used: %s", strerror(-r));
	else
		r = key_write(&key, args.output);
	secretbuf_free(&key);
	/* The key itself is what goes to standard output otherwise. */
	if (r == EXIT_DONE && args.output && strcmp(args.output, "-"))
		r = print_record(args.json,
				 json_pack("{s:o}", "identifier", output_hex(ref, sizeof(ref))));
	return r;
}

/* ---- add ---- */

int cmd_key_add(const struct verb *verb, int argc, char **argv)
{
	struct fscrypt_key_specifier spec;
	struct key_args args;
	struct secretbuf key;
	const char *mnt;
	int r, fd;

	r = parse(verb, argc, argv, add_options, 1, &args);
	if (r)
		return r;
	if (args.v1 && args.hw_wrapped)
		return verb_usage(verb, "--v1: a hardware-wrapped key is for version 2");
	mnt = argv[optind];
	r = secret_init();
	if (r < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	r = mount_keys_open(mnt, &fd);
	if (r != EXIT_DONE)
		return r;
	r = args.hw_wrapped ? wrapped_key_read(args.key, &key) : raw_key_read(args.key, &key);
	if (r == EXIT_DONE) {
		r = args.hw_wrapped ? mount_keys_add_wrapped(fd, &key, &spec)
				    : mount_keys_add(fd, &key, args.v1, &spec);
		secretbuf_free(&key);
		if (r < 0 && args.hw_wrapped)
			r = mount_keys_wrapped_failed(mnt, "the key cannot be added", -r);
		else if (r < 0)
			r = mount_keys_failed(mnt, "the key cannot be added", -r);
		else
			r = print_record(args.json,
					 json_pack("{s:o}", args.v1 ? "descriptor" : "identifier",
						   key_spec_record(&spec)));
	}
	close(fd);
	return r;
}

/* ---- remove, status, list ---- */

/* "ID MNT": the key, and the mount opened. An exit code, reported. */
static int open_for_key(const struct verb *verb, int argc, char **argv,
			const struct option *options, struct key_args *args,
			struct fscrypt_key_specifier *ret_spec, const char **ret_mnt, int *ret_fd)
{
	int r = parse(verb, argc, argv, options, 2, args);

	if (r)
		return r;
	if (key_spec_parse(argv[optind], ret_spec) < 0)
		return verb_usage(verb, "%s: is no key identifier of 32 hex digits", argv[optind]);
	*ret_mnt = argv[optind + 1];
	return mount_keys_open(*ret_mnt, ret_fd);
}

int cmd_key_remove(const struct verb *verb, int argc, char **argv)
{
	struct fscrypt_remove_key_arg arg = { .removal_status_flags = 0 };
	struct key_args args;
	bool busy, others;
	const char *mnt;
	int r, fd;

	r = open_for_key(verb, argc, argv, remove_options, &args, &arg.key_spec, &mnt, &fd);
	if (r != EXIT_DONE)
		return r;
	r = mount_keys_remove(fd, args.all_users, &arg);
	close(fd);
	if (r < 0)
		return mount_keys_failed(mnt, "the key cannot be removed", -r);
	busy = arg.removal_status_flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY;
	others = arg.removal_status_flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS;
	if (others)
		msg_err("%s: warning: other users have added the key too: it stays until they remove "
			"it",
			mnt);
	if (busy)
		msg_err("%s: warning: files are still open with the key: close them and remove it "
			"again",
			mnt);
	return print_record(args.json, json_pack("{s:b, s:b, s:b}", "removed", !others && !busy,
						 "files_busy", busy, "other_users", others));
}

int cmd_key_status(const struct verb *verb, int argc, char **argv)
{
	struct fscrypt_get_key_status_arg arg = { .status = 0 };
	struct key_args args;
	const char *mnt;
	int r, fd;

	r = open_for_key(verb, argc, argv, show_options, &args, &arg.key_spec, &mnt, &fd);
	if (r != EXIT_DONE)
		return r;
	if (ioctl(fd, FS_IOC_GET_ENCRYPTION_KEY_STATUS, &arg) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return mount_keys_failed(mnt, "the status cannot be got", -r);
	return print_record(
		args.json, json_pack("{s:o, s:s, s:i, s:b}", "key", key_spec_record(&arg.key_spec),
				     "status", key_status_name(arg.status), "user_count",
				     (int)arg.user_count, "added_by_self",
				     !!(arg.status_flags & FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF)));
}

int cmd_key_list(const struct verb *verb, int argc, char **argv)
{
	struct fuscrypt_key_list list;
	struct key_args args;
	uint32_t start = 0, i;
	const char *mnt;
	int r, fd;

	r = parse(verb, argc, argv, show_options, 1, &args);
	if (r)
		return r;
	mnt = argv[optind];
	r = mount_keys_open(mnt, &fd);
	if (r != EXIT_DONE)
		return r;
	do {
		memset(&list, 0, sizeof(list));
		list.start = start;
		if (ioctl(fd, FUSCRYPT_IOC_LIST_KEYS, &list) < 0) {
			r = mount_keys_failed(mnt, "the keys cannot be listed", errno);
			break;
		}
		if (list.count > FUSCRYPT_LIST_MAX)
			list.count = FUSCRYPT_LIST_MAX;
		for (i = 0; i < list.count && r == EXIT_DONE; i++) {
			json_t *rec = json_pack("{s:o, s:s, s:i}", "key",
						key_spec_record(&list.keys[i].spec), "status",
						key_status_name(list.keys[i].status), "user_count",
						(int)list.keys[i].user_count);

			if (output_record(args.json, rec) < 0)
				r = msg_fail(EXIT_FAILED, "standard output: cannot be written");
		}
		start += list.count;
	} while (r == EXIT_DONE && list.count == FUSCRYPT_LIST_MAX);
	close(fd);
	return r == EXIT_DONE ? output_finish() : r;
}
