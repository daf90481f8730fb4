/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which relays are dialed when, and what becomes of the paths.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/inner.h"
#include "vpnd/session_internal.h"

#define FAILED_LOG_BURST 5 /* lines in 10 s */

static void search_on(struct session *s);

/* Legs */

static struct leg *leg_new(struct session *s)
{
	struct leg *l = s->n_legs < LEGS_MAX ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return NULL;
	l->session = s;
	l->rank = UNLISTED;
	backoff_init(&l->backoff, SESSION_RETRY_BASE_MS, SESSION_RETRY_MAX_MS);
	TAILQ_INSERT_TAIL(&s->legs, l, list);
	s->n_legs++;
	return l;
}

void leg_free(struct leg *l)
{
	TAILQ_REMOVE(&l->session->legs, l, list);
	l->session->n_legs--;
	explicit_bzero(&l->relay, sizeof(l->relay));
	free(l);
}

static struct leg *find_leg(struct session *s, const char *uid)
{
	struct leg *l;

	TAILQ_FOREACH (l, &s->legs, list) {
		if (strcmp(l->relay.uid, uid) == 0)
			return l;
	}
	return NULL;
}

/* Its path ends, unless packets go there. */
static void unlist(struct session *s, struct leg *l)
{
	l->rank = UNLISTED;
	l->dial_at_ms = 0;
	if (l == s->selected || l == s->asked || l->leaving)
		return;
	if (l->path)
		path_close(l->path, FRAME_END_PATH, "the relay is not in the list any more");
	else
		leg_free(l);
}

static bool fits(struct session *s)
{
	size_t n = s->n_legs;

	for (size_t i = 0; i < s->grant.n_relays; i++)
		n += find_leg(s, s->grant.relays[i].uid) == NULL;
	return n <= LEGS_MAX;
}

int search_list(struct session *s)
{
	struct leg *l, *next;

	if (!fits(s))
		return -ENOSPC;

	for (size_t i = 0; i < s->grant.n_relays; i++) {
		const struct grant_relay *r = &s->grant.relays[i];

		l = find_leg(s, r->uid);
		if (!l)
			l = leg_new(s);
		if (!l)
			return -ENOMEM;
		l->relay = *r;
	}
	TAILQ_FOREACH (l, &s->legs, list)
		l->rank = UNLISTED;
	for (size_t i = s->grant.n_relays; i-- > 0;) {
		l = find_leg(s, s->grant.relays[i].uid);
		if (!l)
			continue; /* cannot be: made above */
		l->rank = i;
		TAILQ_REMOVE(&s->legs, l, list);
		TAILQ_INSERT_HEAD(&s->legs, l, list);
	}
	for (l = TAILQ_FIRST(&s->legs); l; l = next) {
		next = TAILQ_NEXT(l, list);
		if (l->rank == UNLISTED)
			unlist(s, l);
	}
	return 0;
}

/* Dialing */

static uint64_t wait_ms(struct backoff *b)
{
	uint32_t random;

	file_random(&random, sizeof(random));
	return backoff_next_ms(b, random);
}

/* A move is given up before it is old. */
static bool is_young(const struct session *s)
{
	return s->state == SESSION_UP || clock_mono_ms() - s->since_ms < SESSION_SOON_MS;
}

static void dial_later(struct leg *l)
{
	l->backoff.max_ms = is_young(l->session) ? SESSION_RETRY_SOON_MS : SESSION_RETRY_MAX_MS;
	l->dial_at_ms = clock_mono_ms() + wait_ms(&l->backoff);
}

static bool searching(const struct session *s)
{
	return s->state == SESSION_SEARCHING || (s->state == SESSION_UP && s->move != MOVE_NO);
}

bool search_wants(const struct session *s, const struct leg *l)
{
	if (!searching(s) || l->rank == UNLISTED || l->leaving)
		return false;
	if (s->state == SESSION_SEARCHING)
		return true;
	return l != s->selected && (s->move == MOVE_AWAY || l->rank < s->selected->rank);
}

static uint64_t set_dial(struct session *s, bool last, uint64_t at_ms)
{
	struct leg *l;

	TAILQ_FOREACH (l, &s->legs, list) {
		if (leg_last(l) != last || l->path || !search_wants(s, l))
			continue;
		l->dial_at_ms = at_ms;
		at_ms += SESSION_STAGGER_MS;
	}
	return at_ms;
}

void search_begin(struct session *s, uint64_t at_ms)
{
	(void)set_dial(s, true, set_dial(s, false, at_ms));
	search_on(s);
}

/* At once, or, if the event before was a short time ago, after a pause. */
static void begin_paced(struct session *s, struct backoff *b, uint64_t last_ms, uint64_t short_ms)
{
	uint64_t now = clock_mono_ms();

	if (now - last_ms >= short_ms) {
		backoff_reset(b);
		search_begin(s, now);
	} else {
		search_begin(s, now + wait_ms(b));
	}
}

void search_begin_lost(struct session *s)
{
	begin_paced(s, &s->again, s->selected_ms, SESSION_STEADY_MS);
}

void search_begin_hinted(struct session *s)
{
	uint64_t last_ms = s->hinted_ms > s->selected_ms ? s->hinted_ms : s->selected_ms;

	s->hinted_ms = clock_mono_ms();
	begin_paced(s, &s->hints, last_ms, SESSION_HINTS_MS);
}

/* What waits at a relay may wait on a dead connection. */
void search_again(struct session *s)
{
	uint64_t now = clock_mono_ms();
	struct leg *l;

	if (!searching(s))
		return;
	backoff_reset(&s->again);
	TAILQ_FOREACH (l, &s->legs, list) {
		backoff_reset(&l->backoff);
		if (l->path && !leg_ready(l) && !l->leaving &&
		    now - l->dialed_ms >= SESSION_CHECK_MS)
			path_close(l->path, 0, "the network has changed");
	}
	search_begin(s, now);
}

void search_stop(struct session *s)
{
	struct leg *l;

	uv_timer_stop(&s->search);
	TAILQ_FOREACH (l, &s->legs, list) {
		backoff_reset(&l->backoff);
		l->dial_at_ms = 0;
	}
}

static void on_path_step(struct path *p, const char *text)
{
	const struct leg *l = path_arg(p);
	struct session *s = l->session;

	if (s->state == SESSION_SEARCHING)
		s->cb->on_step(s, text);
	else
		log_debug("session=%.8s moving: %s", s->grant.session, text);
}

static void on_path_end(struct path *p, int code, const char *reason)
{
	const struct leg *l = path_arg(p);
	char text[PATH_REASON_SIZE];

	if (code != FRAME_END_SESSION)
		return;
	snprintf(text, sizeof(text), "ended by the other end: %s", reason);
	session_over(l->session, text);
}

static void note_failed(struct session *s, const struct leg *l, const char *reason)
{
	if (log_allowed(&s->failed_limit, FAILED_LOG_BURST))
		log_info("path failed session=%.8s relay=%s reason=\"%s\"", s->grant.session,
			 l->relay.name, reason);
	snprintf(s->last_reason, sizeof(s->last_reason), "relay %s: %s", l->relay.name, reason);
}

static void on_path_gone(struct path *p, const char *reason)
{
	struct leg *l = path_arg(p);
	struct session *s = l->session;

	l->path = NULL;
	s->paths_failed += !l->was_ready && search_wants(s, l);
	s->paths_lost += s->selected == l && s->state == SESSION_UP;
	l->leaving = l->was_ready = false;
	l->select_n = 0;
	if (s->state == SESSION_ENDING) {
		(void)session_maybe_free(s);
		return;
	}
	if (l != s->selected && search_wants(s, l)) {
		note_failed(s, l, reason);
		dial_later(l);
		search_on(s);
	}
	select_lost(s, l, reason);
	l->draining = false; /* it may be another process when it is dialed again */
	if (l->rank == UNLISTED && s->state != SESSION_ENDING)
		leg_free(l);
}

static const struct path_callbacks path_calls = {
	.on_step = on_path_step,
	.on_ready = select_on_ready,
	.on_packet = session_on_packet,
	.on_room = session_on_room,
	.on_select = select_on_select,
	.on_selected = select_on_selected,
	.on_hint = select_on_hint,
	.on_silent = select_on_silent,
	.on_end = on_path_end,
	.on_gone = on_path_gone,
};

static void dial_leg(struct session *s, struct leg *l)
{
	const struct session_config *c = &s->config;
	struct path_config config = {
		.loop = c->loop,
		.outer_ctx = c->outer_ctx,
		.inner_ctx = session_is_manager(s) ? c->inner_client_ctx : c->inner_server_ctx,
		.grant = &s->grant,
		.relay = &l->relay,
		.ports = c->ports,
		.memory = c->memory,
		.times = c->times,
		.shed = c->shed,
		.super = c->super,
		.uso = s->config.uso,
		.mtu = s->config.mtu,
		.generation = ((uint64_t)s->grant.epoch << 32) + ++s->dials,
	};
	int r = path_open(&l->path, &config, &path_calls, l);

	l->dial_at_ms = 0;
	l->dialed_ms = clock_mono_ms();
	if (r != 0) {
		l->path = NULL;
		log_warn("cannot dial relay=%s error=\"%s\"", l->relay.name, strerror(-r));
		dial_later(l);
	}
}

void search_on_timer(uv_timer_t *timer)
{
	struct session *s = timer->data;
	uint64_t now = clock_mono_ms();
	struct leg *l;

	if (!searching(s))
		return;
	if (s->move != MOVE_NO && now >= s->move_until_ms) {
		select_give_up_move(s);
		return;
	}
	TAILQ_FOREACH (l, &s->legs, list) {
		if (!l->path && l->dial_at_ms && l->dial_at_ms <= now && search_wants(s, l))
			dial_leg(s, l);
	}
	search_on(s);
}

/* Wake up for the next leg that is due. */
static void search_on(struct session *s)
{
	uint64_t now = clock_mono_ms(), next = UINT64_MAX;
	const struct leg *l;

	if (!searching(s))
		return;
	if (s->move != MOVE_NO)
		next = s->move_until_ms;
	TAILQ_FOREACH (l, &s->legs, list) {
		if (!l->path && l->dial_at_ms && l->dial_at_ms < next && search_wants(s, l))
			next = l->dial_at_ms;
	}
	if (next != UINT64_MAX)
		uv_timer_start(&s->search, search_on_timer, next > now ? next - now : 0, 0);
}
