/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl trace: what would become of a packet. */
#include <stdio.h>

#include "common/pure/rpcmsg.h"
#include "vpnd/vpnctl.h"

static void print_steps(const json_t *result)
{
	const json_t *steps = json_object_get(result, "steps");

	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *s = json_array_get(steps, i);

		printf("  %-12s %s%s\n", vpnctl_text(s, "step"), vpnctl_text(s, "text"),
		       json_is_true(json_object_get(s, "stops")) ? "  <- it stops here" : "");
	}
}

int vpnctl_trace(struct ctl *c, const struct vpnctl_args *args)
{
	json_t *params = json_pack("{s:s}", "to", args->name), *result;
	bool passes;
	int r;

	if (args->from)
		json_object_set_new(params, "from", json_string(args->from));
	r = vpnctl_ask(c, "trace", params, VPNCTL_TIMEOUT_MS, args->json, &result);
	if (r != 0)
		return r == RPC_BAD_PARAMS ? CTL_USAGE : CTL_FAILED;
	passes = json_is_true(json_object_get(result, "passes"));
	if (args->json) {
		ctl_print_json(result);
	} else {
		printf("Something new %s %s: it %s\n",
		       json_is_true(json_object_get(result, "in")) ? "comes in for" : "goes to",
		       vpnctl_text(result, "to"), passes ? "passes" : "does not pass");
		print_steps(result);
	}
	json_decref(result);
	return passes ? CTL_OK : CTL_FAILED;
}
