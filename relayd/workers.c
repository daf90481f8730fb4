/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/listen.h"
#include "common/io/log.h"
#include "common/io/worker.h"

/* What is behind a pointer here belongs to the thread. */
struct relay_worker {
	struct workers *all;
	struct worker *thread;
	struct relay *relay; /* NULL: closed */
	struct listen_set *listeners;
};

/* What a session has carried, on its way to the owner's thread. */
struct told {
	STAILQ_ENTRY(told) next;
	struct usage usage;
};

STAILQ_HEAD(told_list, told);

struct workers {
	struct tls_ctx *tls;
	struct relay_common common;
	uv_mutex_t lock; /* of told */
	struct told_list told;
	void (*on_usage)(void *arg, const struct usage *u);
	void *usage_arg;
	uv_async_t closed; /* a worker's relay has closed, or something was told */
	_Atomic unsigned int n_open;
	bool closing;
	void (*on_closed)(void *arg);
	void *arg;
	unsigned int n;
	struct relay_worker at[];
};

/* Legs that move */

static void on_leg(void *arg)
{
	struct leg *l = arg;
	struct relay_worker *rw = l->carrier;

	if (rw->relay)
		relay_take(rw->relay, l);
	else
		leg_discard(l);
}

static void send_leg(void *arg, unsigned int to, struct leg *l)
{
	struct workers *w = arg;

	l->carrier = &w->at[to];
	l->task = (struct worker_task){.run = on_leg, .arg = l};
	worker_post(w->at[to].thread, &l->task);
}

/* Accounts */

static void tell(void *arg, const struct usage *u)
{
	struct workers *w = arg;
	struct told *t = malloc(sizeof(*t));

	if (!t) {
		log_error("usage is not recorded session=%.8s error=\"out of memory\"", u->session);
		return;
	}
	t->usage = *u;
	uv_mutex_lock(&w->lock);
	STAILQ_INSERT_TAIL(&w->told, t, next);
	uv_mutex_unlock(&w->lock);
	uv_async_send(&w->closed);
}

static void hand_over(struct workers *w)
{
	struct told_list list = STAILQ_HEAD_INITIALIZER(list);
	struct told *t;

	uv_mutex_lock(&w->lock);
	STAILQ_CONCAT(&list, &w->told);
	uv_mutex_unlock(&w->lock);
	while ((t = STAILQ_FIRST(&list))) {
		STAILQ_REMOVE_HEAD(&list, next);
		w->on_usage(w->usage_arg, &t->usage);
		free(t);
	}
}

/* Opening, on the thread */

struct start {
	struct relay_worker *rw;
	const struct workers_config *config;
	unsigned int index;
	int result;
};

static void on_accept(int fd, bool plain, void *arg)
{
	struct relay_worker *rw = arg;

	relay_accept(rw->relay, fd, plain);
}

static void start_relay(void *arg)
{
	struct start *s = arg;
	struct workers *w = s->rw->all;
	struct relay_config config = s->config->relay;

	config.tls = s->config->outer ? s->config->outer : w->tls;
	config.common = &w->common;
	config.index = s->index;
	s->result = relay_open(&s->rw->relay, worker_loop(s->rw->thread), &config);
	if (s->result == 0)
		w->n_open++;
}

static void start_listening(void *arg)
{
	struct start *s = arg;

	const struct listen_ways ways = {.where = s->config->listen,
					 .tls = s->config->tls,
					 .on_accept = on_accept,
					 .arg = s->rw,
					 .shared = s->rw->all->n > 1,
					 .ports_only = s->index > 0};

	s->result = listen_open_ways(&s->rw->listeners, worker_loop(s->rw->thread), &ways);
}

/* All relays first: a leg may move as soon as one listens. */
static int start_all(struct workers *w, const struct workers_config *config,
		     void (*step)(void *arg))
{
	for (unsigned int i = 0; i < w->n; i++) {
		struct start s = {.rw = &w->at[i], .config = config, .index = i};

		worker_call(w->at[i].thread, step, &s);
		if (s.result)
			return s.result;
	}
	return 0;
}

static int start_threads(struct workers *w)
{
	for (unsigned int i = 0; i < w->n; i++) {
		char name[24];
		int r;

		snprintf(name, sizeof(name), "relay-%u", i);
		w->at[i].all = w;
		r = worker_start(&w->at[i].thread, name);
		if (r)
			return r;
	}
	return 0;
}

/* Closing */

static void stop_threads(struct workers *w)
{
	for (unsigned int i = 0; i < w->n; i++) {
		worker_stop(w->at[i].thread);
		w->at[i].thread = NULL;
	}
}

static void on_relay_closed(void *arg)
{
	struct relay_worker *rw = arg;

	rw->relay = NULL;
	rw->all->n_open--;
	uv_async_send(&rw->all->closed);
}

static void stop_relay(void *arg)
{
	struct relay_worker *rw = arg;

	listen_close(rw->listeners);
	rw->listeners = NULL;
	if (rw->relay)
		relay_close(rw->relay, on_relay_closed, rw);
}

static void on_async_closed(uv_handle_t *handle)
{
	struct workers *w = handle->data;

	if (w->on_closed)
		w->on_closed(w->arg);
	uv_mutex_destroy(&w->lock);
	tls_ctx_free(w->tls);
	free(w);
}

/* No relay is left that would send a leg: what moves still is with the threads' tasks. */
static void finish(struct workers *w)
{
	stop_threads(w);
	hand_over(w);
	uv_close((uv_handle_t *)&w->closed, on_async_closed);
}

static void on_closed(uv_async_t *async)
{
	struct workers *w = async->data;

	hand_over(w);
	if (w->closing && w->n_open == 0 && !uv_is_closing((uv_handle_t *)async))
		finish(w);
}

void workers_close(struct workers *w, void (*done)(void *arg), void *arg)
{
	if (w->closing)
		return;
	w->closing = true;
	w->on_closed = done;
	w->arg = arg;
	for (unsigned int i = 0; i < w->n; i++) {
		if (w->at[i].thread)
			worker_call(w->at[i].thread, stop_relay, &w->at[i]);
	}
	uv_async_send(&w->closed);
}

/* Making them */

static struct workers *workers_new(uv_loop_t *loop, const struct workers_config *config)
{
	struct workers *w = calloc(1, sizeof(*w) + config->n * sizeof(w->at[0]));

	if (!w)
		return NULL;
	w->n = config->n;
	relay_common_init(&w->common, config->n, config->max_sessions);
	w->common.send = send_leg;
	w->common.usage = config->on_usage ? tell : NULL;
	w->common.arg = w;
	w->common.limits = config->limits;
	w->on_usage = config->on_usage;
	w->usage_arg = config->arg;
	STAILQ_INIT(&w->told);
	w->closed.data = w;
	if (uv_mutex_init(&w->lock) != 0) {
		free(w);
		return NULL;
	}
	if (uv_async_init(loop, &w->closed, on_closed) != 0) {
		uv_mutex_destroy(&w->lock);
		free(w);
		return NULL;
	}
	return w;
}

int workers_open(struct workers **out, uv_loop_t *loop, const struct workers_config *config)
{
	struct workers *w = workers_new(loop, config);
	int r;

	if (!w)
		return -ENOMEM;
	r = tls_ctx_outer_server(&w->tls, config->outer_cert, config->key, config->ca);
	if (r == 0 && w->n > 1)
		r = listen_check(config->listen);
	if (r == 0)
		r = start_threads(w);
	if (r == 0)
		r = start_all(w, config, start_relay);
	if (r == 0)
		r = start_all(w, config, start_listening);
	if (r) {
		workers_close(w, NULL, NULL);
		return r;
	}
	*out = w;
	return 0;
}

static void use_tls(struct relay *r, void *arg)
{
	relay_use_tls(r, *(const struct tls_ctx **)arg);
}

void workers_use_tls(struct workers *w, const struct tls_ctx *tls)
{
	workers_ask_all(w, use_tls, &tls);
}

/* Asking */

unsigned int workers_count(const struct workers *w)
{
	return w->n;
}

struct question {
	struct relay_worker *rw;
	void (*fn)(struct relay *r, void *arg);
	void *arg;
};

static void on_question(void *arg)
{
	struct question *q = arg;

	if (q->rw->relay)
		q->fn(q->rw->relay, q->arg);
}

void workers_ask(struct workers *w, unsigned int i, void (*fn)(struct relay *r, void *arg),
		 void *arg)
{
	struct question q = {.rw = &w->at[i], .fn = fn, .arg = arg};

	if (w->at[i].thread)
		worker_call(w->at[i].thread, on_question, &q);
}

void workers_ask_all(struct workers *w, void (*fn)(struct relay *r, void *arg), void *arg)
{
	for (unsigned int i = 0; i < w->n; i++)
		workers_ask(w, i, fn, arg);
}
