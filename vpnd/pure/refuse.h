/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * refuse - what the sender of a packet gets that may not pass: a TCP reset as from whom it was for
 * (RFC 9293 section 3.10.7.1), else "administratively prohibited" (RFC 1812 section 5.2.7.1, RFC
 * 4443 section 3.1). Pure.
 */
#ifndef FARLAN_REFUSE_H
#define FARLAN_REFUSE_H

#include "vpnd/pure/icmp_error.h"

#define REFUSE_MAX_BYTES ICMP_ERROR_MAX_BYTES

/**
 * refuse_answer() - the packet that goes back.
 * @packet: any; a super-packet counts as a whole.
 * @from: whom an ICMP error comes from, of the same family; family 0: nobody, only resets are sent.
 * Return: 0; -EPERM nothing may be said: it is a reset, an ICMP error, no first fragment, or not
 * from one host to one host; -EBADMSG.
 */
int refuse_answer(uint8_t out[REFUSE_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		  const struct addr *from) __attribute__((warn_unused_result));

/**
 * refuse_onward() - a segment of a connection that is cut becomes a reset for whom it was for, who
 * may have nothing to send and would not learn of it. Return: 0; -EPERM it is no such segment, or a
 * reset; -EBADMSG.
 */
int refuse_onward(uint8_t out[REFUSE_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len)
	__attribute__((warn_unused_result));

#endif
