/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * zone - the names of what is connected: DEVICE.DOMAIN.farlan, and HOST.DEVICE.DOMAIN.farlan for
 * the hosts behind it; and which of them an address has. Pure.
 *
 * The names of devices stand in it as they are: a dot in one parts two labels. Where a device's
 * name is also that of a host behind another one, it is the device. Source: docs/PROTOCOL.md,
 * section 9, "Names".
 */
#ifndef FARLAN_ZONE_H
#define FARLAN_ZONE_H

#include "common/pure/grant.h"
#include "vpnd/pure/dns.h"

#define ZONE_APEX_SIZE (IDENT_DOMAIN_SIZE + 8)
#define ZONE_DEVICES_MAX 64
#define ZONE_TTL_S 5	      /* an address counts as long as the session */
#define ZONE_NEGATIVE_TTL_S 1 /* so that a name is there right after connect */
#define ZONE_NAMES_MAX 64     /* that one address is said to have */

struct zone_device {
	char name[GRANT_NAME_SIZE];
	struct addr ipv4, ipv6; /* of the tunnel; one may be absent */
	size_t n_lans;
	struct prefix lans[GRANT_LANS_MAX]; /* as this host sees them, and so are the hosts */
	struct hosts hosts;
};

struct zone {
	char apex[ZONE_APEX_SIZE];			/* "acme.farlan"; "": there is none yet */
	const struct zone_device *at[ZONE_DEVICES_MAX]; /* NULL: free */
};

/* What became of a question. */
enum zone_result {
	ZONE_ANSWERED,
	ZONE_NO_DATA,	/* the name is there, nothing of this type */
	ZONE_NO_NAME,	/* NXDOMAIN */
	ZONE_REFUSED,	/* not about names that are given here */
	ZONE_MALFORMED, /* or of a kind that is not known */
	ZONE_RESULTS
};
const char *zone_result_name(enum zone_result r); /* "answered", "no_data" ... */

/** zone_set_domain() - "acme" makes the apex "acme.farlan"; "" none. */
void zone_set_domain(struct zone *z, const char *domain);
/** zone_can_name() - is this a name that DNS can have? (Two dots in a row it cannot.) */
bool zone_can_name(const char *device);
/** zone_name() - @host: NULL: the device itself. */
void zone_name(const struct zone *z, const struct zone_device *d, const char *host,
	       char out[DNS_NAME_SIZE]);
/** zone_hides() - is this host's full name that of a device, too? Then it is the device's alone. */
bool zone_hides(const struct zone *z, const struct zone_device *d, const char *host);

/**
 * zone_answer() - the answer to @q, into @size bytes at @out, at least DNS_PLAIN_BYTES; @tcp: it
 * may be long. *n: its length.
 */
enum zone_result zone_answer(const struct zone *z, const struct dns_query *q, bool tcp,
			     uint8_t *out, size_t size, size_t *n);

#endif
