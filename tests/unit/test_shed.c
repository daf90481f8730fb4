/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shedding the outer layer (docs/PROTOCOL.md, "Shedding"): one leg, both its ends, every byte. */
#include <wolfssl/options.h>
#include <signal.h>
#include <wolfssl/ssl.h>

#include "common/io/inner.h"
#include "common/io/outer_internal.h"
#include "tests/unit/shed_wire.h"

#define KB ((uint64_t)1 << 10)
#define MB ((uint64_t)1 << 20)

struct end {
	struct outer *o;
	bool allow; /* server */
	bool close_in_data, pause_in_data;
	struct gen tx, rx;
	uint64_t to_send, sent, got;
	size_t chunk_max;
	uint64_t shed_at; /* client: when so much is sent; 0: never */
	bool opened, closed, clean, gone, close_in_hint;
	unsigned int hints;
	uint16_t hint_arg;
	uint64_t hinted_at; /* bytes that had come before it */
	uint64_t noise;
	char reason[OUTER_REASON_SIZE];
};

static uv_loop_t loop;
static struct fix_ca lab;
static struct x509_key host_key;
static struct x509_cert host_cert;
static struct tls_ctx *client_ctx, *server_ctx;
static struct sockaddr_storage where, wire_where;
static int listener;
static struct end c, s;
static struct wire wire;
static struct between proxy;
static bool has_proxy;

/* --- the ends --- */

static void feed(struct end *e)
{
	static uint8_t chunk[50000];

	while (!e->closed && e->sent < e->to_send && outer_queued(e->o) <= OUTER_QUEUE_HIGH_BYTES) {
		size_t n = 1 + noise_u32(&e->noise) % e->chunk_max;

		if (n > e->to_send - e->sent)
			n = (size_t)(e->to_send - e->sent);
		for (size_t i = 0; i < n; i++)
			chunk[i] = gen_next(&e->tx);
		assert_int_equal(outer_send(e->o, chunk, n), 0);
		e->sent += n;
		if (e->shed_at && e->sent >= e->shed_at) {
			e->shed_at = 0;
			assert_int_equal(outer_shed(e->o), 0);
		}
	}
}

/* Exactly @n bytes, in one piece. */
static void say(struct end *e, size_t n)
{
	uint8_t *bytes = malloc(n);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = gen_next(&e->tx);
	assert_int_equal(outer_send(e->o, bytes, n), 0);
	e->sent += n;
	free(bytes);
}

/* Whole records. */
static void say_records(struct end *e, unsigned int n)
{
	while (n-- > 0) {
		say(e, 1);
		say(e, gen_left(&e->tx));
	}
}

static void on_request(struct outer *o, const struct http_head *head)
{
	(void)head;
	outer_upgrade(o);
}

static void on_open(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->opened = true;
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct end *e = outer_arg(o);

	assert_true(e->opened && !e->closed && n > 0);
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != gen_next(&e->rx))
			fail_msg("byte %llu is wrong", (unsigned long long)(e->got + i));
	}
	e->got += n;
	if (e->close_in_data)
		outer_close(o, "closed in on_data");
	if (e->pause_in_data)
		outer_pause(o);
}

static void on_drain(struct outer *o)
{
	feed(outer_arg(o));
}

static void on_hint(struct outer *o, const struct hint *h);

static void on_gone(struct outer *o)
{
	((struct end *)outer_arg(o))->gone = true;
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct end *e = outer_arg(o);

	assert_false(e->closed);
	e->closed = true;
	e->clean = clean;
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	e->o = NULL;
}

static const struct outer_callbacks calls = {
	.on_request = on_request,
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_peer_gone = on_gone,
	.on_hint = on_hint,
	.on_closed = on_closed,
};

/* --- scenes --- */

static void turn(void)
{
	bool some;

	uv_run(&loop, UV_RUN_NOWAIT);
	some = has_proxy ? proxy_turn(&proxy) : wire_turn(&wire);
	if (!some)
		usleep(20);
}

#define wait_for(cond, ms)                                           \
	({                                                           \
		uint64_t until_ = clock_mono_ms() + (ms);            \
		bool met_;                                           \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) \
			turn();                                      \
		met_;                                                \
	})

static void turn_for(unsigned int ms)
{
	(void)wait_for(false, ms);
}

static int set_up(void **state)
{
	memset(&c, 0, sizeof(c));
	memset(&s, 0, sizeof(s));
	c.noise = 88172645463325252u;
	s.noise = 1234567u;
	c.chunk_max = s.chunk_max = 30000;
	s.allow = true;
	has_proxy = false;
	outer_times.open_ms = OUTER_OPEN_MS;
	outer_times.finish_ms = 5000;
	assert_int_equal(uv_loop_init(&loop), 0);
	listener = fix_listen(&where);
	wire_open(&wire, &wire_where);
	return 0;
}

static void close_ends(void)
{
	if (c.o)
		outer_close(c.o, "end of the test");
	if (s.o)
		outer_close(s.o, "end of the test");
}

static int tear_down(void **state)
{
	close_ends();
	fix_loop_end(&loop);
	if (has_proxy)
		proxy_close(&proxy);
	wire_close(&wire);
	close(listener);
	return 0;
}

static void connect_c(bool offer, const char *headers)
{
	struct outer_target t = {
		.addr = wire_where,
		.host = "localhost",
		.host_header = "localhost",
		.path = "/v1/session",
		.headers = headers,
		.shed = offer,
	};

	assert_int_equal(outer_connect(&c.o, &loop, client_ctx, &t, &calls, &c), 0);
}

static void accept_s(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	wire_join(has_proxy ? &proxy.w : &wire, &where);
	assert_int_equal(poll(&p, 1, 2000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_int_equal(outer_accept(&s.o, &loop, server_ctx, fd, &calls, &s), 0);
	if (s.allow)
		outer_allow_shed(s.o);
}

static void open_both(void)
{
	connect_c(true, "");
	accept_s();
	assert_true(wait_for(c.opened && s.opened, 20000));
}

static bool is_shed(const struct end *e)
{
	struct outer_stats st;

	outer_stats(e->o, &st);
	return st.shed;
}

static bool both_shed(void)
{
	return is_shed(&c) && is_shed(&s);
}

static bool all_here(void)
{
	return c.got == s.to_send && s.got == c.to_send;
}

static void exchange(uint64_t from_c, uint64_t from_s)
{
	c.to_send = c.sent + from_c;
	s.to_send = s.sent + from_s;
	feed(&c);
	feed(&s);
	if (!wait_for((all_here() && buf_len(&wire.out[0]) + buf_len(&wire.out[1]) == 0) ||
			      c.closed || s.closed,
		      60000))
		fail_msg("c got %llu of %llu, s got %llu of %llu", (unsigned long long)c.got,
			 (unsigned long long)s.to_send, (unsigned long long)s.got,
			 (unsigned long long)c.to_send);
	assert_true(all_here());
}

/* What the random traffic left unfinished: only then can the last one answer. */
static void to_the_boundary(void)
{
	say(&c, gen_left(&c.tx));
	say(&s, gen_left(&s.tx));
	exchange(0, 0);
	assert_true(wait_for(both_shed(), 5000));
}

/* Is what @e sent from @stream_at on, and nothing else, what stands at @raw? */
static bool is_tail(const struct end *e, const uint8_t *raw, size_t n)
{
	struct gen g = {0};

	if (n > e->sent)
		return false;
	while (g.place < e->sent - n)
		gen_next(&g);
	if (!gen_at_boundary(&g))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (raw[i] != gen_next(&g))
			return false;
	}
	return true;
}

/*
 * What passed on the wire: records of the outer layer, one that is as long as a sealed `shed`, and
 * behind it the stream's own records and not a byte else. Return: bytes behind it.
 */
static size_t assert_bare_after_shed(const struct end *e, int dir)
{
	const uint8_t *in = buf_data(&wire.seen[dir]);
	size_t n = buf_len(&wire.seen[dir]), at = 0;
	size_t shed_body = (dir == TO_SERVER ? 6u : 2u) + 4 + 1 + 16;

	while (n - at >= RECORD_HEADER_BYTES) {
		size_t body = (size_t)in[at + 3] << 8 | in[at + 4];

		if (n - at < RECORD_HEADER_BYTES + body)
			break;
		at += RECORD_HEADER_BYTES + body;
		if (body == shed_body && is_tail(e, in + at, n - at))
			return n - at;
	}
	fail_msg("%zu bytes: nothing is bare behind a record of `shed`", n);
	return 0;
}

static void shed_and_wait(void)
{
	assert_int_equal(outer_shed(c.o), 0);
	assert_true(wait_for(both_shed(), 5000));
}

/* --- both sides agree --- */

static void goes_bare_in_both_directions(void **state)
{
	struct outer_stats st;

	open_both();
	exchange(100 * KB, 100 * KB);
	say(&c, gen_left(&c.tx)); /* to the boundary, both */
	say(&s, gen_left(&s.tx));
	shed_and_wait();
	exchange(MB, MB);
	assert_true(assert_bare_after_shed(&c, TO_SERVER) >= MB);
	assert_true(assert_bare_after_shed(&s, TO_CLIENT) >= MB);
	outer_stats(c.o, &st); /* what it was is still known */
	assert_string_equal(st.tls_version, "TLSv1.3");
	assert_true(st.cipher[0] && outer_tls_peer(c.o)->verified);
	assert_string_equal(outer_host(c.o), "localhost");
}

static void at_once_and_with_nothing_said(void **state)
{
	open_both();
	shed_and_wait();
	assert_int_equal(assert_bare_after_shed(&c, TO_SERVER), 0);
	assert_int_equal(assert_bare_after_shed(&s, TO_CLIENT), 0);
	assert_int_equal(outer_shed(c.o), 0); /* once more is nothing */
	exchange(KB, KB);
}

static void in_the_middle_of_traffic_however_it_is_cut(void **state)
{
	static const size_t chunks[] = {0, 1, 7, 100, 1500, 5000, 40000};

	for (unsigned int i = 0; i < 42; i++) {
		uint64_t n = chunks[i % 7] == 1 ? 40 * KB : chunks[i % 7] == 7 ? 200 * KB : MB;

		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		wire.noise += i;
		c.noise += i;
		s.noise += i * 77;
		open_both();
		wire.chunk = chunks[i % 7];
		wire.random = i % 2 && wire.chunk != 1;
		c.chunk_max = i % 3 ? 40000 : 50;
		s.chunk_max = i % 4 ? 40000 : 50;
		c.shed_at = 1 + noise_u32(&c.noise) % (uint32_t)(n / 2);
		exchange(n, n);
		to_the_boundary();
		assert_bare_after_shed(&c, TO_SERVER);
		assert_bare_after_shed(&s, TO_CLIENT);
	}
}

static void flip(struct end *e)
{
	if (e->o->paused)
		outer_resume(e->o);
	else
		outer_pause(e->o);
}

/* One thing that may happen at any time. */
static void anything(uint64_t *noise, bool *shed)
{
	struct end *e = noise_u32(noise) % 2 ? &c : &s;
	size_t left = gen_left(&e->tx);

	switch (noise_u32(noise) % 10) {
	case 0:
	case 1:
		say(e, 1 + noise_u32(noise) % 300);
		break;
	case 2:
		if (left > 0)
			say(e, left);
		break;
	case 3:
		say_records(e, 1 + noise_u32(noise) % 3);
		break;
	case 4:
		flip(e);
		break;
	case 5:
		wire.hold[noise_u32(noise) % 2] ^= true;
		break;
	case 6:
		wire.chunk = noise_u32(noise) % 2 ? 0 : 1 + noise_u32(noise) % 60;
		break;
	case 7:
		if (!*shed)
			assert_int_equal(outer_shed(c.o), 0);
		*shed = true;
		break;
	default:
		for (uint32_t i = noise_u32(noise) % 20; i > 0; i--)
			turn();
	}
}

static void in_any_order(void **state)
{
	uint64_t noise = 271828;

	for (int round = 0; round < 150; round++) {
		bool shed = false;

		if (round > 0) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		for (int i = 0; i < 80; i++)
			anything(&noise, &shed);
		if (!shed)
			assert_int_equal(outer_shed(c.o), 0);
		wire.hold[0] = wire.hold[1] = false;
		wire.chunk = 0;
		outer_resume(c.o);
		outer_resume(s.o);
		to_the_boundary();
		exchange(3000, 3000);
		assert_bare_after_shed(&c, TO_SERVER);
		assert_bare_after_shed(&s, TO_CLIENT);
	}
}

static void all_of_it_in_segments_of_one_byte(void **state)
{
	wire.chunk = 1;
	open_both();
	c.shed_at = 5000;
	exchange(60 * KB, 60 * KB);
	to_the_boundary();
	assert_bare_after_shed(&c, TO_SERVER);
	assert_bare_after_shed(&s, TO_CLIENT);
}

static void shed_and_raw_in_one_segment(void **state)
{
	open_both();
	wire.hold[TO_SERVER] = true;
	say_records(&c, 3);
	assert_int_equal(outer_shed(c.o), 0);
	say_records(&c, 9);
	turn_for(20);
	wire.hold[TO_SERVER] = false;
	assert_true(wait_for(s.got == c.sent && both_shed(), 5000));
	assert_true(assert_bare_after_shed(&c, TO_SERVER) > 16640);
}

/* --- the answer --- */

static void the_answer_comes_at_the_next_boundary(void **state)
{
	size_t left;

	open_both();
	say_records(&s, 4);
	say(&s, 10); /* of a record */
	left = gen_left(&s.tx);
	assert_int_equal(outer_shed(c.o), 0);
	assert_true(wait_for(s.o->rx_raw, 5000));
	turn_for(20);
	assert_false(s.o->tx_raw || c.o->rx_raw || is_shed(&c));
	exchange(50 * KB, 0); /* meanwhile the other direction is bare already */
	say(&s, left - 1);
	assert_false(s.o->tx_raw);
	say(&s, 1);
	assert_true(s.o->tx_raw);
	s.to_send = s.sent;
	assert_true(wait_for(both_shed() && all_here(), 5000));
	assert_int_equal(assert_bare_after_shed(&s, TO_CLIENT), 0);
	exchange(100 * KB, 100 * KB);
	assert_bare_after_shed(&s, TO_CLIENT);
}

static void the_boundary_may_lie_within_what_is_sent(void **state)
{
	uint64_t boundary;

	open_both();
	say(&s, 3);
	boundary = 5 + gen_body(0);
	assert_int_equal(outer_shed(c.o), 0);
	assert_true(wait_for(s.o->rx_raw, 5000));
	say(&s, 100000);
	assert_true(s.o->tx_raw);
	s.to_send = s.sent;
	assert_true(wait_for(all_here(), 5000));
	assert_int_equal(assert_bare_after_shed(&s, TO_CLIENT), s.sent - boundary);
}

/* This end, too, waits for a boundary of what it has sent. */
static void the_first_word_waits_for_a_boundary(void **state)
{
	open_both();
	say(&c, 7);
	assert_int_equal(outer_shed(c.o), 0);
	assert_false(c.o->tx_raw);
	turn_for(10);
	assert_false(s.o->rx_raw);
	say(&c, gen_left(&c.tx));
	assert_true(c.o->tx_raw);
	assert_true(wait_for(both_shed(), 5000));
	exchange(100 * KB, 100 * KB);
}

/* --- after one's own `shed`, before the other's --- */

/* c has shed, s is in the middle of a record and cannot answer yet. */
static void half_way(void)
{
	open_both();
	say_records(&s, 2);
	say(&s, 100);
	assert_int_equal(outer_shed(c.o), 0);
	assert_true(wait_for(s.o->rx_raw && c.got == s.sent, 5000));
}

static void on_again(void)
{
	say(&s, gen_left(&s.tx));
	exchange(200 * KB, 200 * KB);
	assert_true(both_shed());
	assert_bare_after_shed(&c, TO_SERVER);
}

static void a_ping_is_not_answered(void **state)
{
	half_way();
	assert_int_equal(outer_send_short(s.o, WS_PING, "abc", 3), 0);
	turn_for(20);
	on_again();
}

static void a_key_update_is_not_answered(void **state)
{
	half_way();
	assert_int_equal(wolfSSL_update_keys(s.o->tls->ssl), WOLFSSL_SUCCESS);
	outer_flush_later(s.o);
	turn_for(20);
	on_again();
}

/* Asked before: the answer stands in front of `shed`. */
static void a_key_update_just_before(void **state)
{
	open_both();
	assert_int_equal(wolfSSL_update_keys(s.o->tls->ssl), WOLFSSL_SUCCESS);
	say_records(&s, 1);
	assert_true(wait_for(c.got == s.sent, 5000));
	shed_and_wait();
	exchange(200 * KB, 200 * KB);
	assert_bare_after_shed(&c, TO_SERVER);
	assert_bare_after_shed(&s, TO_CLIENT);
}

static void a_close_ends_it_without_an_outer_byte(void **state)
{
	static const uint8_t normal[2] = {0x03, 0xe8};

	half_way();
	say_records(&c, 4);
	assert_int_equal(outer_send_short(s.o, WS_CLOSE, normal, 2), 0);
	assert_true(wait_for(c.o == NULL || c.o->state == OUTER_FINISHING, 5000));
	assert_true(wait_for(s.closed && c.closed && s.got == c.sent, 5000));
	assert_true(c.clean);
	assert_bare_after_shed(&c, TO_SERVER);
}

static void a_close_notify_ends_it_without_an_outer_byte(void **state)
{
	half_way();
	say_records(&c, 4);
	tls_close_notify(s.o->tls);
	outer_flush_later(s.o);
	assert_true(wait_for(s.closed && c.closed && s.got == c.sent, 5000));
	assert_true(c.clean);
	assert_bare_after_shed(&c, TO_SERVER);
}

static void a_bad_record_ends_it_without_an_alert(void **state)
{
	uint8_t bad[100] = {23, 3, 3, 0, 95};

	half_way();
	assert_int_equal(buf_append(&wire.out[TO_CLIENT], bad, sizeof(bad)), 0);
	assert_true(wait_for(c.closed, 5000));
	assert_false(c.clean);
	turn_for(20);
	assert_bare_after_shed(&c, TO_SERVER);
}

static void own_end_half_way_says_nothing_outer(void **state)
{
	half_way();
	say_records(&c, 30);
	outer_finish(c.o, "the end");
	assert_true(wait_for(s.closed && c.closed, 6000));
	assert_int_equal(s.got, c.sent);
	assert_true(s.clean);
	assert_bare_after_shed(&c, TO_SERVER);
}

/* The same of the side that has not answered yet: its direction still has an outer end. */
static void the_others_end_half_way(void **state)
{
	half_way();
	say_records(&c, 4);
	turn_for(20);
	outer_finish(s.o, "the end");
	assert_true(wait_for(s.closed && c.closed, 6000));
	assert_true(s.clean && c.clean);
	assert_int_equal(c.got, s.sent);
	assert_bare_after_shed(&c, TO_SERVER);
}

/* --- queues --- */

static void fill_up(struct end *e)
{
	uint8_t bytes[1000];
	struct gen back;
	int r;

	do {
		back = e->tx;
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = gen_next(&e->tx);
		r = outer_send(e->o, bytes, sizeof(bytes));
		if (r == 0)
			e->sent += sizeof(bytes);
	} while (r == 0);
	assert_int_equal(r, -ENOBUFS);
	e->tx = back;
}

static void with_a_full_queue(void **state)
{
	open_both();
	wire.hold[0] = wire.hold[1] = true;
	fill_up(&c);
	fill_up(&s);
	turn_for(50);
	fill_up(&c); /* what the kernel took made room */
	fill_up(&s);
	assert_int_equal(outer_shed(c.o), 0);
	wire.hold[0] = wire.hold[1] = false;
	c.to_send = c.sent;
	s.to_send = s.sent;
	assert_true(wait_for(all_here(), 20000));
	exchange(MB, MB);
	assert_true(both_shed());
	assert_bare_after_shed(&c, TO_SERVER);
	assert_bare_after_shed(&s, TO_CLIENT);
}

/* The answer goes into a queue that is full, too. */
static void the_answer_into_a_full_queue(void **state)
{
	open_both();
	wire.hold[TO_CLIENT] = true;
	fill_up(&s);
	turn_for(50);
	fill_up(&s);
	assert_int_equal(outer_shed(c.o), 0);
	say_records(&c, 3);
	assert_true(wait_for(s.got == c.sent && s.o->rx_raw, 5000));
	wire.hold[TO_CLIENT] = false;
	assert_true(wait_for(c.got == s.sent, 20000));
	exchange(MB, MB);
	assert_true(both_shed());
	assert_bare_after_shed(&s, TO_CLIENT);
}

static void a_bare_queue_has_its_limit(void **state)
{
	open_both();
	shed_and_wait();
	wire.hold[0] = true;
	fill_up(&c);
	turn_for(50);
	fill_up(&c);
	assert_true(outer_queued(c.o) <= OUTER_QUEUE_MAX_BYTES);
	wire.hold[0] = false;
	exchange(MB, MB);
}

/* Until the kernel takes no more of what @o sends. */
static void wait_until_stuck(struct outer *o)
{
	struct outer_stats now, before = {.bytes_out = UINT64_MAX};

	for (int i = 0; i < 50; i++) {
		turn_for(200);
		outer_stats(o, &now);
		if (now.bytes_out == before.bytes_out)
			return;
		before = now;
	}
}

static void pausing_stops_the_sender_and_loses_nothing(void **state)
{
	uint64_t got;

	open_both();
	shed_and_wait();
	outer_pause(s.o);
	c.to_send = c.sent + 40 * MB;
	feed(&c);
	wait_until_stuck(c.o);
	assert_true(c.sent < c.to_send && outer_queued(c.o) > OUTER_QUEUE_LOW_BYTES);
	got = s.got;
	turn_for(50);
	assert_int_equal(s.got, got);
	s.pause_in_data = true; /* one piece at a time */
	for (int i = 0; i < 50 && s.got < c.to_send; i++) {
		got = s.got;
		outer_resume(s.o);
		assert_true(wait_for(s.got > got, 5000));
	}
	s.pause_in_data = false;
	outer_resume(s.o);
	s.to_send = s.sent;
	assert_true(wait_for(all_here(), 30000));
	exchange(0, MB);
}

static void what_was_sent_before_the_end_is_delivered(void **state)
{
	open_both();
	shed_and_wait();
	outer_pause(s.o);
	say_records(&c, 14); /* not more than the buffers take, or FIN waits behind it */
	outer_finish(c.o, "the end");
	assert_true(wait_for(s.gone, 5000));
	turn_for(20);
	assert_false(s.closed);
	outer_resume(s.o);
	assert_true(wait_for(s.closed && c.closed, 6000));
	assert_int_equal(s.got, c.sent);
	assert_true(s.clean && c.clean);
	assert_bare_after_shed(&c, TO_SERVER);
}

/* The other side's `shed` waits while this side does not read. */
static void paused_when_it_comes(void **state)
{
	open_both();
	outer_pause(s.o);
	assert_int_equal(outer_shed(c.o), 0);
	say_records(&c, 20);
	turn_for(50);
	assert_false(s.o->rx_raw);
	outer_resume(s.o);
	assert_true(wait_for(s.got == c.sent && both_shed(), 5000));
}

static void paused_by_the_data_in_front_of_it(void **state)
{
	open_both();
	s.pause_in_data = true;
	wire.hold[TO_SERVER] = true;
	say_records(&c, 1);
	assert_int_equal(outer_shed(c.o), 0);
	say_records(&c, 2);
	turn_for(10);
	wire.hold[TO_SERVER] = false;
	assert_true(wait_for(s.got > 0, 5000));
	turn_for(20);
	assert_false(s.o->rx_raw);
	s.pause_in_data = false;
	outer_resume(s.o);
	assert_true(wait_for(s.got == c.sent && both_shed(), 5000));
}

static void closed_in_the_callback(void **state)
{
	open_both();
	shed_and_wait();
	s.close_in_data = true;
	say_records(&c, 3);
	assert_true(wait_for(s.closed && c.closed, 5000));
	assert_string_equal(s.reason, "closed in on_data");
}

static void silence_ends_it(void **state)
{
	open_both();
	shed_and_wait();
	outer_set_silence(s.o, 200);
	for (int i = 0; i < 5; i++) {
		say_records(&c, 1);
		turn_for(80);
		assert_false(s.closed);
	}
	assert_true(wait_for(s.closed, 2000));
	assert_string_equal(s.reason, "nothing was received for too long");
}

/* --- hints --- */

static void hint(struct end *e, size_t body)
{
	uint8_t bytes[RECORD_HEADER_BYTES + RECORD_HINT_MAX_BYTES] = {23, 3, 3, 0, (uint8_t)body};
	struct buf *q = outer_raw_queue(e->o);

	assert_non_null(q);
	memset(bytes + RECORD_HEADER_BYTES, (int)body, body);
	assert_int_equal(buf_append(q, bytes, RECORD_HEADER_BYTES + body), 0);
	outer_raw_queued(e->o);
}

static void hints_are_taken_out(void **state)
{
	static const size_t chunks[] = {0, 1, 2, 3, 4, 5, 6, 7, 21, 100};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		shed_and_wait();
		wire.chunk = chunks[i];
		for (size_t body = 1; body <= RECORD_HINT_MAX_BYTES; body++) {
			hint(&s, body);
			if (body % 3 == 0)
				hint(&s, RECORD_HINT_MAX_BYTES + 1 - body);
			if (body != 4)
				say_records(&s, 1);
			hint(&c, body); /* nobody wants these: dropped */
			say_records(&c, 1);
		}
		hint(&s, 2);
		assert_true(wait_for(c.got == s.sent && s.got == c.sent &&
					     buf_len(&wire.out[0]) + buf_len(&wire.out[1]) == 0,
				     20000));
		turn_for(2);
		exchange(KB, KB);
		assert_true(buf_len(&c.o->net_in) == 0 && buf_len(&s.o->net_in) == 0);
	}
}

static void on_hint(struct outer *o, const struct hint *h)
{
	struct end *e = outer_arg(o);

	assert_int_equal(h->code, HINT_DRAINING);
	e->hints++;
	e->hint_arg = h->arg;
	e->hinted_at = e->got;
	if (e->close_in_hint)
		outer_close(o, "closed in on_hint");
}

static void give_hint(uint16_t arg)
{
	const struct hint h = {.code = HINT_DRAINING, .arg = arg};

	assert_int_equal(outer_hint(s.o, &h), 0);
}

static void a_hint_in_the_outer_layer(void **state)
{
	open_both();
	give_hint(60);
	assert_true(wait_for(c.hints == 1, 2000));
	assert_int_equal(c.hint_arg, 60);
	say(&s, 3); /* in the middle of a record: it does not matter yet */
	give_hint(61);
	say(&s, gen_left(&s.tx));
	exchange(KB, KB);
	assert_int_equal(c.hints, 2);
	assert_int_equal(c.hint_arg, 61);
	assert_int_equal(outer_shed(c.o), 0);
	to_the_boundary();
	exchange(KB, KB);
}

/* It is said where a record ends, wherever the owner was when it gave it; no byte is touched. */
static void a_hint_on_the_shed_connection(void **state)
{
	static const size_t chunks[] = {0, 1, 2, 7, 100};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		shed_and_wait();
		wire.chunk = chunks[i];
		give_hint(1); /* at a boundary: at once */
		assert_true(wait_for(c.hints == 1, 2000));
		for (size_t cut = 1; cut < 40; cut++) {
			uint64_t before = s.sent;
			size_t left;

			say(&s, 1);
			left = gen_left(&s.tx);
			if (cut < left)
				say(&s, cut);
			give_hint((uint16_t)(cut + 1));
			give_hint((uint16_t)(cut + 2)); /* the last one counts */
			turn_for(1);
			assert_int_equal(c.hints, cut);
			say_records(&s, 1);
			assert_true(wait_for(c.hints == cut + 1, 5000));
			assert_int_equal(c.hint_arg, cut + 2);
			assert_true(c.hinted_at > before);
		}
		exchange(KB, KB);
		to_the_boundary();
	}
}

static void a_hint_between_shed_and_shed(void **state)
{
	open_both();
	say(&s, 1); /* the server cannot answer yet */
	assert_int_equal(outer_shed(c.o), 0);
	turn_for(20);
	assert_false(both_shed());
	give_hint(5);
	assert_true(wait_for(c.hints == 1, 2000));
	say(&s, gen_left(&s.tx));
	assert_true(wait_for(both_shed(), 5000));
	give_hint(6);
	assert_true(wait_for(c.hints == 2, 2000));
	exchange(KB, KB);
}

static void a_clients_hint_is_nothing(void **state)
{
	const struct hint h = {.code = HINT_DRAINING, .arg = 9};

	open_both();
	assert_int_equal(outer_hint(c.o, &h), 0); /* as a text message */
	turn_for(20);
	shed_and_wait();
	hint(&c, 3);
	exchange(KB, KB);
	assert_int_equal(s.hints, 0);
}

static void closed_in_a_hint(void **state)
{
	for (int shed = 0; shed < 2; shed++) {
		if (shed) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		if (shed)
			shed_and_wait();
		c.close_in_hint = true;
		give_hint(5);
		say_records(&s, 3);
		assert_true(wait_for(c.closed, 2000));
		assert_string_equal(c.reason, "closed in on_hint");
	}
}

/* One end cannot give hints through the server, nor send on what the other's would close over. */
static void what_looks_like_a_hint_does_not_pass(void **state)
{
	static const uint8_t bad[][7] = {
		{23, 3, 3, 0, 2, 1, 0}, {22, 3, 3, 0, 40}, {23, 3, 1, 0, 40}};

	for (size_t i = 0; i < 3; i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		shed_and_wait();
		say_records(&s, 2);
		assert_int_equal(outer_send(s.o, bad[i], sizeof(bad[i])), -EPIPE);
		assert_true(wait_for(s.closed && c.closed, 5000));
		assert_int_equal(c.hints, 0);
		assert_string_equal(s.reason, "what is to be carried on the shed connection is no "
					      "record");
	}
}

/* Behind one's last hint comes the end. */
static void a_hint_and_the_end(void **state)
{
	open_both();
	shed_and_wait();
	say_records(&s, 5);
	hint(&s, 2);
	outer_finish(s.o, "the end");
	assert_true(wait_for(c.closed, 5000));
	assert_int_equal(c.got, s.sent);
	assert_true(c.clean);
}

/* --- what nobody may send --- */

static void malformed_records_end_it(void **state)
{
	static const uint8_t heads[][5] = {
		{22, 3, 3, 0, 40},    {21, 3, 3, 0, 40},	 {20, 3, 3, 0, 1},
		{24, 3, 3, 0, 40},    {23, 3, 1, 0, 40},	 {23, 3, 4, 0, 40},
		{23, 2, 3, 0, 40},    {23, 3, 3, 0, 0},		 {23, 3, 3, 65, 1},
		{23, 3, 3, 255, 255}, {'G', 'E', 'T', ' ', '/'},
	};

	for (size_t i = 0; i < 2 * sizeof(heads) / sizeof(heads[0]); i++) {
		struct end *from = i % 2 ? &c : &s, *to = i % 2 ? &s : &c;

		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		shed_and_wait();
		say_records(from, 2);
		assert_true(wait_for(to->got == from->sent, 5000));
		assert_int_equal(buf_append(outer_raw_queue(from->o), heads[i / 2], 5), 0);
		outer_raw_queued(from->o);
		assert_true(wait_for(to->closed, 5000));
		assert_non_null(strstr(to->reason, "no TLS record"));
		assert_false(to->clean);
	}
}

static const char wrong_place[] = "the outer layer was shed at a wrong place";

/* From the client, masked with zeros: bytes of the WebSocket layer in one outer record. */
static void from_c(const void *bytes, size_t n)
{
	assert_int_equal(outer_write_plain(c.o, bytes, n), 0);
}

#define SHED_FRAME "\x81\x84\0\0\0\0shed"
#define SHED_FRAME_BYTES 10

static void shed_without_having_agreed(void **state)
{
	s.allow = false;
	open_both();
	assert_int_equal(outer_shed(c.o), -ENOTSUP);
	exchange(KB, KB);
	from_c(SHED_FRAME, SHED_FRAME_BYTES);
	assert_true(wait_for(s.closed, 5000));
	assert_string_equal(s.reason, wrong_place);
}

static void shed_by_a_server_that_was_not_asked(void **state)
{
	connect_c(false, "");
	accept_s();
	assert_true(wait_for(c.opened && s.opened, 5000));
	assert_int_equal(outer_shed(c.o), -ENOTSUP);
	assert_int_equal(outer_write_plain(s.o, "\x81\4shed", 6), 0);
	assert_true(wait_for(c.closed, 5000));
	assert_string_equal(c.reason, wrong_place);
}

/* One that asks for it before the client did is followed: that cannot be told apart from an answer.
 */
static void bytes_behind_it_in_its_record(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{SHED_FRAME SHED_FRAME, 20},	      /* twice */
		{SHED_FRAME "\x82", 11},	      /* a header begins */
		{SHED_FRAME "\x82\x81\0\0\0\0x", 17}, /* data */
		{SHED_FRAME "\x17\3\3\0\x11", 15},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		open_both();
		from_c(cases[i].bytes, cases[i].n);
		assert_true(wait_for(s.closed, 5000));
		assert_string_equal(s.reason, wrong_place);
		assert_int_equal(s.got, 0);
	}
}

static void an_unfinished_message_before_it(void **state)
{
	open_both();
	from_c("\x02\x81\0\0\0\0\x17", 7); /* no FIN */
	from_c(SHED_FRAME, SHED_FRAME_BYTES);
	assert_true(wait_for(s.closed, 5000));
	assert_false(s.clean);
}

static void data_that_is_no_tls_is_never_cut(void **state)
{
	open_both();
	assert_int_equal(outer_send(s.o, "\x17\3\3\0\x11", 5), 0);
	s.sent += 5;
	while (s.tx.place < 5)
		gen_next(&s.tx);
	/* The next header would stand 17 bytes later; what stands there is none. */
	assert_int_equal(outer_send(s.o,
				    "0123456789abcdefg"
				    "nonsense",
				    25),
			 0);
	assert_false(s.o->shed_agreed);
	close_ends();
	assert_true(wait_for(c.closed && s.closed, 2000));
}

/* --- who sits between --- */

static void old_tls_stays_as_it_is(void **state)
{
	connect_c(true, "");
	accept_s();
	wolfSSL_set_options(s.o->tls->ssl, WOLFSSL_OP_NO_TLSv1_3);
	assert_true(wait_for((c.opened && s.opened) || c.closed, 5000));
	assert_string_equal(c.reason, "");
	assert_string_equal(c.o->version, "TLSv1.2");
	assert_false(c.o->shed_agreed || s.o->shed_agreed);
	assert_int_equal(outer_shed(c.o), -ENOTSUP);
	exchange(MB, MB);
}

static void a_proxy_that_seals_again_is_found(void **state)
{
	static const size_t chunks[] = {0, 1, 1000};

	for (size_t i = 0; i < 3; i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		has_proxy = true;
		close(wire.listener);
		wire.listener = -1;
		proxy_open(&proxy, &wire_where, server_ctx, client_ctx);
		proxy.chunk = chunks[i];
		open_both();
		assert_false(c.o->shed_agreed || s.o->shed_agreed);
		assert_int_equal(outer_shed(c.o), -ENOTSUP);
		exchange(i == 1 ? 20 * KB : MB, i == 1 ? 20 * KB : MB);
		assert_false(is_shed(&c) || is_shed(&s));
	}
}

static void a_wrong_proof_is_none(void **state)
{
	connect_c(false, "Farlan-Shed: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n");
	accept_s();
	assert_true(wait_for(c.opened && s.opened, 5000));
	assert_false(c.o->shed_agreed || s.o->shed_agreed);
	exchange(KB, KB);
}

/* A request without room for one more header goes without the offer. */
static void a_long_request_goes_without_an_offer(void **state)
{
	char headers[OUTER_REQUEST_SIZE];
	size_t n = OUTER_REQUEST_SIZE - 330;

	snprintf(headers, sizeof(headers), "X: %0*d\r\n", (int)n, 0);
	connect_c(true, headers);
	accept_s();
	assert_true(wait_for((c.opened && s.opened) || c.closed, 5000));
	assert_true(c.opened);
	exchange(KB, KB);
}

/* --- memory --- */

static void the_layer_is_freed(void **state)
{
	open_both();
	assert_non_null(c.o->tls->ssl);
	shed_and_wait();
	turn();
	assert_false(c.o->has_tls || s.o->has_tls);
	assert_null(c.o->tls->ssl);
	assert_null(s.o->tls);
	assert_null(c.o->plain.mem);
	assert_null(s.o->plain.mem);
	exchange(8 * MB, 8 * MB);
	/* Quiet again: a few small records, and nothing is kept. */
	for (int i = 0; i < 12; i++) {
		say(&c, gen_left(&c.tx) ? gen_left(&c.tx) : 5 + gen_body(c.tx.record));
		say(&s, gen_left(&s.tx) ? gen_left(&s.tx) : 5 + gen_body(s.tx.record));
		assert_true(wait_for(s.got == c.sent && c.got == s.sent, 2000));
	}
	for (int i = 0; i < 2000 && (s.o->net_in.mem || s.o->net_out.mem || c.o->net_out.mem);
	     i++) {
		hint(&c, 16);
		hint(&s, 16);
		turn_for(2);
	}
	assert_null(s.o->net_in.mem);
	assert_null(s.o->net_out.mem);
	assert_null(c.o->net_out.mem);
}

/* --- with an inner layer --- */

static struct fix_id manager, device;
static struct tls_ctx *inner_client, *inner_server;
static struct inner *in_c;
static struct tls hand; /* the other end of the inner layer, by hand over s */
static struct buf hand_in, hand_out;
static unsigned int answers, hand_got;
static bool in_closed;

static void hand_flush(void)
{
	assert_int_equal(outer_send(s.o, buf_data(&hand_out), buf_len(&hand_out)), 0);
	buf_consume(&hand_out, buf_len(&hand_out));
}

static void hand_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	char plain[TLS_RECORD_MAX_BYTES];

	(void)o;
	assert_int_equal(buf_append(&hand_in, bytes, n), 0);
	if (!hand.done)
		(void)!tls_handshake(&hand);
	while (hand.done && tls_read(&hand, plain, sizeof(plain), &n) == 0) {
		assert_int_equal(n, 6);
		assert_memory_equal(plain, "answer", 6);
		hand_got++;
	}
	if (s.o && buf_len(&hand_out) > 0)
		hand_flush();
}

static void in_ready(struct inner *in)
{
	assert_int_equal(outer_shed(inner_outer(in)), 0);
}

static void in_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	answers++;
	assert_int_equal(inner_send(in, "answer", 6), 0);
}

static void in_gone(struct inner *in, bool clean, const char *reason)
{
	(void)in;
	(void)clean;
	(void)reason;
	in_closed = true;
	c.o = NULL;
}

static const struct inner_callbacks in_calls = {
	.on_ready = in_ready, .on_data = in_data, .on_closed = in_gone};

static void open_inner(void)
{
	static const struct outer_callbacks hand_calls = {.on_data = hand_data,
							  .on_closed = on_closed};
	struct tls_expect expect = {.alpn = TLS_ALPN_PATH, .has_ident = true};

	in_closed = false;
	answers = hand_got = 0;
	fix_id_make(&manager, &lab, IDENT_USER, '1');
	fix_id_make(&device, &lab, IDENT_DEVICE, '2');
	assert_int_equal(
		tls_ctx_inner_client(&inner_client, &manager.cert, &manager.key, &lab.cert), 0);
	assert_int_equal(tls_ctx_inner_server(&inner_server, &device.cert, &device.key, &lab.cert),
			 0);
	open_both();
	buf_init(&hand_in, MB);
	buf_init(&hand_out, MB);
	expect.id = manager.id;
	assert_int_equal(tls_init(&hand, inner_server, &hand_in, &hand_out, NULL, &expect), 0);
	outer_set_callbacks(s.o, &hand_calls, &s);
	expect.id = device.id;
	assert_int_equal(inner_open(&in_c, c.o, inner_client, &expect, 0, &in_calls, NULL), 0);
	assert_true(wait_for(hand.done && both_shed(), 5000));
}

static void free_inner(void)
{
	tls_deinit(&hand);
	buf_deinit(&hand_in);
	buf_deinit(&hand_out);
	tls_ctx_free(inner_client);
	tls_ctx_free(inner_server);
}

static void close_inner(void)
{
	inner_close(in_c, "end of the test");
	assert_true(wait_for(in_closed, 2000));
	outer_close(s.o, "end of the test");
	assert_true(wait_for(s.closed, 2000));
	free_inner();
}

/* New keys are asked for, and what is behind that in the same segment is answered at once. */
static void answers_stay_behind_a_key_update(void **state)
{
	open_inner();
	for (unsigned int i = 1; i <= 5; i++) {
		assert_int_equal(wolfSSL_update_keys(hand.ssl), WOLFSSL_SUCCESS);
		assert_int_equal(tls_write(&hand, "question", 8), 0);
		hand_flush();
		assert_true(wait_for(hand_got == i || in_closed || s.closed, 5000));
		assert_int_equal(hand_got, i);
	}
	assert_int_equal(answers, 5);
	assert_string_equal(hand.reason, "");
	close_inner();
}

/*
 * A second `shed` in a record of its own is a sealed record among bare ones: nobody can see that
 * outside, the inner layer does.
 */
static void a_second_one_later_ends_the_inner_layer(void **state)
{
	uint8_t second[RECORD_HEADER_BYTES + 23] = {23, 3, 3, 0, 23};

	open_inner();
	assert_int_equal(buf_append(outer_raw_queue(s.o), second, sizeof(second)), 0);
	outer_raw_queued(s.o);
	assert_true(wait_for(in_closed, 7000));
	assert_true(wait_for(s.closed, 2000));
	free_inner();
}

static int group_set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	assert_int_equal(x509_key_generate(&host_key), 0);
	fix_host_cert(&lab, "localhost,127.0.0.1", &host_key, &host_cert);
	assert_int_equal(tls_ctx_outer_client(&client_ctx, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&server_ctx, &host_cert, &host_key, &lab.cert), 0);
	return 0;
}

static int group_tear_down(void **state)
{
	tls_ctx_free(client_ctx);
	tls_ctx_free(server_ctx);
	tls_global_deinit();
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(goes_bare_in_both_directions),
		TEST(at_once_and_with_nothing_said),
		TEST(in_the_middle_of_traffic_however_it_is_cut),
		TEST(in_any_order),
		TEST(all_of_it_in_segments_of_one_byte),
		TEST(shed_and_raw_in_one_segment),
		TEST(the_answer_comes_at_the_next_boundary),
		TEST(the_boundary_may_lie_within_what_is_sent),
		TEST(the_first_word_waits_for_a_boundary),
		TEST(a_ping_is_not_answered),
		TEST(a_key_update_is_not_answered),
		TEST(a_key_update_just_before),
		TEST(a_close_ends_it_without_an_outer_byte),
		TEST(a_close_notify_ends_it_without_an_outer_byte),
		TEST(a_bad_record_ends_it_without_an_alert),
		TEST(own_end_half_way_says_nothing_outer),
		TEST(the_others_end_half_way),
		TEST(with_a_full_queue),
		TEST(the_answer_into_a_full_queue),
		TEST(a_bare_queue_has_its_limit),
		TEST(pausing_stops_the_sender_and_loses_nothing),
		TEST(what_was_sent_before_the_end_is_delivered),
		TEST(paused_when_it_comes),
		TEST(paused_by_the_data_in_front_of_it),
		TEST(closed_in_the_callback),
		TEST(silence_ends_it),
		TEST(hints_are_taken_out),
		TEST(a_hint_in_the_outer_layer),
		TEST(a_hint_on_the_shed_connection),
		TEST(a_hint_between_shed_and_shed),
		TEST(a_clients_hint_is_nothing),
		TEST(closed_in_a_hint),
		TEST(what_looks_like_a_hint_does_not_pass),
		TEST(a_hint_and_the_end),
		TEST(malformed_records_end_it),
		TEST(shed_without_having_agreed),
		TEST(shed_by_a_server_that_was_not_asked),
		TEST(bytes_behind_it_in_its_record),
		TEST(an_unfinished_message_before_it),
		TEST(data_that_is_no_tls_is_never_cut),
		TEST(old_tls_stays_as_it_is),
		TEST(a_proxy_that_seals_again_is_found),
		TEST(a_wrong_proof_is_none),
		TEST(a_long_request_goes_without_an_offer),
		TEST(the_layer_is_freed),
		TEST(answers_stay_behind_a_key_update),
		TEST(a_second_one_later_ends_the_inner_layer),
	};

	return cmocka_run_group_tests_name("shed", tests, group_set_up, group_tear_down);
}
