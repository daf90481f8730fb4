/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of sessions: taken from accessd while they run, shown in status.
 */
#include <errno.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"

/* --- taking --- */

/* What cannot be read may forbid anything: until a good list comes, nothing passes. */
static void take(struct app_session *as, const json_t *list)
{
	const struct grant *g = session_grant(as->session);
	struct rules rules;

	if (rules_decode(&rules, list) != 0) {
		rules = (struct rules){.present = true};
		app_note_error(as->app, "update vpnd, or change the rules at the Access Server",
			       "the rules of the session with %s cannot be read: nothing passes",
			       g->peer_name);
	} else {
		log_info("other rules session=%.8s peer=%s rules=%zu%s", g->session, g->peer_name,
			 rules.n, rules.present ? "" : " (no list)");
	}
	session_set_rules(as->session, &rules);
	if (plane_set_rules(as->app->plane, as->slot, &rules) != 0)
		app_note_error(as->app, "give vpnd more memory",
			       "no memory for the rules: nothing passes");
}

void rules_on_change(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = access_link_arg(rpc->arg);
	struct app_session *as;
	const char *session;

	as = rpc_str(params, "session", &session) ? sessions_find(app, session) : NULL;
	if (as)
		take(as, json_object_get(params, "rules"));
	rpc_reply(rpc, id, json_pack("{s:b}", "rules", 1));
}

/* --- showing --- */

static json_t *int_json(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *rule_json(const struct rule *rule)
{
	char text[RULE_TEXT_SIZE];

	rule_format(rule, text);
	return json_pack("{s:s}", "rule", text);
}

/* @fw: NULL: they are kept at the other end. */
static json_t *list_json(const struct rules *rules, const struct firewall *fw, uint16_t slot)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rules->n; i++) {
		json_t *o = rule_json(&rules->at[i]);

		if (fw)
			json_object_set_new(o, "hits",
					    int_json(firewall_counters(fw, slot)->hits[i]));
		if (fw && rules->at[i].when.days)
			json_object_set_new(o, "open", json_boolean(firewall_is_open(fw, slot, i)));
		json_array_append_new(list, o);
	}
	return list;
}

void rules_status(const struct app *app, const struct app_session *as, json_t *o)
{
	const struct firewall *fw = plane_firewall(app->plane, as->slot);
	const struct firewall_counters *c = fw ? firewall_counters(fw, as->slot) : NULL;
	const struct rules *rules = &session_grant(as->session)->rules;
	json_t *shown;

	if (!rules->present)
		return;
	shown = json_pack("{s:b, s:o}", "here", c != NULL, "rules", list_json(rules, fw, as->slot));
	if (c) {
		json_object_set_new(shown, "by_default", int_json(c->by_default));
		json_object_set_new(shown, "refused", int_json(c->refused));
		json_object_set_new(shown, "stray", int_json(c->stray));
		json_object_set_new(shown, "unreadable", int_json(c->unreadable));
		json_object_set_new(shown, "opened", int_json(c->opened));
		json_object_set_new(shown, "evicted", int_json(c->evicted));
		json_object_set_new(shown, "flows",
				    int_json(firewall_flows(fw, as->slot, clock_mono_ms())));
	}
	json_object_set_new(o, "firewall", shown);
}

void rules_drops(const struct app *app, const struct app_session *as, uint64_t counts[RULES_DROPS])
{
	const struct firewall *fw = plane_firewall(app->plane, as->slot);
	const struct firewall_counters *c = fw ? firewall_counters(fw, as->slot) : NULL;

	counts[RULES_REFUSED] = c ? c->refused : 0;
	counts[RULES_STRAY] = c ? c->stray : 0;
	counts[RULES_UNREADABLE] = c ? c->unreadable : 0;
}

const char *rules_drop_name(enum rules_drop d)
{
	static const char *const names[RULES_DROPS] = {"refused", "stray", "unreadable"};

	return names[d];
}
