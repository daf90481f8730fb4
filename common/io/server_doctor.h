/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * server_doctor - accessd's and relayd's doctor: looks at the running daemon's publication by its
 * public names, from this host, in a process of its own.
 *
 * The daemon says by its local method `doctor` what it is and how it is known (docs/PROTOCOL.md,
 * section 9).
 */
#ifndef FARLAN_SERVER_DOCTOR_H
#define FARLAN_SERVER_DOCTOR_H

#include <jansson.h>
#include <uv.h>

#include "common/io/ctl.h"
#include "common/io/opt.h"
#include "common/io/x509.h"

struct server_doctor_options {
	bool json;
	bool idle;	    /* hold a connection idle for a minute, too */
	const json_t *urls; /* look at these; NULL or empty: those that the daemon names */
	const char *domain; /* of several; NULL: not said */
};

/** server_doctor_run() - ask, look, print. Return: an exit code: CTL_FAILED if something failed. */
int server_doctor_run(struct ctl *c, const struct server_doctor_options *o);

/**
 * server_doctor_main() - `PROGRAM doctor [-c FILE] [--idle] [--url URL] [--json]`.
 * @conf: what @p's table fills; @socket: the path of the socket within it.
 */
int server_doctor_main(const struct opt_program *p, void *conf, const char *socket, int argc,
		       char **argv);
/** server_doctor_asked() - is the first word of the command line `doctor`? */
bool server_doctor_asked(int argc, char **argv);

/* For the daemon's answer. */
struct server_doctor_facts {
	const char *program; /* "accessd" */
	const char *path;    /* where it takes WebSockets: "/v1/control" */
	json_t *urls;	     /* taken */
	bool listening;
	const struct opt_listens *listen;
	const struct x509_cert *ca; /* the domain's; NULL: none yet */
	size_t n_certs;
	struct server_doctor_cert {
		const char *name; /* "identity", "ca", "outer" */
		const struct x509_cert *cert;
	} certs[4];
};
json_t *server_doctor_facts(const struct server_doctor_facts *f);

#endif
