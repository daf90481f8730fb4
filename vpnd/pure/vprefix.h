/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vprefix - which prefix stands here for a peer's LAN whose own addresses are taken: of the same
 * length, out of pools. A peer's LAN gets the same one again: the search begins at a place that
 * follows from both, and what was found is remembered. Pure (jansson).
 */
#ifndef FARLAN_VPREFIX_H
#define FARLAN_VPREFIX_H

#include "common/pure/addr.h"
#include "common/pure/ident.h"

#define VPREFIX_MEMORY_MAX 1024
#define VPREFIX_FILE_MAX_BYTES 262144

/* 100.64.0.0/12: the lower part of 100.64.0.0/10, from which accessd numbers its endpoints upwards
 * (accessd/pure/pool.h). Which of them exist, nobody here knows. */
extern const struct prefix vprefix_tunnels;

struct vprefix_list {
	size_t n;
	const struct prefix *at;
};

/** vprefix_is_taken() - does @p overlap with one of @taken? Those wider than an IPv4 /8 or an IPv6
 * /16 do not count: they are the rest of the world. */
bool vprefix_is_taken(const struct prefix *p, const struct prefix *taken, size_t n_taken);
/** vprefix_in_pools() - does @p lie in one of them? */
bool vprefix_in_pools(const struct prefix *p, const struct prefix *pools, size_t n_pools);

/**
 * vprefix_choose() - for @lan of the peer @uid. The first pool that has room, in it the next that
 * is free behind where the search begins.
 * @taken: what the result may not overlap with; vprefix_tunnels counts as taken anyway.
 * Return: 0; -ERANGE no pool is as large as @lan; -ENOSPC nothing is free in those that are.
 */
int vprefix_choose(struct prefix *out, const char *uid, const struct prefix *lan,
		   const struct vprefix_list *pools, const struct vprefix_list *taken)
	__attribute__((warn_unused_result));

/* What was chosen before. No two of @here overlap. All zero at first. */
struct vprefix_memory {
	size_t n;
	struct vprefix_entry {
		char uid[IDENT_UID_SIZE];
		struct prefix lan, here;
	} entries[VPREFIX_MEMORY_MAX]; /* the last used first */
};

/** vprefix_recall() - Return: NULL, nothing is remembered. */
const struct vprefix_entry *vprefix_recall(const struct vprefix_memory *m, const char *uid,
					   const struct prefix *lan);
/**
 * vprefix_remember() - in the place of what was remembered for the same, of what overlaps with
 * @here, and, if the memory is full, of what was not used for longest.
 * @uid: as ident_uid_ok() wants it.   @lan, @here: of one family and length.
 * Return: true: worth saving, more than the order has changed.
 */
bool vprefix_remember(struct vprefix_memory *m, const char *uid, const struct prefix *lan,
		      const struct prefix *here);

/** vprefix_memory_encode() - as JSON text, from malloc, *len without the NUL. Return: NULL out of
 * memory. */
char *vprefix_memory_encode(const struct vprefix_memory *m, size_t *len);
/** vprefix_memory_decode() - strict; @m is written whole or not at all. Return: 0; -EBADMSG;
 * -ENOMEM. */
int vprefix_memory_decode(struct vprefix_memory *m, const void *json, size_t len)
	__attribute__((warn_unused_result));

#endif
