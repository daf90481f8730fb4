/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_record - one record of the audit log, and its one and only form in bytes.
 *
 *   canonical  the record as compact JSON, members in a fixed order, the hash of the record before
 *              it among them
 *   hash       SHA-256 of the canonical form: so it stands for all records up to this one
 *   line       the canonical form with the hash as its last member: what is exported
 *
 * Pure (jansson, wolfCrypt). Source: docs/audit.md, "The chain".
 */
#ifndef FARLAN_AUDIT_RECORD_H
#define FARLAN_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_DOMAIN_SIZE 64
#define AUDIT_EVENT_SIZE 33 /* RFC 5424 gives a MSGID 32 characters */
#define AUDIT_WORD_SIZE 17
#define AUDIT_UID_SIZE 65
#define AUDIT_NAME_SIZE 256 /* a folder's path is a name, too: cut there */
#define AUDIT_FROM_SIZE 64
#define AUDIT_DETAIL_SIZE 1025
#define AUDIT_HASH_BYTES 32
#define AUDIT_HASH_HEX (2 * AUDIT_HASH_BYTES + 1)
/* Each byte of a text may need two. */
#define AUDIT_LINE_SIZE 4096
#define AUDIT_SEQ_MAX ((INT64_C(1) << 53) - 1)

enum audit_kind { AUDIT_OPERATION, AUDIT_CONNECTION };
enum audit_result { AUDIT_OK, AUDIT_REFUSED, AUDIT_FAILED };
#define AUDIT_RESULTS 3

/* Who did it, or what it was done to. kind "": nobody, nothing. */
struct audit_party {
	char kind[AUDIT_WORD_SIZE]; /* who: host, user, device, relay, server, stranger; on what:
				     * device, folder, session ... */
	char uid[AUDIT_UID_SIZE];
	char name[AUDIT_NAME_SIZE];
};

struct audit_record {
	int64_t seq; /* 1.. without gaps, in each domain */
	char domain[AUDIT_DOMAIN_SIZE];
	int64_t time_ms; /* Unix time, by the host's clock then */
	bool synced;	 /* the kernel said that its clock was */
	enum audit_kind kind;
	char event[AUDIT_EVENT_SIZE];
	enum audit_result result;
	struct audit_party who, on;
	char from[AUDIT_FROM_SIZE];	/* an address; "local": this host; "": nobody's */
	int64_t folder;			/* where the target stood then; 0: it stands in none, */
	char path[AUDIT_NAME_SIZE];	/* and "" */
	char detail[AUDIT_DETAIL_SIZE]; /* a JSON object, compact, as jansson writes it */
	uint8_t prev[AUDIT_HASH_BYTES]; /* of the record before; zeros for the first one */
};

/** audit_kind_name() - "operation", "connection"; audit_result_name() - "ok", "refused", "failed".
 */
const char *audit_kind_name(enum audit_kind kind);
const char *audit_result_name(enum audit_result result);
/** audit_kind_parse(), audit_result_parse() - Return: 0; -EINVAL. */
int audit_kind_parse(enum audit_kind *kind, const char *name) __attribute__((warn_unused_result));
int audit_result_parse(enum audit_result *result, const char *name)
	__attribute__((warn_unused_result));

/**
 * audit_canonical() - @r's texts must be printable (printable.h), its detail JSON.
 * *n: without the NUL.   Return: 0; -EMSGSIZE, which texts within their sizes do not reach.
 */
int audit_canonical(const struct audit_record *r, char out[AUDIT_LINE_SIZE], size_t *n)
	__attribute__((warn_unused_result));

/** audit_hash() - Return: 0; -EIO the library refused. */
int audit_hash(const char *canonical, size_t n, uint8_t hash[AUDIT_HASH_BYTES])
	__attribute__((warn_unused_result));

/** audit_line() - turn a canonical form into a line, in place. Return: 0; -EMSGSIZE. */
int audit_line(char at[AUDIT_LINE_SIZE], size_t *n, const uint8_t hash[AUDIT_HASH_BYTES])
	__attribute__((warn_unused_result));

/**
 * audit_line_decode() - a line back into a record and the hash that it claims (which is for the
 * caller to compare with *real, that of what stands before it). Strict: what would not be written
 * so again, byte for byte, is refused.
 * Return: 0; -EBADMSG; -EIO.
 */
int audit_line_decode(struct audit_record *r, uint8_t claimed[AUDIT_HASH_BYTES],
		      uint8_t real[AUDIT_HASH_BYTES], const char *line, size_t n)
	__attribute__((warn_unused_result));

#endif
