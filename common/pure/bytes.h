/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bytes - bounds-checked cursors over memory, big-endian.
 *
 * A reader (struct rd) walks borrowed bytes; every rd_* returns false and leaves the
 * cursor alone when too few bytes are left. A writer (struct wr) fills the caller's
 * memory; once something did not fit it is sticky: nothing more is written and
 * wr_ok() is false, so an encoder checks once at its end.
 */
#ifndef FARLAN_BYTES_H
#define FARLAN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd {
	const uint8_t *at; /* next byte */
	size_t left;	   /* bytes from at on */
};

struct wr {
	uint8_t *base;
	size_t size; /* bytes at base */
	size_t used;
	bool overflow;
};

static inline struct rd rd_init(const void *bytes, size_t len)
{
	return (struct rd){.at = bytes, .left = len};
}

bool rd_u8(struct rd *r, uint8_t *v);
bool rd_u16(struct rd *r, uint16_t *v);
bool rd_u24(struct rd *r, uint32_t *v);
bool rd_u32(struct rd *r, uint32_t *v);
bool rd_u64(struct rd *r, uint64_t *v);
/** rd_bytes() - hand out @n bytes in place; *p points into the reader's memory. */
bool rd_bytes(struct rd *r, const uint8_t **p, size_t n);

static inline struct wr wr_init(void *bytes, size_t size)
{
	return (struct wr){.base = bytes, .size = size};
}

void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u24(struct wr *w, uint32_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *p, size_t n);

static inline bool wr_ok(const struct wr *w)
{
	return !w->overflow;
}

#endif
