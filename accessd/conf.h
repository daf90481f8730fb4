/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conf - accessd's configuration file.
 */
#ifndef FARLAN_ACCESSD_CONF_H
#define FARLAN_ACCESSD_CONF_H

#include "common/io/opt.h"

#define CONF_FILE "/etc/farlan/accessd.conf"
#define CONF_SOCKET "/run/farlan/accessd.sock"

struct conf {
	char state[200], socket[108];
	struct opt_listens listen, metrics;
	long session_hours, login_hours, identity_days, history_days;
	long handshakes;		  /* a second */
	uint64_t session_rate, user_rate; /* bytes a second; 0: none */
	bool tls;			  /* of entries of listen that do not say */
	struct opt_prefixes proxies;
	char certificate[200], certificate_key[200]; /* "": the domain's */
};

/** conf_check() - what the table cannot. Return: NULL; what is wrong, in words. */
const char *conf_check(const void *conf);

extern const struct opt CONF_TABLE[];
extern const size_t CONF_TABLE_N;

/** conf_listen_text() - "443, 80, 5935". */
void conf_listen_text(const struct conf *c, char *out, size_t out_size);

#endif
