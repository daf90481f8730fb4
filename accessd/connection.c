/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection's way in: accept, outer layer, inner layer, and its deadlines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessd/clients_internal.h"
#include "common/io/file.h"
#include "common/io/netaddr.h"
#include "common/pure/msg.h"

/* --- inner layer ----------------------------------------------------------------------------- */

static void start_rpc(struct client *c, const struct rpc_ops *ops, enum client_state state,
		      uint64_t live_ms)
{
	rpc_init(&c->rpc, c->owner->loop, ops, c, MSG_MAX_BYTES_UNKNOWN);
	c->rpc.tally = ops == &CONTROL_OPS ? &c->owner->members_tally : &c->owner->newcomers_tally;
	c->rpc.answer_keepalive = true;
	c->has_rpc = true;
	c->state = state;
	c->deadline_ms = clock_mono_ms() + live_ms;
}

static void log_refused(struct client *c, const struct refusal *why)
{
	c->owner->refused_member++;
	if (log_allowed(&c->owner->refused_limit, CLIENTS_LOG_BURST))
		log_notice("refused address=%s uid=%s reason=\"%s\"", c->address,
			   c->id.uid[0] ? c->id.uid : "-", why->message);
}

/* Which of the domain's CAs the other side trusts. */
static void take_anchor(struct client *c, const struct tls_peer *peer)
{
	if (peer->anchor == TLS_ANCHOR_UNKNOWN)
		c->anchor = DOMAIN_ANCHOR_UNKNOWN;
	else
		c->anchor = peer->anchor == 0 ? c->own_anchor : peer->anchor - 1;
}

/* A member shows its certificate; from here on it is no stranger, whether it is let in or not. */
static void open_control(struct client *c, const struct tls_peer *peer)
{
	struct refusal why = {.code = RPC_DENIED, .message = "no certificate of a member"};
	struct known known;
	bool ok = false;

	if (peer->has_cert && peer->verified && peer->has_ident) {
		c->id = peer->id;
		memcpy(c->key_sha256, peer->key_sha256, sizeof(c->key_sha256));
		c->out_of_date = tls_peer_dates(peer) != 0;
		ok = admission_check(c->owner->admission, &c->id, c->key_sha256, clock_wall_s(),
				     &known, &why);
	}
	if (!domain_anchor_ok(c->owner->admission->domain, c->anchor)) {
		ok = false;
		why = (struct refusal){.code = RPC_DENIED, .message = CLIENTS_DEAD_CA};
	}
	start_rpc(c, &CONTROL_OPS, CLIENT_HELLO, CLIENTS_HELLO_MS);
	if (!ok) {
		log_refused(c, &why);
		c->is_refused = true;
		c->refusal = why;
		return;
	}
	client_set_known(c);
	c->member = known.member.id;
	c->endpoint = known.endpoint.id;
	c->kind = known.member.kind;
	snprintf(c->name, sizeof(c->name), "%s", known.member.name);
}

static void on_inner_ready(struct inner *in)
{
	struct client *c = inner_arg(in);
	const char *alpn = inner_alpn(in);

	c->heard_ms = clock_mono_ms();
	c->owner->inner_ok++;
	c->inner_done = true;
	if (c->state == CLIENT_CLOSING)
		return;
	take_anchor(c, inner_peer(in));
	if (strcmp(alpn, TLS_ALPN_CONTROL) == 0) {
		open_control(c, inner_peer(in));
	} else if (strcmp(alpn, TLS_ALPN_ENROL) == 0) {
		start_rpc(c, &NEWCOMER_OPS, CLIENT_ENROL, CLIENTS_ENROL_MS);
	} else {
		client_set_closing(c, "asks for nothing that is served here");
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
		client_set_closing(c, rc == -EMSGSIZE ? "sent a message that is too long"
						      : "sent a malformed message");
		inner_finish(in, "malformed message");
	}
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct client *c = inner_arg(in);

	(void)clean;
	c->owner->inner_failed += !c->inner_done;
	client_gone(c, reason);
}

static const struct tls_ctx *on_hello(struct inner *in, const char *name)
{
	struct client *c = inner_arg(in);
	struct clients *to =
		c->state == CLIENT_CLOSING ? NULL : front_choose(c->owner, name, c->hinted);

	if (!to) {
		c->owner->refused_member++;
		return NULL;
	}
	client_move(c, to);
	c->own_anchor = to->contexts->anchor;
	return to->contexts->tls;
}

static const struct inner_callbacks INNER_CALLBACKS = {
	.on_hello = on_hello,
	.on_ready = on_inner_ready,
	.on_data = on_inner_data,
	.on_closed = on_inner_closed,
};

/* --- outer layer ----------------------------------------------------------------------------- */

/* The handshake's end is not told: it is known from what comes behind it. */
static void count_outer(struct client *c, bool ok)
{
	if (c->outer_done)
		return;
	c->outer_done = true;
	if (ok)
		c->owner->outer_ok++;
	else
		c->owner->outer_failed++;
}

/* Where room comes by itself each has a time of his own, else each comes by chance. */
static void respond_later(struct client *c, struct outer *o, const char *why)
{
	struct clients *cs = c->owner;
	uint32_t random;

	c->is_served = true;
	file_random(&random, sizeof(random));
	outer_respond_later(o,
			    cs->front->n_all < CLIENTS_MAX
				    ? intake_later_s(&cs->intake)
				    : CLIENTS_LATER_S + random % CLIENTS_LATER_S,
			    why);
}

/* @path, or what a URL of ours has before it: not every proxy takes that off. */
static bool asks_for(const struct client *c, const struct http_head *head, const char *path)
{
	struct http_str target = head->target;
	size_t n = strlen(path);

	if (target.len < n || memcmp(target.at + target.len - n, path, n) != 0)
		return false;
	target.len -= n;
	return target.len == 0 || front_has_path(c->owner, target);
}

static void take_hint(struct client *c, const struct http_head *head)
{
	const struct http_str *host = http_header(head, "Host");

	c->hinted = host ? front_hint(c->owner, *host) : NULL;
}

static void on_request(struct outer *o, const struct http_head *head)
{
	struct client *c = outer_arg(o);
	bool is_get = http_str_is(head->method, "GET");

	count_outer(c, true);
	if (c->later)
		respond_later(c, o, c->later);
	else if (is_get && asks_for(c, head, "/v1/probe")) {
		c->is_served = true;
		outer_respond(o, 200, "OK", "farlan accessd " FARLAN_VERSION);
	} else if (!is_get || !asks_for(c, head, "/v1/control")) {
		outer_respond(o, 404, "Not Found", "not found");
	} else if (!http_has_token(head, "Upgrade", "websocket")) {
		outer_respond(o, 426, "Upgrade Required", "a WebSocket is spoken here");
	} else if (!http_ws_request_ok(head) ||
		   !http_has_token(head, "Sec-WebSocket-Protocol", "farlan.1")) {
		outer_respond(o, 426, "Upgrade Required", "not a WebSocket request for farlan.1");
	} else if (!intake_admits(&c->owner->intake, head)) {
		respond_later(c, o, "many connections come at once");
	} else {
		take_hint(c, head);
		outer_upgrade(o);
	}
}

static void on_begin(struct outer *o)
{
	struct client *c = outer_arg(o);

	intake_arrive(&c->owner->intake, c);
}

/* In line, and its client does not wait any more. */
static void on_peer_gone(struct outer *o)
{
	outer_close(o, "gone before its turn");
}

static void on_outer_open(struct outer *o)
{
	struct client *c = outer_arg(o);
	struct tls_expect expect = {.alpn = TLS_ALPN_ENROL "," TLS_ALPN_CONTROL,
				    .peer_optional = true,
				    .dates_later = true};
	int rc;

	if (c->state == CLIENT_CLOSING)
		return;
	c->state = CLIENT_INNER;
	c->outer = NULL;
	rc = inner_open(&c->inner, o, NULL, &expect, 0, &INNER_CALLBACKS, c);
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
	struct outer_stats stats;

	(void)clean;
	outer_stats(o, &stats);
	count_outer(outer_arg(o), stats.tls_version[0] != '\0');
	client_gone(outer_arg(o), reason);
}

static void on_client(struct outer *o);

static const struct outer_callbacks OUTER_CALLBACKS = {
	.on_begin = on_begin,
	.on_client = on_client,
	.on_peer_gone = on_peer_gone,
	.on_request = on_request,
	.on_open = on_outer_open,
	.on_data = on_outer_data,
	.on_closed = on_outer_closed,
};

/* --- accepting ------------------------------------------------------------------------------- */

/* IPv4 as it is, IPv6 without its last 64 bits: that is what one customer has. */
static void set_address(struct client *c, const struct sockaddr_storage *ss)
{
	char text[ADDR_TEXT_SIZE];
	uint16_t port;
	struct addr a = netaddr_of(ss, &port);

	addr_format(&a, text);
	memset(c->source, 0, sizeof(c->source));
	memcpy(c->source, a.bytes, a.family == 4 ? 4 : 8);
	c->is_local = ss->ss_family == AF_UNIX || (a.family == 4 && a.bytes[0] == 127) ||
		      strcmp(text, "::1") == 0;
	if (a.family == 0)
		snprintf(c->address, sizeof(c->address), "%s", c->is_local ? "local" : "?");
	else
		snprintf(c->address, sizeof(c->address), a.family == 6 ? "[%s]:%u" : "%s:%u", text,
			 port);
}

/*
 * Has this address, without @c, as many as it may? Many devices may be behind one, so it may have
 * more as long as others have half of the room.
 */
static bool crowded(const struct clients *cs, const struct client *c)
{
	size_t n = origins_count(&cs->origins, c->source) - c->is_counted;

	if (c->is_local || c->by_proxy)
		return false;
	return n >= CLIENTS_UNKNOWN_MAX / 2 ||
	       (n >= CLIENTS_OF_ADDRESS_MAX && cs->n_unknown >= CLIENTS_UNKNOWN_MAX / 2);
}

static const char *why_full(const struct clients *cs)
{
	if (cs->n_all >= CLIENTS_MAX)
		return "too many connections";
	if (cs->n_unknown >= CLIENTS_UNKNOWN_MAX)
		return "too many connections that are not known yet";
	return NULL;
}

/* Some of those for whom there is no room are told so; who comes too often is not. */
static const char *why_not(const struct clients *cs, const struct client *c)
{
	if (cs->closing)
		return "shutting down";
	if (c->later && cs->n_later >= CLIENTS_LATER_MAX)
		return c->later;
	return crowded(cs, c) ? "too many connections of this address that are not known yet"
			      : NULL;
}

static void log_full(struct client *c, const char *full)
{
	c->owner->refused_full++;
	if (log_allowed(&c->owner->full_limit, CLIENTS_LOG_BURST))
		log_warn("connection refused address=%s reason=\"%s\"", c->address, full);
}

/* A proxy said whose it is: counted there from now on. */
static void on_client(struct outer *o)
{
	struct client *c = outer_arg(o);

	client_count(c, false);
	c->by_proxy = false;
	set_address(c, outer_peer_addr(o));
	client_count(c, true);
	if (!crowded(c->owner, c))
		return;
	log_full(c, "too many connections of this address that are not known yet");
	outer_close(o, "too many connections of this address");
}

static const struct tls_ctx *outer_tls(const struct clients *cs)
{
	const struct tls_ctx *given = cs->certs ? certs_tls(cs->certs) : NULL;

	return given ? given : cs->contexts->tls;
}

static void set_peer(struct client *c, int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		memset(&ss, 0, sizeof(ss)); /* it has gone already: outer_accept_at() says so */
	set_address(c, &ss);
	c->by_proxy = outer_trusts(c->owner->proxies, &ss);
}

void clients_accept(struct clients *cs, int fd, bool plain)
{
	const struct outer_entry at = {.tls = plain ? NULL : outer_tls(cs), .proxies = cs->proxies};
	struct client *c = calloc(1, sizeof(*c));
	const char *no;
	int rc;

	if (!c) {
		close(fd);
		return;
	}
	c->owner = cs;
	set_peer(c, fd);
	c->later = why_full(cs);
	no = why_not(cs, c);
	if (no || c->later) {
		log_full(c, no ? no : c->later);
	}
	if (no) {
		close(fd);
		free(c);
		return;
	}
	cs->n_later += c->later != NULL;
	c->heard_ms = clock_mono_ms();
	client_link(cs, c);
	rc = outer_accept_at(&c->outer, cs->loop, &at, fd, &OUTER_CALLBACKS, c);
	if (rc)
		client_gone(c, strerror(-rc));
}
