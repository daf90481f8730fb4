/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * password - hashes of passwords by scrypt (RFC 7914), on the thread pool: each takes about 60 ms
 * and 32 MB, so few run at a time. Answers come in the loop's thread.
 */
#ifndef FARLAN_PASSWORD_H
#define FARLAN_PASSWORD_H

#include <uv.h>

#include "accessd/store.h"

#define PASSWORD_MAX_BYTES 256
#define PASSWORD_COST 15 /* N = 2^15 */
#define PASSWORD_BLOCK 8
#define PASSWORD_PARALLEL 1
#define PASSWORD_RUNNING_MAX 2
#define PASSWORD_WAITING_MAX 64
#define PASSWORD_FAILED_MS \
	1000 /* after a wrong password, before the answer and the user's next try */

struct passwords;

int passwords_open(struct passwords **out, uv_loop_t *loop) __attribute__((warn_unused_result));
/** passwords_close() - all that waits or runs is answered now, with ok false and hash NULL; memory
 * goes with the last handle. */
void passwords_close(struct passwords *p);

/**
 * passwords_hash() - a new hash with fresh salt. @done: exactly once, never before this returns.
 * Return: 0; -EBUSY too many wait.
 */
int passwords_hash(struct passwords *p, const char *password,
		   void (*done)(void *arg, bool ok, const struct store_password *hash), void *arg)
	__attribute__((warn_unused_result));

/**
 * passwords_check() - compare with @hash; NULL: nobody has this name, which takes as long and
 * fails. Tries of one @user come one after the other.
 */
int passwords_check(struct passwords *p, const char *user, const char *password,
		    const struct store_password *hash,
		    void (*done)(void *arg, bool ok, const struct store_password *hash), void *arg)
	__attribute__((warn_unused_result));

#endif
