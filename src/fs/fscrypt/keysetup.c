/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keysetup.c - from a context and a master key to the key of an inode */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/skcipher.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/secret.h"

_Static_assert(sizeof(struct blk_crypto_key) <= SECRET_SLAB_MAX, "per-file keys live in the slab");

#define FLAGS_IV_INO   (FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 | FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32)
#define FLAGS_PER_MODE (FSCRYPT_POLICY_FLAG_DIRECT_KEY | FLAGS_IV_INO)

/* A key that all inodes of a master key, policy flag and mode share. */
struct fscrypt_mode_key {
	struct fscrypt_mode_key *next;
	unsigned flag; /* the policy flag it is for */
	unsigned mode_num;
	unsigned data_unit_bits; /* 0: a names key */
	struct fscrypt_prepared_key key;
};

/* Bytes of the largest data unit number: spec/blk-crypto.md section 1. */
static unsigned dun_bytes(unsigned flags, unsigned data_unit_bits)
{
	if ((flags & FSCRYPT_POLICY_FLAG_DIRECT_KEY) != 0)
		return sizeof(uint64_t) + FSCRYPT_FILE_NONCE_SIZE;
	if ((flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64) != 0)
		return sizeof(uint64_t);
	if ((flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32) != 0)
		return sizeof(uint32_t);
	return (fls64(FSCRYPT_MAX_FILE_SIZE - 1) - data_unit_bits + 7) / 8;
}

bool fscrypt_contents_possible(const struct fscrypt_super *fsc, const union fscrypt_policy *policy)
{
	const struct fscrypt_mode *mode = fscrypt_mode_get(fscrypt_policy_contents_mode(policy));
	unsigned size = fscrypt_policy_data_unit_size(policy);
	unsigned flags = fscrypt_policy_flags(policy);
	struct blk_crypto_config cfg = {
		.crypto_mode = mode ? mode->blk_mode : BLK_ENCRYPTION_MODE_INVALID,
		.data_unit_size = size,
		.dun_bytes = dun_bytes(flags, ilog2(size)),
		.key_type = BLK_CRYPTO_KEY_TYPE_RAW,
		.flags = fsc->inlinecrypt ? BLK_CRYPTO_CFG_ALLOW_HW : 0,
	};

	if (blk_crypto_config_supported(fsc->bdev, &cfg))
		return true;
	cfg.key_type = BLK_CRYPTO_KEY_TYPE_HW_WRAPPED;
	return (flags & FLAGS_IV_INO) != 0 && blk_crypto_config_supported(fsc->bdev, &cfg);
}

static int start_contents_key(const struct fscrypt_info *info, const uint8_t *bytes, unsigned size,
			      unsigned key_type, struct fscrypt_prepared_key *key)
{
	const struct fscrypt_mode *mode = info->mode;
	struct blk_crypto_key *blk_key;
	int err;

	blk_key = secret_slab_alloc();
	if (blk_key == NULL)
		return -ENOMEM;
	err = blk_crypto_init_key(blk_key, bytes, size, key_type, mode->blk_mode,
				  dun_bytes(info->flags, info->data_unit_bits),
				  1u << info->data_unit_bits,
				  info->fsc->inlinecrypt ? BLK_CRYPTO_CFG_ALLOW_HW : 0);
	if (err == 0) {
		blk_crypto_label_key(blk_key, info->mk->spec.u.raw,
				     fscrypt_key_spec_len(&info->mk->spec));
		err = blk_crypto_start_using_key(info->fsc->bdev, blk_key);
	}
	if (err != 0) {
		secret_slab_free(blk_key);
		return err;
	}
	key->blk_key = blk_key;
	return 0;
}

static int prepare_contents_key(const struct fscrypt_info *info, const uint8_t *raw,
				struct fscrypt_prepared_key *key)
{
	unsigned size = info->mode->key_size;

	if (info->mode->is_xts && secret_equal(raw, raw + size / 2, size / 2))
		return -EINVAL;
	return start_contents_key(info, raw, size, BLK_CRYPTO_KEY_TYPE_RAW, key);
}

/* The device derives the contents key itself; neither mode nor UUID enters it. */
static int prepare_wrapped_key(const struct fscrypt_info *info, struct fscrypt_prepared_key *key)
{
	const struct fscrypt_secret *secret = info->mk->secret;
	int err = start_contents_key(info, secret->wrapped, secret->size,
				     BLK_CRYPTO_KEY_TYPE_HW_WRAPPED, key);

	if (err == -EOPNOTSUPP) {
		log_warn("a file cannot be opened: its key is hardware-wrapped, and the device "
			 "does not encrypt as the policy asks");
		return -EINVAL;
	}
	return err;
}

static int prepare_names_key(const struct fscrypt_info *info, const uint8_t *raw,
			     struct fscrypt_prepared_key *key)
{
	struct skcipher *tfm;
	int err = fscrypt_tfm_get(info->fsc, info->mode_num, &tfm);

	if (err != 0)
		return err;
	err = skcipher_setkey(tfm, raw, info->mode->key_size);
	if (err != 0) {
		fscrypt_tfm_put(info->fsc, info->mode_num, tfm);
		return err;
	}
	key->tfm = tfm;
	return 0;
}

static int prepare_key(const struct fscrypt_info *info, const uint8_t *raw,
		       struct fscrypt_prepared_key *key)
{
	return info->kind == FSCRYPT_REG ? prepare_contents_key(info, raw, key)
					 : prepare_names_key(info, raw, key);
}

void fscrypt_prepared_key_destroy(struct fscrypt_super *fsc, unsigned mode_num,
				  struct fscrypt_prepared_key *key)
{
	if (key->blk_key != NULL) {
		blk_crypto_evict_key(fsc->bdev, key->blk_key);
		secret_slab_free(key->blk_key);
	}
	if (key->tfm != NULL)
		fscrypt_tfm_put(fsc, mode_num, key->tfm);
	pthread_mutex_destroy(&key->tfm_lock);
}

void fscrypt_mode_keys_destroy(struct fscrypt_master_key *mk)
{
	struct fscrypt_mode_key *mode_key;

	while ((mode_key = mk->mode_keys) != NULL) {
		mk->mode_keys = mode_key->next;
		fscrypt_prepared_key_destroy(mk->fsc, mode_key->mode_num, &mode_key->key);
		free(mode_key);
	}
}

static int derive_mode_key(const struct fscrypt_info *info, unsigned flag,
			   uint8_t raw[static FSCRYPT_MAX_MODE_KEY_SIZE])
{
	const struct fscrypt_secret *secret = info->mk->secret;
	uint8_t hkdf_info[1 + sizeof(info->fsc->uuid)];
	size_t len = 1;
	uint8_t context;

	if (info->policy.version == FSCRYPT_POLICY_V1) {
		memcpy(raw, secret->raw, info->mode->key_size);
		return 0;
	}
	hkdf_info[0] = (uint8_t)info->mode_num;
	if (flag == FSCRYPT_POLICY_FLAG_DIRECT_KEY) {
		context = HKDF_CONTEXT_DIRECT_KEY;
	} else {
		context = flag == FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64
				  ? HKDF_CONTEXT_IV_INO_LBLK_64_KEY
				  : HKDF_CONTEXT_IV_INO_LBLK_32_KEY;
		memcpy(hkdf_info + 1, info->fsc->uuid, sizeof(info->fsc->uuid));
		len = sizeof(hkdf_info);
	}
	return hkdf_expand(secret->prk, context, hkdf_info, len, raw, info->mode->key_size);
}

/* mk->mode_keys_lock is held. */
static int hash_ino_locked(struct fscrypt_info *info)
{
	struct fscrypt_secret *secret = info->mk->secret;
	uint8_t ino[8];
	int err;

	if (!secret->have_ino_hash_key) {
		err = hkdf_expand(secret->prk, HKDF_CONTEXT_INODE_HASH_KEY, NULL, 0,
				  secret->ino_hash_key, sizeof(secret->ino_hash_key));
		if (err != 0)
			return err;
		secret->have_ino_hash_key = true;
	}
	put_le64(ino, info->ino);
	info->hashed_ino = (uint32_t)siphash24(secret->ino_hash_key, ino, sizeof(ino));
	return 0;
}

static int find_or_make_mode_key_locked(struct fscrypt_info *info, unsigned flag)
{
	unsigned bits = info->kind == FSCRYPT_REG ? info->data_unit_bits : 0;
	uint8_t raw[FSCRYPT_MAX_MODE_KEY_SIZE];
	struct fscrypt_mode_key *mode_key;
	int err;

	for (mode_key = info->mk->mode_keys; mode_key != NULL; mode_key = mode_key->next) {
		if (mode_key->flag == flag && mode_key->mode_num == info->mode_num &&
		    mode_key->data_unit_bits == bits) {
			info->key = &mode_key->key;
			return 0;
		}
	}
	mode_key = calloc(1, sizeof(*mode_key));
	if (mode_key == NULL)
		return -ENOMEM;
	if (info->mk->secret->is_hw_wrapped && info->kind == FSCRYPT_REG) {
		err = prepare_wrapped_key(info, &mode_key->key);
	} else {
		err = derive_mode_key(info, flag, raw);
		if (err == 0)
			err = prepare_key(info, raw, &mode_key->key);
		secret_wipe(raw, sizeof(raw));
	}
	if (err != 0) {
		free(mode_key);
		return err;
	}
	pthread_mutex_init(&mode_key->key.tfm_lock, NULL);
	mode_key->flag = flag;
	mode_key->mode_num = info->mode_num;
	mode_key->data_unit_bits = bits;
	mode_key->next = info->mk->mode_keys;
	info->mk->mode_keys = mode_key;
	info->key = &mode_key->key;
	return 0;
}

static int setup_mode_key(struct fscrypt_info *info)
{
	unsigned flag = info->flags & FLAGS_PER_MODE;
	int err = 0;

	pthread_mutex_lock(&info->mk->mode_keys_lock);
	if (flag == FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32)
		err = hash_ino_locked(info);
	if (err == 0)
		err = find_or_make_mode_key_locked(info, flag);
	pthread_mutex_unlock(&info->mk->mode_keys_lock);
	return err;
}

static int setup_per_file_key(struct fscrypt_info *info)
{
	const struct fscrypt_secret *secret = info->mk->secret;
	uint8_t raw[FSCRYPT_MAX_MODE_KEY_SIZE];
	int err;

	if (info->policy.version == FSCRYPT_POLICY_V1)
		err = fscrypt_v1_derive_key(secret->raw, info->nonce, info->mode->key_size, raw);
	else
		err = hkdf_expand(secret->prk, HKDF_CONTEXT_PER_FILE_ENC_KEY, info->nonce,
				  sizeof(info->nonce), raw, info->mode->key_size);
	if (err == 0)
		err = prepare_key(info, raw, &info->own);
	secret_wipe(raw, sizeof(raw));
	if (err != 0)
		return err;
	pthread_mutex_init(&info->own.tfm_lock, NULL);
	info->key = &info->own;
	return 0;
}

/* A master key that is too short for the mode counts as none. */
static bool master_key_long_enough(const struct fscrypt_info *info)
{
	unsigned needed = info->policy.version == FSCRYPT_POLICY_V1 ? info->mode->key_size
								    : info->mode->security_strength;

	return info->mk->secret->size >= needed;
}

/* info->mk->secret_lock is held for reading. */
static int setup_key(struct fscrypt_info *info)
{
	if (!master_key_long_enough(info))
		return -ENOKEY;
	if (info->mk->secret->is_hw_wrapped && (info->flags & FLAGS_IV_INO) == 0) {
		log_warn("a hardware-wrapped key was added for a policy that is neither "
			 "IV_INO_LBLK_64 nor IV_INO_LBLK_32");
		return -EINVAL;
	}
	if ((info->flags & FLAGS_PER_MODE) != 0)
		return setup_mode_key(info);
	return setup_per_file_key(info);
}

static void setup_names_iv(struct fscrypt_info *info)
{
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];

	fscrypt_generate_dun(info, 0, dun);
	blk_crypto_dun_to_iv(dun, info->names_iv);
}

int fscrypt_setup_info(struct fscrypt_super *fsc, const union fscrypt_context *ctx, size_t ctx_len,
		       enum fscrypt_inode_kind kind, uint32_t ino, struct fscrypt_info **ret_info)
{
	struct fscrypt_key_specifier spec;
	union fscrypt_policy policy;
	struct fscrypt_info *info;
	int err = fscrypt_policy_from_context(ctx, ctx_len, &policy);

	if (err != 0)
		return err;
	if (!fscrypt_supported_policy(fsc, &policy))
		return -EINVAL;
	info = calloc(1, sizeof(*info));
	if (info == NULL)
		return -ENOMEM;
	info->fsc = fsc;
	info->policy = policy;
	memcpy(info->nonce, fscrypt_context_nonce(ctx), sizeof(info->nonce));
	info->kind = kind;
	info->mode_num = kind == FSCRYPT_REG ? fscrypt_policy_contents_mode(&policy)
					     : fscrypt_policy_filenames_mode(&policy);
	info->mode = fscrypt_mode_get(info->mode_num);
	info->flags = fscrypt_policy_flags(&policy);
	info->padding = fscrypt_policy_padding(&policy);
	info->data_unit_bits = ilog2(fscrypt_policy_data_unit_size(&policy));
	info->ino = ino;

	fscrypt_policy_to_key_spec(&policy, &spec);
	err = fscrypt_master_key_get(fsc, &spec, &info->mk);
	if (err != 0)
		goto free_info;
	info->revocations = atomic_load(&info->mk->revocations);
	err = setup_key(info);
	pthread_rwlock_unlock(&info->mk->secret_lock);
	if (err != 0)
		goto put_master_key;
	setup_names_iv(info);
	if (kind == FSCRYPT_REG)
		atomic_fetch_add_explicit(&fsc->file_infos, 1, memory_order_relaxed);
	*ret_info = info;
	return 0;

put_master_key:
	fscrypt_master_key_put(info->mk);
free_info:
	free(info);
	return err;
}

void fscrypt_put_info(struct fscrypt_info *info)
{
	if (info == NULL)
		return;
	if (info->kind == FSCRYPT_REG)
		atomic_fetch_sub_explicit(&info->fsc->file_infos, 1, memory_order_relaxed);
	if (info->key == &info->own)
		fscrypt_prepared_key_destroy(info->fsc, info->mode_num, &info->own);
	fscrypt_master_key_put(info->mk);
	free(info);
}

unsigned fscrypt_num_file_infos(const struct fscrypt_super *fsc)
{
	return atomic_load_explicit(&fsc->file_infos, memory_order_relaxed);
}

const union fscrypt_policy *fscrypt_info_policy(const struct fscrypt_info *info)
{
	return &info->policy;
}

bool fscrypt_info_uses_key(const struct fscrypt_info *info,
			   const struct fscrypt_key_specifier *spec)
{
	return fscrypt_key_spec_equal(&info->mk->spec, spec);
}

bool fscrypt_info_key_present(const struct fscrypt_info *info)
{
	return atomic_load(&info->mk->present);
}

bool fscrypt_info_revoked(const struct fscrypt_info *info)
{
	return info->revocations != atomic_load(&info->mk->revocations);
}
