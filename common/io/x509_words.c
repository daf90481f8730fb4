/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/x509_words.h"

#include <wolfssl/options.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "common/pure/finding.h"

/* A part of "/C=DE/O=Example/CN=x"; a slash in a value ends it, for people that is good enough. */
static bool part(const char *name, const char *key, char *out, size_t size)
{
	const char *at = strstr(name, key);

	if (!at)
		return false;
	at += strlen(key);
	finding_clean(out, size, at, strcspn(at, "/"));
	return out[0] != '\0';
}

static void short_name(const char *name, char *out, size_t size)
{
	if (!part(name, "/CN=", out, size) && !part(name, "/O=", out, size))
		finding_clean(out, size, name, strlen(name));
}

static void add_host(struct x509_words *w, const DNS_entry *e)
{
	size_t used = strlen(w->hosts);
	char text[100] = "";

	if (e->type == ASN_DNS_TYPE)
		finding_clean(text, sizeof(text), e->name, (size_t)e->len);
	else if (e->type == ASN_IP_TYPE && (e->len == 4 || e->len == 16))
		(void)inet_ntop(e->len == 4 ? AF_INET : AF_INET6, e->name, text, sizeof(text));
	if (text[0])
		snprintf(w->hosts + used, sizeof(w->hosts) - used, "%s%s", used ? ", " : "", text);
}

static int get_time(const byte *date, int len, int64_t *when)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (!date || len < 2 || wc_GetDateAsCalendarTime(date + 2, len - 2, date[0], &tm) != 0)
		return -EBADMSG;
	*when = timegm(&tm);
	return 0;
}

static int fill(struct x509_words *w, const DecodedCert *cert)
{
	short_name(cert->subject, w->subject, sizeof(w->subject));
	short_name(cert->issuer, w->issuer, sizeof(w->issuer));
	for (const DNS_entry *e = cert->altNames; e; e = e->next)
		add_host(w, e);
	if (!w->subject[0]) /* ours have none */
		finding_clean(w->subject, sizeof(w->subject), w->hosts, strlen(w->hosts));
	return get_time(cert->beforeDate, cert->beforeDateLen, &w->not_before) ||
			       get_time(cert->afterDate, cert->afterDateLen, &w->not_after)
		       ? -EBADMSG
		       : 0;
}

int x509_words_read(struct x509_words *w, const uint8_t *der, size_t len)
{
	DecodedCert *cert = malloc(sizeof(*cert));
	int r = -EBADMSG;

	memset(w, 0, sizeof(*w));
	if (!cert)
		return -EBADMSG;
	wc_InitDecodedCert(cert, der, (word32)len, NULL);
	if (wc_ParseCert(cert, CERT_TYPE, NO_VERIFY, NULL) == 0)
		r = fill(w, cert);
	wc_FreeDecodedCert(cert);
	free(cert);
	return r;
}
