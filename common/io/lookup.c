/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/url.h"

/* One name that is asked for, and who waits for it. */
struct question {
	uv_getaddrinfo_t req;
	char name[URL_HOST_SIZE];
	bool cancelled;
	struct lookup *waiting;
	struct question *next;
};

struct lookup {
	struct question *question;
	lookup_done_fn *done;
	void *arg;
	struct lookup *next;
};

static struct question *questions; /* of all loops; a daemon asks on one thread only */

static struct question *find(const uv_loop_t *loop, const char *name)
{
	struct question *q = questions;

	while (q && (q->req.loop != loop || q->cancelled || strcmp(q->name, name) != 0))
		q = q->next;
	return q;
}

static size_t count(void)
{
	size_t n = 0;

	for (const struct question *q = questions; q; q = q->next)
		n++;
	return n;
}

static void unlink_question(const struct question *q)
{
	struct question **at = &questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
}

/* Group addresses, and "this host" (RFC 1122 section 3.2.1.3): what a name server says that lies.
 */
static bool is_nobody(const struct addr *a)
{
	const struct addr any = {.family = a->family};

	if (a->family == 4)
		return a->bytes[0] == 0 || a->bytes[0] >= 224;
	return a->family != 6 || a->bytes[0] == 0xff || addr_equal(a, &any);
}

static size_t take(struct addr *out, const struct addrinfo *list)
{
	size_t n = 0;

	for (; list && n < LOOKUP_ADDRS_MAX; list = list->ai_next) {
		struct sockaddr_in6 six;
		struct sockaddr_in four;

		if (list->ai_family == AF_INET && list->ai_addrlen == sizeof(four)) {
			memcpy(&four, list->ai_addr, sizeof(four));
			out[n++] = addr_from_bytes(4, (const uint8_t *)&four.sin_addr);
		} else if (list->ai_family == AF_INET6 && list->ai_addrlen == sizeof(six)) {
			memcpy(&six, list->ai_addr, sizeof(six));
			out[n++] = addr_from_bytes(6, six.sin6_addr.s6_addr);
		} else {
			continue;
		}
		n -= is_nobody(&out[n - 1]);
	}
	return n;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct question *q = req->data;
	struct addr addrs[LOOKUP_ADDRS_MAX];
	size_t n = take(addrs, list);

	uv_freeaddrinfo(list);
	unlink_question(q); /* who asks from now on, asks anew */
	/* The callback may cancel others that wait here. */
	while (q->waiting) {
		struct lookup *l = q->waiting;

		q->waiting = l->next;
		l->done(l->arg, status, addrs, n);
		free(l);
	}
	free(q);
}

static int ask(struct question **out, uv_loop_t *loop, const char *name)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct question *q;
	int r;

	if (count() >= LOOKUP_NAMES_MAX)
		return -ENOBUFS;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	snprintf(q->name, sizeof(q->name), "%s", name);
	q->req.data = q;
	r = uv_getaddrinfo(loop, &q->req, on_answer, name, NULL, &hints);
	if (r != 0) {
		free(q);
		return r;
	}
	q->next = questions;
	questions = q;
	*out = q;
	return 0;
}

int lookup_start(struct lookup **out, uv_loop_t *loop, const char *name, lookup_done_fn *done,
		 void *arg)
{
	struct question *q = find(loop, name);
	struct lookup *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;

	if (r == 0 && !q)
		r = ask(&q, loop, name);
	if (r != 0) {
		free(l);
		return r;
	}
	*l = (struct lookup){.question = q, .done = done, .arg = arg, .next = q->waiting};
	q->waiting = l;
	*out = l;
	return 0;
}

void lookup_cancel(struct lookup *l)
{
	struct lookup **at = &l->question->waiting;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	/* One that no thread has taken yet ends at once; else the next who asks may use it. */
	if (!l->question->waiting && uv_cancel((uv_req_t *)&l->question->req) == 0)
		l->question->cancelled = true;
	free(l);
}

size_t lookup_hung(const uv_loop_t *loop)
{
	size_t n = 0;

	for (const struct question *q = questions; q; q = q->next)
		n += q->req.loop == loop && !q->waiting;
	return n;
}
