/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inode.h - the inode table: identity, names, look-up counts, lifetime */
#ifndef FS_INODE_H
#define FS_INODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "fs/super.h"
#include "util/rangelock.h"
#include "util/tinylock.h"

struct fs_negatives;

struct fs_inode;

/* A name under which an inode is known: a directory and a stored (backing) name in it. */
struct fs_alias {
	LIST_ENTRY(fs_alias) link; /* in inode->names */
	struct fs_inode *parent;   /* referenced */
	struct fs_inode *inode;
	struct fs_alias *hash_next;
	uint32_t hash;
	uint8_t len;
	char name[];
};

enum fs_crypt_state {
	FS_CRYPT_UNKNOWN,   /* not looked at yet */
	FS_CRYPT_PLAIN,	    /* no context, none wanted */
	FS_CRYPT_ENCRYPTED, /* ctx is valid as far as its length and version go */
	FS_CRYPT_BAD,	    /* crypt_err says why: -EUCLEAN, -EINVAL, -EIO */
};

/* What is refused with ENOKEY on a regular file while its key is being revoked (revoke.c). */
enum fs_bar {
	FS_BAR_NONE,
	FS_BAR_READS, /* opening, reading, changes of the size: all but data on its way to the store
		       */
	FS_BAR_ALL,
};

/*
 * Of a regular file, from the first of its handles to the last. Whoever has a handle, or holds
 * crypt_lock, may use it.
 */
struct fs_opened {
	pthread_rwlock_t size_lock; /* shared: I/O below the size; exclusive: size changes */
	struct rangelock range;	    /* data units being read, written or modified */
	uint64_t size;		    /* Protected by size_lock */
	bool tail_clean;	    /* Protected by size_lock: the sparse tail is a hole */
	bool losing; /* Protected by crypt_lock: the last name goes while handles lead to it */
	_Atomic bool filling;  /* raised under crypt_lock with size_lock held (file-fill.c) */
	struct timespec atime; /* when the first handle was made, its header read */
	bool kmtime_valid;
	_Atomic bool mtime_dirty;
	struct timespec kmtime;	     /* Protected by crypt_lock: what the kernel takes for mtime */
	struct timespec kctime;	     /* Protected by crypt_lock: its clock when it last sent that */
	unsigned handles, writers;   /* Protected by crypt_lock */
	TAILQ_HEAD(, fs_file) files; /* Protected by crypt_lock */
};

struct fs_use_reg {
	struct fs_opened *opened;   /* Changed under crypt_lock; NULL: no handles */
	_Atomic unsigned refused;   /* writes that the bar has turned away */
	_Atomic uint8_t bar;	    /* enum fs_bar: what a lock does not let through */
	_Atomic bool revoked;	    /* a lock has taken its handles' key, for good */
	_Atomic bool late;	    /* pages that came in spite of that are being dropped */
	_Atomic bool cached;	    /* the kernel has read some of it into its cache */
	_Atomic bool filled;	    /* it has written some of it from there */
	_Atomic bool tail_unsynced; /* what was cut off inside a unit: zeros, but not flushed yet */
	_Atomic bool unsynced;	    /* made by this mount, never fsynced: nobody relies on it yet */
};

struct fs_use_dir {
	pthread_rwlock_t dir_lock; /* shared: use of names; exclusive: changes of names */
	int fd;			   /* Protected by dirfds' mutex; O_PATH, or -1 */
	unsigned fd_users;	   /* Protected by dirfds' mutex */
	TAILQ_ENTRY(fs_inode) lru; /* Protected by dirfds' mutex */
	struct fs_negatives *neg;  /* Protected by crypt_lock; or NULL */
	/* What is known to be in it, by name. Protected by the itable's mutex */
	struct fs_alias **names; /* &few at first */
	struct fs_alias *few;
	unsigned buckets, num_names;
	bool dead;		     /* Protected by dir_lock: rmdir has happened */
	_Atomic bool ctx_unsynced;   /* its context is stored but not fsynced */
	_Atomic bool names_unsynced; /* sidecars not fsynced */
};

struct fs_use_lnk {
	uint32_t target_len; /* Protected by crypt_lock; 0: not known */
	uint64_t target_gen; /* keyring generation it belongs to */
};

/*
 * What an inode does not need for being listed. A directory has it from the start; others get it
 * (fs_use_get()) when their context is looked at or they are opened, and keep it as long as they
 * live. It is there when the state is FS_CRYPT_ENCRYPTED or FS_CRYPT_BAD, and of what has a handle.
 */
struct fs_use {
	/* Protected by crypt_lock; ctx and ctx_len do not change once the state is ENCRYPTED */
	union fscrypt_context ctx;
	uint8_t ctx_len;
	_Atomic bool ctx_stored; /* the header or context file is in the store */
	int crypt_err;
	_Atomic uint32_t vino; /* virtual number; 0: none, or not given yet (fs_context_settle()) */
	uint32_t parent_vino;
	uint8_t parent_nonce[FSCRYPT_FILE_NONCE_SIZE];
	LIST_ENTRY(fs_inode) by_key; /* Protected by the itable's mutex; linked when ENCRYPTED */
	struct fscrypt_info *info;   /* NULL: not set up; stays while handles are open */
	uint64_t key_asked_ns;	     /* of CLOCK_MONOTONIC; when the kernel's keyrings last were */
	uint64_t keygen;	     /* keyring generation at which set-up last gave -ENOKEY */
	union {
		struct fs_use_reg reg;
		struct fs_use_dir dir;
		struct fs_use_lnk lnk;
	};
};

/*
 * One backing object that the kernel, an open handle or a child's alias refers to. The FUSE node id
 * is the address. Lock order (docs/locking.md): dir_lock of a parent, of a child; crypt_lock;
 * size_lock; range; the super's rename_lock; itable's and dirfds' mutexes last.
 *
 * A listing makes one of these for each file, and the kernel keeps it for long: what is here is
 * paid a million times (tests/unit/test-inode.c).
 */
struct fs_inode {
	struct fs_super *sb;
	/* identity, immutable */
	uint64_t ino;
	uint64_t btime; /* in ns, modulo 2^64; 0: not known */
	uint32_t dev;	/* fs_dev() */
	uint16_t type;	/* S_IFMT bits */

	_Atomic uint8_t crypt; /* enum fs_crypt_state; changed under crypt_lock */

	/* Protected by the itable's mutex */
	bool hashed : 1;
	bool stale : 1;	   /* its number belongs to another object now */
	bool nameless : 1; /* a file that has lost its last name: the one in names is not hashed */
	uint32_t nlookup;  /* UINT32_MAX is never left again: it stays to the end */
	uint32_t refs;	   /* nlookup > 0 counts as one */
	int keep_fd;	   /* O_PATH, once it has no name left; else -1 */

	struct tinylock crypt_lock; /* the context, what came of it, handles */

	/* Protected by the itable's mutex */
	struct fs_inode *hash_next;
	LIST_HEAD(, fs_alias) names;

	struct fs_use *_Atomic use;
	struct fs_alias own; /* the name that it was found by; the first of names, often the only */
};

/* ---- use.c ---- */

/* What @inode has for being used, made if it is not there. NULL: no memory. */
struct fs_use *fs_use_get(struct fs_inode *inode);
/* For whoever frees the inode. */
void fs_use_free(struct fs_inode *inode);
/* Another table for the names in a directory, taken over; the itable's mutex is held. */
void fs_use_set_names(struct fs_use_dir *dir, struct fs_alias **names, unsigned buckets);

/* Of a regular file; NULL when nobody has it open. */
static inline struct fs_opened *fs_opened(const struct fs_inode *inode)
{
	const struct fs_use *use = inode->use;

	return use ? use->reg.opened : NULL;
}

/* enum fs_bar, for any inode. */
static inline int fs_inode_bar(const struct fs_inode *inode)
{
	struct fs_use *use = inode->use;

	return use && S_ISREG(inode->type) ? atomic_load(&use->reg.bar) : FS_BAR_NONE;
}

/* Whether a lock has taken the file's handles' key; for any inode. */
static inline bool fs_inode_revoked(const struct fs_inode *inode)
{
	struct fs_use *use = inode->use;

	return use && S_ISREG(inode->type) && atomic_load(&use->reg.revoked);
}

/* As the kernel has device numbers inside. */
static inline uint32_t fs_dev(const struct statx *stx)
{
	return stx->stx_dev_major << 20 | stx->stx_dev_minor;
}

static inline uint64_t fs_btime(const struct statx *stx)
{
	return stx->stx_mask & STATX_BTIME
		       ? (uint64_t)stx->stx_btime.tv_sec * 1000000000 + stx->stx_btime.tv_nsec
		       : 0;
}

/* ---- itable.c, inode.c, alias.c ---- */

int fs_itable_create(struct fs_super *sb);
void fs_itable_destroy(struct fs_super *sb);

/*
 * The inode of @stx, known from now on as @name in @parent (NULL for the root). Takes a reference;
 * with @lookup the kernel's look-up count is raised too. An entry of the same number but another
 * birth time or type is stale and is replaced. -ENOMEM.
 */
int fs_inode_get(struct fs_super *sb, struct fs_inode *parent, const char *name,
		 const struct statx *stx, bool lookup, struct fs_inode **ret_inode);
void fs_inode_ref(struct fs_inode *inode);
void fs_inode_put(struct fs_inode *inode);
void fs_inode_forget(struct fs_inode *inode, uint64_t nlookup);

/* After forgetting: where most of many inodes have gone, their memory goes back to the system. */
void fs_inodes_relax(struct fs_super *sb);

/* Whoever looks the object up from now on gets another inode than this one. */
void fs_inode_retire(struct fs_inode *inode);

/* Raise the kernel's look-up count by one: for an entry about to be replied. */
void fs_inode_lookup(struct fs_inode *inode);

/* The inode known as @name in @parent, referenced, or NULL. */
struct fs_inode *fs_inode_find(struct fs_inode *parent, const char *name);

/* After an unlink or rmdir: the name is gone. */
void fs_alias_remove(struct fs_inode *parent, const char *name);
/* After a rename: what @name in @parent stood for is now @new_name in @new_parent. -ENOMEM. */
int fs_alias_move(struct fs_inode *parent, const char *name, struct fs_inode *new_parent,
		  const char *new_name);
/* After a link: one more name. -ENOMEM. */
int fs_alias_add(struct fs_inode *inode, struct fs_inode *parent, const char *name);
/* After RENAME_EXCHANGE. */
int fs_alias_exchange(struct fs_inode *pa, const char *a, struct fs_inode *pb, const char *b);

/* A name of the inode: its directory, referenced, and its stored name. -ESTALE when it has none. */
int fs_inode_name(struct fs_inode *inode, struct fs_inode **ret_parent,
		  char ret_name[static NAME_MAX_LEN + 1]);
/* As above, and where a file was that has lost its last name. -ESTALE when it never had one. */
int fs_inode_place(struct fs_inode *inode, struct fs_inode **ret_parent,
		   char ret_name[static NAME_MAX_LEN + 1]);

/* Whether none of its names is one that we could have given it in an encrypted directory. */
bool fs_inode_is_foreign(struct fs_inode *inode);

/* Whether the inode is known as @name in @parent; whether it is known by any other name. */
bool fs_inode_has_name(struct fs_inode *inode, struct fs_inode *parent, const char *name);
bool fs_inode_has_other_alias(struct fs_inode *inode, struct fs_inode *parent, const char *name);

/* Whether the kernel still knows the inode: somebody has it open, mapped or as a working directory,
 * or its name is cached. */
bool fs_inode_is_pinned(struct fs_inode *inode);

/*
 * An O_PATH descriptor for an object that is about to lose its last name; taken over.
 * fs_inode_kept() gives it back (not to be closed) once there is no name left, else -1.
 */
void fs_inode_keep(struct fs_inode *inode, int fd);
int fs_inode_kept(struct fs_inode *inode);
/* The name stays after all: the descriptor is closed. */
void fs_inode_unkeep(struct fs_inode *inode);
/* Something was kept so lately that the FORGET of one that nobody uses may still be on its way. */
bool fs_forgets_are_coming(struct fs_super *sb);

/* A directory that has an alias of the inode, referenced; NULL for the root and nameless inodes. */
struct fs_inode *fs_inode_parent(struct fs_inode *inode);

/* Calls @fn with each inode, referenced, no lock held; @fn may block. */
void fs_inode_for_each(struct fs_super *sb, void (*fn)(struct fs_inode *inode, void *arg),
		       void *arg);

/* ---- key-users.c ---- */

/* The inode's context is known and its policy understood: the state becomes ENCRYPTED. crypt_lock
 * is held. */
void fs_inode_set_encrypted(struct fs_inode *inode);
/* And PLAIN again: of a directory whose context could not be stored. */
void fs_inode_set_plain(struct fs_inode *dir);

/*
 * As fs_inode_for_each() for those that are encrypted with the key; with @tree for what is known by
 * a name in their directories, too, whether its own context has been looked at or not.
 */
void fs_inode_for_each_of_key(struct fs_super *sb, const struct fscrypt_key_specifier *spec,
			      bool tree, void (*fn)(struct fs_inode *inode, void *arg), void *arg);

#endif
