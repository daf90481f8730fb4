/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sessions - the broker: who is joined to whom, over which relays, until when.
 *
 * A session is in the store before anybody hears of it, and ended there before anybody is told,
 * so a crash at any moment leaves nothing that the next hello would not put right.
 */
#ifndef FARLAN_SESSIONS_H
#define FARLAN_SESSIONS_H

#include <uv.h>

#include "accessd/access.h"
#include "accessd/audit.h"
#include "accessd/domain.h"
#include "accessd/pure/measured.h"
#include "accessd/pure/pending.h"
#include "accessd/relays.h"
#include "common/io/rpc.h"

#define SESSIONS_MAX 20000
#define SESSIONS_OF_ENDPOINT_MAX 256
#define SESSIONS_GRANT_MS 5000 /* for the device to accept */

#define SESSIONS_ROUND_MS 120000      /* between two rounds of measuring of a running session */
#define SESSIONS_ROUND_FRESH_MS 60000 /* what is younger need not be measured in a round */

/* What holds; only tests set other ones. */
extern struct sessions_times {
	uint64_t round_ms, fresh_ms;
} sessions_times;

struct sessions;

/* The manager's end of a new session. */
struct sessions_manager {
	int64_t endpoint, member;
	const char *name;
	const char *address; /* where the user comes from, with port */
	const struct lans *lans;
};

/* Who waits for the outcome of a wish for a session. */
struct sessions_asker {
	uint64_t client;
	int64_t id;		       /* of the request */
	char pending[PENDING_ID_SIZE]; /* not "": it was answered, and this wish waited */
};

/* The connections, seen from here. */
struct sessions_ops {
	/* The control connection of an endpoint that said hello, or NULL. */
	struct rpc *(*endpoint_rpc)(void *arg, int64_t endpoint);
	/* Does this endpoint, which is connected, read rules with windows? */
	bool (*endpoint_knows_windows)(void *arg, int64_t endpoint);
	/* To every connected relay. */
	void (*relays_notify)(void *arg, const char *method, const json_t *params);
	/* What became of a wish: @result (borrowed; grant, or pending), or a code and words.
	 * Return: false: the manager is gone. */
	bool (*answer)(void *arg, const struct sessions_asker *to, const json_t *result, int code,
		       const char *message);
	/* Each connection of a user that said hello. */
	void (*each_user)(void *arg, void (*fn)(void *arg, int64_t user, struct rpc *rpc),
			  void *fn_arg);
	/* The manager that has this connection; false: it is gone. Borrowed for the call. */
	bool (*manager)(void *arg, uint64_t client, struct sessions_manager *m);
};

struct sessions_config {
	struct store *store; /* all borrowed */
	struct access *access;
	const struct domain *domain;
	struct relays *relays;
	int64_t life_s;			  /* of a session */
	uint64_t session_rate, user_rate; /* where the member has none of its own */
	const struct sessions_ops *ops;
	void *arg; /* for ops */
	struct audit *audit;
};

/** sessions_open() - @config: copied. Takes up what was running. Return: 0; -EIO. */
int sessions_open(struct sessions **out, uv_loop_t *loop, const struct sessions_config *config)
	__attribute__((warn_unused_result));
/** sessions_close() - the sessions themselves go on. After all connections were closed. */
void sessions_close(struct sessions *ss);

/* What a manager wishes. */
struct sessions_wish {
	const char *device; /* its name */
	const char *reason; /* clean; NULL: nothing was said about it */
	bool can_wait;	    /* for somebody's approval */
};

/**
 * sessions_begin() - join a manager to a device, or let it wait until somebody has approved that.
 * The answer comes by ops->answer, perhaps before this returns; after `pending` another one, by the
 * wish's id.
 */
void sessions_begin(struct sessions *ss, const struct sessions_manager *manager,
		    const struct sessions_wish *wish, uint64_t client, int64_t id);

/**
 * sessions_hello() - an endpoint is there: end what it should not run, send what it should.
 * @listed: the ids that it says it runs (an array), may be NULL.
 * @waiting: those that it does not run, but ran before, likewise: it is told which are over.
 */
void sessions_hello(struct sessions *ss, int64_t endpoint, const json_t *listed,
		    const json_t *waiting);
/** sessions_relay_hello() - tell a relay what was ended while it was away. */
void sessions_relay_hello(struct sessions *ss, int64_t relay, struct rpc *rpc);

/** sessions_end() - @by: the endpoint that asks, which must be one of the ends; 0: the
 * administrator. -ENOENT. */
int sessions_end(struct sessions *ss, const char *id, const char *reason, int64_t by)
	__attribute__((warn_unused_result));
/** sessions_end_idle() - the same, because nobody used it. */
int sessions_end_idle(struct sessions *ss, const char *id, const char *reason, int64_t by)
	__attribute__((warn_unused_result));
/** sessions_end_where() - all that @match takes, in one go. Return: how many. */
size_t sessions_end_where(struct sessions *ss,
			  bool (*match)(void *arg, const struct store_session *x), void *arg,
			  const char *reason);
void sessions_end_endpoint(struct sessions *ss, int64_t endpoint, const char *reason);
void sessions_end_member(struct sessions *ss, int64_t member, const char *reason);
void sessions_end_all(struct sessions *ss, const char *reason);
/** sessions_permissions_changed() - those whose user may not connect to the device any more end. */
void sessions_permissions_changed(struct sessions *ss);

/* --- relays ---------------------------------------------------------------------------------- */

/** sessions_relay_health() - a relay is in another state: sessions leave it, or may take it. */
void sessions_relay_health(struct sessions *ss, const struct relay_info *r, enum health was);
/** sessions_relay_gone() - a relay counts no more (relays_load() has forgotten it): sessions go to
 * others, and those that have none end. */
void sessions_relay_gone(struct sessions *ss, int64_t relay);
/** sessions_wishes_changed() - for the sessions of a device. */
void sessions_wishes_changed(struct sessions *ss, int64_t device_member);
/**
 * sessions_rules_changed() - lists, attachments, groups or folders: the sessions of a user or
 * device (0: all) are looked at soon, and both ends hear of rules that are others now.
 */
void sessions_rules_changed(struct sessions *ss, int64_t member);
/** sessions_hosts_changed() - the names behind a device: its managers are told. */
void sessions_hosts_changed(struct sessions *ss, int64_t device_member);
/** sessions_measured() - what an endpoint has measured. */
void sessions_measured(struct sessions *ss, int64_t endpoint, const struct measured *m);
/** sessions_path() - an end's packets take @relay (a UID), or no way (""). Return: 0; -ENOENT no
 * such session of this endpoint, or no such relay. */
int sessions_path(struct sessions *ss, int64_t endpoint, const char *id, const char *relay)
	__attribute__((warn_unused_result));

size_t sessions_count(const struct sessions *ss);
/** sessions_life() - seconds, where nothing is set. */
int64_t sessions_life(const struct sessions *ss);
/** sessions_may() - may a user do that with a device? */
bool sessions_may(const struct sessions *ss, int64_t user, enum permission what, int64_t device);
struct sessions_counts {
	uint64_t now, opened, ended; /* the last two: since the start */
};
void sessions_counts(const struct sessions *ss, struct sessions_counts *n);
/** sessions_each() - live ones, in the order of their ids, behind @after. @relay: in use, 0: not
 * known. */
void sessions_each(const struct sessions *ss, const char *after,
		   bool (*fn)(void *arg, const struct store_session *x, int64_t relay), void *arg);

#endif
