/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/usage.h"

#include <errno.h>
#include <stdio.h>

#include "common/io/log.h"

/* Relays of the domain may report any session: which ones it passed is for them to say. */
static bool is_party(const struct usage_reporter *by, const struct store_session *x)
{
	if (x->domain != by->domain)
		return false;
	switch (by->kind) {
	case IDENT_RELAY:
		return true;
	case IDENT_USER:
		return x->user_member == by->member;
	case IDENT_DEVICE:
		return x->device_member == by->member;
	case IDENT_ACCESS:
		break;
	}
	return false;
}

/* Return: 0; -ENOENT not to be stored; -EIO. */
static int take_one(struct store *s, const struct usage_reporter *by, const json_t *record)
{
	struct store_usage x = {.kind = by->kind};
	struct store_session session;
	int rc = usage_decode(&x.u, record);

	if (rc)
		return -ENOENT;
	rc = store_session_get(s, x.u.session, &session);
	if (rc)
		return rc;
	if (!is_party(by, &session))
		return -ENOENT;
	snprintf(x.reporter, sizeof(x.reporter), "%s", by->uid);
	snprintf(x.name, sizeof(x.name), "%s", by->name);
	rc = store_usage_put(s, &x);
	if (rc == -EEXIST)
		return 0;
	return rc == -ENOSPC ? -ENOENT : rc;
}

static int take_all(struct store *s, const struct usage_reporter *by, const json_t *records)
{
	size_t i, left_out = 0;
	const json_t *record;

	json_array_foreach (records, i, record) {
		int rc = i < USAGE_BATCH_MAX ? take_one(s, by, record) : -ENOENT;

		if (rc == -ENOENT)
			left_out++;
		else if (rc)
			return rc;
	}
	if (left_out > 0)
		log_notice("records of usage are left out: malformed, or of no session of theirs "
			   "from=%s n=%zu",
			   by->name, left_out);
	return 0;
}

int usage_take(struct store *s, const struct usage_reporter *by, const json_t *records)
{
	int rc;

	if (!json_is_array(records))
		return -EBADMSG;
	rc = store_begin(s);
	if (rc)
		return rc;
	rc = take_all(s, by, records);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}
