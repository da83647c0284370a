/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store-of.c - the store that a path means, and the protectors in it */
#include "cli/store-of.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "fs/control.h"

int store_of_path(const char *path, struct store **ret_store)
{
	struct fuscrypt_store_path mounted = { .path = "" };
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct store_error err;

	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
	/* Whatever answers this is a mount of ours. */
	if (ioctl(fd, FUSCRYPT_IOC_STORE_PATH, &mounted) < 0)
		mounted.path[0] = '\0';
	mounted.path[sizeof(mounted.path) - 1] = '\0';
	close(fd);
	if (store_open(mounted.path[0] ? mounted.path : path, ret_store, &err) < 0)
		return msg_fail(err.exit_code, "%s", err.text);
	return EXIT_DONE;
}

int store_of_protectors(const struct store *store, struct protector **ret_list, size_t *ret_count,
			size_t *ret_bad)
{
	char why[256];
	int r;

	r = protector_load_all(store->meta_fd, ret_list, ret_count, ret_bad, why, sizeof(why));
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: its protectors cannot be read: %s", store->path,
				strerror(-r));
	if (*ret_bad)
		msg_err("%s: warning: %zu protectors cannot be used: %s", store->path, *ret_bad,
			why);
	return EXIT_DONE;
}

bool store_of_is_root_key(const struct store *store, const struct protector *p)
{
	return !store->root_plain && store->root_ctx.version == FSCRYPT_CONTEXT_V2 &&
	       !memcmp(store->root_ctx.v2.master_key_identifier, p->key_identifier,
		       FSCRYPT_KEY_IDENTIFIER_SIZE);
}

json_t *store_of_record(const struct store *store, const struct protector *p)
{
	json_t *rec = json_pack(
		"{s:s, s:o, s:o, s:b, s:I, s:I}", "id", p->id, "name", output_string(p->name),
		"key_identifier", output_hex(p->key_identifier, sizeof(p->key_identifier)),
		"root_key", store_of_is_root_key(store, p), "argon2id_ops", (json_int_t)p->kdf.ops,
		"argon2id_mem_kib", (json_int_t)p->kdf.mem_kib);
	char text[32];
	struct tm tm;

	if (rec && p->written && gmtime_r(&p->written, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_object_set_new(rec, "written", json_string(text));
	return rec;
}
