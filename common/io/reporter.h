/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reporter - brings records to the Access Server, at least once: they wait in a spool in the
 * daemon's state folder and go when the connection is there. Records of usage are forgotten when
 * they were acknowledged, signed records of sessions (receipts) are kept.
 * Source: docs/PROTOCOL.md, session.usage, session.record.
 */
#ifndef FARLAN_REPORTER_H
#define FARLAN_REPORTER_H

#include "common/io/identity.h"
#include "common/io/rpc.h"
#include "common/io/spool.h"
#include "common/pure/usage.h"

#define REPORTER_FILE "usage.spool"
#define REPORTER_RECEIPTS_FILE "sessions.log"
#define REPORTER_RECEIPTS_MAX 16 /* in one message */
/* What holds; only tests set other ones. */
extern struct reporter_times {
	uint32_t every_ms;  /* a running session is reported so often */
	uint32_t gather_ms; /* what comes within it goes in one message */
	uint32_t answer_ms, again_ms;
} reporter_times;

struct reporter;

/** reporter_open() - @dir: the state folder. @id: whose records they are. Return: 0; -ENOMEM. */
int reporter_open(struct reporter **out, uv_loop_t *loop, const char *dir, const struct ident *id,
		  size_t max_bytes) __attribute__((warn_unused_result));
/** reporter_open_receipts() - the same for signed records. */
int reporter_open_receipts(struct reporter **out, uv_loop_t *loop, const char *dir,
			   const struct ident *id, size_t max_bytes)
	__attribute__((warn_unused_result));
/** reporter_close() - what waits is sent, if the connection is there, and is on disk when this
 * returns; @r is freed later on the loop. NULL is allowed. */
void reporter_close(struct reporter *r);

/** reporter_add() - @u->seq does not matter. An earlier record of the same stretch that still waits
 * is replaced. */
void reporter_add(struct reporter *r, const struct usage *u);

/** reporter_add_receipt() - @receipt: taken. Return: 0; -ENOMEM; -EMSGSIZE. */
int reporter_add_receipt(struct reporter *r, json_t *receipt) __attribute__((warn_unused_result));
/** reporter_each() - spool_each(). */
void reporter_each(const struct reporter *r,
		   bool (*fn)(void *arg, const json_t *record, bool arrived), void *arg);

/** reporter_online() - hello was answered on this connection, which must be told reporter_offline()
 * before @rpc dies. */
void reporter_online(struct reporter *r, struct rpc *rpc);
void reporter_offline(struct reporter *r);

void reporter_stats(const struct reporter *r, struct spool_stats *st);

#endif
