/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rules of a session would say: "in 10.1.2.3 tcp/102". */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"
#include "accessd/policies.h"
#include "common/io/file.h"

#define NOT_A_PACKET "packet: in|out ADDRESS [tcp|udp[/PORT]|icmp], such as: in 10.1.2.3 tcp/102"

struct question {
	struct rule_question q;
	struct addr near;
};

static bool is_host(const struct prefix *p)
{
	return p->addr.family && p->len == (p->addr.family == 4 ? 32 : 128);
}

/* A packet is written like a rule that allows just it. */
static bool get_question(struct ask *q, const json_t *params, struct question *out)
{
	char text[RULE_TEXT_SIZE];
	const char *packet;
	struct rule r;
	int n = -1;

	if (rpc_str(params, "packet", &packet))
		n = snprintf(text, sizeof(text), "allow %s", packet);
	if (n < 0 || (size_t)n >= sizeof(text) || rule_parse(&r, text) != 0 ||
	    r.direction == RULE_BOTH || !is_host(&r.prefix) || r.from_port != r.to_port ||
	    r.when.days) {
		ask_reject(q, RPC_BAD_PARAMS, NOT_A_PACKET);
		return false;
	}
	out->near = r.prefix.addr;
	out->q = (struct rule_question){.direction = r.direction,
					.protocol = r.protocol,
					.near = &out->near,
					.port = r.from_port};
	return true;
}

static bool find_both(struct ask *q, const json_t *params, struct store_member *user,
		      struct store_member *device)
{
	char name[STORE_NAME_SIZE];

	if (!admin_ready(q))
		return false;
	if (!rpc_str_max(params, "user", name, sizeof(name))) {
		ask_reject(q, RPC_BAD_PARAMS, "user: whose session?");
		return false;
	}
	if (!admin_find_as(q, name, IDENT_USER, user))
		return false;
	if (!rpc_str_max(params, "device", name, sizeof(name))) {
		ask_reject(q, RPC_BAD_PARAMS, "device: with which device?");
		return false;
	}
	return admin_find_as(q, name, IDENT_DEVICE, device);
}

static const char *subject_of(const struct store_applied *a, char out[STORE_NAME_SIZE + 8])
{
	static const char *const kinds[] = {"user", "group"};

	if (a->part.whom == POLICY_EVERYONE)
		return "everyone";
	snprintf(out, STORE_NAME_SIZE + 8, "%s %s", kinds[a->part.whom], a->subject);
	return out;
}

/* A list that counts. */
static json_t *list_json(const struct ask *q, const struct store_member *device,
			 const struct policies_list *l)
{
	char path[PERMIT_PATH_SIZE], whom[STORE_NAME_SIZE + 8];

	return json_pack("{s:s, s:s, s:s, s:I}", "policy", l->applied.name, "to",
			 l->applied.folder ? admin_path(q, l->applied.folder, path) : device->name,
			 "for", subject_of(&l->applied, whom), "rules", (json_int_t)l->rules.n);
}

static json_t *lists_json(const struct ask *q, const struct store_member *device,
			  const struct policies *p)
{
	json_t *list = json_array();

	if (p->own.present)
		json_array_append_new(list, json_pack("{s:s, s:I}", "to", device->name, "rules",
						      (json_int_t)p->own.n));
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, list_json(q, device, policies_list(p, i)));
	return list;
}

static bool is_in_lans(const struct store_member *device, const struct addr *a)
{
	for (size_t i = 0; i < device->lans.n; i++) {
		if (prefix_contains(&device->lans.at[i], a))
			return true;
	}
	return false;
}

/* The rule that decides, and where it stands. */
static void add_rule(const struct ask *q, const struct store_member *device,
		     const struct policies *p, const struct rules *rules, size_t at, json_t *o)
{
	char text[RULE_TEXT_SIZE];
	size_t part, rule;

	policy_source(&p->own, p->parts, p->n, at, &part, &rule);
	rule_format(&rules->at[at], text);
	json_object_set_new(o, "rule", json_string(text));
	json_object_set_new(o, "number", json_integer((json_int_t)rule + 1));
	json_object_set_new(o, "list",
			    part == POLICY_OWN ? json_pack("{s:s}", "to", device->name)
					       : list_json(q, device, policies_list(p, part)));
}

/* Rules that would fit, but do not count at this time, up to the one that decides. */
static json_t *closed_json(const struct rules *rules, const struct rule_question *question,
			   const struct rules_closed *closed, size_t up_to)
{
	struct rule_question q = *question;
	json_t *list = json_array();
	char text[RULE_TEXT_SIZE];

	q.closed = NULL;
	for (size_t i = 0; i < rules->n && i < up_to; i++) {
		struct rules one = {.present = true, .n = 1, .at = {rules->at[i]}};

		if (!rules_is_closed(closed, i) || rules_find(&one, &q) == RULES_NONE)
			continue;
		rule_format(&rules->at[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void answer(struct ask *q, const struct store_member *device, const struct policies *p,
		   const struct question *question)
{
	struct rule_question asked = question->q;
	struct rules_time now = {.known = true, .unix_s = clock_wall_s()};
	struct rules_closed closed;
	struct rules rules;
	size_t at = RULES_NONE;
	bool too_many = policy_join(&p->own, p->parts, p->n, &rules) != 0, allow;
	json_t *o;

	rules_close(&rules, &now, &closed);
	asked.closed = &closed;
	allow = !too_many && rules_allow(&rules, &asked, &at);
	o = json_pack("{s:b, s:b, s:b, s:I, s:o, s:o}", "allowed", allow, "any", rules.present,
		      "in_lans", is_in_lans(device, &question->near), "rules", (json_int_t)rules.n,
		      "lists", lists_json(q, device, p), "closed",
		      closed_json(&rules, &asked, &closed, at));
	if (o && too_many)
		json_object_set_new(o, "problem", json_string(POLICIES_TOO_MANY));
	if (o && at != RULES_NONE)
		add_rule(q, device, p, &rules, at, o);
	ask_reply(q, o);
}

void admin_on_policy_test(struct ask *q, const json_t *params)
{
	struct store_member user, device;
	struct question question;
	struct policies *p;
	int rc;

	if (!find_both(q, params, &user, &device) || !get_question(q, params, &question))
		return;
	rc = policies_gather(q->app->store, user.id, device.id, &p);
	if (rc == -E2BIG) {
		ask_reject(q, RPC_CONFLICT, "more than %d policies concern this session",
			   POLICY_PARTS_MAX);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		answer(q, &device, p, &question);
		policies_free(p);
	}
}
