/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which path is used. The manager decides: SELECT n on a path, SELECTED n comes back on it. A
 * session that is up moves in the same way, and sends on its old path until the answer is there.
 */
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "vpnd/session_internal.h"

#define HINT_LOG_BURST 3 /* lines in 10 s */

static struct leg *leg_of(const struct path *p)
{
	return path_arg(p);
}

/* Says when packets take another relay, or none. */
static void tell_path(struct session *s)
{
	const char *uid = s->state == SESSION_UP && s->selected ? s->selected->relay.uid : "";

	if (strcmp(uid, s->told) == 0)
		return;
	snprintf(s->told, sizeof(s->told), "%s", uid);
	s->cb->on_path(s);
}

/* Paths that were not selected are not needed any more. */
static void retire_others(struct session *s)
{
	struct leg *l, *next;

	for (l = TAILQ_FIRST(&s->legs); l; l = next) {
		next = TAILQ_NEXT(l, list);
		l->dial_at_ms = 0;
		if (l != s->selected && l != s->asked && l->path && !l->leaving)
			path_close(l->path, FRAME_END_PATH, "another path was selected");
	}
}

/* Changing over */

/* What was sent on the old path is to arrive before what goes on the new one: wait a little. Then
 * what waits goes: the old path may have been full. */
static void hold_back(struct session *s, const struct leg *old, const struct leg *l)
{
	uint64_t us = old ? path_lead_us(old->path, l->path) : 0;

	if (us > SESSION_HOLD_MAX_US)
		us = SESSION_HOLD_MAX_US;
	s->held = us >= 1000;
	uv_timer_start(&s->hold, select_on_hold, us / 1000, 0);
}

void select_on_hold(uv_timer_t *timer)
{
	struct session *s = timer->data;

	s->held = false;
	if (s->state != SESSION_ENDING)
		session_flush(s);
}

static void set_selected(struct session *s, struct leg *l)
{
	struct leg *old = s->selected;

	if (old == l)
		return;
	s->selected_ms = clock_mono_ms();
	s->selected = l;
	if (!leg_ready(l))
		return;
	if (old && !leg_ready(old))
		old = NULL;
	hold_back(s, old, l);
	if (!old)
		return;
	s->moves++;
	log_info("session moved session=%.8s peer=%s from=%s to=%s", s->grant.session,
		 s->grant.peer_name, old->relay.name, l->relay.name);
}

/* Moving */

/* Must the relay in use be left? */
static bool must_leave(const struct session *s)
{
	return s->selected->rank == UNLISTED || leg_last(s->selected);
}

/* @hinted: by what anybody on the way can bring about. */
static void begin_move(struct session *s, enum session_move move, bool hinted)
{
	s->move = move;
	s->move_until_ms = clock_mono_ms() + SESSION_MOVE_MS;
	if (hinted)
		search_begin_hinted(s);
	else
		search_begin(s, clock_mono_ms());
}

static void stop_move(struct session *s)
{
	if (s->move == MOVE_NO)
		return;
	s->move = MOVE_NO;
	search_stop(s);
	if (s->asked)
		return; /* it is too late: the other end may send there already */
	uv_timer_stop(&s->choose);
	retire_others(s);
}

void select_give_up_move(struct session *s)
{
	log_info("no other relay was found, the session stays session=%.8s relay=%s",
		 s->grant.session, s->selected->relay.name);
	stop_move(s);
}

static void came_up(struct session *s)
{
	struct leg *l;

	s->move = MOVE_NO;
	search_stop(s);
	TAILQ_FOREACH (l, &s->legs, list)
		l->suspect = false;
	if (s->state != SESSION_UP) {
		session_set_state(s, SESSION_UP, s->selected->relay.name);
		s->cb->on_up(s);
	}
	if (s->state != SESSION_UP)
		return;
	tell_path(s);
	if (s->state == SESSION_UP && s->selected && must_leave(s))
		begin_move(s, MOVE_AWAY, s->selected->rank != UNLISTED);
	if (s->state == SESSION_UP)
		session_flush(s); /* what was kept */
}

/* The manager chooses */

static void select_leg(struct session *s, struct leg *l)
{
	uv_timer_start(&s->choose, select_on_choose, s->config.answer_ms, 0);
	s->asked = l;
	l->select_n = ++s->select_n;
	if (s->state == SESSION_SEARCHING)
		set_selected(s, l);
	path_select(l->path, l->select_n);
}

static struct leg *find_ready(struct session *s, bool last)
{
	struct leg *l;

	TAILQ_FOREACH (l, &s->legs, list) {
		if (leg_last(l) == last && leg_ready(l) && search_wants(s, l))
			return l;
	}
	return NULL;
}

/* The earliest relay of the list that is ready; one that failed before only if there is no other.
 */
static void choose_now(struct session *s)
{
	struct leg *l = find_ready(s, false);

	if (!l)
		l = find_ready(s, true);
	if (l)
		select_leg(s, l);
}

/* SELECT had no answer. */
static void give_up_asked(struct session *s)
{
	struct leg *l = s->asked;

	s->asked = NULL;
	if (s->selected == l)
		s->selected = NULL;
	l->suspect = true;
	path_close(l->path, FRAME_END_PATH, "the other end did not answer SELECT");
	choose_now(s);
	if (s->state == SESSION_UP && s->move == MOVE_NO)
		retire_others(s);
}

/* Device: the manager has had time to END the others. Manager: time to choose, or to have an
 * answer. */
void select_on_choose(uv_timer_t *timer)
{
	struct session *s = timer->data;

	if (s->state == SESSION_ENDING)
		return;
	if (!session_is_manager(s)) {
		if (s->state == SESSION_UP && s->move == MOVE_NO)
			retire_others(s);
	} else if (s->asked) {
		give_up_asked(s);
	} else {
		choose_now(s);
	}
}

/* Is there none that would be better? */
static bool is_best(struct session *s, const struct leg *l)
{
	const struct leg *first;

	TAILQ_FOREACH (first, &s->legs, list) {
		if (search_wants(s, first))
			break;
	}
	return l == first && !leg_last(l);
}

void select_on_ready(struct path *p)
{
	struct leg *l = leg_of(p);
	struct session *s = l->session;

	s->paths_ready++;
	l->was_ready = true;
	if (!session_is_manager(s) || s->state == SESSION_ENDING)
		return;
	if (!search_wants(s, l))
		path_close(p, FRAME_END_PATH, "another path was selected");
	else if (s->asked)
		return; /* kept until SELECTED comes */
	else if (is_best(s, l))
		select_leg(s, l);
	else if (!uv_is_active((uv_handle_t *)&s->choose))
		uv_timer_start(&s->choose, select_on_choose, SESSION_CHOOSE_MS, 0);
}

void select_on_selected(struct path *p, uint32_t n)
{
	struct leg *l = leg_of(p), *old;
	struct session *s = l->session;

	if (!session_is_manager(s) || s->asked != l || n != s->select_n ||
	    s->state == SESSION_ENDING)
		return;
	uv_timer_stop(&s->choose);
	old = s->selected;
	s->asked = NULL;
	set_selected(s, l);
	if (old && old != l && old->path) {
		old->leaving = true;
		path_leave(old->path, "another path was selected");
	}
	retire_others(s);
	came_up(s);
}

/* The device follows */

void select_on_select(struct path *p, uint32_t n)
{
	struct leg *l = leg_of(p);
	struct session *s = l->session;

	if (session_is_manager(s) || n <= s->select_n || s->state == SESSION_ENDING)
		return;
	s->select_n = l->select_n = n;
	set_selected(s, l);
	path_selected(p, n);
	if (l->path != p || s->state == SESSION_ENDING)
		return;
	uv_timer_start(&s->choose, select_on_choose, s->config.retire_ms, 0);
	came_up(s);
}

/* Losing */

/* The answer to SELECT may not have got through: the manager is where it was. */
static struct leg *former(struct session *s)
{
	struct leg *l, *best = NULL;

	TAILQ_FOREACH (l, &s->legs, list) {
		if (leg_ready(l) && l->select_n > 0 && (!best || l->select_n > best->select_n))
			best = l;
	}
	return session_is_manager(s) ? s->asked : best;
}

static void go_down(struct session *s, const char *reason)
{
	/* Seconds old mostly, and it may take minutes until there is a path again. */
	session_keep_queue(s);
	s->move = MOVE_NO;
	if (s->state != SESSION_UP)
		return;
	session_set_state(s, SESSION_SEARCHING, reason);
	tell_path(s);
	if (s->state == SESSION_SEARCHING)
		s->cb->on_down(s, reason);
}

static void lost_selected(struct session *s, struct leg *l, const char *reason)
{
	struct leg *other = former(s);

	s->selected = NULL;
	l->suspect = true;
	snprintf(s->last_reason, sizeof(s->last_reason), "%s", reason);
	if (other && !session_is_manager(s)) {
		log_info("back on the former path session=%.8s relay=%s reason=\"%s\"",
			 s->grant.session, other->relay.name, reason);
		set_selected(s, other);
		tell_path(s);
		return;
	}
	go_down(s, reason);
	if (s->state != SESSION_SEARCHING)
		return;
	if (other && leg_ready(other))
		set_selected(s, other); /* as in every search: before the answer */
	else if (session_is_manager(s) && !s->asked)
		choose_now(s);
	search_begin_lost(s);
}

void select_lost(struct session *s, struct leg *l, const char *reason)
{
	bool was_asked = s->asked == l;

	if (was_asked) {
		uv_timer_stop(&s->choose);
		s->asked = NULL;
	}
	if (s->selected == l)
		lost_selected(s, l, reason);
	else if (was_asked)
		choose_now(s);
}

/* Reasons to move */

static void must_move(struct session *s, bool hinted, const char *reason)
{
	if (s->state != SESSION_UP || s->move == MOVE_AWAY)
		return;
	log_info("session seeks another relay session=%.8s peer=%s relay=%s reason=\"%s\"",
		 s->grant.session, s->grant.peer_name, s->selected->relay.name, reason);
	begin_move(s, MOVE_AWAY, hinted);
	if (session_is_manager(s) && !s->asked)
		choose_now(s); /* one may wait already */
}

void select_on_hint(struct path *p, const struct hint *h)
{
	struct leg *l = leg_of(p);
	struct session *s = l->session;

	switch (h->code) {
	case HINT_DRAINING:
		break;
	}
	if (s->state == SESSION_ENDING || l->leaving)
		return;
	if (log_allowed(&s->hint_limit, HINT_LOG_BURST))
		log_info("relay drains session=%.8s relay=%s left_s=%u", s->grant.session,
			 l->relay.name, (unsigned int)h->arg);
	l->draining = true;
	if (l == s->selected)
		must_move(s, true, "the relay is draining");
}

void select_on_silent(struct path *p, bool silent)
{
	struct leg *l = leg_of(p);
	struct session *s = l->session;

	if (s->state == SESSION_ENDING || l->leaving)
		return;
	l->suspect = silent;
	if (l != s->selected)
		return;
	if (silent)
		must_move(s, true, "nothing is heard");
	else if (s->move == MOVE_AWAY && !must_leave(s))
		stop_move(s);
	if (!silent)
		kept_clear(&s->kept); /* it arrives after all */
}

void select_new_list(struct session *s)
{
	if (s->state == SESSION_SEARCHING) {
		search_begin(s, clock_mono_ms());
	} else if (s->state != SESSION_UP) {
		return;
	} else if (must_leave(s)) {
		s->move = MOVE_NO;
		must_move(s, false, "another list of relays came");
	} else if (s->selected->rank == 0) {
		stop_move(s);
	} else {
		begin_move(s, MOVE_BETTER, false);
	}
}
