/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve-keys.c - keys on their way into a mount that is being made */
#include "cli/serve-keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/channel.h"
#include "cli/exitcode.h"
#include "cli/policy-check.h"
#include "cli/protector.h"
#include "util/log.h"

struct taker {
	struct fs_super *sb;
	const char *store;
	struct protector *protectors;
	bool *used; /* one a protector: its key is in */
	size_t count, bad;
	unsigned added;
	bool root_key; /* the key of the root directory is among them */
	char *text;
	size_t cap;
};

static int fail(struct taker *t, int code, const char *what, int errnum)
{
	snprintf(t->text, t->cap, "%s: %s: %s", t->store, what, strerror(errnum));
	return code;
}

static int add_key(struct taker *t, const struct secretbuf *key, const uint8_t *expected)
{
	const struct fscrypt_caller who = { .fsuid = geteuid(), .cap_sys_admin = false };
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	const struct store *store = t->sb->store;
	int r = fscrypt_add_key(t->sb->fsc, &who, &spec, key->data, key->len);

	if (r < 0)
		return fail(t, EXIT_FAILED, "a key cannot be added", -r);
	if (expected && memcmp(expected, spec.u.identifier, FSCRYPT_KEY_IDENTIFIER_SIZE))
		return fail(t, EXIT_FAILED, "a protector holds another key than it says", EUCLEAN);
	t->added++;
	if (!store->root_plain && store->root_ctx.version == FSCRYPT_CONTEXT_V2 &&
	    !memcmp(store->root_ctx.v2.master_key_identifier, spec.u.identifier,
		    FSCRYPT_KEY_IDENTIFIER_SIZE))
		t->root_key = true;
	return EXIT_DONE;
}

/*
 * Keys of old policies have names of the user's choice. Where the root has such a policy and its
 * name is the one that `init --v1` derives from this key, the key is that one.
 */
static int add_v1_key(struct taker *t, const struct secretbuf *key)
{
	const struct fscrypt_caller who = { .fsuid = geteuid(), .cap_sys_admin = true };
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR };
	const struct store *store = t->sb->store;
	int r;

	if (store->root_plain || store->root_ctx.version != FSCRYPT_CONTEXT_V1)
		return EXIT_DONE;
	r = policy_key_ref(key, true, spec.u.identifier);
	if (r < 0 || memcmp(spec.u.descriptor, store->root_ctx.v1.master_key_descriptor,
			    FSCRYPT_KEY_DESCRIPTOR_SIZE) != 0)
		return EXIT_DONE;
	r = fscrypt_add_key(t->sb->fsc, &who, &spec, key->data, key->len);
	if (r < 0)
		return fail(t, EXIT_FAILED, "a key cannot be added", -r);
	t->root_key = true;
	return EXIT_DONE;
}

/* All protectors that the passphrase opens; at least one must. */
static int use_passphrase(struct taker *t, const struct secretbuf *passphrase)
{
	bool opened = false;
	struct secretbuf key;
	size_t i;
	int r, code = EXIT_DONE;

	if (secretbuf_init(&key) < 0)
		return fail(t, EXIT_FAILED, "no memory for keys", ENOMEM);
	for (i = 0; i < t->count && code == EXIT_DONE; i++) {
		if (t->used[i])
			continue;
		r = protector_unwrap(&t->protectors[i], passphrase, &key);
		if (r == -EKEYREJECTED)
			continue;
		if (r < 0) {
			code = fail(t, EXIT_FAILED, "the passphrase cannot be tried", -r);
			continue;
		}
		opened = true;
		t->used[i] = true;
		code = add_key(t, &key, t->protectors[i].key_identifier);
	}
	secretbuf_free(&key);
	if (code == EXIT_DONE && !opened) {
		snprintf(t->text, t->cap, "%s: wrong passphrase", t->store);
		return EXIT_WRONG_PASSPHRASE;
	}
	return code;
}

static int take_all(struct taker *t, int key_fd)
{
	enum channel_kind kind = CHANNEL_END;
	struct secretbuf buf;
	int r, code = EXIT_DONE;

	if (secretbuf_init(&buf) < 0)
		return fail(t, EXIT_FAILED, "no memory for keys", ENOMEM);
	do {
		r = channel_receive_secret(key_fd, &kind, &buf);
		if (r < 0) {
			/* Whoever mounts has gone, or has said already what is wrong. */
			code = fail(t, EXIT_FAILED, "no keys were sent", -r);
		} else if (kind == CHANNEL_KEY) {
			code = add_key(t, &buf, NULL);
			if (code == EXIT_DONE)
				code = add_v1_key(t, &buf);
		} else if (kind == CHANNEL_PASSPHRASE) {
			code = use_passphrase(t, &buf);
		}
	} while (code == EXIT_DONE && kind != CHANNEL_END);
	secretbuf_free(&buf);
	return code;
}

int serve_take_keys(struct fs_super *sb, const char *store_path, int key_fd, int status_fd,
		    char *text, size_t cap)
{
	struct taker t = { .sb = sb, .store = store_path, .text = text, .cap = cap };
	char why[256] = "";
	int r;

	text[0] = '\0';
	r = protector_load_all(sb->store->meta_fd, &t.protectors, &t.count, &t.bad, why,
			       sizeof(why));
	if (r < 0)
		return fail(&t, EXIT_CONF, "its protectors cannot be read", -r);
	if (t.bad > 0)
		log_warn("%s: %zu protectors cannot be used: %s", store_path, t.bad, why);
	t.used = calloc(t.count ? t.count : 1, sizeof(*t.used));
	if (!t.used) {
		r = fail(&t, EXIT_FAILED, "no memory", ENOMEM);
		goto out;
	}
	r = channel_send(status_fd, CHANNEL_WANT_KEYS, (int)t.count, why, strlen(why));
	if (r < 0)
		r = fail(&t, EXIT_FAILED, "whoever mounts has gone", -r);
	else
		r = take_all(&t, key_fd);
	if (r == EXIT_DONE && t.added > 0 && !t.root_key && !sb->store->root_plain)
		snprintf(text, cap,
			 "%s: none of the keys is that of its root directory, which stays "
			 "locked",
			 store_path);
out:
	free(t.used);
	free(t.protectors);
	return r;
}
