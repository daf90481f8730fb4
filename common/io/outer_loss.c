/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which congestion control a connection uses. The system's own, mostly cubic, takes a lost segment
 * for a full queue: with 1 % loss at 40 ms it carries 1 Mbit/s. bbr goes by what arrives, but
 * paces by timers, which costs a fast clean connection 10 to 20 % of its throughput. So bbr, while
 * segments are lost (pure/loss), where the kernel has it and lets us: without CAP_NET_ADMIN it
 * must be in net.ipv4.tcp_allowed_congestion_control.
 */
#include "common/io/outer_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "common/io/log.h"
#include "common/io/tcp_count.h"

#define LOOK_EVERY_MS 100
#define LOSS_CONTROL "bbr"

static int set_control(int fd, const char *name)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) ? -errno
											  : 0;
}

static void note_refusal(int error)
{
	static struct log_limit limit;

	if (log_allowed(&limit, 1))
		log_notice("a connection loses packets and will be slow: the kernel has no "
			   "congestion control " LOSS_CONTROL " for us: %s",
			   strerror(-error));
}

/* What the system had chosen is kept, to go back to. */
static void leave_system(struct outer *o)
{
	socklen_t len = sizeof(o->system_control) - 1;
	int r;

	memset(o->system_control, 0, sizeof(o->system_control));
	if (getsockopt(o->fd, IPPROTO_TCP, TCP_CONGESTION, o->system_control, &len) != 0)
		return;
	if (strcmp(o->system_control, LOSS_CONTROL) == 0)
		return;
	r = set_control(o->fd, LOSS_CONTROL);
	if (r != 0)
		note_refusal(r);
}

static void return_to_system(struct outer *o)
{
	if (o->system_control[0])
		(void)set_control(o->fd, o->system_control); /* it had it before */
}

/* A kernel that does not count what was sent counts what was sent again: that is no ratio. */
static bool note_sent(struct outer *o, const struct tcp_counts *c, uint64_t now_ms)
{
	struct loss_look look = {
		.segments = c->sent, .again = c->again, .rtt_us = c->rtt_us, .now_ms = now_ms};

	return c->sent > 0 && loss_note(&o->loss_out, &look);
}

/* The round trip of what the other side sends is not known here. */
static void note_received(struct outer *o, const struct tcp_counts *c, uint64_t now_ms)
{
	struct loss_look look = {.segments = c->received, .again = c->displaced, .now_ms = now_ms};

	(void)loss_note(&o->loss_in, &look);
}

void outer_watch_loss(struct outer *o)
{
	uint64_t now_ms = uv_now(o->loop);
	bool was = o->loss_out.lossy, is;
	struct tcp_counts c;

	if (now_ms - o->loss_looked_ms < LOOK_EVERY_MS)
		return;
	o->loss_looked_ms = now_ms;
	if (tcp_count(o->fd, &c) != 0)
		return;
	is = note_sent(o, &c, now_ms);
	note_received(o, &c, now_ms);
	if (is && !was)
		leave_system(o);
	else if (was && !is)
		return_to_system(o);
}

bool outer_lossy(const struct outer *o)
{
	return o->loss_out.lossy || o->loss_in.lossy;
}
