/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options of servers that others stand in front of, and of who trusts those. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/opt_internal.h"

#define UNIX "unix:"

/* --- listening --- */

/* "unix:PATH" Return: what is wrong, or NULL. */
static const char *take_path(char path[OPT_SOCKET_MAX + 1], const char *item)
{
	const char *at = item + sizeof(UNIX) - 1;

	if (at[0] != '/')
		return opt_words("\"%s\" is not unix: and a path that begins with /", item);
	if (strlen(at) > OPT_SOCKET_MAX)
		return opt_words("a socket's path is longer than %d characters", OPT_SOCKET_MAX);
	snprintf(path, OPT_SOCKET_MAX + 1, "%s", at);
	return NULL;
}

static bool is_path(const char *item)
{
	return strncmp(item, UNIX, sizeof(UNIX) - 1) == 0;
}

/* Cut " tls=no" off. */
static const char *take_tls(struct opt_listen *l, char *copy)
{
	char *word = strpbrk(copy, " \t");

	if (!word)
		return NULL;
	*word++ = '\0';
	word += strspn(word, " \t");
	if (strcmp(word, "tls=no") == 0)
		l->tls = OPT_TLS_NO;
	else if (strcmp(word, "tls=yes") == 0)
		l->tls = OPT_TLS_YES;
	else
		return opt_words("\"%s\" is neither tls=yes nor tls=no", word);
	return NULL;
}

static bool same_entry(const struct opt_listen *a, const struct opt_listen *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr) &&
	       strcmp(a->path, b->path) == 0;
}

static const char *add_entry(void *list, const char *item)
{
	struct opt_listens *all = list;
	struct opt_listen l = {0};
	char copy[OPT_ITEM_SIZE];
	const char *wrong;

	snprintf(copy, sizeof(copy), "%s", item);
	wrong = take_tls(&l, copy);
	if (wrong)
		return wrong;
	if (is_path(copy))
		wrong = take_path(l.path, copy);
	else if (!opt_port(copy, &l.port) && !opt_addr_port(&l, copy))
		wrong = opt_words(
			"\"%s\" is neither PORT nor ADDRESS:PORT nor [ADDRESS]:PORT nor unix:PATH",
			item);
	if (wrong)
		return wrong;
	for (size_t i = 0; i < all->n; i++) {
		if (same_entry(&all->at[i], &l))
			return opt_words("\"%s\" stands there twice", item);
	}
	if (all->n == OPT_LISTENS_MAX)
		return opt_words("more than %d addresses", OPT_LISTENS_MAX);
	all->at[all->n++] = l;
	return NULL;
}

const char *opt_parse_entries(const struct opt *o, const char *value, void *field)
{
	struct opt_listens l = {0};
	const char *wrong = opt_list(value, true, &l, add_entry);

	(void)o;
	if (!wrong)
		memcpy(field, &l, sizeof(l));
	return wrong;
}

static void print_entry(const struct opt_listen *l, char *out, size_t out_size)
{
	char addr[ADDR_TEXT_SIZE];
	bool v6 = l->addr.family == 6;

	addr_format(&l->addr, addr);
	if (l->path[0])
		opt_put(out, out_size, UNIX "%s", l->path);
	else if (l->addr.family == 0)
		opt_put(out, out_size, "%u", l->port);
	else
		opt_put(out, out_size, "%s%s%s:%u", v6 ? "[" : "", addr, v6 ? "]" : "", l->port);
	if (l->tls != OPT_TLS_UNSAID)
		opt_put(out, out_size, " tls=%s", l->tls == OPT_TLS_YES ? "yes" : "no");
}

void opt_print_listen(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_listens *all = field;

	(void)o;
	out[0] = '\0';
	for (size_t i = 0; i < all->n; i++) {
		opt_put(out, out_size, "%s", i > 0 ? ", " : "");
		print_entry(&all->at[i], out, out_size);
	}
}

bool opt_entry_is_plain(const struct opt_listen *l, bool tls)
{
	if (l->tls == OPT_TLS_UNSAID)
		return l->path[0] || !tls;
	return l->tls == OPT_TLS_NO;
}

/* "Any address": the port is open to whoever reaches the host. */
static bool is_anybodys(const struct addr *a)
{
	static const uint8_t zero[16];

	return a->family == 0 || memcmp(a->bytes, zero, a->family == 4 ? 4 : 16) == 0;
}

const char *opt_check_entries(const struct opt_listens *l, bool tls)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!l->at[i].path[0] && opt_entry_is_plain(&l->at[i], tls) &&
		    is_anybodys(&l->at[i].addr))
			return opt_words(
				"listen: port %u without TLS on all addresses: name the one "
				"that the proxy comes to, such as 127.0.0.1:%u tls=no, or "
				"unix:PATH",
				l->at[i].port, l->at[i].port);
	}
	return NULL;
}

/* --- files --- */

const char *opt_parse_file(const struct opt *o, const char *value, void *field)
{
	return value[0] ? opt_parse_path(o, value, field) : opt_parse_string(o, value, field);
}

/* --- proxies --- */

static const char *add_proxy(void *list, const char *item)
{
	struct opt_prefixes *all = list;
	struct prefix p;
	int r = prefix_parse(&p, item);

	if (r == -EDOM)
		return opt_words(
			"\"%s\" is a host in a network: without /LENGTH, or with zero bits "
			"behind it",
			item);
	if (r != 0)
		return opt_words("\"%s\" is neither an address nor a network", item);
	if (p.len == 0)
		return opt_words("\"%s\" is everybody: anybody could say who he is", item);
	if (all->n == OPT_PREFIXES_MAX)
		return opt_words("more than %d networks", OPT_PREFIXES_MAX);
	all->at[all->n++] = p;
	return NULL;
}

const char *opt_parse_proxies(const struct opt *o, const char *value, void *field)
{
	struct opt_prefixes p = {0};
	const char *wrong = opt_list(value, true, &p, add_proxy);

	(void)o;
	if (!wrong)
		memcpy(field, &p, sizeof(p));
	return wrong;
}

/* --- the Access Server behind --- */

const char *opt_parse_access(const struct opt *o, const char *value, void *field)
{
	struct opt_access a = {.given = value[0] != '\0'};
	const char *wrong = NULL;
	char text[OPT_ITEM_SIZE + 10];

	(void)o;
	if (is_path(value)) {
		wrong = take_path(a.path, value);
	} else if (a.given) {
		/* A name is looked at as in the URLs that it stands in otherwise. */
		snprintf(text, sizeof(text), "https://%.*s", OPT_ITEM_SIZE, value);
		if (url_parse(&a.at, text) != 0 || a.at.port == 0 || a.at.path[0])
			wrong = opt_words("\"%.64s\" is neither unix:PATH nor HOST:PORT", value);
	}
	if (!wrong)
		memcpy(field, &a, sizeof(a));
	return wrong;
}

void opt_print_access(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_access *a = field;
	bool v6 = a->at.is_address && strchr(a->at.host, ':');

	(void)o;
	out[0] = '\0';
	if (a->path[0])
		opt_put(out, out_size, UNIX "%s", a->path);
	else if (a->given)
		opt_put(out, out_size, "%s%s%s:%u", v6 ? "[" : "", a->at.host, v6 ? "]" : "",
			a->at.port);
}

/* --- trust in outer certificates --- */

static const char *add_trust(void *list, const char *item)
{
	struct opt_trust *t = list;

	if (strcmp(item, "domain") == 0) {
		t->domain = true;
	} else if (strcmp(item, "system") == 0) {
		t->system = true;
	} else if (item[0] != '/') {
		return opt_words("\"%s\" is neither domain nor system nor a file's path", item);
	} else if (strlen(item) >= OPT_TRUST_FILE_SIZE) {
		return opt_words("longer than %d characters", OPT_TRUST_FILE_SIZE - 1);
	} else if (t->n_files == OPT_TRUST_FILES) {
		return opt_words("more than %d files", OPT_TRUST_FILES);
	} else {
		snprintf(t->files[t->n_files++], OPT_TRUST_FILE_SIZE, "%s", item);
	}
	return NULL;
}

const char *opt_parse_trust(const struct opt *o, const char *value, void *field)
{
	struct opt_trust t = {0};
	const char *wrong = opt_list(value, false, &t, add_trust);

	(void)o;
	if (!wrong)
		memcpy(field, &t, sizeof(t));
	return wrong;
}

void opt_print_trust(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_trust *t = field;

	(void)o;
	out[0] = '\0';
	opt_put(out, out_size, "%s%s%s", t->domain ? "domain" : "",
		t->domain && t->system ? ", " : "", t->system ? "system" : "");
	for (size_t i = 0; i < t->n_files; i++)
		opt_put(out, out_size, "%s%s", out[0] ? ", " : "", t->files[i]);
}
