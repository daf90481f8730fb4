/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dns_message - questions written and answers read by code that knows nothing of vpnd/pure/dns.c.
 * Include cmocka before.
 */
#ifndef FARLAN_DNS_MESSAGE_H
#define FARLAN_DNS_MESSAGE_H

#include <stdio.h>
#include <string.h>

struct message {
	uint8_t at[4200];
	size_t n;
};

static inline void put8(struct message *m, unsigned int v)
{
	assert_true(m->n < sizeof(m->at));
	m->at[m->n++] = (uint8_t)v;
}

static inline void put16(struct message *m, unsigned int v)
{
	put8(m, v >> 8);
	put8(m, v & 255);
}

/* "a.b.": labels with their lengths, and the root's. */
static inline void put_labels(struct message *m, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put8(m, (unsigned int)n);
		for (size_t i = 0; i < n; i++)
			put8(m, (uint8_t)name[i]);
		name += n + (name[n] == '.');
	}
	put8(m, 0);
}

static inline struct message message_head(unsigned int flags, unsigned int additional)
{
	struct message m = {.n = 0};

	put16(&m, 0xbeef);
	put16(&m, flags);
	put16(&m, 1);
	put16(&m, 0);
	put16(&m, 0);
	put16(&m, additional);
	return m;
}

/* RD is set. */
static inline struct message message_ask(const char *name, unsigned int type)
{
	struct message m = message_head(0x0100, 0);

	put_labels(&m, name);
	put16(&m, type);
	put16(&m, 1);
	return m;
}

static inline void message_edns(struct message *m, unsigned int size, unsigned int version,
				unsigned int flags)
{
	m->at[11]++;
	put8(m, 0);
	put16(m, 41);
	put16(m, size);
	put8(m, 0);
	put8(m, version);
	put16(m, flags);
	put16(m, 0);
}

static inline unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* Return: what follows the name at @at. @out: in dotted form, "." the root. */
static inline size_t read_labels(const uint8_t *bytes, size_t n, size_t at, char out[300])
{
	size_t used = 0, end = 0;

	for (int hops = 0; hops < 100; hops++) {
		assert_true(at < n);
		if ((bytes[at] & 0xc0) == 0xc0) {
			assert_true(at + 1 < n);
			end = end ? end : at + 2;
			at = get16(bytes + at) & 0x3fff;
			continue;
		}
		if (bytes[at] == 0) {
			out[used] = '\0';
			if (used == 0)
				strcpy(out, ".");
			return end ? end : at + 1;
		}
		assert_true(at + bytes[at] < n && used + bytes[at] < 298);
		memcpy(out + used, bytes + at + 1, bytes[at]);
		used += bytes[at];
		out[used++] = '.';
		at += bytes[at] + 1u;
	}
	fail_msg("a name without end");
	return 0;
}

/* One record as text, into @out. Return: what follows it. */
static inline size_t read_record(const uint8_t *bytes, size_t n, size_t at, char *out, size_t size)
{
	char owner[300], name[300] = "";
	unsigned int type, length;
	size_t used;

	at = read_labels(bytes, n, at, owner);
	assert_true(at + 10 <= n);
	type = get16(bytes + at);
	length = get16(bytes + at + 8);
	used = (size_t)snprintf(out, size, "%s %u %u %u", owner, type, get16(bytes + at + 2),
				get16(bytes + at + 4) << 16 | get16(bytes + at + 6));
	at += 10;
	assert_true(at + length <= n);
	if (type == 12 || type == 6)
		assert_true(read_labels(bytes, n, at, name) <= at + length);
	if (type == 12 || type == 6)
		snprintf(out + used, size - used, " %s", name);
	else
		for (size_t i = 0; i < length; i++)
			used += (size_t)snprintf(out + used, size - used, "%s%02x", i ? "" : " ",
						 bytes[at + i]);
	return at + length;
}

/* "RCODE flags | records of the answer | of the authority | of the rest", the flags by letter; and
 * that nothing is left. */
static inline const char *message_text(const uint8_t *bytes, size_t n)
{
	static char text[20000];
	char name[300];
	unsigned int flags = get16(bytes + 2);
	size_t at = 12, used;

	assert_true(n >= 12);
	used = (size_t)snprintf(text, sizeof(text), "%u%s%s%s%s%s", flags & 15,
				flags & 0x8000 ? " qr" : "", flags & 0x0400 ? " aa" : "",
				flags & 0x0200 ? " tc" : "", flags & 0x0100 ? " rd" : "",
				flags & 0x0080 ? " ra" : "");
	for (unsigned int i = 0; i < get16(bytes + 4); i++)
		at = read_labels(bytes, n, at, name) + 4;
	for (unsigned int section = 0; section < 3; section++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, " |");
		for (unsigned int i = 0; i < get16(bytes + 6 + 2 * section); i++) {
			assert_true(used < sizeof(text) - 600);
			text[used++] = ' ';
			at = read_record(bytes, n, at, text + used, sizeof(text) - used);
			used += strlen(text + used);
		}
	}
	assert_int_equal(at, n);
	return text;
}

#endif
