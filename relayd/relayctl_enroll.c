/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/pure/invite.h"
#include "common/pure/rpcmsg.h"
#include "relayd/relayctl.h"

/* Return: 0; -errno, printed. */
static int read_file(const char *path, char *out, size_t out_size)
{
	uint8_t *bytes;
	size_t n;
	int r = file_read(path, out_size - 1, &bytes, &n);

	if (r) {
		fprintf(stderr, "relayctl: %s: %s\n", path,
			r == -EFBIG ? "too long for an invitation" : strerror(-r));
		return r;
	}
	memcpy(out, bytes, n);
	out[n] = '\0';
	explicit_bzero(bytes, n);
	free(bytes);
	return 0;
}

static int read_invitation(const struct relayctl_args *args, char *out, size_t out_size)
{
	int r;

	if (args->file && strcmp(args->file, "-") != 0)
		return read_file(args->file, out, out_size);
	r = ctl_read_line("Invitation: ", out, out_size);
	if (r)
		fprintf(stderr, "relayctl: %s\n",
			r == -ENODATA ? "no invitation was given" : strerror(-r));
	return r;
}

static void on_notify(void *arg, const char *method, const json_t *params)
{
	const char *what;

	(void)arg;
	if (strcmp(method, "enroll.step") == 0 && rpc_str(params, "what", &what))
		fprintf(stderr, "  %s\n", what);
}

int relayctl_enroll(struct ctl *c, const struct relayctl_args *args)
{
	char text[INVITE_TEXT_SIZE + 64], error[512] = "";
	json_t *params, *result = NULL;
	const char *name = "?", *domain = "?";
	int r;

	if (read_invitation(args, text, sizeof(text)))
		return CTL_FAILED;
	params = json_pack("{s:s, s:b}", "invitation", text, "again", (int)args->again);
	explicit_bzero(text, sizeof(text));
	if (!params) {
		fputs("relayctl: this is not an invitation\n", stderr);
		return CTL_FAILED;
	}
	r = ctl_call(c, "enroll", params, RELAYCTL_ENROLL_TIMEOUT_MS, on_notify, NULL, &result,
		     error, sizeof(error));
	if (r) {
		fprintf(stderr, "relayctl: not enrolled: %s\n",
			error[0] ? error : "relayd does not answer; see its log");
		return CTL_FAILED;
	}
	(void)rpc_str(result, "name", &name);
	(void)rpc_str(result, "domain", &domain);
	if (args->json)
		ctl_print_json(result);
	else
		printf("Enrolled as relay %s of domain %s.\n", name, domain);
	json_decref(result);
	return CTL_OK;
}
