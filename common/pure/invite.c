/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/invite.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/bytes.h"
#include "common/pure/text.h"

#define PREFIX "farlan-"
#define VERSION 1
#define CHECK_BYTES 4
#define PREFIX_SIZE 24 /* "farlan-", a kind, '-', NUL */
#define BYTES_MAX (INVITE_TEXT_SIZE / 4 * 3)

static bool kind_ok(enum ident_kind kind)
{
	switch (kind) {
	case IDENT_DEVICE:
	case IDENT_USER:
	case IDENT_RELAY:
		return true;
	case IDENT_ACCESS:
		return false;
	}
	return false;
}

static bool put_check(struct wr *w)
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];

	if (!wr_ok(w) || wc_Sha256Hash(w->base, (word32)w->used, digest) != 0)
		return false;
	wr_bytes(w, digest, CHECK_BYTES);
	return wr_ok(w);
}

static void put_url(struct wr *w, const struct url *u)
{
	char text[URL_TEXT_SIZE];
	size_t n;

	url_format(u, text);
	n = strlen(text);
	if (n > INVITE_URL_MAX_CHARS)
		w->overflow = true;
	wr_u8(w, (uint8_t)n);
	wr_bytes(w, text, n);
}

static bool put_all(struct wr *w, const struct invite *in)
{
	wr_u8(w, VERSION);
	wr_u8(w, (uint8_t)in->kind);
	wr_bytes(w, in->ca_sha256, sizeof(in->ca_sha256));
	wr_bytes(w, in->secret, sizeof(in->secret));
	wr_u32(w, (uint32_t)(in->expires / 60));
	wr_u8(w, (uint8_t)in->n_urls);
	for (size_t i = 0; i < in->n_urls; i++)
		put_url(w, &in->urls[i]);
	return put_check(w);
}

int invite_encode(const struct invite *in, char out[INVITE_TEXT_SIZE])
{
	uint8_t bytes[BYTES_MAX];
	char prefix[PREFIX_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));
	int n, r = -ENOSPC;

	if (!kind_ok(in->kind) || in->n_urls < 1 || in->n_urls > INVITE_URLS_MAX)
		return -EINVAL;
	if (in->expires < 0 || in->expires / 60 > UINT32_MAX)
		return -EINVAL;
	n = snprintf(prefix, sizeof(prefix), PREFIX "%s-", ident_kind_name(in->kind));
	if (n > 0 && put_all(&w, in) && (size_t)n + TEXT_B64URL_SIZE(w.used) <= INVITE_TEXT_SIZE) {
		memcpy(out, prefix, (size_t)n);
		r = text_b64url_encode(out + n, INVITE_TEXT_SIZE - (size_t)n, bytes, w.used);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

/* Without white space: mail programs and terminals break long lines. */
static int squeeze(char *out, size_t out_size, const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		if (strchr(" \t\r\n", *text))
			continue;
		if (n + 1 >= out_size)
			return -EINVAL;
		out[n++] = *text;
	}
	out[n] = '\0';
	return 0;
}

/* "farlan-KIND-"; *code is set behind it. */
static int read_prefix(const char *text, enum ident_kind *kind, const char **code)
{
	char name[PREFIX_SIZE];
	const char *at = text + strlen(PREFIX), *dash;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return -EINVAL;
	dash = strchr(at, '-');
	if (!dash || (size_t)(dash - at) >= sizeof(name))
		return -EINVAL;
	memcpy(name, at, (size_t)(dash - at));
	name[dash - at] = '\0';
	if (ident_kind_parse(kind, name) != 0 || !kind_ok(*kind))
		return -EINVAL;
	*code = dash + 1;
	return 0;
}

static bool check_ok(const uint8_t *bytes, size_t n)
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];

	if (n < CHECK_BYTES || wc_Sha256Hash(bytes, (word32)(n - CHECK_BYTES), digest) != 0)
		return false;
	return memcmp(bytes + n - CHECK_BYTES, digest, CHECK_BYTES) == 0;
}

static bool get_url(struct rd *r, struct url *u)
{
	char text[URL_TEXT_SIZE];
	const uint8_t *p;
	uint8_t n;

	if (!rd_u8(r, &n) || n > INVITE_URL_MAX_CHARS || !rd_bytes(r, &p, n))
		return false;
	if (memchr(p, '\0', n))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	return url_parse(u, text) == 0;
}

static bool get_urls(struct rd *r, struct invite *v)
{
	uint8_t n;

	if (!rd_u8(r, &n) || n < 1 || n > INVITE_URLS_MAX)
		return false;
	for (v->n_urls = 0; v->n_urls < n; v->n_urls++) {
		if (!get_url(r, &v->urls[v->n_urls]))
			return false;
	}
	return true;
}

static bool get_all(struct rd *r, struct invite *v)
{
	const uint8_t *ca, *secret;
	uint8_t version, kind;
	uint32_t minutes;

	if (!rd_u8(r, &version) || !rd_u8(r, &kind) || version != VERSION || kind != v->kind)
		return false;
	if (!rd_bytes(r, &ca, sizeof(v->ca_sha256)) || !rd_bytes(r, &secret, sizeof(v->secret)))
		return false;
	if (!rd_u32(r, &minutes) || !get_urls(r, v))
		return false;
	memcpy(v->ca_sha256, ca, sizeof(v->ca_sha256));
	memcpy(v->secret, secret, sizeof(v->secret));
	v->expires = (int64_t)minutes * 60;
	return r->left == 0;
}

static int read_code(struct invite *v, const char *code)
{
	uint8_t bytes[BYTES_MAX];
	size_t n = 0;
	struct rd r;
	bool ok;

	ok = text_b64url_decode(bytes, sizeof(bytes), &n, code, strlen(code)) == 0 &&
	     check_ok(bytes, n);
	if (ok) {
		r = rd_init(bytes, n - CHECK_BYTES);
		ok = get_all(&r, v);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return ok ? 0 : -EBADMSG;
}

int invite_decode(struct invite *out, const char *text)
{
	char squeezed[INVITE_TEXT_SIZE];
	struct invite found = {.n_urls = 0};
	const char *code;
	int r = squeeze(squeezed, sizeof(squeezed), text);

	if (r == 0)
		r = read_prefix(squeezed, &found.kind, &code);
	if (r == 0)
		r = read_code(&found, code);
	if (r == 0)
		*out = found;
	explicit_bzero(&found, sizeof(found));
	explicit_bzero(squeezed, sizeof(squeezed));
	return r;
}
