/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which prefixes each session has here, over a restart: who was reached at an address is reached
 * there again, or nobody is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/plane_internal.h"

/* The Access Server grants what goes on right after its hello. */
#define WAIT_MS 30000

static int read_file(struct plane *pl)
{
	uint8_t *bytes;
	size_t n;
	int r = file_read(pl->assigned_file, ASSIGNED_FILE_MAX_BYTES, &bytes, &n);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	r = assigned_decode(&pl->assigned, bytes, n);
	free(bytes);
	return r;
}

void plane_assigned_open(struct plane *pl, const struct plane_config *config)
{
	int r;

	if (!config->assigned_file)
		return;
	snprintf(pl->assigned_file, sizeof(pl->assigned_file), "%s", config->assigned_file);
	r = read_file(pl);
	if (r != 0)
		log_warn("prefixes of sessions that go on are not known, and chosen anew path=%s "
			 "error=\"%s\"",
			 pl->assigned_file, r == -EBADMSG ? "damaged" : strerror(-r));
}

static void save(struct plane *pl)
{
	size_t n;
	char *text = pl->assigned_file[0] ? assigned_encode(&pl->assigned, &n) : NULL;
	int r = text ? file_replace(pl->assigned_file, text, n, 0600) : 0;

	if (pl->assigned_file[0] && !text)
		r = -ENOMEM;
	free(text);
	if (r != 0)
		log_warn("prefixes of sessions are not kept path=%s error=\"%s\"",
			 pl->assigned_file, strerror(-r));
}

void plane_grants_come(struct plane *pl)
{
	pl->grants_since_ms = clock_mono_ms();
}

/* Without a hello nobody is granted anything, and nobody is waited for in vain. */
void plane_assigned_expire(struct plane *pl)
{
	if (pl->grants_since_ms && clock_mono_ms() - pl->grants_since_ms > WAIT_MS &&
	    assigned_give_up(&pl->assigned))
		save(pl);
}

static void note(struct assigned_session *s, const struct translate *t, const struct prefix *there)
{
	if (there->addr.family && s->n < TRANSLATE_MAX)
		s->pairs[s->n++] = (struct translate_pair){
			.here = translate_here_prefix(t, there),
			.there = *there,
		};
}

void plane_assigned_attach(struct plane *pl, uint16_t slot, const struct grant *g)
{
	const struct translate *t = &pl->slots[slot].translate;
	struct prefix ipv4 = prefix_of(&g->peer_ipv4, 128), ipv6 = prefix_of(&g->peer_ipv6, 128);
	struct assigned_session s;

	memset(&s, 0, sizeof(s));
	snprintf(s.id, sizeof(s.id), "%s", g->session);
	for (size_t i = 0; i < g->n_peer_lans; i++)
		note(&s, t, &g->peer_lans[i]);
	note(&s, t, &ipv4);
	note(&s, t, &ipv6);
	if (assigned_put(&pl->assigned, &s))
		save(pl);
}

void plane_each_waiting(const struct plane *pl, void (*fn)(void *arg, const char *session),
			void *arg)
{
	for (size_t i = 0; i < pl->assigned.n; i++) {
		if (pl->assigned.sessions[i].waiting)
			fn(arg, pl->assigned.sessions[i].id);
	}
}

void plane_session_over(struct plane *pl, const char *session)
{
	if (assigned_remove(&pl->assigned, session))
		save(pl);
}
