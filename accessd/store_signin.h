/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_signin - the part of the store about how users sign in. As in store.h: 0 or -errno.
 */
#ifndef FARLAN_STORE_SIGNIN_H
#define FARLAN_STORE_SIGNIN_H

#include "accessd/pure/lockout.h"
#include "accessd/pure/totp.h"
#include "accessd/store.h"

#define STORE_RECOVERY_CODES 10

/* How a user stands. */
struct store_account {
	int64_t valid_until; /* Unix seconds; 0: for ever */
	bool disabled;	     /* by an administrator, for a while */
	bool must_change;    /* the password, at the next sign-in */
	bool has_totp;
	int64_t totp_since;
	uint32_t recovery_codes; /* that are left */
	uint32_t cost;		 /* of the password's hash */
};

int store_account_get(struct store *s, int64_t member, struct store_account *a)
	__attribute__((warn_unused_result));
/** store_account_set_valid() - and shorten what his PCs were given. */
int store_account_set_valid(struct store *s, int64_t member, int64_t valid_until)
	__attribute__((warn_unused_result));
int store_account_set_disabled(struct store *s, int64_t member, bool disabled)
	__attribute__((warn_unused_result));
/** store_expired() - a user whose time is over at @now, and of whom that was not noted yet.
 * -ENOENT: none. */
int store_expired(struct store *s, int64_t domain, int64_t now, int64_t *member)
	__attribute__((warn_unused_result));
int store_expired_noted(struct store *s, int64_t member) __attribute__((warn_unused_result));

/** store_totp_get() - @step: the last one that was used. -ENOENT: he has none. */
int store_totp_get(struct store *s, int64_t member, uint8_t secret[TOTP_SECRET_BYTES],
		   uint64_t *step) __attribute__((warn_unused_result));
int store_totp_set(struct store *s, int64_t member, const uint8_t secret[TOTP_SECRET_BYTES],
		   uint64_t step, int64_t now) __attribute__((warn_unused_result));
/** store_totp_used() - @step was used. -ENOENT: it, or a later one, was already. */
int store_totp_used(struct store *s, int64_t member, uint64_t step)
	__attribute__((warn_unused_result));
/** store_totp_remove() - with the recovery codes. -ENOENT: he has none. */
int store_totp_remove(struct store *s, int64_t member) __attribute__((warn_unused_result));

/** store_recovery_set() - in place of all that were there. */
int store_recovery_set(struct store *s, int64_t member,
		       const uint8_t hashes[STORE_RECOVERY_CODES][STORE_HASH_BYTES])
	__attribute__((warn_unused_result));
/** store_recovery_use() - it is gone now. -ENOENT: there is no such one. */
int store_recovery_use(struct store *s, int64_t member, const uint8_t hash[STORE_HASH_BYTES])
	__attribute__((warn_unused_result));

/** store_pcs_each() - the endpoints of a user. */
int store_pcs_each(struct store *s, int64_t member, void (*fn)(void *arg, int64_t endpoint),
		   void *arg) __attribute__((warn_unused_result));

/* Failures to sign in, with times in Unix seconds. */
struct store_failures {
	struct lockout_key key;
	size_t n;
	int64_t at[LOCKOUT_FAILURES];
	int64_t until; /* locked; 0: it is not */
};

/** store_failures_put() - n 0: forget them. */
int store_failures_put(struct store *s, const struct store_failures *f)
	__attribute__((warn_unused_result));
/** store_failures_each() - the oldest first. */
int store_failures_each(struct store *s, void (*fn)(void *arg, const struct store_failures *f),
			void *arg) __attribute__((warn_unused_result));
/** store_failures_purge() - those of before @before. */
int store_failures_purge(struct store *s, int64_t before) __attribute__((warn_unused_result));

#endif
