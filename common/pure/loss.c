/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/loss.h"

static void begin_stretch(struct loss *l, uint32_t segments, uint32_t again, uint64_t now_ms)
{
	l->segments = segments;
	l->again = again;
	l->since_ms = now_ms;
}

bool loss_note(struct loss *l, uint32_t segments, uint32_t again, uint64_t now_ms)
{
	uint32_t sent = segments - l->segments, lost = again - l->again;

	if (lost >= LOSS_MIN && (uint64_t)lost * LOSS_ONE_IN >= sent) {
		l->lossy = true;
		l->bad_ms = now_ms;
		begin_stretch(l, segments, again, now_ms);
	} else if (sent >= LOSS_SEGMENTS || now_ms - l->since_ms >= LOSS_STRETCH_MS) {
		begin_stretch(l, segments, again, now_ms);
	}
	if (l->lossy && now_ms - l->bad_ms >= LOSS_CALM_MS)
		l->lossy = false;
	return l->lossy;
}
