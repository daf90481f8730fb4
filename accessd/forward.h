/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * forward - records of the audit go to syslog and to the journal, too. What was committed is read
 * from the database, so nothing is sent that is not there, and what cannot be sent waits there: up
 * to where each place has got is kept, over restarts. So records arrive at least once, as far as
 * the way tells (UDP does not).
 */
#ifndef FARLAN_FORWARD_H
#define FARLAN_FORWARD_H

#include <uv.h>

#include "accessd/conf.h"
#include "accessd/store.h"

struct forward;

struct forward_config {
	struct store *store; /* borrowed */
	struct conf_syslog syslog;
	bool journal;
};

/** forward_open() - *out: NULL if there is no place. Return: 0; -ENOMEM. */
int forward_open(struct forward **out, uv_loop_t *loop, const struct forward_config *config)
	__attribute__((warn_unused_result));
/** forward_close() - NULL is allowed. */
void forward_close(struct forward *f);
/** forward_kick() - there may be new records. NULL is allowed. */
void forward_kick(struct forward *f);

#endif
