/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-notify.c - what the daemon tells the kernel unasked: names and pages that are good no more */
#include <errno.h>
#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/ll/ll.h"
#include "util/compiler.h"
#include "util/log.h"

/*
 * All of this runs on the notifier thread, under no lock: a notification can wait for requests that
 * the workers have to answer (an inode invalidation writes dirty pages back), so a worker that sent
 * one could wait for itself.
 */

/* Newer than libfuse 3.14 (Linux 6.16 and 6.18): sent by hand. */
#define NOTIFY_INC_EPOCH 8
#define NOTIFY_PRUNE	 9
#define PRUNE_BATCH	 256
struct prune_out {
	uint32_t count;
	uint32_t padding;
	uint64_t spare;
};

static int send_raw(struct ll_session *s, int code, const void *data, size_t len, const void *more,
		    size_t more_len)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + len + more_len), .error = code };
	struct iovec iov[3] = {
		{ &h, sizeof(h) },
		{ (void *)(uintptr_t)data, len },
		{ (void *)(uintptr_t)more, more_len },
	};

	return writev(fuse_session_fd(s->se), iov, more_len ? 3 : len ? 2 : 1) < 0 ? -errno : 0;
}

void ll_notify_keys_changed(struct ll_session *s)
{
	/* Every name is looked up again before it is used; nothing is unhashed while in use. */
	if (atomic_load(&s->epoch_works) && send_raw(s, NOTIFY_INC_EPOCH, NULL, 0, NULL, 0) < 0) {
		atomic_store(&s->epoch_works, false);
		log_info("this kernel has no FUSE_NOTIFY_INC_EPOCH: names follow a key within %g s",
			 s->timeout);
	}
}

int ll_notify_write_back(struct ll_session *s, struct fs_inode *inode)
{
	return fuse_lowlevel_notify_inval_inode(s->se, ll_nodeid(inode), 0, 0);
}

int ll_notify_prune(struct ll_session *s, const fuse_ino_t *ids, size_t count)
{
	struct prune_out out = { 0 };
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i += out.count) {
		out.count = (uint32_t)MIN(count - i, (size_t)PRUNE_BATCH);
		err = send_raw(s, NOTIFY_PRUNE, &out, sizeof(out), ids + i,
			       out.count * sizeof(ids[0]));
	}
	return err;
}
