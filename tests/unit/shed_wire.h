/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shed_wire - what the tests of shedding share: a stream of records whose every byte is known, a
 * wire that cuts and records what passes, and a proxy that opens the outer layer and seals it
 * again. All of it is stepped by the test's own loop.
 */
#ifndef FARLAN_TESTS_SHED_WIRE_H
#define FARLAN_TESTS_SHED_WIRE_H

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "common/pure/record.h"
#include "tests/unit/tls_fixture.h"

/* --- the stream: application data records of all sizes, the counter goes through them --- */

struct gen {
	uint64_t place; /* in the stream */
	uint64_t record;
	size_t at, total; /* in the record, header included */
};

static inline size_t gen_body(uint64_t record)
{
	switch (record % 7) {
	case 0:
		return RECORD_BODY_MIN_BYTES;
	case 3:
		return RECORD_BODY_MAX_BYTES;
	case 5:
		return 16384 + 17 + (size_t)(record % 100);
	default:
		return RECORD_BODY_MIN_BYTES + (size_t)(record * 7919 % 1500);
	}
}

static inline bool gen_at_boundary(const struct gen *g)
{
	return g->at == g->total;
}

static inline uint8_t gen_next(struct gen *g)
{
	size_t body;
	uint8_t byte;

	if (g->at == g->total) {
		g->at = 0;
		g->total = RECORD_HEADER_BYTES + gen_body(g->record++);
	}
	body = g->total - RECORD_HEADER_BYTES;
	switch (g->at) {
	case 0:
		byte = 23;
		break;
	case 1:
	case 2:
		byte = 3;
		break;
	case 3:
		byte = (uint8_t)(body >> 8);
		break;
	case 4:
		byte = (uint8_t)body;
		break;
	default:
		byte = (uint8_t)(g->place * 131 + (g->place >> 8) * 31 + (g->place >> 16));
	}
	g->at++;
	g->place++;
	return byte;
}

/* Bytes until the present record ends; 0 at a boundary. */
static inline size_t gen_left(const struct gen *g)
{
	return g->total - g->at;
}

/* --- the wire --- */

enum { TO_SERVER, TO_CLIENT };

struct wire {
	int listener, fd[2]; /* [0] the client's side */
	size_t chunk;	     /* bytes that pass in one turn; 0: as they come */
	bool random;	     /* 1 to chunk bytes */
	bool hold[2], eof[2], fin[2];
	struct buf out[2], seen[2];
	uint64_t noise;
};

#define WIRE_OUT_BYTES (256u << 10)
#define WIRE_SEEN_BYTES (64u << 20)

static inline void wire_open(struct wire *w, struct sockaddr_storage *where)
{
	*w = (struct wire){.fd = {-1, -1}, .noise = 4242};
	w->listener = fix_listen(where);
	for (int d = 0; d < 2; d++) {
		buf_init(&w->out[d], 2 * WIRE_OUT_BYTES);
		buf_init(&w->seen[d], WIRE_SEEN_BYTES);
	}
}

/* The client has connected: go on to @server. */
static inline void wire_join(struct wire *w, const struct sockaddr_storage *server)
{
	struct pollfd p = {.fd = w->listener, .events = POLLIN};
	int on = 1;

	assert_int_equal(poll(&p, 1, 2000), 1);
	w->fd[0] = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	w->fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(w->fd[0] >= 0 && w->fd[1] >= 0);
	assert_int_equal(
		connect(w->fd[1], (const struct sockaddr *)server, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(fcntl(w->fd[1], F_SETFL, O_NONBLOCK), 0);
	for (int d = 0; d < 2; d++)
		setsockopt(w->fd[d], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static inline size_t wire_part(struct wire *w)
{
	if (!w->chunk)
		return WIRE_OUT_BYTES;
	return w->random ? 1 + noise_u32(&w->noise) % w->chunk : w->chunk;
}

static inline bool wire_read(struct wire *w, int d)
{
	uint8_t *at;
	ssize_t n;

	if (w->eof[d] || buf_len(&w->out[d]) >= WIRE_OUT_BYTES)
		return false;
	assert_int_equal(buf_reserve(&w->out[d], WIRE_OUT_BYTES, &at), 0);
	n = recv(w->fd[d], at, WIRE_OUT_BYTES, 0);
	if (n > 0) {
		buf_commit(&w->out[d], (size_t)n);
		assert_int_equal(buf_append(&w->seen[d], at, (size_t)n), 0);
	} else if (n == 0 || errno != EAGAIN) {
		w->eof[d] = true;
	}
	return n > 0;
}

static inline bool wire_write(struct wire *w, int d)
{
	size_t part = wire_part(w);
	ssize_t n = 0;

	if (part > buf_len(&w->out[d]))
		part = buf_len(&w->out[d]);
	if (part > 0)
		n = send(w->fd[!d], buf_data(&w->out[d]), part, MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&w->out[d], (size_t)n);
	else if (n < 0 && errno != EAGAIN) /* nobody there any more */
		buf_consume(&w->out[d], buf_len(&w->out[d]));
	if (w->eof[d] && !w->fin[d] && buf_len(&w->out[d]) == 0) {
		w->fin[d] = true;
		shutdown(w->fd[!d], SHUT_WR);
	}
	return n > 0;
}

/* Return: something passed. */
static inline bool wire_turn(struct wire *w)
{
	bool some = false;

	for (int d = 0; d < 2 && w->fd[0] >= 0; d++) {
		if (w->hold[d])
			continue;
		some |= wire_read(w, d);
		some |= wire_write(w, d);
	}
	return some;
}

static inline void wire_close(struct wire *w)
{
	for (int d = 0; d < 2; d++) {
		if (w->fd[d] >= 0)
			close(w->fd[d]);
		buf_deinit(&w->out[d]);
		buf_deinit(&w->seen[d]);
	}
	close(w->listener);
	w->fd[0] = w->fd[1] = w->listener = -1;
}

/* --- the proxy: the same wire with the outer layer opened and sealed again in between --- */

struct between {
	struct wire w; /* its buffers hold ciphertext towards tls[] */
	struct tls tls[2];
	struct buf in[2], sealed[2];
	bool shaken[2];
	size_t chunk; /* of plaintext that goes into one record; 0: as it came */
};

static inline void proxy_open(struct between *p, struct sockaddr_storage *where,
			      const struct tls_ctx *server, const struct tls_ctx *client)
{
	memset(p, 0, sizeof(*p));
	wire_open(&p->w, where);
	for (int i = 0; i < 2; i++) {
		buf_init(&p->in[i], 1u << 20);
		buf_init(&p->sealed[i], 4u << 20);
		assert_int_equal(tls_init(&p->tls[i], i ? client : server, &p->in[i], &p->sealed[i],
					  i ? "localhost" : NULL, NULL),
				 0);
	}
}

static inline void proxy_reseal(struct between *p, int from)
{
	uint8_t plain[TLS_RECORD_MAX_BYTES];
	size_t n;

	while (p->shaken[0] && p->shaken[1] && buf_len(&p->sealed[!from]) < (1u << 20) &&
	       tls_read(&p->tls[from], plain, sizeof(plain), &n) == 0) {
		for (size_t at = 0; at < n;) {
			size_t part = p->chunk && p->chunk < n - at ? p->chunk : n - at;

			assert_int_equal(tls_write(&p->tls[!from], plain + at, part), 0);
			at += part;
		}
	}
}

static inline bool proxy_turn(struct between *p)
{
	bool some = false;
	uint8_t *at;
	ssize_t n;

	for (int i = 0; i < 2 && p->w.fd[0] >= 0; i++) {
		if (buf_len(&p->in[i]) < (64u << 10)) {
			assert_int_equal(buf_reserve(&p->in[i], 65536, &at), 0);
			n = recv(p->w.fd[i], at, 65536, 0);
			if (n > 0)
				buf_commit(&p->in[i], (size_t)n);
			else if (n == 0 || errno != EAGAIN)
				p->w.eof[i] = true;
			some |= n > 0;
		}
		if (!p->shaken[i])
			p->shaken[i] = tls_handshake(&p->tls[i]) == 0;
		proxy_reseal(p, i);
	}
	for (int i = 0; i < 2 && p->w.fd[0] >= 0; i++) {
		n = send(p->w.fd[i], buf_data(&p->sealed[i]), buf_len(&p->sealed[i]), MSG_NOSIGNAL);
		if (n > 0) {
			buf_consume(&p->sealed[i], (size_t)n);
			some = true;
		}
		if (p->w.eof[!i] && !p->w.fin[i] && buf_len(&p->sealed[i]) == 0) {
			p->w.fin[i] = true;
			shutdown(p->w.fd[i], SHUT_WR);
		}
	}
	return some;
}

static inline void proxy_close(struct between *p)
{
	for (int i = 0; i < 2; i++) {
		tls_deinit(&p->tls[i]);
		buf_deinit(&p->in[i]);
		buf_deinit(&p->sealed[i]);
	}
	wire_close(&p->w);
}

#endif
