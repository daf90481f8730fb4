/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/sntp_client.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/backoff.h"
#include "common/pure/sntp.h"

#define PORT "123"
#define ADDRS_PER_SERVER 2 /* one of each family */

_Static_assert(OPT_SERVERS_MAX <= SNTP_SERVERS_MAX, "");

struct sntp_client_times sntp_client_times = {
	.first_ms = 4000,
	.round_ms = 5000,
	.min_ms = 15000,
	.max_ms = 1024000,
	.rate_ms = 3600000,
	.deny_ms = 7 * 86400000u,
};

/* A question on its way, on a socket of its own, so that each has another port. */
struct query {
	uv_udp_t udp;
	struct server *server; /* NULL: the answer is of no use any more */
	struct sntp_client *client;
	uint64_t cookie, asked_ms;
	uint8_t bytes[SNTP_MAX_BYTES + 4]; /* a longer answer is seen to be too long */
};

struct server {
	struct sntp_client *client;
	const struct url *url;
	uv_getaddrinfo_t lookup;
	bool looking, answered;
	struct query *queries[ADDRS_PER_SERVER];
	int64_t ahead_ms;	/* of the clock that nobody sets */
	uint64_t not_before_ms; /* told to leave it alone */
};

struct sntp_client {
	uv_loop_t *loop;
	struct opt_servers list;
	struct server servers[OPT_SERVERS_MAX];
	uv_timer_t timer; /* the next round, or the end of this one */
	struct backoff backoff;
	size_t n_asked, n_open; /* handles and look-ups that are not done */
	bool closing;
};

static void begin_round(uv_timer_t *t);

/* --- the end -----------------------------------------------------------------------------------
 */

static void one_less(struct sntp_client *c)
{
	if (--c->n_open == 0)
		free(c);
}

static void on_udp_closed(uv_handle_t *h)
{
	struct query *q = h->data;
	struct sntp_client *c = q->client;

	free(q);
	one_less(c);
}

static void drop_queries(struct server *s)
{
	for (size_t i = 0; i < ADDRS_PER_SERVER; i++) {
		if (!s->queries[i])
			continue;
		s->queries[i]->server = NULL;
		uv_close((uv_handle_t *)&s->queries[i]->udp, on_udp_closed);
		s->queries[i] = NULL;
	}
}

static void on_timer_closed(uv_handle_t *h)
{
	one_less(h->data);
}

void sntp_client_close(struct sntp_client *c)
{
	if (!c || c->closing)
		return;
	c->closing = true;
	for (size_t i = 0; i < c->list.n; i++) {
		drop_queries(&c->servers[i]);
		if (c->servers[i].looking)
			(void)uv_cancel((uv_req_t *)&c->servers[i].lookup);
	}
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

/* --- a round -----------------------------------------------------------------------------------
 */

static bool is_needed(void)
{
	struct clock_status s;

	clock_status(&s);
	return s.doubtful || s.state == OWNTIME_SNTP;
}

static void wait_for_next(struct sntp_client *c, bool done)
{
	uint32_t random, ms;

	file_random(&random, sizeof(random));
	ms = backoff_next_ms(&c->backoff, random);
	if (done) /* then now and then, for the clock that carries it on drifts */
		ms = sntp_client_times.max_ms / 2 + random % (sntp_client_times.max_ms / 2 + 1);
	uv_timer_start(&c->timer, begin_round, ms, 0);
}

static void end_round(uv_timer_t *t)
{
	struct sntp_client *c = t->data;
	int64_t ahead_ms[OPT_SERVERS_MAX], chosen_ms;
	struct clock_status before;
	size_t n = 0;
	int r = -EAGAIN;

	clock_status(&before);
	for (size_t i = 0; i < c->list.n; i++) {
		drop_queries(&c->servers[i]);
		if (c->servers[i].answered)
			ahead_ms[n++] = c->servers[i].ahead_ms;
	}
	if (sntp_choose(ahead_ms, n, c->n_asked, &chosen_ms) == 0)
		r = clock_take_sntp((int64_t)clock_mono_ms() + chosen_ms);
	if (r == 0 && before.doubtful)
		log_notice("the time is taken from time servers until the Access Server says it "
			   "answered=%zu of=%zu",
			   n, c->n_asked);
	else if (r != 0 && is_needed())
		log_info("time servers: no use answered=%zu of=%zu", n, c->n_asked);
	wait_for_next(c, r == 0);
}

static void maybe_end_round(struct sntp_client *c)
{
	for (size_t i = 0; i < c->list.n; i++) {
		const struct server *s = &c->servers[i];

		if (s->looking || s->queries[0] || s->queries[1])
			return;
	}
	uv_timer_start(&c->timer, end_round, 0, 0);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* Section 8 of RFC 4330: who says so is not asked again. */
static void obey(struct server *s, enum sntp_kiss kiss)
{
	bool rate = kiss == SNTP_KISS_RATE;
	uint32_t ms = rate ? sntp_client_times.rate_ms : sntp_client_times.deny_ms;

	s->not_before_ms = clock_mono_ms() + ms;
	log_warn("time server %s wants to be left alone: %s", s->url->host,
		 rate ? "for an hour" : "for a week");
}

static void take_answer(struct query *q, size_t n)
{
	struct server *s = q->server;
	struct clock_status now;
	struct sntp_answer a;
	int64_t mono_ms = (int64_t)clock_mono_ms();
	int r;

	clock_status(&now);
	r = sntp_decode(&a, q->bytes, n, q->cookie, now.floor_s);
	if (r == -EBADMSG || r == -EKEYREJECTED)
		return; /* somebody else's: the right one may still come */
	s->answered = r == 0;
	if (r == 0)
		s->ahead_ms = sntp_now_ms(&a, mono_ms - (int64_t)q->asked_ms) - mono_ms;
	else if (r == -EACCES)
		obey(s, a.kiss);
	else
		log_info("time server %s: %s", s->url->host,
			 r == -ENODATA ? "does not know itself" : "says what cannot be");
	drop_queries(s);
	maybe_end_round(s->client);
}

static void on_recv(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		    unsigned int flags)
{
	struct query *q = udp->data;

	(void)buf;
	(void)flags;
	/* An error is an ICMP message, which proves nothing. */
	if (q->server && from && n > 0)
		take_answer(q, (size_t)n);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct query *q = h->data;

	(void)size;
	*buf = uv_buf_init((char *)q->bytes, sizeof(q->bytes));
}

/* --- questions ---------------------------------------------------------------------------------
 */

/* The socket is connected: the kernel passes on nothing from others. */
static int send_query(struct query *q, const struct sockaddr *to)
{
	uint8_t bytes[SNTP_BYTES];
	uv_buf_t buf = uv_buf_init((char *)bytes, sizeof(bytes));
	int r = uv_udp_connect(&q->udp, to);

	file_random(&q->cookie, sizeof(q->cookie));
	sntp_encode(bytes, q->cookie);
	if (r == 0)
		r = uv_udp_recv_start(&q->udp, on_alloc, on_recv);
	q->asked_ms = clock_mono_ms();
	if (r == 0)
		r = uv_udp_try_send(&q->udp, &buf, 1, NULL);
	return r < 0 ? r : 0;
}

static void ask(struct server *s, size_t slot, const struct sockaddr *to)
{
	struct query *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return;
	q->server = s;
	q->client = s->client;
	uv_udp_init(s->client->loop, &q->udp);
	q->udp.data = q;
	s->client->n_open++;
	r = send_query(q, to);
	if (r == 0) {
		s->queries[slot] = q;
		return;
	}
	log_debug("time server %s: %s", s->url->host, uv_strerror(r));
	q->server = NULL;
	uv_close((uv_handle_t *)&q->udp, on_udp_closed);
}

static void on_found(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct server *s = req->data;
	struct sntp_client *c = s->client;

	s->looking = false;
	for (const struct addrinfo *a = list; a && !c->closing && status == 0; a = a->ai_next) {
		size_t slot = a->ai_family == AF_INET6;

		if ((a->ai_family == AF_INET || a->ai_family == AF_INET6) && !s->queries[slot])
			ask(s, slot, a->ai_addr);
	}
	uv_freeaddrinfo(list);
	if (!c->closing)
		maybe_end_round(c);
	one_less(c);
}

static void look_up(struct server *s)
{
	static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	char port[8] = PORT;

	if (s->url->port)
		snprintf(port, sizeof(port), "%u", s->url->port);
	s->lookup.data = s;
	if (uv_getaddrinfo(s->client->loop, &s->lookup, on_found, s->url->host, port, &hints) != 0)
		return;
	s->looking = true;
	s->client->n_open++;
}

static void begin_round(uv_timer_t *t)
{
	struct sntp_client *c = t->data;
	uint64_t now = clock_mono_ms();

	if (!is_needed())
		return; /* it does not become doubtful again */
	c->n_asked = 0;
	for (size_t i = 0; i < c->list.n; i++) {
		struct server *s = &c->servers[i];

		s->answered = false;
		/* A look-up of the last round may still hang. */
		if (s->looking || now < s->not_before_ms)
			continue;
		c->n_asked++;
		look_up(s);
	}
	uv_timer_start(&c->timer, end_round, sntp_client_times.round_ms, 0);
}

int sntp_client_open(struct sntp_client **out, uv_loop_t *loop, const struct opt_servers *servers)
{
	struct sntp_client *c;

	*out = NULL;
	if (servers->n == 0)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->list = *servers;
	for (size_t i = 0; i < c->list.n; i++) {
		c->servers[i].client = c;
		c->servers[i].url = &c->list.at[i];
	}
	backoff_init(&c->backoff, sntp_client_times.min_ms, sntp_client_times.max_ms);
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->n_open = 1;
	uv_timer_start(&c->timer, begin_round, sntp_client_times.first_ms, 0);
	*out = c;
	return 0;
}
