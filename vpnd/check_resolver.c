/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/check_resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/netaddr.h"
#include "common/pure/dns_ask.h"

#define PORT 53

struct check_resolver {
	uv_udp_t udp;
	uv_timer_t timer;
	unsigned int handles;
	bool over;
	check_resolver_fn *fn;
	void *arg;
	struct addr server;
	uint64_t begun_ms;
	uint8_t asked[DNS_ASK_MAX_BYTES];
	size_t n_asked;
	char in[DNS_ASK_MAX_BYTES];
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct check_resolver *c = handle->data;

	if (--c->handles == 0)
		free(c);
}

void check_resolver_cancel(struct check_resolver *c)
{
	if (c->over)
		return;
	c->over = true;
	uv_close((uv_handle_t *)&c->udp, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void done(struct check_resolver *c, struct finding *f)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(&c->server, text);
	snprintf(f->id, sizeof(f->id), "resolver");
	snprintf(f->subject, sizeof(f->subject), "%s", text);
	f->ms = (uint32_t)(clock_mono_ms() - c->begun_ms);
	check_resolver_cancel(c);
	c->fn(c->arg, f);
}

static void on_timer(uv_timer_t *timer)
{
	struct finding f = {.state = FINDING_OK};

	finding_say(&f, FINDING_WARNING, "does not answer within %.1f s",
		    (double)CHECK_RESOLVER_MS / 1000);
	finding_todo(&f, "allow UDP and TCP 53 to it, or take it out of /etc/resolv.conf");
	done(timer->data, &f);
}

static void fail(struct check_resolver *c, int status)
{
	struct finding f = {.state = FINDING_OK};

	finding_say(&f, FINDING_WARNING, "cannot be asked: %s", uv_strerror(status));
	finding_todo(&f,
		     "no name server is there, or a firewall rejects it: allow UDP and TCP 53 to "
		     "it, or take it out of /etc/resolv.conf");
	done(c, &f);
}

static void say(const struct dns_told *t, struct finding *f)
{
	if (t->rcode == 0 && t->answers > 0)
		finding_say(f, FINDING_OK, "answers, and knows the name");
	else if (t->rcode == 0)
		finding_say(f, FINDING_WARNING, "answers, and has no IPv4 address for the name");
	else
		finding_say(f, FINDING_WARNING, "answers %s", dns_ask_word(t->rcode));
	if (t->rcode == 3)
		finding_todo(f, "it does not know the name: is it right, and is this a name server "
				"for the Internet?");
	else if (t->rcode != 0)
		finding_todo(f,
			     "it has trouble, or does not want to: see to it, or name another one");
}

static void on_recv(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		    unsigned int flags)
{
	struct check_resolver *c = udp->data;
	struct finding f = {.state = FINDING_OK};
	struct dns_told t;

	(void)flags;
	if (c->over || (n == 0 && !from))
		return;
	if (n < 0) {
		fail(c, (int)n);
		return;
	}
	if (dns_ask_decode(&t, (const uint8_t *)buf->base, (size_t)n, c->asked, c->n_asked) != 0)
		return;
	say(&t, &f);
	done(c, &f);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
	struct check_resolver *c = handle->data;

	(void)wanted;
	*buf = uv_buf_init(c->in, sizeof(c->in));
}

/* Connected, so that a refusal by ICMP is heard of. Errors come by the timer. */
static int ask(struct check_resolver *c)
{
	uv_buf_t buf = uv_buf_init((char *)c->asked, (unsigned int)c->n_asked);
	struct sockaddr_storage ss;
	int r;

	netaddr_to(&ss, &c->server, PORT);
	r = uv_udp_connect(&c->udp, (const struct sockaddr *)&ss);
	if (r == 0)
		r = uv_udp_recv_start(&c->udp, on_alloc, on_recv);
	if (r == 0)
		r = uv_udp_try_send(&c->udp, &buf, 1, NULL);
	return r < 0 ? r : 0;
}

/* NOLINTNEXTLINE(readability-function-size): whom, what, and who hears of it */
int check_resolver_start(struct check_resolver **out, uv_loop_t *loop, const struct addr *server,
			 const char *name, check_resolver_fn *fn, void *arg)
{
	struct check_resolver *c = calloc(1, sizeof(*c));
	uint16_t id;
	int r;

	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->arg = arg;
	c->server = *server;
	c->begun_ms = clock_mono_ms();
	file_random(&id, sizeof(id));
	r = dns_ask_encode(c->asked, &c->n_asked, name, id);
	if (r == 0)
		r = uv_udp_init(loop, &c->udp);
	if (r != 0) {
		free(c);
		return r;
	}
	uv_timer_init(loop, &c->timer);
	c->udp.data = c->timer.data = c;
	c->handles = 2;
	r = ask(c);
	if (r != 0) {
		check_resolver_cancel(c);
		return r;
	}
	uv_timer_start(&c->timer, on_timer, CHECK_RESOLVER_MS, 0);
	*out = c;
	return 0;
}
