/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemonize.c - the processes of a mount: who mounts, a keyless supervisor, the server */
#include "cli/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/channel.h"
#include "cli/exitcode.h"
#include "cli/mounts.h"
#include "cli/msg.h"
#include "cli/supervise.h"
#include "util/compiler.h"
#include "util/log.h"
#include "util/secret.h"

#define FUSE_SUPER_MAGIC 0x65735546

struct pipes {
	int key[2];    /* keys, from the program to the server */
	int status[2]; /* the other way */
};

/* All descriptors above standard error but two. */
static void close_others(int a, int b)
{
	unsigned low = (unsigned)MIN(a, b), high = (unsigned)MAX(a, b);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

static void stdio_to_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void start_logging(const struct mount_job *job)
{
	enum log_level level = job->opts->debug ? LOG_LVL_DEBUG : LOG_LVL_INFO;

	log_init("fuscrypt", level, !job->opts->foreground);
}

/* Never returns. */
static void run_server(const struct mount_job *job, const struct pipes *p)
{
	/* A session of its own: Ctrl-C at a foreground mount goes to the supervisor, which unmounts
	 * while the server still writes out what is dirty. */
	setsid();
	umask(0);
	close_others(p->key[0], p->status[1]);
	if (chdir("/") < 0)
		_exit(EXIT_FAILED);
	start_logging(job);
	_exit(serve(job, p->key[0], p->status[1]));
}

static pid_t fork_server(const struct mount_job *job, const struct pipes *p)
{
	pid_t pid = fork();

	if (pid == 0)
		run_server(job, p);
	return pid;
}

/* Never returns. */
static void run_supervisor(const struct mount_job *job, const struct pipes *p)
{
	pid_t server;

	setsid();
	stdio_to_null();
	server = fork_server(job, p);
	/* Descriptor 2 is the last one kept; the pipes must close here, or nobody would notice that
	 * the server has died. */
	close_range(3, ~0U, 0);
	if (server < 0 || chdir("/") < 0)
		_exit(EXIT_FAILED);
	start_logging(job);
	_exit(supervise(server, job->mnt));
}

static int send_secret(int fd, enum channel_kind kind, struct secretbuf *buf)
{
	int r = channel_send(fd, kind, 0, buf->data, buf->len);

	secretbuf_free(buf);
	/* When the server has gone its report says why. */
	return r < 0 && r != -EPIPE
		       ? msg_fail(EXIT_FAILED, "the key cannot be handed over: %s", strerror(-r))
		       : EXIT_DONE;
}

/* What the options name, else what the person at the terminal says. */
static int give_keys(const struct mount_job *job, int key_fd, int protectors, const char *why)
{
	const struct key_sources *sources = &job->opts->keys;
	struct secretbuf buf;
	char prompt[300];
	unsigned i, next;
	bool none;
	int r;

	for (i = 0; i < sources->count; i = next) {
		if (sources->list[i].kind != KEY_SOURCE_RAW && protectors == 0)
			return msg_fail(
				EXIT_FAILED,
				"%s: no passphrase opens it: it has no usable protector%s%s",
				job->store, *why ? ": " : "; use --key FILE", why);
		r = key_source_read(sources, i, &next, &buf);
		if (r != EXIT_DONE)
			return r;
		r = send_secret(key_fd,
				sources->list[i].kind == KEY_SOURCE_RAW ? CHANNEL_KEY
									: CHANNEL_PASSPHRASE,
				&buf);
		if (r != EXIT_DONE)
			return r;
	}
	if (sources->count > 0 || protectors == 0 || job->opts->no_ask)
		return EXIT_DONE;
	snprintf(prompt, sizeof(prompt), "Passphrase of %.250s", job->source);
	r = passphrase_ask(prompt, false, &none, &buf);
	if (r != EXIT_DONE)
		return r;
	if (!none)
		return send_secret(key_fd, CHANNEL_PASSPHRASE, &buf);
	msg_err("%s: no passphrase given: mounted locked", job->source);
	return EXIT_DONE;
}

static int check_mount_answers(const struct mount_job *job)
{
	struct statfs sf;
	struct stat st;

	if (stat(job->mnt, &st) < 0 || statfs(job->mnt, &sf) < 0)
		return msg_fail(EXIT_FAILED, "%s: the mount does not answer: %s", job->mnt,
				strerror(errno));
	if (sf.f_type != FUSE_SUPER_MAGIC)
		return msg_fail(EXIT_FAILED, "%s: nothing is mounted there", job->mnt);
	return EXIT_DONE;
}

/* Our part of the conversation with the server. Returns the exit code, reported. */
static int talk(const struct mount_job *job, int key_fd, int status_fd)
{
	enum channel_kind kind;
	char text[1200];
	int r, value;

	for (;;) {
		r = channel_receive_text(status_fd, &kind, &value, text, sizeof(text));
		if (r < 0)
			return msg_fail(EXIT_FAILED,
					"%s: the serving process ended without a word: see the "
					"system's log",
					job->store);
		if (kind == CHANNEL_RESULT)
			break;
		r = secret_init();
		if (r < 0)
			return msg_fail(EXIT_FAILED, "no memory for keys: %s", strerror(-r));
		if (!job->opts->locked) {
			r = give_keys(job, key_fd, value, text);
			if (r != EXIT_DONE)
				return r;
		}
		(void)channel_send(key_fd, CHANNEL_END, 0, NULL, 0);
	}
	if (*text)
		msg_err("%s", text);
	return value == EXIT_DONE ? check_mount_answers(job) : value;
}

int daemonize_mount(const struct mount_job *job,
		    void (*on_up)(const struct mount_job *job, pid_t pid))
{
	bool foreground = job->opts->foreground;
	struct pipes p;
	pid_t child;
	int r;

	if (pipe2(p.key, O_CLOEXEC) < 0)
		return msg_fail(EXIT_FAILED, "no pipe: %s", strerror(errno));
	if (pipe2(p.status, O_CLOEXEC) < 0) {
		close(p.key[0]);
		close(p.key[1]);
		return msg_fail(EXIT_FAILED, "no pipe: %s", strerror(errno));
	}
	fflush(NULL);
	if (foreground) {
		child = fork_server(job, &p);
	} else {
		child = fork();
		if (child == 0)
			run_supervisor(job, &p);
	}
	close(p.key[0]);
	close(p.status[1]);
	r = child < 0 ? msg_fail(EXIT_FAILED, "no process: %s", strerror(errno))
		      : talk(job, p.key[1], p.status[0]);
	/* A server that still waits for keys ends when this closes. */
	close(p.key[1]);
	close(p.status[0]);
	if (r == EXIT_DONE) {
		/* The supervisor stands for the mount: its end is the mount's end. */
		on_up(job, foreground ? getpid() : child);
		if (foreground)
			r = supervise(child, job->mnt);
	} else if (foreground && child > 0) {
		(void)supervise(child, job->mnt);
	}
	return r;
}
