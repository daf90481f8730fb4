/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limits - the buckets that sessions share: the relay's, and those of users. One for the process;
 * its relays borrow it, each on its own thread.
 */
#ifndef FARLAN_RELAYD_LIMITS_H
#define FARLAN_RELAYD_LIMITS_H

#include "common/pure/token.h"
#include "relayd/pure/bucket.h"

struct limits;

/** limits_open() - @rate: of the whole relay, bytes a second; 0: none. Return: 0; -ENOMEM. */
int limits_open(struct limits **out, uint64_t rate) __attribute__((warn_unused_result));
/** limits_close() - while a user's bucket is held, nothing is freed. NULL is allowed. */
void limits_close(struct limits *l);

/** limits_relay() - the relay's bucket; NULL: there is no limit, or no @l. Any thread. */
struct bucket *limits_relay(struct limits *l);

/**
 * limits_user() - the bucket of a user (shorter than TOKEN_USER_SIZE), for limits_release(). The
 * rate that is said last counts, for all who hold it. Any thread. Return: NULL: out of memory.
 */
struct bucket *limits_user(struct limits *l, const char *user, uint64_t rate);
/** limits_release() - NULL is allowed. Any thread. */
void limits_release(struct limits *l, struct bucket *b);

#endif
