/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is remembered of hosts, kept over a restart:
 *
 *   {"HOST": {"worked": [["ADDRESS", PORT, TIME], ...], "told": ["ADDRESS", ...]}, ...}
 *
 * in the order of what worked, the last one last.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/dial.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/told.h"

#define FILE_MAX_BYTES 131072
#define DAY_S ((int64_t)24 * 3600)

/* In memory */

static size_t find(const struct dial_memory *m, const char *host)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->hosts[i].name, host) != 0)
		i++;
	return i;
}

const struct dial_host *dial_find_host(const struct dial_memory *m, const char *host)
{
	size_t i = m ? find(m, host) : 0;

	return m && i < m->n ? &m->hosts[i] : NULL;
}

static void remove_host(struct dial_memory *m, size_t i)
{
	memmove(&m->hosts[i], &m->hosts[i + 1], (m->n - i - 1) * sizeof(m->hosts[0]));
	m->n--;
}

/* A free place at the end; of a full memory the oldest goes, and first one where nothing worked. */
static struct dial_host *new_host(struct dial_memory *m, const char *host)
{
	struct dial_host *h;
	size_t i = 0;

	if (m->n == DIAL_MEMORY_MAX) {
		while (i < m->n && m->hosts[i].n_worked > 0)
			i++;
		remove_host(m, i < m->n ? i : 0);
	}
	h = &m->hosts[m->n++];
	*h = (struct dial_host){.n_told = 0};
	snprintf(h->name, sizeof(h->name), "%s", host);
	return h;
}

/* Return: the host, which is the last one now. */
static struct dial_host *take_host(struct dial_memory *m, const char *host)
{
	struct dial_host moved;
	size_t i = find(m, host);

	if (i == m->n)
		return new_host(m, host);
	if (i + 1 < m->n) {
		moved = m->hosts[i];
		remove_host(m, i);
		m->hosts[m->n++] = moved;
		m->changed = true;
	}
	return &m->hosts[m->n - 1];
}

static bool same_worked(const struct dial_worked *a, const struct dial_worked *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port;
}

/* In front, once; what is too old goes. */
static void note_worked(struct dial_host *h, const struct dial_worked *w)
{
	struct dial_worked keep[DIAL_WORKED_MAX] = {*w};
	size_t n = 1;

	for (size_t i = 0; i < h->n_worked && n < DIAL_WORKED_MAX; i++) {
		if (!same_worked(&h->worked[i], w) && w->at_s - h->worked[i].at_s < DIAL_WORKED_S)
			keep[n++] = h->worked[i];
	}
	memcpy(h->worked, keep, n * sizeof(keep[0]));
	h->n_worked = n;
}

static struct dial_worked worked_of(const struct sockaddr_storage *ss)
{
	struct dial_worked w = {.at_s = clock_wall_s() / DAY_S * DAY_S};
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	if (ss->ss_family == AF_INET6) {
		memcpy(&six, ss, sizeof(six));
		w.addr = addr_from_bytes(6, six.sin6_addr.s6_addr);
		w.port = ntohs(six.sin6_port);
	} else {
		memcpy(&four, ss, sizeof(four));
		w.addr = addr_from_bytes(4, (const uint8_t *)&four.sin_addr);
		w.port = ntohs(four.sin_port);
	}
	return w;
}

void dial_remember(struct dial_memory *m, const char *host, const struct sockaddr_storage *addr)
{
	struct dial_worked w;
	struct dial_host *h;

	if (!m)
		return;
	w = worked_of(addr);
	h = take_host(m, host);
	if (h->n_worked > 0 && same_worked(&h->worked[0], &w) && h->worked[0].at_s == w.at_s)
		return;
	note_worked(h, &w);
	m->changed = true;
}

void dial_tell(struct dial_memory *m, const char *host, const struct addr *addrs, size_t n)
{
	struct dial_host *h;
	size_t i;

	if (!m || !host[0])
		return;
	if (n > DIAL_TOLD_MAX)
		n = DIAL_TOLD_MAX;
	i = find(m, host);
	if (i == m->n && n == 0)
		return;
	h = i < m->n ? &m->hosts[i] : new_host(m, host);
	if (h->n_told == n && (n == 0 || memcmp(h->told, addrs, n * sizeof(addrs[0])) == 0))
		return;
	if (n > 0)
		memcpy(h->told, addrs, n * sizeof(addrs[0]));
	h->n_told = n;
	m->changed = true;
}

/* On disk */

static bool read_worked(struct dial_host *h, const json_t *item)
{
	struct dial_worked *w = &h->worked[h->n_worked];
	const char *text = json_string_value(json_array_get(item, 0));
	json_int_t port = json_integer_value(json_array_get(item, 1));

	if (h->n_worked == DIAL_WORKED_MAX || !text || addr_parse(&w->addr, text) != 0 ||
	    port < 1 || port > 65535)
		return false;
	w->port = (uint16_t)port;
	w->at_s = json_integer_value(json_array_get(item, 2));
	h->n_worked++;
	return true;
}

static void read_host(struct dial_memory *m, const char *host, const json_t *value)
{
	struct dial_host *h;
	const json_t *item;
	size_t i;

	if (m->n == DIAL_MEMORY_MAX || strlen(host) >= URL_HOST_SIZE || find(m, host) < m->n)
		return;
	h = new_host(m, host);
	json_array_foreach (json_object_get(value, "worked"), i, item)
		(void)read_worked(h, item);
	json_array_foreach (json_object_get(value, "told"), i, item) {
		if (h->n_told < DIAL_TOLD_MAX && json_is_string(item) &&
		    addr_parse(&h->told[h->n_told], json_string_value(item)) == 0)
			h->n_told++;
	}
	if (h->n_worked == 0 && h->n_told == 0)
		m->n--;
}

int dial_memory_load(struct dial_memory *m, const char *path)
{
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
		read_host(m, host, value);
	}
	json_decref(root);
	m->changed = false;
	return 0;
}

static json_t *write_host(const struct dial_host *h)
{
	json_t *worked = json_array(), *told = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < h->n_worked; i++) {
		addr_format(&h->worked[i].addr, text);
		json_array_append_new(worked, json_pack("[s, i, I]", text, (int)h->worked[i].port,
							(json_int_t)h->worked[i].at_s));
	}
	for (size_t i = 0; i < h->n_told; i++) {
		addr_format(&h->told[i], text);
		json_array_append_new(told, json_string(text));
	}
	return json_pack("{s:o, s:o}", "worked", worked, "told", told);
}

int dial_memory_save(struct dial_memory *m, const char *path)
{
	json_t *root;
	char *json;
	int r;

	if (!m->changed)
		return 0;
	root = json_object();
	for (size_t i = 0; i < m->n; i++)
		json_object_set_new(root, m->hosts[i].name, write_host(&m->hosts[i]));
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

static const char *path_in(const char *dir, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/reached.json", dir);
	return path;
}

void dial_memory_recall(struct dial_memory *m, const char *state_dir)
{
	char path[PATH_MAX];
	int r = dial_memory_load(m, path_in(state_dir, path));

	if (r != 0)
		log_warn("what worked before cannot be read path=%s error=\"%s\"", path,
			 strerror(-r));
}

void dial_memory_keep(struct dial_memory *m, const char *state_dir)
{
	char path[PATH_MAX];
	int r = dial_memory_save(m, path_in(state_dir, path));

	if (r != 0)
		log_warn("what worked is not kept path=%s error=\"%s\"", path, strerror(-r));
}

void dial_tell_all(struct dial_memory *m, const json_t *list)
{
	struct told t;

	for (size_t i = 0; i < json_array_size(list) && i < DIAL_MEMORY_MAX; i++) {
		if (told_decode(&t, json_array_get(list, i)) != 0)
			continue;
		for (size_t h = 0; h < t.n_hosts; h++)
			dial_tell(m, t.hosts[h], t.addrs, t.n);
	}
}
