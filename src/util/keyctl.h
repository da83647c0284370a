/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyctl.h - the kernel's keyrings, keyrings(7): the few calls that are needed, without a library
 */
#ifndef UTIL_KEYCTL_H
#define UTIL_KEYCTL_H

#include <stddef.h>
#include <stdint.h>

/* All return a serial number, a length or 0; or -errno (-ENOSYS: a kernel without keyrings). */

#define KEYCTL_RING_SESSION	 (-3)
#define KEYCTL_RING_USER	 (-4)
#define KEYCTL_RING_USER_SESSION (-5)
/* Of this process alone; threads that are started later share it. Made by the first link to it. */
#define KEYCTL_RING_PROCESS (-2)

/*
 * The key of @type that is described so in @ring or a keyring in it. -ENOKEY, -EKEYREVOKED,
 * -EKEYEXPIRED.
 */
int keyctl_search(int ring, const char *type, const char *description);

/* The payload: its whole size, of which at most @cap bytes are in @buf. -EACCES, -EOPNOTSUPP. */
int keyctl_read(int key, void *buf, size_t cap);

/* "type;uid;gid;permissions;description", NUL included; cut at @cap. */
int keyctl_describe(int key, char *buf, size_t cap);

int keyctl_link(int key, int ring);

#endif
