/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relayload - load for a relay: many sessions, some of them busy, some stalled. For scripts/bench.
 *
 *   relayload identity FOLDER
 *       make a domain for this purpose: FOLDER/identity.json for relayd, FOLDER/token.key for run
 *   relayload run FOLDER ADDRESS PID SESSIONS BUSY STALLED SECONDS sealed|shed
 *       at the relay there (process PID), print names and values:
 *       1. open SESSIONS, wait; they are idle: what they cost
 *       2. BUSY of them send for SECONDS from manager to device as fast as they can, with no more
 *          under way than vpnd would have: throughput, how it is shared. Longer, if need be, until
 *          each has carried many times what it may have under way
 *       3. all are idle again, after a word or two each: what is left of that
 *       4. the first one sends alone, then beside STALLED others whose receivers have stopped; in
 * turns
 *
 * What is sent looks like records of the inner TLS, because a relay looks at their headers. All
 * tokens are signed beforehand. The generator is one process on one core, and does about the same
 * work as the relay: look at the relay's processor time, too, not at the wall clock alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <uv.h>

#include "common/io/file.h"
#include "common/io/identity.h"
#include "common/io/log.h"
#include "common/io/outer.h"
#include "common/io/x509.h"
#include "common/pure/text.h"
#include "common/pure/token.h"
#include "tests/net/process.h"

#define SESSIONS_MAX 30000
#define DIALS_AT_ONCE 32 /* below the relay's cap for one address */
#define TICK_MS 2
#define SETTLE_MS 2000
#define RAMP_MS 1000
#define QUIET_WORDS 8 /* of each end after the load, as keep-alives would be */
#define QUIET_WORD_MS 500
#define DRAIN_MS 500
#define TURN_MS 1000 /* alone, or beside stalled ones */
#define TURNS 16
#define FLIGHT_BYTES (512u << 10) /* under way of a busy session; vpnd bounds it, too */
#define FLIGHTS 20 /* of each, on average, before shares are compared: they come in pieces */
#define PATIENCE 6 /* times the SECONDS, to that end */
#define RECORD_HEAD 5
#define RECORD_BODY 16401
#define WORD_BYTES 40 /* a record */
#define RELAY_URI "farlan://bench/relay/0123456789abcdef0123456789abcdef"

enum phase { OPENING, SETTLING, RAMPING, BUSY, QUIET, PAUSE, TURN };

struct end {
	struct outer *o; /* NULL: not there */
	struct load *load;
	bool open, sends;
	uint64_t sent, received;
	uint64_t at_begin; /* received, when the measurement began */
};

struct load {
	uv_loop_t loop;
	uv_timer_t tick;
	struct tls_ctx *tls;
	const char *address;
	bool shed;
	struct end *ends; /* two for each session: manager, device */
	char (*tokens)[PASETO_TOKEN_SIZE];
	size_t n_ends, n_busy, n_stalled, n_dialled, n_open, n_failed, n_shed;
	enum phase phase;
	uint64_t begin_ms, busy_ms;
	size_t words, turn;
	uint64_t seen;	     /* what had arrived in all when it was last looked at */
	double turns[TURNS]; /* bytes a second of the first session */
	long pid, kernel_begin_kb;
	double cpu_begin_s;
	uint8_t record[RECORD_HEAD + RECORD_BODY];
};

/* Domain */

static void make_certificates(struct identity *id, const struct x509_key *ca_key)
{
	struct x509_profile p = {.id = &id->id, .client = true};
	struct x509_profile outer = {.server = true, .n_hosts = 1, .hosts = {"bench.invalid"}};
	uint8_t spki[128];
	size_t len;

	p.not_before = outer.not_before = clock_wall_s() - 3600;
	p.not_after = outer.not_after = clock_wall_s() + 86400;
	file_random(p.serial, sizeof(p.serial));
	file_random(outer.serial, sizeof(outer.serial));
	if (x509_ca_make(&id->ca, ca_key, "bench", p.not_before, p.not_after) != 0 ||
	    x509_spki(&id->key, spki, sizeof(spki), &len) != 0 ||
	    x509_issue(&id->cert, &p, spki, len, &id->ca, ca_key) != 0 ||
	    x509_issue(&id->outer_cert, &outer, spki, len, &id->ca, ca_key) != 0)
		die("no certificates", "");
}

static int identity_main(const char *folder)
{
	static struct identity id = {.name = "bench", .n_urls = 1, .n_token_keys = 1};
	uint8_t secret[PASETO_SECRET_BYTES];
	struct x509_key ca_key;
	char path[4096];

	snprintf(path, sizeof(path), "%s/token.key", folder);
	if (ident_parse(&id.id, RELAY_URI, strlen(RELAY_URI)) != 0 ||
	    url_parse(&id.urls[0], "https://bench.invalid") != 0 ||
	    x509_key_generate(&ca_key) != 0 || x509_key_generate(&id.key) != 0 ||
	    x509_ed25519_generate(secret, id.token_keys[0].public) != 0)
		die("no keys", "");
	token_kid(id.token_keys[0].kid, id.token_keys[0].public);
	make_certificates(&id, &ca_key);
	if (file_replace(path, secret, sizeof(secret), 0600) != 0 ||
	    identity_save(&id, folder) != 0)
		die("cannot write to ", folder);
	return 0;
}

static void sign_tokens(struct load *l, const char *folder)
{
	struct token t = {.issued = clock_wall_s(), .expires = clock_wall_s() + 36000};
	uint8_t *secret, session[TOKEN_SESSION_BYTES];
	char path[4096];
	size_t n;

	snprintf(path, sizeof(path), "%s/token.key", folder);
	if (file_read(path, PASETO_SECRET_BYTES, &secret, &n) != 0 || n != PASETO_SECRET_BYTES ||
	    ident_parse(&t.relay, RELAY_URI, strlen(RELAY_URI)) != 0)
		die("no key in ", path);
	for (size_t i = 0; i < l->n_ends; i++) {
		if (i % 2 == 0)
			file_random(session, sizeof(session));
		t.role = i % 2 ? TOKEN_DEVICE : TOKEN_MANAGER;
		if (text_hex_encode(t.session, sizeof(t.session), session, sizeof(session)) != 0 ||
		    token_sign(l->tokens[i], &t, secret,
			       secret + PASETO_SECRET_BYTES - PASETO_PUBLIC_BYTES) != 0)
			die("a token cannot be signed", "");
	}
	free(secret);
}

/* Ends */

static struct end *other_end(const struct end *e)
{
	size_t i = (size_t)(e - e->load->ends);

	return &e->load->ends[i ^ 1];
}

/* Only the sessions that stall, and what is measured beside them, fill all buffers on the way. */
static bool may_send(struct end *e)
{
	return e->o && e->sends && outer_queued(e->o) <= OUTER_QUEUE_HIGH_BYTES &&
	       (e->load->phase == TURN || e->sent < other_end(e)->received + FLIGHT_BYTES);
}

static void push(struct end *e)
{
	const struct load *l = e->load;

	while (may_send(e)) {
		if (outer_send(e->o, l->record, sizeof(l->record)) != 0)
			return;
		e->sent += sizeof(l->record);
	}
}

static void on_open(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->open = true;
	e->load->n_open++;
	if (e->load->shed && outer_shed(o) == 0)
		e->load->n_shed++;
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct end *e = outer_arg(o);

	(void)bytes;
	e->received += n;
	push(other_end(e));
}

static void on_drain(struct outer *o)
{
	push(outer_arg(o));
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct end *e = outer_arg(o);

	(void)clean;
	if (e->load->n_failed++ < 5)
		fprintf(stderr, "relayload: a leg was closed: %s\n", reason);
	e->o = NULL;
}

static const struct outer_callbacks callbacks = {
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_closed = on_closed,
};

static void dial(struct load *l, size_t i)
{
	static const uint16_t ports[] = {443, 80, 5935}; /* 28,000 connections to each */
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(ports[i / 2 % 3])};
	char headers[PASETO_TOKEN_SIZE + 100];
	struct outer_target target = {.host = "bench.invalid",
				      .host_header = "bench.invalid",
				      .path = "/v1/session",
				      .headers = headers,
				      .shed = l->shed};

	if (inet_pton(AF_INET, l->address, &addr.sin_addr) != 1)
		die("not an IPv4 address: ", l->address);
	memcpy(&target.addr, &addr, sizeof(addr));
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nFarlan-Generation: 1\r\n",
		 l->tokens[i]);
	l->ends[i].load = l;
	if (outer_connect(&l->ends[i].o, &l->loop, l->tls, &target, &callbacks, &l->ends[i]) != 0)
		l->n_failed++;
}

static void send_from(struct end *e)
{
	e->sends = true;
	push(e);
}

/* Figures */

static void show_memory(struct load *l, const char *when)
{
	printf("rss_%s_kb %ld\nkernel_%s_kb %ld\n", when, process_rss_kb(l->pid), when,
	       kernel_kb() - l->kernel_begin_kb);
}

static void show_opening(struct load *l, uint64_t now_ms)
{
	double s = (double)(now_ms - l->begin_ms) / 1000;
	double cpu = process_cpu_s(l->pid) - l->cpu_begin_s;

	printf("legs %zu\nshed %zu\nfailed %zu\nopen_s %.2f\nlegs_per_s %.0f\n", l->n_open,
	       l->n_shed, l->n_failed, s, (double)l->n_open / s);
	printf("relay_cpu_us_per_leg %.1f\n", 1e6 * cpu / (double)l->n_open);
}

static int by_size(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* What arrived of each busy session since the beginning, the least first. */
static double *shares(const struct load *l)
{
	double *x = calloc(l->n_busy, sizeof(*x));

	if (!x)
		die("out of memory", "");
	for (size_t i = 0; i < l->n_busy; i++) {
		const struct end *device = &l->ends[2 * i + 1];

		x[i] = (double)(device->received - device->at_begin);
	}
	qsort(x, l->n_busy, sizeof(*x), by_size);
	return x;
}

/* Jain's index: 1 when all got the same, 1/n when one got everything. */
static void show_busy(struct load *l, double s)
{
	double *x = shares(l), sum = 0, squares = 0, off = 0, mid = x[l->n_busy / 2];
	double cpu = process_cpu_s(l->pid) - l->cpu_begin_s, to_mbit = 8 / 1e6 / s;
	size_t within = 0;

	for (size_t i = 0; i < l->n_busy; i++) {
		double d = mid > 0 ? (x[i] > mid ? x[i] - mid : mid - x[i]) / mid : 1;

		sum += x[i];
		squares += x[i] * x[i];
		off = d > off ? d : off;
		within += d <= 0.2;
	}
	printf("mbit %.0f\nrelay_cpu_s_per_gb %.3f\nrelay_cpu_percent %.0f\n", sum * to_mbit,
	       sum > 0 ? cpu / (sum / 1e9) : 0, 100 * cpu / s);
	printf("least_mbit %.3f\nmedian_mbit %.3f\nmost_mbit %.3f\n", x[0] * to_mbit, mid * to_mbit,
	       x[l->n_busy - 1] * to_mbit);
	printf("jain %.4f\nfarthest_percent %.1f\nwithin_20_percent %zu\n",
	       squares > 0 ? sum * sum / ((double)l->n_busy * squares) : 0, 100 * off, within);
	show_memory(l, "busy");
	printf("lost %zu\n", l->n_failed);
	free(x);
}

/* Each turn beside stalled ones against the turn alone before it. */
static void show_turns(const struct load *l)
{
	double change[TURNS / 2], alone[TURNS / 2];

	for (size_t i = 0; i < TURNS / 2; i++) {
		alone[i] = l->turns[2 * i];
		change[i] = alone[i] > 0 ? 100 * (l->turns[2 * i + 1] / alone[i] - 1) : -100;
	}
	qsort(change, TURNS / 2, sizeof(*change), by_size);
	qsort(alone, TURNS / 2, sizeof(*alone), by_size);
	printf("alone_mbit %.0f\nbeside_stalled_percent %.1f\n", alone[TURNS / 4] * 8 / 1e6,
	       change[TURNS / 4]);
}

/* Sessions that stand still although nobody stalls them. */
static void show_stuck(const struct load *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_ends; i++) {
		const struct end *e = &l->ends[i], *to = &l->ends[i ^ 1];

		n += e->o && to->o && to->received != e->sent;
	}
	printf("stuck %zu\nlost_in_all %zu\n", n, l->n_failed);
}

/* Phases */

static void enter(struct load *l, enum phase phase, uint64_t now_ms)
{
	l->phase = phase;
	l->begin_ms = now_ms;
}

static void open_some(struct load *l, uint64_t now_ms)
{
	while (l->n_dialled < l->n_ends && l->n_dialled - l->n_open - l->n_failed < DIALS_AT_ONCE)
		dial(l, l->n_dialled++);
	if (l->n_open + l->n_failed < l->n_ends)
		return;
	if (l->n_open == 0)
		die("no leg was let in", "");
	show_opening(l, now_ms);
	enter(l, SETTLING, now_ms);
}

static void begin_load(struct load *l, uint64_t now_ms)
{
	show_memory(l, "idle");
	for (size_t i = 0; i < l->n_busy; i++)
		send_from(&l->ends[2 * i]);
	enter(l, RAMPING, now_ms);
}

static void begin_busy(struct load *l, uint64_t now_ms)
{
	l->cpu_begin_s = process_cpu_s(l->pid);
	for (size_t i = 0; i < l->n_ends; i++)
		l->ends[i].at_begin = l->ends[i].received;
	enter(l, BUSY, now_ms);
}

static bool seen_enough(const struct load *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n_busy; i++)
		sum += l->ends[2 * i + 1].received - l->ends[2 * i + 1].at_begin;
	return sum >= (uint64_t)l->n_busy * FLIGHTS * FLIGHT_BYTES;
}

static void end_busy(struct load *l, uint64_t now_ms, double s)
{
	show_busy(l, s);
	for (size_t i = 0; i < l->n_ends; i++)
		l->ends[i].sends = false;
	enter(l, QUIET, now_ms);
}

/* Nothing has arrived since it was last asked: queues and sockets are empty. */
static bool still(struct load *l)
{
	uint64_t sum = 0;
	bool same;

	for (size_t i = 0; i < l->n_ends; i++)
		sum += l->ends[i].received;
	same = sum == l->seen;
	l->seen = sum;
	return same;
}

/* A short record, now and then, in both directions. */
static void say_word(struct load *l, uint64_t now_ms)
{
	uint8_t word[WORD_BYTES] = {0x17, 0x03, 0x03, 0, WORD_BYTES - RECORD_HEAD};

	for (size_t i = 0; i < l->n_ends; i++)
		if (l->ends[i].o && outer_send(l->ends[i].o, word, sizeof(word)) == 0)
			l->ends[i].sent += sizeof(word);
		else if (l->ends[i].o)
			die("a word cannot be sent", "");
	enter(l, QUIET, now_ms);
	if (++l->words < QUIET_WORDS)
		return;
	show_memory(l, "after");
	enter(l, PAUSE, now_ms);
}

/* The first session sends; in every second turn those behind it do, too, to ends that do not read.
 */
static void begin_turn(struct load *l, uint64_t now_ms)
{
	bool beside = l->turn % 2 == 1;

	enter(l, TURN, now_ms);
	for (size_t i = 1; beside && i <= l->n_stalled; i++) {
		if (l->ends[2 * i + 1].o)
			outer_pause(l->ends[2 * i + 1].o);
		send_from(&l->ends[2 * i]);
	}
	send_from(&l->ends[0]);
	l->ends[1].at_begin = 0;
}

/* The first half of a turn does not count: queues fill. */
static void go_on_turn(struct load *l, uint64_t now_ms, uint64_t passed_ms)
{
	struct end *device = &l->ends[1];

	if (passed_ms >= TURN_MS / 2 && device->at_begin == 0)
		device->at_begin = device->received;
	if (passed_ms < TURN_MS)
		return;
	l->turns[l->turn] = (double)(device->received - device->at_begin) / (TURN_MS / 2e3);
	for (size_t i = 0; i <= l->n_stalled; i++) {
		l->ends[2 * i].sends = false;
		if (l->ends[2 * i + 1].o)
			outer_resume(l->ends[2 * i + 1].o);
	}
	l->turn++;
	enter(l, PAUSE, now_ms);
}

/* Return: true at the end. */
static bool step(struct load *l, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - l->begin_ms;

	switch (l->phase) {
	case OPENING:
		open_some(l, now_ms);
		break;
	case SETTLING:
		if (passed_ms >= SETTLE_MS)
			begin_load(l, now_ms);
		break;
	case RAMPING:
		if (passed_ms >= RAMP_MS)
			begin_busy(l, now_ms);
		break;
	case BUSY:
		if (passed_ms >= l->busy_ms &&
		    (seen_enough(l) || passed_ms >= PATIENCE * l->busy_ms))
			end_busy(l, now_ms, (double)passed_ms / 1000);
		break;
	case QUIET:
		if (passed_ms < QUIET_WORD_MS)
			break;
		if (l->words > 0 || still(l))
			say_word(l, now_ms);
		else
			enter(l, QUIET, now_ms);
		break;
	case PAUSE:
		if (passed_ms < DRAIN_MS)
			break;
		if (!still(l)) {
			enter(l, PAUSE, now_ms);
			break;
		}
		if (l->n_stalled == 0 || l->turn == TURNS) {
			if (l->n_stalled > 0)
				show_turns(l);
			show_stuck(l);
			return true;
		}
		begin_turn(l, now_ms);
		break;
	case TURN:
		go_on_turn(l, now_ms, passed_ms);
		break;
	}
	return false;
}

static void on_tick(uv_timer_t *timer)
{
	struct load *l = timer->data;

	if (step(l, clock_mono_ms()))
		uv_stop(&l->loop);
	fflush(stdout);
}

static void raise_file_limit(size_t files)
{
	struct rlimit r = {.rlim_cur = files, .rlim_max = files};

	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		die("not so many open files are allowed: ", strerror(errno));
}

static void read_arguments(struct load *l, char **argv)
{
	l->address = argv[1];
	l->pid = (long)number(argv[2], 1, 1 << 30);
	l->n_ends = 2 * number(argv[3], 1, SESSIONS_MAX);
	l->n_busy = number(argv[4], 1, l->n_ends / 2);
	l->n_stalled = number(argv[5], 0, l->n_ends / 2 - 1);
	l->busy_ms = 1000 * number(argv[6], 1, 3600);
	l->shed = strcmp(argv[7], "shed") == 0;
}

static int run_main(char **argv)
{
	static struct load l;

	read_arguments(&l, argv);
	l.ends = calloc(l.n_ends, sizeof(*l.ends));
	l.tokens = calloc(l.n_ends, sizeof(*l.tokens));
	if (!l.ends || !l.tokens || tls_global_init() != 0 ||
	    tls_ctx_outer_client(&l.tls, NULL, false) != 0 || uv_loop_init(&l.loop) != 0)
		die("out of memory", "");
	memcpy(l.record,
	       (uint8_t[]){0x17, 0x03, 0x03, RECORD_BODY >> 8, (uint8_t)(RECORD_BODY & 0xff)},
	       RECORD_HEAD);
	file_random(l.record + RECORD_HEAD, RECORD_BODY);
	raise_file_limit(l.n_ends + 100);
	sign_tokens(&l, argv[0]);
	l.kernel_begin_kb = kernel_kb();
	show_memory(&l, "start");
	l.cpu_begin_s = process_cpu_s(l.pid);
	enter(&l, OPENING, clock_mono_ms());
	uv_timer_init(&l.loop, &l.tick);
	l.tick.data = &l;
	uv_timer_start(&l.tick, on_tick, 0, TICK_MS);
	uv_run(&l.loop, UV_RUN_DEFAULT);
	printf("rss_peak_kb %ld\n", process_peak_kb(l.pid));
	return 0; /* the system closes what is open: the relay has to bear that, too */
}

int main(int argc, char **argv)
{
	log_init(LOG_ERROR);
	if (argc == 3 && strcmp(argv[1], "identity") == 0)
		return identity_main(argv[2]);
	if (argc == 10 && strcmp(argv[1], "run") == 0)
		return run_main(argv + 2);
	fputs("usage: relayload identity FOLDER\n"
	      "       relayload run FOLDER ADDRESS PID SESSIONS BUSY STALLED SECONDS sealed|shed\n",
	      stderr);
	return 2;
}
