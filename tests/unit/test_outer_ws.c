/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outer layer's WebSocket: frames that are good and bad, whole and in pieces. */
#include "tests/unit/outer_rig.h"

/* --- WebSocket --- */

static void refuses_data_before_ready(void **state)
{
	raw_upgrade(&raw);
	raw_frame(&raw, WS_BINARY, "early", 5, true);
	assert_closed(&s, "data before \"ready\"");
	assert_false(s.opened);
	raw_close(&raw);
}

static void refuses_malformed_frames(void **state)
{
	static const uint8_t huge[] = {0x82, 0xff, 0, 0, 0, 0, 0x00, 0x20, 0, 0, 1, 2, 3, 4};
	static const uint8_t reserved[] = {0xc2, 0x80, 1, 2, 3, 4};
	static const uint8_t long_ping[] = {0x89, 0xfe, 0, 200, 1, 2, 3, 4};
	static const uint8_t unmasked[] = {0x82, 0x01, 'x'};
	const struct {
		const uint8_t *bytes;
		size_t n;
	} frames[] = {{huge, sizeof(huge)},
		      {reserved, sizeof(reserved)},
		      {long_ping, sizeof(long_ping)},
		      {unmasked, sizeof(unmasked)}};

	for (size_t i = 0; i < 4; i++) {
		memset(&s, 0, sizeof(s));
		raw_open(&raw);
		raw_say(&raw, frames[i].bytes, frames[i].n);
		assert_closed(&s, "malformed WebSocket frame");
		assert_false(s.clean);
		raw_close(&raw);
	}
	raw_serve(&raw);
	raw_answer_101(&raw, "Sec-WebSocket-Protocol: farlan.1\r\n");
	raw_frame(&raw, WS_BINARY, "masked", 6, true);
	assert_closed(&c, "malformed WebSocket frame");
	raw_close(&raw);
}

static void ignores_text_and_pongs(void **state)
{
	char text[126];

	memset(text, 't', sizeof(text));
	raw_open(&raw);
	raw_frame(&raw, WS_TEXT, "ready", 5, true);
	raw_frame(&raw, WS_TEXT, "of a later version", 18, true);
	raw_frame(&raw, WS_TEXT, text, 125, true);
	raw_frame(&raw, WS_PONG, "?", 1, true);
	raw_frame(&raw, WS_BINARY, "", 0, true);
	raw_frame(&raw, WS_BINARY, "data", 4, true);
	assert_true(wait_for(s.got == 4, 1000));
	assert_false(s.closed);
	raw_frame(&raw, WS_TEXT, text, 126, true);
	assert_closed(&s, "malformed WebSocket frame");
	raw_close(&raw);
}

static void answers_pings(void **state)
{
	raw_open(&raw);
	raw_frame(&raw, WS_PING, "12345", 5, true);
	assert_true(wait_for(raw.n == 7, 1000));
	assert_memory_equal(raw.got,
			    "\x8a\x05"
			    "12345",
			    7);
	end_scene();
	raw_close(&raw);
}

static void ends_a_flood_of_pings(void **state)
{
	static uint8_t pings[16000];
	const uint8_t one[] = {0x89, 0xfd, 0, 0, 0, 0};
	size_t n = 0, most = 0;
	int fd;

	while (n + 6 + 125 <= sizeof(pings)) {
		memcpy(pings + n, one, 6);
		n += 6 + 125;
	}
	raw_open(&raw);
	fd = raw.fd;
	for (int i = 0; i < 5000 && !s.closed; i++) {
		if (buf_len(&raw.out) < 100000)
			assert_int_equal(tls_write(&raw.tls, pings, n), 0);
		raw_flush(&raw);
		raw.fd = -1; /* it does not read */
		turn();
		raw.fd = fd;
		if (s.o && outer_queued(s.o) > most)
			most = outer_queued(s.o);
	}
	assert_closed(&s, "peer sends pings and does not read");
	assert_true(most <= OUTER_QUEUE_MAX_BYTES + 20000);
	raw_close(&raw);
}

static void closes_as_websocket_says(void **state)
{
	raw_open(&raw);
	raw_frame(&raw, WS_CLOSE,
		  "\x03\xe8"
		  "bye",
		  5, true);
	assert_true(wait_for(raw.eof, 1000));
	assert_int_equal(raw.n, 4);
	assert_memory_equal(raw.got, "\x88\x02\x03\xe8", 4);
	assert_int_equal(raw.read, -EPIPE);
	raw_close(&raw);
	assert_closed(&s, "closed by peer");
	assert_true(s.clean);
}

static void takes_frames_in_pieces(void **state)
{
	/* A fragmented message with a ping in between, byte by byte, each in a record of its own.
	 */
	static const uint8_t bytes[] = {0x02, 0x83, 0,	  0, 0, 0,   'o', 'n',
					'e',  0x89, 0x80, 0, 0, 0,   0,	  0x80,
					0x83, 0,    0,	  0, 0, 't', 'w', 'o'};

	raw_open(&raw);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		raw_say(&raw, bytes + i, 1);
		turn();
	}
	assert_true(wait_for(s.got == 6, 1000));
	assert_string_equal(s.first, "onetwo");
	assert_true(wait_for(raw.n == 2, 1000));
	end_scene();
	raw_close(&raw);
}

/* TLS records torn at every place of the TCP stream. */
static void takes_records_in_pieces(void **state)
{
	raw_open(&raw);
	for (int i = 0; i < 20; i++) {
		uint8_t bytes[200];
		size_t n;

		assert_int_equal(tls_write(&raw.tls, "\x82\x84\0\0\0\0data", 10), 0);
		n = buf_len(&raw.out);
		memcpy(bytes, buf_data(&raw.out), n);
		buf_consume(&raw.out, n);
		for (size_t at = 0; at < n; at++) {
			assert_int_equal(send(raw.fd, bytes + at, 1, MSG_NOSIGNAL), 1);
			turn();
		}
	}
	assert_true(wait_for(s.got == 80, 1000));
	end_scene();
	raw_close(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(refuses_data_before_ready), t(refuses_malformed_frames),
		t(ignores_text_and_pongs),    t(answers_pings),
		t(ends_a_flood_of_pings),     t(closes_as_websocket_says),
		t(takes_frames_in_pieces),    t(takes_records_in_pieces),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
