/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

/* Byte by byte, so that the lines behind it are left to whoever reads next. */
static int read_line(char *out, size_t out_size)
{
	size_t n = 0, total = 0;
	bool nul = false;
	ssize_t r;
	char c;

	while ((r = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
		total++;
		nul = nul || c == '\0';
		if (n + 1 < out_size)
			out[n++] = c;
	}
	if (r < 0)
		return -errno;
	if (r == 0 && total == 0)
		return -ENODATA;
	if (nul)
		return -EILSEQ;
	if (total > 0 && total == n && out[n - 1] == '\r')
		n--;
	else if (total > n)
		return -E2BIG;
	out[n] = '\0';
	return 0;
}

static int read_clean(char *out, size_t out_size)
{
	int r = read_line(out, out_size);

	if (r != 0)
		explicit_bzero(out, out_size);
	return r;
}

/* A signal interrupts read(), is put off until the terminal is as it was, and comes then. */
static void catch_signals(struct sigaction old[N_SIGNALS])
{
	struct sigaction sa = {.sa_handler = on_signal};
	size_t i;

	caught = 0;
	for (i = 0; i < N_SIGNALS; i++) {
		sigaction(term_signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(term_signals[i], &sa, NULL);
	}
}

static void release_signals(const struct sigaction old[N_SIGNALS])
{
	size_t i;

	for (i = 0; i < N_SIGNALS; i++)
		sigaction(term_signals[i], &old[i], NULL);
}

static int read_hidden_once(const char *prompt, char *out, size_t out_size)
{
	struct sigaction old_actions[N_SIGNALS];
	struct termios old, hidden;
	int r;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return -errno;
	hidden = old;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	catch_signals(old_actions);
	/* Flushed: what was typed before the prompt was seen on the screen. */
	r = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0 ? -errno : 0;
	if (r == 0) {
		put_terminal(prompt);
		r = read_clean(out, out_size);
		put_terminal("\n");
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	}
	release_signals(old_actions);
	if (caught != 0)
		raise(caught);
	return r;
}

int ctl_read_secret(const char *prompt, char *out, size_t out_size)
{
	int r;

	if (!isatty(STDIN_FILENO))
		return read_clean(out, out_size);
	do {
		r = read_hidden_once(prompt, out, out_size);
	} while (r == -EINTR && caught == SIGTSTP); /* stopped, and now in front again */
	return r;
}

int ctl_read_line(const char *prompt, char *out, size_t out_size)
{
	if (isatty(STDIN_FILENO))
		put_terminal(prompt);
	return read_clean(out, out_size);
}
