/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/forwarded.h"

#include <string.h>

#define ITEM_SIZE 64 /* "[IPv6]:port" */

/* Decimal, 1 to 65535. */
static bool parse_port(const char *text, uint16_t *port)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; text[i]; i++) {
		if (text[i] < '0' || text[i] > '9' || i == 5)
			return false;
		n = n * 10 + (unsigned int)(text[i] - '0');
	}
	*port = (uint16_t)n;
	return n > 0 && n <= UINT16_MAX;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711" */
static bool parse_item(struct http_str s, struct addr *a, uint16_t *port)
{
	char text[ITEM_SIZE], *addr = text, *end = NULL, *colon;

	*port = 0;
	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	colon = strchr(text, ':');
	if (text[0] == '[') {
		addr++;
		end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] ? end + 1 : NULL;
		*end = '\0';
	} else if (colon && strchr(colon + 1, ':')) {
		colon = NULL; /* IPv6 without brackets has no port */
	}
	if (colon) {
		*colon = '\0';
		if (!parse_port(colon + 1, port))
			return false;
	}
	return addr_parse(a, addr) == 0 && (!end || a->family == 6);
}

static void unmap(struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == 6 && memcmp(a->bytes, mapped, sizeof(mapped)) == 0)
		*a = addr_from_bytes(4, a->bytes + sizeof(mapped));
}

static bool is_trusted(const struct addr *a, const struct prefix *trusted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (prefix_contains(&trusted[i], a))
			return true;
	}
	return false;
}

/* Cut the last item of a list off. */
static struct http_str last_item(struct http_str *list)
{
	struct http_str item;
	size_t at = list->len;

	while (at > 0 && list->at[at - 1] != ',')
		at--;
	item = (struct http_str){.at = list->at + at, .len = list->len - at};
	list->len = at > 0 ? at - 1 : 0;
	return http_str_trim(item);
}

bool forwarded_client(const struct http_head *head, const struct prefix *trusted, size_t n_trusted,
		      struct addr *client, uint16_t *port)
{
	bool found = false;

	for (size_t i = head->n_headers; i > 0; i--) {
		struct http_str list = head->headers[i - 1].value;

		if (!http_str_is_nocase(head->headers[i - 1].name, "X-Forwarded-For"))
			continue;
		while (list.len > 0) {
			struct addr a;
			uint16_t p;

			if (!parse_item(last_item(&list), &a, &p))
				return found;
			unmap(&a);
			*client = a;
			*port = p;
			found = true;
			if (!is_trusted(&a, trusted, n_trusted))
				return true;
		}
	}
	return found;
}
