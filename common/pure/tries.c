/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/tries.h"

#define AT_A_TIME 2 /* addresses of a host: one of each family */

static size_t add_round(struct tries_one *out, size_t n, const struct tries_host *hosts,
			size_t n_hosts, size_t level, size_t round)
{
	for (size_t a = level * AT_A_TIME; a < (level + 1) * AT_A_TIME; a++) {
		for (size_t h = 0; h < n_hosts && n < TRIES_MAX; h++) {
			if (a < hosts[h].n_addrs && round < hosts[h].n_ports)
				out[n++] = (struct tries_one){h, a, hosts[h].ports[round]};
		}
	}
	return n;
}

size_t tries_order(struct tries_one out[TRIES_MAX], const struct tries_host *hosts, size_t n_hosts)
{
	size_t n = 0;

	for (size_t level = 0; level * AT_A_TIME < TRIES_ADDRS_MAX; level++) {
		for (size_t round = 0; round < TRIES_PORTS_MAX; round++)
			n = add_round(out, n, hosts, n_hosts, level, round);
	}
	return n;
}

static void add(struct tries_host *h, const struct addr *a)
{
	if (h->n_addrs == TRIES_ADDRS_MAX)
		return;
	for (size_t i = 0; i < h->n_addrs; i++) {
		if (addr_equal(&h->addrs[i], a))
			return;
	}
	h->addrs[h->n_addrs++] = *a;
}

static void add_first_of_other_family(struct tries_host *h, const struct addr *found, size_t n)
{
	for (size_t i = 0; h->n_addrs == 1 && i < n; i++) {
		if (found[i].family != h->addrs[0].family)
			add(h, &found[i]);
	}
}

void tries_addrs(struct tries_host *h, const struct addr *found, size_t n_found,
		 const struct addr *known, size_t n_known, uint32_t random)
{
	h->n_addrs = 0;
	for (size_t i = 0; h->n_addrs == 0 && i < n_found; i++)
		add(h, &found[i]);
	add_first_of_other_family(h, found, n_found);
	for (size_t i = 0; i < n_known; i++)
		add(h, &known[i]);
	/* A few are as the resolver orders them; of many, those behind a point by chance. */
	if (n_found <= TRIES_ADDRS_MAX)
		random = 0;
	for (size_t i = 0; i < n_found; i++)
		add(h, &found[(i + random) % n_found]);
}

uint32_t tries_wait_ms(size_t next, size_t n, uint32_t stagger_ms)
{
	size_t rest = n > TRIES_FIRST ? n - TRIES_FIRST : 0;
	uint32_t less = rest > 0 ? (uint32_t)(TRIES_REST_MS / rest) : stagger_ms;

	return next >= TRIES_FIRST && less < stagger_ms ? less : stagger_ms;
}

void tries_shuffle(size_t *order, size_t n, const uint32_t *random)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t k = random[i - 1] % i, other = order[k];

		order[k] = order[i - 1];
		order[i - 1] = other;
	}
}
