/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of accessctl share.
 *
 * A command is a row of its area's table, in a file of the area; accessctl_areas.c lists the areas.
 * All else comes of the row: the words are counted, options checked, help and completion written.
 */
#ifndef FARLAN_ACCESSCTL_H
#define FARLAN_ACCESSCTL_H

#include <stdio.h>

#include "common/io/ctl.h"
#include "common/pure/rate.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/rules.h"

#define ACCESSCTL_SOCKET "/run/farlan/accessd.sock"
#define ACCESSCTL_REMOTE_SOCKET "/run/farlan/vpnd.sock"
#define ACCESSCTL_TIMEOUT_MS 20000
#define ACCESSCTL_WORDS_MAX (8 + RULES_MAX)
#define ACCESSCTL_OPTIONS_MAX 32 /* that one command has */

struct accessctl;

/* --- a command ------------------------------------------------------------------------------- */

/* What an option takes. Its value is checked before the command runs. */
enum accessctl_kind {
	ACCESSCTL_FLAG,	    /* nothing */
	ACCESSCTL_TEXT,	    /* any one word */
	ACCESSCTL_NUMBER,   /* 1 to INT32_MAX */
	ACCESSCTL_DURATION, /* 30m, 12h, 7d: as a number of seconds */
	ACCESSCTL_RATE,	    /* 10mbit, none: as text */
	ACCESSCTL_PREFIXES, /* a list; may be several words; none: an empty list */
	ACCESSCTL_URLS,	    /* a list */
	ACCESSCTL_LIST,	    /* a list of any words */
};
#define ACCESSCTL_NEEDED 0x100u /* with a kind: the command does not do without it */

/* Lists are written with commas, or the option is given again. */
struct accessctl_option {
	const char *name;  /* "--lan"; an option of this name is of a like kind in all commands */
	const char *value; /* as help shows it, "PREFIX"; NULL: a flag. See operands */
	unsigned int kind;
	const char *help; /* half a line; NULL: it is not told of */
};

struct accessctl_command {
	const char *words; /* "device add" */
	/*
	 * What follows, as help shows it: "DEVICE NAME [ADDRESS]". Those in [] may be absent, the
	 * last one may be there several times if it ends in "...". Completion knows DEVICE, USER,
	 * GROUP, FOLDER, RELAY and FILE, also USER|GROUP, and words in lower case as they are:
	 * allow|deny. NULL: nothing.
	 */
	const char *operands;
	const struct accessctl_option *options; /* up to a row without a name; NULL: none */
	const char *help; /* one sentence of at most ACCESSCTL_HELP_MAX characters, no full stop;
			     NULL: help does not tell of it */
	const char *more; /* what else there is to say, with line ends; NULL: nothing */
	const char *examples; /* command lines, each with a line end, without "accessctl"; NULL */
	/* Return: an exit code. */
	int (*run)(struct accessctl *a);
	bool alone; /* does not talk to accessd */
};
#define ACCESSCTL_HELP_MAX 52

struct accessctl_area {
	const char *title;			  /* NULL: goes on with the one before */
	const struct accessctl_command *commands; /* up to a row without words */
};
extern const struct accessctl_area ACCESSCTL_AREAS[]; /* up to one without commands */
extern const struct accessctl_option ACCESSCTL_GENERAL[];

extern const struct accessctl_command ACCESSCTL_SERVER[], ACCESSCTL_DOMAIN[], ACCESSCTL_DEVICE[],
	ACCESSCTL_HOST[], ACCESSCTL_RULE[], ACCESSCTL_USER[], ACCESSCTL_SIGNIN[],
	ACCESSCTL_PERMIT[], ACCESSCTL_POLICY[], ACCESSCTL_RELAY[], ACCESSCTL_SESSION[],
	ACCESSCTL_CONTROL[], ACCESSCTL_AUDIT[], ACCESSCTL_CA[], ACCESSCTL_TRANSFER[],
	ACCESSCTL_BACKUP[], ACCESSCTL_SELF[], ACCESSCTL_COMPLETION[];

/* What stands in a folder takes this when it is added. */
#define ACCESSCTL_FOLDER                                                                          \
	{                                                                                         \
		"--folder", "FOLDER", ACCESSCTL_TEXT, "where it stands: /italy/plant3; absent: /" \
	}

/* What makes an invitation takes these, and calls accessctl_invite(). */
#define ACCESSCTL_INVITES                                                                    \
	{"--expires", "TIME", ACCESSCTL_DURATION,                                            \
	 "how long the invitation is good: 30m, 12h, 7d (default)"},                         \
	{                                                                                    \
		"--qr", NULL, ACCESSCTL_FLAG, "draw it as a QR code, too, on standard error" \
	}

/* --- one run --------------------------------------------------------------------------------- */

struct accessctl_value {
	bool given;
	const char *text; /* the last one */
	int64_t number;
	json_t *list;
};

struct accessctl {
	const struct accessctl_command *command;
	const char *words[ACCESSCTL_WORDS_MAX]; /* "device", "add", "site1" */
	size_t n_words, n_fixed;		/* n_fixed: those that name the command */
	struct accessctl_value values[ACCESSCTL_OPTIONS_MAX]; /* as its options */
	const char *socket, *domain;			      /* NULL: not given */
	bool json, help, version, remote;
	struct ctl *ctl; /* NULL: the command does not need it */
};

/* By the option's name; the command must have it. */
bool accessctl_flag(const struct accessctl *a, const char *option);
/** accessctl_text() - NULL: not given. */
const char *accessctl_text(const struct accessctl *a, const char *option);
/** accessctl_number() - of a number or duration; 0: not given. */
int64_t accessctl_number(const struct accessctl *a, const char *option);
/** accessctl_list() - an array of strings, borrowed; NULL: not given. */
json_t *accessctl_list(const struct accessctl *a, const char *option);
/** accessctl_word() - the nth operand, from 0; NULL: there is none. */
const char *accessctl_word(const struct accessctl *a, size_t n);

/** accessctl_usage() - say what is wrong, and how the command is used. Return: CTL_USAGE. */
int accessctl_usage(const struct accessctl *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A rule, for help. */
#define ACCESSCTL_RULE_IS                                                                     \
	"RULE: allow|deny [in|out] [PREFIX] [tcp|udp|icmp][/PORT[-PORT]] [WHEN]. in: begun\n" \
	"on the engineer's side, out: at the machine; PREFIX is at the machine, PORT is\n"    \
	"where to; WHEN: mon-fri 08:00-17:00 +02:00 (by a clock that is so far ahead of\n"    \
	"UTC all year; daily 22:00-06:00 +00:00 goes over midnight).\n"
/** accessctl_rules() - a list of rules: the operands from the second on, or the lines of --file.
 * Return: 0; CTL_USAGE. */
int accessctl_rules(struct accessctl *a, json_t *list) __attribute__((warn_unused_result));

/* --- asking accessd -------------------------------------------------------------------------- */

#define ACCESSCTL_ERROR_SIZE 512
/** accessctl_connect() - as ctl_open(). */
int accessctl_connect(struct accessctl *a) __attribute__((warn_unused_result));
/** accessctl_call() - as ctl_call(), about the domain that the line names, and the way that it
 * says; nothing is printed. @params: taken, may be NULL. */
int accessctl_call(struct accessctl *a, const char *method, json_t *params, int timeout_ms,
		   json_t **result, char error[ACCESSCTL_ERROR_SIZE])
	__attribute__((warn_unused_result));

/* @method: NULL: the command's words, "device.add". @params: taken, may be NULL. */

/** accessctl_ask() - Return: a new result; NULL, said on standard error. */
json_t *accessctl_ask(struct accessctl *a, const char *method, json_t *params);
/** accessctl_do() - the same for what has nothing to tell but that it is done; with --json its
 * result is printed. Return: an exit code. */
int accessctl_do(struct accessctl *a, const char *method, json_t *params);
/**
 * accessctl_ask_all() - all pages of a list. @what: the member that holds them. @key: of an item,
 * to go on behind it. Return: a new array; NULL, said on standard error.
 */
json_t *accessctl_ask_all(struct accessctl *a, const char *method, json_t *params, const char *what,
			  const char *key);
/** accessctl_invite() - ask for an invitation and print it: alone on standard output. @whom:
 * "device site1". Return: an exit code. */
int accessctl_invite(struct accessctl *a, const char *method, json_t *params, const char *whom);
/** accessctl_strange() - say that the answer was not understood. Return: CTL_FAILED. */
int accessctl_strange(void);

/* --- what is printed ------------------------------------------------------------------------- */

struct accessctl_columns {
	size_t n;
	const char *const *headings;
	void (*row)(struct ctl_table *t, const json_t *item);
};
/** accessctl_show_list() - as JSON with --json, else as a table. @list: taken; NULL: it was said
 * why. Return: an exit code. */
int accessctl_show_list(const struct accessctl *a, json_t *list, const struct accessctl_columns *c);

/** accessctl_show_tree() - folders, by their paths. Return: an exit code. */
int accessctl_show_tree(const json_t *folders);

#define ACCESSCTL_CELL_SIZE 512
#define ACCESSCTL_WHEN_SIZE 32
/** accessctl_cell() - the text of a member; "-": there is none, or it is empty. */
const char *accessctl_cell(const json_t *o, const char *key);
/** accessctl_cell_when() - a time in Unix seconds as the local one; "-". */
void accessctl_cell_when(const json_t *o, const char *key, char out[ACCESSCTL_WHEN_SIZE]);
/** accessctl_cell_list() - a list of strings with spaces between them; "-". */
void accessctl_cell_list(const json_t *o, const char *key, char out[ACCESSCTL_CELL_SIZE]);
/** accessctl_cell_rate() - a limit in bytes a second, as it is set. */
void accessctl_cell_rate(const json_t *o, char out[RATE_TEXT_SIZE]);
/** accessctl_cell_yes() - "yes", "no". */
const char *accessctl_cell_yes(const json_t *o, const char *key);

/** accessctl_shared_host() - warn, if the answer says that another domain has the same host. */
void accessctl_shared_host(const json_t *result);

/** accessctl_read_password() - asked for twice on a terminal, else the next line of standard input.
 * To be wiped. Return: false, and what is wrong was said. */
#define ACCESSCTL_PASSWORD_SIZE 257 /* what accessd takes */
bool accessctl_read_password(char password[ACCESSCTL_PASSWORD_SIZE]);

/* --- accessctl itself ------------------------------------------------------------------------ */

/** accessctl_parse() - Return: 0; CTL_USAGE, said on standard error. */
int accessctl_parse(struct accessctl *a, int argc, char **argv) __attribute__((warn_unused_result));
void accessctl_release(struct accessctl *a);
/** accessctl_run() - do what the line says. Return: an exit code. */
int accessctl_run(struct accessctl *a);
/** accessctl_take() - check @text for an option of the command and add it to its value. Return: 0;
 * CTL_USAGE. */
int accessctl_take(const struct accessctl *a, const struct accessctl_option *o,
		   struct accessctl_value *v, const char *text) __attribute__((warn_unused_result));
/** accessctl_is_prefix() - does @word go on with a list of prefixes? */
bool accessctl_is_prefix(const char *word);

/* All commands in order: for (struct accessctl_at at = {0}; accessctl_next(&at);) */
struct accessctl_at {
	const struct accessctl_area *area;
	const struct accessctl_command *command;
};
bool accessctl_next(struct accessctl_at *at);
/** accessctl_find() - the command whose words are the first of @words. *n_fixed: how many. NULL. */
const struct accessctl_command *accessctl_find(const char *const *words, size_t n_words,
					       size_t *n_fixed);
/** accessctl_behind() - what of a command's words comes behind @words, "" if nothing does. Return:
 * NULL: it does not begin with them. */
const char *accessctl_behind(const struct accessctl_command *c, const char *const *words,
			     size_t n_words);
/** accessctl_awaits() - the option of any command that @word is; NULL: none. */
const struct accessctl_option *accessctl_awaits(const char *word);
/** accessctl_help() - print help on what the words say: all, a group, a command. Return: an exit
 * code. */
int accessctl_help(const char *const *words, size_t n_words);
/** accessctl_unknown() - say that the words are no command, and what may be meant. Return:
 * CTL_USAGE. */
int accessctl_unknown(const char *const *words, size_t n_words);
/** accessctl_print_usage() - one command's words, operands and options, in as many lines as it
 * takes. */
void accessctl_print_usage(FILE *f, const struct accessctl_command *c);

#endif
