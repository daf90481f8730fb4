/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing what the register says of a member. */
#include <string.h>

#include "accessd/admin_internal.h"
#include "common/io/log.h"
#include "common/pure/rate.h"

bool admin_rate(struct ask *q, const json_t *params, uint64_t *rate)
{
	const char *text;

	if (!json_object_get(params, "rate"))
		return true;
	if (rpc_str(params, "rate", &text) && rate_parse(rate, text) == 0)
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "a rate is 64kbit to 100gbit, like 10mbit, or none");
	return false;
}

/* Tokens hold it: those that were given out stay as they are. */
static int set_rate(struct realm *r, const struct store_member *m, uint64_t rate)
{
	char text[RATE_TEXT_SIZE];
	int rc = store_member_set_rate(r->store, m->id, rate);

	rate_format(rate, text);
	if (rc == 0)
		log_notice("changed kind=%s name=%s rate=%s", ident_kind_name(m->kind), m->name,
			   text);
	return rc;
}

static bool same_lans(const struct lans *r, const struct lans *b)
{
	char one[LISTS_LANS_TEXT_SIZE], other[LISTS_LANS_TEXT_SIZE];

	lans_to_text(r, one);
	lans_to_text(b, other);
	return strcmp(one, other) == 0;
}

static int set_lans(struct realm *r, const struct store_member *m, const struct lans *lans)
{
	int rc;

	if (same_lans(&m->lans, lans))
		return 0; /* what runs is granted for these */
	rc = store_member_set_lans(r->store, m->id, lans);
	if (rc)
		return rc;
	log_notice("changed kind=device name=%s lans=%zu", m->name, lans->n);
	/* It comes back at once and learns its LANs by hello; its sessions are granted for the old
	 * ones. */
	sessions_end_member(r->sessions, m->id, "the device's LANs were changed");
	clients_drop_member(r->clients, m->id, "the device's LANs were changed", true);
	return 0;
}

void admin_on_device_set(struct ask *q, const json_t *params)
{
	bool has_lans = json_object_get(params, "lans"), has_rate = json_object_get(params, "rate");
	struct realm *r = q->realm;
	struct store_member m;
	struct lans lans;
	uint64_t rate = 0;
	int rc = 0;

	if (!admin_find(q, params, IDENT_DEVICE, &m))
		return;
	if (!has_lans && !has_rate) {
		ask_reject(q, RPC_BAD_PARAMS, "neither lans nor rate");
		return;
	}
	if ((has_lans && !admin_lans(q, params, &lans)) || !admin_rate(q, params, &rate))
		return;
	if (has_rate)
		rc = set_rate(r, &m, rate);
	if (rc == 0 && has_lans)
		rc = set_lans(r, &m, &lans);
	if (rc)
		admin_failed(q, rc);
	else
		ask_reply(q, json_object());
}

/* Who is over now is out now; what begins from now on ends in time. */
static int set_valid(struct realm *r, const struct store_member *m, int64_t until)
{
	int rc = store_begin(r->store);

	if (rc)
		return rc;
	rc = store_account_set_valid(r->store, m->id, until);
	if (rc == 0)
		rc = store_commit(r->store);
	if (rc) {
		store_rollback(r->store);
		return rc;
	}
	log_notice("changed kind=user name=%s valid_until=%lld", m->name, (long long)until);
	clients_look_again(r->clients, m->id);
	return 0;
}

void admin_on_user_set(struct ask *q, const json_t *params)
{
	bool has_rate = json_object_get(params, "rate"),
	     has_until = json_object_get(params, "valid_until");
	struct store_member m;
	uint64_t rate = 0;
	int64_t until = 0;
	int rc = 0;

	if (!admin_find(q, params, IDENT_USER, &m))
		return;
	if (!has_rate && !has_until) {
		ask_reject(q, RPC_BAD_PARAMS, "neither rate nor valid_until");
		return;
	}
	if (!admin_rate(q, params, &rate) || !admin_valid_until(q, params, &until))
		return;
	if (has_rate)
		rc = set_rate(q->realm, &m, rate);
	if (rc == 0 && has_until)
		rc = set_valid(q->realm, &m, until);
	if (rc)
		admin_failed(q, rc);
	else
		ask_reply(q, json_object());
}
