/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtt - what some probes of a way say together. Pure.
 *
 * The round trip is the least of all: whatever else delays an answer only adds. Lost is what came
 * much later than that (TCP sends again after 200 ms at the soonest, whichever side lost it), or
 * what our side sent again, if that is more; of all segments that an answer or another try was
 * due for.
 */
#ifndef FARLAN_RTT_H
#define FARLAN_RTT_H

#include <stddef.h>
#include <stdint.h>

#define RTT_SAMPLES_MAX 8
#define RTT_LATE_US 180000

struct rtt {
	size_t n;
	uint32_t us[RTT_SAMPLES_MAX];
};

/** rtt_add() - one probe's round trip; beyond RTT_SAMPLES_MAX nothing. */
void rtt_add(struct rtt *r, uint32_t us);
/** rtt_min_us() - 0 without samples. */
uint32_t rtt_min_us(const struct rtt *r);
/** rtt_loss_pm() - per mille. @segments: that we sent, each once; @again: that we sent again. */
uint32_t rtt_loss_pm(const struct rtt *r, uint32_t segments, uint32_t again);

#endif
