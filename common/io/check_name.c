/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/check_name.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"

struct check_name {
	uv_getaddrinfo_t req;
	uv_timer_t timer;
	check_name_fn *fn;
	void *arg;
	uint64_t begun_ms;
	bool over, resolved, timer_closed;
};

static void maybe_free(struct check_name *c)
{
	if (c->resolved && c->timer_closed)
		free(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct check_name *c = handle->data;

	c->timer_closed = true;
	maybe_free(c);
}

void check_name_cancel(struct check_name *c)
{
	if (c->over)
		return;
	c->over = true;
	(void)uv_cancel((uv_req_t *)&c->req);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void done(struct check_name *c, struct check_name_result *r)
{
	r->ms = (uint32_t)(clock_mono_ms() - c->begun_ms);
	check_name_cancel(c);
	c->fn(c->arg, r);
}

static void on_timer(uv_timer_t *timer)
{
	struct check_name_result r = {.status = UV_ETIMEDOUT};

	done(timer->data, &r);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct check_name *c = req->data;
	struct check_name_result r = {.status = status};

	c->resolved = true;
	for (const struct addrinfo *at = list; at && r.n < CHECK_NAME_ADDRS_MAX; at = at->ai_next)
		memcpy(&r.addrs[r.n++], at->ai_addr, at->ai_addrlen);
	uv_freeaddrinfo(list);
	if (!c->over)
		done(c, &r);
	maybe_free(c);
}

int check_name_start(struct check_name **out, uv_loop_t *loop, const char *host, check_name_fn *fn,
		     void *arg)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct check_name *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->arg = arg;
	c->begun_ms = clock_mono_ms();
	c->req.data = c;
	r = uv_getaddrinfo(loop, &c->req, on_resolved, host, NULL, &hints);
	if (r != 0) {
		free(c);
		return r;
	}
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, on_timer, CHECK_NAME_MS, 0);
	*out = c;
	return 0;
}
