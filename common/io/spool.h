/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spool - records that must reach somebody who may be away: kept in a file until they were
 * acknowledged, in the order in which they came, each with a number of its own.
 *
 * The file has one JSON object a line: first whose records these are, and up to which number they
 * were acknowledged; then records, and further acknowledgements. It is written by the thread
 * pool, as many lines as have come at once, with fsync(2). A line that is torn or damaged is left
 * out when the file is read. If it cannot be written (a full disk) the records stay in memory, and
 * all is written anew with a later one. Numbers begin at random, so a file that was lost leads to
 * no number twice.
 */
#ifndef FARLAN_SPOOL_H
#define FARLAN_SPOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#define SPOOL_LINE_MAX 4096 /* bytes of a record */
#define SPOOL_SEQ_MAX ((INT64_C(1) << 53) - 1)

struct spool;

struct spool_config {
	const char *path;
	const char *owner; /* records of another owner that are in the file are thrown away */
	size_t max_bytes;  /* of the records; beyond, the oldest are thrown away */
	bool keeps;	   /* those that have arrived stay, too, as long as there is room */
};

/** spool_open() - read the file; it need not exist. All of @config is copied. A file that cannot be
 * read is logged, and begun anew. Return: 0; -ENOMEM. */
int spool_open(struct spool **out, uv_loop_t *loop, const struct spool_config *config)
	__attribute__((warn_unused_result));

/** spool_close() - what is not written yet is when this returns; another may open the file then. @s
 * is freed, perhaps later on the loop. NULL is allowed. */
void spool_close(struct spool *s);

/**
 * spool_add() - @record: taken; gets "seq". @key: not 0: an older record of this key is not needed
 * any more. Return: 0; -ENOMEM; -EMSGSIZE.
 */
int spool_add(struct spool *s, json_t *record, uint64_t key);

/** spool_batch() - the oldest records, at most @n of at most @max_bytes together; at least one if
 * there is one. @last: set to the number of the last one. Return: a new array, NULL: none. */
json_t *spool_batch(const struct spool *s, size_t n, size_t max_bytes, int64_t *last);

/** spool_acked() - all up to @seq have arrived. */
void spool_acked(struct spool *s, int64_t seq);

/** spool_each() - all that are there, the oldest first. @arrived: it was acknowledged. @fn: @record
 * is borrowed; returns false to stop. */
void spool_each(const struct spool *s, bool (*fn)(void *arg, const json_t *record, bool arrived),
		void *arg);

struct spool_stats {
	size_t records, bytes; /* waiting */
	uint64_t lost;	       /* thrown away since the start, unacknowledged */
	bool unwritten;	       /* what is waiting is not all on disk */
};
void spool_stats(const struct spool *s, struct spool_stats *st);

#endif
