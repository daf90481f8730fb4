/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine's LAN is 192.168.1.0/24 and fd01::/64, the manager's side 10.0.0.0/24 and fd02::/64.
 */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "vpnd/pure/csum.h"
#include "vpnd/pure/firewall.h"
#include "vpnd/pure/l4.h"

#define SLOT 5
#define OTHER_SLOT 6
#define FIN 1
#define SYN 2
#define RST 4
#define ACK 16

static const char *const plc = "192.168.1.10", *const pc = "10.0.0.10";
static struct firewall *fw;
static uint64_t now;

/* Packets */

struct made {
	uint8_t bytes[256];
	size_t n;
};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static void put_ip(struct made *m, const char *src, const char *dst, uint8_t protocol, size_t body)
{
	struct addr from = addr(src), to = addr(dst);

	memset(m, 0, sizeof(*m));
	if (from.family == 4) {
		m->bytes[0] = 0x45;
		put_be16(m->bytes + 2, 20 + body);
		m->bytes[9] = protocol;
		memcpy(m->bytes + 12, from.bytes, 4);
		memcpy(m->bytes + 16, to.bytes, 4);
		m->n = 20;
		return;
	}
	m->bytes[0] = 0x60;
	put_be16(m->bytes + 4, body);
	m->bytes[6] = protocol;
	memcpy(m->bytes + 8, from.bytes, 16);
	memcpy(m->bytes + 24, to.bytes, 16);
	m->n = 40;
}

static struct made tcp(const char *src, uint16_t from, const char *dst, uint16_t to, uint8_t flags)
{
	struct made m;

	put_ip(&m, src, dst, L4_TCP, 20);
	put_be16(m.bytes + m.n, from);
	put_be16(m.bytes + m.n + 2, to);
	m.bytes[m.n + 12] = 0x50;
	m.bytes[m.n + 13] = flags;
	m.n += 20;
	return m;
}

static struct made udp(const char *src, uint16_t from, const char *dst, uint16_t to)
{
	struct made m;

	put_ip(&m, src, dst, L4_UDP, 16);
	put_be16(m.bytes + m.n, from);
	put_be16(m.bytes + m.n + 2, to);
	m.n += 16;
	return m;
}

static struct made echo(const char *src, const char *dst, bool request, uint16_t id)
{
	bool v6 = strchr(src, ':') != NULL;
	struct made m;

	put_ip(&m, src, dst, v6 ? L4_ICMPV6 : L4_ICMP, 8);
	m.bytes[m.n] = v6 ? (request ? 128 : 129) : (request ? 8 : 0);
	put_be16(m.bytes + m.n + 4, id);
	m.n += 8;
	return m;
}

/* "Unreachable" from @src to @dst about @what, of which @quoted bytes are there. */
static struct made error_about(const char *src, const char *dst, const struct made *what,
			       size_t quoted)
{
	bool v6 = strchr(src, ':') != NULL;
	struct made m;

	put_ip(&m, src, dst, v6 ? L4_ICMPV6 : L4_ICMP, 8 + quoted);
	m.bytes[m.n] = v6 ? 1 : 3;
	memcpy(m.bytes + m.n + 8, what->bytes, quoted);
	m.n += 8 + quoted;
	return m;
}

/* @offset in bytes. */
static struct made fragment(struct made m, uint16_t id, size_t offset, bool more)
{
	put_be16(m.bytes + 4, id);
	put_be16(m.bytes + 6, offset / 8 | (more ? 0x2000 : 0));
	return m;
}

/* Asking */

static struct firewall_decision ask(uint16_t slot, enum rule_direction direction,
				    const struct made *m)
{
	uint8_t *exact = exact_copy(m->bytes, m->n);
	struct firewall_decision explained, d;
	struct ip_info ip;
	struct firewall_packet p = {slot, direction, &ip, exact, m->n};

	assert_int_equal(ip_parse(exact, m->n, &ip), 0);
	explained = firewall_explain(fw, &p, now);
	d = firewall_check(fw, &p, now);
	assert_int_equal(explained.verdict, d.verdict); /* what is told is what happens */
	assert_int_equal(explained.why, d.why);
	assert_int_equal(explained.rule, d.rule);
	assert_int_equal(explained.cut, d.cut);
	free(exact);
	return d;
}

static void expect(enum rule_direction direction, struct made m, enum firewall_verdict verdict,
		   enum firewall_why why)
{
	struct firewall_decision d = ask(SLOT, direction, &m);

	if (d.verdict != verdict || d.why != why)
		fail_msg("verdict %d, \"%s\"", d.verdict, firewall_why_text(d.why));
}

#define passes(direction, m, why) expect(direction, m, FIREWALL_PASS, why)
#define is_refused(direction, m, why) expect(direction, m, FIREWALL_REFUSE, why)
#define is_dropped(direction, m, why) expect(direction, m, FIREWALL_DROP, why)

static void set_rules(uint16_t slot, size_t n, const char *const texts[])
{
	static struct rules rules;

	rules.n = n;
	rules.present = true;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rule_parse(&rules.at[i], texts[i]), 0);
	firewall_set_rules(fw, slot, &rules);
}

#define RULES(...)                                                                    \
	sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]) \
	{                                                                             \
		__VA_ARGS__                                                           \
	}

static int begin(void **state)
{
	static const uint64_t key[2] = {1, 2};

	(void)state;
	fw = firewall_new(key);
	now = 1000000;
	firewall_begin(fw, SLOT, 0);
	return fw ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	firewall_free(fw);
	return 0;
}

static const struct firewall_counters *counters(void)
{
	return firewall_counters(fw, SLOT);
}

/* Tests */

static void without_rules_all_passes(void **state)
{
	passes(RULE_IN, tcp(pc, 1000, plc, 22, SYN), FIREWALL_NO_RULES);
	passes(RULE_OUT, tcp(plc, 1000, pc, 22, SYN), FIREWALL_NO_RULES);
	passes(RULE_IN, fragment(udp(pc, 1, plc, 2), 1, 8, false), FIREWALL_NO_RULES);
	assert_int_equal(firewall_flows(fw, SLOT, now), 2);
}

/* What runs when the first rule comes goes on if the rule allows what began it, and only then. */
static void what_runs_when_rules_come(void **state)
{
	struct made push = tcp(pc, 444, plc, 5003, ACK);

	passes(RULE_IN, udp(pc, 5000, plc, 161), FIREWALL_NO_RULES);
	passes(RULE_OUT, udp(plc, 5000, pc, 53), FIREWALL_NO_RULES);
	passes(RULE_IN, tcp(pc, 5001, plc, 102, SYN), FIREWALL_NO_RULES);
	passes(RULE_OUT, tcp(plc, 5002, pc, 443, SYN), FIREWALL_NO_RULES);
	passes(RULE_OUT, tcp(plc, 5003, pc, 444, SYN), FIREWALL_NO_RULES);
	passes(RULE_IN, echo(pc, plc, true, 7), FIREWALL_NO_RULES);
	set_rules(SLOT, RULES("allow in udp/161", "allow in tcp/102", "allow out tcp/443",
			      "allow out udp/53", "allow in icmp"));
	passes(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_FLOW);
	passes(RULE_IN, udp(pc, 53, plc, 5000), FIREWALL_FLOW);
	passes(RULE_OUT, tcp(plc, 102, pc, 5001, ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 443, plc, 5002, ACK), FIREWALL_FLOW);
	passes(RULE_OUT, echo(plc, pc, false, 7), FIREWALL_FLOW);
	assert_true(ask(SLOT, RULE_IN, &push).cut);
	set_rules(SLOT, RULES("allow in udp/161"));
	passes(RULE_IN, udp(pc, 5000, plc, 161), FIREWALL_FLOW);
	is_refused(RULE_IN, udp(pc, 53, plc, 5000), FIREWALL_DEFAULT);
}

/* A new vpnd has seen no beginning, and there are no rules yet. */
static void what_ran_before_without_rules(void **state)
{
	firewall_begin(fw, SLOT, now);
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, ACK), FIREWALL_NO_RULES);
	passes(RULE_IN, tcp(pc, 443, plc, 5001, ACK), FIREWALL_NO_RULES); /* nobody knows */
	passes(RULE_OUT, tcp(plc, 5002, pc, 443, ACK), FIREWALL_NO_RULES);
	passes(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_NO_RULES);
	assert_int_equal(firewall_flows(fw, SLOT, now), 3);
	set_rules(SLOT, RULES("allow in tcp/102", "allow out tcp/443", "allow in udp/161"));
	passes(RULE_IN, tcp(pc, 5000, plc, 102, ACK), FIREWALL_FLOW);
	is_dropped(RULE_IN, tcp(pc, 443, plc, 5001, ACK), FIREWALL_STRAY);
	passes(RULE_OUT, tcp(plc, 5001, pc, 443, ACK), FIREWALL_RULE);
	passes(RULE_IN, tcp(pc, 443, plc, 5002, ACK), FIREWALL_FLOW);
	passes(RULE_IN, udp(pc, 5000, plc, 161), FIREWALL_FLOW);
	/* Such a flow does not let the manager begin anything. */
	is_refused(RULE_IN, tcp(pc, 443, plc, 5002, SYN), FIREWALL_DEFAULT);
}

/* A new vpnd has rules at once. */
static void what_ran_before_with_rules(void **state)
{
	firewall_begin(fw, SLOT, now);
	set_rules(SLOT, RULES("allow in 192.168.1.10/32 udp/161", "allow in icmp"));
	is_dropped(RULE_IN, echo(pc, plc, false, 7), FIREWALL_STRAY);
	is_refused(RULE_IN, udp(pc, 53, plc, 5000), FIREWALL_DEFAULT);
	passes(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_FLOW);
	passes(RULE_IN, udp(pc, 5000, plc, 161), FIREWALL_FLOW);
	passes(RULE_OUT, echo(plc, pc, false, 7), FIREWALL_FLOW);
	is_refused(RULE_OUT, udp(plc, 162, pc, 5000), FIREWALL_DEFAULT);
	is_refused(RULE_OUT, udp("192.168.1.11", 161, pc, 5000), FIREWALL_DEFAULT);
	is_refused(RULE_OUT, echo(plc, pc, true, 8), FIREWALL_DEFAULT);
	now += 300000; /* nothing that old would be remembered */
	is_refused(RULE_OUT, udp(plc, 161, pc, 5002), FIREWALL_DEFAULT);
	is_dropped(RULE_OUT, echo(plc, pc, false, 9), FIREWALL_STRAY);
}

static void answers_pass(void **state)
{
	set_rules(SLOT,
		  RULES("allow in 192.168.1.10/32 tcp/102", "allow in udp/161", "allow in icmp"));
	is_refused(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_DEFAULT);
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_RULE);
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, SYN | ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 5000, plc, 102, ACK), FIREWALL_FLOW);
	passes(RULE_IN, udp(pc, 5000, plc, 161), FIREWALL_RULE);
	passes(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_FLOW);
	is_refused(RULE_OUT, udp(plc, 161, pc, 5001), FIREWALL_DEFAULT);
	passes(RULE_IN, echo(pc, plc, true, 7), FIREWALL_RULE);
	passes(RULE_OUT, echo(plc, pc, false, 7), FIREWALL_FLOW);
	is_dropped(RULE_OUT, echo(plc, pc, false, 8), FIREWALL_STRAY);
	assert_int_equal(firewall_flows(fw, SLOT, now), 3);
	assert_int_equal(counters()->opened, 3);
	assert_int_equal(counters()->hits[0], 1);
	assert_int_equal(counters()->hits[1], 1);
	assert_int_equal(counters()->by_default, 2);
	assert_int_equal(counters()->refused, 2);
	assert_int_equal(counters()->stray, 1);
}

static void answers_pass_in_ipv6(void **state)
{
	set_rules(SLOT, RULES("allow in fd01::10/128 tcp/102", "allow in icmp"));
	passes(RULE_IN, tcp("fd02::1", 5000, "fd01::10", 102, SYN), FIREWALL_RULE);
	passes(RULE_OUT, tcp("fd01::10", 102, "fd02::1", 5000, SYN | ACK), FIREWALL_FLOW);
	is_refused(RULE_IN, tcp("fd02::1", 5000, "fd01::11", 102, SYN), FIREWALL_DEFAULT);
	passes(RULE_IN, echo("fd02::1", "fd01::11", true, 9), FIREWALL_RULE);
	passes(RULE_OUT, echo("fd01::11", "fd02::1", false, 9), FIREWALL_FLOW);
}

/* Who was asked may answer, no more. */
static void an_answer_is_no_beginning(void **state)
{
	set_rules(SLOT, RULES("allow in tcp/102", "allow in icmp"));
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_RULE);
	is_refused(RULE_OUT, tcp(plc, 102, pc, 5000, SYN), FIREWALL_DEFAULT);
	passes(RULE_IN, echo(pc, plc, true, 7), FIREWALL_RULE);
	is_refused(RULE_OUT, echo(plc, pc, true, 7), FIREWALL_DEFAULT);
	assert_int_equal(firewall_flows(fw, SLOT, now), 2);
}

static void directions(void **state)
{
	set_rules(SLOT, RULES("allow out 192.168.1.10/32 tcp/443", "deny in", "allow udp/53"));
	passes(RULE_OUT, tcp(plc, 5000, pc, 443, SYN), FIREWALL_RULE);
	passes(RULE_IN, tcp(pc, 443, plc, 5000, SYN | ACK), FIREWALL_FLOW);
	is_refused(RULE_OUT, tcp("192.168.1.11", 5000, pc, 443, SYN), FIREWALL_DEFAULT);
	is_refused(RULE_IN, tcp(pc, 5000, plc, 443, SYN), FIREWALL_RULE);
	is_refused(RULE_IN, udp(pc, 5000, plc, 53), FIREWALL_RULE);
	passes(RULE_OUT, udp(plc, 5000, pc, 53), FIREWALL_RULE);
}

static void other_protocols(void **state)
{
	struct made gre;

	put_ip(&gre, pc, plc, 47, 4);
	gre.n += 4;
	set_rules(SLOT, RULES("allow tcp", "allow udp", "allow icmp"));
	is_refused(RULE_IN, gre, FIREWALL_DEFAULT);
	set_rules(SLOT, RULES("allow in"));
	passes(RULE_IN, gre, FIREWALL_RULE);
	put_ip(&gre, plc, pc, 47, 4);
	gre.n += 4;
	passes(RULE_OUT, gre, FIREWALL_FLOW);
}

/* Flows go on while the rules allow their beginning. */
static void rules_that_change(void **state)
{
	struct made segment;

	set_rules(SLOT, RULES("allow in tcp/102", "allow in tcp/80"));
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_RULE);
	passes(RULE_IN, tcp(pc, 5001, plc, 80, SYN), FIREWALL_RULE);
	set_rules(SLOT, RULES("deny in tcp/22", "allow in tcp/80"));
	assert_int_equal(counters()->hits[0], 0);
	assert_int_equal(counters()->hits[1], 1); /* the rule that stays keeps its count */
	segment = tcp(plc, 102, pc, 5000, ACK);
	assert_true(ask(SLOT, RULE_OUT, &segment).cut);
	assert_false(ask(SLOT, RULE_OUT, &segment).cut); /* once */
	is_refused(RULE_OUT, segment, FIREWALL_DEFAULT);
	is_refused(RULE_IN, tcp(pc, 5000, plc, 102, ACK), FIREWALL_DEFAULT);
	passes(RULE_OUT, tcp(plc, 80, pc, 5001, ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 5001, plc, 80, ACK), FIREWALL_FLOW);
	assert_int_equal(firewall_flows(fw, SLOT, now), 1);
	set_rules(SLOT, 0, NULL);
	is_refused(RULE_IN, tcp(pc, 5001, plc, 80, ACK), FIREWALL_DEFAULT);
	assert_int_equal(firewall_flows(fw, SLOT, now), 0);
}

static void set_time(bool known, int64_t unix_s)
{
	struct rules_time t = {.known = known, .unix_s = unix_s};

	assert_true(firewall_set_time(fw, &t));
}

/* 2026-11-30 was a Monday. A flow ends with the window, and is told so in both directions. */
static void windows_close(void **state)
{
	const int64_t monday = 1795996800, edge = monday + 17 * 3600;
	struct rules_time night = {.known = true, .unix_s = monday};
	struct made segment = tcp(plc, 102, pc, 5000, ACK);

	assert_false(firewall_set_time(fw, &night)); /* no windows yet */
	set_rules(SLOT, RULES("allow in tcp/102 mon-fri 08:00-17:00 +00:00", "allow in tcp/80"));
	assert_false(firewall_is_open(fw, SLOT, 0));
	is_refused(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_DEFAULT);
	set_time(true, edge - 1);
	assert_true(firewall_is_open(fw, SLOT, 0));
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_RULE);
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, SYN | ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 5001, plc, 80, SYN), FIREWALL_RULE);
	set_time(true, edge);
	assert_int_equal(counters()->hits[0], 1);
	assert_true(ask(SLOT, RULE_OUT, &segment).cut);
	is_refused(RULE_IN, tcp(pc, 5000, plc, 102, ACK), FIREWALL_DEFAULT);
	passes(RULE_OUT, tcp(plc, 80, pc, 5001, SYN | ACK), FIREWALL_FLOW);
	set_time(true, edge - 3600); /* clocks jump back */
	passes(RULE_IN, tcp(pc, 5002, plc, 102, SYN), FIREWALL_RULE);
	set_time(false, edge - 3600);
	is_refused(RULE_IN, tcp(pc, 5002, plc, 102, ACK), FIREWALL_DEFAULT);
	passes(RULE_IN, tcp(pc, 5001, plc, 80, ACK), FIREWALL_FLOW);
	firewall_begin(fw, SLOT, now);
	assert_false(firewall_set_time(fw, &night));
}

/* After a restart of vpnd connections go on. */
static void forgotten_connections(void **state)
{
	set_rules(SLOT, RULES("allow in tcp/102", "allow out tcp/443"));
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 5000, plc, 102, ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 5001, plc, 102, ACK), FIREWALL_RULE);
	is_dropped(RULE_IN, tcp(pc, 443, plc, 6000, ACK), FIREWALL_STRAY);
	passes(RULE_OUT, tcp(plc, 6000, pc, 443, ACK), FIREWALL_RULE);
	passes(RULE_IN, tcp(pc, 443, plc, 6000, ACK), FIREWALL_FLOW);
	is_refused(RULE_OUT, tcp(plc, 103, pc, 5000, ACK), FIREWALL_DEFAULT);
	/* Taken up as begun by the manager: its own rule decides later. */
	set_rules(SLOT, RULES("allow in tcp/102"));
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, ACK), FIREWALL_FLOW);
}

static void flows_end(void **state)
{
	set_rules(SLOT, RULES("allow in"));
	passes(RULE_IN, udp(pc, 5000, plc, 161), FIREWALL_RULE);
	now += 119000;
	passes(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_FLOW);
	now += 299000;
	passes(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_FLOW);
	now += 301000;
	is_refused(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_DEFAULT);
	passes(RULE_IN, echo(pc, plc, true, 7), FIREWALL_RULE);
	now += 61000;
	is_dropped(RULE_OUT, echo(plc, pc, false, 7), FIREWALL_STRAY);
	assert_int_equal(firewall_flows(fw, SLOT, now), 0);
}

static void connections_end(void **state)
{
	set_rules(SLOT, RULES("allow in tcp/102"));
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_RULE);
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, SYN | ACK), FIREWALL_FLOW);
	now += 7000000; /* idle for nearly two hours */
	assert_int_equal(firewall_flows(fw, SLOT, now), 1);
	passes(RULE_IN, tcp(pc, 5000, plc, 102, FIN | ACK), FIREWALL_FLOW);
	now += 1000000; /* half closed is open */
	assert_int_equal(firewall_flows(fw, SLOT, now), 1);
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, FIN | ACK), FIREWALL_FLOW);
	now += 121000;
	assert_int_equal(firewall_flows(fw, SLOT, now), 0);
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_RULE);
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, RST | ACK), FIREWALL_FLOW);
	passes(RULE_IN, tcp(pc, 5000, plc, 102, SYN), FIREWALL_FLOW); /* the same ports again */
	passes(RULE_OUT, tcp(plc, 102, pc, 5000, SYN | ACK), FIREWALL_FLOW);
	now += 200000;
	assert_int_equal(firewall_flows(fw, SLOT, now), 1);
}

static void errors_about_what_is_known(void **state)
{
	struct made request = udp(pc, 5000, plc, 161), reply = udp(plc, 161, pc, 5000);
	struct made other = udp(pc, 5000, plc, 99);

	set_rules(SLOT, RULES("allow in udp/161"));
	/* Rules allow what is quoted. */
	passes(RULE_OUT, error_about(plc, pc, &request, 28), FIREWALL_QUOTES);
	is_dropped(RULE_OUT, error_about(plc, pc, &other, 28), FIREWALL_STRAY);
	is_dropped(RULE_OUT, error_about(plc, pc, &request, 22), FIREWALL_STRAY); /* no ports */
	is_dropped(RULE_OUT, error_about(plc, pc, &request, 19), FIREWALL_STRAY);
	/* To another one than its sender. */
	is_dropped(RULE_OUT, error_about(plc, "10.0.0.11", &request, 28), FIREWALL_STRAY);
	is_dropped(RULE_OUT, error_about(plc, pc, &reply, 28), FIREWALL_STRAY);
	passes(RULE_IN, request, FIREWALL_RULE);
	passes(RULE_IN, error_about(pc, plc, &reply, 28), FIREWALL_QUOTES);
	/* An error opens nothing. */
	assert_int_equal(firewall_flows(fw, SLOT, now), 1);
}

static void errors_in_ipv6(void **state)
{
	struct made request = tcp("fd02::1", 5000, "fd01::10", 102, SYN);
	struct made ping = echo("fd02::1", "fd01::10", true, 4);

	set_rules(SLOT, RULES("allow in tcp/102"));
	passes(RULE_OUT, error_about("fd01::1", "fd02::1", &request, 60), FIREWALL_QUOTES);
	is_dropped(RULE_OUT, error_about("fd01::1", "fd02::1", &request, 39), FIREWALL_STRAY);
	is_dropped(RULE_OUT, error_about("fd01::1", "fd02::1", &ping, 48), FIREWALL_STRAY);
	set_rules(SLOT, RULES("allow in icmp"));
	passes(RULE_OUT, error_about("fd01::1", "fd02::1", &ping, 48), FIREWALL_QUOTES);
}

static void fragments_follow_the_first(void **state)
{
	struct made first = udp(pc, 5000, plc, 161);

	set_rules(SLOT, RULES("allow in udp/161"));
	is_dropped(RULE_IN, fragment(first, 1, 16, false), FIREWALL_STRAY);
	passes(RULE_IN, fragment(first, 1, 0, true), FIREWALL_RULE);
	passes(RULE_IN, fragment(first, 1, 16, true), FIREWALL_FRAGMENT);
	passes(RULE_IN, fragment(first, 1, 32, false), FIREWALL_FRAGMENT);
	is_dropped(RULE_IN, fragment(first, 2, 16, false), FIREWALL_STRAY);
	is_dropped(RULE_OUT, fragment(first, 1, 16, false), FIREWALL_STRAY);
	now += FLOW_FRAGMENT_MS;
	is_dropped(RULE_IN, fragment(first, 1, 16, false), FIREWALL_STRAY);
}

static void fragments_of_what_is_refused(void **state)
{
	struct made good = udp(pc, 5000, plc, 161), bad = udp(pc, 5000, plc, 22);

	set_rules(SLOT, RULES("allow in udp/161"));
	passes(RULE_IN, fragment(good, 1, 0, true), FIREWALL_RULE);
	is_refused(RULE_IN, fragment(bad, 1, 0, true), FIREWALL_DEFAULT);
	is_dropped(RULE_IN, fragment(good, 1, 16, false), FIREWALL_STRAY);
	passes(RULE_IN, fragment(good, 2, 0, true), FIREWALL_FLOW);
	set_rules(SLOT, RULES("deny"));
	is_dropped(RULE_IN, fragment(good, 2, 16, false), FIREWALL_STRAY);
}

static void headers_that_are_not_all_there(void **state)
{
	struct made m = tcp(pc, 5000, plc, 102, SYN);

	set_rules(SLOT, RULES("allow in"));
	m.n -= 4;
	put_be16(m.bytes + 2, m.n);
	is_dropped(RULE_IN, m, FIREWALL_UNREADABLE);
	is_dropped(RULE_IN, fragment(m, 1, 0, true), FIREWALL_UNREADABLE);
	m = tcp(pc, 5000, plc, 102, SYN);
	passes(RULE_IN, fragment(m, 1, 0, true), FIREWALL_RULE);
	is_dropped(RULE_IN, fragment(m, 1, 8, false), FIREWALL_UNREADABLE); /* over the flags */
	is_dropped(RULE_IN, fragment(m, 1, 16, false), FIREWALL_UNREADABLE);
	passes(RULE_IN, fragment(m, 1, 24, false), FIREWALL_FRAGMENT);
	m = echo(pc, plc, true, 7);
	m.n -= 1;
	put_be16(m.bytes + 2, m.n);
	is_dropped(RULE_IN, m, FIREWALL_UNREADABLE);
	assert_int_equal(counters()->unreadable, 5);
}

/* Behind more extension headers than are followed there could be anything. */
static void too_many_extension_headers(void **state)
{
	struct made m;

	set_rules(SLOT, RULES("deny tcp", "allow in"));
	put_ip(&m, "fd02::1", "fd01::10", 60, 9 * 8 + 20);
	for (size_t i = 0; i < 9; i++, m.n += 8)
		m.bytes[m.n] = i < 8 ? 60 : L4_TCP;
	m.n += 20;
	is_dropped(RULE_IN, m, FIREWALL_UNREADABLE);
	put_ip(&m, "fd02::1", "fd01::10", 60, 8 + 20);
	m.bytes[m.n] = L4_TCP;
	m.n += 28;
	is_refused(RULE_IN, m, FIREWALL_RULE);
}

/* Sessions */

static void sessions_are_apart(void **state)
{
	struct made ask_it = udp(pc, 5000, plc, 161), answer = udp(plc, 161, pc, 5000);
	struct firewall_decision d;

	firewall_begin(fw, OTHER_SLOT, 0);
	set_rules(SLOT, RULES("allow in udp/161"));
	set_rules(OTHER_SLOT, RULES("allow in tcp"));
	passes(RULE_IN, ask_it, FIREWALL_RULE);
	d = ask(OTHER_SLOT, RULE_OUT, &answer);
	assert_int_equal(d.verdict, FIREWALL_REFUSE);
	d = ask(OTHER_SLOT, RULE_IN, &ask_it);
	assert_int_equal(d.verdict, FIREWALL_REFUSE);
	assert_int_equal(firewall_flows(fw, OTHER_SLOT, now), 0);
}

static void a_new_session_knows_nothing(void **state)
{
	struct made ask_it = udp(pc, 5000, plc, 161);

	set_rules(SLOT, RULES("allow in udp/161"));
	passes(RULE_IN, fragment(ask_it, 1, 0, true), FIREWALL_RULE);
	firewall_begin(fw, SLOT, 0);
	assert_int_equal(counters()->hits[0], 0);
	assert_false(firewall_rules(fw, SLOT)->present);
	set_rules(SLOT, RULES("allow in udp/161"));
	assert_int_equal(firewall_flows(fw, SLOT, now), 0);
	is_refused(RULE_OUT, udp(plc, 161, pc, 5000), FIREWALL_DEFAULT);
	is_dropped(RULE_IN, fragment(ask_it, 1, 16, false), FIREWALL_STRAY);
}

/* One floods, the other one's flows stay. */
static void a_flood_takes_its_own_places(void **state)
{
	struct made m;
	size_t kept = 0;

	firewall_begin(fw, OTHER_SLOT, 0);
	set_rules(SLOT, RULES("allow in"));
	set_rules(OTHER_SLOT, RULES("allow in"));
	for (uint16_t i = 0; i < 1000; i++) {
		m = udp(pc, (uint16_t)(1000 + i), plc, 161);
		assert_int_equal(ask(OTHER_SLOT, RULE_IN, &m).verdict, FIREWALL_PASS);
	}
	now += 1000;
	for (uint32_t i = 0; i < 3 * FLOW_TABLE_MAX; i++) {
		m = udp(pc, (uint16_t)i, plc, (uint16_t)(i >> 16));
		assert_int_equal(ask(SLOT, RULE_IN, &m).verdict, FIREWALL_PASS);
	}
	for (uint16_t i = 0; i < 1000; i++) {
		m = udp(plc, 161, pc, (uint16_t)(1000 + i));
		kept += ask(OTHER_SLOT, RULE_OUT, &m).why == FIREWALL_FLOW;
	}
	assert_int_equal(kept, 1000);
	assert_true(counters()->evicted > FLOW_TABLE_MAX);
	assert_true(firewall_flows(fw, SLOT, now) <= FLOW_TABLE_MAX - 1000);
	assert_true(firewall_flows(fw, SLOT, now) > FLOW_TABLE_MAX * 9 / 10);
}

static void noise(void **state)
{
	uint64_t seed = 11;

	set_rules(SLOT, RULES("allow in tcp/1-30000", "allow out udp", "allow icmp"));
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		struct made m = {.n = 20 + noise_u32(&seed) % 60};

		noise_fill(&seed, m.bytes, m.n);
		if (noise_u32(&seed) % 2 && m.n >= 40) {
			m.bytes[0] = 0x60;
			put_be16(m.bytes + 4, m.n - 40);
		} else {
			m.bytes[0] = 0x45;
			put_be16(m.bytes + 2, m.n);
		}
		(void)ask(SLOT, noise_u32(&seed) % 2 ? RULE_IN : RULE_OUT, &m);
	}
}

/* Only the manager's side uses a session: what it began, by what it sends. */
static void who_uses_it(void **state)
{
	struct made request = tcp(pc, 1024, plc, 102, SYN), data = tcp(pc, 1024, plc, 102, ACK),
		    chatter = udp(plc, 137, pc, 137), answer = udp(pc, 137, plc, 137),
		    error = error_about(pc, plc, &chatter, 28);

	(void)state;
	for (int rules = 0; rules < 2; rules++) {
		now += 600000; /* nothing of before */
		firewall_begin(fw, SLOT, now);
		now += 600000;
		if (rules)
			set_rules(SLOT, RULES("allow in", "allow out"));
		assert_true(ask(SLOT, RULE_IN, &request).is_use);
		assert_true(ask(SLOT, RULE_IN, &data).is_use);
		assert_false(ask(SLOT, RULE_OUT, &chatter).is_use);
		assert_false(ask(SLOT, RULE_IN, &answer).is_use);
		assert_false(ask(SLOT, RULE_IN, &error).is_use);
	}
	set_rules(SLOT, RULES("deny"));
	assert_false(ask(SLOT, RULE_IN, &data).is_use);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(without_rules_all_passes),
		TEST(what_runs_when_rules_come),
		TEST(what_ran_before_without_rules),
		TEST(what_ran_before_with_rules),
		TEST(answers_pass),
		TEST(answers_pass_in_ipv6),
		TEST(an_answer_is_no_beginning),
		TEST(directions),
		TEST(other_protocols),
		TEST(rules_that_change),
		TEST(windows_close),
		TEST(forgotten_connections),
		TEST(flows_end),
		TEST(connections_end),
		TEST(errors_about_what_is_known),
		TEST(errors_in_ipv6),
		TEST(fragments_follow_the_first),
		TEST(fragments_of_what_is_refused),
		TEST(headers_that_are_not_all_there),
		TEST(too_many_extension_headers),
		TEST(sessions_are_apart),
		TEST(a_new_session_knows_nothing),
		TEST(a_flood_takes_its_own_places),
		TEST(who_uses_it),
		TEST(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
