/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Flags, a prefix length and an IP packet: there and back again gives the same packet, but for
 * the two spellings that a checksum of 0 has.
 */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/l4.h"
#include "vpnd/pure/translate.h"

#define FLAG_INCOMING 1
#define FLAG_UNFINISHED 2

static void require(int ok)
{
	if (!ok)
		abort();
}

/* Of the packet's address that is to be translated. */
static void add(struct translate *t, const struct addr *a, uint8_t len)
{
	struct prefix there = prefix_of(a, len), here;
	struct addr stands = *a;

	stands.bytes[0] ^= 0x80;
	here = prefix_of(&stands, there.len);
	require(translate_add(t, &here, &there) == 0);
}

static void swap(struct translate *t)
{
	struct prefix p = t->pairs[0].here;

	t->pairs[0].here = t->pairs[0].there;
	t->pairs[0].there = p;
}

static int run(const struct translate *t, bool incoming, const struct vnet *v, uint8_t *p, size_t n)
{
	struct ip_info ip, after;
	int r;

	require(ip_parse(p, n, &ip) == 0);
	r = incoming ? translate_incoming(t, v, p, n, &ip) : translate_outgoing(t, v, p, n, &ip);
	require(ip_parse(p, n, &after) == 0);
	if (r == 0)
		require(addr_equal(&ip.src, &after.src) && addr_equal(&ip.dst, &after.dst));
	return r;
}

static void same(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i += 2) {
		size_t m = n - i < 2 ? 1 : 2;
		bool zero = m == 2 && (a[i] == a[i + 1] && b[i] == b[i + 1]) &&
			    (uint8_t)(a[i] + 1) < 2 && (uint8_t)(b[i] + 1) < 2;

		require(zero || memcmp(a + i, b + i, m) == 0);
	}
}

/* An address of here that is quoted already would not be left alone on the way back. */
static bool quotes_here(const struct translate *t, const uint8_t *p, size_t n, const struct l4 *l4)
{
	bool v6 = p[0] >> 4 == 6;
	size_t bytes = v6 ? 16 : 4, first = (size_t)l4->quoted + (v6 ? 8 : 12);
	struct addr a;

	if (l4->kind != L4_ERROR || first + 2 * bytes > n)
		return false;
	for (size_t i = 0; i < 2; i++) {
		a = addr_from_bytes(p[0] >> 4, p + first + i * bytes);
		if (prefix_contains(&t->pairs[0].here, &a))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct translate t = {.n = 0};
	struct vnet v = {.gso = VNET_GSO_NONE};
	bool incoming = size > 0 && (data[0] & FLAG_INCOMING);
	struct ip_info ip;
	struct l4 l4;
	uint8_t *p;

	if (size < 3 || ip_parse(data + 2, size - 2, &ip) != 0)
		return 0;
	l4_parse(data + 2, size - 2, &l4);
	if (data[0] & FLAG_UNFINISHED)
		v = (struct vnet){.needs_csum = true,
				  .csum_start = l4.csum_at / 2,
				  .csum_offset = (uint16_t)(l4.csum_at - l4.csum_at / 2)};
	add(&t, incoming ? &ip.src : &ip.dst, data[1]);
	if (quotes_here(&t, data + 2, size - 2, &l4))
		return 0;
	if (!incoming)
		swap(&t);
	p = malloc(size - 2);
	require(p != NULL);
	memcpy(p, data + 2, size - 2);
	if (run(&t, incoming, &v, p, size - 2) == 0) {
		swap(&t);
		require(run(&t, incoming, &v, p, size - 2) == 0);
		same(p, data + 2, size - 2);
	}
	free(p);
	return 0;
}
