/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One try to sign in, as its parts share it: signin_try.c (from asking to answering),
 * signin_needs.c (what else is needed) and signin_record.c (what is stored). */
#ifndef FARLAN_SIGNIN_TRY_H
#define FARLAN_SIGNIN_TRY_H

#include "accessd/clients_internal.h"
#include "accessd/signin_internal.h"

struct signin_try {
	struct clients *clients;
	uint64_t number; /* of the connection, which may go meanwhile */
	int64_t id;
	enum signin_what what;
	struct login login;
	struct asked asked;
	struct store_account account_row;
	struct lockout_key account, address;
	bool counts_address;
	char from[STORE_ADDRESS_SIZE];
	/* What is to be stored; see signin_record(). */
	const struct store_password *next;
	uint64_t step, totp_step; /* 0: none */
	char recovery[ASKED_CODE_SIZE];
	bool enrols, bad_code;
	json_t *codes; /* new recovery codes */
	/* The answer. */
	struct admitted admitted;
	int code; /* 0: result, or (of a sign-in without one) the identity */
	char words[RPC_MESSAGE_SIZE];
	json_t *result;
};

static inline struct signin *try_signin(const struct signin_try *t)
{
	return t->clients->signin;
}

static inline const char *try_domain(const struct signin_try *t)
{
	return t->clients->admission->domain->row.name;
}

static inline struct store *try_store(const struct signin_try *t)
{
	return t->clients->store;
}

/** signin_reject() - that is the answer. */
void signin_reject(struct signin_try *t, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void signin_reject_internal(struct signin_try *t);
/** signin_note() - for the audit, about the user. @detail: taken. Return: as audit_note(). */
int signin_note(const struct signin_try *t, enum event event, enum audit_result result,
		json_t *detail);

/** signin_wants_new() - is a new password a part of it? */
bool signin_wants_new(const struct signin_try *t);
/** signin_is_missing() - is something? Then that is the answer, and nothing of what was given is
 * used up. */
bool signin_is_missing(struct signin_try *t);

/** signin_check_code() - Return: 0, and what is to be stored of it is set; -EALREADY it was used;
 * -EACCES; -EIO. */
int signin_check_code(struct signin_try *t) __attribute__((warn_unused_result));
/** signin_record() - all that a try that succeeds changes; within a transaction. @arg: the try. */
int signin_record(void *arg) __attribute__((warn_unused_result));
/** signin_record_alone() - in one of its own. */
int signin_record_alone(struct signin_try *t) __attribute__((warn_unused_result));

#endif
