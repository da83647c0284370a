/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve.c - the serving process of a mount, from the open store to the unmount */
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "blkcrypto/blk-device.h"
#include "cli/channel.h"
#include "cli/exitcode.h"
#include "cli/keyrings.h"
#include "cli/serve-keys.h"
#include "crypto/selftest.h"
#include "fs/format.h"
#include "fs/ll/session.h"
#include "util/log.h"
#include "util/secret.h"

#define LOCK_WAIT_SECS 5 /* for the daemon of a mount that is just ending */

struct server {
	const struct mount_job *job;
	int key_fd, status_fd;
	bool kernel_keys;
	char warning[512]; /* for the one who mounts, with a result of success */
};

static enum log_level log_limit(const struct server *sv)
{
	return sv->job->opts->debug ? LOG_LVL_DEBUG : LOG_LVL_INFO;
}

/* The one report. Returns @code. */
static int report(struct server *sv, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int report(struct server *sv, int code, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (sv->status_fd < 0)
		return code;
	if (channel_send(sv->status_fd, CHANNEL_RESULT, code, text, strlen(text)) < 0)
		log_warn("nobody waits for the result of the mount: %s", text);
	close(sv->status_fd);
	sv->status_fd = -1;
	return code;
}

/* As many descriptors as we may have: each open file of the mount needs one. */
static void raise_file_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* An exit code; with EXIT_DONE *read_only is raised where the backing cannot be written at all. */
static int open_store(struct server *sv, bool *read_only, struct store **ret_store)
{
	const struct mount_opts *opts = sv->job->opts;
	struct store_error err;
	struct store *store = NULL;

	if (store_open(sv->job->store, &store, &err) < 0)
		return report(sv, err.exit_code, "%s", err.text);
	if (!*read_only && faccessat(store->root_fd, STORE_DIR, W_OK, AT_EACCESS) < 0) {
		if (errno != EROFS) {
			store_close(store);
			return report(sv, EXIT_NOT_WRITABLE,
				      "%s: cannot be written: mount it with -o ro, or as its owner",
				      sv->job->store);
		}
		*read_only = true;
	}
	if (store_lock(store, opts->shared, LOCK_WAIT_SECS, &err) < 0) {
		store_close(store);
		return report(sv, err.exit_code, "%s", err.text);
	}
	*ret_store = store;
	return EXIT_DONE;
}

static void on_ready(void *arg)
{
	struct server *sv = arg;
	int null;

	(void)report(sv, EXIT_DONE, "%s", sv->warning);
	if (!sv->job->opts->foreground) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) {
			dup2(null, STDERR_FILENO);
			close(null);
		}
	}
}

/*
 * libfuse and fusermount3 say why they refuse on standard error, which a background mount does not
 * have: catch it for the report.
 */
static int catch_stderr(const struct server *sv)
{
	int fds[2];

	if (sv->job->opts->foreground || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	log_init("fuscrypt", log_limit(sv), false);
	return fds[0];
}

static void caught_text(const struct server *sv, int fd, char *text, size_t cap)
{
	ssize_t n = fd < 0 ? 0 : read(fd, text, cap - 1), i;

	if (n < 0)
		n = 0;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	for (i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ';';
	text[n] = '\0';
	if (fd >= 0)
		log_init("fuscrypt", log_limit(sv), true);
}

static int start_session(struct server *sv, struct fs_super *sb, bool read_only,
			 struct ll_session **ret_session)
{
	const struct mount_opts *opts = sv->job->opts;
	char *fuse_opts[MOUNT_FUSE_OPTS_MAX + 1], said[512], ro[] = "ro";
	struct ll_options ll = {
		.source = opts->fsname ? opts->fsname : sv->job->source,
		.mountpoint = sv->job->mnt,
		.fuse_opts = fuse_opts,
		.num_fuse_opts = opts->num_fuse_opts,
		.writeback = opts->writeback,
		.kernel_keys = sv->kernel_keys,
		.uring = opts->uring,
		.kernel_checks = opts->kernel_checks,
		.acl = opts->acl,
		.debug = opts->debug,
	};
	char *why = NULL;
	int r, caught;

	memcpy(fuse_opts, opts->fuse_opts, opts->num_fuse_opts * sizeof(fuse_opts[0]));
	if (read_only && !opts->read_only)
		fuse_opts[ll.num_fuse_opts++] = ro;
	caught = catch_stderr(sv);
	r = ll_session_create(sb, &ll, ret_session, &why);
	caught_text(sv, caught, said, sizeof(said));
	if (r < 0) {
		/* What libfuse and fusermount3 said is nearer to the cause than what came of it. */
		report(sv, EXIT_FAILED, "%s: cannot be mounted: %s", sv->job->mnt,
		       *said ? said
		       : why ? why
			     : strerror(-r));
	}
	free(why);
	if (caught >= 0)
		close(caught);
	return r;
}

/* ---- signals ---- */

static pid_t supervisor;
static const char *mountpoint;

/*
 * A server that just ended would lose what the kernel has not written to it yet. So whoever wants
 * the end of the mount gets it from the supervisor, by an unmount; only its own signal is meant
 * literally.
 */
static void on_end_signal(int sig, siginfo_t *info, void *context)
{
	if (getppid() == supervisor && info->si_pid != supervisor && kill(supervisor, sig) == 0)
		return;
	if (getppid() != supervisor && umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_end_signals(const struct mount_job *job)
{
	struct sigaction act = { .sa_sigaction = on_end_signal,
				 .sa_flags = SA_SIGINFO | SA_RESTART };

	supervisor = getppid();
	mountpoint = job->mnt;
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int serve_super(struct server *sv, struct fs_super *sb, bool read_only)
{
	struct ll_session *session;
	int r;

	r = serve_take_keys(sb, sv->job->store, sv->key_fd, sv->status_fd, sv->warning,
			    sizeof(sv->warning));
	close(sv->key_fd);
	if (r != EXIT_DONE)
		return report(sv, r, "%s", sv->warning);
	if (start_session(sv, sb, read_only, &session) < 0)
		return EXIT_FAILED;
	/* From here on nothing is executed any more: the supervisor runs fusermount3. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	r = ll_session_run(session, on_ready, sv);
	ll_session_destroy(session);
	if (r < 0) {
		log_err("%s: serving ended: %s", sv->job->mnt, strerror(-r));
		return report(sv, EXIT_FAILED, "%s: serving ended: %s", sv->job->mnt, strerror(-r));
	}
	return report(sv, EXIT_DONE, "%s", "");
}

/* All files would share the place of their own that these have. */
static bool may_mount(struct server *sv, const struct blk_device *dev, int *ret_code)
{
	if (dev->space == BLK_SPACE_OWN) {
		while (dev->num_children > 0)
			dev = dev->children[0];
		*ret_code = report(sv, EXIT_FAILED,
				   "%s: device %s does not store in the files of a mount: a mount "
				   "must stand on file",
				   sv->job->store, dev->type->name);
		return false;
	}
	if (dev->type->flags & BLK_DEVICE_LOSES_DATA)
		log_warn("%s: device %s forgets what is written", sv->job->mnt, dev->type->name);
	for (unsigned i = 0; i < dev->num_children; i++)
		if (!may_mount(sv, dev->children[i], ret_code))
			return false;
	return true;
}

int serve(const struct mount_job *job, int key_fd, int status_fd)
{
	struct server sv = { .job = job, .key_fd = key_fd, .status_fd = status_fd };
	bool read_only = job->opts->read_only;
	struct fs_options fsopts = {
		.device = job->opts->device,
		.inlinecrypt = job->opts->inlinecrypt,
		.no_fallback = job->opts->no_fallback,
		.shared = job->opts->shared,
		.fallback = job->opts->fallback,
		.dummy = job->opts->dummy,
	};
	struct fs_super *sb;
	struct store *store = NULL;
	char *why = NULL;
	int r;

	r = secret_init();
	if (r < 0)
		return report(&sv, EXIT_FAILED, "no memory for keys: %s", strerror(-r));
	/* A cipher that gives other bytes than it should must not touch a store. */
	r = skcipher_selftest();
	if (r < 0)
		return report(&sv, EXIT_FAILED, "a cipher failed its self-test: not mounting");
	r = keyrings_possess(job->opts->keyring, &sv.kernel_keys);
	if (r < 0)
		return report(&sv, EXIT_FAILED, "keyring %s: cannot be searched: %s",
			      job->opts->keyring, strerror(-r));
	raise_file_limit();
	/* Worker threads' heaps grow by more than a page at a time. */
	mallopt(M_TOP_PAD, 1 << 20);
	catch_end_signals(job);
	r = open_store(&sv, &read_only, &store);
	if (r != EXIT_DONE)
		return r;
	fsopts.read_only = read_only;
	r = fs_super_create(store, &fsopts, &sb, &why);
	if (r < 0) {
		report(&sv, EXIT_FAILED, "%s: %s", job->store, why ? why : strerror(-r));
		free(why);
		return EXIT_FAILED;
	}
	if (may_mount(&sv, sb->bdev, &r))
		r = serve_super(&sv, sb, read_only);
	fs_super_destroy(sb);
	return r;
}
