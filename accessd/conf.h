/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conf - accessd's configuration file.
 */
#ifndef FARLAN_ACCESSD_CONF_H
#define FARLAN_ACCESSD_CONF_H

#include "common/io/opt.h"

#define CONF_FILE "/etc/farlan/accessd.conf"
#define CONF_SOCKET "/run/farlan/accessd.sock"

/* Where records of the audit go, too. */
enum conf_way { CONF_NOWHERE, CONF_UNIX, CONF_UDP, CONF_TCP };
struct conf_syslog {
	enum conf_way way;
	char path[OPT_SOCKET_MAX + 1]; /* CONF_UNIX */
	struct url at;		       /* else: host and port */
};
#define CONF_PLACE_SIZE 300

struct conf {
	char state[200], socket[108];
	struct opt_listens listen, metrics;
	long session_hours, login_hours, identity_days, history_days;
	long password_cost, password_bytes;
	char refused_passwords[200];	  /* "": none */
	long handshakes;		  /* a second */
	uint64_t session_rate, user_rate; /* bytes a second; 0: none */
	bool tls;			  /* of entries of listen that do not say */
	struct opt_prefixes proxies;
	long audit_records;   /* 0: no limit */
	bool audit_continues; /* what cannot be recorded is done */
	bool audit_journal;
	struct conf_syslog audit_syslog;
	char certificate[200], certificate_key[200]; /* "": the domain's */
};

/** conf_check() - what the table cannot. Return: NULL; what is wrong, in words. */
const char *conf_check(const void *conf);

extern const struct opt CONF_TABLE[];
extern const size_t CONF_TABLE_N;

/* The audit's options (conf_audit.c). */
const char *conf_parse_full(const struct opt *o, const char *value, void *field);
void conf_print_full(const struct opt *o, const void *field, char *out, size_t out_size);
const char *conf_parse_syslog(const struct opt *o, const char *value, void *field);
void conf_print_syslog(const struct opt *o, const void *field, char *out, size_t out_size);

/** conf_listen_text() - "443, 80, 5935". */
void conf_listen_text(const struct conf *c, char *out, size_t out_size);

#endif
