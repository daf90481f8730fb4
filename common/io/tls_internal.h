/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls_internal - what the three files of tls share; nobody else includes it.
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
};

/** tls_ctx_new() - without certificates. Return: NULL: it could not be made. */
struct tls_ctx *tls_ctx_new(enum tls_layer layer, bool is_server);

/** tls_verify_install() - make @t's engine ask our checks about the peer's certificate. */
void tls_verify_install(struct tls *t);

/** tls_verify_finish() - checks that need a finished handshake. Return: 0; -EPROTO with t->reason.
 */
int tls_verify_finish(struct tls *t) __attribute__((warn_unused_result));

#endif
