/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls - TLS engines by wolfSSL, without sockets: ciphertext comes from one queue and goes to
 * another. Both layers of a connection are such engines.
 *
 * An engine takes exact records from its input queue (header, then body), so bytes behind
 * the last record stay in the queue; and its output queue always has room, so a write
 * never stops half-way (the owner bounds it by asking before it writes).
 */
#ifndef FARLAN_TLS_H
#define FARLAN_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/io/identity.h"
#include "common/io/opt.h"
#include "common/pure/buf.h"
#include "common/pure/bytes.h"

#define TLS_RECORD_MAX_BYTES 16384 /* plaintext in one record */
#define TLS_REASON_SIZE 160
#define TLS_NAME_SIZE 40
#define TLS_INSPECTION_SIZE (TLS_REASON_SIZE + 2 * TLS_NAME_SIZE + 80)
#define TLS_EXPORT_BYTES 32
#define TLS_ALPN_ENROL "farlan-enrol/1"
#define TLS_ALPN_CONTROL "farlan-control/1"
#define TLS_ALPN_PATH "farlan-path/1"

struct tls_ctx;

struct tls_pem { /* what a file holds */
	const uint8_t *bytes;
	size_t len;
};

/** tls_global_init() - once at start. Return: 0; -EIO. */
int tls_global_init(void) __attribute__((warn_unused_result));
void tls_global_deinit(void);

/*
 * Contexts. Each is made once and lives longer than the engines made from it.
 * outer client: any certificate is accepted, tls_peer() says whether it was good for the host
 *   (domain CA @ca, may be NULL while unknown, or the system's CAs with @system_roots).
 * outer server: @cert with the domain CA @ca behind it in the chain.
 * inner: TLS 1.3 only, no resumption, no tickets, X25519MLKEM768 first, AES-GCM where the CPU
 *   has AES, else ChaCha20-Poly1305 first.
 * Return: 0 and *out; -EIO, logged.
 */
int tls_ctx_outer_client(struct tls_ctx **out, const struct x509_cert *ca, bool system_roots)
	__attribute__((warn_unused_result));
/* outer client for probes: nothing is checked, and X25519 comes first, so that it costs little. */
int tls_ctx_outer_probe(struct tls_ctx **out) __attribute__((warn_unused_result));
int tls_ctx_outer_server(struct tls_ctx **out, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
	__attribute__((warn_unused_result));
/* outer server with PEM files' content: a chain and its key, RSA or ECDSA. Return: 0; -EINVAL,
 * @why: in words; -ENOMEM. Not logged. */
int tls_ctx_outer_server_pem(struct tls_ctx **out, const struct tls_pem *chain,
			     const struct tls_pem *key, const char **why)
	__attribute__((warn_unused_result));
/* outer client that trusts as @trust says; its files are read. NULL: domain and system. What cannot
 * be read is logged and left out. */
int tls_ctx_outer_trusting(struct tls_ctx **out, const struct x509_cert *ca,
			   const struct opt_trust *trust) __attribute__((warn_unused_result));
/** tls_ctx_outer_of() - the same for who has an identity: its domain's CA, and those before that it
 * has followed. Return: 0; -EIO. */
int tls_ctx_outer_of(struct tls_ctx **out, const struct identity *id, const struct opt_trust *trust,
		     bool refuse_inspection) __attribute__((warn_unused_result));
/* @cert, @key may be NULL: a client that has no identity yet. @ca may be NULL: with a pin only. */
int tls_ctx_inner_client(struct tls_ctx **out, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
	__attribute__((warn_unused_result));
int tls_ctx_inner_server(struct tls_ctx **out, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
	__attribute__((warn_unused_result));
/* of paths: the other side knows the key by a grant, so the CA is not sent along. */
int tls_ctx_inner_path_server(struct tls_ctx **out, const struct x509_cert *cert,
			      const struct x509_key *key, const struct x509_cert *ca)
	__attribute__((warn_unused_result));
void tls_ctx_free(struct tls_ctx *ctx);
/** tls_ctx_refuse_inspection() - outer client: tls_refuses() says so where tls_peer_inspected(). */
void tls_ctx_refuse_inspection(struct tls_ctx *ctx);
/** tls_ctx_outer_pin() - outer client at first contact: a chain that holds this certificate is
 * good, too. */
void tls_ctx_outer_pin(struct tls_ctx *ctx, const uint8_t sha256[32]);

/** tls_ctx_trust() - one more CA counts: outer clients: for hosts; inner engines: a peer may send
 * it along. Before the first engine. Return: 0; -EIO. */
int tls_ctx_trust(struct tls_ctx *ctx, const struct x509_cert *ca)
	__attribute__((warn_unused_result));
/** tls_ctx_outer_show() - outer servers: @cert, the CA that it is by, and the domain's newest one,
 * which invitations name. Before the first engine. Return: 0; -EIO. */
int tls_ctx_outer_show(struct tls_ctx *ctx, const struct x509_cert *cert,
		       const struct x509_cert *ca, const struct x509_cert *newest)
	__attribute__((warn_unused_result));
/**
 * tls_ctx_outer_face() - outer servers: clients that name this host (SNI) are shown another
 * certificate: @cert with its key, and the CA that it is by; @newest: as tls_ctx_outer_show(), NULL
 * if it is the same. Of two for one host the first one counts. Before the first engine. Return: 0;
 * -ENOMEM; -EIO.
 */
struct tls_face {
	const char *host;
	const struct x509_cert *cert;
	const struct x509_key *key;
	const struct x509_cert *ca, *newest;
};
int tls_ctx_outer_face(struct tls_ctx *ctx, const struct tls_face *face)
	__attribute__((warn_unused_result));
/** tls_ctx_trust_formers() - all that an identity has followed. Return: 0; -EIO. */
int tls_ctx_trust_formers(struct tls_ctx *ctx, const struct identity *id)
	__attribute__((warn_unused_result));
/**
 * tls_ctx_add_anchor() - inner servers: clients that name this CA as the one that they trust are
 * shown @cert, which is by it, for the same key. @trusted: clients with certificates by it are let
 * in. Before the first engine. Return: 0; -ENOMEM; -EIO.
 */
int tls_ctx_add_anchor(struct tls_ctx *ctx, const struct x509_cert *cert,
		       const struct x509_cert *ca, bool trusted)
	__attribute__((warn_unused_result));

/* What an inner engine demands of the other side; copied. */
struct tls_expect {
	const char *alpn; /* the protocol; a server may name several, with commas. Without one in
			     common the handshake fails */
	bool any_of_kind; /* a peer of @id.kind in @id.domain, whatever its UID */
	bool has_ident;	  /* exactly @id */
	struct ident id;
	bool has_key; /* its key is this one; then dates and CA are not looked at */
	uint8_t key_sha256[X509_SPKI_SHA256_BYTES];
	bool has_ca_pin; /* first contact: the chain's root is this certificate (SHA-256 of DER) */
	uint8_t ca_sha256[32];
	bool peer_optional; /* server: a client without certificate is let in (ALPN enrol), and so
			       is one of an unknown CA; neither is verified */
	bool dates_later;   /* wrong dates alone end nothing: the owner looks at tls_peer_dates() */
};

#define TLS_ANCHOR_UNKNOWN (-1)

struct tls_peer {
	/* Inner server: which CA the client trusts: 0 the context's own one (or it did not say), N
	 * the Nth that was added, or TLS_ANCHOR_UNKNOWN. */
	int anchor;
	bool has_cert, verified; /* verified: chain, dates and, outside, the host name */
	bool has_ident;
	struct ident id;
	uint8_t key_sha256[X509_SPKI_SHA256_BYTES];
	struct x509_cert *root; /* the domain CA that the pin named; NULL: none */
	/* Inner: who signed its certificate (the context's own CA if that was not looked at); lives
	 * as the engine does. */
	const struct x509_cert *ca;
	bool only_dates; /* outer: not verified, for its dates alone */
	char subject[TLS_NAME_SIZE],
		issuer[TLS_NAME_SIZE]; /* outer: of its certificate, for people */
	/* Inner, and outer with only_dates: when all its certificates are valid, Unix seconds. */
	int64_t not_before, not_after;
	char problem[TLS_REASON_SIZE]; /* why it is not verified, in words; "": no certificate */
};

/** tls_peer_dates() - are the certificates of an inner engine's peer valid now? Return: 0; -ETIME.
 */
int tls_peer_dates(const struct tls_peer *peer) __attribute__((warn_unused_result));
/** tls_peer_verified() - outer: as of now, when the time may be known that was not known then. */
bool tls_peer_verified(const struct tls_peer *peer);
/** tls_peer_inspected() - outer client: somebody ended the TLS on the way who has no certificate
 * that counts here. tls_peer_inspection() - who, in words; "" if so. Return: @out. */
bool tls_peer_inspected(const struct tls_peer *peer);
const char *tls_peer_inspection(const struct tls_peer *peer, char out[TLS_INSPECTION_SIZE]);

struct tls {
	void *ssl;	      /* WOLFSSL */
	struct buf *in, *out; /* borrowed */
	struct rd lent;	      /* read after *in: bytes that need not be copied there */
	bool is_server, done, broken;
	bool mute; /* what the library still wants to send is swallowed: the layer is being shed */
	struct tls_expect expect;
	struct tls_peer peer;
	char reason[TLS_REASON_SIZE]; /* why it broke, in words */
	const struct tls_ctx *ctx;
	char host[URL_HOST_SIZE]; /* outer client */
	/* Outer client, set after tls_init(): the peer's own certificate (DER), once; NULL: nobody
	 * wants it. @n_chain: how many certificates came, with this one. */
	void (*on_cert)(void *arg, const uint8_t *der, size_t len, size_t n_chain);
	void *on_cert_arg;
};

/**
 * tls_init() - an engine on the caller's memory. @in, @out: borrowed until tls_deinit().
 * @host: outer client: the name for SNI and certificate; else NULL.
 * @expect: inner engines; NULL for outer ones.
 */
int tls_init(struct tls *t, const struct tls_ctx *ctx, struct buf *in, struct buf *out,
	     const char *host, const struct tls_expect *expect) __attribute__((warn_unused_result));
void tls_deinit(struct tls *t); /* sends nothing; idempotent */

/** tls_handshake() - go on with what is in the queue. Return: 0 done; -EAGAIN; -EPROTO (t->reason).
 */
int tls_handshake(struct tls *t) __attribute__((warn_unused_result));

/**
 * tls_read() - plaintext of at most one record. *n > 0 on success.
 * Return: 0; -EAGAIN; -EPIPE the peer's close_notify; -EPROTO (t->reason).
 */
int tls_read(struct tls *t, void *out, size_t size, size_t *n) __attribute__((warn_unused_result));

/** tls_write() - seal all @len bytes, as few records as needed. Return: 0; -ENOBUFS, -EPROTO: the
 * engine is broken. */
int tls_write(struct tls *t, const void *bytes, size_t len) __attribute__((warn_unused_result));

/**
 * tls_export() - keying material of this connection (RFC 8446 section 7.5): equal at both ends
 * only if nobody sits between them. Outer engines, once, after the handshake.
 * Return: 0; -ENOTSUP not TLS 1.3; -EIO.
 */
int tls_export(struct tls *t, const char *label, const char *context, uint8_t out[TLS_EXPORT_BYTES])
	__attribute__((warn_unused_result));
/** tls_export_done() - no tls_export() will follow: free what was kept for it. */
void tls_export_done(struct tls *t);

/** tls_pending() - opened bytes that tls_read() has not handed out. */
size_t tls_pending(const struct tls *t);

/** tls_close_notify() - append the closing alert to the output. */
void tls_close_notify(struct tls *t);

/** tls_alpn() - what was agreed on, or "". tls_version(), tls_cipher(), tls_group(): names for
 * status. */
const char *tls_alpn(const struct tls *t, char *out, size_t size);
const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
const char *tls_group(const struct tls *t);
/** tls_refuses() - after the handshake: close before anything is said. */
bool tls_refuses(const struct tls *t);
static inline const struct tls_peer *tls_peer(const struct tls *t)
{
	return &t->peer;
}

#endif
