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

#define TLS_ANCHOR_NAME_SIZE 20 /* "ca-" and 16 hex digits */
#define TLS_PEM_MAX_BYTES 4096

/* A further CA that clients may name, and what they are shown then. */
struct tls_anchor {
	char name[TLS_ANCHOR_NAME_SIZE];
	struct x509_cert ca;
	bool trusted; /* clients with certificates by it are let in */
	size_t pem_len;
	char pem[2 * TLS_PEM_MAX_BYTES];
};

/* What an outer server shows to who wants to speak to a host. */
struct tls_host {
	struct tls_host *next;
	char name[URL_HOST_SIZE];
	struct x509_key key;
	size_t pem_len;
	char pem[2 * TLS_PEM_MAX_BYTES];
};

struct tls_ctx {
	WOLFSSL_CTX *ctx;
	enum tls_layer layer;
	bool is_server;
	bool has_ca;
	struct x509_cert ca;
	bool refuses, has_pin; /* outer client */
	uint8_t pin[32];
	size_t n_anchors;
	struct tls_anchor *anchors;
	struct tls_host *hosts;
};

/** tls_chain_pem() - a certificate and, if there is one, the CA behind it. Return: 0; -EIO. */
int tls_chain_pem(const struct x509_cert *cert, const struct x509_cert *ca,
		  char pem[2 * TLS_PEM_MAX_BYTES], size_t *len) __attribute__((warn_unused_result));

/** tls_chain_pem_more() - one more behind it. */
bool tls_chain_pem_more(char pem[2 * TLS_PEM_MAX_BYTES], size_t *len, const struct x509_cert *cert);
/** tls_hosts_free() - with the keys. */
void tls_hosts_free(struct tls_ctx *c);

/** tls_anchor_ask() - as a client: name the CA that is trusted. tls_anchor_listen() - as a server:
 * heed it. */
bool tls_anchor_ask(struct tls *t);
void tls_anchor_listen(struct tls_ctx *c);
/** tls_anchor_signer() - the CA of the context, or of a trusted anchor, that signed it; NULL. Dates
 * are not looked at. */
const struct x509_cert *tls_anchor_signer(const struct tls_ctx *c, const uint8_t *cert, size_t len);

/** tls_ctx_new() - without certificates. Return: NULL: it could not be made. */
struct tls_ctx *tls_ctx_new(enum tls_layer layer, bool is_server);

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
