/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl approvals, approve, reject. */
#include <stdio.h>

#include "vpnd/vpnctl.h"

static void print_waiting(const json_t *list)
{
	static const char *const headings[] = {"ID", "USER", "DEVICE", "FROM", "LEFT", "REASON"};
	struct ctl_table *t = ctl_table_new(6, headings);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *w = json_array_get(list, i);
		char left[VPNCTL_TEXT_SIZE];
		const char *const cells[] = {vpnctl_text(w, "id"),
					     vpnctl_text(w, "user"),
					     vpnctl_text(w, "device"),
					     vpnctl_text(w, "from"),
					     vpnctl_duration(left, vpnctl_int(w, "left_s")),
					     vpnctl_text(w, "reason")};

		ctl_table_row(t, cells);
	}
	ctl_table_print(t);
}

int vpnctl_approvals(struct ctl *c, const struct vpnctl_args *args)
{
	const json_t *list;
	json_t *result;

	if (vpnctl_ask(c, "approvals", NULL, VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	list = json_object_get(result, "approvals");
	if (args->json)
		ctl_print_json(result);
	else if (json_array_size(list) == 0)
		puts("Nothing waits for your approval.");
	else
		print_waiting(list);
	json_decref(result);
	return CTL_OK;
}

static int decide(struct ctl *c, const struct vpnctl_args *args, const char *method,
		  const char *words)
{
	json_t *params = json_pack("{s:s, s:s*}", "id", args->name, "reason", args->reason);
	const char *more;
	json_t *result;

	if (!params) {
		fputs("vpnctl: what was entered is not text in UTF-8\n", stderr);
		return CTL_USAGE;
	}
	if (vpnctl_ask(c, method, params, VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	more = vpnctl_text(result, "waits_for");
	if (args->json)
		ctl_print_json(result);
	else
		printf("%s: %s to %s%s%s.\n", words, vpnctl_text(result, "user"),
		       vpnctl_text(result, "device"), more[0] ? "; still waits for " : "", more);
	json_decref(result);
	return CTL_OK;
}

int vpnctl_approve(struct ctl *c, const struct vpnctl_args *args)
{
	return decide(c, args, "approve", "Approved");
}

int vpnctl_reject(struct ctl *c, const struct vpnctl_args *args)
{
	return decide(c, args, "reject", "Rejected");
}
