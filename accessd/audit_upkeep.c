/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/audit_upkeep.h"

#include "accessd/checkpoint.h"
#include "accessd/store_audit.h"
#include "common/io/clock.h"
#include "common/io/log.h"

static void say(struct audit *a, const struct domain *d, enum event e)
{
	json_t *detail = json_pack("{s:s}", "version", FARLAN_VERSION);

	(void)audit_note(a, &(struct audit_note){.event = e,
						 .domain = d->row.id,
						 .who = "server",
						 .detail = detail}); /* logged, if not */
	json_decref(detail);
}

/* Nothing may come between the record that is signed and this one. */
static int sign(struct audit *a, struct store *s, const struct domain *d,
		struct store_audit_head *h)
{
	json_t *detail;
	int rc;

	audit_catch_up(a, d->row.id);
	rc = store_audit_head(s, d->row.id, h);

	if (rc)
		return rc;
	detail = checkpoint_detail(
		&(struct checkpoint){.domain = h->domain, .seq = h->seq, .hash = h->hash},
		&d->row.access_key);
	rc = detail ? audit_note(a, &(struct audit_note){.event = EVENT_AUDIT_CHECKPOINT,
							 .domain = d->row.id,
							 .who = "server",
							 .detail = detail})
		    : -1;
	json_decref(detail);
	return rc;
}

void audit_look(struct audit_upkeep *u, struct audit *a, struct store *s, const struct domain *d,
		bool now)
{
	uint64_t ms = clock_mono_ms();
	struct store_audit_head h;

	audit_flush(a);
	if (store_audit_head(s, d->row.id, &h) != 0 || h.seq <= u->last_seq)
		return;
	if (!now && h.seq < u->last_seq + AUDIT_CHECKPOINT_RECORDS &&
	    ms - u->last_ms < AUDIT_CHECKPOINT_MS)
		return;
	if (sign(a, s, d, &h) != 0) {
		log_warn("the audit could not be signed domain=%s", d->row.name);
		return;
	}
	u->last_seq = h.seq + 1;
	u->last_ms = ms;
}

void audit_began(struct audit_upkeep *u, struct audit *a, struct store *s, const struct domain *d)
{
	u->last_ms = clock_mono_ms();
	say(a, d, EVENT_SERVER_STARTED);
	audit_look(u, a, s, d, true);
}

void audit_ended(struct audit_upkeep *u, struct audit *a, struct store *s, const struct domain *d)
{
	say(a, d, EVENT_SERVER_STOPPED);
	audit_look(u, a, s, d, true);
}
