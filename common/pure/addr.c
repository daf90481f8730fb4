/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint8_t family_bits(uint8_t family)
{
	switch (family) {
	case 4:
		return 32;
	case 6:
		return 128;
	default:
		return 0;
	}
}

int addr_parse(struct addr *a, const char *text)
{
	struct addr found = {.family = 0};

	if (inet_pton(AF_INET, text, found.bytes) == 1)
		found.family = 4;
	else if (inet_pton(AF_INET6, text, found.bytes) == 1)
		found.family = 6;
	else
		return -EINVAL;
	*a = found;
	return 0;
}

void addr_format(const struct addr *a, char out[ADDR_TEXT_SIZE])
{
	int af = a->family == 4 ? AF_INET : AF_INET6;

	if (family_bits(a->family) == 0 || !inet_ntop(af, a->bytes, out, ADDR_TEXT_SIZE))
		snprintf(out, ADDR_TEXT_SIZE, "none");
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct addr addr_from_bytes(uint8_t family, const uint8_t *bytes)
{
	struct addr a = {.family = family};

	memcpy(a.bytes, bytes, family_bits(family) / 8);
	return a;
}

struct prefix prefix_of(const struct addr *a, uint8_t len)
{
	struct prefix p = {.addr = *a, .len = len};
	uint8_t bits = family_bits(a->family);

	if (p.len > bits)
		p.len = bits;
	for (size_t i = 0; i < sizeof(p.addr.bytes); i++) {
		size_t keep = p.len > 8 * i ? p.len - 8 * i : 0;

		if (keep < 8)
			p.addr.bytes[i] &= (uint8_t)(0xff00 >> keep);
	}
	return p;
}

/* Decimal without sign or leading zeros, at most @max. */
static int parse_len(uint8_t *len, const char *text, uint8_t max)
{
	unsigned int v = 0;
	size_t n = strspn(text, "0123456789");

	if (n < 1 || n > 3 || text[n] != '\0' || (n > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned int)(text[i] - '0');
	if (v > max)
		return -EINVAL;
	*len = (uint8_t)v;
	return 0;
}

int prefix_parse(struct prefix *p, const char *text)
{
	char host[ADDR_TEXT_SIZE];
	const char *slash = strchrnul(text, '/');
	size_t n = (size_t)(slash - text);
	struct prefix found;
	struct addr a;
	uint8_t len;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (addr_parse(&a, host) != 0)
		return -EINVAL;
	len = family_bits(a.family);
	if (*slash && parse_len(&len, slash + 1, len) != 0)
		return -EINVAL;
	found = prefix_of(&a, len);
	if (!addr_equal(&found.addr, &a))
		return -EDOM;
	*p = found;
	return 0;
}

void prefix_format(const struct prefix *p, char out[PREFIX_TEXT_SIZE])
{
	char host[ADDR_TEXT_SIZE];

	addr_format(&p->addr, host);
	snprintf(out, PREFIX_TEXT_SIZE, "%s/%u", host, (unsigned int)p->len);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	struct prefix of = prefix_of(a, p->len);

	return prefix_equal(p, &of);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

/* Ranges that a LAN may not touch: RFC 6890, RFC 4291. A default route overlaps the first ones. */
static const struct prefix UNROUTABLE[] = {
	{{4, {0}}, 8},			       /* this network */
	{{4, {127}}, 8},		       /* loopback */
	{{4, {169, 254}}, 16},		       /* link-local */
	{{4, {224}}, 4},		       /* multicast */
	{{4, {240}}, 4},		       /* reserved, broadcast */
	{{6, {0}}, 96},			       /* ::, ::1, IPv4-compatible */
	{{6, {[10] = 0xff, [11] = 0xff}}, 96}, /* IPv4-mapped */
	{{6, {0xfe, 0x80}}, 10},	       /* link-local */
	{{6, {0xff}}, 8},		       /* multicast */
};

bool prefix_routable(const struct prefix *p)
{
	if (family_bits(p->addr.family) == 0)
		return false;
	for (size_t i = 0; i < sizeof(UNROUTABLE) / sizeof(UNROUTABLE[0]); i++) {
		if (prefix_overlaps(p, &UNROUTABLE[i]))
			return false;
	}
	return true;
}

bool prefix_is_wide(const struct prefix *p)
{
	return p->len <= (p->addr.family == 4 ? 8 : 16);
}

bool prefix_reachable(const struct prefix *p)
{
	if (family_bits(p->addr.family) == 0)
		return false;
	for (size_t i = 0; i < sizeof(UNROUTABLE) / sizeof(UNROUTABLE[0]); i++) {
		if (prefix_overlaps(p, &UNROUTABLE[i]) &&
		    (!prefix_is_wide(p) || p->len >= UNROUTABLE[i].len))
			return false;
	}
	return true;
}

/* For every packet, so not by the table above; a test holds them against each other. */
bool addr_is_martian(const struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t zero[12];
	const uint8_t *b = a->bytes;

	if (a->family == 4)
		return b[0] == 0 || b[0] == 127 || b[0] >= 224 || (b[0] == 169 && b[1] == 254);
	return b[0] == 0xff || (b[0] == 0xfe && b[1] >> 6 == 2) ||
	       (b[0] == 0 && (memcmp(b, zero, 12) == 0 || memcmp(b, mapped, 12) == 0));
}
