/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl lock, unlock. */
#include <stdio.h>

#include "vpnd/vpnctl.h"

static int ask(struct ctl *c, const struct vpnctl_args *args, const char *method, json_t *params,
	       bool want)
{
	json_t *result;
	bool locked;

	if (vpnctl_ask(c, method, params, VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	locked = json_is_true(json_object_get(result, "locked"));
	if (args->json)
		ctl_print_json(result);
	else if (locked && !want)
		fprintf(stderr, "vpnctl: still %s\n", vpnctl_text(result, "why"));
	else if (locked)
		puts("Locked. There is no session, and none begins until: vpnctl unlock");
	else
		puts("Unlocked.");
	json_decref(result);
	return locked == want ? CTL_OK : CTL_FAILED;
}

int vpnctl_lock(struct ctl *c, const struct vpnctl_args *args)
{
	json_t *params = json_pack("{s:s}", "reason", args->reason ? args->reason : "");

	if (!params) { /* json_pack() takes only UTF-8 */
		fputs("vpnctl: the reason is no text in UTF-8: it is left out\n", stderr);
		params = json_object();
	}
	return ask(c, args, "lock", params, true);
}

int vpnctl_unlock(struct ctl *c, const struct vpnctl_args *args)
{
	return ask(c, args, "unlock", NULL, false);
}
