/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/l4.h"
#include "vpnd/pure/siphash.h"

#define WAYS 8
#define SETS (FLOW_TABLE_MAX / WAYS)

/* Idle times. TCP: RFC 5382 section 5 (two hours and four minutes), UDP: RFC 4787 section 4.3. */
#define TCP_ASKED_MS 120000
#define TCP_ANSWERED_MS 7440000
#define TCP_CLOSING_MS 120000
#define UDP_ASKED_MS 120000
#define OTHER_MS 300000
#define ICMP_MS 60000

struct set {
	uint32_t tags[WAYS]; /* of the hash, 0: free; one line of the cache tells who is here */
	struct flow at[WAYS];
};

struct fragment {
	struct flow_fragment_key key;
	uint32_t epoch, generation;
	uint64_t until_ms; /* 0: free */
};

struct flow_table {
	uint64_t key[2];
	uint32_t epochs[FLOW_SLOTS_MAX];
	struct fragment fragments[FLOW_FRAGMENTS_MAX];
	struct set sets[SETS];
};

struct flow_table *flow_table_new(const uint64_t key[2])
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (t)
		memcpy(t->key, key, sizeof(t->key));
	return t;
}

void flow_table_free(struct flow_table *t)
{
	free(t);
}

void flow_table_forget(struct flow_table *t, uint16_t slot)
{
	t->epochs[slot]++;
}

/* --- flows --- */

static uint64_t hash_flow(const struct flow_table *t, const struct flow_key *key)
{
	uint64_t words[5];

	_Static_assert(sizeof(words) == sizeof(*key), "no padding");
	memcpy(words, key, sizeof(words));
	return siphash_words(words, 5, t->key);
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static uint64_t idle_max_ms(const struct flow *f)
{
	switch (f->key.protocol) {
	case L4_TCP:
		return f->state == FLOW_ASKED	   ? TCP_ASKED_MS
		       : f->state == FLOW_ANSWERED ? TCP_ANSWERED_MS
						   : TCP_CLOSING_MS;
	case L4_UDP:
		return f->state == FLOW_ASKED ? UDP_ASKED_MS : OTHER_MS;
	case L4_ICMP:
	case L4_ICMPV6:
		return ICMP_MS;
	default:
		return OTHER_MS;
	}
}

static bool is_alive(const struct flow_table *t, const struct flow *f, uint64_t now_ms)
{
	return f->epoch == t->epochs[f->key.slot] && now_ms < f->used_ms + idle_max_ms(f);
}

struct flow *flow_find(struct flow_table *t, const struct flow_key *key, uint64_t now_ms)
{
	uint64_t hash = hash_flow(t, key);
	struct set *set = &t->sets[hash % SETS];
	uint32_t tag = tag_of(hash);

	for (size_t i = 0; i < WAYS; i++) {
		struct flow *f = &set->at[i];

		if (set->tags[i] == tag && memcmp(&f->key, key, sizeof(*key)) == 0)
			return is_alive(t, f, now_ms) ? f : NULL;
	}
	return NULL;
}

static size_t count_slot(const struct set *set, uint16_t slot)
{
	size_t n = 0;

	for (size_t i = 0; i < WAYS; i++)
		n += set->at[i].key.slot == slot;
	return n;
}

/* Of a full set: the oldest of the session that has most. */
static size_t victim(const struct set *set)
{
	size_t worst = 0, most = 0;

	for (size_t i = 0; i < WAYS; i++) {
		size_t n = count_slot(set, set->at[i].key.slot);

		if (n > most || (n == most && set->at[i].used_ms < set->at[worst].used_ms)) {
			most = n;
			worst = i;
		}
	}
	return worst;
}

/* A place that is free, or whose flow is over. Return: WAYS, there is none. */
static size_t free_place(const struct flow_table *t, const struct set *set, uint64_t now_ms)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (set->tags[i] == 0 || !is_alive(t, &set->at[i], now_ms))
			return i;
	}
	return WAYS;
}

/* The flow with this key that is over: never two of one key. */
static size_t same_place(const struct set *set, uint32_t tag, const struct flow_key *key)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (set->tags[i] == tag && memcmp(&set->at[i].key, key, sizeof(*key)) == 0)
			return i;
	}
	return WAYS;
}

struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t now_ms,
		      uint64_t *evicted)
{
	uint64_t hash = hash_flow(t, key);
	struct set *set = &t->sets[hash % SETS];
	size_t i = same_place(set, tag_of(hash), key);

	if (i == WAYS)
		i = free_place(t, set, now_ms);
	if (i == WAYS) {
		i = victim(set);
		++*evicted;
	}
	set->tags[i] = tag_of(hash);
	set->at[i] = (struct flow){.key = *key, .used_ms = now_ms, .epoch = t->epochs[key->slot]};
	return &set->at[i];
}

void flow_remove(struct flow_table *t, struct flow *f)
{
	size_t set = ((size_t)((uint8_t *)f - (uint8_t *)t->sets)) / sizeof(t->sets[0]);

	t->sets[set].tags[f - t->sets[set].at] = 0;
}

size_t flow_count(const struct flow_table *t, uint16_t slot, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < SETS; i++) {
		for (size_t k = 0; k < WAYS; k++)
			n += t->sets[i].tags[k] != 0 && t->sets[i].at[k].key.slot == slot &&
			     is_alive(t, &t->sets[i].at[k], now_ms);
	}
	return n;
}

/* --- fragments --- */

/* One place for each hash: who comes later takes it. */
static size_t fragment_place(const struct flow_table *t, const struct flow_fragment_key *key)
{
	uint64_t words[5];

	_Static_assert(sizeof(words) == sizeof(*key), "no padding");
	memcpy(words, key, sizeof(words));
	return (size_t)(siphash_words(words, 5, t->key) % FLOW_FRAGMENTS_MAX);
}

bool flow_fragment_known(const struct flow_table *t, const struct flow_fragment_key *key,
			 uint32_t generation, uint64_t now_ms)
{
	const struct fragment *f = &t->fragments[fragment_place(t, key)];

	return now_ms < f->until_ms && f->epoch == t->epochs[key->slot] &&
	       f->generation == generation && memcmp(&f->key, key, sizeof(*key)) == 0;
}

void flow_fragment_set(struct flow_table *t, const struct flow_fragment_key *key,
		       uint32_t generation, uint64_t now_ms, bool pass)
{
	struct fragment *f = &t->fragments[fragment_place(t, key)];

	if (pass)
		*f = (struct fragment){.key = *key,
				       .epoch = t->epochs[key->slot],
				       .generation = generation,
				       .until_ms = now_ms + FLOW_FRAGMENT_MS};
	else if (memcmp(&f->key, key, sizeof(*key)) == 0)
		f->until_ms = 0;
}
