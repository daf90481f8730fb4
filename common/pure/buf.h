/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * buf - a byte queue in one piece of memory: append at the tail, consume at the head.
 *
 * The bytes between head and tail are always contiguous, so decoders and ciphers work
 * in place. Memory grows by doubling up to a cap given at init and is kept, so a queue
 * that has reached its working size allocates nothing more.
 */
#ifndef FARLAN_BUF_H
#define FARLAN_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *mem;
	size_t size; /* allocated bytes */
	size_t head; /* first queued byte */
	size_t tail; /* one behind the last queued byte */
	size_t cap;  /* the queue never holds more bytes than this */
};

/** buf_init() - empty queue of at most @cap_bytes; allocates nothing yet. */
void buf_init(struct buf *b, size_t cap_bytes);

/** buf_deinit() - free the memory; @b may be used again after buf_init(). Idempotent. */
void buf_deinit(struct buf *b);

/** buf_wipe() - overwrite all memory, also consumed bytes, then empty the queue. */
void buf_wipe(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->tail - b->head;
}

/** buf_room() - bytes that still fit under the cap. */
static inline size_t buf_room(const struct buf *b)
{
	return b->cap - buf_len(b);
}

/* A queue that never held anything has no memory, and NULL + 0 is undefined in C. */
static inline const uint8_t *buf_data(const struct buf *b)
{
	return b->head > 0 ? b->mem + b->head : b->mem;
}

/** buf_data_mut() - the queued bytes, for work in place (unmasking). */
static inline uint8_t *buf_data_mut(struct buf *b)
{
	return b->head > 0 ? b->mem + b->head : b->mem;
}

/**
 * buf_reserve() - make room for @n more contiguous bytes at the tail.
 * @at: set to where they go; valid until the next call that changes @b.
 * Return: 0; -ENOBUFS would pass the cap; -ENOMEM.
 */
int buf_reserve(struct buf *b, size_t n, uint8_t **at) __attribute__((warn_unused_result));

/** buf_commit() - @n bytes, at most what was reserved, were written at the tail. */
void buf_commit(struct buf *b, size_t n);

/** buf_append() - copy @n bytes in. Return: 0; -ENOBUFS or -ENOMEM, nothing appended. */
int buf_append(struct buf *b, const void *bytes, size_t n) __attribute__((warn_unused_result));

/** buf_consume() - drop @n bytes, at most buf_len(), from the head. */
void buf_consume(struct buf *b, size_t n);

#endif
