/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check_resolver - one question to one name server, by UDP: does it answer, and what? One shot.
 */
#ifndef FARLAN_CHECK_RESOLVER_H
#define FARLAN_CHECK_RESOLVER_H

#include <uv.h>

#include "common/pure/addr.h"
#include "common/pure/finding.h"

#define CHECK_RESOLVER_MS 2500

struct check_resolver;

/* The only call; @f: state, text and todo are set. */
typedef void check_resolver_fn(void *arg, const struct finding *f);

/** check_resolver_start() - @name: to be asked for. @fn never comes before it returns. Return: 0;
 * -errno. */
int check_resolver_start(struct check_resolver **out, uv_loop_t *loop, const struct addr *server,
			 const char *name, check_resolver_fn *fn, void *arg)
	__attribute__((warn_unused_result));
/** check_resolver_cancel() - no callback any more; memory goes with the last handle. */
void check_resolver_cancel(struct check_resolver *c);

#endif
