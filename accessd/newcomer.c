/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment and sign-in (docs/PROTOCOL.md, 4.1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "accessd/signin_internal.h"
#include "common/io/file.h"
#include "common/pure/text.h"

struct refused {
	const char *what;
	enum event event;
	enum ident_kind kind; /* that it says it is */
};

static void refuse(struct client *c, int64_t id, const struct refused *what, const char *name,
		   const struct refusal *why)
{
	char clean[STORE_NAME_SIZE] = "-", who[STORE_NAME_SIZE + 16];

	if (name && name[0])
		log_clean(clean, sizeof(clean), name, strlen(name));
	snprintf(who, sizeof(who), "%s %s", ident_kind_name(what->kind), clean);
	log_notice("%s refused address=%s name=%s reason=\"%s\"", what->what, c->address, clean,
		   why->message);
	client_note_refused(c, what->event, name && name[0] ? who : NULL, why);
	rpc_reject(&c->rpc, id, why->code, "%s", why->message);
}

/* What an identity that was given out puts an end to. */
static void settle(struct clients *cs, const struct admitted *x)
{
	if (x->key_replaced) {
		sessions_end_endpoint(cs->sessions, x->endpoint.id, "the device was enrolled anew");
		clients_drop_endpoint(cs, x->endpoint.id, "this key was replaced by a newer one",
				      false);
	}
	if (x->removed_endpoint) {
		sessions_end_endpoint(cs->sessions, x->removed_endpoint,
				      "signed in at too many places");
		clients_drop_endpoint(cs, x->removed_endpoint, "signed in at too many places",
				      false);
	}
}

void client_granted(struct client *c, int64_t id, const char *what, const struct admitted *x,
		    json_t *codes)
{
	json_t *result;

	log_notice("%s kind=%s name=%s uid=%s address=%s", what, ident_kind_name(x->member.kind),
		   x->member.name, x->member.uid, c->address);
	c->is_served = true;
	settle(c->owner, x);
	result = admission_answer(c->owner->admission, x, c->anchor);
	if (codes)
		json_object_set(result, "recovery_codes", codes);
	rpc_reply(&c->rpc, id, result);
}

/* A newcomer has few questions; what it asks costs signatures. */
static bool may_ask(struct client *c, int64_t id)
{
	/* Somebody else may have the key of the CA that it trusts, and be heard by it, too. */
	if (!domain_anchor_ok(c->owner->admission->domain, c->anchor)) {
		rpc_reject(&c->rpc, id, RPC_DENIED, "%s", CLIENTS_DEAD_CA);
		return false;
	}
	if (id != 0 && c->enrol_requests++ < CLIENTS_ENROL_REQUESTS_MAX)
		return true;
	rpc_reject(&c->rpc, id, RPC_UNAVAILABLE, "too many requests on one connection");
	return false;
}

static bool get_csr(const json_t *params, uint8_t csr[X509_CSR_MAX_BYTES], size_t *len)
{
	return rpc_bytes(params, "csr", csr, X509_CSR_MAX_BYTES, len);
}

static bool get_secret(const json_t *params, uint8_t secret[INVITE_SECRET_BYTES])
{
	size_t n;

	return rpc_bytes(params, "secret", secret, INVITE_SECRET_BYTES, &n) &&
	       n == INVITE_SECRET_BYTES;
}

/* --- enrol ----------------------------------------------------------------------------------- */

static void on_enrol(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	uint8_t csr[X509_CSR_MAX_BYTES], secret[INVITE_SECRET_BYTES];
	struct hardware hardware;
	struct admission_request r = {
		.secret = secret, .csr = csr, .hardware = &hardware, .now = clock_wall_s()};
	struct admitted x;
	struct admitting admitting = {.c = c, .x = &x, .event = EVENT_ENROLLED};
	struct refusal why;
	const char *kind;
	bool ok;

	if (!may_ask(c, id))
		return;
	if (!rpc_str(params, "kind", &kind) || ident_kind_parse(&r.kind, kind) != 0 ||
	    (r.kind != IDENT_DEVICE && r.kind != IDENT_RELAY) || !get_secret(params, secret) ||
	    !get_csr(params, csr, &r.csr_len) ||
	    hardware_decode(&hardware, json_object_get(params, "hardware")) != 0) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS,
			   "kind, secret, csr or hardware is missing or malformed");
		return;
	}
	client_admits(&admitting);
	ok = admission_enrol(c->owner->admission, &r, &x, &why);
	client_admitted(&admitting);
	if (!ok && x.foreign.domain)
		client_note_foreign(c, &x);
	if (ok)
		client_granted(c, id, "enrolled", &x, NULL);
	else
		refuse(c, id, &(struct refused){"enrolment", EVENT_ENROLLED, r.kind}, x.member.name,
		       &why);
	explicit_bzero(secret, sizeof(secret));
}

/* --- login ----------------------------------------------------------------------------------- */

static const struct refused SIGN_IN = {"sign-in", EVENT_SIGNED_IN, IDENT_USER};

static void on_login(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	uint8_t csr[X509_CSR_MAX_BYTES], secret[INVITE_SECRET_BYTES];
	char user[STORE_NAME_SIZE];
	struct admission_request r = {.kind = IDENT_USER, .csr = csr, .now = clock_wall_s()};
	struct asked asked;
	struct login l;
	struct refusal why;
	const char *wrong;

	if (!may_ask(c, id))
		return;
	if (rpc_str_max(params, "user", user, sizeof(user)))
		r.user = user;
	if (json_object_get(params, "secret"))
		r.secret = secret;
	wrong = asked_decode(&asked, params);
	if (!get_csr(params, csr, &r.csr_len) || (r.secret && !get_secret(params, secret)))
		wrong = "password, secret or csr is missing or malformed";
	if (wrong)
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", wrong);
	else if (admission_login_begin(c->owner->admission, &r, &l, &why))
		client_sign_in(c, id, SIGNIN_LOGIN, &l, &asked);
	else
		refuse(c, id, &SIGN_IN, r.user, &why);
	explicit_bzero(&asked, sizeof(asked));
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&l, sizeof(l));
}

static const struct rpc_method METHODS[] = {
	{"time.get", control_on_time},
	{"enrol", on_enrol},
	{"login", on_login},
};

const struct rpc_ops NEWCOMER_OPS = {
	.send = client_send,
	.methods = METHODS,
	.n_methods = sizeof(METHODS) / sizeof(METHODS[0]),
};
