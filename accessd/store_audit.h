/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_audit - the audit's tables: records, how far the chain has come, cuts, session records, and
 * what was sent elsewhere. As store.h says; functions that only read take a store_reader(), too.
 */
#ifndef FARLAN_STORE_AUDIT_H
#define FARLAN_STORE_AUDIT_H

#include "accessd/pure/audit_record.h"
#include "accessd/store.h"

#define STORE_PLACE_SIZE 128

/* --- the chain ------------------------------------------------------------------------------- */

struct store_audit_head {
	char domain[AUDIT_DOMAIN_SIZE]; /* its name; "": the server's own chain */
	int64_t seq;			/* of the last record; 0: there is none */
	uint8_t hash[AUDIT_HASH_BYTES];
};

/** store_audit_head() - of a domain, also of one that has no record, or is not there any more. */
int store_audit_head(struct store *s, int64_t domain, struct store_audit_head *h)
	__attribute__((warn_unused_result));
/** store_audit_append() - the next record of @domain: seq, prev and the domain's name are set here.
 * Within a transaction of the caller's. */
int store_audit_append(struct store *s, int64_t domain, struct audit_record *r)
	__attribute__((warn_unused_result));
/** store_audit_count() - records of all domains that are there. */
int store_audit_count(struct store *s, int64_t *n) __attribute__((warn_unused_result));
/** store_audit_domains() - those that have a chain, by id. */
int store_audit_domains(struct store *s, bool (*fn)(void *arg, int64_t domain), void *arg)
	__attribute__((warn_unused_result));

/** store_audit_sound() - are the audit's tables and their indexes one and the same? Takes a while.
 * Return: 0; -EBADMSG they are not, logged; -EIO. */
int store_audit_sound(struct store *s) __attribute__((warn_unused_result));

/* --- looking --------------------------------------------------------------------------------- */

/* NULL, 0 or -1 is anything. */
struct store_audit_query {
	int64_t domain;
	int64_t after, before;	    /* sequence numbers: beyond these, both exclusive */
	int64_t since_ms, until_ms; /* of the record's time; until: exclusive */
	const char *who, *target;   /* name or UID; target: a path names its subtree, too */
	const char *event;	    /* "device.added", or with * at the end what begins so */
	int kind, result;
	bool oldest_first;
	bool with_prev; /* look prev up; else it is right only with oldest_first and nothing left
			   out */
	/* Of each kind, what may be seen; folders NULL: all. */
	struct store_audit_view {
		const char *folders; /* JSON array of ids; 0 in it: what stands in no folder, too */
		const char *shown, *hidden; /* of UIDs, whatever folder these stand in */
	} views[2];
};

struct store_audit_row {
	struct audit_record r;
	uint8_t hash[AUDIT_HASH_BYTES];
};

/** store_audit_each() - @fn returns false to stop. */
int store_audit_each(struct store *s, const struct store_audit_query *q,
		     bool (*fn)(void *arg, const struct store_audit_row *row), void *arg)
	__attribute__((warn_unused_result));

/* --- cutting --------------------------------------------------------------------------------- */

struct store_audit_cut {
	int64_t seq; /* the last one that was removed; 0: none ever was */
	uint8_t hash[AUDIT_HASH_BYTES];
};

/** store_audit_last_cut() - of a domain. */
int store_audit_last_cut(struct store *s, int64_t domain, struct store_audit_cut *c)
	__attribute__((warn_unused_result));
/** store_audit_cut_before() - where a cut would be so that all records with a time before @time_ms
 * go, up to the first one that stays. -ENOENT: nothing would go. */
int store_audit_cut_before(struct store *s, int64_t domain, int64_t time_ms,
			   struct store_audit_cut *c) __attribute__((warn_unused_result));
/** store_audit_cut() - write the cut down, so that store_audit_remove() may follow. */
int store_audit_cut(struct store *s, int64_t domain, const struct store_audit_cut *c)
	__attribute__((warn_unused_result));
/** store_audit_remove() - at most @n records (with their session records) that lie behind the last
 * cut. *left: are there more? */
int store_audit_remove(struct store *s, int64_t domain, int64_t n, bool *left)
	__attribute__((warn_unused_result));

/* --- folders --------------------------------------------------------------------------------- */

/** store_audit_path() - the path of a folder, "/" for the root; "": there is none, cut if it does
 * not fit. */
int store_audit_path(struct store *s, int64_t folder, char path[AUDIT_NAME_SIZE])
	__attribute__((warn_unused_result));
/** store_audit_root() - the domain's root folder. -ENOENT. */
int store_audit_root(struct store *s, int64_t domain, int64_t *folder)
	__attribute__((warn_unused_result));

/* --- sent elsewhere -------------------------------------------------------------------------- */

/** store_audit_sent() - how far @place ("udp 192.0.2.1:514") has got. -ENOENT: it is new. */
int store_audit_sent(struct store *s, const char *place, int64_t domain, int64_t *seq)
	__attribute__((warn_unused_result));
int store_audit_set_sent(struct store *s, const char *place, int64_t domain, int64_t seq)
	__attribute__((warn_unused_result));

/* --- session records ------------------------------------------------------------------------- */

#define STORE_RECORD_TEXT_SIZE 2048

struct store_session_record {
	int64_t domain, seq; /* the audit's record of it */
	char session[TOKEN_SESSION_SIZE];
	uint8_t owner[X509_SPKI_SHA256_BYTES]; /* whose key has signed it */
	int64_t number;			       /* of this owner's chain */
	uint8_t hash[AUDIT_HASH_BYTES];	       /* of the text */
	char text[STORE_RECORD_TEXT_SIZE];
	uint8_t signature[X509_SIGNATURE_MAX_BYTES];
	size_t signature_len;
	struct x509_cert cert;
};

/** store_session_record_has() - is this text there? Return: 0; -ENOENT, and *n: how many others of
 * this session and owner are; -EIO. */
int store_session_record_has(struct store *s, const struct store_session_record *r, uint32_t *n)
	__attribute__((warn_unused_result));
/** store_session_record_add() - -EEXIST: this text is there. */
int store_session_record_add(struct store *s, const struct store_session_record *r)
	__attribute__((warn_unused_result));
/** store_session_record_by_seq() - that of a record of the audit. -ENOENT. */
int store_session_record_by_seq(struct store *s, int64_t domain, int64_t seq,
				struct store_session_record *r) __attribute__((warn_unused_result));
/** store_session_record_each() - all of a domain, by owner, as they came: each owner's chain in
 * order.
 */
int store_session_record_each(struct store *s, int64_t domain,
			      bool (*fn)(void *arg, const struct store_session_record *r),
			      void *arg) __attribute__((warn_unused_result));
/** store_session_records() - of a session, or of those whose ids begin so; by session and time of
 * arrival. */
int store_session_records(struct store *s, int64_t domain, const char *session,
			  bool (*fn)(void *arg, const struct store_session_record *r), void *arg)
	__attribute__((warn_unused_result));

#endif
