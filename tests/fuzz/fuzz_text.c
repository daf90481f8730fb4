/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small texts: URL, identity, prefix, base64, hex, resolv.conf. What is accepted is formatted
 * and accepted again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "common/pure/addr.h"
#include "common/pure/ident.h"
#include "common/pure/text.h"
#include "common/pure/url.h"
#include "vpnd/pure/resolv_conf.h"

static void url(const char *text)
{
	char again[URL_TEXT_SIZE], host[URL_HOST_SIZE + 10];
	struct url u, copy;

	if (url_parse(&u, text) != 0)
		return;
	url_format(&u, again);
	if (url_parse(&copy, again) != 0 || memcmp(&u, &copy, sizeof(u)) != 0)
		abort();
	if (url_host_header(&u, 5935, host, sizeof(host)) != 0 || strpbrk(host, "\r\n /@"))
		abort();
}

static void ident(const char *text, size_t len)
{
	char again[IDENT_URI_SIZE];
	struct ident id;

	if (ident_parse(&id, text, len) != 0)
		return;
	ident_format(&id, again);
	if (strlen(again) != len || memcmp(again, text, len) != 0)
		abort();
}

static void prefix(const char *text)
{
	char again[PREFIX_TEXT_SIZE];
	struct prefix p, copy;

	if (prefix_parse(&p, text) != 0)
		return;
	prefix_format(&p, again);
	if (prefix_parse(&copy, again) != 0 || !prefix_equal(&p, &copy))
		abort();
	if (!prefix_contains(&p, &p.addr) || !prefix_overlaps(&p, &copy))
		abort();
	if (prefix_routable(&p) && !prefix_reachable(&p))
		abort();
}

static void base64(const char *text, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	char *again = malloc(2 * len + 8);
	size_t n;

	if (text_b64_decode(bytes, len, &n, text, len) == 0 &&
	    (text_b64_encode(again, 2 * len + 8, bytes, n) != 0 || strlen(again) != len ||
	     memcmp(again, text, len) != 0))
		abort();
	if (text_b64url_decode(bytes, len, &n, text, len) == 0 &&
	    (text_b64url_encode(again, 2 * len + 8, bytes, n) != 0 || strlen(again) != len ||
	     memcmp(again, text, len) != 0))
		abort();
	(void)!text_hex_decode(bytes, len / 2, text, len);
	free(bytes);
	free(again);
}

/* Of the bytes alone, without an end. */
static void resolv_conf(const uint8_t *data, size_t size)
{
	char *exact = malloc(size + (size == 0));
	struct addr servers[3];

	memcpy(exact, data, size);
	if (resolv_conf_servers(servers, 3, exact, size) > 3)
		abort();
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	url(text);
	prefix(text);
	ident((const char *)data, size);
	base64((const char *)data, size);
	(void)text_name_ok(text);
	(void)text_domain_ok(text);
	resolv_conf(data, size);
	free(text);
	return 0;
}
