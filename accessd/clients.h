/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clients - the connections of devices, managers and relays, from accept to close: of one domain,
 * and, as the *front*, of nobody's yet: it accepts for all domains, and hands a client over when
 * the hello of its inner layer says whose it is.
 *
 *   OUTER -> INNER -> ENROL             a newcomer: one question, then closed
 *                  -> HELLO -> ONLINE   a member: known by its certificate, waits to say hello
 *   any of them -> CLOSING
 *
 * Cut off at once: what is not open after 10 s, a newcomer after 30 s, a member without hello
 * after 10 s, and one that is silent for 150 s.
 */
#ifndef FARLAN_CLIENTS_H
#define FARLAN_CLIENTS_H

#include <uv.h>

#include "accessd/admission.h"
#include "accessd/audit.h"
#include "accessd/password.h"
#include "accessd/sessions.h"
#include "common/io/certs.h"

#define CLIENTS_MAX 12000	 /* in all */
#define CLIENTS_UNKNOWN_MAX 4000 /* that have not shown a certificate of a member */
/* Of these from one address (IPv6: /64), once half of the room is taken; this host is exempt. */
#define CLIENTS_OF_ADDRESS_MAX 64
#define CLIENTS_LATER_MAX 64 /* beyond these, that hear that there is no room now */
#define CLIENTS_LATER_S 30   /* without room for one more: to come back after it, or up to twice */
#define CLIENTS_ENROL_MS 30000
#define CLIENTS_HELLO_MS 10000
#define CLIENTS_SILENCE_MS 75000     /* one keep-alive is missing, for 30 s */
#define CLIENTS_TIMES_MAX 4	     /* questions for the time on one connection before `hello` */
#define CLIENTS_RENEWALS_MAX 8	     /* on one connection */
#define CLIENTS_ENROL_REQUESTS_MAX 8 /* on one connection */

/* Requests of one user for administration: CLIENTS_ASKING_MAX in CLIENTS_ASKING_MS. */
#define CLIENTS_ASKING_MAX 500
#define CLIENTS_ASKING_MS 10000

struct clients;
struct signin;

/* Who asks for administration, and where the answer goes: clients_find(). */
struct clients_asker {
	uint64_t number;
	int64_t id, member;
	const char *name, *uid, *address;
};

struct clients_config {
	struct clients *front; /* NULL: it becomes the front itself, and most of the rest is NULL */
	struct store *store;
	struct audit *audit;
	struct access *access;
	const struct admission *admission;
	struct passwords *passwords;
	struct signin *signin;
	struct relays *relays;
	const struct opt_prefixes *proxies; /* who may say whose a connection is */
	/* A user asks for administration: to be answered, now or later. @params: may be NULL. */
	void (*admin)(void *arg, const struct clients_asker *by, const char *method,
		      const json_t *params);
	void *admin_arg;
	const struct certs *certs; /* of the outer layer; NULL: the domain's. Borrowed */
	uint32_t per_s;		   /* members that are let in in a second */
};

/** clients_open() - all borrowed. Return: 0; -ENOMEM; -EIO the TLS contexts, logged. */
int clients_open(struct clients **out, uv_loop_t *loop, const struct clients_config *config)
	__attribute__((warn_unused_result));
/** clients_set_sessions() - before the first connection; the two need each other. */
void clients_set_sessions(struct clients *cs, struct sessions *sessions);
/** clients_use_certs() - the domain's own certificates were renewed: connections from now on see
 * these. Return: 0; -ENOMEM; -EIO. */
int clients_use_certs(struct clients *cs) __attribute__((warn_unused_result));
/** clients_close() - everybody is told to come back later; with the front, last, memory goes with
 * the last handle. */
void clients_close(struct clients *cs);
/** clients_find() - the control connection that has this number, of any domain. NULL: it is gone,
 * or not that far. */
struct rpc *clients_find(const struct clients *front, uint64_t number);

/** clients_accept() - a new connection, at the front; takes @fd. @plain: without outer TLS. */
void clients_accept(struct clients *cs, int fd, bool plain);

/* For sessions_ops; arg is the struct clients. */
extern const struct sessions_ops CLIENTS_SESSIONS_OPS;

bool clients_member_online(const struct clients *cs, int64_t member);
/** clients_drop_member() - close its connections. @retry: may it come back with the key it has? */
void clients_drop_member(struct clients *cs, int64_t member, const char *reason, bool retry);
void clients_drop_endpoint(struct clients *cs, int64_t endpoint, const char *reason, bool retry);
/** clients_look_again() - when the sign-in of a user's PCs ends was changed. */
void clients_look_again(struct clients *cs, int64_t member);
/** clients_tell_relays() - the list of relays, to managers and to devices with a session. */
void clients_tell_relays(struct clients *cs);
/** clients_tell_drain() - a relay is to drain, or not any more. */
void clients_tell_drain(struct clients *cs, int64_t member, bool drain);
/** clients_tell_due() - the domain has a new CA: whoever trusts an older one is to renew. */
void clients_tell_due(struct clients *cs);
/** clients_drop_all() - members alone; newcomers may stay. */
void clients_drop_all(struct clients *cs, const char *reason, bool retry);
/** clients_tell_keys() - relays: which token keys count. */
void clients_tell_keys(struct clients *cs);
/** clients_flush() - write what is remembered of who was seen, so that a list shows it. */
void clients_flush(struct clients *cs);

struct clients_counts {
	size_t connections, unknown, waiting; /* waiting: for the outer handshake */
	size_t devices, users, relays;	      /* online */
	/* Since the start. */
	uint64_t outer_ok, outer_failed, inner_ok, inner_failed; /* handshakes */
	uint64_t refused_full, refused_member, told_later;
};
/** clients_count() - of one domain; of the front: of all, and of what is nobody's yet. */
void clients_count(const struct clients *cs, struct clients_counts *n);
/** clients_each_request() - how often each method was answered how, and all others ("other"); what
 * never was is left out. */
void clients_each_request(const struct clients *cs,
			  void (*fn)(void *arg, const char *method, enum rpc_result result,
				     uint64_t n),
			  void *arg);

#endif
