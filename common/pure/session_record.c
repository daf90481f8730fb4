/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/session_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include "common/pure/printable.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"

static const char *const CLOCKS[SESSION_CLOCKS] = {"unknown", "system", "sntp", "signed"};

const char *session_clock_name(enum session_clock c)
{
	return CLOCKS[c];
}

/* --- writing --------------------------------------------------------------------------------- */

struct writer {
	char *at;
	size_t n;
	bool full;
};

/* "KEY VALUE" and a line feed. */
static void put(struct writer *w, const char *key, const char *value)
{
	size_t room = SESSION_RECORD_SIZE - w->n;
	int n = snprintf(w->at + w->n, room, "%s%s%s\n", key, value ? " " : "", value ? value : "");

	if (n < 0 || (size_t)n >= room)
		w->full = true;
	else
		w->n += (size_t)n;
}

static void put_number(struct writer *w, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	put(w, key, text);
}

static void put_hash(struct writer *w, const char *key,
		     const uint8_t hash[SESSION_RECORD_KEY_BYTES])
{
	char text[TEXT_HEX_SIZE(SESSION_RECORD_KEY_BYTES)];

	/* The size is right. */
	(void)!text_hex_encode(text, sizeof(text), hash, SESSION_RECORD_KEY_BYTES);
	put(w, key, text);
}

static void put_ident(struct writer *w, const char *key, const struct ident *id)
{
	char text[IDENT_URI_SIZE];

	ident_format(id, text);
	put(w, key, text);
}

static void put_time(struct writer *w, const char *key, int64_t ms)
{
	char text[UTC_TEXT_SIZE];

	utc_format(ms, text);
	put(w, key, text);
}

int session_record_encode(const struct session_record *r, char out[SESSION_RECORD_SIZE], size_t *n)
{
	struct writer w = {.at = out};

	put(&w, SESSION_RECORD_WORD, NULL);
	put(&w, "session", r->session);
	put(&w, "role", r->role == TOKEN_DEVICE ? "device" : "manager");
	put_ident(&w, "own", &r->own);
	put_hash(&w, "own-key", r->own_key);
	put_ident(&w, "peer", &r->peer);
	put_hash(&w, "peer-key", r->peer_key);
	put_time(&w, "start", r->start_ms);
	put_time(&w, "end", r->end_ms);
	put(&w, "clock", CLOCKS[r->clock]);
	put_number(&w, "bytes-to-device", r->bytes_to_device);
	put_number(&w, "bytes-to-manager", r->bytes_to_manager);
	put_number(&w, "packets-to-device", r->packets_to_device);
	put_number(&w, "packets-to-manager", r->packets_to_manager);
	put(&w, "reason", r->reason);
	put(&w, "ended", r->ended);
	put_number(&w, "number", (uint64_t)r->number);
	put_hash(&w, "prev", r->prev);
	*n = w.n;
	return w.full ? -EMSGSIZE : 0;
}

/* --- reading --------------------------------------------------------------------------------- */

struct reader {
	const char *at, *end;
};

/* The value of the next line, which has to have this key. */
static bool take(struct reader *r, const char *key, char *out, size_t size)
{
	size_t len = strlen(key), left = (size_t)(r->end - r->at), n;
	const char *lf = memchr(r->at, '\n', left);

	if (!lf || (size_t)(lf - r->at) < len + 1 || memcmp(r->at, key, len) != 0 ||
	    r->at[len] != ' ')
		return false;
	n = (size_t)(lf - r->at) - len - 1;
	if (n >= size || !printable_ok(r->at + len + 1, n))
		return false;
	memcpy(out, r->at + len + 1, n);
	out[n] = '\0';
	r->at = lf + 1;
	return true;
}

static bool take_number(struct reader *r, const char *key, uint64_t *v)
{
	char text[24];

	return take(r, key, text, sizeof(text)) && text[0] >= '0' && text[0] <= '9' &&
	       sscanf(text, "%" SCNu64, v) == 1;
}

static bool take_hash(struct reader *r, const char *key, uint8_t hash[SESSION_RECORD_KEY_BYTES])
{
	char text[TEXT_HEX_SIZE(SESSION_RECORD_KEY_BYTES)];

	return take(r, key, text, sizeof(text)) &&
	       text_hex_decode(hash, SESSION_RECORD_KEY_BYTES, text, strlen(text)) == 0;
}

static bool take_ident(struct reader *r, const char *key, struct ident *id)
{
	char text[IDENT_URI_SIZE];

	return take(r, key, text, sizeof(text)) && ident_parse(id, text, strlen(text)) == 0;
}

static bool take_time(struct reader *r, const char *key, int64_t *ms)
{
	char text[UTC_TEXT_SIZE];

	return take(r, key, text, sizeof(text)) && utc_parse(ms, text) == 0;
}

/* Index of the word in the list. */
static bool take_word(struct reader *r, const char *key, const char *const *words, int n, int *at)
{
	char text[16];

	if (!take(r, key, text, sizeof(text)))
		return false;
	for (*at = 0; *at < n; ++*at) {
		if (strcmp(words[*at], text) == 0)
			return true;
	}
	return false;
}

static bool take_ends(struct reader *in, struct session_record *r)
{
	static const char *const roles[] = {"manager", "device"};
	int role;

	if (!take(in, "session", r->session, sizeof(r->session)) ||
	    !ident_uid_ok(r->session) || /* 128 bits, too */
	    !take_word(in, "role", roles, 2, &role))
		return false;
	r->role = role == 1 ? TOKEN_DEVICE : TOKEN_MANAGER;
	return take_ident(in, "own", &r->own) && take_hash(in, "own-key", r->own_key) &&
	       take_ident(in, "peer", &r->peer) && take_hash(in, "peer-key", r->peer_key);
}

static bool take_rest(struct reader *in, struct session_record *r)
{
	uint64_t number;
	int at;

	if (!take_time(in, "start", &r->start_ms) || !take_time(in, "end", &r->end_ms) ||
	    !take_word(in, "clock", CLOCKS, SESSION_CLOCKS, &at))
		return false;
	r->clock = (enum session_clock)at;
	if (!take_number(in, "bytes-to-device", &r->bytes_to_device) ||
	    !take_number(in, "bytes-to-manager", &r->bytes_to_manager) ||
	    !take_number(in, "packets-to-device", &r->packets_to_device) ||
	    !take_number(in, "packets-to-manager", &r->packets_to_manager) ||
	    !take(in, "reason", r->reason, sizeof(r->reason)) ||
	    !take(in, "ended", r->ended, sizeof(r->ended)) || !take_number(in, "number", &number) ||
	    number < 1 || number > SESSION_RECORD_NUMBER_MAX)
		return false;
	r->number = (int64_t)number;
	return take_hash(in, "prev", r->prev);
}

int session_record_decode(struct session_record *r, const char *text, size_t n)
{
	const size_t word = sizeof(SESSION_RECORD_WORD); /* with its line feed */
	struct session_record got = {.number = 0};
	struct reader in = {.at = text + word, .end = text + n};
	char again[SESSION_RECORD_SIZE];
	size_t len;

	if (n >= SESSION_RECORD_SIZE || n < word ||
	    memcmp(text, SESSION_RECORD_WORD "\n", word) != 0 || !take_ends(&in, &got) ||
	    !take_rest(&in, &got) || in.at != in.end)
		return -EBADMSG;
	/* Leading zeros, capitals, a sign ... */
	if (session_record_encode(&got, again, &len) != 0 || len != n ||
	    memcmp(again, text, n) != 0)
		return -EBADMSG;
	*r = got;
	return 0;
}

int session_record_hash(const char *text, size_t n, uint8_t hash[SESSION_RECORD_KEY_BYTES])
{
	return wc_Sha256Hash((const uint8_t *)text, (word32)n, hash) == 0 ? 0 : -EIO;
}

bool session_records_match(const struct session_record *a, const struct session_record *b)
{
	return strcmp(a->session, b->session) == 0 && a->role != b->role &&
	       ident_equal(&a->own, &b->peer) && ident_equal(&a->peer, &b->own) &&
	       memcmp(a->own_key, b->peer_key, sizeof(a->own_key)) == 0 &&
	       memcmp(a->peer_key, b->own_key, sizeof(a->peer_key)) == 0;
}
