/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/queue.h"

#include "common/io/file.h"

static void on_dropped(void *arg, struct fq_packet *p, enum fq_drop why)
{
	struct queue *q = arg;

	if (q->taker && why == FQ_DROP_DEINIT)
		q->taker(q->taker_arg, packet_of(p));
	else /* counted there */
		packet_free(packet_of(p));
}

void queue_init(struct queue *q)
{
	struct fq_params params = fq_params_default();

	file_random(params.hash_key, sizeof(params.hash_key));
	params.limit_bytes = QUEUE_LIMIT_BYTES;
	params.limit_packets = QUEUE_LIMIT_PACKETS;
	params.dropped = on_dropped;
	params.arg = q;
	q->taker = NULL;
	fq_init(&q->fq, &params);
	q->unfit = 0;
	q->delays = (struct histo){.sum_us = 0};
}

void queue_deinit(struct queue *q)
{
	fq_deinit(&q->fq);
}

void queue_clear(struct queue *q, void (*taker)(void *arg, struct packet *p), void *arg)
{
	q->taker = taker;
	q->taker_arg = arg;
	fq_deinit(&q->fq);
	q->taker = NULL;
}

static void put_segments(struct queue *q, struct packet *p, uint64_t now_us)
{
	size_t bytes = (size_t)p->v.hdr_len + p->v.gso_size, n;
	struct vnet_cutter cutter;

	vnet_segment_init(&cutter, &p->v, p->fq.ip, p->fq.len);
	for (;;) {
		struct packet *part = packet_new(p->owner, bytes);

		if (!part || vnet_segment_next(&cutter, part->fq.ip, bytes, &n) != 0) {
			q->unfit += part == NULL;
			packet_free(part);
			break;
		}
		part->fq.len = (uint32_t)n;
		fq_enqueue(&q->fq, &part->fq, now_us);
	}
	packet_free(p);
}

/* Would this super-packet hold up the line? A 64 KiB unit is 52 ms at 10 Mbit/s. */
static bool too_long(const struct packet *p, const struct queue_form *form)
{
	return form->rate > 0 && p->fq.len > form->rate / (1000000 / QUEUE_SUPER_US);
}

static uint32_t at_least(uint64_t us, uint32_t min)
{
	return us < min ? min : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* RFC 8289 section 4.4: an interval is a round trip of the slowest flow. */
static void adapt_codel(struct queue *q, uint64_t rtt_us)
{
	q->fq.params.target_us = at_least(rtt_us / QUEUE_TARGET_PART, FQ_TARGET_US);
	q->fq.params.interval_us = at_least(rtt_us * QUEUE_INTERVAL_TIMES, FQ_INTERVAL_US);
}

static bool goes_whole(const struct packet *p, const struct queue_form *form)
{
	bool taken = p->v.gso == VNET_GSO_UDP_L4 ? form->uso : form->super;

	return taken && !too_long(p, form) && vnet_segments(&p->v, p->fq.len) <= VNET_SEGMENTS_MAX;
}

void queue_put(struct queue *q, struct packet *p, const struct queue_form *form, uint64_t now_us)
{
	adapt_codel(q, form->rtt_us);
	if (p->v.gso != VNET_GSO_NONE) {
		if (!goes_whole(p, form)) {
			put_segments(q, p, now_us);
			return;
		}
	} else if (p->v.needs_csum && !form->super) {
		vnet_complete_csum(&p->v, p->fq.ip, p->fq.len);
	}
	fq_enqueue(&q->fq, &p->fq, now_us);
}

struct packet *queue_take(struct queue *q, uint64_t now_us)
{
	struct fq_packet *p = fq_dequeue(&q->fq, now_us);

	if (!p)
		return NULL;
	histo_add(&q->delays, fq_counters(&q->fq)->sojourn_us);
	return packet_of(p);
}
