/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Virtual prefixes: what of a peer's addresses collides with something here is known here by other
 * ones. Which, is chosen when a session begins and remembered for the peer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/plane_internal.h"

/* The memory */

static int read_memory(struct plane *pl)
{
	uint8_t *bytes;
	size_t n;
	int r = file_read(pl->virtual_file, VPREFIX_FILE_MAX_BYTES, &bytes, &n);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	r = vprefix_memory_decode(&pl->virtuals, bytes, n);
	free(bytes);
	return r;
}

void plane_virtual_open(struct plane *pl, const struct plane_config *config)
{
	int r;

	if (config->pools)
		pl->pools = *config->pools;
	if (!config->virtual_file)
		return;
	snprintf(pl->virtual_file, sizeof(pl->virtual_file), "%s", config->virtual_file);
	r = read_memory(pl);
	if (r != 0)
		log_warn("virtual prefixes are not remembered, and chosen anew path=%s "
			 "error=\"%s\"",
			 pl->virtual_file, r == -EBADMSG ? "damaged" : strerror(-r));
}

void plane_virtual_keep(struct plane *pl)
{
	bool wanted = pl->virtuals_changed && pl->virtual_file[0];
	size_t n;
	char *text = wanted ? vprefix_memory_encode(&pl->virtuals, &n) : NULL;
	int r = text ? file_replace(pl->virtual_file, text, n, 0600) : wanted ? -ENOMEM : 0;

	free(text);
	pl->virtuals_changed = false;
	if (r != 0)
		log_warn("virtual prefixes are not kept path=%s error=\"%s\"", pl->virtual_file,
			 strerror(-r));
}

/* What is taken */

/* Room for all that is known without asking the kernel. */
#define KNOWN_MAX                                                                        \
	(2 * GRANT_LANS_MAX + 4 + TRANSLATE_MAX + PLANE_AVOID_MAX + VPREFIX_MEMORY_MAX + \
	 ROUTE_TABLE_MAX + ASSIGNED_MAX * TRANSLATE_MAX)

struct taken {
	size_t n, size;
	size_t n_fixed;		 /* of the host, the grant and this session */
	size_t n_without_memory; /* and of other sessions */
	struct prefix *list;
};

static void take(struct taken *t, const struct prefix *p)
{
	if (p->addr.family && t->n < t->size)
		t->list[t->n++] = *p;
}

static void take_address(struct taken *t, const struct addr *a)
{
	struct prefix host = prefix_of(a, 128);

	take(t, &host);
}

static void take_grant(struct taken *t, const struct grant *g)
{
	for (size_t i = 0; i < g->n_own_lans; i++)
		take(t, &g->own_lans[i]);
	for (size_t i = 0; i < g->n_peer_lans; i++)
		take(t, &g->peer_lans[i]);
	take_address(t, &g->peer_ipv4);
	take_address(t, &g->peer_ipv6);
}

/* What does not depend on which other sessions there are. */
static void take_fixed(struct taken *t, const struct plane *pl, uint16_t slot)
{
	const struct translate *own = &pl->slots[slot].translate;

	take_address(t, &pl->ipv4);
	take_address(t, &pl->ipv6);
	for (size_t i = 0; i < pl->n_avoid; i++)
		take(t, &pl->avoid[i]);
	for (size_t i = 0; i < own->n; i++)
		take(t, &own->pairs[i].here);
}

/* Of those that are here, and those that are about to come back. */
static void take_sessions(struct taken *t, const struct plane *pl, const char *session)
{
	for (size_t i = 0; i < pl->table.n; i++)
		take(t, &pl->table.routes[i].prefix);
	for (size_t i = 0; i < pl->assigned.n; i++) {
		const struct assigned_session *s = &pl->assigned.sessions[i];

		for (size_t k = 0; k < s->n && s->waiting && strcmp(s->id, session) != 0; k++)
			take(t, &s->pairs[k].here);
	}
}

/* Others come back and want theirs again. */
static void take_remembered(struct taken *t, const struct plane *pl, const char *uid,
			    const struct prefix *lan)
{
	const struct vprefix_entry *own = vprefix_recall(&pl->virtuals, uid, lan);

	for (size_t i = 0; i < pl->virtuals.n; i++) {
		if (&pl->virtuals.entries[i] != own)
			take(t, &pl->virtuals.entries[i].here);
	}
}

/* @t->list: caller frees. Return: 0; -errno and netconf_error(). */
static int collect_taken(struct plane *pl, uint16_t slot, const struct grant *g,
			 const struct prefix *lan, struct taken *t)
{
	struct prefix *host, *list;
	size_t n_host;
	int r = netconf_in_use(pl->netconf, lan->addr.family, &host, &n_host);

	if (r != 0)
		return r;
	list = realloc(host, (n_host + KNOWN_MAX) * sizeof(*list));
	if (!list) {
		free(host);
		return -ENOMEM;
	}
	*t = (struct taken){.n = n_host, .size = n_host + KNOWN_MAX, .list = list};
	take_grant(t, g);
	take_fixed(t, pl, slot);
	t->n_fixed = t->n;
	take_sessions(t, pl, g->session);
	t->n_without_memory = t->n;
	take_remembered(t, pl, g->peer.uid, lan);
	return 0;
}

/* The choice */

static bool recall(const struct plane *pl, const char *uid, const struct prefix *lan,
		   const struct taken *t, struct prefix *here)
{
	const struct vprefix_entry *e = vprefix_recall(&pl->virtuals, uid, lan);

	if (!e || !vprefix_in_pools(&e->here, pl->pools.at, pl->pools.n) ||
	    vprefix_is_taken(&e->here, t->list, t->n_without_memory))
		return false;
	*here = e->here;
	return true;
}

static int choose(const struct plane *pl, const char *uid, const struct prefix *lan,
		  const struct taken *t, struct prefix *here)
{
	struct vprefix_list pools = {.n = pl->pools.n, .at = pl->pools.at},
			    taken = {.n = t->n, .at = t->list};
	int r;

	if (recall(pl, uid, lan, t, here))
		return 0;
	r = vprefix_choose(here, uid, lan, &pools, &taken);
	if (r != -ENOSPC)
		return r;
	taken.n = t->n_without_memory;
	return vprefix_choose(here, uid, lan, &pools, &taken);
}

static void say_why_not(const struct plane *pl, char error[PLANE_ERROR_SIZE], int r,
			const struct prefix *lan)
{
	const char *why = pl->pools.n == 0 ? "virtual names no pool in the configuration"
			  : r == -ERANGE ? "no pool is large enough (virtual in the configuration)"
			  : r == -ENOSPC ? "no pool has one free (virtual in the configuration)"
					 : strerror(-r);
	size_t used = strlen(error);

	snprintf(error + used, PLANE_ERROR_SIZE - used, "; no virtual /%u in its place: %s",
		 lan->len, why);
}

static void tell(const struct grant *g, const struct prefix *lan, const struct prefix *here)
{
	char real[PREFIX_TEXT_SIZE], stands[PREFIX_TEXT_SIZE];

	prefix_format(lan, real);
	prefix_format(here, stands);
	log_info("a prefix stands for another session=%.8s peer=%s lan=%s here=%s", g->session,
		 g->peer_name, real, stands);
}

/* Return: 0; -ENOSPC, -EINVAL. */
static int use(struct plane *pl, uint16_t slot, const struct grant *g, const struct prefix *lan,
	       const struct prefix *here)
{
	int r = translate_add(&pl->slots[slot].translate, here, lan);

	if (r != 0)
		return r;
	tell(g, lan, here);
	if (vprefix_remember(&pl->virtuals, g->peer.uid, lan, here))
		pl->virtuals_changed = true;
	return 0;
}

bool plane_virtual_again(struct plane *pl, uint16_t slot, const struct grant *g,
			 const struct prefix *lan, const struct prefix *here)
{
	struct taken t = {.n = 0};
	bool ok = vprefix_in_pools(here, pl->pools.at, pl->pools.n) &&
		  collect_taken(pl, slot, g, lan, &t) == 0 &&
		  !vprefix_is_taken(here, t.list, t.n_fixed);

	free(t.list);
	return ok && use(pl, slot, g, lan, here) == 0;
}

int plane_virtual_choose(struct plane *pl, uint16_t slot, const struct grant *g,
			 const struct prefix *lan, char error[PLANE_ERROR_SIZE])
{
	struct taken t = {.n = 0};
	struct prefix here;
	int r = collect_taken(pl, slot, g, lan, &t);

	if (r == 0)
		r = choose(pl, g->peer.uid, lan, &t, &here);
	free(t.list);
	if (r == 0)
		r = use(pl, slot, g, lan, &here);
	if (r != 0)
		say_why_not(pl, error, r, lan);
	return r;
}

void plane_set_avoid(struct plane *pl, const struct addr *addrs, size_t n)
{
	pl->n_avoid = 0;
	for (size_t i = 0; i < n && pl->n_avoid < PLANE_AVOID_MAX; i++) {
		if (addrs[i].family)
			pl->avoid[pl->n_avoid++] = prefix_of(&addrs[i], 128);
	}
}

/* Packets */

bool plane_to_there(struct passing *pk)
{
	if (translate_outgoing(&pk->s->translate, &pk->v, pk->bytes, pk->n, &pk->ip) == 0)
		return true;
	pk->s->counters.malformed++;
	return false;
}

bool plane_to_here(struct passing *pk)
{
	if (translate_incoming(&pk->s->translate, &pk->v, pk->bytes, pk->n, &pk->ip) == 0)
		return true;
	pk->s->counters.malformed++;
	return false;
}

/* Asking */

const struct translate *plane_translate(const struct plane *pl, uint16_t slot)
{
	return &pl->slots[slot].translate;
}
