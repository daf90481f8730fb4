/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * token - what a relay token says: this session, this role, this relay, until then, so fast. Pure.
 * The claims are JSON in a PASETO v4.public token; the footer is {"kid":"..."}.
 * Source: docs/PROTOCOL.md, "Relay token".
 */
#ifndef FARLAN_TOKEN_H
#define FARLAN_TOKEN_H

#include "common/pure/ident.h"
#include "common/pure/paseto.h"

#define TOKEN_SESSION_BYTES 16
#define TOKEN_SESSION_SIZE (2 * TOKEN_SESSION_BYTES + 1)
#define TOKEN_KID_SIZE 17      /* 16 hex digits: the first 8 bytes of SHA-256 of the public key */
#define TOKEN_USER_SIZE 33     /* 1 to 32 of 0-9 and a-f */
#define TOKEN_CLOCK_SKEW_S 300 /* tolerated between accessd's and relayd's clocks */

enum token_role { TOKEN_MANAGER = 0, TOKEN_DEVICE = 1 };

struct token {
	char session[TOKEN_SESSION_SIZE]; /* "sub": hex */
	enum token_role role;		  /* "role" */
	struct ident relay;		  /* "aud": the relay's URI */
	int64_t issued, expires;	  /* "iat", "exp": Unix seconds; ISO 8601 in the token */
	/* Limits in bytes a second, 0: none; such claims are left out of the token. */
	uint64_t rate;		    /* "rate": of the session, both directions together */
	char user[TOKEN_USER_SIZE]; /* "user": whose sessions share user_rate; "": nobody's */
	uint64_t user_rate;	    /* "user_rate": with a user only */
};

struct token_key {
	char kid[TOKEN_KID_SIZE];
	uint8_t public[PASETO_PUBLIC_BYTES];
};

/** token_role_name() - "manager", "device". */
const char *token_role_name(enum token_role role);
/** token_role_parse() - Return: 0; -EINVAL. */
int token_role_parse(enum token_role *role, const char *name) __attribute__((warn_unused_result));

/** token_kid() - the name of a key; empty if the library failed. */
void token_kid(char kid[TOKEN_KID_SIZE], const uint8_t public[PASETO_PUBLIC_BYTES]);

/**
 * token_sign() - @public is the second half of @secret; it names the key in the footer.
 * Return: 0; -EINVAL a field of @t is out of range; -ENOSPC; -EIO.
 */
int token_sign(char out[PASETO_TOKEN_SIZE], const struct token *t,
	       const uint8_t secret[PASETO_SECRET_BYTES], const uint8_t public[PASETO_PUBLIC_BYTES])
	__attribute__((warn_unused_result));

/**
 * token_check() - verify with the key that the footer names, then every claim, in the order of
 * the errors below. @t is written on success only.
 * @self: the relay that is asked; @now: Unix seconds.
 * Return: 0; -EBADMSG malformed; -ENOKEY unknown key; -EKEYREJECTED bad signature;
 * -EXDEV for another relay; -ETIME expired or not yet valid (TOKEN_CLOCK_SKEW_S tolerated).
 */
int token_check(struct token *t, const char *text, size_t text_len, const struct token_key *keys,
		size_t n_keys, const struct ident *self, int64_t now)
	__attribute__((warn_unused_result));

/** token_error() - the code in words, for logs and refusals. */
const char *token_error(int code);

#endif
