/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sessions.c (which there are), opening.c (how they begin) and grants.c (what each end gets)
 * share. */
#ifndef FARLAN_SESSIONS_INTERNAL_H
#define FARLAN_SESSIONS_INTERNAL_H

#include "accessd/sessions.h"

struct session {
	struct store_session row;
	uint64_t ends_ms; /* by clock_mono_ms(): a step of the system clock changes no session */
	struct session *next;
};

struct sessions {
	uv_loop_t *loop;
	struct store *store;
	const struct domain *domain;
	int64_t life_s;
	uint64_t session_rate, user_rate; /* where the member has none of its own */
	const struct sessions_ops *ops;
	void *arg;
	struct session *list; /* ordered by id */
	size_t n;
	uv_timer_t timer;	/* for the end that comes first */
	uint64_t opened, ended; /* since the start */
	bool closing;
};

/** sessions_insert() - a row of the store into the list. Return: NULL out of memory. */
struct session *sessions_insert(struct sessions *ss, const struct store_session *row);
/** sessions_arm() - set the timer for the end that comes first. */
void sessions_arm(struct sessions *ss);
size_t sessions_count_of(const struct sessions *ss, int64_t endpoint);
struct session *sessions_find(const struct sessions *ss, const char *id);
/** sessions_finish() - end and forget @x; tell both ends but @not_endpoint, and the relays. */
void sessions_finish(struct sessions *ss, struct session *x, const char *reason,
		     int64_t not_endpoint);

/** grants_make() - this session's grant for one end. Return: 0 and a new object; -ENOENT an end or
 * all relays are gone; -EIO. */
int grants_make(struct sessions *ss, const struct session *x, enum token_role role, json_t **grant)
	__attribute__((warn_unused_result));
/** grants_resend() - to an end that does not know the session (any more): with the next epoch. */
void grants_resend(struct sessions *ss, struct session *x, enum token_role role);

#endif
