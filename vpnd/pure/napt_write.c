/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "vpnd/pure/csum.h"
#include "vpnd/pure/napt_internal.h"

#define IPV4_SRC 12
#define IPV4_DST 16
#define IPV4_CSUM 10
#define IPV4_MIN_BYTES 20
#define IPV6_SRC 8
#define IPV6_DST 24
#define IPV6_BYTES 40
#define L4_BYTES 18	 /* as far into a transport header as anything is changed */
#define QUOTED_BYTES 320 /* the same into a quoted packet */

/* The transport checksum, if there is one to mend. */
struct csum_place {
	uint8_t *field; /* NULL: none */
	bool sum;	/* holds the sum of the pseudo-header only */
	bool pseudo;	/* the addresses are in it */
	bool udp;
};

static struct csum_place find_csum(const struct napt_packet *p, const struct l4 *l4)
{
	struct csum_place c = {.pseudo = l4->protocol != L4_ICMP, .udp = l4->protocol == L4_UDP};

	if (!l4->at || !l4->csum_at)
		return c;
	c.field = p->bytes + l4->csum_at;
	c.sum = p->v->needs_csum && p->v->csum_start == l4->at;
	if (c.udp && !c.sum && be16(c.field) == 0) /* RFC 768: it has none */
		c.field = NULL;
	return c;
}

static void mend(const struct csum_place *c, bool address, const uint8_t *old, const uint8_t *new,
		 size_t n)
{
	if (!c->field || (address && !c->pseudo) || (!address && c->sum))
		return;
	if (c->sum) {
		csum_mend_sum(c->field, old, new, n);
		return;
	}
	csum_mend(c->field, old, new, n);
	if (c->udp && be16(c->field) == 0)
		put_be16(c->field, UINT16_MAX);
}

static void write_port(struct napt_packet *p, const struct l4 *l4, const struct csum_place *c,
		       enum napt_end end, uint16_t port)
{
	uint8_t new[2], *at = p->bytes + l4->at;

	if (l4->kind == L4_ECHO)
		at += 4;
	else if (l4->kind != L4_PORTS)
		return;
	else if (end == NAPT_DST)
		at += 2;
	put_be16(new, port);
	mend(c, false, at, new, 2);
	memcpy(at, new, 2);
}

void napt_write(struct napt_packet *p, const struct l4 *l4, enum napt_end end, const uint8_t *addr,
		uint16_t port)
{
	struct csum_place c = find_csum(p, l4);
	bool v4 = p->bytes[0] >> 4 == 4, src = end == NAPT_SRC;
	uint8_t *at = p->bytes + (v4 ? (src ? IPV4_SRC : IPV4_DST) : (src ? IPV6_SRC : IPV6_DST));
	size_t n = v4 ? 4 : 16;

	if (v4)
		csum_mend(p->bytes + IPV4_CSUM, at, addr, n);
	mend(&c, true, at, addr, n);
	memcpy(at, addr, n);
	*(src ? &p->ip->src : &p->ip->dst) = addr_from_bytes(v4 ? 4 : 6, addr);
	write_port(p, l4, &c, end, port);
}

/* Both addresses stay in all sums; the message's type does not. */
bool napt_echo(struct napt_packet *p)
{
	bool v4 = p->bytes[0] >> 4 == 4;
	size_t n = v4 ? 4 : 16;
	uint8_t *src = p->bytes + (v4 ? IPV4_SRC : IPV6_SRC), was[16], type[2] = {0};
	struct addr a = p->ip->src;
	struct l4 l4;

	l4_parse(p->bytes, p->n, &l4);
	if (l4.kind != L4_ECHO || !l4.request || l4.fragment || p->v->needs_csum)
		return false;
	memcpy(was, src, n);
	memcpy(src, src + n, n);
	memcpy(src + n, was, n);
	p->ip->src = p->ip->dst;
	p->ip->dst = a;
	type[0] = v4 ? 0 : 129;
	type[1] = p->bytes[l4.at + 1];
	csum_mend(p->bytes + l4.csum_at, p->bytes + l4.at, type, 2);
	p->bytes[l4.at] = type[0];
	return true;
}

/* --- in what an ICMP error quotes --- */

/* Of the IP header as much as is needed; its lengths may be larger than what is quoted. */
static bool parse_quoted_ip(struct napt_quoted *q)
{
	bool v4 = q->n > 0 && q->bytes[0] >> 4 == 4;
	size_t header = v4 ? (size_t)(q->bytes[0] & 15) * 4 : IPV6_BYTES;

	if (q->n < header || header < IPV4_MIN_BYTES ||
	    (!v4 && (q->n == 0 || q->bytes[0] >> 4 != 6)))
		return false;
	q->ip.src = addr_from_bytes(v4 ? 4 : 6, q->bytes + (v4 ? IPV4_SRC : IPV6_SRC));
	q->ip.dst = addr_from_bytes(v4 ? 4 : 6, q->bytes + (v4 ? IPV4_DST : IPV6_DST));
	return true;
}

bool napt_quoted(const struct napt_packet *p, const struct l4 *l4, struct napt_quoted *q)
{
	q->bytes = p->bytes + l4->quoted;
	q->n = p->n - l4->quoted;
	if (l4->quoted > p->n || !parse_quoted_ip(q) || q->ip.src.family != p->ip->src.family)
		return false;
	l4_parse(q->bytes, q->n, &q->l4);
	return q->l4.kind != L4_ERROR && !q->l4.later && q->l4.at + L4_BYTES <= QUOTED_BYTES;
}

void napt_write_quoted(struct napt_packet *p, const struct l4 *l4, struct napt_quoted *q,
		       enum napt_end end, const uint8_t *addr, uint16_t port)
{
	static const struct vnet plain;
	struct napt_packet inner = {.v = &plain, .bytes = q->bytes, .n = q->n, .ip = &q->ip};
	struct csum_place outer = find_csum(p, l4);
	uint8_t was[QUOTED_BYTES];
	size_t n = (q->n < sizeof(was) ? q->n : sizeof(was)) & ~(size_t)1;

	memcpy(was, q->bytes, n);
	napt_write(&inner, &q->l4, end, addr, port);
	mend(&outer, false, was, q->bytes, n);
}
