/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * approvals - sessions that somebody has to approve before they begin (docs/PROTOCOL.md, 4.11). A
 * wish waits as long as the connection that it came by, for a few minutes at most; a restart of
 * accessd denies it. What was approved is looked at again as if it was asked for now.
 */
#ifndef FARLAN_APPROVALS_H
#define FARLAN_APPROVALS_H

#include "accessd/sessions.h"

/* Somebody says yes or no, and what comes of it. */
struct approval {
	const char *id;
	bool approve;
	const char *reason; /* of a rejection; clean, may be "" */
	/* Set by approvals_decide(): */
	struct pending p;  /* the wish, if it returned 0 */
	bool more;	   /* somebody else has to approve, too */
	const char *words; /* else: what is wrong */
};

/** approvals_decide() - Return: 0; an RPC code. Who calls this says before how it is recorded in
 * the audit: see store_witness(). */
int approvals_decide(struct sessions *ss, const struct pending_voice *voice, struct approval *a)
	__attribute__((warn_unused_result));

/** approvals_find() - for the audit, before it is decided. NULL: there is none. */
const struct pending *approvals_find(const struct sessions *ss, const char *id);

/** approvals_answer() - what who has decided hears: {user, device, waits_for: words (if more)}. */
json_t *approvals_answer(const struct approval *a);

/** approvals_list() - what waits for this voice: an array of {id, user, device, from, reason,
 * waits_for, left_s}. The host's administrator gets all. */
json_t *approvals_list(struct sessions *ss, const struct pending_voice *voice);

/** approvals_hello() - somebody is there (again): tell what is asked of him. */
void approvals_hello(struct sessions *ss, const struct pending_voice *voice, struct rpc *rpc);

/** approvals_withdraw() - the connection that a wish came by takes it back. @id: NULL: it is gone,
 * with all of its wishes. */
void approvals_withdraw(struct sessions *ss, uint64_t client, const char *id);
/** approvals_deny_member() - of a user, or for a device. Return: how many. */
size_t approvals_deny_member(struct sessions *ss, int64_t member, const char *why);
/** approvals_deny_forbidden() - of those who may not connect any more. */
void approvals_deny_forbidden(struct sessions *ss, const char *why);
/** approvals_deny_all() - @ss: NULL is nothing. Return: how many. */
size_t approvals_deny_all(struct sessions *ss, const char *why);

#endif
