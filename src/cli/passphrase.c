/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passphrase.c - passphrases and raw keys from a terminal, standard input, a file or a program */
#include "cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "fs/fscrypt/fscrypt_uapi.h"
#include "util/compiler.h"
#include "util/secret.h"

int key_sources_add(struct key_sources *sources, enum key_source_kind kind, const char *arg)
{
	if (sources->count == KEY_SOURCES_MAX)
		return -E2BIG;
	sources->list[sources->count].kind = kind;
	sources->list[sources->count].arg = arg;
	sources->count++;
	return 0;
}

unsigned key_sources_count(const struct key_sources *sources)
{
	unsigned i, n = 0;

	for (i = 0; i < sources->count; i++)
		n += i == 0 || sources->list[i].kind != KEY_SOURCE_EXTPASS ||
		     sources->list[i - 1].kind != KEY_SOURCE_EXTPASS;
	return n;
}

/* ---- terminal ---- */

static const int quit_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* One line without echo. A signal ends the reading; the terminal is put right before it acts. */
static int read_hidden(const char *prompt, struct secretbuf *buf)
{
	struct sigaction catch = { .sa_handler = on_signal }, old[ARRAY_SIZE(quit_signals)];
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct termios tio, hidden;
	sigset_t quit, before;
	size_t i;
	int r;

	if (tcgetattr(STDIN_FILENO, &tio) < 0)
		return -errno;
	caught = 0;
	sigemptyset(&quit);
	for (i = 0; i < ARRAY_SIZE(quit_signals); i++) {
		sigaction(quit_signals[i], &catch, &old[i]);
		sigaddset(&quit, quit_signals[i]);
	}
	/* They come while it is waited for input only: none is missed just before that. */
	sigprocmask(SIG_BLOCK, &quit, &before);
	hidden = tio;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ICANON | ECHONL;
	/* First without echo: who answers as soon as the prompt is there is neither shown nor lost.
	 */
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	fprintf(stderr, "%s: ", prompt);
	fflush(stderr);
	buf->len = 0;
	r = 0;
	while (!caught) {
		ssize_t n = ppoll(&in, 1, NULL, &before);

		if (n > 0)
			n = read(STDIN_FILENO, buf->data + buf->len, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0 || buf->data[buf->len] == '\n')
			break;
		if (++buf->len == SECRETBUF_MAX) {
			r = -E2BIG;
			break;
		}
	}
	buf->data[buf->len] = '\0';
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &tio);
	for (i = 0; i < ARRAY_SIZE(quit_signals); i++)
		sigaction(quit_signals[i], &old[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (caught) {
		fputc('\n', stderr);
		raise(caught);
		return -EINTR;
	}
	return r;
}

static int ask_terminal(const char *prompt, bool twice, struct secretbuf *buf)
{
	struct secretbuf again = { NULL, 0 };
	int r = read_hidden(prompt, buf);

	if (r < 0)
		return msg_fail(EXIT_FAILED, "terminal: no passphrase could be read: %s",
				strerror(-r));
	if (!twice || buf->len == 0)
		return EXIT_DONE;
	if (secretbuf_init(&again) < 0)
		return msg_fail(EXIT_FAILED, "out of locked memory: raise ulimit -l");
	r = read_hidden("Once more", &again);
	if (r < 0)
		r = msg_fail(EXIT_FAILED, "terminal: no passphrase could be read: %s",
			     strerror(-r));
	else if (again.len != buf->len || !secret_equal(again.data, buf->data, buf->len))
		r = msg_fail(EXIT_FAILED, "the two passphrases differ: try again");
	secretbuf_free(&again);
	return r;
}

/* ---- standard input, files, programs ---- */

/* Explain what secretbuf_read_*() has returned; 0 stays EXIT_DONE. */
static int line_result(int r, const char *from, const struct secretbuf *buf)
{
	if (r == -E2BIG)
		return msg_fail(EXIT_FAILED, "%s: the passphrase is longer than %d bytes", from,
				SECRETBUF_MAX);
	if (r == -ENODATA || (r == 0 && buf->len == 0))
		return msg_fail(EXIT_EMPTY_PASSPHRASE, "%s: the passphrase is empty", from);
	if (r == 0 && strlen((const char *)buf->data) != buf->len)
		return msg_fail(EXIT_FAILED,
				"%s: the passphrase has a zero byte: is this a raw key "
				"(--key)?",
				from);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be read: %s", from, strerror(-r));
	return EXIT_DONE;
}

int passphrase_ask(const char *prompt, bool twice, bool *ret_none, struct secretbuf *ret_buf)
{
	struct secretbuf buf;
	struct stat st;
	int r;

	if (ret_none)
		*ret_none = false;
	/* /dev/null and other devices are nobody's way to hand over a passphrase. */
	if (!isatty(STDIN_FILENO) &&
	    (fstat(STDIN_FILENO, &st) < 0 || S_ISCHR(st.st_mode) || S_ISDIR(st.st_mode))) {
		if (!ret_none)
			return msg_fail(EXIT_EMPTY_PASSPHRASE,
					"no terminal to ask for a passphrase: use --passfile or "
					"--extpass");
		*ret_none = true;
		return EXIT_DONE;
	}
	if (secretbuf_init(&buf) < 0)
		return msg_fail(EXIT_FAILED, "out of locked memory: raise ulimit -l");
	if (isatty(STDIN_FILENO)) {
		r = ask_terminal(prompt, twice, &buf);
		if (r == EXIT_DONE)
			r = line_result(0, "terminal", &buf);
	} else {
		r = secretbuf_read_line(&buf, STDIN_FILENO);
		if (r == -ENODATA && ret_none) {
			*ret_none = true;
			r = EXIT_DONE;
		} else {
			r = line_result(r, "standard input", &buf);
		}
	}
	if (r != EXIT_DONE || (ret_none && *ret_none)) {
		secretbuf_free(&buf);
		return r;
	}
	*ret_buf = buf;
	return EXIT_DONE;
}

static void warn_if_readable(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0077))
		msg_err("%s: warning: others may read it (mode %04o): chmod 600 it", path,
			st.st_mode & 07777);
}

static int read_passfile(const char *path, struct secretbuf *buf)
{
	int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
	warn_if_readable(path, fd);
	r = line_result(secretbuf_read_line(buf, fd), path, buf);
	close(fd);
	return r;
}

/* One word goes to the shell, several are a program and its words, exactly. */
static void exec_program(char *const *words, unsigned count)
{
	if (count == 1)
		execl("/bin/sh", "sh", "-c", words[0], (char *)NULL);
	else
		execvp(words[0], words);
	_exit(127);
}

static int read_extpass(char *const *words, unsigned count, struct secretbuf *buf)
{
	int pipefd[2], status, r;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return msg_fail(EXIT_FAILED, "%s: no pipe: %s", words[0], strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		dup2(pipefd[1], STDOUT_FILENO);
		exec_program(words, count);
	}
	close(pipefd[1]);
	if (pid < 0) {
		close(pipefd[0]);
		return msg_fail(EXIT_FAILED, "%s: cannot be started: %s", words[0],
				strerror(errno));
	}
	r = secretbuf_read_line(buf, pipefd[0]);
	close(pipefd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* A program that went on printing gets SIGPIPE: its first line is what was wanted. */
	if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE && r == 0))
		return msg_fail(EXIT_FAILED, "%s: the program failed (%s %d): no passphrase",
				words[0], WIFEXITED(status) ? "exit code" : "signal",
				WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return line_result(r, words[0], buf);
}

/* @what is "raw" or "wrapped": a key of up to @max bytes. */
static int read_key(const char *path, const char *what, unsigned max, struct secretbuf *buf)
{
	bool from_stdin = !strcmp(path, "-");
	int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	int r;

	if (from_stdin)
		path = "standard input";
	if (fd < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
	if (from_stdin && isatty(fd))
		return msg_fail(EXIT_FAILED,
				"standard input: is a terminal: a %s key comes from a "
				"file or a program (< FILE)",
				what);
	if (!from_stdin)
		warn_if_readable(path, fd);
	r = secretbuf_read_all(buf, fd, max);
	if (!from_stdin)
		close(fd);
	if (r == -E2BIG)
		return msg_fail(EXIT_FAILED,
				"%s: has more than %u bytes: a %s key has %d to %u bytes", path,
				max, what, FSCRYPT_MIN_KEY_SIZE, max);
	if (r < 0)
		return msg_fail(EXIT_FAILED, "%s: cannot be read: %s", path, strerror(-r));
	if (buf->len < FSCRYPT_MIN_KEY_SIZE)
		return msg_fail(EXIT_FAILED, "%s: has %zu bytes: a %s key has %d to %u bytes", path,
				buf->len, what, FSCRYPT_MIN_KEY_SIZE, max);
	return EXIT_DONE;
}

int key_source_read(const struct key_sources *sources, unsigned index, unsigned *ret_next,
		    struct secretbuf *ret_buf)
{
	char *words[KEY_SOURCES_MAX + 1];
	enum key_source_kind kind = sources->list[index].kind;
	const char *arg = sources->list[index].arg;
	unsigned next = index + 1;
	struct secretbuf buf;
	int r = EXIT_FAILED;

	if (secretbuf_init(&buf) < 0)
		return msg_fail(EXIT_FAILED, "out of locked memory: raise ulimit -l");
	switch (kind) {
	case KEY_SOURCE_RAW:
		r = read_key(arg, "raw", FSCRYPT_MAX_RAW_KEY_SIZE, &buf);
		break;
	case KEY_SOURCE_PASSFILE:
		r = read_passfile(arg, &buf);
		break;
	case KEY_SOURCE_EXTPASS:
		words[0] = (char *)arg;
		for (; next < sources->count && sources->list[next].kind == KEY_SOURCE_EXTPASS;
		     next++)
			words[next - index] = (char *)sources->list[next].arg;
		words[next - index] = NULL;
		r = read_extpass(words, next - index, &buf);
		break;
	}
	if (r != EXIT_DONE) {
		secretbuf_free(&buf);
		return r;
	}
	*ret_next = next;
	*ret_buf = buf;
	return EXIT_DONE;
}

int raw_key_read(const char *path, struct secretbuf *ret_buf)
{
	struct key_sources one = { .count = 1 };
	unsigned next;

	one.list[0].kind = KEY_SOURCE_RAW;
	one.list[0].arg = path;
	return key_source_read(&one, 0, &next, ret_buf);
}

int wrapped_key_read(const char *path, struct secretbuf *ret_buf)
{
	int r;

	if (secretbuf_init(ret_buf) < 0)
		return msg_fail(EXIT_FAILED, "out of locked memory: raise ulimit -l");
	r = read_key(path, "wrapped", FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE, ret_buf);
	if (r != EXIT_DONE)
		secretbuf_free(ret_buf);
	return r;
}
