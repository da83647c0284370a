/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring.c - the master keys of a mount: added, claimed, removed, asked for */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/secret.h"

/*
 * Locks, outermost first: keyring_lock, a master key's secret_lock, its mode_keys_lock, tfm_lock.
 * Setting up an inode takes an active reference and secret_lock under keyring_lock, lets go of the
 * latter and derives; so many inodes derive at a time, and a removal, which wants secret_lock for
 * writing, finds each inode either set up and counted or refused.
 */

static struct fscrypt_master_key **bucket_of(struct fscrypt_super *fsc,
					     const struct fscrypt_key_specifier *spec)
{
	/* Identifiers and descriptors are hash values: any bytes of them are a hash. */
	return &fsc->keys[(spec->u.raw[0] << 8 | spec->u.raw[1]) % FSCRYPT_KEYRING_BUCKETS];
}

static struct fscrypt_master_key *find_locked(struct fscrypt_super *fsc,
					      const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_master_key *mk = *bucket_of(fsc, spec);

	while (mk != NULL && !fscrypt_key_spec_equal(&mk->spec, spec))
		mk = mk->hash_next;
	return mk;
}

static bool valid_spec(const struct fscrypt_key_specifier *spec)
{
	return fscrypt_key_spec_len(spec) != 0 && spec->reserved == 0;
}

struct fscrypt_secret *fscrypt_secret_new(size_t size)
{
	struct fscrypt_secret *secret = secret_alloc(sizeof(*secret));

	if (secret != NULL) {
		memset(secret, 0, sizeof(*secret));
		secret->size = (unsigned)size;
	}
	return secret;
}

static int extract(const uint8_t *key, size_t size, uint8_t context,
		   uint8_t ret_prk[static HKDF_PRK_SIZE],
		   uint8_t ret_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE])
{
	int err = hkdf_extract(key, size, ret_prk);

	return err != 0 ? err
			: hkdf_expand(ret_prk, context, NULL, 0, ret_identifier,
				      FSCRYPT_KEY_IDENTIFIER_SIZE);
}

int fscrypt_secret_extract(struct fscrypt_secret *secret, const uint8_t *key, size_t size,
			   uint8_t context,
			   uint8_t ret_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE])
{
	return extract(key, size, context, secret->prk, ret_identifier);
}

int fscrypt_key_identifier(const uint8_t *raw, size_t size,
			   uint8_t ret_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE])
{
	uint8_t prk[HKDF_PRK_SIZE];
	int err;

	if (size < FSCRYPT_MIN_KEY_SIZE || size > FSCRYPT_MAX_RAW_KEY_SIZE)
		return -EINVAL;
	err = extract(raw, size, HKDF_CONTEXT_KEY_IDENTIFIER, prk, ret_identifier);
	secret_wipe(prk, sizeof(prk));
	return err;
}

static void master_key_free(struct fscrypt_master_key *mk)
{
	fscrypt_mode_keys_destroy(mk);
	secret_free(mk->secret);
	pthread_mutex_destroy(&mk->mode_keys_lock);
	pthread_rwlock_destroy(&mk->secret_lock);
	free(mk);
}

static struct fscrypt_master_key *master_key_new(struct fscrypt_super *fsc,
						 const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_master_key *mk = calloc(1, sizeof(*mk));

	if (mk == NULL)
		return NULL;
	mk->fsc = fsc;
	/* Only the bytes that count: the rest of the caller's is whatever it left there. */
	mk->spec.type = spec->type;
	memcpy(mk->spec.u.raw, spec->u.raw, fscrypt_key_spec_len(spec));
	pthread_rwlock_init(&mk->secret_lock, NULL);
	pthread_mutex_init(&mk->mode_keys_lock, NULL);
	return mk;
}

static void make_present_locked(struct fscrypt_super *fsc, struct fscrypt_master_key *mk,
				struct fscrypt_secret *secret)
{
	pthread_rwlock_wrlock(&mk->secret_lock);
	mk->secret = secret;
	atomic_store(&mk->present, true);
	pthread_rwlock_unlock(&mk->secret_lock);
	mk->active_refs++;
	atomic_fetch_add(&fsc->generation, 1);
}

/* Drops an active reference; true when it was the last and the caller must free @mk, unlocked. */
static bool put_locked(struct fscrypt_super *fsc, struct fscrypt_master_key *mk)
{
	struct fscrypt_master_key **link;

	if (--mk->active_refs > 0)
		return false;
	for (link = bucket_of(fsc, &mk->spec); *link != mk; link = &(*link)->hash_next)
		;
	*link = mk->hash_next;
	return true;
}

/* Wipe the secret; with @revoke what was derived from it is void, too. Returns as put_locked(). */
static bool make_absent_locked(struct fscrypt_super *fsc, struct fscrypt_master_key *mk,
			       bool revoke)
{
	bool present = atomic_load(&mk->present);

	pthread_rwlock_wrlock(&mk->secret_lock);
	secret_free(mk->secret);
	mk->secret = NULL;
	if (revoke)
		atomic_fetch_add(&mk->revocations, 1);
	atomic_store(&mk->present, false);
	pthread_rwlock_unlock(&mk->secret_lock);
	atomic_fetch_add(&fsc->generation, 1);
	return present && put_locked(fsc, mk);
}

static int get_present(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
		       struct fscrypt_master_key **ret_mk)
{
	struct fscrypt_master_key *mk;
	int err = -ENOKEY;

	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, spec);
	if (mk != NULL && atomic_load(&mk->present)) {
		/* Does not wait: whoever holds it for writing holds keyring_lock too. */
		pthread_rwlock_rdlock(&mk->secret_lock);
		mk->active_refs++;
		*ret_mk = mk;
		err = 0;
	}
	pthread_mutex_unlock(&fsc->keyring_lock);
	return err;
}

int fscrypt_master_key_get(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			   struct fscrypt_master_key **ret_mk)
{
	int err = get_present(fsc, spec, ret_mk);

	return err == -ENOKEY && fscrypt_kernel_key_fetch(fsc, spec)
		       ? get_present(fsc, spec, ret_mk)
		       : err;
}

void fscrypt_master_key_put(struct fscrypt_master_key *mk)
{
	struct fscrypt_super *fsc = mk->fsc;
	bool last;

	pthread_mutex_lock(&fsc->keyring_lock);
	last = put_locked(fsc, mk);
	pthread_mutex_unlock(&fsc->keyring_lock);
	if (last)
		master_key_free(mk);
}

void fscrypt_keyring_destroy(struct fscrypt_super *fsc)
{
	for (size_t i = 0; i < ARRAY_SIZE(fsc->keys); i++) {
		struct fscrypt_master_key *mk;

		while ((mk = fsc->keys[i]) != NULL) {
			if (mk->active_refs != (atomic_load(&mk->present) ? 1u : 0u))
				log_err("a master key is in use at unmount");
			fsc->keys[i] = mk->hash_next;
			fscrypt_claims_drop_all(fsc, mk);
			master_key_free(mk);
		}
	}
}

/* Takes over *@secret when it is needed and sets it to NULL then. */
static int add_locked(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
		      uid_t uid, struct fscrypt_secret **secret)
{
	bool has_claims = spec->type == FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	struct fscrypt_master_key *mk = find_locked(fsc, spec), *fresh = NULL;
	int err;

	if (mk == NULL) {
		fresh = mk = master_key_new(fsc, spec);
		if (mk == NULL)
			return -ENOMEM;
	}
	if (has_claims && !fscrypt_claim_exists(mk, uid)) {
		err = fscrypt_claim_add(fsc, mk, uid);
		if (err != 0)
			goto free_fresh;
	}
	if (fresh != NULL) {
		mk->hash_next = *bucket_of(fsc, spec);
		*bucket_of(fsc, spec) = mk;
	}
	/* A v1 key that is present keeps its first bytes, whatever these are. */
	if (!atomic_load(&mk->present)) {
		make_present_locked(fsc, mk, *secret);
		*secret = NULL;
	}
	return 0;

free_fresh:
	if (fresh != NULL)
		master_key_free(fresh);
	return err;
}

int fscrypt_add_secret(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec, struct fscrypt_secret *secret)
{
	int err;

	pthread_mutex_lock(&fsc->keyring_lock);
	err = add_locked(fsc, spec, who->fsuid, &secret);
	pthread_mutex_unlock(&fsc->keyring_lock);
	secret_free(secret);
	return err;
}

int fscrypt_add_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		    struct fscrypt_key_specifier *spec, const uint8_t *raw, size_t size)
{
	struct fscrypt_key_specifier wanted = *spec;
	struct fscrypt_secret *secret;
	int err = 0;

	if (!valid_spec(spec))
		return -EINVAL;
	if (spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR && !who->cap_sys_admin)
		return -EACCES;
	if (size < FSCRYPT_MIN_KEY_SIZE || size > FSCRYPT_MAX_RAW_KEY_SIZE)
		return -EINVAL;
	secret = fscrypt_secret_new(size);
	if (secret == NULL)
		return -ENOMEM;
	if (spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR)
		memcpy(secret->raw, raw, size);
	else
		err = fscrypt_secret_extract(secret, raw, size, HKDF_CONTEXT_KEY_IDENTIFIER,
					     wanted.u.identifier);
	if (err != 0) {
		secret_free(secret);
		return err;
	}
	err = fscrypt_add_secret(fsc, who, &wanted, secret);
	if (err == 0)
		*spec = wanted;
	return err;
}

int fscrypt_remove_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec, bool all_users, bool *ret_evict,
		       uint32_t *ret_flags)
{
	struct fscrypt_master_key *mk;
	bool last = false, evict = false;
	uint32_t flags = 0;
	int err = 0;

	if (all_users && !who->cap_sys_admin)
		return -EACCES;
	if (!valid_spec(spec))
		return -EINVAL;
	if (spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR && !who->cap_sys_admin)
		return -EACCES;

	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, spec);
	if (mk == NULL) {
		err = -ENOKEY;
		goto unlock;
	}
	/* No claims at all: a v1 key, or one whose removal is tried again by whoever likes to. */
	if (all_users)
		fscrypt_claims_drop_all(fsc, mk);
	else if (mk->claims != NULL && !fscrypt_claim_drop(fsc, mk, who->fsuid)) {
		err = -ENOKEY;
		goto unlock;
	}
	if (mk->claims != NULL) {
		flags = FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS;
		goto unlock;
	}
	evict = true;
	if (atomic_load(&mk->present)) {
		mk->had_claim = !all_users;
		mk->last_uid = who->fsuid;
		last = make_absent_locked(fsc, mk, false);
	}
unlock:
	pthread_mutex_unlock(&fsc->keyring_lock);
	if (last)
		master_key_free(mk);
	if (err == 0) {
		*ret_evict = evict;
		*ret_flags = flags;
	}
	return err;
}

static int may_revoke_locked(const struct fscrypt_master_key *mk,
			     const struct fscrypt_key_specifier *spec,
			     const struct fscrypt_caller *who)
{
	const struct fscrypt_claim *claim;

	if (who->cap_sys_admin)
		return mk != NULL ? 0 : -ENOKEY;
	if (spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR)
		return -EACCES;
	if (mk == NULL)
		return -ENOKEY;
	claim = mk->claims;
	if (claim != NULL)
		return claim->next == NULL && claim->uid == who->fsuid ? 0 : -EACCES;
	return mk->had_claim && mk->last_uid == who->fsuid ? 0 : -EACCES;
}

int fscrypt_may_revoke(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec)
{
	int err;

	if (!valid_spec(spec))
		return -EINVAL;
	pthread_mutex_lock(&fsc->keyring_lock);
	err = may_revoke_locked(find_locked(fsc, spec), spec, who);
	pthread_mutex_unlock(&fsc->keyring_lock);
	return err;
}

int fscrypt_revoke_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec)
{
	struct fscrypt_master_key *mk;
	bool last = false;
	int err;

	if (!valid_spec(spec))
		return -EINVAL;
	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, spec);
	err = may_revoke_locked(mk, spec, who);
	if (err == 0) {
		fscrypt_claims_drop_all(fsc, mk);
		mk->had_claim = true;
		mk->last_uid = who->fsuid;
		last = make_absent_locked(fsc, mk, true);
	}
	pthread_mutex_unlock(&fsc->keyring_lock);
	if (last)
		master_key_free(mk);
	return err;
}

void fscrypt_finish_removal(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			    uint32_t *flags)
{
	const struct fscrypt_master_key *mk;

	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, spec);
	/* Someone may have added the key again: what it counts for itself is then not an inode's.
	 */
	if (mk != NULL && mk->active_refs > (atomic_load(&mk->present) ? 1u : 0u))
		*flags |= FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY;
	pthread_mutex_unlock(&fsc->keyring_lock);
}

int fscrypt_key_status(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       struct fscrypt_get_key_status_arg *arg)
{
	const struct fscrypt_master_key *mk;

	if (!valid_spec(&arg->key_spec) || !mem_is_zero(arg->reserved, sizeof(arg->reserved)))
		return -EINVAL;
	arg->status = FSCRYPT_KEY_STATUS_ABSENT;
	arg->status_flags = 0;
	arg->user_count = 0;
	memset(arg->out_reserved, 0, sizeof(arg->out_reserved));

	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, &arg->key_spec);
	if (mk != NULL && !atomic_load(&mk->present)) {
		arg->status = FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED;
	} else if (mk != NULL) {
		arg->status = FSCRYPT_KEY_STATUS_PRESENT;
		arg->user_count = fscrypt_claim_count(mk);
		if (fscrypt_claim_exists(mk, who->fsuid))
			arg->status_flags = FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF;
	}
	pthread_mutex_unlock(&fsc->keyring_lock);
	return 0;
}

int fscrypt_verify_key_added(struct fscrypt_super *fsc, uid_t uid,
			     const uint8_t identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE])
{
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	const struct fscrypt_master_key *mk;
	int err = -ENOKEY;

	memcpy(spec.u.identifier, identifier, FSCRYPT_KEY_IDENTIFIER_SIZE);
	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, &spec);
	if (mk != NULL && atomic_load(&mk->present) && fscrypt_claim_exists(mk, uid))
		err = 0;
	pthread_mutex_unlock(&fsc->keyring_lock);
	return err;
}

bool fscrypt_key_present(struct fscrypt_super *fsc, const union fscrypt_policy *policy)
{
	struct fscrypt_key_specifier spec;
	const struct fscrypt_master_key *mk;
	bool present;

	fscrypt_policy_to_key_spec(policy, &spec);
	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, &spec);
	present = mk != NULL && atomic_load(&mk->present);
	pthread_mutex_unlock(&fsc->keyring_lock);
	return present || fscrypt_kernel_key_fetch(fsc, &spec);
}

uint64_t fscrypt_keyring_generation(struct fscrypt_super *fsc)
{
	return atomic_load(&fsc->generation);
}

void fscrypt_for_each_key(struct fscrypt_super *fsc,
			  void (*fn)(const struct fscrypt_key_specifier *spec, unsigned status,
				     unsigned user_count, void *arg),
			  void *arg)
{
	pthread_mutex_lock(&fsc->keyring_lock);
	for (size_t i = 0; i < ARRAY_SIZE(fsc->keys); i++)
		for (const struct fscrypt_master_key *mk = fsc->keys[i]; mk != NULL;
		     mk = mk->hash_next)
			fn(&mk->spec,
			   atomic_load(&mk->present) ? FSCRYPT_KEY_STATUS_PRESENT
						     : FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED,
			   fscrypt_claim_count(mk), arg);
	pthread_mutex_unlock(&fsc->keyring_lock);
}

unsigned fscrypt_key_holders(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			     uid_t *ret_uids, unsigned max)
{
	const struct fscrypt_master_key *mk;
	unsigned n = 0;

	pthread_mutex_lock(&fsc->keyring_lock);
	mk = find_locked(fsc, spec);
	for (const struct fscrypt_claim *c = mk != NULL ? mk->claims : NULL; c != NULL;
	     c = c->next, n++)
		if (n < max)
			ret_uids[n] = c->uid;
	pthread_mutex_unlock(&fsc->keyring_lock);
	return n;
}
