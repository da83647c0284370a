/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mountinfo.c - lines of /proc/PID/mountinfo, taken apart */
#include "util/mountinfo.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Octal escapes, in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /mnt options tags - type source superoptions" */
bool mountinfo_parse(char *line, struct mountinfo *ret_info)
{
	char *save = NULL, *dash = strstr(line, " - "), *word[6], *type, *source, *super;
	unsigned major, minor;
	int id;

	if (!dash)
		return false;
	*dash = '\0';
	for (size_t i = 0; i < 6; i++) {
		word[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!word[i])
			return false;
	}
	type = strtok_r(dash + 3, " ", &save);
	source = type ? strtok_r(NULL, " ", &save) : NULL;
	super = source ? strtok_r(NULL, " \n", &save) : NULL;
	if (!super || sscanf(word[0], "%d", &id) != 1 ||
	    sscanf(word[2], "%u:%u", &major, &minor) != 2)
		return false;
	unescape(word[3]);
	unescape(word[4]);
	unescape(type);
	unescape(source);
	*ret_info = (struct mountinfo){
		.id = id,
		.dev = makedev(major, minor),
		.root = word[3],
		.mountpoint = word[4],
		.options = word[5],
		.fstype = type,
		.source = source,
		.super_options = super,
	};
	return true;
}

bool mountinfo_has(const char *options, const char *word)
{
	size_t len = strlen(word), n;

	for (; *options; options += n + (options[n] == ',')) {
		n = strcspn(options, ",");
		if (n == len && !strncmp(options, word, len))
			return true;
	}
	return false;
}
