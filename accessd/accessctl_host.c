/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device host add, remove, list. */
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"

static int change(struct ctl *c, const char *method, json_t *params)
{
	json_t *result = accessctl_ask(c, method, params);

	json_decref(result);
	return result ? CTL_OK : CTL_FAILED;
}

static void print_table(const json_t *list)
{
	static const char *const headings[] = {"NAME", "ADDRESS", ""};
	struct ctl_table *t = ctl_table_new(3, headings);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const char *cells[] = {
			json_string_value(json_object_get(o, "name")),
			json_string_value(json_object_get(o, "address")),
			json_is_false(json_object_get(o, "reachable")) ? "not in its LANs" : "",
		};

		ctl_table_row(t, cells);
	}
	ctl_table_print(t);
}

static int list(struct ctl *c, const struct accessctl_args *a)
{
	json_t *result =
		accessctl_ask(c, "device.host.list", json_pack("{s:s}", "device", a->words[3]));

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(json_object_get(result, "hosts"));
	else
		print_table(json_object_get(result, "hosts"));
	json_decref(result);
	return CTL_OK;
}

int accessctl_host(struct ctl *c, const struct accessctl_args *a)
{
	const char *verb = a->words[2];

	if (strcmp(verb, "list") == 0 && a->n_words == 4)
		return list(c, a);
	if (a->json)
		return accessctl_usage("--json has no meaning here");
	if (strcmp(verb, "add") == 0 && a->n_words == 6)
		return change(c, "device.host.add",
			      json_pack("{s:s, s:s, s:s}", "device", a->words[3], "name",
					a->words[4], "address", a->words[5]));
	if (strcmp(verb, "remove") == 0 && a->n_words == 5)
		return change(c, "device.host.remove",
			      json_pack("{s:s, s:s}", "device", a->words[3], "name", a->words[4]));
	return accessctl_usage("device host add DEVICE NAME ADDRESS, device host remove DEVICE "
			       "NAME, or device host list DEVICE");
}
