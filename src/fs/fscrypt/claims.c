/* SPDX-License-Identifier: GPL-3.0-or-later */
/* claims.c - which users have added a key, and the quota that limits them */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/io.h"

/* What a user's claims cost, in the currency of keyrings(7). */
struct fscrypt_charge {
	uid_t uid;
	uint64_t keys, bytes;
	struct fscrypt_charge *next;
};

/*
 * In the kernel each claim is a key of the user's, described "<identifier>.uid.<uid>" with 64 bytes
 * of overhead: spec/ioctls.md section 6.
 */
static uint64_t claim_bytes(uid_t uid)
{
	int digits = snprintf(NULL, 0, "%u", (unsigned)uid);

	return 64 + 2 * FSCRYPT_KEY_IDENTIFIER_SIZE + sizeof(".uid.") - 1 + (unsigned)digits + 1;
}

static uint64_t key_limit(const char *path, uint64_t fallback)
{
	char text[32], *end;
	unsigned long long value;

	if (io_read_text(path, text, sizeof(text)) < 0)
		return fallback;
	value = strtoull(text, &end, 10);
	return end != text ? value : fallback;
}

/* What the kernel charges @uid for already: the quota is one for all of a user's keys. */
static void kernel_charge(uid_t uid, uint64_t *ret_keys, uint64_t *ret_bytes)
{
	FILE *f = fopen("/proc/key-users", "re");
	unsigned long long keys, bytes;
	char line[256];
	unsigned id;

	*ret_keys = *ret_bytes = 0;
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%u: %*u %*u/%*u %llu/%*u %llu/", &id, &keys, &bytes) == 3 &&
		    id == uid) {
			*ret_keys = keys;
			*ret_bytes = bytes;
			break;
		}
	}
	fclose(f);
}

static struct fscrypt_charge *charge_find(struct fscrypt_super *fsc, uid_t uid)
{
	struct fscrypt_charge *c = fsc->charges;

	while (c != NULL && c->uid != uid)
		c = c->next;
	return c;
}

static int charge(struct fscrypt_super *fsc, uid_t uid)
{
	struct fscrypt_charge *c = charge_find(fsc, uid);
	uint64_t bytes = claim_bytes(uid), max_keys, max_bytes, other_keys, other_bytes;

	/* Read each time, as an administrator may raise them; adding a key is rare. */
	if (uid == 0) {
		max_keys = key_limit("/proc/sys/kernel/keys/root_maxkeys", 1000000);
		max_bytes = key_limit("/proc/sys/kernel/keys/root_maxbytes", 25000000);
	} else {
		max_keys = key_limit("/proc/sys/kernel/keys/maxkeys", 200);
		max_bytes = key_limit("/proc/sys/kernel/keys/maxbytes", 20000);
	}
	kernel_charge(uid, &other_keys, &other_bytes);
	if (other_keys + (c != NULL ? c->keys : 0) + 1 > max_keys ||
	    other_bytes + (c != NULL ? c->bytes : 0) + bytes > max_bytes)
		return -EDQUOT;
	if (c == NULL) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return -ENOMEM;
		c->uid = uid;
		c->next = fsc->charges;
		fsc->charges = c;
	}
	c->keys++;
	c->bytes += bytes;
	return 0;
}

static void uncharge(struct fscrypt_super *fsc, uid_t uid)
{
	struct fscrypt_charge **link = &fsc->charges, *c;

	while ((*link)->uid != uid)
		link = &(*link)->next;
	c = *link;
	c->bytes -= claim_bytes(uid);
	if (--c->keys == 0) {
		*link = c->next;
		free(c);
	}
}

bool fscrypt_claim_exists(const struct fscrypt_master_key *mk, uid_t uid)
{
	for (const struct fscrypt_claim *c = mk->claims; c != NULL; c = c->next)
		if (c->uid == uid)
			return true;
	return false;
}

unsigned fscrypt_claim_count(const struct fscrypt_master_key *mk)
{
	unsigned n = 0;

	for (const struct fscrypt_claim *c = mk->claims; c != NULL; c = c->next)
		n++;
	return n;
}

int fscrypt_claim_add(struct fscrypt_super *fsc, struct fscrypt_master_key *mk, uid_t uid)
{
	struct fscrypt_claim *c = malloc(sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	err = charge(fsc, uid);
	if (err != 0) {
		free(c);
		return err;
	}
	c->uid = uid;
	c->next = mk->claims;
	mk->claims = c;
	return 0;
}

bool fscrypt_claim_drop(struct fscrypt_super *fsc, struct fscrypt_master_key *mk, uid_t uid)
{
	for (struct fscrypt_claim **link = &mk->claims; *link != NULL; link = &(*link)->next) {
		struct fscrypt_claim *c = *link;

		if (c->uid != uid)
			continue;
		*link = c->next;
		free(c);
		uncharge(fsc, uid);
		return true;
	}
	return false;
}

void fscrypt_claims_drop_all(struct fscrypt_super *fsc, struct fscrypt_master_key *mk)
{
	while (mk->claims != NULL)
		fscrypt_claim_drop(fsc, mk, mk->claims->uid);
}
