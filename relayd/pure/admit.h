/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * admit - may this request come in? Pure. Source: docs/PROTOCOL.md, "Outer layer" and "Relay".
 */
#ifndef FARLAN_RELAYD_ADMIT_H
#define FARLAN_RELAYD_ADMIT_H

#include "common/pure/http.h"
#include "common/pure/token.h"

/* Why a connection was not let in; each is counted. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_PATH,	   /* 404 */
	REFUSAL_UPGRADE,   /* 426 */
	REFUSAL_NO_TOKEN,  /* 401, and so on down to expired */
	REFUSAL_MALFORMED, /* the token or the generation */
	REFUSAL_SIGNATURE,
	REFUSAL_KEY,
	REFUSAL_RELAY, /* the token is for another relay */
	REFUSAL_EXPIRED,
	REFUSAL_ENDED,	    /* 403 */
	REFUSAL_REPLAY,	    /* 409 */
	REFUSAL_FULL,	    /* 503 */
	REFUSAL_DRAINING,   /* 503 */
	REFUSAL_ACCESS,	    /* 502: the Access Server behind it is not reached */
	REFUSAL_TOO_MANY,   /* closed without an answer: too many that have shown no token */
	REFUSAL_NO_REQUEST, /* closed without an answer: nothing useful came in time */
	REFUSALS
};

struct refusal_info {
	const char *name; /* for counters: "no-token" */
	int status;	  /* HTTP; 0: no answer is given */
	const char *phrase;
	const char *text; /* for people, with what to do */
};

const struct refusal_info *refusal_info(enum refusal r);

enum admit_what { ADMIT_OTHER, ADMIT_PROBE, ADMIT_SESSION, ADMIT_CONTROL };

/** admit_what() - what a request's target asks for; a prefix before the path is allowed. */
enum admit_what admit_what(const struct http_head *head);

/* What a leg showed. */
struct admit_leg {
	struct token token;
	uint8_t session[TOKEN_SESSION_BYTES];
	uint64_t generation;
};

/**
 * admit_session() - check a request for a leg: upgrade, token, generation.
 * @leg: set on success only.   @now: Unix seconds.
 * Return: REFUSAL_NONE, or why not: one of UPGRADE to EXPIRED.
 */
enum refusal admit_session(struct admit_leg *leg, const struct http_head *head,
			   const struct token_key *keys, size_t n_keys, const struct ident *self,
			   int64_t now);

#endif
