/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/token.h"

#include <wolfssl/options.h>
#include <jansson.h>

#include <wolfssl/wolfcrypt/hash.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/text.h"

#define KID_BYTES 8
#define FOOTER_MAX_BYTES 64 /* {"kid":"0123456789abcdef"}, with room for white space */
#define LIMITS_SIZE 128
#define TIME_SIZE 21 /* 2026-11-20T07:00:00Z and NUL */
#define DAY_S 86400
#define YEAR_MIN 1970
#define YEAR_MAX 9999

static const char *const ROLES[] = {[TOKEN_MANAGER] = "manager", [TOKEN_DEVICE] = "device"};

const char *token_role_name(enum token_role role)
{
	return role == TOKEN_MANAGER ? ROLES[TOKEN_MANAGER] : ROLES[TOKEN_DEVICE];
}

int token_role_parse(enum token_role *role, const char *name)
{
	if (strcmp(name, ROLES[TOKEN_MANAGER]) == 0)
		*role = TOKEN_MANAGER;
	else if (strcmp(name, ROLES[TOKEN_DEVICE]) == 0)
		*role = TOKEN_DEVICE;
	else
		return -EINVAL;
	return 0;
}

void token_kid(char kid[TOKEN_KID_SIZE], const uint8_t public[PASETO_PUBLIC_BYTES])
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE];

	if (wc_Sha256Hash(public, PASETO_PUBLIC_BYTES, digest) != 0 ||
	    text_hex_encode(kid, TOKEN_KID_SIZE, digest, KID_BYTES) != 0)
		kid[0] = '\0';
}

/* Calendar: own arithmetic, because time_t has 32 bits on some of our machines. */

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first day of @year. */
static int64_t year_start(int64_t year)
{
	int64_t y = year - 1;

	return 365 * (year - YEAR_MIN) + (y / 4 - y / 100 + y / 400) -
	       (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static int64_t month_days(int64_t year, int64_t month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

static int format_time(char out[TIME_SIZE], int64_t t)
{
	int64_t days = t / DAY_S, s = t % DAY_S, year = YEAR_MIN, month = 1;

	if (t < 0 || days >= year_start(YEAR_MAX + 1))
		return -EINVAL;
	year += days / 366; /* never too late */
	while (year_start(year + 1) <= days)
		year++;
	days -= year_start(year);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	snprintf(out, TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned int)year % 10000,
		 (unsigned int)month % 100, (unsigned int)(days + 1) % 100,
		 (unsigned int)(s / 3600) % 100, (unsigned int)(s / 60 % 60),
		 (unsigned int)(s % 60));
	return 0;
}

/* @n digits at @s as a number within [min, max]. */
static bool digits(const char *s, size_t n, int64_t min, int64_t max, int64_t *v)
{
	int64_t x = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		x = x * 10 + (s[i] - '0');
	}
	*v = x;
	return x >= min && x <= max;
}

static bool parse_date(const char *s, int64_t *days)
{
	int64_t year, month, day;

	if (s[4] != '-' || s[7] != '-' || !digits(s, 4, YEAR_MIN, YEAR_MAX, &year))
		return false;
	if (!digits(s + 5, 2, 1, 12, &month))
		return false;
	if (!digits(s + 8, 2, 1, month_days(year, month), &day))
		return false;
	*days = year_start(year) + day - 1;
	for (int64_t m = 1; m < month; m++)
		*days += month_days(year, m);
	return true;
}

/* "YYYY-MM-DDTHH:MM:SS" and "Z" or "+00:00" (RFC 3339). */
static bool parse_time(int64_t *t, const char *s)
{
	int64_t days, h, m, sec;

	if (strnlen(s, TIME_SIZE) < TIME_SIZE - 1 || s[10] != 'T' || s[13] != ':' || s[16] != ':')
		return false;
	if (strcmp(s + 19, "Z") != 0 && strcmp(s + 19, "+00:00") != 0)
		return false;
	if (!parse_date(s, &days) || !digits(s + 11, 2, 0, 23, &h) ||
	    !digits(s + 14, 2, 0, 59, &m) || !digits(s + 17, 2, 0, 59, &sec))
		return false;
	*t = days * DAY_S + h * 3600 + m * 60 + sec;
	return true;
}

static bool user_ok(const char *user)
{
	size_t n = strspn(user, "0123456789abcdef");

	return n < TOKEN_USER_SIZE && user[n] == '\0';
}

static bool limits_ok(const struct token *t)
{
	return t->rate <= INT64_MAX && t->user_rate <= INT64_MAX && user_ok(t->user) &&
	       (t->user[0] != '\0') == (t->user_rate > 0);
}

static bool claims_ok(const struct token *t)
{
	return limits_ok(t) && ident_uid_ok(t->session) && t->relay.kind == IDENT_RELAY &&
	       t->expires > t->issued && (t->role == TOKEN_MANAGER || t->role == TOKEN_DEVICE);
}

static void write_limits(char out[LIMITS_SIZE], const struct token *t)
{
	size_t n = 0;

	out[0] = '\0';
	if (t->rate > 0)
		n = (size_t)snprintf(out, LIMITS_SIZE, ",\"rate\":%" PRIu64, t->rate);
	if (t->user_rate > 0)
		snprintf(out + n, LIMITS_SIZE - n, ",\"user\":\"%s\",\"user_rate\":%" PRIu64,
			 t->user, t->user_rate);
}

/* No value of these needs escaping in JSON. */
static int write_claims(char *out, size_t size, const struct token *t)
{
	char uri[IDENT_URI_SIZE], issued[TIME_SIZE], expires[TIME_SIZE], limits[LIMITS_SIZE];
	int n;

	if (!claims_ok(t) || format_time(issued, t->issued) || format_time(expires, t->expires))
		return -EINVAL;
	ident_format(&t->relay, uri);
	write_limits(limits, t);
	n = snprintf(
		out, size,
		"{\"sub\":\"%s\",\"role\":\"%s\",\"aud\":\"%s\",\"iat\":\"%s\",\"exp\":\"%s\"%s}",
		t->session, token_role_name(t->role), uri, issued, expires, limits);
	return n > 0 && (size_t)n < size ? 0 : -ENOSPC;
}

int token_sign(char out[PASETO_TOKEN_SIZE], const struct token *t,
	       const uint8_t secret[PASETO_SECRET_BYTES], const uint8_t public[PASETO_PUBLIC_BYTES])
{
	char claims[512], kid[TOKEN_KID_SIZE], footer[FOOTER_MAX_BYTES];
	int r = write_claims(claims, sizeof(claims), t);

	if (r != 0)
		return r;
	token_kid(kid, public);
	snprintf(footer, sizeof(footer), "{\"kid\":\"%s\"}", kid);
	return paseto_sign(out, PASETO_TOKEN_SIZE, secret, claims, strlen(claims), footer,
			   strlen(footer), NULL, 0);
}

/* An object without duplicate members, or NULL. */
static json_t *load(const void *text, size_t len)
{
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

static const char *member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool kid_ok(const char *kid)
{
	return kid && strspn(kid, "0123456789abcdef") == TOKEN_KID_SIZE - 1 &&
	       kid[TOKEN_KID_SIZE - 1] == '\0';
}

/* Unverified, so small: the footer's size bounds what its parsing costs. */
static int read_kid(char kid[TOKEN_KID_SIZE], const char *text, size_t text_len)
{
	uint8_t footer[FOOTER_MAX_BYTES];
	const char *s;
	json_t *o;
	size_t n;
	bool ok;

	if (paseto_footer(text, text_len, footer, sizeof(footer), &n) != 0)
		return -EBADMSG;
	o = load(footer, n);
	s = member(o, "kid");
	ok = kid_ok(s);
	if (ok)
		memcpy(kid, s, TOKEN_KID_SIZE);
	json_decref(o);
	return ok ? 0 : -EBADMSG;
}

static const struct token_key *find_key(const struct token_key *keys, size_t n, const char *kid)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].kid, kid) == 0)
			return &keys[i];
	}
	return NULL;
}

/* An absent claim is no limit; one that is there and wrong is no token: nobody may gain by it. */
static bool read_rate(uint64_t *rate, const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	if (!v)
		return true;
	if (!json_is_integer(v) || json_integer_value(v) < 1)
		return false;
	*rate = (uint64_t)json_integer_value(v);
	return true;
}

static bool read_limits(struct token *t, const json_t *o)
{
	const char *user = member(o, "user");
	size_t n;

	if (!read_rate(&t->rate, o, "rate") || !read_rate(&t->user_rate, o, "user_rate"))
		return false;
	if (!user)
		return !json_object_get(o, "user");
	n = strlen(user);
	if (n == 0 || n >= sizeof(t->user))
		return false;
	memcpy(t->user, user, n + 1);
	return true;
}

static bool read_members(struct token *t, const json_t *o)
{
	const char *session = member(o, "sub"), *role = member(o, "role");
	const char *relay = member(o, "aud"), *issued = member(o, "iat"),
		   *expires = member(o, "exp");

	if (!session || !role || !relay || !issued || !expires || !ident_uid_ok(session))
		return false;
	memcpy(t->session, session, sizeof(t->session));
	return token_role_parse(&t->role, role) == 0 &&
	       ident_parse(&t->relay, relay, strlen(relay)) == 0 &&
	       parse_time(&t->issued, issued) && parse_time(&t->expires, expires) &&
	       read_limits(t, o) && claims_ok(t);
}

static int read_claims(struct token *t, const void *claims, size_t n)
{
	json_t *o = load(claims, n);
	bool ok = o && read_members(t, o);

	json_decref(o);
	return ok ? 0 : -EBADMSG;
}

/* Times of a token lie within the years 1970 to 9999, so no sum of these overflows. */
static bool in_time(const struct token *t, int64_t now)
{
	return t->issued - TOKEN_CLOCK_SKEW_S <= now && now < t->expires + TOKEN_CLOCK_SKEW_S;
}

/* NOLINTNEXTLINE(readability-function-size): spans of bytes, each a pointer and a length */
int token_check(struct token *t, const char *text, size_t text_len, const struct token_key *keys,
		size_t n_keys, const struct ident *self, int64_t now)
{
	uint8_t claims[PASETO_TOKEN_SIZE];
	struct token found = {.role = TOKEN_MANAGER};
	const struct token_key *key;
	char kid[TOKEN_KID_SIZE];
	size_t n = 0;
	int r = read_kid(kid, text, text_len);

	if (r != 0)
		return r;
	key = find_key(keys, n_keys, kid);
	if (!key)
		return -ENOKEY;
	r = paseto_verify(text, text_len, key->public, NULL, 0, claims, sizeof(claims), &n);
	if (r == 0)
		r = read_claims(&found, claims, n);
	if (r != 0)
		return r;
	if (!ident_equal(&found.relay, self))
		return -EXDEV;
	if (!in_time(&found, now))
		return -ETIME;
	*t = found;
	return 0;
}

const char *token_error(int code)
{
	switch (code) {
	case 0:
		return "token is good";
	case -EBADMSG:
		return "token is malformed";
	case -ENOKEY:
		return "token is signed with a key that is not known here";
	case -EKEYREJECTED:
		return "token has a wrong signature";
	case -EXDEV:
		return "token is for another relay";
	case -ETIME:
		return "token has expired or is not valid yet; check the clocks";
	default:
		return "token could not be checked";
	}
}
