/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnctl trace: what the plane says of a packet, and what its session would do with it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "vpnd/app.h"

#define TEXT_SIZE 480

struct story {
	struct app *app;
	json_t *steps;
	bool stops;
};

static void tell(struct story *st, const char *name, bool stops, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void tell(struct story *st, const char *name, bool stops, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	st->stops |= stops;
	json_array_append_new(st->steps, json_pack("{s:s, s:b, s:s}", "step", name, "stops", stops,
						   "text", text));
}

/* The plane knows slots only. */
static void on_step(void *arg, const struct plane_step *s)
{
	struct story *st = arg;
	const struct session *session = s->slot >= 0 ? st->app->sessions[s->slot].session : NULL;

	if (session && strcmp(s->name, "session") == 0)
		tell(st, s->name, s->stops, "with %s (%.8s): %s", session_grant(session)->peer_name,
		     session_grant(session)->session, s->text);
	else
		tell(st, s->name, s->stops, "%s", s->text);
}

/* --- what follows the plane --- */

static void tell_queue(struct story *st, const struct session *s, const struct plane_traced *t)
{
	struct session_status status;

	session_status(s, &status);
	tell(st, "queue", false, "flow %u of %d; %u bytes wait, of all flows",
	     session_flow(s, t->packet, t->n), FQ_FLOWS, status.backlog_bytes);
}

static void tell_path(struct story *st, const struct session *s)
{
	struct session_status status;

	session_status(s, &status);
	if (status.state != SESSION_UP) {
		tell(st, "path", true, "none: the session is %s%s%s",
		     session_state_name(status.state), status.last_reason[0] ? "; last: " : "",
		     status.last_reason);
		return;
	}
	tell(st, "path", false, "by relay %s at %s%s%s, round trip %.1f ms; %s", status.relay,
	     status.path.relay_addr, status.path.proxy[0] ? " by proxy " : "", status.path.proxy,
	     status.path.rtt_ms < 0 ? 0 : status.path.rtt_ms,
	     status.path.shed ? "inner layer" : "outer and inner layer");
}

/* A manager knows the device's rules, too: what they say of something new. */
static void tell_far_rules(struct story *st, const struct session *s, const struct target *target,
			   const struct plane_traced *t)
{
	const struct rules *rules = &session_grant(s)->rules;
	struct rules_time now = {.known = true, .unix_s = clock_wall_s()};
	struct rules_closed closed;
	struct rule_question q = {
		.closed = &closed,
		.direction = t->in ? RULE_OUT : RULE_IN,
		.protocol = target->protocol,
		.near = t->in ? &t->ip.src : &t->ip.dst,
		.port = target->port,
	};
	char text[RULE_TEXT_SIZE];
	size_t rule;
	bool allow;

	if (st->app->config.role != TOKEN_MANAGER || !rules->present)
		return;
	rules_close(rules, &now, &closed); /* as far as we know the time */
	allow = rules_allow(rules, &q, &rule);
	if (rule == RULES_NONE) {
		tell(st, "far rules", true, "the device: no rule fits, so it is denied (refused)");
		return;
	}
	rule_format(&rules->at[rule], text);
	tell(st, "far rules", !allow, "the device: rule %zu: %s%s", rule + 1, text,
	     allow ? "" : " (refused)");
}

static void tell_rest(struct story *st, const struct target *target, const struct plane_traced *t)
{
	const struct session *s = st->app->sessions[t->slot].session;

	if (!s)
		return;
	if (!t->in) {
		tell_queue(st, s, t);
		tell_path(st, s);
	}
	if (!st->stops)
		tell_far_rules(st, s, target, t);
}

/* --- asking --- */

static bool get_question(const json_t *params, struct plane_question *q)
{
	const char *to, *from;

	q->from.family = 0;
	if (!rpc_str(params, "to", &to) || target_parse(&q->target, to) != 0)
		return false;
	if (!json_object_get(params, "from"))
		return true;
	return rpc_str(params, "from", &from) && addr_parse(&q->from, from) == 0 &&
	       q->from.family == q->target.to.family;
}

void trace_on_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct story st = {.app = app};
	char text[TARGET_TEXT_SIZE];
	struct plane_question q;
	struct plane_traced t;

	if (!get_question(params, &q)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS,
			   "where to? ADDRESS[:PORT][/tcp|/udp|/icmp], IPv6 with a port in "
			   "brackets; --from: an address of the same kind");
		return;
	}
	st.steps = json_array();
	plane_trace(app->plane, &q, on_step, &st, &t);
	if (!st.stops && t.slot >= 0)
		tell_rest(&st, &q.target, &t);
	target_format(&q.target, text);
	rpc_reply(rpc, id,
		  json_pack("{s:s, s:b, s:b, s:o}", "to", text, "in", t.in, "passes", !st.stops,
			    "steps", st.steps));
}
