/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-status.c - what only the adapter knows of a mount's status */
#include "fs/ll/ll-uring.h"
#include "fs/ll/ll.h"
#include "fs/status.h"

int ll_status(struct ll_session *s, const struct fs_caller *who, struct fuscrypt_status *page)
{
	struct fuscrypt_status_mount *m = &page->u.mount;
	int err = fs_status(s->sb, who, page);

	if (err == 0 && page->section == FUSCRYPT_STATUS_MOUNT) {
		m->open_files--; /* the one that asks */
		m->flags |= s->writeback_active ? FUSCRYPT_MOUNT_WRITEBACK : 0;
		m->flags |= ll_uring_is_used(s->uring) ? FUSCRYPT_MOUNT_IO_URING : 0;
		m->timeout_ms = (uint32_t)(s->timeout * 1000);
		m->max_request = LL_MAX_REQUEST;
	}
	return err;
}
