/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What signin.c (failures, lists), signin_try.c (one try) and factor.c
 * (second factors) share. */
#ifndef FARLAN_SIGNIN_INTERNAL_H
#define FARLAN_SIGNIN_INTERNAL_H

#include "accessd/pure/asked.h"
#include "accessd/pure/recovery.h"
#include "accessd/signin.h"

#define SIGNIN_TICKET_S 600 /* to set up a second factor in */
#define SIGNIN_KEY_BYTES 32

struct refused;

struct signin {
	struct signin_config config;
	struct lockout *lockout;
	struct refused *refused; /* NULL: no list */
	uint8_t ticket_key[SIGNIN_KEY_BYTES];
};

/** signin_count() - a failure of @account (NULL: nobody has this name) from @address (NULL: not
 * counted). Within a transaction. *locked: which of them is locked from now on; NULL: none. */
int signin_count(struct signin *s, const struct lockout_key *account,
		 const struct lockout_key *address, const struct lockout_key **locked)
	__attribute__((warn_unused_result));
bool signin_is_locked(const struct signin *s, const struct lockout_key *k);
/** signin_clear() - no failures are counted of it any more. */
int signin_clear(struct signin *s, const struct lockout_key *k) __attribute__((warn_unused_result));

/* --- factor.c --- */

/** factor_offer() - a new secret for @member, as the answer's "totp". NULL: out of memory. */
json_t *factor_offer(const struct signin *s, int64_t member, const char *domain, const char *user);
/** factor_again() - the same for a secret that was offered. */
json_t *factor_again(const struct asked_ticket *t, const char *domain, const char *user);
/** factor_is_ours() - was it offered to @member, not too long ago? */
bool factor_is_ours(const struct signin *s, const struct asked_ticket *t, int64_t member,
		    int64_t now);
/** factor_recovery_hash() - what is stored of a recovery code. */
void factor_recovery_hash(int64_t member, const char *plain, uint8_t hash[STORE_HASH_BYTES]);
/** factor_recovery_new() - new codes in place of the old ones. Within a transaction. *out: a list
 * of texts. */
int factor_recovery_new(struct store *s, int64_t member, json_t **out)
	__attribute__((warn_unused_result));

/* --- refused.c: a list of passwords, one in a line --- */

int refused_load(struct refused **out, const char *path) __attribute__((warn_unused_result));
void refused_free(struct refused *r);
bool refused_has(const struct refused *r, const char *password);

#endif
