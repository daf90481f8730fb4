/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/check_mtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"

#define PAD_BYTES 6000
#define HEADERS_4 40 /* IPv4 and TCP */
#define HEADERS_6 60
#define ADDRESS_MAX 256

/* Of whole packets: what tunnels, DSL and radio lines leave. */
static const uint16_t sizes[] = {1492, 1460, 1440, 1420, 1400, 1360, 1320, 1280, 1200, 1000, 576};

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct step {
	struct check_mtu *mtu;
	struct check_port *check; /* while it runs */
	bool good;
};

struct check_mtu {
	uv_loop_t *loop;
	struct check_port_target target;
	char host[ADDRESS_MAX], host_header[ADDRESS_MAX + 10], path[ADDRESS_MAX];
	check_mtu_fn *fn;
	void *arg;
	uv_timer_t timer;
	bool over, laddered, whole_over;
	uint32_t pmtu;
	uint64_t begun_ms;
	struct step whole, steps[N_SIZES];
};

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void stop(struct step *s)
{
	if (s->check)
		check_port_cancel(s->check);
	s->check = NULL;
}

void check_mtu_cancel(struct check_mtu *c)
{
	if (c->over)
		return;
	c->over = true;
	stop(&c->whole);
	for (size_t i = 0; i < N_SIZES; i++)
		stop(&c->steps[i]);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void done(struct check_mtu *c)
{
	struct check_mtu_result r = {.whole = c->whole.good,
				     .pmtu = c->pmtu,
				     .ms = (uint32_t)(clock_mono_ms() - c->begun_ms)};
	size_t i = 0;

	while (i < N_SIZES && !c->steps[i].good)
		i++;
	if (!r.whole && i < N_SIZES)
		r.passes = sizes[i];
	if (r.passes && i > 0)
		r.too_large = sizes[i - 1];
	check_mtu_cancel(c);
	c->fn(c->arg, &r);
}

/* The largest that passes is known when all larger ones have failed; a smaller one that is still
 * on its way does not matter. */
static void look(struct check_mtu *c)
{
	if (c->whole.good) {
		done(c);
		return;
	}
	if (!c->whole_over || !c->laddered)
		return;
	for (size_t i = 0; i < N_SIZES; i++) {
		if (c->steps[i].good)
			break;
		if (c->steps[i].check)
			return;
	}
	done(c);
}

static void on_step(void *arg, const struct port_seen *seen)
{
	struct step *s = arg;

	s->check = NULL;
	s->good = port_seen_good(seen);
	look(s->mtu);
}

static int start_step(struct check_mtu *c, struct step *s, uint16_t mss, check_port_fn *fn)
{
	c->target.host = c->host;
	c->target.host_header = c->host_header;
	c->target.path = c->path;
	c->target.mss = mss;
	c->target.pad = PAD_BYTES;
	c->target.quick = true;
	s->mtu = c;
	return check_port_start(&s->check, c->loop, &c->target, fn, s);
}

static void start_ladder(struct check_mtu *c)
{
	int headers = c->target.addr.ss_family == AF_INET6 ? HEADERS_6 : HEADERS_4;

	if (c->laddered)
		return;
	c->laddered = true;
	for (size_t i = 0; i < N_SIZES; i++)
		(void)!start_step(c, &c->steps[i], (uint16_t)(sizes[i] - headers), on_step);
}

static void on_whole(void *arg, const struct port_seen *seen)
{
	struct step *s = arg;
	struct check_mtu *c = s->mtu;

	s->check = NULL;
	c->whole_over = true;
	s->good = port_seen_good(seen);
	c->pmtu = seen->pmtu;
	if (!s->good)
		start_ladder(c);
	look(c);
}

static void on_timer(uv_timer_t *timer)
{
	start_ladder(timer->data);
}

int check_mtu_start(struct check_mtu **out, uv_loop_t *loop, const struct check_port_target *target,
		    check_mtu_fn *fn, void *arg)
{
	struct check_mtu *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->target = *target;
	c->target.on_cert = NULL;
	snprintf(c->host, sizeof(c->host), "%s", target->host);
	snprintf(c->host_header, sizeof(c->host_header), "%s", target->host_header);
	snprintf(c->path, sizeof(c->path), "%s", target->path);
	c->fn = fn;
	c->arg = arg;
	c->begun_ms = clock_mono_ms();
	r = start_step(c, &c->whole, 0, on_whole);
	if (r != 0) {
		free(c);
		return r;
	}
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, on_timer, CHECK_MTU_PATIENCE_MS, 0);
	*out = c;
	return 0;
}

void check_mtu_say(const struct check_mtu_result *r, struct finding *f)
{
	f->ms = r->ms;
	if (r->whole && r->pmtu) {
		finding_say(f, FINDING_OK, "packets of %u bytes pass", r->pmtu);
	} else if (r->whole) {
		finding_say(f, FINDING_OK, "large packets pass");
	} else if (r->passes) {
		finding_say(f, FINDING_FAILED,
			    "packets of %u bytes pass, larger ones vanish, and nobody says so",
			    r->passes);
		finding_todo(
			f, "let ICMP \"fragmentation needed\" (type 3 code 4; ICMPv6 type 2) pass, "
			   "or limit the MSS at the router; here it helps to set: sysctl -w "
			   "net.ipv4.tcp_mtu_probing=1");
	} else {
		finding_say(f, FINDING_WARNING,
			    "no answer to a large request, whatever the size of its packets");
	}
}
