/* SPDX-License-Identifier: GPL-3.0-or-later */
/* super.c - a store becomes a filesystem: engine, keyring, inode table, root */
#include "fs/super.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "fs/backing.h"
#include "fs/change.h"
#include "fs/context.h"
#include "fs/inode.h"
#include "fs/vino.h"

static char *sentence(const char *what, int err)
{
	char *s;

	return asprintf(&s, "%s: %s", what, strerror(-err)) < 0 ? NULL : s;
}

static int open_root(struct fs_super *sb)
{
	union fscrypt_policy policy;
	struct statx stx;
	int err;

	if (statx(sb->store->root_fd, "", AT_EMPTY_PATH, FS_STATX_MASK, &stx) < 0)
		return -errno;
	err = fs_inode_get(sb, NULL, NULL, &stx, true, &sb->root);
	if (err < 0)
		return err;
	err = fs_context_load(sb->root, -1);
	if (err < 0)
		return err;
	/* Refused here rather than at the first file: nothing could be read or written. */
	if (sb->opts.no_fallback && atomic_load(&sb->root->crypt) == FS_CRYPT_ENCRYPTED &&
	    fs_context_policy(sb->root, &policy) == 0 &&
	    !fscrypt_contents_possible(sb->fsc, &policy))
		return -EOPNOTSUPP;
	/* store_open() has compared the two; what is used must be what was compared. */
	if (!sb->store->root_plain &&
	    (sb->root->use->ctx_len != sb->store->root_ctx_len ||
	     memcmp(&sb->root->use->ctx, &sb->store->root_ctx, sb->store->root_ctx_len) != 0))
		return -EUCLEAN;
	return 0;
}

static void free_super(struct fs_super *sb)
{
	pthread_mutex_destroy(&sb->sync_lock);
	pthread_rwlock_destroy(&sb->rename_lock);
	free(sb);
}

int fs_super_create(struct store *store, const struct fs_options *opts, struct fs_super **ret_sb,
		    char **ret_why)
{
	struct fscrypt_super_params params = {
		.inlinecrypt = opts->inlinecrypt, .stable_inodes = true, /* fs/vino.h */
	};
	struct fs_super *sb = calloc(1, sizeof(*sb));
	int err;

	*ret_why = NULL;
	if (!sb)
		return -ENOMEM;
	pthread_rwlock_init(&sb->rename_lock, NULL);
	pthread_mutex_init(&sb->sync_lock, NULL);
	sb->opts = *opts;
	atomic_store(&sb->read_only, opts->read_only);
	sb->since_ns = clock_ns();
	sb->owner = getuid();
	sb->privileged = geteuid() == 0;
	err = blk_crypto_fallback_configure(&opts->fallback);
	if (err < 0)
		goto free_sb;
	err = blk_device_open(opts->device ? opts->device : "file", opts->no_fallback, &sb->bdev,
			      ret_why);
	if (err < 0)
		goto free_sb;
	params.bdev = sb->bdev;
	memcpy(params.uuid, store->uuid, sizeof(params.uuid));
	err = fscrypt_super_create(&params, &sb->fsc);
	if (err < 0)
		goto close_dev;
	sb->store = store;
	err = fs_change_base(sb, store->root_fd);
	if (err == 0)
		err = fs_vino_open(store->meta_fd, opts->shared, &sb->vino);
	if (err == 0)
		err = fs_itable_create(sb);
	if (err == 0)
		err = fs_dirfds_create(sb);
	if (err == 0)
		err = open_root(sb);
	if (err == 0 && opts->dummy)
		err = fs_dummy_enable(sb, opts->dummy);
	if (err == 0) {
		*ret_sb = sb;
		return 0;
	}
	*ret_why = err == -EOPNOTSUPP
			   ? sentence("the fallback is off and the device cannot encrypt as the "
				      "root's policy asks",
				      err)
			   : sentence(store->path, err);
	sb->store = NULL; /* stays the caller's */
	fs_itable_destroy(sb);
	fs_dirfds_destroy(sb);
	fs_vino_close(sb->vino, false);
	fscrypt_super_destroy(sb->fsc);
close_dev:
	blk_device_close(sb->bdev);
free_sb:
	if (!*ret_why)
		*ret_why = sentence(store->path, err);
	free_super(sb);
	return err;
}

void fs_super_destroy(struct fs_super *sb)
{
	if (!sb)
		return;
	fs_itable_destroy(sb);
	fs_dirfds_destroy(sb);
	fs_vino_close(sb->vino, !atomic_load(&sb->read_only));
	fscrypt_super_destroy(sb->fsc);
	blk_device_close(sb->bdev);
	blk_crypto_fallback_destroy();
	store_close(sb->store);
	free_super(sb);
}
