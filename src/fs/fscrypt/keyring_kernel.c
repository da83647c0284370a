/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring_kernel.c - master keys from the kernel's keyrings: taken when needed, watched for their
 * end */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/hex.h"
#include "util/keyctl.h"
#include "util/log.h"
#include "util/secret.h"

/*
 * The kernel reads a process's keyrings itself; a server can only read keys of type "user", in the
 * keyrings that it possesses. Such a key is added in the name of the mount's owner when something
 * locked is used; when it cannot be found any more, that claim is dropped as if its owner had.
 *
 * Locks: kernel_lock is outside of keyring_lock.
 */
enum kernel_key_state {
	HELD,	   /* added, and there when last looked */
	LEAVING,   /* not there any more: to be locked */
	DISMISSED, /* somebody has locked its tree, although it is there: not to be taken again */
};

struct fscrypt_kernel_key {
	struct fscrypt_kernel_key *next;
	struct fscrypt_key_specifier spec;
	int serial;
	enum kernel_key_state state;
};

#define DESCRIPTION_MAX (sizeof("fuscrypt:") + 2 * FSCRYPT_KEY_IDENTIFIER_SIZE)

static void describe(const struct fscrypt_key_specifier *spec, char text[static DESCRIPTION_MAX])
{
	bool v1 = spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;

	strcpy(text, v1 ? "fscrypt:" : "fuscrypt:");
	hex_encode(spec->u.raw, fscrypt_key_spec_len(spec), text + strlen(text));
}

static int find_in_kernel(const struct fscrypt_key_specifier *spec)
{
	char text[DESCRIPTION_MAX];

	describe(spec, text);
	return keyctl_search(KEYCTL_RING_PROCESS, "user", text);
}

/* With kernel_lock held, as all below. */
static struct fscrypt_kernel_key **link_of(struct fscrypt_super *fsc,
					   const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_kernel_key **link = &fsc->kernel_keys;

	while (*link != NULL && !fscrypt_key_spec_equal(&(*link)->spec, spec))
		link = &(*link)->next;
	return link;
}

static void drop(struct fscrypt_kernel_key **link)
{
	struct fscrypt_kernel_key *key = *link;

	*link = key->next;
	free(key);
}

static void complain(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
		     int serial, const char *what)
{
	char text[DESCRIPTION_MAX];

	/* It is found again at each use of what it does not unlock. */
	if (fsc->kernel_key_bad == serial)
		return;
	fsc->kernel_key_bad = serial;
	describe(spec, text);
	log_warn("key %d, %s, of the kernel's keyrings cannot be used: %s", serial, text, what);
}

static int add_payload(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
		       int serial)
{
	const struct fscrypt_caller owner = { .fsuid = getuid(), .cap_sys_admin = true };
	uint8_t *raw = secret_alloc(FSCRYPT_MAX_RAW_KEY_SIZE);
	struct fscrypt_key_specifier is = *spec;
	int n, err = 0;

	if (raw == NULL)
		return -ENOMEM;
	n = keyctl_read(serial, raw, FSCRYPT_MAX_RAW_KEY_SIZE);
	if (n < 0) {
		complain(fsc, spec, serial, strerror(-n));
		err = n;
	} else if (n < FSCRYPT_MIN_KEY_SIZE || n > FSCRYPT_MAX_RAW_KEY_SIZE) {
		complain(fsc, spec, serial, "it has not 16 to 64 bytes");
		err = -EINVAL;
	} else if (spec->type == FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER) {
		err = fscrypt_key_identifier(raw, (size_t)n, is.u.identifier);
		if (err == 0 && !fscrypt_key_spec_equal(&is, spec)) {
			complain(fsc, spec, serial, "it is another key than it says");
			err = -EKEYREJECTED;
		}
	}
	if (err == 0) {
		err = fscrypt_add_key(fsc, &owner, &is, raw, (size_t)n);
		if (err < 0)
			complain(fsc, spec, serial, strerror(-err));
	}
	secret_free(raw);
	return err;
}

static bool fetch_locked(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			 int serial)
{
	struct fscrypt_kernel_key *key = *link_of(fsc, spec), *fresh = NULL;

	if (key != NULL && key->state == DISMISSED && key->serial == serial)
		return false;
	if (key == NULL) {
		key = fresh = calloc(1, sizeof(*key));
		if (key == NULL)
			return false;
		key->spec.type = spec->type;
		memcpy(key->spec.u.raw, spec->u.raw, fscrypt_key_spec_len(spec));
	}
	if (add_payload(fsc, spec, serial) < 0) {
		free(fresh);
		return false;
	}
	key->serial = serial;
	key->state = HELD;
	if (fresh != NULL) {
		fresh->next = fsc->kernel_keys;
		fsc->kernel_keys = fresh;
	}
	return true;
}

bool fscrypt_kernel_key_fetch(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec)
{
	bool got;
	int serial;

	if (fsc->kernel_key_came == NULL)
		return false;
	serial = find_in_kernel(spec);
	if (serial <= 0)
		return false;
	pthread_mutex_lock(&fsc->kernel_lock);
	got = fetch_locked(fsc, spec, serial);
	pthread_mutex_unlock(&fsc->kernel_lock);
	if (got)
		fsc->kernel_key_came(fsc->kernel_key_arg);
	return got;
}

void fscrypt_kernel_keys_enable(struct fscrypt_super *fsc, void (*came)(void *arg), void *arg)
{
	fsc->kernel_key_arg = arg;
	fsc->kernel_key_came = came;
}

bool fscrypt_kernel_keys_enabled(const struct fscrypt_super *fsc)
{
	return fsc->kernel_key_came != NULL;
}

void fscrypt_kernel_key_taken_over(struct fscrypt_super *fsc, uid_t uid,
				   const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_kernel_key **link;

	/* Another user's claim is one beside ours; version 1 has no claims, so it is his now. */
	if (spec->type == FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER && uid != getuid())
		return;
	pthread_mutex_lock(&fsc->kernel_lock);
	link = link_of(fsc, spec);
	if (*link != NULL)
		drop(link);
	pthread_mutex_unlock(&fsc->kernel_lock);
}

void fscrypt_kernel_key_dismiss(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_kernel_key *key;

	pthread_mutex_lock(&fsc->kernel_lock);
	key = *link_of(fsc, spec);
	if (key != NULL && key->state == HELD)
		key->state = DISMISSED;
	pthread_mutex_unlock(&fsc->kernel_lock);
}

/* Errors that say for certain that a key is none any more; others pass. */
static bool is_gone(int found)
{
	return found == -ENOKEY || found == -EKEYREVOKED || found == -EKEYEXPIRED ||
	       found == -EKEYREJECTED || found == -EACCES;
}

static void look_again(struct fscrypt_kernel_key **link)
{
	struct fscrypt_kernel_key *key = *link;
	char text[DESCRIPTION_MAX];
	int found = find_in_kernel(&key->spec);

	if (key->state == DISMISSED) {
		if (is_gone(found) || (found > 0 && found != key->serial))
			drop(link);
	} else if (found > 0) {
		key->serial = found;
	} else if (key->state == HELD && is_gone(found)) {
		describe(&key->spec, text);
		log_info("key %d, %s, is not in the kernel's keyrings any more: locking",
			 key->serial, text);
		key->state = LEAVING;
	}
}

bool fscrypt_kernel_keys_check(struct fscrypt_super *fsc, struct fscrypt_key_specifier *ret_specs,
			       size_t max, size_t *ret_count)
{
	struct fscrypt_kernel_key **link, *key;
	bool more;

	*ret_count = 0;
	pthread_mutex_lock(&fsc->kernel_lock);
	for (link = &fsc->kernel_keys; (key = *link) != NULL;) {
		look_again(link);
		if (*link != key)
			continue;
		if (key->state == LEAVING && *ret_count < max)
			ret_specs[(*ret_count)++] = key->spec;
		link = &key->next;
	}
	more = fsc->kernel_keys != NULL;
	pthread_mutex_unlock(&fsc->kernel_lock);
	return more;
}

void fscrypt_kernel_key_left(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_kernel_key **link;

	pthread_mutex_lock(&fsc->kernel_lock);
	link = link_of(fsc, spec);
	if (*link != NULL && (*link)->state == LEAVING)
		drop(link);
	pthread_mutex_unlock(&fsc->kernel_lock);
}

void fscrypt_kernel_keys_destroy(struct fscrypt_super *fsc)
{
	while (fsc->kernel_keys != NULL)
		drop(&fsc->kernel_keys);
}
