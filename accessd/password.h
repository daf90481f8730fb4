/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * password - hashes of passwords by scrypt (RFC 7914), on the thread pool: each takes about 60 ms
 * and 32 MB (twice of both with each step of the cost), so few run at a time. Answers come in the
 * loop's thread.
 *
 * All that fails is answered at the same time after it was asked, to the second: neither a name
 * that nobody has nor the parameters of a hash nor what is written meanwhile shows.
 */
#ifndef FARLAN_PASSWORD_H
#define FARLAN_PASSWORD_H

#include <uv.h>

#include "accessd/store.h"

#define PASSWORD_MAX_BYTES 256 /* as ASKED_PASSWORD_MAX */
#define PASSWORD_COST_MIN 15   /* N = 2^15 */
#define PASSWORD_COST_MAX 18   /* 256 MB each */
#define PASSWORD_BLOCK 8
#define PASSWORD_PARALLEL 1
#define PASSWORD_RUNNING_MAX 2
#define PASSWORD_WAITING_MAX 64
#define PASSWORD_FAILED_MS                                                                        \
	1000 /* after a wrong password was asked about, before the answer and the user's next try \
	      */
#define PASSWORD_USER_SIZE (STORE_NAME_SIZE + 24)

struct passwords;

/** passwords_open() - @cost: of new hashes, log2 N. */
int passwords_open(struct passwords **out, uv_loop_t *loop, uint32_t cost)
	__attribute__((warn_unused_result));
/** passwords_close() - all that waits or runs is answered now: passwords_hash() with ok false and
 * hash NULL, passwords_check() with closing true; memory goes with the last handle. */
void passwords_close(struct passwords *p);

/**
 * passwords_hash() - a new hash with fresh salt. @done: exactly once, never before this returns.
 * Return: 0; -EBUSY too many wait.
 */
int passwords_hash(struct passwords *p, const char *password,
		   void (*done)(void *arg, bool ok, const struct store_password *hash), void *arg)
	__attribute__((warn_unused_result));

struct password_try {
	const char *user; /* tries of one come one after the other: "DOMAIN/NAME" */
	const char *password;
	const struct store_password *hash; /* NULL: nobody has this name, which takes as long and
					      fails */
	const char *next;		   /* what is to be hashed if it is right; NULL: nothing */
	/*
	 * As soon as it is known, unless it closes first. @next: the hash of next, or of the same
	 * password if its own has lower parameters than new ones; NULL: neither. Return: is all
	 * right? Else @done waits until the time of what fails.
	 */
	bool (*judge)(void *arg, bool ok, const struct store_password *next);
	/* Exactly once, never before passwords_check() returns. */
	void (*done)(void *arg, bool closing);
	void *arg;
};

/** passwords_check() - @t: copied. Return: 0; -EBUSY too many wait. */
int passwords_check(struct passwords *p, const struct password_try *t)
	__attribute__((warn_unused_result));

#endif
