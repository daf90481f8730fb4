/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * opt - configuration files (INI, by inih) from a table of options. The same table parses,
 * checks (-n), prints the effective configuration, and documents.
 *
 * A file is parsed into a fresh structure: unknown sections and keys, duplicates, lines that
 * are too long (over 199 bytes: inih would cut them silently), indented lines (inih would add them
 * to the value above), control characters and whatever is not KEY = VALUE are refused with
 * FILE:LINE; the caller commits only what was good as a whole. A line that begins with # or ; is a
 * comment, and so is what follows a # or ; that stands after white space. At most 64 KiB.
 */
#ifndef FARLAN_OPT_H
#define FARLAN_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPT_ERROR_SIZE 512
#define OPT_SOCKET_MAX 107 /* bytes of a Unix socket's path, unix(7) */

struct opt {
	const char *section, *key;
	/* Parse @value into the field at @field; return NULL or what is wrong, in words. */
	const char *(*parse)(const struct opt *o, const char *value, void *field);
	/* Print the field's value as it would stand in a file. */
	void (*print)(const struct opt *o, const void *field, char *out, size_t out_size);
	size_t offset;	  /* of the field in the configuration structure */
	size_t size;	  /* of the field */
	const char *dflt; /* as in a file; NULL: none */
	long min, max;	  /* for numbers; max: for paths */
	const char *help; /* one line */
	bool required;	  /* a file without it is refused */
	/* NULL: never. Does the value hold a password? Then nobody else should read the file. */
	bool (*is_secret)(const void *field);
};

/*
 * Parsers and printers for common types. Lists are separated by commas; ports must be at least
 * one, listens and prefixes may be empty. A parser's words are valid until the next call of one in
 * this thread.
 */
const char *opt_parse_string(const struct opt *o, const char *value, void *field); /* char[size] */
/* A string that begins with "/"; of at most max bytes, if that is set. */
const char *opt_parse_path(const struct opt *o, const char *value, void *field);
const char *opt_parse_bool(const struct opt *o, const char *value, void *field); /* bool: yes/no */
const char *opt_parse_int(const struct opt *o, const char *value, void *field); /* long, min..max */
/* uint64_t, bytes a second: "10mbit", "none" (rate.h) */
const char *opt_parse_rate(const struct opt *o, const char *value, void *field);
const char *opt_parse_ports(const struct opt *o, const char *value,
			    void *field); /* struct opt_ports */
const char *opt_parse_listen(const struct opt *o, const char *value,
			     void *field); /* struct opt_listens */
/* The same, but PORT alone is 127.0.0.1: what is not for everybody. */
const char *opt_parse_listen_here(const struct opt *o, const char *value, void *field);
const char *opt_parse_prefixes(const struct opt *o, const char *value,
			       void *field); /* struct opt_prefixes */
/* struct opt_lans: as prefixes, each may be followed by " via GATEWAY" */
const char *opt_parse_lans(const struct opt *o, const char *value, void *field);
void opt_print_string(const struct opt *o, const void *field, char *out, size_t out_size);
const char *opt_parse_inspection(const struct opt *o, const char *value,
				 void *field); /* bool: report/refuse */
void opt_print_inspection(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_bool(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_int(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_rate(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_ports(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_listen(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_prefixes(const struct opt *o, const void *field, char *out, size_t out_size);
void opt_print_lans(const struct opt *o, const void *field, char *out, size_t out_size);

#include "common/pure/addr.h"
#include "common/pure/url.h"

#define OPT_PORTS_MAX 8
struct opt_ports { /* "443, 80, 5935" */
	size_t n;
	uint16_t port[OPT_PORTS_MAX];
};

#define OPT_LISTENS_MAX 16
struct opt_listen { /* "443" (all addresses, IPv6 and IPv4), "192.0.2.1:443", "[2001:db8::1]:443" */
	struct addr addr; /* family 0: all addresses */
	uint16_t port;
};
struct opt_listens {
	size_t n;
	struct opt_listen at[OPT_LISTENS_MAX];
};

#define OPT_PREFIXES_MAX 16
struct opt_prefixes { /* "192.168.101.0/24, fd00:1::/64"; routable, no host bits */
	size_t n;
	struct prefix at[OPT_PREFIXES_MAX];
};

struct opt_lan {
	struct prefix prefix;
	struct addr gateway; /* family 0: none, it is on a link here */
};
struct opt_lans { /* "192.168.101.0/24, 10.5.0.0/16 via 192.168.101.7" */
	size_t n;
	struct opt_lan at[OPT_PREFIXES_MAX];
};

#include "common/pure/proxy.h"

struct opt_proxy { /* "" (as the environment says), "none", "http://[USER:PASSWORD@]HOST[:PORT]" */
	enum { OPT_PROXY_ENVIRONMENT, OPT_PROXY_NONE, OPT_PROXY_GIVEN } from;
	struct proxy to; /* GIVEN */
};
/* Printed with **** for the password. */
const char *opt_parse_proxy(const struct opt *o, const char *value, void *field);
void opt_print_proxy(const struct opt *o, const void *field, char *out, size_t out_size);
bool opt_proxy_is_secret(const void *field);
/* struct proxy_except */
const char *opt_parse_no_proxy(const struct opt *o, const char *value, void *field);
void opt_print_no_proxy(const struct opt *o, const void *field, char *out, size_t out_size);
#define OPT_SERVERS_MAX 8
struct opt_servers { /* "time.example.org, 192.0.2.1, [2001:db8::1]:1123"; of a url the host and the
			port */
	size_t n;
	struct url at[OPT_SERVERS_MAX];
};
const char *opt_parse_servers(const struct opt *o, const char *value,
			      void *field); /* struct opt_servers; may be empty */
void opt_print_servers(const struct opt *o, const void *field, char *out, size_t out_size);

/** opt_defaults() - fill @conf with the table's defaults; zero bytes where there is none. */
void opt_defaults(const struct opt *table, size_t n, void *conf);

/**
 * opt_load() - defaults, then the file. @error: "FILE:LINE: what is wrong" or "FILE: why it cannot
 * be read"; "" on success. If a file has several errors, all (up to 50) are logged; and a warning
 * if it holds a password and everybody may read it.
 * Return: 0; -ENOENT no such file; -EINVAL; -errno. On failure @conf is not to be used.
 */
int opt_load(const char *path, const struct opt *table, size_t n, void *conf,
	     char error[OPT_ERROR_SIZE]) __attribute__((warn_unused_result));

/** opt_print() - the effective configuration as a file, with help as comments, to stdout. */
void opt_print(const struct opt *table, size_t n, const void *conf);

/* What the command line of all three daemons says: [-c FILE] [-n] [-v] [--version] [--help] */
struct opt_args {
	const char *config; /* -c; default given */
	bool config_given;  /* a missing default file is no error, a missing given one is */
	bool check_only;    /* -n: check, print the effective configuration, exit */
	int verbose;	    /* -v: debug messages; how often */
};

/* A program for its --help. */
struct opt_program {
	const char *name;	    /* "relayd" */
	const char *what_it_is;	    /* one sentence */
	const char *default_config; /* path */
	const struct opt *table;    /* printed by --help; may be NULL */
	size_t n;
};

/**
 * opt_args_parse_for() - prints --help and --version itself (*exit_code 0) and complaints (2).
 * Return: true go on; false exit with *exit_code.
 */
bool opt_args_parse_for(struct opt_args *a, int argc, char **argv,
			const struct opt_program *program, int *exit_code);

/** opt_args_parse() - the same without a table of options in --help. */
bool opt_args_parse(struct opt_args *a, int argc, char **argv, const char *program,
		    const char *what_it_is, const char *default_config, int *exit_code);

#endif
