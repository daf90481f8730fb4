/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server behind another one: connections without TLS, whose they are, those that wait for an
 * answer and those that are passed on; and the way to one that is named.
 */
#include <poll.h>
#include <sys/un.h>

#include "common/io/direct.h"
#include "common/io/netaddr.h"
#include "common/io/outer_internal.h"
#include "tests/unit/tls_fixture.h"

#define UPGRADE                                           \
	"Host: x\r\n"                                     \
	"Upgrade: websocket\r\n"                          \
	"Connection: Upgrade\r\n"                         \
	"Sec-WebSocket-Version: 13\r\n"                   \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
	"Sec-WebSocket-Protocol: farlan.1\r\n"

static uv_loop_t loop;
static struct opt_prefixes proxies;

enum answer { UPGRADES, ANSWERS, HOLDS };

static struct {
	struct outer *o; /* the server's end */
	enum answer how;
	int opened, requests, clients, closed, gone;
	char peer[100], got[4096], reason[OUTER_REASON_SIZE];
	size_t n;
} s;

static int mine; /* the client's end, by hand */

static void note_peer(struct outer *o)
{
	char text[ADDR_TEXT_SIZE];
	uint16_t port;
	struct addr a = netaddr_of(outer_peer_addr(o), &port);

	addr_format(&a, text);
	snprintf(s.peer, sizeof(s.peer), "%s %u", text, port);
}

static void on_client(struct outer *o)
{
	s.clients++;
	note_peer(o);
}

static void on_request(struct outer *o, const struct http_head *head)
{
	s.requests++;
	note_peer(o);
	if (s.how == UPGRADES)
		outer_upgrade(o);
	else if (s.how == ANSWERS)
		(void)outer_answer(o, head, "yes");
	else
		outer_hold(o);
}

static void on_open(struct outer *o)
{
	(void)o;
	s.opened++;
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	assert_true(s.n + n < sizeof(s.got));
	memcpy(s.got + s.n, bytes, n);
	s.n += n;
	s.got[s.n] = '\0';
}

static void on_peer_gone(struct outer *o)
{
	s.gone++;
	outer_close(o, "it has gone");
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	(void)o;
	(void)clean;
	s.o = NULL;
	s.closed++;
	snprintf(s.reason, sizeof(s.reason), "%s", reason);
}

static const struct outer_callbacks calls = {
	.on_client = on_client,
	.on_request = on_request,
	.on_open = on_open,
	.on_data = on_data,
	.on_peer_gone = on_peer_gone,
	.on_closed = on_closed,
};

static bool turn_once(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	usleep(500);
	return false;
}

#define wait_for(condition)                                                 \
	do {                                                                \
		for (int left_ = 10000; !(condition) && left_ > 0; left_--) \
			(void)turn_once();                                  \
		assert_true(condition);                                     \
	} while (0)

static void turns(int n)
{
	while (n-- > 0)
		(void)turn_once();
}

/* A connection over TCP on loopback, or a Unix socket. */
static void connected(bool unix_socket, enum answer how)
{
	const struct outer_entry at = {.proxies = &proxies};
	struct sockaddr_storage where;
	int pair[2], theirs;

	memset(&s, 0, sizeof(s));
	s.how = how;
	if (unix_socket) {
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			0);
		mine = pair[0];
		theirs = pair[1];
	} else {
		int listener = fix_listen(&where);

		mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(mine, (struct sockaddr *)&where, netaddr_len(&where)), 0);
		theirs = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		assert_true(theirs >= 0);
		close(listener);
	}
	assert_int_equal(outer_accept_at(&s.o, &loop, &at, theirs, &calls, NULL), 0);
}

static void say(const void *bytes, size_t n)
{
	assert_int_equal(send(mine, bytes, n, MSG_NOSIGNAL), n);
}

static void say_text(const char *text)
{
	say(text, strlen(text));
}

/* What came to the client's end so far, until it holds @part. */
static void hear(const char *part)
{
	static char text[8192];
	size_t n = 0;

	text[0] = '\0';
	for (int left = 10000; !strstr(text, part) && left > 0; left--) {
		ssize_t r = recv(mine, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);

		n += r > 0 ? (size_t)r : 0;
		text[n] = '\0';
		(void)turn_once();
	}
	if (!strstr(text, part))
		print_error("\"%s\" came, not \"%s\"\n", text, part);
	assert_non_null(strstr(text, part));
}

static void end(void)
{
	if (s.o)
		outer_close(s.o, "end of the test");
	wait_for(!s.o);
	assert_int_equal(s.closed, 1);
	close(mine);
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	memset(&proxies, 0, sizeof(proxies));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void trust(const char *prefix)
{
	assert_int_equal(prefix_parse(&proxies.at[proxies.n++], prefix), 0);
}

/* A masked frame of at most 125 bytes: text "ready", or data. */
static void say_frame(uint8_t op, const char *text)
{
	uint8_t frame[200] = {(uint8_t)(0x80 | op), (uint8_t)(0x80 | strlen(text)), 1, 2, 3, 4};

	for (size_t i = 0; text[i]; i++)
		frame[6 + i] = (uint8_t)text[i] ^ frame[2 + i % 4];
	say(frame, 6 + strlen(text));
}

static void without_tls(void **state)
{
	struct outer_stats stats;

	(void)state;
	connected(false, UPGRADES);
	/* Shedding is never agreed to without the layer. */
	outer_allow_shed(s.o);
	say_text("GET /v1/control HTTP/1.1\r\n" UPGRADE "Farlan-Shed: AAAA\r\n");
	turns(20);
	assert_int_equal(s.requests, 0);
	say_text("\r\n");
	hear("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	     "Sec-WebSocket-Protocol: farlan.1\r\n\r\n");
	assert_int_equal(s.opened, 0); /* the client speaks first */
	say_frame(1, "ready");
	say_frame(2, "some bytes");
	wait_for(s.n == 10);
	assert_string_equal(s.got, "some bytes");
	assert_int_equal(outer_send(s.o, "back", 4), 0);
	hear("\x82\x04"
	     "back");
	outer_stats(s.o, &stats);
	assert_false(stats.shed);
	outer_finish(s.o, "done");
	hear("\x88\x02");
	shutdown(mine, SHUT_WR);
	wait_for(!s.o);
	end();
}

/* @from: what stands in front; @want: whose the request is then; NULL: it is closed or refused. */
static void client_is(bool unix_socket, const char *from, const char *header, const char *want)
{
	connected(unix_socket, ANSWERS);
	say_text(from);
	say_text("GET / HTTP/1.1\r\n");
	say_text(header);
	say_text("\r\n");
	if (want) {
		wait_for(s.requests == 1);
		if (strcmp(want, "itself") == 0)
			assert_int_equal(strncmp(s.peer, "127.0.0.1 ", 10), 0);
		else
			assert_string_equal(s.peer, want);
	} else {
		wait_for(s.closed == 1 || (s.o && s.o->state == OUTER_FINISHING));
		assert_int_equal(s.requests, 0);
	}
	end();
}

static void whose_it_is(void **state)
{
	static const char proxy[] = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n",
			  again[] = "PROXY TCP4 127.0.0.9 192.0.2.1 4711 443\r\n",
			  bad[] = "PROXY TCP4 192.0.2.7\r\n",
			  forwarded[] = "X-Forwarded-For: 198.51.100.1, 192.0.2.8\r\n";

	(void)state;
	/* Nobody is trusted. */
	client_is(false, "", forwarded, "itself");
	client_is(false, proxy, "", NULL);
	/* Who is at a Unix socket is. */
	client_is(true, "", "", "none 0");
	client_is(true, "", forwarded, "192.0.2.8 0");
	client_is(true, proxy, "", "192.0.2.7 4711");
	client_is(true, proxy, forwarded, "192.0.2.7 4711"); /* not a proxy: may lie */
	trust("127.0.0.0/8");
	client_is(false, "", "", "itself");
	client_is(false, "", forwarded, "192.0.2.8 0");
	client_is(false, proxy, "", "192.0.2.7 4711");
	client_is(false, again, forwarded, "192.0.2.8 0"); /* one proxy behind another */
	client_is(false, bad, "", NULL);
}

static void a_proxy_is_asked_first(void **state)
{
	(void)state;
	trust("127.0.0.1/32");
	connected(false, ANSWERS);
	assert_int_equal(s.clients, 0);
	say_text("PROXY TCP4 192.0.2.7 ");
	turns(20);
	assert_int_equal(s.clients, 0);
	say_text("192.0.2.1 4711 443\r\n");
	wait_for(s.clients == 1);
	assert_string_equal(s.peer, "192.0.2.7 4711");
	end();

	/* Requests of several clients on one connection. */
	connected(false, ANSWERS);
	say_text("GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n");
	wait_for(s.requests == 1);
	assert_string_equal(s.peer, "192.0.2.7 0");
	say_text("GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.8\r\n\r\n");
	wait_for(s.requests == 2);
	assert_string_equal(s.peer, "192.0.2.8 0");
	assert_int_equal(s.clients, 2);
	end();
}

static void held_and_passed(void **state)
{
	static const char head[] = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	connected(false, HOLDS);
	say_text(head);
	say_text("behind it");
	wait_for(s.requests == 1);
	turns(20);
	assert_int_equal(s.n, 0);
	outer_pass(s.o);
	outer_resume(s.o);
	wait_for(s.n == strlen(head) + 9);
	assert_int_equal(strncmp(s.got, head, strlen(head)), 0);
	say_text("\r\n\r\n\x16more"); /* whatever it is */
	wait_for(s.n == strlen(head) + 18);
	assert_int_equal(outer_send(s.o, "answer", 6), 0);
	hear("answer");
	shutdown(mine, SHUT_WR);
	wait_for(!s.o);
	end();

	/* Answered after all; gone meanwhile. */
	connected(false, HOLDS);
	say_text(head);
	wait_for(s.requests == 1);
	outer_respond(s.o, 502, "Bad Gateway", "nobody there");
	hear("502 Bad Gateway");
	end();
	connected(false, HOLDS);
	say_text(head);
	wait_for(s.requests == 1);
	close(mine);
	mine = dup(0);
	wait_for(s.gone == 1);
	end();
}

static void held_no_longer_than_allowed(void **state)
{
	uint32_t was = outer_times.open_ms;

	(void)state;
	outer_times.open_ms = 50;
	connected(false, HOLDS);
	say_text("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for(s.requests == 1);
	wait_for(!s.o);
	outer_times.open_ms = was;
	end();
}

/* A head that does not end is no memory: as with TLS. */
static void too_much(void **state)
{
	char line[1000];

	(void)state;
	memset(line, 'a', sizeof(line));
	connected(false, UPGRADES);
	say_text("GET / HTTP/1.1\r\nA: ");
	for (int i = 0; i < 9; i++)
		say(line, sizeof(line));
	hear("HTTP/1.1 431 ");
	end();
}

/* direct */

static struct {
	struct outer *o;
	bool failed, closed;
	char why[400], got[100];
	size_t n;
} d;

static void direct_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	assert_true(d.n + n < sizeof(d.got));
	memcpy(d.got + d.n, bytes, n);
	d.n += n;
}

static void direct_closed(struct outer *o, bool clean, const char *reason)
{
	(void)o;
	(void)clean;
	(void)reason;
	d.o = NULL;
	d.closed = true;
}

static const struct outer_callbacks direct_owner = {.on_data = direct_data,
						    .on_closed = direct_closed};

static void direct_open(void *arg, struct outer *o)
{
	(void)arg;
	d.o = o;
	outer_set_callbacks(o, &direct_owner, NULL);
}

static void direct_failed(void *arg, const char *reason)
{
	(void)arg;
	d.failed = true;
	snprintf(d.why, sizeof(d.why), "%s", reason);
}

static const struct direct_callbacks direct_calls = {.on_open = direct_open,
						     .on_failed = direct_failed};

static struct direct *go(const char *to, bool pass)
{
	struct opt_access access;
	struct url url;
	struct direct_target t = {.to = &access, .pass = pass, .url = &url, .path = "/v1/control"};
	struct direct *one;

	memset(&d, 0, sizeof(d));
	assert_null(opt_parse_access(NULL, to, &access));
	assert_int_equal(url_parse(&url, "https://as.example.org/farlan"), 0);
	assert_int_equal(direct_start(&one, &loop, &t, &direct_calls, NULL), 0);
	return one;
}

static int listener_at(char to[64], bool unix_socket)
{
	struct sockaddr_storage where;
	int fd;

	if (!unix_socket) {
		fd = fix_listen(&where);
		snprintf(to, 64, "localhost:%u", ntohs(((struct sockaddr_in *)&where)->sin_port));
		return fd;
	}
	snprintf(to, 64, "unix:/tmp/farlan-test-%d", getpid());
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	netaddr_unix(&where, to + 5);
	unlink(to + 5);
	assert_int_equal(bind(fd, (struct sockaddr *)&where, netaddr_len(&where)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void the_way_there(void **state)
{
	(void)state;
	for (int unix_socket = 0; unix_socket < 2; unix_socket++) {
		char to[64];
		int fd = listener_at(to, unix_socket != 0);

		(void)go(to, true);
		wait_for(d.o);
		mine = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		assert_int_equal(outer_send(d.o, "first", 5), 0);
		hear("first");
		say_text("then");
		wait_for(d.n == 4);
		outer_close(d.o, "enough");
		wait_for(d.closed);
		close(mine);

		/* The same with HTTP: what is asked for. */
		(void)go(to, false);
		turns(20);
		mine = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		hear("GET /farlan/v1/control HTTP/1.1\r\nHost: as.example.org\r\n");
		say_text("HTTP/1.1 404 Not Found\r\n\r\nnothing here\n");
		wait_for(d.failed);
		assert_non_null(strstr(d.why, "server answered 404: nothing here"));
		close(mine);

		/* Not wanted any more. */
		direct_cancel(go(to, true));
		turns(20);
		assert_false(d.o || d.failed);
		close(fd);
		(void)go(to, true);
		wait_for(d.failed);
		assert_int_equal(strncmp(d.why, to, strlen(to)), 0);
		if (unix_socket)
			unlink(to + 5);
	}
	direct_cancel(go("name.invalid:80", true));
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(without_tls),
		t(whose_it_is),
		t(a_proxy_is_asked_first),
		t(held_and_passed),
		t(held_no_longer_than_allowed),
		t(too_much),
		t(the_way_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
