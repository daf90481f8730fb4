/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/flight.h"

#include <string.h>

#define STAMP_MIN_US 1000
#define STAMP_MAX_US 20000
#define START_ROUNDS 3   /* without growth: the line is full */
#define START_GAIN_PCT 289 /* 2/ln 2: doubles the rate each round trip */

void flight_init(struct flight *f, bool on, uint64_t now_us)
{
	memset(f, 0, sizeof(*f));
	f->on = on;
	f->acked_us = now_us;
}

uint64_t flight_rate(const struct flight *f)
{
	uint64_t best = 0;

	for (size_t i = 0; i < FLIGHT_ROUNDS; i++) {
		if (f->rates[i] > best)
			best = f->rates[i];
	}
	return best;
}

static uint64_t clamp(uint64_t n, uint64_t min, uint64_t max)
{
	return n < min ? min : n > max ? max : n;
}

static uint64_t window(const struct flight *f)
{
	uint64_t rate = flight_rate(f), us = f->min_rtt_us + FLIGHT_QUEUE_US, n;

	if (rate == 0 || f->min_rtt_us == 0)
		return FLIGHT_WINDOW_FIRST_BYTES;
	if (f->probe_until_us)
		us = f->min_rtt_us / 2;
	n = rate / 1000 * us / 1000;
	if (!f->started)
		n = clamp(n * START_GAIN_PCT / 100, FLIGHT_WINDOW_FIRST_BYTES, UINT64_MAX);
	return clamp(n, FLIGHT_WINDOW_MIN_BYTES, FLIGHT_WINDOW_MAX_BYTES);
}

size_t flight_room(const struct flight *f)
{
	uint64_t n = window(f), out = flight_under_way(f);

	if (!f->on)
		return SIZE_MAX;
	return n > out ? (size_t)(n - out) : 0;
}

void flight_sent(struct flight *f, size_t n, uint64_t now_us)
{
	if (f->sent == f->acked)
		f->acked_us = now_us; /* a rate is not counted from before a pause */
	f->sent += n;
}

void flight_idle(struct flight *f)
{
	f->limited_until = f->sent + 1;
}

bool flight_wants_stamp(const struct flight *f, uint64_t now_us)
{
	uint64_t every = clamp(f->min_rtt_us / 8, STAMP_MIN_US, STAMP_MAX_US);

	if (!f->on || f->n_stamps == FLIGHT_STAMPS_MAX)
		return false;
	return f->n_stamps == 0 || now_us - f->stamped_us >= every || flight_room(f) == 0;
}

void flight_stamp(struct flight *f, uint64_t now_us, uint64_t *sent)
{
	struct flight_stamp *s =
		&f->stamps[(f->first_stamp + f->n_stamps++) % FLIGHT_STAMPS_MAX];

	*s = (struct flight_stamp){
		.sent = f->sent,
		.clock_us = now_us,
		.acked = f->acked,
		.acked_us = f->acked_us,
		.limited = f->sent < f->limited_until,
	};
	f->stamped_us = now_us;
	*sent = f->sent;
}

static void note_rtt(struct flight *f, uint64_t rtt_us, uint64_t now_us)
{
	f->rtt_us = rtt_us;
	if (f->min_rtt_us == 0 || rtt_us <= f->min_rtt_us) {
		f->min_rtt_us = rtt_us ? rtt_us : 1;
		f->min_rtt_at_us = now_us;
		f->probe_until_us = 0;
	} else if (f->probe_until_us) {
		if (now_us >= f->probe_until_us) { /* this is what the empty path takes now */
			f->min_rtt_us = rtt_us;
			f->min_rtt_at_us = now_us;
			f->probe_until_us = 0;
		}
	} else if (now_us - f->min_rtt_at_us >= FLIGHT_RTT_US) {
		f->probe_until_us = now_us + FLIGHT_PROBE_US + 2 * f->min_rtt_us;
	}
}

/* The line is full when a round trip brings no more. */
static void next_round(struct flight *f)
{
	uint64_t rate = flight_rate(f);

	f->round_end = f->sent;
	f->round = (f->round + 1) % FLIGHT_ROUNDS;
	if (!f->started) {
		if (rate >= f->full_rate + f->full_rate / 4) {
			f->full_rate = rate;
			f->full_rounds = 0;
		} else if (++f->full_rounds >= START_ROUNDS) {
			f->started = true;
		}
	}
	f->rates[f->round] = 0;
}

/* A rate that the sender's pauses made counts only if it is higher than what is known. */
static void note_rate(struct flight *f, const struct flight_stamp *s, uint64_t now_us)
{
	uint64_t took = now_us - s->acked_us, sending = s->clock_us - s->acked_us, rate;

	if (took < 100 || took < sending)
		return;
	rate = (s->sent - s->acked) * 1000000 / took;
	if (s->limited && rate <= flight_rate(f))
		return;
	if (rate > f->rates[f->round])
		f->rates[f->round] = rate;
}

bool flight_acked(struct flight *f, uint64_t sent, uint64_t clock_us, uint64_t now_us)
{
	struct flight_stamp s;
	bool round_over;

	if (f->n_stamps == 0)
		return false;
	s = f->stamps[f->first_stamp];
	if (s.sent != sent || s.clock_us != clock_us || now_us < clock_us)
		return false; /* the stream is in order: only the oldest can come */
	f->first_stamp = (f->first_stamp + 1) % FLIGHT_STAMPS_MAX;
	f->n_stamps--;
	round_over = sent >= f->round_end;
	note_rtt(f, now_us - clock_us, now_us);
	note_rate(f, &s, now_us);
	f->acked = sent;
	f->acked_us = now_us;
	if (round_over && !s.limited)
		next_round(f);
	return true;
}
