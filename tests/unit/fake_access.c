/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/fake_access.h"

#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/pure/msg.h"

#define ACCESS_URI "farlan://lab/access/00000000000000000000000000000001"

struct fake_conn {
	struct fake_access *f;
	struct inner *inner;
	struct rpc rpc;
	bool rpc_open;
};

static void issue(const struct fake_access *f, struct x509_cert *cert, const struct ident *id,
		  const uint8_t *spki, size_t len)
{
	struct x509_profile p = {.id = id, .server = true, .client = true};

	if (!id) {
		p.n_hosts = 1;
		strcpy(p.hosts[0], "127.0.0.1");
	}
	p.not_before = clock_wall_s() - 3600;
	p.not_after = clock_wall_s() + 86400;
	file_random(p.serial, sizeof(p.serial));
	assert_int_equal(x509_issue(cert, &p, spki, len, &f->domain->ca, &f->domain->ca_key), 0);
}

/* Methods */

json_t *fake_access_keys(const struct fake_access *f)
{
	const struct token_key *k = &f->domain->key;

	return json_pack("[{s:s, s:o}]", "kid", k->kid, "public",
			 rpc_json_bytes(k->public, sizeof(k->public)));
}

static json_t *urls(const struct fake_access *f)
{
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%u", f->port);
	return json_pack("[s]", url);
}

static void on_enrol(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct fake_conn *c = rpc->arg;
	struct fake_access *f = c->f;
	uint8_t csr[X509_CSR_MAX_BYTES], spki[128];
	struct x509_cert cert, outer;
	size_t n, len;

	assert_true(rpc_bytes(params, "csr", csr, sizeof(csr), &n));
	assert_int_equal(x509_csr_check(csr, n, spki, sizeof(spki), &len), 0);
	if (f->refuse) {
		rpc_reject(rpc, id, RPC_DENIED, "unknown invitation");
		return;
	}
	issue(f, &cert, &f->domain->relay, spki, len);
	issue(f, &outer, NULL, spki, len);
	f->enrolled++;
	rpc_reply(rpc, id,
		  json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", f->name, "uri",
			    ENDS_RELAY_URI, "cert", rpc_json_bytes(cert.der, cert.len), "ca",
			    rpc_json_bytes(f->domain->ca.der, f->domain->ca.len), "urls", urls(f),
			    "outer_cert", rpc_json_bytes(outer.der, outer.len), "token_keys",
			    fake_access_keys(f)));
}

static void on_hello(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct fake_conn *c = rpc->arg;
	struct fake_access *f = c->f;

	assert_true(json_is_array(json_object_get(params, "sessions")));
	assert_true(inner_peer(c->inner)->has_ident);
	assert_true(ident_equal(&inner_peer(c->inner)->id, &f->domain->relay));
	f->hellos++;
	f->conn = c;
	rpc_reply(rpc, id,
		  json_pack("{s:s, s:s, s:o, s:o}", "name", f->name, "domain", "lab", "urls",
			    urls(f), "token_keys", fake_access_keys(f)));
}

static void on_report(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct fake_conn *c = rpc->arg;
	struct fake_report *r = &c->f->report;

	assert_int_equal(id, 0);
	assert_true(rpc_int(params, "sessions", 0, INT64_MAX, &r->sessions));
	assert_true(rpc_int(params, "max_sessions", 1, INT64_MAX, &r->max_sessions));
	assert_true(rpc_int(params, "bytes_per_s", 0, INT64_MAX, &r->bytes_per_s));
	assert_true(rpc_int(params, "capacity", 0, INT64_MAX, &r->capacity));
	assert_true(rpc_int(params, "loop_lag_ms", 0, INT64_MAX, &r->loop_lag_ms));
	assert_true(rpc_bool(params, "draining", &r->draining));
	c->f->reports++;
}

static void on_usage(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct fake_conn *c = rpc->arg;
	const json_t *list = json_object_get(params, "records"), *o;
	size_t i;

	json_array_foreach (list, i, o) {
		assert_int_equal(usage_decode(&c->f->usage, o), 0);
		c->f->usages++;
	}
	assert_true(i > 0);
	rpc_reply(rpc, id, NULL);
}

static const struct rpc_method methods[] = {{"session.usage", on_usage},
					    {"enrol", on_enrol},
					    {"hello", on_hello},
					    {"relay.report", on_report}};

/* Connections */

static int on_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct fake_conn *c = rpc->arg;

	return inner_send(c->inner, bytes, n);
}

static const struct rpc_ops ops = {
	.send = on_send, .methods = methods, .n_methods = sizeof(methods) / sizeof(methods[0])};

static void on_ready(struct inner *in)
{
	struct fake_conn *c = inner_arg(in);

	rpc_init(&c->rpc, c->f->loop, &ops, c, MSG_MAX_BYTES);
	c->rpc_open = true;
}

static void on_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct fake_conn *c = inner_arg(in);

	assert_int_equal(rpc_feed(&c->rpc, bytes, n), 0);
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct fake_conn *c = inner_arg(in);

	(void)clean;
	(void)reason;
	if (c->rpc_open)
		rpc_deinit(&c->rpc);
	if (c->f->conn == c)
		c->f->conn = NULL;
	c->f->open--;
	free(c);
}

static const struct inner_callbacks inner_calls = {
	.on_ready = on_ready, .on_data = on_data, .on_closed = on_inner_closed};

static void on_request(struct outer *o, const struct http_head *head)
{
	(void)head;
	outer_upgrade(o);
}

static void on_outer_open(struct outer *o)
{
	struct tls_expect expect = {.peer_optional = true,
				    .alpn = TLS_ALPN_ENROL "," TLS_ALPN_CONTROL};
	struct fake_conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->f = outer_arg(o);
	c->f->open++;
	assert_int_equal(inner_open(&c->inner, o, c->f->inner, &expect, 0, &inner_calls, c), 0);
}

static void on_outer_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	(void)bytes;
	(void)n;
}

static void on_outer_closed(struct outer *o, bool clean, const char *reason)
{
	(void)o;
	(void)clean;
	(void)reason;
}

static const struct outer_callbacks outer_calls = {.on_request = on_request,
						   .on_open = on_outer_open,
						   .on_data = on_outer_data,
						   .on_closed = on_outer_closed};

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct fake_access *f = poll->data;
	int fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct outer *o;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	if (f->away)
		close(fd);
	else
		assert_int_equal(outer_accept(&o, f->loop, f->outer, fd, &outer_calls, f), 0);
}

/* The server */

static void make_certs(struct fake_access *f)
{
	struct ident id;
	uint8_t spki[128];
	size_t len;

	assert_int_equal(ident_parse(&id, ACCESS_URI, strlen(ACCESS_URI)), 0);
	assert_int_equal(x509_key_generate(&f->key), 0);
	assert_int_equal(x509_spki(&f->key, spki, sizeof(spki), &len), 0);
	issue(f, &f->cert, &id, spki, len);
	issue(f, &f->outer_cert, NULL, spki, len);
	assert_int_equal(tls_ctx_outer_server(&f->outer, &f->outer_cert, &f->key, &f->domain->ca),
			 0);
	assert_int_equal(tls_ctx_inner_server(&f->inner, &f->cert, &f->key, &f->domain->ca), 0);
}

void fake_access_open(struct fake_access *f, uv_loop_t *loop, struct domain *d)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);

	*f = (struct fake_access){.loop = loop, .domain = d, .name = "rs1"};
	make_certs(f);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(f->fd, 16), 0);
	assert_int_equal(getsockname(f->fd, (struct sockaddr *)&addr, &len), 0);
	f->port = ntohs(addr.sin_port);
	assert_int_equal(uv_poll_init(loop, &f->accepting, f->fd), 0);
	f->accepting.data = f;
	assert_int_equal(uv_poll_start(&f->accepting, UV_READABLE, on_acceptable), 0);
}

void fake_access_leave(struct fake_access *f)
{
	f->away = true;
	if (f->conn)
		inner_close(f->conn->inner, "the server goes away");
}

void fake_access_close(struct fake_access *f)
{
	fake_access_leave(f);
	uv_close((uv_handle_t *)&f->accepting, NULL);
	while (uv_run(f->loop, UV_RUN_ONCE))
		;
	close(f->fd);
	tls_ctx_free(f->outer);
	tls_ctx_free(f->inner);
}

void fake_access_invite(const struct fake_access *f, enum ident_kind kind,
			char out[INVITE_TEXT_SIZE])
{
	struct invite in = {.kind = kind, .n_urls = 1};
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%u", f->port);
	x509_sha256(f->domain->ca.der, f->domain->ca.len, in.ca_sha256);
	file_random(in.secret, sizeof(in.secret));
	in.expires = (clock_wall_s() / 60 + 60) * 60;
	assert_int_equal(url_parse(&in.urls[0], url), 0);
	assert_int_equal(invite_encode(&in, out), 0);
}

void fake_access_notify(struct fake_access *f, const char *method, json_t *params)
{
	assert_non_null(f->conn);
	if (f->conn)
		assert_int_equal(rpc_notify(&f->conn->rpc, method, params), 0);
}
