/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/lockout.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct lockout_key key;
	struct lockout_state state;
};

struct lockout {
	struct entry *at[LOCKOUT_KINDS];
	size_t n[LOCKOUT_KINDS];
};

struct lockout_key lockout_key_of(enum lockout_kind kind, int64_t row)
{
	struct lockout_key k = {.kind = kind};

	for (int i = 0; i < 8; i++)
		k.id[i] = (uint8_t)((uint64_t)row >> (56 - 8 * i));
	return k;
}

struct lockout *lockout_new(void)
{
	struct lockout *l = calloc(1, sizeof(*l));

	for (int i = 0; l && i < LOCKOUT_KINDS; i++) {
		l->at[i] = calloc(LOCKOUT_KEYS_MAX, sizeof(*l->at[i]));
		if (!l->at[i]) {
			lockout_free(l);
			return NULL;
		}
	}
	return l;
}

void lockout_free(struct lockout *l)
{
	for (int i = 0; l && i < LOCKOUT_KINDS; i++)
		free(l->at[i]);
	free(l);
}

static struct entry *find(const struct lockout *l, const struct lockout_key *k)
{
	for (size_t i = 0; i < l->n[k->kind]; i++) {
		struct entry *e = &l->at[k->kind][i];

		if (memcmp(e->key.id, k->id, sizeof(k->id)) == 0)
			return e;
	}
	return NULL;
}

/* From when on nobody misses it: the one with the earliest time makes room. */
static int64_t needed_until(const struct lockout_state *s)
{
	int64_t newest = s->n > 0 ? s->at_ms[s->n - 1] : INT64_MIN / 2;

	return s->is_locked ? s->until_ms + LOCKOUT_MS : newest;
}

static struct entry *make(struct lockout *l, const struct lockout_key *k)
{
	struct entry *all = l->at[k->kind], *e;

	if (l->n[k->kind] < LOCKOUT_KEYS_MAX) {
		e = &all[l->n[k->kind]++];
	} else {
		e = &all[0];
		for (size_t i = 1; i < LOCKOUT_KEYS_MAX; i++) {
			if (needed_until(&all[i].state) < needed_until(&e->state))
				e = &all[i];
		}
	}
	*e = (struct entry){.key = *k};
	return e;
}

int64_t lockout_left_ms(const struct lockout *l, const struct lockout_key *k, int64_t now_ms)
{
	const struct entry *e = find(l, k);

	return e && e->state.is_locked && now_ms < e->state.until_ms ? e->state.until_ms - now_ms
								     : 0;
}

/* What is too old counts no more; nor does what has led to a lock. */
static void drop_old(struct lockout_state *s, int64_t now_ms)
{
	size_t old = 0;

	if (s->is_locked) {
		*s = (struct lockout_state){.n = 0};
		return;
	}
	while (old < s->n && s->at_ms[old] <= now_ms - LOCKOUT_WINDOW_MS)
		old++;
	memmove(s->at_ms, s->at_ms + old, (s->n - old) * sizeof(s->at_ms[0]));
	s->n -= old;
}

bool lockout_fail(struct lockout *l, const struct lockout_key *k, int64_t now_ms,
		  struct lockout_state *state)
{
	struct entry *e = find(l, k);
	struct lockout_state *s;

	if (!e)
		e = make(l, k);
	s = &e->state;
	if (!s->is_locked || now_ms >= s->until_ms) {
		drop_old(s, now_ms);
		s->at_ms[s->n++] = now_ms;
		s->is_locked = s->n == LOCKOUT_FAILURES;
		s->until_ms = s->is_locked ? now_ms + LOCKOUT_MS : 0;
		*state = *s;
		return s->is_locked;
	}
	*state = *s;
	return false;
}

bool lockout_clear(struct lockout *l, const struct lockout_key *k)
{
	struct entry *e = find(l, k);

	if (!e)
		return false;
	*e = l->at[k->kind][--l->n[k->kind]];
	return true;
}

void lockout_put(struct lockout *l, const struct lockout_key *k, const struct lockout_state *state)
{
	struct entry *e = find(l, k);

	if (!e)
		e = make(l, k);
	e->state = *state;
	if (e->state.n > LOCKOUT_FAILURES - 1 && !e->state.is_locked)
		e->state.n = LOCKOUT_FAILURES - 1;
}
