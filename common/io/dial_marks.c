/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered of hosts, and a restart may forget. */
#include <stdio.h>
#include <string.h>

#include "common/io/dial.h"
#include "common/io/file.h"

static bool same_sealed(const struct dial_sealed *e, const char *host,
			const struct sockaddr_storage *from)
{
	return strcmp(e->host, host) == 0 && memcmp(&e->from, from, sizeof(*from)) == 0;
}

bool dial_is_sealed(const struct dial_memory *m, const char *host,
		    const struct sockaddr_storage *from, uint64_t now_ms)
{
	for (size_t i = 0; m && i < DIAL_SEALED_MAX; i++) {
		if (m->sealed[i].until_ms > now_ms && same_sealed(&m->sealed[i], host, from))
			return true;
	}
	return false;
}

/* In the place of the same, of an unused one, or of the one that ends first. */
void dial_remember_sealed(struct dial_memory *m, const char *host,
			  const struct sockaddr_storage *from, uint64_t now_ms)
{
	struct dial_sealed *to;

	if (!m)
		return;
	to = &m->sealed[0];
	for (size_t i = 0; i < DIAL_SEALED_MAX; i++) {
		if (m->sealed[i].until_ms < to->until_ms)
			to = &m->sealed[i];
	}
	for (size_t i = 0; i < DIAL_SEALED_MAX; i++) {
		if (same_sealed(&m->sealed[i], host, from))
			to = &m->sealed[i];
	}
	snprintf(to->host, sizeof(to->host), "%s", host);
	to->from = *from;
	to->until_ms = now_ms + DIAL_SEALED_MS;
}

static struct dial_rest *find_rest(const struct dial_memory *m, const char *host)
{
	for (size_t i = 0; m && i < DIAL_RESTS_MAX; i++) {
		/* Not changed here, but the caller may. */
		if (m->rests[i].host[0] && strcmp(m->rests[i].host, host) == 0)
			return (struct dial_rest *)(uintptr_t)&m->rests[i];
	}
	return NULL;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* That of the host, or the one that ends first. */
static struct dial_rest *take_rest(struct dial_memory *m, const char *host)
{
	struct dial_rest *r = find_rest(m, host);

	if (r)
		return r;
	r = &m->rests[0];
	for (size_t i = 1; i < DIAL_RESTS_MAX; i++) {
		if (later(m->rests[i].until_ms, m->rests[i].poor_until_ms) <
		    later(r->until_ms, r->poor_until_ms))
			r = &m->rests[i];
	}
	*r = (struct dial_rest){.until_ms = 0};
	snprintf(r->host, sizeof(r->host), "%s", host);
	return r;
}

void dial_rest(struct dial_memory *m, const char *host, uint32_t s, uint64_t now_ms)
{
	uint32_t random, ms;

	if (!m || !host[0])
		return;
	ms = (s < DIAL_REST_MAX_S ? s : DIAL_REST_MAX_S) * 1000;
	file_random(&random, sizeof(random));
	take_rest(m, host)->until_ms = now_ms + ms + random % (ms / 4 + 1);
}

uint64_t dial_rest_ms(const struct dial_memory *m, const char *host, uint64_t now_ms)
{
	const struct dial_rest *r = find_rest(m, host);

	return r && r->until_ms > now_ms ? r->until_ms - now_ms : 0;
}

void dial_mark_poor(struct dial_memory *m, const char *host, uint64_t now_ms)
{
	if (m && host[0])
		take_rest(m, host)->poor_until_ms = now_ms + DIAL_POOR_MS;
}

bool dial_is_poor(const struct dial_memory *m, const char *host, uint64_t now_ms)
{
	const struct dial_rest *r = find_rest(m, host);

	return r && r->poor_until_ms > now_ms;
}
