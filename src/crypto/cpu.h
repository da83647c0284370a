/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpu.h - which vector instructions the primitives may use */
#ifndef CRYPTO_CPU_H
#define CRYPTO_CPU_H

#include <stdbool.h>

/* Each stands for all that the code behind it is compiled with. */
enum cpu_feature {
	CPU_AVX2 = 1 << 0,   /* ChaCha12, NH */
	CPU_PCLMUL = 1 << 1, /* POLYVAL; with SSE4.1 */
	CPU_VAES = 1 << 2,   /* AES-256-XTS by libgcrypt; with VPCLMULQDQ and AVX2 */
};
#define CPU_ALL (CPU_AVX2 | CPU_PCLMUL | CPU_VAES)

/* Has the machine it, and is its use allowed? Context: any thread; cheap after the first call. */
bool cpu_has(enum cpu_feature feature);

/*
 * For tests: of what the machine has, use only what is in @features (0: the portable twins,
 * CPU_ALL: as at start). Keys that were set before stay good. Context: no other thread ciphers.
 */
void cpu_allow(unsigned features);

#endif
