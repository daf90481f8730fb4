/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>

#include "common/io/dial.h"
#include "common/io/listen.h"
#include "common/io/lookup.h"
#include "tests/unit/tls_fixture.h"

/* A server on loopback and how it treats who comes. */
enum manner { FARLAN, FOREIGN, LATER, PLAIN, HANGS_UP, SILENT };

#define CONNS_MAX 16
struct server {
	enum manner manner;
	struct listen_set *set;
	uint16_t port;
	int fd; /* silent: a socket that nobody accepts from */
	struct outer *conns[CONNS_MAX];
	size_t accepted, open, closed;
	char host[64], target[64];
};

static uv_loop_t loop;
static struct fix_ca lab;
static struct x509_key host_key;
static struct x509_cert host_cert;
static struct tls_ctx *client_ctx, *server_ctx;
static struct server a, b, d3;
static struct dial *dial;
static struct dial_memory memory;
static struct dial_target target;
static bool opened, failed, client_closed, cancel_in_step;
static struct outer *won;
static char why[DIAL_REASON_SIZE], steps[4000];
static unsigned int n_steps;
static uint64_t first_at, second_at;

static _Atomic unsigned int n_asked;
static const char *lie = "127.0.0.1";

/* 50 addresses of a host, all dead but the last one. One block each, as the C library frees them.
 */
static int many(struct addrinfo **res)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in));
		struct sockaddr_in *four = (struct sockaddr_in *)(void *)(ai + 1);

		assert_non_null(ai);
		four->sin_family = AF_INET;
		four->sin_addr.s_addr = htonl(0x7f000000 + (i == 0 ? 1 : 100 + i));
		ai->ai_family = AF_INET;
		ai->ai_addrlen = sizeof(*four);
		ai->ai_addr = (struct sockaddr *)four;
		ai->ai_next = i == 0 ? NULL : *res;
		*res = ai;
	}
	return 0;
}

/* Names, so that nothing is asked outside: the program's own function comes before the C library's.
 */
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node,
						       const char *restrict service,
						       const struct addrinfo *restrict hints,
						       struct addrinfo **restrict res)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	const char *to = node;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	n_asked++;
	if (strcmp(node, "slow.lab") == 0)
		usleep(900000);
	if (strcmp(node, "dead.lab") == 0)
		usleep(2500000);
	if (strcmp(node, "dead.lab") == 0)
		return EAI_AGAIN;
	if (strcmp(node, "many.lab") == 0)
		return many(res);
	if (strcmp(node, "lies.lab") == 0)
		to = lie;
	if (strcmp(node, "gone.lab") == 0)
		return EAI_NONAME;
	if (strcmp(node, "slow.lab") == 0 || strcmp(node, "as1.lab") == 0 ||
	    strcmp(node, "as2.lab") == 0)
		to = "127.0.0.1";
	return real(to, service, hints, res);
}

/* The servers */

static void conn_request(struct outer *o, const struct http_head *head)
{
	struct server *s = outer_arg(o);
	const struct http_str *host = http_header(head, "Host");

	snprintf(s->host, sizeof(s->host), "%.*s", host ? (int)host->len : 0, host ? host->at : "");
	snprintf(s->target, sizeof(s->target), "%.*s", (int)head->target.len, head->target.at);
	if (s->manner == FOREIGN)
		outer_respond(o, 404, "Not Found", "some web server");
	else if (s->manner == LATER)
		outer_respond_later(o, 20, "busy");
	else
		outer_upgrade(o);
}

static void conn_open(struct outer *o)
{
	struct server *s = outer_arg(o);

	s->open++;
}

static void conn_data(struct outer *o, const uint8_t *bytes, size_t n)
{
}

static void conn_closed(struct outer *o, bool clean, const char *reason)
{
	struct server *s = outer_arg(o);

	s->closed++;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (s->conns[i] == o)
			s->conns[i] = NULL;
	}
}

static const struct outer_callbacks conn_calls = {
	.on_request = conn_request,
	.on_open = conn_open,
	.on_data = conn_data,
	.on_closed = conn_closed,
};

static void on_accept(int fd, void *arg)
{
	struct server *s = arg;

	s->accepted++;
	if (!first_at)
		first_at = clock_mono_ms();
	else if (!second_at)
		second_at = clock_mono_ms();
	assert_true(s->accepted <= CONNS_MAX);
	if (s->manner == PLAIN || s->manner == HANGS_UP) {
		if (s->manner == PLAIN)
			assert_int_equal(send(fd, "220 mail\r\n", 10, MSG_NOSIGNAL), 10);
		close(fd);
		return;
	}
	assert_int_equal(
		outer_accept(&s->conns[s->accepted - 1], &loop, server_ctx, fd, &conn_calls, s), 0);
}

static uint16_t free_port(void)
{
	struct sockaddr_storage ss;
	int fd = fix_listen(&ss);

	close(fd);
	return fix_port(&ss);
}

static void serve(struct server *s, enum manner manner)
{
	struct opt_listens where = {.n = 1};
	struct sockaddr_storage ss;

	s->manner = manner;
	if (manner == SILENT) {
		s->fd = fix_listen(&ss);
		s->port = fix_port(&ss);
		return;
	}
	s->port = free_port();
	where.at[0].port = s->port; /* all addresses */
	assert_int_equal(listen_open(&s->set, &loop, &where, false, on_accept, s), 0);
}

static void server_end(struct server *s)
{
	listen_close(s->set);
	if (s->fd > 0)
		close(s->fd);
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (s->conns[i])
			outer_close(s->conns[i], "end of the test");
	}
}

/* The dial */

static void won_data(struct outer *o, const uint8_t *bytes, size_t n)
{
}

static void won_closed(struct outer *o, bool clean, const char *reason)
{
	client_closed = true;
	won = NULL;
}

static const struct outer_callbacks won_calls = {.on_data = won_data, .on_closed = won_closed};

static void on_open(struct dial *d, struct outer *o)
{
	assert_false(opened || failed);
	assert_ptr_equal(d, dial);
	assert_string_equal(dial_arg(d), "arg");
	outer_set_callbacks(o, &won_calls, NULL);
	opened = true;
	won = o;
}

static void on_failed(struct dial *d, const char *reason)
{
	assert_false(opened || failed);
	failed = true;
	snprintf(why, sizeof(why), "%s", reason);
}

static void on_step(struct dial *d, const char *what)
{
	assert_false(opened || failed);
	n_steps++;
	if (strlen(steps) + strlen(what) + 2 < sizeof(steps))
		strcat(strcat(steps, what), "\n");
	if (cancel_in_step)
		dial_cancel(d);
}

static const struct dial_callbacks calls = {
	.on_open = on_open, .on_failed = on_failed, .on_step = on_step};

static void clear_outcome(void)
{
	opened = failed = client_closed = cancel_in_step = false;
	why[0] = steps[0] = '\0';
	n_steps = 0;
	first_at = second_at = 0;
}

static int set_up(void **state)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&d3, 0, sizeof(d3));
	memset(&memory, 0, sizeof(memory));
	memset(&target, 0, sizeof(target));
	target.path = "/v1/control";
	target.headers = "";
	dial_times.stagger_ms = DIAL_STAGGER_MS;
	dial_times.total_ms = DIAL_TOTAL_MS;
	won = NULL;
	clear_outcome();
	assert_int_equal(uv_loop_init(&loop), 0);
	return 0;
}

static int tear_down(void **state)
{
	server_end(&a);
	server_end(&b);
	server_end(&d3);
	if (won)
		outer_close(won, "end of the test");
	fix_loop_end(&loop);
	return 0;
}

#define wait_for(cond, ms)                                             \
	({                                                             \
		uint64_t until_ = clock_mono_ms() + (ms);              \
		bool met_;                                             \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) { \
			uv_run(&loop, UV_RUN_NOWAIT);                  \
			usleep(200);                                   \
		}                                                      \
		met_;                                                  \
	})

static void add_url(const char *text)
{
	assert_int_equal(url_parse(&target.urls[target.n_urls++], text), 0);
}

static void add_port(uint16_t port)
{
	target.ports.port[target.ports.n++] = port;
}

static void start(void)
{
	assert_int_equal(dial_start(&dial, &loop, client_ctx, &target, &memory, &calls,
				    (void *)(uintptr_t) "arg"),
			 0);
	assert_false(opened || failed || n_steps);
}

static void expect_open_at(uint16_t port)
{
	start();
	assert_true(wait_for(opened || failed, 8000));
	if (failed)
		print_error("%s\n", why);
	assert_true(opened);
	assert_int_equal(fix_port(outer_peer_addr(won)), port);
}

static void expect_failure(const char *const *parts)
{
	start();
	assert_true(wait_for(opened || failed, 25000));
	assert_true(failed);
	print_message("%s\n", why);
	for (; *parts; parts++)
		assert_non_null(strstr(why, *parts));
}

static void close_won(void)
{
	outer_close(won, "seen");
	assert_true(wait_for(client_closed, 1000));
}

static void reaches_a_server(void **state)
{
	serve(&a, FARLAN);
	add_url("https://as1.lab/prefix");
	add_port(a.port);
	expect_open_at(a.port);
	assert_string_equal(outer_host(won), "as1.lab");
	assert_string_equal(a.target, "/prefix/v1/control");
	assert_int_equal(strncmp(a.host, "as1.lab:", 8), 0);
	assert_true(wait_for(a.open == 1, 1000));
	assert_int_equal(n_steps, 0);
	assert_string_equal(memory.hosts[0].name, "as1.lab");
	assert_int_equal(memory.hosts[0].worked[0].port, a.port);
}

static void reaches_literal_addresses(void **state)
{
	serve(&a, FARLAN);
	add_port(a.port);
	add_url("https://127.0.0.1");
	expect_open_at(a.port);
	close_won();
	clear_outcome();
	target.n_urls = 0;
	add_url("https://[::1]");
	start();
	assert_true(wait_for(opened || failed, 8000));
	if (failed) {
		print_message("no IPv6 here: %s\n", why);
		return;
	}
	assert_int_equal(outer_peer_addr(won)->ss_family, AF_INET6);
	assert_int_equal(strncmp(a.host, "[::1]:", 6), 0);
}

/* What the owner hears before connections are made. */
static struct {
	unsigned int begins, addresses;
	uint16_t refuse; /* this port */
	char host[URL_HOST_SIZE];
} heard;

static int before(void *arg, const char *host, const struct sockaddr_storage *addr)
{
	assert_ptr_equal(arg, &heard);
	if (!addr) {
		assert_int_equal(heard.addresses, 0);
		heard.begins++;
		return 0;
	}
	heard.addresses++;
	snprintf(heard.host, sizeof(heard.host), "%s", host);
	return fix_port(addr) == heard.refuse ? -EHOSTUNREACH : 0;
}

static void the_owner_hears_first_and_may_refuse(void **state)
{
	memset(&heard, 0, sizeof(heard));
	memory.before = before;
	memory.before_arg = &heard;
	serve(&a, FARLAN);
	serve(&b, FARLAN);
	heard.refuse = a.port;
	add_url("https://127.0.0.1");
	add_port(a.port);
	add_port(b.port);
	expect_open_at(b.port);
	assert_int_equal(heard.begins, 1);
	assert_int_equal(heard.addresses, 2);
	assert_string_equal(heard.host, "127.0.0.1");
	assert_int_equal(a.open, 0);
	assert_non_null(strstr(steps, strerror(EHOSTUNREACH)));
}

static void a_port_in_the_url_is_the_only_one(void **state)
{
	char url[64];

	serve(&a, FARLAN);
	serve(&b, FARLAN);
	snprintf(url, sizeof(url), "https://as1.lab:%u", b.port);
	add_url(url);
	add_port(a.port);
	expect_open_at(b.port);
	assert_int_equal(a.accepted, 0);
	assert_true(dial_wants_port(&target, 0, b.port));
	assert_false(dial_wants_port(&target, 0, a.port));
}

static void passes_over_a_port_that_refuses(void **state)
{
	uint64_t begin = clock_mono_ms();

	serve(&b, FARLAN);
	add_url("https://as1.lab");
	add_port(free_port());
	add_port(b.port);
	expect_open_at(b.port);
	assert_true(clock_mono_ms() - begin < 200); /* at once, not after the stagger */
	assert_int_equal(n_steps, 1);
	assert_non_null(strstr(steps, "Connection refused"));
}

static void passes_over_a_silent_port(void **state)
{
	uint64_t begin = clock_mono_ms(), took;

	serve(&a, SILENT);
	serve(&b, FARLAN);
	add_url("https://as1.lab");
	add_port(a.port);
	add_port(b.port);
	expect_open_at(b.port);
	took = clock_mono_ms() - begin;
	print_message("%u ms\n", (unsigned int)took);
	assert_true(took >= 240 && took < 700);
}

static void passes_over_other_servers(void **state)
{
	serve(&a, FOREIGN);
	serve(&b, PLAIN);
	serve(&d3, FARLAN);
	add_url("https://as1.lab");
	add_port(a.port);
	add_port(b.port);
	add_port(d3.port);
	expect_open_at(d3.port);
	assert_non_null(strstr(steps, "server answered 404: some web server"));
	assert_int_equal(n_steps, 2);
	print_message("%s", steps);
}

static void the_first_wins_and_the_others_are_closed(void **state)
{
	serve(&a, FARLAN);
	serve(&b, FARLAN);
	dial_times.stagger_ms = 1; /* both at once */
	add_url("https://as1.lab");
	add_port(a.port);
	add_port(b.port);
	start();
	assert_true(wait_for(opened, 5000));
	assert_true(wait_for(
		a.open + b.open >= 1 && a.closed + b.closed + 1 >= a.accepted + b.accepted, 3000));
	assert_int_equal(a.accepted + b.accepted - a.closed - b.closed, 1);
}

static void staggers_the_tries(void **state)
{
	uint64_t begin = clock_mono_ms(), took;

	serve(&a, SILENT);
	serve(&b, SILENT);
	serve(&d3, FARLAN);
	add_url("https://as1.lab");
	add_port(a.port);
	add_port(a.port); /* the same again is left out */
	add_port(b.port);
	add_port(d3.port);
	expect_open_at(d3.port);
	took = clock_mono_ms() - begin;
	assert_true(took >= 490 && took < 740);
}

static void starts_with_what_worked_last(void **state)
{
	serve(&a, SILENT);
	serve(&b, FARLAN);
	add_url("https://as1.lab");
	add_port(a.port);
	add_port(b.port);
	expect_open_at(b.port);
	close_won();
	clear_outcome();
	first_at = clock_mono_ms();
	expect_open_at(b.port);
	assert_true(clock_mono_ms() - first_at < 200);
	close_won();
	clear_outcome();
	/* Not if the port is no longer wanted. */
	target.ports.n = 1;
	target.ports.port[0] = free_port();
	expect_failure((const char *const[]){"refused", NULL});
}

static void remembers_a_bounded_number(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_INET};
	char host[32];

	for (unsigned int i = 0; i < DIAL_MEMORY_MAX + 5; i++) {
		snprintf(host, sizeof(host), "h%u", i);
		dial_remember(&memory, host, &ss);
		dial_remember(&memory, host, &ss);
	}
	assert_int_equal(memory.n, DIAL_MEMORY_MAX);
	assert_string_equal(memory.hosts[0].name, "h5");
	dial_remember(NULL, "x", &ss);
}

static void names_each_reason_when_all_fail(void **state)
{
	char refused[64], text[64];
	uint16_t port = free_port();

	serve(&a, FOREIGN);
	serve(&b, HANGS_UP);
	add_url("https://as1.lab");
	add_url("https://gone.lab");
	add_port(port);
	add_port(a.port);
	add_port(b.port);
	snprintf(refused, sizeof(refused), "as1.lab 127.0.0.1:%u: Connection refused", port);
	snprintf(text, sizeof(text), "127.0.0.1:%u: server answered 404", a.port);
	expect_failure((const char *const[]){refused, text, "gone.lab: name not found", NULL});
	assert_int_equal(n_steps, 4);
}

static void no_name_at_all(void **state)
{
	add_url("https://gone.lab");
	add_port(443);
	expect_failure((const char *const[]){"gone.lab: name not found", NULL});
}

static void nothing_to_dial(void **state)
{
	assert_int_equal(dial_start(&dial, &loop, client_ctx, &target, NULL, &calls, NULL),
			 -EINVAL);
	add_url("https://as1.lab"); /* no port */
	expect_failure((const char *const[]){"no address to try", NULL});
}

static void ends_after_all_its_time(void **state)
{
	uint64_t begin = clock_mono_ms();

	serve(&a, SILENT);
	dial_times.total_ms = 400;
	add_url("https://as1.lab");
	add_port(a.port);
	expect_failure((const char *const[]){"no server answered in time", NULL});
	assert_true(clock_mono_ms() - begin < 1000);
}

/* A name server that does not answer holds up nobody else. */
static void a_slow_name_holds_up_nobody(void **state)
{
	uint64_t begin = clock_mono_ms();

	serve(&a, FARLAN);
	add_url("https://slow.lab");
	add_url("https://as1.lab");
	add_port(a.port);
	expect_open_at(a.port);
	assert_true(clock_mono_ms() - begin < 700);
	assert_string_equal(outer_host(won), "as1.lab");
}

/* And is used when it comes after all. */
static void a_slow_name_is_used_in_the_end(void **state)
{
	char url[64];

	serve(&a, FARLAN);
	serve(&b, HANGS_UP);
	snprintf(url, sizeof(url), "https://slow.lab:%u", a.port);
	add_url(url);
	snprintf(url, sizeof(url), "https://as1.lab:%u", b.port);
	add_url(url);
	expect_open_at(a.port);
	assert_string_equal(outer_host(won), "slow.lab");
}

static void know(const char *host, uint16_t port, bool told)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct addr here = {.family = 4, .bytes = {127, 0, 0, 1}};
	struct sockaddr_storage ss;

	memset(&ss, 0, sizeof(ss));
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&ss, &four, sizeof(four));
	if (told)
		dial_tell(&memory, host, &here, 1);
	else
		dial_remember(&memory, host, &ss);
}

/* No name server answers: what worked before does, and what the Access Server told. */
static void does_without_names(void **state)
{
	static const char *const hosts[] = {"dead.lab", "gone.lab"};
	uint64_t begin;

	serve(&a, FARLAN);
	add_port(a.port);
	for (unsigned int i = 0; i < 4; i++) {
		memset(&memory, 0, sizeof(memory));
		clear_outcome();
		target.n_urls = 0;
		snprintf(target.urls[0].host, URL_HOST_SIZE, "%s", hosts[i % 2]);
		target.n_urls = 1;
		know(hosts[i % 2], a.port, i < 2);
		begin = clock_mono_ms();
		expect_open_at(a.port);
		assert_string_equal(outer_host(won), hosts[i % 2]);
		assert_true(clock_mono_ms() - begin < 700);
		close_won();
	}
}

/* However often it is dialled, one thread waits for the name server; and who fails does not wait
 * for it for ever. */
static void a_dead_name_is_asked_for_once(void **state)
{
	uint64_t begin = clock_mono_ms();

	assert_true(wait_for(lookup_hung(&loop) == 0, 5000)); /* of the test before */
	n_asked = 0;
	add_url("https://dead.lab");
	add_port(free_port());
	know("dead.lab", target.ports.port[0], false);
	for (int i = 0; i < 3; i++) {
		clear_outcome();
		start();
		assert_false(wait_for(opened || failed, 300));
		dial_cancel(dial);
	}
	assert_int_equal(n_asked, 1);
	assert_int_equal(lookup_hung(&loop), 1);
	clear_outcome();
	expect_failure((const char *const[]){"Connection refused", NULL});
	assert_true(clock_mono_ms() - begin < 4000);
	assert_int_equal(n_asked, 1);
}

/* A name server that lies: what the name means now is tried, and what is known, too. */
static void a_lie_does_not_hide_what_is_known(void **state)
{
	uint64_t begin = clock_mono_ms();

	serve(&b, FARLAN);
	add_url("https://lies.lab");
	add_port(b.port);
	know("lies.lab", b.port, true);
	lie = "0.0.0.0"; /* which would be this host */
	expect_open_at(b.port);
	close_won();
	clear_outcome();
	lie = "255.255.255.254";
	expect_open_at(b.port);
	assert_true(clock_mono_ms() - begin < 700);
}

/* Of many addresses some are tried, at every port, and those of others not much later. */
static void a_long_list_starves_nobody(void **state)
{
	uint64_t begin = clock_mono_ms();

	serve(&a, FARLAN);
	add_url("https://many.lab:9");
	add_url("https://as1.lab");
	add_port(a.port);
	expect_open_at(a.port);
	assert_true(clock_mono_ms() - begin < 1000);
	assert_string_equal(outer_host(won), "as1.lab");
}

/* Servers of which any will do: a fresh endpoint does not always begin with the first. */
static void begins_with_any(void **state)
{
	unsigned int first = 0;

	serve(&a, FARLAN);
	target.any = true;
	add_url("https://as1.lab");
	add_url("https://as2.lab");
	add_port(a.port);
	for (int i = 0; i < 40; i++) {
		memset(&memory, 0, sizeof(memory));
		clear_outcome();
		a.accepted = 0;
		expect_open_at(a.port);
		first += strcmp(outer_host(won), "as1.lab") == 0;
		close_won();
	}
	assert_in_range(first, 4, 36);
	/* And goes on with the one that worked. */
	memset(&memory, 0, sizeof(memory));
	know("as2.lab", a.port, false);
	for (int i = 0; i < 10; i++) {
		clear_outcome();
		a.accepted = 0;
		expect_open_at(a.port);
		assert_string_equal(outer_host(won), "as2.lab");
		close_won();
	}
	/* Unless there is nothing good behind its outer layer. */
	dial_mark_poor(&memory, "as2.lab", clock_mono_ms());
	clear_outcome();
	a.accepted = 0;
	expect_open_at(a.port);
	assert_string_equal(outer_host(won), "as1.lab");
}

static void a_server_is_left_alone_when_it_asks(void **state)
{
	serve(&a, LATER);
	serve(&b, FARLAN);
	target.any = true;
	add_url("https://as1.lab");
	add_port(a.port);
	add_port(b.port);
	expect_failure((const char *const[]){"server answered 503: busy", NULL});
	assert_int_equal(b.accepted, 0); /* the other port is the same server's */
	assert_in_range(dial_rest_ms(&memory, "as1.lab", clock_mono_ms()), 19000, 25000);
	/* Nothing goes there now; others are tried. */
	clear_outcome();
	a.accepted = 0;
	expect_failure((const char *const[]){"as1.lab: it asked to be left alone for", NULL});
	assert_int_equal(a.accepted, 0);
	clear_outcome();
	add_url("https://127.0.0.1");
	expect_open_at(b.port);
	assert_string_equal(outer_host(won), "127.0.0.1");
	close_won();
	/* Who does not prove to be the server only fails: its certificate is not for 127.0.0.1. */
	memset(&memory, 0, sizeof(memory));
	clear_outcome();
	target.n_urls = 0;
	add_url("https://127.0.0.1");
	expect_open_at(b.port);
	assert_int_equal(dial_rest_ms(&memory, "127.0.0.1", clock_mono_ms()), 0);
}

/* Two names of one address may be two servers behind one proxy. */
static void tries_each_name_of_an_address(void **state)
{
	serve(&a, FOREIGN);
	add_url("https://as1.lab");
	add_url("https://as2.lab");
	add_port(a.port);
	expect_failure((const char *const[]){"as1.lab", "as2.lab", NULL});
	assert_int_equal(a.accepted, 2);
}

static void can_be_cancelled_at_any_moment(void **state)
{
	serve(&a, FOREIGN);
	serve(&b, FARLAN);
	add_url("https://as1.lab");
	add_url("https://gone.lab");
	add_port(free_port());
	add_port(a.port);
	add_port(b.port);
	for (int turns = 0; turns < 40; turns++) {
		clear_outcome();
		a.accepted = b.accepted = 0;
		dial_times.stagger_ms = turns % 2 ? 1 : 250;
		start();
		for (int i = 0; i < turns && !opened; i++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(300);
		}
		if (opened) {
			close_won();
			continue;
		}
		dial_cancel(dial);
		dial_cancel(dial);
		assert_false(wait_for(opened || failed, 5));
	}
}

static void can_be_cancelled_in_a_step(void **state)
{
	serve(&b, FARLAN);
	cancel_in_step = true;
	add_url("https://as1.lab");
	add_port(free_port());
	add_port(b.port);
	start();
	assert_false(wait_for(opened || failed, 400));
	assert_int_equal(n_steps, 1);
	assert_int_equal(b.accepted, 0);
}

/* A try that fails at once, before the loop has turned. */
static void can_be_cancelled_in_an_early_step(void **state)
{
	serve(&b, FARLAN);
	cancel_in_step = true;
	add_url("https://255.255.255.255");
	add_url("https://as1.lab");
	add_port(b.port);
	start();
	assert_false(wait_for(opened || failed, 400));
	assert_int_equal(n_steps, 1);
	assert_int_equal(b.accepted, 0);
	clear_outcome();
	cancel_in_step = true;
	target.n_urls = 0;
	add_url("https://gone.lab");
	start();
	assert_false(wait_for(opened || failed, 200));
}

static void writes_addresses(void **state)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *four = (struct sockaddr_in *)&ss;
	char text[DIAL_ADDR_SIZE];

	memset(&ss, 0, sizeof(ss));
	four->sin_family = AF_INET;
	four->sin_port = htons(443);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &four->sin_addr), 1);
	dial_addr_format(&ss, text);
	assert_string_equal(text, "192.0.2.1:443");
	memset(&ss, 0, sizeof(ss));
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(65535);
	assert_int_equal(
		inet_pton(AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", &six->sin6_addr), 1);
	dial_addr_format(&ss, text);
	assert_string_equal(text, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

static void listening_fails_as_a_whole(void **state)
{
	struct opt_listens where = {.n = 2};
	struct listen_set *set = NULL;

	serve(&a, FARLAN);
	where.at[0].port = free_port();
	where.at[1].port = a.port;
	assert_int_equal(listen_open(&set, &loop, &where, false, on_accept, &a), -EADDRINUSE);
	assert_null(set);
	listen_close(NULL);
}

static int group_set_up(void **state)
{
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	assert_int_equal(x509_key_generate(&host_key), 0);
	fix_host_cert(&lab, "as1.lab", &host_key, &host_cert);
	assert_int_equal(tls_ctx_outer_client(&client_ctx, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&server_ctx, &host_cert, &host_key, &lab.cert), 0);
	return 0;
}

static int group_tear_down(void **state)
{
	tls_ctx_free(client_ctx);
	tls_ctx_free(server_ctx);
	tls_global_deinit();
	uv_library_shutdown(); /* its threads, so that none is left when the sanitizer looks for
				  leaks */
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(reaches_a_server),
		t(reaches_literal_addresses),
		t(the_owner_hears_first_and_may_refuse),
		t(a_port_in_the_url_is_the_only_one),
		t(passes_over_a_port_that_refuses),
		t(passes_over_a_silent_port),
		t(passes_over_other_servers),
		t(the_first_wins_and_the_others_are_closed),
		t(staggers_the_tries),
		t(starts_with_what_worked_last),
		t(remembers_a_bounded_number),
		t(names_each_reason_when_all_fail),
		t(no_name_at_all),
		t(nothing_to_dial),
		t(ends_after_all_its_time),
		t(a_slow_name_holds_up_nobody),
		t(a_slow_name_is_used_in_the_end),
		t(does_without_names),
		t(a_dead_name_is_asked_for_once),
		t(a_lie_does_not_hide_what_is_known),
		t(a_long_list_starves_nobody),
		t(begins_with_any),
		t(a_server_is_left_alone_when_it_asks),
		t(tries_each_name_of_an_address),
		t(can_be_cancelled_at_any_moment),
		t(can_be_cancelled_in_a_step),
		t(can_be_cancelled_in_an_early_step),
		t(writes_addresses),
		t(listening_fails_as_a_whole),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
