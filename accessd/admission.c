/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/admission.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accessd/store_control.h"
#include "accessd/store_signin.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

static bool refuse(struct refusal *why, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct refusal *why, int code, const char *fmt, ...)
{
	va_list ap;

	why->code = code;
	va_start(ap, fmt);
	vsnprintf(why->message, sizeof(why->message), fmt, ap);
	va_end(ap);
	return false;
}

static bool refuse_internal(struct refusal *why)
{
	return refuse(why, RPC_INTERNAL, "the server cannot do this now; its log says why");
}

/* Several changes as one: @rc is what became of them. */
static int conclude(struct store *s, int rc)
{
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

/* --- members --------------------------------------------------------------------------------- */

static int add_invite(const struct admission *a, const struct store_member *m, int64_t now,
		      int64_t expires, char invitation[INVITE_TEXT_SIZE])
{
	struct store_invite in = {.member = m->id, .created = now, .expires = expires};
	uint8_t secret[INVITE_SECRET_BYTES];
	int rc;

	file_random(secret, sizeof(secret));
	x509_sha256(secret, sizeof(secret), in.secret_sha256);
	rc = store_invite_add(a->store, &in);
	if (rc == 0)
		rc = domain_invite(a->domain, m->kind, secret, expires, invitation);
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* Devices keep theirs whatever key they have; users get one with each PC. */
static int add_endpoint(const struct admission *a, const struct store_member *m)
{
	struct store_endpoint e = {.domain = m->domain, .member = m->id};
	int rc = 0;

	if (m->kind == IDENT_USER)
		return 0;
	if (m->kind == IDENT_DEVICE)
		rc = store_host_free(a->store, m->domain, &e.host);
	return rc ? rc : store_endpoint_add(a->store, &e);
}

int admission_add(const struct admission *a, struct store_member *m,
		  const struct store_password *password, int64_t now, int64_t expires,
		  char invitation[INVITE_TEXT_SIZE])
{
	int rc;

	m->domain = a->domain->row.id;
	m->state = STORE_INVITED;
	m->created = now;
	domain_uid(m->uid);
	rc = store_begin(a->store);
	if (rc)
		return rc;
	rc = store_member_add(a->store, m);
	if (rc == 0 && password)
		rc = store_password_set(a->store, m->id, password);
	if (rc == 0 && m->valid_until)
		rc = store_account_set_valid(a->store, m->id, m->valid_until);
	if (rc == 0)
		rc = add_endpoint(a, m);
	if (rc == 0)
		rc = add_invite(a, m, now, expires, invitation);
	return conclude(a->store, rc);
}

int admission_reinvite(const struct admission *a, struct store_member *m, int64_t now,
		       int64_t expires, char invitation[INVITE_TEXT_SIZE])
{
	int rc = store_begin(a->store);

	if (rc)
		return rc;
	rc = store_invite_replace(a->store, m->id);
	if (rc == 0 && m->state == STORE_REVOKED) {
		m->state = STORE_INVITED;
		rc = store_member_set_state(a->store, m->id, m->state);
	}
	if (rc == 0)
		rc = add_invite(a, m, now, expires, invitation);
	return conclude(a->store, rc);
}

/* Keys of a user go with their addresses; a device keeps its address for a new key. */
static int drop_keys(const struct admission *a, const struct store_member *m)
{
	struct store_endpoint e;
	int64_t id;
	int rc;

	if (m->kind == IDENT_USER) {
		while ((rc = store_endpoint_oldest(a->store, m->id, 0, &id)) == 0) {
			rc = store_endpoint_remove(a->store, id);
			if (rc)
				return rc;
		}
		return rc == -ENOENT ? 0 : rc;
	}
	rc = store_endpoint_of(a->store, m->id, &e);
	if (rc)
		return rc;
	e.has_key = false;
	e.cert.len = 0;
	return store_endpoint_set_key(a->store, &e);
}

int admission_revoke(const struct admission *a, struct store_member *m)
{
	int rc = store_begin(a->store);

	if (rc)
		return rc;
	rc = store_member_set_state(a->store, m->id, STORE_REVOKED);
	if (rc == 0)
		rc = store_invite_replace(a->store, m->id);
	if (rc == 0)
		rc = drop_keys(a, m);
	rc = conclude(a->store, rc);
	if (rc == 0)
		m->state = STORE_REVOKED;
	return rc;
}

/* --- enrolment ------------------------------------------------------------------------------- */

static bool take_csr(const struct admission_request *r, struct public_key *key, struct refusal *why)
{
	if (x509_csr_check(r->csr, r->csr_len, key->spki, sizeof(key->spki), &key->len) != 0)
		return refuse(why, RPC_BAD_PARAMS, "not a certificate request for a P-256 key");
	x509_sha256(key->spki, key->len, key->sha256);
	return true;
}

/* An invitation, and whom it is for. */
struct invited {
	struct store_invite invite;
	struct store_member member;
};

/* The invitation, if it still counts for this key. */
static bool find_invite(const struct admission *a, const uint8_t secret_sha256[STORE_HASH_BYTES],
			const struct public_key *key, int64_t now, struct invited *x,
			struct refusal *why)
{
	const struct store_invite *in = &x->invite;
	int rc;

	memset(x, 0, sizeof(*x));
	rc = store_invite_by_secret(a->store, secret_sha256, &x->invite);
	if (rc == 0)
		rc = store_member_get(a->store, in->member, &x->member);
	if (rc == -ENOENT || (rc == 0 && x->member.domain != a->domain->row.id))
		return refuse(why, RPC_DENIED, "unknown invitation");
	if (rc)
		return refuse_internal(why);
	if (in->state == STORE_INVITE_REPLACED || x->member.state == STORE_REVOKED)
		return refuse(why, RPC_DENIED,
			      "invitation was withdrawn or replaced by a newer one");
	if (in->state == STORE_INVITE_USED ||
	    (in->state == STORE_INVITE_REDEEMED &&
	     memcmp(in->key_sha256, key->sha256, sizeof(key->sha256)) != 0))
		return refuse(why, RPC_DENIED, "invitation was already used");
	if (now >= in->expires)
		return refuse(why, RPC_EXPIRED, "invitation has expired");
	return true;
}

static bool is_key_of(const struct store_endpoint *e, const struct public_key *key)
{
	return e->has_key && memcmp(e->key_sha256, key->sha256, sizeof(key->sha256)) == 0;
}

/* The same key again gets what it got before, as long as that is good. */
static bool has_cert(const struct admission *a, const struct store_endpoint *e,
		     const struct public_key *key, int64_t now)
{
	const struct x509_cert *ca = &a->domain->row.ca;
	struct x509_info info;

	return is_key_of(e, key) && e->cert.len > 0 &&
	       x509_parse(&info, e->cert.der, e->cert.len) == 0 && info.not_before <= now &&
	       now < info.not_after && x509_verify(e->cert.der, e->cert.len, ca, false) == 0;
}

static void set_issuer(const struct domain *d, struct store_endpoint *e)
{
	/* The size is right. */
	(void)!text_hex_encode(e->issuer, sizeof(e->issuer), d->ca_sha256,
			       (sizeof(e->issuer) - 1) / 2);
}

/* Give the endpoint this key, and a certificate for it. */
static int issue(const struct admission *a, const struct store_member *m, struct store_endpoint *e,
		 const struct public_key *key, int64_t now, int64_t not_after)
{
	struct ident id = domain_ident(a->domain, m->kind, m->uid);
	int rc = domain_issue(a->domain, &id, key, now, not_after, &e->cert);

	if (rc)
		return rc;
	memcpy(e->key_sha256, key->sha256, sizeof(e->key_sha256));
	e->has_key = true;
	set_issuer(a->domain, e);
	return store_endpoint_set_key(a->store, e);
}

/* --- whose a machine is ------------------------------------------------------------------------
 */

static const struct hardware UNSAID = {.n = 0};

static const struct hardware *hardware_of(const struct admission_request *r)
{
	return r->hardware ? r->hardware : &UNSAID;
}

/* Nobody has one key in two domains: whoever had it there would be known here. */
static bool key_is_free(const struct admission *a, const struct public_key *key,
			struct refusal *why)
{
	int rc = store_key_foreign(a->store, a->domain->row.id, key->sha256);

	if (rc == 0)
		return refuse(why, RPC_CONFLICT,
			      "this key belongs to another domain: try again with a new one");
	return rc == -ENOENT ? true : refuse_internal(why);
}

static bool says_enough(const struct admission *a, const struct admission_request *r,
			const struct store_member *m, struct refusal *why)
{
	struct settings all;

	if (hardware_of(r)->n > 0)
		return true;
	if (store_settings_of_member(a->store, m, SETTINGS_LIMIT_MAX_S, &all) != 0)
		return refuse_internal(why);
	if (all.at[SETTING_HARDWARE].number != SETTING_REQUIRED)
		return true;
	return refuse(why, RPC_DENIED,
		      "it has to say which machine it is (hardware-id in vpnd.conf; an older vpnd "
		      "does not)");
}

/* A device is its owner's until he releases it. Who has an invitation may know that it is not his,
 * and no more. */
static bool may_bind(const struct admission *a, const struct admission_request *r,
		     const struct public_key *key, struct admitted *x, struct refusal *why)
{
	int rc;

	if (x->member.kind != IDENT_DEVICE)
		return key_is_free(a, key, why);
	rc = store_hardware_foreign(a->store, a->domain->row.id, hardware_of(r), key->sha256,
				    &x->foreign);
	if (rc == 0)
		return refuse(
			why, RPC_CONFLICT,
			"this machine belongs to another domain of this server: its owner has "
			"to release it there first");
	x->foreign.domain = 0;
	if (rc != -ENOENT)
		return refuse_internal(why);
	return key_is_free(a, key, why) && says_enough(a, r, &x->member, why);
}

static int record_enrolment(const struct admission *a, const struct store_invite *in,
			    const struct public_key *key, const struct admission_request *r,
			    struct admitted *x)
{
	const struct store_member *m = &x->member;
	struct store_endpoint *e = &x->endpoint;
	int64_t now = r->now, end = now + a->identity_s;
	int rc = store_endpoint_of(a->store, m->id, e);

	if (rc)
		return rc;
	if (!has_cert(a, e, key, now)) {
		x->key_replaced = e->has_key && !is_key_of(e, key);
		rc = issue(a, m, e, key, now, end);
	}
	if (rc == 0)
		rc = store_invite_redeem(a->store, in->id, key->sha256);
	if (rc == 0)
		rc = store_member_set_state(a->store, m->id, STORE_ENROLLED);
	if (rc == 0 && m->kind == IDENT_DEVICE)
		rc = store_hardware_bind(a->store, m, hardware_of(r), key->sha256, now);
	if (rc == 0 && m->kind == IDENT_RELAY)
		rc = domain_issue_outer(a->domain, &m->urls, key, now, end, &x->outer_cert);
	return rc;
}

bool admission_enrol(const struct admission *a, const struct admission_request *r,
		     struct admitted *out, struct refusal *why)
{
	uint8_t hash[STORE_HASH_BYTES];
	struct public_key key;
	struct invited x;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!take_csr(r, &key, why))
		return false;
	x509_sha256(r->secret, INVITE_SECRET_BYTES, hash);
	if (!find_invite(a, hash, &key, r->now, &x, why))
		return false;
	out->member = x.member;
	if (x.member.kind != r->kind)
		return refuse(why, RPC_DENIED, "this invitation is for a %s",
			      ident_kind_name(x.member.kind));
	if (!may_bind(a, r, &key, out, why))
		return false;
	rc = store_begin(a->store);
	if (rc == 0)
		rc = conclude(a->store, record_enrolment(a, &x.invite, &key, r, out));
	if (rc)
		return refuse_internal(why);
	out->member.state = STORE_ENROLLED;
	return true;
}

/* --- sign-in --------------------------------------------------------------------------------- */

static bool login_by_secret(const struct admission *a, const struct admission_request *r,
			    struct login *l, struct refusal *why)
{
	struct invited x;

	x509_sha256(r->secret, INVITE_SECRET_BYTES, l->secret_sha256);
	if (!find_invite(a, l->secret_sha256, &l->key, r->now, &x, why))
		return false;
	if (x.member.kind != IDENT_USER)
		return refuse(why, RPC_DENIED, "this invitation is for a %s",
			      ident_kind_name(x.member.kind));
	if (r->user && strcmp(r->user, x.member.name) != 0)
		return refuse(why, RPC_DENIED, "wrong user name or password");
	l->known = true;
	l->member = x.member.id;
	l->invite = x.invite.id;
	snprintf(l->user, sizeof(l->user), "%s", x.member.name);
	return true;
}

/* Without the first contact by invitation a name and password are not enough. */
static bool login_by_name(const struct admission *a, const struct admission_request *r,
			  struct login *l, struct refusal *why)
{
	struct store_member m = {.id = 0};
	int rc = store_member_by_name(a->store, a->domain->row.id, IDENT_USER, r->user, &m);

	if (rc && rc != -ENOENT)
		return refuse_internal(why);
	l->known = rc == 0 && m.state == STORE_ENROLLED;
	l->member = m.id;
	snprintf(l->user, sizeof(l->user), "%s", r->user);
	return true;
}

/* The request is signed by its key: who has a key that the user was given knows more than a name.
 */
static bool find_pc(const struct admission *a, struct login *l)
{
	struct store_endpoint e;
	int rc = store_endpoint_by_key(a->store, l->member, l->key.sha256, &e);

	if (rc == 0)
		l->pc = e.id;
	return rc == 0 || rc == -ENOENT;
}

bool admission_login_begin(const struct admission *a, const struct admission_request *r,
			   struct login *l, struct refusal *why)
{
	bool found;
	int rc;

	memset(l, 0, sizeof(*l));
	l->has_secret = r->secret != NULL;
	if (!take_csr(r, &l->key, why))
		return false;
	if (!r->secret && !r->user)
		return refuse(why, RPC_BAD_PARAMS, "user or secret is missing");
	found = r->secret ? login_by_secret(a, r, l, why) : login_by_name(a, r, l, why);
	if (!found || !l->known)
		return found;
	rc = store_password_get(a->store, l->member, &l->password);
	if (rc == -ENOENT) /* he was never given one: as if nobody had the name */
		l->known = false;
	else if (rc || !find_pc(a, l))
		return refuse_internal(why);
	return true;
}

/* The user's endpoint for this key: the PC's old one, or a new one with an address of its own. */
static int take_endpoint(const struct admission *a, const struct public_key *key,
			 struct admitted *x)
{
	int rc = store_endpoint_by_key(a->store, x->member.id, key->sha256, &x->endpoint);

	if (rc != -ENOENT)
		return rc;
	rc = store_endpoint_oldest(a->store, x->member.id, ADMISSION_USER_KEYS_MAX - 1,
				   &x->removed_endpoint);
	if (rc == 0)
		rc = store_endpoint_remove(a->store, x->removed_endpoint);
	if (rc && rc != -ENOENT)
		return rc;
	memset(&x->endpoint, 0, sizeof(x->endpoint));
	x->endpoint.domain = x->member.domain;
	x->endpoint.member = x->member.id;
	rc = store_host_free(a->store, x->member.domain, &x->endpoint.host);
	return rc ? rc : store_endpoint_add(a->store, &x->endpoint);
}

static int record_login(const struct admission *a, const struct login *l, const struct invited *in,
			int64_t now, struct admitted *x)
{
	struct store_account account;
	int rc = store_account_get(a->store, x->member.id, &account);

	if (rc == 0 && l->settle)
		rc = l->settle(l->settle_arg);
	if (rc == 0)
		rc = take_endpoint(a, &l->key, x);
	if (rc)
		return rc;
	x->endpoint.expires = now + a->login_s;
	if (account.valid_until && account.valid_until < x->endpoint.expires)
		x->endpoint.expires = account.valid_until;
	rc = issue(a, &x->member, &x->endpoint, &l->key, now, x->endpoint.expires);
	if (rc == 0 && l->has_secret)
		rc = store_invite_redeem(a->store, in->invite.id, l->key.sha256);
	if (rc == 0 && x->member.state != STORE_ENROLLED)
		rc = store_member_set_state(a->store, x->member.id, STORE_ENROLLED);
	return rc;
}

/* Is the user still one, and the invitation still good? */
static bool look_again(const struct admission *a, const struct login *l, int64_t now,
		       struct invited *x, struct refusal *why)
{
	int rc;

	if (l->has_secret)
		return find_invite(a, l->secret_sha256, &l->key, now, x, why);
	memset(x, 0, sizeof(*x));
	rc = store_member_get(a->store, l->member, &x->member);
	if (rc == -ENOENT || (rc == 0 && x->member.state != STORE_ENROLLED))
		return refuse(why, RPC_DENIED, "wrong user name or password");
	return rc ? refuse_internal(why) : true;
}

bool admission_login_end(const struct admission *a, const struct login *l, bool password_ok,
			 int64_t now, struct admitted *out, struct refusal *why)
{
	struct invited x;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!password_ok || !l->known)
		return refuse(why, RPC_DENIED, "wrong user name or password");
	if (!look_again(a, l, now, &x, why) || !key_is_free(a, &l->key, why))
		return false;
	out->member = x.member;
	rc = store_begin(a->store);
	if (rc == 0)
		rc = conclude(a->store, record_login(a, l, &x, now, out));
	if (rc == -ENOSPC)
		return refuse(why, RPC_UNAVAILABLE, "no tunnel address is left");
	if (rc)
		return refuse_internal(why);
	out->member.state = STORE_ENROLLED;
	return true;
}

json_t *admission_answer(const struct admission *a, const struct admitted *x, int anchor)
{
	struct ident id = domain_ident(a->domain, x->member.kind, x->member.uid);
	char uri[IDENT_URI_SIZE];
	json_t *o;

	ident_format(&id, uri);
	o = json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", x->member.name, "uri", uri, "cert",
		      rpc_json_bytes(x->endpoint.cert.der, x->endpoint.cert.len), "ca",
		      rpc_json_bytes(a->domain->row.ca.der, a->domain->row.ca.len), "urls",
		      urls_to_json(&a->domain->row.urls));
	json_object_set_new(o, "links", domain_links(a->domain, anchor));
	json_object_set_new(o, "former_cas", domain_former_cas(a->domain));
	if (x->member.kind != IDENT_RELAY)
		return o;
	json_object_set_new(o, "outer_cert", rpc_json_bytes(x->outer_cert.der, x->outer_cert.len));
	json_object_set_new(o, "token_keys", domain_token_keys(a->domain));
	return o;
}

/* --- members that come by -------------------------------------------------------------------- */

static bool check_account(const struct admission *a, int64_t user, int64_t now, struct refusal *why)
{
	struct store_account account;

	if (store_account_get(a->store, user, &account) != 0)
		return refuse_internal(why);
	if (account.disabled)
		return refuse(why, RPC_EXPIRED, "this user is disabled for now");
	if (account.valid_until && now >= account.valid_until)
		return refuse(why, RPC_EXPIRED, "the account has expired");
	return true;
}

bool admission_check(const struct admission *a, const struct ident *id,
		     const uint8_t key_sha256[X509_SPKI_SHA256_BYTES], int64_t now,
		     struct known *out, struct refusal *why)
{
	const char *kind = ident_kind_name(id->kind);
	int rc;

	if (strcmp(id->domain, a->domain->row.name) != 0 || id->kind == IDENT_ACCESS)
		return refuse(why, RPC_DENIED, "not a member of this domain");
	rc = store_member_by_uid(a->store, a->domain->row.id, id->kind, id->uid, &out->member);
	if (rc == -ENOENT)
		return refuse(why, RPC_DENIED, "this %s was removed", kind);
	if (rc)
		return refuse_internal(why);
	if (out->member.state == STORE_REVOKED)
		return refuse(why, RPC_DENIED, "this %s was revoked", kind);
	if (id->kind == IDENT_USER && !check_account(a, out->member.id, now, why))
		return false;
	rc = store_endpoint_by_key(a->store, out->member.id, key_sha256, &out->endpoint);
	if (rc == -ENOENT && id->kind == IDENT_USER) /* long ago: store_purge() */
		return refuse(why, RPC_EXPIRED, "the sign-in has expired");
	if (rc == -ENOENT)
		return refuse(why, RPC_DENIED, "this key was replaced by a newer one");
	if (rc)
		return refuse_internal(why);
	if (out->endpoint.expires != 0 && now >= out->endpoint.expires)
		return refuse(why, RPC_EXPIRED, "the sign-in has expired");
	return true;
}

/* --- renewal --------------------------------------------------------------------------------- */

static int record_renewal(const struct admission *a, const struct public_key *key, int64_t now,
			  struct admitted *x)
{
	int64_t end = now + a->identity_s;
	int rc = issue(a, &x->member, &x->endpoint, key, now, end);

	if (rc == 0 && x->member.kind == IDENT_RELAY)
		rc = domain_issue_outer(a->domain, &x->member.urls, key, now, end, &x->outer_cert);
	return rc;
}

bool admission_renew(const struct admission *a, const struct ident *id,
		     const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
		     const struct admission_request *r, struct admitted *out, struct refusal *why)
{
	struct public_key key;
	struct known known;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!admission_check(a, id, key_sha256, r->now, &known, why))
		return false;
	if (id->kind == IDENT_USER)
		return refuse(why, RPC_DENIED, "users sign in anew instead");
	if (!take_csr(r, &key, why))
		return false;
	if (memcmp(key.sha256, key_sha256, sizeof(key.sha256)) != 0)
		return refuse(why, RPC_DENIED,
			      "the key stays: for another one a new invitation is needed");
	out->member = known.member;
	out->endpoint = known.endpoint;
	rc = store_begin(a->store);
	if (rc == 0)
		rc = conclude(a->store, record_renewal(a, &key, r->now, out));
	return rc ? refuse_internal(why) : true;
}
