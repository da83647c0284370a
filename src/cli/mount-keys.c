/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-keys.c - requests about keys to a mount, and what their errors mean to a person */
#include "cli/mount-keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/policy-check.h"
#include "util/secret.h"

int mount_keys_open(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
	*ret_fd = fd;
	return EXIT_DONE;
}

int mount_keys_failed(const char *path, const char *what, int errnum)
{
	const char *why = strerror(errnum);

	switch (errnum) {
	case ENOTTY:
	case EOPNOTSUPP:
		why = "is it within a mount of fuscrypt?";
		break;
	case ENODATA:
		why = "it is not encrypted";
		break;
	case ENOKEY:
		why = "there is no such key, or you have not added it";
		break;
	case EACCES:
		why = "only the owner of the mount may do that";
		break;
	case EDQUOT:
		why = "you have added too many keys";
		break;
	case EBADMSG:
		why = "the device has not wrapped this key, or not since it was mounted";
		break;
	}
	return msg_fail(EXIT_FAILED, "%s: %s: %s", path, what, why);
}

int mount_keys_wrapped_failed(const char *path, const char *what, int errnum)
{
	if (errnum == EOPNOTSUPP)
		return msg_fail(EXIT_FAILED,
				"%s: %s: it needs a mount with -o inlinecrypt and a device that "
				"takes such keys, see fuscrypt-devices(7)",
				path, what);
	return mount_keys_failed(path, what, errnum);
}

static int add_key(int fd, const struct secretbuf *key, bool v1, uint32_t flags,
		   struct fscrypt_key_specifier *ret_spec)
{
	struct fuscrypt_add_key *arg = secret_alloc(sizeof(*arg));
	int r = 0;

	if (!arg)
		return -ENOMEM;
	memset(arg, 0, sizeof(*arg));
	arg->arg.key_spec.type =
		v1 ? FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR : FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	if (v1)
		r = policy_key_ref(key, true, arg->arg.key_spec.u.identifier);
	arg->arg.flags = flags;
	arg->arg.raw_size = (uint32_t)key->len;
	memcpy(arg->raw, key->data, key->len);
	if (r == 0 && ioctl(fd, FUSCRYPT_IOC_ADD_KEY, arg) < 0)
		r = -errno;
	if (r == 0)
		*ret_spec = arg->arg.key_spec;
	secret_free(arg);
	return r;
}

int mount_keys_add(int fd, const struct secretbuf *key, bool v1,
		   struct fscrypt_key_specifier *ret_spec)
{
	return add_key(fd, key, v1, 0, ret_spec);
}

int mount_keys_add_wrapped(int fd, const struct secretbuf *key,
			   struct fscrypt_key_specifier *ret_spec)
{
	return add_key(fd, key, false, FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED, ret_spec);
}

int mount_keys_remove(int fd, bool all_users, struct fscrypt_remove_key_arg *arg)
{
	unsigned long cmd =
		all_users ? FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS : FS_IOC_REMOVE_ENCRYPTION_KEY;

	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

int mount_keys_policy(int fd, union fscrypt_policy *ret_policy)
{
	struct fuscrypt_policy arg = { 0 };

	if (ioctl(fd, FUSCRYPT_IOC_GET_POLICY, &arg) < 0)
		return -errno;
	if (arg.size > sizeof(*ret_policy))
		return -EINVAL;
	memset(ret_policy, 0, sizeof(*ret_policy));
	memcpy(ret_policy, arg.policy, arg.size);
	return fscrypt_policy_size(ret_policy) == arg.size ? 0 : -EINVAL;
}
