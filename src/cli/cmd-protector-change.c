/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-protector-change.c - fuscrypt protector add and change: a new passphrase for a key */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/policy-check.h"
#include "cli/store-of.h"
#include "cli/verbs.h"
#include "util/secret.h"

enum {
	OPT_KEY = 0x200,
	OPT_PASSFILE,
	OPT_EXTPASS,
	OPT_FROM,
	OPT_NAME,
	OPT_KDF_TIME,
	OPT_KDF_MEMORY,
	OPT_JSON,
};

#define COMMON_OPTIONS                                                     \
	{ "passfile", required_argument, NULL, OPT_PASSFILE },             \
		{ "extpass", required_argument, NULL, OPT_EXTPASS },       \
		{ "name", required_argument, NULL, OPT_NAME },             \
		{ "kdf-time", required_argument, NULL, OPT_KDF_TIME },     \
		{ "kdf-memory", required_argument, NULL, OPT_KDF_MEMORY }, \
		{ "json", no_argument, NULL, OPT_JSON },                   \
	{                                                                  \
		NULL                                                       \
	}

static const struct option add_options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "from", required_argument, NULL, OPT_FROM },
	COMMON_OPTIONS,
};
static const struct option change_options[] = { COMMON_OPTIONS };

struct job {
	const struct verb *verb;
	struct key_sources sources; /* of passphrases: the old one, then the new one */
	unsigned next;		    /* the source whose turn it is */
	const char *raw_key, *name, *id;
	unsigned long kdf_time, kdf_memory;
	bool json, change;
	struct store *store;
	struct protector *list; /* of the store */
	size_t count;
	struct secretbuf key;
	struct protector old; /* the one that has opened the key; of no meaning with raw_key */
};

static int take_id(struct job *job, const char *text)
{
	if (!protector_is_id(text))
		return verb_usage(job->verb, "%s: is no protector's id of 16 hex digits", text);
	job->id = text;
	return 0;
}

static int take_option(struct job *job, int c)
{
	switch (c) {
	case OPT_KEY:
		if (job->raw_key)
			return verb_usage(job->verb, "--key: only one");
		job->raw_key = optarg;
		return 0;
	case OPT_PASSFILE:
	case OPT_EXTPASS:
		if (key_sources_add(&job->sources,
				    c == OPT_PASSFILE ? KEY_SOURCE_PASSFILE : KEY_SOURCE_EXTPASS,
				    optarg) < 0)
			return verb_usage(job->verb, "too many sources of passphrases");
		return 0;
	case OPT_FROM:
		return take_id(job, optarg);
	case OPT_NAME:
		if (strlen(optarg) > PROTECTOR_NAME_MAX || !output_is_utf8(optarg))
			return verb_usage(job->verb, "--name: at most %d bytes of UTF-8",
					  PROTECTOR_NAME_MAX);
		job->name = optarg;
		return 0;
	case OPT_KDF_TIME:
		return verb_take_number(job->verb, optarg, 1, KDF_TIME_MAX_MS, &job->kdf_time);
	case OPT_KDF_MEMORY:
		return verb_take_number(job->verb, optarg, KDF_MEM_MIN_KIB, KDF_MEM_MAX_KIB,
					&job->kdf_memory);
	case OPT_JSON:
		job->json = true;
		return 0;
	default:
		return EXIT_USAGE;
	}
}

static int parse(struct job *job, int argc, char **argv)
{
	bool first = true;
	int c, r = 0, words;

	while (r == 0 &&
	       (c = verb_getopt(job->verb, argc, argv, ":",
				job->change ? change_options : add_options, first)) != -1) {
		first = false;
		r = take_option(job, c);
	}
	words = job->change && argc - optind == 2 ? 2 : 1;
	if (r == 0)
		r = verb_want_args(job->verb, argc, words);
	if (r == 0 && words == 2)
		r = take_id(job, argv[optind++]);
	if (r == 0 && job->raw_key && job->id)
		r = verb_usage(job->verb, "--from: goes with a passphrase, not with --key");
	if (r == 0 && key_sources_count(&job->sources) > (job->raw_key ? 1 : 2))
		r = verb_usage(job->verb, "too many sources of passphrases: %s",
			       job->raw_key ? "only the new one is needed"
					    : "the old one, then the new one");
	return r;
}

/* From the source whose turn it is, or asked for. */
static int read_passphrase(struct job *job, const char *prompt, bool twice,
			   struct secretbuf *ret_buf)
{
	if (job->next < job->sources.count)
		return key_source_read(&job->sources, job->next, &job->next, ret_buf);
	return passphrase_ask(prompt, twice, NULL, ret_buf);
}

/* ---- the key ---- */

/*
 * One more that the passphrase opens. To add, any that have the same key are as good; what to
 * change is for the user to say.
 */
static int take_opened(struct job *job, const struct protector *p, const struct secretbuf *key,
		       bool *opened)
{
	uint8_t ref[FSCRYPT_KEY_IDENTIFIER_SIZE];

	if (*opened) {
		if (!job->change &&
		    !memcmp(p->key_identifier, job->old.key_identifier, sizeof(p->key_identifier)))
			return EXIT_DONE;
		return msg_fail(EXIT_FAILED,
				"%s: this passphrase opens the protectors %s and %s: say which one "
				"with %s",
				job->store->path, job->old.id, p->id,
				job->change ? "its id" : "--from ID");
	}
	if (policy_key_ref(key, false, ref) < 0 || memcmp(ref, p->key_identifier, sizeof(ref)) != 0)
		return msg_fail(EXIT_FAILED, "%s: protector %s holds another key than it says",
				job->store->path, p->id);
	*opened = true;
	job->old = *p;
	memcpy(job->key.data, key->data, key->len);
	job->key.len = key->len;
	return EXIT_DONE;
}

static int try_passphrase(struct job *job, const struct secretbuf *passphrase)
{
	int err, r = EXIT_DONE;
	struct secretbuf key;
	bool opened = false;
	size_t i;

	if (secretbuf_init(&key) < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys");
	for (i = 0; i < job->count && r == EXIT_DONE; i++) {
		if (job->id && strcmp(job->id, job->list[i].id))
			continue;
		err = protector_unwrap(&job->list[i], passphrase, &key);
		if (err == 0)
			r = take_opened(job, &job->list[i], &key, &opened);
		else if (err != -EKEYREJECTED)
			r = msg_fail(EXIT_FAILED, "%s: the passphrase cannot be tried: %s",
				     job->store->path, strerror(-err));
	}
	secretbuf_free(&key);
	if (r == EXIT_DONE && !opened)
		r = msg_fail(EXIT_WRONG_PASSPHRASE, "%s: wrong passphrase", job->store->path);
	return r;
}

static int open_old(struct job *job)
{
	struct secretbuf passphrase;
	bool there = !job->id;
	size_t i;
	int r;

	for (i = 0; i < job->count && !there; i++)
		there = !strcmp(job->id, job->list[i].id);
	if (!there)
		return msg_fail(EXIT_FAILED,
				"%s: has no protector %s that can be used: `fuscrypt protector "
				"list` shows them",
				job->store->path, job->id);
	if (job->count == 0)
		return msg_fail(EXIT_FAILED,
				"%s: has no passphrase: give a key one with `fuscrypt protector "
				"add --key FILE`",
				job->store->path);
	r = read_passphrase(job, job->change ? "Old passphrase" : "Existing passphrase", false,
			    &passphrase);
	if (r != EXIT_DONE)
		return r;
	r = try_passphrase(job, &passphrase);
	secretbuf_free(&passphrase);
	return r;
}

static int get_key(struct job *job)
{
	struct secretbuf raw;
	int r;

	if (!job->raw_key)
		return open_old(job);
	r = raw_key_read(job->raw_key, &raw);
	if (r != EXIT_DONE)
		return r;
	memcpy(job->key.data, raw.data, raw.len);
	job->key.len = raw.len;
	secretbuf_free(&raw);
	return EXIT_DONE;
}

/* ---- the new passphrase ---- */

static int make_protector(struct job *job, const struct secretbuf *passphrase,
			  struct protector *ret_p)
{
	uint8_t ref[FSCRYPT_KEY_IDENTIFIER_SIZE];
	struct kdf_params kdf;
	int r;

	r = kdf_calibrate((unsigned)job->kdf_time, (uint32_t)job->kdf_memory, &kdf);
	if (r == 0)
		r = policy_key_ref(&job->key, false, ref);
	if (r == 0 && job->change)
		r = protector_rewrap(&job->old, job->name ? job->name : job->old.name, &kdf,
				     passphrase, &job->key, ret_p);
	else if (r == 0)
		r = protector_create(job->name ? job->name : "passphrase", &kdf, passphrase,
				     &job->key, ref, ret_p);
	return r;
}

static int put_protector(struct job *job, const struct protector *p)
{
	int meta_fd = job->store->meta_fd;
	int r = job->change ? protector_replace(meta_fd, &job->old, p)
			    : protector_write(meta_fd, p);

	if (r == -ESTALE)
		return msg_fail(EXIT_FAILED,
				"%s: protector %s has been changed or removed meanwhile: nothing "
				"was done",
				job->store->path, p->id);
	if (r < 0)
		return msg_fail(EXIT_NOT_WRITABLE, "%s: the protector cannot be written: %s",
				job->store->path, strerror(-r));
	return EXIT_DONE;
}

static int new_passphrase(struct job *job)
{
	struct secretbuf passphrase;
	struct protector p, written;
	const char *why;
	int r, err;

	r = read_passphrase(job, "New passphrase", true, &passphrase);
	if (r != EXIT_DONE)
		return r;
	err = make_protector(job, &passphrase, &p);
	secretbuf_free(&passphrase);
	if (err < 0)
		return msg_fail(EXIT_FAILED, "%s: the passphrase cannot be set up: %s",
				job->store->path, strerror(-err));
	r = put_protector(job, &p);
	if (r != EXIT_DONE)
		return r;
	/* What is shown is what is there now. */
	if (protector_load(job->store->meta_fd, p.id, &written, &why) == 0)
		p = written;
	if (output_record(job->json, store_of_record(job->store, &p)) < 0)
		return msg_fail(EXIT_FAILED, "standard output: cannot be written");
	return output_finish();
}

static int run(struct job *job, int argc, char **argv)
{
	size_t bad;
	int r = parse(job, argc, argv);

	if (r)
		return r;
	r = secret_init();
	if (r == 0)
		r = secretbuf_init(&job->key);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	r = store_of_path(argv[optind], &job->store);
	if (r == EXIT_DONE)
		r = store_of_protectors(job->store, &job->list, &job->count, &bad);
	if (r == EXIT_DONE && !job->change && job->count + bad >= PROTECTORS_MAX)
		r = msg_fail(EXIT_FAILED, "%s: has %d protectors, no more will do: remove some",
			     job->store->path, PROTECTORS_MAX);
	if (r == EXIT_DONE)
		r = get_key(job);
	if (r == EXIT_DONE)
		r = new_passphrase(job);
	free(job->list);
	store_close(job->store);
	secretbuf_free(&job->key);
	return r;
}

int cmd_protector_add(const struct verb *verb, int argc, char **argv)
{
	struct job job = { .verb = verb, .kdf_time = KDF_TIME_DEFAULT_MS };

	return run(&job, argc, argv);
}

int cmd_protector_change(const struct verb *verb, int argc, char **argv)
{
	struct job job = { .verb = verb, .kdf_time = KDF_TIME_DEFAULT_MS, .change = true };

	return run(&job, argc, argv);
}
