/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-store.c - what a store says about policies, names and targets, taken apart with the key */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz-main.h"

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "fs/format.h"
#include "fs/fscrypt/fscrypt.h"
#include "fs/store.h"
#include "fs/symlink.h"
#include "util/base64url.h"
#include "util/compiler.h"
#include "util/secret.h"

static struct blk_device *bdev;
static struct fscrypt_super *fsc;
static uint8_t identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
static struct fscrypt_info *dir, *lnk; /* of a policy that is good */

static void check(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fuzz-store: %s\n", what);
		abort();
	}
}

static void stop(void)
{
	fscrypt_put_info(dir);
	fscrypt_put_info(lnk);
	fscrypt_super_destroy(fsc);
	blk_device_close(bdev);
	blk_crypto_fallback_destroy();
}

static void start(void)
{
	const struct fscrypt_caller root = { .fsuid = 0, .cap_sys_admin = true };
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	struct fscrypt_super_params params = { .stable_inodes = true };
	static const uint8_t raw[64] =
		"a key that everybody may know, of sixty-four bytes: it is here";
	union fscrypt_policy policy = { .v2 = { 2, 1, 4, 3, 0, { 0 }, { 0 } } };
	static const uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = "a nonce of bytes";
	union fscrypt_context ctx;
	char *why = NULL;
	size_t len;

	check(secret_init() == 0 && blk_device_open("file", false, &bdev, &why) == 0, "no device");
	params.bdev = bdev;
	check(fscrypt_super_create(&params, &fsc) == 0 &&
		      fscrypt_add_key(fsc, &root, &spec, raw, sizeof(raw)) == 0,
	      "cannot begin");
	memcpy(identifier, spec.u.identifier, sizeof(identifier));
	memcpy(policy.v2.master_key_identifier, identifier, sizeof(identifier));
	len = fscrypt_context_from_policy(&policy, nonce, &ctx);
	check(fscrypt_setup_info(fsc, &ctx, len, FSCRYPT_DIR, 0, &dir) == 0 &&
		      fscrypt_setup_info(fsc, &ctx, len, FSCRYPT_LNK, 0, &lnk) == 0,
	      "no keys");
	atexit(stop);
}

/* A context is its policy and a nonce, there and back; what may not be set gives no key either. */
static void contexts(const uint8_t *data, size_t size)
{
	union fscrypt_policy policy;
	union fscrypt_context ctx, again;
	struct fscrypt_info *info;
	size_t len = size;

	if (size > sizeof(ctx))
		return;
	memset(&ctx, 0, sizeof(ctx));
	memcpy(&ctx, data, len);
	if (ctx.version == FSCRYPT_CONTEXT_V2 && len == FSCRYPT_CONTEXT_SIZE_V2)
		memcpy(ctx.v2.master_key_identifier, identifier, sizeof(identifier));
	if (fscrypt_policy_from_context(&ctx, len, &policy) < 0) {
		check(fscrypt_setup_info(fsc, &ctx, len, FSCRYPT_DIR, 0, &info) < 0,
		      "a key for a context that is none");
		return;
	}
	check(fscrypt_context_from_policy(&policy, fscrypt_context_nonce(&ctx), &again) == len &&
		      memcmp(&ctx, &again, len) == 0,
	      "a context that is not its policy's");
	for (int kind = FSCRYPT_REG; kind <= FSCRYPT_LNK; kind++) {
		int err =
			fscrypt_setup_info(fsc, &ctx, len, (enum fscrypt_inode_kind)kind, 7, &info);

		check(err != 0 || fscrypt_supported_policy(fsc, &policy),
		      "a key for a policy that may not be set");
		if (err == 0)
			fscrypt_put_info(info);
	}
}

/* What is a name encrypts to what it was; what is a target has no zero byte in it. */
static void names(const uint8_t *data, size_t size)
{
	static char target[FSCRYPT_MAX_SYMLINK_PAYLOAD + 1];
	uint8_t ct[NAME_MAX_LEN];
	char name[NAME_MAX_LEN];
	size_t n, m;

	if (fscrypt_fname_decrypt(dir, data, size, name, &n) == 0)
		check(n >= 1 && n <= size && fscrypt_fname_encrypt(dir, name, n, ct, &m) == 0 &&
			      m == size && memcmp(ct, data, m) == 0,
		      "a name that is not its ciphertext's");
	if (size <= FSCRYPT_MAX_SYMLINK_PAYLOAD &&
	    fscrypt_symlink_decrypt(lnk, data, size, target, &n) == 0)
		check(n >= 1 && n < size && strlen(target) == n, "a target of two lengths");
}

/* A long name is that of its sidecar's bytes, and of no others. */
static void sidecars(const uint8_t *data, size_t size)
{
	char name[NAME_MAX_LEN + 1];
	uint8_t ct[NAME_MAX_LEN];
	bool is_long;

	if (size > NAME_MAX_LEN || size < FSCRYPT_FNAME_MIN_MSG_LEN)
		return;
	store_name_encode(data, size, name, &is_long);
	check(store_long_name_matches(name, data, size) == is_long, "a sidecar of another name");
	memcpy(ct, data, size);
	ct[size / 2] ^= 1;
	check(!store_long_name_matches(name, ct, size), "a name of two sidecars");
}

static void symlinks(const uint8_t *data, size_t size)
{
	static char text[FUZZ_INPUT_MAX * 4 / 3 + 8];
	uint8_t blob[STORE_SYMLINK_MAX];
	struct store_header hdr;
	size_t used, len;

	if (fs_symlink_decode((const char *)data, size, blob, &hdr, &used, &len) == 0)
		check(used <= len && len <= sizeof(blob), "a symlink longer than its text");
	/* As bytes: most texts decode to nothing that is worth looking at. */
	if (size <= FUZZ_INPUT_MAX && fs_symlink_decode(text, base64url_encode(data, size, text),
							blob, &hdr, &used, &len) == 0)
		check(len == size && used <= len, "a symlink of another length");
}

/* Requests about keys, as an ordinary user makes them. */
static void requests(const uint8_t *data, size_t size)
{
	const struct fscrypt_caller user = { .fsuid = 1000 };
	struct fscrypt_get_key_status_arg status;
	struct fscrypt_key_specifier spec;
	uint32_t flags = 0;
	bool evict = false;

	if (size < sizeof(status))
		return;
	memcpy(&status, data, sizeof(status));
	if (fscrypt_key_status(fsc, &user, &status) == 0)
		check(status.status >= 1 && status.status <= 3 &&
			      memcmp(&status, data,
				     offsetof(struct fscrypt_get_key_status_arg, status)) == 0,
		      "a status that changes the question");
	memcpy(&spec, data, sizeof(spec));
	check(fscrypt_remove_key(fsc, &user, &spec, false, &evict, &flags) < 0,
	      "a key removed by who did not add it");
}

static void store_conf(const uint8_t *data, size_t size)
{
	static char path[] = "/tmp/fuscrypt-fuzz.XXXXXX", meta[64], conf[96];
	struct store_error err;
	struct store *store;
	int fd;

	/* The first line is looked at before all others. */
	if (size < 15 || memcmp(data, "fuscrypt-store=", 15) != 0)
		return;
	check(mkdtemp(path) != NULL, "no scratch folder");
	snprintf(meta, sizeof(meta), "%s/" STORE_DIR, path);
	snprintf(conf, sizeof(conf), "%s/store.conf", meta);
	check(mkdir(meta, 0700) == 0, "no scratch folder");
	fd = open(conf, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0, "no scratch");
	if (store_open(path, &store, &err) == 0)
		store_close(store);
	unlink(conf);
	rmdir(meta);
	rmdir(path);
	strcpy(path + strlen(path) - 6, "XXXXXX");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!fsc)
		start();
	contexts(data, size);
	names(data, size);
	sidecars(data, size);
	symlinks(data, size);
	requests(data, size);
	if (size < 2048)
		store_conf(data, size);
	return 0;
}

#ifndef FUZZ_LIBFUZZER
int main(int argc, char **argv)
{
	return fuzz_main(argc, argv);
}
#endif
