/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpu.c - ask the processor once which vector instructions it has */
#include "crypto/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdatomic.h>

#define DETECTED (1u << 31)

static atomic_uint usable;
static atomic_uint allowed = CPU_ALL;

#if defined(__x86_64__)
/* Not every compiler's __builtin_cpu_supports() knows these names. */
static bool has_vaes(void)
{
	const unsigned vaes = 1u << 9, vpclmulqdq = 1u << 10;
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & vaes) && (c & vpclmulqdq);
}
#endif

static unsigned detect(void)
{
	unsigned found = DETECTED;

#if defined(__x86_64__)
	__builtin_cpu_init();
	/* Says no as well when the kernel does not save the registers. */
	if (__builtin_cpu_supports("avx2"))
		found |= CPU_AVX2 | (has_vaes() ? CPU_VAES : 0);
	if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
		found |= CPU_PCLMUL;
#endif
	return found;
}

bool cpu_has(enum cpu_feature feature)
{
	unsigned found = atomic_load_explicit(&usable, memory_order_relaxed);

	/* Two threads that both ask find the same. */
	if (__builtin_expect(!found, 0)) {
		found = detect() & (DETECTED | atomic_load(&allowed));
		atomic_store_explicit(&usable, found, memory_order_relaxed);
	}
	return found & feature;
}

void cpu_allow(unsigned features)
{
	atomic_store(&allowed, features);
	atomic_store(&usable, 0);
}
