/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_BYTES 256

void buf_init(struct buf *b, size_t cap_bytes)
{
	*b = (struct buf){.cap = cap_bytes};
}

void buf_deinit(struct buf *b)
{
	free(b->mem);
	buf_init(b, b->cap);
}

void buf_wipe(struct buf *b)
{
	if (b->mem)
		explicit_bzero(b->mem, b->size);
	b->head = 0;
	b->tail = 0;
}

/* The size to grow to for @want bytes, want <= cap: doubled, never above the cap. */
static size_t grown_size(const struct buf *b, size_t want)
{
	size_t size = b->size ? b->size : BUF_FIRST_BYTES;

	while (size < want)
		size = size > b->cap / 2 ? b->cap : size * 2;
	return size < b->cap ? size : b->cap;
}

/* Not realloc(): it could leave a copy of secret bytes behind that buf_wipe() cannot reach. */
static int grow(struct buf *b, size_t want)
{
	size_t size = grown_size(b, want), len = buf_len(b);
	uint8_t *mem = malloc(size);

	if (!mem)
		return -ENOMEM;
	if (b->mem) {
		memcpy(mem, b->mem + b->head, len);
		explicit_bzero(b->mem, b->size);
		free(b->mem);
	}
	b->mem = mem;
	b->size = size;
	b->head = 0;
	b->tail = len;
	return 0;
}

/* Moving is cheap when it gains as much room as it moves bytes; else growing is, until the cap. */
static int make_room(struct buf *b, size_t n)
{
	size_t len = buf_len(b);

	if (!b->mem || len + n > b->size || (b->head < len && b->size < b->cap)) {
		size_t want = len + n > b->size ? len + n : b->size + 1;

		return grow(b, want);
	}
	memmove(b->mem, b->mem + b->head, len);
	b->head = 0;
	b->tail = len;
	return 0;
}

int buf_reserve(struct buf *b, size_t n, uint8_t **at)
{
	int r = 0;

	if (n > buf_room(b))
		return -ENOBUFS;
	if (!b->mem || n > b->size - b->tail)
		r = make_room(b, n);
	if (r == 0)
		*at = b->mem + b->tail;
	return r;
}

void buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->size - b->tail && n <= buf_room(b));
	b->tail += n;
}

int buf_append(struct buf *b, const void *bytes, size_t n)
{
	uint8_t *at;
	int r;

	if (n == 0)
		return 0;
	r = buf_reserve(b, n, &at);
	if (r != 0)
		return r;
	memcpy(at, bytes, n);
	buf_commit(b, n);
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->head += n;
	if (b->head == b->tail) {
		b->head = 0;
		b->tail = 0;
	}
}
