/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * napt_internal - what the files of napt share; nobody else includes it.
 *
 *   napt.c        which way a packet goes
 *   napt_table.c  the flows: found from both sides, forgotten in time
 *   napt_write.c  addresses and ports in packets
 */
#ifndef FARLAN_NAPT_INTERNAL_H
#define FARLAN_NAPT_INTERNAL_H

#include "vpnd/pure/l4.h"
#include "vpnd/pure/napt.h"

/* One list for each timeout, so that the flow that is idle longest is its first. */
enum napt_class { NAPT_UDP_ONE, NAPT_OTHER, NAPT_UDP_BOTH, NAPT_TCP_SHORT, NAPT_TCP_LONG };
#define NAPT_CLASSES (NAPT_TCP_LONG + 1)

/* TCP, and UDP as far as it fits */
#define NAPT_ANSWERED 1 /* the other end sent something */
#define NAPT_GOES_ON 2	/* and who began has gone on then */
#define NAPT_FIN_BEGAN 4
#define NAPT_FIN_OTHER 8
#define NAPT_RESET 16

struct napt_flow {
	uint8_t real[16], remote[16];
	uint16_t real_port, remote_port, lent_port;
	uint16_t slot;
	uint8_t family, protocol, lent;
	uint8_t class, flags;
	bool left_alone;
	uint32_t serial;	    /* no other flow in this place had it */
	uint32_t next_in, next_out; /* in the bucket; 0: none */
	uint32_t newer, older;	    /* in the list of its class */
	uint64_t used_ms;
};

/* How a flow is known on the peer's side ... */
struct napt_in_key {
	uint8_t real[16], remote[16];
	uint16_t real_port, remote_port;
	uint16_t slot;
	uint8_t family, protocol;
};

/* ... and on the LAN. */
struct napt_out_key {
	uint8_t remote[16];
	uint16_t remote_port, lent_port;
	uint8_t family, protocol, lent, zero;
};

/* A packet of which more fragments follow. */
struct napt_piece_key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t where; /* slot, or beyond all slots the lent address */
	uint8_t family, protocol;
};

struct napt_piece {
	struct napt_piece_key key;
	uint32_t flow, serial; /* 0: free */
	uint64_t at_ms;
};

#define NAPT_PIECE_SETS 256
#define NAPT_PIECE_WAYS 4

struct napt {
	uint64_t key[2], random;
	uint32_t max, fresh; /* flows; how many places were ever used */
	uint32_t free;	     /* places that are free again, by next_in */
	uint32_t serial;
	uint32_t buckets; /* a power of two */
	uint32_t *in, *out;
	struct napt_flow *flows; /* from 1 on */
	uint32_t oldest[NAPT_CLASSES], newest[NAPT_CLASSES];
	struct napt_counters counters;
	struct napt_piece pieces[NAPT_PIECE_SETS][NAPT_PIECE_WAYS];
};

/** napt_find_in(), napt_find_out() - 0: none, or one whose time is over. */
uint32_t napt_find_in(const struct napt *t, const struct napt_in_key *k, uint64_t now_ms);
uint32_t napt_find_out(const struct napt *t, const struct napt_out_key *k, uint64_t now_ms);
/** napt_add() - a flow; for a full table another one goes. @lent: NAPT_LEFT_ALONE: it gets no lent
 * port. @any_port: another one than its real one will do. Return: 0: there is no free port. */
#define NAPT_LEFT_ALONE UINT8_MAX
uint32_t napt_add(struct napt *t, const struct napt_in_key *k, uint8_t lent, bool any_port,
		  uint64_t now_ms);
/** napt_use() - it is not idle: a packet by who began it, or by the other end. */
void napt_use(struct napt *t, uint32_t flow, const struct l4 *l4, bool by_beginner,
	      uint64_t now_ms);

/** napt_keep_piece() - of a first fragment. */
void napt_keep_piece(struct napt *t, const struct napt_piece_key *k, uint32_t flow,
		     uint64_t now_ms);
/** napt_find_piece() - of a later one; 0: none. */
uint32_t napt_find_piece(const struct napt *t, const struct napt_piece_key *k, uint64_t now_ms);

enum napt_end { NAPT_SRC, NAPT_DST };

/** napt_write() - put address, and port or echo identifier if @l4 has one, and mend checksums. */
void napt_write(struct napt_packet *p, const struct l4 *l4, enum napt_end end, const uint8_t *addr,
		uint16_t port);

/* What an ICMP error quotes. */
struct napt_quoted {
	struct ip_info ip; /* src and dst only */
	struct l4 l4;
	uint8_t *bytes;
	size_t n;
};

/** napt_quoted() - false: nothing that a flow could be found by. */
bool napt_quoted(const struct napt_packet *p, const struct l4 *l4, struct napt_quoted *q);
/** napt_write_quoted() - the same as napt_write() within the quoted packet. */
void napt_write_quoted(struct napt_packet *p, const struct l4 *l4, struct napt_quoted *q,
		       enum napt_end end, const uint8_t *addr, uint16_t port);

#endif
