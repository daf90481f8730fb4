/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/neigh.h"

#include <errno.h>
#include <string.h>

#include "vpnd/pure/csum.h"

#define ARP_BYTES 28
#define ARP_OP 6
#define ARP_SENDER_MAC 8
#define ARP_SENDER 14
#define ARP_TARGET_MAC 18
#define ARP_TARGET 24
#define ARP_REQUEST 1
#define ARP_REPLY 2

#define IPV6_BYTES 40
#define ND_BYTES 24 /* type, code, checksum, flags, target */
#define ND_TARGET 8
#define ND_SOLICIT 135
#define ND_ADVERT 136
#define ND_SOLICITED 0x40
#define ND_OVERRIDE 0x20
#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2
#define OPTION_MAC_BYTES 8
#define PROTOCOL_ICMPV6 58
#define HOP_LIMIT 255 /* nobody forwarded it */

static const uint8_t everybody[NEIGH_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t nobody[16];

/* Of one interface: not the group bit, not zero. */
static bool is_one_mac(const uint8_t mac[NEIGH_MAC_BYTES])
{
	return (mac[0] & 1) == 0 && memcmp(mac, nobody, NEIGH_MAC_BYTES) != 0;
}

/* --- ARP --- */

/* Ethernet, IPv4, and the lengths of their addresses */
static const uint8_t arp_head[ARP_OP] = {0, 1, 8, 0, 6, 4};

static int parse_arp(struct neigh *out, const uint8_t *p, size_t len)
{
	struct addr sender, target;
	uint16_t op;

	if (len < ARP_BYTES || memcmp(p, arp_head, sizeof(arp_head)) != 0)
		return -EBADMSG;
	op = be16(p + ARP_OP);
	if ((op != ARP_REQUEST && op != ARP_REPLY) || !is_one_mac(p + ARP_SENDER_MAC))
		return -EBADMSG;
	memcpy(out->mac, p + ARP_SENDER_MAC, NEIGH_MAC_BYTES);
	sender = addr_from_bytes(4, p + ARP_SENDER);
	target = addr_from_bytes(4, p + ARP_TARGET);
	if (memcmp(sender.bytes, nobody, 4) != 0) {
		out->used = sender;
		if (op == ARP_REQUEST && !addr_equal(&sender, &target))
			out->asked = target;
	} else if (op == ARP_REQUEST) {
		out->probed = target;
	}
	return 0;
}

static void make_arp(struct neigh_message *m, uint16_t op, const uint8_t mac[NEIGH_MAC_BYTES],
		     const struct addr *sender, const uint8_t to_mac[NEIGH_MAC_BYTES],
		     const struct addr *target)
{
	uint8_t *p = m->bytes;

	memset(p, 0, ARP_BYTES);
	memcpy(p, arp_head, sizeof(arp_head));
	put_be16(p + ARP_OP, op);
	memcpy(p + ARP_SENDER_MAC, mac, NEIGH_MAC_BYTES);
	memcpy(p + ARP_SENDER, sender->bytes, 4);
	memcpy(p + ARP_TARGET_MAC, to_mac, NEIGH_MAC_BYTES);
	memcpy(p + ARP_TARGET, target->bytes, 4);
	m->n = ARP_BYTES;
}

/* --- neighbour discovery --- */

static uint16_t nd_csum(const uint8_t *ip, size_t message)
{
	uint8_t rest[4] = {0, PROTOCOL_ICMPV6};

	put_be16(rest + 2, message); /* RFC 8200 section 8.1 */
	return (uint16_t)~csum_fold(csum_add(
		ip + 8, 32, csum_add(rest, sizeof(rest), csum_add(ip + IPV6_BYTES, message, 0))));
}

/* The hardware address in an option of @type, if there is one. Return: false, options are broken.
 */
static bool find_mac(const uint8_t *p, size_t len, uint8_t type, const uint8_t **mac)
{
	size_t bytes;

	*mac = NULL;
	for (; len > 0; p += bytes, len -= bytes) {
		bytes = len >= 2 ? (size_t)p[1] * 8 : 0;
		if (bytes == 0 || bytes > len)
			return false;
		if (p[0] == type && bytes == OPTION_MAC_BYTES && !*mac)
			*mac = p + 2;
	}
	return true;
}

/* What RFC 4861, 7.1.1 and 7.1.2, ask of all of them. @n: bytes of the ICMP message. */
static bool is_sound_nd(const uint8_t *ip, size_t len, size_t *n)
{
	const uint8_t *icmp = ip + IPV6_BYTES;

	if (len < IPV6_BYTES + ND_BYTES || ip[0] >> 4 != 6 || ip[6] != PROTOCOL_ICMPV6 ||
	    ip[7] != HOP_LIMIT)
		return false;
	*n = be16(ip + 4);
	return *n >= ND_BYTES && *n <= len - IPV6_BYTES && icmp[1] == 0 &&
	       icmp[ND_TARGET] != 0xff && nd_csum(ip, *n) == 0;
}

static int parse_solicitation(struct neigh *out, const uint8_t *ip, const struct addr *target,
			      const uint8_t *mac)
{
	if (memcmp(ip + 8, nobody, 16) == 0) {
		if (mac) /* RFC 4861 7.1.1 */
			return -EBADMSG;
		out->probed = *target;
		return 0;
	}
	out->used = addr_from_bytes(6, ip + 8);
	out->asked = *target;
	return 0;
}

static int parse_nd(struct neigh *out, const uint8_t *ip, size_t len)
{
	const uint8_t *icmp = ip + IPV6_BYTES, *mac;
	struct addr target;
	bool solicit;
	size_t n;

	if (!is_sound_nd(ip, len, &n))
		return -EBADMSG;
	solicit = icmp[0] == ND_SOLICIT;
	if ((!solicit && icmp[0] != ND_ADVERT) ||
	    !find_mac(icmp + ND_BYTES, n - ND_BYTES,
		      solicit ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC, &mac) ||
	    (mac && !is_one_mac(mac)))
		return -EBADMSG;
	if (mac)
		memcpy(out->mac, mac, NEIGH_MAC_BYTES);
	target = addr_from_bytes(6, icmp + ND_TARGET);
	if (solicit)
		return parse_solicitation(out, ip, &target, mac);
	out->used = target;
	return 0;
}

/* @mac: for an option; NULL: none. */
static void make_nd(struct neigh_message *m, uint8_t type, uint8_t flags, const struct addr *target,
		    const uint8_t *mac)
{
	uint8_t *ip = m->bytes, *icmp = ip + IPV6_BYTES;
	size_t n = ND_BYTES + (mac ? OPTION_MAC_BYTES : 0);
	uint16_t csum;

	ip[0] = 0x60;
	put_be16(ip + 4, n);
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = HOP_LIMIT;
	icmp[0] = type;
	icmp[4] = flags;
	memcpy(icmp + ND_TARGET, target->bytes, 16);
	if (mac) {
		icmp[ND_BYTES] = OPTION_TARGET_MAC;
		icmp[ND_BYTES + 1] = 1;
		memcpy(icmp + ND_BYTES + 2, mac, NEIGH_MAC_BYTES);
	}
	csum = nd_csum(ip, n);
	memcpy(icmp + 2, &csum, sizeof(csum));
	m->n = IPV6_BYTES + n;
}

/* An IPv6 multicast address, ff02::@a:@b, and where its frames go (RFC 2464 section 7). */
static void to_group(struct neigh_message *m, const uint8_t low[6])
{
	static const uint8_t mac[2] = {0x33, 0x33};
	uint8_t *dst = m->bytes + 24;

	memset(dst, 0, 16);
	dst[0] = 0xff;
	dst[1] = 0x02;
	memcpy(dst + 10, low, 6);
	memcpy(m->to, mac, sizeof(mac));
	memcpy(m->to + 2, dst + 12, 4);
}

static void to_all_nodes(struct neigh_message *m)
{
	static const uint8_t low[6] = {0, 0, 0, 0, 0, 1};

	to_group(m, low);
}

/* --- both --- */

int neigh_parse(struct neigh *out, uint8_t family, const uint8_t *p, size_t len,
		const uint8_t mac[NEIGH_MAC_BYTES])
{
	memset(out, 0, sizeof(*out));
	memcpy(out->mac, mac, NEIGH_MAC_BYTES);
	return family == 4 ? parse_arp(out, p, len) : parse_nd(out, p, len);
}

void neigh_probe(struct neigh_message *m, const struct addr *a, const uint8_t mac[NEIGH_MAC_BYTES])
{
	struct addr none = {.family = a->family};
	uint8_t low[6] = {0, 1, 0xff, a->bytes[13], a->bytes[14], a->bytes[15]};

	memset(m, 0, sizeof(*m));
	if (a->family == 4) {
		memcpy(m->to, everybody, sizeof(everybody));
		make_arp(m, ARP_REQUEST, mac, &none, nobody, a);
		return;
	}
	to_group(m, low); /* solicited-node, RFC 4291 2.7.1 */
	make_nd(m, ND_SOLICIT, 0, a, NULL);
}

void neigh_announce(struct neigh_message *m, const struct addr *a,
		    const uint8_t mac[NEIGH_MAC_BYTES])
{
	memset(m, 0, sizeof(*m));
	if (a->family == 4) {
		memcpy(m->to, everybody, sizeof(everybody));
		make_arp(m, ARP_REQUEST, mac, a, nobody, a);
		return;
	}
	memcpy(m->bytes + 8, a->bytes, 16);
	to_all_nodes(m);
	make_nd(m, ND_ADVERT, ND_OVERRIDE, a, mac);
}

void neigh_answer(struct neigh_message *m, const struct addr *a, const uint8_t mac[NEIGH_MAC_BYTES],
		  const struct addr *to, const uint8_t to_mac[NEIGH_MAC_BYTES])
{
	struct addr none = {.family = a->family};

	memset(m, 0, sizeof(*m));
	if (a->family == 4) {
		memcpy(m->to, to_mac, NEIGH_MAC_BYTES);
		make_arp(m, ARP_REPLY, mac, a, to_mac, to->family ? to : &none);
		return;
	}
	memcpy(m->bytes + 8, a->bytes, 16);
	if (!to->family) {
		to_all_nodes(m); /* RFC 4861 7.2.4: it has no address to answer to */
		make_nd(m, ND_ADVERT, ND_OVERRIDE, a, mac);
		return;
	}
	memcpy(m->bytes + 24, to->bytes, 16);
	memcpy(m->to, to_mac, NEIGH_MAC_BYTES);
	make_nd(m, ND_ADVERT, ND_SOLICITED | ND_OVERRIDE, a, mac);
}
