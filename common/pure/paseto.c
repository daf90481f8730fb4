/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/paseto.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/pure/bytes.h"
#include "common/pure/signature.h"
#include "common/pure/text.h"

#define HEADER "v4.public."
#define HEADER_CHARS (sizeof(HEADER) - 1)
#define SIGNED_BYTES_MAX \
	(2 * (size_t)PASETO_TOKEN_SIZE) /* payload and footer fit a token; implicit */

/* What is signed; payload and footer as bytes. */
struct parts {
	const void *payload, *footer, *implicit;
	size_t payload_len, footer_len, implicit_len;
};

static void wr_le64(struct wr *w, uint64_t v)
{
	for (unsigned int i = 0; i < 8; i++)
		wr_u8(w, (uint8_t)(v >> 8 * i));
}

/* The top bit is always clear, for languages without unsigned numbers. */
static void wr_piece(struct wr *w, const void *p, size_t n)
{
	wr_le64(w, (uint64_t)n & INT64_MAX);
	wr_bytes(w, p, n);
}

/* Pre-authentication encoding ("Common implementation details", PAE). Return: 0; -ENOSPC. */
static int encode_signed(uint8_t out[SIGNED_BYTES_MAX], const struct parts *p, size_t *n)
{
	struct wr w = wr_init(out, SIGNED_BYTES_MAX);

	wr_le64(&w, 4);
	wr_piece(&w, HEADER, HEADER_CHARS);
	wr_piece(&w, p->payload, p->payload_len);
	wr_piece(&w, p->footer, p->footer_len);
	wr_piece(&w, p->implicit, p->implicit_len);
	*n = w.used;
	return wr_ok(&w) ? 0 : -ENOSPC;
}

/* Payload and signature are one piece of base64url; a token without footer has no second dot. */
static int write_token(char *out, size_t out_size, const struct parts *p,
		       const uint8_t sig[SIGNATURE_BYTES])
{
	uint8_t body[PASETO_TOKEN_SIZE];
	struct wr w = wr_init(body, sizeof(body));
	size_t at = HEADER_CHARS, footer_size;

	wr_bytes(&w, p->payload, p->payload_len);
	wr_bytes(&w, sig, SIGNATURE_BYTES);
	if (!wr_ok(&w) || p->footer_len > PASETO_TOKEN_SIZE)
		return -ENOSPC;
	footer_size = p->footer_len > 0 ? TEXT_B64URL_SIZE(p->footer_len) : 0;
	if (out_size > PASETO_TOKEN_SIZE)
		out_size = PASETO_TOKEN_SIZE;
	if (at + TEXT_B64URL_SIZE(w.used) + footer_size > out_size)
		return -ENOSPC;
	memcpy(out, HEADER, at);
	if (text_b64url_encode(out + at, out_size - at, body, w.used) != 0)
		return -ENOSPC;
	if (p->footer_len == 0)
		return 0;
	at += TEXT_B64URL_SIZE(w.used) - 1;
	out[at++] = '.';
	return text_b64url_encode(out + at, out_size - at, p->footer, p->footer_len);
}

/* NOLINTNEXTLINE(readability-function-size): spans of bytes, each a pointer and a length */
int paseto_sign(char *out, size_t out_size, const uint8_t secret[PASETO_SECRET_BYTES],
		const void *payload, size_t payload_len, const void *footer, size_t footer_len,
		const void *implicit, size_t implicit_len)
{
	struct parts p = {payload, footer, implicit, payload_len, footer_len, implicit_len};
	uint8_t text[SIGNED_BYTES_MAX], sig[SIGNATURE_BYTES];
	size_t n;
	int r = encode_signed(text, &p, &n);

	if (r == 0)
		r = signature_make(sig, secret, text, n);
	if (r == 0)
		r = write_token(out, out_size, &p, sig);
	return r;
}

struct token_text {
	const char *body, *footer;
	size_t body_len, footer_len;
};

/* Cut a token at its dots. An empty footer behind a dot is another spelling, so refused. */
static int split(const char *token, size_t len, struct token_text *t)
{
	const char *dot;

	if (len >= PASETO_TOKEN_SIZE || len < HEADER_CHARS)
		return -EBADMSG;
	if (memcmp(token, HEADER, HEADER_CHARS) != 0)
		return -EBADMSG;
	t->body = token + HEADER_CHARS;
	t->body_len = len - HEADER_CHARS;
	t->footer = token + len;
	t->footer_len = 0;
	dot = memchr(t->body, '.', t->body_len);
	if (!dot)
		return 0;
	t->footer = dot + 1;
	t->footer_len = t->body_len - (size_t)(t->footer - t->body);
	t->body_len = (size_t)(dot - t->body);
	return t->footer_len > 0 ? 0 : -EBADMSG;
}

int paseto_footer(const char *token, size_t token_len, uint8_t *out, size_t out_size, size_t *n)
{
	struct token_text t;

	if (split(token, token_len, &t) != 0)
		return -EBADMSG;
	return text_b64url_decode(out, out_size, n, t.footer, t.footer_len);
}

/* NOLINTNEXTLINE(readability-function-size): spans of bytes, each a pointer and a length */
int paseto_verify(const char *token, size_t token_len, const uint8_t public[PASETO_PUBLIC_BYTES],
		  const void *implicit, size_t implicit_len, uint8_t *payload, size_t payload_size,
		  size_t *payload_len)
{
	uint8_t body[PASETO_TOKEN_SIZE], footer[PASETO_TOKEN_SIZE], text[SIGNED_BYTES_MAX];
	struct parts p = {body, footer, implicit, 0, 0, implicit_len};
	struct token_text t;
	size_t n;

	if (split(token, token_len, &t) != 0 ||
	    text_b64url_decode(body, sizeof(body), &n, t.body, t.body_len) != 0 ||
	    text_b64url_decode(footer, sizeof(footer), &p.footer_len, t.footer, t.footer_len) != 0)
		return -EBADMSG;
	if (n < SIGNATURE_BYTES)
		return -EBADMSG;
	p.payload_len = n - SIGNATURE_BYTES;
	if (p.payload_len > payload_size || encode_signed(text, &p, &n) != 0)
		return -ENOSPC;
	if (signature_check(body + p.payload_len, public, text, n) != 0)
		return -EKEYREJECTED;
	memcpy(payload, body, p.payload_len);
	*payload_len = p.payload_len;
	return 0;
}
