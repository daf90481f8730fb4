/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Second factors: secrets that are offered, recovery codes. */
#include <errno.h>
#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hmac.h>

#include "accessd/signin_internal.h"
#include "common/io/file.h"
#include "common/io/x509.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

static void put_number(uint8_t out[8], int64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

/* --- what is offered: kept by who it is offered to, so nothing of it is to be stored ---------- */

static int prove(const struct signin *s, const struct asked_ticket *t, int64_t member,
		 uint8_t proof[STORE_HASH_BYTES])
{
	uint8_t bytes[16 + TOTP_SECRET_BYTES];
	Hmac h;
	int r = wc_HmacInit(&h, NULL, INVALID_DEVID);

	if (r != 0)
		return -EIO;
	put_number(bytes, member);
	put_number(bytes + 8, t->until);
	memcpy(bytes + 16, t->secret, sizeof(t->secret));
	r = wc_HmacSetKey(&h, WC_SHA256, s->ticket_key, sizeof(s->ticket_key));
	if (r == 0)
		r = wc_HmacUpdate(&h, bytes, sizeof(bytes));
	if (r == 0)
		r = wc_HmacFinal(&h, proof);
	wc_HmacFree(&h);
	explicit_bzero(bytes, sizeof(bytes));
	return r == 0 ? 0 : -EIO;
}

json_t *factor_again(const struct asked_ticket *t, const char *domain, const char *user)
{
	uint8_t bytes[ASKED_TICKET_BYTES];
	char secret[TOTP_SECRET_TEXT_SIZE], uri[TOTP_URI_SIZE];
	json_t *o = NULL;

	memcpy(bytes, t->secret, sizeof(t->secret));
	put_number(bytes + sizeof(t->secret), t->until);
	memcpy(bytes + sizeof(t->secret) + 8, t->proof, sizeof(t->proof));
	if (totp_base32(secret, sizeof(secret), t->secret, sizeof(t->secret)) == 0 &&
	    totp_uri(uri, domain, user, t->secret) == 0)
		o = json_pack("{s:s, s:s, s:o}", "secret", secret, "uri", uri, "ticket",
			      rpc_json_bytes(bytes, sizeof(bytes)));
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(uri, sizeof(uri));
	return o;
}

json_t *factor_offer(const struct signin *s, int64_t member, const char *domain, const char *user)
{
	struct asked_ticket t = {.until = clock_wall_s() + SIGNIN_TICKET_S};
	json_t *o = NULL;

	file_random(t.secret, sizeof(t.secret));
	if (prove(s, &t, member, t.proof) == 0)
		o = factor_again(&t, domain, user);
	explicit_bzero(&t, sizeof(t));
	return o;
}

/* A clock that was set back does not make it live for longer than it was to. */
bool factor_is_ours(const struct signin *s, const struct asked_ticket *t, int64_t member,
		    int64_t now)
{
	uint8_t proof[STORE_HASH_BYTES];

	return t->until > now && t->until <= now + SIGNIN_TICKET_S &&
	       prove(s, t, member, proof) == 0 && text_equal_ct(proof, t->proof, sizeof(proof));
}

/* --- recovery codes -------------------------------------------------------------------------- */

/* 80 random bits each: one round of SHA-256 is enough. */
void factor_recovery_hash(int64_t member, const char *plain, uint8_t hash[STORE_HASH_BYTES])
{
	uint8_t bytes[8 + RECOVERY_PLAIN_SIZE] = {0};
	size_t n = strlen(plain);

	put_number(bytes, member);
	memcpy(bytes + 8, plain, n < RECOVERY_PLAIN_SIZE ? n : RECOVERY_PLAIN_SIZE);
	x509_sha256(bytes, sizeof(bytes), hash);
	explicit_bzero(bytes, sizeof(bytes));
}

int factor_recovery_new(struct store *s, int64_t member, json_t **out)
{
	uint8_t hashes[STORE_RECOVERY_CODES][STORE_HASH_BYTES], bytes[RECOVERY_BYTES];
	char text[RECOVERY_TEXT_SIZE], plain[RECOVERY_PLAIN_SIZE];
	json_t *list = json_array();
	int rc;

	for (size_t i = 0; i < STORE_RECOVERY_CODES; i++) {
		file_random(bytes, sizeof(bytes));
		recovery_format(bytes, text);
		recovery_plain(text, plain, sizeof(plain));
		factor_recovery_hash(member, plain, hashes[i]);
		json_array_append_new(list, json_string(text));
	}
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text, sizeof(text));
	explicit_bzero(plain, sizeof(plain));
	rc = store_recovery_set(s, member, hashes);
	if (rc)
		json_decref(list);
	else
		*out = list;
	return rc;
}
