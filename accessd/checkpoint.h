/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * checkpoint - the server's key says up to where the audit is so: a signature over a chain's last
 * number and hash. ECDSA (P-256, SHA-256) by the server's identity, over
 * "farlan-audit-head/1", 00, DOMAIN, 00, number (64 bits), hash (32 bytes).
 * Source: docs/audit.md, "Checkpoints".
 */
#ifndef FARLAN_CHECKPOINT_H
#define FARLAN_CHECKPOINT_H

#include <jansson.h>

#include "accessd/pure/audit_record.h"
#include "common/io/x509.h"

struct checkpoint {
	const char *domain;
	int64_t seq;
	const uint8_t *hash;
};

/** checkpoint_sign() - Return: 0; -EIO. checkpoint_verify() - Return: 0; -EKEYREJECTED. */
int checkpoint_sign(const struct checkpoint *c, const struct x509_key *key,
		    uint8_t sig[X509_SIGNATURE_MAX_BYTES], size_t *n)
	__attribute__((warn_unused_result));
int checkpoint_verify(const struct checkpoint *c, const struct x509_cert *by, const uint8_t *sig,
		      size_t n) __attribute__((warn_unused_result));

/** checkpoint_detail() - of an audit.checkpoint that follows @c: a new object; NULL. */
json_t *checkpoint_detail(const struct checkpoint *c, const struct x509_key *key);
/** checkpoint_check() - is such a record signed by @by? Return: 0; -ENOKEY it says that it is by
 * another key; -EKEYREJECTED; -EBADMSG. */
int checkpoint_check(const struct audit_record *r, const struct x509_cert *by)
	__attribute__((warn_unused_result));

#endif
