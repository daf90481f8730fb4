/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "common/io/file.h"
#include "vpnd/plane_lend_internal.h"
#include "vpnd/pure/l4.h"

#define NO_LENT UINT8_MAX
#define ND_SOLICIT 135 /* RFC 4861 4.3 */

/* --- held packets --- */

void plane_lend_drop_held(struct plane_lend *pn, uint16_t slot)
{
	size_t kept = 0;

	for (size_t i = 0; i < pn->n_held; i++) {
		if (pn->held[i].slot == slot)
			packet_free(pn->held[i].packet);
		else
			pn->held[kept++] = pn->held[i];
	}
	pn->n_held = kept;
}

static bool hold(struct plane_lend *pn, const struct passing *pk, uint8_t lent)
{
	struct packet *p;

	if (pn->n_held == LEND_HELD_MAX || pk->n > LEND_HELD_BYTES)
		return false;
	p = packet_new(pn->pl->packets, pk->n);
	if (!p)
		return false;
	memcpy(p->fq.ip, pk->bytes, pk->n);
	p->fq.len = (uint32_t)pk->n;
	p->v = pk->v;
	pn->held[pn->n_held++] = (struct held){pk->slot, lent, p};
	return true;
}

static void admit(struct plane *pl, uint16_t slot, struct packet *p)
{
	struct passing pk = {
		.slot = slot, .s = &pl->slots[slot], .v = p->v, .bytes = p->fq.ip, .n = p->fq.len};

	if (pl->tun && pk.s->attached && ip_parse(pk.bytes, pk.n, &pk.ip) == 0)
		plane_into_tun(pl, &pk);
	packet_free(p);
}

void plane_lend_let_go(struct plane_lend *pn, uint8_t lent)
{
	struct held held[LEND_HELD_MAX];
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < pn->n_held; i++) {
		if (pn->held[i].lent == lent)
			held[n++] = pn->held[i];
		else
			pn->held[kept++] = pn->held[i];
	}
	pn->n_held = kept;
	for (size_t i = 0; i < n; i++)
		admit(pn->pl, held[i].slot, held[i].packet);
}

/* --- packets --- */

static struct napt_packet packet_of_passing(struct passing *pk)
{
	return (struct napt_packet){.v = &pk->v, .bytes = pk->bytes, .n = pk->n, .ip = &pk->ip};
}

/* The number of the lent address that @a is. */
static uint8_t lent_that_is(const struct plane_lend *pn, const struct addr *a)
{
	for (uint8_t i = 0; pn->napt && i < NAPT_LENTS_MAX; i++) {
		if (pn->lents[i].users && addr_equal(&pn->lents[i].addr, a))
			return i;
	}
	return NO_LENT;
}

/* The number of that for the session's LAN that @a is of. */
static uint8_t lent_of_lan(const struct slot *s, const struct addr *a)
{
	for (size_t i = 0; i < s->n_lent; i++) {
		if (prefix_contains(&s->lent[i].lan, a))
			return s->lent[i].number;
	}
	return NO_LENT;
}

bool plane_lend_is(const struct plane *pl, const struct addr *a)
{
	return lent_that_is(pl->lend, a) != NO_LENT;
}

const struct addr *plane_lend_for(const struct plane *pl, uint16_t slot, const struct addr *a)
{
	uint8_t lent = lent_of_lan(&pl->slots[slot], a);

	if (lent == NO_LENT || pl->lend->lents[lent].none)
		return NULL;
	return &pl->lend->lents[lent].addr;
}

static void count(struct plane_counters *c, enum napt_result r)
{
	switch (r) {
	case NAPT_NO_FLOW:
		c->lend[LEND_NO_FLOW]++;
		break;
	case NAPT_NO_PORT:
		c->lend[LEND_NO_PORT]++;
		break;
	case NAPT_FRAGMENT:
		c->lend[LEND_FRAGMENT]++;
		break;
	case NAPT_NO_ADDRESS:
		c->lend[LEND_WAITING]++;
		break;
	case NAPT_DONE:
	case NAPT_LEAVE:
		break;
	}
}

/* Is somebody still there? The kernel forwards that question as any other packet; lend answers. */
static bool is_nd(const struct passing *pk)
{
	return pk->ip.src.family == 6 && pk->ip.protocol == L4_ICMPV6 &&
	       pk->n > pk->ip.header_len && pk->bytes[pk->ip.header_len] == ND_SOLICIT;
}

enum lend_step plane_lend_out(struct plane *pl, struct passing *pk)
{
	struct plane_lend *pn = pl->lend;
	struct napt_packet p = packet_of_passing(pk);
	uint8_t lent = lent_that_is(pn, &pk->ip.dst);

	if (lent == NO_LENT)
		return LEND_NOT_OURS;
	if (napt_out(pn->napt, &p, lent, &pk->slot, clock_mono_ms()) == NAPT_DONE)
		return LEND_GO_ON;
	if (napt_echo(&p))
		(void)tun_write(pl->tun, &pk->v, pk->bytes, pk->n); /* counted there */
	else if (!is_nd(pk))
		pn->unknown++;
	return LEND_STOP;
}

void plane_lend_note(struct plane *pl, struct passing *pk)
{
	struct napt_packet p = packet_of_passing(pk);

	if (lent_of_lan(pk->s, &pk->ip.src) != NO_LENT)
		napt_note(pl->lend->napt, &p, pk->slot, false, clock_mono_ms());
}

static enum lend_step step_of(struct plane_lend *pn, struct passing *pk, uint8_t lent,
			      enum napt_result r)
{
	struct napt_packet p = packet_of_passing(pk);

	switch (r) {
	case NAPT_DONE:
		return LEND_GO_ON;
	case NAPT_LEAVE:
		return LEND_NOT_OURS;
	case NAPT_NO_ADDRESS:
		if (pn->lents[lent].none) {
			napt_note(pn->napt, &p, pk->slot, true, clock_mono_ms());
			return LEND_NOT_OURS;
		}
		if (hold(pn, pk, lent))
			return LEND_STOP;
		break;
	case NAPT_NO_FLOW:
	case NAPT_NO_PORT:
	case NAPT_FRAGMENT:
		break;
	}
	count(&pk->s->counters, r);
	return LEND_STOP;
}

enum lend_step plane_lend_in(struct plane *pl, struct passing *pk)
{
	struct plane_lend *pn = pl->lend;
	struct napt_packet p = packet_of_passing(pk);
	uint8_t lent = lent_of_lan(pk->s, &pk->ip.dst);
	const struct addr *a;

	if (lent == NO_LENT)
		return LEND_NOT_OURS;
	if (lent_that_is(pn, &pk->ip.dst) != NO_LENT) { /* nobody is there who would answer */
		count(&pk->s->counters, NAPT_NO_FLOW);
		return LEND_STOP;
	}
	a = pn->lents[lent].addr.family ? &pn->lents[lent].addr : NULL;
	return step_of(pn, pk, lent, napt_in(pn->napt, &p, pk->slot, lent, a, clock_mono_ms()));
}

const char *lend_drop_name(enum lend_drop d)
{
	switch (d) {
	case LEND_NO_FLOW:
		return "no_flow";
	case LEND_NO_PORT:
		return "no_port";
	case LEND_FRAGMENT:
		return "fragment";
	case LEND_WAITING:
		return "waiting";
	}
	return "?";
}
