/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * assigned - by which prefixes each session has its peer's LANs here: their own or virtual ones. A
 * session that goes on after a restart of this end has the same again, in whatever order sessions
 * come back; until then nobody else gets them. Pure (jansson).
 *
 *   waiting   of an earlier run, and not granted again yet
 */
#ifndef FARLAN_ASSIGNED_H
#define FARLAN_ASSIGNED_H

#include "common/pure/grant.h"
#include "vpnd/pure/translate.h"

#define ASSIGNED_MAX 128 /* sessions: as many as run at one time, and as many that wait */
#define ASSIGNED_FILE_MAX_BYTES 524288

struct assigned_session {
	char id[TOKEN_SESSION_SIZE];
	bool waiting;
	size_t n;
	struct translate_pair pairs[TRANSLATE_MAX]; /* here equals there: its own */
};

/* All zero at first. */
struct assigned {
	size_t n;
	struct assigned_session sessions[ASSIGNED_MAX]; /* the newest first */
};

/** assigned_here() - what @there of the session was here. Return: NULL, not known. */
const struct prefix *assigned_here(const struct assigned *a, const char *id,
				   const struct prefix *there);
/** assigned_holder() - which waiting session other than @id has some of @p. Of wide ones only the
 * same counts, or a half of all: they hold parts of everybody. Return: NULL, none. */
const struct assigned_session *assigned_holder(const struct assigned *a, const char *id,
					       const struct prefix *p);
/** assigned_put() - in the place of what was there for this session; if all is full, the oldest
 * that waits goes, or else the oldest. Return: true: worth saving. */
bool assigned_put(struct assigned *a, const struct assigned_session *s);
/** assigned_remove() - the session is over. Return: true: there was something. */
bool assigned_remove(struct assigned *a, const char *id);
/** assigned_give_up() - those that wait do not come any more. Return: true: there were some. */
bool assigned_give_up(struct assigned *a);

/** assigned_encode() - as JSON text, from malloc, *len without the NUL. Return: NULL out of memory.
 */
char *assigned_encode(const struct assigned *a, size_t *len);
/** assigned_decode() - strict; all wait. @a is written whole or not at all. Return: 0; -EBADMSG;
 * -ENOMEM. */
int assigned_decode(struct assigned *a, const void *json, size_t len)
	__attribute__((warn_unused_result));

#endif
