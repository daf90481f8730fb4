/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_DIGITS_MAX 5

static const char *const protocols[] = {"any", "tcp", "udp", "icmp"};

/* --- text --- */

/* Cut the next word off: words are parted by one space, and none stands at an end. */
static bool next_word(const char **text, char out[PREFIX_TEXT_SIZE])
{
	size_t n = strcspn(*text, " ");

	if (n == 0 || n >= PREFIX_TEXT_SIZE)
		return false;
	memcpy(out, *text, n);
	out[n] = '\0';
	*text += n;
	if (**text == ' ' && *++*text == '\0')
		return false;
	return true;
}

/* 1 to 65535 in decimal, no leading zero. */
static bool parse_port(const char **text, uint16_t *port)
{
	size_t n = strspn(*text, "0123456789");
	uint32_t v = 0;

	if (n == 0 || n > PORT_DIGITS_MAX || **text == '0')
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint32_t)((*text)[i] - '0');
	*text += n;
	*port = (uint16_t)v;
	return v <= UINT16_MAX;
}

/* "80" or "80-90", to the end of the text. */
static bool parse_ports(struct rule *r, const char *text)
{
	if (r->protocol != RULE_TCP && r->protocol != RULE_UDP)
		return false;
	if (!parse_port(&text, &r->from_port))
		return false;
	r->to_port = r->from_port;
	if (*text == '-') {
		text++;
		if (!parse_port(&text, &r->to_port) || r->to_port < r->from_port)
			return false;
	}
	return *text == '\0';
}

static bool parse_protocol(struct rule *r, const char *word)
{
	size_t n = strcspn(word, "/");

	for (size_t i = RULE_TCP; i <= RULE_ICMP; i++) {
		if (strlen(protocols[i]) != n || strncmp(protocols[i], word, n) != 0)
			continue;
		r->protocol = (enum rule_protocol)i;
		return word[n] == '\0' || parse_ports(r, word + n + 1);
	}
	return false;
}

static bool parse_action(struct rule *r, const char *word)
{
	r->allow = strcmp(word, "allow") == 0;
	return r->allow || strcmp(word, "deny") == 0;
}

/* Return: was @word one? */
static bool parse_direction(struct rule *r, const char *word)
{
	if (strcmp(word, "in") == 0)
		r->direction = RULE_IN;
	else if (strcmp(word, "out") == 0)
		r->direction = RULE_OUT;
	else
		return false;
	return true;
}

/* A text's words, one after the other. */
struct words {
	const char *at, *rest; /* the word, and what is behind it; it is "" at the end */
	char word[PREFIX_TEXT_SIZE];
	bool malformed;
};

static void go_on(struct words *w)
{
	w->at = w->rest;
	if (!*w->rest) {
		w->word[0] = '\0';
	} else if (!next_word(&w->rest, w->word)) {
		w->word[0] = '\0';
		w->malformed = true;
	}
}

static bool parse_prefix(struct rule *r, const char *word)
{
	struct prefix p;

	if (prefix_parse(&p, word) != 0)
		return false;
	r->prefix = p;
	return true;
}

int rule_parse(struct rule *r, const char *text)
{
	struct rule found = {.direction = RULE_BOTH};
	struct words w = {.rest = text};

	go_on(&w);
	if (!parse_action(&found, w.word))
		return -EINVAL;
	go_on(&w);
	if (parse_direction(&found, w.word))
		go_on(&w);
	if (parse_prefix(&found, w.word))
		go_on(&w);
	if (parse_protocol(&found, w.word))
		go_on(&w);
	if (w.malformed || (*w.at && window_parse(&found.when, w.at) != 0))
		return -EINVAL;
	*r = found;
	return 0;
}

void rule_format(const struct rule *r, char out[RULE_TEXT_SIZE])
{
	static const char *const directions[] = {"", " in", " out"};
	char prefix[PREFIX_TEXT_SIZE] = "", ports[2 * PORT_DIGITS_MAX + 3] = "";
	char when[WINDOW_TEXT_SIZE] = "";

	if (r->prefix.addr.family)
		prefix_format(&r->prefix, prefix);
	if (r->from_port != r->to_port)
		snprintf(ports, sizeof(ports), "/%u-%u", r->from_port, r->to_port);
	else if (r->from_port)
		snprintf(ports, sizeof(ports), "/%u", r->from_port);
	if (r->when.days)
		window_format(&r->when, when);
	snprintf(out, RULE_TEXT_SIZE, "%s%s%s%s%s%s%s%s%s", r->allow ? "allow" : "deny",
		 directions[r->direction], prefix[0] ? " " : "", prefix, r->protocol ? " " : "",
		 r->protocol ? protocols[r->protocol] : "", ports, when[0] ? " " : "", when);
}

bool rule_equal(const struct rule *a, const struct rule *b)
{
	return a->allow == b->allow && a->direction == b->direction && a->protocol == b->protocol &&
	       a->from_port == b->from_port && a->to_port == b->to_port &&
	       prefix_equal(&a->prefix, &b->prefix) && window_equal(&a->when, &b->when);
}

/* --- asking --- */

static bool fits(const struct rule *r, const struct rule_question *q)
{
	if (r->direction != RULE_BOTH && r->direction != q->direction)
		return false;
	if (r->protocol != RULE_ANY && r->protocol != q->protocol)
		return false;
	if (r->from_port && (q->port < r->from_port || q->port > r->to_port))
		return false;
	return !r->prefix.addr.family || prefix_contains(&r->prefix, q->near);
}

size_t rules_find(const struct rules *rs, const struct rule_question *q)
{
	for (size_t i = 0; i < rs->n; i++) {
		if (!rules_is_closed(q->closed, i) && fits(&rs->at[i], q))
			return i;
	}
	return RULES_NONE;
}

bool rules_allow(const struct rules *rs, const struct rule_question *q, size_t *found)
{
	*found = RULES_NONE;
	if (!rs->present)
		return true;
	*found = rules_find(rs, q);
	return *found != RULES_NONE && rs->at[*found].allow;
}

/* --- time --- */

bool rules_windowed(const struct rules *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		if (rs->at[i].when.days)
			return true;
	}
	return false;
}

void rules_close(const struct rules *rs, const struct rules_time *now, struct rules_closed *closed)
{
	memset(closed, 0, sizeof(*closed));
	for (size_t i = 0; i < rs->n; i++) {
		const struct rule *r = &rs->at[i];

		if (r->when.days && (now->known ? !window_holds(&r->when, now->unix_s) : r->allow))
			closed->bits[i / 64] |= UINT64_C(1) << i % 64;
	}
}

bool rules_is_closed(const struct rules_closed *closed, size_t rule)
{
	return closed && closed->bits[rule / 64] >> rule % 64 & 1;
}

/* --- changing --- */

int rules_insert(struct rules *rs, size_t at, const struct rule *r)
{
	if (rs->n >= RULES_MAX)
		return -ENOSPC;
	if (at > rs->n)
		at = rs->n;
	memmove(&rs->at[at + 1], &rs->at[at], (rs->n - at) * sizeof(rs->at[0]));
	rs->at[at] = *r;
	rs->n++;
	rs->present = true;
	return 0;
}

int rules_remove(struct rules *rs, size_t at)
{
	if (at >= rs->n)
		return -ENOENT;
	rs->n--;
	memmove(&rs->at[at], &rs->at[at + 1], (rs->n - at) * sizeof(rs->at[0]));
	return 0;
}

/* --- JSON --- */

json_t *rules_encode(const struct rules *rs)
{
	json_t *list = rs->present ? json_array() : NULL;
	char text[RULE_TEXT_SIZE];

	for (size_t i = 0; list && i < rs->n; i++) {
		rule_format(&rs->at[i], text);
		if (json_array_append_new(list, json_string(text)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int rules_decode(struct rules *rs, const json_t *list)
{
	struct rules found = {.present = true, .n = json_array_size(list)};

	if (!list || json_is_null(list)) {
		rs->present = false;
		rs->n = 0;
		return 0;
	}
	if (!json_is_array(list) || found.n > RULES_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < found.n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || rule_parse(&found.at[i], text) != 0)
			return -EBADMSG;
	}
	*rs = found;
	return 0;
}
