/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of a device: what sessions with it may do. A change counts for those that run, too. */
#include <errno.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/pool.h"
#include "common/io/log.h"

/* The device and its rules as they are. Else the request is answered. */
static bool find(struct rpc *rpc, int64_t id, const json_t *params, struct store_member *m,
		 struct rules *rules)
{
	const struct app *a = local_arg(rpc);
	int rc;

	if (!admin_find(rpc, id, params, IDENT_DEVICE, m))
		return false;
	rc = store_rules_of(a->store, m->id, rules);
	if (rc)
		admin_failed(rpc, id, rc);
	return rc == 0;
}

/* --- what is asked and answered --- */

/* Does it hold the device's own address in the tunnel? */
static bool holds_tunnel(const struct app *a, const struct store_member *m, const struct prefix *p)
{
	struct store_endpoint e;
	struct addr v4, v6;

	if (store_endpoint_of(a->store, m->id, &e) != 0 || e.host == 0)
		return false;
	v4 = pool_ipv4(e.host);
	v6 = pool_ipv6(a->domain.row.ula, e.host);
	return prefix_contains(p, &v4) || prefix_contains(p, &v6);
}

/* Nothing behind the device has such an address as it is now: packets with one do not come. */
static bool is_outside(const struct app *a, const struct store_member *m, const struct rule *r)
{
	if (!r->prefix.addr.family)
		return false;
	for (size_t i = 0; i < m->lans.n; i++) {
		if (prefix_overlaps(&m->lans.at[i], &r->prefix))
			return false;
	}
	return !holds_tunnel(a, m, &r->prefix);
}

/* Their numbers. */
static json_t *outside(const struct app *a, const struct store_member *m, const struct rules *rules)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rules->n; i++) {
		if (is_outside(a, m, &rules->at[i]))
			json_array_append_new(list, json_integer((json_int_t)i + 1));
	}
	return list;
}

static void answer(struct rpc *rpc, int64_t id, const struct store_member *m,
		   const struct rules *rules)
{
	json_t *o = json_object();

	if (o && rules->present) {
		json_object_set_new(o, "rules", rules_encode(rules));
		json_object_set_new(o, "outside", outside(local_arg(rpc), m, rules));
	}
	rpc_reply(rpc, id, o);
}

static void change(struct rpc *rpc, int64_t id, const struct store_member *m,
		   const struct rules *rules)
{
	struct app *a = local_arg(rpc);
	int rc = store_rules_set(a->store, m->id, rules);

	if (rc) {
		admin_failed(rpc, id, rc);
		return;
	}
	log_notice("rules changed device=%s rules=%zu%s", m->name, rules->n,
		   rules->present ? "" : " (no list)");
	sessions_rules_changed(a->sessions, m->id);
	answer(rpc, id, m, rules);
}

/* --- methods --- */

void admin_on_rule_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct store_member m;
	struct rules rules;

	if (find(rpc, id, params, &m, &rules))
		answer(rpc, id, &m, &rules);
}

void admin_on_rule_add(struct rpc *rpc, int64_t id, const json_t *params)
{
	int64_t at = RULES_MAX;
	struct store_member m;
	struct rules rules;
	struct rule rule;
	const char *text;

	if (!find(rpc, id, params, &m, &rules))
		return;
	if (!rpc_str(params, "rule", &text) || rule_parse(&rule, text) != 0)
		rpc_reject(rpc, id, RPC_BAD_PARAMS,
			   "not a rule: allow|deny [in|out] [PREFIX] [tcp|udp[/PORT[-PORT]]|icmp]");
	else if (json_object_get(params, "at") && !rpc_int(params, "at", 1, RULES_MAX, &at))
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "at is 1 to %d", RULES_MAX);
	else if (rules_insert(&rules, (size_t)at - 1, &rule) != 0)
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "a device may have %d rules", RULES_MAX);
	else
		change(rpc, id, &m, &rules);
}

/* All at once: nobody ever has a part of them. */
void admin_on_rule_set(struct rpc *rpc, int64_t id, const json_t *params)
{
	const json_t *list = json_object_get(params, "rules");
	struct store_member m;
	struct rules rules;

	if (!find(rpc, id, params, &m, &rules))
		return;
	if (!json_is_array(list) || rules_decode(&rules, list) != 0)
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "rules: a list of up to %d rules is needed",
			   RULES_MAX);
	else
		change(rpc, id, &m, &rules);
}

void admin_on_rule_remove(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct store_member m;
	struct rules rules;
	int64_t at;

	if (!find(rpc, id, params, &m, &rules))
		return;
	if (!rpc_int(params, "at", 1, RULES_MAX, &at))
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "at: which rule? 1 is the first");
	else if (rules_remove(&rules, (size_t)at - 1) != 0)
		rpc_reject(rpc, id, RPC_NOT_FOUND, "%s has %zu rules", m.name, rules.n);
	else
		change(rpc, id, &m, &rules);
}

void admin_on_rule_clear(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct store_member m;
	struct rules rules;

	if (!find(rpc, id, params, &m, &rules))
		return;
	rules = (struct rules){.present = false};
	change(rpc, id, &m, &rules);
}
