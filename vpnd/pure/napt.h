/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * napt - many hosts behind one lent address: which flow a packet belongs to, and how it looks at
 * the other side. Pure.
 *
 *     peer's side            here                         LAN
 *     real:port  <--------> lent:port  <----------------> remote:port
 *
 *   lent address   an address of the LAN that stands for all hosts of all peers
 *   translated     a flow that the peer's side began: its source is the lent address on the LAN
 *   left alone     a flow that a host of the LAN began: neither end's address is changed
 *
 * The mapping depends on the remote end (RFC 4787: address and port-dependent), so one lent address
 * has as many ports for each remote end as there are ports. The source port is kept if it is free.
 * Timeouts follow RFC 5382, RFC 4787 and RFC 5508. All memory is taken at the start.
 */
#ifndef FARLAN_NAPT_H
#define FARLAN_NAPT_H

#include "common/pure/ip.h"
#include "vpnd/pure/vnet.h"

#define NAPT_FLOWS_MAX 131072 /* 11 MB when all are in use */
#define NAPT_LENTS_MAX 32
#define NAPT_SLOTS_MAX 256
#define NAPT_TCP_LONG_MS (7440 * 1000UL) /* RFC 5382 REQ-5 */
#define NAPT_TCP_SHORT_MS (240 * 1000UL) /* the same; beginning or ending */
#define NAPT_UDP_ONE_MS (30 * 1000UL)	 /* nobody answered yet */
#define NAPT_UDP_BOTH_MS (120 * 1000UL)	 /* RFC 4787 REQ-5 */
#define NAPT_OTHER_MS (60 * 1000UL)	 /* RFC 5508 REQ-2 */
#define NAPT_FRAGMENT_MS (60 * 1000UL)	 /* RFC 8200 section 4.5 */

struct napt;

/* A packet that ip_parse() has passed. Bytes and @ip are changed together. */
struct napt_packet {
	const struct vnet *v; /* what of the checksum is not finished */
	uint8_t *bytes;
	size_t n;
	struct ip_info *ip;
};

enum napt_result {
	NAPT_DONE,	 /* translated */
	NAPT_LEAVE,	 /* it belongs to a flow that is left alone */
	NAPT_NO_FLOW,	 /* an answer, an error or a reset for no flow that is known */
	NAPT_NO_PORT,	 /* all ports towards this remote end are in use */
	NAPT_NO_ADDRESS, /* there is no lent address yet */
	NAPT_FRAGMENT,	 /* a fragment whose first one has not come, or a first one without ports */
};

/** napt_new() - @key: random. @max: flows, at most NAPT_FLOWS_MAX. NULL: out of memory. */
struct napt *napt_new(const uint64_t key[2], uint32_t max);
void napt_free(struct napt *t);

/**
 * napt_in() - from the peer of @slot to the LAN: makes the flow if there is none.
 * @lent: the number of the lent address, @addr: itself, of the packet's family; NULL: there is none
 * yet, and flows that are not left alone come to nothing.
 * The packet is changed with NAPT_DONE only.
 */
enum napt_result napt_in(struct napt *t, struct napt_packet *p, uint16_t slot, uint8_t lent,
			 const struct addr *addr, uint64_t now_ms)
	__attribute__((warn_unused_result));

/**
 * napt_out() - from the LAN to a lent address: NAPT_DONE and the slot, or what to drop it for.
 */
enum napt_result napt_out(struct napt *t, struct napt_packet *p, uint8_t lent, uint16_t *slot,
			  uint64_t now_ms) __attribute__((warn_unused_result));

/** napt_note() - it goes untranslated, and its flow will be left alone. The packet is not changed.
 * @in: from the peer of @slot to the LAN; else from the LAN to the peer's side. */
void napt_note(struct napt *t, struct napt_packet *p, uint16_t slot, bool in, uint64_t now_ms);

/**
 * napt_echo() - a ping of the lent address itself becomes its answer: so DHCP servers ask whether
 * an address is free. Return: false: it is none.
 */
bool napt_echo(struct napt_packet *p);

/** napt_expire() - forget what was idle too long; now and then. */
void napt_expire(struct napt *t, uint64_t now_ms);
/** napt_forget_slot(), napt_forget_lent() - a session has ended, an address was given up. */
void napt_forget_slot(struct napt *t, uint16_t slot);
void napt_forget_lent(struct napt *t, uint8_t lent);

struct napt_counters {
	uint32_t flows; /* now */
	uint64_t made, evicted;
};
const struct napt_counters *napt_counters(const struct napt *t);

#endif
