/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session list, kill; history: a line for each session, the three stations' figures side by
 * side. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accessd/accessctl.h"
#include "accessd/pure/duration.h"

#define CELL_SIZE ACCESSCTL_CELL_SIZE
#define WHEN_SIZE ACCESSCTL_WHEN_SIZE

/* The sum over all reports of one kind. Return: false: there is none. */
static bool sum_of(const json_t *session, const char *kind, const char *key, uint64_t *sum)
{
	const json_t *list = json_object_get(session, "usage"), *o;
	bool any = false;
	int64_t v;
	size_t i;

	*sum = 0;
	json_array_foreach (list, i, o) {
		if (strcmp(accessctl_cell(o, "kind"), kind) == 0 &&
		    rpc_int(o, key, 0, INT64_MAX, &v)) {
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
		if (used < CELL_SIZE && strcmp(accessctl_cell(o, "kind"), "relay") == 0)
			used += (size_t)snprintf(out + used, CELL_SIZE - used, "%s%s",
						 used ? " " : "", accessctl_cell(o, "name"));
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

	snprintf(id, sizeof(id), "%.8s", accessctl_cell(s, "session"));
	accessctl_cell_when(s, "started", from);
	accessctl_cell_when(s, "ended", to);
	carried(s, "bytes_to_device", device);
	carried(s, "bytes_to_manager", manager);
	packets(s, n);
	relays(s, via);
	{
		const char *cells[] = {id,
				       accessctl_cell(s, "user"),
				       accessctl_cell(s, "device"),
				       via,
				       from,
				       to,
				       device,
				       manager,
				       n,
				       accessctl_cell(s, "for"),
				       accessctl_cell(s, "reason")};
		ctl_table_row(t, cells);
	}
}

static int history(struct accessctl *a)
{
	static const char *const headings[] = {"SESSION",
					       "USER",
					       "DEVICE",
					       "RELAYS",
					       "=FROM",
					       "=TO",
					       "TO DEVICE: MANAGER / RELAY / DEVICE",
					       "TO MANAGER: MANAGER / RELAY / DEVICE",
					       "PACKETS: OUT / IN",
					       "FOR",
					       "ENDED BECAUSE"};
	static const struct accessctl_columns columns = {11, headings, history_row};
	int64_t since = accessctl_number(a, "--since");
	const char *device = accessctl_text(a, "--device"), *user = accessctl_text(a, "--user");
	json_t *params = json_object();

	if (since)
		json_object_set_new(params, "since", json_integer((json_int_t)time(NULL) - since));
	if (device)
		json_object_set_new(params, "device", json_string(device));
	if (user)
		json_object_set_new(params, "user", json_string(user));
	return accessctl_show_list(a, accessctl_ask_all(a, NULL, params, "sessions", "session"),
				   &columns);
}

/* --- those that run --- */

static void row(struct ctl_table *t, const json_t *s)
{
	char started[WHEN_SIZE], left[DURATION_TEXT_SIZE], relays[CELL_SIZE];
	int64_t ends = 0;

	accessctl_cell_when(s, "started", started);
	accessctl_cell_list(s, "relays", relays);
	(void)!rpc_int(s, "ends", 0, INT64_MAX, &ends); /* 0: nothing is left */
	duration_format(ends - (int64_t)time(NULL), left);
	{
		const char *cells[] = {accessctl_cell(s, "session"),
				       accessctl_cell(s, "user"),
				       accessctl_cell(s, "device"),
				       started,
				       left,
				       accessctl_cell(s, "relay"),
				       relays,
				       accessctl_cell(s, "from"),
				       accessctl_cell(s, "for")};
		ctl_table_row(t, cells);
	}
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"SESSION", "USER",  "DEVICE", "=SINCE", ">LEFT",
					       "RELAY",	  "-LIST", "FROM",   "-FOR"};
	static const struct accessctl_columns columns = {9, headings, row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "sessions", "session"),
				   &columns);
}

static void take_text(const struct accessctl *a, json_t *params, const char *option)
{
	if (accessctl_text(a, option))
		json_object_set_new(params, option + 2, json_string(accessctl_text(a, option)));
}

static int kill_it(struct accessctl *a)
{
	const char *id = accessctl_word(a, 0);
	bool all = accessctl_flag(a, "--all"), done;
	json_t *params, *result;

	if ((id != NULL) + all + (accessctl_text(a, "--user") != NULL) +
		    (accessctl_text(a, "--device") != NULL) !=
	    1)
		return accessctl_usage(a, "an ID, --user, --device or --all");
	params = id ? json_pack("{s:s}", "session", id) : json_pack("{s:b}", "all", all);
	take_text(a, params, "--user");
	take_text(a, params, "--device");
	take_text(a, params, "--reason");
	if (id)
		return accessctl_do(a, NULL, params);
	result = accessctl_ask(a, "session.kill-many", params);
	if (result && a->json)
		ctl_print_json(result);
	else if (result)
		printf("Ended: %lld.\n",
		       (long long)json_integer_value(json_object_get(result, "ended")));
	done = result != NULL;
	json_decref(result);
	return done ? CTL_OK : CTL_FAILED;
}

static const struct accessctl_option KILL_OPTIONS[] = {
	{"--user", "USER", ACCESSCTL_TEXT, "all of this user"},
	{"--device", "DEVICE", ACCESSCTL_TEXT, "all with this device"},
	{"--all", NULL, ACCESSCTL_FLAG, "all that there are"},
	{"--reason", "TEXT", ACCESSCTL_TEXT, "why; both ends read it"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option HISTORY_OPTIONS[] = {
	{"--since", "TIME", ACCESSCTL_DURATION, "how far back: 30m, 12h, 7d"},
	{"--device", "DEVICE", ACCESSCTL_TEXT, "with this device only"},
	{"--user", "USER", ACCESSCTL_TEXT, "of this user only"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_SESSION[] = {
	{.words = "session list",
	 .help = "Sessions that run",
	 .examples = "session list\n"
		     "session list --json\n",
	 .run = list},
	{.words = "session history",
	 .options = HISTORY_OPTIONS,
	 .help = "What sessions carried, and why they ended",
	 .more = "As both ends and the relays count it.\n",
	 .examples = "session history --since 7d --user anna\n",
	 .run = history},
	{.words = "session kill",
	 .operands = "[ID]",
	 .options = KILL_OPTIONS,
	 .help = "End it; the beginning of the ID is enough",
	 .examples = "session kill 0011aabb\n"
		     "session kill --user anna --reason 'maintenance from 10:00 on'\n"
		     "session kill --all\n",
	 .run = kill_it},
	{.words = NULL},
};
