/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * legtool - a client by hand for tests of the relay: opens a leg and behaves as it is told, also
 * badly; forges tokens; makes crowds of half-open connections. It shares the codecs and the TLS
 * engine with the programs, but none of their connection code.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/tls.h"
#include "common/io/x509.h"
#include "common/pure/addr.h"
#include "common/pure/http.h"
#include "common/pure/text.h"
#include "common/pure/token.h"
#include "common/pure/ws.h"

#define NET_BYTES ((size_t)1 << 20)
#define FRAME_BYTES 16000
#define SLOW_READ_BYTES 1000 /* every 100 ms */
#define SHOWN_BYTES 64
#define FLOOD_MAX 4096

enum garbage { GARBAGE_NONE, GARBAGE_TCP, GARBAGE_TLS, GARBAGE_HTTP, GARBAGE_WS };

/* What a leg is told to do. */
struct orders {
	const char *token, *path;
	const char *generation; /* as text: it may be wrong on purpose */
	uint8_t *bytes;		/* to send first, from --send-hex or --send-file */
	size_t n_bytes;
	uint64_t counter; /* bytes of the counter stream to send after them */
	bool expects_counter, expects_close, no_ready, no_upgrade, no_read, slow_read, trickle;
	uint64_t expect_counter;
	uint8_t *expect_bytes;
	size_t n_expect_bytes;
	int expect_status; /* 0: none */
	enum garbage garbage;
	double hold_s, timeout_s;
};

struct leg {
	const struct orders *orders;
	struct buf in, out, plain, request;
	struct tls tls;
	struct ws_rx rx;
	int fd, status;
	uint64_t sent, received, next_ms;
	uint8_t shown[SHOWN_BYTES];
	char key[HTTP_WS_KEY_SIZE];
	bool open, eof, reset, ws_closed, wrong;
};

static uint8_t counter_byte(uint64_t at)
{
	return (uint8_t)(at ^ (at >> 8) ^ (at >> 16) ^ (at >> 24));
}

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "legtool: %s%s\n", what, detail);
	exit(2);
}

/* Sockets */

/* "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static socklen_t parse_where(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	char host[64];
	unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;

	if (!colon || port < 1 || port > 65535 || (size_t)(colon - text) >= sizeof(host))
		die("not ADDRESS:PORT: ", text);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (host[0] == '[' && colon[-1] == ']') {
		host[colon - text - 1] = '\0';
		v6.sin6_port = htons((uint16_t)port);
		if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) != 1)
			die("not an address: ", host);
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
	v4.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		die("not an address: ", host);
	memcpy(out, &v4, sizeof(v4));
	return sizeof(v4);
}

/* Return: a socket, non-blocking; -1 the connection was refused. */
static int dial(const char *where, int receive_buffer)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = parse_where(where, &addr);
	int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: ", strerror(errno));
	if (receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	if (connect(fd, (struct sockaddr *)&addr, len) != 0) {
		fprintf(stderr, "legtool: %s: %s\n", where, strerror(errno));
		close(fd);
		return -1;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl: ", strerror(errno));
	return fd;
}

static void flush(struct leg *l)
{
	while (buf_len(&l->out) > 0) {
		ssize_t n = send(l->fd, buf_data(&l->out), buf_len(&l->out), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			l->reset = true;
		if (n <= 0)
			return;
		buf_consume(&l->out, (size_t)n);
	}
}

static void fill(struct leg *l)
{
	uint8_t bytes[16384];
	size_t want = l->orders->slow_read && l->open ? SLOW_READ_BYTES : sizeof(bytes);
	ssize_t n;

	if ((l->orders->no_read && l->open) || buf_room(&l->in) < want)
		return;
	n = recv(l->fd, bytes, want, 0);
	if (n == 0)
		l->eof = true;
	else if (n < 0 && errno != EAGAIN)
		l->reset = true;
	else if (n > 0 && buf_append(&l->in, bytes, (size_t)n) != 0)
		die("out of memory", "");
}

/* Request and answer */

static void prepare_request(struct leg *l)
{
	const struct orders *o = l->orders;
	uint8_t random[16];
	char text[HTTP_HEAD_MAX_BYTES];
	int n;

	file_random(random, sizeof(random));
	http_ws_key(l->key, random);
	n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: relay\r\n", o->path);
	if (!o->no_upgrade)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
			      "Sec-WebSocket-Protocol: farlan.1\r\n",
			      l->key);
	if (o->token)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "Authorization: Bearer %s\r\n",
			      o->token);
	if (o->generation)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "Farlan-Generation: %s\r\n",
			      o->generation);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
	if (o->garbage == GARBAGE_HTTP)
		file_random(text, (size_t)n);
	if (buf_append(&l->request, text, (size_t)n) != 0)
		die("out of memory", "");
}

static void seal(struct leg *l, const void *bytes, size_t n)
{
	if (tls_write(&l->tls, bytes, n) != 0)
		l->reset = true;
}

/* The whole request, or, trickling, a byte of it a second. */
static void send_request(struct leg *l, uint64_t now_ms)
{
	size_t n = buf_len(&l->request);

	if (n == 0 || now_ms < l->next_ms)
		return;
	if (l->orders->trickle) {
		n = 1;
		l->next_ms = now_ms + 1000;
	}
	seal(l, buf_data(&l->request), n);
	buf_consume(&l->request, n);
}

static void send_frame(struct leg *l, enum ws_op op, const void *bytes, size_t n)
{
	uint8_t frame[FRAME_BYTES + WS_HEADER_MAX_BYTES], mask[4];
	size_t head;

	file_random(mask, sizeof(mask));
	head = ws_header_encode(frame, op, n, mask);
	memcpy(frame + head, bytes, n);
	ws_mask(frame + head, n, mask, 0);
	seal(l, frame, head + n);
}

static void opened(struct leg *l)
{
	uint8_t rubbish[100];

	l->open = true;
	if (l->orders->garbage != GARBAGE_WS) {
		if (!l->orders->no_ready)
			send_frame(l, WS_TEXT, "ready", 5);
		return;
	}
	file_random(rubbish, sizeof(rubbish));
	rubbish[0] = 0xf3; /* reserved bits */
	seal(l, rubbish, sizeof(rubbish));
}

static void take_answer(struct leg *l)
{
	struct http_head h;
	size_t used;
	int r = http_head_decode(buf_data(&l->plain), buf_len(&l->plain), &h, &used);

	if (r == -EAGAIN)
		return;
	if (r != 0 || h.is_request) {
		puts("status malformed");
		l->wrong = l->reset = true;
		return;
	}
	l->status = h.status;
	printf("status %d %.*s\n", h.status, (int)h.reason.len, h.reason.at);
	if (h.status == 101 && !http_ws_response_ok(&h, l->key)) {
		puts("upgrade malformed");
		l->wrong = true;
	}
	buf_consume(&l->plain, used);
	if (h.status == 101)
		opened(l);
}

/* Data */

static void take_bytes(struct leg *l, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = l->received + i;

		if (at < SHOWN_BYTES)
			l->shown[at] = bytes[i];
		if (l->orders->expects_counter && bytes[i] != counter_byte(at)) {
			if (!l->wrong)
				printf("wrong byte at %llu\n", (unsigned long long)at);
			l->wrong = true;
		}
	}
	l->received += n;
}

static void take_frames(struct leg *l)
{
	struct ws_event ev;
	size_t used;
	int r = 0;

	while (r == 0 && buf_len(&l->plain) > 0) {
		used = 0;
		r = ws_rx_step(&l->rx, buf_data_mut(&l->plain), buf_len(&l->plain), &ev, &used);
		if (r == -EBADMSG) {
			puts("frame malformed");
			l->wrong = l->reset = true;
			return;
		}
		if (r == 0 && (ev.op == WS_BINARY || ev.op == WS_CONT))
			take_bytes(l, ev.payload, ev.len);
		if (r == 0 && ev.op == WS_PING)
			send_frame(l, WS_PONG, ev.payload, ev.len);
		if (r == 0 && ev.op == WS_CLOSE)
			l->ws_closed = true;
		buf_consume(&l->plain, used);
	}
}

/* A refusal's body, for people. */
static void take_body(struct leg *l)
{
	const char *at = (const char *)buf_data(&l->plain);
	const char *end = memchr(at, '\n', buf_len(&l->plain));

	if (!end)
		return;
	printf("body %.*s\n", (int)(end - at), at);
	buf_consume(&l->plain, buf_len(&l->plain));
}

static void receive(struct leg *l)
{
	uint8_t bytes[TLS_RECORD_MAX_BYTES];
	size_t n;
	int r = 0;

	while (r == 0 && buf_room(&l->plain) > sizeof(bytes)) {
		r = tls_read(&l->tls, bytes, sizeof(bytes), &n);
		if (r == 0 && buf_append(&l->plain, bytes, n) != 0)
			die("out of memory", "");
		if (!l->status)
			take_answer(l);
		if (l->open)
			take_frames(l);
		else if (l->status)
			take_body(l);
	}
	if (r == -EPROTO && !l->eof) {
		printf("tls %s\n", l->tls.reason);
		l->reset = true;
	}
}

static void send_data(struct leg *l)
{
	const struct orders *o = l->orders;
	uint8_t bytes[FRAME_BYTES];

	while (l->open && !o->no_ready && buf_len(&l->out) < NET_BYTES / 4 &&
	       l->sent < o->n_bytes + o->counter) {
		size_t n = 0;

		for (uint64_t at = l->sent; n < sizeof(bytes) && at < o->n_bytes + o->counter; at++)
			bytes[n++] = at < o->n_bytes ? o->bytes[at] : counter_byte(at - o->n_bytes);
		send_frame(l, WS_BINARY, bytes, n);
		l->sent += n;
	}
}

static bool is_satisfied(const struct leg *l)
{
	const struct orders *o = l->orders;

	if (o->expects_close || l->sent < o->n_bytes + o->counter || buf_len(&l->out) > 0)
		return false;
	if (o->expect_status && o->expect_status != 101)
		return l->status != 0;
	if (!l->open)
		return false;
	return l->received >= (o->expects_counter ? o->expect_counter : o->n_expect_bytes);
}

/* The loop */

static void start(struct leg *l, const struct orders *o, const struct tls_ctx *ctx, int fd)
{
	uint8_t rubbish[500];

	*l = (struct leg){.orders = o, .fd = fd};
	buf_init(&l->in, NET_BYTES);
	buf_init(&l->out, 2 * NET_BYTES);
	buf_init(&l->plain, NET_BYTES);
	buf_init(&l->request, HTTP_HEAD_MAX_BYTES);
	ws_rx_init(&l->rx, WS_CLIENT);
	if (tls_init(&l->tls, ctx, &l->in, &l->out, "relay", NULL) != 0)
		die("TLS does not start", "");
	prepare_request(l);
	if (o->garbage != GARBAGE_TCP)
		return;
	file_random(rubbish, sizeof(rubbish));
	rubbish[0] = 'X';
	if (buf_append(&l->out, rubbish, sizeof(rubbish)) != 0)
		die("out of memory", "");
	flush(l);
}

/* Return: the TLS handshake is done. */
static bool shaken(struct leg *l)
{
	uint8_t rubbish[500];
	int r;

	if (l->tls.done)
		return true;
	r = tls_handshake(&l->tls);
	if (r == -EPROTO) {
		printf("tls %s\n", l->tls.reason);
		l->reset = true;
	}
	if (r != 0)
		return false;
	if (l->orders->garbage == GARBAGE_TLS) {
		file_random(rubbish, sizeof(rubbish));
		if (buf_append(&l->out, rubbish, sizeof(rubbish)) != 0)
			die("out of memory", "");
	}
	return true;
}

static void step(struct leg *l, uint64_t now_ms)
{
	bool more = l->open && !l->orders->no_ready &&
		    l->sent < l->orders->n_bytes + l->orders->counter;
	bool busy = more || buf_len(&l->out) > 0;
	short want = (short)(POLLIN | (busy ? POLLOUT : 0));
	struct pollfd p = {.fd = l->fd, .events = want};
	bool lazy = l->open && (l->orders->no_read || l->orders->slow_read);

	if (lazy) {
		usleep(100000);
	} else {
		(void)poll(&p, 1, 20);
	}
	fill(l);
	if (!l->reset && shaken(l)) {
		send_request(l, now_ms);
		receive(l);
		send_data(l);
	}
	flush(l);
}

static int report(const struct leg *l, bool in_time)
{
	const struct orders *o = l->orders;
	char hex[TEXT_HEX_SIZE(SHOWN_BYTES)];
	size_t shown = l->received < SHOWN_BYTES ? (size_t)l->received : SHOWN_BYTES;
	bool ok = in_time && !l->wrong;

	printf("sent %llu\nreceived %llu\n", (unsigned long long)l->sent,
	       (unsigned long long)l->received);
	if (shown > 0 && text_hex_encode(hex, sizeof(hex), l->shown, shown) == 0)
		printf("received-hex %s\n", hex);
	puts(l->ws_closed ? "closed clean"
	     : l->eof	  ? "closed eof"
	     : l->reset	  ? "closed reset"
			  : "open");
	if (o->expect_status && l->status != o->expect_status)
		ok = false;
	if (o->expects_counter && l->received < o->expect_counter)
		ok = false;
	if (o->n_expect_bytes > shown ||
	    (o->n_expect_bytes && memcmp(o->expect_bytes, l->shown, o->n_expect_bytes) != 0))
		ok = false;
	puts(ok ? "ok" : in_time ? "failed" : "failed: timeout");
	return ok ? 0 : 1;
}

static int run_leg(const char *where, const struct orders *o)
{
	uint64_t begin = clock_mono_ms(), hold_ms = (uint64_t)(o->hold_s * 1000), done_ms = 0, now;
	struct tls_ctx *ctx;
	static struct leg l;
	int fd = dial(where, o->slow_read || o->no_read ? 65536 : 0), exit_code;
	bool over = false;

	if (fd < 0)
		return 1;
	if (tls_ctx_outer_client(&ctx, NULL, false) != 0)
		die("TLS does not start", "");
	start(&l, o, ctx, fd);
	for (now = begin; !over && now - begin < (uint64_t)(o->timeout_s * 1000);
	     now = clock_mono_ms()) {
		step(&l, now);
		if (!done_ms && is_satisfied(&l))
			done_ms = now;
		over = l.eof || l.reset || (done_ms && now - done_ms >= hold_ms);
		fflush(stdout);
	}
	exit_code = report(&l, over);
	tls_deinit(&l.tls);
	tls_ctx_free(ctx);
	buf_deinit(&l.in);
	buf_deinit(&l.out);
	buf_deinit(&l.plain);
	buf_deinit(&l.request);
	close(fd);
	return exit_code;
}

/* Arguments of a leg */

static uint8_t *hex_bytes(const char *text, size_t *n)
{
	uint8_t *bytes = malloc(strlen(text) / 2 + 1);

	*n = strlen(text) / 2;
	if (!bytes || text_hex_decode(bytes, *n, text, strlen(text)) != 0)
		die("not hex: ", text);
	return bytes;
}

static char *file_text(const char *path)
{
	uint8_t *bytes;
	size_t n;

	if (file_read(path, 1 << 16, &bytes, &n) != 0)
		die("cannot read ", path);
	while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r'))
		bytes[--n] = '\0';
	return (char *)bytes;
}

static enum garbage garbage_named(const char *name)
{
	static const char *const names[] = {"", "tcp", "tls", "http", "ws"};

	for (int i = GARBAGE_TCP; i <= GARBAGE_WS; i++)
		if (strcmp(names[i], name) == 0)
			return (enum garbage)i;
	die("garbage is tcp, tls, http or ws, not ", name);
	return GARBAGE_NONE;
}

static const struct option leg_options[] = {
	{"token", required_argument, NULL, 't'},
	{"token-file", required_argument, NULL, 'T'},
	{"generation", required_argument, NULL, 'g'},
	{"path", required_argument, NULL, 'p'},
	{"send-hex", required_argument, NULL, 'x'},
	{"send-file", required_argument, NULL, 'f'},
	{"counter-stream", required_argument, NULL, 'c'},
	{"expect-counter", required_argument, NULL, 'C'},
	{"expect-hex", required_argument, NULL, 'X'},
	{"expect-status", required_argument, NULL, 's'},
	{"expect-close", no_argument, NULL, 'e'},
	{"no-ready", no_argument, NULL, 'r'},
	{"no-upgrade", no_argument, NULL, 'u'},
	{"no-read", no_argument, NULL, 'n'},
	{"slow-read", no_argument, NULL, 'l'},
	{"one-byte-a-second", no_argument, NULL, 'b'},
	{"garbage", required_argument, NULL, 'G'},
	{"hold", required_argument, NULL, 'h'},
	{"timeout", required_argument, NULL, 'o'},
	{NULL, 0, NULL, 0},
};

static void take_flag(struct orders *o, int option)
{
	o->expects_close |= option == 'e';
	o->no_ready |= option == 'r';
	o->no_upgrade |= option == 'u';
	o->no_read |= option == 'n';
	o->slow_read |= option == 'l';
	o->trickle |= option == 'b';
}

static void take_option(struct orders *o, int option, const char *value)
{
	switch (option) {
	case 't':
		o->token = value;
		break;
	case 'T':
		o->token = file_text(value);
		break;
	case 'g':
		o->generation = value;
		break;
	case 'p':
		o->path = value;
		break;
	case 'x':
		o->bytes = hex_bytes(value, &o->n_bytes);
		break;
	case 'f':
		if (file_read(value, 1 << 28, &o->bytes, &o->n_bytes) != 0)
			die("cannot read ", value);
		break;
	case 'c':
		o->counter = strtoull(value, NULL, 10);
		break;
	case 'C':
		o->expects_counter = true;
		o->expect_counter = strtoull(value, NULL, 10);
		break;
	case 'X':
		o->expect_bytes = hex_bytes(value, &o->n_expect_bytes);
		break;
	case 's':
		o->expect_status = (int)strtol(value, NULL, 10);
		break;
	case 'G':
		o->garbage = garbage_named(value);
		break;
	case 'h':
		o->hold_s = strtod(value, NULL);
		break;
	case 'o':
		o->timeout_s = strtod(value, NULL);
		break;
	default:
		take_flag(o, option);
	}
}

static int leg_main(int argc, char **argv)
{
	struct orders o = {.path = "/v1/session", .timeout_s = 20};
	int option;

	while ((option = getopt_long(argc, argv, "", leg_options, NULL)) != -1) {
		if (option == '?')
			return 2;
		take_option(&o, option, optarg);
	}
	if (optind + 1 != argc)
		die("one ADDRESS:PORT is needed; see legtool --help", "");
	return run_leg(argv[optind], &o);
}

/* Tokens */

static void read_secret(const char *hex, uint8_t secret[PASETO_SECRET_BYTES])
{
	if (text_hex_decode(secret, PASETO_SECRET_BYTES, hex, strlen(hex)) != 0)
		die("a secret is 64 bytes in hex: seed and public key", "");
}

static int key_main(void)
{
	uint8_t secret[PASETO_SECRET_BYTES], public[PASETO_PUBLIC_BYTES];
	char hex[TEXT_HEX_SIZE(PASETO_SECRET_BYTES)], b64[TEXT_B64_SIZE(PASETO_PUBLIC_BYTES)];
	char kid[TOKEN_KID_SIZE];

	if (x509_ed25519_generate(secret, public) != 0 ||
	    text_hex_encode(hex, sizeof(hex), secret, sizeof(secret)) != 0 ||
	    text_b64_encode(b64, sizeof(b64), public, sizeof(public)) != 0)
		die("no key", "");
	token_kid(kid, public);
	printf("secret %s\npublic %s\nkid %s\n", hex, b64, kid);
	return 0;
}

static void take_token_option(struct token *t, uint8_t *secret, int option, const char *value)
{
	switch (option) {
	case 'x':
		read_secret(value, secret);
		break;
	case 'k':
		read_secret(file_text(value), secret);
		break;
	case 's':
		snprintf(t->session, sizeof(t->session), "%s", value);
		break;
	case 'r':
		t->role = strcmp(value, "device") == 0 ? TOKEN_DEVICE : TOKEN_MANAGER;
		break;
	case 'a':
		if (ident_parse(&t->relay, value, strlen(value)) != 0)
			die("not a relay's URI: ", value);
		break;
	case 'i':
		t->issued = clock_wall_s() + strtoll(value, NULL, 10);
		break;
	case 'e':
		t->expires = clock_wall_s() + strtoll(value, NULL, 10);
		break;
	default:
		exit(2);
	}
}

static int token_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"secret-hex", required_argument, NULL, 'x'},
		{"keyfile", required_argument, NULL, 'k'},
		{"session", required_argument, NULL, 's'},
		{"role", required_argument, NULL, 'r'},
		{"relay", required_argument, NULL, 'a'},
		{"issued", required_argument, NULL, 'i'},
		{"expires", required_argument, NULL, 'e'},
		{NULL, 0, NULL, 0},
	};
	struct token t = {.issued = clock_wall_s(), .expires = clock_wall_s() + 3600};
	uint8_t secret[PASETO_SECRET_BYTES] = {0};
	char text[PASETO_TOKEN_SIZE];
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_token_option(&t, secret, option, optarg);
	if (token_sign(text, &t, secret, secret + PASETO_SECRET_BYTES - PASETO_PUBLIC_BYTES) != 0)
		die("the token cannot be signed: session, relay and key are needed", "");
	puts(text);
	return 0;
}

/* Crowds */

/* Push a connection as far as it is to go: TLS done, or half a head sent. */
static void shake(struct leg *l, bool half_a_head)
{
	static const char half[] = "GET /v1/session HTTP/1.1\r\nHost: relay\r\nX-Half";

	for (int i = 0; i < 200 && !l->tls.done && !l->reset && !l->eof; i++) {
		struct pollfd p = {.fd = l->fd, .events = POLLIN};

		(void)shaken(l);
		flush(l);
		if (!l->tls.done)
			(void)poll(&p, 1, 10);
		fill(l);
	}
	if (half_a_head && l->tls.done)
		seal(l, half, sizeof(half) - 1);
	flush(l);
}

static bool is_gone(struct leg *l)
{
	fill(l);
	return l->eof || l->reset;
}

/* flood ADDRESS:PORT KIND COUNT SECONDS: open, hold, tell how many were closed by the server. */
static int flood_main(int argc, char **argv)
{
	static const struct orders none = {.path = "/"};
	static struct leg legs[FLOOD_MAX];
	struct tls_ctx *ctx;
	size_t count, n = 0, gone = 0;

	if (argc != 5)
		die("flood ADDRESS:PORT tcp|tls|head COUNT SECONDS", "");
	count = strtoul(argv[3], NULL, 10);
	if (count > FLOOD_MAX || tls_ctx_outer_client(&ctx, NULL, false) != 0)
		die("not so many", "");
	for (size_t i = 0; i < count; i++) {
		int fd = dial(argv[1], 0);

		if (fd < 0)
			continue;
		start(&legs[n], &none, ctx, fd);
		if (strcmp(argv[2], "tcp") != 0)
			shake(&legs[n], strcmp(argv[2], "head") == 0);
		n++;
	}
	printf("connected %zu\n", n);
	fflush(stdout);
	usleep((useconds_t)(strtod(argv[4], NULL) * 1000000));
	for (size_t i = 0; i < n; i++)
		gone += is_gone(&legs[i]);
	printf("closed %zu\n", gone);
	return 0;
}

static void help(void)
{
	puts("legtool ADDRESS:PORT [OPTIONS]    open a leg by hand, tell what happened\n"
	     "    --token T | --token-file F, --generation N, --path P (/v1/session)\n"
	     "    --send-hex HEX | --send-file F, --counter-stream BYTES (after it)\n"
	     "    --expect-counter BYTES, --expect-hex HEX, --expect-status N, --expect-close\n"
	     "    --no-ready, --no-upgrade, --no-read, --slow-read (10 kB/s), --one-byte-a-second "
	     "(request)\n"
	     "    --garbage tcp|tls|http|ws, --hold S (stay when all is done), --timeout S (20)\n"
	     "legtool key                       a new token key: secret, public, kid\n"
	     "legtool token --secret-hex HEX | --keyfile F --session HEX --relay URI\n"
	     "    [--role manager|device] [--issued S] [--expires S]   seconds from now\n"
	     "legtool flood ADDRESS:PORT tcp|tls|head COUNT SECONDS\n"
	     "Exit codes: 0 as expected, 1 not, 2 wrong usage.");
}

int main(int argc, char **argv)
{
	int exit_code;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		help();
		return argc < 2 ? 2 : 0;
	}
	if (tls_global_init() != 0)
		die("TLS does not start", "");
	if (strcmp(argv[1], "key") == 0)
		exit_code = key_main();
	else if (strcmp(argv[1], "token") == 0)
		exit_code = token_main(argc - 1, argv + 1);
	else if (strcmp(argv[1], "flood") == 0)
		exit_code = flood_main(argc - 1, argv + 1);
	else
		exit_code = leg_main(argc, argv);
	tls_global_deinit();
	return exit_code;
}
