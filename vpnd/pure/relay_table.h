/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relay_table - the relays that the Access Server names, and what is known of the way to each; and
 * what the other end of a session says about its own. Pure (jansson).
 * Source: docs/PROTOCOL.md, section 4: relay.list, relay.measure, relay.measured, session.measured.
 */
#ifndef FARLAN_RELAY_TABLE_H
#define FARLAN_RELAY_TABLE_H

#include <jansson.h>

#include "common/pure/grant.h"

#define RELAY_TABLE_MAX 16
#define RELAY_WHY_SIZE 160
#define RELAY_WHERE_SIZE 56		 /* "[2001:db8::1]:443" */
#define RELAY_KEEP_MS (10 * 60 * 1000)	 /* a result is good for so long */
#define RELAY_KEEP_FAILED_MS (60 * 1000) /* and one that says that there is no way */

struct relay_result {
	enum relay_known { RELAY_UNKNOWN, RELAY_REACHED, RELAY_FAILED } known;
	uint32_t rtt_us, loss_pm;     /* reached */
	char failed[RELAY_WHY_SIZE];  /* failed: why */
	char where[RELAY_WHERE_SIZE]; /* reached: its address and port; "" unknown */
	uint64_t at_ms;
};

struct relay_entry {
	char name[GRANT_NAME_SIZE], uid[IDENT_UID_SIZE];
	size_t n_urls;
	struct url urls[GRANT_URLS_MAX];
	struct relay_result result;
	bool asked; /* in the last relay_table_merge() */
};

struct relay_table {
	size_t n;
	struct relay_entry at[RELAY_TABLE_MAX];
};

/**
 * relay_table_decode() - "relays" of @params: [{name, uid, urls}], at most RELAY_TABLE_MAX. @t is
 * changed whole or not at all; results of relays with the same uid and urls stay.
 * Return: 0; -EBADMSG.
 */
int relay_table_decode(struct relay_table *t, const json_t *params)
	__attribute__((warn_unused_result));

/**
 * relay_table_merge() - the same, but those that are there stay beside, as far as there is room;
 * who is in the list is marked as asked, nobody else. Return: 0; -EBADMSG.
 */
int relay_table_merge(struct relay_table *t, const json_t *params)
	__attribute__((warn_unused_result));

/** relay_table_find() - NULL: no such relay. */
struct relay_entry *relay_table_find(struct relay_table *t, const char *uid);
/** relay_due() - is there no result that is at most @max_age_ms old? For a failure the shorter of
 * that and RELAY_KEEP_FAILED_MS counts. */
bool relay_due(const struct relay_entry *e, uint64_t now_ms, uint64_t max_age_ms);
/** relay_table_forget() - the network changed: no result counts any more. */
void relay_table_forget(struct relay_table *t);

/** relay_result_encode() - {uid, rtt_us, loss_pm} or {uid, failed}; NULL if nothing is known. */
json_t *relay_result_encode(const struct relay_entry *e);

/* What a device measured: session.measured. */
struct relay_far {
	char session[TOKEN_SESSION_SIZE], device[GRANT_NAME_SIZE];
	size_t n;
	struct relay_far_row {
		char name[GRANT_NAME_SIZE], uid[IDENT_UID_SIZE];
		struct relay_result result;
	} rows[RELAY_TABLE_MAX];
};

/** relay_far_decode() - strict; @f is written whole or not at all. Return: 0; -EBADMSG. */
int relay_far_decode(struct relay_far *f, const json_t *params) __attribute__((warn_unused_result));
/** relay_far_merge() - @news of the same session: each relay's newest result counts. Beyond
 * RELAY_TABLE_MAX relays the oldest goes. */
void relay_far_merge(struct relay_far *f, const struct relay_far *news);
const struct relay_far_row *relay_far_find(const struct relay_far *f, const char *uid);

#endif
