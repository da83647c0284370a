/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-ioctl.c - the kernel's fscrypt ioctls, and fuscrypt's own, on any file or directory of the
 * mount */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ll/ll-flags.h"
#include "fs/ll/ll-uring.h"
#include "fs/ll/ll-wrapped.h"
#include "fs/ll/ll.h"
#include "fs/status.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/secret.h"

/*
 * The kernel hands over only as many bytes as an ioctl's number encodes; where that is less than
 * the structure (spec/ioctls.md section 1) the rest is fetched at the caller's pointer. That may
 * block, so such a request becomes a job of its own thread; what tells the kernel something goes on
 * from there to the notifier.
 */
union arg {
	struct fscrypt_add_key_arg add;
	struct fuscrypt_add_key own_add;
	struct fscrypt_remove_key_arg remove;
	struct fscrypt_get_key_status_arg status;
	struct fscrypt_get_policy_ex_arg policy_ex;
	struct fuscrypt_policy own_policy;
	struct fuscrypt_key_list list;
	struct fuscrypt_key_inodes inodes;
	struct fuscrypt_lock lock;
	struct fuscrypt_store_path store;
	uint32_t flags[LL_FLAGS_WORDS];
	union ll_wrapped_arg wrapped;
	struct fuscrypt_status mount_status;
	uint8_t bytes[FSCRYPT_FILE_NONCE_SIZE]; /* any of them, as it goes over the wire */
};

struct request {
	struct work work; /* on the notifier */
	fuse_req_t req;
	struct ll_session *s;
	struct fs_inode *inode; /* referenced */
	const struct ioctl_row *row;
	void *uptr; /* the caller's pointer */
	struct fs_caller who;
	size_t in_size;
	union arg in;
	int err;
	bool evict;
	struct fscrypt_key_specifier spec;
	uint8_t raw[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
};

struct ioctl_row {
	unsigned cmd;
	size_t in_size;	 /* bytes that the kernel delivers */
	size_t out_size; /* bytes that are replied on success */
	/*
	 * Does the request; 0 or -errno; the answer is in rq->in. With @memory on a thread of
	 * its own, else on the worker.
	 */
	int (*run)(struct request *rq);
	/* Then, if not NULL and run gave 0: on the notifier. */
	int (*finish)(struct request *rq);
	bool memory; /* run looks into the caller's memory, or what /proc has of it: not on a worker
		      */
};

static void request_end(struct request *rq, int err)
{
	if (err < 0)
		ll_reply_err(rq->req, err);
	else
		fuse_reply_ioctl(rq->req, 0, rq->row->out_size ? rq->in.bytes : NULL,
				 rq->row->out_size);
	fs_inode_put(rq->inode);
	secret_wipe(rq, sizeof(*rq));
	free(rq);
}

static struct fscrypt_caller key_caller(const struct request *rq)
{
	return (struct fscrypt_caller){ rq->who.cred.uid, rq->who.cap_sys_admin };
}

static bool came_read_only(const struct request *rq)
{
	return ll_caller_read_only(rq->s, rq->who.cred.pid, rq->row->cmd, rq->uptr);
}

/* ---- policies
 * ------------------------------------------------------------------------------------- */

static int set_policy(struct request *rq, const union fscrypt_policy *policy)
{
	rq->who.read_only = came_read_only(rq);
	return fs_set_policy(rq->inode, &rq->who, policy);
}

static int run_set_policy(struct request *rq)
{
	union fscrypt_policy policy;
	pid_t pid = rq->who.cred.pid;
	size_t size;
	int err;

	/* The version byte alone first: what it is decides how much there is to read. */
	err = ll_caller_read(pid, &policy.version, rq->uptr, 1);
	if (err < 0)
		return err;
	size = fscrypt_policy_size(&policy);
	if (!size)
		return -EINVAL;
	err = ll_caller_read(pid, &policy, rq->uptr, size);
	if (err < 0)
		return err;
	/* It may have changed between the two reads. */
	if (fscrypt_policy_size(&policy) != size)
		return -EINVAL;
	return set_policy(rq, &policy);
}

static int run_own_set_policy(struct request *rq)
{
	union fscrypt_policy policy;
	size_t size;

	memcpy(&policy, rq->in.own_policy.policy, sizeof(policy));
	size = fscrypt_policy_size(&policy);
	if (!size || rq->in.own_policy.size != size)
		return -EINVAL;
	return set_policy(rq, &policy);
}

static int finish_set_policy(struct request *rq)
{
	/* Names under the directory change their form: none is known yet, but absent ones may be.
	 */
	ll_notify_keys_changed(rq->s);
	return 0;
}

static int run_get_policy(struct request *rq)
{
	union fscrypt_policy policy;
	int err = fs_get_policy(rq->inode, &policy);

	if (err < 0)
		return err;
	if (policy.version != FSCRYPT_POLICY_V1)
		return -EINVAL;
	return ll_caller_write(rq->who.cred.pid, rq->uptr, &policy.v1, sizeof(policy.v1));
}

static int run_own_get_policy(struct request *rq)
{
	union fscrypt_policy policy;
	int err = fs_get_policy(rq->inode, &policy);

	if (err < 0)
		return err;
	memset(&rq->in.own_policy, 0, sizeof(rq->in.own_policy));
	rq->in.own_policy.size = (uint32_t)fscrypt_policy_size(&policy);
	memcpy(rq->in.own_policy.policy, &policy, rq->in.own_policy.size);
	return 0;
}

static int run_get_policy_ex(struct request *rq)
{
	union fscrypt_policy policy;
	uint64_t size, room;
	int err = fs_get_policy(rq->inode, &policy);

	if (err < 0)
		return err;
	size = fscrypt_policy_size(&policy);
	memcpy(&room, rq->in.bytes, sizeof(room));
	if (size > room)
		return -EOVERFLOW;
	err = ll_caller_write(rq->who.cred.pid, (uint8_t *)rq->uptr + 8, &policy, size);
	/* Size and policy are both the caller's to see or neither: the size goes with the reply. */
	memcpy(rq->in.bytes, &size, sizeof(size));
	return err;
}

static int run_get_nonce(struct request *rq)
{
	return fs_get_nonce(rq->inode, rq->in.bytes);
}

static int run_get_pwsalt(struct request *rq)
{
	uint8_t salt[16];
	int err;

	rq->who.read_only = came_read_only(rq);
	err = fs_get_pwsalt(rq->s->sb, &rq->who, salt);
	return err < 0 ? err : ll_caller_write(rq->who.cred.pid, rq->uptr, salt, sizeof(salt));
}

/* ---- keys
 * ------------------------------------------------------------------------------------------ */

static int check_size(const struct fscrypt_add_key_arg *a, uint32_t size)
{
	size_t most = FSCRYPT_MAX_RAW_KEY_SIZE;

	if (a->flags & FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED)
		most = FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE;
	return size < FSCRYPT_MIN_KEY_SIZE || size > most ? -EINVAL : 0;
}

/* Checks 2 to 8 of spec/ioctls.md section 6, which come before the key's bytes are fetched. */
static int check_add(const struct request *rq, const struct fscrypt_add_key_arg *a)
{
	if (a->key_spec.reserved || (a->key_spec.type != FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR &&
				     a->key_spec.type != FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER))
		return -EINVAL;
	if (!mem_is_zero(a->reserved, sizeof(a->reserved)))
		return -EINVAL;
	if (a->key_spec.type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR && !rq->who.cap_sys_admin)
		return -EACCES;
	if ((a->flags & ~(uint32_t)FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED) ||
	    (a->flags && a->key_spec.type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR))
		return -EINVAL;
	if (a->key_id)
		return a->raw_size ? -EINVAL : 0;
	return check_size(a, a->raw_size);
}

static int add_key(struct request *rq, struct fscrypt_add_key_arg *a, const uint8_t *raw)
{
	struct fscrypt_super *fsc = rq->s->sb->fsc;
	struct fscrypt_caller who = key_caller(rq);
	uint32_t size = a->raw_size;
	int err;

	if (a->key_id) {
		fs_cred_enter(rq->s->sb, &rq->who.cred);
		err = ll_key_by_id(&rq->who, a->key_id, rq->raw, sizeof(rq->raw), &size);
		if (err == 0)
			err = check_size(a, size);
		if (err < 0)
			return err;
		raw = rq->raw;
	}
	if (a->flags & FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED)
		err = fscrypt_add_wrapped_key(fsc, &who, &a->key_spec, raw, size);
	else
		err = fscrypt_add_key(fsc, &who, &a->key_spec, raw, size);
	if (err == 0)
		fscrypt_kernel_key_taken_over(fsc, who.fsuid, &a->key_spec);
	return err;
}

static int run_add_key(struct request *rq)
{
	struct fscrypt_add_key_arg *a = &rq->in.add;
	int err = check_add(rq, a);

	if (err == 0)
		err = ll_caller_read(rq->who.cred.pid, rq->raw, (uint8_t *)rq->uptr + sizeof(*a),
				     a->raw_size);
	return err < 0 ? err : add_key(rq, a, rq->raw);
}

static int run_own_add_key(struct request *rq)
{
	int err = check_add(rq, &rq->in.own_add.arg);

	if (err == 0)
		err = add_key(rq, &rq->in.own_add.arg, rq->in.own_add.raw);
	secret_wipe(rq->in.own_add.raw, sizeof(rq->in.own_add.raw));
	return err;
}

static int finish_add_key(struct request *rq)
{
	ll_notify_keys_changed(rq->s);
	return 0;
}

static int remove_key(struct request *rq, bool all_users)
{
	struct fscrypt_remove_key_arg *a = &rq->in.remove;
	struct fscrypt_caller who = key_caller(rq);
	uint32_t flags;
	int err;

	if (all_users && !rq->who.cap_sys_admin)
		return -EACCES;
	if (a->key_spec.reserved || (a->key_spec.type != FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR &&
				     a->key_spec.type != FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER))
		return -EINVAL;
	if (!mem_is_zero(a->reserved, sizeof(a->reserved)))
		return -EINVAL;
	err = fscrypt_remove_key(rq->s->sb->fsc, &who, &a->key_spec, all_users, &rq->evict, &flags);
	if (err < 0)
		return err;
	a->removal_status_flags = flags;
	fscrypt_kernel_key_dismiss(rq->s->sb->fsc, &a->key_spec);
	return 0;
}

static int run_remove_key(struct request *rq)
{
	return remove_key(rq, false);
}

static int run_remove_key_all(struct request *rq)
{
	return remove_key(rq, true);
}

static int finish_remove_key(struct request *rq)
{
	struct fscrypt_remove_key_arg *a = &rq->in.remove;
	int err = 0;

	if (rq->evict) {
		err = ll_lock_evict(rq->s, &a->key_spec);
		fscrypt_finish_removal(rq->s->sb->fsc, &a->key_spec, &a->removal_status_flags);
	}
	return err;
}

static int run_key_status(struct request *rq)
{
	struct fscrypt_caller who = key_caller(rq);

	return fscrypt_key_status(rq->s->sb->fsc, &who, &rq->in.status);
}

static int run_list_keys(struct request *rq)
{
	return fs_list_keys(rq->s->sb, &rq->who, &rq->in.list);
}

static int run_lock(struct request *rq)
{
	struct fscrypt_caller who = key_caller(rq);

	return ll_lock_begin(rq->s, &who, &rq->in.lock, &rq->evict);
}

static int finish_lock(struct request *rq)
{
	return rq->evict ? ll_lock_finish(rq->s, &rq->in.lock) : 0;
}

static int run_key_inodes(struct request *rq)
{
	struct fscrypt_caller who = key_caller(rq);
	int err = fscrypt_may_revoke(rq->s->sb->fsc, &who, &rq->in.inodes.spec);

	return err < 0 ? err : fs_list_key_inodes(rq->s->sb, &rq->in.inodes);
}

static int run_store_path(struct request *rq)
{
	return fs_store_path(rq->s->sb, &rq->in.store);
}

static int run_mount_status(struct request *rq)
{
	return ll_status(rq->s, &rq->who, &rq->in.mount_status);
}

static int run_remounted(struct request *rq)
{
	(void)ll_mount_learn(rq->s);
	return 0;
}

static int run_flags(struct request *rq)
{
	return ll_flags_ioctl(rq->inode, rq->row->cmd, rq->in.flags);
}

static int run_wrapped(struct request *rq)
{
	return ll_wrapped_ioctl(rq->s->sb, &rq->who, rq->row->cmd, &rq->in.wrapped);
}

/* ---- the table
 * ------------------------------------------------------------------------------------- */

static const struct ioctl_row rows[] = {
	{ FS_IOC_SET_ENCRYPTION_POLICY, 0, 0, run_set_policy, finish_set_policy, .memory = true },
	{ FS_IOC_GET_ENCRYPTION_PWSALT, 16, 0, run_get_pwsalt, NULL, .memory = true },
	{ FS_IOC_GET_ENCRYPTION_POLICY, 12, 0, run_get_policy, NULL, .memory = true },
	{ FS_IOC_GET_ENCRYPTION_POLICY_EX, 9, 8, run_get_policy_ex, NULL, .memory = true },
	{ FS_IOC_ADD_ENCRYPTION_KEY, 80, 80, run_add_key, finish_add_key, .memory = true },
	{ FS_IOC_REMOVE_ENCRYPTION_KEY, 64, 64, run_remove_key, finish_remove_key },
	{ FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS, 64, 64, run_remove_key_all, finish_remove_key },
	{ FS_IOC_GET_ENCRYPTION_KEY_STATUS, 128, 128, run_key_status, NULL },
	{ FS_IOC_GET_ENCRYPTION_NONCE, 0, 16, run_get_nonce, NULL },
	{ IOC_GETFLAGS, 0, 4, run_flags, NULL },
	{ IOC_SETFLAGS, 4, 0, run_flags, NULL },
	{ IOC_FSGETXATTR, 0, 28, run_flags, NULL },
	{ IOC_FSSETXATTR, 28, 0, run_flags, NULL },
	{ (unsigned)FUSCRYPT_IOC_ADD_KEY, sizeof(struct fuscrypt_add_key),
	  sizeof(struct fscrypt_add_key_arg), run_own_add_key, finish_add_key },
	{ (unsigned)FUSCRYPT_IOC_SET_POLICY, sizeof(struct fuscrypt_policy), 0, run_own_set_policy,
	  finish_set_policy, .memory = true },
	{ (unsigned)FUSCRYPT_IOC_GET_POLICY, 0, sizeof(struct fuscrypt_policy), run_own_get_policy,
	  NULL },
	{ (unsigned)FUSCRYPT_IOC_LIST_KEYS, sizeof(struct fuscrypt_key_list),
	  sizeof(struct fuscrypt_key_list), run_list_keys, NULL },
	{ (unsigned)FUSCRYPT_IOC_LOCK, sizeof(struct fuscrypt_lock), sizeof(struct fuscrypt_lock),
	  run_lock, finish_lock },
	{ (unsigned)FUSCRYPT_IOC_KEY_INODES, sizeof(struct fuscrypt_key_inodes),
	  sizeof(struct fuscrypt_key_inodes), run_key_inodes, NULL },
	{ (unsigned)FUSCRYPT_IOC_STORE_PATH, 0, sizeof(struct fuscrypt_store_path), run_store_path,
	  NULL },
	{ BLKCRYPTOIMPORTKEY, 64, 64, run_wrapped, NULL, .memory = true },
	{ BLKCRYPTOGENERATEKEY, 48, 48, run_wrapped, NULL, .memory = true },
	{ BLKCRYPTOPREPAREKEY, 64, 64, run_wrapped, NULL, .memory = true },
	{ (unsigned)FUSCRYPT_IOC_WRAPPED_KEY, sizeof(struct fuscrypt_wrapped_key),
	  sizeof(struct fuscrypt_wrapped_key), run_wrapped, NULL },
	{ (unsigned)FUSCRYPT_IOC_REMOUNTED, 0, 0, run_remounted, NULL },
	{ (unsigned)FUSCRYPT_IOC_STATUS, sizeof(struct fuscrypt_status),
	  sizeof(struct fuscrypt_status), run_mount_status, NULL },
};

static void finish_on_notifier(struct work *work)
{
	struct request *rq = container_of(work, struct request, work);

	request_end(rq, rq->row->finish(rq));
}

static void run_request(void *arg)
{
	struct request *rq = arg;
	int err;

	ll_caller(rq->req, &rq->who);
	err = rq->row->run(rq);
	if (err < 0 || !rq->row->finish) {
		request_end(rq, err);
		return;
	}
	rq->work.fn = finish_on_notifier;
	workqueue_queue(rq->s->notifier, &rq->work);
}

void ll_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	      struct fuse_file_info *fi, unsigned flags, const void *in_buf, size_t in_bufsz,
	      size_t out_bufsz)
{
	const struct ioctl_row *row = NULL;
	struct request *rq;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].cmd == cmd)
			row = &rows[i];
	if (!row) {
		ll_reply_err(req, -ENOTTY);
		return;
	}
	if (in_bufsz < row->in_size || out_bufsz < row->out_size) {
		ll_reply_err(req, -EINVAL);
		return;
	}
	if ((row->memory || row->finish) && !ll_uring_may_wait()) {
		ll_reply_err(req, -EBUSY);
		return;
	}
	rq = calloc(1, sizeof(*rq));
	if (!rq) {
		ll_reply_err(req, -ENOMEM);
		return;
	}
	rq->req = req;
	rq->s = ll_session_of(req);
	rq->inode = ll_inode(req, ino);
	rq->row = row;
	rq->uptr = arg;
	rq->in_size = MIN(in_bufsz, sizeof(rq->in));
	if (rq->in_size) {
		memcpy(rq->in.bytes, in_buf, rq->in_size);
		/* It may be a key. libfuse keeps the buffer for the next request, of any length. */
		secret_wipe((void *)in_buf, in_bufsz);
	}
	fs_inode_ref(rq->inode);
	if (!row->memory) {
		run_request(rq);
		return;
	}
	err = ll_job_start(rq->s, fuse_req_ctx(req)->uid, run_request, rq);
	if (err < 0)
		request_end(rq, err);
}
