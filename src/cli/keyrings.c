/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyrings.c - which of the kernel's keyrings a server possesses */
#include "cli/keyrings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"
#include "util/keyctl.h"
#include "util/log.h"

static int parse(const char *text, int *ret_ring)
{
	static const struct {
		const char *name;
		int ring;
	} names[] = {
		{ "@s", KEYCTL_RING_SESSION },
		{ "@u", KEYCTL_RING_USER },
		{ "@us", KEYCTL_RING_USER_SESSION },
	};
	char *end;
	long n;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i].name)) {
			*ret_ring = names[i].ring;
			return 0;
		}
	errno = 0;
	n = strtol(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || n <= 0 || n > INT_MAX)
		return -EINVAL;
	*ret_ring = (int)n;
	return 0;
}

int keyrings_possess(const char *extra, bool *ret_any)
{
	static const int always[] = { KEYCTL_RING_SESSION, KEYCTL_RING_USER };
	bool any = false;
	int ring, err;

	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		err = keyctl_link(always[i], KEYCTL_RING_PROCESS);
		if (err < 0)
			log_debug("keyring %d cannot be searched: %s", always[i], strerror(-err));
		else
			any = true;
	}
	if (extra) {
		err = parse(extra, &ring);
		if (err == 0)
			err = keyctl_link(ring, KEYCTL_RING_PROCESS);
		if (err < 0)
			return err;
		any = true;
	}
	*ret_any = any;
	return 0;
}
