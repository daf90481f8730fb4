/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * direct - an outer connection to the one place that the configuration names, without TLS: how a
 * relay reaches the Access Server behind it.
 */
#ifndef FARLAN_DIRECT_H
#define FARLAN_DIRECT_H

#include "common/io/opt.h"
#include "common/io/outer.h"

#define DIRECT_TEXT_SIZE 300

struct direct;

struct direct_target {
	const struct opt_access *to;
	bool pass; /* as it is, without HTTP; else: */
	const struct url *url;
	const char *path; /* appended to the URL's */
};

/* One of them, never before direct_start() returns. */
struct direct_callbacks {
	/* The new owner calls outer_set_callbacks() before it returns. */
	void (*on_open)(void *arg, struct outer *o);
	void (*on_failed)(void *arg, const char *reason);
};

/** direct_start() - @target is copied, but for path. Return: 0; -ENOMEM. */
int direct_start(struct direct **out, uv_loop_t *loop, const struct direct_target *target,
		 const struct direct_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** direct_cancel() - no callback any more. Not after one came. */
void direct_cancel(struct direct *d);

/** direct_text() - "unix:/run/x.sock" or "HOST:PORT". */
const char *direct_text(const struct opt_access *to, char out[DIRECT_TEXT_SIZE]);

#endif
