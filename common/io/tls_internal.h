/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls_internal - what the files of tls share; nobody else includes it.
 */
#ifndef FARLAN_TLS_INTERNAL_H
#define FARLAN_TLS_INTERNAL_H

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "common/io/tls.h"

enum tls_layer { TLS_OUTER, TLS_INNER };

struct tls_ctx {
	WOLFSSL_CTX *ctx;
	enum tls_layer layer;
	bool is_server;
	bool has_ca;
	struct x509_cert ca;
	bool refuses, has_pin; /* outer client */
	uint8_t pin[32];
};

/** tls_verify_install() - make @t's engine ask our checks about the peer's certificate. */
void tls_verify_install(struct tls *t);

/** tls_verify_finish() - checks that need a finished handshake. Return: 0; -EPROTO with t->reason.
 */
int tls_verify_finish(struct tls *t) __attribute__((warn_unused_result));

/** tls_inspect_note() - the names in an outer certificate. */
void tls_inspect_note(struct tls_peer *p, const WOLFSSL_BUFFER_INFO *leaf);
/** tls_inspect_pinned() - does the chain end at the pinned certificate, and is the leaf signed by
 * it? */
bool tls_inspect_pinned(const struct tls_ctx *ctx, const WOLFSSL_X509_STORE_CTX *store);

#endif
