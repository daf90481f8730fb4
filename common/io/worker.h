/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * worker - a loop on a thread of its own. Objects of that loop belong to its thread: others reach
 * them by tasks, which run there in the order in which they were posted.
 */
#ifndef FARLAN_WORKER_H
#define FARLAN_WORKER_H

#include <sys/queue.h>
#include <uv.h>

/* One thing to do, on the poster's memory, which must live until it has run. */
struct worker_task {
	STAILQ_ENTRY(worker_task) next;
	void (*run)(void *arg);
	void *arg;
};

struct worker;

/** worker_start() - @name: of the thread, at most 15 characters. Return: 0; -errno. */
int worker_start(struct worker **out, const char *name) __attribute__((warn_unused_result));

/** worker_loop() - for its own thread. */
uv_loop_t *worker_loop(struct worker *w);

/** worker_post() - have @t run on the worker's thread; from any thread, never waits. */
void worker_post(struct worker *w, struct worker_task *t);

/** worker_call() - run it there and wait until it has: a turn of that loop. Never from one worker
 * to another or to itself: two would wait for each other. */
void worker_call(struct worker *w, void (*run)(void *arg), void *arg);

/** worker_stop() - wait for the end of the loop and the thread, free it. What has been posted is
 * run before; everything that was opened on the loop must be closed or closing. NULL is allowed. */
void worker_stop(struct worker *w);

#endif
