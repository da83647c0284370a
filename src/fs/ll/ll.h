/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll.h - what the FUSE adapters share: the session, nodes, one reply function a kind */
#ifndef FS_LL_LL_H
#define FS_LL_LL_H

#include <errno.h>

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

#include "fs/control.h"
#include "fs/namei.h"
#include "fs/ll/session.h"
#include "util/workqueue.h"

#define LL_MAX_REQUEST (1u << 20) /* bytes of data in one READ or WRITE */

struct ll_session {
	struct fuse_session *se;
	struct fs_super *sb;
	char *mountpoint;
	bool mounted;
	dev_t mount_dev;	    /* st_dev of what is in it; 0: not known */
	struct ll_keys *keys;	    /* ll-keys.c; NULL: the kernel's keyrings are not used */
	bool writeback;		    /* asked for */
	bool writeback_active;	    /* the kernel agreed */
	bool no_selinux;	    /* the machine has none */
	bool kernel_checks;	    /* the kernel checks permissions, ACLs too */
	bool no_acl;		    /* the backing's ACLs are not shown, set or checked */
	double timeout;		    /* seconds names and attributes are good for */
	struct workqueue *notifier; /* one thread: the only one that sends notifications */
	_Atomic bool epoch_works, prune_works; /* FUSE_NOTIFY_INC_EPOCH, _PRUNE */
	_Atomic unsigned jobs;		       /* threads that look into callers' memory */
	void (*ready)(void *arg);
	void *ready_arg;
	bool ready_told;
	/* ll-wire.c */
	uint64_t init_unique;
	uint64_t kernel_flags;
	bool want_uring;	/* FUSE over io_uring, where the kernel offers it */
	struct ll_uring *uring; /* set before the kernel's first request but INIT, NULL: not used */
	/* ll-space.c: Protected by atomicity */
	_Atomic int64_t space_checked_ms;
	_Atomic bool space_is_low;
	_Atomic uint64_t ends_begun, ends_done; /* FORGETs and RELEASEs */
};

extern const struct fuse_lowlevel_ops ll_ops;

static inline struct ll_session *ll_session_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct fs_inode *ll_inode(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? ll_session_of(req)->sb->root
				   : (struct fs_inode *)(uintptr_t)ino;
}

static inline fuse_ino_t ll_nodeid(const struct fs_inode *inode)
{
	return inode == inode->sb->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)inode;
}

static inline struct fs_file *ll_file(const struct fuse_file_info *fi)
{
	return (struct fs_file *)(uintptr_t)fi->fh;
}

struct fs_cred ll_cred(fuse_req_t req);

/* Reply 0 or -errno. */
static inline void ll_reply_err(fuse_req_t req, int err)
{
	fuse_reply_err(req, -err);
}

/* Attributes, for fuse_reply_attr(). */
void ll_reply_attr(fuse_req_t req, int err, const struct stat *attr);

/*
 * An entry: raises the kernel's count and drops the reference. ENOENT is told as a name that does
 * not exist, to be remembered.
 */
void ll_reply_entry(fuse_req_t req, int err, struct fs_entry *entry);
void ll_fill_entry(struct ll_session *s, const struct fs_entry *entry,
		   struct fuse_entry_param *ret);

/* How a file is to be cached by the kernel; from the open flags and the room left in the store. */
void ll_fill_open(struct ll_session *s, struct fuse_file_info *fi, struct fs_file *file);

/*
 * ll-mtime.c: with the writeback cache the kernel keeps mtime of regular files itself and does not
 * look at ours; these see to it that the store has the same one. told: attributes go to the kernel;
 * setting: it has sent one, @flushed when it wrote the inode back, and the
 * store is about to get it; not_set: that failed; wrote: data came; known: what it
 * believes; settle: at fsync and release.
 */
void ll_mtime_told(struct ll_session *s, struct fs_inode *inode, const struct stat *attr);
struct ll_mtime_was {
	bool known, valid;
	bool overtaken; /* by a later one: not to be set */
	struct timespec mtime;
};
struct ll_mtime_was ll_mtime_setting(struct ll_session *s, struct fs_inode *inode,
				     const struct timespec *mtime, const struct timespec *ctime,
				     bool flushed);
void ll_mtime_was_set(struct fs_inode *inode, const struct timespec *mtime);
void ll_mtime_not_set(struct fs_inode *inode, const struct ll_mtime_was *was);
void ll_mtime_wrote(struct ll_session *s, struct fs_file *file, const struct fuse_file_info *fi);
bool ll_mtime_known(struct ll_session *s, struct fs_inode *inode, struct timespec *ret_mtime);
int ll_mtime_settle(struct ll_session *s, struct fs_file *file);

/* ll-space.c: the store has so little room that data should not wait in the kernel's cache. */
bool ll_space_is_low(struct ll_session *s);
/*
 * What is deleted goes when the kernel lets go of it, which it tells without waiting. Around that:
 * begin, end. settle waits for what has begun, so that its blocks count as free; false when there
 * was nothing to wait for.
 */
void ll_space_end_begin(struct ll_session *s);
void ll_space_end_done(struct ll_session *s);
bool ll_space_settle(struct ll_session *s);
/* Whether it is worth trying again what failed with @err. */
static inline bool ll_space_again(struct ll_session *s, int err)
{
	return err == -ENOSPC && ll_space_settle(s);
}

/* ll-wire.c: hooks around libfuse's reading and writing, for what libfuse 3.14 does not know. */
int ll_wire_install(struct ll_session *s);
/*
 * Requests that came by a ring before this call are answered (ll_uring_settle()), so the kernel has
 * sent the FORGETs that follow from them: by /dev/fuse, always. Context: the notifier.
 */
void ll_wire_settle(struct ll_session *s);
/* Whether /dev/fuse has something that no worker has taken yet: FORGETs, perhaps. */
bool ll_wire_has_unread(struct ll_session *s);
/* True when the request that this thread is serving asks for set-id bits to go. */
bool ll_wire_kill_suidgid(void);
int ll_kill_suidgid(fuse_req_t req, struct fs_file *file);

/* ll-caller.c: who calls, and his memory. Context: not on a libfuse worker, for it may block. */
void ll_caller(fuse_req_t req, struct fs_caller *ret_who);
int ll_caller_read(pid_t pid, void *to, const void *from, size_t len);
int ll_caller_write(pid_t pid, void *to, const void *from, size_t len);
/*
 * Whether request @cmd, with @uptr as its argument, came in by way of a read-only mount: the whole
 * filesystem is one, or a bind mount of it that the caller's descriptor belongs to.
 */
bool ll_caller_read_only(struct ll_session *s, pid_t pid, unsigned cmd, const void *uptr);
/* Run @fn on a thread of its own, at once or when fewer of @uid's are under way. -errno: it will
 * not. */
int ll_job_start(struct ll_session *s, uid_t uid, void (*fn)(void *arg), void *arg);
void ll_jobs_wait(struct ll_session *s);

/*
 * ll-mount.c: what the mount's flags are now, for the kernel does not tell. False when the table of
 * mounts does not have it.
 */
bool ll_mount_learn(struct ll_session *s);

/* ll-bdi.c: once the kernel has read the answer to INIT. Does nothing where it may not. */
void ll_bdi_tune(struct ll_session *s);

/* Whether it is worth trying again what failed with @err. */
static inline bool ll_mount_again(struct ll_session *s, int err)
{
	return err == -EROFS && ll_mount_learn(s) && !atomic_load(&s->sb->read_only);
}

/* ll-notify.c; on the notifier thread only. */
void ll_notify_keys_changed(struct ll_session *s);
int ll_notify_write_back(struct ll_session *s, struct fs_inode *inode);
/* The names of these go unless somebody uses them. -EINVAL, -ENOSYS before Linux 6.18. */
int ll_notify_prune(struct ll_session *s, const fuse_ino_t *ids, size_t count);

/*
 * ll-lock.c: begin checks and takes the key away; with *ret_evict finish follows, on the notifier,
 * and takes everything else. evict is finish for FS_IOC_REMOVE_ENCRYPTION_KEY.
 */
int ll_lock_begin(struct ll_session *s, const struct fscrypt_caller *who,
		  struct fuscrypt_lock *lock, bool *ret_evict);
int ll_lock_finish(struct ll_session *s, struct fuscrypt_lock *lock);
int ll_lock_evict(struct ll_session *s, const struct fscrypt_key_specifier *spec);
/* A write to @inode was refused: if that was after the lock, its pages are dropped once more. */
void ll_lock_late_write(struct ll_session *s, struct fs_inode *inode);

/*
 * ll-keys.c: keys of the kernel's keyrings unlock and lock. stop: no more work for the notifier;
 * destroy: when that has ended.
 */
int ll_keys_create(struct ll_session *s);
void ll_keys_stop(struct ll_session *s);
void ll_keys_destroy(struct ll_session *s);
/*
 * The payload of the caller's key number @id: its size, which may be more than the @cap bytes that
 * there was room for. -ENOKEY, -EACCES, -EKEYREJECTED (of another type), -EOPNOTSUPP (nobody may
 * read it), -EKEYREVOKED, -EKEYEXPIRED. Context: with the caller's fsuid.
 */
int ll_key_by_id(const struct fs_caller *who, uint32_t id, uint8_t *raw, size_t cap,
		 uint32_t *ret_size);

/* ll-init.c */
void ll_init(void *userdata, struct fuse_conn_info *conn);

/* ll-namei.c */
void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void ll_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ll_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ll_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ll_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	       const char *new_name, unsigned int flags);
void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);

/* ll-dir.c */
void ll_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void ll_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

/* ll-file.c */
void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ll_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi);
/* What the release of a file's handles would do for its header and mtime in the store. */
void ll_file_settle(struct ll_session *s, struct fs_inode *inode);
/* At the end of the session: what releases that never came would have done. */
void ll_files_settle(struct ll_session *s);
void ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		  struct fuse_file_info *fi);
void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void ll_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			struct fuse_file_info *fi_out, size_t len, int flags);

/* ll-attr.c */
void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
void ll_access(fuse_req_t req, fuse_ino_t ino, int mask);
void ll_readlink(fuse_req_t req, fuse_ino_t ino);
void ll_statfs(fuse_req_t req, fuse_ino_t ino);
void ll_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ll_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags);
void ll_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ll_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* ll-status.c: a page of FUSCRYPT_IOC_STATUS (fs/status.h). */
struct fuscrypt_status;
int ll_status(struct ll_session *s, const struct fs_caller *who, struct fuscrypt_status *page);

/* ll-ioctl.c */
void ll_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	      struct fuse_file_info *fi, unsigned flags, const void *in_buf, size_t in_bufsz,
	      size_t out_bufsz);

#endif
