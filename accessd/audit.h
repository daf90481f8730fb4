/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit - the record of who did what, in the database of what it was done to.
 *
 * A note that is made while a transaction of the store is open becomes a record of it: they are
 * committed together or not at all. What is changed by one call of the store and needs a record
 * says so before, by store_witness(). Notes of what happened anyway (somebody came, somebody went)
 * may wait for a moment and are written together: audit_later().
 */
#ifndef FARLAN_AUDIT_H
#define FARLAN_AUDIT_H

#include <jansson.h>
#include <uv.h>

#include "accessd/pure/audit_record.h"
#include "accessd/pure/events.h"
#include "accessd/store.h"

/* Notes wait so long, and no more than so many. */
#define AUDIT_LATER_MS 100
#define AUDIT_LATER_MAX 128

struct audit;

/* All borrowed; NULL is nothing to say. Texts may be anything: what is not printable becomes '?'.
 */
struct audit_note {
	enum event event;
	enum audit_result result;
	int64_t domain;	      /* row of the store; 0: the server */
	const char *who;      /* "user anna", "device press4", "host root": KIND NAME */
	const char *from;     /* an address */
	const char *what;     /* "device press4", "folder /italy": KIND NAME */
	const json_t *detail; /* an object; never a secret */
	/* Looked up for members if they are left out. */
	const char *who_uid, *what_uid;
	int64_t folder; /* where @what stands; 0: looked up */
};

struct audit_config {
	struct store *store; /* borrowed */
	int64_t max_records; /* of all domains; 0: no limit */
	bool full_continues; /* what cannot be recorded is done all the same */
	/* Records were committed; may be NULL. It may read the store. */
	void (*on_written)(void *arg);
	void *arg;
};

/** audit_open() - @config: copied. Return: 0; -ENOMEM; -EIO. */
int audit_open(struct audit **out, uv_loop_t *loop, const struct audit_config *config)
	__attribute__((warn_unused_result));
/** audit_close() - what waits is written, and nothing waits any more; audit_free() - when the loop
 * has ended. NULL is allowed. */
void audit_close(struct audit *a);
void audit_free(struct audit *a);

/**
 * audit_note() - record it now. EVENT_NONE is nothing.
 * Return: 0; -EIO, -ENOSPC it could not be recorded, and so what it is about must not be done: a
 * transaction that is open will not be committed. With full_continues always 0.
 */
int audit_note(struct audit *a, const struct audit_note *n);

/** audit_later() - record it with others, soon. */
void audit_later(struct audit *a, const struct audit_note *n);
/** audit_flush() - what waits, now. audit_catch_up() - and what has to be said of the audit itself
 * before the next record of @domain: that one is then the next. */
void audit_flush(struct audit *a);
void audit_catch_up(struct audit *a, int64_t domain);

/** audit_stranger() - audit_later() for what anybody may cause again and again: at most 20 of an
 * event in 10 s are recorded, then one says how many more there were. */
void audit_stranger(struct audit *a, const struct audit_note *n);

struct audit_counts {
	uint64_t written, failed; /* since the start */
	int64_t stored, max_records;
};
void audit_counts(const struct audit *a, struct audit_counts *c);
/** audit_trouble() - why the last note could not be recorded, in words; NULL: it was, or the
 * database says it. */
const char *audit_trouble(const struct audit *a);
/** audit_recount() - records were removed. */
void audit_recount(struct audit *a);

#endif
