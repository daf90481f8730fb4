/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shedding through a relay, with the inner layer that it is for: legs by themselves, and proxies.
 */
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/io/inner.h"
#include "common/io/outer_internal.h"
#include "relayd/relay.h"
#include "tests/unit/session_rig.h"
#include "tests/unit/shed_wire.h"

#define MB ((uint64_t)1 << 20)
#define SESSIONS 8 /* whose memory is measured; what the rig lets in */

/* One end: an outer connection, mutual TLS in it, a counter stream in that. */
struct peer {
	uv_loop_t *loop;
	bool offer;
	uint64_t shed_at; /* when so much was sent; UINT64_MAX: never */
	struct between *proxy;
	struct wire *wire; /* cuts what passes */
	bool hints;	   /* between records, once that is possible */
	enum token_role role;
	struct outer *outer;
	struct inner *inner;
	bool ready, closed, clean, finish, refused;
	bool any; /* what comes is not the stream */
	uint64_t to_send, sent, got, noise, hinted;
	char reason[OUTER_REASON_SIZE];
};

static struct peer m, d;
static struct between proxies[2];
static struct wire cutter = {.fd = {-1, -1}};
static struct tls_ctx *proxy_server;

static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)(place * 131 + (place >> 8) * 31 + (place >> 16));
}

static void maybe_shed(struct peer *p)
{
	int r;

	if (p->sent < p->shed_at)
		return;
	p->shed_at = UINT64_MAX;
	r = outer_shed(inner_outer(p->inner));
	p->refused = r == -ENOTSUP;
	assert_true(r == 0 || r == -ENOTSUP);
}

/* What only R may say, on a boundary. */
static void send_hint(struct peer *p)
{
	static const uint8_t hint[] = {23, 3, 3, 0, 2, 1, 0};
	struct buf *q = outer_raw_queue(inner_outer(p->inner));

	if (!q)
		return;
	assert_int_equal(buf_append(q, hint, sizeof(hint)), 0);
	outer_raw_queued(inner_outer(p->inner));
}

static void feed(struct peer *p)
{
	static uint8_t chunk[40000];

	if (!p->ready || p->closed)
		return;
	maybe_shed(p);
	while (p->sent < p->to_send && inner_queued(p->inner) <= OUTER_QUEUE_HIGH_BYTES) {
		size_t n =
			1 + noise_u32(&p->noise) % (noise_u32(&p->noise) % 2 ? 200 : sizeof(chunk));

		if (n > p->to_send - p->sent)
			n = (size_t)(p->to_send - p->sent);
		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(p->sent + i);
		assert_int_equal(inner_send(p->inner, chunk, n), 0);
		p->sent += n;
		maybe_shed(p);
		if (p->hints)
			send_hint(p);
	}
	if (p->finish && p->sent == p->to_send)
		inner_finish(p->inner, "all sent");
}

static void in_ready(struct inner *in)
{
	struct peer *p = inner_arg(in);

	p->ready = true;
	/* As HELLO does: the first word of each end comes before anybody sheds. */
	assert_int_equal(inner_send(in, "h", 1), 0);
}

static void in_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct peer *p = inner_arg(in);

	if (p->got == 0 && n > 0 && bytes[0] == 'h') {
		bytes++;
		n--;
		p->got = 1;
		feed(p);
	}
	for (size_t i = 0; i < n && !p->any; i++) {
		if (bytes[i] != byte_at(p->got - 1 + i))
			fail_msg("byte %llu is wrong", (unsigned long long)(p->got - 1 + i));
	}
	p->got += n;
}

static void in_drain(struct inner *in)
{
	feed(inner_arg(in));
}

static void gone(struct peer *p, bool clean, const char *reason)
{
	p->closed = true;
	p->clean = clean;
	p->ready = false;
	p->outer = NULL;
	p->inner = NULL;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
}

static void in_hint(struct inner *in, const struct hint *h)
{
	struct peer *p = inner_arg(in);

	assert_int_equal(h->code, HINT_DRAINING);
	p->hinted++;
}

static void in_closed(struct inner *in, bool clean, const char *reason)
{
	gone(inner_arg(in), clean, reason);
}

static const struct inner_callbacks in_calls = {
	.on_ready = in_ready,
	.on_data = in_data,
	.on_drain = in_drain,
	.on_hint = in_hint,
	.on_closed = in_closed,
};

static void out_open(struct outer *o)
{
	struct peer *p = outer_arg(o);
	bool manager = p->role == TOKEN_MANAGER;
	struct tls_expect expect = {.alpn = TLS_ALPN_PATH, .has_ident = true};

	expect.id = manager ? rig.device.f.id : rig.manager.f.id;
	p->outer = NULL;
	assert_int_equal(inner_open(&p->inner, o, manager ? rig.manager.client : rig.device.server,
				    &expect, 0, &in_calls, p),
			 0);
}

static void out_closed(struct outer *o, bool clean, const char *reason)
{
	gone(outer_arg(o), clean, reason);
}

static const struct outer_callbacks out_calls = {.on_open = out_open, .on_closed = out_closed};

static void dial(struct peer *p, enum token_role role)
{
	struct sockaddr_storage relay = rig_relay_addr(0);
	char headers[PASETO_TOKEN_SIZE + 100];
	struct outer_target target = {
		.addr = relay,
		.host = "127.0.0.1",
		.host_header = "127.0.0.1",
		.path = "/v1/session",
		.headers = headers,
		.shed = p->offer,
	};

	p->role = role;
	p->noise = 77 + role;
	if (p->proxy)
		proxy_open(p->proxy, &target.addr, proxy_server, rig.outer);
	if (p->wire)
		wire_open(p->wire, &target.addr);
	rig_headers(headers, sizeof(headers), role, 0);
	assert_int_equal(outer_connect(&p->outer, p->loop ? p->loop : &rig.loop, rig.outer, &target,
				       &out_calls, p),
			 0);
	if (p->proxy)
		wire_join(&p->proxy->w, &relay);
	if (p->wire)
		wire_join(p->wire, &relay);
}

static void turn_proxies(void *arg)
{
	(void)arg;
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < 2; i++) {
			if (proxies[i].w.listener > 0)
				(void)proxy_turn(&proxies[i]);
		}
		(void)wire_turn(&cutter);
	}
}

static bool done(void *arg)
{
	(void)arg;
	if (m.closed || d.closed)
		return true;
	return m.got == d.to_send + 1 && d.got == m.to_send + 1;
}

static bool all_closed(void *arg)
{
	(void)arg;
	return m.closed && d.closed;
}

static bool is_shed(const struct peer *p)
{
	struct outer_stats s;

	outer_stats(inner_outer(p->inner), &s);
	return s.shed;
}

static bool done_and_hinted(void *arg)
{
	return done(arg) && (m.closed || d.closed ||
			     (is_shed(&m) && is_shed(&d) && m.hinted > 0 && d.hinted > 0));
}

static void start(void)
{
	dial(&m, TOKEN_MANAGER);
	dial(&d, TOKEN_DEVICE);
	if (!rig_run(done, turn_proxies, NULL, 60000) || m.closed || d.closed)
		fail_msg("m %llu of %llu %s, d %llu of %llu %s", (unsigned long long)m.got,
			 (unsigned long long)d.to_send, m.reason, (unsigned long long)d.got,
			 (unsigned long long)m.to_send, d.reason);
}

/* --- legs by themselves --- */

static void both_legs_in_the_middle_of_traffic(void **state)
{
	uint64_t noise = 31415;

	for (int i = 0; i < 8; i++) {
		m = d = (struct peer){.offer = true, .to_send = 3 * MB};
		m.shed_at = noise_u32(&noise) % (2 * MB);
		d.shed_at = noise_u32(&noise) % (2 * MB);
		start();
		assert_true(is_shed(&m) && is_shed(&d));
		inner_close(m.inner, "end");
		assert_true(rig_run(all_closed, NULL, NULL, 7000));
		rig.session++;
	}
}

static void both_before_anything_else(void **state)
{
	m = d = (struct peer){.offer = true, .to_send = 12 * MB};
	start();
	assert_true(is_shed(&m) && is_shed(&d));
}

/* R has something to say, too, wherever the records just are. */
static void turn_and_hint(void *arg)
{
	struct hint h = {.code = HINT_DRAINING};
	struct leg *l;

	turn_proxies(arg);
	TAILQ_FOREACH (l, &rig.relays[0].relay->legs, list) {
		if (l->other && noise_u32(&cutter.noise) % 4 == 0 &&
		    outer_raw_queue(l->outer)) /* only once it is shed */
			assert_int_equal(outer_hint(l->outer, &h), 0);
	}
}

/* Headers and hints come in pieces, and several records in one. */
static void bare_in_pieces_with_hints_between(void **state)
{
	static const struct {
		size_t chunk;
		uint64_t n;
	} cuts[] = {{1, 6000}, {9, 40000}, {700, MB}, {60000, 6 * MB}};

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		m = d = (struct peer){.offer = true, .to_send = cuts[i].n, .hints = true};
		m.wire = &cutter;
		dial(&m, TOKEN_MANAGER);
		cutter.chunk = cuts[i].chunk;
		cutter.random = true;
		dial(&d, TOKEN_DEVICE);
		assert_true(rig_run(done_and_hinted, turn_and_hint, NULL, 60000));
		assert_false(m.closed || d.closed);
		inner_close(m.inner, "end");
		assert_true(rig_run(all_closed, turn_proxies, NULL, 7000));
		wire_close(&cutter);
		rig.session++;
	}
}

static void one_leg_only(void **state)
{
	m = d = (struct peer){.offer = true, .to_send = 6 * MB};
	m.shed_at = MB;
	d.offer = false;
	start();
	assert_true(is_shed(&m) && !m.refused);
	assert_true(!is_shed(&d) && d.refused);
}

static void one_that_never_does(void **state)
{
	m = d = (struct peer){.offer = true, .to_send = 6 * MB};
	d.shed_at = UINT64_MAX;
	start();
	assert_true(is_shed(&m) && !is_shed(&d) && !d.refused);
}

static void a_relay_that_does_not(void **state)
{
	rig.relays[0].relay->config.shed = false;
	m = d = (struct peer){.offer = true, .to_send = MB};
	start();
	assert_true(m.refused && d.refused);
}

/* --- somebody between --- */

static void with_proxies(bool at_m, bool at_d, size_t chunk, uint64_t n)
{
	m = d = (struct peer){.offer = true, .to_send = n};
	m.proxy = at_m ? &proxies[0] : NULL;
	d.proxy = at_d ? &proxies[1] : NULL;
	dial(&m, TOKEN_MANAGER);
	dial(&d, TOKEN_DEVICE);
	proxies[0].chunk = proxies[1].chunk = chunk;
	assert_true(rig_run(done, turn_proxies, NULL, 60000));
	assert_false(m.closed || d.closed);
	assert_int_equal(is_shed(&m), !at_m);
	assert_int_equal(is_shed(&d), !at_d);
	assert_int_equal(m.refused, at_m);
}

static void a_proxy_before_one_leg(void **state)
{
	with_proxies(true, false, 0, 3 * MB);
}

static void proxies_before_both(void **state)
{
	with_proxies(true, true, 0, 3 * MB);
}

static void a_proxy_that_cuts_all_into_single_bytes(void **state)
{
	with_proxies(false, true, 1, 30000);
}

/* --- hints, the end --- */

/* R neither forwards what only R may say nor ends anything over it. */
static void hints_of_an_end_are_dropped(void **state)
{
	struct outer_stats before, after;
	uint64_t records = 0;

	m = d = (struct peer){.offer = true};
	start();
	rig_run_for(20);
	assert_true(is_shed(&m) && is_shed(&d));
	outer_stats(inner_outer(d.inner), &before);
	d.any = true;
	for (int i = 0; i < 50; i++) {
		send_hint(&m);
		assert_int_equal(inner_send(m.inner, "0123456789", 10), 0);
		records++;
	}
	rig_run_for(200);
	assert_false(m.closed || d.closed);
	rig_run_for(20);
	outer_stats(inner_outer(d.inner), &after);
	assert_int_equal(after.bytes_in - before.bytes_in, (10 + 22) * records);
}

static void a_malformed_record_ends_both(void **state)
{
	static const uint8_t bad[] = {22, 3, 3, 0, 40};
	struct buf *q;

	m = d = (struct peer){.offer = true};
	start();
	q = outer_raw_queue(inner_outer(m.inner));
	assert_int_equal(buf_append(q, bad, sizeof(bad)), 0);
	outer_raw_queued(inner_outer(m.inner));
	assert_true(rig_run(all_closed, NULL, NULL, 7000));
}

static void what_was_sent_before_the_end_is_delivered(void **state)
{
	m = d = (struct peer){.offer = true, .to_send = 5 * MB, .finish = true};
	d.to_send = 0;
	d.finish = false;
	dial(&m, TOKEN_MANAGER);
	dial(&d, TOKEN_DEVICE);
	assert_true(rig_run(all_closed, NULL, NULL, 20000));
	assert_int_equal(d.got, 5 * MB + 1);
	assert_true(d.clean);
}

static void a_leg_that_is_cut_ends_the_other(void **state)
{
	m = d = (struct peer){.offer = true, .to_send = MB};
	start();
	inner_close(m.inner, "cut");
	assert_true(rig_run(all_closed, NULL, NULL, 7000));
	assert_false(d.clean);
}

/* --- memory --- */

#define READ_MAX_BYTES (64u << 10) /* what one read may add to a queue that was not full */

/* Of the relay, for what it carries: the largest queue of a leg, and all of them. */
static void relay_holds(size_t *queue, size_t *all)
{
	struct leg *l;

	*queue = *all = 0;
	TAILQ_FOREACH (l, &rig.relays[0].relay->legs, list) {
		const struct outer *o = l->outer;

		if (outer_queued(o) > *queue)
			*queue = outer_queued(o);
		*all += o->net_in.size + o->net_out.size + o->plain.size;
	}
}

static bool relay_is_full(void *arg)
{
	size_t queue, all;

	(void)arg;
	relay_holds(&queue, &all);
	return queue > OUTER_QUEUE_HIGH_BYTES;
}

static bool relay_holds_nothing(void *arg)
{
	size_t queue, all;

	(void)arg;
	relay_holds(&queue, &all);
	return all == 0;
}

struct both {
	struct peer m, d;
};

static bool both_done(void *arg)
{
	const struct both *b = arg;

	return b->m.got == b->d.to_send + 1 && b->d.got == b->m.to_send + 1;
}

static bool both_closed(void *arg)
{
	const struct both *b = arg;

	return b->m.closed && b->d.closed;
}

/* It holds no more than a queue and a read, others go on beside it, and all is given back at the
 * end. */
static void a_stalled_session_is_bounded_and_alone(void **state)
{
	struct both other;
	size_t queue, all;

	outer_times.trim_ms = 100;
	m = d = (struct peer){.offer = true};
	start();
	outer_pause(inner_outer(d.inner));
	m.to_send = 64 * MB;
	feed(&m);
	assert_true(rig_run(relay_is_full, NULL, NULL, 20000));
	rig_run_for(300);
	assert_true(m.sent < m.to_send);
	relay_holds(&queue, &all);
	assert_true(queue <= OUTER_QUEUE_HIGH_BYTES + READ_MAX_BYTES);
	assert_true(all <= 2 * (OUTER_QUEUE_HIGH_BYTES + READ_MAX_BYTES) + READ_MAX_BYTES);
	rig.session++;
	other.m = other.d = (struct peer){.offer = true, .to_send = 8 * MB};
	dial(&other.m, TOKEN_MANAGER);
	dial(&other.d, TOKEN_DEVICE);
	assert_true(rig_run(both_done, NULL, &other, 20000));
	inner_close(other.m.inner, "end");
	assert_true(rig_run(both_closed, NULL, &other, 7000));
	outer_resume(inner_outer(d.inner));
	assert_true(rig_run(done, NULL, NULL, 30000));
	assert_int_equal(d.got, 64 * MB + 1);
	assert_true(rig_run(relay_holds_nothing, NULL, NULL, 5000));
}

/* The ends live in a process of their own, so that the heap here is the relay's. */
static void child_ends(bool shed, int ready, int go_on)
{
	static struct peer ps[2 * SESSIONS];
	uv_loop_t loop;
	bool all = false;
	char byte = 1;

	assert_int_equal(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < 2 * (size_t)SESSIONS; i++) {
		ps[i] = (struct peer){.loop = &loop, .offer = shed, .to_send = MB / 4};
		dial(&ps[i], i % 2 ? TOKEN_DEVICE : TOKEN_MANAGER);
		if (i % 2)
			rig.session++;
		(void)fix_run(&loop, NULL, 10);
	}
	for (int round = 0; round < 600 && !all; round++) {
		(void)fix_run(&loop, NULL, 50);
		all = true;
		for (size_t i = 0; i < 2 * (size_t)SESSIONS; i++)
			all &= ps[i].got == MB / 4 + 1;
	}
	if (!all)
		_exit(1);
	for (int pings = 0; pings < 12; pings++) { /* as sessions that have nothing to carry */
		for (size_t i = 0; i < 2 * (size_t)SESSIONS; i++) {
			ps[i].to_send += 20;
			feed(&ps[i]);
		}
		(void)fix_run(&loop, NULL, 60);
	}
	if (write(ready, &byte, 1) != 1 || read(go_on, &byte, 1) < 0)
		_exit(2);
	_exit(0);
}

static bool is_readable(void *arg)
{
	struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static size_t heap_of_sessions(bool shed)
{
	struct mallinfo2 before, after;
	int ready[2], go_on[2], status;
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go_on), 0);
	before = mallinfo2();
	child = fork();
	if (child == 0) {
		close(ready[0]);
		close(go_on[1]);
		child_ends(shed, ready[1], go_on[0]);
	}
	rig.session += SESSIONS;
	close(ready[1]);
	close(go_on[0]);
	assert_true(rig_run(is_readable, NULL, &ready[0], 60000));
	after = mallinfo2();
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(rig_relay_legs(0), 2 * SESSIONS);
	close(go_on[1]);
	close(ready[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	rig_run_for(100);
	assert_int_equal(rig_relay_legs(0), 0);
	return (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / SESSIONS;
}

static void what_an_idle_session_costs(void **state)
{
	size_t sealed, bare;

	if (mallinfo2().uordblks == 0)
		skip(); /* a sanitizer's heap */
	sealed = heap_of_sessions(false);
	bare = heap_of_sessions(true);
	print_message("heap of an idle session at a relay: %zu bytes, shed %zu\n", sealed, bare);
	assert_true(bare <= 16384);
}

static int set_up(void **state)
{
	int r = rig_setup(state);

	rig.relays[0].relay->config.shed = true;
	outer_times.trim_ms = 2000;
	for (int i = 0; i < 2; i++)
		proxies[i].w.listener = -1;
	return r;
}

static int tear_down(void **state)
{
	if (m.inner)
		inner_close(m.inner, "end of the test");
	else if (m.outer)
		outer_close(m.outer, "end of the test");
	if (d.inner)
		inner_close(d.inner, "end of the test");
	else if (d.outer)
		outer_close(d.outer, "end of the test");
	if (m.role || d.role || m.inner || d.inner)
		assert_true(rig_run(all_closed, turn_proxies, NULL, 7000));
	m = d = (struct peer){.closed = true};
	for (int i = 0; i < 2; i++) {
		if (proxies[i].w.listener > 0)
			proxy_close(&proxies[i]);
	}
	return rig_teardown(state);
}

static int group_set_up(void **state)
{
	int r = rig_group_setup(state);

	signal(SIGPIPE, SIG_IGN);
	m.closed = d.closed = true;
	assert_int_equal(
		tls_ctx_outer_server(&proxy_server, &rig.outer_cert, &rig.relay_key, &rig.ca.cert),
		0);
	return r;
}

static int group_tear_down(void **state)
{
	tls_ctx_free(proxy_server);
	return rig_group_teardown(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(both_legs_in_the_middle_of_traffic),
		TEST(both_before_anything_else),
		TEST(bare_in_pieces_with_hints_between),
		TEST(one_leg_only),
		TEST(one_that_never_does),
		TEST(a_relay_that_does_not),
		TEST(a_proxy_before_one_leg),
		TEST(proxies_before_both),
		TEST(a_proxy_that_cuts_all_into_single_bytes),
		TEST(hints_of_an_end_are_dropped),
		TEST(a_malformed_record_ends_both),
		TEST(what_was_sent_before_the_end_is_delivered),
		TEST(a_leg_that_is_cut_ends_the_other),
		TEST(a_stalled_session_is_bounded_and_alone),
		TEST(what_an_idle_session_costs),
	};

	return cmocka_run_group_tests_name("shed_relay", tests, group_set_up, group_tear_down);
}
