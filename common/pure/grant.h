/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * grant - what accessd sends both ends of a session: who the other is, where to meet, what
 * may pass, until when. Pure (jansson). Source: docs/PROTOCOL.md, "Grant".
 */
#ifndef FARLAN_GRANT_H
#define FARLAN_GRANT_H

#include <jansson.h>

#include "common/pure/addr.h"
#include "common/pure/hosts.h"
#include "common/pure/ident.h"
#include "common/pure/rules.h"
#include "common/pure/token.h"
#include "common/pure/url.h"
#include "common/pure/words.h"

#define GRANT_RELAYS_MAX 5
#define GRANT_URLS_MAX 4
#define GRANT_LANS_MAX 16
#define GRANT_NAME_SIZE 64
#define GRANT_KEY_BYTES 32
#define GRANT_LIFE_MAX_S 86400
#define GRANT_FROM_SIZE 64

struct grant_relay {
	char name[GRANT_NAME_SIZE];
	char uid[IDENT_UID_SIZE];
	size_t n_urls;
	struct url urls[GRANT_URLS_MAX];
	char token[PASETO_TOKEN_SIZE]; /* for this end's role */
};

struct grant {
	char session[TOKEN_SESSION_SIZE];
	uint32_t serial; /* of the relay list; both ends hold the same */
	/* Grows with each delivery of this grant to this end: high half of a leg's generation. */
	uint32_t epoch;
	enum token_role role; /* this end's */
	char peer_name[GRANT_NAME_SIZE];
	struct ident peer;
	uint8_t peer_key[GRANT_KEY_BYTES]; /* SHA-256 of the peer's SubjectPublicKeyInfo, DER */
	int64_t life_s; /* seconds from receipt until it ends: 1..GRANT_LIFE_MAX_S */
	int64_t idle_s; /* it ends after so long without use: 0..GRANT_LIFE_MAX_S; 0: it does not */
	/* Device: what the user says he comes for, from where (an address), and who has approved;
	 * each may be "". As words_clean() leaves them. */
	char reason[WORDS_SIZE], from[GRANT_FROM_SIZE], approved_by[WORDS_SIZE];
	struct addr peer_ipv4, peer_ipv6; /* the peer's tunnel addresses */
	size_t n_own_lans, n_peer_lans;
	struct prefix own_lans[GRANT_LANS_MAX], peer_lans[GRANT_LANS_MAX];
	struct rules rules; /* what may pass; the device keeps them */
	struct hosts hosts; /* manager: those behind the device that have names */
	size_t n_relays;
	struct grant_relay relays[GRANT_RELAYS_MAX];
};

/** grant_encode() - Return: a new JSON object, caller owns; NULL out of memory. */
json_t *grant_encode(const struct grant *g);

/**
 * grant_decode() - strict: caps, ranges, roles; @g is written whole or not at all.
 * Return: 0; -EBADMSG.
 */
int grant_decode(struct grant *g, const json_t *o) __attribute__((warn_unused_result));

/** grant_relays_encode() - the list alone, as it stands in a grant and in session.relays. Return: a
 * new JSON array; NULL out of memory. */
json_t *grant_relays_encode(const struct grant_relay *relays, size_t n);
/** grant_relays_decode() - as strict as in a grant: 1 to GRANT_RELAYS_MAX. @relays: undefined after
 * a failure. Return: 0; -EBADMSG. */
int grant_relays_decode(struct grant_relay relays[GRANT_RELAYS_MAX], size_t *n, const json_t *list)
	__attribute__((warn_unused_result));
/** grant_urls_decode() - of one relay: 1 to GRANT_URLS_MAX. @urls: undefined after a failure.
 * Return: 0; -EBADMSG. */
int grant_urls_decode(struct url urls[GRANT_URLS_MAX], size_t *n, const json_t *list)
	__attribute__((warn_unused_result));

#endif
