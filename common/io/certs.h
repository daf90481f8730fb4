/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * certs - a server's certificate for the outer layer from files, as a public CA's client (certbot)
 * leaves them: read anew when they change, without a restart; and warnings before certificates end.
 *
 * A pair that is no good (half-written, of different keys, unreadable) leaves the old one in use;
 * without an old one the owner uses the domain's. Contexts that were in use live until
 * certs_free(), because engines were made from them.
 */
#ifndef FARLAN_CERTS_H
#define FARLAN_CERTS_H

#include <jansson.h>
#include <uv.h>

#include "common/io/tls.h"

struct certs;

struct certs_config {
	const char *chain, *key; /* PEM files, copied; "": none, only warnings */
	/* Another pair is in use: certs_tls(). May be NULL. */
	void (*on_new)(void *arg);
	void *arg;
};

extern struct certs_times {
	uint32_t poll_ms;
} certs_times; /* only tests set other ones */

/** certs_open() - reads the files at once; what is wrong with them is logged and no failure.
 * Return: 0; -errno. */
int certs_open(struct certs **out, uv_loop_t *loop, const struct certs_config *config)
	__attribute__((warn_unused_result));
/** certs_check() - look at the files now (SIGHUP). */
void certs_check(struct certs *c);
/** certs_close() - no callback any more. certs_free() - after the loop has ended, and all engines.
 * Both do nothing with NULL. */
void certs_close(struct certs *c);
void certs_free(struct certs *c);

/** certs_tls() - outer server; NULL: there is none from files. Any thread may use what it got. */
const struct tls_ctx *certs_tls(const struct certs *c);

/**
 * certs_watch() - warn of their ends, too: @domains_own is the outer certificate of the domain CA,
 * in use while there is none from files, and its names are those that one from files must have.
 */
void certs_watch(struct certs *c, const struct x509_cert *domains_own, const struct x509_cert *ca);

/** certs_not_after() - of the outer certificate in use, Unix seconds; 0: not known. */
int64_t certs_not_after(const struct certs *c);
/** certs_status() - "certificate" in @o: file, left_s, problem, ca_left_s. */
void certs_status(const struct certs *c, json_t *o);

#endif
