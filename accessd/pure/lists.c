/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/lists.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Foreign text in an error message: short and printable. */
static void quote(char out[64], const char *text)
{
	size_t n = strnlen(text, 63);

	for (size_t i = 0; i < n; i++)
		out[i] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
	out[n] = '\0';
}

static int refuse(char error[LISTS_ERROR_SIZE], const char *what, const char *text)
{
	char shown[64];

	quote(shown, text);
	snprintf(error, LISTS_ERROR_SIZE, "%s: %s", shown, what);
	return -EINVAL;
}

/* Cut the next word off a text with single spaces. */
static bool next_word(const char **text, char *out, size_t out_size)
{
	size_t n = strcspn(*text, " ");

	if (n == 0 || n >= out_size)
		return false;
	memcpy(out, *text, n);
	out[n] = '\0';
	*text += n;
	*text += **text == ' ';
	return true;
}

/* --- prefixes -------------------------------------------------------------------------------- */

typedef bool lan_ok_fn(const struct prefix *p);

static int lans_add(struct lans *l, const char *text, lan_ok_fn *ok, char error[LISTS_ERROR_SIZE])
{
	struct prefix p;
	int rc = prefix_parse(&p, text);

	if (rc == -EDOM)
		return refuse(error, "bits behind the prefix length must be zero", text);
	if (rc)
		return refuse(error, "not a prefix like 192.168.1.0/24", text);
	if (!ok(&p))
		return refuse(error, "not a network that a LAN can have", text);
	for (size_t i = 0; i < l->n; i++) {
		if (prefix_overlaps(&l->at[i], &p) &&
		    prefix_is_wide(&l->at[i]) == prefix_is_wide(&p))
			return refuse(error, "overlaps with another prefix of the list", text);
	}
	if (l->n == LISTS_LANS_MAX)
		return refuse(error, "more than 16 prefixes", text);
	l->at[l->n++] = p;
	return 0;
}

static int from_json(struct lans *l, const json_t *array, lan_ok_fn *ok,
		     char error[LISTS_ERROR_SIZE])
{
	struct lans found = {0};

	if (array && !json_is_array(array))
		return refuse(error, "not a list", "lans");
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (!text)
			return refuse(error, "not a list of strings", "lans");
		if (lans_add(&found, text, ok, error))
			return -EINVAL;
	}
	*l = found;
	return 0;
}

int lans_from_json(struct lans *l, const json_t *array, char error[LISTS_ERROR_SIZE])
{
	return from_json(l, array, prefix_routable, error);
}

int lans_of_device_from_json(struct lans *l, const json_t *array, char error[LISTS_ERROR_SIZE])
{
	return from_json(l, array, prefix_reachable, error);
}

json_t *lans_to_json(const struct lans *l)
{
	json_t *array = json_array();
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < l->n; i++) {
		prefix_format(&l->at[i], text);
		json_array_append_new(array, json_string(text));
	}
	return array;
}

/* The first and the last address of an IPv4 network belong to no host (but in a /31: RFC 3021). */
static bool is_host_of(const struct prefix *lan, const struct addr *a)
{
	uint32_t host = 0, mask;

	if (!prefix_contains(lan, a))
		return false;
	if (a->family != 4 || lan->len >= 31)
		return true;
	mask = UINT32_MAX >> lan->len;
	for (size_t i = 0; i < 4; i++)
		host = host << 8 | a->bytes[i];
	return (host & mask) != 0 && (host & mask) != mask;
}

bool lans_have_host(const struct lans *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++) {
		if (is_host_of(&l->at[i], a))
			return true;
	}
	return false;
}

void lans_to_text(const struct lans *l, char out[LISTS_LANS_TEXT_SIZE])
{
	char text[PREFIX_TEXT_SIZE];
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < l->n; i++) {
		prefix_format(&l->at[i], text);
		used += (size_t)snprintf(out + used, LISTS_LANS_TEXT_SIZE - used, "%s%s",
					 i ? " " : "", text);
	}
}

int lans_from_text(struct lans *l, const char *text)
{
	char word[PREFIX_TEXT_SIZE], error[LISTS_ERROR_SIZE];
	struct lans found = {0};

	while (*text) {
		if (!next_word(&text, word, sizeof(word)) ||
		    lans_add(&found, word, prefix_reachable, error))
			return -EINVAL;
	}
	*l = found;
	return 0;
}

/* --- URLs ------------------------------------------------------------------------------------ */

int urls_from_json(struct urls *u, const json_t *array, size_t max, char error[LISTS_ERROR_SIZE])
{
	struct urls found = {0};
	size_t n = json_array_size(array);

	if (n < 1 || n > max || n > LISTS_URLS_MAX) {
		snprintf(error, LISTS_ERROR_SIZE, "1 to %zu server addresses are needed, not %zu",
			 max, n);
		return -EINVAL;
	}
	for (; found.n < n; found.n++) {
		const char *text = json_string_value(json_array_get(array, found.n));

		if (!text || url_parse(&found.at[found.n], text) != 0)
			return refuse(error, "not an address like https://HOST[:PORT]",
				      text ? text : "urls");
	}
	*u = found;
	return 0;
}

json_t *urls_to_json(const struct urls *u)
{
	json_t *array = json_array();
	char text[URL_TEXT_SIZE];

	for (size_t i = 0; i < u->n; i++) {
		url_format(&u->at[i], text);
		json_array_append_new(array, json_string(text));
	}
	return array;
}

void urls_to_text(const struct urls *u, char out[LISTS_URLS_TEXT_SIZE])
{
	char text[URL_TEXT_SIZE];
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < u->n; i++) {
		url_format(&u->at[i], text);
		used += (size_t)snprintf(out + used, LISTS_URLS_TEXT_SIZE - used, "%s%s",
					 i ? " " : "", text);
	}
}

int urls_from_text(struct urls *u, const char *text)
{
	char word[URL_TEXT_SIZE];
	struct urls found = {0};

	while (*text) {
		if (found.n == LISTS_URLS_MAX || !next_word(&text, word, sizeof(word)) ||
		    url_parse(&found.at[found.n], word) != 0)
			return -EINVAL;
		found.n++;
	}
	*u = found;
	return 0;
}
