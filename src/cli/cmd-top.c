/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd-top.c - fuscrypt top: what a mount is doing, as it goes, on a terminal or line by line */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "cli/exitcode.h"
#include "cli/msg.h"
#include "cli/terminal.h"
#include "cli/top-view.h"
#include "cli/verbs.h"
#include "util/histogram.h"

#define MIN_DELAY 0.05
#define MAX_DELAY 86400.0

struct top {
	const char *path;
	bool batch;
	double delay;		  /* seconds */
	unsigned long iterations; /* 0: no end */
	struct mount_status now, before;
	bool have_before;
	struct top_view view;
	unsigned first; /* line that is shown at the top */
};

static const struct option top_options[] = {
	{ "batch", no_argument, NULL, 'b' },
	{ "delay", required_argument, NULL, 'd' },
	{ "iterations", required_argument, NULL, 'n' },
	{ NULL },
};

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	ended = 1;
}

static int parse(struct top *t, const struct verb *verb, int argc, char **argv)
{
	bool first = true;
	char *end;
	int c;

	memset(t, 0, sizeof(*t));
	t->delay = 1;
	while ((c = verb_getopt(verb, argc, argv, ":bd:n:", top_options, first)) != -1) {
		first = false;
		switch (c) {
		case 'b':
			t->batch = true;
			break;
		case 'd':
			t->delay = strtod(optarg, &end);
			if (end == optarg || *end || !(t->delay >= MIN_DELAY) ||
			    t->delay > MAX_DELAY)
				return verb_usage(verb,
						  "%s: no number of seconds from %.2f to %.0f",
						  optarg, MIN_DELAY, MAX_DELAY);
			break;
		case 'n':
			t->iterations = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end || !t->iterations)
				return verb_usage(verb, "%s: no number of times", optarg);
			break;
		default:
			return EXIT_USAGE;
		}
	}
	return verb_want_args(verb, argc, 1);
}

/* The next status and its lines. 0 or -errno. */
static int look(struct top *t, unsigned columns)
{
	struct mount_status next;
	int err = mount_status_get(t->path, &next);

	if (err)
		return err;
	if (t->have_before)
		mount_status_free(&t->before);
	if (t->now.taken_ns) {
		t->before = t->now;
		t->have_before = true;
	}
	t->now = next;
	return top_view_build(&t->view, t->path, &t->now, t->have_before ? &t->before : NULL,
			      columns);
}

/* ---- line by line ---- */

static void pause_for(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds,
			       .tv_nsec = (long)((seconds - floor(seconds)) * 1e9) };

	nanosleep(&ts, NULL); /* a signal ends it, and all */
}

static int run_batch(struct top *t)
{
	const char *columns = getenv("COLUMNS");
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
	int err;

	if (width < 20 || width > TOP_WIDTH)
		width = 80;
	for (unsigned long n = 0; !ended && (!t->iterations || n < t->iterations); n++) {
		if (n) {
			pause_for(t->delay);
			if (ended)
				break;
			putchar('\n');
		}
		err = look(t, (unsigned)width);
		if (err)
			return mount_status_failed(t->path, err);
		for (unsigned i = 0; i < t->view.count; i++) {
			char *text = t->view.lines[i].text;
			size_t len = strlen(text);

			while (len && text[len - 1] == ' ')
				len--;
			printf("%.*s\n", (int)len, text);
		}
		/* Who reads a pipe wants it now; who has gone away wants no more. */
		if (fflush(stdout) != 0)
			break;
	}
	return output_finish();
}

/* ---- on a terminal ---- */

static void draw(struct top *t)
{
	unsigned rows = (unsigned)LINES;

	if (t->first + rows > t->view.count)
		t->first = t->view.count > rows ? t->view.count - rows : 0;
	erase();
	for (unsigned i = 0; i < rows && t->first + i < t->view.count; i++) {
		const struct top_line *line = &t->view.lines[t->first + i];

		if (line->heading)
			attron(A_REVERSE);
		mvaddnstr((int)i, 0, line->text, COLS);
		if (line->heading)
			attroff(A_REVERSE);
	}
	refresh();
}

/* What a key does. False: the end. @ret_now: look at once. */
static bool on_key(struct top *t, int key, bool *ret_now)
{
	unsigned page = LINES > 2 ? (unsigned)LINES - 2 : 1;

	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case ' ':
	case KEY_RESIZE: /* lines are made for a width */
		*ret_now = true;
		break;
	case KEY_DOWN:
	case 'j':
		t->first++;
		break;
	case KEY_UP:
	case 'k':
		t->first -= t->first > 0;
		break;
	case KEY_NPAGE:
		t->first += page;
		break;
	case KEY_PPAGE:
		t->first -= MIN(t->first, page);
		break;
	case KEY_HOME:
		t->first = 0;
		break;
	default:
		break;
	}
	return true;
}

/* Keys until it is time to look again. False: the end. */
static bool wait_for_keys(struct top *t)
{
	uint64_t until = clock_ns() + (uint64_t)(t->delay * 1e9), now;
	bool at_once = false;

	while (!ended && !at_once && (now = clock_ns()) < until) {
		int key;

		timeout((int)MIN((until - now) / 1000000 + 1, 200u));
		key = getch();
		if (key == ERR)
			continue;
		if (!on_key(t, key, &at_once))
			return false;
		draw(t);
	}
	return !ended;
}

static int run_screen(struct top *t)
{
	SCREEN *screen;
	int err;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return msg_fail(EXIT_FAILED, "standard output: is no terminal: use -b");
	/* Before the screen, so that what is wrong from the start can be read. */
	err = look(t, 80);
	if (err)
		return mount_status_failed(t->path, err);
	setlocale(LC_CTYPE, "");
	/* newterm() leaves memory behind where it does not know the terminal. */
	screen = terminal_is_known(STDOUT_FILENO) ? newterm(NULL, stdout, stdin) : NULL;
	if (!screen)
		return msg_fail(EXIT_FAILED, "terminal type %s: is not known: use -b",
				getenv("TERM") ? getenv("TERM") : "(none)");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	for (unsigned long n = 1;; n++) {
		draw(t);
		if (t->iterations && n >= t->iterations)
			break;
		if (!wait_for_keys(t))
			break;
		err = look(t, (unsigned)MAX(COLS, 20));
		if (err)
			break;
	}
	endwin();
	delscreen(screen);
	return err ? mount_status_failed(t->path, err) : EXIT_DONE;
}

int cmd_top(const struct verb *verb, int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_end };
	struct top t;
	int r = parse(&t, verb, argc, argv);

	if (r)
		return r;
	t.path = argv[optind];
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	r = t.batch ? run_batch(&t) : run_screen(&t);
	if (t.have_before)
		mount_status_free(&t.before);
	mount_status_free(&t.now);
	top_view_free(&t.view);
	return r;
}
