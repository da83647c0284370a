/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.c - a mount: libfuse session, threads, readiness, the end */
#include <errno.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ll/ll-uring.h"
#include "fs/ll/ll.h"
#include "util/log.h"

__attribute__((format(printf, 2, 0))) static void fuse_log_line(enum fuse_log_level level,
								const char *fmt, va_list ap)
{
	char line[512];
	size_t len;

	vsnprintf(line, sizeof(line), fmt, ap);
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		line[len - 1] = '\0';
	log_msg(level <= FUSE_LOG_ERR	    ? LOG_LVL_ERR
		: level == FUSE_LOG_WARNING ? LOG_LVL_WARN
		: level <= FUSE_LOG_INFO    ? LOG_LVL_INFO
					    : LOG_LVL_DEBUG,
		"%s", line);
}

PRINTF_LIKE(1, 2)
static char *sentence(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

/* "fsname=" and the source as the user gave it: commas and backslashes are libfuse's own signs. */
static char *fsname_opt(const char *source)
{
	char *opt = malloc(2 * strlen(source) + sizeof("fsname=")), *p;

	if (!opt)
		return NULL;
	p = stpcpy(opt, "fsname=");
	for (; *source; source++) {
		if (*source == ',' || *source == '\\')
			*p++ = '\\';
		*p++ = *source;
	}
	*p = '\0';
	return opt;
}

static int build_args(const struct ll_options *opts, struct fuse_args *args)
{
	char *fsname = fsname_opt(opts->source);
	int bad = !fsname || fuse_opt_add_arg(args, "fuscrypt") || fuse_opt_add_arg(args, "-o") ||
		  fuse_opt_add_arg(args, "subtype=fuscrypt") || fuse_opt_add_arg(args, "-o") ||
		  fuse_opt_add_arg(args, fsname);

	free(fsname);

	/* The user's own fsname= and subtype= come later and win. */
	for (size_t i = 0; i < opts->num_fuse_opts && !bad; i++)
		bad = fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, opts->fuse_opts[i]);
	if (!bad && opts->debug)
		bad = fuse_opt_add_arg(args, "-d");
	return bad ? -ENOMEM : 0;
}

/*
 * For an ordinary user libfuse forks, and allocates in the child before it executes fusermount3. If
 * another thread held the allocator's lock at the fork, the child waits for ever, and the mount for
 * the child: seen under AddressSanitizer, whose locks know nothing of fork.
 */
static bool is_single_threaded(void)
{
	struct stat st;

	/* A directory for each thread, and "." and "..". */
	return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
}

int ll_session_create(struct fs_super *sb, const struct ll_options *opts,
		      struct ll_session **ret_session, char **ret_why)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct ll_session *s = calloc(1, sizeof(*s));
	int err;

	*ret_why = NULL;
	if (!s)
		return -ENOMEM;
	s->sb = sb;
	s->writeback = opts->writeback;
	s->want_uring = opts->uring;
	s->kernel_checks = opts->kernel_checks;
	s->no_acl = !opts->acl;
	s->no_selinux = access("/sys/fs/selinux", F_OK) < 0;
	s->timeout = sb->opts.shared ? 0 : 1.0;
	s->epoch_works = s->prune_works = true;
	s->mountpoint = strdup(opts->mountpoint);
	/*
	 * Objects are made under the caller's fsuid, with our capabilities: threads inherit this
	 * from here. Umask 0, because each thread takes its caller's (cred.c).
	 */
	if (sb->privileged &&
	    prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS) | SECBIT_NO_SETUID_FIXUP) < 0)
		log_warn("cannot keep capabilities while acting for users: %s", strerror(errno));
	fuse_set_log_func(fuse_log_line);
	err = s->mountpoint ? build_args(opts, &args) : -ENOMEM;
	if (err < 0)
		goto fail;
	s->se = fuse_session_new(&args, &ll_ops, sizeof(ll_ops), s);
	if (!s->se) {
		err = -EINVAL;
		*ret_why = sentence("%s: libfuse does not take these mount options", s->mountpoint);
		goto fail;
	}
	if (fuse_set_signal_handlers(s->se) < 0) {
		err = -EIO;
		goto fail;
	}
	if (!is_single_threaded())
		log_warn("%s: threads run before the mount: it may hang", s->mountpoint);
	if (fuse_session_mount(s->se, s->mountpoint) < 0) {
		err = -EIO;
		*ret_why = sentence("%s: cannot mount here (see the line above; is /dev/fuse "
				    "there and open to you, is fuse3 installed?)",
				    s->mountpoint);
		goto fail;
	}
	s->mounted = true;
	ll_mount_learn(s);
	s->notifier = workqueue_create("fuscrypt-notify", 1);
	err = s->notifier ? ll_wire_install(s) : -ENOMEM;
	if (err == 0 && opts->kernel_keys)
		err = ll_keys_create(s);
	if (err < 0)
		goto fail;
	fuse_opt_free_args(&args);
	*ret_session = s;
	return 0;
fail:
	if (!*ret_why)
		*ret_why = sentence("cannot start serving: %s", strerror(-err));
	fuse_opt_free_args(&args);
	ll_session_destroy(s);
	return err;
}

/* A stat through the mount is the proof that it answers. */
static void *tell_ready(void *arg)
{
	struct ll_session *s = arg;
	struct stat st;

	/* An error of its own is an answer too; ENOTCONN is the kernel's, for a session that is
	 * gone. */
	if (stat(s->mountpoint, &st) == 0 || errno != ENOTCONN)
		s->ready(s->ready_arg);
	return NULL;
}

int ll_session_run(struct ll_session *s, void (*ready)(void *arg), void *arg)
{
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();
	pthread_t thread;
	bool waiting = false;
	int ret;

	if (!cfg)
		return -ENOMEM;
	s->ready = ready;
	s->ready_arg = arg;
	if (ready)
		waiting = pthread_create(&thread, NULL, tell_ready, s) == 0;
	fuse_loop_cfg_set_clone_fd(cfg, 0);
	fuse_loop_cfg_set_max_threads(cfg, 10);
	/* Threads keep their buffers; coming and going would cost more than they take. */
	fuse_loop_cfg_set_idle_threads(cfg, 10);
	ret = fuse_session_loop_mt(s->se, cfg);
	fuse_loop_cfg_destroy(cfg);
	/* The signal that ends the loop is not an error. */
	ret = ret < 0 && ret != -EINTR ? ret : 0;
	ll_uring_stop(s->uring);
	ll_jobs_wait(s);
	ll_files_settle(s);
	if (s->mounted) {
		fuse_session_unmount(s->se);
		s->mounted = false;
	}
	if (waiting)
		pthread_join(thread, NULL);
	return ret;
}

void ll_session_destroy(struct ll_session *s)
{
	if (!s)
		return;
	if (s->se) {
		fuse_remove_signal_handlers(s->se);
		if (s->mounted)
			fuse_session_unmount(s->se);
		ll_keys_stop(s);
		workqueue_destroy(s->notifier);
		ll_keys_destroy(s);
		/* Jobs and the notifier have replied until here. */
		ll_uring_destroy(s->uring);
		fuse_session_destroy(s->se);
	} else {
		workqueue_destroy(s->notifier);
	}
	free(s->mountpoint);
	free(s);
}
