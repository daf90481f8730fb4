/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/error-ssl.h>

#include "common/pure/addr.h"
#include "common/pure/text.h"

static bool set_outer_sni(struct tls *t)
{
	struct addr ip;

	if (!t->host[0] || addr_parse(&ip, t->host) == 0)
		return true; /* RFC 6066 section 3: no literal addresses */
	return wolfSSL_UseSNI(t->ssl, WOLFSSL_SNI_HOST_NAME, t->host,
			      (unsigned short)strlen(t->host)) == WOLFSSL_SUCCESS;
}

static bool set_alpn(struct tls *t)
{
	char list[128];

	if (!t->expect.alpn)
		return true;
	snprintf(list, sizeof(list), "%s", t->expect.alpn);
	return wolfSSL_UseALPN(t->ssl, list, (unsigned int)strlen(list),
			       WOLFSSL_ALPN_FAILED_ON_MISMATCH) == WOLFSSL_SUCCESS;
}

static bool set_client(struct tls *t)
{
	if (t->ctx->layer == TLS_OUTER)
		return set_outer_sni(t);
	return tls_anchor_ask(t);
}

int tls_init(struct tls *t, const struct tls_ctx *ctx, struct buf *in, struct buf *out,
	     const char *host, const struct tls_expect *expect)
{
	memset(t, 0, sizeof(*t));
	t->ctx = ctx;
	t->in = in;
	t->out = out;
	t->is_server = ctx->is_server;
	if (expect)
		t->expect = *expect;
	if (host && strlen(host) >= sizeof(t->host))
		return -EINVAL;
	snprintf(t->host, sizeof(t->host), "%s", host ? host : "");
	t->ssl = wolfSSL_new(ctx->ctx);
	if (!t->ssl)
		return -ENOMEM;
	wolfSSL_SetIOReadCtx(t->ssl, t);
	wolfSSL_SetIOWriteCtx(t->ssl, t);
	tls_verify_install(t);
	if (ctx->layer == TLS_OUTER)
		wolfSSL_KeepArrays(t->ssl); /* for tls_export() */
	if (!set_alpn(t) || (!t->is_server && !set_client(t))) {
		tls_deinit(t);
		return -EIO;
	}
	return 0;
}

void tls_deinit(struct tls *t)
{
	if (t->ssl)
		wolfSSL_free(t->ssl);
	t->ssl = NULL;
	free(t->peer.root);
	t->peer.root = NULL;
}

/* The alerts that tell somebody something (RFC 8446 section 6). */
static const char *alert_name(int code)
{
	switch (code) {
	case 10:
	case 20:
	case 22:
	case 47:
	case 50:
		return "what we sent arrived damaged";
	case 40:
		return "handshake failure";
	case 42:
	case 43:
	case 46:
		return "it does not accept our certificate";
	case 44:
		return "our certificate is revoked";
	case 45:
		return "our certificate has expired";
	case 48:
		return "it does not know our domain";
	case 70:
		return "no common TLS version";
	case 112:
		return "it serves no domain with the CA that we trust";
	case 116:
		return "it wants a certificate";
	case 120:
		return "no common protocol";
	default:
		return "see RFC 8446";
	}
}

/* What the library, or the peer's last alert, says went wrong. */
static int broken(struct tls *t, int error)
{
	WOLFSSL_ALERT_HISTORY alerts;

	t->broken = true;
	if (t->reason[0])
		return -EPROTO;
	if (wolfSSL_get_alert_history(t->ssl, &alerts) == WOLFSSL_SUCCESS &&
	    alerts.last_rx.level == alert_fatal)
		snprintf(t->reason, sizeof(t->reason), "peer refused: TLS alert %d (%s)",
			 alerts.last_rx.code, alert_name(alerts.last_rx.code));
	else if (error == UNKNOWN_RECORD_TYPE && !t->done)
		snprintf(t->reason, sizeof(t->reason), "the other side does not speak TLS");
	else
		snprintf(t->reason, sizeof(t->reason), "TLS: %s",
			 wolfSSL_ERR_reason_error_string((unsigned long)error));
	return -EPROTO;
}

int tls_handshake(struct tls *t)
{
	int r, error;

	if (t->broken)
		return -EPROTO;
	if (t->done)
		return 0;
	r = t->is_server ? wolfSSL_accept(t->ssl) : wolfSSL_connect(t->ssl);
	if (r == WOLFSSL_SUCCESS) {
		if (tls_verify_finish(t) != 0) {
			t->broken = true;
			return -EPROTO;
		}
		t->done = true;
		return 0;
	}
	error = wolfSSL_get_error(t->ssl, r);
	if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	return broken(t, error);
}

int tls_read(struct tls *t, void *out, size_t size, size_t *n)
{
	int r, error;

	if (t->broken)
		return -EPROTO;
	r = wolfSSL_read(t->ssl, out, (int)size);
	if (r > 0) {
		*n = (size_t)r;
		return 0;
	}
	error = wolfSSL_get_error(t->ssl, r);
	if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == WOLFSSL_ERROR_ZERO_RETURN)
		return -EPIPE;
	return broken(t, error);
}

int tls_write(struct tls *t, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	if (t->broken)
		return -EPROTO;
	while (len > 0) {
		int part = len > TLS_RECORD_MAX_BYTES ? TLS_RECORD_MAX_BYTES : (int)len;
		int r = wolfSSL_write(t->ssl, at, part);

		if (r <= 0)
			return broken(t, wolfSSL_get_error(t->ssl, r));
		at += r;
		len -= (size_t)r;
	}
	return 0;
}

int tls_export(struct tls *t, const char *label, const char *context, uint8_t out[TLS_EXPORT_BYTES])
{
	if (!t->done || strcmp(tls_version(t), "TLSv1.3") != 0)
		return -ENOTSUP;
	return wolfSSL_export_keying_material(t->ssl, out, TLS_EXPORT_BYTES, label, strlen(label),
					      (const unsigned char *)context, strlen(context),
					      1) == WOLFSSL_SUCCESS
		       ? 0
		       : -EIO;
}

void tls_export_done(struct tls *t)
{
	if (t->ssl)
		wolfSSL_FreeArrays(t->ssl);
}

size_t tls_pending(const struct tls *t)
{
	return t->ssl ? (size_t)wolfSSL_pending(t->ssl) : 0;
}

void tls_close_notify(struct tls *t)
{
	if (t->ssl && t->done && !t->broken)
		(void)wolfSSL_shutdown(t->ssl); /* the answer is not waited for */
}

const char *tls_alpn(const struct tls *t, char *out, size_t size)
{
	char *name = NULL;
	unsigned short len = 0;

	out[0] = '\0';
	if (t->ssl && wolfSSL_ALPN_GetProtocol(t->ssl, &name, &len) == WOLFSSL_SUCCESS && name)
		snprintf(out, size, "%.*s", (int)len, name);
	return out;
}

const char *tls_version(const struct tls *t)
{
	return t->ssl && t->done ? wolfSSL_get_version(t->ssl) : "";
}

const char *tls_cipher(const struct tls *t)
{
	return t->ssl && t->done ? wolfSSL_get_cipher_name(t->ssl) : "";
}

const char *tls_group(const struct tls *t)
{
	const char *name = t->ssl && t->done ? wolfSSL_get_curve_name(t->ssl) : NULL;

	return name ? name : "";
}
