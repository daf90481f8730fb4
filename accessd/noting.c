/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the audit hears of connections. */
#include <stdio.h>

#include "accessd/clients_internal.h"

#define PARTY_SIZE (STORE_NAME_SIZE + 16)

static void name_party(char out[PARTY_SIZE], enum ident_kind kind, const char *name)
{
	snprintf(out, PARTY_SIZE, "%s %s", ident_kind_name(kind), name);
}

static struct audit_note about(const struct client *c, enum event event)
{
	return (struct audit_note){
		.event = event, .domain = c->owner->admission->domain->row.id, .from = c->address};
}

int client_note(struct client *c, enum event event, enum audit_result result, const char *reason)
{
	struct audit_note n = about(c, event);
	char who[PARTY_SIZE];
	json_t *detail = reason ? json_pack("{s:s}", "reason", reason) : NULL;
	int rc;

	name_party(who, c->kind, c->name);
	n.result = result;
	n.who = n.what = who;
	n.who_uid = n.what_uid = c->id.uid;
	n.detail = detail;
	rc = audit_note(c->owner->audit, &n);
	json_decref(detail);
	return rc;
}

static enum event presence(enum ident_kind kind, bool online)
{
	switch (kind) {
	case IDENT_DEVICE:
		return online ? EVENT_DEVICE_ONLINE : EVENT_DEVICE_OFFLINE;
	case IDENT_USER:
		return online ? EVENT_USER_ONLINE : EVENT_USER_OFFLINE;
	case IDENT_RELAY:
		return online ? EVENT_RELAY_ONLINE : EVENT_RELAY_OFFLINE;
	case IDENT_ACCESS:
		break;
	}
	return EVENT_NONE;
}

void client_note_presence(struct client *c, const char *reason)
{
	struct audit_note n = about(c, presence(c->kind, !reason));
	char who[PARTY_SIZE];
	json_t *detail =
		json_pack("{s:s}", reason ? "reason" : "version", reason ? reason : c->version);

	name_party(who, c->kind, c->name);
	n.who = n.what = who;
	n.who_uid = n.what_uid = c->id.uid;
	n.detail = detail;
	audit_later(c->owner->audit, &n);
	json_decref(detail);
}

void client_note_refused(struct client *c, enum event event, const char *who,
			 const struct refusal *why)
{
	struct audit_note n = about(c, event);
	json_t *detail = json_pack("{s:s}", "reason", why->message);

	n.result = why->code == RPC_INTERNAL ? AUDIT_FAILED : AUDIT_REFUSED;
	n.who = who ? who : "stranger";
	n.detail = detail;
	audit_stranger(c->owner->audit, &n);
	json_decref(detail);
}

void client_note_foreign(struct client *c, const struct admitted *x)
{
	struct audit_note n = about(c, EVENT_DEVICE_FOREIGN);
	char what[PARTY_SIZE];

	n.result = AUDIT_REFUSED;
	n.who = "stranger";
	n.what = what;
	name_party(what, IDENT_DEVICE, x->member.name);
	(void)audit_note(c->owner->audit, &n);
	n.event = EVENT_DEVICE_CLAIMED;
	n.domain = x->foreign.domain;
	name_party(what, IDENT_DEVICE, x->foreign.name);
	(void)audit_note(c->owner->audit, &n);
}

static int witness(void *arg)
{
	const struct admitting *a = arg;
	const struct store_member *m = &a->x->member;
	struct audit_note n = about(a->c, a->event);
	char who[PARTY_SIZE];

	name_party(who, m->kind, m->name);
	n.who = n.what = who;
	n.who_uid = n.what_uid = m->uid;
	n.folder = m->folder;
	return audit_note(a->c->owner->audit, &n);
}

void client_admits(struct admitting *a)
{
	store_witness(a->c->owner->store, witness, a);
}

void client_admitted(const struct admitting *a)
{
	store_witness(a->c->owner->store, NULL, NULL);
}
