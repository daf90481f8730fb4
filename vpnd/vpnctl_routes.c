/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl routes: what vpnd has set on this host. */
#include <stdio.h>
#include <string.h>

#include "vpnd/vpnctl.h"

#define CELL_SIZE 256

static const char *what(const json_t *o, char out[CELL_SIZE])
{
	if (!vpnctl_text(o, "setting")[0])
		return vpnctl_text(o, "prefix");
	snprintf(out, CELL_SIZE, "%s = %s", vpnctl_text(o, "setting"), vpnctl_text(o, "value"));
	return out;
}

static const char *by(const json_t *o, char out[CELL_SIZE])
{
	if (!vpnctl_text(o, "gateway")[0])
		return vpnctl_text(o, "interface");
	snprintf(out, CELL_SIZE, "%s via %s", vpnctl_text(o, "interface"),
		 vpnctl_text(o, "gateway"));
	return out;
}

/* Return: how many are not there any more. */
static size_t print_table(const json_t *list)
{
	static const char *const headings[] = {"WHAT", "BY", "WHY", ""};
	struct ctl_table *t = ctl_table_new(4, headings);
	size_t missing = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char first[CELL_SIZE], second[CELL_SIZE];
		bool there = json_is_true(json_object_get(o, "there"));
		const char *const cells[] = {what(o, first), by(o, second), vpnctl_text(o, "why"),
					     there ? "" : "MISSING"};

		ctl_table_row(t, cells);
		missing += !there;
	}
	ctl_table_print(t);
	return missing;
}

int vpnctl_routes(struct ctl *c, const struct vpnctl_args *args)
{
	const json_t *list;
	json_t *result;

	if (vpnctl_ask(c, "routes", NULL, VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	list = json_object_get(result, "routes");
	if (args->json)
		ctl_print_json(result);
	else if (json_array_size(list) == 0)
		puts("vpnd has set nothing on this host.");
	else if (print_table(list) > 0)
		puts("\nMISSING: somebody else took it away or changed it since. Find out who, "
		     "then\n"
		     "disconnect and connect again.");
	json_decref(result);
	return CTL_OK;
}
