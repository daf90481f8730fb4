/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/fqcodel.h"

#include <assert.h>
#include <string.h>

#include "vpnd/pure/siphash.h"

#define NOT_IP FQ_FLOWS
#define IPV4_HEADER_MIN_BYTES 20
#define IPV6_HEADER_BYTES 40
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */
#define IPV6_EXTENSIONS_MAX 8

#define PROTOCOL_HOPOPTS 0
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_DCCP 33
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_DSTOPTS 60
#define PROTOCOL_SCTP 132
#define PROTOCOL_UDPLITE 136

#define ECN_MASK 3
#define ECN_CE 3

#define FORGET_INTERVALS 16 /* RFC 8289 section 5.5: how long the last drop rate is remembered */

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* --- which flow ---------------------------------------------------------------------------------
 */

/* What is hashed: addresses, protocol and ports, zeros where there are none. */
struct flow_key {
	uint8_t addresses[32];
	uint8_t ports[4];
	uint8_t protocol, version;
	uint8_t zero[2];
};

static uint64_t hash(const struct flow_key *k, const uint64_t key[2])
{
	uint64_t words[5];

	_Static_assert(sizeof(words) == sizeof(*k), "no padding");
	memcpy(words, k, sizeof(words));
	return siphash_words(words, 5, key);
}

/* Echo requests and replies have an identifier, other ICMP messages none (RFC 792, RFC 4443). */
static void key_icmp(struct flow_key *k, const uint8_t *icmp, size_t len, bool is_v6)
{
	bool is_echo = is_v6 ? icmp[0] == 128 || icmp[0] == 129 : icmp[0] == 8 || icmp[0] == 0;

	if (len >= 8 && is_echo)
		memcpy(k->ports, icmp + 4, 2);
}

static void key_ports(struct flow_key *k, const uint8_t *l4, size_t len)
{
	if (len < 4)
		return;
	switch (k->protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
	case PROTOCOL_UDPLITE:
		memcpy(k->ports, l4, 4);
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		key_icmp(k, l4, len, k->protocol == PROTOCOL_ICMPV6);
		break;
	default:
		break;
	}
}

static bool key_ipv4(struct flow_key *k, const uint8_t *ip, size_t len)
{
	size_t header = (size_t)(ip[0] & 15) * 4;

	if (len < IPV4_HEADER_MIN_BYTES || header < IPV4_HEADER_MIN_BYTES || header > len)
		return false;
	k->version = 4;
	k->protocol = ip[9];
	memcpy(k->addresses, ip + 12, 8);
	if ((be16(ip + 6) & IPV4_FRAGMENT) == 0)
		key_ports(k, ip + header, len - header);
	return true;
}

/* RFC 8200 section 4. Behind a fragment header there are no ports, not even in the first one. */
static bool key_ipv6(struct flow_key *k, const uint8_t *ip, size_t len)
{
	size_t at = IPV6_HEADER_BYTES;

	if (len < IPV6_HEADER_BYTES)
		return false;
	k->version = 6;
	k->protocol = ip[6];
	memcpy(k->addresses, ip + 8, 32);
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		bool is_fragment = k->protocol == PROTOCOL_FRAGMENT;
		size_t header;

		if (!is_fragment && k->protocol != PROTOCOL_HOPOPTS &&
		    k->protocol != PROTOCOL_ROUTING && k->protocol != PROTOCOL_DSTOPTS) {
			key_ports(k, ip + at, len - at);
			return true;
		}
		if (len - at < 8)
			return true;
		k->protocol = ip[at];
		header = ((size_t)ip[at + 1] + 1) * 8;
		if (is_fragment || header > len - at)
			return true;
		at += header;
	}
	return true;
}

uint32_t fq_classify(const uint8_t *ip, size_t len, const uint64_t hash_key[2])
{
	struct flow_key k = {0};
	bool is_ip = false;

	if (len > 0 && ip[0] >> 4 == 4)
		is_ip = key_ipv4(&k, ip, len);
	else if (len > 0 && ip[0] >> 4 == 6)
		is_ip = key_ipv6(&k, ip, len);
	return is_ip ? (uint32_t)(hash(&k, hash_key) % FQ_FLOWS) : NOT_IP;
}

/* --- ECN ----------------------------------------------------------------------------------------
 */

/* RFC 1624 section 3, equation 3: HC' = ~(~HC + ~m + m'). */
static void update_csum(uint8_t *field, uint32_t old, uint32_t new)
{
	uint32_t sum = (~be16(field) & 0xffff) + (~old & 0xffff) + new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
}

static bool mark_ipv4(uint8_t *ip)
{
	uint32_t old = be16(ip);

	if ((ip[1] & ECN_MASK) == 0)
		return false;
	ip[1] |= ECN_CE;
	update_csum(ip + 10, old, be16(ip));
	return true;
}

/* The traffic class lies across the first two bytes. */
static bool mark_ipv6(uint8_t *ip)
{
	if ((ip[1] >> 4 & ECN_MASK) == 0)
		return false;
	ip[1] |= ECN_CE << 4;
	return true;
}

bool fq_mark_ce(uint8_t *ip, size_t len)
{
	if (len >= IPV4_HEADER_MIN_BYTES && ip[0] >> 4 == 4)
		return mark_ipv4(ip);
	if (len >= IPV6_HEADER_BYTES && ip[0] >> 4 == 6)
		return mark_ipv6(ip);
	return false;
}

/* --- the packets of a flow ----------------------------------------------------------------------
 */

static size_t flow_index(const struct fq *fq, const struct fq_flow *flow)
{
	return (size_t)(flow - fq->flows);
}

static void account_in(struct fq *fq, const struct fq_packet *p)
{
	struct fq_counters *c = &fq->counters;

	c->enqueued++;
	fq->flow_bytes[p->flow] += p->len;
	fq->backlog_bytes += p->len;
	fq->backlog_packets++;
	if (fq->backlog_bytes > c->max_backlog_bytes)
		c->max_backlog_bytes = fq->backlog_bytes;
	if (fq->backlog_packets > c->max_backlog_packets)
		c->max_backlog_packets = fq->backlog_packets;
}

static void push(struct fq *fq, struct fq_flow *flow, struct fq_packet *p)
{
	p->next = NULL;
	if (flow->head)
		flow->tail->next = p;
	else
		flow->head = p;
	flow->tail = p;
	account_in(fq, p);
}

static struct fq_packet *pop(struct fq *fq, struct fq_flow *flow)
{
	struct fq_packet *p = flow->head;

	if (!p)
		return NULL;
	flow->head = p->next;
	p->next = NULL;
	fq->flow_bytes[p->flow] -= p->len;
	fq->backlog_bytes -= p->len;
	fq->backlog_packets--;
	return p;
}

static void drop(struct fq *fq, struct fq_packet *p, enum fq_drop why)
{
	switch (why) {
	case FQ_DROP_CODEL:
		fq->counters.dropped_codel++;
		break;
	case FQ_DROP_LIMIT:
		fq->counters.dropped_limit++;
		break;
	case FQ_DROP_DEINIT:
		break;
	}
	fq->params.dropped(fq->params.arg, p, why);
}

/* --- CoDel, RFC 8289 section 5, with its names ---------------------------------------------------
 */

static uint64_t isqrt(uint64_t x)
{
	uint64_t root = 0, bit = UINT64_C(1) << 62;

	while (bit > x)
		bit >>= 2;
	for (; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

uint64_t fq_control_law(uint32_t interval_us, uint32_t count)
{
	return isqrt((uint64_t)interval_us * interval_us / (count ? count : 1));
}

static void schedule(const struct fq *fq, struct fq_flow *flow, uint64_t from_us)
{
	flow->drop_next_us = from_us + fq_control_law(fq->params.interval_us, flow->count);
}

static uint64_t sojourn_us(const struct fq_packet *p, uint64_t now_us)
{
	return now_us > p->enqueued_us ? now_us - p->enqueued_us : 0;
}

static bool is_small(const struct fq *fq, const struct fq_flow *flow)
{
	uint32_t mtu = fq->params.quantum_bytes;

	if (mtu < FQ_QUANTUM_BYTES)
		mtu = FQ_QUANTUM_BYTES;
	return fq->flow_bytes[flow_index(fq, flow)] <= mtu;
}

/* dodequeue(): the next packet, and whether the flow has been above target for an interval. */
static struct fq_packet *take(struct fq *fq, struct fq_flow *flow, uint64_t now_us,
			      bool *ok_to_drop)
{
	struct fq_packet *p = pop(fq, flow);

	*ok_to_drop = false;
	if (!p || sojourn_us(p, now_us) < fq->params.target_us || is_small(fq, flow))
		flow->first_above_us = 0;
	else if (flow->first_above_us == 0)
		flow->first_above_us = now_us + fq->params.interval_us;
	else
		*ok_to_drop = now_us >= flow->first_above_us;
	return p;
}

/* True: @p was marked and goes out. False: it is gone. */
static bool mark_or_drop(struct fq *fq, struct fq_packet *p)
{
	if (fq->params.ecn && fq_mark_ce(p->ip, p->len)) {
		fq->counters.marked++;
		return true;
	}
	drop(fq, p, FQ_DROP_CODEL);
	return false;
}

/* One turn of RFC 8289's loop each: "the next drop should happen now". */
static struct fq_packet *while_dropping(struct fq *fq, struct fq_flow *flow, struct fq_packet *p,
					uint64_t now_us)
{
	bool ok_to_drop;

	while (flow->dropping && now_us >= flow->drop_next_us) {
		flow->count += flow->count < UINT32_MAX;
		if (mark_or_drop(fq, p)) {
			schedule(fq, flow, flow->drop_next_us);
			return p;
		}
		p = take(fq, flow, now_us, &ok_to_drop);
		if (ok_to_drop)
			schedule(fq, flow, flow->drop_next_us);
		else
			flow->dropping = false;
	}
	return p;
}

/* Begins at the rate at which dropping ended, if that was not long ago. */
static void start_dropping(struct fq *fq, struct fq_flow *flow, uint64_t now_us)
{
	uint32_t delta = flow->count - flow->last_count;
	uint64_t recent_us = (uint64_t)FORGET_INTERVALS * fq->params.interval_us;

	flow->dropping = true;
	flow->count = delta > 1 && now_us < flow->drop_next_us + recent_us ? delta : 1;
	flow->last_count = flow->count;
	schedule(fq, flow, now_us);
}

static struct fq_packet *codel_dequeue(struct fq *fq, struct fq_flow *flow, uint64_t now_us)
{
	bool ok_to_drop, ignored;
	struct fq_packet *p = take(fq, flow, now_us, &ok_to_drop);

	if (flow->dropping) {
		flow->dropping = ok_to_drop;
		return while_dropping(fq, flow, p, now_us);
	}
	if (ok_to_drop) {
		if (!mark_or_drop(fq, p))
			p = take(fq, flow, now_us, &ignored);
		start_dropping(fq, flow, now_us);
	}
	return p;
}

/* --- FQ, RFC 8290 section 4 ---------------------------------------------------------------------
 */

static void append(struct fq_list *list, struct fq_flow *flow)
{
	flow->next = NULL;
	flow->is_listed = true;
	if (list->head)
		list->tail->next = flow;
	else
		list->head = flow;
	list->tail = flow;
}

static void remove_head(struct fq_list *list)
{
	struct fq_flow *flow = list->head;

	list->head = flow->next;
	flow->next = NULL;
	flow->is_listed = false;
}

static size_t fattest(const struct fq *fq)
{
	size_t best = 0;

	for (size_t i = 1; i <= FQ_FLOWS; i++) {
		if (fq->flow_bytes[i] > fq->flow_bytes[best])
			best = i;
	}
	return best;
}

/*
 * RFC 8290 section 4.1: half of the fattest flow, at most a batch, so that the search is not made
 * for every packet. CoDel learns of it, as in Linux: this flow does not listen.
 */
static void drop_batch(struct fq *fq)
{
	size_t index = fattest(fq);
	struct fq_flow *flow = &fq->flows[index];
	uint32_t enough = fq->flow_bytes[index] - fq->flow_bytes[index] / 2, gone = 0;

	for (uint32_t n = 0; n < FQ_BATCH_PACKETS && gone < enough && flow->head; n++) {
		struct fq_packet *p = pop(fq, flow);

		gone += p->len;
		flow->count += flow->count < UINT32_MAX;
		drop(fq, p, FQ_DROP_LIMIT);
	}
}

void fq_enqueue(struct fq *fq, struct fq_packet *p, uint64_t now_us)
{
	struct fq_flow *flow;

	assert(p->len > 0 && p->len <= UINT16_MAX);
	p->flow = fq_classify(p->ip, p->len, fq->params.hash_key);
	p->enqueued_us = now_us;
	flow = &fq->flows[p->flow];
	push(fq, flow, p);
	if (!flow->is_listed) {
		flow->deficit = (int32_t)fq->params.quantum_bytes;
		append(&fq->new_flows, flow);
	}
	while (fq->backlog_bytes > fq->params.limit_bytes ||
	       fq->backlog_packets > fq->params.limit_packets)
		drop_batch(fq);
}

/* A new flow that is empty goes to the old ones, lest it be new again at once and starve them. */
static void retire(struct fq *fq, struct fq_list *list)
{
	struct fq_flow *flow = list->head;

	remove_head(list);
	if (list == &fq->new_flows && fq->old_flows.head)
		append(&fq->old_flows, flow);
}

/* RFC 8290 section 4.2. */
struct fq_packet *fq_dequeue(struct fq *fq, uint64_t now_us)
{
	for (;;) {
		struct fq_list *list = fq->new_flows.head ? &fq->new_flows : &fq->old_flows;
		struct fq_flow *flow = list->head;
		struct fq_packet *p;

		if (!flow)
			return NULL;
		if (flow->deficit <= 0) {
			flow->deficit += (int32_t)fq->params.quantum_bytes;
			remove_head(list);
			append(&fq->old_flows, flow);
			continue;
		}
		p = codel_dequeue(fq, flow, now_us);
		if (p) {
			flow->deficit -= (int32_t)p->len;
			fq->counters.dequeued++;
			fq->counters.sojourn_us = sojourn_us(p, now_us);
			return p;
		}
		retire(fq, list);
	}
}

/* --- the rest -----------------------------------------------------------------------------------
 */

struct fq_params fq_params_default(void)
{
	return (struct fq_params){
		.quantum_bytes = FQ_QUANTUM_BYTES,
		.target_us = FQ_TARGET_US,
		.interval_us = FQ_INTERVAL_US,
		.limit_bytes = FQ_LIMIT_BYTES,
		.limit_packets = FQ_LIMIT_PACKETS,
		.ecn = true,
	};
}

static uint32_t clamp(uint32_t v, uint32_t max)
{
	if (v == 0)
		return 1;
	return v > max ? max : v;
}

void fq_init(struct fq *fq, const struct fq_params *params)
{
	struct fq_params *p = &fq->params;

	assert(params->dropped);
	memset(fq, 0, sizeof(*fq));
	*p = *params;
	p->quantum_bytes = clamp(p->quantum_bytes, FQ_LIMIT_MAX_BYTES);
	p->target_us = clamp(p->target_us, UINT32_MAX);
	p->interval_us = clamp(p->interval_us, UINT32_MAX);
	p->limit_bytes = clamp(p->limit_bytes, FQ_LIMIT_MAX_BYTES);
	p->limit_packets = clamp(p->limit_packets, UINT32_MAX - 1);
}

void fq_deinit(struct fq *fq)
{
	for (size_t i = 0; i <= FQ_FLOWS; i++) {
		struct fq_packet *p;

		while ((p = pop(fq, &fq->flows[i])))
			drop(fq, p, FQ_DROP_DEINIT);
	}
	fq->new_flows = fq->old_flows = (struct fq_list){0};
	memset(fq->flows, 0, sizeof(fq->flows));
}

uint32_t fq_backlog_bytes(const struct fq *fq)
{
	return fq->backlog_bytes;
}

uint32_t fq_backlog_packets(const struct fq *fq)
{
	return fq->backlog_packets;
}

const struct fq_counters *fq_counters(const struct fq *fq)
{
	return &fq->counters;
}
