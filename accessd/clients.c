/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessd/clients_internal.h"
#include "common/io/file.h"
#include "common/pure/msg.h"

#define TICK_MS 1000
#define FLUSH_TICKS 5
#define LOG_BURST 20

/* --- tables ---------------------------------------------------------------------------------- */

static size_t bucket(uint64_t key)
{
	return (size_t)(key % CLIENTS_BUCKETS);
}

struct client *client_by_number(const struct clients *cs, uint64_t number)
{
	struct client *c = cs->by_number[bucket(number)];

	while (c && c->number != number)
		c = c->next_by_number;
	return c;
}

struct client *client_by_endpoint(const struct clients *cs, int64_t endpoint)
{
	struct client *c = cs->by_endpoint[bucket((uint64_t)endpoint)];

	while (c && c->endpoint != endpoint)
		c = c->next_by_endpoint;
	return c;
}

bool clients_member_online(const struct clients *cs, int64_t member)
{
	const struct client *c = cs->by_member[bucket((uint64_t)member)];

	while (c && c->member != member)
		c = c->next_by_member;
	return c != NULL;
}

static void link_client(struct clients *cs, struct client *c)
{
	c->owner = cs;
	c->number = ++cs->last_number;
	c->next = cs->all;
	if (cs->all)
		cs->all->prev = c;
	cs->all = c;
	c->next_by_number = cs->by_number[bucket(c->number)];
	cs->by_number[bucket(c->number)] = c;
	cs->n++;
	cs->n_unknown++;
}

static void unlink_client(struct clients *cs, struct client *c)
{
	struct client **at = &cs->by_number[bucket(c->number)];

	while (*at != c)
		at = &(*at)->next_by_number;
	*at = c->next_by_number;
	if (c->prev)
		c->prev->next = c->next;
	else
		cs->all = c->next;
	if (c->next)
		c->next->prev = c->prev;
	cs->n--;
	cs->n_unknown -= !c->is_known;
}

void client_set_online(struct client *c)
{
	struct clients *cs = c->owner;
	size_t e = bucket((uint64_t)c->endpoint), m = bucket((uint64_t)c->member);

	c->state = CLIENT_ONLINE;
	c->next_by_endpoint = cs->by_endpoint[e];
	cs->by_endpoint[e] = c;
	c->next_by_member = cs->by_member[m];
	cs->by_member[m] = c;
	log_notice("online kind=%s name=%s address=%s version=%s", ident_kind_name(c->kind),
		   c->name, c->address, c->version);
}

static void set_offline(struct client *c, const char *reason)
{
	struct clients *cs = c->owner;
	struct client **at = &cs->by_endpoint[bucket((uint64_t)c->endpoint)];

	while (*at != c)
		at = &(*at)->next_by_endpoint;
	*at = c->next_by_endpoint;
	at = &cs->by_member[bucket((uint64_t)c->member)];
	while (*at != c)
		at = &(*at)->next_by_member;
	*at = c->next_by_member;
	seen_note(&cs->seen, c->member, clock_wall_s(), c->version, c->address);
	log_notice("offline kind=%s name=%s address=%s reason=\"%s\"", ident_kind_name(c->kind),
		   c->name, c->address, reason);
}

/* --- closing --------------------------------------------------------------------------------- */

static void set_closing(struct client *c, const char *reason)
{
	enum client_state was = c->state;

	c->state = CLIENT_CLOSING;
	if (was == CLIENT_ONLINE)
		set_offline(c, reason);
	else if (was != CLIENT_CLOSING && log_allowed(&c->owner->broken_limit, LOG_BURST))
		log_info("connection closed address=%s reason=\"%s\"", c->address, reason);
}

static void drop_transport(struct client *c, const char *reason, bool in_order)
{
	if (c->inner && in_order)
		inner_finish(c->inner, reason);
	else if (c->inner)
		inner_close(c->inner, reason);
	else if (c->outer)
		outer_close(c->outer, reason);
}

void client_end(struct client *c, const char *reason, bool retry)
{
	bool in_order = c->has_rpc;

	if (c->state == CLIENT_CLOSING)
		return;
	set_closing(c, reason);
	if (c->has_rpc) {
		rpc_notify(&c->rpc, "bye",
			   json_pack("{s:s, s:b}", "reason", reason, "retry", retry));
		rpc_deinit(&c->rpc);
	}
	drop_transport(c, reason, in_order);
}

/* From within sending: what waits for answers is told later, when the connection has closed. */
int client_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct client *c = rpc->arg;
	int rc = c->inner ? inner_send(c->inner, bytes, n) : -EPIPE;

	if (rc && c->state != CLIENT_CLOSING) {
		set_closing(c, "does not take what is sent");
		drop_transport(c, "does not take what is sent", false);
	}
	return rc;
}

static void free_if_done(struct clients *cs)
{
	if (!cs->closing || cs->n > 0 || !cs->tick_closed)
		return;
	tls_ctx_free(cs->outer_ctx);
	tls_ctx_free(cs->inner_ctx);
	free(cs);
}

static void client_gone(struct client *c, const char *reason)
{
	struct clients *cs = c->owner;

	set_closing(c, reason);
	c->outer = NULL;
	c->inner = NULL;
	if (c->has_rpc)
		rpc_deinit(&c->rpc);
	unlink_client(cs, c);
	explicit_bzero(c, sizeof(*c));
	free(c);
	free_if_done(cs);
}

/* --- inner layer ----------------------------------------------------------------------------- */

static void start_rpc(struct client *c, const struct rpc_ops *ops, enum client_state state,
		      uint64_t live_ms)
{
	rpc_init(&c->rpc, c->owner->loop, ops, c, MSG_MAX_BYTES_UNKNOWN);
	c->rpc.answer_keepalive = true;
	c->has_rpc = true;
	c->state = state;
	c->deadline_ms = clock_mono_ms() + live_ms;
}

static void log_refused(struct client *c, const struct refusal *why)
{
	if (log_allowed(&c->owner->refused_limit, LOG_BURST))
		log_notice("refused address=%s uid=%s reason=\"%s\"", c->address,
			   c->id.uid[0] ? c->id.uid : "-", why->message);
}

/* A member shows its certificate; from here on it is no stranger, whether it is let in or not. */
static void open_control(struct client *c, const struct tls_peer *peer)
{
	struct refusal why = {.code = RPC_DENIED, .message = "no certificate of a member"};
	struct store_endpoint e;
	struct store_member m;
	bool ok = false;

	if (peer->has_cert && peer->verified && peer->has_ident) {
		c->id = peer->id;
		memcpy(c->key_sha256, peer->key_sha256, sizeof(c->key_sha256));
		ok = admission_check(c->owner->admission, &c->id, c->key_sha256, clock_wall_s(), &m,
				     &e, &why);
	}
	start_rpc(c, &CONTROL_OPS, CLIENT_HELLO, CLIENTS_HELLO_MS);
	if (!ok) {
		log_refused(c, &why);
		/* Trouble of our own passes; all else only a new invitation or sign-in mends. */
		client_end(c, why.message, why.code == RPC_INTERNAL);
		return;
	}
	c->is_known = true;
	c->owner->n_unknown--;
	c->member = m.id;
	c->endpoint = e.id;
	c->kind = m.kind;
	snprintf(c->name, sizeof(c->name), "%s", m.name);
}

static void on_inner_ready(struct inner *in)
{
	struct client *c = inner_arg(in);
	const char *alpn = inner_alpn(in);

	c->heard_ms = clock_mono_ms();
	if (c->state == CLIENT_CLOSING)
		return;
	if (strcmp(alpn, TLS_ALPN_CONTROL) == 0) {
		open_control(c, inner_peer(in));
	} else if (strcmp(alpn, TLS_ALPN_ENROL) == 0) {
		start_rpc(c, &NEWCOMER_OPS, CLIENT_ENROL, CLIENTS_ENROL_MS);
	} else {
		set_closing(c, "asks for nothing that is served here");
		inner_close(in, "wrong protocol");
	}
}

static void on_inner_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct client *c = inner_arg(in);
	int rc;

	c->heard_ms = clock_mono_ms();
	if (c->state == CLIENT_CLOSING || !c->has_rpc)
		return;
	rc = rpc_feed(&c->rpc, bytes, n);
	if (rc && c->state != CLIENT_CLOSING) {
		set_closing(c, rc == -EMSGSIZE ? "sent a message that is too long"
					       : "sent a malformed message");
		inner_finish(in, "malformed message");
	}
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	(void)clean;
	client_gone(inner_arg(in), reason);
}

static const struct inner_callbacks INNER_CALLBACKS = {
	.on_ready = on_inner_ready,
	.on_data = on_inner_data,
	.on_closed = on_inner_closed,
};

/* --- outer layer ----------------------------------------------------------------------------- */

static void on_request(struct outer *o, const struct http_head *head)
{
	if (!http_str_is(head->method, "GET")) {
		outer_respond(o, 404, "Not Found", "not found");
	} else if (http_str_is(head->target, "/v1/probe")) {
		outer_respond(o, 200, "OK", "farlan accessd " FARLAN_VERSION);
	} else if (!http_str_is(head->target, "/v1/control")) {
		outer_respond(o, 404, "Not Found", "not found");
	} else if (!http_has_token(head, "Upgrade", "websocket")) {
		outer_respond(o, 426, "Upgrade Required", "a WebSocket is spoken here");
	} else if (!http_ws_request_ok(head) ||
		   !http_has_token(head, "Sec-WebSocket-Protocol", "farlan.1")) {
		outer_respond(o, 400, "Bad Request", "not a WebSocket request for farlan.1");
	} else {
		outer_upgrade(o);
	}
}

static void on_outer_open(struct outer *o)
{
	struct client *c = outer_arg(o);
	struct tls_expect expect = {.alpn = TLS_ALPN_ENROL "," TLS_ALPN_CONTROL, .peer_optional = true};
	int rc;

	if (c->state == CLIENT_CLOSING)
		return;
	c->state = CLIENT_INNER;
	c->outer = NULL;
	rc = inner_open(&c->inner, o, c->owner->inner_ctx, &expect, 0, &INNER_CALLBACKS, c);
	if (rc)
		client_gone(c, strerror(-rc));
}

static void on_outer_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	(void)bytes;
	(void)n; /* the inner layer has taken over before there is any */
}

static void on_outer_closed(struct outer *o, bool clean, const char *reason)
{
	(void)clean;
	client_gone(outer_arg(o), reason);
}

static const struct outer_callbacks OUTER_CALLBACKS = {
	.on_request = on_request,
	.on_open = on_outer_open,
	.on_data = on_outer_data,
	.on_closed = on_outer_closed,
};

/* --- accepting ------------------------------------------------------------------------------- */

/* IPv4 as it is, IPv6 without its last 64 bits: that is what one customer has. */
static void set_address(struct client *c, int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char text[INET6_ADDRSTRLEN] = "?";

	snprintf(c->address, sizeof(c->address), "?");
	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return;
	if (ss.ss_family == AF_UNIX) {
		c->is_local = true;
		snprintf(c->address, sizeof(c->address), "local");
	} else if (ss.ss_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, &ss, sizeof(sin));
		memcpy(c->source, &sin.sin_addr, 4);
		c->is_local = c->source[0] == 127;
		inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text));
		snprintf(c->address, sizeof(c->address), "%s:%u", text, ntohs(sin.sin_port));
	} else if (ss.ss_family == AF_INET6) {
		struct sockaddr_in6 sin6;
		bool mapped;

		memcpy(&sin6, &ss, sizeof(sin6));
		mapped = IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr);
		memcpy(c->source, sin6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
		c->is_local = mapped ? c->source[0] == 127 : IN6_IS_ADDR_LOOPBACK(&sin6.sin6_addr);
		inet_ntop(mapped ? AF_INET : AF_INET6, sin6.sin6_addr.s6_addr + (mapped ? 12 : 0),
			  text, sizeof(text));
		snprintf(c->address, sizeof(c->address), mapped ? "%s:%u" : "[%s]:%u", text,
			 ntohs(sin6.sin6_port));
	}
}

static const char *why_full(const struct clients *cs, const struct client *c)
{
	size_t n = 0;

	if (cs->closing)
		return "shutting down";
	if (cs->n >= CLIENTS_MAX)
		return "too many connections";
	if (cs->n_unknown >= CLIENTS_UNKNOWN_MAX)
		return "too many connections that are not known yet";
	if (c->is_local)
		return NULL;
	for (const struct client *k = cs->all; k && n < CLIENTS_OF_ADDRESS_MAX; k = k->next)
		n += !k->is_known && memcmp(k->source, c->source, sizeof(c->source)) == 0;
	return n < CLIENTS_OF_ADDRESS_MAX
		       ? NULL
		       : "too many connections of this address that are not known yet";
}

void clients_accept(struct clients *cs, int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	const char *full;
	int rc;

	if (!c) {
		close(fd);
		return;
	}
	set_address(c, fd);
	full = why_full(cs, c);
	if (full) {
		if (log_allowed(&cs->full_limit, LOG_BURST))
			log_warn("connection refused address=%s reason=\"%s\"", c->address, full);
		close(fd);
		free(c);
		return;
	}
	c->heard_ms = clock_mono_ms();
	link_client(cs, c);
	rc = outer_accept(&c->outer, cs->loop, cs->outer_ctx, fd, &OUTER_CALLBACKS, c);
	if (rc)
		client_gone(c, strerror(-rc));
}

/* --- time ------------------------------------------------------------------------------------ */

static const char *why_late(const struct client *c, uint64_t now)
{
	switch (c->state) {
	case CLIENT_OUTER:
	case CLIENT_INNER:
	case CLIENT_CLOSING:
		return NULL; /* the layers below have their own deadlines */
	case CLIENT_ENROL:
		return now > c->deadline_ms ? "enrolment took too long" : NULL;
	case CLIENT_HELLO:
		return now > c->deadline_ms ? "did not say hello" : NULL;
	case CLIENT_ONLINE:
		return now > c->heard_ms + CLIENTS_SILENCE_MS ? "nothing was heard for 150 s"
							      : NULL;
	}
	return NULL;
}

static void on_tick(uv_timer_t *t)
{
	struct clients *cs = t->data;
	uint64_t now = clock_mono_ms();
	struct client *next;

	for (struct client *c = cs->all; c; c = next) {
		const char *late = why_late(c, now);

		next = c->next; /* ending frees nothing before the loop's next round */
		if (late)
			client_end(c, late, true);
	}
	if (++cs->ticks % FLUSH_TICKS == 0)
		seen_flush(&cs->seen);
}

/* --- from outside ---------------------------------------------------------------------------- */

static void drop(struct clients *cs, bool by_member, int64_t id, const char *reason, bool retry)
{
	struct client *next;

	for (struct client *c = cs->all; c; c = next) {
		next = c->next;
		if (c->is_known && (by_member ? c->member : c->endpoint) == id)
			client_end(c, reason, retry);
	}
}

void clients_drop_member(struct clients *cs, int64_t member, const char *reason, bool retry)
{
	drop(cs, true, member, reason, retry);
}

void clients_drop_endpoint(struct clients *cs, int64_t endpoint, const char *reason, bool retry)
{
	drop(cs, false, endpoint, reason, retry);
}

void clients_flush(struct clients *cs)
{
	seen_flush(&cs->seen);
}

void clients_count(const struct clients *cs, struct clients_counts *n)
{
	memset(n, 0, sizeof(*n));
	n->connections = cs->n;
	for (const struct client *c = cs->all; c; c = c->next) {
		if (c->state != CLIENT_ONLINE)
			continue;
		n->devices += c->kind == IDENT_DEVICE;
		n->users += c->kind == IDENT_USER;
		n->relays += c->kind == IDENT_RELAY;
	}
}

static struct rpc *op_endpoint_rpc(void *arg, int64_t endpoint)
{
	struct client *c = client_by_endpoint(arg, endpoint);

	return c ? &c->rpc : NULL;
}

static bool op_member_online(void *arg, int64_t member)
{
	return clients_member_online(arg, member);
}

static void op_relays_notify(void *arg, const char *method, const json_t *params)
{
	struct clients *cs = arg;

	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && c->kind == IDENT_RELAY)
			rpc_notify(&c->rpc, method, json_deep_copy(params));
	}
}

const struct sessions_ops CLIENTS_SESSIONS_OPS = {
	.endpoint_rpc = op_endpoint_rpc,
	.member_online = op_member_online,
	.relays_notify = op_relays_notify,
};

/* --- life ------------------------------------------------------------------------------------ */

int clients_open(struct clients **out, uv_loop_t *loop, const struct clients_config *config)
{
	const struct store_domain *d = &config->admission->domain->row;
	struct clients *cs = calloc(1, sizeof(*cs));
	int rc;

	if (!cs)
		return -ENOMEM;
	cs->loop = loop;
	cs->store = config->store;
	cs->admission = config->admission;
	cs->passwords = config->passwords;
	seen_init(&cs->seen, cs->store);
	rc = tls_ctx_outer_server(&cs->outer_ctx, &d->outer_cert, &d->access_key, &d->ca);
	if (rc == 0)
		rc = tls_ctx_inner_server(&cs->inner_ctx, &d->access_cert, &d->access_key, &d->ca);
	if (rc) {
		tls_ctx_free(cs->outer_ctx);
		free(cs);
		return rc;
	}
	uv_timer_init(loop, &cs->tick);
	cs->tick.data = cs;
	uv_timer_start(&cs->tick, on_tick, TICK_MS, TICK_MS);
	*out = cs;
	return 0;
}

void clients_set_sessions(struct clients *cs, struct sessions *sessions)
{
	cs->sessions = sessions;
}

static void on_tick_closed(uv_handle_t *h)
{
	struct clients *cs = h->data;

	cs->tick_closed = true;
	free_if_done(cs);
}

void clients_close(struct clients *cs)
{
	struct client *next;

	if (!cs || cs->closing)
		return;
	cs->closing = true;
	for (struct client *c = cs->all; c; c = next) {
		next = c->next;
		client_end(c, "the server is shutting down", true);
		if (c->has_rpc)
			rpc_deinit(&c->rpc); /* answers what waits while those who wait are still
						there */
	}
	seen_flush(&cs->seen);
	uv_close((uv_handle_t *)&cs->tick, on_tick_closed);
}
