/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/relay_ends.h"

#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/pure/text.h"

#define CHUNK_MAX 40000

/* The domain */

void domain_make(struct domain *d)
{
	struct x509_profile p = {.server = true, .n_hosts = 1, .hosts = {"127.0.0.1"}};
	uint8_t spki[128];
	size_t len;

	p.not_before = clock_wall_s() - 3600;
	p.not_after = clock_wall_s() + 86400;
	file_random(p.serial, sizeof(p.serial));
	assert_int_equal(x509_key_generate(&d->ca_key), 0);
	assert_int_equal(x509_key_generate(&d->relay_key), 0);
	assert_int_equal(x509_ca_make(&d->ca, &d->ca_key, "lab", p.not_before, p.not_after), 0);
	assert_int_equal(x509_spki(&d->relay_key, spki, sizeof(spki), &len), 0);
	assert_int_equal(x509_issue(&d->outer_cert, &p, spki, len, &d->ca, &d->ca_key), 0);
	assert_int_equal(ident_parse(&d->relay, ENDS_RELAY_URI, strlen(ENDS_RELAY_URI)), 0);
	assert_int_equal(x509_ed25519_generate(d->secret, d->key.public), 0);
	token_kid(d->key.kid, d->key.public);
	assert_int_equal(tls_ctx_outer_client(&d->client, &d->ca, false), 0);
	assert_int_equal(tls_ctx_outer_server(&d->server, &d->outer_cert, &d->relay_key, &d->ca),
			 0);
}

void domain_free(struct domain *d)
{
	tls_ctx_free(d->client);
	tls_ctx_free(d->server);
}

void domain_session_id(unsigned int session, uint8_t id[TOKEN_SESSION_BYTES])
{
	memset(id, 0xab, TOKEN_SESSION_BYTES);
	memcpy(id, &session, sizeof(session));
}

void domain_token(const struct domain *d, const struct claims *c, char out[PASETO_TOKEN_SIZE])
{
	const char *uri = c->relay ? c->relay : ENDS_RELAY_URI;
	struct token t = {.role = c->role};
	uint8_t id[TOKEN_SESSION_BYTES];

	domain_session_id(c->session, id);
	assert_int_equal(text_hex_encode(t.session, sizeof(t.session), id, sizeof(id)), 0);
	assert_int_equal(ident_parse(&t.relay, uri, strlen(uri)), 0);
	t.issued = clock_wall_s() + c->from_s;
	t.expires = clock_wall_s() + c->to_s;
	t.rate = c->rate;
	t.user_rate = c->user_rate;
	if (c->user)
		memcpy(t.user, c->user, strlen(c->user) + 1);
	assert_int_equal(token_sign(out, &t, d->secret, d->key.public), 0);
}

/* Ends */

uint8_t ends_byte(uint8_t tag, uint64_t at)
{
	return (uint8_t)(at ^ (at >> 8) ^ (at >> 16) ^ (at >> 24) ^ tag);
}

static void push(struct end *e)
{
	uint8_t bytes[CHUNK_MAX];

	while (e->o && e->open && e->sent < e->goal &&
	       outer_queued(e->o) <= OUTER_QUEUE_HIGH_BYTES) {
		size_t n = 1 + noise_u32(&e->noise) % (noise_u32(&e->noise) % 4 ? CHUNK_MAX : 100);

		if (n > e->goal - e->sent)
			n = (size_t)(e->goal - e->sent);
		for (size_t i = 0; i < n; i++)
			bytes[i] = ends_byte(e->tag, e->sent + i);
		if (outer_send(e->o, bytes, n) != 0)
			return;
		e->sent += n;
	}
	if (e->o && e->finish && e->sent == e->goal)
		outer_finish(e->o, "all sent");
}

static void on_open(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->open = true;
	push(e);
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct end *e = outer_arg(o);

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != ends_byte(e->peer_tag, e->received + i))
			e->wrong = true;
	e->received += n;
}

static void on_drain(struct outer *o)
{
	push(outer_arg(o));
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct end *e = outer_arg(o);

	e->open = false;
	e->closed = true;
	e->clean = clean;
	e->o = NULL;
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
}

static void on_hint(struct outer *o, const struct hint *h)
{
	struct end *e = outer_arg(o);

	assert_int_equal(h->code, HINT_DRAINING);
	e->hints++;
	e->hint_arg = h->arg;
}

static const struct outer_callbacks callbacks = {
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_hint = on_hint,
	.on_closed = on_closed,
};

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

void end_dial(struct end *e, uv_loop_t *loop, const struct domain *d, uint16_t port,
	      const char *path, const char *headers)
{
	struct outer_target target = {
		.host = "127.0.0.1", .host_header = "127.0.0.1", .path = path, .headers = headers};
	struct sockaddr_in addr = loopback(port);

	e->noise = 4711u + e->tag;
	memcpy(&target.addr, &addr, sizeof(addr));
	assert_int_equal(outer_connect(&e->o, loop, d->client, &target, &callbacks, e), 0);
}

void end_send(struct end *e, uint64_t n)
{
	e->goal += n;
	push(e);
}

void end_close(struct end *e)
{
	if (e->o)
		outer_close(e->o, "closed by the test");
}

/* By hand */

void hand_open(struct hand *h, const struct domain *d, uint16_t port)
{
	struct sockaddr_in addr = loopback(port);

	*h = (struct hand){0};
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(h->fd >= 0);
	assert_int_equal(connect(h->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fcntl(h->fd, F_SETFL, O_NONBLOCK), 0);
	buf_init(&h->in, 1 << 16);
	buf_init(&h->out, 1 << 16);
	assert_int_equal(tls_init(&h->tls, d->client, &h->in, &h->out, "127.0.0.1", NULL), 0);
}

static void flush(struct hand *h)
{
	while (buf_len(&h->out) > 0) {
		ssize_t n = send(h->fd, buf_data(&h->out), buf_len(&h->out), MSG_NOSIGNAL);

		if (n <= 0)
			return;
		buf_consume(&h->out, (size_t)n);
	}
}

static void fill(struct hand *h)
{
	uint8_t bytes[4096];
	ssize_t n = recv(h->fd, bytes, sizeof(bytes), 0);

	if (n > 0)
		assert_int_equal(buf_append(&h->in, bytes, (size_t)n), 0);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		h->eof = true;
}

void hand_step(struct hand *h)
{
	size_t n;

	fill(h);
	if (!h->shaken)
		h->shaken = tls_handshake(&h->tls) == 0;
	while (h->shaken && h->n_got < sizeof(h->got) - 1 &&
	       tls_read(&h->tls, h->got + h->n_got, sizeof(h->got) - 1 - h->n_got, &n) == 0)
		h->n_got += n;
	flush(h);
}

void hand_say(struct hand *h, const void *bytes, size_t n)
{
	assert_true(h->shaken);
	assert_int_equal(tls_write(&h->tls, bytes, n), 0);
	flush(h);
}

void hand_close(struct hand *h)
{
	tls_deinit(&h->tls);
	buf_deinit(&h->in);
	buf_deinit(&h->out);
	close(h->fd);
}
