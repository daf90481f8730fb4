/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * receipts - signed records of sessions, from their ends: checked, and stored with what the audit
 * says of them in one transaction. They may come twice, late, or be false.
 * Source: docs/PROTOCOL.md, 4.13.
 */
#ifndef FARLAN_RECEIPTS_H
#define FARLAN_RECEIPTS_H

#include "accessd/audit.h"
#include "accessd/domain.h"
#include "common/io/receipt.h"

/* Records of a session that count, of one end. */
#define RECEIPTS_OF_END_MAX 64

struct receipts_from {
	struct store *store;
	struct audit *audit;
	const struct domain *domain;
	int64_t member;
	const struct ident *id;
	const char *name, *address;
};

/**
 * receipts_take() - @records: an array from @by, at most REPORTER_RECEIPTS_MAX. What is false is
 * recorded as refused and not asked for again.
 * Return: 0: nothing of it needs to come again; -EIO; -EBADMSG it is no array.
 */
int receipts_take(const struct receipts_from *by, const json_t *records)
	__attribute__((warn_unused_result));

/** receipts_ca() - which CA of the domain, of today or before, a certificate is by: @ca. Return:
 * false: none. */
bool receipts_ca(const struct domain *d, const struct receipt *x, struct x509_cert *ca);

#endif
