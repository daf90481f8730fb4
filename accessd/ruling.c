/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of sessions that run: when lists, attachments, groups or folders were changed, both
 * ends of those that this concerns hear of it. Some sessions at a time, then the loop has its turn.
 */
#include <wolfssl/options.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include "accessd/policies.h"
#include "accessd/sessions_internal.h"
#include "common/io/log.h"

#define AT_ONCE 64

/* --- what was said --- */

/* A rule's members, without what is between them in memory. */
static void add_rule(wc_Sha256 *hash, const struct rule *r)
{
	const struct window *w = &r->when;
	const uint16_t numbers[] = {
		r->allow,
		(uint16_t)r->direction,
		(uint16_t)r->protocol,
		r->prefix.addr.family,
		r->prefix.len,
		r->from_port,
		r->to_port,
		w->days,
		w->from_min,
		w->to_min,
		(uint16_t)w->offset_min,
	};

	(void)wc_Sha256Update(hash, (const byte *)numbers, sizeof(numbers));
	(void)wc_Sha256Update(hash, r->prefix.addr.bytes, sizeof(r->prefix.addr.bytes));
}

/* Equal for equal lists, and never 0. */
static uint64_t mark_of(const struct rules *rules)
{
	uint8_t digest[WC_SHA256_DIGEST_SIZE] = {0};
	wc_Sha256 hash;
	uint64_t mark;

	if (wc_InitSha256(&hash) != 0)
		return 0;
	(void)wc_Sha256Update(&hash, (const byte *)(rules->present ? "1" : "0"), 1);
	for (size_t i = 0; i < rules->n; i++)
		add_rule(&hash, &rules->at[i]);
	(void)wc_Sha256Final(&hash, digest);
	wc_Sha256Free(&hash);
	memcpy(&mark, digest, sizeof(mark));
	return mark | 1;
}

void ruling_said(struct session *x, const struct rules *rules)
{
	x->rules_mark = mark_of(rules);
}

/* --- telling --- */

bool ruling_kept(struct sessions *ss, const struct session *x, const json_t *answer)
{
	struct rules rules;
	bool keeps = false;

	if (policies_rules(ss->store, x->row.user_member, x->row.device_member, &rules) != 0)
		return false;
	return !rules.present || (rpc_bool(answer, "rules", &keeps) && keeps);
}

struct told {
	struct sessions *ss;
	char session[TOKEN_SESSION_SIZE];
};

/* The device's answer. */
static void on_told(void *arg, const json_t *result, int code, const char *message)
{
	struct told *t = arg;
	struct session *x = sessions_find(t->ss, t->session);

	(void)message;
	/* No answer is no refusal: they are sent again with the next hello. */
	if (code != RPC_TIMEOUT && code != RPC_CLOSED && x && !ruling_kept(t->ss, x, result))
		sessions_finish(t->ss, x, GRANTS_DEVICE_OLD, 0);
	free(t);
}

/* Return: false, it was not asked. */
static bool ask_device(struct sessions *ss, const struct session *x, struct rpc *rpc,
		       json_t *params)
{
	struct told *t = calloc(1, sizeof(*t));

	if (!t) {
		json_decref(params);
		return false;
	}
	t->ss = ss;
	snprintf(t->session, sizeof(t->session), "%s", x->row.id);
	if (rpc_request(rpc, "session.rules", params, SESSIONS_GRANT_MS, on_told, t) == 0)
		return true;
	free(t);
	return false;
}

void ruling_for_old(struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		rules->at[i].when.days = 0;
}

/* @rules: may be changed. Return: false, this end was not told. */
static bool tell(struct sessions *ss, const struct session *x, int64_t endpoint,
		 struct rules *rules)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, endpoint);
	bool is_device = endpoint == x->row.device;
	json_t *params;

	if (!rpc)
		return false;
	if (!is_device && !ss->ops->endpoint_knows_windows(ss->arg, endpoint))
		ruling_for_old(rules);
	params = json_pack("{s:s}", "session", x->row.id);
	/* A list that could not be said would read as none. */
	if (params && rules->present &&
	    json_object_set_new(params, "rules", rules_encode(rules)) != 0) {
		json_decref(params);
		return false;
	}
	return is_device ? ask_device(ss, x, rpc, params)
			 : rpc_notify(rpc, "session.rules", params) == 0;
}

const char *ruling_trouble(struct sessions *ss, const struct session *x, int rc,
			   const struct rules *rules)
{
	if (rc == -E2BIG)
		return POLICIES_TOO_MANY;
	if (rc == 0 && rules_windowed(rules) && ss->ops->endpoint_rpc(ss->arg, x->row.device) &&
	    !ss->ops->endpoint_knows_windows(ss->arg, x->row.device))
		return GRANTS_DEVICE_NO_WINDOWS;
	return NULL;
}

/* Return: false, it has ended. */
static bool look(struct sessions *ss, struct session *x)
{
	char id[TOKEN_SESSION_SIZE];
	struct rules rules;
	int rc = policies_rules(ss->store, x->row.user_member, x->row.device_member, &rules);
	const char *trouble = ruling_trouble(ss, x, rc, &rules);
	uint64_t mark;

	x->rules_due = false;
	if (trouble) {
		sessions_finish(ss, x, trouble, 0);
		return false;
	}
	mark = mark_of(&rules);
	if (rc != 0 || mark == x->rules_mark) /* -EIO: the store has said why */
		return true;
	x->rules_mark = mark;
	snprintf(id, sizeof(id), "%s", x->row.id);
	if (!tell(ss, x, x->row.device, &rules))
		mark = 0;	   /* with the next look, then */
	x = sessions_find(ss, id); /* sending may have changed the list */
	if (x) {
		x->rules_mark = mark;
		(void)tell(ss, x, x->row.manager, &rules);
	}
	return false;
}

static void on_due(uv_timer_t *timer)
{
	struct sessions *ss = timer->data;
	struct session *x = ss->list;
	unsigned int left = AT_ONCE;

	while (x && left > 0) {
		if (!x->rules_due) {
			x = x->next;
		} else {
			left--;
			x = look(ss, x) ? x->next : ss->list;
		}
	}
	if (x && !ss->closing)
		uv_timer_start(timer, on_due, 0, 0);
}

void ruling_due(struct sessions *ss, struct session *x, bool again)
{
	x->rules_due = true;
	if (again)
		x->rules_mark = 0;
	if (!ss->closing)
		uv_timer_start(&ss->ruling, on_due, 0, 0);
}

void sessions_rules_changed(struct sessions *ss, int64_t member)
{
	for (struct session *x = ss->list; x; x = x->next) {
		if (member == 0 || x->row.device_member == member || x->row.user_member == member)
			ruling_due(ss, x, false);
	}
}
