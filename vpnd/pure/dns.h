/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dns - questions taken apart, answers put together. Pure.
 *
 * One question in one message, of class IN or not; EDNS (RFC 6891) is understood, its options are
 * not looked at. Strict: sections that a question has no use for, compressed names in it, and bytes
 * behind the end are refused.
 * Source: RFC 1035, section 4; RFC 2181; RFC 6891; RFC 8482.
 */
#ifndef FARLAN_DNS_H
#define FARLAN_DNS_H

#include "common/pure/addr.h"
#include "common/pure/bytes.h"

#define DNS_HEADER_BYTES 12
#define DNS_NAME_BYTES 255 /* on the wire, with the root's label */
#define DNS_NAME_SIZE 254  /* as text, with NUL */
#define DNS_LABEL_MAX 63
#define DNS_QUESTION_BYTES (DNS_NAME_BYTES + 4)
#define DNS_PLAIN_BYTES 512	 /* of an answer by UDP, without EDNS */
#define DNS_EDNS_BYTES 1232	 /* with it: what passes everywhere in one packet */
#define DNS_QUERY_MAX_BYTES 4096 /* of a question that is taken */
#define DNS_ADDITIONAL_MAX 4	 /* records behind a question */

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

enum dns_type {
	DNS_A = 1,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};

#define DNS_CLASS_IN 1

struct dns_query {
	uint16_t id;
	uint8_t opcode;
	bool recurse, no_check; /* RD, CD: copied into the answer */
	/* What is wrong with it, to be answered at once; DNS_NOERROR: nothing. */
	enum dns_rcode wrong;
	uint8_t question[DNS_QUESTION_BYTES]; /* as it came; empty if it could not be read */
	size_t question_bytes;
	/* In lower case, a dot between labels, none behind; "" is the root. What stands in no name
	 * of a host or device is a '?'. */
	char name[DNS_NAME_SIZE];
	uint16_t type, class;
	bool edns, dnssec_ok;
	uint16_t udp_bytes; /* that the asker takes */
};

/**
 * dns_query_decode() - a message of @n bytes.
 * Return: 0; -EBADMSG it is not a question (too short, an answer): say nothing.
 */
int dns_query_decode(struct dns_query *q, const uint8_t *message, size_t n)
	__attribute__((warn_unused_result));

/** dns_reply_limit() - how long the answer may be. */
size_t dns_reply_limit(const struct dns_query *q, bool tcp);

/* An answer in the making. Records that do not fit leave it cut (TC), without any. */
struct dns_reply {
	struct wr w;
	const struct dns_query *q;
	uint16_t answers, authority;
	size_t records; /* where they begin */
	size_t keep;	/* bytes for what comes at the end */
	bool cut;
};

/** dns_reply_begin() - into @size bytes at @out; at least DNS_PLAIN_BYTES. */
void dns_reply_begin(struct dns_reply *r, const struct dns_query *q, uint8_t *out, size_t size);
/* Records, of the name that was asked for. */
void dns_reply_addr(struct dns_reply *r, const struct addr *a, uint32_t ttl_s);
void dns_reply_ptr(struct dns_reply *r, const char *name, uint32_t ttl_s);
/** dns_reply_minimal() - what stands for ANY (RFC 8482, section 4.2). */
void dns_reply_minimal(struct dns_reply *r, uint32_t ttl_s);
/** dns_reply_soa() - of the zone @apex; @answer: it was asked for; else that there is nothing, for
 * @ttl_s (RFC 2308). */
void dns_reply_soa(struct dns_reply *r, const char *apex, uint32_t ttl_s, bool answer);
/** dns_reply_end() - Return: the length of the message. */
size_t dns_reply_end(struct dns_reply *r, enum dns_rcode rcode);

/** dns_reverse() - the address that a name in in-addr.arpa or ip6.arpa stands for (RFC 1035, 3.5;
 * RFC 3596, 2.5). Return: 0; -EINVAL not a whole one. */
int dns_reverse(struct addr *a, const char *name) __attribute__((warn_unused_result));

#endif
