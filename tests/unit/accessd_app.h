/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessd_app - accessd itself, for accessd_net.h: only tests that include this are linked with it.
 * Include cmocka before; once in a program.
 */
#ifndef FARLAN_ACCESSD_APP_TEST_H
#define FARLAN_ACCESSD_APP_TEST_H

#include <stdlib.h>

#include "tests/unit/accessd_net.h"

void net_defaults(struct net *n)
{
	opt_defaults(CONF_TABLE, CONF_TABLE_N, &n->conf);
}

void net_start(struct net *n)
{
	n->app = calloc(1, sizeof(*n->app));
	assert_non_null(n->app);
	assert_int_equal(app_start(n->app, &n->loop, &n->conf), 0);
}

/* The test's own peers still have handles on the loop, so it cannot tell when accessd's are gone.
 */
void net_stop(struct net *n)
{
	app_stop(n->app);
	net_for(n, 200);
	app_free(n->app);
	free(n->app);
	n->app = NULL;
}

#endif
