/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tries - in which order the ways to some servers are tried, and how long one waits for the one
 * before: no server, family, port or long list of addresses holds up the others. Pure.
 */
#ifndef FARLAN_TRIES_H
#define FARLAN_TRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"

#define TRIES_MAX 48
#define TRIES_HOSTS_MAX 8
#define TRIES_PORTS_MAX 8
#define TRIES_ADDRS_MAX 10 /* of one host */
#define TRIES_FIRST 12	   /* so many begin at the stagger that was asked for */
#define TRIES_REST_MS 3600 /* and all others within this time */

struct tries_host {
	size_t n_addrs;
	struct addr addrs[TRIES_ADDRS_MAX];
	size_t n_ports;
	uint16_t ports[TRIES_PORTS_MAX];
};

struct tries_one {
	size_t host, addr; /* numbers */
	uint16_t port;
};

/**
 * tries_order() - the first port at the first two addresses of every host (one of each family, if
 * tries_addrs() made the list), then the second port, and so on; then the same with the next two
 * addresses.   Return: how many, at most TRIES_MAX; what is beyond is left out.
 */
size_t tries_order(struct tries_one out[TRIES_MAX], const struct tries_host *hosts, size_t n);

/**
 * tries_addrs() - whom to try of one host: @found (what its name means, in the resolver's order):
 * the first of each family (RFC 8305 section 4); then @known, what was good without the name; then
 * others of @found, by chance, so that each of many has its turn some day. Nothing twice.
 * @random: for the chance.
 */
void tries_addrs(struct tries_host *h, const struct addr *found, size_t n_found,
		 const struct addr *known, size_t n_known, uint32_t random);

/** tries_wait_ms() - before try number @next of @n, if nothing of it failed: @stagger_ms, and less
 * where there are many, so that the last one has its time, too. */
uint32_t tries_wait_ms(size_t next, size_t n, uint32_t stagger_ms);

/** tries_shuffle() - the numbers 0..@n-1 in an order by chance. @random: one for each. */
void tries_shuffle(size_t *order, size_t n, const uint32_t *random);

#endif
