/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-protector.c - fuscrypt protector list and remove: the passphrases that a store has */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/store-of.h"
#include "cli/verbs.h"
#include "util/hex.h"

enum { OPT_JSON = 0x200, OPT_FORCE };

static const struct option list_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};
static const struct option remove_options[] = {
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};

static int parse(const struct verb *verb, int argc, char **argv, const struct option *options,
		 int words, bool *ret_json, bool *ret_force)
{
	bool first = true;
	int c;

	*ret_json = *ret_force = false;
	while ((c = verb_getopt(verb, argc, argv, ":", options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		if (c == OPT_JSON)
			*ret_json = true;
		else
			*ret_force = true;
	}
	return verb_want_args(verb, argc, words);
}

int cmd_protector_list(const struct verb *verb, int argc, char **argv)
{
	struct protector *list;
	struct store *store;
	size_t count, bad, i;
	bool json, force;
	int r = parse(verb, argc, argv, list_options, 1, &json, &force);

	if (r == EXIT_DONE)
		r = store_of_path(argv[optind], &store);
	if (r != EXIT_DONE)
		return r;
	r = store_of_protectors(store, &list, &count, &bad);
	if (r == EXIT_DONE) {
		for (i = 0; i < count && r == EXIT_DONE; i++)
			if (output_record(json, store_of_record(store, &list[i])) < 0)
				r = msg_fail(EXIT_FAILED, "standard output: cannot be written");
		free(list);
	}
	store_close(store);
	if (r == EXIT_DONE)
		r = output_finish();
	/* Not all of them are in the list. */
	return r == EXIT_DONE && bad ? EXIT_FAILED : r;
}

/* ---- remove ---- */

/* How many others open the key of @p. An exit code, reported. */
static int count_others(const struct store *store, const struct protector *p, size_t *ret_others)
{
	struct protector *list;
	size_t count, bad, i, n = 0;
	int r = store_of_protectors(store, &list, &count, &bad);

	if (r != EXIT_DONE)
		return r;
	for (i = 0; i < count; i++)
		n += strcmp(list[i].id, p->id) &&
		     !memcmp(list[i].key_identifier, p->key_identifier, sizeof(p->key_identifier));
	free(list);
	*ret_others = n;
	return EXIT_DONE;
}

static int refuse_last(const struct store *store, const struct protector *p)
{
	char ident[2 * FSCRYPT_KEY_IDENTIFIER_SIZE + 1];

	hex_encode(p->key_identifier, sizeof(p->key_identifier), ident);
	return msg_fail(EXIT_FAILED,
			"%s: %s is the last passphrase of key %s: without it %s is lost to "
			"whoever does not have the raw key: add another with `fuscrypt protector "
			"add`, or remove it with --force",
			store->path, p->id, ident,
			store_of_is_root_key(store, p) ? "all that the root directory of the store "
							 "keeps under this key"
						       : "every directory with this key");
}

/* The directory is locked: what is counted here is still so when the file goes. */
static int remove_locked(const struct store *store, int dirfd, const char *id, bool force,
			 json_t **ret_rec)
{
	const char *why = NULL;
	size_t others = 0;
	struct protector p;
	bool known;
	int r;

	r = protector_load(store->meta_fd, id, &p, &why);
	if (r == -ENOENT)
		return msg_fail(EXIT_FAILED,
				"%s: has no protector %s: `fuscrypt protector list` shows them",
				store->path, id);
	known = r == 0;
	if (!known && !force)
		return msg_fail(EXIT_FAILED,
				"%s: protector %s cannot be used: %s: what it opens is not known, "
				"only --force removes it",
				store->path, id, why);
	if (known) {
		r = count_others(store, &p, &others);
		if (r != EXIT_DONE)
			return r;
		if (others == 0 && !force)
			return refuse_last(store, &p);
	}
	r = protector_remove(dirfd, id);
	if (r < 0)
		return msg_fail(EXIT_NOT_WRITABLE, "%s: protector %s cannot be removed: %s",
				store->path, id, strerror(-r));
	*ret_rec = json_pack("{s:s}", "removed", id);
	if (known && *ret_rec) {
		json_object_set_new(*ret_rec, "key_identifier",
				    output_hex(p.key_identifier, sizeof(p.key_identifier)));
		json_object_set_new(*ret_rec, "left", json_integer((json_int_t)others));
	}
	return EXIT_DONE;
}

int cmd_protector_remove(const struct verb *verb, int argc, char **argv)
{
	json_t *rec = NULL;
	struct store *store;
	bool json, force;
	const char *id;
	int r, dirfd;

	r = parse(verb, argc, argv, remove_options, 2, &json, &force);
	if (r)
		return r;
	id = argv[optind];
	if (!protector_is_id(id))
		return verb_usage(verb, "%s: is no protector's id of 16 hex digits", id);
	r = store_of_path(argv[optind + 1], &store);
	if (r != EXIT_DONE)
		return r;
	r = protector_lock(store->meta_fd, &dirfd);
	if (r < 0) {
		r = msg_fail(EXIT_FAILED, "%s: its protectors cannot be read: %s", store->path,
			     strerror(-r));
	} else {
		r = remove_locked(store, dirfd, id, force, &rec);
		close(dirfd);
	}
	store_close(store);
	if (r != EXIT_DONE)
		return r;
	if (output_record(json, rec) < 0)
		return msg_fail(EXIT_FAILED, "standard output: cannot be written");
	return output_finish();
}
