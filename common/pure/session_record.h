/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session_record - what one end says of a session that is over: who was joined to whom, when, how
 * much, why it ended. A text of lines, since it is the text that is signed, kept and shown: nobody
 * needs more than it, a signature and a certificate to check it.
 * Pure (wolfCrypt). Source: docs/PROTOCOL.md, section 4.13.
 */
#ifndef FARLAN_SESSION_RECORD_H
#define FARLAN_SESSION_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/pure/ident.h"
#include "common/pure/token.h"

#define SESSION_RECORD_WORD "farlan-session-record/1"
#define SESSION_RECORD_SIZE 2048 /* of the text, with its NUL */
#define SESSION_RECORD_REASON_SIZE 257
#define SESSION_RECORD_KEY_BYTES 32
#define SESSION_RECORD_NUMBER_MAX ((INT64_C(1) << 53) - 1)

/* What an end knew of the time (clock.h). */
enum session_clock {
	SESSION_CLOCK_UNKNOWN,
	SESSION_CLOCK_SYSTEM,
	SESSION_CLOCK_SNTP,
	SESSION_CLOCK_SIGNED
};
#define SESSION_CLOCKS (SESSION_CLOCK_SIGNED + 1)

struct session_record {
	char session[TOKEN_SESSION_SIZE];
	enum token_role role; /* of the end that says this */
	struct ident own, peer;
	uint8_t own_key[SESSION_RECORD_KEY_BYTES]; /* SHA-256 of the SubjectPublicKeyInfo, DER */
	uint8_t peer_key[SESSION_RECORD_KEY_BYTES];
	int64_t start_ms, end_ms; /* Unix time, by this end's clock */
	enum session_clock clock;
	uint64_t bytes_to_device, bytes_to_manager, packets_to_device, packets_to_manager;
	char reason[SESSION_RECORD_REASON_SIZE]; /* given for the session; printable, may be "" */
	char ended[SESSION_RECORD_REASON_SIZE];	 /* why it ended; likewise */
	int64_t number;				 /* 1.. without gaps, of this key */
	uint8_t prev[SESSION_RECORD_KEY_BYTES];	 /* hash of the record before; zeros: the first */
};

/** session_record_encode() - *n: without the NUL. Return: 0; -EMSGSIZE, which texts within their
 * sizes do not reach. */
int session_record_encode(const struct session_record *r, char out[SESSION_RECORD_SIZE], size_t *n)
	__attribute__((warn_unused_result));
/** session_record_decode() - strict: what would not be written so again is refused. Return: 0;
 * -EBADMSG. */
int session_record_decode(struct session_record *r, const char *text, size_t n)
	__attribute__((warn_unused_result));
/** session_record_hash() - of the text. Return: 0; -EIO. */
int session_record_hash(const char *text, size_t n, uint8_t hash[SESSION_RECORD_KEY_BYTES])
	__attribute__((warn_unused_result));

/** session_records_match() - do two ends speak of the same session, each naming the other and its
 * key? */
bool session_records_match(const struct session_record *a, const struct session_record *b);

const char *session_clock_name(enum session_clock c);

#endif
