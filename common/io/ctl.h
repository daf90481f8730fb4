/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ctl - the tools' side of a daemon's local socket: plain blocking calls, no loop.
 */
#ifndef FARLAN_CTL_H
#define FARLAN_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

/* Exit codes of all tools. */
enum ctl_exit { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NO_DAEMON = 3 };

/**
 * ctl_open() - connect. Path: @path if not NULL, else $FARLAN_SOCKET, else @dflt.
 * Return: 0; -errno, and a sentence on standard error that says what to do (daemon not running? not
 * in the group?).
 */
int ctl_open(struct ctl **out, const char *path, const char *dflt)
	__attribute__((warn_unused_result));
void ctl_close(struct ctl *c);

/**
 * ctl_finish() - before main returns @exit_code: is all that was printed in the file or pipe? What
 * an invitation is lost with must not look like success. Return: @exit_code; CTL_FAILED, said as
 * @name, if it was CTL_OK.
 */
int ctl_finish(const char *name, int exit_code) __attribute__((warn_unused_result));

/**
 * ctl_call() - ask and wait. @params: taken. @timeout_ms: negative waits without end.
 * @on_notify: called for each notification meanwhile, may be NULL. The notification `wait`
 * {within_s} sets the time anew: from then on.
 * @result: new reference, caller owns; NULL on failure.
 * Return: 0; a positive RPC code or a negative JSON-RPC one with the daemon's words in
 * @error, control characters shown as '?'; RPC_TIMEOUT, another call may follow; RPC_CLOSED, none
 * may.
 */
int ctl_call(struct ctl *c, const char *method, json_t *params, int timeout_ms,
	     void (*on_notify)(void *arg, const char *method, const json_t *params), void *arg,
	     json_t **result, char *error, size_t error_size) __attribute__((warn_unused_result));

/**
 * ctl_read_secret() - a line from the terminal without echo (prompt on the terminal), or, when
 * standard input is no terminal, the next line of it. The line end is not part of it.
 * Return: 0; -ENODATA end of input; -E2BIG, the rest of the line was read, too; -EILSEQ a NUL in
 * it; -EINTR. A signal (Ctrl-C, Ctrl-Z) takes effect once the terminal is as it was.
 */
int ctl_read_secret(const char *prompt, char *out, size_t out_size)
	__attribute__((warn_unused_result));
/** ctl_read_line() - the same with echo. */
int ctl_read_line(const char *prompt, char *out, size_t out_size)
	__attribute__((warn_unused_result));

/*
 * A table for people, in UTF-8; what could steer a terminal is shown as '?'. A NULL cell is empty.
 * Without rows the headings are printed alone. On a terminal it fits into $COLUMNS or what the
 * terminal says: wide cells are cut, columns left out, or all is shown line by line; see
 * common/pure/table.h. Elsewhere columns are as wide as their widest cell. A heading may begin with
 * a mark: > numbers, to the right; = never cut; - left out first. The first column is never cut.
 */
struct ctl_table;
struct ctl_table *ctl_table_new(size_t n_columns, const char *const *headings);
void ctl_table_row(struct ctl_table *t, const char *const *cells); /* copied */
void ctl_table_print(struct ctl_table *t);			   /* to stdout, and frees */

/** ctl_qr() - draw @text on standard error. Return: false: it is too long. */
bool ctl_qr(const char *text);

/** ctl_print_json() - @o indented on stdout, with a newline. */
void ctl_print_json(const json_t *o);
/** ctl_metrics() - where a daemon's metrics are, from its status; "" if they are off. */
void ctl_metrics(char *out, size_t out_size, const json_t *status);
/** ctl_clock() - what is wrong with the host's clock and what to do, from a daemon's status; "" if
 * it is right, as far as is known. */
void ctl_clock(char *out, size_t out_size, const json_t *status);
/** ctl_certificate() - of a server's outer layer, from what certs_status() put into its status:
 * "FILE, 61 days left"; "" if it is not there. */
void ctl_certificate(char *out, size_t out_size, const json_t *status);
/** ctl_bytes() - 1234567 as "1.2 MB". */
void ctl_bytes(char *out, size_t out_size, uint64_t n);

#endif
