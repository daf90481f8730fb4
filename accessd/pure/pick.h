/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pick - which relays a session gets, and in which order. Pure.
 */
#ifndef FARLAN_PICK_H
#define FARLAN_PICK_H

#include <stdbool.h>
#include <stddef.h>

struct pick {
	size_t index;	 /* the caller's */
	bool online;	 /* has a control connection now */
	size_t sessions; /* that begin at this relay */
};

/**
 * pick_relays() - order @n relays in place: connected ones first, since what accessd knows of the
 * others may be stale; among them those with the fewest sessions; then as they came.
 * Return: how many count, at most @max.
 */
size_t pick_relays(struct pick *relays, size_t n, size_t max);

#endif
