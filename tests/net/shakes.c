/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shakes - what a TLS handshake costs a server. For scripts/bench.
 *
 *   shakes engine SECONDS [KIND]
 *       each kind of handshake in memory, for so long: microseconds of processor time at the
 * server, from its engine's making to its end, and at the client; no sockets, no HTTP shakes
 * control FOLDER ADDRESS PID N N control connections to the Access Server there (process PID), with
 * the identity in FOLDER, each closed when both layers are through: microseconds of that process
 * for each
 *
 * The client's cost does not count, so both may share a core.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "common/io/file.h"
#include "common/io/identity.h"
#include "common/io/inner.h"
#include "common/io/log.h"
#include "common/io/tls_internal.h"
#include "common/io/x509.h"
#include "tests/net/process.h"

#define QUEUE_BYTES (64u << 10)
#define AT_ONCE 8
#define UID "0123456789abcdef0123456789abcdef"

/* --- in memory --- */

static struct x509_key ca_key, server_key, client_key;
static struct x509_cert ca, server_cert, client_cert, outer_cert;

static void issue(struct x509_cert *cert, const char *uri, struct x509_key *key,
		  const struct x509_profile *like)
{
	struct x509_profile p = *like;
	struct ident id;
	uint8_t spki[128];
	size_t n;

	p.not_before = clock_wall_s() - 3600;
	p.not_after = clock_wall_s() + 86400;
	p.id = uri ? &id : NULL;
	file_random(p.serial, sizeof(p.serial));
	if ((uri && ident_parse(&id, uri, strlen(uri)) != 0) ||
	    x509_spki(key, spki, sizeof(spki), &n) != 0 ||
	    x509_issue(cert, &p, spki, n, &ca, &ca_key) != 0)
		die("no certificate", "");
}

static void make_domain(void)
{
	const struct x509_profile both = {.server = true, .client = true};
	const struct x509_profile outer = {
		.server = true, .n_hosts = 1, .hosts = {"bench.invalid"}};
	int64_t now = clock_wall_s();

	if (x509_key_generate(&ca_key) != 0 || x509_key_generate(&server_key) != 0 ||
	    x509_key_generate(&client_key) != 0 ||
	    x509_ca_make(&ca, &ca_key, "bench", now - 3600, now + 86400) != 0)
		die("no keys", "");
	issue(&server_cert, "farlan://bench/access/" UID, &server_key, &both);
	issue(&client_cert, "farlan://bench/device/" UID, &client_key, &both);
	issue(&outer_cert, NULL, &server_key, &outer);
}

struct kind {
	const char *name;
	bool inner;
	int group; /* the only one that the client knows */
};

static const struct kind kinds[] = {
	{"outer X25519", false, WOLFSSL_ECC_X25519},
	{"outer X25519MLKEM768", false, WOLFSSL_X25519MLKEM768},
	{"inner X25519", true, WOLFSSL_ECC_X25519},
	{"inner X25519MLKEM768", true, WOLFSSL_X25519MLKEM768},
	{"inner P-256", true, WOLFSSL_ECC_SECP256R1},
};

struct shake {
	struct tls_ctx *client, *server;
	struct tls_expect of_client, of_server; /* what each demands */
	bool inner;
	double client_s, server_s;
	size_t n;
};

static void prepare(struct shake *s, const struct kind *k)
{
	int groups[1] = {k->group};

	*s = (struct shake){.inner = k->inner};
	s->of_client = (struct tls_expect){.alpn = TLS_ALPN_CONTROL, .any_of_kind = true};
	s->of_client.id.kind = IDENT_ACCESS;
	s->of_server = (struct tls_expect){.alpn = TLS_ALPN_ENROL "," TLS_ALPN_CONTROL,
					   .peer_optional = true};
	if ((k->inner
		     ? tls_ctx_inner_client(&s->client, &client_cert, &client_key, &ca) != 0 ||
			       tls_ctx_inner_server(&s->server, &server_cert, &server_key, &ca) != 0
		     : tls_ctx_outer_client(&s->client, &ca, false) != 0 ||
			       tls_ctx_outer_server(&s->server, &outer_cert, &server_key, &ca) !=
				       0) ||
	    wolfSSL_CTX_set_groups(s->client->ctx, groups, 1) != WOLFSSL_SUCCESS)
		die("no context for ", k->name);
}

static double thread_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One call of one side, on that side's account. */
#define ON_ACCOUNT(account, call)                  \
	do {                                       \
		double begin_s = thread_s();       \
		call;                              \
		(account) += thread_s() - begin_s; \
	} while (0)

static void shake_once(struct shake *s)
{
	struct buf up, down;
	struct tls c, v;
	int rc = -EAGAIN, rv = -EAGAIN, e = 0;

	buf_init(&up, QUEUE_BYTES);
	buf_init(&down, QUEUE_BYTES);
	ON_ACCOUNT(s->client_s,
		   e |= tls_init(&c, s->client, &down, &up, s->inner ? NULL : "bench.invalid",
				 s->inner ? &s->of_client : NULL));
	ON_ACCOUNT(s->server_s,
		   e |= tls_init(&v, s->server, &up, &down, NULL, s->inner ? &s->of_server : NULL));
	if (e)
		die("no engine", "");
	for (int i = 0; i < 10 && (rc == -EAGAIN || rv == -EAGAIN); i++) {
		ON_ACCOUNT(s->client_s, rc = tls_handshake(&c));
		ON_ACCOUNT(s->server_s, rv = tls_handshake(&v));
	}
	if (rc != 0 || rv != 0 || (s->inner && !tls_peer(&v)->verified))
		die("the handshake failed: ", c.reason[0] ? c.reason : v.reason);
	ON_ACCOUNT(s->client_s, tls_deinit(&c));
	ON_ACCOUNT(s->server_s, tls_deinit(&v));
	buf_deinit(&up);
	buf_deinit(&down);
	s->n++;
}

static int engine_main(const char *seconds, const char *only)
{
	double each_s = strtod(seconds, NULL), end;

	make_domain();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct shake s;

		if (only && strcmp(only, kinds[i].name) != 0)
			continue;
		prepare(&s, &kinds[i]);
		end = thread_s() + each_s;
		do
			shake_once(&s);
		while (thread_s() < end);
		printf("%s\t%.1f\t%.1f\n", kinds[i].name, s.server_s / (double)s.n * 1e6,
		       s.client_s / (double)s.n * 1e6);
		fflush(stdout);
		tls_ctx_free(s.client);
		tls_ctx_free(s.server);
	}
	return 0;
}
/* --- a daemon --- */

struct run {
	uv_loop_t loop;
	struct tls_ctx *outer, *inner;
	struct outer_target target;
	struct tls_expect expect;
	size_t n, n_dialled, n_ready, n_failed, n_gone;
};

static void dial(struct run *r);

static void gone(struct run *r)
{
	r->n_gone++;
	if (r->n_dialled < r->n)
		dial(r);
}

static void on_ready(struct inner *in)
{
	struct run *r = inner_arg(in);

	r->n_ready++;
	inner_close(in, "done");
}

static void on_inner_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	(void)in;
	(void)bytes;
	(void)n;
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct run *r = inner_arg(in);

	(void)clean;
	if (strcmp(reason, "done") != 0 && r->n_failed++ < 5)
		fprintf(stderr, "shakes: %s\n", reason);
	gone(r);
}

static const struct inner_callbacks inner_calls = {
	.on_ready = on_ready, .on_data = on_inner_data, .on_closed = on_inner_closed};

static void on_outer_open(struct outer *o)
{
	struct run *r = outer_arg(o);
	struct inner *in;

	if (inner_open(&in, o, r->inner, &r->expect, 0, &inner_calls, r) != 0)
		die("out of memory", "");
}

static void on_outer_closed(struct outer *o, bool clean, const char *reason)
{
	struct run *r = outer_arg(o);

	(void)clean;
	if (r->n_failed++ < 5)
		fprintf(stderr, "shakes: %s\n", reason);
	gone(r);
}

static const struct outer_callbacks outer_calls = {.on_open = on_outer_open,
						   .on_closed = on_outer_closed};

static void dial(struct run *r)
{
	struct outer *o;

	r->n_dialled++;
	if (outer_connect(&o, &r->loop, r->outer, &r->target, &outer_calls, r) != 0)
		die("cannot connect", "");
}

static void prepare_run(struct run *r, const char *folder, const char *address)
{
	static struct identity id;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(443)};

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1)
		die("not an IPv4 address: ", address);
	if (identity_load(&id, folder) != 0)
		die("no identity in ", folder);
	r->target = (struct outer_target){
		.host = "bench.invalid", .host_header = "bench.invalid", .path = "/v1/control"};
	memcpy(&r->target.addr, &addr, sizeof(addr));
	r->expect = (struct tls_expect){.alpn = TLS_ALPN_CONTROL, .any_of_kind = true};
	r->expect.id.kind = IDENT_ACCESS;
	if (tls_ctx_outer_client(&r->outer, NULL, false) != 0 ||
	    tls_ctx_inner_client(&r->inner, &id.cert, &id.key, &id.ca) != 0 ||
	    uv_loop_init(&r->loop) != 0)
		die("out of memory", "");
}

static int control_main(char **argv)
{
	static struct run r;
	long pid = (long)number(argv[2], 1, 1 << 30);
	double begin_s, took_s;

	r.n = number(argv[3], 1, 1000000);
	prepare_run(&r, argv[0], argv[1]);
	begin_s = process_cpu_s(pid);
	for (size_t i = 0; i < AT_ONCE && r.n_dialled < r.n; i++)
		dial(&r);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	took_s = process_cpu_s(pid) - begin_s;
	if (r.n_ready == 0)
		die("no handshake was finished", "");
	printf("accessd, control connection, all of it\t%.1f\t%zu\t%zu\n",
	       took_s / (double)r.n_ready * 1e6, r.n_ready, r.n_failed);
	return 0;
}

int main(int argc, char **argv)
{
	log_init(LOG_ERROR);
	if (tls_global_init() != 0)
		die("the TLS library does not start", "");
	if ((argc == 3 || argc == 4) && strcmp(argv[1], "engine") == 0)
		return engine_main(argv[2], argv[3]);
	if (argc == 6 && strcmp(argv[1], "control") == 0)
		return control_main(argv + 2);
	fputs("usage: shakes engine SECONDS [KIND]\n"
	      "       shakes control FOLDER ADDRESS PID N\n",
	      stderr);
	return 2;
}
