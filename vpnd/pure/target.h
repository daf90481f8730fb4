/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * target - where to, as people write it, and a packet that goes there. Pure.
 *
 *   192.168.1.10:102        TCP        [fd00::1]:102
 *   192.168.1.10:161/udp    UDP        [fd00::1]:161/udp
 *   192.168.1.10            ping       fd00::1, [fd00::1]/icmp
 */
#ifndef FARLAN_TARGET_H
#define FARLAN_TARGET_H

#include "common/pure/rules.h"

#define TARGET_TEXT_SIZE 72
#define TARGET_PACKET_MAX_BYTES 60
#define TARGET_FROM_PORT 50000 /* the sender's, of the packet */

struct target {
	struct addr to;
	enum rule_protocol protocol; /* RULE_TCP, RULE_UDP, RULE_ICMP */
	uint16_t port;		     /* 0: RULE_ICMP */
};

/** target_parse() - Return: 0; -EINVAL. */
int target_parse(struct target *t, const char *text) __attribute__((warn_unused_result));
/** target_format() - one spelling. */
void target_format(const struct target *t, char out[TARGET_TEXT_SIZE]);

/**
 * target_packet() - a packet that begins a conversation: SYN, a datagram, an echo request.
 * @from: of the same family. Checksums of the transport are 0.   Return: bytes.
 */
size_t target_packet(uint8_t out[TARGET_PACKET_MAX_BYTES], const struct target *t,
		     const struct addr *from);

#endif
