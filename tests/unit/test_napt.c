/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   peer's side: pc 10.0.0.5, fd0a::5       lent: 192.168.1.250, fd01::ff       LAN: plc
 * 192.168.1.10, fd01::10
 */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/ip.h"
#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"
#include "vpnd/pure/napt.h"

#define TCP 6
#define UDP 17
#define SYN 0x02
#define ACK 0x10
#define FIN 0x01
#define RST 0x04
#define MAX_BYTES 400
#define MANY 100000

static const uint64_t key[2] = {0x1234, 0x5678};
static struct napt *t;

struct made {
	uint8_t bytes[MAX_BYTES];
	size_t n;
	struct vnet v;
	struct ip_info ip;
};

static int setup(void **state)
{
	t = napt_new(key, 1000);
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	napt_free(t);
	return 0;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

/* --- packets --- */

static size_t header_of(const struct made *p)
{
	return p->bytes[0] >> 4 == 4 ? 20 : 40;
}

static uint64_t pseudo(const uint8_t *ip, size_t n)
{
	bool v4 = ip[0] >> 4 == 4;
	uint8_t rest[4] = {0, v4 ? ip[9] : ip[6]};

	put_be16(rest + 2, n - (v4 ? 20 : 40));
	return csum_add(rest, 4, csum_add(ip + (v4 ? 12 : 8), v4 ? 8 : 32, 0));
}

static size_t csum_at(uint8_t protocol)
{
	return protocol == TCP ? 16 : protocol == UDP ? 6 : 2;
}

static uint8_t protocol_of(const struct made *p)
{
	return p->bytes[0] >> 4 == 4 ? p->bytes[9] : p->bytes[6];
}

static void put_sum(uint8_t *field, uint16_t sum)
{
	memcpy(field, &sum, 2);
}

/* The transport header stands already; make both checksums. */
static void finish(struct made *p, bool needs_csum)
{
	size_t at = header_of(p);
	uint8_t protocol = protocol_of(p), *field = p->bytes + at + csum_at(protocol);
	uint64_t sum = protocol == 1 ? 0 : pseudo(p->bytes, p->n);

	if (at == 20) {
		put_be16(p->bytes + 10, 0);
		put_sum(p->bytes + 10, (uint16_t)~csum_fold(csum_add(p->bytes, 20, 0)));
	}
	memset(&p->v, 0, sizeof(p->v));
	put_be16(field, 0);
	if (needs_csum) {
		p->v.needs_csum = true;
		p->v.csum_start = (uint16_t)at;
		p->v.csum_offset = (uint16_t)csum_at(protocol);
		put_sum(field, csum_fold(sum));
	} else {
		put_sum(field, (uint16_t)~csum_fold(csum_add(p->bytes + at, p->n - at, sum)));
	}
	assert_int_equal(ip_parse(p->bytes, p->n, &p->ip), 0);
}

static struct made ip_packet(const char *src, const char *dst, uint8_t protocol, size_t payload)
{
	struct addr s = addr(src), d = addr(dst);
	struct made p = {.n = (s.family == 4 ? 20 : 40) + payload};
	bool v4 = s.family == 4;

	p.bytes[0] = v4 ? 0x45 : 0x60;
	put_be16(p.bytes + (v4 ? 2 : 4), v4 ? p.n : payload);
	p.bytes[v4 ? 8 : 7] = 64;
	p.bytes[v4 ? 9 : 6] = protocol;
	memcpy(p.bytes + (v4 ? 12 : 8), s.bytes, v4 ? 4 : 16);
	memcpy(p.bytes + (v4 ? 16 : 24), d.bytes, v4 ? 4 : 16);
	for (size_t i = 0; i < payload; i++)
		p.bytes[p.n - payload + i] = (uint8_t)(i * 7);
	return p;
}

static struct made segment(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			   uint8_t flags)
{
	struct made p = ip_packet(src, dst, TCP, 40);
	uint8_t *tcp = p.bytes + header_of(&p);

	put_be16(tcp, sport);
	put_be16(tcp + 2, dport);
	tcp[12] = 0x50;
	tcp[13] = flags;
	finish(&p, false);
	return p;
}

static struct made datagram(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct made p = ip_packet(src, dst, UDP, 30);
	uint8_t *udp = p.bytes + header_of(&p);

	put_be16(udp, sport);
	put_be16(udp + 2, dport);
	put_be16(udp + 4, 30);
	finish(&p, false);
	return p;
}

static struct made echo(const char *src, const char *dst, uint16_t id, bool request)
{
	bool v4 = !strchr(src, ':');
	struct made p = ip_packet(src, dst, v4 ? 1 : 58, 16);
	uint8_t *icmp = p.bytes + header_of(&p);

	icmp[0] = v4 ? (request ? 8 : 0) : (request ? 128 : 129);
	icmp[1] = 0;
	put_be16(icmp + 4, id);
	finish(&p, false);
	return p;
}

/* Unreachable, about the first @quoted bytes of @about. */
static struct made error(const char *src, const char *dst, const struct made *about, size_t quoted)
{
	bool v4 = !strchr(src, ':');
	struct made p = ip_packet(src, dst, v4 ? 1 : 58, 8 + quoted);
	uint8_t *icmp = p.bytes + header_of(&p);

	memset(icmp, 0, 8);
	icmp[0] = v4 ? 3 : 1;
	icmp[1] = v4 ? 3 : 4;
	memcpy(icmp + 8, about->bytes, quoted);
	finish(&p, false);
	return p;
}

/* A fragment of a datagram that begins at @offset. */
static struct made fragment(struct made p, uint16_t id, uint16_t offset, bool more)
{
	put_be16(p.bytes + 4, id);
	put_be16(p.bytes + 6, offset / 8 | (more ? 0x2000 : 0));
	put_be16(p.bytes + 10, 0);
	put_sum(p.bytes + 10, (uint16_t)~csum_fold(csum_add(p.bytes, 20, 0)));
	return p;
}

static void sums_are_right(const struct made *p)
{
	size_t at = header_of(p);
	uint64_t sum = protocol_of(p) == 1 ? 0 : pseudo(p->bytes, p->n);
	uint16_t field;

	if (at == 20)
		assert_int_equal(csum_fold(csum_add(p->bytes, 20, 0)), 0xffff);
	memcpy(&field, p->bytes + at + csum_at(protocol_of(p)), 2);
	if (p->v.needs_csum)
		assert_int_equal(field, csum_fold(sum));
	else if (!(protocol_of(p) == UDP && field == 0))
		assert_int_equal(csum_fold(csum_add(p->bytes + at, p->n - at, sum)), 0xffff);
}

static struct l4 l4_of(const struct made *p)
{
	struct l4 l4;

	l4_parse(p->bytes, p->n, &l4);
	return l4;
}

static void goes(const struct made *p, const char *src, uint16_t sport, const char *dst,
		 uint16_t dport)
{
	struct addr s = addr(src), d = addr(dst);
	struct ip_info ip;
	struct l4 l4 = l4_of(p);

	assert_int_equal(ip_parse(p->bytes, p->n, &ip), 0);
	assert_true(addr_equal(&ip.src, &s));
	assert_true(addr_equal(&ip.dst, &d));
	assert_true(addr_equal(&p->ip.src, &s));
	assert_true(addr_equal(&p->ip.dst, &d));
	assert_int_equal(l4.src, sport);
	assert_int_equal(l4.dst, dport);
	sums_are_right(p);
}

/* --- the table; memory exact, so that the sanitizer sees what is read beyond --- */

static enum napt_result in_at(struct made *p, uint16_t slot, uint64_t now)
{
	struct addr a = addr(header_of(p) == 20 ? "192.168.1.250" : "fd01::ff");
	struct napt_packet np = {&p->v, exact_copy(p->bytes, p->n), p->n, &p->ip};
	enum napt_result r = napt_in(t, &np, slot, 0, &a, now);

	memcpy(p->bytes, np.bytes, p->n);
	free(np.bytes);
	return r;
}

static enum napt_result in(struct made *p, uint16_t slot)
{
	return in_at(p, slot, 1000);
}

static enum napt_result out_at(struct made *p, uint16_t *slot, uint64_t now)
{
	struct napt_packet np = {&p->v, exact_copy(p->bytes, p->n), p->n, &p->ip};
	enum napt_result r = napt_out(t, &np, 0, slot, now);

	memcpy(p->bytes, np.bytes, p->n);
	free(np.bytes);
	return r;
}

static enum napt_result out(struct made *p, uint16_t want_slot)
{
	uint16_t slot = UINT16_MAX;
	enum napt_result r = out_at(p, &slot, 1000);

	if (r == NAPT_DONE)
		assert_int_equal(slot, want_slot);
	return r;
}

static void note_at(struct made *p, uint16_t slot, uint64_t now)
{
	struct made was = *p;
	struct napt_packet np = {&p->v, p->bytes, p->n, &p->ip};

	napt_note(t, &np, slot, false, now);
	assert_memory_equal(was.bytes, p->bytes, p->n);
}

#define PC "10.0.0.5"
#define PC6 "fd0a::5"
#define PLC "192.168.1.10"
#define PLC6 "fd01::10"
#define LENT "192.168.1.250"
#define LENT6 "fd01::ff"

/* --- there and back --- */

static void tcp_and_udp(void **state)
{
	static const char *const ends[][3] = {{PC, LENT, PLC}, {PC6, LENT6, PLC6}};

	for (int i = 0; i < 2; i++) {
		struct made p = segment(ends[i][0], 5000, ends[i][2], 80, SYN);

		assert_int_equal(in(&p, 3), NAPT_DONE);
		goes(&p, ends[i][1], 5000, ends[i][2], 80);
		p = segment(ends[i][2], 80, ends[i][1], 5000, SYN | ACK);
		assert_int_equal(out(&p, 3), NAPT_DONE);
		goes(&p, ends[i][2], 80, ends[i][0], 5000);
		p = datagram(ends[i][0], 5000, ends[i][2], 53);
		assert_int_equal(in(&p, 3), NAPT_DONE);
		goes(&p, ends[i][1], 5000, ends[i][2], 53);
		p = datagram(ends[i][2], 53, ends[i][1], 5000);
		assert_int_equal(out(&p, 3), NAPT_DONE);
		goes(&p, ends[i][2], 53, ends[i][0], 5000);
	}
	assert_int_equal(napt_counters(t)->flows, 4);
}

static void unfinished_checksums(void **state)
{
	static const char *const ends[][3] = {{PC, LENT, PLC}, {PC6, LENT6, PLC6}};

	for (int i = 0; i < 2; i++) {
		struct made p = segment(ends[i][0], 5000, ends[i][2], 80, SYN);
		struct made other = segment(ends[i][0], 5000, ends[i][2], 80, SYN);

		assert_int_equal(in(&p, 3), NAPT_DONE);
		finish(&other, true);
		assert_int_equal(in(&other, 4), NAPT_DONE); /* another port: not in the sum */
		assert_int_not_equal(l4_of(&other).src, 5000);
		sums_are_right(&other);
		p = segment(ends[i][2], 80, ends[i][1], l4_of(&other).src, SYN | ACK);
		finish(&p, true);
		assert_int_equal(out(&p, 4), NAPT_DONE);
		goes(&p, ends[i][2], 80, ends[i][0], 5000);
	}
}

static void udp_without_checksum(void **state)
{
	struct made p = datagram(PC, 5000, PLC, 53);

	put_be16(p.bytes + 26, 0);
	assert_int_equal(in(&p, 3), NAPT_DONE);
	assert_int_equal(be16(p.bytes + 26), 0);
	goes(&p, LENT, 5000, PLC, 53);
}

/* A checksum that comes out as 0 would say that there is none. */
static void udp_checksum_of_zero(void **state)
{
	struct made p = datagram(LENT, 5000, PLC, 53), back;
	uint16_t sum = be16(p.bytes + 26);

	/* Make the sum of what is translated ffff, by its payload. */
	put_be16(p.bytes + 30, 0);
	finish(&p, false);
	sum = be16(p.bytes + 26);
	put_be16(p.bytes + 30, sum);
	finish(&p, false);
	assert_int_equal(be16(p.bytes + 26), 0);
	put_be16(p.bytes + 26, 0xffff);
	back = datagram(PC, 5000, PLC, 53);
	put_be16(back.bytes + 30, sum);
	finish(&back, false);
	assert_int_equal(in(&back, 3), NAPT_DONE);
	assert_int_equal(be16(back.bytes + 26), 0xffff);
	assert_memory_equal(back.bytes, p.bytes, p.n);
}

static void pings(void **state)
{
	static const char *const ends[][3] = {{PC, LENT, PLC}, {PC6, LENT6, PLC6}};

	for (int i = 0; i < 2; i++) {
		struct made p = echo(ends[i][0], ends[i][2], 77, true);
		uint16_t id;

		assert_int_equal(in(&p, 3), NAPT_DONE);
		goes(&p, ends[i][1], 77, ends[i][2], 77);
		p = echo(ends[i][0], ends[i][2], 77, true); /* another session's, the same number */
		assert_int_equal(in(&p, 4), NAPT_DONE);
		id = l4_of(&p).src;
		assert_int_not_equal(id, 77);
		goes(&p, ends[i][1], id, ends[i][2], id);
		p = echo(ends[i][2], ends[i][1], id, false);
		assert_int_equal(out(&p, 4), NAPT_DONE);
		goes(&p, ends[i][2], 77, ends[i][0], 77);
		p = echo(ends[i][2], ends[i][1], 77, false);
		assert_int_equal(out(&p, 3), NAPT_DONE);
		p = echo(ends[i][2], ends[i][1], 78, false);
		assert_int_equal(out(&p, 3), NAPT_NO_FLOW);
		p = echo(ends[i][2], ends[i][1], 77, true); /* nobody is there who would answer */
		assert_int_equal(out(&p, 3), NAPT_NO_FLOW);
		p = echo(ends[i][0], ends[i][2], 99, false); /* an answer that nobody asked for */
		assert_int_equal(in(&p, 3), NAPT_NO_FLOW);
	}
}

static void pings_of_the_lent_address(void **state)
{
	static const char *const ends[][2] = {{PLC, LENT}, {PLC6, LENT6}};

	for (int i = 0; i < 2; i++) {
		struct made p = echo(ends[i][0], ends[i][1], 9, true);
		struct made want = echo(ends[i][1], ends[i][0], 9, false);
		struct napt_packet np = {&p.v, p.bytes, p.n, &p.ip};

		assert_true(napt_echo(&np));
		goes(&p, ends[i][1], 9, ends[i][0], 9);
		assert_memory_equal(p.bytes, want.bytes, p.n);
		assert_false(napt_echo(&np)); /* an answer now */
		p = datagram(ends[i][0], 1, ends[i][1], 2);
		np.n = p.n;
		assert_false(napt_echo(&np));
	}
}

static void other_protocols(void **state)
{
	struct made p = ip_packet(PC, PLC, 47, 20), q = ip_packet("10.0.0.6", PLC, 47, 20);

	assert_int_equal(ip_parse(p.bytes, p.n, &p.ip), 0);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(in(&p, 3), NAPT_DONE);
	assert_memory_equal(p.bytes + 12, addr(LENT).bytes, 4);
	assert_int_equal(in(&q, 3), NAPT_NO_PORT); /* there is only one of it */
	p = ip_packet(PLC, LENT, 47, 20);
	assert_int_equal(ip_parse(p.bytes, p.n, &p.ip), 0);
	assert_int_equal(out(&p, 3), NAPT_DONE);
	assert_memory_equal(p.bytes + 16, addr(PC).bytes, 4);
}

/* --- what is not translated --- */

static void flows_of_the_lan_are_left_alone(void **state)
{
	struct made p = segment(PLC, 3000, PC, 80, SYN), was;

	note_at(&p, 3, 1000);
	p = was = segment(PC, 80, PLC, 3000, SYN | ACK);
	assert_int_equal(in(&p, 3), NAPT_LEAVE);
	assert_memory_equal(p.bytes, was.bytes, p.n);
	p = segment(PC, 80, PLC, 3000, SYN | ACK); /* another session is somebody else */
	assert_int_equal(in(&p, 4), NAPT_DONE);
	p = segment(PC, 81, PLC, 3000, SYN);
	assert_int_equal(in(&p, 3), NAPT_DONE);
	p = echo(PLC, PC, 5, true);
	note_at(&p, 3, 1000);
	p = echo(PC, PLC, 5, false);
	assert_int_equal(in(&p, 3), NAPT_LEAVE);
	p = echo(PC, PLC, 5, true); /* the same number, but begun there */
	assert_int_equal(in(&p, 3), NAPT_DONE);
	p = datagram(PLC, 1000, PC, 2000);
	was = error(PC, PLC, &p, 28);
	assert_int_equal(in(&was, 3), NAPT_NO_FLOW);
	note_at(&p, 3, 1000);
	was = error(PC, PLC, &p, 28);
	assert_int_equal(in(&was, 3), NAPT_LEAVE);
}

/* As long as there is no lent address. */
static void without_an_address(void **state)
{
	struct made p = segment(PC, 5000, PLC, 80, SYN), was = p;
	struct napt_packet np = {&p.v, p.bytes, p.n, &p.ip};

	assert_int_equal(napt_in(t, &np, 3, 0, NULL, 1000), NAPT_NO_ADDRESS);
	assert_int_equal(napt_counters(t)->flows, 0);
	napt_note(t, &np, 3, true, 1000); /* there will be none: it goes as it is ... */
	assert_int_equal(napt_in(t, &np, 3, 0, NULL, 1000), NAPT_LEAVE);
	assert_memory_equal(p.bytes, was.bytes, p.n);
	assert_int_equal(in(&p, 3), NAPT_LEAVE); /* ... also when there is one */
	p = fragment(ip_packet(PC, PLC, UDP, 16), 7, 32, false);
	assert_int_equal(ip_parse(p.bytes, p.n, &p.ip), 0);
	np.n = p.n;
	assert_int_equal(napt_in(t, &np, 3, 0, NULL, 1000), NAPT_NO_ADDRESS);
}

static void what_belongs_to_nothing(void **state)
{
	struct made p = segment(PLC, 80, LENT, 5000, SYN | ACK), q;

	assert_int_equal(out(&p, 3), NAPT_NO_FLOW);
	p = segment(PC, 5000, PLC, 80, RST);
	assert_int_equal(in(&p, 3), NAPT_NO_FLOW);
	p = segment(PC, 5000, PLC, 80, SYN);
	assert_int_equal(in(&p, 3), NAPT_DONE);
	for (int i = 0; i < 4; i++) { /* each part of the key counts */
		p = i == 0   ? segment(PLC, 81, LENT, 5000, ACK)
		    : i == 1 ? segment(PLC, 80, LENT, 5001, ACK)
		    : i == 2 ? segment("192.168.1.11", 80, LENT, 5000, ACK)
			     : datagram(PLC, 80, LENT, 5000);
		assert_int_equal(out(&p, 3), NAPT_NO_FLOW);
	}
	p = segment(PLC, 80, LENT, 5000, ACK);
	q = error(PLC, LENT, &p, 28); /* quotes what the LAN sent, not what came to it */
	assert_int_equal(out(&q, 3), NAPT_NO_FLOW);
	p = ip_packet(PC, PLC, TCP, 3);
	assert_int_equal(ip_parse(p.bytes, p.n, &p.ip), 0);
	assert_int_equal(in(&p, 3), NAPT_NO_FLOW);
	assert_int_equal(napt_counters(t)->flows, 1);
}

/* --- ICMP errors --- */

static void errors_from_the_lan(void **state)
{
	static const char *const ends[][3] = {{PC, LENT, PLC}, {PC6, LENT6, PLC6}};

	for (int i = 0; i < 2; i++) {
		struct made p = datagram(ends[i][0], 5000, ends[i][2], 53), was = p, e;
		size_t at = header_of(&p);

		assert_int_equal(in(&p, 3), NAPT_DONE);
		p = datagram(ends[i][0], 5000, ends[i][2], 53);
		was = p;
		assert_int_equal(in(&p, 4), NAPT_DONE); /* gets another port */
		for (size_t quoted = at + 8; quoted <= p.n; quoted++) {
			e = error(ends[i][2], ends[i][1], &p, quoted);
			assert_int_equal(out(&e, 4), NAPT_DONE);
			assert_true(addr_equal(&e.ip.dst, &was.ip.src));
			sums_are_right(&e);
			assert_memory_equal(e.bytes + at + 8, was.bytes, quoted);
		}
		e = error(ends[i][2], ends[i][1], &p, at + 3); /* not enough to know the flow */
		assert_int_equal(out(&e, 4), NAPT_NO_FLOW);
		p = echo(ends[i][0], ends[i][2], 9, true);
		was = p;
		assert_int_equal(in(&p, 3), NAPT_DONE);
		e = error(ends[i][2], ends[i][1], &p, p.n);
		assert_int_equal(out(&e, 3), NAPT_DONE);
		assert_memory_equal(e.bytes + at + 8, was.bytes, was.n);
	}
}

static void errors_from_the_peer(void **state)
{
	static const char *const ends[][4] = {{PC, LENT, PLC, "10.0.0.1"},
					      {PC6, LENT6, PLC6, "fd0a::1"}};

	for (int i = 0; i < 2; i++) {
		struct made p = datagram(ends[i][0], 5000, ends[i][2], 53), answer, e;
		struct addr lent = addr(ends[i][1]);
		size_t at = header_of(&p);

		assert_int_equal(in(&p, 3), NAPT_DONE);
		p = datagram(ends[i][0], 5000, ends[i][2], 53);
		assert_int_equal(in(&p, 4), NAPT_DONE);
		answer = datagram(ends[i][2], 53, ends[i][1], l4_of(&p).src);
		p = answer;
		assert_int_equal(out(&p, 4), NAPT_DONE);
		e = error(ends[i][3], ends[i][2], &p, p.n); /* a router says it */
		assert_int_equal(in(&e, 4), NAPT_DONE);
		assert_true(addr_equal(&e.ip.src, &lent));
		sums_are_right(&e);
		assert_memory_equal(e.bytes + at + 8, answer.bytes, answer.n);
		e = error(ends[i][3], ends[i][2], &p, p.n); /* not this session's flow... */
		assert_int_equal(in(&e, 5), NAPT_NO_FLOW);
		e = error(ends[i][3], ends[i][2], &e, 60); /* about an error */
		assert_int_equal(in(&e, 4), NAPT_NO_FLOW);
	}
}

/* --- fragments --- */

static void fragments(void **state)
{
	struct made p = fragment(datagram(PC, 5000, PLC, 53), 7, 0, true), q;

	q = fragment(ip_packet(PC, PLC, UDP, 16), 7, 32, false);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(in(&q, 3), NAPT_FRAGMENT); /* before its first one */
	assert_int_equal(in(&p, 3), NAPT_DONE);
	assert_int_equal(in(&q, 3), NAPT_DONE);
	assert_memory_equal(q.bytes + 12, addr(LENT).bytes, 4);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(q.bytes[20 + i], (uint8_t)(i * 7));
	assert_int_equal(csum_fold(csum_add(q.bytes, 20, 0)), 0xffff);
	q = fragment(ip_packet(PC, PLC, UDP, 16), 8, 32, false);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(in(&q, 3), NAPT_FRAGMENT); /* of another packet */
	p = fragment(datagram(PLC, 53, LENT, 5000), 9, 0, true);
	assert_int_equal(out(&p, 3), NAPT_DONE);
	q = fragment(ip_packet(PLC, LENT, UDP, 16), 9, 32, false);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(out(&q, 3), NAPT_DONE);
	assert_memory_equal(q.bytes + 16, addr(PC).bytes, 4);
	napt_forget_slot(t, 3);
	q = fragment(ip_packet(PLC, LENT, UDP, 16), 9, 48, false);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(out(&q, 3), NAPT_FRAGMENT); /* its flow has gone */
	q = fragment(ip_packet(PC, PLC, UDP, 3), 10, 0, true);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(in(&q, 3), NAPT_FRAGMENT); /* too small for its ports */
	p = fragment(datagram(PLC, 1000, PC, 2000), 11, 0, true);
	note_at(&p, 3, 1000);
	p = fragment(datagram(PC, 2000, PLC, 1000), 12, 0, true);
	assert_int_equal(in(&p, 3), NAPT_LEAVE);
	q = fragment(ip_packet(PC, PLC, UDP, 16), 12, 32, false);
	assert_int_equal(ip_parse(q.bytes, q.n, &q.ip), 0);
	assert_int_equal(in(&q, 3), NAPT_LEAVE);
}

/* --- time --- */

static uint64_t lives(struct made first, struct made back, uint64_t at)
{
	uint64_t low = 0, high = 8000000;
	uint16_t slot;

	/* The longest time after which the answer still passes; asking does not change the flow's
	 * time if it comes back to @at. */
	while (low + 1 < high) {
		uint64_t middle = (low + high) / 2;
		struct napt *kept = t;
		struct made p = first;

		t = napt_new(key, 100);
		assert_int_equal(in_at(&p, 3, at), NAPT_DONE);
		p = back;
		if (out_at(&p, &slot, at + middle) == NAPT_DONE)
			low = middle;
		else
			high = middle;
		napt_free(t);
		t = kept;
	}
	return low;
}

static void timeouts(void **state)
{
	struct made ack, back;

	assert_int_equal(lives(datagram(PC, 1, PLC, 2), datagram(PLC, 2, LENT, 1), 5000),
			 NAPT_UDP_ONE_MS);
	assert_int_equal(lives(echo(PC, PLC, 2, true), echo(PLC, LENT, 2, false), 5000),
			 NAPT_OTHER_MS);
	assert_int_equal(
		lives(segment(PC, 1, PLC, 2, SYN), segment(PLC, 2, LENT, 1, SYN | ACK), 5000),
		NAPT_TCP_SHORT_MS);
	for (int i = 0; i < 3; i++) { /* answered and gone on: long; ended or reset: short */
		uint16_t slot, port = (uint16_t)(100 + i);
		uint64_t now = 1000, quiet = i == 0 ? NAPT_TCP_LONG_MS : NAPT_TCP_SHORT_MS;

		ack = segment(PC, port, PLC, 80, SYN);
		assert_int_equal(in_at(&ack, 3, now), NAPT_DONE);
		back = segment(PLC, 80, LENT, port, SYN | ACK);
		assert_int_equal(out_at(&back, &slot, now), NAPT_DONE);
		ack = segment(PC, port, PLC, 80, ACK);
		assert_int_equal(in_at(&ack, 3, now), NAPT_DONE);
		back = segment(PLC, 80, LENT, port, i == 2 ? RST : i == 1 ? FIN | ACK : ACK);
		assert_int_equal(out_at(&back, &slot, now), NAPT_DONE);
		ack = segment(PC, port, PLC, 80, i == 1 ? FIN | ACK : ACK);
		assert_int_equal(in_at(&ack, 3, now), NAPT_DONE);
		back = segment(PLC, 80, LENT, port, ACK);
		assert_int_equal(out_at(&back, &slot, now + quiet), NAPT_DONE);
		now += quiet;
		back = segment(PLC, 80, LENT, port, ACK);
		assert_int_equal(out_at(&back, &slot, now + quiet + 1), NAPT_NO_FLOW);
		if (i == 0)
			continue;
		ack = segment(PC, port, PLC, 80, SYN); /* ports used again: it lives again */
		assert_int_equal(in_at(&ack, 3, now), NAPT_DONE);
		back = segment(PLC, 80, LENT, port, SYN | ACK);
		assert_int_equal(out_at(&back, &slot, now), NAPT_DONE);
		ack = segment(PC, port, PLC, 80, ACK);
		assert_int_equal(in_at(&ack, 3, now), NAPT_DONE);
		back = segment(PLC, 80, LENT, port, ACK);
		assert_int_equal(out_at(&back, &slot, now + NAPT_TCP_LONG_MS), NAPT_DONE);
	}
	assert_int_equal(napt_counters(t)->flows, 3);
	napt_expire(t, 1000 + 3 * NAPT_TCP_LONG_MS);
	assert_int_equal(napt_counters(t)->flows, 0);
}

static void forgetting(void **state)
{
	struct made p;

	for (uint16_t slot = 0; slot < 2; slot++) {
		for (uint16_t i = 0; i < 5; i++) {
			p = datagram(PC, (uint16_t)(1000 + i), PLC, 53);
			assert_int_equal(in(&p, slot), NAPT_DONE);
		}
	}
	p = datagram(PLC, 5, PC, 6);
	note_at(&p, 1, 1000);
	napt_forget_slot(t, 0);
	assert_int_equal(napt_counters(t)->flows, 6);
	napt_forget_lent(t, 1);
	assert_int_equal(napt_counters(t)->flows, 6);
	napt_forget_lent(t, 0);
	assert_int_equal(napt_counters(t)->flows, 1); /* what is left alone needs none */
}

/* --- many --- */

static void a_full_table(void **state)
{
	uint16_t slot;
	struct made p;

	p = segment(PC, 1, PLC, 80, SYN);
	assert_int_equal(in_at(&p, 3, 0), NAPT_DONE);
	p = segment(PLC, 80, LENT, 1, SYN | ACK);
	assert_int_equal(out_at(&p, &slot, 0), NAPT_DONE);
	p = segment(PC, 1, PLC, 80, ACK);
	assert_int_equal(in_at(&p, 3, 0), NAPT_DONE);
	for (uint16_t i = 0; i < 2000; i++) {
		p = datagram(PC, (uint16_t)(i + 1), PLC, 53);
		assert_int_equal(in_at(&p, 3, 10 + i), NAPT_DONE);
	}
	assert_int_equal(napt_counters(t)->flows, 1000);
	assert_int_equal(napt_counters(t)->evicted, 1001);
	p = datagram(PLC, 53, LENT, 2000);
	assert_int_equal(out_at(&p, &slot, 3000), NAPT_DONE);
	p = datagram(PLC, 53, LENT, 500); /* the oldest went ... */
	assert_int_equal(out_at(&p, &slot, 3000), NAPT_NO_FLOW);
	p = segment(PLC, 80, LENT, 1, ACK); /* ... but not a connection */
	assert_int_equal(out_at(&p, &slot, 3000), NAPT_DONE);
}

static void no_port_left(void **state)
{
	struct made p;
	uint32_t done = 0, i;

	napt_free(t);
	t = napt_new(key, NAPT_FLOWS_MAX);
	for (i = 0; i < 70000; i++) {
		char pc[20];

		snprintf(pc, sizeof(pc), "10.1.%u.%u", (i >> 8 & 0xff), i & 0xff);
		p = datagram(pc, (uint16_t)(2000 + (i >> 16)), PLC, 53);
		done += in(&p, 3) == NAPT_DONE;
	}
	assert_in_range(done, 60000, 64513);
	p = datagram(PC, 9, "192.168.1.11", 53); /* for other ends there are as many again */
	assert_int_equal(in(&p, 3), NAPT_DONE);
	assert_int_equal(napt_counters(t)->evicted, 0);
}

/* Flow @i: of one of 50 hosts behind one of 5 peers, to one of 40 ends. */
static void ends_of(uint32_t i, char pc[20], uint16_t *slot, uint16_t *port, char plc[20])
{
	*slot = (uint16_t)(i % 5);
	snprintf(pc, 20, "10.0.0.%u", 1 + i / 5 % 50);
	snprintf(plc, 20, "192.168.1.%u", 1 + i / 250 % 40);
	*port = (uint16_t)(1000 + i / 10000);
}

static void hundred_thousand_flows(void **state)
{
	uint16_t *lent_port = calloc(MANY, sizeof(*lent_port)), slot, port;
	char pc[20], plc[20];
	struct made p;

	assert_non_null(lent_port);
	napt_free(t);
	t = napt_new(key, NAPT_FLOWS_MAX);
	for (uint32_t i = 0; i < MANY; i++) {
		ends_of(i, pc, &slot, &port, plc);
		p = datagram(pc, port, plc, 53);
		assert_int_equal(in(&p, slot), NAPT_DONE);
		lent_port[i] = l4_of(&p).src;
		goes(&p, LENT, lent_port[i], plc, 53);
	}
	assert_int_equal(napt_counters(t)->flows, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		ends_of(i, pc, &slot, &port, plc);
		p = datagram(plc, 53, LENT, lent_port[i]);
		assert_int_equal(out(&p, slot), NAPT_DONE);
		goes(&p, plc, 53, pc, port);
		p = datagram(pc, port, plc, 53); /* and the same port again */
		assert_int_equal(in(&p, slot), NAPT_DONE);
		goes(&p, LENT, lent_port[i], plc, 53);
	}
	assert_int_equal(napt_counters(t)->made, MANY);
	assert_int_equal(napt_counters(t)->evicted, 0);
	napt_expire(t, 1000 + NAPT_UDP_BOTH_MS);
	assert_int_equal(napt_counters(t)->flows, MANY);
	napt_expire(t, 1001 + NAPT_UDP_BOTH_MS);
	assert_int_equal(napt_counters(t)->flows, 0);
	free(lent_port);
}

static void noise(void **state)
{
	uint64_t seed = 77;

	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		struct made p = i % 2 ? echo(PC6, PLC6, (uint16_t)i, true)
				      : datagram(PC, 5000, PLC, (uint16_t)(i % 50));
		uint16_t slot;

		for (int k = 0; k < 3; k++)
			p.bytes[noise_u32(&seed) % p.n] = (uint8_t)noise_u32(&seed);
		if (ip_parse(p.bytes, p.n, &p.ip) != 0)
			continue;
		(void)in_at(&p, 3, (uint64_t)i);
		if (ip_parse(p.bytes, p.n, &p.ip) == 0)
			(void)out_at(&p, &slot, (uint64_t)i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tcp_and_udp, setup, teardown),
		cmocka_unit_test_setup_teardown(unfinished_checksums, setup, teardown),
		cmocka_unit_test_setup_teardown(udp_without_checksum, setup, teardown),
		cmocka_unit_test_setup_teardown(udp_checksum_of_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(pings, setup, teardown),
		cmocka_unit_test_setup_teardown(pings_of_the_lent_address, setup, teardown),
		cmocka_unit_test_setup_teardown(other_protocols, setup, teardown),
		cmocka_unit_test_setup_teardown(flows_of_the_lan_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(without_an_address, setup, teardown),
		cmocka_unit_test_setup_teardown(what_belongs_to_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_from_the_lan, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_from_the_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(timeouts, setup, teardown),
		cmocka_unit_test_setup_teardown(forgetting, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table, setup, teardown),
		cmocka_unit_test_setup_teardown(no_port_left, setup, teardown),
		cmocka_unit_test_setup_teardown(hundred_thousand_flows, setup, teardown),
		cmocka_unit_test_setup_teardown(noise, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
