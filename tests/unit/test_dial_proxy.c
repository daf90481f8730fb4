/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dials through an HTTP proxy, of which this test plays the part. */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>

#include "common/io/dial.h"
#include "common/io/listen.h"
#include "common/io/outer_internal.h"
#include "tests/unit/tls_fixture.h"

#define CONNS_MAX 16
#define ASKED_SIZE 3000
#define BASIC "Proxy-Authenticate: Basic realm=\"x\"\r\n"
#define DIGEST "Proxy-Authenticate: Digest realm=\"x\", qop=\"auth\", nonce=\"%s\"\r\n"
#define OK "HTTP/1.1 200 Connection established\r\n\r\n"

/* What the proxy does with one request. */
enum then { TUNNELS, STAYS, CLOSES, RESETS, DRIBBLES };
struct turn {
	const char *says;
	enum then then;
};

struct conn {
	uv_poll_t poll;
	int fd;
	bool open;
	char head[ASKED_SIZE];
	size_t n;
	const char *slow;     /* what is said byte by byte */
	struct outer *server; /* what the tunnel ends at */
};

static uv_loop_t loop;
static struct fix_ca lab;
static struct x509_key host_key;
static struct x509_cert host_cert;
static struct tls_ctx *client_ctx, *server_ctx;
static struct listen_set *listener;
static uint16_t proxy_port;
static struct conn conns[CONNS_MAX];
static size_t n_conns, n_asked, n_turns;
static struct turn turns[CONNS_MAX]; /* the last one holds for all that follow */
static char asked[CONNS_MAX][ASKED_SIZE];
static struct dial *dial;
static struct dial_memory memory;
static struct dial_proxy proxy;
static struct dial_target target;
static bool opened, failed, won_is_closed, no_names, speaks_first;
static struct outer *won;
static char why[DIAL_REASON_SIZE], steps[4000], names[400];

/* Who is asked for; nothing goes outside. */
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node,
						       const char *restrict service,
						       const struct addrinfo *restrict hints,
						       struct addrinfo **restrict res)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", node);
	if (no_names || strstr(node, "gone"))
		return EAI_NONAME;
	return real(strcmp(node, "proxy.lab") == 0 || strcmp(node, "direct.lab") == 0 ? "127.0.0.1"
										      : node,
		    service, hints, res);
}

/* The server behind */

static void server_request(struct outer *o, const struct http_head *head)
{
	outer_upgrade(o);
}

static void server_open(struct outer *o)
{
}

static void no_data(struct outer *o, const uint8_t *bytes, size_t n)
{
}

static void server_closed(struct outer *o, bool clean, const char *reason)
{
	struct conn *c = outer_arg(o);

	c->server = NULL;
}

static const struct outer_callbacks server_calls = {
	.on_request = server_request,
	.on_open = server_open,
	.on_data = no_data,
	.on_closed = server_closed,
};

/* The proxy */

static void conn_end(struct conn *c, bool reset)
{
	struct linger hard = {.l_onoff = 1};

	c->open = false;
	uv_close((uv_handle_t *)&c->poll, NULL);
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c->fd);
}

static void tunnel(struct conn *c)
{
	int fd = dup(c->fd);

	conn_end(c, false);
	assert_int_equal(outer_accept(&c->server, &loop, server_ctx, fd, &server_calls, c), 0);
}

static void answer(struct conn *c)
{
	const struct turn *t = &turns[n_asked < n_turns ? n_asked : n_turns - 1];
	size_t n = strlen(t->says);

	snprintf(asked[n_asked++], ASKED_SIZE, "%s", c->head);
	c->n = 0;
	if (t->then == DRIBBLES) {
		c->slow = t->says;
		return;
	}
	(void)!send(c->fd, t->says, n, MSG_NOSIGNAL);
	if (t->then == CLOSES || t->then == RESETS)
		conn_end(c, t->then == RESETS);
	else if (t->then == TUNNELS)
		tunnel(c);
}

/* The next byte of an answer that comes slowly. */
static void dribble(void)
{
	for (size_t i = 0; i < n_conns; i++) {
		struct conn *c = &conns[i];

		if (!c->slow)
			continue;
		(void)!send(c->fd, c->slow, 1, MSG_NOSIGNAL);
		if (*++c->slow)
			continue;
		c->slow = NULL;
		tunnel(c);
	}
}

static void on_conn(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;
	ssize_t n = status < 0 ? 0 : recv(c->fd, c->head + c->n, ASKED_SIZE - 1 - c->n, 0);

	if (n < 0)
		return;
	if (n == 0) {
		conn_end(c, false);
		return;
	}
	c->n += (size_t)n;
	c->head[c->n] = '\0';
	if (strstr(c->head, "\r\n\r\n"))
		answer(c);
}

static void on_accept(int fd, void *arg)
{
	struct conn *c = &conns[n_conns++];

	if (speaks_first)
		(void)!send(fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL);
	assert_true(n_conns <= CONNS_MAX);
	c->fd = fd;
	c->open = true;
	assert_int_equal(uv_poll_init(&loop, &c->poll, fd), 0);
	c->poll.data = c;
	uv_poll_start(&c->poll, UV_READABLE, on_conn);
}

/* The dial */

static void won_closed(struct outer *o, bool clean, const char *reason)
{
	won = NULL;
	won_is_closed = true;
}

static const struct outer_callbacks won_calls = {.on_data = no_data, .on_closed = won_closed};

static void on_open(struct dial *d, struct outer *o)
{
	outer_set_callbacks(o, &won_calls, NULL);
	opened = true;
	won = o;
}

static void on_failed(struct dial *d, const char *reason)
{
	failed = true;
	snprintf(why, sizeof(why), "%s", reason);
}

static void on_step(struct dial *d, const char *what)
{
	snprintf(steps + strlen(steps), sizeof(steps) - strlen(steps), "%s\n", what);
}

static const struct dial_callbacks calls = {
	.on_open = on_open, .on_failed = on_failed, .on_step = on_step};

static void forget_outcome(void)
{
	no_names = speaks_first = false;
	opened = failed = won_is_closed = false;
	why[0] = steps[0] = names[0] = '\0';
	n_asked = n_turns = 0;
}

static int set_up(void **state)
{
	struct opt_listens where = {.n = 1};
	struct sockaddr_storage ss;
	int fd = fix_listen(&ss);

	close(fd);
	proxy_port = fix_port(&ss);
	memset(&memory, 0, sizeof(memory));
	memset(&proxy, 0, sizeof(proxy));
	memset(&target, 0, sizeof(target));
	memset(conns, 0, sizeof(conns));
	memset(asked, 0, sizeof(asked));
	n_conns = 0;
	won = NULL;
	forget_outcome();
	snprintf(proxy.use.to.host, sizeof(proxy.use.to.host), "proxy.lab");
	proxy.use.to.port = proxy_port;
	memory.proxy = &proxy;
	target.path = "/v1/control";
	target.headers = "";
	target.ports = (struct opt_ports){.n = 3, .port = {443, 80, 5935}};
	outer_times.open_ms = OUTER_OPEN_MS;
	dial_times.stagger_ms = 3000; /* one after the other */
	assert_int_equal(uv_loop_init(&loop), 0);
	where.at[0].port = proxy_port;
	assert_int_equal(listen_open(&listener, &loop, &where, false, on_accept, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	listen_close(listener);
	for (size_t i = 0; i < n_conns; i++) {
		if (conns[i].open)
			conn_end(&conns[i], false);
		if (conns[i].server)
			outer_close(conns[i].server, "end of the test");
	}
	if (won)
		outer_close(won, "end of the test");
	fix_loop_end(&loop);
	dial_proxy_deinit(&proxy);
	return 0;
}

#define wait_for(cond, ms)                                             \
	({                                                             \
		uint64_t until_ = clock_mono_ms() + (ms);              \
		bool met_;                                             \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) { \
			dribble();                                     \
			uv_run(&loop, UV_RUN_NOWAIT);                  \
			usleep(200);                                   \
		}                                                      \
		met_;                                                  \
	})

static void say(const char *text, enum then then)
{
	turns[n_turns++] = (struct turn){.says = text, .then = then};
}

static void log_in_as(const char *user, const char *password)
{
	snprintf(proxy.use.to.user, sizeof(proxy.use.to.user), "%s", user);
	snprintf(proxy.use.to.password, sizeof(proxy.use.to.password), "%s", password);
}

static void run(const char *url)
{
	target.n_urls = 1;
	assert_int_equal(url_parse(&target.urls[0], url), 0);
	assert_int_equal(dial_start(&dial, &loop, client_ctx, &target, &memory, &calls, NULL), 0);
	assert_true(wait_for(opened || failed, 15000));
}

static void expect_open(const char *url)
{
	run(url);
	if (failed)
		fail_msg("%s", why);
}

static void close_won(void)
{
	outer_close(won, "seen");
	assert_true(wait_for(won_is_closed, 2000));
	for (size_t i = 0; i < n_conns; i++)
		assert_true(wait_for(!conns[i].server, 2000));
}

static void expect_failure(const char *part)
{
	run("https://as1.gone:443");
	assert_true(failed);
	if (!strstr(why, part))
		fail_msg("\"%s\" is not in \"%s\"", part, why);
}

static void the_proxy_alone_is_asked_for_names(void **state)
{
	struct outer_tunnel t;
	char where[DIAL_ADDR_SIZE];

	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_string_equal(names, "proxy.lab ");
	assert_non_null(
		strstr(asked[0], "CONNECT as1.gone:443 HTTP/1.1\r\nHost: as1.gone:443\r\n"));
	assert_true(outer_tunnel(won, &t));
	assert_true(t.open && !t.denied);
	assert_int_equal(t.status, 200);
	assert_int_equal(t.port, 443);
	assert_int_equal(strncmp(t.proxy, "proxy.lab:", 10), 0);
	dial_where(won, where);
	assert_string_equal(where, ":443");
	assert_int_equal(fix_port(outer_peer_addr(won)), proxy_port);
	assert_string_equal(outer_host(won), "as1.gone");
}

/* The port that worked is the first one next time. */
static void remembers_the_port(void **state)
{
	say("HTTP/1.1 503 x\r\n\r\n", CLOSES);
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_non_null(strstr(asked[0], "CONNECT as1.gone:443 "));
	assert_non_null(strstr(asked[1], "CONNECT as1.gone:80 "));
	assert_non_null(strstr(steps, "proxy proxy.lab 127.0.0.1:"));
	assert_non_null(strstr(steps, "did not reach as1.gone:443 (503)"));
	assert_string_equal(memory.hosts[0].name, "proxy proxy.lab as1.gone");
	assert_int_equal(memory.hosts[0].worked[0].port, 80);
	close_won();
	forget_outcome();
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_non_null(strstr(asked[0], "CONNECT as1.gone:80 "));
}

/* Where the proxy was, when its name fails. */
static void remembers_the_proxy(void **state)
{
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	close_won();
	forget_outcome();
	no_names = true;
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_non_null(strstr(asked[0], "CONNECT as1.gone:443 "));
	close_won();
	forget_outcome();
	/* Nothing goes there when another one is configured. */
	snprintf(proxy.use.to.host, sizeof(proxy.use.to.host), "other.lab");
	n_asked = 0;
	run("https://as1.gone");
	assert_true(failed);
	assert_int_equal(n_asked, 0);
}

static void goes_directly_where_no_proxy_says(void **state)
{
	char url[64];

	outer_times.open_ms = 300; /* what stands there is no server */
	assert_null(proxy_except_parse(&proxy.except, "direct.lab"));
	say(OK, TUNNELS);
	snprintf(url, sizeof(url), "https://direct.lab:%u", proxy_port); /* no proxy in this case */
	run(url);
	assert_true(failed);
	assert_string_equal(names, "direct.lab ");
	assert_int_equal(n_asked, 0);
	/* By port, too. */
	forget_outcome();
	assert_null(proxy_except_parse(&proxy.except, "direct.lab:443, direct.lab:80"));
	target.ports = (struct opt_ports){.n = 2, .port = {80, 5935}};
	say(OK, TUNNELS);
	expect_open("https://direct.lab");
	assert_non_null(strstr(names, "proxy.lab"));
	assert_non_null(strstr(names, "direct.lab"));
	assert_non_null(strstr(asked[0], "CONNECT direct.lab:5935 "));
}

/* What the owner hears before connections are made: the proxy is where packets go. */
static char announced[400];

static int before(void *arg, const char *host, const struct sockaddr_storage *addr)
{
	if (addr)
		snprintf(announced + strlen(announced), sizeof(announced) - strlen(announced),
			 "%s %d,", host, fix_port(addr) == proxy_port);
	return 0;
}

static void the_proxy_is_announced(void **state)
{
	memory.before = before;
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_string_equal(announced, "proxy.lab 1,");
}

static void logs_in_by_basic(void **state)
{
	log_in_as("joe", "secret");
	say("HTTP/1.1 407 x\r\n" BASIC "Content-Length: 5\r\n\r\nlogin", STAYS);
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_int_equal(n_conns, 1);
	assert_null(strstr(asked[0], "Proxy-Authorization"));
	assert_non_null(strstr(asked[1], "\r\nProxy-Authorization: Basic am9lOnNlY3JldA==\r\n"));
	/* From now on at once. */
	close_won();
	forget_outcome();
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_non_null(strstr(asked[0], "Proxy-Authorization: Basic"));
}

static void logs_in_by_digest(void **state)
{
	char first[400], stale[400];

	log_in_as("joe", "secret");
	snprintf(first, sizeof(first),
		 "HTTP/1.1 407 x\r\n" DIGEST BASIC "Content-Length: 0\r\n\r\n", "one");
	snprintf(stale, sizeof(stale),
		 "HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=x, qop=auth, nonce=two, "
		 "stale=true\r\nContent-Length: 0\r\n\r\n");
	say(first, STAYS);
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_non_null(strstr(asked[1], "Digest username=\"joe\""));
	assert_non_null(strstr(asked[1], "nonce=\"one\""));
	assert_non_null(strstr(asked[1], "uri=\"as1.gone:443\""));
	assert_non_null(strstr(asked[1], "nc=00000001"));
	close_won();
	forget_outcome();
	/* The nonce goes on being used, until it is stale. */
	say(stale, STAYS);
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
	assert_non_null(strstr(asked[0], "nc=00000002"));
	assert_non_null(strstr(asked[1], "nonce=\"two\""));
	assert_non_null(strstr(asked[1], "nc=00000001"));
}

/* A body that has no known end, or a connection that is not kept: a new one. */
static void logs_in_on_a_new_connection(void **state)
{
	static const struct turn t[] = {
		{"HTTP/1.1 407 x\r\n" BASIC "Connection: close\r\nContent-Length: 3\r\n\r\nabc",
		 CLOSES},
		{"HTTP/1.1 407 x\r\n" BASIC
		 "Transfer-Encoding: chunked\r\n\r\n5\r\nlogin\r\n0\r\n\r\n",
		 STAYS},
		{"HTTP/1.0 407 x\r\n" BASIC "\r\nlogin", CLOSES},
		{"HTTP/1.1 407 x\r\n" BASIC "Content-Length: 99999\r\n\r\nlogin", STAYS},
		{"HTTP/1.1 407 x\r\n" BASIC "Content-Length: 99\r\n\r\nlogin", CLOSES},
		{"HTTP/1.1 407 x\r\n" BASIC "Content-Length: 0\r\n\r\n", CLOSES},
		{"HTTP/1.1 407 x\r\n" BASIC "Connection: close\r\n\r\nlogin", RESETS},
	};

	log_in_as("joe", "secret");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%zu\n", i);
		forget_outcome();
		n_conns = 0;
		proxy.use.challenge.kind = HTTP_AUTH_NONE;
		say(t[i].says, t[i].then);
		say(OK, TUNNELS);
		run("https://as1.gone:443");
		if (failed && t[i].then == RESETS) { /* the reset was quicker than the answer */
			assert_non_null(strstr(why, "connection lost"));
			continue;
		}
		if (!opened)
			fail_msg("%s", why);
		assert_int_equal(n_conns, 2);
		assert_non_null(strstr(asked[1], "Proxy-Authorization: Basic"));
		close_won();
		if (conns[0].open)
			assert_true(wait_for(!conns[0].open, 2000));
		assert_false(wait_for(false, 5)); /* handles are closed */
	}
}

/* A wrong password is said once for all: accounts get locked. */
static void a_wrong_password_is_not_tried_again(void **state)
{
	log_in_as("joe", "wrong");
	say("HTTP/1.1 407 x\r\n" BASIC "Content-Length: 0\r\n\r\n", STAYS);
	run("https://as1.gone");
	assert_true(failed);
	assert_non_null(strstr(why, "refused user name or password (Basic)"));
	assert_int_equal(n_asked, 2);
	assert_null(strstr(why, "wrong"));
	/* Nor by the next dial, for a while. */
	forget_outcome();
	say(OK, TUNNELS);
	run("https://as1.gone");
	assert_true(failed);
	assert_int_equal(n_asked, 0);
	assert_non_null(strstr(why, "refused user name or password (Basic)"));
	assert_non_null(strstr(why, "asked again in 6"));
	proxy.refused_until_ms = clock_mono_ms();
	forget_outcome();
	say(OK, TUNNELS);
	expect_open("https://as1.gone");
}

static void without_a_login(void **state)
{
	say("HTTP/1.1 407 x\r\n" BASIC "Content-Length: 0\r\n\r\n", STAYS);
	expect_failure("wants a user name and password (Basic): set proxy =");
	assert_int_equal(n_asked, 1);
}

/* What the proxy forbids is less of a reason than what it tried in vain. */
static void ports_that_are_not_allowed_come_last(void **state)
{
	say("HTTP/1.1 403 x\r\n\r\n", CLOSES);
	say("HTTP/1.1 504 x\r\n\r\n", CLOSES);
	say("HTTP/1.1 403 x\r\n\r\n", CLOSES);
	run("https://as1.gone");
	assert_true(failed);
	assert_non_null(strstr(why, "as1.gone:80 (504)"));
	assert_non_null(strstr(why, "does not allow as1.gone:443"));
	assert_true(strstr(why, "504") < strstr(why, "403"));
}

static void bad_proxies(void **state)
{
	static const struct {
		const char *says;
		enum then then;
		const char *why;
	} t[] = {
		{OK "HTTP/1.1 200 OK\r\n\r\n<html>", STAYS, "something that is not TLS"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<h1>Hi!</h1>\n", CLOSES,
		 "perhaps a captive portal"},
		{"HTTP/1.1 302 x\r\nLocation: http://portal\r\n\r\n", CLOSES,
		 "captive portal (302)"},
		{"220 mail\r\n", STAYS, "no HTTP proxy"},
		{"\x15\x03\x03\x01\x02\x02\x28", STAYS, "no HTTP proxy"},
		{"", CLOSES, "closed the connection without an answer"},
		{"HTTP/1.1 200 O", CLOSES, "closed the connection without an answer"},
		{"HTTP/1.1 503 x\r\nContent-Type: text/plain\r\n\r\nno route\x1b[2J\r\nmore",
		 CLOSES, "did not reach as1.gone:443 (503): no route?[2J"},
		{"HTTP/1.1 503 x\r\nContent-Type: text/html\r\n\r\n<html>soup", CLOSES, "(503)"},
		{OK, CLOSES, "closed the connection during the handshake"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%zu\n", i);
		forget_outcome();
		n_conns = 0;
		say(t[i].says, t[i].then);
		expect_failure(t[i].why);
		assert_null(strstr(why, "soup"));
		assert_true(wait_for(!conns[0].open, 2000));
		assert_false(wait_for(false, 5));
	}
}

static void something_that_speaks_first(void **state)
{
	speaks_first = true;
	say("", STAYS);
	expect_failure("what answers there is no HTTP proxy (no HTTP)");
}

static void a_silent_proxy(void **state)
{
	outer_times.open_ms = 300;
	say("", STAYS);
	expect_failure("the proxy did not answer in time");
}

static void an_answer_in_small_pieces(void **state)
{
	say(OK, DRIBBLES);
	expect_open("https://as1.gone");
}

static void no_such_proxy(void **state)
{
	snprintf(proxy.use.to.host, sizeof(proxy.use.to.host), "proxy.gone");
	expect_failure("proxy proxy.gone: name not found");
	forget_outcome();
	snprintf(proxy.use.to.host, sizeof(proxy.use.to.host), "127.0.0.1");
	listen_close(listener);
	listener = NULL;
	expect_failure("Connection refused");
}

static void can_be_cancelled_at_any_moment(void **state)
{
	log_in_as("joe", "secret");
	for (int n = 0; n < 60; n++) {
		forget_outcome();
		n_conns = 0;
		proxy.use.challenge.kind = HTTP_AUTH_NONE;
		say("HTTP/1.1 407 x\r\n" BASIC "Connection: close\r\n\r\n", n % 2 ? STAYS : CLOSES);
		say(OK, TUNNELS);
		target.n_urls = 1;
		assert_int_equal(url_parse(&target.urls[0], "https://as1.gone:443"), 0);
		assert_int_equal(
			dial_start(&dial, &loop, client_ctx, &target, &memory, &calls, NULL), 0);
		for (int i = 0; i < n && !opened; i++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(300);
		}
		if (!opened)
			dial_cancel(dial);
		else
			close_won();
		assert_false(wait_for(failed, 5));
		for (size_t i = 0; i < n_conns; i++)
			assert_true(wait_for(!conns[i].open && !conns[i].server, 2000));
		assert_false(wait_for(failed, 2));
	}
}

/* Which proxy, as configuration and environment say. */
static void what_the_environment_says(void **state)
{
	static const struct proxy_except none, some = {.n = 1, .at = {{.is_name = true}}};
	struct opt_proxy conf = {.from = OPT_PROXY_ENVIRONMENT};
	struct dial_proxy p;

	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	setenv("no_proxy", "lab, 10.0.0.1/x", 1);
	dial_proxy_use(&p, &conf, &none);
	assert_string_equal(p.use.to.host, "");
	setenv("HTTPS_PROXY", "http://capital:1", 1);
	dial_proxy_use(&p, &conf, &none);
	assert_string_equal(p.use.to.host, "capital");
	assert_int_equal(p.except.n, 1);
	setenv("https_proxy", "http://u:p@small:2/", 1);
	dial_proxy_use(&p, &conf, &none);
	assert_string_equal(p.use.to.host, "small");
	assert_string_equal(p.use.to.password, "p");
	assert_true(proxy_excepts(&p.except, "as1.lab", 443));
	dial_proxy_use(&p, &conf, &some); /* the configuration's list instead */
	assert_string_equal(p.except.at[0].name, "");
	setenv("https_proxy", "socks5://small:2", 1);
	dial_proxy_use(&p, &conf, &none);
	assert_string_equal(p.use.to.host, "");
	setenv("https_proxy", "http://small:2", 1);
	conf.from = OPT_PROXY_NONE;
	dial_proxy_use(&p, &conf, &none);
	assert_string_equal(p.use.to.host, "");
	conf.from = OPT_PROXY_GIVEN;
	assert_null(proxy_parse(&conf.to, "http://given:3"));
	dial_proxy_use(&p, &conf, &none);
	assert_string_equal(p.use.to.host, "given");
	assert_int_equal(p.except.n, 0); /* no_proxy belongs to https_proxy */
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("no_proxy");
}

static int group_set_up(void **state)
{
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	assert_int_equal(x509_key_generate(&host_key), 0);
	fix_host_cert(&lab, "as1.gone", &host_key, &host_cert);
	assert_int_equal(tls_ctx_outer_client(&client_ctx, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&server_ctx, &host_cert, &host_key, &lab.cert), 0);
	return 0;
}

static int group_tear_down(void **state)
{
	tls_ctx_free(client_ctx);
	tls_ctx_free(server_ctx);
	tls_global_deinit();
	uv_library_shutdown();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(the_proxy_alone_is_asked_for_names),
		t(remembers_the_port),
		t(remembers_the_proxy),
		t(goes_directly_where_no_proxy_says),
		t(the_proxy_is_announced),
		t(logs_in_by_basic),
		t(logs_in_by_digest),
		t(logs_in_on_a_new_connection),
		t(a_wrong_password_is_not_tried_again),
		t(without_a_login),
		t(ports_that_are_not_allowed_come_last),
		t(bad_proxies),
		t(something_that_speaks_first),
		t(a_silent_proxy),
		t(an_answer_in_small_pieces),
		t(no_such_proxy),
		t(can_be_cancelled_at_any_moment),
		t(what_the_environment_says),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
