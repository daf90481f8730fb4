/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/pure/addr.h"

#define SCHEME "https://"
#define HOST_NAME_MAX_CHARS 253 /* RFC 1035 section 2.3.4, as text */
#define LABEL_MAX_CHARS 63
#define HTTPS_PORT 443

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One label of RFC 1123 section 2.1. */
static bool label_ok(const char *s, size_t n)
{
	if (n < 1 || n > LABEL_MAX_CHARS || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	}
	return true;
}

static bool all_digits(const char *s)
{
	return s[strspn(s, "0123456789")] == '\0';
}

/* A last label of digits alone would be an address in an odd spelling (10.1, 256.1.1.1). */
static bool name_ok(const char *host)
{
	const char *at = host;

	if (strlen(host) > HOST_NAME_MAX_CHARS)
		return false;
	for (;;) {
		size_t n = strcspn(at, ".");

		if (!label_ok(at, n))
			return false;
		if (at[n] == '\0')
			return !all_digits(at);
		at += n + 1;
	}
}

/* An address takes its one canonical spelling. */
static int set_address(struct url *u, uint8_t family)
{
	struct addr a;

	if (addr_parse(&a, u->host) != 0 || a.family != family)
		return -EINVAL;
	memset(u->host, 0, sizeof(u->host));
	addr_format(&a, u->host);
	u->is_address = true;
	return 0;
}

static int set_host(struct url *u, const char *s, size_t n, bool bracketed)
{
	if (n >= sizeof(u->host))
		return -EINVAL;
	memcpy(u->host, s, n);
	u->host[n] = '\0';
	if (bracketed)
		return set_address(u, 6);
	if (set_address(u, 4) == 0)
		return 0;
	if (!name_ok(u->host))
		return -EINVAL;
	for (char *c = u->host; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return 0;
}

/* Moves *at behind the host. */
static int parse_host(struct url *u, const char **at)
{
	bool bracketed = **at == '[';
	const char *s = *at + (bracketed ? 1 : 0);
	size_t n = strcspn(s, bracketed ? "]" : ":/");

	if (bracketed && s[n] != ']')
		return -EINVAL;
	*at = s + n + (bracketed ? 1 : 0);
	return set_host(u, s, n, bracketed);
}

/* ":PORT" without leading zeros, or nothing. Moves *at behind it. */
static int parse_port(struct url *u, const char **at)
{
	const char *s = *at + 1;
	size_t n;
	uint32_t port = 0;

	if (**at != ':')
		return 0;
	n = strspn(s, "0123456789");
	if (n < 1 || n > 5 || s[0] == '0')
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (uint32_t)(s[i] - '0');
	if (port > UINT16_MAX)
		return -EINVAL;
	u->port = (uint16_t)port;
	*at = s + n;
	return 0;
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* pchar of RFC 3986 section 3.3, and neither empty nor a dot segment. */
static bool segment_ok(const char *s, size_t n)
{
	if (n < 1 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '%' && n - i > 2 && is_hex(s[i + 1]) && is_hex(s[i + 2]))
			i += 2;
		else if (!is_alnum(s[i]) && (s[i] == '%' || !strchr("-._~!$&'()*+,;=:@", s[i])))
			return false;
	}
	return true;
}

/* "/x/y", with or without a closing slash, or nothing; to the end of the text. */
static int parse_path(struct url *u, const char *s)
{
	size_t n = strlen(s);

	if (n > 0 && s[n - 1] == '/')
		n--;
	if (n >= sizeof(u->path) || (n > 0 && s[0] != '/'))
		return -EINVAL;
	for (size_t i = 0; i < n;) {
		size_t segment = strcspn(s + i + 1, "/");

		if (!segment_ok(s + i + 1, segment))
			return -EINVAL;
		i += segment + 1;
	}
	memcpy(u->path, s, n);
	u->path[n] = '\0';
	return 0;
}

int url_parse(struct url *u, const char *text)
{
	struct url found = {.port = 0};
	const char *at = text;

	if (strnlen(text, URL_TEXT_SIZE) >= URL_TEXT_SIZE)
		return -EINVAL;
	if (strncasecmp(at, SCHEME, strlen(SCHEME)) != 0)
		return -EINVAL;
	at += strlen(SCHEME);
	if (parse_host(&found, &at) != 0 || parse_port(&found, &at) != 0)
		return -EINVAL;
	if (parse_path(&found, at) != 0)
		return -EINVAL;
	*u = found;
	return 0;
}

/* Only IPv6 addresses hold a colon. */
static bool needs_brackets(const struct url *u)
{
	return strchr(u->host, ':') != NULL;
}

void url_format(const struct url *u, char out[URL_TEXT_SIZE])
{
	bool v6 = needs_brackets(u);
	char port[8] = "";

	if (u->port != 0)
		snprintf(port, sizeof(port), ":%u", (unsigned int)u->port);
	snprintf(out, URL_TEXT_SIZE, SCHEME "%s%s%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "",
		 port, u->path);
}

int url_host_header(const struct url *u, uint16_t port, char *out, size_t out_size)
{
	bool v6 = needs_brackets(u);
	char text[URL_HOST_SIZE + 10], suffix[8] = "";
	int n;

	if (port != HTTPS_PORT)
		snprintf(suffix, sizeof(suffix), ":%u", (unsigned int)port);
	n = snprintf(text, sizeof(text), "%s%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "", suffix);
	if (n < 0 || (size_t)n >= out_size)
		return -ENOSPC;
	memcpy(out, text, (size_t)n + 1);
	return 0;
}
