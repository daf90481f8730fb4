/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * realm - a domain as it is served: its keys, its relays, its connections, its sessions.
 *
 *   app  >  realm  >  domain, admission, addresses, relays, clients, sessions
 */
#ifndef FARLAN_REALM_H
#define FARLAN_REALM_H

#include "accessd/access.h"
#include "accessd/audit_upkeep.h"
#include "accessd/clients.h"

struct app;

struct realm {
	struct app *app;     /* whose it is: what all domains share */
	struct store *store; /* borrowed from it */
	struct domain domain;
	struct admission admission;
	struct access *access;	     /* who may do what; before relays */
	struct addresses *addresses; /* with relays */
	struct relays *relays;	     /* with clients */
	struct clients *clients;     /* NULL: it could not be started, or is not served any more */
	struct sessions *sessions;   /* with clients */
	uv_timer_t tokens;	     /* while there are two token keys */
	struct audit_upkeep audit;
	unsigned int n_asks; /* requests of administrators that are not answered yet */
	bool timer_open;
	bool closing;
};

#define REALMS_MAX 64 /* domains of one server */

/** realm_open() - load the domain with this id and serve it. @r: all zero. Return: 0; -ENOENT there
 * is none; -errno, logged; realm_close() still follows. */
int realm_open(struct realm *r, struct app *app, int64_t domain)
	__attribute__((warn_unused_result));
/** realm_set_urls() - where its members find this server from now on. Return: 0; -E2BIG they do not
 * fit into an invitation; -EIO; nothing is changed then. */
int realm_set_urls(struct realm *r, const struct urls *urls) __attribute__((warn_unused_result));
/** realm_close() - close everything; the loop ends by itself. Idempotent. */
void realm_close(struct realm *r);
/** realm_free() - after the loop has ended; also if nothing was started. */
void realm_free(struct realm *r);

/** realm_upkeep() - what is to be done from time to time: own certificates. */
void realm_upkeep(struct realm *r);

/** realm_tree_changed() - folders, groups or permissions were changed, or something moved:
 * sessions that are not allowed any more end. */
void realm_tree_changed(struct realm *r);

/** realm_roll_ca() - see domain_roll(); everybody is told. Return: 0; -ENOSPC; -EIO. */
int realm_roll_ca(struct realm *r, bool compromised) __attribute__((warn_unused_result));
/** realm_roll_tokens() - see domain_token_roll(); relays are told. Return: 0; -EBUSY; -EIO. */
int realm_roll_tokens(struct realm *r) __attribute__((warn_unused_result));
/** realm_ca_problem() - what is to be done about the CA's end, or NULL: it is far. */
const char *realm_ca_problem(const struct realm *r);

#endif
