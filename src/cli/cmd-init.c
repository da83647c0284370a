/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-init.c - fuscrypt init: make a store, its master key and a passphrase for it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/policy-check.h"
#include "cli/policy-opts.h"
#include "cli/protector.h"
#include "cli/verbs.h"
#include "util/secret.h"

enum {
	OPT_KEY = 0x200,
	OPT_PASSFILE,
	OPT_EXTPASS,
	OPT_NO_POLICY,
	OPT_NAME,
	OPT_KDF_TIME,
	OPT_KDF_MEMORY,
	OPT_UUID,
	OPT_JSON,
};

static const struct option long_options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "passfile", required_argument, NULL, OPT_PASSFILE },
	{ "extpass", required_argument, NULL, OPT_EXTPASS },
	{ "no-policy", no_argument, NULL, OPT_NO_POLICY },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "kdf-time", required_argument, NULL, OPT_KDF_TIME },
	{ "kdf-memory", required_argument, NULL, OPT_KDF_MEMORY },
	{ "uuid", required_argument, NULL, OPT_UUID },
	{ "json", no_argument, NULL, OPT_JSON },
	POLICY_LONG_OPTIONS,
	{ NULL },
};

struct init {
	const struct verb *verb;
	struct key_sources keys;
	struct policy_opts policy_opts;
	bool no_policy, json, has_uuid;
	unsigned long kdf_time, kdf_memory;
	const char *name, *path;
	uint8_t uuid[16];
	/* made along the way */
	struct secretbuf key;
	uint8_t key_ref[FSCRYPT_KEY_IDENTIFIER_SIZE];
	union fscrypt_policy policy;
	struct protector protector;
	bool has_protector;
};

static int take_option(struct init *in, int c)
{
	int r = 0;

	switch (c) {
	case OPT_KEY:
		r = key_sources_add(&in->keys, KEY_SOURCE_RAW, optarg);
		break;
	case OPT_PASSFILE:
		r = key_sources_add(&in->keys, KEY_SOURCE_PASSFILE, optarg);
		break;
	case OPT_EXTPASS:
		r = key_sources_add(&in->keys, KEY_SOURCE_EXTPASS, optarg);
		break;
	case OPT_NO_POLICY:
		in->no_policy = true;
		break;
	case OPT_NAME:
		if (strlen(optarg) > PROTECTOR_NAME_MAX || !output_is_utf8(optarg))
			return verb_usage(in->verb, "--name: at most %d bytes of UTF-8",
					  PROTECTOR_NAME_MAX);
		in->name = optarg;
		break;
	case OPT_KDF_TIME:
		return verb_take_number(in->verb, optarg, 1, KDF_TIME_MAX_MS, &in->kdf_time);
	case OPT_KDF_MEMORY:
		return verb_take_number(in->verb, optarg, KDF_MEM_MIN_KIB, KDF_MEM_MAX_KIB,
					&in->kdf_memory);
	case OPT_UUID:
		if (store_uuid_parse(optarg, in->uuid) < 0)
			return verb_usage(in->verb, "--uuid %s: is no UUID", optarg);
		in->has_uuid = true;
		break;
	case OPT_JSON:
		in->json = true;
		break;
	case '?':
		return EXIT_USAGE;
	default:
		return policy_opts_take(&in->policy_opts, in->verb, c, optarg);
	}
	return r < 0 ? verb_usage(in->verb, "too many keys") : 0;
}

static int check_combination(const struct init *in)
{
	if (in->no_policy && (in->keys.count > 0 || in->policy_opts.any))
		return verb_usage(in->verb,
				  "--no-policy leaves the root plain: no key and no policy "
				  "options go with it");
	if (in->policy_opts.v1 && in->policy_opts.log2_data_unit_size)
		return verb_usage(in->verb, "--data-unit-size needs a policy of version 2");
	if (key_sources_count(&in->keys) > 1)
		return verb_usage(in->verb, "only one of --key, --passfile and --extpass");
	return 0;
}

/* A passphrase, and a random master key wrapped under it. */
static int make_protected_key(struct init *in)
{
	struct secretbuf passphrase;
	struct kdf_params kdf;
	unsigned next;
	int r;

	if (in->keys.count > 0)
		r = key_source_read(&in->keys, 0, &next, &passphrase);
	else
		r = passphrase_ask("New passphrase", true, NULL, &passphrase);
	if (r != EXIT_DONE)
		return r;
	in->key.len = FSCRYPT_MAX_RAW_KEY_SIZE;
	secret_random(in->key.data, in->key.len);
	r = kdf_calibrate((unsigned)in->kdf_time, (uint32_t)in->kdf_memory, &kdf);
	if (r == 0)
		r = policy_key_ref(&in->key, false, in->key_ref);
	if (r == 0)
		r = protector_create(in->name, &kdf, &passphrase, &in->key, in->key_ref,
				     &in->protector);
	secretbuf_free(&passphrase);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: the passphrase cannot be set up: %s", in->path,
				strerror(-r));
	in->has_protector = true;
	return EXIT_DONE;
}

static int make_key_and_policy(struct init *in)
{
	char why[256];
	int r;

	if (in->keys.count > 0 && in->keys.list[0].kind == KEY_SOURCE_RAW) {
		struct secretbuf raw;

		r = raw_key_read(in->keys.list[0].arg, &raw);
		if (r != EXIT_DONE)
			return r;
		memcpy(in->key.data, raw.data, raw.len);
		in->key.len = raw.len;
		secretbuf_free(&raw);
	} else if (in->policy_opts.v1) {
		return verb_usage(in->verb,
				  "--v1 needs --key: passphrases protect keys of version 2");
	} else {
		r = make_protected_key(in);
		if (r != EXIT_DONE)
			return r;
	}
	r = policy_key_ref(&in->key, in->policy_opts.v1, in->key_ref);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: the key cannot be used: %s", in->path,
				strerror(-r));
	policy_opts_build(&in->policy_opts, in->key_ref, &in->policy);
	if (policy_check(&in->policy, &in->key, why, sizeof(why)) < 0)
		return msg_fail(EXIT_FAILED, "%s: this policy cannot be used: %s", in->path, why);
	return EXIT_DONE;
}

static int write_protector(const struct init *in)
{
	struct store_error err;
	struct store *store;
	int r;

	if (store_open(in->path, &store, &err) < 0)
		return msg_fail(err.exit_code, "%s", err.text);
	r = protector_write(store->meta_fd, &in->protector);
	store_close(store);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: the protector cannot be written: %s", in->path,
				strerror(-r));
	return EXIT_DONE;
}

/* What was made, from the store itself. */
static int print_result(const struct init *in)
{
	struct store_error err;
	struct store *store;
	char uuid[37];
	json_t *rec;

	if (store_open(in->path, &store, &err) < 0)
		return msg_fail(err.exit_code, "%s", err.text);
	store_uuid_format(store->uuid, uuid);
	rec = json_pack("{s:o, s:s, s:i}", "store", output_string(store->path), "uuid", uuid,
			"format", 1);
	store_close(store);
	if (rec && !in->no_policy)
		json_object_set_new(rec, "policy", policy_record(&in->policy));
	if (rec && in->has_protector)
		json_object_set_new(rec, "protector",
				    json_pack("{s:s, s:s, s:I, s:I}", "id", in->protector.id,
					      "name", in->protector.name, "argon2id_ops",
					      (json_int_t)in->protector.kdf.ops, "argon2id_mem_kib",
					      (json_int_t)in->protector.kdf.mem_kib));
	if (output_record(in->json, rec) < 0)
		return msg_fail(EXIT_FAILED, "standard output: cannot be written");
	return output_finish();
}

/*
 * Before any passphrase is asked for: what store_create() would refuse in the end. It checks again,
 * and has the last word.
 */
static int check_early(const struct init *in, bool *ret_exists)
{
	struct stat st;
	char *meta;
	int r = EXIT_DONE;

	*ret_exists = lstat(in->path, &st) == 0;
	if (!*ret_exists)
		return EXIT_DONE;
	if (stat(in->path, &st) < 0 || !S_ISDIR(st.st_mode))
		return msg_fail(EXIT_FAILED, "%s: is not a directory", in->path);
	if (asprintf(&meta, "%s/.fuscrypt", in->path) < 0)
		return msg_fail(EXIT_FAILED, "out of memory");
	if (lstat(meta, &st) == 0)
		r = msg_fail(EXIT_STORE_NOT_EMPTY,
			     "%s: is a store already: choose another directory", in->path);
	free(meta);
	return r;
}

static int init_store(struct init *in)
{
	struct store_error err;
	bool existed;
	int r;

	r = check_early(in, &existed);
	if (r != EXIT_DONE)
		return r;
	if (!in->no_policy) {
		r = make_key_and_policy(in);
		if (r != EXIT_DONE)
			return r;
	}
	if (store_create(in->path, in->no_policy ? NULL : &in->policy,
			 in->has_uuid ? in->uuid : NULL, &err) < 0)
		return msg_fail(err.exit_code, "%s", err.text);
	if (in->has_protector) {
		r = write_protector(in);
		if (r != EXIT_DONE) {
			store_create_undo(in->path, !existed);
			return r;
		}
	}
	return print_result(in);
}

int cmd_init(const struct verb *verb, int argc, char **argv)
{
	struct init in = { .verb = verb, .name = "passphrase", .kdf_time = KDF_TIME_DEFAULT_MS };
	bool first = true;
	int c, r = 0;

	policy_opts_init(&in.policy_opts);
	while (r == 0 && (c = verb_getopt(verb, argc, argv, ":", long_options, first)) != -1) {
		first = false;
		r = take_option(&in, c);
	}
	if (r == 0)
		r = verb_want_args(verb, argc, 1);
	if (r == 0)
		r = check_combination(&in);
	if (r)
		return r;
	in.path = argv[optind];
	r = secret_init();
	if (r == 0)
		r = secretbuf_init(&in.key);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	r = init_store(&in);
	secretbuf_free(&in.key);
	return r;
}
