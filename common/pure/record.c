/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/record.h"

#include <errno.h>
#include <string.h>

#define TYPE_FIRST 20 /* change_cipher_spec */

static uint32_t body_len(const uint8_t head[RECORD_HEADER_BYTES])
{
	return (uint32_t)head[3] << 8 | head[4];
}

static bool header_ok(const uint8_t head[RECORD_HEADER_BYTES])
{
	return head[0] >= TYPE_FIRST && head[0] <= RECORD_TYPE_DATA && head[1] == 3 &&
	       head[2] <= 4 && body_len(head) <= RECORD_BODY_MAX_BYTES;
}

static bool bare_ok(const uint8_t head[RECORD_HEADER_BYTES])
{
	return head[0] == RECORD_TYPE_DATA && head[1] == 3 && head[2] == 3 &&
	       body_len(head) >= RECORD_BODY_MIN_BYTES;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

int record_follow(struct record_follow *f, const uint8_t *bytes, size_t n, size_t *used)
{
	size_t part;

	*used = 0;
	if (f->left == 0) {
		part = min_size(n, RECORD_HEADER_BYTES - (size_t)f->have);
		memcpy(f->head + f->have, bytes, part);
		f->have = (uint8_t)(f->have + part);
		*used = part;
		if (f->have < RECORD_HEADER_BYTES)
			return 0;
		if (!header_ok(f->head) || (f->bare && !bare_ok(f->head)))
			return -EBADMSG;
		f->have = 0;
		f->left = body_len(f->head);
	}
	part = min_size(n - *used, f->left);
	f->left -= (uint32_t)part;
	*used += part;
	return 0;
}

int record_raw_decode(const uint8_t *in, size_t len, enum record_kind *kind, size_t *total)
{
	uint32_t body;

	if (len < RECORD_HEADER_BYTES)
		return -EAGAIN;
	body = body_len(in);
	if (in[0] != RECORD_TYPE_DATA || in[1] != 3 || in[2] != 3 || body == 0 ||
	    body > RECORD_BODY_MAX_BYTES)
		return -EBADMSG;
	*kind = body <= RECORD_HINT_MAX_BYTES ? RECORD_HINT : RECORD_DATA;
	*total = RECORD_HEADER_BYTES + body;
	return 0;
}
