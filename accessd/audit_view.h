/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_view - which records somebody may see: those of the folders where he may, but for devices
 * that have a rule of their own. By where the target stood when it was recorded.
 */
#ifndef FARLAN_AUDIT_VIEW_H
#define FARLAN_AUDIT_VIEW_H

#include "accessd/ask.h"
#include "accessd/pure/permit.h"

struct audit_view {
	char *folders, *shown, *hidden; /* JSON arrays; folders NULL: all */
};

/** audit_view_make() - for who asks. Return: 0; -ENOMEM; -EIO. */
int audit_view_make(struct audit_view *v, const struct ask *q, enum permission what)
	__attribute__((warn_unused_result));
void audit_view_deinit(struct audit_view *v);

#endif
