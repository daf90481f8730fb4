/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When an identity is renewed, and what an answer must hold. */
#include "tests/unit/tls_fixture.h"

#include "common/io/ca_link.h"
#include "common/io/renewal.h"
#include "common/pure/rpcmsg.h"

#define LIFE (360 * INT64_C(86400))

static struct fix_ca old, new, strange;
static struct fix_id self, other;
static struct identity id, next;
static struct x509_cert renewed, outer; /* by the new CA; outer by the old one */
static struct ca_link way;
static int64_t now;

static void sign_for(struct x509_cert *cert, const struct fix_ca *ca, const struct ident *ident,
		     const struct x509_key *key)
{
	struct x509_profile p = {.id = ident,
				 .client = true,
				 .server = true,
				 .not_before = now,
				 .not_after = now + LIFE};

	if (!ident) {
		p.n_hosts = 1;
		snprintf(p.hosts[0], sizeof(p.hosts[0]), "rs1.lab");
	}
	fix_sign(ca, &p, key, cert);
}

static int set_up(void **state)
{
	(void)state;
	now = clock_wall_s();
	fix_ca_make(&old, "lab");
	fix_ca_make(&new, "lab");
	fix_ca_make(&strange, "lab");
	fix_id_make_dated(&self, &old, IDENT_RELAY, '1', 0, LIFE);
	fix_id_make(&other, &old, IDENT_RELAY, '2');
	id = (struct identity){.id = self.id, .key = self.key, .cert = self.cert, .ca = old.cert};
	sign_for(&renewed, &new, &self.id, &self.key);
	sign_for(&outer, &old, NULL, &self.key);
	assert_int_equal(ca_link_make(&way, &old.cert, &old.key, &new.cert), 0);
	return 0;
}

static json_t *cert_json(const struct x509_cert *c)
{
	return rpc_json_bytes(c->der, c->len);
}

static json_t *answer(void)
{
	return json_pack("{s:o, s:o, s:[o], s:[{s:o}]}", "cert", cert_json(&renewed), "outer_cert",
			 cert_json(&outer), "links", ca_link_to_json(&way, &new.cert), "former_cas",
			 "ca", cert_json(&old.cert));
}

static const char *take(json_t *o)
{
	struct identity before = id;
	const char *problem = renewal_take(&id, o, &next);

	assert_memory_equal(&before, &id, sizeof(id));
	json_decref(o);
	return problem;
}

static void refused(json_t *o, const char *part)
{
	const char *problem = take(o);

	assert_non_null(problem);
	if (!strstr(problem, part))
		fail_msg("'%s' is not in '%s'", part, problem);
}

/* With @value in the place of a member. */
static json_t *with(const char *key, json_t *value)
{
	json_t *o = answer();

	if (value)
		json_object_set_new(o, key, value);
	else
		json_object_del(o, key);
	return o;
}

static void test_taken(void **state)
{
	(void)state;
	assert_null(take(answer()));
	assert_memory_equal(next.ca.der, new.cert.der, new.cert.len);
	assert_memory_equal(next.cert.der, renewed.der, renewed.len);
	assert_memory_equal(next.key.der, id.key.der, id.key.len);
	assert_int_equal(next.n_formers, 1);
	assert_ptr_equal(identity_outer_ca(&next, &next.outer_cert), &next.formers[0]);
	assert_true(ident_equal(&next.id, &id.id));
}

static void test_refused(void **state)
{
	struct x509_cert bad;
	struct ca_link false_way;

	(void)state;
	refused(json_object(), "malformed");
	refused(NULL, "malformed");
	refused(with("cert", NULL), "malformed");
	refused(with("cert", json_string("AAAA")), "cannot be read");
	refused(with("outer_cert", NULL), "malformed");
	refused(with("links", NULL), "another domain"); /* it is by the new CA */
	refused(with("links", json_pack("[{}]")), "does not lead");
	assert_int_equal(ca_link_make(&false_way, &old.cert, &strange.key, &new.cert), 0);
	refused(with("links", json_pack("[o]", ca_link_to_json(&false_way, &new.cert))),
		"does not lead");
	refused(with("former_cas", json_pack("[{s:o}]", "ca", cert_json(&self.cert))),
		"does not lead");
	refused(with("former_cas", json_string("x")), "does not lead");
	refused(with("token_keys", json_array()), "malformed");
	/* For another key, for somebody else, by a strange CA, by the old one. */
	sign_for(&bad, &new, &self.id, &other.key);
	refused(with("cert", cert_json(&bad)), "another key");
	sign_for(&bad, &new, &other.id, &self.key);
	refused(with("cert", cert_json(&bad)), "somebody else");
	sign_for(&bad, &strange, &self.id, &self.key);
	refused(with("cert", cert_json(&bad)), "another domain");
	refused(with("cert", cert_json(&self.cert)), "another domain");
	sign_for(&bad, &strange, NULL, &self.key);
	refused(with("outer_cert", cert_json(&bad)), "another domain");
	sign_for(&bad, &new, NULL, &other.key);
	refused(with("outer_cert", cert_json(&bad)), "another key");
}

/* Not before two thirds are over, and not much later. */
static void test_when(void **state)
{
	struct identity user = id;
	int64_t wait = renewal_wait_s(&id, now);

	(void)state;
	assert_in_range(wait, LIFE / 3 * 2, LIFE / 3 * 2 + LIFE / 12);
	assert_int_equal(renewal_wait_s(&id, now + wait - 1), 1);
	assert_int_equal(renewal_wait_s(&id, now + wait), 0);
	assert_int_equal(renewal_wait_s(&id, now + 100 * LIFE), 0);
	assert_false(renewal_expired(&id, now + LIFE));
	assert_true(renewal_expired(&id, now + LIFE + 1));
	user.id.kind = IDENT_USER;
	assert_true(renewal_wait_s(&user, now + 100 * LIFE) == INT64_MAX);
	assert_false(renewal_expired(&user, now + 100 * LIFE));
}

/* Two of them do not come at once. */
static void test_spread(void **state)
{
	struct fix_id f;
	struct identity x = id;
	int64_t low = INT64_MAX, high = 0;

	(void)state;
	for (int i = 0; i < 16; i++) {
		int64_t wait;

		fix_id_make_dated(&f, &old, IDENT_DEVICE, '1', 0, LIFE);
		x.cert = f.cert;
		wait = renewal_wait_s(&x, now);
		low = wait < low ? wait : low;
		high = wait > high ? wait : high;
	}
	assert_true(high - low > LIFE / 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
