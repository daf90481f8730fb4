/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io/file.h"

#define LINE_SIZE 2048 /* a longer line is cut, and ends in "..." */
#define LIMIT_WINDOW_MS 10000

static enum log_level threshold = LOG_INFO;

void log_init(enum log_level level)
{
	threshold = level;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARN:
		return "warn";
	case LOG_NOTICE:
		return "notice";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "?";
}

/* The journal stamps its lines itself; a person at a terminal wants the time. Return: characters.
 */
static size_t put_prefix(char *line, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm = {0};
	int n;

	if (!isatty(STDERR_FILENO)) {
		n = snprintf(line, size, "<%d>", (int)level);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		localtime_r(&now.tv_sec, &tm);
		n = snprintf(line, size, "%02d:%02d:%02d.%03ld %s ", tm.tm_hour, tm.tm_min,
			     tm.tm_sec, now.tv_nsec / 1000000, level_name(level));
	}
	return n > 0 ? (size_t)n : 0;
}

/* A line feed inside a message would begin a line that nobody wrote. */
static void flatten(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

static void put_line(enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void put_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_SIZE];
	int saved_errno = errno, n;
	size_t len;

	if (level > threshold)
		return;
	len = put_prefix(line, sizeof(line), level);
	errno = saved_errno; /* for %m */
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	if (n < 0)
		line[len] = '\0';
	else if ((size_t)n >= sizeof(line) - len - 1)
		memcpy(line + sizeof(line) - 5, "...", 4);
	flatten(line);
	len = strlen(line);
	line[len++] = '\n';
	/* Nobody is left to be told when this fails. */
	n = (int)write(STDERR_FILENO, line, len);
	(void)n;
	errno = saved_errno;
}

#define LOG_FUNCTION(name, level)         \
	void name(const char *fmt, ...)   \
	{                                 \
		va_list ap;               \
                                          \
		va_start(ap, fmt);        \
		put_line(level, fmt, ap); \
		va_end(ap);               \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_notice, LOG_NOTICE)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

bool log_allowed(struct log_limit *limit, uint32_t burst)
{
	uint64_t now = clock_mono_ms();

	if (now - limit->window_start_ms >= LIMIT_WINDOW_MS) {
		if (limit->suppressed > 0)
			log_notice("left out %u lines like the next one", limit->suppressed);
		*limit = (struct log_limit){.window_start_ms = now};
	}
	if (limit->in_window < burst) {
		limit->in_window++;
		return true;
	}
	limit->suppressed++;
	return false;
}

const char *log_clean(char *out, size_t out_size, const char *text, size_t len)
{
	size_t i;

	if (out_size == 0)
		return "";
	for (i = 0; i < len && i + 1 < out_size; i++) {
		unsigned char c = (unsigned char)text[i];

		out[i] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	out[i] = '\0';
	return out;
}
