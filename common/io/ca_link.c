/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/ca_link.h"

#include <errno.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

/* So that it is never taken for a certificate, or for anything else that a CA signs. */
#define WORD "farlan-ca-link/1"

struct text {
	char word[sizeof(WORD)]; /* with its NUL */
	uint8_t from[32], to[32];
};

static void make_text(struct text *t, const struct x509_cert *from, const struct x509_cert *to)
{
	memcpy(t->word, WORD, sizeof(t->word));
	x509_sha256(from->der, from->len, t->from);
	x509_sha256(to->der, to->len, t->to);
}

int ca_link_make(struct ca_link *link, const struct x509_cert *from, const struct x509_key *key,
		 const struct x509_cert *to)
{
	struct text t;

	make_text(&t, from, to);
	return x509_sign(key, &t, sizeof(t), link->der, &link->len);
}

int ca_link_check(const struct ca_link *link, const struct x509_cert *from,
		  const struct x509_cert *to)
{
	struct x509_info info;
	struct text t;

	if (x509_parse(&info, to->der, to->len) != 0 || !info.is_ca)
		return -EKEYREJECTED;
	make_text(&t, from, to);
	return x509_check_signature(from, &t, sizeof(t), link->der, link->len);
}

json_t *ca_link_to_json(const struct ca_link *link, const struct x509_cert *to)
{
	return json_pack("{s:o, s:o}", "ca", rpc_json_bytes(to->der, to->len), "signature",
			 rpc_json_bytes(link->der, link->len));
}

static int follow_one(struct x509_cert *at, const json_t *o)
{
	struct x509_cert to;
	struct ca_link sig;
	int rc;

	if (!rpc_bytes(o, "ca", to.der, sizeof(to.der), &to.len) ||
	    !rpc_bytes(o, "signature", sig.der, sizeof(sig.der), &sig.len))
		return -EBADMSG;
	rc = ca_link_check(&sig, at, &to);
	if (rc == 0)
		*at = to;
	return rc;
}

int ca_links_follow(const struct x509_cert *from, const json_t *list, struct x509_cert *out)
{
	struct x509_cert at = *from;
	size_t len = json_array_size(list);

	if ((list && !json_is_array(list)) || len > CA_LINKS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		int rc = follow_one(&at, json_array_get(list, i));

		if (rc)
			return rc;
	}
	*out = at;
	return 0;
}
