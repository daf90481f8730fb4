/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/flight.h"

#include <string.h>

#define STAMP_MIN_US 1000
#define STAMP_MAX_US 20000
#define STAMP_BYTES 3000 /* at least between two, as between acknowledgements of TCP */
#define GROW_PCT 125
#define START_PCT 200  /* until the line is full, and when it seems to have become much faster */
#define EMPTY_ROUNDS 4 /* that long without a queue */
#define LATE_ROUNDS 4  /* one after the other are a queue, where segments get lost */
#define LATE_ROUNDS_START 2
#define AGAIN_ROUNDS 2 /* looking for the empty path: the first one empties it */
#define AGAIN_PCT 95   /* of what the empty path holds */
#define SUSPECT_PCT 80 /* cut to less than this, it can be told whether that made us slower */

void flight_init(struct flight *f, bool on, uint64_t now_us)
{
	memset(f, 0, sizeof(*f));
	f->on = on;
	f->window = FLIGHT_WINDOW_FIRST_BYTES;
	f->round_end = 1;
	f->round_us = f->round_clock_us = f->sent_us = now_us;
	f->slack_rounds = FLIGHT_SLACK_ROUNDS;
}

static uint64_t clamp(uint64_t n, uint64_t min, uint64_t max)
{
	return n < min ? min : n > max ? max : n;
}

uint64_t flight_rate(const struct flight *f)
{
	uint64_t best = 0;

	for (size_t i = 0; i < FLIGHT_RATES; i++) {
		if (f->rates[i] > best)
			best = f->rates[i];
	}
	return best;
}

static uint64_t target_us(const struct flight *f)
{
	return clamp(f->base_us / 8, FLIGHT_TARGET_US, FLIGHT_TARGET_MAX_US);
}

uint64_t flight_path_us(const struct flight *f)
{
	/* What is behind a lost segment waits until that has been sent again. */
	return f->base_us * (f->lossy ? 2 : 1) + f->slack_us;
}

/* Bytes that a rate brings in a time; neither is so high that this overflows. */
static uint64_t product(uint64_t rate, uint64_t us)
{
	return rate / 1000 * us / 1000;
}

static uint64_t limit(const struct flight *f)
{
	return f->again_rounds > 0 ? f->low_window : f->window;
}

size_t flight_room(const struct flight *f)
{
	uint64_t n = limit(f), out = flight_under_way(f);

	if (!f->on)
		return SIZE_MAX;
	return n > out ? (size_t)(n - out) : 0;
}

static void begin_round(struct flight *f, uint64_t now_us)
{
	f->round_us = now_us;
	f->round_clock_us = f->acked_clock_us;
	f->round_acked = f->acked;
	f->round_end = f->sent;
	f->round_rtt_us = 0;
	f->round_peak = flight_under_way(f);
}

/* A pause ends: what was known of the line may be wrong by now, and no rate is counted from before.
 */
static void resume(struct flight *f, uint64_t now_us)
{
	if (now_us - f->sent_us >= FLIGHT_BASE_US) {
		f->window = clamp(f->window / 4, FLIGHT_WINDOW_FIRST_BYTES, f->window);
		f->started = false;
	}
	begin_round(f, now_us);
	f->round_clock_us = now_us;
	f->round_end = f->sent + 1;
}

void flight_lossy(struct flight *f, bool lossy)
{
	if (lossy && !f->lossy)
		f->started = f->chain = f->cut = false; /* what looked like a queue was none */
	if (!lossy && f->lossy && f->slack_us)
		f->slack_left = 1; /* hardly needed any more */
	f->lossy = lossy;
}

void flight_sent(struct flight *f, size_t n, uint64_t now_us)
{
	if (f->sent == f->acked && now_us - f->sent_us >= FLIGHT_ROUND_US)
		resume(f, now_us);
	f->sent += n;
	f->sent_us = now_us;
	if (flight_under_way(f) > f->round_peak)
		f->round_peak = flight_under_way(f);
}

bool flight_wants_stamp(const struct flight *f, uint64_t now_us, bool first)
{
	uint64_t unstamped = f->sent - f->last.sent;
	uint64_t often = clamp(f->window / 16, clamp(f->window / 8, 0, STAMP_BYTES), f->window);

	if (!f->on || f->n_stamps == FLIGHT_STAMPS_MAX)
		return false;
	if (first)
		return now_us - f->last.clock_us >=
		       clamp(f->base_us / 16, STAMP_MIN_US, STAMP_MAX_US);
	return unstamped > 0 && (f->n_stamps == 0 || unstamped >= often);
}

void flight_stamp(struct flight *f, uint64_t now_us, uint64_t *sent)
{
	f->last = (struct flight_stamp){
		.sent = f->sent,
		.clock_us = now_us,
		.lone = flight_under_way(f) <= FLIGHT_LONE_BYTES,
	};
	f->stamps[(f->first_stamp + f->n_stamps++) % FLIGHT_STAMPS_MAX] = f->last;
	*sent = f->sent;
}

/* The window */

static void note_rate(struct flight *f, uint64_t rate, bool filled)
{
	if (filled || rate > flight_rate(f))
		f->rates[f->n_rates++ % FLIGHT_RATES] = rate;
}

static void grow(struct flight *f)
{
	bool fast = !f->started || (++f->empty_rounds >= EMPTY_ROUNDS && !f->lossy);
	uint64_t filled_us = f->base_us + f->slack_us + target_us(f);
	uint64_t pct = clamp(filled_us * 100 / f->round_rtt_us, 100, GROW_PCT);

	f->window = clamp(f->window * (fast ? START_PCT : pct) / 100, f->window,
			  FLIGHT_WINDOW_MAX_BYTES);
	f->resting = !fast; /* the next round is still of what was sent before */
}

/* The window was cut, but the queue is still there, and we are slower. */
static bool was_in_vain(const struct flight *f, uint64_t rate)
{
	uint64_t part;

	if (!f->chain)
		return false;
	if (f->window == FLIGHT_WINDOW_MIN_BYTES)
		return true;
	part = f->window * 100 / f->old_window;
	return part < SUSPECT_PCT && rate * 200 < f->old_rate * (100 + part);
}

static void take_slack(struct flight *f, uint64_t queue_us)
{
	f->slack_us = clamp(f->slack_us + queue_us, 0, FLIGHT_SLACK_MAX_US);
	f->slack_left = f->slack_rounds;
	f->chain = false;
	f->started = f->lossy; /* it grows from here; as at the start, if a queue is seen early */
}

static void cut(struct flight *f, uint64_t queue_us, uint64_t rate, bool filled)
{
	/* One lost segment makes a slow round, too: the one before it counts. */
	uint64_t best = rate > f->last_rate ? rate : f->last_rate;
	uint64_t n = product(best, f->base_us + f->slack_us + target_us(f));

	if (!f->started && queue_us < target_us(f) * 4) {
		f->started = true; /* the rate was still growing: it is known after another round */
		return;
	}
	f->started = true;
	n = clamp(n, filled ? FLIGHT_WINDOW_MIN_BYTES : FLIGHT_WINDOW_FIRST_BYTES,
		  FLIGHT_WINDOW_MAX_BYTES);
	if (n >= f->window)
		return;
	if (!f->chain) {
		f->old_window = f->window;
		f->old_rate = rate;
	}
	if (f->cut && rate < f->old_rate)
		f->old_rate = rate; /* the line itself has become slower */
	f->window = n;
	f->cut = f->chain = true;
	f->cut_end = f->sent;
}

/* So many late rounds are a queue. While we begin, so does the connection below: what does not fit
 * into its first window comes a round trip later. */
static uint32_t patience(const struct flight *f, uint64_t queue_us)
{
	if (f->lossy)
		return queue_us > f->base_us * 3 ? 1 : LATE_ROUNDS;
	return f->started || queue_us > f->base_us * 3 / 2 ? 1 : LATE_ROUNDS_START;
}

/* What begins inside of us sends twice as much each round: it must not wait for us to see that, or
 * it takes us for a full line and leaves its slow start (HyStart). */
static bool needs_more(const struct flight *f, bool filled)
{
	return filled || (!f->started && f->round_peak >= f->window / 2);
}

static void adapt(struct flight *f, uint64_t rate, bool filled)
{
	uint64_t rtt = f->round_rtt_us, base = f->base_us + f->slack_us;
	uint64_t queue = rtt > base ? rtt - base : 0;

	if (queue > target_us(f)) {
		f->empty_rounds = 0;
		if (!f->cut && ++f->late_rounds < patience(f, queue))
			return;
		if (filled && !f->cut && was_in_vain(f, rate))
			take_slack(f, queue);
		else
			cut(f, queue, rate, filled);
		return;
	}
	f->late_rounds = 0;
	if (!f->cut)
		f->chain = false;
	if (queue >= target_us(f) / 2)
		f->empty_rounds = 0;
	else if (f->resting)
		f->resting = false;
	else if (needs_more(f, filled) && !f->cut)
		grow(f);
}

/* What round trips are without a queue of ours: the lowest of the last rounds tells. */
static void looked_again(struct flight *f, uint64_t now_us)
{
	uint64_t over = f->round_rtt_us > f->base_us ? f->round_rtt_us - f->base_us : 0;
	bool needed = over * 4 >= f->slack_us * 3;

	if (now_us - f->base_at_us >= FLIGHT_BASE_US) {
		if (!f->lossy) { /* else what was held up may be in it */
			f->base_us = f->round_rtt_us;
			over = 0;
		}
		f->base_at_us = now_us;
	}
	if (over < f->slack_us)
		f->slack_us = over;
	f->slack_rounds =
		needed ? (uint32_t)clamp(f->slack_rounds * 2ULL, 0, FLIGHT_SLACK_ROUNDS_MAX)
		       : FLIGHT_SLACK_ROUNDS;
	f->slack_left = f->slack_rounds;
}

/* Less than what the empty path holds, or, with slack, half of it. */
static void set_low_window(struct flight *f)
{
	uint64_t used = clamp(f->round_peak, 0, f->window);
	uint64_t low_us = f->base_us * AGAIN_PCT / 100 + f->slack_us / 2;

	f->low_window = clamp(used * low_us / (f->base_us + f->slack_us + target_us(f)),
			      FLIGHT_WINDOW_MIN_BYTES, FLIGHT_WINDOW_MAX_BYTES);
}

/* Return: true while less is under way than the path holds. */
static bool look_again(struct flight *f, uint64_t now_us, bool filled)
{
	bool tested;

	if (f->again_rounds == 0) {
		tested = f->slack_us && filled && f->slack_left > 0 && --f->slack_left == 0;
		if (f->chain || (!tested && now_us - f->base_at_us < FLIGHT_BASE_US))
			return false;
		f->again_rounds = AGAIN_ROUNDS;
		f->again_end = f->sent;
		set_low_window(f);
		return true;
	}
	if (f->acked >= f->again_end && --f->again_rounds == 0)
		looked_again(f, now_us);
	return true;
}

/* Echoes that were held up by a lost segment come all at once: no path delivers more than was sent
 * in that time (draft-cheng-iccrg-delivery-rate-estimation). */
static uint64_t round_rate(const struct flight *f, uint64_t now_us)
{
	uint64_t came_us = now_us - f->round_us, went_us = 0;

	if (f->acked_clock_us > f->round_clock_us)
		went_us = f->acked_clock_us - f->round_clock_us;
	return (f->acked - f->round_acked) * 1000000 / (went_us > came_us ? went_us : came_us);
}

static void end_round(struct flight *f, uint64_t now_us)
{
	uint64_t rate = round_rate(f, now_us);
	bool filled = f->round_peak >= limit(f);

	note_rate(f, rate, filled && f->again_rounds == 0);
	if (!look_again(f, now_us, filled))
		adapt(f, rate, filled);
	f->last_rate = rate;
	begin_round(f, now_us);
}

static void new_base(struct flight *f, uint64_t rtt_us, uint64_t now_us)
{
	f->base_us = rtt_us;
	f->base_at_us = now_us;
}

/* The path has become longer: there was no queue of ours that could have made it so. */
static void note_lone(struct flight *f, uint64_t rtt_us, uint64_t now_us)
{
	uint64_t lowest = rtt_us;

	f->lone_us[f->n_lones++ % FLIGHT_LONES] = rtt_us;
	for (size_t i = 0; i < FLIGHT_LONES; i++) { /* 0: none yet, lower than any */
		if (f->lone_us[i] < lowest)
			lowest = f->lone_us[i];
	}
	if (lowest > f->base_us) {
		new_base(f, lowest, now_us);
		f->slack_us = 0;
		f->chain = f->cut = false;
		f->again_rounds = 0;
		f->started = false;
	}
}

static void note_rtt(struct flight *f, const struct flight_stamp *s, uint64_t now_us)
{
	uint64_t rtt_us = now_us > s->clock_us ? now_us - s->clock_us : 1;

	f->rtt_us = rtt_us;
	if (f->base_us == 0 || rtt_us <= f->base_us) {
		new_base(f, rtt_us, now_us);
		if (f->slack_us == 0)
			f->again_rounds = 0;
	}
	if (s->lone)
		note_lone(f, rtt_us, now_us);
	if (f->round_rtt_us == 0 || rtt_us < f->round_rtt_us)
		f->round_rtt_us = rtt_us;
}

/* Echoes come in the order of the stamps, but one may be left out. Return: NULL: none of ours. */
static const struct flight_stamp *take_stamp(struct flight *f, uint64_t sent, uint64_t clock_us)
{
	for (uint32_t i = 0; i < f->n_stamps; i++) {
		const struct flight_stamp *s = &f->stamps[(f->first_stamp + i) % FLIGHT_STAMPS_MAX];

		if (s->sent == sent && s->clock_us == clock_us) {
			f->first_stamp = (f->first_stamp + i + 1) % FLIGHT_STAMPS_MAX;
			f->n_stamps -= i + 1;
			return s;
		}
	}
	return NULL;
}

/* Also before its end, which is far when the line has become slow. */
static bool round_over(const struct flight *f, uint64_t now_us)
{
	uint64_t took = now_us - f->round_us, full = f->base_us + f->slack_us + target_us(f);

	if (took < FLIGHT_ROUND_US)
		return false;
	return f->acked >= f->round_end || (!f->cut && took >= full * 2);
}

bool flight_acked(struct flight *f, uint64_t sent, uint64_t clock_us, uint64_t now_us)
{
	const struct flight_stamp *s = take_stamp(f, sent, clock_us);

	if (!s)
		return false;
	f->acked = sent;
	f->acked_clock_us = s->clock_us;
	if (f->cut && sent > f->cut_end) { /* the first that went out after it */
		f->cut = false;
		begin_round(f, now_us);
	}
	note_rtt(f, s, now_us);
	if (round_over(f, now_us))
		end_round(f, now_us);
	return true;
}
