/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/tls_fixture.h"

#include "common/io/tls_internal.h"
#include "tests/unit/tls_pair.h"

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

static struct fix_ca lab, other, twin; /* twin: another CA for the domain "lab" */
static struct fix_id device, user, access_server, relay;

static int set_up(void **state)
{
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	fix_ca_make(&other, "elsewhere");
	fix_ca_make(&twin, "lab");
	fix_id_make(&device, &lab, IDENT_DEVICE, '1');
	fix_id_make(&user, &lab, IDENT_USER, '2');
	fix_id_make(&access_server, &lab, IDENT_ACCESS, '3');
	fix_id_make(&relay, &lab, IDENT_RELAY, '4');
	return 0;
}

static int tear_down(void **state)
{
	tls_global_deinit();
	return 0;
}

static struct tls_expect exactly(const struct fix_id *f)
{
	return (struct tls_expect){.alpn = TLS_ALPN_PATH, .has_ident = true, .id = f->id};
}

/* One handshake with contexts that live as long. */
struct scene {
	struct tls_ctx *cc, *sc;
	struct pair p;
};

static void play(struct scene *x, const struct fix_id *c, const struct fix_ca *c_ca,
		 const struct tls_expect *ce, const struct fix_id *s, const struct fix_ca *s_ca,
		 const struct tls_expect *se)
{
	x->cc = inner_client(c, c_ca);
	x->sc = inner_server(s, s_ca);
	end_init(&x->p.c, x->cc, NULL, ce);
	end_init(&x->p.s, x->sc, NULL, se);
	shake(&x->p, 2000);
}

static void scene_end(struct scene *x)
{
	pair_deinit(&x->p);
	tls_ctx_free(x->cc);
	tls_ctx_free(x->sc);
}

static void assert_works(struct scene *x)
{
	if (x->p.c.r != 0 || x->p.s.r != 0)
		print_error("client: %s; server: %s\n", x->p.c.tls.reason, x->p.s.tls.reason);
	assert_int_equal(x->p.c.r, 0);
	assert_int_equal(x->p.s.r, 0);
	exchange(&x->p.c, &x->p.s, "there", 5);
	exchange(&x->p.s, &x->p.c, "and back", 8);
	scene_end(x);
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("\"%s\" does not say \"%s\"\n", text, part);
	assert_non_null(strstr(text, part));
}

/* A client is done before the server has looked at its certificate: then the alert comes with the
 * first read. */
static const char *end_reason(struct end *e)
{
	uint8_t text[64];
	size_t n;

	if (e->r == 0)
		assert_int_equal(tls_read(&e->tls, text, sizeof(text), &n), -EPROTO);
	else
		assert_int_equal(e->r, -EPROTO);
	assert_int_equal(tls_handshake(&e->tls), -EPROTO);
	assert_int_equal(tls_write(&e->tls, "x", 1), -EPROTO);
	return e->tls.reason;
}

static void assert_client_refuses(struct scene *x, const char *why, const char *server_hears)
{
	assert_says(end_reason(&x->p.c), why);
	assert_false(x->p.c.tls.peer.verified);
	assert_says(end_reason(&x->p.s), server_hears);
	scene_end(x);
}

static void assert_server_refuses(struct scene *x, const char *why, const char *client_hears)
{
	assert_says(end_reason(&x->p.s), why);
	assert_false(x->p.s.tls.peer.verified);
	assert_says(end_reason(&x->p.c), client_hears);
	scene_end(x);
}

/* Inner: what works */

static void shakes_hands_in_any_pieces(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 7, 100, 1500, 20000};
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	char alpn[64];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct scene x = {.cc = inner_client(&user, &lab),
				  .sc = inner_server(&device, &lab)};

		end_init(&x.p.c, x.cc, NULL, &ce);
		end_init(&x.p.s, x.sc, NULL, &se);
		shake(&x.p, sizes[i]);
		assert_string_equal(tls_alpn(&x.p.c.tls, alpn, sizeof(alpn)), TLS_ALPN_PATH);
		assert_string_equal(tls_alpn(&x.p.s.tls, alpn, sizeof(alpn)), TLS_ALPN_PATH);
		assert_true(tls_peer(&x.p.c.tls)->verified && tls_peer(&x.p.s.tls)->verified);
		assert_true(ident_equal(&tls_peer(&x.p.c.tls)->id, &device.id));
		assert_true(ident_equal(&tls_peer(&x.p.s.tls)->id, &user.id));
		assert_memory_equal(tls_peer(&x.p.c.tls)->key_sha256, device.key_sha256, 32);
		assert_memory_equal(tls_peer(&x.p.s.tls)->key_sha256, user.key_sha256, 32);
		assert_works(&x);
	}
}

static void agrees_on_the_best_group_and_cipher(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct scene x;

	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_string_equal(tls_version(&x.p.c.tls), "TLSv1.3");
	print_message("%s %s\n", tls_cipher(&x.p.c.tls), tls_group(&x.p.c.tls));
#ifdef WOLFSSL_HAVE_MLKEM
	assert_says(tls_group(&x.p.c.tls), "X25519");
	assert_says(tls_group(&x.p.c.tls), "768");
	assert_string_equal(tls_group(&x.p.c.tls), tls_group(&x.p.s.tls));
#endif
#if defined(__x86_64__)
	if (__builtin_cpu_supports("aes"))
		assert_says(tls_cipher(&x.p.c.tls), "AES");
#endif
	assert_says(tls_cipher(&x.p.c.tls), "GCM");
	assert_works(&x);
}

static void carries_much_data_exactly(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	static uint8_t data[100000];
	struct scene x;

	noise_fill(&noise, data, sizeof(data));
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	for (size_t n = 1; n <= sizeof(data); n = n * 3 + 1) {
		exchange(&x.p.c, &x.p.s, data, n);
		exchange(&x.p.s, &x.p.c, data, n);
	}
	exchange(&x.p.c, &x.p.s, data, TLS_RECORD_MAX_BYTES);
	assert_int_equal(tls_write(&x.p.c.tls, data, 0), 0);
	assert_works(&x);
}

/* Read in pieces smaller than a record. */
static void reads_into_small_buffers(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	uint8_t got[3];
	size_t n, sum = 0;
	struct scene x;

	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_int_equal(tls_write(&x.p.c.tls, "twelve bytes", 12), 0);
	carry(&x.p.c.out, &x.p.s.in, SIZE_MAX);
	while (tls_read(&x.p.s.tls, got, sizeof(got), &n) == 0)
		sum += n;
	assert_int_equal(sum, 12);
	assert_works(&x);
}

static void closes_in_order(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	uint8_t got[32];
	struct scene x;
	size_t n;

	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_int_equal(tls_write(&x.p.c.tls, "last", 4), 0);
	tls_close_notify(&x.p.c.tls);
	carry(&x.p.c.out, &x.p.s.in, SIZE_MAX);
	assert_int_equal(buf_append(&x.p.s.in, "behind", 6), 0);
	assert_int_equal(tls_read(&x.p.s.tls, got, sizeof(got), &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(tls_read(&x.p.s.tls, got, sizeof(got), &n), -EPIPE);
	assert_int_equal(tls_read(&x.p.s.tls, got, sizeof(got), &n), -EPIPE);
	assert_int_equal(buf_len(&x.p.s.in), 6); /* not looked at */
	scene_end(&x);
}

/* Shedding the outer layer rests on it. */
static void leaves_what_follows_the_record(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	uint8_t got[32];
	struct scene x;
	size_t n;

	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_int_equal(tls_write(&x.p.c.tls, "shed", 4), 0);
	assert_int_equal(tls_write(&x.p.c.tls, "more", 4), 0);
	carry(&x.p.c.out, &x.p.s.in, SIZE_MAX);
	assert_int_equal(buf_append(&x.p.s.in, "raw bytes", 9), 0);
	assert_int_equal(tls_read(&x.p.s.tls, got, sizeof(got), &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(buf_len(&x.p.s.in), 4 + 5 + 1 + 16 + 9);
	assert_int_equal(wolfSSL_pending(x.p.s.tls.ssl), 0);
	assert_int_equal(tls_read(&x.p.s.tls, got, sizeof(got), &n), 0);
	assert_int_equal(buf_len(&x.p.s.in), 9);
	assert_memory_equal(buf_data(&x.p.s.in), "raw bytes", 9);
	scene_end(&x);
}

/* Every byte of a record flipped: refused, and the reason is told to the other side. */
static void refuses_corrupted_records(void **state)
{
	for (size_t at = 0; at < 5 + 5 + 1 + 16; at++) {
		struct tls_expect ce = exactly(&device), se = exactly(&user);
		uint8_t got[32];
		struct scene x;
		size_t n;
		int r;

		play(&x, &user, &lab, &ce, &device, &lab, &se);
		assert_int_equal(tls_write(&x.p.c.tls, "hello", 5), 0);
		carry(&x.p.c.out, &x.p.s.in, SIZE_MAX);
		buf_data_mut(&x.p.s.in)[at] ^= 0x41;
		r = tls_read(&x.p.s.tls, got, sizeof(got), &n);
		if (r != -EAGAIN) { /* a greater length waits for more */
			assert_int_equal(r, -EPROTO);
			assert_true(x.p.s.tls.reason[0]);
			assert_int_equal(tls_read(&x.p.s.tls, got, sizeof(got), &n), -EPROTO);
			carry(&x.p.s.out, &x.p.c.in, SIZE_MAX);
			r = tls_read(&x.p.c.tls, got, sizeof(got), &n);
			assert_true(r == -EPROTO || r == -EAGAIN); /* some errors send no alert */
			if (r == -EPROTO)
				assert_says(x.p.c.tls.reason, "peer refused");
		}
		scene_end(&x);
	}
}

static void refuses_a_corrupted_handshake(void **state)
{
	for (unsigned int i = 0; i < 60; i++) {
		struct tls_expect ce = exactly(&device), se = exactly(&user);
		struct scene x = {.cc = inner_client(&user, &lab),
				  .sc = inner_server(&device, &lab)};
		bool hit = false;

		end_init(&x.p.c, x.cc, NULL, &ce);
		end_init(&x.p.s, x.sc, NULL, &se);
		step(&x.p.c);
		for (int round = 0; round < 6; round++) {
			struct buf *b = i % 2 ? &x.p.c.out : &x.p.s.out;

			if (!hit && buf_len(b) > 0 && (i / 2) % 2 == (unsigned int)(round > 2)) {
				buf_data_mut(b)[noise_u32(&noise) % buf_len(b)] ^= 0x10;
				hit = true;
			}
			carry(&x.p.c.out, &x.p.s.in, SIZE_MAX);
			step(&x.p.s);
			carry(&x.p.s.out, &x.p.c.in, SIZE_MAX);
			step(&x.p.c);
		}
		if (hit)
			assert_false(x.p.c.r == 0 && x.p.s.r == 0);
		scene_end(&x);
	}
}

static void refuses_garbage(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);

	for (int i = 0; i < 500; i++) {
		struct scene x = {.cc = inner_client(&user, &lab),
				  .sc = inner_server(&device, &lab)};
		uint8_t bytes[300];

		end_init(&x.p.c, x.cc, NULL, &ce);
		end_init(&x.p.s, x.sc, NULL, &se);
		step(&x.p.c);
		noise_fill(&noise, bytes, sizeof(bytes));
		if (i % 3 == 0) {
			bytes[0] = 22;
			bytes[1] = 3;
			bytes[2] = 3;
			bytes[3] = 0;
		}
		assert_int_equal(buf_append(i % 2 ? &x.p.c.in : &x.p.s.in, bytes, sizeof(bytes)),
				 0);
		step(&x.p.s);
		step(&x.p.c);
		assert_int_not_equal(x.p.c.r, 0);
		assert_int_not_equal(x.p.s.r, 0);
		scene_end(&x);
	}
}

static void never_resumes(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct tls_ctx *cc = inner_client(&user, &lab), *sc = inner_server(&device, &lab);
	WOLFSSL_SESSION *session = NULL;
	uint8_t got[8];
	size_t n;

	for (int i = 0; i < 2; i++) {
		struct pair p;

		end_init(&p.c, cc, NULL, &ce);
		end_init(&p.s, sc, NULL, &se);
		if (session)
			(void)wolfSSL_set_session(p.c.tls.ssl, session);
		shake(&p, 2000);
		assert_int_equal(p.c.r, 0);
		assert_int_equal(p.s.r, 0);
		exchange(&p.s, &p.c, "data", 4); /* a ticket would come before it */
		assert_int_equal(tls_read(&p.c.tls, got, sizeof(got), &n), -EAGAIN);
		assert_false(wolfSSL_session_reused(p.c.tls.ssl));
		assert_false(wolfSSL_session_reused(p.s.tls.ssl));
		wolfSSL_SESSION_free(session);
		session = wolfSSL_get1_session(p.c.tls.ssl);
		pair_deinit(&p);
	}
	wolfSSL_SESSION_free(session);
	tls_ctx_free(cc);
	tls_ctx_free(sc);
}

/* Inner: who is refused */

static void refuses_another_uid(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct scene x;

	ce.id.uid[31] = '0';
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_client_refuses(&x, "somebody else's", "accept our certificate");
	ce = exactly(&device);
	se.id.uid[0] = '0';
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "somebody else's", "accept our certificate");
}

static void refuses_another_domain_name(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_ca false_name = lab; /* the right CA's key under another name of the domain */
	struct fix_id stranger;
	struct scene x;

	snprintf(false_name.domain, sizeof(false_name.domain), "lab2");
	fix_id_make(&stranger, &false_name, IDENT_DEVICE, '1');
	play(&x, &user, &lab, &ce, &stranger, &lab, &se);
	assert_client_refuses(&x, "somebody else's", "accept our certificate");
	ce = (struct tls_expect){.alpn = TLS_ALPN_PATH, .any_of_kind = true};
	ce.id.kind = IDENT_DEVICE;
	snprintf(ce.id.domain, sizeof(ce.id.domain), "lab");
	play(&x, &user, &lab, &ce, &stranger, &lab, &se);
	assert_client_refuses(&x, "another kind or domain", "accept our certificate");
}

static void refuses_another_kind(void **state)
{
	struct tls_expect ce = {.alpn = TLS_ALPN_CONTROL, .any_of_kind = true};
	struct tls_expect se = {.alpn = TLS_ALPN_CONTROL, .any_of_kind = true};
	const struct fix_id *others[] = {&device, &user, &relay};
	struct scene x;

	ce.id.kind = IDENT_ACCESS;
	memcpy(ce.id.domain, lab.domain, sizeof(ce.id.domain));
	se.id = device.id;
	play(&x, &device, &lab, &ce, &access_server, &lab, &se);
	assert_works(&x);
	for (size_t i = 0; i < 3; i++) {
		play(&x, &device, &lab, &ce, others[i], &lab, &se);
		assert_client_refuses(&x, "another kind", "accept our certificate");
	}
	play(&x, &user, &lab, &ce, &access_server, &lab, &se);
	assert_server_refuses(&x, "another kind", "accept our certificate");
}

static void refuses_another_ca(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_id false_device, false_user;
	struct scene x;

	fix_id_make(&false_device, &twin, IDENT_DEVICE, '1');
	fix_id_make(&false_user, &twin, IDENT_USER, '2');
	/* With its own root sent along, and with the genuine one. */
	play(&x, &user, &lab, &ce, &false_device, &twin, &se);
	assert_client_refuses(&x, "not signed by the domain CA", "");
	play(&x, &user, &lab, &ce, &false_device, &lab, &se);
	assert_client_refuses(&x, "not signed by the domain CA", "");
	play(&x, &false_user, &twin, &ce, &device, &lab, &se);
	assert_client_refuses(&x, "not signed by the domain CA", "");
	play(&x, &false_user, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "not signed by the domain CA", "");
}

/* What one connection's chain said must not be believed by the next one of the same context. */
static void learns_no_ca_from_a_stranger(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct tls_ctx *cc = inner_client(&user, &lab), *evil, *good = inner_server(&device, &lab);
	struct fix_id false_device;
	struct pair p;

	fix_id_make(&false_device, &twin, IDENT_DEVICE, '1');
	assert_int_equal(
		tls_ctx_inner_server(&evil, &false_device.cert, &false_device.key, &twin.cert), 0);
	for (int i = 0; i < 4; i++) {
		end_init(&p.c, cc, NULL, &ce);
		end_init(&p.s, i == 2 ? good : evil, NULL, &se);
		shake(&p, 2000);
		assert_int_equal(p.c.r, i == 2 ? 0 : -EPROTO);
		pair_deinit(&p);
	}
	tls_ctx_free(cc);
	tls_ctx_free(evil);
	tls_ctx_free(good);
}

/* A device's certificate is no CA: what it signs is not believed, in a chain of any shape. */
static void refuses_a_leaf_signed_by_a_leaf(void **state)
{
	struct fix_ca false_ca = {.key = relay.key, .cert = relay.cert};
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_id forged;
	struct scene x;

	memcpy(false_ca.domain, lab.domain, sizeof(false_ca.domain));
	fix_id_make(&forged, &false_ca, IDENT_DEVICE, '1');
	x.cc = inner_client(&user, &lab);
	assert_int_equal(tls_ctx_inner_server(&x.sc, &forged.cert, &forged.key, &relay.cert), 0);
	end_init(&x.p.c, x.cc, NULL, &ce);
	end_init(&x.p.s, x.sc, NULL, &se);
	shake(&x.p, 2000);
	assert_client_refuses(&x, "not signed by the domain CA", "");
}

static void refuses_the_ca_itself(void **state)
{
	struct tls_expect ce = {.alpn = TLS_ALPN_PATH, .any_of_kind = true}, se = exactly(&user);
	struct fix_id as_leaf = {.key = lab.key, .cert = lab.cert};
	struct scene x;

	ce.id.kind = IDENT_DEVICE;
	play(&x, &user, &lab, &ce, &as_leaf, &lab, &se);
	assert_client_refuses(&x, "CA's", "");
}

static void refuses_wrong_dates(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_id old, future;
	struct scene x;

	fix_id_make_dated(&old, &lab, IDENT_DEVICE, '1', -7200, -3600);
	fix_id_make_dated(&future, &lab, IDENT_DEVICE, '1', 7200, DAY_S);
	play(&x, &user, &lab, &ce, &old, &lab, &se);
	assert_client_refuses(&x, "expired or is not valid yet", "expired");
	play(&x, &user, &lab, &ce, &future, &lab, &se);
	assert_client_refuses(&x, "expired or is not valid yet", "");
	/* With the key that was granted, dates are not looked at; anything else still is. */
	ce.has_key = true;
	memcpy(ce.key_sha256, old.key_sha256, 32);
	play(&x, &user, &lab, &ce, &old, &lab, &se);
	assert_works(&x);
	memcpy(ce.key_sha256, future.key_sha256, 32);
	play(&x, &user, &lab, &ce, &future, &lab, &se);
	assert_works(&x);
	play(&x, &user, &lab, &ce, &old, &lab, &se);
	assert_client_refuses(&x, "another key", "peer refused");
	fix_id_make_dated(&old, &twin, IDENT_DEVICE, '1', -7200, -3600);
	memcpy(ce.key_sha256, old.key_sha256, 32);
	play(&x, &user, &lab, &ce, &old, &lab, &se);
	assert_works(&x); /* nor is the CA: see test_tls_anchor.c */
}

static void refuses_an_expired_client(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_id old;
	struct scene x;

	fix_id_make_dated(&old, &lab, IDENT_USER, '2', -7200, -3600);
	play(&x, &old, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "expired or is not valid yet", "expired");
	se.has_key = true;
	memcpy(se.key_sha256, old.key_sha256, 32);
	play(&x, &old, &lab, &ce, &device, &lab, &se);
	assert_works(&x);
}

static void demands_the_key(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct scene x;

	ce.has_key = se.has_key = true;
	memcpy(ce.key_sha256, device.key_sha256, 32);
	memcpy(se.key_sha256, user.key_sha256, 32);
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_works(&x);
	ce.key_sha256[31] ^= 1;
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_client_refuses(&x, "another key", "accept our certificate");
	ce.key_sha256[31] ^= 1;
	se.key_sha256[0] ^= 1;
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "another key", "accept our certificate");
}

static void demands_one_identity(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_id nameless = device;
	struct scene x;

	fix_host_cert(&lab, "localhost", &nameless.key, &nameless.cert);
	play(&x, &user, &lab, &ce, &nameless, &lab, &se);
	assert_client_refuses(&x, "no Farlan identity", "accept our certificate");
}

static size_t put_uri(uint8_t *at, const struct ident *id)
{
	char uri[IDENT_URI_SIZE];

	ident_format(id, uri);
	at[0] = 0x86;
	at[1] = (uint8_t)strlen(uri);
	memcpy(at + 2, uri, strlen(uri));
	return 2 + strlen(uri);
}

/* A certificate of the domain CA with two URIs, which x509_issue() would never make. */
static void sign_two_uris(struct fix_id *f)
{
	uint8_t der[4096], names[300];
	ecc_key key, ca_key;
	word32 at = 0;
	WC_RNG rng;
	size_t n;
	int size;
	Cert *c = wc_CertNew(NULL);

	n = put_uri(names, &device.id);
	n += put_uri(names + n, &user.id);
	assert_true(n < 128);
	c->altNames[0] = 0x30;
	c->altNames[1] = (byte)n;
	memcpy(c->altNames + 2, names, n);
	c->altNamesSz = (int)n + 2;
	c->sigType = CTC_SHA256wECDSA;
	c->daysValid = 2;
	assert_int_equal(wc_InitRng(&rng), 0);
	assert_int_equal(wc_ecc_init(&key), 0);
	assert_int_equal(wc_ecc_init(&ca_key), 0);
	assert_int_equal(wc_EccPrivateKeyDecode(f->key.der, &at, &key, (word32)f->key.len), 0);
	at = 0;
	assert_int_equal(wc_EccPrivateKeyDecode(lab.key.der, &at, &ca_key, (word32)lab.key.len), 0);
	assert_int_equal(wc_SetIssuerBuffer(c, lab.cert.der, (int)lab.cert.len), 0);
	assert_true(wc_MakeCert_ex(c, der, sizeof(der), ECC_TYPE, &key, &rng) > 0);
	size = wc_SignCert_ex(c->bodySz, c->sigType, der, sizeof(der), ECC_TYPE, &ca_key, &rng);
	assert_true(size > 0 && (size_t)size <= sizeof(f->cert.der));
	memcpy(f->cert.der, der, (size_t)size);
	f->cert.len = (size_t)size;
	wc_ecc_free(&key);
	wc_ecc_free(&ca_key);
	wc_FreeRng(&rng);
	wc_CertFree(c);
}

static void refuses_two_identities(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct fix_id two = device;
	struct scene x;

	sign_two_uris(&two);
	play(&x, &user, &lab, &ce, &two, &lab, &se);
	assert_client_refuses(&x, "no Farlan identity", "accept our certificate");
	ce.id = user.id;
	play(&x, &user, &lab, &ce, &two, &lab, &se);
	assert_client_refuses(&x, "no Farlan identity", "accept our certificate");
}

static void demands_a_client_certificate(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct scene x;

	play(&x, NULL, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "certificate", "certificate");
}

/* A certificate that is a CA's, by itself. */
static void sign_as_ca(struct fix_id *f)
{
	int64_t now = clock_wall_s();

	assert_int_equal(x509_ca_make(&f->cert, &f->key, "lab", now - DAY_S, now + DAY_S), 0);
}

static void lets_newcomers_in_where_it_may(void **state)
{
	struct tls_expect ce = {.alpn = TLS_ALPN_ENROL, .any_of_kind = true};
	struct tls_expect se = {.alpn = TLS_ALPN_ENROL "," TLS_ALPN_CONTROL, .peer_optional = true};
	struct fix_id false_device;
	char alpn[64];
	struct scene x;

	ce.id.kind = IDENT_ACCESS;
	play(&x, NULL, &lab, &ce, &access_server, &lab, &se);
	assert_false(tls_peer(&x.p.s.tls)->has_cert);
	assert_false(tls_peer(&x.p.s.tls)->verified);
	assert_false(tls_peer(&x.p.s.tls)->has_ident);
	assert_string_equal(tls_alpn(&x.p.s.tls, alpn, sizeof(alpn)), TLS_ALPN_ENROL);
	assert_works(&x);
	/* Who sends a certificate. */
	ce.alpn = TLS_ALPN_CONTROL;
	play(&x, &device, &lab, &ce, &access_server, &lab, &se);
	assert_true(tls_peer(&x.p.s.tls)->verified && tls_peer(&x.p.s.tls)->has_ident);
	assert_string_equal(tls_alpn(&x.p.s.tls, alpn, sizeof(alpn)), TLS_ALPN_CONTROL);
	assert_works(&x);
	fix_id_make(&false_device, &twin, IDENT_DEVICE, '1');
	/* One of a strange CA is let in as nobody, to be told so. */
	play(&x, &false_device, &lab, &ce, &access_server, &lab, &se);
	assert_true(tls_peer(&x.p.s.tls)->has_cert);
	assert_false(tls_peer(&x.p.s.tls)->verified);
	assert_false(tls_peer(&x.p.s.tls)->has_ident);
	assert_says(tls_peer(&x.p.s.tls)->problem, "not signed by the domain CA");
	assert_works(&x);
	/* But not a CA, which the context would trust from then on. */
	sign_as_ca(&false_device);
	play(&x, &false_device, &lab, &ce, &access_server, &lab, &se);
	assert_server_refuses(&x, "", "");
}

/* First contact */

static struct tls_expect pinned(const struct fix_ca *ca)
{
	struct tls_expect e = {.alpn = TLS_ALPN_ENROL, .any_of_kind = true, .has_ca_pin = true};

	e.id.kind = IDENT_ACCESS;
	x509_sha256(ca->cert.der, ca->cert.len, e.ca_sha256);
	return e;
}

static const struct tls_expect anyone = {.alpn = TLS_ALPN_ENROL, .peer_optional = true};

static void accepts_the_pinned_root(void **state)
{
	struct tls_expect ce = pinned(&lab);
	struct scene x;

	play(&x, NULL, NULL, &ce, &access_server, &lab, &anyone);
	assert_non_null(tls_peer(&x.p.c.tls)->root);
	assert_int_equal(tls_peer(&x.p.c.tls)->root->len, lab.cert.len);
	assert_memory_equal(tls_peer(&x.p.c.tls)->root->der, lab.cert.der, lab.cert.len);
	assert_string_equal(tls_peer(&x.p.c.tls)->id.domain, "lab");
	assert_works(&x);
}

static void refuses_what_does_not_fit_the_pin(void **state)
{
	struct tls_expect ce = pinned(&lab);
	struct fix_id a, c;
	struct scene x;

	/* A wrong root; the genuine root behind a leaf that it did not sign; other kinds. */
	fix_id_make(&a, &twin, IDENT_ACCESS, '3');
	play(&x, NULL, NULL, &ce, &a, &twin, &anyone);
	assert_client_refuses(&x, "another fingerprint", "");
	play(&x, NULL, NULL, &ce, &a, &lab, &anyone);
	assert_client_refuses(&x, "not signed by the domain CA", "");
	play(&x, NULL, NULL, &ce, &device, &lab, &anyone);
	assert_client_refuses(&x, "another kind", "accept our certificate");
	fix_id_make_dated(&c, &lab, IDENT_ACCESS, '3', -7200, -3600);
	play(&x, NULL, NULL, &ce, &c, &lab, &anyone);
	assert_client_refuses(&x, "expired or is not valid yet", "");
}

/* A leaf alone, without the root that the invitation names. */
static void refuses_a_missing_root(void **state)
{
	struct tls_expect ce = pinned(&lab);
	struct scene x;

	x.cc = inner_client(NULL, NULL);
	assert_int_equal(tls_ctx_inner_server(&x.sc, &access_server.cert, &access_server.key, NULL),
			 0);
	end_init(&x.p.c, x.cc, NULL, &ce);
	end_init(&x.p.s, x.sc, NULL, &anyone);
	shake(&x.p, 2000);
	assert_client_refuses(&x, "fingerprint", "");
}

static void trusts_nobody_without_ca_and_pin(void **state)
{
	struct tls_expect ce = {.alpn = TLS_ALPN_ENROL, .any_of_kind = true};
	struct scene x;

	ce.id.kind = IDENT_ACCESS;
	play(&x, NULL, NULL, &ce, &access_server, &lab, &anyone);
	assert_client_refuses(&x, "no domain CA is known", "");
}

/* ALPN */

static void demands_a_common_protocol(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct scene x;

	ce.alpn = TLS_ALPN_CONTROL;
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "protocol", "no common protocol");
	ce.alpn = "farlan-path/10";
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_server_refuses(&x, "protocol", "no common protocol");
	ce.alpn = NULL; /* says nothing */
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_says(end_reason(&x.p.s), "none of our protocols");
	scene_end(&x);
	ce.alpn = TLS_ALPN_PATH;
	se.alpn = NULL; /* chooses nothing */
	play(&x, &user, &lab, &ce, &device, &lab, &se);
	assert_says(end_reason(&x.p.c), "none of our protocols");
	scene_end(&x);
}

/* Outer */

static void outer_play(struct scene *x, const char *names, const struct fix_ca *signer,
		       const struct fix_ca *known, const char *host)
{
	struct x509_key key;
	struct x509_cert cert;

	assert_int_equal(x509_key_generate(&key), 0);
	fix_host_cert(signer, names, &key, &cert);
	assert_int_equal(tls_ctx_outer_client(&x->cc, known ? &known->cert : NULL, false), 0);
	assert_int_equal(tls_ctx_outer_server(&x->sc, &cert, &key, &signer->cert), 0);
	end_init(&x->p.c, x->cc, host, NULL);
	end_init(&x->p.s, x->sc, NULL, NULL);
	shake(&x->p, 2000);
}

static void assert_verified(const char *names, const char *host)
{
	struct scene x;

	outer_play(&x, names, &lab, &lab, host);
	if (!tls_peer(&x.p.c.tls)->verified)
		print_error("%s for %s: %s\n", names, host, tls_peer(&x.p.c.tls)->problem);
	assert_true(tls_peer(&x.p.c.tls)->has_cert);
	assert_true(tls_peer(&x.p.c.tls)->verified);
	assert_string_equal(tls_peer(&x.p.c.tls)->problem, "");
	assert_string_equal(tls_version(&x.p.c.tls), "TLSv1.3");
	assert_works(&x);
}

static void assert_goes_on_unverified(const char *names, const char *host,
				      const struct fix_ca *signer, const struct fix_ca *known,
				      const char *problem)
{
	struct scene x;

	outer_play(&x, names, signer, known, host);
	assert_false(tls_peer(&x.p.c.tls)->verified);
	assert_says(tls_peer(&x.p.c.tls)->problem, problem);
	assert_works(&x);
}

static void outer_checks_the_host(void **state)
{
	assert_verified("as1.example.org", "as1.example.org");
	assert_verified("AS1.Example.org", "as1.example.org");
	assert_verified("x.org,as1.example.org,y.org", "as1.example.org");
	assert_verified("*.example.org", "as1.example.org");
	assert_verified("localhost", "localhost");
	assert_verified("127.0.0.1", "127.0.0.1");
	assert_verified("2001:db8::1", "2001:db8::1");
	assert_verified("as1.lab,10.0.0.1,::1", "::1");
}

static void outer_reports_a_wrong_host(void **state)
{
	static const char *const wrong[][2] = {
		{"as1.example.org", "as2.example.org"},
		{"as1.example.org", "example.org"},
		{"as1.example.org", "as1"},
		{"as1", "as2"},
		{"*.example.org", "example.org"},
		{"*.example.org", "a.b.example.org"},
		{"*.example.org", ".example.org"},
		{"127.0.0.1", "127.0.0.2"},
		{"127.0.0.1", "localhost"},
		{"localhost", "127.0.0.1"},
		{"::1", "127.0.0.1"},
		{"10.0.0.1", "::1"},
		{"as1.example.org", "as1.example.orgx"},
		{"*", "localhost"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_goes_on_unverified(wrong[i][0], wrong[i][1], &lab, &lab,
					  "certificate is not for");
}

static void outer_reports_a_foreign_ca(void **state)
{
	assert_goes_on_unverified("localhost", "localhost", &other, &lab, "not trusted");
	assert_goes_on_unverified("localhost", "localhost", &twin, &lab, "not trusted");
	assert_goes_on_unverified("localhost", "localhost", &lab, NULL, "not trusted");
}

/* Who ends the TLS on the way, and what then; @ca: the client's, @pin: of the invitation. */
static void inspected(const struct fix_ca *signer, const struct fix_ca *ca,
		      const struct fix_ca *pin, bool expected)
{
	struct tls_ctx *cc, *sc;
	struct x509_key key;
	struct x509_cert cert;
	char words[TLS_INSPECTION_SIZE];
	uint8_t sha[32];
	struct pair p;

	assert_int_equal(x509_key_generate(&key), 0);
	fix_host_cert(signer, "localhost", &key, &cert);
	assert_int_equal(tls_ctx_outer_client(&cc, ca ? &ca->cert : NULL, false), 0);
	tls_ctx_refuse_inspection(cc);
	if (pin) {
		x509_sha256(pin->cert.der, pin->cert.len, sha);
		tls_ctx_outer_pin(cc, sha);
	}
	assert_int_equal(tls_ctx_outer_server(&sc, &cert, &key, &signer->cert), 0);
	end_init(&p.c, cc, "localhost", NULL);
	end_init(&p.s, sc, NULL, NULL);
	shake(&p, 2000);
	assert_int_equal(p.c.r, 0);
	tls_peer_inspection(tls_peer(&p.c.tls), words);
	print_message("%s\n", words);
	assert_int_equal(tls_peer_inspected(tls_peer(&p.c.tls)), expected);
	assert_int_equal(tls_refuses(&p.c.tls), expected);
	assert_int_equal(words[0] != '\0', expected);
	pair_deinit(&p);
	tls_ctx_free(cc);
	tls_ctx_free(sc);
}

static void outer_tells_who_sits_between(void **state)
{
	inspected(&lab, &lab, NULL, false);
	inspected(&other, &lab, NULL, true);
	inspected(&twin, &lab, NULL, true);
	/* First contact: what the invitation names is no stranger. */
	inspected(&lab, NULL, NULL, true);
	inspected(&lab, NULL, &lab, false);
	inspected(&other, NULL, &lab, true);
	inspected(&twin, NULL, &lab, true);
}

/* One bad certificate must not make the next one of the same context good. */
static void outer_learns_no_ca_from_a_stranger(void **state)
{
	struct tls_ctx *cc, *sc;
	struct x509_key key;
	struct x509_cert cert;

	assert_int_equal(x509_key_generate(&key), 0);
	fix_host_cert(&twin, "localhost", &key, &cert);
	assert_int_equal(tls_ctx_outer_client(&cc, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&sc, &cert, &key, &twin.cert), 0);
	for (int i = 0; i < 3; i++) {
		struct pair p;

		end_init(&p.c, cc, "localhost", NULL);
		end_init(&p.s, sc, NULL, NULL);
		shake(&p, 2000);
		assert_int_equal(p.c.r, 0);
		assert_false(tls_peer(&p.c.tls)->verified);
		pair_deinit(&p);
	}
	tls_ctx_free(cc);
	tls_ctx_free(sc);
}

/* A host certificate that another host certificate signed is not trusted, whoever signed that. */
static void outer_trusts_no_leaf_as_ca(void **state)
{
	struct x509_key key, leaf_key;
	struct fix_ca false_ca = lab;
	struct x509_cert cert;
	struct scene x;

	assert_int_equal(x509_key_generate(&key), 0);
	assert_int_equal(x509_key_generate(&leaf_key), 0);
	fix_host_cert(&lab, "localhost", &leaf_key, &false_ca.cert);
	false_ca.key = leaf_key;
	fix_host_cert(&false_ca, "localhost", &key, &cert);
	assert_int_equal(tls_ctx_outer_client(&x.cc, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&x.sc, &cert, &key, &false_ca.cert), 0);
	end_init(&x.p.c, x.cc, "localhost", NULL);
	end_init(&x.p.s, x.sc, NULL, NULL);
	shake(&x.p, 2000);
	assert_false(tls_peer(&x.p.c.tls)->verified);
	assert_works(&x);
}

static void refuses_a_host_that_is_too_long(void **state)
{
	char host[URL_HOST_SIZE + 1];
	struct tls_ctx *ctx;
	struct end e;

	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_int_equal(tls_ctx_outer_client(&ctx, NULL, false), 0);
	assert_int_equal(tls_init(&e.tls, ctx, &e.in, &e.out, host, NULL), -EINVAL);
	tls_deinit(&e.tls);
	tls_ctx_free(ctx);
}

/* A certificate is public: who shows it must prove to hold its key, in both layers. */
static void refuses_a_certificate_without_its_key(void **state)
{
	struct tls_expect ce = exactly(&device), se = exactly(&user);
	struct tls_ctx *cc, *sc;
	struct x509_cert cert;
	struct x509_key key;

	assert_int_equal(x509_key_generate(&key), 0);
	fix_host_cert(&lab, "localhost", &key, &cert);
	for (int outer = 0; outer < 2; outer++) {
		struct pair p;

		if (outer) {
			assert_int_equal(tls_ctx_outer_client(&cc, &lab.cert, false), 0);
			assert_int_equal(tls_ctx_outer_server(&sc, &cert, &key, &lab.cert), 0);
		} else {
			cc = inner_client(&user, &lab);
			sc = inner_server(&device, &lab);
		}
		assert_int_equal(wolfSSL_CTX_use_PrivateKey_buffer(sc->ctx, relay.key.der,
								   (long)relay.key.len,
								   WOLFSSL_FILETYPE_ASN1),
				 WOLFSSL_SUCCESS);
		end_init(&p.c, cc, outer ? "localhost" : NULL, outer ? NULL : &ce);
		end_init(&p.s, sc, NULL, outer ? NULL : &se);
		shake(&p, 2000);
		assert_int_equal(p.c.r, -EPROTO);
		pair_deinit(&p);
		tls_ctx_free(cc);
		tls_ctx_free(sc);
	}
}

static void refuses_a_key_that_does_not_fit(void **state)
{
	struct tls_ctx *ctx = NULL;

	assert_int_equal(tls_ctx_inner_server(&ctx, &device.cert, &user.key, &lab.cert), -EIO);
	assert_null(ctx);
	tls_ctx_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shakes_hands_in_any_pieces),
		cmocka_unit_test(agrees_on_the_best_group_and_cipher),
		cmocka_unit_test(carries_much_data_exactly),
		cmocka_unit_test(reads_into_small_buffers),
		cmocka_unit_test(closes_in_order),
		cmocka_unit_test(leaves_what_follows_the_record),
		cmocka_unit_test(refuses_corrupted_records),
		cmocka_unit_test(refuses_a_corrupted_handshake),
		cmocka_unit_test(refuses_garbage),
		cmocka_unit_test(never_resumes),
		cmocka_unit_test(refuses_another_uid),
		cmocka_unit_test(refuses_another_domain_name),
		cmocka_unit_test(refuses_another_kind),
		cmocka_unit_test(refuses_another_ca),
		cmocka_unit_test(learns_no_ca_from_a_stranger),
		cmocka_unit_test(refuses_a_leaf_signed_by_a_leaf),
		cmocka_unit_test(refuses_the_ca_itself),
		cmocka_unit_test(refuses_wrong_dates),
		cmocka_unit_test(refuses_an_expired_client),
		cmocka_unit_test(demands_the_key),
		cmocka_unit_test(demands_one_identity),
		cmocka_unit_test(refuses_two_identities),
		cmocka_unit_test(demands_a_client_certificate),
		cmocka_unit_test(lets_newcomers_in_where_it_may),
		cmocka_unit_test(accepts_the_pinned_root),
		cmocka_unit_test(refuses_what_does_not_fit_the_pin),
		cmocka_unit_test(refuses_a_missing_root),
		cmocka_unit_test(trusts_nobody_without_ca_and_pin),
		cmocka_unit_test(demands_a_common_protocol),
		cmocka_unit_test(outer_checks_the_host),
		cmocka_unit_test(outer_reports_a_wrong_host),
		cmocka_unit_test(outer_reports_a_foreign_ca),
		cmocka_unit_test(outer_tells_who_sits_between),
		cmocka_unit_test(outer_learns_no_ca_from_a_stranger),
		cmocka_unit_test(outer_trusts_no_leaf_as_ca),
		cmocka_unit_test(refuses_a_host_that_is_too_long),
		cmocka_unit_test(refuses_a_certificate_without_its_key),
		cmocka_unit_test(refuses_a_key_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
