/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relayload - load for a relay: many sessions, some of them busy. For scripts/bench.
 *
 *   relayload identity FOLDER
 *       make a domain for this purpose: FOLDER/identity.json for relayd, FOLDER/token.key for run
 *   relayload run FOLDER ADDRESS PID SESSIONS BUSY SECONDS
 *       open SESSIONS at the relay there (process PID), let BUSY of them send for SECONDS from
 *       manager to device, and print names and values
 *
 * What is sent looks like records of the inner TLS, because a relay may look at their headers. All
 * tokens are signed beforehand. The generator is one process on one core, and does about the same
 * cryptography as the relay: look at the relay's processor time, too, not at the wall clock alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "common/io/file.h"
#include "common/io/identity.h"
#include "common/io/log.h"
#include "common/io/outer.h"
#include "common/io/x509.h"
#include "common/pure/text.h"
#include "common/pure/token.h"

#define SESSIONS_MAX 30000
#define DIALS_AT_ONCE 32 /* below the relay's cap for one address */
#define TICK_MS 2
#define SETTLE_MS 2000
#define RAMP_MS 1000
#define RECORD_HEAD 5
#define RECORD_BODY 16401
#define RELAY_URI "farlan://bench/relay/0123456789abcdef0123456789abcdef"

enum phase { OPENING, SETTLING, RAMPING, BUSY };

struct end {
	struct outer *o; /* NULL: not there */
	struct load *load;
	bool open, sends;
	uint64_t received;
	uint64_t at_begin; /* received, when the measurement began */
};

struct load {
	uv_loop_t loop;
	uv_timer_t tick;
	struct tls_ctx *tls;
	const char *address;
	struct end *ends; /* two for each session: manager, device */
	char (*tokens)[PASETO_TOKEN_SIZE];
	size_t n_ends, n_busy, n_dialled, n_open, n_failed;
	enum phase phase;
	uint64_t begin_ms, busy_ms;
	long pid;
	double cpu_begin_s;
	uint8_t record[RECORD_HEAD + RECORD_BODY];
};

__attribute__((noreturn)) static void die(const char *what, const char *detail)
{
	fprintf(stderr, "relayload: %s%s\n", what, detail);
	exit(1);
}

/* What the system knows about the relay */

static double cpu_s(long pid)
{
	char path[64], text[1024], *at;
	unsigned long user, system;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		die("there is no process of the relay", "");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	at = strrchr(text, ')');
	/* Fields 3 to 13 are skipped, 14 and 15 are what we want; see proc(5). */
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			  &system) != 2)
		die("unexpected: ", path);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long rss_kb(long pid)
{
	char path[64], line[256];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

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

static void push(struct end *e)
{
	const struct load *l = e->load;

	while (e->o && e->sends && outer_queued(e->o) <= OUTER_QUEUE_HIGH_BYTES)
		if (outer_send(e->o, l->record, sizeof(l->record)) != 0)
			return;
}

static void on_open(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->open = true;
	e->load->n_open++;
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct end *e = outer_arg(o);

	(void)bytes;
	e->received += n;
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
				      .headers = headers};

	if (inet_pton(AF_INET, l->address, &addr.sin_addr) != 1)
		die("not an IPv4 address: ", l->address);
	memcpy(&target.addr, &addr, sizeof(addr));
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nFarlan-Generation: 1\r\n",
		 l->tokens[i]);
	l->ends[i].load = l;
	if (outer_connect(&l->ends[i].o, &l->loop, l->tls, &target, &callbacks, &l->ends[i]) != 0)
		l->n_failed++;
}

/* Phases */

static void show_opening(struct load *l, uint64_t now_ms)
{
	double s = (double)(now_ms - l->begin_ms) / 1000, cpu = cpu_s(l->pid) - l->cpu_begin_s;

	printf("legs %zu\nfailed %zu\nopen_s %.2f\nlegs_per_s %.0f\n", l->n_open, l->n_failed, s,
	       (double)l->n_open / s);
	printf("relay_cpu_ms_per_leg %.3f\n", 1000 * cpu / (double)l->n_open);
}

static void begin_busy(struct load *l)
{
	l->cpu_begin_s = cpu_s(l->pid);
	for (size_t i = 0; i < l->n_ends; i++)
		l->ends[i].at_begin = l->ends[i].received;
}

/* Jain's index: 1 when all got the same, 1/n when one got everything. */
static void show_busy(struct load *l, double s)
{
	double sum = 0, squares = 0, least = 0, most = 0, cpu = cpu_s(l->pid) - l->cpu_begin_s;

	for (size_t i = 0; i < l->n_busy; i++) {
		const struct end *device = &l->ends[2 * i + 1];
		double x = (double)(device->received - device->at_begin);

		sum += x;
		squares += x * x;
		least = i == 0 || x < least ? x : least;
		most = x > most ? x : most;
	}
	printf("mbit %.0f\nrelay_cpu_s_per_gb %.3f\nrelay_cpu_percent %.0f\n", sum * 8 / 1e6 / s,
	       sum > 0 ? cpu / (sum / 1e9) : 0, 100 * cpu / s);
	printf("fairness %.4f\nleast_mbit %.3f\nmost_mbit %.3f\n",
	       squares > 0 ? sum * sum / ((double)l->n_busy * squares) : 0, least * 8 / 1e6 / s,
	       most * 8 / 1e6 / s);
	printf("rss_busy_kb %ld\nlost %zu\n", rss_kb(l->pid), l->n_failed);
}

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

static void on_tick(uv_timer_t *timer)
{
	struct load *l = timer->data;
	uint64_t now_ms = clock_mono_ms(), passed = now_ms - l->begin_ms;

	switch (l->phase) {
	case OPENING:
		open_some(l, now_ms);
		break;
	case SETTLING:
		if (passed < SETTLE_MS)
			break;
		printf("rss_idle_kb %ld\n", rss_kb(l->pid));
		for (size_t i = 0; i < l->n_busy; i++) {
			l->ends[2 * i].sends = true;
			push(&l->ends[2 * i]);
		}
		enter(l, RAMPING, now_ms);
		break;
	case RAMPING:
		if (passed < RAMP_MS)
			break;
		begin_busy(l);
		enter(l, BUSY, now_ms);
		break;
	case BUSY:
		if (passed < l->busy_ms)
			break;
		show_busy(l, (double)passed / 1000);
		uv_stop(&l->loop);
		break;
	}
	fflush(stdout);
}

static void raise_file_limit(size_t files)
{
	struct rlimit r = {.rlim_cur = files, .rlim_max = files};

	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		die("not so many open files are allowed: ", strerror(errno));
}

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n < 1 || n > max)
		die("not a number, or too large: ", text);
	return n;
}

static int run_main(char **argv)
{
	static struct load l;

	l.address = argv[1];
	l.pid = (long)number(argv[2], 1 << 30);
	l.n_ends = 2 * number(argv[3], SESSIONS_MAX);
	l.n_busy = number(argv[4], l.n_ends / 2);
	l.busy_ms = 1000 * number(argv[5], 3600);
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
	printf("rss_start_kb %ld\n", rss_kb(l.pid));
	l.cpu_begin_s = cpu_s(l.pid);
	enter(&l, OPENING, clock_mono_ms());
	uv_timer_init(&l.loop, &l.tick);
	l.tick.data = &l;
	uv_timer_start(&l.tick, on_tick, 0, TICK_MS);
	uv_run(&l.loop, UV_RUN_DEFAULT);
	return 0; /* the system closes what is open: the relay has to bear that, too */
}

int main(int argc, char **argv)
{
	log_init(LOG_ERROR);
	if (argc == 3 && strcmp(argv[1], "identity") == 0)
		return identity_main(argv[2]);
	if (argc == 8 && strcmp(argv[1], "run") == 0)
		return run_main(argv + 2);
	fputs("usage: relayload identity FOLDER\n"
	      "       relayload run FOLDER ADDRESS PID SESSIONS BUSY SECONDS\n",
	      stderr);
	return 2;
}
