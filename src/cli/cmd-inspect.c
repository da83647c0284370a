/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-inspect.c - fuscrypt inspect: a store's objects as records, offline and without a key */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/inspect.h"
#include "cli/msg.h"
#include "cli/output.h"
#include "cli/policy-opts.h"
#include "cli/verbs.h"
#include "fs/store.h"

enum { OPT_JSON = 0x200 };

#define DEPTH_MAX 1000 /* one descriptor a level */

static const struct option long_options[] = {
	{ "recursive", no_argument, NULL, 'r' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL },
};

struct walk {
	struct store *store;
	bool json, recursive;
	bool found_errors, output_failed;
};

/* ---- records ---- */

static json_t *hex_or_null(const void *bytes, size_t len)
{
	return len > 0 ? output_hex(bytes, len) : json_null();
}

static void print_object(struct walk *w, const struct inspect_object *obj, const char *path)
{
	const uint8_t *nonce = NULL;
	char id[64];
	json_t *rec;

	if (obj->has_context && fscrypt_context_size(&obj->hdr.ctx) > 0)
		nonce = fscrypt_context_nonce(&obj->hdr.ctx);
	snprintf(id, sizeof(id), "%llu:%llu", (unsigned long long)obj->st.st_dev,
		 (unsigned long long)obj->st.st_ino);
	rec = json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "id", id,
			"path", output_string(path), "kind", inspect_kind_name(obj->kind),
			"context",
			hex_or_null(&obj->hdr.ctx, obj->has_context ? obj->hdr.ctx_len : 0),
			"policy", obj->has_policy ? policy_record(&obj->policy) : json_null(),
			"nonce", hex_or_null(nonce, nonce ? FSCRYPT_FILE_NONCE_SIZE : 0), "ino",
			(json_int_t)(obj->has_context ? obj->hdr.ino : 0), "size",
			(json_int_t)obj->size, "data_offset", (json_int_t)obj->data_offset,
			"data_unit_size", (json_int_t)obj->data_unit_size, "name_ciphertext",
			hex_or_null(obj->name_ct, obj->name_ct_len), "symlink_ciphertext",
			hex_or_null(obj->payload, obj->payload_len));
	/* A plain or foreign name may be any bytes: then the text is for people only. */
	if (rec && !output_is_utf8(path))
		json_object_set_new(rec, "path_hex", output_hex(path, strlen(path)));
	if (rec && obj->error) {
		json_object_set_new(rec, "error", json_string(obj->error));
		w->found_errors = true;
	}
	if (output_record(w->json, rec) < 0)
		w->output_failed = true;
}

static void print_store(struct walk *w)
{
	char uuid[37];
	json_t *rec;

	store_uuid_format(w->store->uuid, uuid);
	rec = json_pack("{s:s, s:s, s:i, s:i}", "kind", "store", "uuid", uuid, "format",
			STORE_FORMAT, "block_size", FSCRYPT_BLOCK_SIZE);
	if (output_record(w->json, rec) < 0)
		w->output_failed = true;
}

/* An entry that cannot be looked at at all. */
static void entry_failed(struct walk *w, const char *path, int errnum)
{
	msg_err("%s/%s: cannot be read: %s", w->store->path, path, strerror(errnum));
	w->found_errors = true;
}

/* ---- walking ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
	while (count > 0)
		free(names[--count]);
	free(names);
}

/* Names of entries in order, so that two runs can be compared. 0 or -errno. */
static int list_names(const struct inspect_dir *dir, bool is_root, char ***ret_names,
		      size_t *ret_count)
{
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char **names = NULL, **grown;
	size_t count = 0, cap = 0;
	struct dirent *de;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((errno = 0, de = readdir(d)) != NULL) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, "..") ||
		    inspect_is_internal(dir, is_root, de->d_name))
			continue;
		if (count == cap) {
			cap = cap ? cap * 2 : 64;
			grown = realloc(names, cap * sizeof(*names));
			if (!grown) {
				errno = ENOMEM;
				break;
			}
			names = grown;
		}
		names[count] = strdup(de->d_name);
		if (!names[count])
			break;
		count++;
	}
	r = -errno;
	closedir(d);
	if (r < 0) {
		free_names(names, count);
		return r;
	}
	if (names)
		qsort(names, count, sizeof(*names), by_name);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

static void walk_dir(struct walk *w, const struct inspect_dir *dir, const char *path, int depth);

static void walk_entry(struct walk *w, const struct inspect_dir *dir, const char *dir_path,
		       const char *name, int depth)
{
	struct inspect_object *obj = malloc(sizeof(*obj));
	struct inspect_dir sub;
	char *path;
	int r;

	if (!obj || asprintf(&path, "%s%s%s", dir_path, *dir_path ? "/" : "", name) < 0) {
		entry_failed(w, dir_path, ENOMEM);
		free(obj);
		return;
	}
	r = inspect_entry(dir, name, w->store->meta_fd, obj);
	if (r < 0) {
		entry_failed(w, path, -r);
	} else {
		print_object(w, obj, path);
		if (obj->is_dir && w->recursive && !w->output_failed) {
			r = depth < DEPTH_MAX ? inspect_open_dir(dir, name, obj, &sub) : -ELOOP;
			/* The object is large, and many levels may follow. */
			free(obj);
			obj = NULL;
			if (r == 0) {
				walk_dir(w, &sub, path, depth + 1);
				close(sub.fd);
			} else {
				entry_failed(w, path, -r);
			}
		}
	}
	free(path);
	free(obj);
}

static void walk_dir(struct walk *w, const struct inspect_dir *dir, const char *path, int depth)
{
	char **names = NULL;
	size_t count = 0, i;
	int r = list_names(dir, depth == 0, &names, &count);

	if (r < 0) {
		entry_failed(w, path, -r);
		return;
	}
	for (i = 0; i < count && !w->output_failed; i++)
		walk_entry(w, dir, path, names[i], depth);
	free_names(names, count);
}

/* Down from the root to @rest, one component at a time. Closes @dir.fd. */
static int walk_to(struct walk *w, struct inspect_dir dir, char *rest)
{
	struct inspect_object *obj = malloc(sizeof(*obj));
	char *name = rest, *slash;
	struct inspect_dir next;
	int depth = 0, r = 0;

	if (!obj) {
		close(dir.fd);
		return msg_fail(EXIT_FAILED, "out of memory");
	}
	for (; (slash = strchr(name, '/')) != NULL; name = slash + 1, depth++) {
		*slash = '\0';
		r = inspect_is_internal(&dir, depth == 0, name) ? -ENOENT : 0;
		if (r == 0)
			r = inspect_entry(&dir, name, w->store->meta_fd, obj);
		if (r == 0)
			r = obj->is_dir ? inspect_open_dir(&dir, name, obj, &next) : -ENOTDIR;
		*slash = '/';
		if (r < 0)
			break;
		close(dir.fd);
		dir = next;
	}
	free(obj);
	if (r == 0 && inspect_is_internal(&dir, depth == 0, name))
		r = -ENOENT;
	if (r == 0) {
		char *parent = depth ? strndup(rest, (size_t)(name - rest) - 1) : strdup("");

		if (parent)
			walk_entry(w, &dir, parent, name, depth);
		else
			r = -ENOMEM;
		free(parent);
	}
	close(dir.fd);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s/%s: no entry of the store: %s", w->store->path,
				rest, strerror(-r));
	return EXIT_DONE;
}

/* ---- finding the store ---- */

/* Absolute; the last component is not followed unless it is a directory. malloc'ed or NULL. */
static char *absolute(const char *path)
{
	struct stat st;
	char *copy, *slash, *parent, *result = NULL;
	size_t len;

	if (lstat(path, &st) < 0)
		return NULL;
	if (!S_ISLNK(st.st_mode))
		return realpath(path, NULL);
	copy = strdup(path);
	if (!copy)
		return NULL;
	for (len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (parent && asprintf(&result, "%s/%s", strcmp(parent, "/") ? parent : "",
			       slash ? slash + 1 : copy) < 0)
		result = NULL;
	free(parent);
	free(copy);
	return result;
}

static bool has_store(const char *dir)
{
	struct stat st;
	char *meta;
	bool yes;

	if (asprintf(&meta, "%s/" STORE_DIR, dir) < 0)
		return false;
	yes = lstat(meta, &st) == 0 && S_ISDIR(st.st_mode);
	free(meta);
	return yes;
}

/* Cut @path (absolute) at the store that it is in: *ret_rest is what follows. */
static bool find_store(char *path, char **ret_rest)
{
	char *end = path + strlen(path);

	*ret_rest = end;
	for (;;) {
		char *slash;

		if (has_store(*path ? path : "/"))
			return true;
		slash = strrchr(path, '/');
		if (!slash)
			return false;
		if (*ret_rest != end)
			(*ret_rest)[-1] = '/';
		*slash = '\0';
		*ret_rest = slash + 1;
	}
}

static int inspect_path(struct walk *w, char *path, const char *given)
{
	struct inspect_object *root;
	struct store_error err;
	struct inspect_dir dir;
	char *rest;
	int r;

	if (!find_store(path, &rest))
		return msg_fail(EXIT_CONF, "%s: is not in a store", given);
	if (store_open(*path ? path : "/", &w->store, &err) < 0)
		return msg_fail(err.exit_code, "%s", err.text);
	print_store(w);
	root = malloc(sizeof(*root));
	r = root ? inspect_open_root(w->store->root_fd, root, &dir) : -ENOMEM;
	if (r < 0) {
		r = msg_fail(EXIT_FAILED, "%s: cannot be read: %s", w->store->path, strerror(-r));
	} else if (*rest) {
		r = walk_to(w, dir, rest);
	} else {
		print_object(w, root, "");
		if (w->recursive)
			walk_dir(w, &dir, "", 0);
		close(dir.fd);
		r = EXIT_DONE;
	}
	free(root);
	store_close(w->store);
	return r;
}

int cmd_inspect(const struct verb *verb, int argc, char **argv)
{
	struct walk w = { .store = NULL };
	bool first = true;
	char *path;
	int c, r, r2;

	while ((c = verb_getopt(verb, argc, argv, ":r", long_options, first)) != -1) {
		first = false;
		if (c == '?')
			return EXIT_USAGE;
		if (c == 'r')
			w.recursive = true;
		else
			w.json = true;
	}
	r = verb_want_args(verb, argc, 1);
	if (r)
		return r;
	path = absolute(argv[optind]);
	if (!path)
		return msg_fail(EXIT_FAILED, "%s: %s", argv[optind], strerror(errno));
	r = inspect_path(&w, path, argv[optind]);
	free(path);
	r2 = output_finish();
	if (r == EXIT_DONE)
		r = r2;
	return r == EXIT_DONE && w.found_errors ? EXIT_FAILED : r;
}
