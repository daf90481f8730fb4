/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reading - a question to the database that may take long: on the thread pool, by a view of its
 * own, so that neither the loop nor who writes waits.
 */
#ifndef FARLAN_READING_H
#define FARLAN_READING_H

#include <uv.h>

#include "accessd/store.h"

#define READING_MAX 4 /* at once, in the process */

/* On a thread of the pool. @reader NULL: the database could not be opened. */
typedef void reading_fn(struct store *reader, void *work);
/* On the loop, also when it could not be run: @status then is a uv error. */
typedef void reading_done_fn(void *work, int status);

/** reading_start() - @work: the caller's until @done. Return: 0 and @done comes once, later; -EBUSY
 * there are too many; -ENOMEM; -errno. */
int reading_start(uv_loop_t *loop, struct store *s, reading_fn *fn, reading_done_fn *done,
		  void *work) __attribute__((warn_unused_result));

#endif
