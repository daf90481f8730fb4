/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/opt.h"
#include "common/pure/rate.h"

#define ITEM_SIZE 100
#define PORT_MAX 65535

static const char *words(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Valid until the next call in this thread. */
static const char *words(const char *fmt, ...)
{
	static _Thread_local char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return text;
}

/* Append to a text that is cut if it does not fit. */
static void put(char *out, size_t out_size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put(char *out, size_t out_size, const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, out_size - n, fmt, ap);
	va_end(ap);
}

/* --- strings, switches, numbers --- */

const char *opt_parse_string(const struct opt *o, const char *value, void *field)
{
	size_t n = strlen(value);

	if (n >= o->size)
		return words("longer than %zu characters", o->size - 1);
	memset(field, 0, o->size);
	memcpy(field, value, n);
	return NULL;
}

const char *opt_parse_path(const struct opt *o, const char *value, void *field)
{
	if (value[0] != '/')
		return words("\"%.64s\" is not a path that begins with /", value);
	if (o->max > 0 && strlen(value) > (size_t)o->max)
		return words("longer than %ld characters", o->max);
	return opt_parse_string(o, value, field);
}

void opt_print_string(const struct opt *o, const void *field, char *out, size_t out_size)
{
	(void)o;
	snprintf(out, out_size, "%s", (const char *)field);
}

const char *opt_parse_bool(const struct opt *o, const char *value, void *field)
{
	bool *b = field;

	(void)o;
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return words("\"%.64s\" is neither yes nor no", value);
	*b = value[0] == 'y';
	return NULL;
}

const char *opt_parse_inspection(const struct opt *o, const char *value, void *field)
{
	bool *refuse = field;

	(void)o;
	if (strcmp(value, "report") != 0 && strcmp(value, "refuse") != 0)
		return words("\"%.64s\" is neither report nor refuse", value);
	*refuse = strcmp(value, "refuse") == 0;
	return NULL;
}

void opt_print_inspection(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const bool *refuse = field;

	(void)o;
	snprintf(out, out_size, "%s", *refuse ? "refuse" : "report");
}

void opt_print_bool(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const bool *b = field;

	(void)o;
	snprintf(out, out_size, "%s", *b ? "yes" : "no");
}

/* Decimal digits, perhaps with a minus; nothing else. */
static bool parse_long(const char *text, long *v)
{
	const char *digits = text + (text[0] == '-');
	char *end;

	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return false;
	errno = 0;
	*v = strtol(text, &end, 10);
	return errno == 0;
}

const char *opt_parse_int(const struct opt *o, const char *value, void *field)
{
	long v;

	if (!parse_long(value, &v) || v < o->min || v > o->max)
		return words("\"%.64s\" is not a number from %ld to %ld", value, o->min, o->max);
	memcpy(field, &v, sizeof(v));
	return NULL;
}

void opt_print_int(const struct opt *o, const void *field, char *out, size_t out_size)
{
	long v;

	(void)o;
	memcpy(&v, field, sizeof(v));
	snprintf(out, out_size, "%ld", v);
}

const char *opt_parse_rate(const struct opt *o, const char *value, void *field)
{
	uint64_t v;
	int r = rate_parse(&v, value);

	(void)o;
	if (r == -ERANGE)
		return words("\"%.64s\" is not from 64kbit to 100gbit", value);
	if (r != 0)
		return words(
			"\"%.64s\" is neither none nor a rate like 10mbit, in kbit, mbit or gbit",
			value);
	memcpy(field, &v, sizeof(v));
	return NULL;
}

void opt_print_rate(const struct opt *o, const void *field, char *out, size_t out_size)
{
	char text[RATE_TEXT_SIZE];
	uint64_t v;

	(void)o;
	memcpy(&v, field, sizeof(v));
	rate_format(v, text);
	snprintf(out, out_size, "%s", text);
}

/* --- lists --- */

/*
 * The next item of a list, without the blanks around it; *at moves behind it, to NULL after the
 * last. Return: false for an empty item, or one that no list has.
 */
static bool next_item(const char **at, char item[ITEM_SIZE])
{
	const char *begin = *at + strspn(*at, " \t"), *end = strchr(begin, ',');
	size_t n = end ? (size_t)(end - begin) : strlen(begin);

	*at = end ? end + 1 : NULL;
	while (n > 0 && (begin[n - 1] == ' ' || begin[n - 1] == '\t'))
		n--;
	if (n == 0 || n >= ITEM_SIZE)
		return false;
	memcpy(item, begin, n);
	item[n] = '\0';
	return true;
}

static const char *bad_item(void)
{
	return "expected items separated by commas";
}

/* Give each item to @add, which says what is wrong with it or NULL. */
static const char *parse_list(const char *value, bool may_be_empty, void *all,
			      const char *(*add)(void *all, const char *item))
{
	char item[ITEM_SIZE];
	const char *wrong = NULL;

	if (may_be_empty && value[0] == '\0')
		return NULL;
	while (value && !wrong)
		wrong = next_item(&value, item) ? add(all, item) : bad_item();
	return wrong;
}

static bool parse_port(const char *text, uint16_t *port)
{
	long v;

	if (!parse_long(text, &v) || v < 1 || v > PORT_MAX)
		return false;
	*port = (uint16_t)v;
	return true;
}

static const char *add_port(void *all, const char *item)
{
	struct opt_ports *p = all;
	uint16_t port;
	size_t i;

	if (!parse_port(item, &port))
		return words("\"%s\" is not a port from 1 to 65535", item);
	for (i = 0; i < p->n; i++) {
		if (p->port[i] == port)
			return words("port %u stands there twice", port);
	}
	if (p->n == OPT_PORTS_MAX)
		return words("more than %d ports", OPT_PORTS_MAX);
	p->port[p->n++] = port;
	return NULL;
}

const char *opt_parse_ports(const struct opt *o, const char *value, void *field)
{
	struct opt_ports p = {0};
	const char *wrong = parse_list(value, false, &p, add_port);

	(void)o;
	if (!wrong)
		memcpy(field, &p, sizeof(p));
	return wrong;
}

void opt_print_ports(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_ports *p = field;
	size_t i;

	(void)o;
	out[0] = '\0';
	for (i = 0; i < p->n; i++)
		put(out, out_size, "%s%u", i > 0 ? ", " : "", p->port[i]);
}

/* "ADDRESS:PORT" or "[ADDRESS]:PORT". Changes @item. */
static bool parse_addr_port(struct opt_listen *l, char *item)
{
	char *colon = strrchr(item, ':'), *addr = item;
	bool brackets = item[0] == '[';

	if (!colon || !parse_port(colon + 1, &l->port))
		return false;
	*colon = '\0';
	if (brackets) {
		if (colon == item + 1 || colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		addr++;
	}
	return addr_parse(&l->addr, addr) == 0 && (l->addr.family == 6) == brackets;
}

static const char *add_listen(void *list, const char *item)
{
	struct opt_listens *all = list;
	struct opt_listen l = {0};
	char copy[ITEM_SIZE];
	size_t i;

	snprintf(copy, sizeof(copy), "%s", item);
	if (!parse_port(item, &l.port) && !parse_addr_port(&l, copy))
		return words("\"%s\" is neither PORT nor ADDRESS:PORT nor [ADDRESS]:PORT", item);
	for (i = 0; i < all->n; i++) {
		if (all->at[i].port == l.port && addr_equal(&all->at[i].addr, &l.addr))
			return words("\"%s\" stands there twice", item);
	}
	if (all->n == OPT_LISTENS_MAX)
		return words("more than %d addresses", OPT_LISTENS_MAX);
	all->at[all->n++] = l;
	return NULL;
}

const char *opt_parse_listen(const struct opt *o, const char *value, void *field)
{
	struct opt_listens l = {0};
	const char *wrong = parse_list(value, true, &l, add_listen);

	(void)o;
	if (!wrong)
		memcpy(field, &l, sizeof(l));
	return wrong;
}

const char *opt_parse_listen_here(const struct opt *o, const char *value, void *field)
{
	static const uint8_t here[] = {127, 0, 0, 1};
	struct opt_listens *l = field;
	const char *wrong = opt_parse_listen(o, value, field);

	for (size_t i = 0; !wrong && i < l->n; i++) {
		if (l->at[i].addr.family == 0)
			l->at[i].addr = addr_from_bytes(4, here);
	}
	return wrong;
}

void opt_print_listen(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_listens *all = field;
	char text[ADDR_TEXT_SIZE];
	size_t i;

	(void)o;
	out[0] = '\0';
	for (i = 0; i < all->n; i++) {
		const struct opt_listen *l = &all->at[i];
		bool v6 = l->addr.family == 6;

		addr_format(&l->addr, text);
		put(out, out_size, "%s", i > 0 ? ", " : "");
		if (l->addr.family != 0)
			put(out, out_size, "%s%s%s:", v6 ? "[" : "", text, v6 ? "]" : "");
		put(out, out_size, "%u", l->port);
	}
}

/* 192.168.1.5/24: say what the network is. */
static const char *host_bits(const char *item)
{
	char copy[ITEM_SIZE], text[PREFIX_TEXT_SIZE];
	struct prefix p;
	struct addr a;
	char *slash;
	long bits;

	snprintf(copy, sizeof(copy), "%s", item);
	slash = strchr(copy, '/');
	if (!slash)
		return words("\"%s\" is not a network", item);
	*slash = '\0';
	if (addr_parse(&a, copy) != 0 || !parse_long(slash + 1, &bits))
		return words("\"%s\" is not a network", item);
	p = prefix_of(&a, (uint8_t)bits);
	prefix_format(&p, text);
	return words("\"%s\" is a host in a network; did you mean %s?", item, text);
}

static const char *parse_prefix(struct prefix *p, const char *item)
{
	int r = prefix_parse(p, item);

	if (r == -EDOM)
		return host_bits(item);
	if (r != 0)
		return words("\"%s\" is not a network such as 192.168.1.0/24 or fd00:1::/64", item);
	return prefix_routable(p) ? NULL : words("\"%s\" cannot be a LAN", item);
}

static const char *add_prefix(void *list, const char *item)
{
	struct opt_prefixes *all = list;
	struct prefix p;
	const char *wrong = parse_prefix(&p, item);

	if (wrong)
		return wrong;
	for (size_t i = 0; i < all->n; i++) {
		if (prefix_overlaps(&all->at[i], &p))
			return words("\"%s\" overlaps with one before it", item);
	}
	if (all->n == OPT_PREFIXES_MAX)
		return words("more than %d networks", OPT_PREFIXES_MAX);
	all->at[all->n++] = p;
	return NULL;
}

/* "PREFIX" or "PREFIX via GATEWAY". @copy: of the item, is cut. */
static const char *parse_lan(struct opt_lan *lan, char *copy)
{
	char *via = strpbrk(copy, " \t"), *gateway = NULL;
	const char *wrong;

	if (via) {
		*via++ = '\0';
		via += strspn(via, " \t");
		if (strncmp(via, "via", 3) != 0 || (via[3] != ' ' && via[3] != '\t'))
			return words("\"%s %s\" is not PREFIX via GATEWAY", copy, via);
		gateway = via + 3 + strspn(via + 3, " \t");
	}
	wrong = parse_prefix(&lan->prefix, copy);
	if (wrong || !gateway)
		return wrong;
	if (addr_parse(&lan->gateway, gateway) != 0 ||
	    lan->gateway.family != lan->prefix.addr.family || addr_is_martian(&lan->gateway))
		return words("\"%s\" is not a gateway's address", gateway);
	if (prefix_contains(&lan->prefix, &lan->gateway))
		return words("the gateway %s lies in the network that it leads to", gateway);
	return NULL;
}

static const char *add_lan(void *list, const char *item)
{
	struct opt_lan lan = {.gateway = {.family = 0}};
	struct opt_lans *all = list;
	char copy[ITEM_SIZE];
	const char *wrong;

	snprintf(copy, sizeof(copy), "%s", item);
	wrong = parse_lan(&lan, copy);
	if (wrong)
		return wrong;
	for (size_t i = 0; i < all->n; i++) {
		if (prefix_overlaps(&all->at[i].prefix, &lan.prefix))
			return words("\"%s\" overlaps with one before it", item);
	}
	if (all->n == OPT_PREFIXES_MAX)
		return words("more than %d networks", OPT_PREFIXES_MAX);
	all->at[all->n++] = lan;
	return NULL;
}

const char *opt_parse_lans(const struct opt *o, const char *value, void *field)
{
	struct opt_lans l = {0};
	const char *wrong = parse_list(value, true, &l, add_lan);

	(void)o;
	if (!wrong)
		memcpy(field, &l, sizeof(l));
	return wrong;
}

void opt_print_lans(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_lans *all = field;
	char text[PREFIX_TEXT_SIZE], gateway[ADDR_TEXT_SIZE];

	(void)o;
	out[0] = '\0';
	for (size_t i = 0; i < all->n; i++) {
		prefix_format(&all->at[i].prefix, text);
		put(out, out_size, "%s%s", i > 0 ? ", " : "", text);
		if (!all->at[i].gateway.family)
			continue;
		addr_format(&all->at[i].gateway, gateway);
		put(out, out_size, " via %s", gateway);
	}
}

const char *opt_parse_prefixes(const struct opt *o, const char *value, void *field)
{
	struct opt_prefixes p = {0};
	const char *wrong = parse_list(value, true, &p, add_prefix);

	(void)o;
	if (!wrong)
		memcpy(field, &p, sizeof(p));
	return wrong;
}

void opt_print_prefixes(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_prefixes *all = field;
	char text[PREFIX_TEXT_SIZE];
	size_t i;

	(void)o;
	out[0] = '\0';
	for (i = 0; i < all->n; i++) {
		prefix_format(&all->at[i], text);
		put(out, out_size, "%s%s", i > 0 ? ", " : "", text);
	}
}

/* The host and port of a URL, which knows how to read them. */
static const char *add_server(void *list, const char *item)
{
	struct opt_servers *all = list;
	char text[ITEM_SIZE + 16];
	struct addr a;
	struct url u;
	bool bare = addr_parse(&a, item) == 0 && a.family == 6;

	snprintf(text, sizeof(text), "https://%s%s%s", bare ? "[" : "", item, bare ? "]" : "");
	if (strchr(item, '/') || url_parse(&u, text) != 0)
		return words("\"%s\" is neither HOST nor HOST:PORT", item);
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->at[i].host, u.host) == 0 && all->at[i].port == u.port)
			return words("\"%s\" stands there twice", item);
	}
	if (all->n == OPT_SERVERS_MAX)
		return words("more than %d servers", OPT_SERVERS_MAX);
	all->at[all->n++] = u;
	return NULL;
}

const char *opt_parse_servers(const struct opt *o, const char *value, void *field)
{
	struct opt_servers all = {0};
	const char *wrong = parse_list(value, true, &all, add_server);

	(void)o;
	if (!wrong)
		memcpy(field, &all, sizeof(all));
	return wrong;
}

void opt_print_servers(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_servers *all = field;
	char text[URL_HOST_SIZE + 8];

	(void)o;
	out[0] = '\0';
	for (size_t i = 0; i < all->n; i++) {
		const struct url *u = &all->at[i];
		bool brackets = u->port && strchr(u->host, ':');

		snprintf(text, sizeof(text), "%s%s%s", brackets ? "[" : "", u->host,
			 brackets ? "]" : "");
		put(out, out_size, "%s%s", i > 0 ? ", " : "", text);
		if (u->port)
			put(out, out_size, ":%u", u->port);
	}
}
