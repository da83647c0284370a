/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.h - one-line messages to standard error, or to syslog once daemonised */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "util/compiler.h"

enum log_level { LOG_LVL_ERR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG };

/* Set once at start: name in front of each line; up to which level; syslog instead of stderr. */
void log_init(const char *program, enum log_level max, bool to_syslog);

/* True when messages of @level are shown; for callers that must do work to make one. */
bool log_enabled(enum log_level level);

/*
 * Log one line. Never pass secrets, and no plaintext names above debug level: logs must be safe to
 * share. Context: any thread.
 */
void log_msg(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_err(...)   log_msg(LOG_LVL_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_LVL_DEBUG, __VA_ARGS__)

#endif
