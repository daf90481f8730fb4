/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session history: a line for each session, the three stations' figures side by side. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accessd/accessctl.h"

#define CELL_SIZE 512
#define WHEN_SIZE 32

static void when_of(const json_t *o, const char *key, char out[WHEN_SIZE])
{
	struct tm tm;
	int64_t v;
	time_t t;

	snprintf(out, WHEN_SIZE, "-");
	if (!rpc_int(o, key, 1, INT64_MAX, &v))
		return;
	t = (time_t)v;
	if (localtime_r(&t, &tm))
		strftime(out, WHEN_SIZE, "%Y-%m-%d %H:%M", &tm);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text;

	return rpc_str(o, key, &text) && text[0] ? text : "-";
}

/* The sum over all reports of one kind. Return: false: there is none. */
static bool sum_of(const json_t *session, const char *kind, const char *key, uint64_t *sum)
{
	const json_t *list = json_object_get(session, "usage"), *o;
	bool any = false;
	int64_t v;
	size_t i;

	*sum = 0;
	json_array_foreach (list, i, o) {
		if (strcmp(text_of(o, "kind"), kind) == 0 && rpc_int(o, key, 0, INT64_MAX, &v)) {
			*sum += (uint64_t)v;
			any = true;
		}
	}
	return any;
}

static void put_bytes(const json_t *session, const char *kind, const char *key, char out[WHEN_SIZE])
{
	uint64_t sum;

	snprintf(out, WHEN_SIZE, "-");
	if (sum_of(session, kind, key, &sum))
		ctl_bytes(out, WHEN_SIZE, sum);
}

static void carried(const json_t *session, const char *key, char out[CELL_SIZE])
{
	char manager[WHEN_SIZE], relay[WHEN_SIZE], device[WHEN_SIZE];

	put_bytes(session, "manager", key, manager);
	put_bytes(session, "relay", key, relay);
	put_bytes(session, "device", key, device);
	snprintf(out, CELL_SIZE, "%s / %s / %s", manager, relay, device);
}

/* As the manager counts them; as the device does, if it alone has reported. */
static void packets(const json_t *session, char out[CELL_SIZE])
{
	uint64_t to_device, to_manager;
	const char *kind = "manager";

	snprintf(out, CELL_SIZE, "-");
	if (!sum_of(session, kind, "packets_to_device", &to_device))
		kind = "device";
	if (sum_of(session, kind, "packets_to_device", &to_device) &&
	    sum_of(session, kind, "packets_to_manager", &to_manager))
		snprintf(out, CELL_SIZE, "%" PRIu64 " / %" PRIu64, to_device, to_manager);
}

/* Those that have carried it; before they said so, those that may. */
static void relays(const json_t *session, char out[CELL_SIZE])
{
	const json_t *list = json_object_get(session, "usage"), *o;
	size_t used = 0, i;

	out[0] = '\0';
	json_array_foreach (list, i, o) {
		if (used < CELL_SIZE && strcmp(text_of(o, "kind"), "relay") == 0)
			used += (size_t)snprintf(out + used, CELL_SIZE - used, "%s%s",
						 used ? " " : "", text_of(o, "name"));
	}
	list = json_object_get(session, "relays");
	json_array_foreach (list, i, o) {
		if (out[0] == '\0')
			snprintf(out, CELL_SIZE, "(%s%s)", json_string_value(o),
				 json_array_size(list) > 1 ? " ..." : "");
	}
}

static void history_row(struct ctl_table *t, const json_t *s)
{
	char from[WHEN_SIZE], to[WHEN_SIZE], device[CELL_SIZE], manager[CELL_SIZE], n[CELL_SIZE],
		via[CELL_SIZE], id[9];

	snprintf(id, sizeof(id), "%.8s", text_of(s, "session"));
	when_of(s, "started", from);
	when_of(s, "ended", to);
	carried(s, "bytes_to_device", device);
	carried(s, "bytes_to_manager", manager);
	packets(s, n);
	relays(s, via);
	{
		const char *cells[] = {id,
				       text_of(s, "user"),
				       text_of(s, "device"),
				       via,
				       from,
				       to,
				       device,
				       manager,
				       n,
				       text_of(s, "reason")};
		ctl_table_row(t, cells);
	}
}

static void print_history(const json_t *all)
{
	static const char *const headings[] = {"SESSION",
					       "USER",
					       "DEVICE",
					       "RELAYS",
					       "FROM",
					       "TO",
					       "TO DEVICE: MANAGER / RELAY / DEVICE",
					       "TO MANAGER: MANAGER / RELAY / DEVICE",
					       "PACKETS: OUT / IN",
					       "ENDED BECAUSE"};
	struct ctl_table *t = ctl_table_new(10, headings);

	for (size_t i = 0; i < json_array_size(all); i++)
		history_row(t, json_array_get(all, i));
	ctl_table_print(t);
}

int accessctl_history(struct ctl *c, const struct accessctl_args *a)
{
	json_t *params = json_object(), *all;

	if (a->since_s)
		json_object_set_new(params, "since",
				    json_integer((json_int_t)time(NULL) - a->since_s));
	if (a->device)
		json_object_set_new(params, "device", json_string(a->device));
	if (a->user)
		json_object_set_new(params, "user", json_string(a->user));
	all = accessctl_ask_for(c, "session.history", params, "sessions", "session");
	json_decref(params);
	if (!all)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(all);
	else
		print_history(all);
	json_decref(all);
	return CTL_OK;
}
