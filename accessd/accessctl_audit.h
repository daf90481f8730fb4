/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the audit's commands share. */
#ifndef FARLAN_ACCESSCTL_AUDIT_H
#define FARLAN_ACCESSCTL_AUDIT_H

#include "accessd/accessctl.h"
#include "accessd/pure/audit_record.h"

/** accessctl_audit_take() - an item of a list of records. Return: false: it is none, said. */
bool accessctl_audit_take(const json_t *item, struct audit_record *r,
			  uint8_t hash[AUDIT_HASH_BYTES]);

int accessctl_audit_verify(struct accessctl *a);
int accessctl_session_record(struct accessctl *a);

#endif
