/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device host add, remove, list. */
#include "accessd/accessctl.h"

static int change(struct accessctl *a)
{
	json_t *params = json_pack("{s:s, s:s}", "device", accessctl_word(a, 0), "name",
				   accessctl_word(a, 1));

	if (accessctl_word(a, 2))
		json_object_set_new(params, "address", json_string(accessctl_word(a, 2)));
	return accessctl_do(a, NULL, params);
}

static void row(struct ctl_table *t, const json_t *o)
{
	const char *cells[] = {
		accessctl_cell(o, "name"),
		accessctl_cell(o, "address"),
		json_is_false(json_object_get(o, "reachable")) ? "not in its LANs" : "",
	};

	ctl_table_row(t, cells);
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"NAME", "ADDRESS", ""};
	static const struct accessctl_columns columns = {3, headings, row};
	json_t *result = accessctl_ask(a, NULL, json_pack("{s:s}", "device", accessctl_word(a, 0)));
	json_t *hosts = json_incref(json_object_get(result, "hosts"));

	json_decref(result);
	if (result && !hosts)
		return accessctl_strange();
	return accessctl_show_list(a, hosts, &columns);
}

const struct accessctl_command ACCESSCTL_HOST[] = {
	{.words = "device host add",
	 .operands = "DEVICE NAME ADDRESS",
	 .help = "Give a host behind the device a name",
	 .more = "Connected engineers reach it as NAME.DEVICE.DOMAIN.farlan.\n",
	 .examples = "device host add site1 plc1 192.168.201.10\n",
	 .run = change},
	{.words = "device host remove",
	 .operands = "DEVICE NAME",
	 .help = "Take the name away",
	 .examples = "device host remove site1 plc1\n",
	 .run = change},
	{.words = "device host list",
	 .operands = "DEVICE",
	 .help = "The named hosts behind the device",
	 .examples = "device host list site1\n",
	 .run = list},
	{.words = NULL},
};
