/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/receipt.h"

#include <errno.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

int receipt_make(struct receipt *x, const struct session_record *r, const struct x509_key *key,
		 const struct x509_cert *cert)
{
	int rc = session_record_encode(r, x->text, &x->text_len);

	if (rc)
		return rc;
	x->cert = *cert;
	return x509_sign(key, x->text, x->text_len, x->signature, &x->signature_len);
}

json_t *receipt_to_json(const struct receipt *x)
{
	return json_pack("{s:s%, s:o, s:o}", "text", x->text, x->text_len, "signature",
			 rpc_json_bytes(x->signature, x->signature_len), "cert",
			 rpc_json_bytes(x->cert.der, x->cert.len));
}

int receipt_from_json(struct receipt *x, const json_t *o)
{
	if (!rpc_str_max(o, "text", x->text, sizeof(x->text)) ||
	    !rpc_bytes(o, "signature", x->signature, sizeof(x->signature), &x->signature_len) ||
	    !rpc_bytes(o, "cert", x->cert.der, sizeof(x->cert.der), &x->cert.len))
		return -EBADMSG;
	x->text_len = strlen(x->text);
	return 0;
}

const char *receipt_check(const struct receipt *x, struct session_record *r)
{
	struct x509_info info;

	if (session_record_decode(r, x->text, x->text_len) != 0)
		return "is malformed";
	if (x509_parse(&info, x->cert.der, x->cert.len) != 0 || !info.has_ident)
		return "comes with something that is no certificate";
	if (!ident_equal(&info.id, &r->own))
		return "comes with the certificate of somebody else";
	if (memcmp(info.spki_sha256, r->own_key, sizeof(r->own_key)) != 0)
		return "names another key than its certificate's";
	if (x509_check_signature(&x->cert, x->text, x->text_len, x->signature, x->signature_len) !=
	    0)
		return "is not signed by the key that it names";
	return NULL;
}

bool receipt_is_by(const struct receipt *x, const struct x509_cert *ca)
{
	return x509_verify(x->cert.der, x->cert.len, ca, false) == 0;
}
