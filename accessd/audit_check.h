/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_check - is a domain's audit what was written? In pieces: each says how far it has come, and
 * the next one goes on there. On any thread, by a reader.
 */
#ifndef FARLAN_AUDIT_CHECK_H
#define FARLAN_AUDIT_CHECK_H

#include "accessd/pure/audit_chain.h"
#include "accessd/store_audit.h"

#define AUDIT_CHECK_MS 1000 /* of one piece, about */
#define AUDIT_CHECK_WORDS 200

struct audit_check {
	int64_t domain;
	struct x509_cert
		cert; /* of the server, whose key has signed checkpoints; len 0: not known */
	/* In: behind which record (0: the first one that is there), and its hash. Out: the last one
	 * that was good. */
	int64_t seq;
	uint8_t hash[AUDIT_HASH_BYTES];
	/* Out. */
	uint64_t records, sessions, checkpoints, backwards;
	uint64_t
		other_checkpoints; /* that say they are by another key than the server's of today */
	int64_t backwards_seq;
	bool more;		       /* there is another piece */
	int64_t fault_seq;	       /* 0: none */
	char fault[AUDIT_CHECK_WORDS]; /* in words, behind "record N: " */
};

/** audit_check_piece() - Return: 0, also with a fault; -EIO. */
int audit_check_piece(struct store *s, struct audit_check *c) __attribute__((warn_unused_result));

/** audit_check_rest() - after the last piece: are indexes and session records as they should be?
 * *lost: records that ends have numbered and that never came. Return: as above. */
int audit_check_rest(struct store *s, struct audit_check *c, uint64_t *lost)
	__attribute__((warn_unused_result));

#endif
