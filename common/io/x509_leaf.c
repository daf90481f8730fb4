/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <wolfssl/options.h>

#include "common/io/x509_leaf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "common/io/x509_internal.h"
#include "common/pure/addr.h"

static bool take_host(char host[URL_HOST_SIZE], const DNS_entry *e)
{
	struct addr a;

	if (e->type == ASN_DNS_TYPE && e->len > 0 && e->len < URL_HOST_SIZE) {
		memcpy(host, e->name, (size_t)e->len);
		host[e->len] = '\0';
		return strlen(host) == (size_t)e->len;
	}
	if (e->type != ASN_IP_TYPE || (e->len != 4 && e->len != 16))
		return false;
	a = addr_from_bytes(e->len == 4 ? 4 : 6, (const uint8_t *)e->name);
	addr_format(&a, host);
	return true;
}

static int fill(struct x509_leaf *leaf, const DecodedCert *cert)
{
	memset(leaf, 0, sizeof(*leaf));
	for (const DNS_entry *e = cert->altNames; e && leaf->n_hosts < X509_LEAF_HOSTS_MAX;
	     e = e->next)
		leaf->n_hosts += take_host(leaf->hosts[leaf->n_hosts], e);
	return x509_time(cert->afterDate, cert->afterDateLen, &leaf->not_after);
}

int x509_leaf_read(struct x509_leaf *leaf, const uint8_t *der, size_t len)
{
	DecodedCert *cert = len <= X509_LEAF_MAX_BYTES ? malloc(sizeof(*cert)) : NULL;
	int r = -EBADMSG;

	if (!cert)
		return -EBADMSG;
	wc_InitDecodedCert(cert, der, (word32)len, NULL);
	if (wc_ParseCert(cert, CERT_TYPE, NO_VERIFY, NULL) == 0)
		r = fill(leaf, cert);
	wc_FreeDecodedCert(cert);
	free(cert);
	return r;
}

int x509_leaf_read_pem(struct x509_leaf *leaf, const char *pem, size_t len)
{
	uint8_t *der = malloc(X509_LEAF_MAX_BYTES);
	int n, r;

	if (!der)
		return -ENOMEM;
	n = wc_CertPemToDer((const unsigned char *)pem, (int)len, der, X509_LEAF_MAX_BYTES,
			    CERT_TYPE);
	r = n > 0 ? x509_leaf_read(leaf, der, (size_t)n) : -EBADMSG;
	free(der);
	return r;
}

static bool names(const char *name, const char *host)
{
	const char *rest = strchr(host, '.');

	if (name[0] == '*' && name[1] == '.' && name[2])
		return rest && rest != host && strcasecmp(rest, name + 1) == 0;
	return strcasecmp(name, host) == 0;
}

bool x509_leaf_names(const struct x509_leaf *leaf, const char *host)
{
	for (size_t i = 0; i < leaf->n_hosts; i++) {
		if (names(leaf->hosts[i], host))
			return true;
	}
	return false;
}
