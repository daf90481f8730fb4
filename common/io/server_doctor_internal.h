/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * server_doctor_internal - what its files share; nobody else includes it.
 *
 *   server_doctor.c        command line, loop, what is printed
 *   server_doctor_web.c    names, ports, certificates, WebSockets, idle connections
 *   server_doctor_host.c   this host: clock, congestion control, open files
 *   server_doctor_facts.c  the daemon's part
 */
#ifndef FARLAN_SERVER_DOCTOR_INTERNAL_H
#define FARLAN_SERVER_DOCTOR_INTERNAL_H

#include "common/io/check_host.h"
#include "common/io/outer.h"
#include "common/io/server_doctor.h"
#include "common/io/x509_words.h"

#define SERVER_DOCTOR_MS 28000
#define SERVER_DOCTOR_IDLE_MS 60000 /* so long one connection is held idle */
#define SERVER_DOCTOR_URLS_MAX 8

struct server_doctor;

/* One URL. */
struct server_doctor_site {
	struct server_doctor *d;
	struct check_host c;
	bool has_cert, own_address; /* a certificate was shown; the name leads to this host */
	struct x509_words cert;
	bool domain_ca;
	size_t n_chain;
	struct outer *ws; /* while it is tried, or held */
	bool opened, told;
	uint64_t open_ms;
	uv_timer_t idle;
	bool has_idle;
};

struct server_doctor {
	uv_loop_t loop;
	uv_timer_t total;
	const struct server_doctor_options *options;
	json_t *facts; /* the daemon's */
	const char *program, *path;
	bool access;
	bool has_ca, over;
	struct x509_cert ca;
	struct tls_ctx *ctx;
	json_t *checks;
	size_t n_failed, n_warnings, n_sites;
	struct server_doctor_site *sites[SERVER_DOCTOR_URLS_MAX];
};

void server_doctor_tell(struct server_doctor *d, const struct finding *f);
/** server_doctor_look() - something has come to its end: is it all? */
void server_doctor_look(struct server_doctor *d);

void server_doctor_web_begin(struct server_doctor *d, const json_t *urls);
bool server_doctor_web_runs(const struct server_doctor *d);
void server_doctor_web_stop(struct server_doctor *d);
void server_doctor_web_free(struct server_doctor *d); /* after the loop has ended */

void server_doctor_host(struct server_doctor *d);

#endif
