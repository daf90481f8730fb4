/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets an identity, and whose identity counts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/admission.h"
#include "common/pure/token.h"
#include "tests/unit/accessd_fixture.h"

#define NOW FIXTURE_NOW
#define DAY FIXTURE_DAY

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_open(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

/* A newcomer's key and request. */
struct newcomer {
	struct x509_key key;
	uint8_t csr[X509_CSR_MAX_BYTES], key_sha256[32];
	size_t csr_len;
};

static struct newcomer newcomer(void)
{
	struct newcomer n;
	uint8_t spki[128];
	size_t len;

	assert_int_equal(x509_key_generate(&n.key), 0);
	assert_int_equal(x509_csr_make(&n.key, n.csr, sizeof(n.csr), &n.csr_len), 0);
	assert_int_equal(x509_spki(&n.key, spki, sizeof(spki), &len), 0);
	x509_sha256(spki, len, n.key_sha256);
	return n;
}

static struct invite add(struct store_member *m, enum ident_kind kind, const char *name)
{
	struct store_password password = {.cost = 1};
	char text[INVITE_TEXT_SIZE];
	struct invite in;

	*m = (struct store_member){.kind = kind};
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (kind == IDENT_RELAY) {
		m->urls.n = 1;
		assert_int_equal(url_parse(&m->urls.at[0], "https://rs1.lab.example"), 0);
	}
	assert_int_equal(admission_add(&f.admission, m, kind == IDENT_USER ? &password : NULL, NOW,
				       NOW + 7 * DAY, text),
			 0);
	assert_int_equal(invite_decode(&in, text), 0);
	return in;
}

static struct invite reinvite(struct store_member *m)
{
	char text[INVITE_TEXT_SIZE];
	struct invite in;

	assert_int_equal(admission_reinvite(&f.admission, m, NOW, NOW + DAY, text), 0);
	assert_int_equal(invite_decode(&in, text), 0);
	return in;
}

static struct admitted x;
static struct refusal why;

static bool enrol(enum ident_kind kind, const struct invite *in, const struct newcomer *n,
		  int64_t now)
{
	memset(&why, 0, sizeof(why));
	return admission_enrol(&f.admission,
			       &(struct admission_request){.kind = kind,
							   .secret = in->secret,
							   .csr = n->csr,
							   .csr_len = n->csr_len,
							   .now = now},
			       &x, &why);
}

static void assert_refused(bool ok, int code, const char *words)
{
	assert_false(ok);
	assert_int_equal(why.code, code);
	if (!strstr(why.message, words))
		fail_msg("'%s' is not in '%s'", words, why.message);
}

static bool check(const struct store_member *m, const struct newcomer *n, int64_t now)
{
	struct ident id = domain_ident(&f.domain, m->kind, m->uid);
	struct known found;

	memset(&why, 0, sizeof(why));
	return admission_check(&f.admission, &id, n->key_sha256, now, &found, &why);
}

static bool same_cert(const struct x509_cert *a, const struct x509_cert *b)
{
	return a->len == b->len && memcmp(a->der, b->der, a->len) == 0;
}

static void test_invitation(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_DEVICE, "site1");
	struct store_member again = {.kind = IDENT_DEVICE, .name = "site1"};
	char text[INVITE_TEXT_SIZE];
	uint8_t hash[32];

	(void)state;
	assert_int_equal(in.kind, IDENT_DEVICE);
	assert_int_equal(in.expires, NOW + 7 * DAY);
	assert_int_equal(in.n_urls, 2);
	assert_string_equal(in.urls[0].host, "as1.lab.example");
	x509_sha256(f.domain.row.ca.der, f.domain.row.ca.len, hash);
	assert_memory_equal(in.ca_sha256, hash, 32);
	assert_int_equal(admission_add(&f.admission, &again, NULL, NOW, NOW + DAY, text), -EEXIST);
}

static void test_device(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_DEVICE, "site1");
	struct newcomer n = newcomer(), other = newcomer();
	struct x509_info info;
	struct x509_cert first;

	(void)state;
	assert_refused(check(&m, &n, NOW), RPC_DENIED, "replaced");
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW));
	assert_false(x.key_replaced);
	assert_string_equal(x.member.name, "site1");
	assert_int_equal(x.endpoint.host, 1);
	assert_int_equal(
		x509_verify(x.endpoint.cert.der, x.endpoint.cert.len, &f.domain.row.ca, false), 0);
	assert_int_equal(x509_parse(&info, x.endpoint.cert.der, x.endpoint.cert.len), 0);
	assert_true(info.has_ident);
	assert_string_equal(info.id.uid, m.uid);
	assert_string_equal(info.id.domain, "lab.example");
	assert_int_equal(info.id.kind, IDENT_DEVICE);
	assert_memory_equal(info.spki_sha256, n.key_sha256, 32);
	first = x.endpoint.cert;

	/* The answer was lost: the same key gets the same again, another does not. */
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW + 5));
	assert_true(same_cert(&x.endpoint.cert, &first));
	assert_refused(enrol(IDENT_DEVICE, &in, &other, NOW + 6), RPC_DENIED,
		       "invitation was already used");
	assert_true(check(&m, &n, NOW + 7));
	assert_refused(check(&m, &other, NOW + 7), RPC_DENIED, "replaced");

	/* It has come by once: now the invitation is used up for everybody. */
	assert_int_equal(store_invite_used(f.store, m.id, n.key_sha256), 0);
	assert_refused(enrol(IDENT_DEVICE, &in, &n, NOW + 8), RPC_DENIED,
		       "invitation was already used");
}

static void test_refusals(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_DEVICE, "site1"), false_one = in;
	struct newcomer n = newcomer();

	(void)state;
	false_one.secret[3] ^= 1;
	assert_refused(enrol(IDENT_DEVICE, &false_one, &n, NOW), RPC_DENIED, "unknown invitation");
	assert_refused(enrol(IDENT_RELAY, &in, &n, NOW), RPC_DENIED, "for a device");
	assert_refused(enrol(IDENT_DEVICE, &in, &n, NOW + 7 * DAY), RPC_EXPIRED,
		       "invitation has expired");
	n.csr[n.csr_len - 1] ^= 1;
	assert_refused(enrol(IDENT_DEVICE, &in, &n, NOW), RPC_BAD_PARAMS, "request");
	n.csr[n.csr_len - 1] ^= 1;
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW + 7 * DAY - 1));
}

/* A new invitation for a running machine: the old key counts until the new one comes. */
static void test_reinvite(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_DEVICE, "site1"), next;
	struct newcomer old = newcomer(), new = newcomer();

	(void)state;
	assert_true(enrol(IDENT_DEVICE, &in, &old, NOW));
	next = reinvite(&m);
	assert_refused(enrol(IDENT_DEVICE, &in, &old, NOW), RPC_DENIED, "replaced");
	assert_true(check(&m, &old, NOW));
	assert_true(enrol(IDENT_DEVICE, &next, &new, NOW));
	assert_true(x.key_replaced);
	assert_int_equal(x.endpoint.host, 1);
	assert_string_equal(x.member.uid, m.uid);
	assert_true(check(&m, &new, NOW));
	assert_refused(check(&m, &old, NOW), RPC_DENIED, "replaced by a newer one");
}

static void test_revoke(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_DEVICE, "site1"), pending;
	struct newcomer n = newcomer();

	(void)state;
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW));
	pending = reinvite(&m);
	assert_int_equal(admission_revoke(&f.admission, &m), 0);
	assert_refused(check(&m, &n, NOW), RPC_DENIED, "revoked");
	assert_refused(enrol(IDENT_DEVICE, &pending, &n, NOW), RPC_DENIED, "withdrawn");
	/* A new invitation takes it back, with a new key or the old one. */
	pending = reinvite(&m);
	assert_refused(check(&m, &n, NOW), RPC_DENIED, "replaced");
	assert_true(enrol(IDENT_DEVICE, &pending, &n, NOW));
	assert_true(check(&m, &n, NOW));
	assert_int_equal(store_member_remove(f.store, m.id), 0);
	assert_refused(check(&m, &n, NOW), RPC_DENIED, "removed");
}

static void test_relay(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_RELAY, "rs1");
	struct newcomer n = newcomer();
	struct x509_info info;
	json_t *o;

	(void)state;
	assert_true(enrol(IDENT_RELAY, &in, &n, NOW));
	assert_int_equal(x.endpoint.host, 0);
	assert_int_equal(x509_parse(&info, x.outer_cert.der, x.outer_cert.len), 0);
	assert_false(info.has_ident);
	assert_memory_equal(info.spki_sha256, n.key_sha256, 32);
	o = admission_answer(&f.admission, &x, 0);
	assert_int_equal(json_array_size(json_object_get(o, "links")), 0);
	assert_non_null(json_object_get(o, "outer_cert"));
	assert_int_equal(json_array_size(json_object_get(o, "token_keys")), 1);
	json_decref(o);
}

/* --- sign-in --------------------------------------------------------------------------------- */

static bool begin(struct login *l, const char *user, const struct invite *in,
		  const struct newcomer *n)
{
	memset(&why, 0, sizeof(why));
	return admission_login_begin(&f.admission,
				     &(struct admission_request){.kind = IDENT_USER,
								 .user = user,
								 .secret = in ? in->secret : NULL,
								 .csr = n->csr,
								 .csr_len = n->csr_len,
								 .now = NOW},
				     l, &why);
}

static bool end(const struct login *l, bool password_ok, int64_t now)
{
	memset(&why, 0, sizeof(why));
	return admission_login_end(&f.admission, l, password_ok, now, &x, &why);
}

static void test_login_first(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_USER, "anna"), false_one = in;
	struct newcomer n = newcomer(), other = newcomer();
	struct login l;

	(void)state;
	/* Name and password alone are not enough the first time, and that is not told. */
	assert_true(begin(&l, "anna", NULL, &n));
	assert_false(l.known);
	assert_refused(end(&l, true, NOW), RPC_DENIED, "wrong user name or password");
	false_one.secret[0] ^= 1;
	assert_refused(begin(&l, NULL, &false_one, &n), RPC_DENIED, "unknown invitation");
	assert_refused(begin(&l, "otto", &in, &n), RPC_DENIED, "wrong user name or password");
	assert_refused(begin(&l, NULL, NULL, &n), RPC_BAD_PARAMS, "missing");
	assert_true(begin(&l, NULL, &in, &n));
	assert_true(l.known);
	assert_string_equal(l.user, "anna");
	assert_refused(end(&l, false, NOW), RPC_DENIED, "wrong user name or password");
	assert_true(end(&l, true, NOW));
	assert_int_equal(x.endpoint.host, 1);
	assert_int_equal(x.endpoint.expires, NOW + DAY);
	assert_true(check(&m, &n, NOW + DAY - 1));
	assert_refused(check(&m, &n, NOW + DAY), RPC_EXPIRED, "expired");
	/* The same key again; another one not. */
	assert_true(begin(&l, NULL, &in, &n));
	assert_refused(begin(&l, NULL, &in, &other), RPC_DENIED, "already used");
}

static void sign_in(const struct newcomer *n, int64_t now)
{
	struct login l;

	assert_true(begin(&l, "anna", NULL, n));
	assert_true(l.known);
	assert_true(end(&l, true, now));
}

static void test_login_later(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_USER, "anna");
	struct newcomer pc1 = newcomer(), pc2 = newcomer();
	struct login l, unknown;

	(void)state;
	assert_true(begin(&l, NULL, &in, &pc1));
	assert_true(end(&l, true, NOW));
	/* A second PC has an address of its own; the first one keeps its. */
	sign_in(&pc2, NOW + 1);
	assert_int_equal(x.endpoint.host, 2);
	sign_in(&pc1, NOW + 2 * DAY);
	assert_int_equal(x.endpoint.host, 1);
	assert_true(check(&m, &pc1, NOW + 2 * DAY));
	assert_refused(check(&m, &pc2, NOW + 2 * DAY), RPC_EXPIRED, "expired");
	/* Also when it is so long ago that nobody knows it any more. */
	assert_int_equal(store_purge(f.store, NOW + 32 * DAY, DAY), 0);
	assert_refused(check(&m, &pc2, NOW + 32 * DAY), RPC_EXPIRED, "expired");
	/* An unknown name looks like a known one until the password was checked. */
	assert_true(begin(&unknown, "nobody", NULL, &pc1));
	assert_false(unknown.known);
	assert_refused(end(&unknown, false, NOW), RPC_DENIED, "wrong user name or password");
	/* Revoked while the password was being checked. */
	assert_true(begin(&l, "anna", NULL, &pc1));
	assert_int_equal(admission_revoke(&f.admission, &m), 0);
	assert_refused(end(&l, true, NOW), RPC_DENIED, "wrong user name or password");
	assert_refused(check(&m, &pc1, NOW), RPC_DENIED, "revoked");
}

static void test_login_many(void **state)
{
	struct store_member m;
	struct invite in = add(&m, IDENT_USER, "anna");
	struct newcomer first = newcomer();
	struct login l;
	int64_t first_endpoint;

	(void)state;
	assert_true(begin(&l, NULL, &in, &first));
	assert_true(end(&l, true, NOW));
	first_endpoint = x.endpoint.id;
	for (int i = 1; i < ADMISSION_USER_KEYS_MAX; i++) {
		struct newcomer n = newcomer();

		sign_in(&n, NOW + i);
		assert_int_equal(x.removed_endpoint, 0);
	}
	sign_in(&first, NOW + 1); /* no new one */
	assert_int_equal(x.removed_endpoint, 0);
	assert_int_equal(x.endpoint.id, first_endpoint);
	first = newcomer();
	sign_in(&first, NOW + 100);
	assert_int_not_equal(x.removed_endpoint, 0);
}

/* --- domain ---------------------------------------------------------------------------------- */

static void test_domain_again(void **state)
{
	struct domain d;
	struct x509_cert before = f.domain.row.access_cert;

	(void)state;
	assert_int_equal(domain_load(&d, f.store, 1, NOW + 200 * DAY), 0);
	assert_true(same_cert(&d.row.access_cert, &before));
	assert_memory_equal(d.ca_sha256, f.domain.ca_sha256, 32);
	/* Two thirds of a year are over. */
	assert_int_equal(domain_load(&d, f.store, 1, NOW + 250 * DAY), 0);
	assert_false(same_cert(&d.row.access_cert, &before));
	assert_int_equal(
		x509_verify(d.row.access_cert.der, d.row.access_cert.len, &d.row.ca, false), 0);
	before = d.row.access_cert;
	assert_int_equal(domain_load(&d, f.store, 1, NOW + 251 * DAY), 0);
	assert_true(same_cert(&d.row.access_cert, &before));
}

static void test_token(void **state)
{
	struct token t = {.role = TOKEN_DEVICE, .issued = NOW, .expires = NOW + 60}, back;
	char text[PASETO_TOKEN_SIZE], uid[IDENT_UID_SIZE];

	(void)state;
	domain_uid(uid);
	t.relay = domain_ident(&f.domain, IDENT_RELAY, uid);
	strcpy(t.session, "00112233445566778899aabbccddeeff");
	assert_int_equal(domain_token(&f.domain, &t, text), 0);
	assert_int_equal(
		token_check(&back, text, strlen(text), &f.domain.token_key, 1, &t.relay, NOW), 0);
	assert_string_equal(back.session, t.session);
}

static void test_long_addresses(void **state)
{
	struct domain d;
	struct urls urls = {.n = 8};
	char text[300];

	(void)state;
	for (size_t i = 0; i < urls.n; i++) {
		snprintf(text, sizeof(text), "https://%060d.%060d.%060d.example", 1, 2, (int)i + 3);
		assert_int_equal(url_parse(&urls.at[i], text), 0);
	}
	assert_int_equal(domain_create(&d, f.store, "other", &urls, NOW), -E2BIG);
}

/* --- renewal, new CAs and token keys ---------------------------------------------------------- */

static bool renew(const struct store_member *m, const struct newcomer *n,
		  const struct newcomer *csr_of, int64_t now)
{
	struct ident id = domain_ident(&f.domain, m->kind, m->uid);
	struct admission_request r = {.csr = csr_of->csr, .csr_len = csr_of->csr_len, .now = now};

	memset(&why, 0, sizeof(why));
	return admission_renew(&f.admission, &id, n->key_sha256, &r, &x, &why);
}

static bool is_by_domain(const struct x509_cert *cert)
{
	return x509_verify(cert->der, cert->len, &f.domain.row.ca, false) == 0;
}

static void test_renewal(void **state)
{
	struct newcomer n = newcomer(), other = newcomer();
	struct store_member m, u;
	struct invite in = add(&m, IDENT_DEVICE, "site1"), in_u = add(&u, IDENT_USER, "anna");
	struct x509_info info;
	int64_t late = NOW + 1000 * DAY; /* its certificate has expired */

	(void)state;
	(void)in_u;
	assert_refused(renew(&m, &n, &n, NOW), RPC_DENIED, "replaced"); /* not enrolled yet */
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW));
	assert_refused(renew(&m, &n, &other, late), RPC_DENIED, "new invitation");
	assert_refused(renew(&m, &other, &other, late), RPC_DENIED, "replaced");
	for (int i = 0; i < 2; i++) { /* again: the answer was lost */
		assert_true(renew(&m, &n, &n, late));
		assert_int_equal(x509_parse(&info, x.endpoint.cert.der, x.endpoint.cert.len), 0);
		assert_memory_equal(info.spki_sha256, n.key_sha256, 32);
		assert_int_equal(info.not_after, late + f.admission.identity_s);
		assert_string_equal(info.id.uid, m.uid);
	}
	assert_int_equal(admission_revoke(&f.admission, &m), 0);
	assert_refused(renew(&m, &n, &n, late), RPC_DENIED, "revoked");
}

static void test_renewal_of_others(void **state)
{
	struct newcomer n = newcomer();
	struct store_member relay, user;
	struct invite in = add(&relay, IDENT_RELAY, "rs1");

	(void)state;
	assert_true(enrol(IDENT_RELAY, &in, &n, NOW));
	assert_true(renew(&relay, &n, &n, NOW + DAY));
	assert_true(x.outer_cert.len > 0);
	add(&user, IDENT_USER, "anna");
	assert_refused(renew(&user, &n, &n, NOW), RPC_EXPIRED, "");
}

static void follow(int anchor, const struct x509_cert *from)
{
	json_t *links = domain_links(&f.domain, anchor);
	struct x509_cert at;

	assert_int_equal(ca_links_follow(from, links, &at), 0);
	assert_true(same_cert(&at, &f.domain.row.ca));
	json_decref(links);
}

/* Twice: from both former ones, and after a restart, a way leads to the one that holds. */
static void test_roll(void **state)
{
	struct newcomer n = newcomer();
	struct x509_cert first = f.domain.row.ca, second;
	struct store_member m;
	struct invite in = add(&m, IDENT_DEVICE, "site1");
	struct domain *d = &f.domain;

	(void)state;
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW));
	assert_int_equal(domain_roll(d, f.store, false, NOW), 0);
	second = d->row.ca;
	assert_false(same_cert(&first, &second));
	assert_int_equal(domain_roll(d, f.store, false, NOW + DAY), 0);
	assert_int_equal(domain_load(d, f.store, 1, NOW + 2 * DAY), 0);
	assert_int_equal(d->n_formers, 2);
	follow(0, &first);
	follow(1, &second);
	follow(2, &d->row.ca);
	for (int i = -1; i < 4; i++)
		assert_int_equal(domain_anchor_ok(d, i), i >= 0 && i <= 2);
	/* This server has an identity by each, and the time is signed for each. */
	assert_int_equal(x509_verify(d->formers[0].access_cert.der, d->formers[0].access_cert.len,
				     &first, false),
			 0);
	assert_true(is_by_domain(&d->row.access_cert));
	/* Outside it shows what everybody can check, also after it was renewed. */
	assert_true(same_cert(domain_outer_ca(d, &d->row.outer_cert), &first));
	assert_int_equal(domain_load(d, f.store, 1, NOW + 300 * DAY), 0);
	assert_true(same_cert(domain_outer_ca(d, &d->row.outer_cert), &first));
	/* As long as that CA lives. */
	assert_int_equal(domain_load(d, f.store, 1, NOW + 19 * 365 * DAY + 10 * DAY), 0);
	assert_false(same_cert(domain_outer_ca(d, &d->row.outer_cert), &first));
	assert_int_equal(domain_load(d, f.store, 1, NOW + 2 * DAY), 0);
	assert_memory_not_equal(domain_key_word(d, 0)->der, domain_key_word(d, 2)->der, 20);
	/* An invitation and an identity of before still count. */
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW));
	assert_true(is_by_domain(&x.endpoint.cert));
	assert_true(check(&m, &n, NOW));
	assert_true(renew(&m, &n, &n, NOW + 2 * DAY));
	assert_true(is_by_domain(&x.endpoint.cert));
}

static void test_compromised(void **state)
{
	struct newcomer n = newcomer();
	struct store_member m, p;
	struct invite in = add(&m, IDENT_DEVICE, "site1"), open = add(&p, IDENT_DEVICE, "site2");
	struct domain *d = &f.domain;
	struct token_key before = d->token_key;
	json_t *links;

	(void)state;
	assert_true(enrol(IDENT_DEVICE, &in, &n, NOW));
	assert_int_equal(domain_roll(d, f.store, false, NOW), 0);
	assert_int_equal(domain_roll(d, f.store, true, NOW), 0);
	assert_int_equal(domain_roll(d, f.store, false, NOW), 0);
	assert_int_equal(domain_load(d, f.store, 1, NOW), 0);
	/* Neither from the one that was compromised nor from the one before. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(domain_anchor_ok(d, i), i >= 2);
	assert_true(same_cert(domain_outer_ca(d, &d->row.outer_cert), &d->formers[2].row.ca));
	assert_string_not_equal(d->token_key.kid, before.kid);
	assert_refused(enrol(IDENT_DEVICE, &open, &n, NOW), RPC_DENIED, "withdrawn");
	links = domain_links(d, 2);
	assert_int_equal(json_array_size(links), 1);
	json_decref(links);
}

static void test_many_rolls(void **state)
{
	(void)state;
	for (int i = 0; i < STORE_FORMERS_MAX; i++)
		assert_int_equal(domain_roll(&f.domain, f.store, false, NOW), 0);
	assert_int_equal(domain_roll(&f.domain, f.store, false, NOW), -ENOSPC);
	assert_int_equal(domain_load(&f.domain, f.store, 1, NOW), 0);
}

static void assert_keys(const char *first, const char *second)
{
	json_t *keys = domain_token_keys(&f.domain);

	assert_int_equal(json_array_size(keys), second ? 2 : 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(keys, 0), "kid")),
			    first);
	if (second)
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(keys, 1), "kid")), second);
	json_decref(keys);
}

static void test_token_roll(void **state)
{
	char old[TOKEN_KID_SIZE], new[TOKEN_KID_SIZE];
	struct domain *d = &f.domain;
	bool changed;

	(void)state;
	memcpy(old, d->token_key.kid, sizeof(old));
	assert_int_equal(domain_token_step(d, f.store, NOW, &changed), 0);
	assert_false(changed);
	assert_int_equal(domain_token_roll(d, f.store, NOW), 0);
	token_kid(new, d->row.other_token.public);
	assert_int_equal(domain_token_roll(d, f.store, NOW), -EBUSY);
	assert_keys(old, new);
	/* Relays have it, and it does not sign yet, also after a restart. */
	assert_int_equal(domain_load(d, f.store, 1, NOW), 0);
	assert_int_equal(domain_token_step(d, f.store, NOW + DOMAIN_TOKEN_NEXT_S - 1, &changed), 0);
	assert_false(changed);
	assert_string_equal(d->token_key.kid, old);
	assert_int_equal(domain_token_step(d, f.store, NOW + DOMAIN_TOKEN_NEXT_S, &changed), 0);
	assert_true(changed);
	assert_string_equal(d->token_key.kid, new);
	assert_keys(old, new);
	test_token(NULL);
	assert_int_equal(domain_token_roll(d, f.store, NOW), -EBUSY);
	assert_int_equal(domain_load(d, f.store, 1, NOW), 0);
	assert_int_equal(domain_token_step(d, f.store, NOW + DAY, &changed), 0);
	assert_false(changed);
	assert_int_equal(domain_token_step(d, f.store,
					   NOW + DOMAIN_TOKEN_NEXT_S + DOMAIN_TOKEN_LAST_S,
					   &changed),
			 0);
	assert_true(changed);
	assert_keys(new, NULL);
	assert_int_equal(domain_load(d, f.store, 1, NOW), 0);
	assert_keys(new, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_invitation),	TEST(test_device),
		TEST(test_refusals),	TEST(test_reinvite),
		TEST(test_revoke),	TEST(test_relay),
		TEST(test_login_first), TEST(test_login_later),
		TEST(test_login_many),	TEST(test_domain_again),
		TEST(test_token),	TEST(test_long_addresses),
		TEST(test_renewal),	TEST(test_renewal_of_others),
		TEST(test_roll),	TEST(test_compromised),
		TEST(test_many_rolls),	TEST(test_token_roll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
