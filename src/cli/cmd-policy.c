/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-policy.c - fuscrypt policy: encryption policies of directories in a mount */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/mount-keys.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/policy-opts.h"
#include "cli/verbs.h"
#include "fs/control.h"

enum { OPT_JSON = 0x200 };

static const struct option set_options[] = {
	POLICY_LONG_OPTIONS,
	{ NULL },
};
static const struct option get_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};

static const char *set_reason(int errnum)
{
	switch (errnum) {
	case ENOTTY:
	case EOPNOTSUPP:
		return "is it within a mount of fuscrypt?";
	case EEXIST:
		return "it is encrypted already, with another policy";
	case ENOTEMPTY:
		return "it is not empty: only empty directories can be encrypted";
	case ENOTDIR:
		return "it is not a directory";
	case ENOKEY:
		return "add the key first: fuscrypt key add";
	case EINVAL:
		return "these modes and flags do not go together, or not in this version";
	case EACCES:
		return "it is not yours";
	case EPERM:
		return "the root of a plain store stays plain";
	default:
		return strerror(errnum);
	}
}

int cmd_policy_set(const struct verb *verb, int argc, char **argv)
{
	struct fscrypt_key_specifier spec;
	struct fuscrypt_policy arg = { 0 };
	union fscrypt_policy policy;
	struct policy_opts opts;
	bool first = true;
	const char *dir;
	int c, fd, r;

	policy_opts_init(&opts);
	while ((c = verb_getopt(verb, argc, argv, ":", set_options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		r = policy_opts_take(&opts, verb, c, optarg);
		if (r)
			return r;
	}
	r = verb_want_args(verb, argc, 2);
	if (r)
		return r;
	dir = argv[optind + 1];
	if (key_spec_parse(argv[optind], &spec) < 0 ||
	    (spec.type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR) != opts.v1)
		return verb_usage(verb, "%s: is no key %s", argv[optind],
				  opts.v1 ? "descriptor of 16 hex digits"
					  : "identifier of 32 hex digits");
	if (opts.v1 && opts.log2_data_unit_size)
		return verb_usage(verb, "--data-unit-size needs a policy of version 2");
	policy_opts_build(&opts, spec.u.raw, &policy);
	arg.size = (uint32_t)fscrypt_policy_size(&policy);
	memcpy(arg.policy, &policy, arg.size);
	fd = open(dir, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", dir, strerror(errno));
	r = ioctl(fd, FUSCRYPT_IOC_SET_POLICY, &arg) < 0 ? errno : 0;
	close(fd);
	if (r)
		return msg_fail(EXIT_FAILED, "%s: the policy cannot be set: %s", dir,
				set_reason(r));
	return EXIT_DONE;
}

int cmd_policy_get(const struct verb *verb, int argc, char **argv)
{
	union fscrypt_policy policy = { 0 };
	bool json = false, first = true;
	const char *path, *why;
	int c, fd, r;

	while ((c = verb_getopt(verb, argc, argv, ":", get_options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		json = true;
	}
	r = verb_want_args(verb, argc, 1);
	if (r)
		return r;
	path = argv[optind];
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
	r = -mount_keys_policy(fd, &policy);
	close(fd);
	if (r) {
		why = strerror(r);
		if (r == ENODATA)
			why = "it is not encrypted";
		else if (r == ENOTTY || r == EOPNOTSUPP)
			why = "is it within a mount of fuscrypt?";
		return msg_fail(EXIT_FAILED, "%s: no policy: %s", path, why);
	}
	if (output_record(json, policy_record(&policy)) < 0)
		return msg_fail(EXIT_FAILED, "standard output: cannot be written");
	return output_finish();
}
