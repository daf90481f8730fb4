/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * domain - one organisation: its CA and token key, and what is signed with them.
 */
#ifndef FARLAN_DOMAIN_H
#define FARLAN_DOMAIN_H

#include <jansson.h>

#include "accessd/store.h"
#include "common/pure/invite.h"
#include "common/pure/stamp.h"

#define DOMAIN_DAY_S INT64_C(86400)
#define DOMAIN_CA_S (DOMAIN_DAY_S * 365 * 20)
#define DOMAIN_OWN_S (DOMAIN_DAY_S * 365) /* this server's own certificates */
#define DOMAIN_TOKEN_NEXT_S 30		  /* relays know a token key so long before it signs */
#define DOMAIN_TOKEN_LAST_S \
	(25 * INT64_C(3600))	       /* and so long after it did: no token lives longer */
#define DOMAIN_FORMERS_TOLD_MAX 8      /* endpoints know so many former CAs */
#define DOMAIN_BACKDATE_S DOMAIN_DAY_S /* clocks of newcomers may be behind */

/* Somebody's public key, as a request brought it. */
struct public_key {
	uint8_t spki[128];
	size_t len;
	uint8_t sha256[X509_SPKI_SHA256_BYTES]; /* of spki */
};

/* A CA that the domain had: who trusts it is shown an identity by it. */
struct domain_former {
	struct store_former row; /* link.len 0: nobody is let in by it, nor led on from it */
	uint8_t ca_sha256[32];
	struct x509_cert access_cert; /* len 0: the CA has expired */
	struct ca_link key_word;      /* its word for the domain's token key */
};

struct domain {
	struct store_domain row;
	size_t n_formers;
	struct domain_former formers[STORE_FORMERS_MAX]; /* the oldest first */
	uint8_t ca_sha256[32];
	struct token_key token_key;
	struct ca_link key_word; /* the CA's word for it */
};

/**
 * domain_create() - make CA, token key and this server's identity, and store them.
 * Return: 0; -E2BIG the addresses do not fit into an invitation; -EEXIST; -EIO.
 */
int domain_create(struct domain *d, struct store *s, const char *name, const struct urls *urls,
		  int64_t now) __attribute__((warn_unused_result));
/**
 * domain_load() - the stored domain with this id; own certificates that are past two thirds of
 * their life, or do not check any more, are made anew. Return: 0; -ENOENT none yet; -EIO.
 */
int domain_load(struct domain *d, struct store *s, int64_t id, int64_t now)
	__attribute__((warn_unused_result));
/** domain_set_urls() - other addresses of this server, and a certificate for their hosts. Return:
 * 0; -E2BIG they do not fit into an invitation; -EIO; nothing is changed then. */
int domain_set_urls(struct domain *d, struct store *s, const struct urls *urls, int64_t now)
	__attribute__((warn_unused_result));
/** domain_renew() - the same renewal while running. *renewed: use the certificates anew. Return: 0;
 * -EIO. */
int domain_renew(struct domain *d, struct store *s, int64_t now, bool *renewed)
	__attribute__((warn_unused_result));
void domain_wipe(struct domain *d);

/*
 * An *anchor* is which CA somebody trusts, counted from the domain's first one: its number stays.
 * n_formers is the one that it has now; DOMAIN_ANCHOR_UNKNOWN none of these.
 */
#define DOMAIN_ANCHOR_UNKNOWN (-1)

/**
 * domain_roll() - make a new CA. The old one names it as its successor, or, if it was
 * @compromised, nobody comes from it or an older one any more; then token key and invitations are
 * new, too. Return: 0; -ENOSPC too many; -EIO; nothing is changed then.
 */
int domain_roll(struct domain *d, struct store *s, bool compromised, int64_t now)
	__attribute__((warn_unused_result));
/** domain_anchor_ok() - does anybody come from it? */
bool domain_anchor_ok(const struct domain *d, int anchor);
/** domain_outer_ca() - the one that an outer certificate is by. NULL: none. */
const struct x509_cert *domain_outer_ca(const struct domain *d, const struct x509_cert *cert);
/** domain_former_cas() - those that outer certificates may be by, beside the domain's own: a new
 * list. */
json_t *domain_former_cas(const struct domain *d);
/** domain_links() - how to come from an anchor to the domain's CA: a new list, empty from there
 * itself. NULL: no memory. */
json_t *domain_links(const struct domain *d, int anchor);
/** domain_key_word() - the word of the CA that is an anchor (unknown: of the domain's own one) for
 * the key that signs the time. */
const struct ca_link *domain_key_word(const struct domain *d, int anchor);

/** domain_token_roll() - make a second token key, that signs after DOMAIN_TOKEN_NEXT_S. Return: 0;
 * -EBUSY there are two; -EIO. */
int domain_token_roll(struct domain *d, struct store *s, int64_t now)
	__attribute__((warn_unused_result));
/** domain_token_step() - as time goes by: the next one signs, the last one is forgotten. *changed:
 * relays are to be told. Return: 0; -EIO. */
int domain_token_step(struct domain *d, struct store *s, int64_t now, bool *changed)
	__attribute__((warn_unused_result));
/** domain_token_keys() - for relays: those that count, the newest last. A new list. */
json_t *domain_token_keys(const struct domain *d);

struct ident domain_ident(const struct domain *d, enum ident_kind kind, const char *uid);
void domain_uid(char uid[IDENT_UID_SIZE]); /* a new random one */

/** domain_issue() - an identity for a key, good until @not_after (cut to the CA's own end). Return:
 * 0; -EIO. */
int domain_issue(const struct domain *d, const struct ident *id, const struct public_key *key,
		 int64_t now, int64_t not_after, struct x509_cert *cert)
	__attribute__((warn_unused_result));
/** domain_issue_outer() - a server certificate for the hosts of @urls, by the oldest CA that
 * somebody may still trust: who was away for long checks it, too, and who follows CAs knows them
 * all. Return: 0; -EIO; -ENOSPC. */
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
