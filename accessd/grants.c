/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/policies.h"
#include "accessd/sessions_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

/* --- making ---------------------------------------------------------------------------------- */

static void copy_lans(const struct lans *from, struct prefix to[GRANT_LANS_MAX], size_t *n)
{
	*n = from->n;
	memcpy(to, from->at, from->n * sizeof(to[0]));
}

static int fill_peer(struct sessions *ss, const struct session *x, struct grant *g)
{
	bool peer_is_device = g->role == TOKEN_MANAGER;
	struct store_endpoint e;
	struct store_member m;
	int rc = store_endpoint_get(ss->store, peer_is_device ? x->row.device : x->row.manager, &e);

	if (rc == 0)
		rc = store_member_get(ss->store, e.member, &m);
	if (rc)
		return rc;
	if (!e.has_key || m.state != STORE_ENROLLED)
		return -ENOENT;
	snprintf(g->peer_name, sizeof(g->peer_name), "%s", m.name);
	g->peer = domain_ident(ss->domain, m.kind, m.uid);
	memcpy(g->peer_key, e.key_sha256, sizeof(g->peer_key));
	g->peer_ipv4 = pool_ipv4(e.host);
	g->peer_ipv6 = pool_ipv6(ss->domain->row.ula, e.host);
	return 0;
}

static int fill_lans(struct sessions *ss, const struct session *x, struct grant *g)
{
	struct store_member device;
	int rc = store_member_get(ss->store, x->row.device_member, &device);

	if (rc)
		return rc;
	if (g->role == TOKEN_MANAGER) {
		copy_lans(&x->row.manager_lans, g->own_lans, &g->n_own_lans);
		copy_lans(&device.lans, g->peer_lans, &g->n_peer_lans);
		rc = naming_hosts(ss, &device, &g->hosts);
	} else {
		copy_lans(&device.lans, g->own_lans, &g->n_own_lans);
		copy_lans(&x->row.manager_lans, g->peer_lans, &g->n_peer_lans);
	}
	return rc;
}

static int fill_rules(struct sessions *ss, struct session *x, struct grant *g)
{
	int rc = policies_rules(ss->store, x->row.user_member, x->row.device_member, &g->rules);

	if (rc == 0 && ruling_trouble(ss, x, rc, &g->rules))
		return -EPROTO;
	if (rc)
		return rc;
	if (g->role == TOKEN_DEVICE)
		ruling_said(x, &g->rules);
	else if (!ss->ops->endpoint_knows_windows(ss->arg, x->row.manager))
		ruling_for_old(&g->rules);
	return 0;
}

/* Who comes is for the machine to show. */
static void fill_control(const struct session *x, struct grant *g)
{
	g->idle_s = x->row.idle_s;
	if (g->role != TOKEN_DEVICE)
		return;
	snprintf(g->reason, sizeof(g->reason), "%s", x->row.why);
	snprintf(g->from, sizeof(g->from), "%s", x->row.address);
	snprintf(g->approved_by, sizeof(g->approved_by), "%s", x->row.approved_by);
}

/* What the relay holds this session, and all of this user's, to. */
static int fill_limits(struct sessions *ss, const struct session *x, struct token *t)
{
	struct store_member device, user;
	int rc = store_member_get(ss->store, x->row.device_member, &device);

	if (rc == 0)
		rc = store_member_get(ss->store, x->row.user_member, &user);
	if (rc)
		return rc;
	t->rate = device.rate ? device.rate : ss->session_rate;
	t->user_rate = user.rate ? user.rate : ss->user_rate;
	if (t->user_rate)
		snprintf(t->user, sizeof(t->user), "%s", user.uid);
	return 0;
}

static int fill_relay(struct sessions *ss, const struct session *x, const struct store_member *m,
		      enum token_role role, struct grant_relay *r)
{
	struct token t = {
		.role = role,
		.relay = domain_ident(ss->domain, IDENT_RELAY, m->uid),
		.issued = clock_wall_s(),
		.expires = x->row.ends,
	};

	int rc = fill_limits(ss, x, &t);

	if (rc)
		return rc;
	snprintf(t.session, sizeof(t.session), "%s", x->row.id);
	snprintf(r->name, sizeof(r->name), "%s", m->name);
	snprintf(r->uid, sizeof(r->uid), "%s", m->uid);
	r->n_urls = m->urls.n < GRANT_URLS_MAX ? m->urls.n : GRANT_URLS_MAX;
	memcpy(r->urls, m->urls.at, r->n_urls * sizeof(r->urls[0]));
	return domain_token(ss->domain, &t, r->token);
}

/* Relays that were removed or revoked since are left out. */
static int fill_relays(struct sessions *ss, const struct session *x, struct grant *g)
{
	struct store_member m;

	for (size_t i = 0; i < x->row.n_relays; i++) {
		int rc = store_member_get(ss->store, x->row.relays[i], &m);

		if (rc == -ENOENT || (rc == 0 && m.state != STORE_ENROLLED))
			continue;
		if (rc == 0)
			rc = fill_relay(ss, x, &m, g->role, &g->relays[g->n_relays]);
		if (rc)
			return rc;
		g->n_relays++;
	}
	return g->n_relays > 0 ? 0 : -ENOENT;
}

static int fill(struct sessions *ss, struct session *x, struct grant *g)
{
	uint64_t now = clock_mono_ms();
	int rc;

	snprintf(g->session, sizeof(g->session), "%s", x->row.id);
	g->serial = x->row.serial;
	g->epoch = g->role == TOKEN_MANAGER ? x->row.manager_epoch : x->row.device_epoch;
	g->life_s = x->ends_ms > now ? (int64_t)((x->ends_ms - now + 999) / 1000) : 1;
	if (g->life_s > GRANT_LIFE_MAX_S)
		g->life_s = GRANT_LIFE_MAX_S;
	rc = fill_peer(ss, x, g);
	if (rc == 0)
		rc = fill_lans(ss, x, g);
	if (rc == 0)
		rc = fill_rules(ss, x, g);
	fill_control(x, g);
	return rc ? rc : fill_relays(ss, x, g);
}

int grants_make(struct sessions *ss, struct session *x, enum token_role role, json_t **grant)
{
	struct grant *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return -EIO;
	g->role = role;
	rc = fill(ss, x, g);
	if (rc == 0) {
		*grant = grant_encode(g);
		rc = *grant ? 0 : -EIO;
		relays_tell_addresses(ss->relays, json_object_get(*grant, "relays"));
	}
	explicit_bzero(g, sizeof(*g));
	free(g);
	return rc;
}

const char *grants_words(int rc)
{
	return rc == -E2BIG ? POLICIES_TOO_MANY : GRANTS_DEVICE_NO_WINDOWS;
}

void grants_send_relays(struct sessions *ss, const struct session *x, int64_t endpoint)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, endpoint);
	struct grant *g = rpc ? calloc(1, sizeof(*g)) : NULL;
	json_t *list;

	if (!g)
		return;
	g->role = endpoint == x->row.manager ? TOKEN_MANAGER : TOKEN_DEVICE;
	if (fill_relays(ss, x, g) == 0) {
		list = grant_relays_encode(g->relays, g->n_relays);
		relays_tell_addresses(ss->relays, list);
		rpc_notify(rpc, "session.relays",
			   json_pack("{s:s, s:I, s:o}", "session", x->row.id, "serial",
				     (json_int_t)x->row.serial, "relays", list));
	}
	explicit_bzero(g, sizeof(*g));
	free(g);
}

/* --- sending again --------------------------------------------------------------------------- */

struct resend {
	struct sessions *ss;
	char session[TOKEN_SESSION_SIZE];
	enum token_role role;
};

static void on_resent(void *arg, const json_t *result, int code, const char *message)
{
	struct resend *r = arg;
	struct session *x = sessions_find(r->ss, r->session);
	char words[STORE_REASON_SIZE];

	/* No answer is no refusal: the next hello of this end settles it. */
	if (!result && code != RPC_TIMEOUT && code != RPC_CLOSED && x) {
		log_clean(words, sizeof(words), message, strlen(message));
		sessions_finish(r->ss, x, words, 0);
	} else if (result && x && r->role == TOKEN_DEVICE && !ruling_kept(r->ss, x, result)) {
		sessions_finish(r->ss, x, GRANTS_DEVICE_OLD, 0);
	}
	free(r);
}

static void send_grant(struct sessions *ss, const struct session *x, enum token_role role,
		       struct rpc *rpc, json_t *grant)
{
	struct resend *r = calloc(1, sizeof(*r));

	if (!r) {
		json_decref(grant);
		return;
	}
	r->ss = ss;
	r->role = role;
	snprintf(r->session, sizeof(r->session), "%s", x->row.id);
	if (rpc_request(rpc, "session.grant", json_pack("{s:o}", "grant", grant), SESSIONS_GRANT_MS,
			on_resent, r))
		free(r);
}

void grants_resend(struct sessions *ss, struct session *x, enum token_role role)
{
	int64_t endpoint = role == TOKEN_MANAGER ? x->row.manager : x->row.device;
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, endpoint);
	json_t *grant = NULL;
	int rc;

	if (!rpc)
		return;
	*(role == TOKEN_MANAGER ? &x->row.manager_epoch : &x->row.device_epoch) += 1;
	rc = store_session_update(ss->store, &x->row);
	if (rc == 0)
		rc = grants_make(ss, x, role, &grant);
	if (rc == -ENOENT)
		sessions_finish(ss, x, "the other end or its relays were removed", 0);
	else if (rc == -E2BIG || rc == -EPROTO)
		sessions_finish(ss, x, grants_words(rc), 0);
	if (rc)
		return;
	log_info("session granted again session=%s role=%s epoch=%u", x->row.id,
		 role == TOKEN_MANAGER ? "manager" : "device",
		 role == TOKEN_MANAGER ? x->row.manager_epoch : x->row.device_epoch);
	send_grant(ss, x, role, rpc, grant);
}
