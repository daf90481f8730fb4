/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What worked last, kept over a restart: {"HOST": "ADDRESS PORT", ...}; and what a restart may
 * forget: where shedding did not go well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/dial.h"
#include "common/io/file.h"
#include "common/pure/addr.h"

#define FILE_MAX_BYTES 65536

static bool good_parse(struct sockaddr_storage *ss, const char *text)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	char addr[ADDR_TEXT_SIZE];
	unsigned int port;
	struct addr a;

	if (sscanf(text, "%45s %5u", addr, &port) != 2 || port == 0 || port > 65535 ||
	    addr_parse(&a, addr) != 0)
		return false;
	memset(ss, 0, sizeof(*ss));
	if (a.family == 6) {
		v6.sin6_port = htons((uint16_t)port);
		memcpy(&v6.sin6_addr, a.bytes, 16);
		memcpy(ss, &v6, sizeof(v6));
	} else {
		v4.sin_port = htons((uint16_t)port);
		memcpy(&v4.sin_addr, a.bytes, 4);
		memcpy(ss, &v4, sizeof(v4));
	}
	return true;
}

static void good_format(const struct sockaddr_storage *ss, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "?";
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (ss->ss_family == AF_INET6) {
		memcpy(&v6, ss, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
		snprintf(out, size, "%s %u", text, ntohs(v6.sin6_port));
	} else {
		memcpy(&v4, ss, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
		snprintf(out, size, "%s %u", text, ntohs(v4.sin_port));
	}
}

int dial_memory_load(struct dial_memory *m, const char *path)
{
	struct sockaddr_storage ss;
	const char *host;
	uint8_t *bytes;
	json_t *root, *value;
	size_t n;
	int r = file_read(path, FILE_MAX_BYTES, &bytes, &n);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	root = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
	free(bytes);
	if (!json_is_object(root)) {
		json_decref(root);
		return -EBADMSG;
	}
	json_object_foreach (root, host, value) {
		if (json_is_string(value) && strlen(host) < URL_HOST_SIZE &&
		    good_parse(&ss, json_string_value(value)))
			dial_remember(m, host, &ss);
	}
	json_decref(root);
	m->changed = false;
	return 0;
}

int dial_memory_save(struct dial_memory *m, const char *path)
{
	json_t *root = json_object();
	char text[INET6_ADDRSTRLEN + 8], *json;
	int r;

	if (!m->changed) {
		json_decref(root);
		return 0;
	}
	for (size_t i = 0; i < m->n; i++) {
		good_format(&m->good[i].addr, text, sizeof(text));
		json_object_set_new(root, m->good[i].host, json_string(text));
	}
	json = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	if (!json)
		return -ENOMEM;
	r = file_replace(path, json, strlen(json), 0600);
	free(json);
	if (r == 0)
		m->changed = false;
	return r;
}

static bool same_sealed(const struct dial_sealed *e, const char *host,
			const struct sockaddr_storage *from)
{
	return strcmp(e->host, host) == 0 && memcmp(&e->from, from, sizeof(*from)) == 0;
}

bool dial_is_sealed(const struct dial_memory *m, const char *host,
		    const struct sockaddr_storage *from, uint64_t now_ms)
{
	for (size_t i = 0; m && i < DIAL_SEALED_MAX; i++) {
		if (m->sealed[i].until_ms > now_ms && same_sealed(&m->sealed[i], host, from))
			return true;
	}
	return false;
}

/* In the place of the same, of an unused one, or of the one that ends first. */
void dial_remember_sealed(struct dial_memory *m, const char *host,
			  const struct sockaddr_storage *from, uint64_t now_ms)
{
	struct dial_sealed *to;

	if (!m)
		return;
	to = &m->sealed[0];
	for (size_t i = 0; i < DIAL_SEALED_MAX; i++) {
		if (m->sealed[i].until_ms < to->until_ms)
			to = &m->sealed[i];
	}
	for (size_t i = 0; i < DIAL_SEALED_MAX; i++) {
		if (same_sealed(&m->sealed[i], host, from))
			to = &m->sealed[i];
	}
	snprintf(to->host, sizeof(to->host), "%s", host);
	to->from = *from;
	to->until_ms = now_ms + DIAL_SEALED_MS;
}
