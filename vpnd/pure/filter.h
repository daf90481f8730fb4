/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * filter - which packets a capture is to have. Pure.
 *
 *   [src|dst] host ADDRESS   [src|dst] net PREFIX   [src|dst] port N[-M]   in   out
 *   ip   ip6   tcp   udp   icmp (and ICMPv6)     not A   A and B   A or B   ( A )
 *
 * `not` binds closest, then `and`. In: from the peer, out: to it. A later fragment has no ports.
 */
#ifndef FARLAN_FILTER_H
#define FARLAN_FILTER_H

#include "common/pure/ip.h"
#include "vpnd/pure/l4.h"

#define FILTER_NODES_MAX 64
#define FILTER_TEXT_MAX 1024 /* characters */
#define FILTER_ERROR_SIZE 128

struct filter_node {
	enum {
		FILTER_HOST,
		FILTER_NET,
		FILTER_PORT,
		FILTER_FAMILY,
		FILTER_PROTOCOL,
		FILTER_IN,
		FILTER_NOT,
		FILTER_AND,
		FILTER_OR,
	} kind;
	bool src, dst;	      /* which end; both: either */
	struct prefix prefix; /* FILTER_HOST, FILTER_NET */
	uint16_t from, to;    /* FILTER_PORT; FILTER_FAMILY, FILTER_PROTOCOL, FILTER_IN: @from */
};

/* What is to be asked, operands before their operator. Empty: everything. */
struct filter {
	size_t n;
	struct filter_node at[FILTER_NODES_MAX];
};

struct filter_packet {
	const struct ip_info *ip;
	const struct l4 *l4;
	bool in; /* from the peer */
};

/** filter_parse() - @error: what is wrong, in words. Return: 0; -EINVAL; -ENOSPC. */
int filter_parse(struct filter *f, const char *text, char error[FILTER_ERROR_SIZE])
	__attribute__((warn_unused_result));
bool filter_match(const struct filter *f, const struct filter_packet *p);

#endif
