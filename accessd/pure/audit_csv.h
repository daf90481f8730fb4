/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_csv - records for spreadsheets: RFC 4180, and no field is a formula. Pure.
 */
#ifndef FARLAN_AUDIT_CSV_H
#define FARLAN_AUDIT_CSV_H

#include "accessd/pure/audit_record.h"

#define AUDIT_CSV_SIZE 8192

/** audit_csv_header() - the names of the columns, with CR LF. */
const char *audit_csv_header(void);
/** audit_csv() - a line with CR LF, NUL-terminated. A text that a spreadsheet would take for a
 * formula (it begins with = + - @ or a tab) gets a ' before it. Return: 0; -EMSGSIZE. */
int audit_csv(const struct audit_record *r, const uint8_t hash[AUDIT_HASH_BYTES],
	      char out[AUDIT_CSV_SIZE]) __attribute__((warn_unused_result));

#endif
