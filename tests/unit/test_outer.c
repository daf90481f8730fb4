/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outer layer as a stream: what it carries, how it ends, what it waits for and holds. */
#include <malloc.h>

#include "tests/unit/outer_rig.h"

/* --- the stream --- */

static void opens_and_tells_about_itself(void **state)
{
	struct outer_stats stats;

	open_both();
	assert_true(outer_tls_peer(c.o)->verified);
	assert_string_equal(outer_host(c.o), "localhost");
	assert_ptr_equal(outer_loop(s.o), &loop);
	outer_stats(c.o, &stats);
	assert_string_equal(stats.tls_version, "TLSv1.3");
	assert_true(stats.bytes_in > 500 && stats.bytes_out > 500);
	assert_int_equal(fix_port(outer_peer_addr(c.o)), fix_port(&where));
	assert_int_equal(outer_peer_addr(s.o)->ss_family, AF_INET);
	end_scene();
}

static void carries_a_stream_exactly(void **state)
{
	unsigned int turns = 0;

	c.to_send = s.to_send = 20u << 20;
	c.chunk_max = 40000;
	s.chunk_max = 3000;
	open_both();
	while ((c.got < s.to_send || s.got < c.to_send) && turns < 2000000) {
		uv_run(&loop, UV_RUN_NOWAIT);
		feed(&c);
		feed(&s);
		if (++turns % 7 == 0)
			outer_pause(turns % 2 ? c.o : s.o);
		if (turns % 7 == 5) {
			outer_resume(c.o);
			outer_resume(s.o);
		}
	}
	assert_int_equal(c.got, s.to_send);
	assert_int_equal(s.got, c.to_send);
	assert_true(c.drained && s.drained);
	assert_true(c.queued_max < OUTER_QUEUE_HIGH_BYTES + 41000);
	outer_resume(s.o);
	outer_finish(c.o, "all sent");
	assert_closed(&c, "all sent");
	assert_closed(&s, "closed by peer");
	assert_true(c.clean && s.clean);
}

/* Without on_drain being helped along by the test: the loop sleeps between events. */
static void drains_by_itself(void **state)
{
	c.to_send = 5u << 20;
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	for (int i = 0; i < 100000 && s.got < c.to_send; i++)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(s.got, c.to_send);
	end_scene();
}

static void a_paused_receiver_stops_the_sender(void **state)
{
	uint64_t sent, got;

	c.to_send = 40u << 20;
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	outer_pause(s.o);
	got = s.got;
	turn_for(300);
	sent = c.sent;
	turn_for(100);
	assert_int_equal(c.sent, sent);
	assert_true(sent < c.to_send);
	assert_true(outer_queued(c.o) >= OUTER_QUEUE_LOW_BYTES);
	assert_int_equal(s.got, got);
	assert_true(s.o->net_in.size <= 64u << 10);
	assert_true(s.o->plain.size <= 64u << 10);
	outer_resume(s.o);
	assert_true(wait_for(s.got == c.to_send, 20000));
	end_scene();
}

static void refuses_more_than_its_queue(void **state)
{
	static uint8_t much[100000];
	size_t sum = 0;
	int r;

	connect_end(&c, "");
	assert_int_equal(outer_send(c.o, "x", 1), -EPIPE);
	accept_end(&s);
	assert_true(wait_for(c.opened && s.opened, 5000));
	outer_pause(s.o);
	while ((r = outer_send(c.o, much, sizeof(much))) == 0)
		sum += sizeof(much);
	assert_int_equal(r, -ENOBUFS);
	assert_true(sum > 900000 && sum <= OUTER_QUEUE_MAX_BYTES);
	outer_resume(s.o);
	assert_true(wait_for(s.got == sum, 5000));
	assert_true(c.drained);
	assert_int_equal(outer_send(c.o, much, 1), 0);
	assert_int_equal(outer_send(c.o, much, 0), 0);
	outer_close(c.o, "enough");
	assert_int_equal(outer_send(c.o, much, 1), -EPIPE);
	end_scene();
}

static void finish_delivers_what_is_queued(void **state)
{
	static uint8_t chunk[50000];
	uint64_t sum = 0;

	c.chunk_max = s.chunk_max = 1;
	open_both();
	outer_pause(s.o);
	while (outer_queued(c.o) < 900000) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = byte_at(sum + i);
		assert_int_equal(outer_send(c.o, chunk, sizeof(chunk)), 0);
		sum += sizeof(chunk);
	}
	outer_finish(c.o, "done");
	outer_finish(c.o, "done twice");
	assert_int_equal(outer_send(c.o, chunk, 1), -EPIPE);
	turn_for(50);
	outer_resume(s.o);
	assert_closed(&s, "closed by peer");
	assert_closed(&c, "done");
	assert_int_equal(s.got, sum);
	assert_true(s.clean && c.clean);
}

/* Both at once; and one whose input is full, because it was paused. */
static void both_may_finish_at_once(void **state)
{
	uint64_t start = clock_mono_ms();

	open_both();
	assert_int_equal(outer_send(c.o, "one", 3), 0);
	assert_int_equal(outer_send(s.o, "two", 3), 0);
	outer_finish(c.o, "done");
	outer_finish(s.o, "done");
	assert_closed(&c, "done");
	assert_closed(&s, "done");
	assert_true(c.clean && s.clean);
	assert_true(clock_mono_ms() - start < 2000);
}

static void finish_while_paused_ends_soon(void **state)
{
	uint64_t start;

	c.to_send = 10u << 20;
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	outer_pause(s.o);
	turn_for(200);
	start = clock_mono_ms();
	c.to_send = 0;
	outer_finish(s.o, "no more of it");
	assert_closed(&s, "no more of it");
	assert_closed(&c, "");
	assert_true(clock_mono_ms() - start < 3000);
}

static void a_peer_that_never_ends_is_cut_off(void **state)
{
	raw_open(&raw);
	outer_times.finish_ms = 200;
	outer_finish(s.o, "done");
	assert_true(wait_for(raw.eof, 1000)); /* our FIN; it does not answer */
	assert_closed(&s, "done");
	assert_false(s.clean);
	raw_close(&raw);
}

static void resumes_within_on_data(void **state)
{
	c.to_send = 3u << 20;
	c.chunk_max = s.chunk_max = 10000;
	s.bounce_in_data = true;
	open_both();
	assert_true(wait_for(s.got == c.to_send, 10000));
	end_scene();
}

static void pauses_within_on_data(void **state)
{
	c.to_send = 1u << 20;
	c.chunk_max = s.chunk_max = 10000;
	s.pause_in_data = true;
	open_both();
	while (s.got < c.to_send) {
		uint64_t before = s.got;

		outer_resume(s.o);
		assert_true(wait_for(s.got > before, 1000));
		before = s.got;
		turn();
		assert_int_equal(s.got, before);
	}
	end_scene();
}

/* --- closing from every place --- */

static void closes_from_within_any_callback(void **state)
{
	bool *const flags[] = {&s.close_in_request, &c.close_in_open,  &s.close_in_open,
			       &s.close_in_data,    &c.close_in_drain, &c.finish_in_open,
			       &s.finish_in_open};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		memset(&c, 0, sizeof(c));
		memset(&s, 0, sizeof(s));
		c.noise = s.noise = 99;
		c.to_send = 3u << 20;
		c.chunk_max = s.chunk_max = 10000;
		*flags[i] = true;
		if (flags[i] == &s.close_in_data)
			c.to_send = 5;
		connect_end(&c, "");
		accept_end(&s);
		assert_closed(&c, "");
		assert_closed(&s, "");
	}
}

static void closes_at_once(void **state)
{
	connect_end(&c, "");
	outer_close(c.o, "never mind");
	outer_close(c.o, "never mind again");
	assert_false(c.closed);
	assert_closed(&c, "never mind");
	assert_false(c.clean);
	assert_string_equal(c.reason, "never mind");
}

static void closes_in_any_state(void **state)
{
	for (int turns = 0; turns < 60; turns++) {
		memset(&c, 0, sizeof(c));
		memset(&s, 0, sizeof(s));
		connect_end(&c, "");
		accept_end(&s);
		for (int i = 0; i < turns && !s.opened; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (turns % 3 == 0)
			outer_close(turns % 2 ? c.o : s.o, "now");
		else if (turns % 3 == 1)
			outer_finish(turns % 2 ? c.o : s.o, "now");
		else
			outer_close(c.o, "now"), outer_finish(s.o, "now");
		assert_closed(&c, "");
		assert_closed(&s, "");
	}
}

static void hands_over_to_another_owner(void **state)
{
	struct end heir = {.noise = 1};

	open_both();
	outer_set_callbacks(s.o, &calls, &heir);
	heir.o = s.o;
	heir.opened = true;
	s.o = NULL;
	assert_int_equal(outer_send(c.o, "hello", 5), 0);
	assert_true(wait_for(heir.got == 5, 1000));
	outer_close(c.o, "bye");
	assert_closed(&heir, "");
	assert_int_equal(s.got, 0);
	end_scene();
}

/* --- the other side goes away --- */

/* It has not looked at the clock since before the connection began. */
static void goes_on_on_a_loop_that_slept(void **state)
{
	assert_int_equal(uv_loop_init(&other_loop), 0);
	turn_for(30);
	s.leave_in_request = true;
	c.to_send = 100000;
	c.chunk_max = s.chunk_max = 5000;
	open_both();
	assert_ptr_equal(outer_loop(s.o), &other_loop);
	assert_true(wait_for(s.got == c.to_send, 5000));
	end_scene();
	has_other_loop = false;
	fix_loop_end(&other_loop);
}

static void a_reset_ends_it(void **state)
{
	for (int stage = 0; stage < 5; stage++) {
		memset(&s, 0, sizeof(s));
		if (stage == 0)
			raw_connect(&raw);
		else if (stage == 1)
			raw_shake(&raw);
		else if (stage == 2)
			raw_upgrade(&raw);
		else
			raw_open(&raw);
		if (stage == 4)
			outer_pause(s.o);
		raw_reset(&raw);
		assert_closed(&s, "connection lost: Connection reset by peer");
		assert_false(s.clean);
	}
}

static void a_fin_ends_it(void **state)
{
	static const char *const why[] = {"during the handshake", "during the handshake", "by peer",
					  "by peer"};

	for (int stage = 0; stage < 4; stage++) {
		memset(&s, 0, sizeof(s));
		if (stage == 0)
			raw_connect(&raw);
		else if (stage == 1)
			raw_shake(&raw);
		else if (stage == 2)
			raw_upgrade(&raw);
		else
			raw_open(&raw);
		assert_int_equal(shutdown(raw.fd, SHUT_WR), 0);
		assert_closed(&s, why[stage]);
		assert_true(wait_for(raw.eof, 1000));
		raw_close(&raw);
	}
}

static void tells_of_a_peer_that_left_while_paused(void **state)
{
	raw_open(&raw);
	outer_pause(s.o);
	raw_frame(&raw, WS_BINARY, "last words", 10, true);
	turn_for(20);
	raw_close(&raw);
	assert_true(wait_for(s.gone, 1000));
	turn_for(50);
	assert_false(s.closed);
	assert_int_equal(s.got, 0);
	outer_resume(s.o);
	assert_closed(&s, "closed by peer");
	assert_string_equal(s.first, "last words");
}

static void hands_out_much_that_a_gone_peer_left(void **state)
{
	c.to_send = 110000; /* more than is read ahead, less than the kernel takes besides */
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	outer_pause(s.o);
	turn_for(100);
	assert_int_equal(c.sent, c.to_send);
	outer_finish(c.o, "bye");
	assert_true(wait_for(s.gone, 2000));
	assert_false(s.closed);
	outer_resume(s.o);
	assert_closed(&s, "closed by peer");
	assert_int_equal(s.got, c.to_send);
	assert_closed(&c, "bye");
}

static void closes_when_told_of_a_gone_peer(void **state)
{
	s.close_in_gone = true;
	raw_open(&raw);
	outer_pause(s.o);
	raw_frame(&raw, WS_BINARY, "last words", 10, true);
	turn_for(20);
	raw_close(&raw);
	assert_closed(&s, "closed in on_peer_gone");
}

static void a_paused_end_without_data_hears_the_fin(void **state)
{
	raw_open(&raw);
	outer_pause(s.o);
	raw_close(&raw);
	assert_closed(&s, "closed by peer");
}

/* --- time --- */

static void a_server_does_not_wait_for_ever(void **state)
{
	static const char *const why[] = {"TLS handshake timed out", "no valid request",
					  "no valid request"};

	for (int stage = 0; stage < 3; stage++) {
		memset(&s, 0, sizeof(s));
		if (stage == 2)
			outer_times.open_ms = 600;
		else
			outer_times.open_ms = 200;
		if (stage == 0) {
			int fd = connect_fd();

			accept_end(&s);
			assert_closed(&s, why[stage]);
			close(fd);
			continue;
		}
		if (stage == 1)
			raw_shake(&raw);
		else
			raw_upgrade(&raw);
		assert_closed(&s, why[stage]);
		raw_close(&raw);
	}
}

static void a_client_does_not_wait_for_ever(void **state)
{
	int fd;

	outer_times.open_ms = 200;
	connect_end(&c, "");
	assert_closed(&c, "TLS handshake timed out"); /* the kernel accepted, nobody else did */
	memset(&c, 0, sizeof(c));
	close(accept_fd());
	raw_serve(&raw);
	assert_closed(&c, "no valid request or answer in time");
	raw_close(&raw);
	/* A full backlog: nobody answers at all. */
	memset(&c, 0, sizeof(c));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_true(connect(fd, (struct sockaddr *)&where, sizeof(struct sockaddr_in)) == 0 ||
		    errno == EINPROGRESS);
	turn_for(20);
	connect_end(&c, "");
	assert_closed(&c, "no answer (connection timed out)");
	close(fd);
}

static void notices_silence(void **state)
{
	uint64_t start;

	raw_open(&raw);
	outer_set_silence(s.o, 150);
	for (int i = 0; i < 6; i++) {
		turn_for(50);
		assert_false(s.closed);
		raw_frame(&raw, WS_PING, "", 0, true);
	}
	start = clock_mono_ms();
	assert_closed(&s, "nothing was received for too long");
	assert_true(clock_mono_ms() - start >= 100);
	raw_close(&raw);
	memset(&s, 0, sizeof(s));
	raw_open(&raw);
	outer_set_silence(s.o, 50);
	outer_set_silence(s.o, 0);
	turn_for(120);
	assert_false(s.closed);
	end_scene();
	raw_close(&raw);
}

static void a_byte_now_and_then_does_not_prolong_it(void **state)
{
	static const char text[] = REQUEST;
	size_t at = 0;

	outer_times.open_ms = 400;
	raw_shake(&raw);
	while (!s.closed && at < sizeof(text)) {
		raw_say(&raw, text + at++, 1);
		turn_for(20);
	}
	assert_closed(&s, "no valid request");
	raw_close(&raw);
}

/* --- neighbours --- */

/* One end's owner sends on another connection from its callbacks: it must go out without delay. */
static struct outer *relay_to;
static uint64_t relayed;

static void relay_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	relayed += n;
	assert_int_equal(outer_send(relay_to, bytes, n), 0);
}

static void one_connection_feeds_another(void **state)
{
	static struct end c2, s2;
	struct outer_callbacks relay = calls;

	memset(&c2, 0, sizeof(c2));
	memset(&s2, 0, sizeof(s2));
	relay.on_data = relay_data;
	connect_end(&c2, "");
	accept_end(&s2);
	assert_true(wait_for(c2.opened && s2.opened, 3000));
	open_both();
	outer_set_callbacks(s.o, &relay, &s);
	relay_to = s2.o;
	for (int i = 0; i < 50; i++) {
		uint64_t until = clock_mono_ms() + 1000;

		assert_int_equal(outer_send(c.o, "ping", 4), 0);
		while (c2.got < 4u * (unsigned int)(i + 1) && clock_mono_ms() < until)
			uv_run(&loop, UV_RUN_ONCE);
		assert_int_equal(c2.got, 4 * (i + 1));
	}
	outer_close(c2.o, "end");
	outer_close(s2.o, "end");
	assert_true(wait_for(c2.closed && s2.closed, 1000));
	end_scene();
}

static void a_stuck_peer_hurts_nobody_else(void **state)
{
	static struct end c2, s2;

	memset(&c2, 0, sizeof(c2));
	memset(&s2, 0, sizeof(s2));
	c2.noise = s2.noise = 7;
	open_both();
	c.to_send = 10u << 20;
	c.chunk_max = s.chunk_max = 40000;
	outer_pause(s.o);
	feed(&c);
	turn_for(100);
	c2.to_send = 2u << 20;
	c2.chunk_max = s2.chunk_max = 40000;
	connect_end(&c2, "");
	accept_end(&s2);
	assert_true(wait_for(s2.got == c2.to_send, 10000));
	assert_false(c.closed || s.closed);
	outer_close(c2.o, "end");
	assert_true(wait_for(c2.closed && s2.closed, 2000));
	end_scene();
}

/* --- size --- */

static size_t held(const struct end *e)
{
	return e->o->net_in.size + e->o->net_out.size + e->o->plain.size;
}

/* A transfer that ends at once: no further word makes anybody look at the buffers. */
static void gives_back_what_grew(void **state)
{
	outer_times.trim_ms = 50;
	c.chunk_max = s.chunk_max = 40000;
	c.to_send = 8u << 20;
	open_both();
	assert_true(wait_for(s.got == c.to_send, 10000));
	assert_true(wait_for(held(&c) == 0 && held(&s) == 0, 5000));
	/* Not what somebody waits for. */
	s.pause_in_data = true;
	c.to_send += 4u << 20;
	feed(&c);
	turn_for(300);
	assert_true(held(&c) > 0 && held(&s) > 0 && s.got < c.to_send);
	s.pause_in_data = false;
	outer_resume(s.o);
	assert_true(wait_for(s.got == c.to_send, 10000));
	assert_true(wait_for(held(&c) == 0 && held(&s) == 0, 5000));
	/* The other use of the same timer. */
	outer_set_silence(s.o, 200);
	assert_closed(&s, "nothing was received");
	end_scene();
}

/* What an idle connection costs a server; told, not demanded. */
static void tells_its_size(void **state)
{
	enum { N = 20 };
	struct end cs[N], ss[N];
	struct mallinfo2 before, after;

	before = mallinfo2();
	for (int i = 0; i < N; i++) {
		memset(&cs[i], 0, sizeof(cs[i]));
		memset(&ss[i], 0, sizeof(ss[i]));
		cs[i].noise = ss[i].noise = 5;
		cs[i].to_send = ss[i].to_send = 300;
		cs[i].chunk_max = ss[i].chunk_max = 100;
		connect_end(&cs[i], "");
		accept_end(&ss[i]);
		assert_true(wait_for(ss[i].got == 300 && cs[i].got == 300, 5000));
	}
	turn_for(20);
	after = mallinfo2();
	print_message("%zu bytes of heap for both ends of an idle connection; server: net_in %zu, "
		      "plain %zu, net_out %zu\n",
		      (after.uordblks - before.uordblks) / N, ss[0].o->net_in.size,
		      ss[0].o->plain.size, ss[0].o->net_out.size);
	for (int i = 0; i < N; i++) {
		outer_close(cs[i].o, "end");
		outer_close(ss[i].o, "end");
		assert_true(wait_for(cs[i].closed && ss[i].closed, 1000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(opens_and_tells_about_itself),
		t(carries_a_stream_exactly),
		t(drains_by_itself),
		t(a_paused_receiver_stops_the_sender),
		t(refuses_more_than_its_queue),
		t(finish_delivers_what_is_queued),
		t(both_may_finish_at_once),
		t(finish_while_paused_ends_soon),
		t(a_peer_that_never_ends_is_cut_off),
		t(resumes_within_on_data),
		t(pauses_within_on_data),
		t(closes_from_within_any_callback),
		t(closes_at_once),
		t(closes_in_any_state),
		t(hands_over_to_another_owner),
		t(goes_on_on_a_loop_that_slept),
		t(a_reset_ends_it),
		t(a_fin_ends_it),
		t(tells_of_a_peer_that_left_while_paused),
		t(hands_out_much_that_a_gone_peer_left),
		t(closes_when_told_of_a_gone_peer),
		t(a_paused_end_without_data_hears_the_fin),
		t(a_server_does_not_wait_for_ever),
		t(a_client_does_not_wait_for_ever),
		t(notices_silence),
		t(a_byte_now_and_then_does_not_prolong_it),
		t(one_connection_feeds_another),
		t(a_stuck_peer_hurts_nobody_else),
		t(gives_back_what_grew),
		t(tells_its_size),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
