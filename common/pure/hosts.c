/* SPDX-License-Identifier: GPL-3.0-or-later */
/* [ {"name": "plc1", "address": "192.168.1.10"}, ... ]; unknown members are ignored. */
#include "common/pure/hosts.h"

#include <errno.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

int hosts_label(char out[HOSTS_LABEL_SIZE], const char *text)
{
	size_t n = strnlen(text, HOSTS_LABEL_SIZE);

	if (n < 1 || n >= HOSTS_LABEL_SIZE || text[0] == '-' || text[n - 1] == '-')
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return -EINVAL;
		out[i] = c;
	}
	out[n] = '\0';
	return 0;
}

json_t *hosts_encode(const struct hosts *h)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];
	bool ok = list;

	for (size_t i = 0; ok && i < h->n; i++) {
		addr_format(&h->at[i].addr, text);
		ok = json_array_append_new(list, json_pack("{s:s, s:s}", "name", h->at[i].name,
							   "address", text)) == 0;
	}
	if (ok)
		return list;
	json_decref(list);
	return NULL;
}

static bool decode_host(struct host *host, const json_t *o)
{
	char label[HOSTS_LABEL_SIZE];
	struct prefix alone;
	const char *text;

	if (!rpc_str_max(o, "name", host->name, sizeof(host->name)) ||
	    hosts_label(label, host->name) != 0 || strcmp(label, host->name) != 0 ||
	    !rpc_str(o, "address", &text) || addr_parse(&host->addr, text) != 0)
		return false;
	alone = prefix_of(&host->addr, UINT8_MAX);
	return prefix_routable(&alone);
}

static bool is_twice(const struct hosts *h, const struct host *host)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->at[i].addr.family == host->addr.family &&
		    strcmp(h->at[i].name, host->name) == 0)
			return true;
	}
	return false;
}

int hosts_decode(struct hosts *h, const json_t *list)
{
	size_t n = json_array_size(list);

	h->n = 0;
	if (!list)
		return 0;
	if (!json_is_array(list) || n > HOSTS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (!decode_host(&h->at[i], json_array_get(list, i)) || is_twice(h, &h->at[i]))
			return -EBADMSG;
		h->n++;
	}
	return 0;
}
