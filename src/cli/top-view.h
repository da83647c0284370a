/* SPDX-License-Identifier: GPL-3.0-or-later */
/* top-view.h - two statuses of a mount as the lines that `fuscrypt top` shows */
#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H

#include "cli/mount-status.h"

#define TOP_WIDTH 256 /* columns of a line, at most */

struct top_line {
	bool heading;
	char text[TOP_WIDTH + 1]; /* nothing in it acts on a terminal */
};

struct top_view {
	struct top_line *lines;
	unsigned count, room;
};

/*
 * Rates are per second between @before and @now; since the mount began, when @before is NULL. Lines
 * fit @columns where what they show does. 0 or -ENOMEM; @view is used again from call to call.
 */
int top_view_build(struct top_view *view, const char *path, const struct mount_status *now,
		   const struct mount_status *before, unsigned columns);
void top_view_free(struct top_view *view);

#endif
