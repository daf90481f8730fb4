/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * domain - one organisation: its CA and token key, and what is signed with them.
 */
#ifndef FARLAN_DOMAIN_H
#define FARLAN_DOMAIN_H

#include "accessd/store.h"
#include "common/pure/invite.h"
#include "common/pure/stamp.h"

#define DOMAIN_DAY_S INT64_C(86400)
#define DOMAIN_CA_S (DOMAIN_DAY_S * 365 * 20)
#define DOMAIN_OWN_S (DOMAIN_DAY_S * 365) /* this server's own certificates */
#define DOMAIN_MEMBER_S \
	(DOMAIN_DAY_S * 365 * 10)      /* devices and relays: the register decides who is let in */
#define DOMAIN_BACKDATE_S DOMAIN_DAY_S /* clocks of newcomers may be behind */

/* Somebody's public key, as a request brought it. */
struct public_key {
	uint8_t spki[128];
	size_t len;
	uint8_t sha256[X509_SPKI_SHA256_BYTES]; /* of spki */
};

struct domain {
	struct store_domain row;
	uint8_t ca_sha256[32];
	struct token_key token_key;
	uint8_t key_sig[X509_SIGNATURE_MAX_BYTES]; /* the CA's word for it */
	size_t key_sig_len;
};

/**
 * domain_create() - make CA, token key and this server's identity, and store them.
 * Return: 0; -E2BIG the addresses do not fit into an invitation; -EEXIST; -EIO.
 */
int domain_create(struct domain *d, struct store *s, const char *name, const struct urls *urls,
		  int64_t now) __attribute__((warn_unused_result));
/**
 * domain_load() - the stored domain; own certificates that are past two thirds of their life, or
 * do not check any more, are made anew. Return: 0; -ENOENT none yet; -EIO.
 */
int domain_load(struct domain *d, struct store *s, int64_t now) __attribute__((warn_unused_result));
/** domain_renew() - the same renewal while running. *renewed: use the certificates anew. Return: 0;
 * -EIO. */
int domain_renew(struct domain *d, struct store *s, int64_t now, bool *renewed)
	__attribute__((warn_unused_result));
void domain_wipe(struct domain *d);

struct ident domain_ident(const struct domain *d, enum ident_kind kind, const char *uid);
void domain_uid(char uid[IDENT_UID_SIZE]); /* a new random one */

/** domain_issue() - an identity for a key, good until @not_after (cut to the CA's own end). Return:
 * 0; -EIO. */
int domain_issue(const struct domain *d, const struct ident *id, const struct public_key *key,
		 int64_t now, int64_t not_after, struct x509_cert *cert)
	__attribute__((warn_unused_result));
/** domain_issue_outer() - a server certificate for the hosts of @urls. Return: 0; -EIO; -ENOSPC. */
int domain_issue_outer(const struct domain *d, const struct urls *urls,
		       const struct public_key *key, int64_t now, int64_t not_after,
		       struct x509_cert *cert) __attribute__((warn_unused_result));
/** domain_token() - Return: 0; -EIO. */
int domain_token(const struct domain *d, const struct token *t, char out[PASETO_TOKEN_SIZE])
	__attribute__((warn_unused_result));
/** domain_time() - sign a time (docs/PROTOCOL.md, 4.7). Return: 0; -EIO. */
int domain_time(const struct domain *d, const uint8_t nonce[STAMP_NONCE_BYTES], int64_t time_ms,
		uint8_t sig[SIGNATURE_BYTES]) __attribute__((warn_unused_result));
/** domain_invite() - the text of an invitation. Return: 0; -ENOSPC. */
int domain_invite(const struct domain *d, enum ident_kind kind,
		  const uint8_t secret[INVITE_SECRET_BYTES], int64_t expires,
		  char out[INVITE_TEXT_SIZE]) __attribute__((warn_unused_result));

#endif
