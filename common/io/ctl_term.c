/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/io/ctl.h"

static const int term_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

#define N_SIGNALS (sizeof(term_signals) / sizeof(term_signals[0]))

static volatile sig_atomic_t caught;

static void on_signal(int signum)
{
	caught = signum;
}

/* The prompt belongs to the terminal, also when standard output and error go elsewhere. */
static void put_terminal(const char *text)
{
	int fd = open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	ssize_t n = write(fd >= 0 ? fd : STDERR_FILENO, text, strlen(text));

	(void)n;
	if (fd >= 0)
		close(fd);
}

/*
 * One byte, so that the lines behind are left to whoever reads next.
 * @mask: the signals that stay blocked while it waits; NULL: they are as they were.
 */
static ssize_t read_byte(char *c, const sigset_t *mask)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	/* A signal just before read() would not be seen before the next line; ppoll() sees it. */
	if (mask && ppoll(&p, 1, NULL, mask) < 0)
		return -1;
	return read(STDIN_FILENO, c, 1);
}

static int read_line(char *out, size_t out_size, const sigset_t *mask)
{
	size_t n = 0, total = 0;
	bool nul = false;
	char c, last = '\0';
	ssize_t r;

	while ((r = read_byte(&c, mask)) == 1 && c != '\n') {
		total++;
		last = c;
		nul = nul || c == '\0';
		if (n + 1 < out_size)
			out[n++] = c;
	}
	if (r < 0)
		return -errno;
	if (r == 0 && total == 0)
		return -ENODATA;
	if (last == '\r')
		total--;
	if (n > total)
		n = total;
	out[n] = '\0';
	if (nul)
		return -EILSEQ;
	return total > n ? -E2BIG : 0;
}

static int read_clean(char *out, size_t out_size, const sigset_t *mask)
{
	int r = read_line(out, out_size, mask);

	if (r != 0)
		explicit_bzero(out, out_size);
	return r;
}

struct caught_signals {
	struct sigaction actions[N_SIGNALS];
	sigset_t mask; /* as before */
};

/* A signal ends the waiting, is put off until the terminal is as it was, and comes then. */
static void catch_signals(struct caught_signals *old)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t set;
	size_t i;

	caught = 0;
	sigemptyset(&set);
	for (i = 0; i < N_SIGNALS; i++)
		sigaddset(&set, term_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &old->mask);
	for (i = 0; i < N_SIGNALS; i++) {
		sigaction(term_signals[i], NULL, &old->actions[i]);
		if (old->actions[i].sa_handler != SIG_IGN)
			sigaction(term_signals[i], &sa, NULL);
	}
}

static void release_signals(const struct caught_signals *old)
{
	size_t i;

	for (i = 0; i < N_SIGNALS; i++)
		sigaction(term_signals[i], &old->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &old->mask, NULL);
	if (caught != 0)
		raise(caught);
}

static int read_hidden_once(const char *prompt, char *out, size_t out_size)
{
	struct caught_signals signals;
	struct termios old, hidden;
	int r;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return -errno;
	hidden = old;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	catch_signals(&signals);
	/* Flushed: what was typed before the prompt was seen on the screen. */
	r = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0 ? -errno : 0;
	if (r == 0) {
		put_terminal(prompt);
		r = read_clean(out, out_size, &signals.mask);
		put_terminal("\n");
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	}
	release_signals(&signals);
	return r;
}

int ctl_read_secret(const char *prompt, char *out, size_t out_size)
{
	int r;

	if (!isatty(STDIN_FILENO))
		return read_clean(out, out_size, NULL);
	do {
		r = read_hidden_once(prompt, out, out_size);
	} while (r == -EINTR && caught == SIGTSTP); /* stopped, and now in front again */
	return r;
}

int ctl_read_line(const char *prompt, char *out, size_t out_size)
{
	if (isatty(STDIN_FILENO))
		put_terminal(prompt);
	return read_clean(out, out_size, NULL);
}

int ctl_finish(const char *name, int exit_code)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) == 0 && !failed)
		return exit_code;
	fprintf(stderr, "%s: the output could not be written: %s\n", name,
		errno ? strerror(errno) : "it is not complete");
	return exit_code == CTL_OK ? CTL_FAILED : exit_code;
}
