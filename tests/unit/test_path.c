/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One path and its other end, which is seldom what it should be. */
#include "relayd/relay.h"
#include "tests/unit/raw_end.h"
#include "tests/unit/super_packet.h"
#include "vpnd/path.h"

#include "common/pure/bytes.h"

#define SLACK_MS 150 /* a busy machine */

static const struct path_times quick = {
	.wait_ms = 400,
	.hello_ms = 300,
	.active_ms = 1000,
	.quiet_ms = 100,
	.suspect_ms = 150,
	.lost_ms = 300,
	.rtt_every_ms = 500,
	.idle_ping_ms = 450,
	.idle_yield_ms = 150,
	.idle_lost_ms = 450,
	.check_lost_ms = 150,
};

enum call { CALL_NONE, CALL_STEP, CALL_READY, CALL_PACKET, CALL_SELECT, CALL_SELECTED, CALL_END };

/* The path that is tested. */
struct probe {
	/* May be set before probe_open(): */
	const struct path_times *times; /* NULL: the defaults */
	bool any;			/* packets may have any bytes */
	enum call close_in;		/* path_close() is called from this callback */
	int close_code;
	/* What happened: */
	struct path *p; /* NULL: gone */
	struct grant grant;
	unsigned int steps, ready, packets, selects, selecteds, ends, gone;
	uint32_t number;
	int end_code;
	char end[FRAME_REASON_MAX_BYTES + 1], reason[PATH_REASON_SIZE];
	size_t packet_bytes;
	bool wrong;    /* a packet's bytes */
	struct vnet v; /* of the last packet */
	unsigned int bad_vnets;
	/* What it sends: */
	bool super, tcp_only;
	unsigned int rooms, hints, silents;
	uint16_t hint_arg;
	bool silent; /* suspected now */
	struct packets *pool;
	struct queue queue;
};

static void maybe_close(struct probe *e, struct path *p, enum call in)
{
	if (e->close_in == in)
		path_close(p, e->close_code, "closed in a callback");
}

static void on_step(struct path *p, const char *text)
{
	struct probe *e = path_arg(p);

	e->steps++;
	if (rig_verbose())
		print_message("step %s\n", text);
	maybe_close(e, p, CALL_STEP);
}

static void on_ready(struct path *p)
{
	struct probe *e = path_arg(p);

	e->ready++;
	maybe_close(e, p, CALL_READY);
}

static void on_packet(struct path *p, const struct vnet *v, uint8_t *packet, size_t n)
{
	struct probe *e = path_arg(p);

	e->v = *v;
	e->bad_vnets += vnet_check(v, packet, n) != 0;
	e->packets++;
	e->packet_bytes += n;
	for (size_t i = 0; i < n && !e->any; i++)
		if (packet[i] != (uint8_t)(n + i))
			e->wrong = true;
	maybe_close(e, p, CALL_PACKET);
}

static void on_room(struct path *p)
{
	struct probe *e = path_arg(p);

	e->rooms++;
	path_pump(p, &e->queue);
}

static void on_select(struct path *p, uint32_t n)
{
	struct probe *e = path_arg(p);

	e->selects++;
	e->number = n;
	maybe_close(e, p, CALL_SELECT);
}

static void on_selected(struct path *p, uint32_t n)
{
	struct probe *e = path_arg(p);

	e->selecteds++;
	e->number = n;
	maybe_close(e, p, CALL_SELECTED);
}

static void on_hint(struct path *p, const struct hint *h)
{
	struct probe *e = path_arg(p);

	e->hints++;
	e->hint_arg = h->arg;
}

static void on_silent(struct path *p, bool silent)
{
	struct probe *e = path_arg(p);

	e->silent = silent;
	e->silents += silent;
}

static void on_end(struct path *p, int code, const char *reason)
{
	struct probe *e = path_arg(p);

	e->ends++;
	e->end_code = code;
	snprintf(e->end, sizeof(e->end), "%s", reason);
	maybe_close(e, p, CALL_END);
}

static void on_gone(struct path *p, const char *reason)
{
	struct probe *e = path_arg(p);

	e->gone++;
	e->p = NULL;
	queue_deinit(&e->queue);
	packets_free(e->pool);
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
}

static const struct path_callbacks callbacks = {
	.on_step = on_step,
	.on_ready = on_ready,
	.on_packet = on_packet,
	.on_room = on_room,
	.on_hint = on_hint,
	.on_silent = on_silent,
	.on_select = on_select,
	.on_selected = on_selected,
	.on_end = on_end,
	.on_gone = on_gone,
};

static void probe_open(struct probe *e, enum token_role role)
{
	struct path_config config = {
		.loop = &rig.loop,
		.outer_ctx = rig.outer,
		.inner_ctx = role == TOKEN_MANAGER ? rig.manager.client : rig.device.server,
		.grant = &e->grant,
		.relay = &e->grant.relays[0],
		.ports = &rig.ports,
		.times = e->times,
		.super = e->super,
		.uso = e->super && !e->tcp_only,
		.generation = ++rig.generation,
	};

	rig_grant(&e->grant, role, 1);
	e->pool = packets_new();
	assert_non_null(e->pool);
	queue_init(&e->queue);
	assert_int_equal(path_open(&e->p, &config, &callbacks, e), 0);
}

static bool is_gone(void *arg)
{
	return !((const struct probe *)arg)->p;
}

static void probe_close(struct probe *e)
{
	if (e->p)
		path_close(e->p, FRAME_END_PATH, "closed by the test");
	assert_true(rig_run(is_gone, NULL, e, 7000));
	assert_int_equal(e->gone, 1);
}

static enum token_role other(enum token_role role)
{
	return role == TOKEN_MANAGER ? TOKEN_DEVICE : TOKEN_MANAGER;
}

/* A path of @role and an end by hand. */
struct duel {
	struct probe e;
	struct raw_end r;
};

static bool raw_shaken(void *arg)
{
	const struct duel *t = arg;

	return t->r.ready && t->r.got[FRAME_HELLO] > 0;
}

static bool both_ready(void *arg)
{
	const struct duel *t = arg;

	return raw_shaken(arg) && t->e.ready;
}

static void duel_open(struct duel *t, enum token_role role)
{
	rig.session++;
	probe_open(&t->e, role);
	raw_dial(&t->r, other(role), 0);
}

/* As far as HELLO of the path; then this end's if it greets. */
static void duel_begin(struct duel *t, enum token_role role)
{
	duel_open(t, role);
	assert_true(rig_run(t->r.greets ? both_ready : raw_shaken, NULL, t, 3000));
}

static void duel_end(struct duel *t)
{
	probe_close(&t->e);
	raw_close(&t->r);
}

static void expect_gone(struct duel *t, const char *what, const char *why)
{
	if (!rig_run(is_gone, NULL, &t->e, 3000))
		fail_msg("%s: the path is still there", what);
	if (!strstr(t->e.reason, why))
		fail_msg("%s: wanted \"%s\", got \"%s\"", what, why, t->e.reason);
	assert_int_equal(t->e.gone, 1);
	raw_close(&t->r);
}

static void expect_alive(struct duel *t)
{
	rig_run_for(30);
	if (!t->e.p)
		fail_msg("gone: %s", t->e.reason);
}

/* Two good ends */

static bool probe_ready(void *arg)
{
	return ((const struct probe *)arg)->ready > 0;
}

static bool has_rtt(void *arg)
{
	const struct probe *e = arg;
	struct path_status st;

	path_status(e->p, &st);
	return st.rtt_ms >= 0;
}

static void fill(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(n + i);
}

static size_t frame_of_packet(uint8_t *out, size_t n)
{
	frame_header_encode(out, FRAME_PACKET, n);
	fill(out + FRAME_HEADER_BYTES, n);
	return FRAME_HEADER_BYTES + n;
}

static void put(struct probe *e, size_t n)
{
	struct queue_form form = path_form(e->p);
	struct packet *p = packet_new(e->pool, n);

	assert_non_null(p);
	fill(p->fq.ip, n);
	queue_put(&e->queue, p, &form, clock_mono_us());
}

static void send_one(struct probe *e, size_t n)
{
	put(e, n);
	path_pump(e->p, &e->queue);
}

static bool all_out(void *arg)
{
	return queue_empty(&((const struct probe *)arg)->queue);
}

static bool hundred_packets(void *arg)
{
	return ((const struct probe *)arg)->packets >= 100;
}

static void test_two_paths_meet(void **state)
{
	struct probe m = {0}, d = {0};
	struct path_status st;

	(void)state;
	probe_open(&m, TOKEN_MANAGER);
	path_status(m.p, &st);
	assert_int_equal(st.state, PATH_DIALING);
	path_pump(m.p, &m.queue);
	assert_false(path_ready(m.p));
	probe_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(probe_ready, NULL, &m, 3000));
	assert_true(rig_run(probe_ready, NULL, &d, 3000));
	for (size_t i = 0; i < 100; i++) {
		send_one(&m, i % 10 ? 20 + i * 13 : FRAME_PACKET_MAX_BYTES - i);
		assert_true(rig_run(all_out, NULL, &m, 3000));
	}
	assert_true(rig_run(hundred_packets, NULL, &d, 3000));
	assert_false(d.wrong);
	path_select(m.p, 77);
	path_selected(d.p, 78);
	rig_run_for(50);
	assert_int_equal(d.number, 77);
	assert_int_equal(m.number, 78);
	assert_true(rig_run(has_rtt, NULL, &m, 1000));
	path_status(m.p, &st);
	assert_true(st.rtt_ms < 1000);
	assert_true(strlen(st.relay_addr) > 10 && st.outer_verified && st.cipher[0]);
	path_close(m.p, FRAME_END_SESSION, "over");
	assert_true(rig_run(is_gone, NULL, &d, 1000));
	assert_int_equal(d.end_code, FRAME_END_SESSION);
	assert_string_equal(d.end, "over");
	assert_string_equal(d.reason, "over");
	probe_close(&m);
}

/* Malformed words */

struct word {
	const char *what;
	bool after_hello;
	uint8_t type;
	uint32_t len;	  /* as the header says */
	const char *text; /* sent as the payload; NULL: @len bytes of 'x', at most 4,200 */
	const char *why;
};

#define FIRST "did not begin with HELLO"
#define ANOTHER "HELLO is of another session"
#define MALFORMED "sent a malformed frame"
#define ID32 "00000000000000000000000000000000"
static const struct word bad_words[] = {
	{"PING first", false, FRAME_PING, 16, NULL, FIRST},
	{"PACKET first", false, FRAME_PACKET, 20, NULL, FIRST},
	{"END first", false, FRAME_END, 1, "\1", FIRST},
	{"SELECT first", false, FRAME_SELECT, 4, "\0\0\0\1", FIRST},
	{"unknown first", false, 99, 0, "", FIRST},
	{"another session", false, FRAME_HELLO, 46, "{\"session\":\"" ID32 "\"}", ANOTHER},
	{"no JSON", false, FRAME_HELLO, 5, "hello", ANOTHER},
	{"half an object", false, FRAME_HELLO, 2, "{\"", ANOTHER},
	{"an array", false, FRAME_HELLO, 2, "[]", ANOTHER},
	{"an empty object", false, FRAME_HELLO, 2, "{}", ANOTHER},
	{"a number", false, FRAME_HELLO, 13, "{\"session\":1}", ANOTHER},
	{"no UTF-8", false, FRAME_HELLO, 16, "{\"session\":\"\xff\xfe\"}", ANOTHER},
	{"NUL", false, FRAME_HELLO, 20, "{\"session\":\"\\u0000\"}", ANOTHER},
	{"HELLO too short", false, FRAME_HELLO, 1, "{", MALFORMED},
	{"HELLO too long", false, FRAME_HELLO, 4097, NULL, MALFORMED},
	{"PACKET too short", true, FRAME_PACKET, 19, NULL, MALFORMED},
	{"PACKET too long", true, FRAME_PACKET, 65536, NULL, MALFORMED},
	{"PING too short", true, FRAME_PING, 15, NULL, MALFORMED},
	{"PONG too long", true, FRAME_PONG, 17, NULL, MALFORMED},
	{"SELECT too short", true, FRAME_SELECT, 3, NULL, MALFORMED},
	{"SELECTED too long", true, FRAME_SELECTED, 5, NULL, MALFORMED},
	{"END without a code", true, FRAME_END, 0, "", MALFORMED},
	{"END too long", true, FRAME_END, 258, NULL, MALFORMED},
	{"unknown, too long", true, 99, 0xffffff, NULL, MALFORMED},
};

static void say(struct raw_end *r, const struct word *w)
{
	uint8_t bytes[FRAME_HEADER_BYTES + 4200];
	size_t n = w->len < 4200 ? w->len : 4200;

	frame_header_encode(bytes, w->type, w->len);
	if (w->text)
		memcpy(bytes + FRAME_HEADER_BYTES, w->text, n);
	else
		memset(bytes + FRAME_HEADER_BYTES, 'x', n);
	raw_send(r, bytes, FRAME_HEADER_BYTES + n);
}

static void test_malformed_words_close_the_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(bad_words) / sizeof(bad_words[0]); i++) {
		const struct word *w = &bad_words[i / 2];
		struct duel t = {.r.greets = w->after_hello};

		duel_begin(&t, i % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		say(&t.r, w);
		expect_gone(&t, w->what, w->why);
		assert_int_equal(t.e.ready, w->after_hello);
		assert_int_equal(t.e.packets + t.e.selects + t.e.selecteds + t.e.ends, 0);
	}
}

static void test_hello_twice(void **state)
{
	struct duel t = {.r.greets = true};

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	raw_hello(&t.r);
	expect_gone(&t, "twice", "said HELLO twice");
}

/* A HELLO with the right session, @text before and behind it. */
static void say_hello_with(struct raw_end *r, const char *before, const char *behind)
{
	char text[FRAME_HELLO_MAX_BYTES];
	struct grant g;
	int n;

	rig_grant(&g, TOKEN_DEVICE, 0);
	n = snprintf(text, sizeof(text), "%s{\"session\":\"%s\"%s", before, g.session, behind);
	raw_frame(r, FRAME_HELLO, text, (size_t)n);
}

static void test_hello_is_read_strictly(void **state)
{
	static const char *const before[] = {"", "", "", "", "x"};
	static const char *const behind[] = {"", "}}", ",\"a\":1,\"a\":2}", ",}", "}"};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct duel t = {0};

		duel_begin(&t, TOKEN_MANAGER);
		say_hello_with(&t.r, before[i], behind[i]);
		expect_gone(&t, behind[i], ANOTHER);
	}
}

static void test_a_deeply_nested_hello(void **state)
{
	char nested[FRAME_HELLO_MAX_BYTES - 100];
	struct duel t = {0};

	(void)state;
	memset(nested, '[', sizeof(nested));
	memcpy(nested, ",\"a\":", 5);
	nested[sizeof(nested) - 1] = '\0';
	duel_begin(&t, TOKEN_DEVICE);
	say_hello_with(&t.r, "", nested);
	expect_gone(&t, "nested", ANOTHER);
}

static void test_a_hello_of_a_later_version(void **state)
{
	struct duel t = {0};

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	say_hello_with(&t.r, " ", ",\"serial\":99,\"new\":{\"x\":[1]},\"caps\":[\"y\"]}");
	expect_alive(&t);
	assert_int_equal(t.e.ready, 1);
	duel_end(&t);
}

/* What is allowed, and means little */

static void test_unknown_types_are_skipped(void **state)
{
	static const uint8_t types[] = {0, 98, 99, 255};
	static const size_t lens[] = {0, 1, 16380, FRAME_MAX_BYTES};
	static uint8_t junk[FRAME_MAX_BYTES];
	uint8_t packet[FRAME_HEADER_BYTES + 100];
	struct duel t = {.r.greets = true};

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	for (size_t i = 0; i < 16; i++) {
		raw_frame(&t.r, types[i % 4], junk, lens[i / 4]);
		raw_send(&t.r, packet, frame_of_packet(packet, 100));
		rig_run_for(5);
	}
	expect_alive(&t);
	assert_int_equal(t.e.packets, 16);
	assert_false(t.e.wrong);
	duel_end(&t);
}

static void test_pongs_that_were_not_asked_for(void **state)
{
	struct duel t = {.r.greets = true, .r.mute = true};
	uint8_t pong[FRAME_PING_BYTES] = {0};
	struct path_status st;

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	raw_frame(&t.r, FRAME_PONG, pong, sizeof(pong));
	rig_run_for(50);
	assert_int_equal(t.r.got[FRAME_PING], 1);
	memcpy(pong, t.r.ping, sizeof(pong));
	pong[15] ^= 1; /* its number, another clock */
	raw_frame(&t.r, FRAME_PONG, pong, sizeof(pong));
	memset(pong + 8, 0, 8);
	raw_frame(&t.r, FRAME_PONG, pong, sizeof(pong));
	expect_alive(&t);
	path_status(t.e.p, &st);
	assert_true(st.rtt_ms < 0);
	raw_frame(&t.r, FRAME_PONG, t.r.ping, sizeof(pong));
	rig_run_for(100);
	raw_frame(&t.r, FRAME_PONG, t.r.ping,
		  sizeof(pong)); /* the second time counts for nothing */
	rig_run_for(50);
	path_status(t.e.p, &st);
	assert_true(st.rtt_ms >= 50 && st.rtt_ms < 50 + 30 + SLACK_MS);
	duel_end(&t);
}

static void test_pings_are_echoed(void **state)
{
	uint8_t ping[FRAME_PING_BYTES] = "0123456789abcde";
	struct duel t = {.r.greets = true};

	(void)state;
	duel_begin(&t, TOKEN_MANAGER);
	for (int i = 0; i < 100; i++)
		raw_frame(&t.r, FRAME_PING, ping, sizeof(ping));
	rig_run_for(100);
	assert_int_equal(t.r.got[FRAME_PONG], 100);
	duel_end(&t);
}

static void test_ends_with_rubbish(void **state)
{
	static const struct {
		uint8_t payload[12];
		size_t len;
		const char *end, *reason;
	} ends[] = {
		{{1}, 1, "", "ended by the other end"},
		{{2, 'b', 'y', 'e'}, 4, "bye", "bye"},
		{{0, 'x'}, 2, "x", "x"},
		{{255, 'x'}, 2, "x", "x"},
		{{1, '\n', 0, 'a', 0x80, 0xff, 0x1b, '%', 's'}, 9, "??a???%s", "??a???%s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct duel t = {.r.greets = true};

		duel_begin(&t, i % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		raw_frame(&t.r, FRAME_END, ends[i].payload, ends[i].len);
		raw_number(&t.r, FRAME_SELECT, 1); /* nothing follows END */
		expect_gone(&t, "END", ends[i].reason);
		assert_string_equal(t.e.end, ends[i].end);
		assert_int_equal(t.e.end_code, ends[i].payload[0]);
		assert_int_equal(t.e.selects, 0);
		assert_int_equal(t.r.got[FRAME_END], 0);
	}
}

/* Pieces */

/* HELLO, a packet, SELECT, SELECTED, PING, an unknown one, END: what a path takes in order. */
static size_t all_words(uint8_t out[512])
{
	size_t n = raw_hello_encode(out, 512, NULL);
	struct wr w;

	n += frame_of_packet(out + n, 31);
	w = wr_init(out + n, 512 - n);
	wr_u32(&w, FRAME_SELECT << 24 | 4);
	wr_u32(&w, 7);
	wr_u32(&w, FRAME_SELECTED << 24 | 4);
	wr_u32(&w, 8);
	wr_u32(&w, (uint32_t)FRAME_PING << 24 | 16);
	wr_u64(&w, 1);
	wr_u64(&w, 2);
	wr_u32(&w, 77u << 24 | 3);
	wr_u24(&w, 0x414243);
	wr_u32(&w, FRAME_END << 24 | 3);
	wr_u24(&w, FRAME_END_PATH << 16 | 'o' << 8 | 'k');
	return n + 8 + 8 + 20 + 7 + 7;
}

static void expect_all_words(const struct duel *t)
{
	assert_int_equal(t->e.ready, 1);
	assert_int_equal(t->e.packets, 1);
	assert_int_equal(t->e.packet_bytes, 31);
	assert_int_equal(t->e.selects, 1);
	assert_int_equal(t->e.selecteds, 1);
	assert_int_equal(t->e.number, 8);
	assert_int_equal(t->e.ends, 1);
	assert_string_equal(t->e.end, "ok");
	assert_false(t->e.wrong);
}

static void test_frames_in_two_records_at_every_byte(void **state)
{
	uint8_t words[512];
	size_t n = all_words(words);

	(void)state;
	for (size_t at = 1; at < n; at++) {
		struct duel t = {0};

		duel_begin(&t, at % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		n = all_words(words); /* of this session */
		raw_send(&t.r, words, at);
		raw_send(&t.r, words + at, n - at);
		expect_gone(&t, "pieces", "ok");
		expect_all_words(&t);
	}
}

static void test_frames_byte_by_byte(void **state)
{
	uint8_t words[512];
	struct duel t = {0};
	size_t n;

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	n = all_words(words);
	for (size_t i = 0; i < n; i++)
		raw_send(&t.r, words + i, 1);
	expect_gone(&t, "bytes", "ok");
	expect_all_words(&t);
}

static void test_truncated_at_every_byte(void **state)
{
	uint8_t words[512];
	size_t n = all_words(words);

	(void)state;
	for (size_t at = 0; at < n; at++) {
		struct duel t = {0};

		duel_begin(&t, at % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		(void)all_words(words);
		raw_send(&t.r, words, at);
		if (t.r.inner)
			inner_finish(t.r.inner, "cut");
		expect_gone(&t, "truncated", "");
		assert_int_equal(t.e.ends, 0);
	}
}

static void test_random_bytes(void **state)
{
	uint64_t noise = 815;
	uint8_t bytes[3000];

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct duel t = {.r.greets = round % 3 != 0};

		duel_begin(&t, round % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		for (int i = 0; i < 10; i++) {
			size_t n = 1 + noise_u32(&noise) % sizeof(bytes);

			noise_fill(&noise, bytes, n);
			bytes[0] &= 15;
			bytes[1] = bytes[2] = 0;
			raw_send(&t.r, bytes, n);
			rig_run_for(1);
		}
		duel_end(&t);
	}
}

/* Others in the place of the other end */

static void expect_refused(enum token_role role, const struct rig_id *id, const char *what,
			   const char *why)
{
	struct duel t = {.r.id = id, .r.greets = true};

	duel_open(&t, role);
	expect_gone(&t, what, why);
	assert_int_equal(t.e.ready, 0);
}

static void test_strangers_are_refused(void **state)
{
	static const char who[] = "certificate is somebody else's";
	static const char key[] = "another key than the one that was granted";

	(void)state;
	expect_refused(TOKEN_MANAGER, &rig.device2, "another device", who);
	expect_refused(TOKEN_MANAGER, &rig.device_key2, "another key", key);
	expect_refused(TOKEN_MANAGER, &rig.foreign_device, "another domain", who);
	expect_refused(TOKEN_MANAGER, &rig.user2, "a user as device", who);
	expect_refused(TOKEN_MANAGER, &rig.manager, "itself", who);
	expect_refused(TOKEN_DEVICE, &rig.user2, "another user", who);
	expect_refused(TOKEN_DEVICE, &rig.manager_key2, "another key", key);
	expect_refused(TOKEN_DEVICE, &rig.foreign_user, "another domain", who);
	expect_refused(TOKEN_DEVICE, &rig.device2, "a device as user", who);
	expect_refused(TOKEN_DEVICE, &rig.device, "itself", who);
}

static void test_another_protocol_is_refused(void **state)
{
	(void)state;
	for (enum token_role role = TOKEN_MANAGER; role <= TOKEN_DEVICE; role++) {
		struct duel t = {.r.alpn = TLS_ALPN_CONTROL, .r.greets = true};

		duel_open(&t, role);
		expect_gone(&t, "control",
			    role == TOKEN_MANAGER ? "no common protocol"
						  : "Unrecognized protocol name");
		assert_int_equal(t.e.ready, 0);
	}
}

/* Time */

static uint64_t ms_until_gone(struct duel *t, const char *why)
{
	uint64_t begin = clock_mono_ms();

	expect_gone(t, "time", why);
	return clock_mono_ms() - begin;
}

static void test_the_times_are_those_of_the_protocol(void **state)
{
	const struct path_times *t = &path_times_default;

	(void)state;
	assert_int_equal(t->wait_ms, 120000);
	assert_int_equal(t->quiet_ms, 1000);
	assert_int_equal(t->lost_ms, 5000);
	assert_int_equal(t->idle_ping_ms, 45000);
	assert_int_equal(t->idle_yield_ms, 4000);
	assert_int_equal(t->idle_lost_ms, 15000);
	assert_int_equal(t->check_lost_ms, 2000);
	/* Proxies that cut after 50 s see something in each direction before. */
	assert_in_range(t->idle_ping_ms + t->idle_yield_ms, 20000, 49500);
}

static void test_silence_while_data_is_sent(void **state)
{
	struct duel t = {.e.times = &quick, .r.greets = true, .r.mute = true};
	uint64_t begin;

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	rig_run_for(50);
	raw_frame(&t.r, FRAME_PONG, t.r.ping, sizeof(t.r.ping));
	rig_run_for(50);
	assert_int_equal(t.r.got[FRAME_PING], 1);
	begin = clock_mono_ms();
	send_one(&t.e, 50);
	while (t.r.got[FRAME_PING] < 2 && clock_mono_ms() - begin < 1000)
		rig_run_for(2);
	assert_in_range(clock_mono_ms() - begin, 95, 100 + SLACK_MS);
	assert_in_range(ms_until_gone(&t, "silent"), 290, 300 + SLACK_MS);
	assert_int_equal(t.r.got[FRAME_PING], 2);
}

static void test_an_idle_path(void **state)
{
	struct duel t = {.e.times = &quick, .r.greets = true};

	(void)state;
	duel_begin(&t, TOKEN_MANAGER);
	rig_run_for(1500);
	assert_in_range(t.r.got[FRAME_PING], 3, 5); /* the first, and one each 450 ms */
	expect_alive(&t);
	t.r.mute = true;
	assert_in_range(ms_until_gone(&t, "silent"), 400, 900 + SLACK_MS);
}

/* The other end asks: that is enough for both. */
static void test_one_ping_serves_both_ends(void **state)
{
	uint8_t ping[FRAME_PING_BYTES] = {0};
	struct duel t = {.e.times = &quick, .r.greets = true};
	size_t pings;

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	rig_run_for(50);
	for (int i = 0; i < 5; i++) {
		rig_run_for(300);
		raw_frame(&t.r, FRAME_PING, ping, sizeof(ping));
	}
	rig_run_for(50);
	assert_int_equal(t.r.got[FRAME_PONG], 5);
	assert_int_equal(t.r.got[FRAME_PING], 1); /* the first */
	/* It does not any more. */
	pings = t.r.got[FRAME_PING];
	rig_run_for(400);
	assert_int_equal(t.r.got[FRAME_PING], pings);
	rig_run_for(300);
	assert_int_equal(t.r.got[FRAME_PING], pings + 1);
	expect_alive(&t);
	duel_end(&t);
}

/* This host's network has changed. */
static void test_a_path_that_is_checked(void **state)
{
	struct duel t = {.e.times = &quick, .r.greets = true};

	(void)state;
	duel_begin(&t, TOKEN_MANAGER);
	rig_run_for(50);
	path_check(t.e.p);
	rig_run_for(250);
	expect_alive(&t);
	assert_int_equal(t.r.got[FRAME_PING], 2);
	t.r.mute = true;
	path_check(t.e.p);
	assert_in_range(ms_until_gone(&t, "silent"), 140, 150 + SLACK_MS);
}

static void test_an_active_path_that_answers(void **state)
{
	struct duel t = {.e.times = &quick, .r.greets = true};

	(void)state;
	duel_begin(&t, TOKEN_MANAGER);
	for (int i = 0; i < 15; i++) {
		send_one(&t.e, 50);
		rig_run_for(100);
	}
	assert_in_range(t.r.got[FRAME_PING], 8, 17); /* the other end says nothing else */
	expect_alive(&t);
	duel_end(&t);
}

static void test_hello_has_its_time(void **state)
{
	struct duel t = {.e.times = &quick}, slow = {.e.times = &quick};
	uint8_t words[512];

	(void)state;
	duel_begin(&t, TOKEN_DEVICE);
	assert_in_range(ms_until_gone(&t, "did not say HELLO in time"), 200, 300 + SLACK_MS);
	duel_begin(&slow, TOKEN_MANAGER);
	(void)all_words(words);
	for (int i = 0; i < 60 && slow.e.p; i++) {
		raw_send(&slow.r, words + i, 1);
		rig_run_for(10);
	}
	expect_gone(&slow, "slow", "did not say HELLO in time");
}

static void test_nobody_comes(void **state)
{
	struct probe e = {.times = &quick};
	uint64_t begin = clock_mono_ms();

	(void)state;
	probe_open(&e, TOKEN_MANAGER);
	assert_true(rig_run(is_gone, NULL, &e, 2000));
	assert_in_range(clock_mono_ms() - begin, 390, 400 + SLACK_MS);
	assert_string_equal(e.reason, "the other side did not come in time");
}

/* A peer that sends PINGs and does not read: the answers may not grow without bounds. */
static void test_pings_of_one_who_does_not_read(void **state)
{
	static uint8_t pings[800 * (FRAME_HEADER_BYTES + FRAME_PING_BYTES)];
	struct duel t = {.r.greets = true};

	(void)state;
	for (size_t i = 0; i < 800; i++)
		frame_header_encode(pings + i * (FRAME_HEADER_BYTES + FRAME_PING_BYTES), FRAME_PING,
				    FRAME_PING_BYTES);
	duel_begin(&t, TOKEN_DEVICE);
	outer_pause(inner_outer(t.r.inner));
	for (int i = 0; i < 2000 && t.e.p; i++) {
		raw_send(&t.r, pings, sizeof(pings));
		while (t.r.inner && inner_queued(t.r.inner) > OUTER_QUEUE_HIGH_BYTES && t.e.p)
			rig_run_for(1);
	}
	expect_gone(&t, "pings", "does not read");
}

/* Closing */

static void test_closing_in_every_callback(void **state)
{
	(void)state;
	for (int i = 0; i < 6 * 3 * 2; i++) {
		struct duel t = {.e.close_in = (enum call)(CALL_STEP + i % 6),
				 .e.close_code = i / 6 % 3};
		enum token_role role = i / 18 ? TOKEN_MANAGER : TOKEN_DEVICE;
		uint8_t words[512];
		size_t n;

		duel_open(&t, role);
		(void)rig_run(raw_shaken, NULL, &t, t.e.close_in == CALL_STEP ? 50 : 3000);
		n = all_words(words);
		raw_send(&t.r, words, n);
		expect_gone(&t, "callback", t.e.close_in == CALL_END ? "" : "closed in a callback");
		if (t.e.close_in == CALL_END || t.e.close_in == CALL_STEP || !t.e.close_code)
			assert_int_equal(t.r.got[FRAME_END], 0);
	}
}

static void test_closing_in_every_phase(void **state)
{
	(void)state;
	for (int turns = 0; turns < 60; turns++) {
		struct duel t = {.r.greets = true};

		duel_open(&t, turns % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		for (int i = 0; i < turns; i++) {
			uv_run(&rig.loop, UV_RUN_NOWAIT);
			usleep(100);
		}
		path_close(t.e.p, turns % 3, "closed by the test");
		path_close(t.e.p, FRAME_END_SESSION, "twice");
		put(&t.e, 20);
		path_pump(t.e.p, &t.e.queue);
		assert_false(queue_empty(&t.e.queue) || path_ready(t.e.p));
		expect_gone(&t, "phase", "closed by the test");
	}
}

/* Whoever hears of the other end may end the session at once: HELLO comes before END. */
static void test_hello_comes_before_end(void **state)
{
	struct duel t = {.r.greets = true};
	struct path_status st = {.state = PATH_DIALING};

	(void)state;
	duel_open(&t, TOKEN_DEVICE);
	while (t.e.p && st.state != PATH_HELLO && st.state != PATH_READY) {
		t.e.close_in = t.e.steps == 1 ? CALL_STEP : CALL_NONE; /* the second one */
		t.e.close_code = FRAME_END_SESSION;
		uv_run(&rig.loop, UV_RUN_ONCE);
		if (t.e.p)
			path_status(t.e.p, &st);
	}
	expect_gone(&t, "END", "closed in a callback");
	assert_int_equal(t.r.got[FRAME_HELLO], 1);
	assert_int_equal(t.r.got[FRAME_END], 1);
	assert_int_equal(t.r.end[0], FRAME_END_SESSION);
}

/* What the other end can do */

static struct path_status status_of(const struct probe *e)
{
	struct path_status st;

	path_status(e->p, &st);
	return st;
}

static void test_caps_are_read_as_they_come(void **state)
{
	static const struct {
		const char *caps;
		bool super, ack, uso;
	} said[] = {
		{"", false, false, false},
		{",\"caps\":null", false, false, false},
		{",\"caps\":\"super\"", false, false, false},
		{",\"caps\":{\"super\":\"ack\"}", false, false, false},
		{",\"caps\":[1,null,{\"super\":1},[\"ack\"],\"SUPER\",\"superb\",\"ac\",\"\"]",
		 false, false, false},
		{",\"caps\":[\"super\\u0000\"]", false, false, false},
		{",\"caps\":[\"new\",\"super\"]", true, false, false},
		{",\"caps\":[7,\"ack\",\"ack\"]", false, true, false},
		{",\"caps\":[\"ack\",\"super\",\"super\"]", true, true, false},
		{",\"caps\":[\"uso\",\"super\"]", true, false, true},
		{",\"caps\":[\"uso\"]", false, false, false}, /* nothing without the other */
	};
	char behind[200];

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct duel t = {0};

		duel_begin(&t, i % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		snprintf(behind, sizeof(behind), "%s}", said[i].caps);
		say_hello_with(&t.r, "", behind);
		if (strstr(said[i].caps, "u0000")) {
			expect_gone(&t, "NUL", ANOTHER);
			continue;
		}
		rig_run_for(30);
		assert_int_equal(t.e.ready, 1);
		assert_int_equal(status_of(&t.e).peer_super, said[i].super);
		assert_int_equal(path_form(t.e.p).super, said[i].super);
		assert_int_equal(path_form(t.e.p).uso, said[i].uso);
		send_one(&t.e, 100);
		rig_run_for(10);
		assert_int_equal(t.r.got[FRAME_STAMP], said[i].ack);
		assert_int_equal(status_of(&t.e).under_way > 0, said[i].ack);
		assert_int_equal(t.r.got[FRAME_PACKET], 1);
		duel_end(&t);
	}
}

static void test_mtu_is_read_as_it_comes(void **state)
{
	static const struct {
		const char *says;
		uint32_t mtu;
	} said[] = {
		{"", 1500},
		{",\"mtu\":1400", 1400},
		{",\"mtu\":1280", 1280},
		{",\"mtu\":1279", 1280},
		{",\"mtu\":0", 1280},
		{",\"mtu\":-9223372036854775808", 1280},
		{",\"mtu\":65535", 65535},
		{",\"mtu\":65536", 65535},
		{",\"mtu\":9223372036854775807", 65535},
		{",\"mtu\":1400.0", 1500},
		{",\"mtu\":\"1400\"", 1500},
		{",\"mtu\":null", 1500},
		{",\"mtu\":[1400]", 1500},
		{",\"mtu\":true", 1500},
	};
	char behind[100];

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct duel t = {0};

		duel_begin(&t, i % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
		assert_int_equal(status_of(&t.e).peer_mtu, 0);
		snprintf(behind, sizeof(behind), "%s}", said[i].says);
		say_hello_with(&t.r, "", behind);
		rig_run_for(30);
		assert_int_equal(t.e.ready, 1);
		assert_int_equal(status_of(&t.e).peer_mtu, said[i].mtu);
		duel_end(&t);
	}
}

static void put_super(struct probe *e, enum super_kind kind, size_t payload, uint16_t gso_size)
{
	struct queue_form form = path_form(e->p);
	struct packet *p = super_packet(e->pool, kind, 7, 1, payload, gso_size);

	assert_non_null(p);
	queue_put(&e->queue, p, &form, clock_mono_us());
	path_pump(e->p, &e->queue);
}

static bool has_packets(void *arg)
{
	return ((const struct probe *)arg)->packets > 0;
}

/* Where the machine is busy the path looks slow, and long ones are cut: then once more. */
static bool goes_whole(struct probe *m, struct probe *d, enum super_kind kind)
{
	for (int tries = 0; tries < 100; tries++) {
		d->packets = 0;
		d->packet_bytes = 0;
		put_super(m, kind, 65535 - super_headers(kind), 1300);
		assert_true(rig_run(all_out, NULL, m, 3000));
		assert_true(rig_run(has_packets, NULL, d, 3000));
		rig_run_for(20);
		if (d->packets == 1)
			return true;
	}
	return false;
}

static void test_super_packets_travel_whole(void **state)
{
	struct probe m = {.super = true}, d = {.super = true, .any = true};

	probe_open(&m, TOKEN_MANAGER);
	probe_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(probe_ready, NULL, &m, 3000));
	assert_true(rig_run(probe_ready, NULL, &d, 3000));
	for (int kind = 0; kind < SUPER_KINDS; kind++) {
		assert_true(goes_whole(&m, &d, (enum super_kind)kind));
		assert_int_equal(d.packet_bytes, 65535);
		assert_int_equal(d.v.gso_size, 1300);
	}
	d.packets = 0;
	put_super(&m, SUPER_UDP6, 300, 1300); /* only its checksum is not finished */
	assert_true(rig_run(has_packets, NULL, &d, 3000));
	assert_int_equal(d.packets, 1);
	assert_true(d.v.needs_csum && d.v.gso == VNET_GSO_NONE);
	assert_int_equal(d.bad_vnets, 0);
	probe_close(&m);
	probe_close(&d);
}

static void test_a_peer_without_uso_gets_segments_of_udp(void **state)
{
	struct probe m = {.super = true}, d = {.super = true, .tcp_only = true, .any = true};

	probe_open(&m, TOKEN_MANAGER);
	probe_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(probe_ready, NULL, &m, 3000));
	assert_true(rig_run(probe_ready, NULL, &d, 3000));
	assert_true(path_form(d.p).uso);
	assert_false(path_form(m.p).uso);
	assert_true(goes_whole(&m, &d, SUPER_TCP4));
	d.packets = 0;
	put_super(&m, SUPER_UDP4, 13000, 1300);
	rig_run_for(100);
	assert_int_equal(d.packets, 10);
	assert_int_equal(d.bad_vnets, 0);
	probe_close(&m);
	probe_close(&d);
}

static void test_a_peer_without_super_gets_segments(void **state)
{
	struct probe m = {.super = true}, d = {.any = true};

	probe_open(&m, TOKEN_MANAGER);
	probe_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(probe_ready, NULL, &m, 3000));
	assert_true(rig_run(probe_ready, NULL, &d, 3000));
	put_super(&m, SUPER_TCP4, 13000, 1300);
	put_super(&m, SUPER_UDP4, 200, 1300);
	rig_run_for(100);
	assert_int_equal(d.packets, 11);
	assert_int_equal(d.packet_bytes, 13000 + 10 * 40 + 200 + 28);
	assert_true(d.v.gso == VNET_GSO_NONE && !d.v.needs_csum);
	assert_int_equal(d.bad_vnets, 0);
	probe_close(&m);
	probe_close(&d);
}

/* Whoever has the packets drops them: the path only says what it was told. */
static void test_malformed_super_packets(void **state)
{
	struct duel t = {.r.greets = true, .e.any = true};
	uint8_t frame[VNET_BYTES + 3000];
	struct vnet v;
	size_t n = super_make(frame + VNET_BYTES, &v, SUPER_TCP4, 1, 1, 2900, 1000);
	unsigned int bad = 0;

	duel_begin(&t, TOKEN_DEVICE);
	vnet_encode_wire(&v, frame);
	raw_frame(&t.r, FRAME_SUPER, frame, VNET_BYTES + n);
	for (size_t i = 0; i < VNET_BYTES; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			frame[i] ^= (uint8_t)(1u << bit);
			raw_frame(&t.r, FRAME_SUPER, frame, VNET_BYTES + n);
			frame[i] ^= (uint8_t)(1u << bit);
			if (i < 4 || i > 5) /* another gso_size is as good */
				bad++;
		}
		rig_run_for(2);
	}
	expect_alive(&t);
	assert_int_equal(t.e.packets, 1 + 80);
	assert_in_range(t.e.bad_vnets, bad, 80);
	memset(frame, 0, VNET_BYTES);
	raw_frame(&t.r, FRAME_SUPER, frame, VNET_BYTES + n); /* plain, in a long frame */
	expect_alive(&t);
	assert_true(t.e.v.gso == VNET_GSO_NONE && !t.e.v.needs_csum);
	duel_end(&t);
}

/* How many are under way */

static void test_stamps_are_echoed(void **state)
{
	struct duel t = {.r.greets = true};
	uint8_t stamp[FRAME_STAMP_BYTES] = "0123456789abcde";

	duel_begin(&t, TOKEN_MANAGER);
	for (int i = 0; i < 100; i++)
		raw_frame(&t.r, FRAME_STAMP, stamp, sizeof(stamp));
	rig_run_for(100);
	assert_int_equal(t.r.got[FRAME_ACK], 100);
	assert_memory_equal(t.r.ack, stamp, sizeof(stamp));
	duel_end(&t);
}

/* That the other end loses segments changes what is sent, nothing else. */
static void test_losses_are_taken_as_they_are_told(void **state)
{
	struct duel t = {.r.greets = true};
	static const uint8_t said[] = {1, 1, 0, 255, 0};
	uint8_t packet[FRAME_HEADER_BYTES + 100];

	(void)state;
	duel_begin(&t, TOKEN_MANAGER);
	for (size_t i = 0; i < sizeof(said); i++) {
		raw_frame(&t.r, FRAME_LOSSY, &said[i], 1);
		raw_send(&t.r, packet, frame_of_packet(packet, 100));
	}
	expect_alive(&t);
	assert_int_equal(t.e.packets, sizeof(said));
	duel_end(&t);
}

/* As with PINGs. */
static void test_stamps_of_one_who_does_not_read(void **state)
{
	static uint8_t stamps[800 * (FRAME_HEADER_BYTES + FRAME_STAMP_BYTES)];
	struct duel t = {.r.greets = true};

	for (size_t i = 0; i < 800; i++)
		frame_header_encode(stamps + i * (FRAME_HEADER_BYTES + FRAME_STAMP_BYTES),
				    FRAME_STAMP, FRAME_STAMP_BYTES);
	duel_begin(&t, TOKEN_DEVICE);
	outer_pause(inner_outer(t.r.inner));
	for (int i = 0; i < 2000 && t.e.p; i++) {
		raw_send(&t.r, stamps, sizeof(stamps));
		while (t.r.inner && inner_queued(t.r.inner) > OUTER_QUEUE_HIGH_BYTES && t.e.p)
			rig_run_for(1);
	}
	expect_gone(&t, "stamps", "does not read");
}

/* Queue packets of a flow each until more would have to wait, and as many again. */
static void fill_path(struct probe *e)
{
	size_t more = 0;

	while (more < 40) {
		struct queue_form form = path_form(e->p);
		struct packet *p = super_packet(e->pool, SUPER_UDP4, (uint16_t)more, 0, 1000, 0);

		assert_non_null(p);
		queue_put(&e->queue, p, &form, clock_mono_us());
		path_pump(e->p, &e->queue);
		more += !queue_empty(&e->queue);
	}
}

static void test_acks_that_answer_nothing(void **state)
{
	struct duel t = {.r.greets = true, .r.caps = "[\"ack\"]"};
	uint8_t ack[FRAME_STAMP_BYTES];

	duel_begin(&t, TOKEN_DEVICE);
	raw_frame(&t.r, FRAME_ACK, memset(ack, 0, sizeof(ack)), sizeof(ack));
	fill_path(&t.e);
	rig_run_for(20);
	assert_true(t.r.got[FRAME_STAMP] >= 1);
	memset(ack, 0, sizeof(ack));
	raw_frame(&t.r, FRAME_ACK, ack, sizeof(ack));
	memset(ack, 0xff, sizeof(ack));
	raw_frame(&t.r, FRAME_ACK, ack, sizeof(ack));
	memcpy(ack, t.r.stamp, sizeof(ack));
	ack[15] ^= 1;
	raw_frame(&t.r, FRAME_ACK, ack, sizeof(ack));
	expect_alive(&t);
	assert_int_equal(t.e.rooms, 0);
	assert_false(queue_empty(&t.e.queue));
	t.r.acks = true;
	if (t.r.got[FRAME_STAMP] == 1) {
		raw_frame(&t.r, FRAME_ACK, t.r.stamp, sizeof(ack));
		rig_run_for(200);
		assert_true(queue_empty(&t.e.queue));
		assert_int_equal(status_of(&t.e).under_way, 0);
		t.e.rooms = 0;
		raw_frame(&t.r, FRAME_ACK, t.r.stamp, sizeof(ack)); /* a second time */
		expect_alive(&t);
		assert_int_equal(t.e.rooms, 0);
	}
	duel_end(&t);
}

/* What went out behind the last stamp gets one of its own: else nothing would make room for it. */
static void test_the_last_packet_is_stamped_too(void **state)
{
	struct duel t = {.r.greets = true, .r.caps = "[\"ack\"]", .r.acks = true};

	duel_begin(&t, TOKEN_MANAGER);
	for (int i = 0; i < 20; i++) {
		send_one(&t.e, 500);
		send_one(&t.e, 600);
		send_one(&t.e, 700);
		rig_run_for(20);
		assert_int_equal(status_of(&t.e).under_way, 0);
	}
	assert_in_range(t.r.got[FRAME_STAMP], 20, 60);
	duel_end(&t);
}

static bool raw_got_all(void *arg)
{
	const struct duel *t = arg;
	const struct fq_counters *c = fq_counters(&t->e.queue.fq);

	return queue_empty(&t->e.queue) && t->r.got[FRAME_PACKET] == c->dequeued;
}

/* It answers PING, so it is there; and it has read the STAMP before. */
static void test_a_peer_that_answers_no_stamp(void **state)
{
	struct duel t = {.e.times = &quick, .r.greets = true, .r.caps = "[\"ack\"]"};

	duel_begin(&t, TOKEN_DEVICE);
	fill_path(&t.e);
	rig_run_for(30);
	assert_false(queue_empty(&t.e.queue));
	assert_true(rig_run(raw_got_all, NULL, &t, 1000));
	fill_path(&t.e); /* as to one that never said "ack" */
	assert_true(rig_run(raw_got_all, NULL, &t, 1000));
	assert_int_equal(status_of(&t.e).under_way, 0);
	duel_end(&t);
}

static void test_a_peer_that_answers_nothing(void **state)
{
	struct duel t = {.e.times = &quick, .r.greets = true, .r.caps = "[\"ack\"]"};

	duel_begin(&t, TOKEN_MANAGER);
	rig_run_for(30);
	t.r.mute = true;
	fill_path(&t.e);
	expect_gone(&t, "mute", "silent");
}

/* Only the socket bounds what goes to one that does not acknowledge. */
static void test_a_peer_without_ack(void **state)
{
	struct duel t = {.r.greets = true};

	duel_begin(&t, TOKEN_DEVICE);
	outer_pause(inner_outer(t.r.inner));
	fill_path(&t.e);
	assert_true(rig_run(raw_got_all, NULL, &t, 10) == false);
	outer_resume(inner_outer(t.r.inner));
	assert_true(rig_run(raw_got_all, NULL, &t, 2000));
	assert_true(t.e.rooms > 0);
	assert_int_equal(t.r.got[FRAME_STAMP], 0);
	duel_end(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_two_paths_meet),
		RIG_TEST(test_malformed_words_close_the_path),
		RIG_TEST(test_hello_twice),
		RIG_TEST(test_mtu_is_read_as_it_comes),
		RIG_TEST(test_hello_is_read_strictly),
		RIG_TEST(test_a_deeply_nested_hello),
		RIG_TEST(test_a_hello_of_a_later_version),
		RIG_TEST(test_unknown_types_are_skipped),
		RIG_TEST(test_pongs_that_were_not_asked_for),
		RIG_TEST(test_pings_are_echoed),
		RIG_TEST(test_ends_with_rubbish),
		RIG_TEST(test_frames_in_two_records_at_every_byte),
		RIG_TEST(test_frames_byte_by_byte),
		RIG_TEST(test_truncated_at_every_byte),
		RIG_TEST(test_random_bytes),
		RIG_TEST(test_strangers_are_refused),
		RIG_TEST(test_another_protocol_is_refused),
		RIG_TEST(test_the_times_are_those_of_the_protocol),
		RIG_TEST(test_silence_while_data_is_sent),
		RIG_TEST(test_an_idle_path),
		RIG_TEST(test_one_ping_serves_both_ends),
		RIG_TEST(test_a_path_that_is_checked),
		RIG_TEST(test_an_active_path_that_answers),
		RIG_TEST(test_hello_has_its_time),
		RIG_TEST(test_nobody_comes),
		RIG_TEST(test_pings_of_one_who_does_not_read),
		RIG_TEST(test_closing_in_every_callback),
		RIG_TEST(test_closing_in_every_phase),
		RIG_TEST(test_hello_comes_before_end),
		RIG_TEST(test_caps_are_read_as_they_come),
		RIG_TEST(test_super_packets_travel_whole),
		RIG_TEST(test_a_peer_without_uso_gets_segments_of_udp),
		RIG_TEST(test_a_peer_without_super_gets_segments),
		RIG_TEST(test_malformed_super_packets),
		RIG_TEST(test_stamps_are_echoed),
		RIG_TEST(test_losses_are_taken_as_they_are_told),
		RIG_TEST(test_stamps_of_one_who_does_not_read),
		RIG_TEST(test_acks_that_answer_nothing),
		RIG_TEST(test_the_last_packet_is_stamped_too),
		RIG_TEST(test_a_peer_that_answers_no_stamp),
		RIG_TEST(test_a_peer_that_answers_nothing),
		RIG_TEST(test_a_peer_without_ack),
	};

	if (argc > 1) /* one of them, or a pattern */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
