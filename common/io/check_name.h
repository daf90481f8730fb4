/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check_name - which addresses a name has, by this host's resolver, with a deadline. One shot; for
 * the doctors of all daemons.
 */
#ifndef FARLAN_CHECK_NAME_H
#define FARLAN_CHECK_NAME_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#define CHECK_NAME_MS 6000
#define CHECK_NAME_ADDRS_MAX 8

struct check_name_result {
	int status; /* 0; a UV_EAI_ code; UV_ETIMEDOUT */
	size_t n;
	struct sockaddr_storage addrs[CHECK_NAME_ADDRS_MAX]; /* without port */
	uint32_t ms;
};

struct check_name;

/* The only call. */
typedef void check_name_fn(void *arg, const struct check_name_result *result);

/** check_name_start() - @fn never comes before it returns. Return: 0; -errno. */
int check_name_start(struct check_name **out, uv_loop_t *loop, const char *host, check_name_fn *fn,
		     void *arg) __attribute__((warn_unused_result));
/** check_name_cancel() - no callback any more. A look-up that runs ends by itself. */
void check_name_cancel(struct check_name *c);

#endif
