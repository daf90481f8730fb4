/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relays - the relays of the domain, and how they do: from the register, their connections and what
 * they report. In memory, but for the register; a restarted accessd learns it anew within seconds.
 */
#ifndef FARLAN_RELAYS_H
#define FARLAN_RELAYS_H

#include <uv.h>

#include "accessd/addresses.h"
#include "accessd/pure/health.h"
#include "accessd/store.h"

#define RELAYS_MAX 256	     /* of a domain; more are not used */
#define RELAYS_LIST_MAX 16   /* that endpoints are told of, and measure */
#define RELAYS_LIST_MS 5000  /* between two changes of the list that endpoints hear of */
#define RELAYS_REPORT_MS 500 /* reports that come faster count a little later */

struct relays;

/* One that is enrolled. */
struct relay_info {
	int64_t member;
	char name[STORE_NAME_SIZE], uid[IDENT_UID_SIZE];
	struct urls urls;
	struct health_of known;
	enum health health;
	size_t sessions; /* that begin at it, says sessions.c */
};

struct relays_ops {
	/* @was: its health before. */
	void (*on_health)(void *arg, const struct relay_info *r, enum health was);
	/* Those that can be used are other ones than at the last call. */
	void (*on_list)(void *arg);
};

struct relays_config {
	struct store *store;	     /* borrowed */
	struct addresses *addresses; /* borrowed; NULL: none are told */
	int64_t domain;
	const struct relays_ops *ops;
	void *arg;
};

/** relays_open() - Return: 0; -ENOMEM; -EIO. */
int relays_open(struct relays **out, uv_loop_t *loop, const struct relays_config *config)
	__attribute__((warn_unused_result));
void relays_close(struct relays *rs);

/** relays_load() - read the register again: a relay was added, enrolled, drained, removed. Return:
 * 0; -EIO, and all is as it was. */
int relays_load(struct relays *rs) __attribute__((warn_unused_result));

/* What happened; a member that is not known is ignored. */
void relays_online(struct relays *rs, int64_t member);
void relays_offline(struct relays *rs, int64_t member);
void relays_report(struct relays *rs, int64_t member, const struct health_report *report);

/* Ordered by name. Pointers are good until the next relays_load(). */
size_t relays_count(const struct relays *rs);
struct relay_info *relays_at(const struct relays *rs, size_t i);
/** relays_find() - NULL: not enrolled (any more). */
struct relay_info *relays_find(const struct relays *rs, int64_t member);
struct relay_info *relays_by_uid(const struct relays *rs, const char *uid);

/** relay_json() - {name, uid, urls}. */
json_t *relay_json(const struct relay_info *r);
/** relays_tell_addresses() - addresses_tell(), for relays and for servers. */
void relays_tell_addresses(const struct relays *rs, json_t *items);
/** relays_list() - those that can be used, at most RELAYS_LIST_MAX, as endpoints get them. */
json_t *relays_list(const struct relays *rs);

#endif
