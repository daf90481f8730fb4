/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/file.h"
#include "vpnd/plane_internal.h"
#include "vpnd/pure/fragment.h"

/*
 * The answer comes from the peer's tunnel address: for the sender this is a router on the way like
 * any other, and a kernel takes no packet from outside that says it came from its own address.
 */
static void answer_too_big(struct plane *pl, struct slot *s, const uint8_t *packet, size_t n)
{
	const struct addr *from = packet[0] >> 4 == 4 ? &s->peer_ipv4 : &s->peer_ipv6;
	uint8_t answer[TOOBIG_MAX_BYTES];
	struct passing pk = {.slot = (uint16_t)(s - pl->slots), .s = s, .bytes = answer};

	if (from->family && toobig_answer(answer, &pk.n, packet, n, from, s->peer_mtu) == 0 &&
	    toobig_allowed(&s->toobig, clock_mono_ms()) && ip_parse(answer, pk.n, &pk.ip) == 0)
		plane_into_tun(pl, &pk);
}

/* Return: false, all memory for packets is in use. */
static bool put_fragments(struct plane *pl, uint16_t slot, struct fragment *f)
{
	uint32_t mtu = pl->slots[slot].peer_mtu;
	struct packet *p;
	size_t n;

	while ((p = packet_new(pl->packets, mtu))) {
		if (fragment_next(f, p->fq.ip, mtu, &n) != 0) {
			packet_free(p);
			return true;
		}
		p->fq.len = (uint32_t)n;
		pl->cb->on_outgoing(pl->arg, slot, p);
	}
	pl->no_memory++;
	return false;
}

/* One packet with all checksums. Return: true, it went in fragments. */
static bool send_too_big(struct plane *pl, uint16_t slot, const uint8_t *packet, size_t n)
{
	struct slot *s = &pl->slots[slot];
	struct fragment f;

	if (fragment_init(&f, packet, n, s->peer_mtu) == 0)
		return put_fragments(pl, slot, &f);
	answer_too_big(pl, s, packet, n);
	return false;
}

/* A super-packet stands for packets that are too big: all but the last one, which may be short. */
static void send_segments(struct plane *pl, uint16_t slot, const struct vnet *v, size_t n)
{
	size_t bytes = (size_t)v->hdr_len + v->gso_size, left = vnet_segments(v, n);
	struct packet *p = packet_new(pl->packets, bytes);
	struct vnet_cutter cutter;

	if (!p) {
		pl->no_memory++;
		return;
	}
	vnet_segment_init(&cutter, v, pl->reading->fq.ip, n);
	while (vnet_segment_next(&cutter, p->fq.ip, bytes, &n) == 0) {
		if (!send_too_big(pl, slot, p->fq.ip, n))
			break;
		left--;
	}
	pl->slots[slot].counters.too_big += left;
	packet_free(p);
}

bool plane_too_big(struct plane *pl, uint16_t slot, struct vnet *v, size_t n)
{
	struct slot *s = &pl->slots[slot];
	size_t bytes = v->gso == VNET_GSO_NONE ? n : (size_t)v->hdr_len + v->gso_size;

	if (bytes <= s->peer_mtu)
		return false;
	if (v->gso != VNET_GSO_NONE) {
		send_segments(pl, slot, v, n);
		return true;
	}
	vnet_complete_csum(v, pl->reading->fq.ip, n);
	if (!send_too_big(pl, slot, pl->reading->fq.ip, n))
		s->counters.too_big++;
	return true;
}

uint32_t plane_least_mtu(const struct plane *pl, const struct slot *s)
{
	return s->peer_mtu < pl->mtu ? s->peer_mtu : pl->mtu;
}

void plane_set_peer_mtu(struct plane *pl, uint16_t slot, uint32_t mtu)
{
	pl->slots[slot].peer_mtu = mtu < PLANE_MTU_MIN ? PLANE_MTU_MIN : mtu;
}

uint32_t plane_mtu(const struct plane *pl)
{
	return pl->mtu;
}
