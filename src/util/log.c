/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c - a message becomes one line, and the line one write */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static struct {
	char program[32];
	bool to_syslog;
	_Atomic int max;
} conf = { .program = "fuscrypt", .max = LOG_LVL_WARN };

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[LOG_LVL_ERR] = { "error: ", LOG_ERR },
	[LOG_LVL_WARN] = { "warning: ", LOG_WARNING },
	[LOG_LVL_INFO] = { "", LOG_INFO },
	[LOG_LVL_DEBUG] = { "debug: ", LOG_DEBUG },
};

void log_init(const char *program, enum log_level max, bool to_syslog)
{
	snprintf(conf.program, sizeof(conf.program), "%s", program);
	atomic_store_explicit(&conf.max, (int)max, memory_order_relaxed);
	if (conf.to_syslog && !to_syslog)
		closelog();
	/* syslog keeps the pointer, hence the copy in conf. */
	if (to_syslog)
		openlog(conf.program, LOG_PID, LOG_DAEMON);
	conf.to_syslog = to_syslog;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&conf.max, memory_order_relaxed);
}

/*
 * A message may quote what a user or a damaged store chose: no line breaks, no terminal codes.
 * Those of eight bits are codes too: U+0080 to U+009F, and as bytes where the text is not UTF-8.
 */
static void make_printable(char *text, size_t len)
{
	unsigned char *s = (unsigned char *)text;
	unsigned left = 0; /* bytes that continue a character */

	for (; len; len--, s++) {
		if (left > 0 && (*s & 0xc0) == 0x80) {
			left--;
			continue;
		}
		left = *s >= 0xf0 ? 3 : *s >= 0xe0 ? 2 : *s >= 0xc2 ? 1 : 0;
		if (*s == 0xc2 && len > 1 && s[1] >= 0x80 && s[1] <= 0x9f) {
			s[0] = s[1] = '?';
			left = 0;
		} else if (*s < 0x20 || (*s >= 0x7f && *s <= 0x9f)) {
			*s = '?';
		}
	}
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	static const char cut[] = "...";
	char line[1024];
	size_t head, room, len;
	ssize_t n;
	va_list ap;
	int saved = errno, want;

	if (!log_enabled(level))
		return;
	head = (size_t)snprintf(line, sizeof(line), "%s: %s", conf.program, levels[level].word);
	room = sizeof(line) - head - 1; /* the line feed */
	/* fmt may hold %m. */
	errno = saved;
	va_start(ap, fmt);
	want = vsnprintf(line + head, room, fmt, ap);
	va_end(ap);
	if (want < 0)
		goto out;
	len = (size_t)want;
	if (len >= room) {
		len = room - 1;
		memcpy(line + head + len - strlen(cut), cut, strlen(cut));
	}
	make_printable(line + head, len);
	if (conf.to_syslog) {
		/* The program's name comes from openlog(). */
		syslog(levels[level].priority, "%s%s", levels[level].word, line + head);
	} else {
		line[head + len] = '\n';
		/* One call, so that lines of several threads do not mix. Nobody to tell of errors.
		 */
		do {
			n = write(STDERR_FILENO, line, head + len + 1);
		} while (n < 0 && errno == EINTR);
	}
out:
	errno = saved;
}
