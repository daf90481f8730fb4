/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"

#define IPV4_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40
#define TCP_HEADER_BYTES 20
#define OTHER_HEADER_BYTES 8 /* UDP, ICMP */
#define TTL 64

/* --- text --- */

/* The address in front; *rest: what follows it. */
static bool parse_address(const char *text, struct addr *a, const char **rest)
{
	bool bracket = *text == '[';
	char host[ADDR_TEXT_SIZE];
	size_t n;

	if (bracket)
		n = strcspn(++text, "]");
	else if (strcspn(text, "/") > strcspn(text, ":") && strchr(strchr(text, ':') + 1, ':'))
		n = strcspn(text, "/"); /* IPv6 as it is: no port can follow */
	else
		n = strcspn(text, ":/");
	if (n >= sizeof(host) || (bracket && text[n] != ']'))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	*rest = text + n + bracket;
	return addr_parse(a, host) == 0 && (!bracket || a->family == 6);
}

static bool parse_port(const char **text, uint16_t *port)
{
	size_t n = strspn(*text, "0123456789");
	unsigned long v = n > 0 && n <= 5 ? strtoul(*text, NULL, 10) : 0;

	*text += n;
	*port = (uint16_t)v;
	return v >= 1 && v <= UINT16_MAX;
}

static bool parse_protocol(const char *text, enum rule_protocol *protocol)
{
	if (strcmp(text, "tcp") == 0)
		*protocol = RULE_TCP;
	else if (strcmp(text, "udp") == 0)
		*protocol = RULE_UDP;
	else if (strcmp(text, "icmp") == 0)
		*protocol = RULE_ICMP;
	else
		return false;
	return true;
}

int target_parse(struct target *t, const char *text)
{
	struct target found = {.protocol = RULE_ICMP};
	const char *rest;

	if (!parse_address(text, &found.to, &rest))
		return -EINVAL;
	if (*rest == ':') {
		found.protocol = RULE_TCP;
		rest++;
		if (!parse_port(&rest, &found.port))
			return -EINVAL;
	}
	if (*rest == '/') {
		if (!parse_protocol(rest + 1, &found.protocol))
			return -EINVAL;
	} else if (*rest) {
		return -EINVAL;
	}
	if ((found.protocol == RULE_ICMP) != (found.port == 0))
		return -EINVAL;
	*t = found;
	return 0;
}

void target_format(const struct target *t, char out[TARGET_TEXT_SIZE])
{
	char text[ADDR_TEXT_SIZE];

	addr_format(&t->to, text);
	if (t->protocol == RULE_ICMP)
		snprintf(out, TARGET_TEXT_SIZE, "%s/icmp", text);
	else
		snprintf(out, TARGET_TEXT_SIZE, t->to.family == 6 ? "[%s]:%u/%s" : "%s:%u/%s", text,
			 t->port, t->protocol == RULE_TCP ? "tcp" : "udp");
}

/* --- a packet --- */

static uint8_t protocol_number(const struct target *t)
{
	switch (t->protocol) {
	case RULE_TCP:
		return L4_TCP;
	case RULE_UDP:
		return L4_UDP;
	case RULE_ICMP:
	case RULE_ANY:
		break;
	}
	return t->to.family == 4 ? L4_ICMP : L4_ICMPV6;
}

static size_t put_ip(uint8_t *out, const struct target *t, const struct addr *from, size_t body)
{
	uint16_t csum;

	if (t->to.family == 6) {
		out[0] = 0x60;
		put_be16(out + 4, body);
		out[6] = protocol_number(t);
		out[7] = TTL;
		memcpy(out + 8, from->bytes, 16);
		memcpy(out + 24, t->to.bytes, 16);
		return IPV6_HEADER_BYTES;
	}
	out[0] = 0x45;
	put_be16(out + 2, IPV4_HEADER_BYTES + body);
	out[8] = TTL;
	out[9] = protocol_number(t);
	memcpy(out + 12, from->bytes, 4);
	memcpy(out + 16, t->to.bytes, 4);
	csum = (uint16_t)~csum_fold(csum_add(out, IPV4_HEADER_BYTES, 0));
	memcpy(out + 10, &csum, sizeof(csum));
	return IPV4_HEADER_BYTES;
}

size_t target_packet(uint8_t out[TARGET_PACKET_MAX_BYTES], const struct target *t,
		     const struct addr *from)
{
	size_t body = t->protocol == RULE_TCP ? TCP_HEADER_BYTES : OTHER_HEADER_BYTES, at;

	memset(out, 0, TARGET_PACKET_MAX_BYTES);
	at = put_ip(out, t, from, body);
	if (t->protocol == RULE_ICMP) {
		out[at] = t->to.family == 4 ? 8 : 128;
		put_be16(out + at + 4, TARGET_FROM_PORT);
		return at + body;
	}
	put_be16(out + at, TARGET_FROM_PORT);
	put_be16(out + at + 2, t->port);
	if (t->protocol == RULE_TCP) {
		out[at + 12] = TCP_HEADER_BYTES / 4 << 4;
		out[at + 13] = 0x02; /* SYN */
	} else {
		put_be16(out + at + 4, OTHER_HEADER_BYTES);
	}
	return at + body;
}
