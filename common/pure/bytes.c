/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/bytes.h"

#include <string.h>

bool rd_bytes(struct rd *r, const uint8_t **p, size_t n)
{
	if (n > r->left)
		return false;
	*p = r->at;
	if (n > 0)
		r->at += n;
	r->left -= n;
	return true;
}

/* Big-endian number of @n bytes, at most 8. */
static bool rd_be(struct rd *r, uint64_t *v, size_t n)
{
	const uint8_t *p;
	uint64_t x = 0;

	if (!rd_bytes(r, &p, n))
		return false;
	for (size_t i = 0; i < n; i++)
		x = x << 8 | p[i];
	*v = x;
	return true;
}

bool rd_u8(struct rd *r, uint8_t *v)
{
	uint64_t x;

	if (!rd_be(r, &x, 1))
		return false;
	*v = (uint8_t)x;
	return true;
}

bool rd_u16(struct rd *r, uint16_t *v)
{
	uint64_t x;

	if (!rd_be(r, &x, 2))
		return false;
	*v = (uint16_t)x;
	return true;
}

bool rd_u24(struct rd *r, uint32_t *v)
{
	uint64_t x;

	if (!rd_be(r, &x, 3))
		return false;
	*v = (uint32_t)x;
	return true;
}

bool rd_u32(struct rd *r, uint32_t *v)
{
	uint64_t x;

	if (!rd_be(r, &x, 4))
		return false;
	*v = (uint32_t)x;
	return true;
}

bool rd_u64(struct rd *r, uint64_t *v)
{
	return rd_be(r, v, 8);
}

void wr_bytes(struct wr *w, const void *p, size_t n)
{
	if (w->overflow || n > w->size - w->used) {
		w->overflow = true;
		return;
	}
	if (n > 0)
		memcpy(w->base + w->used, p, n);
	w->used += n;
}

static void wr_be(struct wr *w, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	wr_bytes(w, b, n);
}

void wr_u8(struct wr *w, uint8_t v)
{
	wr_be(w, v, 1);
}

void wr_u16(struct wr *w, uint16_t v)
{
	wr_be(w, v, 2);
}

/* A value that needs more than 24 bits does not fit either. */
void wr_u24(struct wr *w, uint32_t v)
{
	if (v > 0xffffff)
		w->overflow = true;
	wr_be(w, v, 3);
}

void wr_u32(struct wr *w, uint32_t v)
{
	wr_be(w, v, 4);
}

void wr_u64(struct wr *w, uint64_t v)
{
	wr_be(w, v, 8);
}
