/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/loss.h"

static void begin_stretch(struct loss *l, const struct loss_look *look)
{
	l->segments = look->segments;
	l->since_ms = look->now_ms;
	l->events = l->lost = 0;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static void note_rtt(struct loss *l, const struct loss_look *look)
{
	if (look->now_ms - l->lowest_ms >= LOSS_LOWEST_MS) {
		l->last_lowest_us = l->lowest_us;
		l->lowest_us = 0;
		l->lowest_ms = look->now_ms;
	}
	l->lowest_us = lower(l->lowest_us, look->rtt_us);
}

static bool is_queued(const struct loss *l, uint32_t rtt_us)
{
	uint32_t lowest = lower(l->lowest_us, l->last_lowest_us);

	return rtt_us > lowest + lowest / 4 + LOSS_QUEUE_US;
}

static void note_event(struct loss *l, const struct loss_look *look)
{
	uint32_t lost = look->again - l->again;
	uint64_t apart_ms = 2 * (uint64_t)look->rtt_us / 1000;

	l->again = look->again;
	/* "Sent in vain" is counted late, and may take back what had been counted. */
	if (lost == 0 || lost > INT32_MAX || is_queued(l, look->rtt_us))
		return;
	l->lost += lost;
	if (apart_ms < LOSS_EVENT_MS)
		apart_ms = LOSS_EVENT_MS;
	if (l->events > 0 && look->now_ms - l->event_ms < apart_ms)
		return;
	l->events++;
	l->event_ms = look->now_ms;
}

bool loss_note(struct loss *l, const struct loss_look *look)
{
	uint32_t sent = look->segments - l->segments;

	note_rtt(l, look);
	note_event(l, look);
	if (l->events >= LOSS_EVENTS && (uint64_t)l->lost * LOSS_ONE_IN >= sent) {
		l->lossy = true;
		l->bad_ms = look->now_ms;
		begin_stretch(l, look);
	} else if (sent >= LOSS_SEGMENTS || look->now_ms - l->since_ms >= LOSS_STRETCH_MS) {
		begin_stretch(l, look);
	}
	if (l->lossy && look->now_ms - l->bad_ms >= LOSS_CALM_MS)
		l->lossy = false;
	return l->lossy;
}
