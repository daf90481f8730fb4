/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/dns.h"

#include <errno.h>
#include <string.h>

/* Bits of the header's second word. */
#define FLAG_QR 0x8000
#define FLAG_AA 0x0400
#define FLAG_TC 0x0200
#define FLAG_RD 0x0100
#define FLAG_RA 0x0080
#define FLAG_CD 0x0010
#define OPCODE_SHIFT 11
#define OPCODE_MASK 15

#define EDNS_DO 0x8000
#define EDNS_VERSION_SHIFT 16
#define OPT_BYTES 11 /* an empty one */
#define OWNER 0xc00c /* a pointer to the question's name */
#define TEXT_UNUSABLE '?'

/* --- a question ------------------------------------------------------------------------------ */

/* Only what may stand in the names of devices and hosts; a dot within a label is not one between
 * two. */
static char plain(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return (char)c;
	return TEXT_UNUSABLE;
}

/* A name without compression: a question is the first that stands in its message, so it has nothing
 * to point to. */
static bool read_name(struct rd *r, char text[DNS_NAME_SIZE])
{
	size_t wire = 1, used = 0;
	const uint8_t *label;
	uint8_t n = UINT8_MAX;

	while (rd_u8(r, &n) && n > 0) {
		wire += 1u + n;
		if (n > DNS_LABEL_MAX || wire > DNS_NAME_BYTES || !rd_bytes(r, &label, n))
			return false;
		if (used > 0)
			text[used++] = '.';
		for (size_t i = 0; i < n; i++)
			text[used++] = plain(label[i]);
		n = UINT8_MAX; /* not the root's: the message may end here */
	}
	text[used] = '\0';
	return n == 0;
}

static bool read_question(struct dns_query *q, struct rd *r)
{
	const uint8_t *begin = r->at;

	if (!read_name(r, q->name) || !rd_u16(r, &q->type) || !rd_u16(r, &q->class))
		return false;
	q->question_bytes = (size_t)(r->at - begin);
	memcpy(q->question, begin, q->question_bytes);
	return true;
}

/* RFC 6891, section 6.1: owner is the root, class a size, TTL the upper bits of the rcode, version
 * and flags. */
static bool read_opt(struct dns_query *q, const char *owner, uint16_t class, uint32_t ttl)
{
	if (q->edns || owner[0] != '\0')
		return false;
	q->edns = true;
	q->udp_bytes = class;
	q->dnssec_ok = ttl & EDNS_DO;
	if ((ttl >> EDNS_VERSION_SHIFT & 0xff) != 0)
		q->wrong = DNS_BADVERS;
	return true;
}

static bool read_additional(struct dns_query *q, struct rd *r)
{
	char owner[DNS_NAME_SIZE];
	uint16_t type, class, length;
	const uint8_t *data;
	uint32_t ttl;

	if (!read_name(r, owner) || !rd_u16(r, &type) || !rd_u16(r, &class) || !rd_u32(r, &ttl) ||
	    !rd_u16(r, &length) || !rd_bytes(r, &data, length))
		return false;
	return type != DNS_OPT || read_opt(q, owner, class, ttl);
}

static bool read_sections(struct dns_query *q, struct rd *r)
{
	uint16_t questions, answers, authority, additional;

	if (!rd_u16(r, &questions) || !rd_u16(r, &answers) || !rd_u16(r, &authority) ||
	    !rd_u16(r, &additional) || questions != 1 || !read_question(q, r) || answers != 0 ||
	    authority != 0 || additional > DNS_ADDITIONAL_MAX)
		return false;
	for (uint16_t i = 0; i < additional; i++) {
		if (!read_additional(q, r))
			return false;
	}
	return r->left == 0;
}

int dns_query_decode(struct dns_query *q, const uint8_t *message, size_t n)
{
	struct rd r = rd_init(message, n);
	uint16_t flags;

	memset(q, 0, sizeof(*q));
	if (n < DNS_HEADER_BYTES || !rd_u16(&r, &q->id) || !rd_u16(&r, &flags) || flags & FLAG_QR)
		return -EBADMSG;
	q->opcode = flags >> OPCODE_SHIFT & OPCODE_MASK;
	q->recurse = flags & FLAG_RD;
	q->no_check = flags & FLAG_CD;
	if (q->opcode != 0)
		q->wrong = DNS_NOTIMP; /* the rest may be of another form */
	else if (!read_sections(q, &r))
		q->wrong = DNS_FORMERR;
	return 0;
}

/* --- an answer ------------------------------------------------------------------------------- */

size_t dns_reply_limit(const struct dns_query *q, bool tcp)
{
	if (tcp)
		return UINT16_MAX;
	if (!q->edns || q->udp_bytes < DNS_PLAIN_BYTES)
		return DNS_PLAIN_BYTES;
	return q->udp_bytes < DNS_EDNS_BYTES ? q->udp_bytes : DNS_EDNS_BYTES;
}

void dns_reply_begin(struct dns_reply *r, const struct dns_query *q, uint8_t *out, size_t size)
{
	*r = (struct dns_reply){.q = q, .keep = q->edns ? OPT_BYTES : 0};
	r->w = wr_init(out, size - r->keep);
	for (size_t i = 0; i < DNS_HEADER_BYTES; i++)
		wr_u8(&r->w, 0); /* written at the end */
	wr_bytes(&r->w, q->question, q->question_bytes);
	r->records = r->w.used;
}

/* Either the record is whole, or there is none at all. */
static void count(struct dns_reply *r, uint16_t *records)
{
	if (!wr_ok(&r->w)) {
		r->cut = true;
		r->w.overflow = false;
		r->w.used = r->records;
		r->answers = r->authority = 0;
	} else if (!r->cut) {
		(*records)++;
	} else {
		r->w.used = r->records;
	}
}

static void put_head(struct wr *w, enum dns_type type, uint32_t ttl_s)
{
	wr_u16(w, (uint16_t)type);
	wr_u16(w, DNS_CLASS_IN);
	wr_u32(w, ttl_s);
}

static void put_name(struct wr *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		wr_u8(w, (uint8_t)n);
		wr_bytes(w, name, n);
		name += n + (name[n] == '.');
	}
	wr_u8(w, 0);
}

static size_t name_bytes(const char *name)
{
	return *name ? strlen(name) + 2 : 1;
}

void dns_reply_addr(struct dns_reply *r, const struct addr *a, uint32_t ttl_s)
{
	uint16_t n = a->family == 4 ? 4 : 16;

	wr_u16(&r->w, OWNER);
	put_head(&r->w, a->family == 4 ? DNS_A : DNS_AAAA, ttl_s);
	wr_u16(&r->w, n);
	wr_bytes(&r->w, a->bytes, n);
	count(r, &r->answers);
}

void dns_reply_ptr(struct dns_reply *r, const char *name, uint32_t ttl_s)
{
	wr_u16(&r->w, OWNER);
	put_head(&r->w, DNS_PTR, ttl_s);
	wr_u16(&r->w, (uint16_t)name_bytes(name));
	put_name(&r->w, name);
	count(r, &r->answers);
}

void dns_reply_minimal(struct dns_reply *r, uint32_t ttl_s)
{
	static const char cpu[] = "RFC8482";
	const uint8_t n = sizeof(cpu) - 1;

	wr_u16(&r->w, OWNER);
	put_head(&r->w, DNS_HINFO, ttl_s);
	wr_u16(&r->w, (uint16_t)(n + 2));
	wr_u8(&r->w, n);
	wr_bytes(&r->w, cpu, n);
	wr_u8(&r->w, 0);
	count(r, &r->answers);
}

void dns_reply_soa(struct dns_reply *r, const char *apex, uint32_t ttl_s, bool answer)
{
	static const char mailbox[] = "nobody.invalid";
	size_t n = name_bytes(apex) + name_bytes(mailbox) + 20;

	put_name(&r->w, apex);
	put_head(&r->w, DNS_SOA, ttl_s);
	wr_u16(&r->w, (uint16_t)n);
	put_name(&r->w, apex); /* the server: whoever answers this name does */
	put_name(&r->w, mailbox);
	wr_u32(&r->w, 1); /* serial, refresh, retry, expire: nobody copies the zone */
	wr_u32(&r->w, 3600);
	wr_u32(&r->w, 600);
	wr_u32(&r->w, 86400);
	wr_u32(&r->w, ttl_s);
	count(r, answer ? &r->answers : &r->authority);
}

/* The OPT of an answer: our size, the rcode's upper bits, DO as it came. */
static void put_opt(struct dns_reply *r, enum dns_rcode rcode)
{
	r->w.size += r->keep;
	wr_u8(&r->w, 0);
	wr_u16(&r->w, DNS_OPT);
	wr_u16(&r->w, DNS_EDNS_BYTES);
	wr_u8(&r->w, (uint8_t)(rcode >> 4));
	wr_u8(&r->w, 0);
	wr_u16(&r->w, r->q->dnssec_ok ? EDNS_DO : 0);
	wr_u16(&r->w, 0);
}

/* Whoever answers with authority for all that it answers at all need not recurse: RA keeps
 * forwarders from warning of a server that would not. */
static uint16_t flags_of(const struct dns_reply *r, enum dns_rcode rcode)
{
	const struct dns_query *q = r->q;
	unsigned int flags = FLAG_QR | FLAG_RA | (unsigned int)q->opcode << OPCODE_SHIFT |
			     ((unsigned int)rcode & 15);

	if (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN)
		flags |= FLAG_AA;
	if (r->cut)
		flags |= FLAG_TC;
	if (q->recurse)
		flags |= FLAG_RD;
	if (q->no_check)
		flags |= FLAG_CD;
	return (uint16_t)flags;
}

size_t dns_reply_end(struct dns_reply *r, enum dns_rcode rcode)
{
	struct wr head = wr_init(r->w.base, DNS_HEADER_BYTES);

	if (r->q->edns)
		put_opt(r, rcode);
	wr_u16(&head, r->q->id);
	wr_u16(&head, flags_of(r, rcode));
	wr_u16(&head, r->q->question_bytes > 0);
	wr_u16(&head, r->answers);
	wr_u16(&head, r->authority);
	wr_u16(&head, r->q->edns);
	return r->w.used;
}

/* --- names of addresses ---------------------------------------------------------------------- */

/* Takes a label off @name: of decimal digits without leading zeros, at most 255. */
static bool take_octet(const char **name, uint8_t *v)
{
	size_t n = strspn(*name, "0123456789");
	unsigned int value = 0;

	if (n < 1 || n > 3 || (*name)[n] != '.' || (n > 1 && (*name)[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (unsigned int)((*name)[i] - '0');
	*v = (uint8_t)value;
	*name += n + 1;
	return value <= UINT8_MAX;
}

static bool take_nibble(const char **name, uint8_t *v)
{
	char c = (*name)[0];

	if (c >= '0' && c <= '9')
		*v = (uint8_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*v = (uint8_t)(c - 'a' + 10);
	else
		return false;
	if ((*name)[1] != '.')
		return false;
	*name += 2;
	return true;
}

static bool reverse_four(struct addr *a, const char *name)
{
	for (size_t i = 4; i-- > 0;) {
		if (!take_octet(&name, &a->bytes[i]))
			return false;
	}
	a->family = 4;
	return strcmp(name, "in-addr.arpa") == 0;
}

static bool reverse_six(struct addr *a, const char *name)
{
	for (size_t i = 16; i-- > 0;) {
		uint8_t low, high;

		if (!take_nibble(&name, &low) || !take_nibble(&name, &high))
			return false;
		a->bytes[i] = (uint8_t)(high << 4 | low);
	}
	a->family = 6;
	return strcmp(name, "ip6.arpa") == 0;
}

int dns_reverse(struct addr *a, const char *name)
{
	struct addr four = {.family = 0}, six = {.family = 0};

	if (reverse_four(&four, name))
		*a = four;
	else if (reverse_six(&six, name))
		*a = six;
	else
		return -EINVAL;
	return 0;
}
