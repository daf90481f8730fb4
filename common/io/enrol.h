/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enrol - the first contact: make a key, prove the invitation, get the signed identity; and a
 * manager's sign-in. One shot: the outcome comes once.
 */
#ifndef FARLAN_ENROL_H
#define FARLAN_ENROL_H

#include <jansson.h>

#include "common/io/dial.h"
#include "common/io/identity.h"
#include "common/pure/hardware.h"
#include "common/pure/invite.h"

struct enrol;

struct enrol_request {
	const struct invite *invite;	 /* first time; else NULL */
	const struct identity *identity; /* sign-in with a domain that is known; else NULL */
	const char *user, *password;	 /* manager; else NULL. Wiped after use */
	const json_t *more;		 /* manager: what else the sign-in needs; may be NULL */
	const char *pending_key_path;	 /* the key is kept here until the answer came, so a lost
					    answer strands nobody */
	const struct hardware *hardware; /* device: which machine it is; may be NULL */
	enum ident_kind kind;
	const struct opt_ports *ports;
	struct dial_memory *memory;
	const struct opt_access *access; /* the way there; NULL or not given: by the URLs */
	const struct opt_trust *trust;	 /* of outer certificates; NULL: the default */
	const char *version;
	bool refuse_inspection; /* go through nobody who ends the TLS on the way */
};

struct enrol_callbacks {
	void (*on_step)(void *arg, const char *what); /* for people; may be NULL */
	/*
	 * A manager's sign-in; may be NULL. @answer: the server's; either on_done follows at once,
	 * or
	 * (@wants_more) never: something is missing, and the next request is to bring it as `more`.
	 */
	void (*on_answer)(void *arg, const json_t *answer, bool wants_more);
	/* Exactly once, but for on_answer. @identity is set on success (borrowed); else @code (enum
	 * rpc_code) and
	 * @message. */
	void (*on_done)(void *arg, const struct identity *identity, int code, const char *message);
};

/** enrol_start() - @request's strings and structures are copied. Return: 0; -errno. */
int enrol_start(struct enrol **out, uv_loop_t *loop, const struct enrol_request *request,
		const struct enrol_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** enrol_cancel() - on_done will not come. Not after on_done. */
void enrol_cancel(struct enrol *e);

#endif
