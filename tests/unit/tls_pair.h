/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls_pair - two TLS engines in memory that talk with each other. Include tls_fixture.h before.
 */
#ifndef FARLAN_TLS_PAIR_H
#define FARLAN_TLS_PAIR_H

#include "common/io/tls.h"
#include "common/pure/buf.h"

/* Two engines and what is on its way between them. */
struct end {
	struct tls tls;
	struct buf in, out;
	int r; /* of the last step */
};

struct pair {
	struct end c, s;
};

static uint64_t noise = 88172645463325252u;

static inline void end_init(struct end *e, const struct tls_ctx *ctx, const char *host,
			    const struct tls_expect *expect)
{
	buf_init(&e->in, 1u << 20);
	buf_init(&e->out, 1u << 20);
	assert_int_equal(tls_init(&e->tls, ctx, &e->in, &e->out, host, expect), 0);
	e->r = -EAGAIN;
}

static inline void end_deinit(struct end *e)
{
	tls_deinit(&e->tls);
	tls_deinit(&e->tls);
	buf_deinit(&e->in);
	buf_deinit(&e->out);
}

static inline void pair_deinit(struct pair *p)
{
	end_deinit(&p->c);
	end_deinit(&p->s);
}

static inline void carry(struct buf *from, struct buf *to, size_t n)
{
	n = n < buf_len(from) ? n : buf_len(from);
	assert_int_equal(buf_append(to, buf_data(from), n), 0);
	buf_consume(from, n);
}

static inline size_t piece(size_t max)
{
	return max == 1 ? 1 : 1 + noise_u32(&noise) % max;
}

static inline void step(struct end *e)
{
	if (e->r == -EAGAIN)
		e->r = tls_handshake(&e->tls);
}

/* Shake hands in pieces of 1..@max bytes until nothing moves any more. */
static inline void shake(struct pair *p, size_t max)
{
	do {
		carry(&p->c.out, &p->s.in, piece(max));
		step(&p->s);
		carry(&p->s.out, &p->c.in, piece(max));
		step(&p->c);
	} while (buf_len(&p->c.out) > 0 || buf_len(&p->s.out) > 0);
}

static inline struct tls_ctx *inner_client(const struct fix_id *id, const struct fix_ca *ca)
{
	struct tls_ctx *ctx;

	assert_int_equal(tls_ctx_inner_client(&ctx, id ? &id->cert : NULL, id ? &id->key : NULL,
					      ca ? &ca->cert : NULL),
			 0);
	return ctx;
}

static inline struct tls_ctx *inner_server(const struct fix_id *id, const struct fix_ca *ca)
{
	struct tls_ctx *ctx;

	assert_int_equal(tls_ctx_inner_server(&ctx, &id->cert, &id->key, &ca->cert), 0);
	return ctx;
}

static inline void exchange(struct end *from, struct end *to, const void *text, size_t n)
{
	static uint8_t got[TLS_RECORD_MAX_BYTES];
	size_t at = 0, part = 0;

	assert_int_equal(tls_write(&from->tls, text, n), 0);
	carry(&from->out, &to->in, SIZE_MAX);
	while (at < n) {
		assert_int_equal(tls_read(&to->tls, got, sizeof(got), &part), 0);
		assert_memory_equal(got, (const uint8_t *)text + at, part);
		at += part;
	}
	assert_int_equal(tls_read(&to->tls, got, sizeof(got), &part), -EAGAIN);
}

#endif
