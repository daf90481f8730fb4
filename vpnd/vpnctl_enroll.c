/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl enroll. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/pure/invite.h"
#include "vpnd/vpnctl.h"

#define INVITATION_SIZE VPNCTL_INVITATION_SIZE

int vpnctl_complain(const char *what, int err)
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
		return vpnctl_complain(path, err);
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
	return err ? vpnctl_complain("invitation", err) : 0;
}

/* Takes @params. */
static int ask(struct ctl *c, const struct vpnctl_args *args, json_t *params)
{
	json_t *result;

	if (!params) {
		fputs("vpnctl: what was entered is not text in UTF-8\n", stderr);
		return CTL_FAILED;
	}
	if (vpnctl_ask(c, "enroll", params, VPNCTL_ENROLL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	if (args->json)
		ctl_print_json(result);
	else
		printf("Enrolled as device %s of domain %s.\n", vpnctl_text(result, "name"),
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
	return ask(c, args, params);
}
