/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/pure/admit.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/pure/text.h"

#define PATH_SESSION "/v1/session"
#define PATH_PROBE "/v1/probe"
#define PATH_CONTROL "/v1/control"
#define PROTOCOL "farlan.1"
#define GENERATION_MAX INT64_MAX

static const struct refusal_info infos[REFUSALS] = {
	[REFUSAL_NONE] = {"none", 200, "OK", "let in"},
	[REFUSAL_PATH] = {"path", 404, "Not Found", "nothing is served under this path"},
	[REFUSAL_UPGRADE] = {"upgrade", 426, "Upgrade Required",
			     "this path takes WebSocket with the protocol farlan.1"},
	[REFUSAL_NO_TOKEN] = {"no-token", 401, "Unauthorized", "no token in the request"},
	[REFUSAL_MALFORMED] = {"malformed", 401, "Unauthorized",
			       "the token or the generation is malformed"},
	[REFUSAL_SIGNATURE] = {"signature", 401, "Unauthorized", "the token's signature is wrong"},
	[REFUSAL_KEY] = {"unknown-key", 401, "Unauthorized",
			 "the token was signed with a key that this relay does not know"},
	[REFUSAL_RELAY] = {"other-relay", 401, "Unauthorized", "the token is for another relay"},
	[REFUSAL_EXPIRED] = {"expired", 401, "Unauthorized",
			     "the token has expired or is not good yet; are both clocks right?"},
	[REFUSAL_ENDED] = {"ended", 403, "Forbidden", "the session was ended"},
	[REFUSAL_REPLAY] = {"replay", 409, "Conflict",
			    "a connection of this generation or a higher one was here already"},
	[REFUSAL_FULL] = {"full", 503, "Service Unavailable", "the relay is full"},
	[REFUSAL_DRAINING] = {"draining", 503, "Service Unavailable",
			      "the relay takes no sessions at present"},
	[REFUSAL_ACCESS] = {"access", 502, "Bad Gateway",
			    "the Access Server behind this relay does not answer"},
	[REFUSAL_TOO_MANY] = {"too-many", 0, "", "too many connections that showed no token"},
	[REFUSAL_NO_REQUEST] = {"no-request", 0, "", "no request that could be answered came"},
};

const struct refusal_info *refusal_info(enum refusal r)
{
	return &infos[r];
}

static bool ends_with(struct http_str s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && memcmp(s.at + s.len - n, end, n) == 0;
}

enum admit_what admit_what(const struct http_head *head)
{
	if (!http_str_is(head->method, "GET"))
		return ADMIT_OTHER;
	if (ends_with(head->target, PATH_SESSION))
		return ADMIT_SESSION;
	if (ends_with(head->target, PATH_PROBE))
		return ADMIT_PROBE;
	if (ends_with(head->target, PATH_CONTROL))
		return ADMIT_CONTROL;
	return ADMIT_OTHER;
}

/* "Bearer TOKEN", the scheme in any case (RFC 9110 section 11.1). */
static bool bearer(const struct http_head *head, struct http_str *token)
{
	static const char scheme[] = "Bearer ";
	const struct http_str *v = http_header(head, "Authorization");
	size_t n = sizeof(scheme) - 1;

	if (!v || v->len <= n || strncasecmp(v->at, scheme, n) != 0)
		return false;
	*token = (struct http_str){.at = v->at + n, .len = v->len - n};
	while (token->len > 0 && *token->at == ' ') {
		token->at++;
		token->len--;
	}
	return token->len > 0;
}

/* Decimal, 1 to 2^63-1, no sign, no leading zero. */
static bool generation(const struct http_head *head, uint64_t *out)
{
	const struct http_str *v = http_header(head, "Farlan-Generation");
	uint64_t n = 0;

	if (!v || v->len == 0 || v->at[0] == '0')
		return false;
	for (size_t i = 0; i < v->len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)v->at[i] - '0';

		if (digit > 9 || n > (GENERATION_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

static enum refusal of_token_error(int r)
{
	switch (r) {
	case -ENOKEY:
		return REFUSAL_KEY;
	case -EKEYREJECTED:
		return REFUSAL_SIGNATURE;
	case -EXDEV:
		return REFUSAL_RELAY;
	case -ETIME:
		return REFUSAL_EXPIRED;
	default:
		return REFUSAL_MALFORMED;
	}
}

enum refusal admit_session(struct admit_leg *leg, const struct http_head *head,
			   const struct token_key *keys, size_t n_keys, const struct ident *self,
			   int64_t now)
{
	struct admit_leg l = {0};
	struct http_str token;
	int r;

	if (!http_ws_request_ok(head) || !http_has_token(head, "Sec-WebSocket-Protocol", PROTOCOL))
		return REFUSAL_UPGRADE;
	if (!bearer(head, &token))
		return REFUSAL_NO_TOKEN;
	r = token_check(&l.token, token.at, token.len, keys, n_keys, self, now);
	if (r)
		return of_token_error(r);
	if (text_hex_decode(l.session, sizeof(l.session), l.token.session, strlen(l.token.session)))
		return REFUSAL_MALFORMED;
	if (!generation(head, &l.generation))
		return REFUSAL_MALFORMED;
	*leg = l;
	return REFUSAL_NONE;
}
