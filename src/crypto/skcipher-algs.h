/* SPDX-License-Identifier: GPL-3.0-or-later */
/* skcipher-algs.h - the rows, each defined in a file of its own; for this folder only */
#ifndef CRYPTO_SKCIPHER_ALGS_H
#define CRYPTO_SKCIPHER_ALGS_H

#include "crypto/skcipher.h"

extern const struct skcipher_alg adiantum_alg;		/* adiantum.c */
extern const struct skcipher_alg aes_128_cbc_essiv_alg; /* aes-essiv.c */
extern const struct skcipher_alg aes_128_cts_alg;	/* aes-cts.c */
extern const struct skcipher_alg aes_256_cts_alg;	/* aes-cts.c */
extern const struct skcipher_alg aes_256_hctr2_alg;	/* hctr2.c */
extern const struct skcipher_alg aes_256_xts_alg;	/* aes-xts.c */
extern const struct skcipher_alg sm4_cts_alg;		/* sm4-cts.c */
extern const struct skcipher_alg sm4_xts_alg;		/* sm4-xts.c */

#endif
