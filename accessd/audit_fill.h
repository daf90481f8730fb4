/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_fill - a note becomes a record: cleaned, with the time, and with what the register knows of
 * who and what it is about.
 */
#ifndef FARLAN_AUDIT_FILL_H
#define FARLAN_AUDIT_FILL_H

#include "accessd/audit.h"

/** audit_fill() - all but seq, domain and prev. What cannot be looked up stays out. */
void audit_fill(struct audit_record *r, struct store *s, const struct audit_note *n);
/** audit_fill_own() - of what the server itself has to say. */
void audit_fill_own(struct audit_record *r, enum event e, const json_t *detail);

#endif
