/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit - the record of who did what.
 */
#ifndef FARLAN_AUDIT_H
#define FARLAN_AUDIT_H

#include <jansson.h>

#include "accessd/pure/events.h"
#include "accessd/store.h"

struct audit;

enum audit_result { AUDIT_OK, AUDIT_REFUSED /* not allowed, or wrong */, AUDIT_FAILED };

/* All borrowed; NULL is nothing to say. */
struct audit_note {
	enum event event;
	enum audit_result result;
	int64_t domain;	      /* row of the store; 0: the server */
	const char *who;      /* "user anna", "device press4", "host root" */
	const char *from;     /* an address */
	const char *what;     /* "device press4", "folder /italy" */
	const json_t *detail; /* an object; never a secret */
};

/** audit_open() - Return: 0; -ENOMEM. */
int audit_open(struct audit **out, struct store *s) __attribute__((warn_unused_result));
void audit_close(struct audit *a);

/** audit_note() - EVENT_NONE is nothing. */
void audit_note(struct audit *a, const struct audit_note *n);

#endif
