/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/translate.h"

#include <errno.h>
#include <string.h>

#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"

#define IPV4_HEADER_BYTES 20
#define IPV4_CSUM_OFFSET 10
#define IPV6_HEADER_BYTES 40

/* Prefixes */

static bool has_prefix(const uint8_t *a, const struct prefix *p)
{
	size_t whole = p->len / 8, rest = p->len % 8;

	return memcmp(a, p->addr.bytes, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ p->addr.bytes[whole]) >> (8 - rest) == 0);
}

static void put_prefix(uint8_t *a, const struct prefix *p)
{
	size_t whole = p->len / 8, rest = p->len % 8;
	uint8_t host = (uint8_t)(0xff >> rest);

	memcpy(a, p->addr.bytes, whole);
	if (rest > 0)
		a[whole] = (uint8_t)(p->addr.bytes[whole] | (a[whole] & host));
}

int translate_add(struct translate *t, const struct prefix *here, const struct prefix *there)
{
	size_t at = 0;

	if (here->addr.family != there->addr.family || here->len != there->len)
		return -EINVAL;
	if (t->n == TRANSLATE_MAX)
		return -ENOSPC;
	while (at < t->n && t->pairs[at].here.len >= here->len)
		at++;
	memmove(&t->pairs[at + 1], &t->pairs[at], (t->n - at) * sizeof(t->pairs[0]));
	t->pairs[at] = (struct translate_pair){.here = *here, .there = *there};
	t->n++;
	return 0;
}

/* The address of @family at @a. Return: false, nothing stands for it. */
static bool exchange(const struct translate *t, uint8_t family, uint8_t *a, bool to_here)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct prefix *here = &t->pairs[i].here, *there = &t->pairs[i].there;

		if (here->addr.family != family || !has_prefix(a, to_here ? there : here))
			continue;
		put_prefix(a, to_here ? here : there);
		return true;
	}
	return false;
}

bool translate_here(const struct translate *t, struct addr *a)
{
	return exchange(t, a->family, a->bytes, true);
}

bool translate_there(const struct translate *t, struct addr *a)
{
	return exchange(t, a->family, a->bytes, false);
}

struct prefix translate_here_prefix(const struct translate *t, const struct prefix *p)
{
	for (size_t i = 0; i < t->n; i++) {
		if (prefix_equal(&t->pairs[i].there, p))
			return t->pairs[i].here;
	}
	return *p;
}

/* Packets */

/* Bytes that are about to change, and a copy of them as they are. */
struct change {
	uint8_t *at, old[16];
	size_t n;
};

static struct change before(uint8_t *at, size_t n)
{
	struct change c = {.at = at, .n = n};

	memcpy(c.old, at, n);
	return c;
}

static void mend(uint8_t *field, const struct change *c)
{
	csum_mend(field, c->old, c->at, c->n);
}

/* The source or destination address in the IP header @ip. */
static struct change address_of(uint8_t *ip, bool source)
{
	if (ip[0] >> 4 == 4)
		return before(ip + (source ? 12 : 16), 4);
	return before(ip + (source ? 8 : 24), 16);
}

/* Is there a checksum over addresses? */
static bool covers_addresses(const struct l4 *l4, bool v6)
{
	return !l4->later && (l4->protocol == L4_TCP || l4->protocol == L4_UDP ||
			      (v6 && l4->protocol == L4_ICMPV6));
}

/* UDP: 0 is "none" (RFC 768, RFC 6935) and stays so; no sum becomes 0. */
static void mend_transport(uint8_t *field, uint8_t protocol, const struct change *c)
{
	if (protocol == L4_UDP && be16(field) == 0)
		return;
	mend(field, c);
	if (protocol == L4_UDP && be16(field) == 0)
		put_be16(field, UINT16_MAX);
}

/* Does the checksum field of @l4 hold the sum of the pseudo-header alone? That of a tunnel's outer
 * header does not, while that of its inner one may. */
static bool is_unfinished(const struct vnet *v, const struct l4 *l4)
{
	return v->needs_csum && l4->csum_at != 0 &&
	       (size_t)v->csum_start + v->csum_offset == l4->csum_at;
}

static int mend_packet(const struct vnet *v, uint8_t *packet, const struct l4 *l4,
		       const struct change *address)
{
	bool v6 = packet[0] >> 4 == 6;

	if (!v6)
		mend(packet + IPV4_CSUM_OFFSET, address);
	if (!covers_addresses(l4, v6))
		return 0;
	if (l4->csum_at == 0)
		return -EBADMSG;
	if (is_unfinished(v, l4))
		csum_mend_sum(packet + l4->csum_at, address->old, address->at, address->n);
	else
		mend_transport(packet + l4->csum_at, l4->protocol, address);
	return 0;
}

/*
 * What an ICMP error quotes, as far as it is there. The error's own checksum, at @csum, covers all
 * that is changed here.
 */
static void mend_quoted(uint8_t *quoted, size_t n, const struct change *address, uint8_t *csum)
{
	bool v6 = quoted[0] >> 4 == 6;
	struct change inner;
	struct l4 l4;

	mend(csum, address);
	if (!v6) {
		inner = before(quoted + IPV4_CSUM_OFFSET, 2);
		mend(inner.at, address);
		mend(csum, &inner);
	}
	l4_parse(quoted, n, &l4);
	if (!covers_addresses(&l4, v6) || l4.csum_at == 0)
		return;
	inner = before(quoted + l4.csum_at, 2);
	mend_transport(inner.at, l4.protocol, address);
	mend(csum, &inner);
}

/* It went the other way: the address of the peer's network is at the other place. */
static void translate_quoted(const struct translate *t, const struct vnet *v, uint8_t *packet,
			     size_t len, const struct l4 *l4, bool incoming)
{
	uint8_t *quoted = packet + l4->quoted, family = packet[0] >> 4, none[2] = {0};
	uint8_t *csum = is_unfinished(v, l4) ? none : packet + l4->csum_at;
	size_t n = len - l4->quoted;
	struct change address;

	if (n < (family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) || quoted[0] >> 4 != family)
		return;
	address = address_of(quoted, !incoming);
	if (exchange(t, family, address.at, incoming))
		mend_quoted(quoted, n, &address, csum);
}

static int translate(const struct translate *t, const struct vnet *v, uint8_t *packet, size_t len,
		     bool incoming, struct addr *addr)
{
	struct change address;
	struct l4 l4;

	if (t->n == 0)
		return 0;
	address = address_of(packet, incoming);
	l4_parse(packet, len, &l4);
	if (l4.kind == L4_ERROR)
		translate_quoted(t, v, packet, len, &l4, incoming);
	if (!exchange(t, packet[0] >> 4, address.at, incoming))
		return 0;
	*addr = addr_from_bytes(packet[0] >> 4, address.at);
	return mend_packet(v, packet, &l4, &address);
}

int translate_outgoing(const struct translate *t, const struct vnet *v, uint8_t *packet, size_t len,
		       struct ip_info *ip)
{
	return translate(t, v, packet, len, false, &ip->dst);
}

int translate_incoming(const struct translate *t, const struct vnet *v, uint8_t *packet, size_t len,
		       struct ip_info *ip)
{
	return translate(t, v, packet, len, true, &ip->src);
}
