/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/audit_check.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/checkpoint.h"
#include "accessd/store_realms.h"
#include "common/io/clock.h"
#include "common/io/receipt.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

#define LOOK_EACH 256 /* records, at the clock */

/* --- records --------------------------------------------------------------------------------- */

struct going {
	struct store *s;
	struct audit_check *c;
	struct audit_chain chain;
	uint64_t until_ms;
	bool stopped;
	int rc;
};

static void fault(struct audit_check *c, int64_t seq, const char *words)
{
	c->fault_seq = seq;
	snprintf(c->fault, sizeof(c->fault), "%s", words);
}

/* A session's record that the audit has spoken of must be there, the same as then. */
static int check_session(struct going *g, const struct audit_record *r)
{
	struct store_session_record row;
	char hex[AUDIT_HASH_HEX];
	uint8_t real[AUDIT_HASH_BYTES];
	const char *said = "";
	json_t *detail;
	int rc;

	if (r->result != AUDIT_OK)
		return 0;
	rc = store_session_record_by_seq(g->s, g->c->domain, r->seq, &row);
	if (rc == -ENOENT) {
		fault(g->c, r->seq, "the session record that it speaks of is gone");
		return 0;
	}
	if (rc)
		return rc;
	detail = json_loads(r->detail, 0, NULL);
	(void)!rpc_str(detail, "sha256", &said);
	if (session_record_hash(row.text, strlen(row.text), real) != 0 ||
	    text_hex_encode(hex, sizeof(hex), real, sizeof(real)) != 0 || strcmp(hex, said) != 0)
		fault(g->c, r->seq, "the session record that it speaks of was changed");
	json_decref(detail);
	g->c->sessions++;
	return 0;
}

static void check_checkpoint(struct going *g, const struct audit_record *r)
{
	int rc = checkpoint_check(r, &g->c->cert);

	if (rc == 0)
		g->c->checkpoints++;
	else if (rc == -ENOKEY)
		g->c->other_checkpoints++;
	else
		fault(g->c, r->seq, "the checkpoint's signature is false");
}

static bool take(void *arg, const struct store_audit_row *row)
{
	struct going *g = arg;
	struct audit_record r = row->r;
	enum audit_fault f;

	/* What the database holds as the hash before may be as false as the rest. */
	memcpy(r.prev, g->chain.hash, sizeof(r.prev));
	f = audit_chain_take(&g->chain, &r, row->hash);
	if (f != AUDIT_SOUND) {
		fault(g->c, r.seq, audit_fault_words(f));
		return false;
	}
	if (strcmp(r.event, "session.recorded") == 0)
		g->rc = check_session(g, &r);
	else if (strcmp(r.event, "audit.checkpoint") == 0)
		check_checkpoint(g, &r);
	if (g->rc || g->c->fault_seq)
		return false;
	g->stopped = g->chain.records % LOOK_EACH == 0 && clock_mono_ms() >= g->until_ms;
	return !g->stopped;
}

/* The last record is where the head says that it is. */
static int check_end(struct going *g)
{
	struct store_audit_head h;
	int rc = store_audit_head(g->s, g->c->domain, &h);

	if (rc)
		return rc;
	if (h.seq > g->chain.seq)
		fault(g->c, g->chain.seq + 1, "records at the end are missing");
	else if (h.seq < g->chain.seq || memcmp(h.hash, g->chain.hash, sizeof(h.hash)) != 0)
		fault(g->c, g->chain.seq, "the end of the chain is not where it was left");
	return 0;
}

struct search {
	const struct store_audit_cut *cut;
	bool found;
};

static bool is_of_cut(void *arg, const struct store_audit_row *row)
{
	struct search *x = arg;
	char hex[AUDIT_HASH_HEX];
	const char *hash = "";
	int64_t up_to = 0;
	json_t *detail = json_loads(row->r.detail, 0, NULL);

	(void)!rpc_int(detail, "up_to", 0, INT64_MAX, &up_to);
	(void)!rpc_str(detail, "hash", &hash);
	x->found = row->r.result == AUDIT_OK && up_to == x->cut->seq &&
		   text_hex_encode(hex, sizeof(hex), x->cut->hash, sizeof(x->cut->hash)) == 0 &&
		   strcmp(hash, hex) == 0;
	json_decref(detail);
	return !x->found;
}

/* Whoever cuts the audit leaves a record of it: without one the beginning was taken away. */
static int check_cut(struct store *s, struct audit_check *c, const struct store_audit_cut *cut)
{
	struct store_audit_query q = {.domain = c->domain,
				      .kind = -1,
				      .result = -1,
				      .event = "audit.pruned",
				      .after = cut->seq};
	struct search x = {.cut = cut};
	int rc = cut->seq ? store_audit_each(s, &q, is_of_cut, &x) : 0;

	if (rc == 0 && cut->seq && !x.found)
		fault(c, cut->seq + 1,
		      "those before it are gone, and no record says that they "
		      "were cut off");
	return rc;
}

static int begin(struct store *s, struct audit_check *c, struct audit_chain *chain)
{
	struct store_audit_cut cut;
	int rc;

	audit_chain_init(chain, c->seq, c->hash);
	if (c->seq)
		return 0;
	rc = store_audit_last_cut(s, c->domain, &cut);
	if (rc)
		return rc;
	audit_chain_init(chain, cut.seq, cut.hash);
	return check_cut(s, c, &cut);
}

int audit_check_piece(struct store *s, struct audit_check *c)
{
	struct store_audit_query q = {
		.domain = c->domain, .kind = -1, .result = -1, .oldest_first = true};
	struct going g = {.s = s, .c = c, .until_ms = clock_mono_ms() + AUDIT_CHECK_MS};
	int rc = begin(s, c, &g.chain);

	if (rc || c->fault_seq)
		return rc;
	q.after = g.chain.seq;
	rc = store_audit_each(s, &q, take, &g);
	if (rc == 0)
		rc = g.rc;
	if (rc == 0 && !g.stopped && !c->fault_seq)
		rc = check_end(&g);
	c->seq = g.chain.seq;
	memcpy(c->hash, g.chain.hash, sizeof(c->hash));
	c->records = g.chain.records;
	c->backwards = g.chain.backwards;
	c->backwards_seq = g.chain.backwards_seq;
	c->more = g.stopped && !c->fault_seq;
	return rc;
}

/* --- the rest -------------------------------------------------------------------------------- */

struct owners {
	struct audit_check *c;
	const struct x509_cert *cas; /* that ends' certificates may be by */
	size_t n_cas;
	uint8_t owner[X509_SPKI_SHA256_BYTES], last[AUDIT_HASH_BYTES];
	int64_t number; /* of the one before, of this owner; 0: none */
	uint64_t lost;
};

static void bad_record(struct audit_check *c, const struct store_session_record *row,
		       const char *words)
{
	char text[AUDIT_CHECK_WORDS];

	snprintf(text, sizeof(text), "the record of session %.8s %s", row->session, words);
	fault(c, row->seq, text);
}

/* Each end's own chain; what it numbered and never sent is no fault of the audit, nor that an end
 * has lost what it had and begins anew. */
static void follow(struct owners *o, const struct store_session_record *row,
		   const struct session_record *r)
{
	bool same = memcmp(o->owner, row->owner, sizeof(o->owner)) == 0;

	if (!same)
		o->number = 0;
	if (same && r->number == o->number + 1 && memcmp(r->prev, o->last, sizeof(o->last)) != 0)
		bad_record(o->c, row, "does not follow the one that its end made before");
	else if (r->number > o->number + 1 && (same || r->number > 1))
		o->lost += (uint64_t)(r->number - o->number - 1);
	memcpy(o->owner, row->owner, sizeof(o->owner));
	memcpy(o->last, row->hash, sizeof(o->last));
	o->number = r->number;
}

static bool is_by_any(const struct owners *o, const struct receipt *x)
{
	for (size_t i = 0; i < o->n_cas; i++) {
		if (receipt_is_by(x, &o->cas[i]))
			return true;
	}
	return false;
}

static bool check_owner(void *arg, const struct store_session_record *row)
{
	struct owners *o = arg;
	struct receipt x = {.text_len = strlen(row->text)};
	struct session_record r;
	const char *wrong;

	memcpy(x.text, row->text, x.text_len + 1);
	memcpy(x.signature, row->signature, row->signature_len);
	x.signature_len = row->signature_len;
	x.cert = row->cert;
	wrong = receipt_check(&x, &r);
	if (!wrong && strcmp(r.session, row->session) != 0)
		wrong = "is of another session";
	if (!wrong && !is_by_any(o, &x))
		wrong = "comes with a certificate that is by no CA of the domain";
	if (wrong)
		bad_record(o->c, row, wrong);
	else
		follow(o, row, &r);
	return o->c->fault_seq == 0;
}

/* @cas: room for all. Return: 0; -ENOENT the domain was removed; -EIO. */
static int load_cas(struct store *s, int64_t domain, struct x509_cert *cas, size_t *n)
{
	struct store_former *formers = calloc(STORE_FORMERS_MAX, sizeof(*formers));
	struct store_domain *d = calloc(1, sizeof(*d));
	int rc = d && formers ? store_domain_get(s, domain, d) : -EIO;

	*n = 0;
	if (rc == 0)
		rc = store_formers(s, domain, formers, n);
	for (size_t i = 0; rc == 0 && i < *n; i++)
		cas[i] = formers[i].ca;
	if (rc == 0)
		cas[(*n)++] = d->ca;
	if (d)
		explicit_bzero(d, sizeof(*d));
	if (formers)
		explicit_bzero(formers, STORE_FORMERS_MAX * sizeof(*formers));
	free(d);
	free(formers);
	return rc;
}

static int check_owners(struct store *s, struct owners *o)
{
	struct x509_cert *cas = calloc(STORE_FORMERS_MAX + 1, sizeof(*cas));
	int rc = cas ? load_cas(s, o->c->domain, cas, &o->n_cas) : -EIO;

	o->cas = cas;
	if (rc == 0)
		rc = store_session_record_each(s, o->c->domain, check_owner, o);
	free(cas);
	o->cas = NULL;
	return rc == -ENOENT ? 0 : rc;
}

int audit_check_rest(struct store *s, struct audit_check *c, uint64_t *lost)
{
	struct owners o = {.c = c};
	int rc = store_audit_sound(s);

	*lost = 0;
	if (rc == -EBADMSG) {
		fault(c, 0, "the database is damaged: PRAGMA integrity_check says how");
		c->fault_seq = c->seq;
		return 0;
	}
	if (rc == 0 && c->domain)
		rc = check_owners(s, &o);
	*lost = o.lost;
	return rc;
}
