/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/pcapng.h"

#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_RAW 101 /* IPv4 and IPv6, by the version in the packet */

#define OPTION_END 0
#define OPTION_COMMENT 1
#define SECTION_PROGRAM 4
#define INTERFACE_NAME 2
#define INTERFACE_DESCRIPTION 3
#define PACKET_FLAGS 2
#define STATISTICS_RECEIVED 4
#define STATISTICS_DROPPED 5
#define FLAG_IN 1u
#define FLAG_OUT 2u

struct block {
	uint8_t *base;
	size_t used;
};

static void put(struct block *b, const void *bytes, size_t n)
{
	memcpy(b->base + b->used, bytes, n);
	b->used += n;
}

static void put16(struct block *b, uint16_t v)
{
	put(b, &v, sizeof(v));
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

/* A time: the high half comes first, whatever the byte order. */
static void put_time(struct block *b, uint64_t us)
{
	put32(b, (uint32_t)(us >> 32));
	put32(b, (uint32_t)us);
}

static void put_padded(struct block *b, const void *bytes, size_t n)
{
	static const uint8_t zeros[4];

	put(b, bytes, n);
	put(b, zeros, (4 - n % 4) % 4);
}

static void put_option(struct block *b, uint16_t code, const void *value, size_t n)
{
	put16(b, code);
	put16(b, (uint16_t)n);
	put_padded(b, value, n);
}

static void put_text(struct block *b, uint16_t code, const char *text)
{
	if (text[0])
		put_option(b, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static struct block begin(uint8_t *out, uint32_t type)
{
	struct block b = {.base = out};

	put32(&b, type);
	put32(&b, 0); /* the length, when it is known */
	return b;
}

static size_t end(struct block *b)
{
	uint32_t len;

	put_option(b, OPTION_END, "", 0);
	len = (uint32_t)(b->used + 4);
	put32(b, len);
	memcpy(b->base + 4, &len, sizeof(len));
	return b->used;
}

size_t pcapng_section(uint8_t out[PCAPNG_BLOCK_MAX_BYTES], const char *program)
{
	struct block b = begin(out, BLOCK_SECTION);

	put32(&b, BYTE_ORDER_MAGIC);
	put16(&b, 1); /* version 1.0 */
	put16(&b, 0);
	put32(&b, UINT32_MAX); /* bytes of the section: not known */
	put32(&b, UINT32_MAX);
	put_text(&b, SECTION_PROGRAM, program);
	return end(&b);
}

size_t pcapng_interface(uint8_t out[PCAPNG_BLOCK_MAX_BYTES], const char *name,
			const char *description, uint32_t snap)
{
	struct block b = begin(out, BLOCK_INTERFACE);

	put16(&b, LINKTYPE_RAW);
	put16(&b, 0);
	put32(&b, snap);
	put_text(&b, INTERFACE_NAME, name);
	put_text(&b, INTERFACE_DESCRIPTION, description);
	return end(&b);
}

size_t pcapng_packet(uint8_t *out, const struct pcapng_packet *p)
{
	struct block b = begin(out, BLOCK_PACKET);
	uint32_t flags = p->in ? FLAG_IN : FLAG_OUT;

	put32(&b, p->interface);
	put_time(&b, p->time_us);
	put32(&b, p->kept);
	put32(&b, p->len);
	put_padded(&b, p->bytes, p->kept);
	put_text(&b, OPTION_COMMENT, p->comment);
	put_option(&b, PACKET_FLAGS, &flags, sizeof(flags));
	return end(&b);
}

size_t pcapng_statistics(uint8_t out[PCAPNG_BLOCK_MAX_BYTES], uint32_t interface, uint64_t time_us,
			 uint64_t received, uint64_t dropped)
{
	struct block b = begin(out, BLOCK_STATISTICS);

	put32(&b, interface);
	put_time(&b, time_us);
	put_option(&b, STATISTICS_RECEIVED, &received, sizeof(received));
	put_option(&b, STATISTICS_DROPPED, &dropped, sizeof(dropped));
	return end(&b);
}
