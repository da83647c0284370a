/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mountinfo.h - lines of /proc/PID/mountinfo, taken apart */
#ifndef UTIL_MOUNTINFO_H
#define UTIL_MOUNTINFO_H

#include <stdbool.h>
#include <sys/types.h>

/* All strings point into the line that was parsed. */
struct mountinfo {
	int id;
	dev_t dev;
	const char *root; /* what of the filesystem is mounted, "/" is all; unescaped, as are */
	const char *mountpoint; /* the mount point, type and source */
	const char *options;	/* of this mount: "rw,nosuid,relatime" */
	const char *fstype, *source;
	const char *super_options; /* of the filesystem, wherever it is mounted */
};

/* Take @line apart, which is cut up for that. False when it is not of that form. */
bool mountinfo_parse(char *line, struct mountinfo *ret_info);

/* Whether @word is one of the words of @options. */
bool mountinfo_has(const char *options, const char *word);

#endif
