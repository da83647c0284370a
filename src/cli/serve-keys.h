/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve-keys.h - keys on their way into a mount that is being made */
#ifndef CLI_SERVE_KEYS_H
#define CLI_SERVE_KEYS_H

#include <stddef.h>

#include "fs/super.h"

/*
 * Ask for keys over @status_fd, take raw keys and passphrases from @key_fd until the end of them,
 * and add what they give to @sb in the name of this process's user. Returns an exit code; @text (of
 * @cap bytes) then says what went wrong, or with EXIT_DONE holds a warning or nothing.
 */
int serve_take_keys(struct fs_super *sb, const char *store_path, int key_fd, int status_fd,
		    char *text, size_t cap);

#endif
