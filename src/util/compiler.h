/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compiler.h - attributes and small macros that every layer may use */
#ifndef UTIL_COMPILER_H
#define UTIL_COMPILER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define likely(x)			__builtin_expect(!!(x), 1)
#define unlikely(x)			__builtin_expect(!!(x), 0)
#define PRINTF_LIKE(fmt, args)		__attribute__((format(printf, fmt, args)))
#define MUST_CHECK			__attribute__((warn_unused_result))
#define MIN(a, b)			((a) < (b) ? (a) : (b))
#define MAX(a, b)			((a) > (b) ? (a) : (b))

#endif
