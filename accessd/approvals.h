/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * approvals - sessions that somebody has to approve before they begin (docs/PROTOCOL.md, 4.11). A
 * wish waits as long as the connection that it came by, for a few minutes at most; a restart of
 * accessd denies it. What was approved is looked at again as if it was asked for now.
 */
#ifndef FARLAN_APPROVALS_H
#define FARLAN_APPROVALS_H

#include "accessd/sessions.h"

/**
 * approvals_decide() - somebody says yes or no. @reason: clean, may be "". @p: the wish, if 0 is
 * returned; @more: somebody else has to approve, too.
 * Return: 0; an RPC code, and @words: what is wrong. Who calls this says
 * before how it is recorded in the audit: see store_witness().
 */
int approvals_decide(struct sessions *ss, const char *id, const struct pending_voice *voice,
		     bool approve, const char *reason, struct pending *p, bool *more,
		     const char **words) __attribute__((warn_unused_result));

/** approvals_find() - for the audit, before it is decided. NULL: there is none. */
const struct pending *approvals_find(const struct sessions *ss, const char *id);

/** approvals_answer() - what who has decided hears: {user, device, waits_for: words (if @more)}. */
json_t *approvals_answer(const struct pending *p, bool more);

/** approvals_list() - what waits for this voice: an array of {id, user, device, from, reason,
 * waits_for, left_s}. The host's administrator gets all. */
json_t *approvals_list(struct sessions *ss, const struct pending_voice *voice);

/** approvals_withdraw() - the connection that a wish came by takes it back. @id: NULL: it is gone,
 * with all of its wishes. */
void approvals_withdraw(struct sessions *ss, uint64_t client, const char *id);
/** approvals_deny_member() - of a user, or for a device. Return: how many. */
size_t approvals_deny_member(struct sessions *ss, int64_t member, const char *why);
/** approvals_deny_all() - @ss: NULL is nothing. Return: how many. */
size_t approvals_deny_all(struct sessions *ss, const char *why);

#endif
