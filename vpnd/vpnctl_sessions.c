/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl sessions: the signed records that this end keeps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/receipt_files.h"
#include "common/io/spool.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"
#include "vpnd/vpnctl.h"

/* What is gone through, the oldest first. */
struct going {
	const struct vpnctl_args *args;
	struct ctl_table *table;
	json_t *all; /* --json */
	struct x509_cert ca;
	uint8_t prev[SESSION_RECORD_KEY_BYTES];
	int64_t number; /* of the record before; 0: none */
	size_t n, bad;
};

/* A page, and up to where the next one goes on. Not by vpnctl_ask(): the texts have lines. */
static json_t *ask(struct ctl *c, int64_t after)
{
	json_t *params = after ? json_pack("{s:I}", "after", (json_int_t)after) : NULL, *result;
	char error[VPNCTL_ERROR_SIZE] = "";

	if (ctl_call(c, "sessions", params, VPNCTL_TIMEOUT_MS, NULL, NULL, &result, error,
		     sizeof(error)) == 0)
		return result;
	fprintf(stderr, "vpnctl: %s\n", error[0] ? error : "vpnd does not answer");
	return NULL;
}

/* Does it follow the one before, and is it good? Return: NULL, or what is wrong. */
static const char *check(struct going *g, const struct receipt *x, struct session_record *r)
{
	const char *wrong = receipt_check(x, r);

	if (wrong)
		return wrong;
	if (!receipt_is_by(x, &g->ca))
		wrong = "is by another CA"; /* before it was rolled */
	if (g->number && r->number == g->number + 1 &&
	    memcmp(r->prev, g->prev, sizeof(g->prev)) != 0)
		wrong = "does not follow the one before it";
	else if (g->number && r->number != g->number + 1 && r->number != 1)
		wrong = "follows one that is missing";
	g->number = r->number;
	if (session_record_hash(x->text, x->text_len, g->prev) != 0)
		wrong = "cannot be hashed";
	return wrong;
}

static void put_row(struct going *g, const struct session_record *r, bool arrived,
		    const char *wrong)
{
	char number[24], start[UTC_TEXT_SIZE], end[UTC_TEXT_SIZE], device[VPNCTL_TEXT_SIZE],
		manager[VPNCTL_TEXT_SIZE], peer[IDENT_URI_SIZE];
	const char *const cells[] = {number,
				     r->session,
				     peer,
				     start,
				     end,
				     device,
				     manager,
				     r->ended,
				     arrived ? "yes" : "waits",
				     wrong ? wrong : "good"};

	snprintf(number, sizeof(number), "%" PRId64, r->number);
	ident_format(&r->peer, peer);
	utc_format(r->start_ms, start);
	utc_format(r->end_ms, end);
	ctl_bytes(device, sizeof(device), r->bytes_to_device);
	ctl_bytes(manager, sizeof(manager), r->bytes_to_manager);
	ctl_table_row(g->table, cells);
}

static int save(const struct going *g, const struct session_record *r, const struct receipt *x)
{
	char name[TOKEN_SESSION_SIZE + 32];
	int rc;

	snprintf(name, sizeof(name), "%s-%s-%" PRId64, r->session,
		 r->role == TOKEN_DEVICE ? "device" : "manager", r->number);
	rc = receipt_save(g->args->save, name, x);
	if (rc == 0 && g->ca.len > 0)
		rc = receipt_save_cert(g->args->save, "ca", &g->ca);
	if (rc)
		fprintf(stderr, "vpnctl: %s: %s\n", g->args->save, strerror(-rc));
	return rc;
}

/* Return: 0; -errno: it could not be saved. */
static int take(struct going *g, const json_t *o)
{
	bool arrived = json_is_true(json_object_get(o, "arrived"));
	struct session_record r = {.number = 0};
	const char *wrong;
	struct receipt x;

	if (receipt_from_json(&x, o) != 0)
		return 0; /* of another version */
	wrong = check(g, &x, &r);
	g->bad += wrong != NULL;
	if (g->args->name && strncmp(r.session, g->args->name, strlen(g->args->name)) != 0)
		return 0;
	g->n++;
	if (g->args->json) {
		json_t *copy = json_copy((json_t *)(uintptr_t)o);

		json_object_set_new(copy, "problem", json_string(wrong ? wrong : ""));
		json_array_append_new(g->all, copy);
	} else {
		put_row(g, &r, arrived, wrong);
	}
	return g->args->save ? save(g, &r, &x) : 0;
}

static int64_t last_of(const json_t *list)
{
	int64_t seq = 0;

	(void)!rpc_int(json_array_get(list, json_array_size(list) - 1), "seq", 1, SPOOL_SEQ_MAX,
		       &seq);
	return seq;
}

/* Return: an exit code. */
static int go(struct going *g, struct ctl *c)
{
	int64_t after = 0;
	bool more = true;

	while (more) {
		json_t *page = ask(c, after), *list = json_object_get(page, "sessions");
		int rc = page ? 0 : -1;

		if (!rpc_bytes(page, "ca", g->ca.der, sizeof(g->ca.der), &g->ca.len))
			g->ca.len = 0;
		for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
			rc = take(g, json_array_get(list, i));
		more = json_is_true(json_object_get(page, "more"));
		after = last_of(list);
		json_decref(page);
		if (rc || (more && after == 0))
			return CTL_FAILED;
	}
	return CTL_OK;
}

int vpnctl_sessions(struct ctl *c, const struct vpnctl_args *args)
{
	static const char *const headings[] = {"NUMBER", "SESSION",   "PEER",	    "FROM",
					       "TO",	 "TO DEVICE", "TO MANAGER", "ENDED BECAUSE",
					       "SENT",	 "RECORD"};
	struct going g = {.args = args, .all = json_array()};
	int rc;

	if (!args->json)
		g.table = ctl_table_new(10, headings);
	rc = go(&g, c);
	if (rc == CTL_OK && args->name && g.n == 0) {
		fprintf(stderr, "vpnctl: there is no record of such a session here\n");
		rc = CTL_FAILED;
	}
	if (args->json && rc == CTL_OK)
		ctl_print_json(g.all);
	if (g.table)
		ctl_table_print(g.table);
	json_decref(g.all);
	return rc == CTL_OK && g.bad > 0 ? CTL_FAILED : rc;
}
