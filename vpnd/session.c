/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "vpnd/session_internal.h"

#define TIMERS 4

const char *session_state_name(enum session_state s)
{
	switch (s) {
	case SESSION_SEARCHING:
		return "searching";
	case SESSION_UP:
		return "up";
	case SESSION_ENDING:
		return "ending";
	}
	return "?";
}

const char *session_drop_name(enum session_drop d)
{
	switch (d) {
	case SESSION_DROP_NO_PATH:
		return "no_path";
	case SESSION_DROP_QUEUE:
		return "queue";
	case SESSION_DROP_FULL:
		return "queue_full";
	case SESSION_DROPS:
		break;
	}
	return "?";
}

void session_set_state(struct session *s, enum session_state state, const char *why)
{
	if (s->state == state)
		return;
	log_info("session state=%s was=%s session=%.8s peer=%s reason=\"%s\"",
		 session_state_name(state), session_state_name(s->state), s->grant.session,
		 s->grant.peer_name, why);
	s->state = state;
	s->since_ms = clock_mono_ms();
}

/* The end */

bool session_maybe_free(struct session *s)
{
	struct leg *l;

	if (s->state != SESSION_ENDING || s->timers > 0)
		return false;
	TAILQ_FOREACH (l, &s->legs, list) {
		if (l->path)
			return false;
	}
	while ((l = TAILQ_FIRST(&s->legs)))
		leg_free(l);
	queue_deinit(&s->queue); /* the packets' memory may go with whoever is told */
	(void)kept_clear(&s->kept);
	s->cb->on_closed(s);
	explicit_bzero(&s->grant, sizeof(s->grant));
	free(s);
	return true;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	s->timers--;
	(void)session_maybe_free(s);
}

void session_end(struct session *s, const char *reason)
{
	struct leg *l;

	if (s->state == SESSION_ENDING)
		return;
	s->held = false;
	session_flush(s);
	session_set_state(s, SESSION_ENDING, reason);
	TAILQ_FOREACH (l, &s->legs, list) {
		if (l->path)
			path_close(l->path, FRAME_END_SESSION, reason);
	}
	uv_close((uv_handle_t *)&s->search, on_timer_closed);
	uv_close((uv_handle_t *)&s->choose, on_timer_closed);
	uv_close((uv_handle_t *)&s->life, on_timer_closed);
	uv_close((uv_handle_t *)&s->hold, on_timer_closed);
}

void session_over(struct session *s, const char *reason)
{
	char text[PATH_REASON_SIZE];

	if (s->state == SESSION_ENDING)
		return;
	snprintf(text, sizeof(text), "%s", reason);
	session_end(s, text);
	s->cb->on_over(s, text);
}

static void on_life(uv_timer_t *timer);

/* The loop's timers stand still while the host sleeps, the session's time does not: look again and
 * again. */
static void life_on(struct session *s)
{
	uint64_t now = clock_mono_ms(), left = s->ends_ms > now ? s->ends_ms - now : 0;

	uv_timer_start(&s->life, on_life, left < SESSION_LIFE_LOOK_MS ? left : SESSION_LIFE_LOOK_MS,
		       0);
}

static void on_life(uv_timer_t *timer)
{
	struct session *s = timer->data;

	if (clock_mono_ms() < s->ends_ms)
		life_on(s);
	else
		session_over(s, "the session's time is up");
}

/* Opening */

static void init_timers(struct session *s)
{
	uv_timer_init(s->config.loop, &s->search);
	uv_timer_init(s->config.loop, &s->choose);
	uv_timer_init(s->config.loop, &s->life);
	uv_timer_init(s->config.loop, &s->hold);
	s->search.data = s->choose.data = s->life.data = s->hold.data = s;
	s->timers = TIMERS;
}

static int fill_legs(struct session *s)
{
	int r;

	TAILQ_INIT(&s->legs);
	r = search_list(s);
	while (r != 0 && !TAILQ_EMPTY(&s->legs))
		leg_free(TAILQ_FIRST(&s->legs));
	return r;
}

int session_open(struct session **out, const struct session_config *config,
		 const struct grant *grant, const struct session_callbacks *cb, void *arg)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->config = *config;
	if (!s->config.answer_ms)
		s->config.answer_ms = SESSION_ANSWER_MS;
	if (!s->config.retire_ms)
		s->config.retire_ms = SESSION_RETIRE_MS;
	s->cb = cb;
	s->arg = arg;
	s->grant = *grant;
	s->state = SESSION_SEARCHING;
	/* A restarted manager's numbers are higher than those it gave before. */
	s->select_n = session_is_manager(s) ? grant->epoch << 16 : 0;
	s->since_ms = clock_mono_ms();
	s->ends_ms = s->since_ms + (uint64_t)grant->life_s * 1000;
	backoff_init(&s->again, SESSION_AGAIN_BASE_MS, SESSION_RETRY_MAX_MS);
	backoff_init(&s->hints, SESSION_AGAIN_BASE_MS, SESSION_RETRY_MAX_MS);
	r = fill_legs(s);
	if (r != 0) {
		free(s);
		return r;
	}
	init_timers(s);
	life_on(s);
	queue_init(&s->queue);
	search_begin(s, s->since_ms);
	*out = s;
	return 0;
}

/* Relays */

int session_set_relays(struct session *s, uint32_t serial, const struct grant_relay *relays,
		       size_t n)
{
	struct grant *g = &s->grant;
	struct grant_relay before[GRANT_RELAYS_MAX];
	size_t n_before = g->n_relays;
	int r;

	if (s->state == SESSION_ENDING || serial <= g->serial)
		return -EALREADY;
	memcpy(before, g->relays, sizeof(before));
	memcpy(g->relays, relays, n * sizeof(*relays));
	g->n_relays = n;
	r = search_list(s);
	if (r != 0) {
		memcpy(g->relays, before, sizeof(before));
		g->n_relays = n_before;
	} else {
		g->serial = serial;
		select_new_list(s);
	}
	explicit_bzero(before, sizeof(before));
	return r;
}

void session_suspect(struct session *s)
{
	if (s->state == SESSION_UP && leg_ready(s->selected))
		path_suspect(s->selected->path);
}

void session_check(struct session *s)
{
	if (s->state == SESSION_UP && leg_ready(s->selected))
		path_check(s->selected->path);
	search_again(s);
}

bool session_in_use(const struct session *s)
{
	return s->state != SESSION_UP || !leg_ready(s->selected) ||
	       clock_mono_ms() - s->since_ms < SESSION_NEW_MS || path_in_use(s->selected->path);
}

const char *session_relay_uid(const struct session *s)
{
	return s->told;
}

/* Packets */

/* What TCP waits for goes before what is newer. */
static void put_kept(struct session *s)
{
	struct queue_form form = path_form(s->selected->path);
	uint64_t now_us = clock_mono_us();
	struct packet *p;

	while ((p = kept_take(&s->kept, now_us, &s->drops[SESSION_DROP_NO_PATH])))
		queue_put(&s->queue, p, &form, now_us);
}

void session_flush(struct session *s)
{
	if (s->held || !s->selected)
		return;
	if (s->kept.n > 0 && !s->selected->suspect && path_ready(s->selected->path))
		put_kept(s);
	if (!queue_empty(&s->queue))
		path_pump(s->selected->path, &s->queue);
}

/* There is no path for it. */
static void keep(void *arg, struct packet *p)
{
	struct session *s = arg;

	if (kept_wants(p)) {
		s->drops[SESSION_DROP_NO_PATH] += kept_put(
			&s->kept, p, session_flow(s, p->fq.ip, p->fq.len), clock_mono_us());
		return;
	}
	s->drops[SESSION_DROP_NO_PATH]++;
	packet_free(p);
}

void session_keep_queue(struct session *s)
{
	queue_clear(&s->queue, keep, s);
}

void session_on_room(struct path *p)
{
	const struct leg *l = path_arg(p);

	if (l->session->selected == l)
		session_flush(l->session);
}

void session_on_packet(struct path *p, const struct vnet *v, uint8_t *packet, size_t n)
{
	const struct leg *l = path_arg(p);
	struct session *s = l->session;

	s->packets_in +=
		v->gso != VNET_GSO_NONE && vnet_check(v, packet, n) == 0 ? vnet_segments(v, n) : 1;
	s->bytes_in += n;
	s->cb->on_packet(s, v, packet, n);
}

int session_queue(struct session *s, struct packet *packet)
{
	struct queue_form form;

	if (!s->selected || !path_ready(s->selected->path)) {
		keep(s, packet);
		return -ENETDOWN;
	}
	if (s->selected->suspect && kept_wants(packet)) /* should the path be dead */
		kept_copy(&s->kept, packet, session_flow(s, packet->fq.ip, packet->fq.len),
			  clock_mono_us());
	form = path_form(s->selected->path);
	s->packets_out += vnet_segments(&packet->v, packet->fq.len);
	s->bytes_out += packet->fq.len;
	queue_put(&s->queue, packet, &form, clock_mono_us());
	return 0;
}

uint32_t session_flow(const struct session *s, const uint8_t *packet, size_t n)
{
	return fq_classify(packet, n, s->queue.fq.params.hash_key);
}

void *session_arg(const struct session *s)
{
	return s->arg;
}

void session_set_rules(struct session *s, const struct rules *rules)
{
	s->grant.rules = *rules;
}

const struct grant *session_grant(const struct session *s)
{
	return &s->grant;
}

void session_status(const struct session *s, struct session_status *st)
{
	uint64_t now = clock_mono_ms();

	memset(st, 0, sizeof(*st));
	st->state = s->state;
	st->relay = "";
	st->path.rtt_ms = -1;
	st->path.cipher = st->path.outer_version = "";
	if (s->selected) {
		if (s->state == SESSION_UP)
			st->relay = s->selected->relay.name;
		path_status(s->selected->path, &st->path);
	}
	st->packets_in = s->packets_in;
	st->packets_out = s->packets_out;
	st->bytes_in = s->bytes_in;
	st->bytes_out = s->bytes_out;
	memcpy(st->drops, s->drops, sizeof(st->drops));
	st->drops[SESSION_DROP_QUEUE] = fq_counters(&s->queue.fq)->dropped_codel;
	st->drops[SESSION_DROP_FULL] = fq_counters(&s->queue.fq)->dropped_limit + s->queue.unfit;
	st->marked = fq_counters(&s->queue.fq)->marked;
	st->backlog_bytes = fq_backlog_bytes(&s->queue.fq);
	st->delays = s->queue.delays;
	st->paths_ready = s->paths_ready;
	st->paths_failed = s->paths_failed;
	st->paths_lost = s->paths_lost;
	st->moves = s->moves;
	st->moving = s->move != MOVE_NO;
	st->since_ms = s->since_ms;
	st->expires_in_s = s->ends_ms > now ? (int64_t)((s->ends_ms - now) / 1000) : 0;
	st->last_reason = s->last_reason;
}
