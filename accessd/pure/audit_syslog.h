/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_syslog - a record as other programs take it: a syslog message (RFC 5424), and a datagram of
 * the journal's native protocol (systemd, "Native Journal Protocol"). Pure.
 */
#ifndef FARLAN_AUDIT_SYSLOG_H
#define FARLAN_AUDIT_SYSLOG_H

#include "accessd/pure/audit_record.h"

#define AUDIT_SYSLOG_SIZE 8192
#define AUDIT_MESSAGE_ID_SIZE 33

/* Who says it. */
struct audit_sender {
	const char *host; /* printable ASCII without blanks; "": not known */
	long pid;
};

/** audit_syslog() - *n: bytes, without a NUL. Return: 0; -EMSGSIZE. */
int audit_syslog(const struct audit_record *r, const uint8_t hash[AUDIT_HASH_BYTES],
		 const struct audit_sender *by, char out[AUDIT_SYSLOG_SIZE], size_t *n)
	__attribute__((warn_unused_result));

/** audit_journal() - likewise. */
int audit_journal(const struct audit_record *r, const uint8_t hash[AUDIT_HASH_BYTES],
		  char out[AUDIT_SYSLOG_SIZE], size_t *n) __attribute__((warn_unused_result));

/** audit_message_id() - the journal's MESSAGE_ID of an event, the same for ever: the first 16 bytes
 * of the SHA-256 of "farlan-event/1", NUL and the name. Return: 0; -EIO. */
int audit_message_id(const char *event, char out[AUDIT_MESSAGE_ID_SIZE])
	__attribute__((warn_unused_result));

#endif
