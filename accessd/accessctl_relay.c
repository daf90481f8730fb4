/* SPDX-License-Identifier: GPL-3.0-or-later */
/* relay add, list, drain, pin ... */
#include <inttypes.h>
#include <stdio.h>

#include "accessd/accessctl.h"

#define NUMBERS_SIZE 48

static json_t *named(const struct accessctl *a)
{
	return json_pack("{s:s}", "name", accessctl_word(a, 0));
}

static int with_name(struct accessctl *a)
{
	return accessctl_do(a, NULL, named(a));
}

static int invite(struct accessctl *a, json_t *params)
{
	char whom[128];

	snprintf(whom, sizeof(whom), "relay %s", accessctl_word(a, 0));
	return accessctl_invite(a, NULL, params, whom);
}

static int add(struct accessctl *a)
{
	json_t *params = named(a);

	json_object_set(params, "urls", accessctl_list(a, "--url"));
	return invite(a, params);
}

static int reinvite(struct accessctl *a)
{
	return invite(a, named(a));
}

/* Which relays a device takes. */
static int wish(struct accessctl *a)
{
	json_t *params = json_pack("{s:s}", "device", accessctl_word(a, 0));

	if (accessctl_word(a, 1))
		json_object_set_new(params, "relay", json_string(accessctl_word(a, 1)));
	return accessctl_do(a, NULL, params);
}

/* --- the list --- */

/* "12/10000", or "-" as long as it has not reported. */
static void sessions_of(const json_t *m, char out[NUMBERS_SIZE])
{
	int64_t n, max;

	snprintf(out, NUMBERS_SIZE, "-");
	if (rpc_int(m, "sessions", 0, INT64_MAX, &n) &&
	    rpc_int(m, "max_sessions", 0, INT64_MAX, &max))
		snprintf(out, NUMBERS_SIZE, "%" PRId64 "/%" PRId64, n, max);
}

static void load_of(const json_t *m, char out[NUMBERS_SIZE])
{
	int64_t pm;

	snprintf(out, NUMBERS_SIZE, "-");
	if (rpc_int(m, "load_pm", 0, 1000, &pm))
		snprintf(out, NUMBERS_SIZE, "%" PRId64 "%%", (pm + 5) / 10);
}

static void row(struct ctl_table *t, const json_t *m)
{
	char seen[ACCESSCTL_WHEN_SIZE], urls[ACCESSCTL_CELL_SIZE], sessions[NUMBERS_SIZE],
		load[NUMBERS_SIZE];

	accessctl_cell_when(m, "last_seen", seen);
	accessctl_cell_list(m, "urls", urls);
	sessions_of(m, sessions);
	load_of(m, load);
	{
		const char *cells[] = {accessctl_cell(m, "name"),
				       accessctl_cell(m, "state"),
				       accessctl_cell(m, "health"),
				       sessions,
				       load,
				       urls,
				       seen,
				       accessctl_cell(m, "address"),
				       accessctl_cell(m, "version")};
		ctl_table_row(t, cells);
	}
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"NAME", "STATE",	     "HEALTH", ">SESSIONS", ">LOAD",
					       "URLS", "=LAST SEEN", "-FROM",  "-VERSION"};
	static const struct accessctl_columns columns = {9, headings, row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "relays", "name"), &columns);
}

static const struct accessctl_option ADD_OPTIONS[] = {
	{"--url", "URL", ACCESSCTL_URLS | ACCESSCTL_NEEDED,
	 "where it is reached: https://HOST[:PORT]"},
	ACCESSCTL_INVITES,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option INVITE_OPTIONS[] = {
	ACCESSCTL_INVITES,
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_RELAY[] = {
	{.words = "relay add",
	 .operands = "NAME",
	 .options = ADD_OPTIONS,
	 .help = "A Relay Server",
	 .more = "Prints an invitation: one line on standard output, for relayd.\n",
	 .examples = "relay add rs1 --url https://rs1.lab.example >relay.txt\n",
	 .run = add},
	{.words = "relay list",
	 .help = "All relays",
	 .examples = "relay list\n"
		     "relay list --json\n",
	 .run = list},
	{.words = "relay drain",
	 .operands = "RELAY",
	 .help = "Lead its sessions elsewhere, give it no new ones",
	 .examples = "relay drain rs1\n",
	 .run = with_name},
	{.words = "relay enable",
	 .operands = "RELAY",
	 .help = "Take it back after drain",
	 .examples = "relay enable rs1\n",
	 .run = with_name},
	{.words = "relay pin",
	 .operands = "DEVICE RELAY",
	 .help = "The device's sessions take this relay",
	 .more = "As long as it can be used.\n",
	 .examples = "relay pin site1 rs1\n",
	 .run = wish},
	{.words = "relay unpin",
	 .operands = "DEVICE",
	 .help = "The device's sessions take the best relay again",
	 .examples = "relay unpin site1\n",
	 .run = wish},
	{.words = "relay avoid",
	 .operands = "DEVICE RELAY",
	 .help = "The device takes this relay only without another",
	 .examples = "relay avoid site1 rs2\n",
	 .run = wish},
	{.words = "relay unavoid",
	 .operands = "DEVICE RELAY",
	 .help = "The device takes this relay like any other",
	 .examples = "relay unavoid site1 rs2\n",
	 .run = wish},
	{.words = "relay reinvite",
	 .operands = "RELAY",
	 .options = INVITE_OPTIONS,
	 .help = "A new invitation for the same UID",
	 .more = "The old key counts until the new one comes.\n",
	 .examples = "relay reinvite rs1\n",
	 .run = reinvite},
	{.words = "relay revoke",
	 .operands = "RELAY",
	 .help = "Refuse its keys from now on",
	 .examples = "relay revoke rs1\n",
	 .run = with_name},
	{.words = "relay remove",
	 .operands = "RELAY",
	 .help = "The same, and forget it",
	 .examples = "relay remove rs1\n",
	 .run = with_name},
	{.words = NULL},
};
