/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/dns_ask.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HEADER_BYTES 12
#define LABEL_MAX 63
#define NAME_MAX_BYTES 255
#define QUESTION_TAIL_BYTES 4 /* type A, class IN */
#define FLAGS_RD 0x01	      /* in the first byte of the flags */
#define FLAGS_QR 0x80

int dns_ask_encode(uint8_t out[DNS_ASK_MAX_BYTES], size_t *len, const char *name, uint16_t id)
{
	static const uint8_t tail[1 + QUESTION_TAIL_BYTES] = {0, 0, 1, 0, 1};
	size_t at = HEADER_BYTES;

	memset(out, 0, HEADER_BYTES);
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	out[2] = FLAGS_RD;
	out[5] = 1; /* one question */
	while (*name) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > LABEL_MAX || at - HEADER_BYTES + n + 2 > NAME_MAX_BYTES)
			return -EINVAL;
		out[at++] = (uint8_t)n;
		memcpy(out + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	if (at == HEADER_BYTES)
		return -EINVAL;
	memcpy(out + at, tail, sizeof(tail));
	*len = at + sizeof(tail);
	return 0;
}

/* Servers may give the name back in other letters; type and class stand there as they were. */
static bool same_question(const uint8_t *a, const uint8_t *b, size_t n)
{
	return strncasecmp((const char *)a, (const char *)b, n) == 0 || memcmp(a, b, n) == 0;
}

int dns_ask_decode(struct dns_told *t, const uint8_t *bytes, size_t len, const uint8_t *asked,
		   size_t n)
{
	size_t name = n - HEADER_BYTES - QUESTION_TAIL_BYTES;

	if (len < HEADER_BYTES || n <= HEADER_BYTES + QUESTION_TAIL_BYTES ||
	    memcmp(bytes, asked, 2) != 0 || !(bytes[2] & FLAGS_QR))
		return -ENOMSG;
	/* With an error the question may be left out (RFC 1035 section 4.1.1 does not say). */
	if (bytes[4] != 0 || bytes[5] != 0) {
		if (len < n || bytes[4] != 0 || bytes[5] != 1 ||
		    !same_question(bytes + HEADER_BYTES, asked + HEADER_BYTES, name) ||
		    memcmp(bytes + n - QUESTION_TAIL_BYTES, asked + n - QUESTION_TAIL_BYTES,
			   QUESTION_TAIL_BYTES) != 0)
			return -ENOMSG;
	}
	t->rcode = bytes[3] & 0x0f;
	t->answers = (uint16_t)(bytes[6] << 8 | bytes[7]);
	return 0;
}

const char *dns_ask_word(uint8_t rcode)
{
	static const char *const words[] = {"no error", "FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	return rcode < sizeof(words) / sizeof(words[0]) ? words[rcode] : "an error";
}
