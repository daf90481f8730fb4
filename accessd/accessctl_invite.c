/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Invitations: asked for and printed. */
#include <stdio.h>
#include <time.h>

#include "accessd/accessctl.h"

/* The invitation alone on standard output, so that it can be copied or piped; words beside it. */
static int print_invitation(const struct accessctl *a, const json_t *result, const char *whom)
{
	const char *invitation;
	char when[64] = "";
	int64_t expires;
	struct tm tm;
	time_t t;

	if (!rpc_str(result, "invitation", &invitation) ||
	    !rpc_int(result, "expires", 0, INT64_MAX, &expires))
		return accessctl_strange();
	if (a->json)
		ctl_print_json(result);
	else
		puts(invitation);
	fflush(stdout);
	if (accessctl_flag(a, "--qr") && !ctl_qr(invitation))
		fputs("accessctl: the invitation is too long for a QR code\n", stderr);
	t = (time_t)expires;
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	fprintf(stderr, "Invitation for the %s, good once and until %s.\n", whom, when);
	return CTL_OK;
}

int accessctl_invite(struct accessctl *a, const char *method, json_t *params, const char *whom)
{
	int64_t expires_s = accessctl_number(a, "--expires");
	json_t *result;
	int rc;

	if (expires_s)
		json_object_set_new(params, "expires_s", json_integer(expires_s));
	result = accessctl_ask(a, method, params);
	if (!result)
		return CTL_FAILED;
	rc = print_invitation(a, result, whom);
	json_decref(result);
	return rc;
}
