/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/netaddr.h"
#include "relayd/front.h"
#include "relayd/join.h"
#include "relayd/relay.h"

#define LOG_BURST 20
#define SILENCE_MS 90000 /* a joined leg that sends nothing for so long is dead */
#define PROBE_BODY "farlan relayd " FARLAN_VERSION

void leg_peer(const struct leg *l, char out[LEG_PEER_SIZE])
{
	char addr[ADDR_TEXT_SIZE];

	addr_format(&l->from, addr);
	if (l->from.family == 6)
		snprintf(out, LEG_PEER_SIZE, "[%s]:%u", addr, l->from_port);
	else
		snprintf(out, LEG_PEER_SIZE, "%s:%u", addr, l->from_port);
}

static const char *role_name(enum token_role role)
{
	return role == TOKEN_MANAGER ? "manager" : "device";
}

static bool enter_crowd(struct leg *l)
{
	struct relay_common *c = l->relay->config.common;

	pthread_mutex_lock(&c->crowd_lock);
	l->unknown = crowd_enter(&c->crowd, l->by_proxy ? NULL : &l->from, clock_mono_ms());
	pthread_mutex_unlock(&c->crowd_lock);
	l->relay->n_unknown += l->unknown;
	return l->unknown;
}

/* @offence: it never showed a good token. */
static void leave_crowd(struct leg *l, bool offence)
{
	struct relay_common *c = l->relay->config.common;

	if (!l->unknown)
		return;
	pthread_mutex_lock(&c->crowd_lock);
	crowd_leave(&c->crowd, l->by_proxy ? NULL : &l->from, offence, clock_mono_ms());
	pthread_mutex_unlock(&c->crowd_lock);
	l->relay->n_unknown--;
	l->unknown = false;
}

void leg_close(struct leg *l, const char *reason)
{
	l->closing = true;
	outer_close(l->outer, reason);
}

void leg_finish(struct leg *l, const char *reason)
{
	l->closing = true;
	outer_finish(l->outer, reason);
}

static void count_refusal(struct leg *l, enum refusal why)
{
	struct relay *r = l->relay;
	char from[LEG_PEER_SIZE];

	r->refused[why]++;
	if (!log_allowed(&r->refused_limit, LOG_BURST))
		return;
	leg_peer(l, from);
	log_info("connection refused from=%s reason=%s: %s", from, refusal_info(why)->name,
		 refusal_info(why)->text);
}

static void refuse(struct leg *l, enum refusal why)
{
	const struct refusal_info *info = refusal_info(why);

	count_refusal(l, why);
	l->closing = true;
	outer_respond(l->outer, info->status, info->phrase, info->text);
}

static enum refusal of_pair_error(int r)
{
	switch (r) {
	case 0:
		return REFUSAL_NONE;
	case -EALREADY:
		return REFUSAL_REPLAY;
	case -EACCES:
		return REFUSAL_ENDED;
	default:
		return REFUSAL_FULL;
	}
}

static bool has_a_leg(const struct relay *r, const uint8_t id[PAIR_ID_BYTES])
{
	const struct pair_session *s = pair_find(&r->pairs, id);

	return s && s->kind == PAIR_LIVE;
}

/* Give the leg its place in the table; whom it displaces is closed. */
static enum refusal take_place(struct leg *l, const struct admit_leg *a)
{
	struct pair_arrival arrival = {
		.role = a->token.role,
		.generation = a->generation,
		.good_until_s = a->token.expires + TOKEN_CLOCK_SKEW_S,
		.leg = l,
	};
	struct pair_closing closing[2];
	size_t n_closing;
	int r;

	memcpy(arrival.id, a->session, sizeof(arrival.id));
	if (!relay_has_room(l->relay) && !has_a_leg(l->relay, arrival.id))
		return REFUSAL_FULL;
	r = pair_arrive(&l->relay->pairs, &arrival, relay_clock(), closing, &n_closing);
	relay_count_live(l->relay);
	if (r)
		return of_pair_error(r);
	memcpy(l->session, a->session, sizeof(l->session));
	l->role = a->token.role;
	l->limits.rate = a->token.rate;
	l->limits.user_rate = a->token.user_rate;
	memcpy(l->limits.user, a->token.user, sizeof(l->limits.user));
	l->admitted = true;
	l->relay->legs_total++;
	leave_crowd(l, false);
	relay_close_legs(l->relay, closing, n_closing);
	return REFUSAL_NONE;
}

static void answer(struct leg *l, enum refusal why)
{
	if (why == REFUSAL_NONE)
		outer_upgrade(l->outer);
	else
		refuse(l, why);
}

static void leg_free(struct leg *l)
{
	free(l->shown);
	free(l);
}

/* The last thing that its relay hears of it. */
static void forget(struct leg *l)
{
	struct relay *r = l->relay;

	leave_crowd(l, !l->shown);
	TAILQ_REMOVE(&r->legs, l, list);
	l->relay = NULL;
	relay_leg_gone(r);
}

/* It has left this relay's loop: carry it to where its session is at home. */
static void on_detached(struct outer *o)
{
	struct leg *l = outer_arg(o);
	struct relay_common *common = l->relay->config.common;
	unsigned int home = relay_home(l->relay, l->shown->session);

	forget(l);
	common->send(common->arg, home, l);
}

static enum refusal move(struct leg *l, const struct admit_leg *a)
{
	l->shown = malloc(sizeof(*l->shown));
	if (!l->shown)
		return REFUSAL_FULL;
	*l->shown = *a;
	l->relay->moved_total++;
	outer_detach(l->outer, on_detached);
	return REFUSAL_NONE;
}

static void admit(struct leg *l, const struct http_head *head)
{
	struct relay *r = l->relay;
	struct admit_leg a;
	enum refusal why;

	if (r->stopping || r->draining) {
		refuse(l, REFUSAL_DRAINING);
		return;
	}
	why = admit_session(&a, head, r->config.token_keys, r->config.n_token_keys, &r->config.self,
			    clock_wall_s());
	if (why == REFUSAL_NONE && relay_home(r, a.session) != r->config.index) {
		why = move(l, &a);
		if (why == REFUSAL_NONE)
			return;
	} else if (why == REFUSAL_NONE) {
		why = take_place(l, &a);
	}
	answer(l, why);
}

static void on_request(struct outer *o, const struct http_head *head)
{
	struct leg *l = outer_arg(o);

	l->relay->handshakes += !l->answered;
	l->answered = true;
	switch (admit_what(head)) {
	case ADMIT_CONTROL:
		if (!l->relay->config.access || l->probes)
			refuse(l, REFUSAL_PATH);
		else if (l->relay->stopping)
			refuse(l, REFUSAL_DRAINING);
		else
			front_open(l);
		break;
	case ADMIT_PROBE:
		l->probes = true;
		l->relay->probes++;
		l->closing = !outer_answer(o, head, PROBE_BODY);
		break;
	case ADMIT_SESSION:
		if (l->probes) /* who measures only measures */
			refuse(l, REFUSAL_PATH);
		else
			admit(l, head);
		break;
	case ADMIT_OTHER:
		refuse(l, REFUSAL_PATH);
		break;
	}
}

static void on_open(struct outer *o)
{
	struct leg *l = outer_arg(o), *other;
	char id[TOKEN_SESSION_SIZE], a[LEG_PEER_SIZE], b[LEG_PEER_SIZE];

	other = pair_open(&l->relay->pairs, l->session, l->role, l, relay_clock());
	if (!other) {
		join_wait(l);
		return;
	}
	relay_id_text(l->session, id);
	leg_peer(l, a);
	leg_peer(other, b);
	log_info("session joined session=%s %s=%s %s=%s", id, role_name(l->role), a,
		 role_name(other->role), b);
	l->relay->joined_total++;
	outer_set_silence(l->outer, SILENCE_MS);
	outer_set_silence(other->outer, SILENCE_MS);
	join_start(l, other);
}

static void count(struct leg *l, size_t carried)
{
	l->bytes += carried;
	l->relay->bytes += carried;
	l->relay->bytes_from[l->role] += carried;
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct leg *l = outer_arg(o);

	count(l, join_data(l, bytes, n));
}

static struct buf *onward(struct outer *o)
{
	return join_onward(outer_arg(o));
}

static void on_passed(struct outer *o, size_t n)
{
	struct leg *l = outer_arg(o);

	count(l, join_passed(l, n));
}

static void on_drain(struct outer *o)
{
	join_drained(outer_arg(o));
}

/* A waiting leg has nobody for whom its bytes would be kept; a joined one's are delivered first. */
static void on_peer_gone(struct outer *o)
{
	struct leg *l = outer_arg(o);

	if (!l->other)
		leg_close(l, "it went away while it waited");
}

static void log_end(const struct leg *l, const char *reason)
{
	char id[TOKEN_SESSION_SIZE], from[LEG_PEER_SIZE];

	relay_id_text(l->session, id);
	leg_peer(l, from);
	log_info("leg closed session=%s role=%s from=%s bytes=%llu reason=\"%s\"", id,
		 role_name(l->role), from, (unsigned long long)l->bytes, reason);
}

/* It went before it asked for anything: after the handshake, or before it was done. */
static void count_unanswered(struct leg *l, const struct outer *o)
{
	struct outer_stats stats;

	outer_stats(o, &stats);
	if (stats.tls_version[0])
		l->relay->handshakes++;
	else
		l->relay->handshakes_failed++;
	count_refusal(l, REFUSAL_NO_REQUEST);
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct leg *l = outer_arg(o), *other = join_end(l, reason);
	struct relay *r = l->relay;

	(void)clean; /* what came from it is delivered either way */
	if (l->admitted) {
		pair_leave(&r->pairs, l->session, l->role, l);
		relay_count_live(r);
		log_end(l, reason);
	} else if (!l->answered) {
		count_unanswered(l, o);
	}
	if (other)
		leg_finish(other, "the other end has gone");
	forget(l);
	leg_free(l);
}

/* A proxy said whose it is: counted there from now on. */
static void on_client(struct outer *o)
{
	struct leg *l = outer_arg(o);

	if (!l->unknown)
		return;
	leave_crowd(l, false);
	l->by_proxy = false;
	l->from = netaddr_of(outer_peer_addr(o), &l->from_port);
	if (enter_crowd(l))
		return;
	count_refusal(l, REFUSAL_TOO_MANY);
	l->answered = true;
	leg_close(l, "too many connections of this address");
}

void leg_known(struct leg *l)
{
	leave_crowd(l, false);
}

void leg_refuse(struct leg *l, enum refusal why)
{
	refuse(l, why);
}

void leg_left(struct leg *l, bool offence)
{
	/* One that the crowd does not know any more is looked at as if it came and went. */
	if (offence && !l->unknown)
		offence = enter_crowd(l);
	leave_crowd(l, offence);
	TAILQ_REMOVE(&l->relay->legs, l, list);
	relay_leg_gone(l->relay);
	leg_free(l);
}

void leg_over(struct relay *r)
{
	relay_leg_gone(r);
}

static const struct outer_callbacks callbacks = {
	.on_client = on_client,
	.on_request = on_request,
	.on_open = on_open,
	.on_data = on_data,
	.onward = onward,
	.on_passed = on_passed,
	.on_drain = on_drain,
	.on_peer_gone = on_peer_gone,
	.on_closed = on_closed,
};

/* Before any work is done for it. */
static bool may_enter(struct leg *l, int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	if (l->relay->stopping || getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return false;
	l->from = netaddr_of(&ss, &l->from_port);
	l->by_proxy = outer_trusts(l->relay->config.proxies, &ss);
	if (!enter_crowd(l))
		count_refusal(l, REFUSAL_TOO_MANY);
	return l->unknown;
}

void leg_accept(struct relay *r, int fd, bool plain)
{
	const struct outer_entry at = {.tls = plain ? NULL : r->config.tls,
				       .proxies = r->config.proxies};
	struct leg *l = calloc(1, sizeof(*l));
	int e;

	if (!l) {
		close(fd);
		return;
	}
	l->relay = r;
	if (!may_enter(l, fd)) {
		close(fd);
		free(l);
		return;
	}
	e = outer_accept_at(&l->outer, r->loop, &at, fd, &callbacks, l);
	if (e) {
		log_warn("a connection could not be taken: %s", strerror(-e));
		leave_crowd(l, false);
		free(l);
		return;
	}
	if (r->config.shed)
		outer_allow_shed(l->outer);
	TAILQ_INSERT_TAIL(&r->legs, l, list);
	r->n_legs++;
}

void leg_take(struct relay *r, struct leg *l)
{
	struct admit_leg *shown = l->shown;

	if (r->stopping || outer_attach(l->outer, r->loop, l) != 0) {
		leg_discard(l);
		return;
	}
	l->relay = r;
	l->shown = NULL;
	TAILQ_INSERT_TAIL(&r->legs, l, list);
	r->n_legs++;
	answer(l, r->draining ? REFUSAL_DRAINING : take_place(l, shown));
	free(shown);
	outer_resume(l->outer);
}

void leg_discard(struct leg *l)
{
	outer_discard(l->outer);
	leg_free(l);
}
