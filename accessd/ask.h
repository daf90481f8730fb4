/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ask - a request of an administrator, until it is answered: from accessctl on this host, whose
 * administrator may do everything, or from a user who is signed in, and may do what he is
 * permitted.
 */
#ifndef FARLAN_ASK_H
#define FARLAN_ASK_H

#include "accessd/app.h"
#include "common/io/rpc.h"

#define ASK_WHAT_SIZE (STORE_NAME_SIZE + 16)

struct admin_method;

/* Who asks. */
struct caller {
	int64_t user; /* member; 0: the host's administrator */
	char name[STORE_NAME_SIZE];
	char uid[IDENT_UID_SIZE]; /* of a user; of the host's administrator his number there */
	char address[STORE_ADDRESS_SIZE];
};

/* Where it came from: there the answer goes, if that is still there. */
struct ask_origin {
	/* Return: NULL: gone. */
	struct rpc *(*find)(struct app *app, uint64_t number);
};

struct ask {
	struct app *app;
	struct realm *realm; /* whose domain it is about; NULL: there is none, or it was not said */
	char wanted[IDENT_DOMAIN_SIZE]; /* the domain that was said; "": none */
	struct caller caller;
	const struct admin_method *method;
	const struct ask_origin *origin;
	uint64_t number; /* for origin */
	int64_t id;	 /* of the request */
	/* What it is about: ask_about(). */
	char what[ASK_WHAT_SIZE], what_uid[IDENT_UID_SIZE];
	int64_t what_folder;
	json_t *detail; /* for the audit; see ask_tell() */
	bool is_recorded;
};

/** ask_is_host() - the host's administrator, who may do everything. */
bool ask_is_host(const struct ask *q);

/** ask_may() - may the caller do this there? */
bool ask_may(const struct ask *q, enum permission what, const struct permit_place *at);
/** ask_may_device() - the same by a device's member; 0: one that is gone, which counts as standing
 * in the root. */
bool ask_may_device(const struct ask *q, enum permission what, int64_t device);
/** ask_sees() - is there anything that he may do there? Else it is not there for him. */
bool ask_sees(const struct ask *q, const struct permit_place *at);
/** ask_root() - the root of the domain's tree. */
struct permit_place ask_root(const struct ask *q);

/** ask_set_realm() - it is about this domain, which stays as long as it is asked about. NULL: none.
 */
void ask_set_realm(struct ask *q, struct realm *r);

/** ask_about() - for the audit: the request is about this "device", "folder" ... A member is looked
 * up now: its UID, and where it stands, before the request may change that. */
void ask_about(struct ask *q, const char *kind, const char *name);

/** ask_tell() - something for the audit's record of this request, never a secret. Before anything
 * is changed, since the record is committed with the first change. @value: taken. */
void ask_tell(struct ask *q, const char *key, json_t *value);

/**
 * ask_begin() - what the store changes from now on is what was asked for: the audit's record is
 * committed with the first change, or neither is. Whoever goes on with a request that has waited
 * says so again; answering it ends this.
 */
void ask_begin(struct ask *q);

/*
 * ask_reply(), ask_reject() - exactly one of them answers each request, now or later; it is
 * recorded in the audit then, also if who asked has gone, and @q is freed.
 */
void ask_reply(struct ask *q, json_t *result);
void ask_reject(struct ask *q, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
