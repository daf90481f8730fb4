/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/packets.h"

#include <stdlib.h>
#include <string.h>

struct packets {
	struct packet *free_small, *free_large;
	size_t n_small, n_large; /* made */
};

struct packets *packets_new(void)
{
	return calloc(1, sizeof(struct packets));
}

static void free_list(struct packet *p)
{
	while (p) {
		struct packet *next = p->next_free;

		free(p);
		p = next;
	}
}

void packets_free(struct packets *ps)
{
	if (!ps)
		return;
	free_list(ps->free_small);
	free_list(ps->free_large);
	free(ps);
}

static struct packet *make(struct packets *ps, bool is_large)
{
	size_t bytes = is_large ? VNET_PACKET_MAX_BYTES : PACKETS_SMALL_BYTES;
	struct packet *p;

	if (is_large ? ps->n_large >= PACKETS_LARGE_MAX : ps->n_small >= PACKETS_SMALL_MAX)
		return NULL;
	p = malloc(sizeof(*p) + PACKETS_HEADROOM + bytes);
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->owner = ps;
	p->is_large = is_large;
	if (is_large)
		ps->n_large++;
	else
		ps->n_small++;
	return p;
}

struct packet *packet_new(struct packets *ps, size_t bytes)
{
	bool is_large = bytes > PACKETS_SMALL_BYTES;
	struct packet **list = is_large ? &ps->free_large : &ps->free_small;
	struct packet *p = *list;

	if (p)
		*list = p->next_free;
	else
		p = make(ps, is_large);
	if (!p)
		return NULL;
	p->next_free = NULL;
	p->fq.ip = p->room + PACKETS_HEADROOM;
	p->fq.len = (uint32_t)bytes;
	memset(&p->v, 0, sizeof(p->v));
	return p;
}

void packet_free(struct packet *p)
{
	struct packet **list;

	if (!p)
		return;
	list = p->is_large ? &p->owner->free_large : &p->owner->free_small;
	p->next_free = *list;
	*list = p;
}

const uint8_t *packet_frame(struct packet *p, size_t *n)
{
	bool is_super = p->v.gso != VNET_GSO_NONE || p->v.needs_csum;
	uint8_t *at = p->fq.ip - FRAME_HEADER_BYTES;

	if (is_super) {
		vnet_encode_wire(&p->v, p->fq.ip - VNET_BYTES);
		at -= VNET_BYTES;
		frame_header_encode(at, FRAME_SUPER, VNET_BYTES + p->fq.len);
	} else {
		frame_header_encode(at, FRAME_PACKET, p->fq.len);
	}
	*n = (size_t)(p->fq.ip - at) + p->fq.len;
	return at;
}
