/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/bytes.h"
#include "vpnd/path_internal.h"

#define ROOM_BYTES (128u << 10) /* in the socket's queue: one turn of the loop at full speed */
#define FRAME_STAMP_TOTAL_BYTES (FRAME_HEADER_BYTES + FRAME_STAMP_BYTES)

/* What each end can do */

json_t *path_data_caps(const struct path *p)
{
	if (!p->config.super)
		return json_pack("[s]", "ack");
	return p->config.uso ? json_pack("[s, s, s]", "ack", "super", "uso")
			     : json_pack("[s, s]", "ack", "super");
}

/* Whatever is said, an MTU with which packets can be sent. */
static uint32_t mtu_of(const json_t *hello)
{
	const json_t *mtu = json_object_get(hello, "mtu");
	json_int_t n = json_integer_value(mtu);

	if (!json_is_integer(mtu))
		return PATH_MTU_DEFAULT;
	return n < PATH_MTU_MIN ? PATH_MTU_MIN : n > PATH_MTU_MAX ? PATH_MTU_MAX : (uint32_t)n;
}

void path_data_hello(struct path *p, const json_t *hello)
{
	const json_t *caps = json_object_get(hello, "caps");
	bool ack = false;
	const json_t *cap;
	size_t i;

	json_array_foreach (caps, i, cap) {
		const char *name = json_string_value(cap);

		if (name && strcmp(name, "ack") == 0)
			ack = true;
		else if (name && strcmp(name, "super") == 0)
			p->peer_super = true;
		else if (name && strcmp(name, "uso") == 0)
			p->peer_uso = true;
	}
	p->peer_mtu = mtu_of(hello);
	flight_init(&p->flight, ack, clock_mono_us());
}

struct queue_form path_form(const struct path *p)
{
	return (struct queue_form){.super = p->peer_super,
				   .uso = p->peer_super && p->peer_uso,
				   .rate = flight_rate(&p->flight),
				   .rtt_us = flight_path_us(&p->flight)};
}

/* Sending */

static bool has_room(const struct path *p)
{
	return p->state == PATH_READY && p->inner &&
	       inner_queued(p->inner) + p->batch_used < ROOM_BYTES && flight_room(&p->flight) > 0;
}

/* A failure closes the path. */
static void seal(struct path *p, const void *frames, size_t n)
{
	if (p->inner && inner_send(p->inner, frames, n) != 0)
		p->batch_used = 0;
}

static void send_batch(struct path *p)
{
	size_t n = p->batch_used;

	p->batch_used = 0;
	if (n > 0)
		seal(p, p->batch, n);
}

static void put_frame(struct path *p, const uint8_t *frame, size_t n)
{
	if (p->batch_used + n > sizeof(p->batch))
		send_batch(p);
	if (n > sizeof(p->batch) / 2) { /* records of its own */
		send_batch(p);
		seal(p, frame, n);
	} else {
		memcpy(p->batch + p->batch_used, frame, n);
		p->batch_used += n;
	}
}

/* The echo of a stamp says how much has arrived, and when it was sent. */
static void put_stamp(struct path *p, uint64_t now_us)
{
	uint8_t frame[FRAME_STAMP_TOTAL_BYTES];
	struct wr w = wr_init(frame + FRAME_HEADER_BYTES, FRAME_STAMP_BYTES);
	uint64_t sent;

	flight_stamp(&p->flight, now_us, &sent);
	frame_header_encode(frame, FRAME_STAMP, FRAME_STAMP_BYTES);
	wr_u64(&w, sent);
	wr_u64(&w, now_us);
	put_frame(p, frame, sizeof(frame));
}

/* Lost segments on any leg hold up what is behind them. */
static void watch_loss(struct path *p)
{
	uint8_t frame[FRAME_HEADER_BYTES + FRAME_LOSSY_BYTES];
	bool lossy = p->inner && inner_lossy(p->inner);

	if (lossy == p->lossy || p->state != PATH_READY)
		return;
	p->lossy = lossy;
	frame_header_encode(frame, FRAME_LOSSY, FRAME_LOSSY_BYTES);
	frame[FRAME_HEADER_BYTES] = lossy;
	put_frame(p, frame, sizeof(frame));
	flight_lossy(&p->flight, p->lossy || p->peer_lossy);
}

/* Whatever is under way is followed by a stamp in the end: the answer makes room again. */
static void maybe_stamp(struct path *p, uint64_t now_us, bool first)
{
	if (p->state == PATH_READY && flight_wants_stamp(&p->flight, now_us, first))
		put_stamp(p, now_us);
}

void path_pump(struct path *p, struct queue *q)
{
	uint64_t now_us = clock_mono_us();
	bool any = false;

	while (has_room(p)) {
		struct packet *packet = queue_take(q, now_us);
		const uint8_t *frame;
		size_t n;

		if (!packet)
			break;
		if (!any) {
			path_note_data(p);
			watch_loss(p);
			maybe_stamp(p, now_us, true);
		}
		any = true;
		frame = packet_frame(packet, &n);
		put_frame(p, frame, n);
		flight_sent(&p->flight, n, now_us);
		packet_free(packet);
		maybe_stamp(p, now_us, false);
	}
	send_batch(p);
	if (!queue_empty(q) && p->state == PATH_READY && flight_room(&p->flight) > 0)
		inner_want_drain(p->inner);
}

/* Receiving */

void path_data_super(struct path *p, uint8_t *payload, size_t n)
{
	struct vnet v;

	if (vnet_decode_wire(&v, payload) != 0)
		v = (struct vnet){.needs_csum = true}; /* of the first byte: fits no packet */
	p->cb->on_packet(p, &v, payload + VNET_BYTES, n - VNET_BYTES);
}

void path_data_stamp(struct path *p, const struct frame *f)
{
	uint8_t frame[FRAME_STAMP_TOTAL_BYTES];

	if (!p->inner || p->state != PATH_READY)
		return;
	frame_header_encode(frame, FRAME_ACK, FRAME_STAMP_BYTES);
	memcpy(frame + FRAME_HEADER_BYTES, f->payload, FRAME_STAMP_BYTES);
	watch_loss(p);
	put_frame(p, frame, sizeof(frame));
	send_batch(p);
}

void path_data_ack(struct path *p, const struct frame *f)
{
	struct rd r = rd_init(f->payload, f->len);
	uint64_t sent, clock_us, now_us = clock_mono_us();

	if (!rd_u64(&r, &sent) || !rd_u64(&r, &clock_us) ||
	    !flight_acked(&p->flight, sent, clock_us, now_us))
		return;
	p->cb->on_room(p);
	watch_loss(p);
	maybe_stamp(p, now_us, false);
	send_batch(p);
}

void path_data_lossy(struct path *p, const struct frame *f)
{
	p->peer_lossy = f->payload[0] != 0;
	flight_lossy(&p->flight, p->lossy || p->peer_lossy);
}

void path_data_pong(struct path *p, uint64_t asked_us)
{
	const struct flight *fl = &p->flight;

	if (fl->n_stamps == 0 || fl->stamps[fl->first_stamp].clock_us >= asked_us)
		return;
	flight_init(&p->flight, false, clock_mono_us());
	log_warn("the other end does not answer STAMP: packets are sent without a bound peer=%s",
		 p->config.grant->peer_name);
	p->cb->on_room(p);
}
