/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * daemon - what the main function of every daemon does around its loop: the process's own
 * settings, signals, messages to the service manager, and the order of start and end.
 *
 * A main file may call daemon_main() alone, or the parts.
 */
#ifndef FARLAN_IO_DAEMON_H
#define FARLAN_IO_DAEMON_H

#include <stdbool.h>
#include <uv.h>

#include "common/io/opt.h"

/* From the request to stop until what is still open is left behind. */
#define DAEMON_STOP_MS 10000

/** daemon_process_setup() - files 0 to 2 exist, no core dumps (keys would be in them), SIGPIPE
 * ignored. */
void daemon_process_setup(void);

/** daemon_raise_file_limit() - each connection is a file: as many as the system lets us. Return:
 * how many that is. */
size_t daemon_raise_file_limit(void);

/* SIGTERM and SIGINT ask for the end; SIGHUP for a reload. */
struct daemon_signals {
	uv_signal_t term, intr, hup;
	bool (*on_linger)(void *arg);
	void (*on_stop)(void *arg);
	void (*on_reload)(void *arg);
	void *arg;
	bool asked, stopping, closing;
};

/**
 * daemon_signals_open() - on the caller's memory, which must live until the loop has run after
 * daemon_signals_close(). The handles do not keep the loop alive.
 * @s: on_linger may be set then; it is called with the first signal, and if it returns true,
 * on_stop with the second one only.
 * @on_stop: once; from then on a second SIGTERM or SIGINT ends the process at once, by the kernel.
 * @on_reload: may be NULL, SIGHUP is ignored then. Both run on the loop, never before this returns.
 * Return: 0; -errno, and nothing is open after the loop has run.
 */
int daemon_signals_open(struct daemon_signals *s, uv_loop_t *loop, void (*on_stop)(void *arg),
			void (*on_reload)(void *arg), void *arg)
	__attribute__((warn_unused_result));
/** daemon_signals_close() - idempotent; no callback any more. */
void daemon_signals_close(struct daemon_signals *s);

/**
 * daemon_notify() - tell the service manager (sd_notify(3)): "READY=1", "STATUS=%s", "STOPPING=1".
 * daemon_main() does so by itself, and feeds the manager's watchdog ($WATCHDOG_USEC) from the loop.
 * Without $NOTIFY_SOCKET nothing is done; never blocks; errors do not matter.
 */
void daemon_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct daemon_program {
	struct opt_program program;
	void *conf; /* structure of the program's table; filled by daemon_main() */
	/* May be NULL: what the table cannot check. NULL if good, else what is wrong, in words. */
	const char *(*check)(const void *conf);
	/* Build everything. Return: 0; -errno, logged; then stop() is called, for what was built.
	 */
	int (*start)(uv_loop_t *loop, void *conf, void *arg);
	/* May be NULL: with the first SIGTERM or SIGINT. Return: true: the program has something to
	 * finish, raises SIGTERM then, and stop() is called with that or with another one. */
	bool (*linger)(void *arg);
	/* Begin to close everything; the loop ends by itself. Exactly once. */
	void (*stop)(void *arg);
	void (*reload)(void *arg); /* SIGHUP; may be NULL */
	/* What a service manager shows, one line; may be NULL. */
	void (*status)(void *arg, char *words, size_t size);
	void *arg;
};

/**
 * daemon_main() - command line, configuration, process, loop; returns when all is closed.
 * A program that wants to end by itself raises SIGTERM.
 * Return: exit code: 0; 1 it could not start, or something did not close; 2 command line or
 * configuration.
 */
int daemon_main(const struct daemon_program *p, int argc, char **argv);

#endif
