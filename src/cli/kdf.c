/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kdf.c - Argon2id: from a passphrase to a wrapping key, and how much work that should be here */
#include "cli/kdf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/secret.h"

_Static_assert(KDF_SALT_SIZE == crypto_pwhash_argon2id_SALTBYTES, "salt size");

int kdf_params_check(const struct kdf_params *params)
{
	if (params->mem_kib < KDF_MEM_MIN_KIB || params->mem_kib > KDF_MEM_MAX_KIB)
		return -EINVAL;
	if (params->ops < 1 || (uint64_t)params->ops * params->mem_kib > KDF_WORK_MAX_KIB)
		return -EINVAL;
	return 0;
}

int kdf_derive(const struct kdf_params *params, const uint8_t *passphrase, size_t len,
	       uint8_t ret_key[static KDF_KEY_SIZE])
{
	int r = kdf_params_check(params);

	if (r < 0)
		return r;
	if (crypto_pwhash_argon2id(ret_key, KDF_KEY_SIZE, (const char *)passphrase, len,
				   params->salt, params->ops, (size_t)params->mem_kib * 1024,
				   crypto_pwhash_argon2id_ALG_ARGON2ID13) < 0)
		return errno == EINVAL ? -EINVAL : -ENOMEM;
	return 0;
}

/* A number in a small file, UINT64_MAX for "max", 0 when there is none. */
static uint64_t read_limit(const char *path)
{
	char text[32];
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return !strncmp(text, "max", 3) ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* Smallest memory.max from our control group (version 2) up to the root. */
static uint64_t cgroup_limit(void)
{
	char line[PATH_MAX], path[PATH_MAX + 64], *slash;
	uint64_t limit = UINT64_MAX, one;
	bool found = false;
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f)
		return limit;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "0::/", 4);
	fclose(f);
	if (!found)
		return limit;
	line[strcspn(line, "\n")] = '\0';
	for (;;) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
		one = read_limit(path);
		if (one)
			limit = MIN(limit, one);
		slash = strrchr(line + 3, '/');
		if (!slash)
			return limit;
		*slash = '\0';
	}
}

static uint32_t default_memory(void)
{
	uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t kib = MIN(ram, cgroup_limit()) / 8 / 1024;

	return (uint32_t)MAX(MIN(kib, KDF_MEM_DEFAULT_KIB), KDF_MEM_MIN_KIB);
}

static double measure_ms(const struct kdf_params *params)
{
	static const uint8_t sample[] = "calibration";
	uint8_t key[KDF_KEY_SIZE];
	struct timespec a, b;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &a);
	r = kdf_derive(params, sample, sizeof(sample), key);
	clock_gettime(CLOCK_MONOTONIC, &b);
	secret_wipe(key, sizeof(key));
	if (r < 0)
		return -1;
	return (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
}

int kdf_calibrate(unsigned time_ms, uint32_t mem_kib, struct kdf_params *ret_params)
{
	struct kdf_params p = { .ops = 1, .mem_kib = mem_kib ? mem_kib : default_memory() };
	double ms, more, ops;
	int r;

	secret_random(p.salt, sizeof(p.salt));
	r = kdf_params_check(&p);
	if (r < 0)
		return r;
	for (;;) {
		ms = measure_ms(&p);
		if (ms >= 0 && (ms <= time_ms || p.mem_kib / 2 < KDF_MEM_MIN_KIB))
			break;
		if (p.mem_kib / 2 < KDF_MEM_MIN_KIB)
			return -ENOMEM;
		p.mem_kib /= 2;
	}
	/* The first pass pays for getting the memory: what one more costs is in the difference. */
	p.ops = 3;
	more = measure_ms(&p);
	more = more > ms ? (more - ms) / 2 : ms;
	ops = more > 0 ? 1 + (time_ms - ms) / more : 1;
	ops = MIN(ops, (double)(KDF_WORK_MAX_KIB / p.mem_kib));
	p.ops = ops < 1 ? 1 : (uint32_t)MIN(ops, 1e6);
	*ret_params = p;
	return 0;
}
