/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/seen.h"

#include <errno.h>
#include <stdio.h>

void seen_init(struct seen *s, struct store *store)
{
	s->store = store;
	s->n = 0;
}

void seen_note(struct seen *s, int64_t member, int64_t now, const char *version,
	       const char *address)
{
	struct seen_entry *e;

	if (s->n == SEEN_MAX)
		seen_flush(s);
	e = &s->entries[s->n++];
	e->member = member;
	e->when = now;
	snprintf(e->version, sizeof(e->version), "%s", version);
	snprintf(e->address, sizeof(e->address), "%s", address);
}

void seen_flush(struct seen *s)
{
	int rc;

	if (s->n == 0)
		return;
	rc = store_begin(s->store);
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		const struct seen_entry *e = &s->entries[i];

		rc = store_member_seen(s->store, e->member, e->when, e->version, e->address);
		if (rc == -ENOENT)
			rc = 0; /* removed meanwhile */
	}
	if (rc == 0)
		rc = store_commit(s->store);
	if (rc)
		store_rollback(s->store);
	s->n = 0;
}
