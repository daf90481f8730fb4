/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * admin - what accessctl may ask on the local socket.
 *
 *   init {domain, urls}                            status {}
 *   device.add {name, lans, expires_s}             device.set {name, lans}
 *   user.add {name, password, expires_s}           user.passwd {name, password}
 *   relay.add {name, urls, expires_s}
 *   device|user|relay.list {after}                 device|user|relay.reinvite {name, expires_s}
 *   device|user|relay.revoke {name}                device|user|relay.remove {name}
 *   relay.drain|enable {name}
 *   relay.pin|avoid|unavoid {device, relay}        relay.unpin {device}
 *   session.list {after}                           session.kill {session}
 *
 * What makes an invitation answers {name, uid, invitation, expires}. Lists come in pages: with
 * more: true there are others behind the last one; ask with after: its name or session id.
 */
#ifndef FARLAN_ADMIN_H
#define FARLAN_ADMIN_H

#include "accessd/ask.h"
#include "accessd/pure/permit.h"

#define ADMIN_EXPIRES_DEFAULT_S (7 * INT64_C(86400))
#define ADMIN_EXPIRES_MAX_S (366 * INT64_C(86400))

/* Whom a method is for. */
enum admin_scope {
	ADMIN_HOST,   /* the host's administrator alone */
	ADMIN_DOMAIN, /* who is permitted at the root of the domain's tree */
	ADMIN_ITEM,   /* who is permitted at what the request names */
	ADMIN_LIST,   /* anybody: it tells him only what he is permitted to see */
};

/* What a request names, and by which member. */
enum admin_target {
	ADMIN_NOTHING,
	ADMIN_DEVICE,	     /* name: a device */
	ADMIN_DEVICE_BY_KEY, /* device: a device */
	ADMIN_USER,	     /* name: a user */
	ADMIN_RELAY,	     /* name: a relay */
	ADMIN_SESSION,	     /* session: the beginning of an id */
	ADMIN_POLICY,	     /* name: a firewall policy, which stands in a folder */
	ADMIN_POLICY_PLACE,  /* name: a firewall policy; to: a device or folder */
	ADMIN_POLICY_FOLDER, /* folder: where a firewall policy is to stand */
	ADMIN_GROUP,	     /* name: a group */
	ADMIN_FOLDER,	     /* path: a folder */
	ADMIN_PARENT,	     /* path: of a folder that is not there yet; where it will stand */
	ADMIN_INTO,	     /* folder: where something will stand; absent: the root */
	ADMIN_TARGET,	     /* target: a folder, or a device by name */
};

struct admin_method {
	const char *name;
	enum admin_scope scope;
	enum permission needs;
	enum admin_target target;
	enum event event; /* EVENT_NONE: it only reads */
	void (*run)(struct ask *q, const json_t *params);
};

extern const struct admin_method ADMIN_METHODS[];
extern const size_t ADMIN_METHODS_N;

/** admin_find_method() - NULL: there is none of this name. */
const struct admin_method *admin_find_method(const char *name);
/**
 * admin_run() - do what is asked, if the caller may. @from: copied; who asks, about which realm,
 * where the answer goes. @params: borrowed. Answers by from->origin, before it returns or later.
 */
void admin_run(const struct ask *from, const struct admin_method *m, const json_t *params);

/** admin_on_control() - a user of @realm asks, by his control connection: see clients_config. */
void admin_on_control(void *realm, const struct clients_asker *by, const char *method,
		      const json_t *params);

/** admin_open() - the local socket, as a->local. Return: 0; -errno, logged. */
int admin_open(struct app *a) __attribute__((warn_unused_result));

#endif
