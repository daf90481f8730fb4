/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/audit_fill.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/store_audit.h"
#include "common/io/clock.h"
#include "common/pure/printable.h"

#define DETAIL_TOO_LONG "{\"left_out\":\"it was too long\"}"

static void clean(char *out, size_t size, const char *text)
{
	printable_copy(out, size, text, strlen(text));
}

/* "KIND NAME"; without a name the kind alone. */
static void take_party(struct audit_party *p, const char *text, const char *uid)
{
	size_t n = text ? strcspn(text, " ") : 0;

	if (!text)
		return;
	printable_copy(p->kind, sizeof(p->kind), text, n);
	if (text[n])
		clean(p->name, sizeof(p->name), text + n + 1);
	if (uid)
		clean(p->uid, sizeof(p->uid), uid);
}

static bool find_member(struct store *s, int64_t domain, const struct audit_party *p,
			struct store_member *m)
{
	enum ident_kind kind;

	return p->name[0] && ident_kind_parse(&kind, p->kind) == 0 &&
	       store_member_by_name(s, domain, kind, p->name, m) == 0;
}

static void look_up_who(struct store *s, int64_t domain, struct audit_party *p)
{
	struct store_member m;

	if (!p->uid[0] && find_member(s, domain, p, &m))
		clean(p->uid, sizeof(p->uid), m.uid);
}

static void look_up_on(struct store *s, const struct audit_note *n, struct audit_record *r)
{
	struct store_member m;

	r->folder = n->folder;
	if ((!r->on.uid[0] || !r->folder) && find_member(s, n->domain, &r->on, &m)) {
		if (!r->on.uid[0])
			clean(r->on.uid, sizeof(r->on.uid), m.uid);
		if (!r->folder)
			r->folder = m.folder;
	}
	if (r->folder && store_audit_path(s, r->folder, r->path) != 0)
		r->path[0] = '\0'; /* logged */
}

static void take_detail(struct audit_record *r, const json_t *detail)
{
	size_t n = json_object_size(detail) > 0
			   ? json_dumpb(detail, r->detail, sizeof(r->detail) - 1, JSON_COMPACT)
			   : 0;

	if (n == 0)
		snprintf(r->detail, sizeof(r->detail), "{}");
	else if (n >= sizeof(r->detail))
		snprintf(r->detail, sizeof(r->detail), DETAIL_TOO_LONG);
	else
		r->detail[n] = '\0';
}

static void begin(struct audit_record *r, enum event e, const json_t *detail)
{
	memset(r, 0, sizeof(*r));
	r->time_ms = clock_wall_ms();
	r->synced = clock_is_synced();
	snprintf(r->event, sizeof(r->event), "%s", event_name(e));
	r->kind = event_is_connection(r->event) ? AUDIT_CONNECTION : AUDIT_OPERATION;
	take_detail(r, detail);
}

void audit_fill(struct audit_record *r, struct store *s, const struct audit_note *n)
{
	begin(r, n->event, n->detail);
	r->result = n->result;
	take_party(&r->who, n->who, n->who_uid);
	take_party(&r->on, n->what, n->what_uid);
	if (n->from)
		clean(r->from, sizeof(r->from), n->from);
	look_up_who(s, n->domain, &r->who);
	look_up_on(s, n, r);
}

void audit_fill_own(struct audit_record *r, enum event e, const json_t *detail)
{
	begin(r, e, detail);
	snprintf(r->who.kind, sizeof(r->who.kind), "server");
}
