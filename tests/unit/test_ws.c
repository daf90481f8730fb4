/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/ws.h"

static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d};

/* One step over a copy of @n bytes in exact memory; payload is checked there. */
static int step(struct ws_rx *rx, const void *bytes, size_t n, struct ws_event *ev, size_t *used,
		const void *payload)
{
	uint8_t *in = exact_copy(bytes, n);
	int r = ws_rx_step(rx, in, n, ev, used);

	if (r == 0 && payload)
		assert_memory_equal(ev->payload, payload, ev->len);
	if (r == 0)
		assert_true(ev->payload >= in && ev->payload + ev->len <= in + n);
	free(in);
	return r;
}

/* One whole frame by itself. */
static void expect(enum ws_role self, const void *bytes, size_t n, enum ws_op op,
		   const void *payload, size_t payload_len)
{
	struct ws_event ev;
	struct ws_rx rx;
	size_t used;

	ws_rx_init(&rx, self);
	assert_int_equal(step(&rx, bytes, n, &ev, &used, payload), 0);
	assert_int_equal(ev.op, op);
	assert_int_equal(ev.len, payload_len);
	assert_int_equal(used, n);
	assert_true(ws_rx_idle(&rx));
}

static void rfc6455_section_5_7(void **state)
{
	static const uint8_t text[] = {0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f};
	static const uint8_t masked_text[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
					      0x7f, 0x9f, 0x4d, 0x51, 0x58};
	static const uint8_t ping[] = {0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f};
	static const uint8_t masked_pong[] = {0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d,
					      0x7f, 0x9f, 0x4d, 0x51, 0x58};
	uint8_t out[WS_HEADER_MAX_BYTES];

	(void)state;
	expect(WS_CLIENT, text, sizeof(text), WS_TEXT, "Hello", 5);
	expect(WS_SERVER, masked_text, sizeof(masked_text), WS_TEXT, "Hello", 5);
	expect(WS_CLIENT, ping, sizeof(ping), WS_PING, "Hello", 5);
	expect(WS_SERVER, masked_pong, sizeof(masked_pong), WS_PONG, "Hello", 5);
	assert_int_equal(ws_header_encode(out, WS_TEXT, 5, NULL), 2);
	assert_memory_equal(out, text, 2);
	assert_int_equal(ws_header_encode(out, WS_TEXT, 5, KEY), 6);
	assert_memory_equal(out, masked_text, 6);
	assert_int_equal(ws_header_encode(out, WS_PING, 5, NULL), 2);
	assert_memory_equal(out, ping, 2);
	assert_int_equal(ws_header_encode(out, WS_BINARY, 256, NULL), 4);
	assert_memory_equal(out, "\x82\x7e\x01\x00", 4);
	assert_int_equal(ws_header_encode(out, WS_BINARY, 65536, NULL), 10);
	assert_memory_equal(out, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
}

/* The fragmented example of section 5.7, as binary: of text we take whole messages only. */
static void fragments_are_one_stream(void **state)
{
	static const uint8_t in[] = {0x02, 0x03, 0x48, 0x65, 0x6c, 0x89,
				     0x01, 'p',	 0x80, 0x02, 0x6c, 0x6f};
	struct ws_event ev;
	struct ws_rx rx;
	size_t used;

	(void)state;
	ws_rx_init(&rx, WS_CLIENT);
	assert_int_equal(step(&rx, in, sizeof(in), &ev, &used, "Hel"), 0);
	assert_int_equal(ev.op, WS_BINARY);
	assert_int_equal(ev.len, 3);
	assert_int_equal(used, 5);
	assert_false(ws_rx_idle(&rx));
	assert_int_equal(step(&rx, in + 5, sizeof(in) - 5, &ev, &used, "p"), 0);
	assert_int_equal(ev.op, WS_PING);
	assert_int_equal(used, 3);
	assert_false(ws_rx_idle(&rx));
	assert_int_equal(step(&rx, in + 8, sizeof(in) - 8, &ev, &used, "lo"), 0);
	assert_int_equal(ev.op, WS_BINARY);
	assert_int_equal(ev.len, 2);
	assert_int_equal(used, 4);
	assert_true(ws_rx_idle(&rx));
}

static void lengths_round_trip(void **state)
{
	static const size_t lens[] = {0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000, 1 << 20};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		enum ws_role self = i & 1 ? WS_SERVER : WS_CLIENT;
		size_t n = lens[i / 2], head;
		uint8_t *plain = malloc(n + 1), *in = malloc(WS_HEADER_MAX_BYTES + n);
		uint64_t seed = 7;

		assert_non_null(plain);
		assert_non_null(in);
		noise_fill(&seed, plain, n);
		head = ws_header_encode(in, WS_BINARY, n, self == WS_SERVER ? KEY : NULL);
		memcpy(in + head, plain, n);
		if (self == WS_SERVER)
			ws_mask(in + head, n, KEY, 0);
		expect(self, in, head + n, WS_BINARY, plain, n);
		free(plain);
		free(in);
	}
}

static void mask_in_pieces_is_mask_in_one(void **state)
{
	uint64_t seed = 8;
	uint8_t plain[200], want[200], got[200];

	(void)state;
	noise_fill(&seed, plain, sizeof(plain));
	for (size_t i = 0; i < sizeof(plain); i++)
		want[i] = plain[i] ^ KEY[i % 4];
	for (size_t a = 0; a <= 40; a++) {
		for (size_t b = a; b <= 60; b++) {
			memcpy(got, plain, sizeof(plain));
			ws_mask(got, a, KEY, 0);
			ws_mask(got + a, b - a, KEY, a);
			ws_mask(got + b, sizeof(got) - b, KEY, b);
			assert_memory_equal(got, want, sizeof(got));
		}
	}
	memcpy(got, plain, 9);
	ws_mask(got, 9, KEY, UINT64_MAX - 1); /* = 2 modulo 4, and wraps */
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(got[i], plain[i] ^ KEY[(i + 2) % 4]);
}

static void short_frames_come_whole(void **state)
{
	static const uint8_t ops[] = {WS_TEXT, WS_PING, WS_PONG, WS_CLOSE};

	(void)state;
	for (size_t i = 0; i < sizeof(ops); i++) {
		uint8_t in[WS_HEADER_MAX_BYTES + 125] = {0};
		size_t head = ws_header_encode(in, (enum ws_op)ops[i], 125, KEY), used = 9;
		struct ws_event ev;
		struct ws_rx rx;

		ws_rx_init(&rx, WS_SERVER);
		for (size_t n = 0; n < head + 125; n++) {
			assert_int_equal(step(&rx, in, n, &ev, &used, NULL), -EAGAIN);
			assert_int_equal(used, 0);
			assert_true(ws_rx_idle(&rx));
		}
		assert_int_equal(step(&rx, in, head + 125, &ev, &used, NULL), 0);
		assert_int_equal(ev.op, ops[i]);
		assert_int_equal(ev.len, 125);
	}
}

/* A waiting short frame is not unmasked before it is taken. */
static void waiting_changes_nothing(void **state)
{
	uint8_t in[] = {0x89, 0x82, 1, 2, 3, 4, 'a' ^ 1};
	struct ws_event ev;
	struct ws_rx rx;
	size_t used;

	(void)state;
	ws_rx_init(&rx, WS_SERVER);
	assert_int_equal(ws_rx_step(&rx, in, sizeof(in), &ev, &used), -EAGAIN);
	assert_int_equal(in[6], 'a' ^ 1);
}

static int first_step(enum ws_role self, const void *bytes, size_t n)
{
	struct ws_event ev;
	struct ws_rx rx;
	size_t used;

	ws_rx_init(&rx, self);
	return step(&rx, bytes, n, &ev, &used, NULL);
}

static void bad_first_bytes(void **state)
{
	(void)state;
	for (int b0 = 0; b0 < 256; b0++) {
		uint8_t in[2] = {(uint8_t)b0, 0};
		bool good = b0 == 0x02 || b0 == 0x82 || b0 == 0x81 || (b0 >= 0x88 && b0 <= 0x8a);

		assert_int_equal(first_step(WS_CLIENT, in, 2), good ? 0 : -EBADMSG);
		assert_int_equal(first_step(WS_CLIENT, in, 1), good ? -EAGAIN : -EBADMSG);
	}
}

static void masking_as_the_role_asks(void **state)
{
	(void)state;
	assert_int_equal(first_step(WS_CLIENT, "\x82\x80\0\0\0\0", 6), -EBADMSG);
	assert_int_equal(first_step(WS_SERVER, "\x82\x00", 2), -EBADMSG);
	assert_int_equal(first_step(WS_SERVER, "\x82\x80\0\0\0\0", 6), 0);
}

static void bad_lengths(void **state)
{
	(void)state;
	assert_int_equal(first_step(WS_CLIENT, "\x82\x7e\x00\x7d", 4), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x82\x7e\x00\x7e", 4), -EAGAIN);
	assert_int_equal(first_step(WS_CLIENT, "\x82\x7f\0\0\0\0\0\0\xff\xff", 10), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x82\x7f\0\0\0\0\0\x10\0\0", 10), -EAGAIN);
	assert_int_equal(first_step(WS_CLIENT, "\x82\x7f\0\0\0\0\0\x10\0\x01", 10), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x82\x7f\x80\0\0\0\0\x01\0\0", 10), -EBADMSG);
	/* Text, ping, pong, close of more than 125 bytes, shown by the second byte. */
	assert_int_equal(first_step(WS_CLIENT, "\x81\x7e", 2), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x89\x7e", 2), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x8a\x7f", 2), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x88\x7e", 2), -EBADMSG);
	/* A close frame has no body, or a code of two bytes. */
	assert_int_equal(first_step(WS_CLIENT, "\x88\x01\x03", 3), -EBADMSG);
	assert_int_equal(first_step(WS_CLIENT, "\x88\x02\x03\xe8", 4), 0);
	assert_int_equal(first_step(WS_CLIENT, "\x88\x00", 2), 0);
}

static void order_of_fragments(void **state)
{
	static const uint8_t next[] = {0x81, 0x82, 0x02, 0x01};

	(void)state;
	assert_int_equal(first_step(WS_CLIENT, "\x80\x00", 2), -EBADMSG); /* nothing to continue */
	assert_int_equal(first_step(WS_CLIENT, "\x00\x00", 2), -EBADMSG);
	for (size_t i = 0; i < sizeof(next); i++) {
		struct ws_event ev;
		struct ws_rx rx;
		size_t used;

		ws_rx_init(&rx, WS_CLIENT);
		assert_int_equal(step(&rx, "\x02\x01x", 3, &ev, &used, "x"), 0);
		assert_int_equal(step(&rx, &next[i], 1, &ev, &used, NULL), -EBADMSG);
	}
}

static void an_empty_binary_frame_is_an_event(void **state)
{
	static const uint8_t in[] = {0x82, 0x00, 0x82, 0x01, 'x'};
	struct ws_event ev;
	struct ws_rx rx;
	size_t used;

	(void)state;
	ws_rx_init(&rx, WS_CLIENT);
	assert_int_equal(step(&rx, in, sizeof(in), &ev, &used, NULL), 0);
	assert_int_equal(ev.len, 0);
	assert_int_equal(used, 2);
	assert_int_equal(step(&rx, in + 2, 3, &ev, &used, "x"), 0);
	assert_int_equal(ev.len, 1);
}

/* Frames of every kind, as a client sends them. */
static size_t make_stream(uint8_t *out, uint8_t *payload, size_t *payload_len)
{
	uint64_t seed = 9;
	size_t n = 0;
	bool fragmented = false;

	*payload_len = 0;
	for (int i = 0; i < 60; i++) {
		enum ws_op op = i % 5 == 4 ? WS_PING : fragmented ? WS_CONT : WS_BINARY;
		size_t len = noise_u32(&seed) % (op == WS_PING ? 126 : 300);
		uint8_t mask[4];
		size_t head;

		noise_fill(&seed, mask, sizeof(mask));
		head = ws_header_encode(out + n, op, len, mask);
		if (op != WS_PING) {
			fragmented = noise_u32(&seed) & 1;
			if (fragmented)
				out[n] &= 0x7f;
		}
		noise_fill(&seed, out + n + head, len);
		if (op != WS_PING) {
			memcpy(payload + *payload_len, out + n + head, len);
			*payload_len += len;
		}
		ws_mask(out + n + head, len, mask, 0);
		n += head + len;
	}
	return n;
}

/* However the stream is cut, the same bytes come out, and the same number of pings. */
static void any_chunking_gives_the_same_bytes(void **state)
{
	static uint8_t stream[60 * 320], work[sizeof(stream)], want[sizeof(stream)],
		got[sizeof(stream)];
	size_t want_len, n = make_stream(stream, want, &want_len);
	uint64_t seed = 10;

	(void)state;
	for (size_t max = 1; max < 400; max += max < 20 ? 1 : 37) {
		size_t from = 0, to = 0, got_len = 0, pings = 0, used;
		struct ws_event ev;
		struct ws_rx rx;

		memcpy(work, stream, n);
		ws_rx_init(&rx, WS_SERVER);
		while (to < n) {
			size_t chunk = 1 + noise_u32(&seed) % max;
			int r;

			to = n - to < chunk ? n : to + chunk;
			while ((r = ws_rx_step(&rx, work + from, to - from, &ev, &used)) == 0) {
				from += used;
				pings += ev.op == WS_PING;
				if (ev.op != WS_BINARY)
					continue;
				memcpy(got + got_len, ev.payload, ev.len);
				got_len += ev.len;
			}
			assert_int_equal(r, -EAGAIN);
			from += used;
			assert_true(from <= to);
		}
		assert_int_equal(from, n);
		assert_int_equal(pings, 12);
		assert_int_equal(got_len, want_len);
		assert_memory_equal(got, want, want_len);
	}
}

static void noise(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		uint8_t in[64];
		size_t len = noise_u32(&seed) % sizeof(in), used = 0, at = 0;
		struct ws_event ev;
		struct ws_rx rx;
		uint8_t *cut;

		noise_fill(&seed, in, sizeof(in));
		if (i & 1)
			in[0] = 0x82;
		cut = exact_copy(in, len);
		ws_rx_init(&rx, i & 2 ? WS_SERVER : WS_CLIENT);
		while (ws_rx_step(&rx, cut + at, len - at, &ev, &used) == 0) {
			assert_true(used > 0 && used <= len - at);
			at += used;
		}
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc6455_section_5_7),
		cmocka_unit_test(fragments_are_one_stream),
		cmocka_unit_test(lengths_round_trip),
		cmocka_unit_test(mask_in_pieces_is_mask_in_one),
		cmocka_unit_test(short_frames_come_whole),
		cmocka_unit_test(waiting_changes_nothing),
		cmocka_unit_test(bad_first_bytes),
		cmocka_unit_test(masking_as_the_role_asks),
		cmocka_unit_test(bad_lengths),
		cmocka_unit_test(order_of_fragments),
		cmocka_unit_test(an_empty_binary_frame_is_an_event),
		cmocka_unit_test(any_chunking_gives_the_same_bytes),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
