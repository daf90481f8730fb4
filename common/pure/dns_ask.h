/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dns_ask - one question to a name server, and what its answer means (RFC 1035 section 4). As much
 * as is needed to tell servers that fail from names that are not there. Pure.
 */
#ifndef FARLAN_DNS_ASK_H
#define FARLAN_DNS_ASK_H

#include <stddef.h>
#include <stdint.h>

#define DNS_ASK_MAX_BYTES 512

/**
 * dns_ask_encode() - ask for the A records of @name, with recursion.
 * Return: 0; -EINVAL no name.
 */
int dns_ask_encode(uint8_t out[DNS_ASK_MAX_BYTES], size_t *len, const char *name, uint16_t id)
	__attribute__((warn_unused_result));

struct dns_told {
	uint8_t rcode;	  /* 0 no error, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED ... */
	uint16_t answers; /* records */
};

/** dns_ask_decode() - @asked: the question as it was sent, @n bytes. Return: 0; -ENOMSG not an
 * answer to it. */
int dns_ask_decode(struct dns_told *t, const uint8_t *bytes, size_t len, const uint8_t *asked,
		   size_t n) __attribute__((warn_unused_result));

/** dns_ask_word() - "NXDOMAIN" */
const char *dns_ask_word(uint8_t rcode);

#endif
