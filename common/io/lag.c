/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/lag.h"

#include "common/io/file.h"

static uint64_t note(struct lag *l)
{
	uint64_t now = clock_mono_ms(), late = now > l->due_ms ? now - l->due_ms : 0;

	if (late > l->worst_ms)
		l->worst_ms = late;
	return late;
}

/* The loop's own clock may be behind; it counts from when the loop woke. */
static void on_timer(uv_timer_t *t)
{
	struct lag *l = t->data;

	histo_add(&l->delays, note(l) * 1000);
	l->due_ms = clock_mono_ms() + LAG_EVERY_MS;
	uv_update_time(t->loop);
	uv_timer_start(t, on_timer, LAG_EVERY_MS, 0);
}

void lag_open(struct lag *l, uv_loop_t *loop)
{
	*l = (struct lag){.due_ms = clock_mono_ms() + LAG_EVERY_MS};
	uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	uv_update_time(loop);
	uv_timer_start(&l->timer, on_timer, LAG_EVERY_MS, 0);
}

uint64_t lag_take(struct lag *l)
{
	uint64_t worst;

	(void)note(l); /* what is overdue now counts now */
	worst = l->worst_ms;
	l->worst_ms = 0;
	return worst;
}

void lag_close(struct lag *l, uv_close_cb on_closed)
{
	uv_close((uv_handle_t *)&l->timer, on_closed);
}
