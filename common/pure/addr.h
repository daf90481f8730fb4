/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * addr - IP addresses and prefixes as values. Pure.
 */
#ifndef FARLAN_ADDR_H
#define FARLAN_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_TEXT_SIZE 46   /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_SIZE 50 /* address, '/', length, NUL */

struct addr {
	uint8_t family;	   /* 4 or 6; 0 is "none" */
	uint8_t bytes[16]; /* network order; 4 used for IPv4, the rest zero */
};

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t len;	  /* bits: 0..32 or 0..128 */
};

/**
 * addr_parse() - numeric IPv4 (dotted quad) or IPv6 (RFC 4291), nothing else: no zone, no spaces.
 * Return: 0; -EINVAL.
 */
int addr_parse(struct addr *a, const char *text) __attribute__((warn_unused_result));
/** addr_format() - one spelling (RFC 5952); "none" without a family. */
void addr_format(const struct addr *a, char out[ADDR_TEXT_SIZE]);
bool addr_equal(const struct addr *a, const struct addr *b);
/** addr_from_bytes() - @family 4 or 6, @bytes 4 or 16 bytes. */
struct addr addr_from_bytes(uint8_t family, const uint8_t *bytes);

/**
 * prefix_parse() - "ADDR/LEN"; a bare address is a host prefix.
 * Return: 0; -EINVAL not a prefix; -EDOM host bits are set (192.168.1.5/24).
 */
int prefix_parse(struct prefix *p, const char *text) __attribute__((warn_unused_result));
void prefix_format(const struct prefix *p, char out[PREFIX_TEXT_SIZE]);
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
/** prefix_of() - the prefix of @len bits, at most all, that holds @a. */
struct prefix prefix_of(const struct addr *a, uint8_t len);
/**
 * prefix_routable() - may a LAN be this? It may not overlap 0/8, loopback, link-local, multicast,
 * 240/4, ::/96 or IPv4-mapped addresses, and so is no default route either.
 */
bool prefix_routable(const struct prefix *p);
/** prefix_reachable() - may this be behind a device? As prefix_routable(), but what is wide, up to
 * 0.0.0.0/0, may hold such ranges; their addresses are martians all the same. */
bool prefix_reachable(const struct prefix *p);
/** prefix_is_wide() - so wide that every host has parts of it: IPv4 up to /8, IPv6 up to /16. */
bool prefix_is_wide(const struct prefix *p);
/** addr_is_martian() - no packet between networks has it: what prefix_routable() names. */
bool addr_is_martian(const struct addr *a);

#endif
