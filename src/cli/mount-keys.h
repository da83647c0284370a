/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-keys.h - requests about keys to a mount, and what their errors mean to a person */
#ifndef CLI_MOUNT_KEYS_H
#define CLI_MOUNT_KEYS_H

#include "cli/secretbuf.h"
#include "fs/control.h"

/* Open @path for requests. An exit code, reported. */
int mount_keys_open(const char *path, int *ret_fd);

/* Report that @what did not work on @path: EXIT_FAILED. */
int mount_keys_failed(const char *path, const char *what, int errnum);

/* Add a key; *ret_spec is what it is known as. 0 or -errno. */
int mount_keys_add(int fd, const struct secretbuf *key, bool v1,
		   struct fscrypt_key_specifier *ret_spec);

/* The same for the ephemeral form of a hardware-wrapped key. */
int mount_keys_add_wrapped(int fd, const struct secretbuf *key,
			   struct fscrypt_key_specifier *ret_spec);
/* mount_keys_failed() for what has to do with such keys. */
int mount_keys_wrapped_failed(const char *path, const char *what, int errnum);

/* Remove the key of arg->key_spec; the flags are in arg. 0 or -errno. */
int mount_keys_remove(int fd, bool all_users, struct fscrypt_remove_key_arg *arg);

/* The policy of a file or directory. 0 or -errno (-ENODATA: it is plain). */
int mount_keys_policy(int fd, union fscrypt_policy *ret_policy);

#endif
