/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What relays report and endpoints measure (docs/PROTOCOL.md, 4.2). Notifications mostly: what is
 * wrong with one is answered only if somebody asked. */
#include "accessd/clients_internal.h"
#include "common/io/file.h"

#define WINDOW_MS 10000
#define MEASURED_IN_WINDOW 48 /* parts of a round or three */
#define PATHS_IN_WINDOW 600   /* two for each session that an end may have */

/* May this client go on? Each counts for itself. */
bool control_is_within(struct client *c, unsigned int *n, unsigned int max)
{
	uint64_t now = clock_mono_ms();

	if (now >= c->window_ms + WINDOW_MS) {
		c->window_ms = now;
		c->n_measured = c->n_paths = c->n_locks = 0;
	}
	return (*n)++ < max;
}

static bool is_kind(struct client *c, int64_t id, bool relay)
{
	if (!control_is_allowed(c, id, false))
		return false;
	if ((c->kind == IDENT_RELAY) == relay)
		return true;
	rpc_reject(&c->rpc, id, RPC_DENIED,
		   relay ? "only relays report" : "only endpoints do this");
	return false;
}

void control_on_report(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct health_report report;

	if (!is_kind(c, id, true))
		return;
	if (health_decode(&report, params) != 0) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "not a report");
		return;
	}
	c->reported_ms = clock_mono_ms();
	relays_report(c->owner->relays, c->member, &report);
	rpc_reply(rpc, id, NULL);
}

void control_on_measured(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct measured m;

	if (!is_kind(c, id, false))
		return;
	if (!control_is_within(c, &c->n_measured, MEASURED_IN_WINDOW)) {
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "too many measurements");
		return;
	}
	if (measured_decode(&m, params) != 0) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "not a measurement");
		return;
	}
	sessions_measured(c->owner->sessions, c->endpoint, &m);
	rpc_reply(rpc, id, NULL);
}

void control_on_path(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	char session[TOKEN_SESSION_SIZE], relay[IDENT_UID_SIZE];

	if (!is_kind(c, id, false))
		return;
	if (!control_is_within(c, &c->n_paths, PATHS_IN_WINDOW))
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "too many changes");
	else if (!rpc_str_max(params, "session", session, sizeof(session)) ||
		 !rpc_str_max(params, "relay", relay, sizeof(relay)))
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "session or relay is missing");
	else if (sessions_path(c->owner->sessions, c->endpoint, session, relay) != 0)
		rpc_reject(rpc, id, RPC_NOT_FOUND, "no such session or relay");
	else
		rpc_reply(rpc, id, NULL);
}

/* Who looks for what is in the way wants to know now: devices hear of the relays with a session
 * only. */
void control_on_relay_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;

	(void)params;
	if (control_is_allowed(c, id, false))
		rpc_reply(rpc, id, json_pack("{s:o}", "relays", relays_list(c->owner->relays)));
}
