/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http_auth - user name and password for an HTTP proxy: reads challenges (RFC 9110 section 11) and
 * answers them by Basic (RFC 7617) or Digest (RFC 7616; RFC 2617 and 2069 where the other side is
 * older). Pure: random bytes come as a parameter.
 */
#ifndef FARLAN_HTTP_AUTH_H
#define FARLAN_HTTP_AUTH_H

#include "common/pure/http.h"

#define HTTP_AUTH_REALM_SIZE 256 /* a challenge with longer parts is not answered */
#define HTTP_AUTH_NONCE_SIZE 256
#define HTTP_AUTH_OPAQUE_SIZE 256
#define HTTP_AUTH_CHALLENGES_MAX 16 /* further ones are not looked at */
#define HTTP_AUTH_SCHEMES_SIZE 80
#define HTTP_AUTH_SIZE 2048 /* an answer, with NUL */
#define HTTP_AUTH_CNONCE_BYTES 16

/* The better, the higher. */
enum http_auth_kind {
	HTTP_AUTH_NONE,
	HTTP_AUTH_BASIC,
	HTTP_AUTH_DIGEST_MD5,
	HTTP_AUTH_DIGEST_MD5_SESS,
	HTTP_AUTH_DIGEST_SHA256,
	HTTP_AUTH_DIGEST_SHA256_SESS,
};

/* A challenge that can be answered. */
struct http_auth {
	enum http_auth_kind kind;
	bool says_algorithm; /* else it is MD5, and very old ones do not know the word */
	bool qop;	     /* qop=auth; else as in RFC 2069 */
	bool stale;	     /* the password was right, the nonce too old */
	bool has_opaque;
	char realm[HTTP_AUTH_REALM_SIZE], nonce[HTTP_AUTH_NONCE_SIZE];
	char opaque[HTTP_AUTH_OPAQUE_SIZE];
};

struct http_auth_offer {
	struct http_auth best;		      /* kind NONE: none that we know */
	char schemes[HTTP_AUTH_SCHEMES_SIZE]; /* all of them: "Negotiate, NTLM"; cut */
};

/**
 * http_auth_read() - what the headers @name (Proxy-Authenticate) offer: one or several challenges
 * in each. What is malformed or too long is left out.
 */
void http_auth_read(struct http_auth_offer *offer, const struct http_head *head, const char *name);

struct http_auth_request {
	const char *user, *password; /* the user without a colon */
	const char *method, *uri;    /* "CONNECT", "as1.example.org:443" */
	uint32_t count;		     /* how often the nonce was used, this time included: 1.. */
	uint8_t cnonce[HTTP_AUTH_CNONCE_BYTES]; /* random */
};

/**
 * http_auth_answer() - the value of (Proxy-)Authorization.
 * Return: 0; -EINVAL a challenge of no kind; -ENOSPC; -ENOTSUP no such hash here.
 */
int http_auth_answer(char out[HTTP_AUTH_SIZE], const struct http_auth *a,
		     const struct http_auth_request *q) __attribute__((warn_unused_result));

/** http_auth_digest() - the same for Digest with the client's nonce as text, for test vectors. */
int http_auth_digest(char out[HTTP_AUTH_SIZE], const struct http_auth *a,
		     const struct http_auth_request *q, const char *cnonce)
	__attribute__((warn_unused_result));

#endif
