/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file-fixture.h - a file on a real engine, with the rest of the filesystem played around it */
#ifndef TESTS_FILE_FIXTURE_H
#define TESTS_FILE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blkcrypto/blk-device.h"
#include "fs/file.h"
#include "fs/file_private.h"
#include "fs/format.h"
#include "util/bits.h"
#include "util/compiler.h"

/*
 * One directory inode, one file inode, one path, and doubles of what fs/inode.c, backing.c and
 * context.c do for the data path. The device, the engine and the key are real.
 */
enum { DEV_FILE, DEV_SIM, NUM_DEVS };

struct file_fixture {
	char path[128];
	struct blk_device *bdev[NUM_DEVS]; /* of DEV_FILE: fault.dev is in front of it */
	struct fscrypt_super *fsc[NUM_DEVS];
	struct fs_super sb;
	struct fs_inode parent, inode;
	union fscrypt_policy policy; /* of the parent */
	bool plain;
	unsigned stored; /* how often a header was made for the store */
	unsigned chain;	 /* calls of fs_context_sync_chain() */
	bool forbid;	 /* context not permitted in the parent */
	bool no_falloc;	 /* the backing has no fallocate(2) */
};
extern struct file_fixture t;

/* A device in front of `file` that fails when told to, and counts what passes. */
struct file_fault {
	struct blk_device dev, *child;
	long fail_after; /* writes until one fails; negative: never */
	int err;	 /* with this */
	bool tear;	 /* after a part of it has been written */
	unsigned writes, heads;
};
extern struct file_fault fault;

int group_setup(void **state);
int group_teardown(void **state);

uint64_t rnd(void);
void fill(uint8_t *p, size_t len);

void use_device(unsigned which);
/* From now on a new file under a policy with data units of @du bytes; 0: plain. */
void start(unsigned du);
/* As when the kernel forgets the file: all that was known of it is gone. No handle is open. */
void forget_file(void);
struct fs_file *create_file(void);
struct fs_file *open_file(int flags);
struct fs_file *reopen(struct fs_file *file);

uint64_t st_size(void);
uint64_t size_by_stat(void);
void expect(struct fs_file *file, uint64_t off, const uint8_t *want, size_t len);
void expect_zeros(struct fs_file *file, uint64_t off, size_t len);
void write_ok(struct fs_file *file, uint64_t off, const void *buf, size_t len);

/* The file as it should be: zeros from shadow_size on. */
#define EX_MAX (200u << 10)
extern uint8_t shadow[EX_MAX + 4096];
extern uint64_t shadow_size;
extern uint8_t scratch[EX_MAX];

void shadow_resize(uint64_t size);
/* Size and contents are the shadow's. */
void check_all(struct fs_file *file);
/* Behind the last unit is a hole as long as that unit is full. */
void check_sparse_tail(struct fs_file *file, unsigned du);
/* What the store holds, by the rules of the format. */
void check_store(struct fs_file *file, unsigned du);

#endif
