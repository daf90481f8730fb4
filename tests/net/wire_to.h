/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wire_to - which far host a frame on a node's uplink comes from or goes to: each of those that a
 * delay of its own is set for has a lane, all others have lane 0.
 */
#ifndef FARLAN_TESTS_NET_WIRE_TO_H
#define FARLAN_TESTS_NET_WIRE_TO_H

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define TO_MAX 128
#define TO_LANES (TO_MAX + 1)

struct to_table {
	uint32_t n;
	struct to_host {
		int family;
		uint8_t addr[16];
		int64_t delay_ns; /* one way, on top of the link's */
	} at[TO_MAX];
};

/** to_add() - Return: 0; -EINVAL no address; -ENOSPC. */
static inline int to_add(struct to_table *t, const char *text, int64_t delay_ns)
{
	struct to_host *h = &t->at[t->n];

	if (t->n == TO_MAX)
		return -ENOSPC;
	memset(h, 0, sizeof(*h));
	h->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	h->delay_ns = delay_ns;
	if (inet_pton(h->family, text, h->addr) != 1)
		return -EINVAL;
	t->n++;
	return 0;
}

/** to_lane() - of an Ethernet frame; @from_node: its destination counts, else its source. */
static inline uint32_t to_lane(const struct to_table *t, const uint8_t *frame, uint32_t len,
			       bool from_node)
{
	uint32_t type, at, size;
	int family;

	if (t->n == 0 || len < ETHER_HDR_LEN + 20u)
		return 0;
	type = (uint32_t)frame[12] << 8 | frame[13];
	if (type != ETHERTYPE_IP && type != ETHERTYPE_IPV6)
		return 0;
	family = type == ETHERTYPE_IP ? AF_INET : AF_INET6;
	size = family == AF_INET ? 4 : 16;
	if (family == AF_INET6 && len < ETHER_HDR_LEN + 40u)
		return 0;
	at = ETHER_HDR_LEN + (family == AF_INET ? 12u : 8u) + (from_node ? size : 0);
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->at[i].family == family && memcmp(t->at[i].addr, frame + at, size) == 0)
			return i + 1;
	}
	return 0;
}

/** to_delay_ns() - of a lane, 0 for one that is there no more. */
static inline int64_t to_delay_ns(const struct to_table *t, uint32_t lane)
{
	return lane > 0 && lane <= t->n ? t->at[lane - 1].delay_ns : 0;
}

#endif
