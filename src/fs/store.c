/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.c - open a store, check that it is what its store.conf says, lock it against a second mount
 */
#include "fs/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "fs/format.h"
#include "util/compiler.h"
#include "util/hex.h"
#include "util/io.h"

#define CONF_MAX	 4096
#define FUSE_SUPER_MAGIC 0x65735546

/* Fill @err; returns -@errnum so that callers can `return store_fail(...)`. */
int store_fail(struct store_error *err, int errnum, int exit_code, const char *fmt, ...)
{
	va_list args;

	err->exit_code = exit_code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return -errnum;
}

int store_read_small(int dirfd, const char *name, void *buf, size_t cap, size_t *ret_len)
{
	struct stat st;
	ssize_t n;
	int fd;

	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		n = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)cap)
		n = -EUCLEAN;
	else
		n = io_pread(fd, buf, cap, 0);
	close(fd);
	if (n < 0)
		return (int)n;
	*ret_len = (size_t)n;
	return 0;
}

int store_uuid_parse(const char *text, uint8_t ret_uuid[static 16])
{
	static const uint8_t dash[] = { 8, 13, 18, 23 };
	char digits[33];
	size_t i, d = 0, n = 0;

	if (strlen(text) != 36)
		return -EINVAL;
	for (i = 0; i < 36; i++) {
		if (d < ARRAY_SIZE(dash) && i == dash[d]) {
			if (text[i] != '-')
				return -EINVAL;
			d++;
		} else {
			digits[n++] = text[i];
		}
	}
	digits[n] = '\0';
	return hex_decode(digits, ret_uuid, 16);
}

void store_uuid_format(const uint8_t uuid[static 16], char ret_text[static 37])
{
	char digits[33];

	hex_encode(uuid, 16, digits);
	snprintf(ret_text, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
		 digits + 16, digits + 20);
}

struct conf {
	const char *format, *uuid, *features, *root;
};

/* Take the text apart in place. Lines with other keys are left to newer programs: whatever an old
 * one must not overlook goes into features. */
static int conf_split(char *text, struct conf *conf)
{
	char *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const struct {
			const char *key;
			const char **value;
		} known[] = {
			{ "fuscrypt-store", &conf->format },
			{ "uuid", &conf->uuid },
			{ "features", &conf->features },
			{ "root", &conf->root },
		};
		char *eq = strchr(line, '=');
		size_t i;

		if (!eq)
			return -EINVAL;
		*eq = '\0';
		for (i = 0; i < ARRAY_SIZE(known); i++) {
			if (strcmp(line, known[i].key))
				continue;
			if (*known[i].value)
				return -EINVAL;
			*known[i].value = eq + 1;
		}
	}
	return conf->format && conf->uuid && conf->features && conf->root ? 0 : -EINVAL;
}

static int conf_root_context(struct store *store, const char *text)
{
	size_t len = strlen(text) / 2;

	if (!strcmp(text, "plain")) {
		store->root_plain = true;
		return 0;
	}
	if (len > sizeof(store->root_ctx) || hex_decode(text, (uint8_t *)&store->root_ctx, len) < 0)
		return -EINVAL;
	if (len == 0 || fscrypt_context_size(&store->root_ctx) != len)
		return -EINVAL;
	store->root_ctx_len = len;
	return 0;
}

static int load_conf(struct store *store, struct store_error *err)
{
	struct conf conf = { NULL };
	char text[CONF_MAX + 1];
	size_t len;
	char *end;
	unsigned long format;
	int r;

	r = store_read_small(store->meta_fd, "store.conf", text, CONF_MAX, &len);
	if (r < 0)
		return store_fail(err, -r, STORE_EXIT_CONF,
				  "%s/" STORE_DIR "/store.conf: cannot be read: %s", store->path,
				  strerror(-r));
	text[len] = '\0';
	if (strlen(text) != len || conf_split(text, &conf) < 0)
		return store_fail(err, EUCLEAN, STORE_EXIT_CONF,
				  "%s/" STORE_DIR "/store.conf: is damaged: restore it from a copy",
				  store->path);
	format = strtoul(conf.format, &end, 10);
	if (*end || end == conf.format || format != STORE_FORMAT)
		return store_fail(err, EPROTONOSUPPORT, STORE_EXIT_CONF,
				  "%s: has store format %.16s, this program knows only %d: use a "
				  "program that fits",
				  store->path, conf.format, STORE_FORMAT);
	if (*conf.features)
		return store_fail(err, EPROTONOSUPPORT, STORE_EXIT_CONF,
				  "%s: needs features that this program does not have: %.100s: use "
				  "a newer program",
				  store->path, conf.features);
	if (store_uuid_parse(conf.uuid, store->uuid) < 0 || conf_root_context(store, conf.root) < 0)
		return store_fail(
			err, EUCLEAN, STORE_EXIT_CONF,
			"%s/" STORE_DIR
			"/store.conf: its uuid or root line is damaged: restore it from a copy",
			store->path);
	return 0;
}

static int check_root_context(const struct store *store, struct store_error *err)
{
	uint8_t buf[STORE_HEADER_SIZE];
	struct store_header hdr;
	size_t len, used;
	int r;

	r = store_read_small(store->root_fd, STORE_CTX_NAME, buf, sizeof(buf), &len);
	if (r == -ENOENT && store->root_plain)
		return 0;
	if (r == -ENOENT)
		return store_fail(err, EUCLEAN, STORE_EXIT_CONF,
				  "%s/" STORE_CTX_NAME
				  ": is missing, but store.conf says that the root is encrypted: "
				  "restore it from a copy",
				  store->path);
	if (r < 0)
		return store_fail(err, -r, STORE_EXIT_CONF,
				  "%s/" STORE_CTX_NAME ": cannot be read: %s", store->path,
				  strerror(-r));
	if (store->root_plain)
		return store_fail(
			err, EUCLEAN, STORE_EXIT_CONF,
			"%s/" STORE_CTX_NAME
			": exists, but store.conf says that the root is plain: one of them "
			"is from another store",
			store->path);
	r = store_header_decode(buf, len, &hdr, &used);
	if (r < 0)
		return store_fail(err, -r, STORE_EXIT_CONF,
				  "%s/" STORE_CTX_NAME ": is damaged: restore it from a copy",
				  store->path);
	if (hdr.ctx_len != store->root_ctx_len || memcmp(&hdr.ctx, &store->root_ctx, hdr.ctx_len))
		return store_fail(
			err, EUCLEAN, STORE_EXIT_CONF,
			"%s/" STORE_CTX_NAME
			": differs from the copy in store.conf: one of them is from another "
			"store",
			store->path);
	return 0;
}

static bool on_fuse(int fd)
{
	struct statfs sf;

	return fstatfs(fd, &sf) == 0 && sf.f_type == FUSE_SUPER_MAGIC;
}

int store_open(const char *path, struct store **ret_store, struct store_error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return store_fail(err, ENOMEM, STORE_EXIT_FAILED, "%s: out of memory", path);
	store->root_fd = store->meta_fd = store->lock_fd = -1;
	store->path = realpath(path, NULL);
	if (store->path)
		store->root_fd = open(store->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (store->root_fd < 0) {
		r = store_fail(err, errno, STORE_EXIT_FAILED, "%s: cannot be opened: %s", path,
			       strerror(errno));
		goto out_close;
	}
	store->meta_fd =
		openat(store->root_fd, STORE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (store->meta_fd < 0) {
		const char *why = strerror(errno);

		if (errno == ENOENT)
			why = on_fuse(store->root_fd)
				      ? "is perhaps a mounted store: name the store, "
					"not the mount"
				      : "is not a store: make one with `fuscrypt init`";
		r = store_fail(err, errno, STORE_EXIT_CONF, "%s: %s", store->path, why);
		goto out_close;
	}
	r = load_conf(store, err);
	if (r < 0)
		goto out_close;
	r = check_root_context(store, err);
	if (r < 0)
		goto out_close;
	*ret_store = store;
	return 0;

out_close:
	store_close(store);
	return r;
}

static int open_lock_file(int meta_fd)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(meta_fd, "lock", O_RDWR | O_CREAT | flags, 0600);

	/* A store that one may only read can still be locked, where the file is there. */
	if (fd < 0 && (errno == EROFS || errno == EACCES))
		fd = openat(meta_fd, "lock", O_RDONLY | flags);
	return fd < 0 ? -errno : fd;
}

/* The pid that the holder has left in the file, or 0. */
static long lock_holder(int fd)
{
	char text[32];
	ssize_t n = io_pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

int store_lock(struct store *store, bool shared, unsigned wait_secs, struct store_error *err)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	unsigned tries = wait_secs * 20;
	char text[32];
	int fd, r, len;
	long holder;

	fd = open_lock_file(store->meta_fd);
	if (fd == -ENOENT || fd == -EROFS)
		return 0; /* read-only backing and never mounted before: nobody can write to it */
	if (fd < 0)
		return store_fail(err, -fd, STORE_EXIT_NOT_WRITABLE,
				  "%s/" STORE_DIR "/lock: cannot be opened: %s", store->path,
				  strerror(-fd));
	while (flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		r = errno;
		if (r == EINTR)
			continue;
		if (r != EWOULDBLOCK) {
			close(fd);
			return store_fail(err, r, STORE_EXIT_FAILED,
					  "%s/" STORE_DIR "/lock: cannot be locked: %s",
					  store->path, strerror(r));
		}
		if (tries-- == 0) {
			holder = lock_holder(fd);
			close(fd);
			if (holder > 0)
				return store_fail(
					err, EBUSY, STORE_EXIT_FAILED,
					"%s: is mounted already (by process %ld): unmount "
					"it, or give both mounts -o shared",
					store->path, holder);
			return store_fail(err, EBUSY, STORE_EXIT_FAILED,
					  "%s: is mounted already: unmount it, or give both mounts "
					  "-o shared",
					  store->path);
		}
		nanosleep(&pause, NULL);
	}
	/* Only for messages: a failure to write it does not matter. */
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0)
		(void)io_pwrite(fd, text, (size_t)len, 0);
	store->lock_fd = fd;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->meta_fd >= 0)
		close(store->meta_fd);
	if (store->root_fd >= 0)
		close(store->root_fd);
	free(store->path);
	free(store);
}
