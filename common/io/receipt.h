/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * receipt - a session record with the signature of its end and the certificate of that: what is
 * sent, kept, and shown to whoever wants to check it.
 *
 *   {"text": "farlan-session-record/1\n...", "signature": base64 (ECDSA, DER), "cert": base64
 * (DER)}
 *
 * Source: docs/PROTOCOL.md, section 4.13.
 */
#ifndef FARLAN_RECEIPT_H
#define FARLAN_RECEIPT_H

#include <jansson.h>

#include "common/io/x509.h"
#include "common/pure/session_record.h"

struct receipt {
	char text[SESSION_RECORD_SIZE];
	size_t text_len;
	uint8_t signature[X509_SIGNATURE_MAX_BYTES];
	size_t signature_len;
	struct x509_cert cert;
};

/** receipt_make() - @r, signed by @key, to which @cert belongs. Return: 0; -EMSGSIZE; -EIO. */
int receipt_make(struct receipt *x, const struct session_record *r, const struct x509_key *key,
		 const struct x509_cert *cert) __attribute__((warn_unused_result));

/** receipt_to_json() - NULL: out of memory. receipt_from_json() - sizes alone are checked. Return:
 * 0; -EBADMSG. */
json_t *receipt_to_json(const struct receipt *x);
int receipt_from_json(struct receipt *x, const json_t *o) __attribute__((warn_unused_result));

/**
 * receipt_check() - is the text a record, signed by the key that it names, which is that of the
 * certificate, whose identity it names? By which CA that is is not looked at.
 * Return: NULL, and *r; else what is wrong, in words behind "the record".
 */
const char *receipt_check(const struct receipt *x, struct session_record *r);

/** receipt_is_by() - did this CA sign the certificate? Dates do not count: it was good then. */
bool receipt_is_by(const struct receipt *x, const struct x509_cert *ca);

#endif
