/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-device-opt.c - values of device options: numbers, sizes, times, lists, error names */
#include "blkcrypto/blk-device-opt.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Digits only: strtoull() would take a sign and blanks. */
static int parse_digits(const char *str, const char **ret_end, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = str;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -EINVAL;
	if (p == str)
		return -EINVAL;
	*ret_end = p;
	*ret = n;
	return 0;
}

int blk_opt_number(const struct blk_device_opt *opts, const char *name, uint64_t preset,
		   uint64_t min, uint64_t max, uint64_t *ret, char **ret_why)
{
	const char *value = blk_device_opt_get(opts, name), *end;
	uint64_t n = preset;

	if (value && (parse_digits(value, &end, &n) != 0 || *end || n < min || n > max))
		return blk_device_fail(ret_why, -EINVAL,
				       "%s=%s is not a number from %" PRIu64 " to %" PRIu64, name,
				       value, min, max);
	*ret = n;
	return 0;
}

int blk_parse_bytes(const char *str, const char **ret_end, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	uint64_t n;

	if (parse_digits(str, &end, &n) != 0)
		return -EINVAL;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);

		if (n > UINT64_MAX >> shift)
			return -EINVAL;
		n <<= shift;
		end++;
	}
	*ret_end = end;
	*ret_bytes = n;
	return 0;
}

int blk_opt_sectors(const struct blk_device_opt *opts, const char *name, uint64_t preset,
		    uint64_t *ret_sectors, char **ret_why)
{
	const char *value = blk_device_opt_get(opts, name), *end;
	uint64_t bytes;

	if (!value) {
		*ret_sectors = preset;
		return 0;
	}
	if (blk_parse_bytes(value, &end, &bytes) != 0 || *end || bytes % SECTOR_SIZE)
		return blk_device_fail(ret_why, -EINVAL,
				       "%s=%s is not a size like 64K, a multiple of %u bytes", name,
				       value, SECTOR_SIZE);
	*ret_sectors = bytes >> SECTOR_SHIFT;
	return 0;
}

int blk_opt_usecs(const struct blk_device_opt *opts, const char *name, uint64_t preset,
		  uint64_t *ret_usecs, char **ret_why)
{
	const char *value = blk_device_opt_get(opts, name), *end;
	uint64_t n, factor = 0;

	if (!value) {
		*ret_usecs = preset;
		return 0;
	}
	if (parse_digits(value, &end, &n) == 0) {
		if (*end == '\0' || strcmp(end, "ms") == 0)
			factor = 1000;
		else if (strcmp(end, "us") == 0)
			factor = 1;
		else if (strcmp(end, "s") == 0)
			factor = 1000000;
	}
	if (factor == 0 || n > UINT64_C(86400000000) / factor)
		return blk_device_fail(ret_why, -EINVAL,
				       "%s=%s is not a time like 5ms, 200us or 2s, a day at most",
				       name, value);
	*ret_usecs = n * factor;
	return 0;
}

int blk_opt_errno(const struct blk_device_opt *opts, const char *name, int preset, int *ret_errno,
		  char **ret_why)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {
		{ "EIO", -EIO },
		{ "ENOSPC", -ENOSPC },
		{ "EDQUOT", -EDQUOT },
		{ "EROFS", -EROFS },
		{ "ENODEV", -ENODEV },
		{ "EFBIG", -EFBIG },
		{ "ETIMEDOUT", -ETIMEDOUT },
		{ "ENODATA", -ENODATA },
		{ "EILSEQ", -EILSEQ },
		{ "ENOMEM", -ENOMEM },
		{ "EREMOTEIO", -EREMOTEIO },
		{ "ENOLINK", -ENOLINK },
	};
	const char *value = blk_device_opt_get(opts, name);

	if (!value) {
		*ret_errno = preset;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i].name, value) == 0) {
			*ret_errno = names[i].err;
			return 0;
		}
	}
	return blk_device_fail(ret_why, -EINVAL,
			       "%s=%s is not an error that I/O can fail with (EIO, ENOSPC, ...)",
			       name, value);
}

int blk_opt_ops(const struct blk_device_opt *opts, const char *name, unsigned preset,
		unsigned *ret_mask, char **ret_why)
{
	static const char *const words[] = {
		[REQ_OP_READ] = "read",
		[REQ_OP_WRITE] = "write",
		[REQ_OP_FLUSH] = "flush",
	};
	const char *value = blk_device_opt_get(opts, name);
	unsigned mask = 0;

	if (!value) {
		*ret_mask = preset;
		return 0;
	}
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, "+");
		unsigned i = 0;

		while (i < ARRAY_SIZE(words) &&
		       (strlen(words[i]) != len || memcmp(words[i], p, len) != 0))
			i++;
		if (i == ARRAY_SIZE(words))
			return blk_device_fail(ret_why, -EINVAL,
					       "%s=%s is not a list like read+write+flush", name,
					       value);
		mask |= 1u << i;
		p += len;
		if (*p == '\0')
			break;
	}
	*ret_mask = mask;
	return 0;
}

int blk_opt_path(const struct blk_device_opt *opts, const char *name, const char **ret_path,
		 char **ret_why)
{
	const char *value = blk_device_opt_get(opts, name);

	if (value && *value != '/')
		return blk_device_fail(ret_why, -EINVAL, "%s=%s is not an absolute path", name,
				       value);
	*ret_path = value;
	return 0;
}
