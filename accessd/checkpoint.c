/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/checkpoint.h"

#include <errno.h>
#include <string.h>

#include "common/pure/bytes.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

/* So that it is never taken for anything else that this key signs. */
#define WORD "farlan-audit-head/1"
#define KEY_NAME_SIZE                                                              \
	17 /* the first 8 bytes of the SHA-256 of its SubjectPublicKeyInfo, in hex \
	    */
#define TEXT_SIZE (sizeof(WORD) + AUDIT_DOMAIN_SIZE + 8 + AUDIT_HASH_BYTES)

static size_t make_text(const struct checkpoint *c, uint8_t text[TEXT_SIZE])
{
	struct wr w = wr_init(text, TEXT_SIZE);

	wr_bytes(&w, WORD, sizeof(WORD));
	wr_bytes(&w, c->domain, strnlen(c->domain, AUDIT_DOMAIN_SIZE - 1));
	wr_u8(&w, 0);
	wr_u64(&w, (uint64_t)c->seq);
	wr_bytes(&w, c->hash, AUDIT_HASH_BYTES);
	return wr_ok(&w) ? w.used : 0;
}

int checkpoint_sign(const struct checkpoint *c, const struct x509_key *key,
		    uint8_t sig[X509_SIGNATURE_MAX_BYTES], size_t *n)
{
	uint8_t text[TEXT_SIZE];

	return x509_sign(key, text, make_text(c, text), sig, n);
}

int checkpoint_verify(const struct checkpoint *c, const struct x509_cert *by, const uint8_t *sig,
		      size_t n)
{
	uint8_t text[TEXT_SIZE];

	return x509_check_signature(by, text, make_text(c, text), sig, n);
}

json_t *checkpoint_detail(const struct checkpoint *c, const struct x509_key *key)
{
	uint8_t sig[X509_SIGNATURE_MAX_BYTES], spki[128], hash[X509_SPKI_SHA256_BYTES];
	char name[KEY_NAME_SIZE];
	size_t n, spki_len;

	if (checkpoint_sign(c, key, sig, &n) != 0 ||
	    x509_spki(key, spki, sizeof(spki), &spki_len) != 0)
		return NULL;
	x509_sha256(spki, spki_len, hash);
	if (text_hex_encode(name, sizeof(name), hash, (sizeof(name) - 1) / 2) != 0)
		return NULL;
	return json_pack("{s:I, s:s, s:o}", "seq", (json_int_t)c->seq, "key", name, "signature",
			 rpc_json_bytes(sig, n));
}

static bool is_key_of(const char *name, const struct x509_cert *by)
{
	struct x509_info info;
	char own[KEY_NAME_SIZE];

	return x509_parse(&info, by->der, by->len) == 0 &&
	       text_hex_encode(own, sizeof(own), info.spki_sha256, (sizeof(own) - 1) / 2) == 0 &&
	       strcmp(own, name) == 0;
}

/* It signs the record before it, whose hash it holds as its prev. */
int checkpoint_check(const struct audit_record *r, const struct x509_cert *by)
{
	const struct checkpoint c = {.domain = r->domain, .seq = r->seq - 1, .hash = r->prev};
	uint8_t sig[X509_SIGNATURE_MAX_BYTES];
	json_t *detail = json_loads(r->detail, 0, NULL);
	const char *name;
	int rc = -EBADMSG;
	size_t n;

	if (rpc_str(detail, "key", &name) && rpc_bytes(detail, "signature", sig, sizeof(sig), &n))
		rc = is_key_of(name, by) ? checkpoint_verify(&c, by, sig, n) : -ENOKEY;
	json_decref(detail);
	return rc;
}
