/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/pure/bucket.h"

#include <stdatomic.h>

#define SECOND_NS UINT64_C(1000000000)
#define TAKE_MAX (UINT64_C(1) << 33) /* times SECOND_NS it still fits */

void bucket_init(struct bucket *b, uint64_t rate)
{
	atomic_init(&b->rate, rate);
	atomic_init(&b->paid_ns, 0);
}

void bucket_set_rate(struct bucket *b, uint64_t rate)
{
	atomic_store_explicit(&b->rate, rate, memory_order_relaxed);
}

uint64_t bucket_rate(const struct bucket *b)
{
	return atomic_load_explicit(&b->rate, memory_order_relaxed);
}

static uint64_t earned_in_ns(uint64_t n, uint64_t rate)
{
	return (n * SECOND_NS + rate / 2) / rate;
}

/* Only the moment itself is shared: no other memory hangs on it, so no ordering is needed. */
uint64_t bucket_take(struct bucket *b, size_t n, uint64_t now_ns)
{
	uint64_t rate = bucket_rate(b), cost, burst, paid, next;

	if (rate == 0)
		return now_ns;
	cost = earned_in_ns(n < TAKE_MAX ? n : TAKE_MAX, rate);
	burst = earned_in_ns(BUCKET_BURST_BYTES, rate);
	burst = burst > BUCKET_BURST_NS ? burst : BUCKET_BURST_NS;
	paid = atomic_load_explicit(&b->paid_ns, memory_order_relaxed);
	do {
		next = (paid > now_ns ? paid : now_ns) + cost;
	} while (!atomic_compare_exchange_weak_explicit(
		&b->paid_ns, &paid, next, memory_order_relaxed, memory_order_relaxed));
	return next > burst ? next - burst : 0;
}
