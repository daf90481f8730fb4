/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session_side - one end of a session in a test: what it reported, and a stream of packets in
 * each direction whose sizes and bytes follow from their numbers. CoDel drops nothing of it
 * as long as the next packet is made when none waits.
 */
#ifndef FARLAN_TESTS_SESSION_SIDE_H
#define FARLAN_TESTS_SESSION_SIDE_H

#include "common/pure/bytes.h"
#include "tests/unit/session_rig.h"
#include "vpnd/session.h"

enum side_call { SIDE_STEP = 1, SIDE_UP, SIDE_DOWN, SIDE_PACKET, SIDE_OVER };

struct side {
	/* May be set before side_open(): */
	size_t n_relays;	       /* 0: all */
	uint32_t epoch;		       /* 0: 1 */
	int64_t life_s;		       /* 0: an hour */
	uint16_t port0;		       /* 0: the real one of relay 0 */
	struct path_times times;       /* all 0: the defaults */
	uint32_t answer_ms, retire_ms; /* 0: the defaults */
	enum side_call end_in;	       /* session_end() is called from this callback */
	bool lossy;		       /* packets may be missing, as where a relay dies */
	void (*on_up)(struct side *e);
	bool super, shed;
	/* NULL: packets are those of side_pump() */
	void (*on_packet)(struct side *e, const struct vnet *v, const uint8_t *packet, size_t n);
	/* What happened: */
	struct session *s; /* NULL: closed */
	enum token_role role;
	unsigned int steps, ups, downs, overs, closed, paths;
	char path[IDENT_UID_SIZE]; /* what on_path told */
	char step[PATH_REASON_SIZE + 100], down[PATH_REASON_SIZE], over[PATH_REASON_SIZE];
	/* Packets: */
	uint64_t goal, sent, next, received, down_refused;
	uint64_t bytes_sent, bytes_received;
	bool wrong;
	size_t (*size_of)(uint64_t seq); /* NULL: mixed */
	bool flood;    /* packets are queued even if some wait already, so some will be dropped */
	uint64_t full; /* there was no memory for one */
	struct packets *packets;
};

/* A manager's and a device's side. */
struct sides {
	struct side m, d;
};

#define PACKET_MIN 20
#define PACKET_MAX 65535
#define PACKETS_A_TURN 64
#define NUMBER_BYTES 8

static uint8_t pattern[PACKET_MAX + 256];

/* The packets */

static inline uint64_t hash(uint64_t x)
{
	x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15u;
	return x ^ (x >> 29);
}

/* Mostly short ones, some of any length. */
static inline size_t mixed(uint64_t seq)
{
	uint64_t h = hash(seq + 1);
	size_t max = h % 3 ? 1500 : PACKET_MAX;

	return PACKET_MIN + (h >> 8) % (max - PACKET_MIN + 1);
}

static inline const uint8_t *bytes_of(const struct side *e, uint64_t seq)
{
	return pattern + (seq * 2 + (e->role == TOKEN_MANAGER)) % 256;
}

static inline struct packet *make_packet(struct side *e, uint64_t seq)
{
	size_t n = e->size_of ? e->size_of(seq) : mixed(seq);
	struct packet *p = packet_new(e->packets, n);
	struct wr w;

	if (!p)
		return NULL;
	w = wr_init(p->fq.ip, NUMBER_BYTES);
	wr_u64(&w, seq);
	memcpy(p->fq.ip + NUMBER_BYTES, bytes_of(e, seq), n - NUMBER_BYTES);
	return p;
}

/* @e: who sent it. */
static inline bool packet_good(const struct side *e, uint64_t seq, const uint8_t *packet, size_t n)
{
	return n == (e->size_of ? e->size_of(seq) : mixed(seq)) &&
	       memcmp(packet + NUMBER_BYTES, bytes_of(e, seq), n - NUMBER_BYTES) == 0;
}

static inline void take_packet(struct side *e, const uint8_t *packet, size_t n)
{
	struct side from = {.role = e->role == TOKEN_MANAGER ? TOKEN_DEVICE : TOKEN_MANAGER,
			    .size_of = e->size_of};
	struct rd r = rd_init(packet, n);
	uint64_t seq;

	if (!rd_u64(&r, &seq) || !packet_good(&from, seq, packet, n) ||
	    (!e->lossy && seq != e->next))
		e->wrong = true;
	e->next = seq + 1;
	e->received++;
	e->bytes_received += n;
}

static inline bool side_waits(const struct side *e)
{
	struct session_status st;

	session_status(e->s, &st);
	return st.backlog_bytes > 0;
}

/* Return: false if it did not go in. */
static inline bool side_send(struct side *e)
{
	struct packet *p = make_packet(e, e->sent);
	size_t n = p ? p->fq.len : 0;

	if (!p) {
		e->full++;
		return false;
	}
	if (session_queue(e->s, p) != 0) {
		e->down_refused++;
		return false;
	}
	e->sent++;
	e->bytes_sent += n;
	return true;
}

/** side_pump() - queue packets until the goal is reached or the path is full. */
static inline void side_pump(struct side *e)
{
	for (int i = 0; i < PACKETS_A_TURN && e->s && e->sent < e->goal; i++) {
		if (!e->flood && side_waits(e))
			session_flush(e->s);
		if ((!e->flood && side_waits(e)) || !side_send(e))
			break;
		if (hash(e->sent) % 5 == 0)
			session_flush(e->s);
	}
	if (e->s)
		session_flush(e->s);
}

/* What is reported */

static inline void maybe_end(struct side *e, enum side_call in)
{
	if (e->end_in == in)
		session_end(e->s, "ended in a callback");
}

static inline void on_step(struct session *s, const char *text)
{
	struct side *e = session_arg(s);

	e->steps++;
	snprintf(e->step, sizeof(e->step), "%s", text);
	if (rig_verbose())
		print_message("%c step %s\n", e->role == TOKEN_MANAGER ? 'm' : 'd', text);
	maybe_end(e, SIDE_STEP);
}

static inline void on_up(struct session *s)
{
	struct side *e = session_arg(s);

	e->ups++;
	maybe_end(e, SIDE_UP);
	if (e->on_up)
		e->on_up(e);
}

static inline void on_down(struct session *s, const char *reason)
{
	struct side *e = session_arg(s);

	e->downs++;
	snprintf(e->down, sizeof(e->down), "%s", reason);
	maybe_end(e, SIDE_DOWN);
}

static inline void on_path(struct session *s)
{
	struct side *e = session_arg(s);

	e->paths++;
	snprintf(e->path, sizeof(e->path), "%s", session_relay_uid(s));
}

static inline void on_packet(struct session *s, const struct vnet *v, uint8_t *packet, size_t n)
{
	struct side *e = session_arg(s);

	if (e->on_packet)
		e->on_packet(e, v, packet, n);
	else if (v->gso != VNET_GSO_NONE || v->needs_csum)
		e->wrong = true;
	else
		take_packet(e, packet, n);
	maybe_end(e, SIDE_PACKET);
}

static inline void on_over(struct session *s, const char *reason)
{
	struct side *e = session_arg(s);

	e->overs++;
	snprintf(e->over, sizeof(e->over), "%s", reason);
	maybe_end(e, SIDE_OVER);
}

static inline void on_closed(struct session *s)
{
	struct side *e = session_arg(s);

	e->closed++;
	e->s = NULL;
	packets_free(e->packets); /* the leak checker finds what was not given back */
	e->packets = NULL;
}

static const struct session_callbacks side_calls = {
	.on_step = on_step,
	.on_up = on_up,
	.on_down = on_down,
	.on_path = on_path,
	.on_packet = on_packet,
	.on_over = on_over,
	.on_closed = on_closed,
};

/* Running */

static inline void fill_pattern(void)
{
	uint64_t noise = 4711;

	if (pattern[0] == 0 && pattern[1] == 0)
		noise_fill(&noise, pattern, sizeof(pattern));
}

static inline void side_open(struct side *e, enum token_role role)
{
	static struct dial_memory memory;
	struct session_config config = {
		.loop = &rig.loop,
		.outer_ctx = rig.outer,
		.inner_client_ctx = rig.manager.client,
		.inner_server_ctx = rig.device.server,
		.ports = &rig.ports,
		.memory = &memory,
		.super = e->super,
		.shed = e->shed,
		.answer_ms = e->answer_ms,
		.retire_ms = e->retire_ms,
		.times = e->times.lost_ms ? &e->times : NULL,
	};
	struct grant g;

	fill_pattern();
	memory.n = 0;
	e->packets = packets_new();
	assert_non_null(e->packets);
	e->role = role;
	rig_grant(&g, role, e->n_relays ? e->n_relays : RIG_RELAYS);
	if (e->epoch)
		g.epoch = e->epoch;
	if (e->life_s)
		g.life_s = e->life_s;
	if (e->port0)
		g.relays[0].urls[0].port = e->port0;
	assert_int_equal(session_open(&e->s, &config, &g, &side_calls, e), 0);
}

static inline bool side_up(const struct side *e)
{
	struct session_status st;

	if (!e->s)
		return false;
	session_status(e->s, &st);
	return st.state == SESSION_UP;
}

static inline const char *side_relay(const struct side *e)
{
	struct session_status st;

	session_status(e->s, &st);
	return st.relay;
}

static inline bool side_is_closed(void *arg)
{
	return !((const struct side *)arg)->s;
}

/** side_end() - session_end() and wait for the end. */
static inline void side_end(struct side *e)
{
	if (e->s)
		session_end(e->s, "ended by the test");
	assert_true(rig_run(side_is_closed, NULL, e, 8000));
}

static inline void sides_open(struct sides *p)
{
	side_open(&p->m, TOKEN_MANAGER);
	side_open(&p->d, TOKEN_DEVICE);
}

static inline bool sides_both_up(void *sides)
{
	struct sides *p = sides;

	return side_up(&p->m) && side_up(&p->d);
}

/** sides_up() - wait until both are up. */
static inline void sides_up(struct sides *p)
{
	if (!rig_run(sides_both_up, NULL, p, 15000))
		fail_msg("not up: manager \"%s\", device \"%s\"", p->m.step, p->d.step);
}

/* Both pump. */
static inline void sides_turn(void *sides)
{
	struct sides *p = sides;

	side_pump(&p->m);
	side_pump(&p->d);
}

static inline bool all_arrived(void *arg)
{
	struct sides *p = arg;

	return p->m.sent == p->m.goal && p->d.sent == p->d.goal && p->d.next == p->m.goal &&
	       p->m.next == p->d.goal;
}

/** sides_carry() - raise both goals by @n packets; all must arrive within @ms. */
static inline void sides_carry(struct sides *p, uint64_t n, uint64_t ms)
{
	p->m.goal = p->m.sent + n;
	p->d.goal = p->d.sent + n;
	if (!rig_run(all_arrived, sides_turn, p, ms))
		fail_msg("m sent %lu of %lu, d got to %lu; d sent %lu of %lu, m got to %lu",
			 p->m.sent, p->m.goal, p->d.next, p->d.sent, p->d.goal, p->m.next);
	assert_false(p->m.wrong || p->d.wrong);
}

static inline bool sides_both_closed(void *sides)
{
	struct sides *p = sides;

	return !p->m.s && !p->d.s;
}

/** sides_end() - end what is not over yet. */
static inline void sides_end(struct sides *p)
{
	if (p->m.s)
		session_end(p->m.s, "ended by the test");
	if (!rig_run(sides_both_closed, NULL, p, 200) && p->d.s)
		session_end(p->d.s, "ended by the test");
	assert_true(rig_run(sides_both_closed, NULL, p, 8000));
}

#endif
