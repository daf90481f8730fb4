/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A domain that has had several CAs: who trusts which, and what ends of paths may stand on. */
#include "tests/unit/tls_fixture.h"

#include "tests/unit/tls_pair.h"

#define N 3 /* CAs; the last one is the domain's now */

static struct fix_ca ca[N], strange;
static struct fix_id server[N], device[N]; /* the server's are all for one key */

static int set_up(void **state)
{
	int rc = tls_global_init();

	(void)state;
	fix_ca_make(&strange, "lab");
	for (int i = 0; i < N; i++) {
		struct x509_profile p = {.id = &server[i].id,
					 .server = true,
					 .not_before = clock_wall_s() - DAY_S,
					 .not_after = clock_wall_s() + DAY_S};

		fix_ca_make(&ca[i], "lab");
		fix_id_make(&device[i], &ca[i], IDENT_DEVICE, '1');
		fix_id_make(&server[i], &ca[i], IDENT_ACCESS, '3');
		server[i].key = server[0].key;
		fix_sign(&ca[i], &p, &server[i].key, &server[i].cert);
	}
	return rc;
}

static int tear_down(void **state)
{
	(void)state;
	tls_global_deinit();
	return 0;
}

/* @dead: a CA that lets nobody in; N: none. */
static struct tls_ctx *rolled_server(int dead)
{
	struct tls_ctx *c = inner_server(&server[N - 1], &ca[N - 1]);

	for (int i = 0; i < N - 1; i++)
		assert_int_equal(tls_ctx_add_anchor(c, &server[i].cert, &ca[i].cert, i != dead), 0);
	return c;
}

static const struct tls_expect expect_server = {.alpn = TLS_ALPN_CONTROL,
						.any_of_kind = true,
						.id = {.kind = IDENT_ACCESS, .domain = "lab"}};
static const struct tls_expect expect_client = {
	.alpn = TLS_ALPN_ENROL "," TLS_ALPN_CONTROL, .peer_optional = true, .dates_later = true};

/* A device with a certificate by @by that trusts @trusts comes. */
static void come(struct pair *p, const struct tls_ctx *sc, struct tls_ctx **cc,
		 const struct fix_id *by, const struct fix_ca *trusts)
{
	*cc = inner_client(by, trusts);
	end_init(&p->c, *cc, NULL, &expect_server);
	end_init(&p->s, sc, NULL, &expect_client);
	shake(p, 2000);
}

/* The server shows each client the chain that ends at the CA that it named. */
static void test_each_anchor(void **state)
{
	struct tls_ctx *sc = rolled_server(N), *cc;
	struct pair p;

	(void)state;
	for (int i = 0; i < 2 * N; i++) {
		int k = i % N;

		come(&p, sc, &cc, &device[k], &ca[k]);
		assert_int_equal(p.c.r, 0);
		assert_int_equal(p.s.r, 0);
		assert_int_equal(tls_peer(&p.s.tls)->anchor, k == N - 1 ? 0 : k + 1);
		assert_true(tls_peer(&p.s.tls)->verified);
		assert_memory_equal(tls_peer(&p.s.tls)->ca->der, ca[k].cert.der, ca[k].cert.len);
		assert_memory_equal(tls_peer(&p.c.tls)->ca->der, ca[k].cert.der, ca[k].cert.len);
		exchange(&p.c, &p.s, "there", 5);
		pair_deinit(&p);
		tls_ctx_free(cc);
	}
	tls_ctx_free(sc);
}

/* An invitation of long ago pins a former CA. */
static void test_pinned_anchor(void **state)
{
	struct tls_expect pin = {.alpn = TLS_ALPN_ENROL, .any_of_kind = true, .has_ca_pin = true};
	struct tls_ctx *sc = rolled_server(N), *cc = inner_client(NULL, NULL);
	struct pair p;

	(void)state;
	pin.id.kind = IDENT_ACCESS;
	for (int i = 0; i < N; i++) {
		x509_sha256(ca[i].cert.der, ca[i].cert.len, pin.ca_sha256);
		end_init(&p.c, cc, NULL, &pin);
		end_init(&p.s, sc, NULL, &expect_client);
		shake(&p, 2000);
		assert_int_equal(p.c.r, 0);
		assert_memory_equal(tls_peer(&p.c.tls)->root->der, ca[i].cert.der, ca[i].cert.len);
		pair_deinit(&p);
	}
	tls_ctx_free(sc);
	tls_ctx_free(cc);
}

/* Who comes by a CA that counts no more is told so, and is nobody. */
static void test_dead_anchor(void **state)
{
	struct tls_ctx *sc = rolled_server(0), *cc;
	struct pair p;

	(void)state;
	come(&p, sc, &cc, &device[0], &ca[0]);
	assert_int_equal(p.c.r, 0);
	assert_int_equal(tls_peer(&p.s.tls)->anchor, 1);
	assert_false(tls_peer(&p.s.tls)->verified);
	assert_false(tls_peer(&p.s.tls)->has_ident);
	pair_deinit(&p);
	tls_ctx_free(cc);
	/* Also if it names another one. */
	come(&p, sc, &cc, &device[0], &ca[N - 1]);
	assert_int_equal(tls_peer(&p.s.tls)->anchor, 0);
	assert_false(tls_peer(&p.s.tls)->verified);
	pair_deinit(&p);
	tls_ctx_free(cc);
	tls_ctx_free(sc);
}

/* Who names a CA of another domain gets the domain's own, and refuses it. */
static void test_strange_anchor(void **state)
{
	struct tls_ctx *sc = rolled_server(N), *cc;
	struct pair p;

	(void)state;
	come(&p, sc, &cc, &device[0], &strange);
	assert_int_equal(tls_peer(&p.s.tls)->anchor, TLS_ANCHOR_UNKNOWN);
	assert_int_equal(p.c.r, -EPROTO);
	pair_deinit(&p);
	tls_ctx_free(cc);
	tls_ctx_free(sc);
}

/* Outside */

/* Whoever comes knows one of the two CAs that are shown. */
static void test_outer_shows_both(void **state)
{
	struct tls_ctx *sc, *cc;
	struct x509_cert cert;
	struct pair p;

	(void)state;
	fix_host_cert(&ca[0], "as1.lab", &server[0].key, &cert);
	assert_int_equal(tls_ctx_outer_server(&sc, &cert, &server[0].key, &ca[0].cert), 0);
	assert_int_equal(tls_ctx_outer_show(sc, &cert, &ca[0].cert, &ca[N - 1].cert), 0);
	for (int i = 0; i < 5; i++) {
		/* By an invitation of the newest, of the oldest, of a strange one; a member of the
		 * oldest, of a newer one that was told of it. */
		const struct fix_ca *by = i == 2 ? &strange : &ca[i == 0 || i == 4 ? N - 1 : 0];
		uint8_t pin[32];

		x509_sha256(by->cert.der, by->cert.len, pin);
		assert_int_equal(tls_ctx_outer_client(&cc, i < 3 ? NULL : &by->cert, false), 0);
		if (i < 3)
			tls_ctx_outer_pin(cc, pin);
		if (i == 4)
			assert_int_equal(tls_ctx_trust(cc, &ca[0].cert), 0);
		end_init(&p.c, cc, "as1.lab", NULL);
		end_init(&p.s, sc, NULL, NULL);
		shake(&p, 2000);
		assert_int_equal(p.c.r, 0);
		assert_int_equal(tls_peer(&p.c.tls)->verified, i != 2);
		pair_deinit(&p);
		tls_ctx_free(cc);
	}
	tls_ctx_free(sc);
}

/* Two domains at one server: each one's members check by their own CA, for their own host. */
static void test_outer_shows_each_its_own(void **state)
{
	struct tls_ctx *sc, *cc;
	struct x509_cert cert[2];
	struct pair p;

	(void)state;
	fix_host_cert(&ca[0], "as1.lab", &server[0].key, &cert[0]);
	fix_host_cert(&strange, "as1.other", &server[1].key, &cert[1]);
	assert_int_equal(tls_ctx_outer_server(&sc, &cert[0], &server[0].key, &ca[0].cert), 0);
	assert_int_equal(tls_ctx_outer_face(sc, &(struct tls_face){.host = "as1.other",
								   .cert = &cert[1],
								   .key = &server[1].key,
								   .ca = &strange.cert}),
			 0);
	/* Of two with one host the older one counts. */
	assert_int_equal(tls_ctx_outer_face(sc, &(struct tls_face){.host = "AS1.other",
								   .cert = &cert[0],
								   .key = &server[0].key,
								   .ca = &ca[0].cert}),
			 0);
	for (int i = 0; i < 3; i++) {
		const char *host = i == 1 ? "as1.other" : "as1.lab";

		assert_int_equal(
			tls_ctx_outer_client(&cc, i == 0 ? &ca[0].cert : &strange.cert, false), 0);
		end_init(&p.c, cc, host, NULL);
		end_init(&p.s, sc, NULL, NULL);
		shake(&p, 2000);
		assert_int_equal(p.c.r, 0);
		assert_int_equal(tls_peer(&p.c.tls)->verified, i < 2);
		pair_deinit(&p);
		tls_ctx_free(cc);
	}
	tls_ctx_free(sc);
}

/* Paths */

static struct tls_expect granted(const struct fix_id *id)
{
	struct tls_expect e = {
		.alpn = TLS_ALPN_PATH, .has_ident = true, .has_key = true, .id = id->id};

	memcpy(e.key_sha256, id->key_sha256, sizeof(e.key_sha256));
	return e;
}

static struct tls_ctx *path_server(const struct fix_id *id, const struct fix_ca *by)
{
	struct tls_ctx *c;

	assert_int_equal(tls_ctx_inner_path_server(&c, &id->cert, &id->key, &by->cert), 0);
	return c;
}

static void meet(struct pair *p, const struct tls_ctx *cc, const struct tls_expect *ce,
		 const struct tls_ctx *sc, const struct tls_expect *se)
{
	end_init(&p->c, cc, NULL, ce);
	end_init(&p->s, sc, NULL, se);
	shake(p, 2000);
}

/* One end has followed the domain to its new CA, the other one not yet: the grant names both. */
static void test_ends_of_two_cas(void **state)
{
	struct fix_id user;
	struct pair p;

	(void)state;
	fix_id_make(&user, &ca[1], IDENT_USER, '2');
	for (int i = 0; i < N; i++) {
		struct tls_ctx *cc = inner_client(&user, &ca[1]),
			       *sc = path_server(&device[i], &ca[i]);
		struct tls_expect ce = granted(&device[i]), se = granted(&user);

		meet(&p, cc, &ce, sc, &se);
		assert_int_equal(p.c.r, 0);
		assert_int_equal(p.s.r, 0);
		exchange(&p.c, &p.s, "there", 5);
		exchange(&p.s, &p.c, "and back", 8);
		pair_deinit(&p);
		ce.key_sha256[0] ^= 1;
		meet(&p, cc, &ce, sc, &se);
		assert_int_equal(p.c.r, -EPROTO);
		pair_deinit(&p);
		ce.key_sha256[0] ^= 1;
		se.id.uid[0] = '9';
		meet(&p, cc, &ce, sc, &se);
		assert_int_equal(p.s.r, -EPROTO);
		pair_deinit(&p);
		tls_ctx_free(cc);
		tls_ctx_free(sc);
	}
}

/* Older versions send their CA along: it is taken if it was followed, and a strange one is not
 * learned. */
static void test_ca_sent_along(void **state)
{
	struct tls_ctx *cc = inner_client(&device[2], &ca[2]),
		       *sc = inner_server(&device[0], &ca[0]);
	struct tls_expect ce = granted(&device[0]), se = granted(&device[2]);
	struct pair p;

	(void)state;
	for (int i = 0; i < 2; i++) {
		meet(&p, cc, &ce, sc, &se);
		assert_int_equal(p.c.r, -EPROTO);
		pair_deinit(&p);
	}
	tls_ctx_free(cc);
	cc = inner_client(&device[2], &ca[2]);
	assert_int_equal(tls_ctx_trust(cc, &ca[0].cert), 0);
	meet(&p, cc, &ce, sc, &se);
	assert_int_equal(p.c.r, 0);
	assert_int_equal(p.s.r, 0);
	pair_deinit(&p);
	tls_ctx_free(cc);
	tls_ctx_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_anchor),
		cmocka_unit_test(test_pinned_anchor),
		cmocka_unit_test(test_dead_anchor),
		cmocka_unit_test(test_strange_anchor),
		cmocka_unit_test(test_ends_of_two_cas),
		cmocka_unit_test(test_ca_sent_along),
		cmocka_unit_test(test_outer_shows_both),
		cmocka_unit_test(test_outer_shows_each_its_own),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
