/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/firewall.h"

#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/l4.h"

#define IPV4_HEADER_MIN_BYTES 20
#define IPV6_HEADER_BYTES 40
#define TCP_HEADER_MIN_BYTES 20
#define OTHER_HEADER_BYTES 8 /* UDP, ICMP */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define NEXT_HOPBYHOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_OPTIONS 60
#define FINISHED_BOTH 3
#define TAKEN_UP_MS 300000 /* idle flows other than TCP are remembered as long: flow_table.c */

struct firewall_slot {
	struct rules rules;
	bool windowed;		    /* some of them hold at times only, */
	struct rules_closed closed; /* and these do not now */
	uint32_t generation;	    /* of the rules */
	uint64_t begun_ms;
	struct firewall_counters counters;
};

struct firewall {
	struct flow_table *flows;
	struct rules_time now;
	struct firewall_slot slots[FLOW_SLOTS_MAX];
};

/* A packet, taken apart. */
struct read {
	const struct firewall_packet *p;
	struct l4 l4;
	uint8_t family;
	const struct addr *near, *far;
	struct flow_key key;
};

/* What was found out, and what follows if it happens. */
struct finding {
	struct firewall_decision decision;
	struct flow *flow;	       /* known; NULL: none, or it may go on no more */
	struct flow *stale;	       /* one that rules allow no more */
	bool opens;		       /* a flow begins, */
	enum rule_direction direction; /* with a packet of this direction */
};

/* --- reading --- */

static enum rule_direction reverse(enum rule_direction d)
{
	return d == RULE_IN ? RULE_OUT : RULE_IN;
}

static enum rule_protocol protocol_of(uint8_t protocol, uint8_t family)
{
	switch (protocol) {
	case L4_TCP:
		return RULE_TCP;
	case L4_UDP:
		return RULE_UDP;
	default:
		return protocol == (family == 4 ? L4_ICMP : L4_ICMPV6) ? RULE_ICMP : RULE_ANY;
	}
}

/* Is all of the transport header here that anybody could look at? */
static bool is_readable(const struct l4 *l4, size_t n, uint8_t family)
{
	switch (protocol_of(l4->protocol, family)) {
	case RULE_TCP:
		return l4->at > 0 && n - l4->at >= TCP_HEADER_MIN_BYTES;
	case RULE_UDP:
	case RULE_ICMP:
		return l4->at > 0 && n - l4->at >= OTHER_HEADER_BYTES;
	case RULE_ANY:
		break;
	}
	return family == 4 || (l4->protocol != NEXT_HOPBYHOP && l4->protocol != NEXT_ROUTING &&
			       l4->protocol != NEXT_FRAGMENT && l4->protocol != NEXT_OPTIONS);
}

/* RFC 3128: with such an offset it would lie over the first one's transport header. */
static bool overlaps_header(const struct l4 *l4, uint8_t family)
{
	size_t header = protocol_of(l4->protocol, family) == RULE_TCP ? TCP_HEADER_MIN_BYTES
								      : OTHER_HEADER_BYTES;

	return l4->offset < header;
}

static void make_key(struct flow_key *key, uint16_t slot, const struct addr *near,
		     const struct addr *far, const struct l4 *l4, enum rule_direction direction)
{
	bool in = direction == RULE_IN;

	memset(key, 0, sizeof(*key));
	memcpy(key->near, near->bytes, sizeof(key->near));
	memcpy(key->far, far->bytes, sizeof(key->far));
	key->slot = slot;
	key->protocol = l4->protocol;
	key->family = near->family;
	if (l4->kind != L4_PORTS && l4->kind != L4_ECHO)
		return;
	key->near_port = in ? l4->dst : l4->src;
	key->far_port = in ? l4->src : l4->dst;
}

static void take_apart(struct read *r, const struct firewall_packet *p)
{
	bool in = p->direction == RULE_IN;

	r->p = p;
	l4_parse(p->bytes, p->n, &r->l4);
	r->family = p->ip->src.family;
	r->near = in ? &p->ip->dst : &p->ip->src;
	r->far = in ? &p->ip->src : &p->ip->dst;
	make_key(&r->key, p->slot, r->near, r->far, &r->l4, p->direction);
}

/* Does the packet want to begin something, whatever is known? */
static bool is_opening(const struct l4 *l4)
{
	if (l4->kind == L4_ECHO)
		return l4->request;
	return l4->protocol == L4_TCP && (l4->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static void fragment_key(struct flow_fragment_key *key, const struct read *r)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->src, r->p->ip->src.bytes, sizeof(key->src));
	memcpy(key->dst, r->p->ip->dst.bytes, sizeof(key->dst));
	key->id = r->l4.id;
	key->slot = r->p->slot;
	key->protocol = r->family == 4 ? r->l4.protocol : 0;
	key->direction = (uint8_t)r->p->direction;
}

/* --- deciding: nothing is changed here --- */

static struct firewall_decision decide(enum firewall_verdict verdict, enum firewall_why why)
{
	return (struct firewall_decision){.verdict = verdict, .why = why, .rule = RULES_NONE};
}

/* Would the rules let somebody begin a flow with this key in this direction? */
static bool allowed(const struct firewall_slot *s, const struct flow_key *key,
		    const struct addr *near, enum rule_direction direction, size_t *rule)
{
	enum rule_protocol protocol = protocol_of(key->protocol, key->family);
	bool has_ports = protocol == RULE_TCP || protocol == RULE_UDP;
	struct rule_question q = {
		.direction = direction, .protocol = protocol, .near = near, .closed = &s->closed};

	if (has_ports)
		q.port = direction == RULE_IN ? key->near_port : key->far_port;
	return rules_allow(&s->rules, &q, rule);
}

/* A flow that the rules still allow. */
static bool flow_allowed(const struct firewall_slot *s, const struct flow *f,
			 const struct addr *near)
{
	size_t rule;

	return allowed(s, &f->key, near, (enum rule_direction)f->direction, &rule) ||
	       (f->unsure && allowed(s, &f->key, near, RULE_IN, &rule));
}

static struct flow *find_flow(const struct firewall *fw, const struct flow_key *key,
			      const struct addr *near, uint64_t now_ms, struct flow **stale)
{
	const struct firewall_slot *s = &fw->slots[key->slot];
	struct flow *f = flow_find(fw->flows, key, now_ms);

	*stale = NULL;
	if (!f || f->generation == s->generation || flow_allowed(s, f, near))
		return f;
	*stale = f;
	return NULL;
}

/* Of nothing that is known: does it show itself who began it, or is it of a flow from before? */
static bool is_middle(const struct firewall_slot *s, const struct read *r, uint64_t now_ms)
{
	if (is_opening(&r->l4))
		return false;
	return r->l4.protocol == L4_TCP ||
	       (r->p->direction == RULE_OUT && now_ms < s->begun_ms + TAKEN_UP_MS);
}

static void ask_rules(const struct firewall_slot *s, const struct read *r, uint64_t now_ms,
		      struct finding *found)
{
	enum rule_direction direction = r->p->direction;
	size_t rule, other;
	bool allow = allowed(s, &r->key, r->near, direction, &rule);

	found->decision = decide(allow ? FIREWALL_PASS : FIREWALL_REFUSE,
				 rule == RULES_NONE ? FIREWALL_DEFAULT : FIREWALL_RULE);
	found->decision.rule = rule;
	found->opens = allow;
	found->direction = direction;
	if (allow || !is_middle(s, r, now_ms) ||
	    !allowed(s, &r->key, r->near, reverse(direction), &other))
		return;
	/* The middle of something that may be. */
	if (direction == RULE_IN) {
		found->decision = decide(FIREWALL_DROP, FIREWALL_STRAY);
		return;
	}
	found->decision = decide(FIREWALL_PASS, FIREWALL_FLOW);
	found->opens = true;
	found->direction = RULE_IN;
}

static void judge_flow(const struct firewall *fw, const struct read *r, uint64_t now_ms,
		       struct finding *found)
{
	const struct firewall_slot *s = &fw->slots[r->p->slot];
	struct flow *f = find_flow(fw, &r->key, r->near, now_ms, &found->stale);
	size_t rule;

	if (f && (f->direction == r->p->direction || !is_opening(&r->l4))) {
		found->flow = f;
		found->decision = decide(FIREWALL_PASS, FIREWALL_FLOW);
	} else if (r->l4.kind == L4_ECHO && !r->l4.request &&
		   !(is_middle(s, r, now_ms) && allowed(s, &r->key, r->near, RULE_IN, &rule))) {
		found->decision = decide(FIREWALL_DROP, FIREWALL_STRAY);
	} else {
		ask_rules(s, r, now_ms, found);
		found->opens = found->opens && !f;
	}
}

/* The addresses of a quoted packet, which may be cut off behind its header. */
static bool quoted_addresses(const uint8_t *q, size_t n, uint8_t family, struct addr *src,
			     struct addr *dst)
{
	if (family == 4 && n >= IPV4_HEADER_MIN_BYTES && q[0] >> 4 == 4) {
		*src = addr_from_bytes(4, q + 12);
		*dst = addr_from_bytes(4, q + 16);
		return true;
	}
	if (family == 6 && n >= IPV6_HEADER_BYTES && q[0] >> 4 == 6) {
		*src = addr_from_bytes(6, q + 8);
		*dst = addr_from_bytes(6, q + 24);
		return true;
	}
	return false;
}

/* Ports and identifiers are in the first eight bytes, which every error quotes. */
static bool is_quote_readable(const struct l4 *l4, uint8_t family)
{
	switch (protocol_of(l4->protocol, family)) {
	case RULE_TCP:
	case RULE_UDP:
		return l4->kind == L4_PORTS;
	case RULE_ICMP:
		return l4->kind == L4_ECHO;
	case RULE_ANY:
		break;
	}
	return !l4->later && l4->at > 0;
}

/* An error travels against what it is about, and to its sender. */
static void judge_error(const struct firewall *fw, const struct read *r, uint64_t now_ms,
			struct finding *found)
{
	const uint8_t *q = r->p->bytes + r->l4.quoted;
	size_t n = r->p->n - r->l4.quoted, rule;
	enum rule_direction direction = reverse(r->p->direction);
	struct addr src, dst;
	struct flow_key key;
	struct flow *stale;
	const struct addr *near;
	struct l4 l4;

	found->decision = decide(FIREWALL_DROP, FIREWALL_STRAY);
	if (!quoted_addresses(q, n, r->family, &src, &dst) || !addr_equal(&src, &r->p->ip->dst))
		return;
	l4_parse(q, n, &l4);
	if (!is_quote_readable(&l4, r->family))
		return;
	near = direction == RULE_IN ? &dst : &src;
	make_key(&key, r->p->slot, near, near == &dst ? &src : &dst, &l4, direction);
	if (find_flow(fw, &key, near, now_ms, &stale) ||
	    allowed(&fw->slots[key.slot], &key, near, RULE_IN, &rule) ||
	    allowed(&fw->slots[key.slot], &key, near, RULE_OUT, &rule))
		found->decision = decide(FIREWALL_PASS, FIREWALL_QUOTES);
}

static void judge_later(const struct firewall *fw, const struct read *r, uint64_t now_ms,
			struct finding *found)
{
	struct flow_fragment_key key;

	fragment_key(&key, r);
	if (overlaps_header(&r->l4, r->family))
		found->decision = decide(FIREWALL_DROP, FIREWALL_UNREADABLE);
	else if (flow_fragment_known(fw->flows, &key, fw->slots[key.slot].generation, now_ms))
		found->decision = decide(FIREWALL_PASS, FIREWALL_FRAGMENT);
	else
		found->decision = decide(FIREWALL_DROP, FIREWALL_STRAY);
}

static void judge(const struct firewall *fw, const struct read *r, uint64_t now_ms,
		  struct finding *found)
{
	*found = (struct finding){.flow = NULL};
	if (r->l4.later)
		judge_later(fw, r, now_ms, found);
	else if (!is_readable(&r->l4, r->p->n, r->family))
		found->decision = decide(FIREWALL_DROP, FIREWALL_UNREADABLE);
	else if (r->l4.kind == L4_ERROR)
		judge_error(fw, r, now_ms, found);
	else
		judge_flow(fw, r, now_ms, found);
	found->decision.cut = found->stale && found->decision.verdict != FIREWALL_PASS;
}

/* --- what follows --- */

static void count(struct firewall_counters *c, const struct firewall_decision *d)
{
	if (d->why == FIREWALL_RULE)
		c->hits[d->rule]++;
	c->by_default += d->why == FIREWALL_DEFAULT;
	c->refused += d->verdict == FIREWALL_REFUSE;
	c->stray += d->why == FIREWALL_STRAY;
	c->unreadable += d->why == FIREWALL_UNREADABLE;
}

static void follow_tcp(struct flow *f, const struct read *r)
{
	bool first_side = f->direction == r->p->direction;

	if (is_opening(&r->l4) && f->state == FLOW_CLOSING) {
		f->state = FLOW_ASKED;
		f->finished = 0;
	}
	if (r->l4.tcp_flags & TCP_FIN)
		f->finished |= first_side ? 1 : 2;
	if ((r->l4.tcp_flags & TCP_RST) || f->finished == FINISHED_BOTH)
		f->state = FLOW_CLOSING;
}

static void follow(struct flow *f, const struct read *r, uint32_t generation, uint64_t now_ms)
{
	f->used_ms = now_ms;
	f->generation = generation;
	if (f->state == FLOW_ASKED && f->direction != r->p->direction)
		f->state = FLOW_ANSWERED;
	if (r->l4.protocol == L4_TCP)
		follow_tcp(f, r);
}

/* Of one whose middle alone was seen nobody knows: a session in use is not ended for that. */
static bool begun_by_manager(const struct flow *f)
{
	return f && (f->direction == RULE_IN || f->unsure);
}

/* Return: the packet's flow, or NULL. */
static const struct flow *commit(struct firewall *fw, const struct read *r,
				 const struct finding *found, uint64_t now_ms)
{
	struct firewall_slot *s = &fw->slots[r->p->slot];
	struct flow *f = found->flow;

	count(&s->counters, &found->decision);
	if (found->stale)
		flow_remove(fw->flows, found->stale);
	if (found->opens) {
		f = flow_add(fw->flows, &r->key, now_ms, &s->counters.evicted);
		f->direction = (uint8_t)found->direction;
		s->counters.opened++;
	}
	if (f)
		follow(f, r, s->generation, now_ms);
	if (r->l4.fragment && !r->l4.later) {
		struct flow_fragment_key key;

		fragment_key(&key, r);
		flow_fragment_set(fw->flows, &key, s->generation, now_ms,
				  found->decision.verdict == FIREWALL_PASS);
	}
	return f;
}

/* Without rules: so that those that come later know what runs, and who began it. */
static const struct flow *track(struct firewall *fw, const struct read *r, uint64_t now_ms)
{
	struct firewall_slot *s = &fw->slots[r->p->slot];
	bool out = r->p->direction == RULE_OUT;
	struct flow *f;

	if (r->l4.later || r->l4.kind == L4_ERROR || !is_readable(&r->l4, r->p->n, r->family))
		return NULL;
	f = flow_find(fw->flows, &r->key, now_ms);
	if (!f) {
		bool middle = is_middle(s, r, now_ms);

		/* The manager's word is not enough to have begun nothing. */
		if ((middle && !out) || (r->l4.kind == L4_ECHO && !r->l4.request))
			return NULL;
		f = flow_add(fw->flows, &r->key, now_ms, &s->counters.evicted);
		f->direction = (uint8_t)r->p->direction;
		f->unsure = middle;
		s->counters.opened++;
	}
	follow(f, r, s->generation, now_ms);
	return f;
}

struct firewall_decision firewall_check(struct firewall *fw, const struct firewall_packet *p,
					uint64_t now_ms)
{
	struct finding found;
	const struct flow *f;
	struct read r;

	take_apart(&r, p);
	if (!fw->slots[p->slot].rules.present) {
		found.decision = decide(FIREWALL_PASS, FIREWALL_NO_RULES);
		f = track(fw, &r, now_ms);
	} else {
		judge(fw, &r, now_ms, &found);
		f = commit(fw, &r, &found, now_ms);
	}
	found.decision.is_use = found.decision.verdict == FIREWALL_PASS && begun_by_manager(f);
	return found.decision;
}

struct firewall_decision firewall_explain(const struct firewall *fw,
					  const struct firewall_packet *p, uint64_t now_ms)
{
	struct finding found;
	struct read r;

	if (!fw->slots[p->slot].rules.present)
		return decide(FIREWALL_PASS, FIREWALL_NO_RULES);
	take_apart(&r, p);
	judge(fw, &r, now_ms, &found);
	return found.decision;
}

/* --- rules --- */

struct firewall *firewall_new(const uint64_t key[2])
{
	struct firewall *fw = calloc(1, sizeof(*fw));

	if (!fw)
		return NULL;
	fw->flows = flow_table_new(key);
	if (!fw->flows) {
		free(fw);
		return NULL;
	}
	return fw;
}

void firewall_free(struct firewall *fw)
{
	if (!fw)
		return;
	flow_table_free(fw->flows);
	free(fw);
}

void firewall_begin(struct firewall *fw, uint16_t slot, uint64_t now_ms)
{
	struct firewall_slot *s = &fw->slots[slot];

	flow_table_forget(fw->flows, slot);
	s->begun_ms = now_ms;
	s->rules.present = false;
	s->rules.n = 0;
	s->windowed = false;
	memset(&s->counters, 0, sizeof(s->counters));
}

/* Of equal rules the first one has all hits, before and after. */
static uint64_t hits_of(const struct firewall_slot *s, const struct rule *r)
{
	for (size_t i = 0; i < s->rules.n; i++) {
		if (rule_equal(&s->rules.at[i], r))
			return s->counters.hits[i];
	}
	return 0;
}

void firewall_set_rules(struct firewall *fw, uint16_t slot, const struct rules *rules)
{
	struct firewall_slot *s = &fw->slots[slot];
	uint64_t hits[RULES_MAX] = {0};

	for (size_t i = 0; i < rules->n; i++)
		hits[i] = hits_of(s, &rules->at[i]);
	memcpy(s->counters.hits, hits, sizeof(hits));
	s->rules = *rules;
	s->windowed = rules_windowed(rules);
	rules_close(rules, &fw->now, &s->closed);
	s->generation++;
}

static void look_at_windows(const struct firewall *fw, struct firewall_slot *s)
{
	struct rules_closed closed;

	rules_close(&s->rules, &fw->now, &closed);
	if (memcmp(&closed, &s->closed, sizeof(closed)) == 0)
		return;
	s->closed = closed;
	s->generation++;
}

bool firewall_set_time(struct firewall *fw, const struct rules_time *now)
{
	bool any = false;

	fw->now = *now;
	for (size_t i = 0; i < FLOW_SLOTS_MAX; i++) {
		if (fw->slots[i].windowed) {
			look_at_windows(fw, &fw->slots[i]);
			any = true;
		}
	}
	return any;
}

bool firewall_is_open(const struct firewall *fw, uint16_t slot, size_t rule)
{
	return !rules_is_closed(&fw->slots[slot].closed, rule);
}

const struct rules *firewall_rules(const struct firewall *fw, uint16_t slot)
{
	return &fw->slots[slot].rules;
}

const struct firewall_counters *firewall_counters(const struct firewall *fw, uint16_t slot)
{
	return &fw->slots[slot].counters;
}

size_t firewall_flows(const struct firewall *fw, uint16_t slot, uint64_t now_ms)
{
	return flow_count(fw->flows, slot, now_ms);
}

const char *firewall_why_text(enum firewall_why why)
{
	switch (why) {
	case FIREWALL_NO_RULES:
		return "there are no rules: all between the networks of the grant may pass";
	case FIREWALL_RULE:
		return "a rule decides";
	case FIREWALL_DEFAULT:
		return "no rule fits: what is not allowed is denied";
	case FIREWALL_FLOW:
		return "it belongs to a flow that is known";
	case FIREWALL_QUOTES:
		return "it is an ICMP error about something that may pass";
	case FIREWALL_FRAGMENT:
		return "its first fragment has passed";
	case FIREWALL_STRAY:
		return "it belongs to nothing that is known";
	case FIREWALL_UNREADABLE:
		return "its ports cannot be read";
	}
	return "?";
}
