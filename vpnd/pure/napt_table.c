/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/napt_internal.h"
#include "vpnd/pure/siphash.h"

#define PORT_TRIES 128 /* with 95 of 100 ports in use one in a thousand finds none */
#define PORT_FIRST 1024

static const uint64_t timeouts_ms[NAPT_CLASSES] = {
	[NAPT_UDP_ONE] = NAPT_UDP_ONE_MS,   [NAPT_OTHER] = NAPT_OTHER_MS,
	[NAPT_UDP_BOTH] = NAPT_UDP_BOTH_MS, [NAPT_TCP_SHORT] = NAPT_TCP_SHORT_MS,
	[NAPT_TCP_LONG] = NAPT_TCP_LONG_MS,
};

/* --- where things are --- */

static uint64_t hash_in(const struct napt *t, const struct napt_in_key *k)
{
	uint64_t words[5];

	_Static_assert(sizeof(words) == sizeof(*k), "no padding");
	memcpy(words, k, sizeof(words));
	return siphash_words(words, 5, t->key);
}

static uint64_t hash_out(const struct napt *t, const struct napt_out_key *k)
{
	uint64_t words[3];

	_Static_assert(sizeof(words) == sizeof(*k), "no padding");
	memcpy(words, k, sizeof(words));
	return siphash_words(words, 3, t->key);
}

static uint32_t *bucket_in(const struct napt *t, const struct napt_in_key *k)
{
	return &t->in[hash_in(t, k) & (t->buckets - 1)];
}

static uint32_t *bucket_out(const struct napt *t, const struct napt_out_key *k)
{
	return &t->out[hash_out(t, k) & (t->buckets - 1)];
}

static struct napt_in_key in_key(const struct napt_flow *f)
{
	struct napt_in_key k = {.real_port = f->real_port,
				.remote_port = f->remote_port,
				.slot = f->slot,
				.family = f->family,
				.protocol = f->protocol};

	memcpy(k.real, f->real, sizeof(k.real));
	memcpy(k.remote, f->remote, sizeof(k.remote));
	return k;
}

static struct napt_out_key out_key(const struct napt_flow *f)
{
	struct napt_out_key k = {.remote_port = f->remote_port,
				 .lent_port = f->lent_port,
				 .family = f->family,
				 .protocol = f->protocol,
				 .lent = f->lent};

	memcpy(k.remote, f->remote, sizeof(k.remote));
	return k;
}

static bool is_over(const struct napt_flow *f, uint64_t now_ms)
{
	return now_ms > f->used_ms && now_ms - f->used_ms > timeouts_ms[f->class];
}

static uint32_t lookup_in(const struct napt *t, const struct napt_in_key *k)
{
	uint32_t i = *bucket_in(t, k);

	for (; i; i = t->flows[i].next_in) {
		struct napt_in_key have = in_key(&t->flows[i]);

		if (memcmp(&have, k, sizeof(have)) == 0)
			break;
	}
	return i;
}

static uint32_t lookup_out(const struct napt *t, const struct napt_out_key *k)
{
	uint32_t i = *bucket_out(t, k);

	for (; i; i = t->flows[i].next_out) {
		struct napt_out_key have = out_key(&t->flows[i]);

		if (memcmp(&have, k, sizeof(have)) == 0)
			break;
	}
	return i;
}

uint32_t napt_find_in(const struct napt *t, const struct napt_in_key *k, uint64_t now_ms)
{
	uint32_t i = lookup_in(t, k);

	return i && !is_over(&t->flows[i], now_ms) ? i : 0;
}

uint32_t napt_find_out(const struct napt *t, const struct napt_out_key *k, uint64_t now_ms)
{
	uint32_t i = lookup_out(t, k);

	return i && !is_over(&t->flows[i], now_ms) ? i : 0;
}

/* --- lists, the newest last --- */

static void list_remove(struct napt *t, uint32_t i)
{
	struct napt_flow *f = &t->flows[i];

	*(f->older ? &t->flows[f->older].newer : &t->oldest[f->class]) = f->newer;
	*(f->newer ? &t->flows[f->newer].older : &t->newest[f->class]) = f->older;
}

static void list_append(struct napt *t, uint32_t i, enum napt_class class)
{
	struct napt_flow *f = &t->flows[i];

	f->class = (uint8_t) class;
	f->newer = 0;
	f->older = t->newest[class];
	*(f->older ? &t->flows[f->older].newer : &t->oldest[class]) = i;
	t->newest[class] = i;
}

/* --- coming and going --- */

static void unchain(struct napt *t, uint32_t i)
{
	struct napt_flow *f = &t->flows[i];
	struct napt_in_key in = in_key(f);
	struct napt_out_key out = out_key(f);
	uint32_t *at = bucket_in(t, &in);

	while (*at != i)
		at = &t->flows[*at].next_in;
	*at = f->next_in;
	if (f->left_alone)
		return;
	at = bucket_out(t, &out);
	while (*at != i)
		at = &t->flows[*at].next_out;
	*at = f->next_out;
}

static void forget(struct napt *t, uint32_t i)
{
	list_remove(t, i);
	unchain(t, i);
	t->flows[i].serial = 0;
	t->flows[i].next_in = t->free;
	t->free = i;
	t->counters.flows--;
}

/* The one that is idle longest; of connections that are up only if there is nothing else. */
static void evict(struct napt *t)
{
	uint32_t worst = 0;

	for (int c = 0; c < NAPT_TCP_LONG; c++) {
		uint32_t i = t->oldest[c];

		if (i && (!worst || t->flows[i].used_ms < t->flows[worst].used_ms))
			worst = i;
	}
	forget(t, worst ? worst : t->oldest[NAPT_TCP_LONG]);
	t->counters.evicted++;
}

static uint32_t take_place(struct napt *t)
{
	uint32_t i = t->free;

	if (i)
		t->free = t->flows[i].next_in;
	else
		i = ++t->fresh;
	return i;
}

static uint16_t random_port(struct napt *t, const struct napt_out_key *k)
{
	uint32_t low = k->protocol == L4_TCP || k->protocol == L4_UDP ? PORT_FIRST : 0;

	t->random = siphash_words(&t->random, 1, t->key);
	return (uint16_t)(low + (uint32_t)(t->random >> 16) % (UINT16_MAX + 1 - low));
}

/* A flow whose time is over has no right to its port. */
static bool is_free(struct napt *t, const struct napt_out_key *k, uint64_t now_ms)
{
	uint32_t i = lookup_out(t, k);

	if (i && is_over(&t->flows[i], now_ms)) {
		forget(t, i);
		i = 0;
	}
	return !i;
}

static bool choose_port(struct napt *t, struct napt_out_key *k, bool any, uint64_t now_ms)
{
	if (is_free(t, k, now_ms))
		return true;
	for (int i = 0; any && i < PORT_TRIES; i++) {
		k->lent_port = random_port(t, k);
		if (is_free(t, k, now_ms))
			return true;
	}
	return false;
}

static struct napt_flow make_flow(const struct napt_in_key *k, uint8_t lent, uint64_t now_ms)
{
	struct napt_flow f = {.real_port = k->real_port,
			      .remote_port = k->remote_port,
			      .lent_port = k->real_port,
			      .slot = k->slot,
			      .family = k->family,
			      .protocol = k->protocol,
			      .lent = lent,
			      .left_alone = lent == NAPT_LEFT_ALONE,
			      .used_ms = now_ms};

	memcpy(f.real, k->real, sizeof(f.real));
	memcpy(f.remote, k->remote, sizeof(f.remote));
	return f;
}

uint32_t napt_add(struct napt *t, const struct napt_in_key *k, uint8_t lent, bool any_port,
		  uint64_t now_ms)
{
	struct napt_flow f = make_flow(k, lent, now_ms);
	struct napt_out_key out = out_key(&f);
	uint32_t i = lookup_in(t, k);

	if (i) /* its time is over, or who asks has found it */
		forget(t, i);
	if (!f.left_alone && !choose_port(t, &out, any_port, now_ms))
		return 0;
	f.lent_port = out.lent_port;
	if (t->counters.flows == t->max)
		evict(t);
	i = take_place(t);
	f.serial = ++t->serial ? t->serial : ++t->serial;
	f.next_in = *bucket_in(t, k);
	*bucket_in(t, k) = i;
	if (!f.left_alone) {
		f.next_out = *bucket_out(t, &out);
		*bucket_out(t, &out) = i;
	}
	t->flows[i] = f;
	list_append(t, i, NAPT_OTHER); /* napt_use() follows */
	t->counters.flows++;
	t->counters.made++;
	return i;
}

void napt_expire(struct napt *t, uint64_t now_ms)
{
	for (int c = 0; c < NAPT_CLASSES; c++) {
		while (t->oldest[c] && is_over(&t->flows[t->oldest[c]], now_ms))
			forget(t, t->oldest[c]);
	}
}

static void forget_all(struct napt *t, bool by_slot, uint16_t which)
{
	for (int c = 0; c < NAPT_CLASSES; c++) {
		uint32_t next;

		for (uint32_t i = t->oldest[c]; i; i = next) {
			const struct napt_flow *f = &t->flows[i];

			next = f->newer;
			if (by_slot ? f->slot == which : !f->left_alone && f->lent == which)
				forget(t, i);
		}
	}
}

void napt_forget_slot(struct napt *t, uint16_t slot)
{
	forget_all(t, true, slot);
}

void napt_forget_lent(struct napt *t, uint8_t lent)
{
	forget_all(t, false, lent);
}

/* --- how long it lives --- */

static uint8_t tcp_flags(uint8_t flags, uint8_t tcp, bool by_beginner)
{
	if (tcp & 0x04)
		return flags | NAPT_RESET;
	if (by_beginner && (tcp & 0x12) == 0x02 && (flags & ~NAPT_ANSWERED) != 0)
		flags = 0; /* the ports are used again */
	if (!by_beginner)
		flags |= NAPT_ANSWERED;
	else if (!(tcp & 0x02) && flags & NAPT_ANSWERED)
		flags |= NAPT_GOES_ON;
	if (tcp & 0x01)
		flags |= by_beginner ? NAPT_FIN_BEGAN : NAPT_FIN_OTHER;
	return flags;
}

static enum napt_class class_of(const struct napt_flow *f)
{
	const uint8_t fins = NAPT_FIN_BEGAN | NAPT_FIN_OTHER;

	if (f->protocol == L4_UDP)
		return f->flags & NAPT_ANSWERED ? NAPT_UDP_BOTH : NAPT_UDP_ONE;
	if (f->protocol != L4_TCP)
		return NAPT_OTHER;
	if (f->flags & NAPT_RESET || (f->flags & fins) == fins || !(f->flags & NAPT_GOES_ON))
		return NAPT_TCP_SHORT;
	return NAPT_TCP_LONG;
}

void napt_use(struct napt *t, uint32_t i, const struct l4 *l4, bool by_beginner, uint64_t now_ms)
{
	struct napt_flow *f = &t->flows[i];

	if (f->protocol == L4_TCP && l4->at)
		f->flags = tcp_flags(f->flags, l4->tcp_flags, by_beginner);
	else if (!by_beginner)
		f->flags |= NAPT_ANSWERED;
	f->used_ms = now_ms;
	list_remove(t, i);
	list_append(t, i, class_of(f));
}

/* --- fragments --- */

static uint32_t set_of(const struct napt *t, const struct napt_piece_key *k)
{
	uint64_t words[5];

	_Static_assert(sizeof(words) == sizeof(*k), "no padding");
	memcpy(words, k, sizeof(words));
	return (uint32_t)(siphash_words(words, 5, t->key) % NAPT_PIECE_SETS);
}

void napt_keep_piece(struct napt *t, const struct napt_piece_key *k, uint32_t flow, uint64_t now_ms)
{
	struct napt_piece *set = t->pieces[set_of(t, k)], *at = &set[0];

	for (int i = 0; i < NAPT_PIECE_WAYS; i++) {
		if (memcmp(&set[i].key, k, sizeof(*k)) == 0) {
			at = &set[i];
			break;
		}
		if (set[i].at_ms < at->at_ms)
			at = &set[i];
	}
	*at = (struct napt_piece){
		.key = *k, .flow = flow, .serial = t->flows[flow].serial, .at_ms = now_ms};
}

uint32_t napt_find_piece(const struct napt *t, const struct napt_piece_key *k, uint64_t now_ms)
{
	const struct napt_piece *set = t->pieces[set_of(t, k)];

	for (int i = 0; i < NAPT_PIECE_WAYS; i++) {
		if (set[i].serial && memcmp(&set[i].key, k, sizeof(*k)) == 0 &&
		    t->flows[set[i].flow].serial == set[i].serial &&
		    now_ms - set[i].at_ms <= NAPT_FRAGMENT_MS)
			return set[i].flow;
	}
	return 0;
}

/* --- the table --- */

struct napt *napt_new(const uint64_t key[2], uint32_t max)
{
	struct napt *t = calloc(1, sizeof(*t));

	if (!t || max == 0 || max > NAPT_FLOWS_MAX) {
		free(t);
		return NULL;
	}
	memcpy(t->key, key, sizeof(t->key));
	t->random = key[0];
	t->max = max;
	for (t->buckets = 16; t->buckets < max;)
		t->buckets *= 2;
	t->in = calloc(t->buckets, sizeof(*t->in));
	t->out = calloc(t->buckets, sizeof(*t->out));
	t->flows = calloc(max + 1UL, sizeof(*t->flows));
	if (t->in && t->out && t->flows)
		return t;
	napt_free(t);
	return NULL;
}

void napt_free(struct napt *t)
{
	if (!t)
		return;
	free(t->in);
	free(t->out);
	free(t->flows);
	free(t);
}

const struct napt_counters *napt_counters(const struct napt *t)
{
	return &t->counters;
}
