/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status.h - what a mount is doing, told in pages: devices, keyslots, keys */
#ifndef FS_STATUS_H
#define FS_STATUS_H

#include <sys/ioctl.h>

#include "fs/control.h"

/*
 * FUSCRYPT_IOC_STATUS: one page of one section a call, for there may be more keyslots and keys than
 * one ioctl holds. Each page is of one moment; two are of two.
 */
#define FUSCRYPT_STATUS_VERSION 1

enum fuscrypt_status_section {
	FUSCRYPT_STATUS_MOUNT,
	FUSCRYPT_STATUS_DEVICES,  /* from the top down, a device before its children */
	FUSCRYPT_STATUS_PROFILES, /* the fallback's, when it has been used; then those of devices */
	FUSCRYPT_STATUS_SLOTS,	  /* of profile @index */
	FUSCRYPT_STATUS_KEYS,
};

enum {
	FUSCRYPT_MOUNT_INLINECRYPT = 1u << 0,
	FUSCRYPT_MOUNT_NO_FALLBACK = 1u << 1,
	FUSCRYPT_MOUNT_SHARED = 1u << 2,
	FUSCRYPT_MOUNT_READ_ONLY = 1u << 3,
	FUSCRYPT_MOUNT_WRITEBACK = 1u << 4,  /* the kernel's cache takes writes */
	FUSCRYPT_MOUNT_PRIVILEGED = 1u << 5, /* the daemon is root */
	FUSCRYPT_MOUNT_SEES_KEYS = 1u << 6,  /* the caller is shown all identifiers and holders */
	FUSCRYPT_MOUNT_IO_URING = 1u << 7,   /* requests come by io_uring */
};

struct fuscrypt_status_mount {
	uint64_t uptime_ns;
	uint32_t flags;			     /* FUSCRYPT_MOUNT_* */
	uint32_t owner;			     /* uid */
	uint32_t pid;			     /* of the daemon */
	uint32_t open_files, max_open_files; /* and directories; without the one that asks */
	uint32_t max_request;		     /* bytes */
	uint32_t timeout_ms;		     /* how long the kernel may keep names and attributes */
	uint32_t reserved;
	uint8_t uuid[16]; /* of the store */
	char version[32];
	char device[3072]; /* device string; cut, as is the next */
	char store[4096];
};

struct fuscrypt_status_latency { /* ns; of histograms: at most a quarter too high */
	uint64_t count, p50, p90, p99, p999, max;
};

struct fuscrypt_status_device {
	char name[16];
	uint32_t depth;	 /* 0: the top */
	int32_t profile; /* its index, -1: none */
	uint64_t reads, writes, flushes, read_bytes, write_bytes, errors, in_flight;
	struct fuscrypt_status_latency latency[REQ_OP_COUNT];
};

struct fuscrypt_status_profile {
	char name[16];	/* of the device, or "fallback" */
	int32_t device; /* its index, -1: the fallback */
	uint32_t num_slots, max_dun_bytes, key_types;
	uint32_t modes[8]; /* by enum blk_crypto_mode_num: mask of data unit sizes */
	uint64_t hits, programs, program_errors, evictions, waits;
};

enum { FUSCRYPT_SLOT_EMPTY, FUSCRYPT_SLOT_KEY_HIDDEN, FUSCRYPT_SLOT_KEY };

struct fuscrypt_status_slot {
	uint32_t state;
	uint32_t in_flight; /* users at this moment */
	uint32_t mode, data_unit_size;
	struct fscrypt_key_specifier spec; /* of the master key */
};

#define FUSCRYPT_STATUS_HOLDERS 8

struct fuscrypt_status_key {
	struct fscrypt_key_specifier spec; /* type 0: hidden, and the holders are */
	uint32_t status;		   /* FSCRYPT_KEY_STATUS_* */
	uint32_t user_count;
	uint32_t users[FUSCRYPT_STATUS_HOLDERS]; /* uids: the first ones */
};

#define FUSCRYPT_STATUS_BYTES 12000

struct fuscrypt_status {
	uint32_t version; /* in: FUSCRYPT_STATUS_VERSION, else -EINVAL */
	uint32_t section; /* in */
	uint32_t index;	  /* in: which profile, for SLOTS */
	uint32_t start;	  /* in: the first wanted */
	uint32_t total;	  /* out: how many there are */
	uint32_t count;	  /* out: how many follow */
	union {
		struct fuscrypt_status_mount mount;
		struct fuscrypt_status_device devices[48];
		struct fuscrypt_status_profile profiles[64];
		struct fuscrypt_status_slot slots[192];
		struct fuscrypt_status_key keys[128];
		uint8_t bytes[FUSCRYPT_STATUS_BYTES];
	} u;
};
_Static_assert(sizeof(struct fuscrypt_status) < 1u << _IOC_SIZEBITS, "encoded in the number");
#define FUSCRYPT_IOC_STATUS _IOWR('f', 0xf0, struct fuscrypt_status)

/*
 * Fill the page that @page asks for. Of MOUNT what only the adapter knows is left 0. Identifiers
 * and holders of a key are shown to the mount's owner, to who has CAP_SYS_ADMIN, and to the user
 * whose claim is the only one (DESIGN section 3). 0, -EINVAL, -ENOMEM. Context: takes locks of
 * profiles and the keyring, one at a time; not on the I/O path.
 */
int fs_status(struct fs_super *sb, const struct fs_caller *who, struct fuscrypt_status *page);

/* FUSCRYPT_IOC_LIST_KEYS. 0 or -EACCES. */
int fs_list_keys(struct fs_super *sb, const struct fs_caller *who, struct fuscrypt_key_list *list);

#endif
