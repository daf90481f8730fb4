/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of accessctl share. */
#ifndef FARLAN_ACCESSCTL_H
#define FARLAN_ACCESSCTL_H

#include "common/io/ctl.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/rules.h"

#define ACCESSCTL_SOCKET "/run/farlan/accessd.sock"
#define ACCESSCTL_TIMEOUT_MS 20000
#define ACCESSCTL_WORDS_MAX (8 + RULES_MAX)

/* The command line, taken apart. */
struct accessctl_args {
	const char *socket;
	const char *words[ACCESSCTL_WORDS_MAX]; /* "device", "add", "site1" */
	size_t n_words;
	const char *domain, *rate;
	const char *device, *user;  /* of session history */
	json_t *lans, *urls;	    /* arrays; NULL: not given */
	int64_t expires_s, since_s; /* 0: not given */
	int64_t at;		    /* of device rule add; 0: not given */
	const char *file;	    /* of device rule set */
	bool yes, compromised, idle;
	bool json, qr, help, version;
};

/** accessctl_parse() - Return: 0; CTL_USAGE, said on standard error. */
int accessctl_parse(struct accessctl_args *a, int argc, char **argv)
	__attribute__((warn_unused_result));
void accessctl_release(struct accessctl_args *a);

/** accessctl_usage() - say what is wrong. Return: CTL_USAGE. */
int accessctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** accessctl_ask() - @params: taken. Return: a new result; NULL, said on standard error. */
json_t *accessctl_ask(struct ctl *c, const char *method, json_t *params);
/** accessctl_ask_all() - all pages of a list. @key: of an item, to go on behind it. */
json_t *accessctl_ask_all(struct ctl *c, const char *method, const char *what, const char *key);
/** accessctl_ask_for() - the same with further members in what is asked. @params: borrowed. */
json_t *accessctl_ask_for(struct ctl *c, const char *method, json_t *params, const char *what,
			  const char *key);

/* The commands; words are checked for number. Return: an exit code. */
int accessctl_init(struct ctl *c, const struct accessctl_args *a);
int accessctl_status(struct ctl *c, const struct accessctl_args *a);
int accessctl_add(struct ctl *c, const struct accessctl_args *a);
int accessctl_set(struct ctl *c, const struct accessctl_args *a);
int accessctl_reinvite(struct ctl *c, const struct accessctl_args *a);
int accessctl_passwd(struct ctl *c, const struct accessctl_args *a);
int accessctl_simple(struct ctl *c, const struct accessctl_args *a); /* revoke, remove, drain ... */
int accessctl_wish(struct ctl *c, const struct accessctl_args *a);   /* pin, avoid ... */
int accessctl_rule(struct ctl *c, const struct accessctl_args *a);   /* checks its words itself */
int accessctl_list(struct ctl *c, const struct accessctl_args *a);
int accessctl_sessions(struct ctl *c, const struct accessctl_args *a);
int accessctl_history(struct ctl *c, const struct accessctl_args *a);
int accessctl_host(struct ctl *c, const struct accessctl_args *a); /* device host ... */
int accessctl_ca_show(struct ctl *c, const struct accessctl_args *a);
int accessctl_ca_roll(struct ctl *c, const struct accessctl_args *a);
int accessctl_token_key_roll(struct ctl *c, const struct accessctl_args *a);
int accessctl_kill(struct ctl *c, const struct accessctl_args *a);
int accessctl_doctor(struct ctl *c, const struct accessctl_args *a);

/** accessctl_print_cas() - tables of CAs and token keys. */
void accessctl_print_cas(const json_t *o);

/** accessctl_qr() - draw @text on standard error. Return: false: it is too long. */
bool accessctl_qr(const char *text);

#endif
