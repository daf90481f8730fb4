/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/receipts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/store_audit.h"
#include "common/io/log.h"
#include "common/io/reporter.h"
#include "common/pure/text.h"

#define PARTY_SIZE (STORE_NAME_SIZE + 16)

bool receipts_ca(const struct domain *d, const struct receipt *x, struct x509_cert *ca)
{
	*ca = d->row.ca;
	if (receipt_is_by(x, ca))
		return true;
	for (size_t i = 0; i < d->n_formers; i++) {
		*ca = d->formers[i].row.ca;
		if (receipt_is_by(x, ca))
			return true;
	}
	return false;
}

/* --- is it true, as far as we know? ---------------------------------------------------------- */

static bool is_member(struct store *s, int64_t member, const struct ident *id)
{
	struct store_member m;

	/* Who was removed meanwhile is known by his name alone; the key tells who it was. */
	return member == 0 || store_member_get(s, member, &m) != 0 ||
	       (m.kind == id->kind && strcmp(m.uid, id->uid) == 0);
}

/* Return: NULL, or what is wrong, in words behind "the record". */
static const char *check_session(const struct receipts_from *by, const struct session_record *r)
{
	struct store_session x;
	bool device = r->role == TOKEN_DEVICE;

	if (store_session_get(by->store, r->session, &x) != 0 || x.domain != by->domain->row.id)
		return "is of a session that is not known";
	if ((device ? x.device_member : x.user_member) != by->member)
		return "is of somebody else's session";
	if (!is_member(by->store, device ? x.user_member : x.device_member, &r->peer))
		return "names another peer than the session had";
	return NULL;
}

static const char *check(const struct receipts_from *by, const struct receipt *x,
			 struct session_record *r)
{
	const char *wrong = receipt_check(x, r);
	struct x509_cert ca;

	if (wrong)
		return wrong;
	if (!ident_equal(&r->own, by->id))
		return "is of another end than its sender";
	if (r->role != (by->id->kind == IDENT_DEVICE ? TOKEN_DEVICE : TOKEN_MANAGER))
		return "says that its sender was the other end";
	if (!receipts_ca(by->domain, x, &ca))
		return "comes with a certificate of another domain";
	return check_session(by, r);
}

/* --- storing --------------------------------------------------------------------------------- */

static json_t *detail_of(const struct session_record *r, const char *hash)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "session", r->session, "role",
			 token_role_name(r->role), "number", (json_int_t)r->number, "to_device",
			 (json_int_t)r->bytes_to_device, "to_manager",
			 (json_int_t)r->bytes_to_manager, "ended", r->ended, "sha256", hash);
}

static int note(const struct receipts_from *by, enum audit_result result, const json_t *detail)
{
	char who[PARTY_SIZE];
	struct audit_note n = {.event = EVENT_SESSION_RECORDED,
			       .result = result,
			       .domain = by->domain->row.id,
			       .who = who,
			       .who_uid = by->id->uid,
			       .from = by->address,
			       .what = who,
			       .what_uid = by->id->uid,
			       .detail = detail};

	snprintf(who, sizeof(who), "%s %s", ident_kind_name(by->id->kind), by->name);
	if (result != AUDIT_OK) {
		audit_stranger(by->audit, &n);
		return 0;
	}
	return audit_note(by->audit, &n);
}

static int refuse(const struct receipts_from *by, const char *wrong)
{
	json_t *detail = json_pack("{s:s+}", "reason", "the record ", wrong);
	int rc = note(by, AUDIT_REFUSED, detail);

	json_decref(detail);
	return rc;
}

static void fill(struct store_session_record *row, const struct receipts_from *by,
		 const struct receipt *x, const struct session_record *r)
{
	row->domain = by->domain->row.id;
	memcpy(row->session, r->session, sizeof(row->session));
	memcpy(row->owner, r->own_key, sizeof(row->owner));
	row->number = r->number;
	memcpy(row->text, x->text, x->text_len + 1);
	memcpy(row->signature, x->signature, x->signature_len);
	row->signature_len = x->signature_len;
	row->cert = x->cert;
}

/* The audit's record comes first: its number is the row's. */
static int put(const struct receipts_from *by, struct store_session_record *row,
	       const struct session_record *r)
{
	char hex[AUDIT_HASH_HEX];
	struct store_audit_head head;
	json_t *detail;
	int rc = text_hex_encode(hex, sizeof(hex), row->hash, sizeof(row->hash));

	if (rc)
		return -EIO;
	detail = detail_of(r, hex);
	rc = note(by, AUDIT_OK, detail);
	json_decref(detail);
	if (rc == 0)
		rc = store_audit_head(by->store, row->domain, &head);
	if (rc)
		return rc;
	row->seq = head.seq;
	return store_session_record_add(by->store, row);
}

/* Return: 0, also for what is left out; -EIO. */
static int take_one(const struct receipts_from *by, const json_t *o)
{
	struct store_session_record row = {.seq = 0};
	struct session_record r;
	const char *wrong = "is malformed";
	struct receipt x;
	uint32_t n;
	int rc;

	if (receipt_from_json(&x, o) == 0)
		wrong = check(by, &x, &r);
	if (wrong)
		return refuse(by, wrong);
	fill(&row, by, &x, &r);
	if (session_record_hash(x.text, x.text_len, row.hash) != 0)
		return -EIO;
	rc = store_session_record_has(by->store, &row, &n);
	if (rc != -ENOENT)
		return rc; /* it is there */
	if (n >= RECEIPTS_OF_END_MAX)
		return refuse(by, "is one too many of this end and session");
	return put(by, &row, &r);
}

static int take_all(const struct receipts_from *by, const json_t *records)
{
	const json_t *o;
	size_t i;
	int rc = 0;

	json_array_foreach (records, i, o) {
		if (rc == 0 && i < REPORTER_RECEIPTS_MAX)
			rc = take_one(by, o);
	}
	return rc;
}

int receipts_take(const struct receipts_from *by, const json_t *records)
{
	int rc;

	if (!json_is_array(records))
		return -EBADMSG;
	audit_flush(by->audit);
	rc = store_begin(by->store);
	if (rc)
		return rc;
	rc = take_all(by, records);
	if (rc == 0)
		rc = store_commit(by->store);
	if (rc)
		store_rollback(by->store);
	return rc;
}
