/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE PREFIX_TEXT_SIZE
#define OPEN '('

/* Operators wait here until what binds closer is out (Dijkstra's shunting yard). */
struct parser {
	const char *at;
	char word[WORD_SIZE];
	struct filter f;
	size_t n_waiting;
	char waiting[FILTER_NODES_MAX]; /* OPEN, '!', '&', '|' */
	char *error;
};

/* --- reading --- */

static int wrong(struct parser *p, int err, const char *what)
{
	char shown[WORD_SIZE];
	size_t n = strlen(p->word);

	for (size_t i = 0; i <= n; i++)
		shown[i] = p->word[i] >= ' ' && p->word[i] < 127 ? p->word[i] : '?';
	shown[n] = '\0';
	snprintf(p->error, FILTER_ERROR_SIZE, "%s%s%s", shown, n ? ": " : "", what);
	return err;
}

/* The next word, or "" at the end. Return: 0; -EINVAL. */
static int next_word(struct parser *p)
{
	size_t n;

	p->at += strspn(p->at, " \t\n");
	n = *p->at == '(' || *p->at == ')' ? 1 : strcspn(p->at, " \t\n()");
	if (n >= WORD_SIZE) {
		p->word[0] = '\0';
		return wrong(p, -EINVAL, "a word is too long");
	}
	memcpy(p->word, p->at, n);
	p->word[n] = '\0';
	p->at += n;
	return 0;
}

static bool is(const struct parser *p, const char *word)
{
	return strcmp(p->word, word) == 0;
}

static int emit(struct parser *p, const struct filter_node *node)
{
	if (p->f.n == FILTER_NODES_MAX)
		return wrong(p, -ENOSPC, "the filter is too long");
	p->f.at[p->f.n++] = *node;
	return 0;
}

/* --- operators --- */

static int binding(char op)
{
	return op == '!' ? 3 : op == '&' ? 2 : op == '|' ? 1 : 0;
}

static int wait_for_operand(struct parser *p, char op)
{
	if (p->n_waiting == FILTER_NODES_MAX)
		return wrong(p, -ENOSPC, "the filter is too deep");
	p->waiting[p->n_waiting++] = op;
	return 0;
}

/* Out with the operators that bind at least so close. */
static int settle(struct parser *p, int least)
{
	while (p->n_waiting > 0 && binding(p->waiting[p->n_waiting - 1]) >= least) {
		char op = p->waiting[--p->n_waiting];
		struct filter_node node = {.kind = op == '!'   ? FILTER_NOT
						   : op == '&' ? FILTER_AND
							       : FILTER_OR};
		int r = emit(p, &node);

		if (r)
			return r;
	}
	return 0;
}

static int close_group(struct parser *p)
{
	int r = settle(p, 1);

	if (r)
		return r;
	if (p->n_waiting == 0)
		return wrong(p, -EINVAL, "closes nothing");
	p->n_waiting--;
	return 0;
}

/* --- operands --- */

static int parse_prefix(struct parser *p, struct filter_node *node, const char *what)
{
	int r = next_word(p);

	if (r)
		return r;
	if (prefix_parse(&node->prefix, p->word) != 0 ||
	    (node->kind == FILTER_HOST && strchr(p->word, '/')))
		return wrong(p, -EINVAL, what);
	return emit(p, node);
}

static bool parse_number(const char **text, uint16_t *out)
{
	size_t n = strspn(*text, "0123456789");
	unsigned long v = n > 0 && n <= 5 ? strtoul(*text, NULL, 10) : UINT16_MAX + 1UL;

	*text += n;
	*out = (uint16_t)v;
	return v <= UINT16_MAX;
}

static int parse_ports(struct parser *p, struct filter_node *node)
{
	const char *text = p->word;
	int r = next_word(p);
	bool ok;

	if (r)
		return r;
	ok = parse_number(&text, &node->from);
	node->to = node->from;
	if (ok && *text == '-') {
		text++;
		ok = parse_number(&text, &node->to) && node->to >= node->from;
	}
	return ok && *text == '\0' ? emit(p, node)
				   : wrong(p, -EINVAL, "not a port or a range of them");
}

/* Words that stand alone. Return: 1, it is none. */
static int parse_alone(struct parser *p)
{
	static const struct {
		const char *word;
		struct filter_node node;
	} words[] = {
		{"in", {.kind = FILTER_IN, .from = 1}},
		{"out", {.kind = FILTER_IN, .from = 0}},
		{"ip", {.kind = FILTER_FAMILY, .from = 4}},
		{"ip6", {.kind = FILTER_FAMILY, .from = 6}},
		{"tcp", {.kind = FILTER_PROTOCOL, .from = L4_TCP}},
		{"udp", {.kind = FILTER_PROTOCOL, .from = L4_UDP}},
		{"icmp", {.kind = FILTER_PROTOCOL, .from = L4_ICMP}},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is(p, words[i].word))
			return emit(p, &words[i].node);
	}
	return 1;
}

static int parse_operand(struct parser *p)
{
	struct filter_node node = {.src = is(p, "src"), .dst = is(p, "dst")};
	int r = node.src || node.dst ? next_word(p) : parse_alone(p);

	if (r <= 0 && !node.src && !node.dst)
		return r;
	if (r < 0)
		return r;
	if (!node.src && !node.dst)
		node.src = node.dst = true;
	if (is(p, "host")) {
		node.kind = FILTER_HOST;
		return parse_prefix(p, &node, "not an address");
	}
	if (is(p, "net")) {
		node.kind = FILTER_NET;
		return parse_prefix(p, &node, "not a prefix like 192.168.1.0/24");
	}
	if (is(p, "port")) {
		node.kind = FILTER_PORT;
		return parse_ports(p, &node);
	}
	return wrong(p, -EINVAL,
		     p->word[0] ? "host, net, port, tcp, udp, icmp, ip, ip6, in or out is known"
				: "the filter ends too early");
}

/* --- the whole --- */

/* What may begin an operand. @done: it is whole. */
static int operand_word(struct parser *p, bool *done)
{
	*done = false;
	if (is(p, "("))
		return wait_for_operand(p, OPEN);
	if (is(p, "not") || is(p, "!"))
		return wait_for_operand(p, '!');
	*done = true;
	return parse_operand(p);
}

/* What may come behind one. @more: another operand must follow. */
static int operator_word(struct parser *p, bool *more)
{
	bool and = is(p, "and") || is(p, "&&");
	int r;

	*more = false;
	if (is(p, ")"))
		return close_group(p);
	if (!and&&!is(p, "or") && !is(p, "||"))
		return wrong(p, -EINVAL, "`and` or `or` is missing before it");
	*more = true;
	r = settle(p, and? 2 : 1);
	return r ? r : wait_for_operand(p, and? '&' : '|');
}

static int parse_all(struct parser *p)
{
	bool have = false;
	int r = next_word(p);

	if (r || !p->word[0]) /* nothing at all is everything */
		return r;
	while (r == 0 && (p->word[0] || !have)) {
		bool flag;

		r = have ? operator_word(p, &flag) : operand_word(p, &flag);
		have = have ? !flag : flag;
		if (r == 0)
			r = next_word(p);
	}
	if (r == 0)
		r = settle(p, 1);
	if (r == 0 && p->n_waiting > 0)
		return wrong(p, -EINVAL, "a bracket is not closed");
	return r;
}

int filter_parse(struct filter *f, const char *text, char error[FILTER_ERROR_SIZE])
{
	struct parser p = {.at = text, .error = error};
	int r;

	error[0] = '\0';
	if (strnlen(text, FILTER_TEXT_MAX + 1) > FILTER_TEXT_MAX)
		return wrong(&p, -ENOSPC, "the filter is too long");
	r = parse_all(&p);
	if (r == 0)
		*f = p.f;
	return r;
}

/* --- asking --- */

static bool match_prefix(const struct filter_node *n, const struct ip_info *ip)
{
	return (n->src && prefix_contains(&n->prefix, &ip->src)) ||
	       (n->dst && prefix_contains(&n->prefix, &ip->dst));
}

static bool match_port(const struct filter_node *n, const struct l4 *l4)
{
	if (l4->kind != L4_PORTS)
		return false;
	return (n->src && l4->src >= n->from && l4->src <= n->to) ||
	       (n->dst && l4->dst >= n->from && l4->dst <= n->to);
}

static bool match_one(const struct filter_node *n, const struct filter_packet *p)
{
	switch (n->kind) {
	case FILTER_HOST:
	case FILTER_NET:
		return match_prefix(n, p->ip);
	case FILTER_PORT:
		return match_port(n, p->l4);
	case FILTER_FAMILY:
		return p->ip->src.family == n->from;
	case FILTER_PROTOCOL:
		return p->l4->protocol == n->from ||
		       (n->from == L4_ICMP && p->l4->protocol == L4_ICMPV6);
	case FILTER_IN:
		return p->in == (n->from != 0);
	case FILTER_NOT:
	case FILTER_AND:
	case FILTER_OR:
		break;
	}
	return false;
}

/* A stack of bits, the topmost the lowest: as many as there are nodes at most. */
bool filter_match(const struct filter *f, const struct filter_packet *p)
{
	uint64_t stack = 1;

	_Static_assert(FILTER_NODES_MAX <= 64, "a bit for each");
	for (size_t i = 0; i < f->n; i++) {
		const struct filter_node *n = &f->at[i];
		uint64_t top = stack & 1;

		if (n->kind == FILTER_NOT)
			stack ^= 1;
		else if (n->kind == FILTER_AND)
			stack = (stack >> 1) & (~(uint64_t)1 | top);
		else if (n->kind == FILTER_OR)
			stack = (stack >> 1) | top;
		else
			stack = stack << 1 | match_one(n, p);
	}
	return stack & 1;
}
