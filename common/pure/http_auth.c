/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/http_auth.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/text.h"

#define HASH_MAX_BYTES WC_SHA256_DIGEST_SIZE
#define HASH_TEXT_SIZE TEXT_HEX_SIZE(HASH_MAX_BYTES)
#define HASHED_SIZE 2048 /* what is put together and hashed */
#define QUOTED_SIZE (2 * HTTP_AUTH_REALM_SIZE + 3)
#define SCHEME_MAX_CHARS 20

/* Challenges */

/* One of the list. */
struct challenge {
	struct http_str scheme;
	struct http_auth auth;
	char algorithm[24], qop[64];
	bool has_algorithm, has_qop, has_nonce, has_realm;
	bool bad; /* malformed, too long, said twice */
};

static bool is_token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
}

static void skip(struct http_str *s, size_t n)
{
	s->at += n;
	s->len -= n;
}

static void skip_blanks(struct http_str *s)
{
	while (s->len > 0 && (s->at[0] == ' ' || s->at[0] == '\t'))
		skip(s, 1);
}

static struct http_str take_token(struct http_str *s)
{
	struct http_str token = {s->at, 0};

	while (token.len < s->len && is_token_char(s->at[token.len]))
		token.len++;
	skip(s, token.len);
	return token;
}

/* The next part of the list, up to a comma that is not quoted. Return: false: a quote has no end.
 */
static bool take_item(struct http_str *list, struct http_str *item)
{
	bool quoted = false;
	size_t n = 0;

	for (; n < list->len && (quoted || list->at[n] != ','); n++) {
		if (list->at[n] == '"')
			quoted = !quoted;
		else if (quoted && list->at[n] == '\\' && n + 1 < list->len)
			n++;
	}
	*item = http_str_trim((struct http_str){list->at, n});
	skip(list, n < list->len ? n + 1 : n);
	return !quoted;
}

/* A token or a quoted string (RFC 9110 section 5.6.4), without quotes. Return: false: neither, or
 * too long. */
static bool take_value(struct http_str s, char *out, size_t size)
{
	bool quoted = s.len > 1 && s.at[0] == '"' && s.at[s.len - 1] == '"';
	size_t used = 0;

	if (quoted)
		s = (struct http_str){s.at + 1, s.len - 2};
	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.at[i] == '\\' && i + 1 < s.len)
			i++;
		else if (!quoted && !is_token_char(s.at[i]))
			return false;
		if (used + 1 >= size)
			return false;
		out[used++] = s.at[i];
	}
	out[used] = '\0';
	return quoted || used > 0;
}

/* Into @out, unless it was said before. */
static void take_once(struct challenge *c, bool *has, struct http_str value, char *out, size_t size)
{
	if (*has || !take_value(value, out, size))
		c->bad = true;
	*has = true;
}

static void take_param(struct challenge *c, struct http_str name, struct http_str value)
{
	struct http_auth *a = &c->auth;
	char word[8];

	if (http_str_is_nocase(name, "realm"))
		take_once(c, &c->has_realm, value, a->realm, sizeof(a->realm));
	else if (http_str_is_nocase(name, "nonce"))
		take_once(c, &c->has_nonce, value, a->nonce, sizeof(a->nonce));
	else if (http_str_is_nocase(name, "opaque"))
		take_once(c, &a->has_opaque, value, a->opaque, sizeof(a->opaque));
	else if (http_str_is_nocase(name, "algorithm"))
		take_once(c, &c->has_algorithm, value, c->algorithm, sizeof(c->algorithm));
	else if (http_str_is_nocase(name, "qop"))
		take_once(c, &c->has_qop, value, c->qop, sizeof(c->qop));
	else if (http_str_is_nocase(name, "stale"))
		a->stale = take_value(value, word, sizeof(word)) &&
			   http_str_is_nocase((struct http_str){word, strlen(word)}, "true");
}

static bool qop_has_auth(const char *list)
{
	while (*list) {
		struct http_str item = {list, strcspn(list, ",")};

		if (http_str_is_nocase(http_str_trim(item), "auth"))
			return true;
		list += item.len + (list[item.len] == ',');
	}
	return false;
}

static enum http_auth_kind digest_kind(const struct challenge *c)
{
	static const struct {
		const char *name;
		enum http_auth_kind kind;
	} known[] = {
		{"MD5", HTTP_AUTH_DIGEST_MD5},
		{"MD5-sess", HTTP_AUTH_DIGEST_MD5_SESS},
		{"SHA-256", HTTP_AUTH_DIGEST_SHA256},
		{"SHA-256-sess", HTTP_AUTH_DIGEST_SHA256_SESS},
	};
	struct http_str name = {c->algorithm, strlen(c->algorithm)};

	if (!c->has_algorithm)
		return HTTP_AUTH_DIGEST_MD5;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (http_str_is_nocase(name, known[i].name))
			return known[i].kind;
	}
	return HTTP_AUTH_NONE;
}

static bool is_sess(enum http_auth_kind kind)
{
	return kind == HTTP_AUTH_DIGEST_MD5_SESS || kind == HTTP_AUTH_DIGEST_SHA256_SESS;
}

/* What it is, when all its parameters are known. */
static void judge(struct challenge *c)
{
	struct http_auth *a = &c->auth;

	a->kind = HTTP_AUTH_NONE;
	if (c->bad)
		return;
	if (http_str_is_nocase(c->scheme, "Basic")) {
		a->kind = HTTP_AUTH_BASIC;
		return;
	}
	if (!http_str_is_nocase(c->scheme, "Digest") || !c->has_nonce || !c->has_realm)
		return;
	a->says_algorithm = c->has_algorithm;
	a->qop = c->has_qop && qop_has_auth(c->qop);
	a->kind = digest_kind(c);
	/* auth-int alone would need the body; -sess without qop has no nonce of ours. */
	if ((c->has_qop || is_sess(a->kind)) && !a->qop)
		a->kind = HTTP_AUTH_NONE;
}

static void name_scheme(struct http_auth_offer *offer, struct http_str scheme)
{
	size_t used = strlen(offer->schemes);
	char name[SCHEME_MAX_CHARS + 1];

	snprintf(name, sizeof(name), "%.*s", (int)scheme.len, scheme.at);
	if (scheme.len > SCHEME_MAX_CHARS || strstr(offer->schemes, name) ||
	    used + strlen(name) + 3 > sizeof(offer->schemes))
		return;
	snprintf(offer->schemes + used, sizeof(offer->schemes) - used, "%s%s", used ? ", " : "",
		 name);
}

static void finish(struct http_auth_offer *offer, struct challenge *c)
{
	if (c->scheme.len == 0)
		return;
	judge(c);
	name_scheme(offer, c->scheme);
	if (c->auth.kind > offer->best.kind)
		offer->best = c->auth;
}

/*
 * "NAME=VALUE" belongs to the challenge that is open; "SCHEME", "SCHEME NAME=VALUE" and "SCHEME
 * TOKEN68" begin one. Return: whether one begins.
 */
static bool take_part(struct http_auth_offer *offer, struct challenge *c, struct http_str item)
{
	struct http_str first = take_token(&item), name;
	bool begins;

	begins = first.len > 0 && (item.len == 0 || item.at[0] == ' ' || item.at[0] == '\t');
	skip_blanks(&item);
	if (item.len > 0 && item.at[0] == '=')
		begins = false;
	if (begins) {
		finish(offer, c);
		*c = (struct challenge){.scheme = first};
		if (item.len == 0)
			return true;
		first = take_token(&item);
		skip_blanks(&item);
	}
	name = first;
	if (name.len == 0 || item.len == 0 || item.at[0] != '=') {
		c->bad = true; /* a token68, or nothing that we know */
		return begins;
	}
	skip(&item, 1);
	take_param(c, name, http_str_trim(item));
	return begins;
}

static void read_list(struct http_auth_offer *offer, struct http_str list, size_t *count)
{
	struct challenge c = {.scheme = {NULL, 0}};
	struct http_str item;

	while (list.len > 0 && *count < HTTP_AUTH_CHALLENGES_MAX) {
		if (!take_item(&list, &item))
			c.bad = true;
		else if (item.len > 0 && take_part(offer, &c, item))
			++*count;
	}
	finish(offer, &c);
}

void http_auth_read(struct http_auth_offer *offer, const struct http_head *head, const char *name)
{
	size_t count = 0;

	*offer = (struct http_auth_offer){.schemes = ""};
	for (size_t i = 0; i < head->n_headers; i++) {
		if (http_str_is_nocase(head->headers[i].name, name))
			read_list(offer, head->headers[i].value, &count);
	}
}

/* Answers */

static enum wc_HashType hash_type(enum http_auth_kind kind)
{
	return kind >= HTTP_AUTH_DIGEST_SHA256 ? WC_HASH_TYPE_SHA256 : WC_HASH_TYPE_MD5;
}

static int hash(enum http_auth_kind kind, char out[HASH_TEXT_SIZE], const char *fmt, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));

/* Lower-case hex of the hash of a text. */
static int hash(enum http_auth_kind kind, char out[HASH_TEXT_SIZE], const char *fmt, ...)
{
	int size = wc_HashGetDigestSize(hash_type(kind)), n, r = -ENOTSUP;
	uint8_t digest[HASH_MAX_BYTES];
	char text[HASHED_SIZE];
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		r = -ENOSPC;
	else if (size > 0 && size <= (int)sizeof(digest) &&
		 wc_Hash(hash_type(kind), (const uint8_t *)text, (uint32_t)n, digest,
			 (uint32_t)size) == 0)
		r = text_hex_encode(out, HASH_TEXT_SIZE, digest, (size_t)size);
	explicit_bzero(text, sizeof(text));
	return r;
}

/* RFC 7616 section 3.4 */
static int digest_response(char out[HASH_TEXT_SIZE], const struct http_auth *a,
			   const struct http_auth_request *q, const char *cnonce)
{
	char a1[HASH_TEXT_SIZE], a2[HASH_TEXT_SIZE];
	int r = hash(a->kind, a1, "%s:%s:%s", q->user, a->realm, q->password);

	if (r == 0 && is_sess(a->kind)) {
		char first[HASH_TEXT_SIZE];

		memcpy(first, a1, sizeof(first));
		r = hash(a->kind, a1, "%s:%s:%s", first, a->nonce, cnonce);
		explicit_bzero(first, sizeof(first));
	}
	if (r == 0)
		r = hash(a->kind, a2, "%s:%s", q->method, q->uri);
	if (r == 0 && a->qop)
		r = hash(a->kind, out, "%s:%s:%08x:%s:auth:%s", a1, a->nonce, q->count, cnonce, a2);
	else if (r == 0)
		r = hash(a->kind, out, "%s:%s:%s", a1, a->nonce, a2);
	explicit_bzero(a1, sizeof(a1));
	return r;
}

/* A quoted string. */
static int quote(char out[QUOTED_SIZE], const char *s)
{
	size_t used = 0;

	out[used++] = '"';
	for (; *s; s++) {
		if (used + 4 > QUOTED_SIZE)
			return -ENOSPC;
		if (*s == '"' || *s == '\\')
			out[used++] = '\\';
		out[used++] = *s;
	}
	out[used++] = '"';
	out[used] = '\0';
	return 0;
}

static const char *algorithm_name(enum http_auth_kind kind)
{
	switch (kind) {
	case HTTP_AUTH_DIGEST_MD5_SESS:
		return "MD5-sess";
	case HTTP_AUTH_DIGEST_SHA256:
		return "SHA-256";
	case HTTP_AUTH_DIGEST_SHA256_SESS:
		return "SHA-256-sess";
	case HTTP_AUTH_DIGEST_MD5:
	case HTTP_AUTH_BASIC:
	case HTTP_AUTH_NONE:
		break;
	}
	return "MD5";
}

static int write_digest(char out[HTTP_AUTH_SIZE], const struct http_auth *a,
			const struct http_auth_request *q, const char *cnonce, const char *response)
{
	char user[QUOTED_SIZE], realm[QUOTED_SIZE], nonce[QUOTED_SIZE], opaque[QUOTED_SIZE];
	char counted[HTTP_AUTH_CNONCE_BYTES * 4 + 80] = "";
	int n;

	if (quote(user, q->user) != 0 || quote(realm, a->realm) != 0 ||
	    quote(nonce, a->nonce) != 0 || quote(opaque, a->opaque) != 0)
		return -ENOSPC;
	if (a->qop)
		snprintf(counted, sizeof(counted), ", qop=auth, nc=%08x, cnonce=\"%s\"", q->count,
			 cnonce);
	n = snprintf(
		out, HTTP_AUTH_SIZE,
		"Digest username=%s, realm=%s, nonce=%s, uri=\"%s\", response=\"%s\"%s%s%s%s%s",
		user, realm, nonce, q->uri, response, a->says_algorithm ? ", algorithm=" : "",
		a->says_algorithm ? algorithm_name(a->kind) : "", a->has_opaque ? ", opaque=" : "",
		a->has_opaque ? opaque : "", counted);
	return n > 0 && n < HTTP_AUTH_SIZE ? 0 : -ENOSPC;
}

int http_auth_digest(char out[HTTP_AUTH_SIZE], const struct http_auth *a,
		     const struct http_auth_request *q, const char *cnonce)
{
	char response[HASH_TEXT_SIZE];
	int r;

	if (a->kind < HTTP_AUTH_DIGEST_MD5)
		return -EINVAL;
	r = digest_response(response, a, q, cnonce);
	return r == 0 ? write_digest(out, a, q, cnonce, response) : r;
}

static int basic(char out[HTTP_AUTH_SIZE], const struct http_auth_request *q)
{
	char login[512];
	int n = snprintf(login, sizeof(login), "%s:%s", q->user, q->password), r = -ENOSPC;

	if (n >= 0 && (size_t)n < sizeof(login)) {
		memcpy(out, "Basic ", 6);
		r = text_b64_encode(out + 6, HTTP_AUTH_SIZE - 6, login, (size_t)n);
	}
	explicit_bzero(login, sizeof(login));
	return r;
}

int http_auth_answer(char out[HTTP_AUTH_SIZE], const struct http_auth *a,
		     const struct http_auth_request *q)
{
	char cnonce[TEXT_HEX_SIZE(HTTP_AUTH_CNONCE_BYTES)];
	int r;

	if (a->kind == HTTP_AUTH_BASIC)
		return basic(out, q);
	r = text_hex_encode(cnonce, sizeof(cnonce), q->cnonce, sizeof(q->cnonce));
	return r == 0 ? http_auth_digest(out, a, q, cnonce) : r;
}
