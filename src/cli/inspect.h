/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inspect.h - what one object of a store is, found out without a key */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fs/format.h"
#include "fs/fscrypt/fscrypt.h"

/* A directory that is being looked into. */
struct inspect_dir {
	int fd; /* O_RDONLY; owned by who opened it */
	bool encrypted;
	bool unusable; /* encrypted, but its context is lost: its entries cannot be judged */
	union fscrypt_policy policy; /* where encrypted */
};

enum inspect_kind {
	INSPECT_FILE,
	INSPECT_DIR,
	INSPECT_SYMLINK,
	INSPECT_SPECIAL,
	INSPECT_FOREIGN,
	INSPECT_PLAIN,
};

struct inspect_object {
	enum inspect_kind kind;
	struct stat st;
	bool has_context, has_policy;
	struct store_header hdr; /* where has_context */
	union fscrypt_policy policy;
	uint64_t size;
	unsigned data_offset, data_unit_size;
	uint8_t name_ct[NAME_MAX_LEN];
	size_t name_ct_len; /* 0: none */
	uint8_t payload[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	size_t payload_len; /* 0: none */
	const char *error;  /* a sentence, NULL when sound */
	bool is_dir;
};

const char *inspect_kind_name(enum inspect_kind kind);

/* True when @name in @dir is no entry but a file of the store's own. */
bool inspect_is_internal(const struct inspect_dir *dir, bool is_root, const char *name);

/*
 * Find out about @name in @dir. @meta_fd is STORE/.fuscrypt. Returns 0, also where ret_obj->error
 * says that something is wrong; -errno when the entry cannot even be looked at.
 */
int inspect_entry(const struct inspect_dir *dir, const char *name, int meta_fd,
		  struct inspect_object *ret_obj);

/*
 * The store's root, or a directory just inspected, ready to be looked into. The fd of @ret_dir is
 * the caller's. @obj (NULL for the root, of which *ret_obj is filled in) tells what it is.
 */
int inspect_open_root(int root_fd, struct inspect_object *ret_obj, struct inspect_dir *ret_dir);
int inspect_open_dir(const struct inspect_dir *parent, const char *name,
		     const struct inspect_object *obj, struct inspect_dir *ret_dir);

#endif
