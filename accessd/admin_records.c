/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The signed records of a session, side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/receipts.h"
#include "accessd/store_audit.h"
#include "common/pure/rpcmsg.h"

#define RECORDS_MAX 16	     /* shown: they fit into a message */
#define SLACK_BYTES 65536    /* that may be under way when a session ends */
#define SLACK_PART 100	     /* or a hundredth */
#define SLACK_MS (60 * 1000) /* of clocks */

/* What one end says altogether: it may have several records, of stretches. */
struct said {
	bool any;
	struct session_record first; /* the ends are of this one */
	int64_t start_ms, end_ms;
	uint64_t to_device, to_manager;
};

struct showing {
	struct ask *q;
	char session[TOKEN_SESSION_SIZE]; /* of the first one that was found */
	bool several;			  /* others begin so, too */
	json_t *records, *problems;
	struct said said[2]; /* by role */
};

static void problem(struct showing *s, const char *words)
{
	json_array_append_new(s->problems, json_string(words));
}

static void take_figures(struct said *x, const struct session_record *r)
{
	if (!x->any)
		*x = (struct said){
			.any = true, .first = *r, .start_ms = r->start_ms, .end_ms = r->end_ms};
	x->start_ms = r->start_ms < x->start_ms ? r->start_ms : x->start_ms;
	x->end_ms = r->end_ms > x->end_ms ? r->end_ms : x->end_ms;
	x->to_device += r->bytes_to_device;
	x->to_manager += r->bytes_to_manager;
}

static void describe(json_t *o, const struct session_record *r)
{
	char own[IDENT_URI_SIZE], peer[IDENT_URI_SIZE];

	ident_format(&r->own, own);
	ident_format(&r->peer, peer);
	json_object_set_new(o, "role", json_string(token_role_name(r->role)));
	json_object_set_new(o, "own", json_string(own));
	json_object_set_new(o, "peer", json_string(peer));
	json_object_set_new(o, "start_ms", json_integer(r->start_ms));
	json_object_set_new(o, "end_ms", json_integer(r->end_ms));
	json_object_set_new(o, "clock", json_string(session_clock_name(r->clock)));
	json_object_set_new(o, "bytes_to_device", json_integer((json_int_t)r->bytes_to_device));
	json_object_set_new(o, "bytes_to_manager", json_integer((json_int_t)r->bytes_to_manager));
	json_object_set_new(o, "reason", json_string(r->reason));
	json_object_set_new(o, "ended", json_string(r->ended));
	json_object_set_new(o, "number", json_integer(r->number));
}

static void put(struct showing *s, const struct store_session_record *row)
{
	struct receipt x = {.text_len = strlen(row->text), .signature_len = row->signature_len};
	struct session_record r;
	struct x509_cert ca;
	const char *wrong;
	char words[AUDIT_NAME_SIZE];
	json_t *o;

	memcpy(x.text, row->text, x.text_len + 1);
	memcpy(x.signature, row->signature, row->signature_len);
	x.cert = row->cert;
	wrong = receipt_check(&x, &r);
	ca = s->q->realm->domain.row.ca;
	if (!wrong && !receipts_ca(&s->q->realm->domain, &x, &ca))
		wrong = "comes with a certificate of another domain";
	o = receipt_to_json(&x);
	json_object_set_new(o, "ca", rpc_json_bytes(ca.der, ca.len));
	json_object_set_new(o, "seq", json_integer(row->seq));
	json_object_set_new(o, "signature_good", json_boolean(!wrong));
	if (wrong) {
		snprintf(words, sizeof(words), "record %lld %s", (long long)row->seq, wrong);
		problem(s, words);
	} else {
		describe(o, &r);
		take_figures(&s->said[r.role], &r);
	}
	json_array_append_new(s->records, o);
}

/* By the session's device; of one that is forgotten, as at the root. */
static bool may_see(const struct showing *s, const char *session)
{
	struct store_session x;

	if (ask_is_host(s->q))
		return true;
	return ask_may_device(
		s->q, PERMIT_VIEW_CONNECTIONS,
		store_session_get(s->q->app->store, session, &x) == 0 ? x.device_member : 0);
}

static bool show_row(void *arg, const struct store_session_record *row)
{
	struct showing *s = arg;

	if (!may_see(s, row->session))
		return true;
	if (!s->session[0])
		snprintf(s->session, sizeof(s->session), "%s", row->session);
	s->several = strcmp(s->session, row->session) != 0;
	if (s->several || json_array_size(s->records) >= RECORDS_MAX)
		return false;
	put(s, row);
	return true;
}

/* --- do they agree? -------------------------------------------------------------------------- */

static bool differs(uint64_t a, uint64_t b)
{
	uint64_t more = a > b ? a : b, by = a > b ? a - b : b - a;

	return by > SLACK_BYTES && by > more / SLACK_PART;
}

static bool is_apart(int64_t a, int64_t b)
{
	return (a > b ? a - b : b - a) > SLACK_MS;
}

static void compare(struct showing *s)
{
	const struct said *m = &s->said[TOKEN_MANAGER], *d = &s->said[TOKEN_DEVICE];

	if (!m->any)
		problem(s, "the manager's record is missing");
	if (!d->any)
		problem(s, "the device's record is missing");
	if (!m->any || !d->any)
		return;
	if (!session_records_match(&m->first, &d->first))
		problem(s, "the two ends do not name each other");
	if (differs(m->to_device, d->to_device) || differs(m->to_manager, d->to_manager))
		problem(s, "the two ends count different amounts");
	if (is_apart(m->start_ms, d->start_ms) || is_apart(m->end_ms, d->end_ms))
		problem(s, "the two ends' clocks or times differ by more than a minute");
}

/* The session may run, or have ended a moment ago. */
static void add_session(const struct showing *s, json_t *o)
{
	struct store_session x;

	if (store_session_get(s->q->app->store, s->session, &x) != 0)
		return;
	json_object_set_new(o, "user", json_string(x.user_name));
	json_object_set_new(o, "device", json_string(x.device_name));
	json_object_set_new(o, "running", json_boolean(x.state != STORE_SESSION_ENDED));
}

static void answer(struct showing *s)
{
	json_t *o;

	if (s->several) {
		ask_reject(s->q, RPC_CONFLICT, "several sessions begin so");
	} else if (!s->session[0]) {
		ask_reject(s->q, RPC_NOT_FOUND, "no end has sent a record of such a session");
	} else {
		compare(s);
		o = json_pack("{s:s, s:O, s:O}", "session", s->session, "records", s->records,
			      "problems", s->problems);
		add_session(s, o);
		ask_reply(s->q, o);
	}
}

void admin_on_session_record(struct ask *q, const json_t *params)
{
	struct showing *s;
	char id[TOKEN_SESSION_SIZE];

	if (!admin_ready(q))
		return;
	if (!rpc_str_max(params, "session", id, sizeof(id)) || !id[0] ||
	    strspn(id, "0123456789abcdef") != strlen(id)) {
		ask_reject(q, RPC_BAD_PARAMS, "session is an id, or the beginning of one");
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		admin_failed(q, -1);
		return;
	}
	s->q = q;
	s->records = json_array();
	s->problems = json_array();
	if (store_session_records(q->app->store, q->realm->domain.row.id, id, show_row, s) != 0)
		admin_failed(q, -1);
	else
		answer(s);
	json_decref(s->records);
	json_decref(s->problems);
	free(s);
}
