/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading and verifying what x509.c makes, and what others say they are. */
#include <wolfssl/options.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "common/io/file.h"
#include "common/io/x509_internal.h"
#include "common/pure/bytes.h"

/* --- DER ------------------------------------------------------------------------------------- */

/* One DER element with a definite, minimal length of less than 64 KiB. */
static bool der_next(struct rd *r, uint8_t *tag, struct rd *content)
{
	struct rd at = *r;
	const uint8_t *p;
	uint8_t first, low;
	uint16_t len;

	if (!rd_u8(&at, tag) || !rd_u8(&at, &first))
		return false;
	len = first;
	if (first == 0x81) {
		if (!rd_u8(&at, &low) || low < 0x80)
			return false;
		len = low;
	} else if (first == 0x82) {
		if (!rd_u16(&at, &len) || len < 0x100)
			return false;
	} else if (first >= 0x80) {
		return false;
	}
	if (!rd_bytes(&at, &p, len))
		return false;
	*content = rd_init(p, len);
	*r = at;
	return true;
}

static bool der_expect(struct rd *r, uint8_t want, struct rd *content)
{
	uint8_t tag;

	return der_next(r, &tag, content) && tag == want;
}

bool x509_der_is_whole(const uint8_t *der, size_t len)
{
	struct rd r = rd_init(der, len), content;

	return der_expect(&r, TAG_SEQUENCE, &content) && r.left == 0;
}

/*
 * On the curve, coordinates below the prime, not infinity. That is all there is to check on P-256,
 * whose cofactor is 1 (SP 800-56A, section 5.6.2.3.4); wc_ecc_check_key() would also multiply by
 * the order, which takes a sixth of a handshake.
 */
static bool on_the_curve(ecc_key *ecc)
{
	return ecc->dp->id == ECC_SECP256R1 &&
	       wc_ecc_point_is_on_curve(&ecc->pubkey, ecc->idx) == 0;
}

int x509_spki_open(ecc_key *ecc, const uint8_t *spki, size_t len)
{
	word32 at = 0;

	if (wc_ecc_init(ecc) != 0)
		return -EIO;
	if (wc_EccPublicKeyDecode(spki, &at, ecc, (word32)len) != 0 || at != len ||
	    !on_the_curve(ecc)) {
		wc_ecc_free(ecc);
		return -EKEYREJECTED;
	}
	return 0;
}

int x509_spki_write(ecc_key *ecc, uint8_t *spki, size_t size, size_t *len)
{
	int n = wc_EccPublicKeyToDer(ecc, spki, (word32)size, 1);

	if (n <= 0)
		return -EIO;
	*len = (size_t)n;
	return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The only URI among the names, and beside it nothing but DNS names and addresses. */
static bool names_ident(struct rd names, struct ident *id)
{
	struct rd name;
	uint8_t tag;
	int uris = 0;

	while (names.left > 0) {
		if (!der_next(&names, &tag, &name))
			return false;
		if (tag == TAG_URI) {
			if (++uris > 1 || ident_parse(id, (const char *)name.at, name.left) != 0)
				return false;
		} else if (tag != TAG_DNS && tag != TAG_IP) {
			return false;
		}
	}
	return uris == 1;
}

/* Walk the extensions ourselves: the library's list leaves out kinds of names that it does not
 * know. */
static bool find_ident(const DecodedCert *cert, struct ident *id)
{
	static const uint8_t san_oid[] = {0x55, 0x1d, 0x11}; /* 2.5.29.17 */
	struct rd whole, exts, list, ext, oid, value, names;
	bool found = false;
	uint8_t tag;

	if (!cert->extensions || cert->extensionsSz <= 0)
		return false;
	whole = rd_init(cert->extensions, (size_t)cert->extensionsSz);
	if (!der_expect(&whole, TAG_EXTENSIONS, &exts) || !der_expect(&exts, TAG_SEQUENCE, &list) ||
	    exts.left != 0)
		return false;
	while (list.left > 0) {
		if (!der_expect(&list, TAG_SEQUENCE, &ext) || !der_expect(&ext, TAG_OID, &oid))
			return false;
		if (oid.left != sizeof(san_oid) || memcmp(oid.at, san_oid, sizeof(san_oid)) != 0)
			continue;
		if (found || !der_next(&ext, &tag, &value))
			return false;
		if (tag == TAG_BOOLEAN && !der_next(&ext, &tag, &value))
			return false;
		if (tag != TAG_OCTETS || !der_expect(&value, TAG_SEQUENCE, &names) ||
		    value.left != 0)
			return false;
		if (!names_ident(names, id))
			return false;
		found = true;
	}
	return found;
}

/* @date: an element with tag and length. */
static int get_time(const byte *date, int len, int64_t *when)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (!date || wc_GetDateAsCalendarTime(date + 2, len - 2, date[0], &tm) != 0)
		return -EBADMSG;
	*when = timegm(&tm);
	return 0;
}

static int info_fill(struct x509_info *info, DecodedCert *cert)
{
	uint8_t spki[X509_SPKI_MAX_BYTES];
	size_t spki_len;
	ecc_key ecc;
	int rc;

	if (cert->serialSz <= 0 || (size_t)cert->serialSz > sizeof(info->serial))
		return -EBADMSG;
	memcpy(info->serial, cert->serial, (size_t)cert->serialSz);
	info->serial_len = (size_t)cert->serialSz;
	if (get_time(cert->beforeDate, cert->beforeDateLen, &info->not_before) ||
	    get_time(cert->afterDate, cert->afterDateLen, &info->not_after))
		return -EBADMSG;
	if (x509_spki_open(&ecc, cert->publicKey, cert->pubKeySize) != 0)
		return -EBADMSG;
	rc = x509_spki_write(&ecc, spki, sizeof(spki), &spki_len);
	wc_ecc_free(&ecc);
	if (rc)
		return -EBADMSG;
	x509_sha256(spki, spki_len, info->spki_sha256);
	info->is_ca = cert->isCA;
	info->has_ident = find_ident(cert, &info->id);
	if (!info->has_ident)
		memset(&info->id, 0, sizeof(info->id));
	return 0;
}

int x509_parse(struct x509_info *info, const uint8_t *der, size_t len)
{
	struct x509_info found;
	DecodedCert *cert;
	int rc = -EBADMSG;

	if (len > X509_CERT_MAX_BYTES || !x509_der_is_whole(der, len))
		return -EBADMSG;
	cert = malloc(sizeof(*cert));
	if (!cert)
		return -EBADMSG;
	memset(&found, 0, sizeof(found));
	wc_InitDecodedCert(cert, der, (word32)len, NULL);
	if (wc_ParseCert(cert, CERT_TYPE, NO_VERIFY, NULL) == 0)
		rc = info_fill(&found, cert);
	wc_FreeDecodedCert(cert);
	free(cert);
	if (rc == 0)
		*info = found;
	return rc;
}

int x509_dates(const uint8_t *der, size_t len, int64_t *not_before, int64_t *not_after)
{
	DecodedCert *cert = malloc(sizeof(*cert));
	int rc = -EBADMSG;

	if (!cert)
		return rc;
	wc_InitDecodedCert(cert, der, (word32)len, NULL);
	if (wc_ParseCert(cert, CERT_TYPE, NO_VERIFY, NULL) == 0 &&
	    get_time(cert->beforeDate, cert->beforeDateLen, not_before) == 0 &&
	    get_time(cert->afterDate, cert->afterDateLen, not_after) == 0)
		rc = 0;
	wc_FreeDecodedCert(cert);
	free(cert);
	return rc;
}

/* --- verifying ------------------------------------------------------------------------------- */

/* The signature alone: the library's own look at the clock is left out, ours follows. */
static int verify_signature(const uint8_t *der, size_t len, const struct x509_cert *ca)
{
	WOLFSSL_CERT_MANAGER *cm = wolfSSL_CertManagerNew();
	DecodedCert *cert = malloc(sizeof(*cert));
	int rc = -EKEYREJECTED;

	if (cm && cert &&
	    wolfSSL_CertManagerLoadCABuffer_ex(cm, ca->der, (long)ca->len, WOLFSSL_FILETYPE_ASN1, 0,
					       WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY) ==
		    WOLFSSL_SUCCESS) {
		wc_InitDecodedCert(cert, der, (word32)len, NULL);
		if (wc_ParseCert(cert, CERT_TYPE, VERIFY_SKIP_DATE, cm) == 0)
			rc = 0;
		wc_FreeDecodedCert(cert);
	}
	free(cert);
	wolfSSL_CertManagerFree(cm);
	return rc;
}

static bool valid_now(const struct x509_info *info)
{
	int64_t now = clock_wall_s();

	return info->not_before <= now && now <= info->not_after;
}

int x509_verify(const uint8_t *cert, size_t len, const struct x509_cert *ca, bool dates)
{
	struct x509_info info, ca_info;
	int rc;

	if (x509_parse(&info, cert, len) || x509_parse(&ca_info, ca->der, ca->len) ||
	    !ca_info.is_ca)
		return -EKEYREJECTED;
	rc = verify_signature(cert, len, ca);
	if (rc)
		return rc;
	return dates && !(valid_now(&info) && valid_now(&ca_info)) ? -ETIME : 0;
}

int x509_check_signature(const struct x509_cert *by, const void *text, size_t n, const uint8_t *sig,
			 size_t sig_len)
{
	DecodedCert *cert = malloc(sizeof(*cert));
	int good = 0, rc = -EKEYREJECTED;
	uint8_t sha[32];
	ecc_key ecc;

	if (!cert)
		return rc;
	x509_sha256(text, n, sha);
	wc_InitDecodedCert(cert, by->der, (word32)by->len, NULL);
	if (wc_ParseCert(cert, CERT_TYPE, NO_VERIFY, NULL) == 0 &&
	    x509_spki_open(&ecc, cert->publicKey, cert->pubKeySize) == 0) {
		if (wc_ecc_verify_hash(sig, (word32)sig_len, sha, sizeof(sha), &good, &ecc) == 0 &&
		    good == 1)
			rc = 0;
		wc_ecc_free(&ecc);
	}
	wc_FreeDecodedCert(cert);
	free(cert);
	return rc;
}
