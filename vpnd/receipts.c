/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each session was, signed with this end's key (docs/PROTOCOL.md, 4.13): for the Access
 * Server, and kept here. Each record holds the hash of the one before, so none can go unnoticed.
 */
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/receipt.h"
#include "common/pure/printable.h"
#include "vpnd/app.h"

#define KEPT_BYTES (512 << 10) /* some 200 sessions */

/* --- the chain ------------------------------------------------------------------------------- */

static bool take_last(void *arg, const json_t *record, bool arrived)
{
	struct app *app = arg;
	struct session_record r;
	struct receipt x;

	(void)arrived;
	if (receipt_from_json(&x, record) != 0 ||
	    session_record_decode(&r, x.text, x.text_len) != 0 ||
	    memcmp(r.own_key, app->receipts.key, sizeof(r.own_key)) != 0)
		return true; /* of an earlier key */
	app->receipts.number = r.number;
	if (session_record_hash(x.text, x.text_len, app->receipts.last) != 0)
		app->receipts.number = 0;
	return true;
}

void receipts_use_identity(struct app *app)
{
	struct x509_info info;
	int r;

	receipts_close(app);
	memset(&app->receipts, 0, sizeof(app->receipts));
	if (x509_parse(&info, app->identity.cert.der, app->identity.cert.len) != 0)
		return;
	memcpy(app->receipts.key, info.spki_sha256, sizeof(app->receipts.key));
	r = reporter_open_receipts(&app->receipts.reporter, app->loop, app->config.state,
				   &app->identity.id, KEPT_BYTES);
	if (r != 0) {
		log_error("sessions are not recorded error=\"%s\"", strerror(-r));
		return;
	}
	reporter_each(app->receipts.reporter, take_last, app);
}

void receipts_close(struct app *app)
{
	reporter_close(app->receipts.reporter);
	app->receipts.reporter = NULL;
}

/* --- making them ----------------------------------------------------------------------------- */

static enum session_clock clock_now(void)
{
	struct clock_status st;

	clock_status(&st);
	switch (st.state) {
	case OWNTIME_UNKNOWN:
		return SESSION_CLOCK_UNKNOWN;
	case OWNTIME_SYSTEM:
		return SESSION_CLOCK_SYSTEM;
	case OWNTIME_SNTP:
		return SESSION_CLOCK_SNTP;
	case OWNTIME_SIGNED:
		break;
	}
	return SESSION_CLOCK_SIGNED;
}

static void fill(struct session_record *r, const struct app_session *as, const char *ended)
{
	const struct app *app = as->app;
	const struct grant *g = session_grant(as->session);
	bool device = g->role == TOKEN_DEVICE;
	struct session_status st;

	session_status(as->session, &st);
	*r = (struct session_record){
		.role = g->role,
		.own = app->identity.id,
		.peer = g->peer,
		.start_ms = as->from_ms,
		.end_ms = as->from_ms + (int64_t)(clock_mono_ms() - as->began_ms),
		.clock = clock_now(),
		.bytes_to_device = device ? st.bytes_in : st.bytes_out,
		.bytes_to_manager = device ? st.bytes_out : st.bytes_in,
		.packets_to_device = device ? st.packets_in : st.packets_out,
		.packets_to_manager = device ? st.packets_out : st.packets_in,
		.number = app->receipts.number + 1,
	};
	memcpy(r->session, g->session, sizeof(r->session));
	memcpy(r->own_key, app->receipts.key, sizeof(r->own_key));
	memcpy(r->peer_key, g->peer_key, sizeof(r->peer_key));
	memcpy(r->prev, app->receipts.last, sizeof(r->prev));
	printable_copy(r->reason, sizeof(r->reason), g->reason, strlen(g->reason));
	printable_copy(r->ended, sizeof(r->ended), ended, strlen(ended));
}

void receipts_add(const struct app_session *as, const char *ended)
{
	struct app *app = as->app;
	struct session_record r;
	struct receipt x;
	json_t *o;

	if (!app->receipts.reporter)
		return;
	fill(&r, as, ended);
	o = receipt_make(&x, &r, &app->identity.key, &app->identity.cert) == 0 ? receipt_to_json(&x)
									       : NULL;
	if (!o || reporter_add_receipt(app->receipts.reporter, o) != 0 ||
	    session_record_hash(x.text, x.text_len, app->receipts.last) != 0) {
		log_error("a session is not recorded session=%.8s", r.session);
		return;
	}
	app->receipts.number = r.number;
}

/* --- vpnctl ---------------------------------------------------------------------------------- */

struct listing {
	json_t *items;
	int64_t after;
	bool more;
};

static bool list_one(void *arg, const json_t *record, bool arrived)
{
	struct listing *l = arg;
	json_t *o;
	int64_t seq;

	if (!rpc_int(record, "seq", 1, SPOOL_SEQ_MAX, &seq) || seq <= l->after)
		return true;
	l->more = json_array_size(l->items) == REPORTER_RECEIPTS_MAX;
	if (l->more)
		return false;
	o = json_copy((json_t *)(uintptr_t)record);
	json_object_set_new(o, "arrived", json_boolean(arrived));
	json_array_append_new(l->items, o);
	return true;
}

void receipts_on_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct listing l = {.items = json_array()};
	json_t *o;

	(void)!rpc_int(params, "after", 1, SPOOL_SEQ_MAX, &l.after); /* may be absent */
	if (app->receipts.reporter)
		reporter_each(app->receipts.reporter, list_one, &l);
	o = json_pack("{s:o}", "sessions", l.items);
	if (l.more)
		json_object_set_new(o, "more", json_true());
	if (app->enrolled)
		json_object_set_new(o, "ca",
				    rpc_json_bytes(app->identity.ca.der, app->identity.ca.len));
	rpc_reply(rpc, id, o);
}
