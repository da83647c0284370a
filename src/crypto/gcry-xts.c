/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gcry-xts.c - AES-256-XTS by libgcrypt, for processors on which that is the faster library */
#include "crypto/gcry-xts.h"

#include <errno.h>
#include <gcrypt.h>
#include <pthread.h>

#include "util/secret.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool started;

/*
 * Its secure memory is a few locked pages, for passphrases. Key schedules are in the heap as those
 * of OpenSSL are, of a process that leaves no dumps; the library wipes them.
 */
static void start(void)
{
	started = gcry_check_version(GCRYPT_VERSION) != NULL &&
		  gcry_control(GCRYCTL_DISABLE_SECMEM, 0) == 0 &&
		  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0) == 0;
}

struct gcry_cipher_handle *gcry_xts_new(void)
{
	/* The first key of all makes the library test itself: not on the I/O path. */
	static const uint8_t blank[64] = { 1 };
	gcry_cipher_hd_t h;

	pthread_once(&once, start);
	if (!started || gcry_cipher_open(&h, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0) != 0)
		return NULL;
	if (gcry_xts_setkey(h, blank) != 0) {
		gcry_cipher_close(h);
		return NULL;
	}
	return h;
}

void gcry_xts_free(struct gcry_cipher_handle *h)
{
	gcry_cipher_close(h);
}

int gcry_xts_run(struct gcry_cipher_handle *h, bool encrypt, const uint8_t *iv, const uint8_t *src,
		 uint8_t *dst, size_t len)
{
	gcry_error_t err = gcry_cipher_setiv(h, iv, 16);

	if (!err)
		err = encrypt ? gcry_cipher_encrypt(h, dst, len, src, len)
			      : gcry_cipher_decrypt(h, dst, len, src, len);
	return err ? -EIO : 0;
}

/*
 * The schedule for decrypting is made when it is first needed: until then that of the old key would
 * stay, and in the copy that the library keeps for a reset until the next setting of a key.
 */
int gcry_xts_setkey(struct gcry_cipher_handle *h, const uint8_t *key)
{
	uint8_t block[16] = { 0 };
	int err = 0;

	if (gcry_cipher_setkey(h, key, 64) != 0)
		return -EIO;
	err = gcry_xts_run(h, false, block, block, block, sizeof(block));
	secret_wipe(block, sizeof(block));
	if (err == 0 && gcry_cipher_setkey(h, key, 64) != 0)
		err = -EIO;
	return err;
}
