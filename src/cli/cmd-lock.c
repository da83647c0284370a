/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-lock.c - fuscrypt lock and unlock: the key of a directory's policy, taken away and given back
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/holders.h"
#include "cli/mount-keys.h"
#include "cli/mounts.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/protector.h"
#include "cli/verbs.h"
#include "fs/format.h"
#include "util/secret.h"

enum { OPT_KEY = 0x200, OPT_PASSFILE, OPT_EXTPASS, OPT_REVOKE, OPT_PANIC, OPT_JSON };

static const struct option lock_options[] = {
	{ "revoke", no_argument, NULL, OPT_REVOKE },
	{ "panic", no_argument, NULL, OPT_PANIC },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};
static const struct option unlock_options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "passfile", required_argument, NULL, OPT_PASSFILE },
	{ "extpass", required_argument, NULL, OPT_EXTPASS },
	{ NULL },
};

/* The key that a directory is encrypted with. An exit code, reported. */
static int key_of(const char *dir, struct fscrypt_key_specifier *ret_spec)
{
	union fscrypt_policy policy;
	int r, fd;

	r = mount_keys_open(dir, &fd);
	if (r != EXIT_DONE)
		return r;
	r = mount_keys_policy(fd, &policy);
	close(fd);
	if (r < 0)
		return mount_keys_failed(dir, "no key", -r);
	fscrypt_policy_to_key_spec(&policy, ret_spec);
	return EXIT_DONE;
}

/* The mount that @path is in: nearest mount point at or above it. An exit code, reported. */
static int mount_of(const char *path, char **ret_mnt)
{
	char *at = mounts_resolve(path), *slash;
	struct mount_entry entry;

	if (!at)
		return msg_fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
	while (mounts_find(at, &entry) < 0) {
		slash = strrchr(at, '/');
		if (!slash || !strcmp(at, "/")) {
			free(at);
			return msg_fail(EXIT_FAILED, "%s: is it within a mount of fuscrypt?", path);
		}
		slash[slash == at ? 1 : 0] = '\0';
	}
	mount_entry_free(&entry);
	*ret_mnt = at;
	return EXIT_DONE;
}

/* ---- lock ---- */

/* Numbers of the inodes that the mount still knows of the tree, in rising order. */
struct numbers {
	uint64_t *ino;
	size_t num;
};

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_number(uint64_t ino, void *arg)
{
	const struct numbers *n = arg;

	return n->num && bsearch(&ino, n->ino, n->num, sizeof(ino), compare_numbers) != NULL;
}

static int read_numbers(int fd, const struct fscrypt_key_specifier *spec, struct numbers *ret)
{
	struct fuscrypt_key_inodes *arg = calloc(1, sizeof(*arg));
	struct numbers n = { NULL, 0 };
	uint64_t *grown;
	int r = arg ? 0 : -ENOMEM;

	for (bool more = true; r == 0 && more;) {
		arg->spec = *spec;
		if (ioctl(fd, FUSCRYPT_IOC_KEY_INODES, arg) < 0) {
			r = -errno;
			break;
		}
		more = arg->count == FUSCRYPT_INODES_MAX;
		grown = reallocarray(n.ino, n.num + arg->count + 1, sizeof(*grown));
		if (!grown) {
			r = -ENOMEM;
			break;
		}
		n.ino = grown;
		memcpy(n.ino + n.num, arg->ino, arg->count * sizeof(*grown));
		n.num += arg->count;
		if (more)
			arg->start = n.ino[n.num - 1] + 1;
	}
	free(arg);
	if (r < 0)
		free(n.ino);
	else
		*ret = n;
	return r;
}

/* Who keeps the tree of the key in use, as far as the caller may know. */
static void find_holders(int fd, const char *mnt, const struct fscrypt_key_specifier *spec,
			 struct holders *ret_holders)
{
	struct numbers n;

	*ret_holders = (struct holders){ NULL, 0 };
	if (read_numbers(fd, spec, &n) < 0)
		return;
	(void)holders_find(mnt, is_number, &n, ret_holders);
	free(n.ino);
}

static const char *level_name(uint32_t level)
{
	return level == FUSCRYPT_LOCK_PANIC    ? "panic"
	       : level == FUSCRYPT_LOCK_REVOKE ? "revoke"
					       : "polite";
}

static json_t *holder_json(const struct holder *h)
{
	json_t *o = json_pack("{s:i, s:o, s:s, s:o}", "pid", (int)h->pid, "program",
			      output_string(h->program), "kind", holder_kind_name(h->kind, true),
			      "path", output_string(h->path));

	if (o && h->fd >= 0)
		json_object_set_new(o, "fd", json_integer(h->fd));
	return o;
}

static int report_json(const char *dir, const struct fuscrypt_lock *arg, const struct holders *h)
{
	uint32_t flags = arg->status_flags;
	json_t *list = json_array();

	for (size_t i = 0; i < h->num; i++)
		json_array_append_new(list, holder_json(&h->list[i]));
	return output_record(
		true,
		json_pack("{s:o, s:s, s:b, s:b, s:o}", "path", output_string(dir), "level",
			  level_name(arg->level), "locked",
			  !(flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS), "busy",
			  !!(flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY), "holders", list));
}

static int report_lock(const char *dir, const struct fuscrypt_lock *arg, const struct holders *h,
		       bool json)
{
	if (json && report_json(dir, arg, h) < 0)
		return EXIT_FAILED;
	if (arg->status_flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS)
		return msg_fail(EXIT_FAILED,
				"%s: stays unlocked: other users have added the key too, and keep "
				"it until they lock it themselves",
				dir);
	if (!(arg->status_flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY))
		return EXIT_DONE;
	for (size_t i = 0; i < h->num && !json; i++) {
		const struct holder *o = &h->list[i];

		printf("%s (%d): %s", o->program, (int)o->pid, holder_kind_name(o->kind, false));
		if (o->fd >= 0)
			printf(" %d", o->fd);
		printf(": %s\n", o->path);
	}
	return msg_fail(EXIT_BUSY,
			"%s: locked but for what is still in use%s: close it, then lock again, or "
			"lock --revoke",
			dir, h->num ? "" : ", by nobody that you may see");
}

static int lock_it(const char *dir, const char *mnt, struct fuscrypt_lock *arg, bool json)
{
	struct holders holders = { NULL, 0 };
	int r, fd;

	/* To the root of the mount: a descriptor in the tree would keep the tree in use. */
	r = mount_keys_open(mnt, &fd);
	if (r != EXIT_DONE)
		return r;
	if (ioctl(fd, FUSCRYPT_IOC_LOCK, arg) < 0) {
		r = errno == EACCES && arg->level != FUSCRYPT_LOCK_POLITE
			    ? msg_fail(EXIT_FAILED,
				       "%s: cannot be locked: that is for the owner of the mount, "
				       "or who alone has added the key",
				       dir)
			    : mount_keys_failed(dir, "cannot be locked", errno);
	} else {
		if (arg->status_flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY)
			find_holders(fd, mnt, &arg->spec, &holders);
		r = report_lock(dir, arg, &holders, json);
		holders_free(&holders);
	}
	close(fd);
	return r;
}

int cmd_lock(const struct verb *verb, int argc, char **argv)
{
	struct fuscrypt_lock arg = { .level = FUSCRYPT_LOCK_POLITE };
	bool json = false, first = true;
	const char *dir;
	char *mnt;
	int c, r;

	while ((c = verb_getopt(verb, argc, argv, ":", lock_options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		if (c == OPT_JSON)
			json = true;
		else if (arg.level == FUSCRYPT_LOCK_POLITE)
			arg.level = c == OPT_PANIC ? FUSCRYPT_LOCK_PANIC : FUSCRYPT_LOCK_REVOKE;
		else
			return verb_usage(verb, "--revoke and --panic: one of them");
	}
	r = verb_want_args(verb, argc, 1);
	if (r)
		return r;
	dir = argv[optind];
	r = key_of(dir, &arg.spec);
	if (r == EXIT_DONE)
		r = mount_of(dir, &mnt);
	if (r != EXIT_DONE)
		return r;
	/* Nor should our own working directory keep it in use. */
	if (chdir("/") < 0)
		r = msg_fail(EXIT_FAILED, "/: %s", strerror(errno));
	else
		r = lock_it(dir, mnt, &arg, json);
	free(mnt);
	return r != EXIT_DONE ? r : output_finish();
}

/* ---- unlock ---- */

/* The protectors of the store that hold the key @spec; the others are dropped from the list. */
static int load_protectors(const char *store, const struct fscrypt_key_specifier *spec,
			   struct protector **ret_list, size_t *ret_count)
{
	char path[4096], why[256];
	size_t n = 0, bad;
	int r, fd;

	if (spec->type != FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER)
		return msg_fail(EXIT_FAILED,
				"%s: its keys of version 1 have no passphrases: use --key", store);
	if ((size_t)snprintf(path, sizeof(path), "%s/" STORE_DIR, store) >= sizeof(path))
		return msg_fail(EXIT_FAILED, "%s: %s", store, strerror(ENAMETOOLONG));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : protector_load_all(fd, ret_list, ret_count, &bad, why, sizeof(why));
	if (fd >= 0)
		close(fd);
	if (r < 0)
		return msg_fail(EXIT_FAILED,
				"%s: its protectors cannot be read: %s: give the key with --key",
				store, strerror(-r));
	for (size_t i = 0; i < *ret_count; i++)
		if (!memcmp((*ret_list)[i].key_identifier, spec->u.identifier,
			    FSCRYPT_KEY_IDENTIFIER_SIZE))
			(*ret_list)[n++] = (*ret_list)[i];
	*ret_count = n;
	if (n)
		return EXIT_DONE;
	free(*ret_list);
	return msg_fail(EXIT_FAILED,
			"%s: no passphrase of it has this key: give it with --key, or a passphrase "
			"with `fuscrypt protector add --key`",
			store);
}

/* Turns the passphrase in @buf into the key. */
static int open_protector(const struct protector *list, size_t count, const char *store,
			  struct secretbuf *buf)
{
	struct secretbuf key;
	int r = -EKEYREJECTED;

	if (secretbuf_init(&key) < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys");
	for (size_t i = 0; i < count && r == -EKEYREJECTED; i++)
		r = protector_unwrap(&list[i], buf, &key);
	secretbuf_free(buf);
	*buf = key;
	if (r == -EKEYREJECTED)
		return msg_fail(EXIT_WRONG_PASSPHRASE, "%s: wrong passphrase", store);
	return r < 0 ? msg_fail(EXIT_FAILED, "%s: the passphrase cannot be tried: %s", store,
				strerror(-r))
		     : EXIT_DONE;
}

static int read_key(const struct key_sources *sources, const struct fscrypt_key_specifier *spec,
		    const char *store, struct secretbuf *ret_key)
{
	struct protector *list;
	unsigned next;
	size_t count;
	int r;

	if (sources->count && sources->list[0].kind == KEY_SOURCE_RAW)
		return key_source_read(sources, 0, &next, ret_key);
	r = load_protectors(store, spec, &list, &count);
	if (r != EXIT_DONE)
		return r;
	if (sources->count)
		r = key_source_read(sources, 0, &next, ret_key);
	else
		r = passphrase_ask("Passphrase", false, NULL, ret_key);
	if (r == EXIT_DONE) {
		r = open_protector(list, count, store, ret_key);
		if (r != EXIT_DONE)
			secretbuf_free(ret_key);
	}
	free(list);
	return r;
}

int cmd_unlock(const struct verb *verb, int argc, char **argv)
{
	struct fscrypt_key_specifier spec, added;
	struct key_sources sources = { .count = 0 };
	struct fuscrypt_store_path store;
	struct secretbuf key;
	char *mnt;
	bool first = true;
	const char *dir;
	int c, r, fd;

	while ((c = verb_getopt(verb, argc, argv, ":", unlock_options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		if (key_sources_add(&sources,
				    c == OPT_KEY	? KEY_SOURCE_RAW
				    : c == OPT_PASSFILE ? KEY_SOURCE_PASSFILE
							: KEY_SOURCE_EXTPASS,
				    optarg) < 0)
			return verb_usage(verb, "too many sources of keys");
	}
	if (key_sources_count(&sources) > 1)
		return verb_usage(verb, "only one of --key, --passfile and --extpass");
	r = verb_want_args(verb, argc, 1);
	if (r)
		return r;
	dir = argv[optind];
	r = secret_init();
	if (r < 0)
		return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	r = key_of(dir, &spec);
	if (r == EXIT_DONE)
		r = mount_of(dir, &mnt);
	if (r != EXIT_DONE)
		return r;
	r = mount_keys_open(mnt, &fd);
	free(mnt);
	if (r != EXIT_DONE)
		return r;
	if (ioctl(fd, FUSCRYPT_IOC_STORE_PATH, &store) < 0)
		r = mount_keys_failed(dir, "its store is not known", errno);
	else
		r = read_key(&sources, &spec, store.path, &key);
	if (r == EXIT_DONE) {
		r = mount_keys_add(fd, &key, spec.type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR, &added);
		secretbuf_free(&key);
		if (r < 0)
			r = mount_keys_failed(dir, "cannot be unlocked", -r);
		else if (memcmp(added.u.raw, spec.u.raw,
				spec.type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR
					? FSCRYPT_KEY_DESCRIPTOR_SIZE
					: FSCRYPT_KEY_IDENTIFIER_SIZE))
			r = msg_fail(EXIT_FAILED,
				     "%s: stays locked: this is another key (it has been added)",
				     dir);
	}
	close(fd);
	return r;
}
