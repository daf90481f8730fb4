/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of a device: what sessions with it may do. A change counts for those that run, too. */
#include <errno.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"
#include "accessd/pure/pool.h"
#include "common/io/log.h"

/* The device and its rules as they are. Else the request is answered. */
static bool find(struct ask *q, const json_t *params, struct store_member *m, struct rules *rules)
{
	const struct realm *r = q->realm;
	int rc;

	if (!admin_find(q, params, IDENT_DEVICE, m))
		return false;
	rc = store_rules_of(r->store, m->id, rules);
	if (rc)
		admin_failed(q, rc);
	return rc == 0;
}

/* --- what is asked and answered --- */

/* Does it hold the device's own address in the tunnel? */
static bool holds_tunnel(const struct realm *r, const struct store_member *m,
			 const struct prefix *p)
{
	struct store_endpoint e;
	struct addr v4, v6;

	if (store_endpoint_of(r->store, m->id, &e) != 0 || e.host == 0)
		return false;
	v4 = pool_ipv4(e.host);
	v6 = pool_ipv6(r->domain.row.ula, e.host);
	return prefix_contains(p, &v4) || prefix_contains(p, &v6);
}

/* Nothing behind the device has such an address as it is now: packets with one do not come. */
static bool is_outside(const struct realm *r, const struct store_member *m, const struct rule *rule)
{
	if (!rule->prefix.addr.family)
		return false;
	for (size_t i = 0; i < m->lans.n; i++) {
		if (prefix_overlaps(&m->lans.at[i], &rule->prefix))
			return false;
	}
	return !holds_tunnel(r, m, &rule->prefix);
}

/* Their numbers. */
static json_t *outside(const struct realm *r, const struct store_member *m,
		       const struct rules *rules)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rules->n; i++) {
		if (is_outside(r, m, &rules->at[i]))
			json_array_append_new(list, json_integer((json_int_t)i + 1));
	}
	return list;
}

static void answer(struct ask *q, const struct store_member *m, const struct rules *rules)
{
	json_t *o = json_object();

	if (o && rules->present) {
		json_object_set_new(o, "rules", rules_encode(rules));
		json_object_set_new(o, "outside", outside(q->realm, m, rules));
	}
	ask_reply(q, o);
}

static void change(struct ask *q, const struct store_member *m, const struct rules *rules)
{
	struct store *s = q->realm->store;
	int rc = store_begin(s);

	if (rc == 0)
		rc = store_rules_set(s, m->id, rules);
	if (!policy_commit(q, rc, m->id))
		return;
	log_notice("rules changed device=%s rules=%zu%s", m->name, rules->n,
		   rules->present ? "" : " (no list)");
	answer(q, m, rules);
}

/* --- methods --- */

void admin_on_rule_list(struct ask *q, const json_t *params)
{
	struct store_member m;
	struct rules rules;

	if (find(q, params, &m, &rules))
		answer(q, &m, &rules);
}

void admin_on_rule_add(struct ask *q, const json_t *params)
{
	int64_t at = RULES_MAX;
	struct store_member m;
	struct rules rules;
	struct rule rule;
	const char *text;

	if (!find(q, params, &m, &rules))
		return;
	if (!rpc_str(params, "rule", &text) || rule_parse(&rule, text) != 0)
		ask_reject(q, RPC_BAD_PARAMS,
			   "not a rule: allow|deny [in|out] [PREFIX] [tcp|udp[/PORT[-PORT]]|icmp]");
	else if (json_object_get(params, "at") && !rpc_int(params, "at", 1, RULES_MAX, &at))
		ask_reject(q, RPC_BAD_PARAMS, "at is 1 to %d", RULES_MAX);
	else if (rules_insert(&rules, (size_t)at - 1, &rule) != 0)
		ask_reject(q, RPC_UNAVAILABLE, "a device may have %d rules", RULES_MAX);
	else
		change(q, &m, &rules);
}

/* All at once: nobody ever has a part of them. */
void admin_on_rule_set(struct ask *q, const json_t *params)
{
	const json_t *list = json_object_get(params, "rules");
	struct store_member m;
	struct rules rules;

	if (!find(q, params, &m, &rules))
		return;
	if (!json_is_array(list) || rules_decode(&rules, list) != 0)
		ask_reject(q, RPC_BAD_PARAMS, "rules: a list of up to %d rules is needed",
			   RULES_MAX);
	else
		change(q, &m, &rules);
}

void admin_on_rule_remove(struct ask *q, const json_t *params)
{
	struct store_member m;
	struct rules rules;
	int64_t at;

	if (!find(q, params, &m, &rules))
		return;
	if (!rpc_int(params, "at", 1, RULES_MAX, &at))
		ask_reject(q, RPC_BAD_PARAMS, "at: which rule? 1 is the first");
	else if (rules_remove(&rules, (size_t)at - 1) != 0)
		ask_reject(q, RPC_NOT_FOUND, "%s has %zu rules", m.name, rules.n);
	else
		change(q, &m, &rules);
}

void admin_on_rule_clear(struct ask *q, const json_t *params)
{
	struct store_member m;
	struct rules rules;

	if (!find(q, params, &m, &rules))
		return;
	rules = (struct rules){.present = false};
	change(q, &m, &rules);
}
