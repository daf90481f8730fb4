/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords, asked for: they never stand on a command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accessd/accessctl.h"

#define PASSWORD_SIZE ACCESSCTL_PASSWORD_SIZE

/* Return: true; false and what is wrong was said. */
static bool read_once(const char *prompt, char password[PASSWORD_SIZE])
{
	int r = ctl_read_secret(prompt, password, PASSWORD_SIZE);

	if (r == 0 && password[0])
		return true;
	if (r == -E2BIG)
		fprintf(stderr, "accessctl: the password is too long: at most %d bytes\n",
			PASSWORD_SIZE - 1);
	else if (r == -EILSEQ)
		fputs("accessctl: the password is not text\n", stderr);
	else
		fputs("accessctl: no password was given\n", stderr);
	return false;
}

bool accessctl_read_password(char password[PASSWORD_SIZE])
{
	char again[PASSWORD_SIZE];
	bool same;

	if (!read_once("Password: ", password))
		return false;
	if (!isatty(STDIN_FILENO))
		return true;
	if (!read_once("Once more: ", again))
		return false;
	same = strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		fputs("accessctl: the two are not the same\n", stderr);
	return same;
}
