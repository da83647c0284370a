/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyctl.c - the kernel's keyrings, keyrings(7): the few calls that are needed, without a library
 */
#include "util/keyctl.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int call(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	long r = syscall(SYS_keyctl, op, a, b, c, d);

	return r < 0 ? -errno : (int)r;
}

int keyctl_search(int ring, const char *type, const char *description)
{
	return call(KEYCTL_SEARCH, (unsigned long)ring, (unsigned long)type,
		    (unsigned long)description, 0);
}

int keyctl_read(int key, void *buf, size_t cap)
{
	return call(KEYCTL_READ, (unsigned long)key, (unsigned long)buf, cap, 0);
}

int keyctl_describe(int key, char *buf, size_t cap)
{
	int r = call(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)buf, cap, 0);

	if (r > 0 && cap > 0)
		buf[(size_t)r < cap ? (size_t)r - 1 : cap - 1] = '\0';
	return r;
}

int keyctl_link(int key, int ring)
{
	return call(KEYCTL_LINK, (unsigned long)key, (unsigned long)ring, 0, 0);
}
