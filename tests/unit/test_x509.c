/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys, requests and certificates; the openssl tool reads ours as an independent witness. */
#include <wolfssl/options.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include <setjmp.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/io/x509.h"

#define DAY INT64_C(86400)
#define UID "0123456789abcdef0123456789abcdef"

struct fixture {
	struct x509_key ca_key, key;
	struct x509_cert ca;
	uint8_t spki[128];
	size_t spki_len;
	struct ident id;
	int64_t now;
};

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	f.now = clock_wall_s();
	assert_int_equal(x509_key_generate(&f.ca_key), 0);
	assert_int_equal(x509_key_generate(&f.key), 0);
	assert_int_equal(
		x509_ca_make(&f.ca, &f.ca_key, "lab.example", f.now - DAY, f.now + 7300 * DAY), 0);
	assert_int_equal(x509_spki(&f.key, f.spki, sizeof(f.spki), &f.spki_len), 0);
	assert_int_equal(ident_parse(&f.id, "farlan://lab.example/device/" UID,
				     strlen("farlan://lab.example/device/" UID)),
			 0);
	return 0;
}

static struct x509_profile profile(int64_t from, int64_t until)
{
	struct x509_profile p = {.id = &f.id,
				 .client = true,
				 .server = true,
				 .not_before = from,
				 .not_after = until};

	file_random(p.serial, sizeof(p.serial));
	return p;
}

static struct x509_cert issue(int64_t from, int64_t until)
{
	struct x509_profile p = profile(from, until);
	struct x509_cert cert;

	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), 0);
	return cert;
}

static void test_round_trip(void **state)
{
	struct x509_cert cert = issue(f.now - 300, f.now + 3600);
	struct x509_info info;
	uint8_t hash[32];

	(void)state;
	assert_int_equal(x509_parse(&info, cert.der, cert.len), 0);
	assert_true(info.has_ident);
	assert_true(ident_equal(&info.id, &f.id));
	assert_false(info.is_ca);
	assert_int_equal(info.not_before, f.now - 300);
	assert_int_equal(info.not_after, f.now + 3600);
	assert_int_equal(info.serial_len, 16);
	x509_sha256(f.spki, f.spki_len, hash);
	assert_memory_equal(info.spki_sha256, hash, 32);
	assert_int_equal(x509_verify(cert.der, cert.len, &f.ca, true), 0);

	assert_int_equal(x509_parse(&info, f.ca.der, f.ca.len), 0);
	assert_true(info.is_ca);
	assert_false(info.has_ident);
	assert_int_equal(info.not_after, f.now + 7300 * DAY);
}

static void test_dates(void **state)
{
	struct x509_cert old = issue(f.now - 7200, f.now - 3600);
	struct x509_cert young = issue(f.now + 3600, f.now + 7200);
	struct x509_cert late =
		issue(2524608000 - 1, 2524608000 + 86399); /* over the turn of 2050 */
	struct x509_info info;
	struct x509_profile p = profile(2, 1);
	struct x509_cert cert;

	(void)state;
	assert_int_equal(x509_verify(old.der, old.len, &f.ca, true), -ETIME);
	assert_int_equal(x509_verify(old.der, old.len, &f.ca, false), 0);
	assert_int_equal(x509_verify(young.der, young.len, &f.ca, true), -ETIME);
	assert_int_equal(x509_verify(young.der, young.len, &f.ca, false), 0);
	assert_int_equal(x509_parse(&info, late.der, late.len), 0);
	assert_int_equal(info.not_before, 2524608000 - 1);
	assert_int_equal(info.not_after, 2524608000 + 86399);
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), -EINVAL);
	/* A date that does not count must not hide a signature that is wrong. */
	old.der[old.len - 5] ^= 1;
	assert_int_equal(x509_verify(old.der, old.len, &f.ca, false), -EKEYREJECTED);
}

static void test_expired_ca(void **state)
{
	struct x509_cert ca, leaf;
	struct x509_profile p = profile(f.now - DAY, f.now + DAY);

	(void)state;
	assert_int_equal(x509_ca_make(&ca, &f.ca_key, "lab.example", f.now - 2 * DAY, f.now - DAY),
			 0);
	assert_int_equal(x509_issue(&leaf, &p, f.spki, f.spki_len, &ca, &f.ca_key), 0);
	assert_int_equal(x509_verify(leaf.der, leaf.len, &ca, false), 0);
	assert_int_equal(x509_verify(leaf.der, leaf.len, &ca, true), -ETIME);
}

/*
 * Between what is signed and the signature stand 15 bytes: the algorithm's name and the header of a
 * bit string. They say nothing, so it does not matter that the library is lenient about them.
 */
static bool is_wrapping(const uint8_t *der, size_t len, size_t i)
{
	static const uint8_t ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
					       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
	size_t at = 0;

	for (size_t k = 0; k + sizeof(ecdsa_sha256) < len; k++) {
		if (memcmp(der + k, ecdsa_sha256, sizeof(ecdsa_sha256)) == 0)
			at = k;
	}
	assert_true(at > 0);
	return i >= at && i < at + sizeof(ecdsa_sha256) + 3;
}

static void test_tampered(void **state)
{
	struct x509_cert cert = issue(f.now - 300, f.now + 3600);

	(void)state;
	for (size_t i = 0; i < cert.len; i++) {
		struct x509_info info;

		if (is_wrapping(cert.der, cert.len, i))
			continue;
		cert.der[i] ^= 1;
		assert_int_not_equal(x509_verify(cert.der, cert.len, &f.ca, false), 0);
		(void)!x509_parse(&info, cert.der, cert.len);
		cert.der[i] ^= 1;
	}
	assert_int_equal(x509_verify(cert.der, cert.len, &f.ca, false), 0);
}

static void test_truncated(void **state)
{
	struct x509_cert cert = issue(f.now - 300, f.now + 3600);
	struct x509_info info;
	uint8_t longer[X509_CERT_MAX_BYTES];

	(void)state;
	for (size_t n = 0; n < cert.len; n++) {
		uint8_t *cut = malloc(n ? n : 1); /* exact size: the sanitizer sees a read beyond */

		assert_non_null(cut);
		memcpy(cut, cert.der, n);
		assert_int_equal(x509_parse(&info, cut, n), -EBADMSG);
		assert_int_not_equal(x509_verify(cut, n, &f.ca, false), 0);
		free(cut);
	}
	memcpy(longer, cert.der, cert.len);
	longer[cert.len] = 0;
	assert_int_equal(x509_parse(&info, longer, cert.len + 1), -EBADMSG);
}

static void test_foreign_ca(void **state)
{
	struct x509_cert cert = issue(f.now - 300, f.now + 3600), ca, fake;
	struct x509_key key;
	struct x509_profile p = profile(f.now - 300, f.now + 3600);

	(void)state;
	assert_int_equal(x509_key_generate(&key), 0);
	/* The same name, another key. */
	assert_int_equal(x509_ca_make(&ca, &key, "lab.example", f.now - DAY, f.now + DAY), 0);
	assert_int_equal(x509_verify(cert.der, cert.len, &ca, false), -EKEYREJECTED);
	assert_int_equal(x509_issue(&fake, &p, f.spki, f.spki_len, &ca, &key), 0);
	assert_int_equal(x509_verify(fake.der, fake.len, &f.ca, false), -EKEYREJECTED);
	/* A leaf cannot sign: it is not taken as a CA, nor does a chain over it lead to the CA. */
	assert_int_equal(x509_issue(&fake, &p, f.spki, f.spki_len, &cert, &f.key), 0);
	assert_int_equal(x509_verify(fake.der, fake.len, &f.ca, false), -EKEYREJECTED);
	assert_int_equal(x509_verify(fake.der, fake.len, &cert, false), -EKEYREJECTED);
}

/* --- requests -------------------------------------------------------------------------------- */

static void test_request(void **state)
{
	uint8_t csr[X509_CSR_MAX_BYTES], spki[128];
	size_t len, spki_len;

	(void)state;
	assert_int_equal(x509_csr_make(&f.key, csr, sizeof(csr), &len), 0);
	assert_int_equal(x509_csr_check(csr, len, spki, sizeof(spki), &spki_len), 0);
	assert_int_equal(spki_len, f.spki_len);
	assert_memory_equal(spki, f.spki, spki_len);
	for (size_t i = 0; i < len; i++) {
		if (is_wrapping(csr, len, i))
			continue;
		csr[i] ^= 1;
		assert_int_not_equal(x509_csr_check(csr, len, spki, sizeof(spki), &spki_len), 0);
		csr[i] ^= 1;
	}
	for (size_t n = 0; n < len; n++)
		assert_int_not_equal(x509_csr_check(csr, n, spki, sizeof(spki), &spki_len), 0);
	assert_int_equal(x509_csr_check(f.ca.der, f.ca.len, spki, sizeof(spki), &spki_len),
			 -EBADMSG);
	assert_int_equal(x509_csr_make(&f.key, csr, 20, &len), -ENOSPC);
}

/* What the request claims, a false identity among it, does not come into the certificate. */
static void test_request_claims(void **state)
{
	static const char uri[] = "farlan://lab.example/access/ffffffffffffffffffffffffffffffff";
	uint8_t der[2048], spki[128];
	size_t spki_len;
	struct x509_profile p = profile(f.now - 300, f.now + 3600);
	struct x509_cert cert;
	struct x509_info info;
	Cert *req = wc_CertNew(NULL);
	ecc_key ecc;
	WC_RNG rng;
	word32 at = 0;
	int n;

	(void)state;
	assert_non_null(req);
	assert_int_equal(wc_InitRng(&rng), 0);
	assert_int_equal(wc_ecc_init(&ecc), 0);
	assert_int_equal(wc_EccPrivateKeyDecode(f.key.der, &at, &ecc, (word32)f.key.len), 0);
	req->sigType = CTC_SHA256wECDSA;
	strcpy(req->subject.commonName, "as1.lab.example");
	req->altNames[0] = 0x30;
	req->altNames[1] = (byte)(strlen(uri) + 2);
	req->altNames[2] = 0x86;
	req->altNames[3] = (byte)strlen(uri);
	memcpy(req->altNames + 4, uri, strlen(uri));
	req->altNamesSz = (int)strlen(uri) + 4;
	n = wc_MakeCertReq_ex(req, der, sizeof(der), ECC_TYPE, &ecc);
	assert_true(n > 0);
	n = wc_SignCert_ex(req->bodySz, CTC_SHA256wECDSA, der, sizeof(der), ECC_TYPE, &ecc, &rng);
	assert_true(n > 0);
	assert_int_equal(x509_csr_check(der, (size_t)n, spki, sizeof(spki), &spki_len), 0);
	assert_int_equal(x509_issue(&cert, &p, spki, spki_len, &f.ca, &f.ca_key), 0);
	assert_int_equal(x509_parse(&info, cert.der, cert.len), 0);
	assert_true(info.has_ident && ident_equal(&info.id, &f.id));
	assert_null(memmem(cert.der, cert.len, "as1.lab", 7));
	wc_ecc_free(&ecc);
	wc_FreeRng(&rng);
	wc_CertFree(req);
}

static void test_request_wrong_key(void **state)
{
	uint8_t der[2048], spki[128];
	size_t spki_len;
	Cert *req = wc_CertNew(NULL);
	ecc_key ecc;
	WC_RNG rng;
	int n;

	(void)state;
	assert_non_null(req);
	assert_int_equal(wc_InitRng(&rng), 0);
	assert_int_equal(wc_ecc_init(&ecc), 0);
	assert_int_equal(wc_ecc_make_key_ex(&rng, 48, &ecc, ECC_SECP384R1), 0);
	req->sigType = CTC_SHA384wECDSA;
	n = wc_MakeCertReq_ex(req, der, sizeof(der), ECC_TYPE, &ecc);
	assert_true(n > 0);
	n = wc_SignCert_ex(req->bodySz, CTC_SHA384wECDSA, der, sizeof(der), ECC_TYPE, &ecc, &rng);
	assert_true(n > 0);
	assert_int_equal(x509_csr_check(der, (size_t)n, spki, sizeof(spki), &spki_len),
			 -EKEYREJECTED);
	wc_ecc_free(&ecc);
	wc_FreeRng(&rng);
	wc_CertFree(req);
}

/* --- names ----------------------------------------------------------------------------------- */

/* Patch bytes of a good certificate (the signature does not matter to x509_parse()). */
static bool ident_after_patch(const char *what, const char *by)
{
	struct x509_profile p = profile(f.now - 300, f.now + 3600);
	struct x509_cert cert;
	struct x509_info info;
	uint8_t *at;

	p.n_hosts = 1;
	strcpy(p.hosts[0], "farlan-host-name.example");
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), 0);
	at = memmem(cert.der, cert.len, what, strlen(what));
	assert_non_null(at);
	memcpy(at, by, strlen(what));
	return x509_parse(&info, cert.der, cert.len) == 0 && info.has_ident;
}

static void test_names(void **state)
{
	(void)state;
	assert_true(ident_after_patch("farlan-host-name", "farlan-host-name"));
	assert_false(ident_after_patch("farlan://", "farlan:/x"));
	assert_false(ident_after_patch("/device/", "/DEVICE/"));
	assert_false(ident_after_patch("/device/", "/devic_/"));
	assert_false(ident_after_patch("\x82\x18"
				       "farlan",
				       "\x86\x18"
				       "farlan")); /* a second URI */
	assert_false(ident_after_patch("\x82\x18"
				       "farlan",
				       "\x81\x18"
				       "farlan")); /* e-mail */
	assert_false(ident_after_patch("\x82\x18"
				       "farlan",
				       "\x88\x18"
				       "farlan")); /* registered ID */
}

static void test_hosts(void **state)
{
	struct x509_profile p = profile(f.now - 300, f.now + 3600);
	struct x509_cert cert;
	struct x509_info info;

	(void)state;
	p.id = NULL;
	p.n_hosts = 3;
	strcpy(p.hosts[0], "as1.lab.example");
	strcpy(p.hosts[1], "192.0.2.7");
	strcpy(p.hosts[2], "2001:db8::7");
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), 0);
	assert_int_equal(x509_parse(&info, cert.der, cert.len), 0);
	assert_false(info.has_ident);
	assert_int_equal(x509_verify(cert.der, cert.len, &f.ca, true), 0);
	p.n_hosts = 0;
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), -EINVAL);
	p.n_hosts = X509_HOSTS_MAX;
	for (size_t i = 0; i < X509_HOSTS_MAX; i++) {
		memset(p.hosts[i], 'a', 240);
		p.hosts[i][240] = '\0';
	}
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), -ENOSPC);
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len - 1, &f.ca, &f.ca_key), -EINVAL);
}

/* The point with this x, and y of the point with x = 5 on P-256, as a key that asks for a
 * certificate. */
static int issue_for_point(const uint8_t x[32], int y_plus)
{
	static const uint8_t y5[32] = {0x45, 0x92, 0x43, 0xb9, 0xaa, 0x58, 0x18, 0x06,
				       0xfe, 0x91, 0x3b, 0xce, 0x99, 0x81, 0x7a, 0xde,
				       0x11, 0xca, 0x50, 0x3c, 0x64, 0xd9, 0xa3, 0xc5,
				       0x33, 0x41, 0x5c, 0x08, 0x32, 0x48, 0xfb, 0xcc};
	struct x509_profile p = profile(f.now - 300, f.now + 3600);
	struct x509_cert cert;
	uint8_t spki[128];

	memcpy(spki, f.spki, f.spki_len);
	memcpy(spki + f.spki_len - 64, x, 32);
	memcpy(spki + f.spki_len - 32, y5, 32);
	spki[f.spki_len - 1] = (uint8_t)(spki[f.spki_len - 1] + y_plus);
	return x509_issue(&cert, &p, spki, f.spki_len, &f.ca, &f.ca_key);
}

static void test_keys_that_are_no_points(void **state)
{
	static const uint8_t five[32] = {[31] = 5}, none[32] = {0};
	/* The same residue, above the prime. */
	static const uint8_t above[32] = {0xff, 0xff, 0xff, 0xff, [7] = 1, [19] = 1, [31] = 4};
	struct x509_profile p = profile(f.now - 300, f.now + 3600);
	struct x509_cert cert;
	uint8_t spki[128];

	(void)state;
	assert_int_equal(issue_for_point(five, 0), 0);
	assert_int_equal(issue_for_point(five, 1), -EINVAL);
	assert_int_equal(issue_for_point(above, 0), -EINVAL);
	assert_int_equal(issue_for_point(none, 0), -EINVAL);
	memcpy(spki, f.spki, f.spki_len);
	memset(spki + f.spki_len - 64, 0, 64);
	assert_int_equal(x509_issue(&cert, &p, spki, f.spki_len, &f.ca, &f.ca_key), -EINVAL);
}

/* --- openssl --------------------------------------------------------------------------------- */

static char dir[64];

static void write_der(const char *name, const uint8_t *der, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_replace(path, der, len, 0600), 0);
}

/* Run a shell command in the folder, return whether it succeeded and its output. */
static bool run(char *out, size_t size, const char *cmd)
{
	char line[512];
	size_t n;
	FILE *p;

	snprintf(line, sizeof(line), "cd %s && { %s; } 2>&1", dir, cmd);
	p = popen(line, "r"); /* NOLINT(cert-env33-c): a fixed command of this test */
	assert_non_null(p);
	n = fread(out, 1, size - 1, p);
	out[n] = '\0';
	return pclose(p) == 0;
}

static void has(const char *out, const char *what)
{
	if (!strstr(out, what))
		fail_msg("'%s' is not in: %s", what, out);
}

static void test_openssl(void **state)
{
	struct x509_profile p = profile(f.now - 300, f.now + 3600);
	struct x509_cert cert;
	uint8_t csr[X509_CSR_MAX_BYTES];
	size_t csr_len;
	char out[8192];

	(void)state;
	strcpy(dir, "/tmp/farlan-x509-XXXXXX");
	assert_non_null(mkdtemp(dir));
	if (!run(out, sizeof(out), "openssl version")) {
		rmdir(dir);
		skip();
	}
	p.n_hosts = 2;
	strcpy(p.hosts[0], "as1.lab.example");
	strcpy(p.hosts[1], "192.0.2.7");
	assert_int_equal(x509_issue(&cert, &p, f.spki, f.spki_len, &f.ca, &f.ca_key), 0);
	assert_int_equal(x509_csr_make(&f.key, csr, sizeof(csr), &csr_len), 0);
	write_der("ca.der", f.ca.der, f.ca.len);
	write_der("cert.der", cert.der, cert.len);
	write_der("csr.der", csr, csr_len);

	assert_true(run(out, sizeof(out),
			"openssl x509 -inform DER -in ca.der -out ca.pem && "
			"openssl x509 -inform DER -in cert.der -out cert.pem && "
			"openssl verify -x509_strict -CAfile ca.pem cert.pem"));
	has(out, "OK");
	assert_true(run(out, sizeof(out),
			"openssl verify -x509_strict -purpose sslserver -verify_hostname "
			"as1.lab.example -CAfile ca.pem cert.pem"));
	assert_true(run(out, sizeof(out),
			"openssl verify -verify_ip 192.0.2.7 -purpose sslclient -CAfile ca.pem "
			"cert.pem"));
	assert_false(run(out, sizeof(out),
			 "openssl verify -verify_hostname x.example -CAfile ca.pem cert.pem"));
	assert_true(run(out, sizeof(out), "openssl x509 -text -noout -in cert.pem"));
	has(out,
	    "URI:farlan://lab.example/device/" UID ", DNS:as1.lab.example, IP Address:192.0.2.7");
	has(out, "Digital Signature");
	has(out, "Authority Key Identifier");
	has(out, "Subject Key Identifier");
	has(out, "NIST CURVE: P-256");
	assert_true(run(out, sizeof(out), "openssl x509 -text -noout -in ca.pem"));
	has(out, "O = lab.example");
	has(out, "CA:TRUE, pathlen:0");
	has(out, "X509v3 Basic Constraints: critical");
	has(out, "Certificate Sign, CRL Sign");
	assert_true(run(out, sizeof(out), "openssl req -inform DER -in csr.der -verify -noout"));
	assert_true(run(out, sizeof(out), "rm -r \"$PWD\""));
}

static void test_ed25519(void **state)
{
	uint8_t secret[64], public[32], other[64];

	(void)state;
	assert_int_equal(x509_ed25519_generate(secret, public), 0);
	assert_memory_equal(secret + 32, public, 32);
	assert_int_equal(x509_ed25519_generate(other, public), 0);
	assert_memory_not_equal(secret, other, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_expired_ca),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_foreign_ca),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_claims),
		cmocka_unit_test(test_request_wrong_key),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_keys_that_are_no_points),
		cmocka_unit_test(test_openssl),
		cmocka_unit_test(test_ed25519),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
