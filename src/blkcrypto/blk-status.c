/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-status.c - the status of a bio, and what it is as an errno */
#include "blkcrypto/blk-status.h"

#include <errno.h>

#include "util/compiler.h"

/* A row is used in both directions, so no errno may stand here twice. */
static const int status_errno[] = {
	[BLK_STS_OK] = 0,
	[BLK_STS_NOTSUPP] = -EOPNOTSUPP,
	[BLK_STS_TIMEOUT] = -ETIMEDOUT,
	[BLK_STS_NOSPC] = -ENOSPC,
	[BLK_STS_TRANSPORT] = -ENOLINK,
	[BLK_STS_TARGET] = -EREMOTEIO,
	[BLK_STS_MEDIUM] = -ENODATA,
	[BLK_STS_PROTECTION] = -EILSEQ,
	[BLK_STS_RESOURCE] = -ENOMEM,
	[BLK_STS_IOERR] = -EIO,
	[BLK_STS_AGAIN] = -EAGAIN,
	[BLK_STS_DEV_RESOURCE] = -EBUSY,
	[BLK_STS_INVAL] = -EINVAL,
	[BLK_STS_OFFLINE] = -ENODEV,
};

int blk_status_to_errno(enum blk_status status)
{
	if ((unsigned)status >= ARRAY_SIZE(status_errno))
		return -EIO;
	return status_errno[status];
}

enum blk_status errno_to_blk_status(int err)
{
	for (unsigned i = 0; i < ARRAY_SIZE(status_errno); i++)
		if (status_errno[i] == err)
			return (enum blk_status)i;
	return BLK_STS_IOERR;
}
