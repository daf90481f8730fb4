/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/told.h"

#include <errno.h>
#include <string.h>

static bool add_host(struct told *t, const json_t *url)
{
	const char *text = json_string_value(url);
	struct url u;

	if (!text || url_parse(&u, text) != 0)
		return false;
	for (size_t i = 0; i < t->n_hosts; i++) {
		if (strcmp(t->hosts[i], u.host) == 0)
			return true;
	}
	if (!u.is_address && t->n_hosts < TOLD_URLS_MAX)
		memcpy(t->hosts[t->n_hosts++], u.host, sizeof(u.host));
	return true;
}

static bool get_hosts(struct told *t, const json_t *item)
{
	const json_t *url = json_object_get(item, "url"), *urls = json_object_get(item, "urls");

	if (url)
		return add_host(t, url);
	for (size_t i = 0; i < json_array_size(urls); i++) {
		if (!add_host(t, json_array_get(urls, i)))
			return false;
	}
	return json_is_array(urls);
}

static bool add_addr(struct told *t, const json_t *value)
{
	const char *text = json_string_value(value);
	struct addr a;

	if (!text || addr_parse(&a, text) != 0)
		return false;
	if (t->n < TOLD_ADDRS_MAX && !addr_is_martian(&a))
		t->addrs[t->n++] = a;
	return true;
}

int told_decode(struct told *t, const json_t *item)
{
	const json_t *list = json_object_get(item, "addresses");
	struct told fresh;

	if (!list)
		return -ENOENT;
	memset(&fresh, 0, sizeof(fresh));
	if (!json_is_array(list) || !get_hosts(&fresh, item))
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!add_addr(&fresh, json_array_get(list, i)))
			return -EBADMSG;
	}
	*t = fresh;
	return 0;
}
