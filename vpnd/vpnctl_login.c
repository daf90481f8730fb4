/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl login, passwd, totp, recovery-codes: what is needed is asked for, one after the other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vpnd/vpnctl.h"

#define PASSWORD_SIZE 1024
#define INVITATION_START "farlan-user-"
#define ROUNDS_MAX 8

/* Does the first login still lie ahead? Return: 0; a code, said. */
static int find_enrolled(struct ctl *c, bool *enrolled)
{
	json_t *status;
	int code = vpnctl_ask(c, "status", NULL, VPNCTL_TIMEOUT_MS, true, &status);

	if (code)
		return code;
	*enrolled = strcmp(vpnctl_text(status, "state"), "not-enrolled") != 0;
	json_decref(status);
	return 0;
}

/* Return: 0; -errno, said. */
static int read_password(const char *user, char out[PASSWORD_SIZE])
{
	char prompt[200];
	int err;

	if (user)
		snprintf(prompt, sizeof(prompt), "Password of %s: ", user);
	else
		snprintf(prompt, sizeof(prompt), "Password: ");
	err = ctl_read_secret(prompt, out, PASSWORD_SIZE);
	if (err)
		return vpnctl_complain("password", err);
	if (strncmp(out, INVITATION_START, strlen(INVITATION_START)) != 0)
		return 0;
	explicit_bzero(out, PASSWORD_SIZE);
	fputs("vpnctl: this is an invitation, not a password: an identity is here already; give a "
	      "new invitation by --invite FILE\n",
	      stderr);
	return -EINVAL;
}

/* --- what else is needed ---------------------------------------------------------------------- */

/* The questions that one command leads to. */
struct dialogue {
	struct ctl *c;
	bool json;
	const char *method, *user;
	json_t *params;	  /* all that was given so far */
	char ticket[256]; /* of the secret that was shown last */
};

/* Return: 0; -errno, said. */
static int put_secret(json_t *o, const char *key, const char *prompt)
{
	char text[PASSWORD_SIZE];
	int err = ctl_read_secret(prompt, text, sizeof(text));

	if (err)
		return vpnctl_complain(key, err);
	if (json_object_set_new(o, key, json_string(text)) != 0) {
		fputs("vpnctl: what was entered is not text in UTF-8\n", stderr);
		err = -EILSEQ;
	}
	explicit_bzero(text, sizeof(text));
	return err;
}

static void show_secret(const json_t *totp)
{
	const char *secret = vpnctl_text(totp, "secret"), *uri = vpnctl_text(totp, "uri");

	fputs("A second factor is set up. Scan this with an authenticator app:\n\n", stderr);
	(void)ctl_qr(uri); /* what it says follows as text */
	fprintf(stderr, "\nor type the secret into it: %s\nor open it: %s\n\n", secret, uri);
}

static int ask_totp(struct dialogue *d, const json_t *totp)
{
	const char *ticket = vpnctl_text(totp, "ticket");
	json_t *mine;
	int err;

	if (strcmp(ticket, d->ticket) != 0)
		show_secret(totp);
	snprintf(d->ticket, sizeof(d->ticket), "%s", ticket);
	mine = json_pack("{s:s}", "ticket", ticket);
	err = put_secret(mine, "code", "The code that it shows now: ");
	if (err == 0)
		json_object_set(d->params, "totp", mine);
	json_decref(mine);
	return err;
}

static int ask_new_password(struct dialogue *d)
{
	char first[PASSWORD_SIZE], again[PASSWORD_SIZE];
	int err = ctl_read_secret("New password: ", first, sizeof(first));

	if (err)
		return vpnctl_complain("new password", err);
	snprintf(again, sizeof(again), "%s", first);
	if (isatty(STDIN_FILENO))
		err = ctl_read_secret("Once more: ", again, sizeof(again));
	if (err) {
		(void)vpnctl_complain("new password", err);
	} else if (strcmp(first, again) != 0) {
		fputs("vpnctl: the two are not the same\n", stderr);
		err = -EINVAL;
	} else if (json_object_set_new(d->params, "new_password", json_string(first)) != 0) {
		fputs("vpnctl: what was entered is not text in UTF-8\n", stderr);
		err = -EILSEQ;
	}
	explicit_bzero(first, sizeof(first));
	explicit_bzero(again, sizeof(again));
	return err;
}

static bool is_missing(const json_t *result, const char *what)
{
	const json_t *missing = json_object_get(result, "missing");

	for (size_t i = 0; i < json_array_size(missing); i++) {
		const char *name = json_string_value(json_array_get(missing, i));

		if (name && strcmp(name, what) == 0)
			return true;
	}
	return false;
}

/* Always in this order, so that lines of standard input can be prepared. Return: 0; -errno, said.
 */
static int ask_missing(struct dialogue *d, const json_t *result)
{
	const char *refused = vpnctl_text(result, "refused");
	int err = 0;

	if (refused[0]) {
		fprintf(stderr, "vpnctl: %s\n", refused);
		if (!isatty(STDIN_FILENO))
			return -EINVAL; /* nobody is there to think of something else */
	}
	if (is_missing(result, "code"))
		err = put_secret(d->params, "code", "One-time code (or a recovery code): ");
	if (err == 0 && is_missing(result, "totp"))
		err = ask_totp(d, json_object_get(result, "totp"));
	if (err == 0 && is_missing(result, "new_password")) {
		fputs("Choose a new password.\n", stderr);
		err = ask_new_password(d);
	}
	return err;
}

/* Until nothing is missing. Return: 0 and *result; an exit code, said. */
static int hold(struct dialogue *d, json_t **result)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (vpnctl_ask(d->c, d->method, json_deep_copy(d->params), VPNCTL_ENROLL_TIMEOUT_MS,
			       d->json, result) != 0)
			return CTL_FAILED;
		if (json_array_size(json_object_get(*result, "missing")) == 0)
			return CTL_OK;
		if (ask_missing(d, *result) != 0)
			i = ROUNDS_MAX;
		json_decref(*result);
	}
	return CTL_FAILED;
}

static void print_codes(const json_t *result)
{
	const json_t *codes = json_object_get(result, "recovery_codes");

	if (json_array_size(codes) == 0)
		return;
	puts("\nRecovery codes. Each is good once in place of a one-time code; they are not shown\n"
	     "again. Write them down, and keep them where the phone is not:\n");
	for (size_t i = 0; i < json_array_size(codes); i++) {
		const char *code = json_string_value(json_array_get(codes, i));

		printf("    %s\n", code ? code : "");
	}
}

/* --- commands --------------------------------------------------------------------------------- */

int vpnctl_login(struct ctl *c, const struct vpnctl_args *args)
{
	char invitation[VPNCTL_INVITATION_SIZE] = "", password[PASSWORD_SIZE];
	struct dialogue d = {.c = c, .json = args->json, .method = "login"};
	bool enrolled = false;
	json_t *result;
	int code;

	if (!args->file && find_enrolled(c, &enrolled) != 0)
		return CTL_FAILED;
	if (!enrolled && vpnctl_read_invitation(args->file, invitation, sizeof(invitation)) != 0)
		return CTL_FAILED;
	if (read_password(args->name, password) != 0)
		return CTL_FAILED;
	d.params = json_pack("{s:s*, s:s*, s:s}", "invitation", invitation[0] ? invitation : NULL,
			     "user", args->name, "password", password);
	explicit_bzero(invitation, sizeof(invitation));
	explicit_bzero(password, sizeof(password));
	if (!d.params) {
		fputs("vpnctl: what was entered is not text in UTF-8\n", stderr);
		return CTL_FAILED;
	}
	code = hold(&d, &result);
	json_decref(d.params);
	if (code)
		return code;
	if (args->json) {
		ctl_print_json(result);
	} else {
		printf("Signed in as %s of domain %s.\n", vpnctl_text(result, "name"),
		       vpnctl_text(result, "domain"));
		print_codes(result);
	}
	json_decref(result);
	return CTL_OK;
}

static int change(struct ctl *c, const struct vpnctl_args *args, const char *what, const char *done)
{
	struct dialogue d = {.c = c, .json = args->json, .method = "account"};
	json_t *result;
	int code = CTL_FAILED;

	d.params = json_pack("{s:s}", "what", what);
	if (put_secret(d.params, "password", "Password: ") == 0)
		code = hold(&d, &result);
	json_decref(d.params);
	if (code)
		return code;
	if (args->json) {
		ctl_print_json(result);
	} else {
		puts(done);
		print_codes(result);
	}
	json_decref(result);
	return CTL_OK;
}

int vpnctl_passwd(struct ctl *c, const struct vpnctl_args *args)
{
	return change(c, args, "password", "The password was changed.");
}

int vpnctl_totp(struct ctl *c, const struct vpnctl_args *args)
{
	return change(c, args, "totp", "The second factor is set up.");
}

int vpnctl_recovery_codes(struct ctl *c, const struct vpnctl_args *args)
{
	return change(c, args, "recovery-codes", "The old recovery codes count no more.");
}
