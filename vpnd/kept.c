/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/kept.h"

#include <string.h>

#include "vpnd/pure/l4.h"

bool kept_wants(const struct packet *p)
{
	struct l4 l4;

	if (p->is_large || p->v.gso != VNET_GSO_NONE || p->fq.len == 0 ||
	    (p->fq.ip[0] >> 4 != 4 && p->fq.ip[0] >> 4 != 6))
		return false;
	l4_parse(p->fq.ip, p->fq.len, &l4);
	return l4.protocol == L4_TCP && l4.kind == L4_PORTS && !l4.fragment;
}

size_t kept_put(struct kept *k, struct packet *p, uint32_t flow, uint64_t now_us)
{
	struct packet **at = &k->at[flow % KEPT_FLOWS];
	size_t gone = *at != NULL;

	packet_free(*at);
	k->n += !gone;
	p->fq.enqueued_us = now_us;
	*at = p;
	return gone;
}

void kept_copy(struct kept *k, const struct packet *p, uint32_t flow, uint64_t now_us)
{
	struct packet *copy = packet_new(p->owner, p->fq.len);

	if (!copy)
		return;
	memcpy(copy->fq.ip, p->fq.ip, p->fq.len);
	copy->v = p->v;
	(void)kept_put(k, copy, flow, now_us);
}

struct packet *kept_take(struct kept *k, uint64_t now_us, uint64_t *dropped)
{
	for (size_t i = 0; k->n > 0 && i < KEPT_FLOWS; i++) {
		struct packet *p = k->at[i];

		if (!p)
			continue;
		k->at[i] = NULL;
		k->n--;
		if (now_us - p->fq.enqueued_us <= KEPT_MAX_MS * UINT64_C(1000))
			return p;
		packet_free(p);
		*dropped += 1;
	}
	return NULL;
}

size_t kept_clear(struct kept *k)
{
	size_t n = k->n;

	for (size_t i = 0; i < KEPT_FLOWS; i++)
		packet_free(k->at[i]);
	*k = (struct kept){.n = 0};
	return n;
}
