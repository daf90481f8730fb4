/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * log - one line an event on standard error: "<N>what happened key=value ...".
 *
 * <N> is the syslog priority that the journal reads; on a terminal the time stands there
 * instead, with the level in words. One write(2) a line, at most 2047 bytes, control characters
 * become spaces; errno is preserved. Never give it keys, tokens, passwords or packet content;
 * strings from a peer go through log_clean().
 */
#ifndef FARLAN_LOG_H
#define FARLAN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/** log_init() - @level: the least important level that is printed; default LOG_INFO. */
void log_init(enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A repeated event: at most @burst lines in 10 s; a line that counts what was left out comes
 * before the next one that is printed.
 */
struct log_limit {
	uint64_t window_start_ms;
	uint32_t in_window, suppressed;
};

/** log_allowed() - may a line for @limit (starts as {0}) be printed now? Counts either way. */
bool log_allowed(struct log_limit *limit, uint32_t burst);

/** log_clean() - copy @text with control and non-ASCII bytes as '?', cut to fit. Return: @out. */
const char *log_clean(char *out, size_t out_size, const char *text, size_t len);

#endif
