/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/direct.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/netaddr.h"

#define ADDRS_MAX 4

struct direct {
	uv_loop_t *loop;
	struct opt_access to;
	struct url url;
	const char *path;
	bool pass, over, released;
	uv_timer_t later; /* tells of what failed at once */
	const struct direct_callbacks *cb;
	void *arg;
	uv_getaddrinfo_t lookup;
	bool looking;
	struct outer *outer; /* while it is ours */
	size_t n, next;
	struct sockaddr_storage addrs[ADDRS_MAX];
	char why[400];
};

const char *direct_text(const struct opt_access *to, char out[DIRECT_TEXT_SIZE])
{
	opt_print_access(NULL, to, out, DIRECT_TEXT_SIZE);
	return out;
}

static void on_later_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void release(struct direct *d)
{
	if (!d->over || d->looking || d->outer || d->released)
		return;
	d->released = true;
	uv_close((uv_handle_t *)&d->later, on_later_closed);
}

static void note(struct direct *d, const char *reason)
{
	char at[DIRECT_TEXT_SIZE];

	snprintf(d->why, sizeof(d->why), "%s: %s", direct_text(&d->to, at), reason);
}

static void fail(struct direct *d)
{
	d->over = true;
	d->cb->on_failed(d->arg, d->why);
	release(d);
}

static void try_next(struct direct *d);

static void on_open(struct outer *o)
{
	struct direct *d = outer_arg(o);

	if (d->over)
		return;
	d->outer = NULL;
	d->over = true;
	d->cb->on_open(d->arg, o);
	release(d);
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	outer_close(o, "it spoke first");
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct direct *d = outer_arg(o);

	(void)clean;
	d->outer = NULL;
	if (d->over) {
		release(d);
		return;
	}
	note(d, reason);
	try_next(d);
}

static const struct outer_callbacks calls = {
	.on_open = on_open,
	.on_data = on_data,
	.on_closed = on_closed,
};

static int begin(struct direct *d, const struct sockaddr_storage *addr)
{
	char header[URL_HOST_SIZE + 10] = "", path[URL_PATH_SIZE + 64] = "";
	struct outer_target target = {.addr = *addr,
				      .host = d->pass ? "access" : d->url.host,
				      .host_header = header,
				      .path = path,
				      .headers = "",
				      .pass = d->pass};
	int r = d->pass ? 0
			: url_host_header(&d->url, d->url.port ? d->url.port : 443, header,
					  sizeof(header));

	if (!d->pass)
		snprintf(path, sizeof(path), "%s%s", d->url.path, d->path);
	return r ? r : outer_connect(&d->outer, d->loop, NULL, &target, &calls, d);
}

static void try_next(struct direct *d)
{
	while (d->next < d->n) {
		int r = begin(d, &d->addrs[d->next++]);

		if (r == 0)
			return;
		note(d, strerror(-r));
	}
	fail(d);
}

static void on_later(uv_timer_t *timer)
{
	struct direct *d = timer->data;

	if (!d->over)
		try_next(d);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct direct *d = req->data;

	d->looking = false;
	for (struct addrinfo *a = list; a && d->n < ADDRS_MAX; a = a->ai_next) {
		uint16_t port;
		struct addr addr;

		memcpy(&d->addrs[d->n], a->ai_addr, a->ai_addrlen);
		addr = netaddr_of(&d->addrs[d->n], &port);
		netaddr_to(&d->addrs[d->n++], &addr, d->to.at.port);
	}
	uv_freeaddrinfo(list);
	if (d->over) {
		release(d);
		return;
	}
	note(d, status != 0 ? uv_strerror(status) : "the name has no address");
	try_next(d);
}

static void look_up(struct direct *d)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	int r;

	if (d->to.at.is_address)
		hints.ai_flags = AI_NUMERICHOST;
	d->lookup.data = d;
	r = uv_getaddrinfo(d->loop, &d->lookup, on_resolved, d->to.at.host, NULL, &hints);
	d->looking = r == 0;
	if (r == 0)
		return;
	note(d, uv_strerror(r));
	uv_timer_start(&d->later, on_later, 0, 0);
}

int direct_start(struct direct **out, uv_loop_t *loop, const struct direct_target *target,
		 const struct direct_callbacks *cb, void *arg)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->to = *target->to;
	d->pass = target->pass;
	if (target->url)
		d->url = *target->url;
	d->path = target->path;
	d->cb = cb;
	d->arg = arg;
	uv_timer_init(loop, &d->later);
	d->later.data = d;
	if (d->to.path[0]) {
		netaddr_unix(&d->addrs[d->n++], d->to.path);
		uv_timer_start(&d->later, on_later, 0, 0);
	} else {
		look_up(d);
	}
	*out = d;
	return 0;
}

void direct_cancel(struct direct *d)
{
	if (d->over)
		return;
	d->over = true;
	if (d->looking)
		(void)uv_cancel((uv_req_t *)&d->lookup);
	if (d->outer)
		outer_close(d->outer, "not wanted any more");
	release(d);
}
