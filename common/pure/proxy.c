/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "http://"
#define DEFAULT_PORT 80 /* of the scheme */
#define ITEM_MAX_CHARS (URL_HOST_SIZE + 8)

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* No control characters: they would end a line of the request. */
static bool percent_decode(char out[PROXY_LOGIN_SIZE], const char *s, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int high = n - i > 2 ? hex_digit(s[i + 1]) : -1;
			int low = n - i > 2 ? hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high * 16 + low;
			i += 2;
		}
		if (c < ' ' || c == 0x7f || used + 1 >= PROXY_LOGIN_SIZE)
			return false;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return true;
}

/* "USER:PASSWORD" */
static const char *take_login(struct proxy *p, const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);
	size_t user = colon ? (size_t)(colon - s) : n;

	if (user == 0)
		return "a password without a user name";
	if (!percent_decode(p->user, s, user) ||
	    (colon && !percent_decode(p->password, colon + 1, n - user - 1)))
		return "user name or password is longer than 127 characters, has a % that is no "
		       "%XX, "
		       "or holds control characters";
	if (strchr(p->user, ':'))
		return "a user name with a colon in it cannot be sent to a proxy";
	return NULL;
}

static const char *take_place(struct proxy *p, const char *s)
{
	char text[URL_TEXT_SIZE];
	struct url u;

	if ((size_t)snprintf(text, sizeof(text), "https://%s", s) >= sizeof(text) ||
	    url_parse(&u, text) != 0 || u.path[0])
		return "not http://[USER:PASSWORD@]HOST[:PORT]; other characters in user name and "
		       "password than letters and digits stand as %XX";
	memcpy(p->host, u.host, sizeof(p->host));
	p->port = u.port ? u.port : DEFAULT_PORT;
	return NULL;
}

static const char *take(struct proxy *p, const char *text)
{
	const char *at, *wrong = NULL;

	if (strncasecmp(text, SCHEME, strlen(SCHEME)) == 0)
		text += strlen(SCHEME);
	else if (strncasecmp(text, "https://", 8) == 0)
		return "TLS to the proxy itself (https://) is not supported: use its http:// port; "
		       "what goes through is encrypted anyway";
	else if (strstr(text, "://"))
		return "only HTTP proxies (http://) are supported";
	at = strrchr(text, '@');
	if (at) {
		wrong = take_login(p, text, (size_t)(at - text));
		text = at + 1;
	}
	return wrong ? wrong : take_place(p, text);
}

const char *proxy_parse(struct proxy *p, const char *text)
{
	struct proxy found = {.port = 0};
	const char *wrong = take(&found, text);

	if (!wrong)
		*p = found;
	proxy_wipe(&found);
	return wrong;
}

void proxy_wipe(struct proxy *p)
{
	explicit_bzero(p, sizeof(*p));
}

void proxy_host_port(const char *host, uint16_t port, char out[PROXY_HOST_PORT_SIZE])
{
	bool v6 = strchr(host, ':') != NULL;

	snprintf(out, PROXY_HOST_PORT_SIZE, "%s%.255s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
		 (unsigned int)port);
}

/* As it has to stand in the file, so that it can be read again. */
static void percent_encode(char *out, size_t size, const char *s)
{
	static const char plain[] = "-._~";
	size_t used = 0;

	for (; *s && used + 4 < size; s++) {
		bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9');

		if (alnum || strchr(plain, *s))
			out[used++] = *s;
		else
			used += (size_t)snprintf(out + used, size - used, "%%%02X",
						 (unsigned int)(unsigned char)*s);
	}
	out[used] = '\0';
}

void proxy_format(const struct proxy *p, char out[PROXY_TEXT_SIZE])
{
	char user[3 * PROXY_LOGIN_SIZE + 2], place[PROXY_HOST_PORT_SIZE];

	percent_encode(user, sizeof(user), p->user);
	proxy_host_port(p->host, p->port, place);
	snprintf(out, PROXY_TEXT_SIZE, SCHEME "%s%s%s%s", user, p->password[0] ? ":****" : "",
		 user[0] ? "@" : "", place);
}

/* Exceptions */

/* ":PORT" at the end, which is cut off. Return: false: not a port. */
static bool take_port(char *item, uint16_t *port)
{
	char *colon = strrchr(item, ':');
	unsigned int n = 0;

	*port = 0;
	/* Two colons without brackets: an IPv6 address. */
	if (!colon || (item[0] != '[' && strchr(item, ':') != colon) ||
	    (item[0] == '[' && colon[-1] != ']'))
		return true;
	if (strlen(colon + 1) < 1 || strlen(colon + 1) > 5)
		return false;
	for (const char *c = colon + 1; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		n = n * 10 + (unsigned int)(*c - '0');
	}
	if (n < 1 || n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	*colon = '\0';
	return true;
}

static bool take_prefix(struct proxy_exception *x, char *item)
{
	size_t n = strlen(item);
	char *slash;
	int r;

	if (item[0] == '[' && item[n - 1] == ']') {
		item[n - 1] = '\0';
		item++;
	}
	r = prefix_parse(&x->prefix, item);
	if (r == -EDOM) { /* 192.168.1.1/24 is understood elsewhere, too */
		struct addr a;

		slash = strchr(item, '/');
		*slash = '\0';
		r = addr_parse(&a, item);
		if (r == 0)
			x->prefix = prefix_of(&a, (uint8_t)atoi(slash + 1));
	}
	return r == 0;
}

static bool take_name(struct proxy_exception *x, const char *item)
{
	size_t n;

	x->is_name = true;
	if (strcmp(item, "*") == 0)
		return true;
	if (item[0] == '*')
		item++;
	if (item[0] == '.')
		item++;
	n = strlen(item);
	if (n > 0 && item[n - 1] == '.')
		n--;
	if (n == 0 || n >= sizeof(x->name))
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = item[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		      c == '_'))
			return false;
		x->name[i] = c;
	}
	x->name[n] = '\0';
	return true;
}

static bool take_item(struct proxy_except *e, const char *s, size_t n)
{
	struct proxy_exception x = {.port = 0};
	char item[ITEM_MAX_CHARS + 1], copy[ITEM_MAX_CHARS + 1];

	if (n > ITEM_MAX_CHARS || e->n == PROXY_EXCEPT_MAX)
		return false;
	memcpy(item, s, n);
	item[n] = '\0';
	if (!take_port(item, &x.port))
		return false;
	memcpy(copy, item, sizeof(copy));
	if (!take_prefix(&x, copy) && !take_name(&x, item))
		return false;
	e->at[e->n++] = x;
	return true;
}

const char *proxy_except_parse(struct proxy_except *e, const char *text)
{
	static _Thread_local char wrong[100];
	static const char between[] = ", \t";

	wrong[0] = '\0';
	e->n = 0;
	for (text += strspn(text, between); *text; text += strspn(text, between)) {
		size_t n = strcspn(text, between);

		if (!take_item(e, text, n) && !wrong[0])
			snprintf(wrong, sizeof(wrong), "\"%.*s\" is %s", (int)(n < 40 ? n : 40),
				 text,
				 e->n == PROXY_EXCEPT_MAX ? "one too many (at most 64)"
							  : "no name, address or prefix");
		text += n;
	}
	return wrong[0] ? wrong : NULL;
}

static void format_one(const struct proxy_exception *x, char out[ITEM_MAX_CHARS + 1])
{
	char text[URL_HOST_SIZE];
	bool v6 = !x->is_name && x->prefix.addr.family == 6;
	int n;

	if (x->is_name)
		snprintf(text, sizeof(text), "%s", x->name[0] ? x->name : "*");
	else
		prefix_format(&x->prefix, text);
	n = snprintf(out, ITEM_MAX_CHARS + 1, "%s%s%s", v6 && x->port ? "[" : "", text,
		     v6 && x->port ? "]" : "");
	if (x->port && n > 0 && n <= (int)ITEM_MAX_CHARS)
		snprintf(out + n, ITEM_MAX_CHARS + 1 - (size_t)n, ":%u", (unsigned int)x->port);
}

void proxy_except_format(const struct proxy_except *e, char *out, size_t out_size)
{
	char one[ITEM_MAX_CHARS + 1];
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < e->n && used < out_size; i++) {
		format_one(&e->at[i], one);
		used += (size_t)snprintf(out + used, out_size - used, "%s%s", i ? ", " : "", one);
	}
}

/* The name itself, or one below it. */
static bool is_below(const char *host, const char *name)
{
	size_t n = strlen(host), end = strlen(name);

	if (n < end || strcmp(host + n - end, name) != 0)
		return false;
	return n == end || host[n - end - 1] == '.';
}

bool proxy_excepts(const struct proxy_except *e, const char *host, uint16_t port)
{
	struct addr a;
	bool is_address = addr_parse(&a, host) == 0;

	for (size_t i = 0; i < e->n; i++) {
		const struct proxy_exception *x = &e->at[i];

		if (x->port && x->port != port)
			continue;
		if (x->is_name ? !x->name[0] || (!is_address && is_below(host, x->name))
			       : is_address && prefix_contains(&x->prefix, &a))
			return true;
	}
	return false;
}
