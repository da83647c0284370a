/* SPDX-License-Identifier: GPL-3.0-or-later */
/* selftest.h - one known answer per cipher, before anything is encrypted with it */
#ifndef CRYPTO_SELFTEST_H
#define CRYPTO_SELFTEST_H

/*
 * Encrypt and decrypt one known message with every row of the table. Rows whose cipher the library
 * lacks are passed over (skcipher_alloc() says -ENOPKG to whoever wants one). Returns 0, or -EIO
 * when an answer is wrong or a row has none; -ENOMEM. Logs which. Context: once at start.
 */
int skcipher_selftest(void);

#endif
