/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl enroll, vpnctl login. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/pure/invite.h"
#include "vpnd/vpnctl.h"

#define INVITATION_SIZE (INVITE_TEXT_SIZE + 64) /* with line ends */
#define PASSWORD_SIZE 1024
#define INVITATION_START "farlan-user-"

static int complain(const char *what, int err)
{
	const char *why = strerror(-err);

	if (err == -ENODATA)
		why = "nothing was entered";
	else if (err == -E2BIG || err == -EFBIG)
		why = "too long";
	else if (err == -EILSEQ)
		why = "this is not text";
	fprintf(stderr, "vpnctl: %s: %s\n", what, why);
	return err;
}

static int read_file(const char *path, char *out, size_t size)
{
	uint8_t *bytes;
	size_t n;
	int err = file_read(path, size - 1, &bytes, &n);

	if (err)
		return complain(path, err);
	memcpy(out, bytes, n);
	out[n] = '\0';
	explicit_bzero(bytes, n);
	free(bytes);
	return 0;
}

int vpnctl_read_invitation(const char *file, char *out, size_t size)
{
	int err;

	if (file && strcmp(file, "-") != 0)
		return read_file(file, out, size);
	err = ctl_read_line("Invitation: ", out, size);
	return err ? complain("invitation", err) : 0;
}

/* Takes @params. */
static int ask(struct ctl *c, const struct vpnctl_args *args, const char *method, json_t *params,
	       const char *done)
{
	json_t *result;

	if (!params) {
		fputs("vpnctl: what was entered is not text in UTF-8\n", stderr);
		return CTL_FAILED;
	}
	if (vpnctl_ask(c, method, params, VPNCTL_ENROLL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	if (args->json)
		ctl_print_json(result);
	else
		printf("%s %s of domain %s.\n", done, vpnctl_text(result, "name"),
		       vpnctl_text(result, "domain"));
	json_decref(result);
	return CTL_OK;
}

int vpnctl_enroll(struct ctl *c, const struct vpnctl_args *args)
{
	char invitation[INVITATION_SIZE];
	json_t *params;

	if (vpnctl_read_invitation(args->file, invitation, sizeof(invitation)) != 0)
		return CTL_FAILED;
	params = json_pack("{s:s}", "invitation", invitation);
	explicit_bzero(invitation, sizeof(invitation));
	return ask(c, args, "enroll", params, "Enrolled as device");
}

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
		return complain("password", err);
	if (strncmp(out, INVITATION_START, strlen(INVITATION_START)) != 0)
		return 0;
	explicit_bzero(out, PASSWORD_SIZE);
	fputs("vpnctl: this is an invitation, not a password: an identity is here already; give a "
	      "new invitation by --invite FILE\n",
	      stderr);
	return -EINVAL;
}

int vpnctl_login(struct ctl *c, const struct vpnctl_args *args)
{
	char invitation[INVITATION_SIZE] = "", password[PASSWORD_SIZE];
	bool enrolled = false;
	json_t *params;

	if (!args->file && find_enrolled(c, &enrolled) != 0)
		return CTL_FAILED;
	if (!enrolled && vpnctl_read_invitation(args->file, invitation, sizeof(invitation)) != 0)
		return CTL_FAILED;
	if (read_password(args->name, password) != 0)
		return CTL_FAILED;
	params = json_pack("{s:s*, s:s*, s:s}", "invitation", invitation[0] ? invitation : NULL,
			   "user", args->name, "password", password);
	explicit_bzero(invitation, sizeof(invitation));
	explicit_bzero(password, sizeof(password));
	return ask(c, args, "login", params, "Signed in as");
}
