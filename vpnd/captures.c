/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures: packets of the sessions, for a vpnctl that asks for them. vpnd keeps a ring of fixed
 * size for each; the tool takes what is in it as fast as it can, and what found no room is counted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"
#include "vpnd/pure/capture_ring.h"
#include "vpnd/pure/filter.h"

#define CAPTURES_MAX 4
#define RING_BYTES (8u << 20)
#define ANSWER_BYTES 45000 /* base64 of them fits into a message */
#define LOOK_MS 20	   /* for packets, while somebody waits for them */
#define WAIT_MS 500	   /* then the answer is empty */

/* What a session has given to a capture. */
struct source {
	char session[TOKEN_SESSION_SIZE]; /* "": nothing yet */
	uint64_t packets, dropped;
};

struct capture {
	uint64_t client; /* 0: free */
	struct filter filter;
	uint32_t snap;
	struct capture_ring ring;
	struct source sources[PLANE_SLOTS_MAX];
	bool stopped;	 /* nothing more comes in */
	size_t next_end; /* the slot whose end is told next, then */
	int64_t waiting; /* the request that waits; 0: none */
	uint64_t waits_until_ms;
};

struct captures {
	struct app *app;
	uv_timer_t timer; /* while somebody waits */
	struct capture at[CAPTURES_MAX];
};

/* --- packets --- */

static uint64_t wall_us(void)
{
	return (uint64_t)clock_wall_us();
}

static bool put_end(struct capture *c, uint16_t slot)
{
	struct source *src = &c->sources[slot];
	struct capture_record r = {.kind = CAPTURE_END,
				   .slot = slot,
				   .packets = src->packets,
				   .dropped = src->dropped};

	if (src->session[0] && !capture_ring_put(&c->ring, &r))
		return false;
	src->session[0] = '\0';
	return true;
}

/* The first packet of a session. Return: false, there is no room to say so. */
static bool introduce(struct capture *c, const struct app_session *as)
{
	const struct grant *g = session_grant(as->session);
	struct capture_record r = {.kind = CAPTURE_SESSION, .slot = as->slot};
	struct source *src = &c->sources[as->slot];

	if (strcmp(src->session, g->session) == 0)
		return true;
	snprintf(r.name, sizeof(r.name), "%s", g->peer_name);
	if (!put_end(c, as->slot) || !capture_ring_put(&c->ring, &r))
		return false;
	*src = (struct source){.packets = 0};
	snprintf(src->session, sizeof(src->session), "%s", g->session);
	return true;
}

static void take(struct capture *c, const struct app_session *as, const struct plane_captured *p)
{
	struct capture_record r = {
		.kind = CAPTURE_PACKET,
		.slot = as->slot,
		.in = p->in,
		.unfinished = p->v->needs_csum,
		.denied = !p->passes,
		.gso_size = p->v->gso == VNET_GSO_NONE ? 0 : p->v->gso_size,
		.time_us = wall_us(),
		.len = (uint32_t)p->n,
		.kept = p->n < c->snap ? (uint32_t)p->n : c->snap,
		.bytes = p->bytes,
	};
	struct source *src = &c->sources[as->slot];
	bool known = introduce(c, as);

	src->packets++;
	if (!known || !capture_ring_put(&c->ring, &r))
		src->dropped++;
}

void captures_packet(void *arg, uint16_t slot, const struct plane_captured *p)
{
	struct app *app = arg;
	const struct app_session *as = &app->sessions[slot];
	struct filter_packet fp = {.ip = p->ip, .in = p->in};
	struct l4 l4;

	if (!as->session)
		return;
	l4_parse(p->bytes, p->n, &l4);
	fp.l4 = &l4;
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		struct capture *c = &app->captures->at[i];

		if (c->client && !c->stopped && filter_match(&c->filter, &fp))
			take(c, as, p);
	}
}

/* --- asking --- */

static struct capture *find(struct app *app, uint64_t client)
{
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		if (app->captures->at[i].client == client)
			return &app->captures->at[i];
	}
	return NULL;
}

static struct capture *find_of(struct rpc *rpc)
{
	return find(local_arg(rpc), local_client_number(local_client_of(rpc)));
}

static void update_plane(struct app *app)
{
	bool any = false;

	for (size_t i = 0; i < CAPTURES_MAX; i++)
		any |= app->captures->at[i].client && !app->captures->at[i].stopped;
	if (app->plane)
		plane_set_capturing(app->plane, any);
}

static void end(struct app *app, struct capture *c)
{
	log_notice("capture ends");
	free(c->ring.memory);
	*c = (struct capture){.client = 0};
	update_plane(app);
}

/* Once all else was taken. */
static void put_ends(struct capture *c)
{
	while (c->stopped && c->next_end < PLANE_SLOTS_MAX && put_end(c, (uint16_t)c->next_end))
		c->next_end++;
}

static void answer(struct rpc *rpc, int64_t id, struct capture *c)
{
	static uint8_t bytes[ANSWER_BYTES];
	size_t n;
	bool done;

	put_ends(c);
	n = capture_ring_take(&c->ring, bytes, sizeof(bytes));
	done = c->stopped && c->next_end == PLANE_SLOTS_MAX && c->ring.used == 0;
	rpc_reply(rpc, id, json_pack("{s:o, s:b}", "data", rpc_json_bytes(bytes, n), "done", done));
}

void captures_on_read(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct capture *c = find_of(rpc);

	(void)params;
	if (!c || c->waiting) {
		rpc_reject(rpc, id, RPC_CONFLICT, "no capture was begun, or it is read already");
		return;
	}
	if (c->ring.used > 0 || c->stopped) {
		answer(rpc, id, c);
		return;
	}
	c->waiting = id;
	c->waits_until_ms = clock_mono_ms() + WAIT_MS;
	if (!uv_is_active((uv_handle_t *)&app->captures->timer))
		uv_timer_again(&app->captures->timer);
}

static void on_timer(uv_timer_t *timer)
{
	struct captures *cs = timer->data;
	uint64_t now = clock_mono_ms();
	bool more = false;

	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		struct capture *c = &cs->at[i];
		int64_t id = c->waiting;
		struct rpc *rpc;

		if (id == 0)
			continue;
		if (c->ring.used == 0 && now < c->waits_until_ms) {
			more = true;
			continue;
		}
		rpc = local_client_find(cs->app->local, c->client);
		c->waiting = 0;
		if (rpc)
			answer(rpc, id, c);
	}
	if (!more)
		uv_timer_stop(timer);
}

static bool begin(struct rpc *rpc, int64_t id, struct capture *c, const json_t *params)
{
	char error[FILTER_ERROR_SIZE];
	int64_t snap = CAPTURE_KEPT_MAX_BYTES;
	const char *text = "";

	(void)rpc_str(params, "filter", &text);
	if (json_object_get(params, "snap") &&
	    !rpc_int(params, "snap", 1, CAPTURE_KEPT_MAX_BYTES, &snap)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "snap is 1 to %d", CAPTURE_KEPT_MAX_BYTES);
		return false;
	}
	if (filter_parse(&c->filter, text, error) != 0) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "filter: %s", error);
		return false;
	}
	c->snap = (uint32_t)snap;
	return true;
}

void captures_on_start(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct capture *c = find(app, 0);
	uint8_t *memory;

	if (find_of(rpc) || !c) {
		rpc_reject(rpc, id, RPC_CONFLICT, "%d captures run already: end one of them",
			   CAPTURES_MAX);
		return;
	}
	if (!begin(rpc, id, c, params))
		return;
	memory = malloc(RING_BYTES);
	if (!memory) {
		rpc_reject(rpc, id, RPC_INTERNAL, "out of memory");
		return;
	}
	capture_ring_init(&c->ring, memory, RING_BYTES);
	c->client = local_client_number(local_client_of(rpc));
	update_plane(app);
	log_notice("capture begins");
	rpc_reply(rpc, id, json_pack("{s:s}", "tun", app->config.tun));
}

void captures_on_stop(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct capture *c = find_of(rpc);

	(void)params;
	if (c)
		c->stopped = true;
	update_plane(local_arg(rpc));
	rpc_reply(rpc, id, json_object());
}

void captures_client_gone(struct app *app, uint64_t client)
{
	struct capture *c = app->captures ? find(app, client) : NULL;

	if (c)
		end(app, c);
}

/* --- begin and end --- */

int captures_open(struct app *app)
{
	app->captures = calloc(1, sizeof(*app->captures));
	if (!app->captures)
		return -ENOMEM;
	app->captures->app = app;
	uv_timer_init(app->loop, &app->captures->timer);
	uv_timer_start(&app->captures->timer, on_timer, LOOK_MS, LOOK_MS);
	uv_timer_stop(&app->captures->timer);
	app->captures->timer.data = app->captures;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void captures_close(struct app *app)
{
	struct captures *cs = app->captures;

	if (!cs)
		return;
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		if (cs->at[i].client)
			end(app, &cs->at[i]);
	}
	app->captures = NULL;
	uv_close((uv_handle_t *)&cs->timer, on_timer_closed);
}
