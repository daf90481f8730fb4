/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/inner.h"
#include "common/io/log.h"
#include "common/pure/backoff.h"

#define NONE SIZE_MAX
#define TIMERS 3
#define FAILED_LOG_BURST 5 /* lines in 10 s */

/* One relay of the grant in the search. */
struct leg {
	struct path *path; /* while there is one */
	bool was_ready;	   /* it has been */
	struct backoff backoff;
	uint64_t dial_at_ms; /* while there is none and the search is on */
};

struct session {
	struct session_config config;
	const struct session_callbacks *cb;
	void *arg;
	struct grant grant;
	enum session_state state;
	struct leg legs[GRANT_RELAYS_MAX];
	size_t selected;      /* leg that packets are sent on, or NONE */
	size_t suspect;	      /* leg that was lost last: searched last */
	uint64_t selected_ms; /* when it was selected */
	struct backoff again; /* before a search, while selected paths die young */
	uint32_t select_n;    /* highest SELECT sent or taken */
	uint32_t dials;	      /* low half of the generation */
	uv_timer_t search, choose, life;
	unsigned int timers; /* not closed yet */
	uint64_t since_ms, ends_ms;
	uint64_t packets_in, packets_out, bytes_in, bytes_out, drops[SESSION_DROPS];
	char last_reason[PATH_REASON_SIZE];
	struct log_limit failed_limit;
	uint64_t paths_ready, paths_failed, paths_lost;
	struct queue queue;
};

static void search_on(struct session *s);

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

static void set_state(struct session *s, enum session_state state, const char *why)
{
	if (s->state == state)
		return;
	log_info("session state=%s was=%s session=%.8s peer=%s reason=\"%s\"",
		 session_state_name(state), session_state_name(s->state), s->grant.session,
		 s->grant.peer_name, why);
	s->state = state;
	s->since_ms = clock_mono_ms();
}

static bool is_manager(const struct session *s)
{
	return s->grant.role == TOKEN_MANAGER;
}

static size_t leg_of(const struct path *p)
{
	return path_relay(p);
}

/* The end */

static void maybe_free(struct session *s)
{
	if (s->state != SESSION_ENDING || s->timers > 0)
		return;
	for (size_t i = 0; i < s->grant.n_relays; i++) {
		if (s->legs[i].path)
			return;
	}
	queue_deinit(&s->queue); /* the packets' memory may go with whoever is told */
	s->cb->on_closed(s);
	explicit_bzero(&s->grant, sizeof(s->grant));
	free(s);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	s->timers--;
	maybe_free(s);
}

void session_end(struct session *s, const char *reason)
{
	if (s->state == SESSION_ENDING)
		return;
	session_flush(s);
	set_state(s, SESSION_ENDING, reason);
	for (size_t i = 0; i < s->grant.n_relays; i++) {
		if (s->legs[i].path)
			path_close(s->legs[i].path, FRAME_END_SESSION, reason);
	}
	uv_close((uv_handle_t *)&s->search, on_timer_closed);
	uv_close((uv_handle_t *)&s->choose, on_timer_closed);
	uv_close((uv_handle_t *)&s->life, on_timer_closed);
}

static void over(struct session *s, const char *reason)
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
		over(s, "the session's time is up");
}

/* Selecting */

/* Paths that were not selected are not needed any more. */
static void retire_others(struct session *s)
{
	for (size_t i = 0; i < s->grant.n_relays; i++) {
		s->legs[i].dial_at_ms = 0;
		if (i != s->selected && s->legs[i].path)
			path_close(s->legs[i].path, FRAME_END_PATH, "another path was selected");
	}
}

static void came_up(struct session *s)
{
	uv_timer_stop(&s->search);
	for (size_t i = 0; i < s->grant.n_relays; i++)
		backoff_reset(&s->legs[i].backoff);
	s->suspect = NONE;
	if (s->state == SESSION_UP)
		return;
	set_state(s, SESSION_UP, s->grant.relays[s->selected].name);
	s->cb->on_up(s);
}

static bool leg_ready(const struct session *s, size_t i)
{
	return s->legs[i].path && path_ready(s->legs[i].path);
}

static void set_selected(struct session *s, size_t i)
{
	if (s->selected != i)
		s->selected_ms = clock_mono_ms();
	s->selected = i;
}

static void on_choose(uv_timer_t *timer);

static void select_leg(struct session *s, size_t i)
{
	uv_timer_start(&s->choose, on_choose, s->config.answer_ms, 0);
	set_selected(s, i);
	path_select(s->legs[i].path, ++s->select_n);
}

/* Manager: the earliest relay of the list that is ready; one that failed before only if there is no
 * other. */
static void choose_now(struct session *s)
{
	for (size_t i = 0; i < s->grant.n_relays && s->selected == NONE; i++) {
		if (i != s->suspect && leg_ready(s, i))
			select_leg(s, i);
	}
	if (s->selected == NONE && s->suspect != NONE && leg_ready(s, s->suspect))
		select_leg(s, s->suspect);
}

/* Manager: SELECT had no answer. */
static void give_up_selected(struct session *s)
{
	size_t i = s->selected;

	s->selected = NONE;
	s->suspect = i;
	path_close(s->legs[i].path, FRAME_END_PATH, "the other end did not answer SELECT");
	choose_now(s);
}

/* Device: the manager has had time to END the others. Manager: time to choose, or to have an
 * answer. */
static void on_choose(uv_timer_t *timer)
{
	struct session *s = timer->data;

	if (s->state == SESSION_ENDING)
		return;
	if (!is_manager(s)) {
		if (s->selected != NONE)
			retire_others(s);
	} else if (s->selected == NONE) {
		choose_now(s);
	} else if (s->state == SESSION_SEARCHING) {
		give_up_selected(s);
	}
}

static void on_path_ready(struct path *p)
{
	struct session *s = path_arg(p);
	size_t i = leg_of(p);

	s->paths_ready++;
	s->legs[i].was_ready = true;
	if (!is_manager(s))
		return;
	if (s->state == SESSION_UP)
		path_close(p, FRAME_END_PATH, "another path was selected");
	else if (s->selected != NONE)
		return; /* kept until SELECTED comes */
	else if (i == 0 && s->suspect != 0)
		select_leg(s, i);
	else if (!uv_is_active((uv_handle_t *)&s->choose))
		uv_timer_start(&s->choose, on_choose, SESSION_CHOOSE_MS, 0);
}

static void on_path_select(struct path *p, uint32_t n)
{
	struct session *s = path_arg(p);

	if (is_manager(s) || n <= s->select_n || s->state == SESSION_ENDING)
		return;
	s->select_n = n;
	set_selected(s, leg_of(p));
	path_selected(p, n);
	if (s->legs[s->selected].path != p || s->state == SESSION_ENDING)
		return;
	uv_timer_start(&s->choose, on_choose, s->config.retire_ms, 0);
	came_up(s);
}

static void on_path_selected(struct path *p, uint32_t n)
{
	struct session *s = path_arg(p);

	if (!is_manager(s) || n != s->select_n || s->selected != leg_of(p))
		return;
	uv_timer_stop(&s->choose);
	retire_others(s);
	came_up(s);
}

/* Searching */

static void dial_leg(struct session *s, size_t i);

static uint64_t wait_ms(struct backoff *b)
{
	uint32_t random;

	file_random(&random, sizeof(random));
	return backoff_next_ms(b, random);
}

static void dial_later(struct session *s, size_t i)
{
	s->legs[i].dial_at_ms = clock_mono_ms() + wait_ms(&s->legs[i].backoff);
}

/* In order, from @at_ms on; the one that was lost last is the last one. */
static void begin_search(struct session *s, uint64_t at_ms)
{
	for (size_t i = 0; i < s->grant.n_relays; i++) {
		if (i == s->suspect || s->legs[i].path)
			continue;
		s->legs[i].dial_at_ms = at_ms;
		at_ms += SESSION_STAGGER_MS;
	}
	if (s->suspect != NONE && !s->legs[s->suspect].path)
		s->legs[s->suspect].dial_at_ms = at_ms;
	search_on(s);
}

/* At once, unless the selected path died young: that may be the next one's fate, too. */
static void search_again(struct session *s)
{
	uint64_t now = clock_mono_ms();

	if (now - s->selected_ms >= SESSION_STEADY_MS) {
		backoff_reset(&s->again);
		begin_search(s, now);
	} else {
		begin_search(s, now + wait_ms(&s->again));
	}
}

static void on_search(uv_timer_t *timer)
{
	struct session *s = timer->data;
	uint64_t now = clock_mono_ms();

	if (s->state != SESSION_SEARCHING)
		return;
	for (size_t i = 0; i < s->grant.n_relays; i++) {
		if (!s->legs[i].path && s->legs[i].dial_at_ms && s->legs[i].dial_at_ms <= now)
			dial_leg(s, i);
	}
	search_on(s);
}

/* Wake up for the next leg that is due. */
static void search_on(struct session *s)
{
	uint64_t now = clock_mono_ms(), next = UINT64_MAX;

	if (s->state != SESSION_SEARCHING)
		return;
	for (size_t i = 0; i < s->grant.n_relays; i++) {
		if (!s->legs[i].path && s->legs[i].dial_at_ms && s->legs[i].dial_at_ms < next)
			next = s->legs[i].dial_at_ms;
	}
	if (next != UINT64_MAX)
		uv_timer_start(&s->search, on_search, next > now ? next - now : 0, 0);
}

static void on_path_step(struct path *p, const char *text)
{
	struct session *s = path_arg(p);

	if (s->state == SESSION_SEARCHING)
		s->cb->on_step(s, text);
}

static void on_path_packet(struct path *p, const struct vnet *v, const uint8_t *packet, size_t n)
{
	struct session *s = path_arg(p);

	s->packets_in +=
		v->gso != VNET_GSO_NONE && vnet_check(v, packet, n) == 0 ? vnet_segments(v, n) : 1;
	s->bytes_in += n;
	s->cb->on_packet(s, v, packet, n);
}

static void on_path_end(struct path *p, int code, const char *reason)
{
	struct session *s = path_arg(p);
	char text[PATH_REASON_SIZE];

	if (code != FRAME_END_SESSION)
		return;
	snprintf(text, sizeof(text), "ended by the other end: %s", reason);
	over(s, text);
}

static void on_path_gone(struct path *p, const char *reason)
{
	struct session *s = path_arg(p);
	size_t i = leg_of(p);

	s->legs[i].path = NULL;
	s->paths_failed += !s->legs[i].was_ready && s->state == SESSION_SEARCHING;
	s->paths_lost += s->selected == i && s->state == SESSION_UP;
	s->legs[i].was_ready = false;
	if (s->state == SESSION_ENDING) {
		maybe_free(s);
		return;
	}
	if (s->selected == i) {
		uv_timer_stop(&s->choose);
		s->selected = NONE;
		s->suspect = i;
		/* Seconds old mostly, and it may take minutes until there is a path again. */
		s->drops[SESSION_DROP_NO_PATH] += queue_clear(&s->queue);
		snprintf(s->last_reason, sizeof(s->last_reason), "%s", reason);
		if (s->state == SESSION_UP) {
			set_state(s, SESSION_SEARCHING, reason);
			s->cb->on_down(s, reason);
		}
		if (is_manager(s))
			choose_now(s);
		search_again(s);
		return;
	}
	if (s->state == SESSION_SEARCHING) {
		if (log_allowed(&s->failed_limit, FAILED_LOG_BURST))
			log_info("path failed session=%.8s relay=%s reason=\"%s\"",
				 s->grant.session, s->grant.relays[i].name, reason);
		snprintf(s->last_reason, sizeof(s->last_reason), "relay %s: %s",
			 s->grant.relays[i].name, reason);
		dial_later(s, i);
		search_on(s);
	}
}

static void on_path_room(struct path *p);

static const struct path_callbacks path_calls = {
	.on_step = on_path_step,
	.on_ready = on_path_ready,
	.on_packet = on_path_packet,
	.on_room = on_path_room,
	.on_select = on_path_select,
	.on_selected = on_path_selected,
	.on_end = on_path_end,
	.on_gone = on_path_gone,
};

static void dial_leg(struct session *s, size_t i)
{
	struct path_config config = {
		.loop = s->config.loop,
		.outer_ctx = s->config.outer_ctx,
		.inner_ctx =
			is_manager(s) ? s->config.inner_client_ctx : s->config.inner_server_ctx,
		.grant = &s->grant,
		.ports = s->config.ports,
		.memory = s->config.memory,
		.times = s->config.times,
		.relay = i,
		.shed = s->config.shed,
		.super = s->config.super,
		.uso = s->config.uso,
		.mtu = s->config.mtu,
		.generation = ((uint64_t)s->grant.epoch << 32) + ++s->dials,
	};
	int r = path_open(&s->legs[i].path, &config, &path_calls, s);

	s->legs[i].dial_at_ms = 0;
	if (r != 0) {
		s->legs[i].path = NULL;
		log_warn("cannot dial relay=%s error=\"%s\"", s->grant.relays[i].name,
			 strerror(-r));
		dial_later(s, i);
	}
}

/* Opening */

int session_open(struct session **out, const struct session_config *config,
		 const struct grant *grant, const struct session_callbacks *cb, void *arg)
{
	struct session *s = calloc(1, sizeof(*s));

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
	s->selected = s->suspect = NONE;
	/* A restarted manager's numbers are higher than those it gave before. */
	s->select_n = is_manager(s) ? grant->epoch << 16 : 0;
	s->since_ms = clock_mono_ms();
	s->ends_ms = s->since_ms + (uint64_t)grant->life_s * 1000;
	for (size_t i = 0; i < grant->n_relays; i++)
		backoff_init(&s->legs[i].backoff, SESSION_RETRY_BASE_MS, SESSION_RETRY_MAX_MS);
	backoff_init(&s->again, SESSION_AGAIN_BASE_MS, SESSION_RETRY_MAX_MS);
	uv_timer_init(config->loop, &s->search);
	uv_timer_init(config->loop, &s->choose);
	uv_timer_init(config->loop, &s->life);
	s->search.data = s->choose.data = s->life.data = s;
	s->timers = TIMERS;
	life_on(s);
	queue_init(&s->queue);
	begin_search(s, s->since_ms);
	*out = s;
	return 0;
}

/* Packets */

void session_flush(struct session *s)
{
	if (s->selected != NONE && !queue_empty(&s->queue))
		path_pump(s->legs[s->selected].path, &s->queue);
}

static void on_path_room(struct path *p)
{
	struct session *s = path_arg(p);

	if (s->selected == leg_of(p))
		session_flush(s);
}

int session_queue(struct session *s, struct packet *packet)
{
	struct queue_form form;

	if (s->selected == NONE || !path_ready(s->legs[s->selected].path)) {
		s->drops[SESSION_DROP_NO_PATH]++;
		packet_free(packet);
		return -ENETDOWN;
	}
	form = path_form(s->legs[s->selected].path);
	s->packets_out += vnet_segments(&packet->v, packet->fq.len);
	s->bytes_out += packet->fq.len;
	queue_put(&s->queue, packet, &form, clock_mono_us());
	return 0;
}

void *session_arg(const struct session *s)
{
	return s->arg;
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
	if (s->selected != NONE) {
		if (s->state == SESSION_UP)
			st->relay = s->grant.relays[s->selected].name;
		path_status(s->legs[s->selected].path, &st->path);
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
	st->since_ms = s->since_ms;
	st->expires_in_s = s->ends_ms > now ? (int64_t)((s->ends_ms - now) / 1000) : 0;
	st->last_reason = s->last_reason;
}
