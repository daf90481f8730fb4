/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 16 /* pthread_setname_np(3) */

STAILQ_HEAD(task_list, worker_task);

struct worker {
	uv_loop_t loop;
	uv_async_t wake;
	uv_thread_t thread;
	uv_mutex_t lock; /* of the tasks */
	struct task_list tasks;
	char name[NAME_SIZE];
};

static void take_tasks(struct worker *w, struct task_list *out)
{
	STAILQ_INIT(out);
	uv_mutex_lock(&w->lock);
	STAILQ_CONCAT(out, &w->tasks);
	uv_mutex_unlock(&w->lock);
}

static void on_wake(uv_async_t *async)
{
	struct worker *w = async->data;
	struct worker_task *t;
	struct task_list now;

	take_tasks(w, &now);
	while ((t = STAILQ_FIRST(&now))) {
		STAILQ_REMOVE_HEAD(&now, next); /* its memory may go with its run */
		t->run(t->arg);
	}
}

static void thread_main(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), w->name);
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

static int open_loop(struct worker *w)
{
	int r = uv_loop_init(&w->loop);

	if (r)
		return r;
	r = uv_async_init(&w->loop, &w->wake, on_wake);
	if (r)
		(void)uv_loop_close(&w->loop);
	w->wake.data = w;
	return r;
}

static void close_loop(struct worker *w)
{
	uv_close((uv_handle_t *)&w->wake, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&w->loop);
}

int worker_start(struct worker **out, const char *name)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	STAILQ_INIT(&w->tasks);
	snprintf(w->name, sizeof(w->name), "%s", name);
	r = uv_mutex_init(&w->lock);
	if (r)
		goto free_worker;
	r = open_loop(w);
	if (r)
		goto destroy_lock;
	r = uv_thread_create(&w->thread, thread_main, w);
	if (r)
		goto close_loop;
	*out = w;
	return 0;

close_loop:
	close_loop(w);
destroy_lock:
	uv_mutex_destroy(&w->lock);
free_worker:
	free(w);
	return r;
}

uv_loop_t *worker_loop(struct worker *w)
{
	return &w->loop;
}

void worker_post(struct worker *w, struct worker_task *t)
{
	uv_mutex_lock(&w->lock);
	STAILQ_INSERT_TAIL(&w->tasks, t, next);
	/* Still locked: with the last task the worker may be gone. */
	uv_async_send(&w->wake);
	uv_mutex_unlock(&w->lock);
}

struct call {
	void (*run)(void *arg);
	void *arg;
	uv_sem_t done;
};

static void run_call(void *arg)
{
	struct call *c = arg;

	c->run(c->arg);
	uv_sem_post(&c->done);
}

void worker_call(struct worker *w, void (*run)(void *arg), void *arg)
{
	struct call c = {.run = run, .arg = arg};
	struct worker_task t = {.run = run_call, .arg = &c};
	int r = uv_sem_init(&c.done, 0);

	assert(r == 0); /* glibc's and musl's cannot fail */
	(void)r;
	worker_post(w, &t);
	uv_sem_wait(&c.done);
	uv_sem_destroy(&c.done);
}

static void close_wake(void *arg)
{
	struct worker *w = arg;

	uv_close((uv_handle_t *)&w->wake, NULL);
}

void worker_stop(struct worker *w)
{
	struct worker_task last = {.run = close_wake, .arg = w};

	if (!w)
		return;
	worker_post(w, &last);
	uv_thread_join(&w->thread);
	assert(STAILQ_EMPTY(&w->tasks));
	(void)uv_loop_close(&w->loop);
	uv_mutex_destroy(&w->lock);
	free(w);
}
