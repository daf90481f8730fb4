/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/resolv_conf.h"

#include <string.h>

#define KEYWORD "nameserver"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line of @n bytes without its end. */
static bool parse_line(struct addr *a, const char *line, size_t n)
{
	size_t at = sizeof(KEYWORD) - 1, end;
	char text[ADDR_TEXT_SIZE];

	if (n <= at || memcmp(line, KEYWORD, at) != 0 || !is_blank(line[at]))
		return false;
	while (at < n && is_blank(line[at]))
		at++;
	for (end = at; end < n && !is_blank(line[end]);)
		end++;
	if (end == at || end - at >= sizeof(text))
		return false;
	memcpy(text, line + at, end - at);
	text[end - at] = '\0';
	return addr_parse(a, text) == 0;
}

size_t resolv_conf_servers(struct addr *out, size_t max, const char *text, size_t len)
{
	const char *end = text + len;
	size_t n = 0;

	while (text < end && n < max) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (!stop)
			stop = end;
		n += parse_line(&out[n], text, (size_t)(stop - text));
		text = stop + (stop < end);
	}
	return n;
}
