/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/drain.h"

#include "common/io/file.h"
#include "common/io/log.h"

#define LOOK_MS 100

uint16_t drain_left_s(const struct drain *d)
{
	uint64_t now = clock_mono_ms(), left_s;

	if (!(d->why & DRAIN_STOPPING))
		return 0;
	left_s = d->until_ms > now ? (d->until_ms - now + 999) / 1000 : 0;
	return left_s < 1 ? 1 : left_s > UINT16_MAX ? UINT16_MAX : (uint16_t)left_s;
}

const char *drain_why_text(const struct drain *d)
{
	if (d->why & DRAIN_STOPPING)
		return "stopping";
	if (d->why & DRAIN_BY_HAND)
		return "relayctl drain";
	return d->why & DRAIN_BY_ACCESS ? "the Access Server" : "";
}

void drain_open(struct drain *d, uv_loop_t *loop, uint32_t stop_s, const struct drain_ops *ops,
		void *arg)
{
	*d = (struct drain){.ops = ops, .arg = arg, .stop_s = stop_s};
	uv_timer_init(loop, &d->looking);
	d->looking.data = d;
}

void drain_close(struct drain *d)
{
	if (d->closed || !d->ops)
		return;
	d->closed = true;
	uv_close((uv_handle_t *)&d->looking, NULL);
}

void drain_again(const struct drain *d)
{
	if (drain_on(d))
		d->ops->set(d->arg, true, drain_left_s(d));
}

void drain_set(struct drain *d, enum drain_why why, bool on)
{
	unsigned int before = d->why;

	d->why = on ? before | (unsigned int)why : before & ~(unsigned int)why;
	if (d->why == before)
		return;
	if (!drain_on(d)) {
		log_notice("the relay takes sessions again");
		d->ops->set(d->arg, false, 0);
	} else if (!before || why == DRAIN_STOPPING) {
		log_notice("the relay drains why=\"%s\" sessions=%zu", drain_why_text(d),
			   d->ops->sessions(d->arg));
		drain_again(d);
	}
}

static void on_look(uv_timer_t *timer)
{
	struct drain *d = timer->data;
	size_t n = d->ops->sessions(d->arg);

	if (n > 0 && clock_mono_ms() < d->until_ms)
		return;
	uv_timer_stop(timer);
	if (n > 0)
		log_notice("sessions that have not gone elsewhere are closed sessions=%zu", n);
	d->ops->done(d->arg);
}

bool drain_stop(struct drain *d)
{
	if (d->closed || !d->ops || d->stop_s == 0 || d->ops->sessions(d->arg) == 0)
		return false;
	d->until_ms = clock_mono_ms() + (uint64_t)d->stop_s * 1000;
	drain_set(d, DRAIN_STOPPING, true);
	uv_timer_start(&d->looking, on_look, LOOK_MS, LOOK_MS);
	return true;
}
