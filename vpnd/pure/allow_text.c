/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The allow-list for the customer's IT, as text. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/verdict.h"

#define TEXT_SIZE 32768
#define CELL_SIZE 400

struct page {
	char *text;
	size_t used;
};

static void put(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct page *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->text + p->used, TEXT_SIZE - p->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		p->used = p->used + (size_t)n < TEXT_SIZE ? p->used + (size_t)n : TEXT_SIZE - 1;
}

static const char *member(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void ports(const json_t *o, char out[CELL_SIZE])
{
	const json_t *list = json_object_get(o, "ports"), *item;
	size_t i, used = 0;

	out[0] = '\0';
	json_array_foreach (list, i, item) {
		int n = snprintf(out + used, CELL_SIZE - used, "%s%lld", i ? " or " : "",
				 (long long)json_integer_value(item));

		used += n > 0 && used + (size_t)n < CELL_SIZE ? (size_t)n : 0;
	}
}

struct widths {
	int name, address, ports;
};

static int wider(int width, size_t n)
{
	return n < 64 && (int)n > width ? (int)n : width;
}

static struct widths measure(const json_t *allow)
{
	struct widths w = {.name = 4, .address = 7, .ports = 5};
	const json_t *entry, *address;
	char text[CELL_SIZE];
	size_t i, k;

	json_array_foreach (allow, i, entry) {
		const json_t *list = json_object_get(entry, "addresses");

		w.name = wider(w.name, strlen(member(entry, "name")));
		ports(entry, text);
		w.ports = wider(w.ports, strlen(text));
		json_array_foreach (list, k, address) {
			w.address = wider(w.address, strlen(json_string_value(address)));
		}
	}
	return w;
}

/* A line for each address, the rest on the first one. */
static void put_entry(struct page *p, const struct widths *w, const json_t *entry)
{
	const json_t *list = json_object_get(entry, "addresses"), *address;
	char text[CELL_SIZE];
	size_t i;

	ports(entry, text);
	put(p, "  %-*s  %-*s  %-*s  %s, %s\n", w->name, member(entry, "name"), w->address,
	    json_array_size(list) ? json_string_value(json_array_get(list, 0)) : "?", w->ports,
	    text, member(entry, "protocol"), member(entry, "why"));
	json_array_foreach (list, i, address) {
		if (i > 0)
			put(p, "  %-*s  %s\n", w->name, "", json_string_value(address));
	}
}

static bool is_server(const json_t *entry)
{
	return strcmp(member(entry, "protocol"), "TCP") == 0 &&
	       strcmp(member(entry, "why"), "HTTP proxy") != 0;
}

static void put_names(struct page *p, const json_t *allow)
{
	const char *between = "";
	const json_t *entry;
	size_t i;

	json_array_foreach (allow, i, entry) {
		if (!is_server(entry))
			continue;
		put(p, "%s%s", between, member(entry, "name"));
		between = ", ";
	}
}

char *allow_text(const json_t *allow)
{
	struct page p = {.text = malloc(TEXT_SIZE)};
	struct widths w = measure(allow);
	const json_t *entry;
	size_t i;

	if (!p.text)
		return NULL;
	p.text[0] = '\0';
	put(&p, "For the firewall: what this machine has to reach. All of it is outbound, nothing "
		"inbound.\n\n");
	put(&p, "  %-*s  %-*s  %-*s  %s\n", w.name, "name", w.address, "address", w.ports, "port",
	    "protocol, what for");
	json_array_foreach (allow, i, entry) {
		put_entry(&p, &w, entry);
	}
	put(&p, "\nOne port of each server is enough; of several the first one is best. It is TLS "
		"(HTTPS) with a WebSocket in it,\nalso on the other ports. Connections stay open "
		"for hours; an "
		"idle one should not be cut before 60 s.\nThese names should not be inspected "
		"(exempt by SNI): ");
	put_names(&p, allow);
	put(&p, ".\nThrough an HTTP proxy: CONNECT to these names and ports.\n");
	return p.text;
}
