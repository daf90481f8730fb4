/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device add, set, list, reinvite, revoke, remove. */
#include <stdio.h>

#include "accessd/accessctl.h"

static json_t *named(const struct accessctl *a)
{
	return json_pack("{s:s}", "name", accessctl_word(a, 0));
}

static int with_name(struct accessctl *a)
{
	return accessctl_do(a, NULL, named(a));
}

/* What add and set say about it. */
static json_t *described(const struct accessctl *a)
{
	json_t *params = named(a), *lans = accessctl_list(a, "--lan");
	const char *rate = accessctl_text(a, "--rate");

	if (lans)
		json_object_set(params, "lans", lans);
	if (rate)
		json_object_set_new(params, "rate", json_string(rate));
	return params;
}

static void name_it(const struct accessctl *a, char *out, size_t out_size)
{
	snprintf(out, out_size, "device %s", accessctl_word(a, 0));
}

static int add(struct accessctl *a)
{
	char whom[128];
	json_t *params;

	if (!accessctl_list(a, "--lan"))
		fputs("accessctl: warning: without --lan nothing behind the device can be "
		      "reached\n",
		      stderr);
	name_it(a, whom, sizeof(whom));
	params = described(a);
	if (accessctl_text(a, "--folder"))
		json_object_set_new(params, "folder", json_string(accessctl_text(a, "--folder")));
	return accessctl_invite(a, NULL, params, whom);
}

static int reinvite(struct accessctl *a)
{
	char whom[128];

	name_it(a, whom, sizeof(whom));
	return accessctl_invite(a, NULL, named(a), whom);
}

static int set(struct accessctl *a)
{
	if (!accessctl_list(a, "--lan") && !accessctl_text(a, "--rate"))
		return accessctl_usage(a, "--lan or --rate is missing");
	return accessctl_do(a, NULL, described(a));
}

/* --- the list --- */

/* At the machine: session.open says why. */
static const char *state_of(const json_t *m)
{
	return json_object_get(m, "locked") ? "locked" : accessctl_cell(m, "state");
}

/* "rs1", "not rs2", "rs1, not rs2 rs3". */
static void wishes_of(const json_t *m, char out[ACCESSCTL_CELL_SIZE])
{
	const char *pinned = "";
	char avoided[ACCESSCTL_CELL_SIZE];
	bool avoids = json_array_size(json_object_get(m, "avoided")) > 0;

	(void)!rpc_str(m, "pinned", &pinned); /* may be absent */
	accessctl_cell_list(m, "avoided", avoided);
	snprintf(out, ACCESSCTL_CELL_SIZE, "%s%s%.400s", pinned,
		 !avoids   ? ""
		 : *pinned ? ", not "
			   : "not ",
		 avoids ? avoided : "");
	if (!out[0])
		snprintf(out, ACCESSCTL_CELL_SIZE, "-");
}

static void row(struct ctl_table *t, const json_t *m)
{
	char seen[ACCESSCTL_WHEN_SIZE], lans[ACCESSCTL_CELL_SIZE], wishes[ACCESSCTL_CELL_SIZE],
		rate[RATE_TEXT_SIZE];

	accessctl_cell_when(m, "last_seen", seen);
	accessctl_cell_rate(m, rate);
	accessctl_cell_list(m, "lans", lans);
	wishes_of(m, wishes);
	{
		const char *cells[] = {accessctl_cell(m, "name"),
				       state_of(m),
				       accessctl_cell_yes(m, "online"),
				       accessctl_cell(m, "ipv4"),
				       lans,
				       wishes,
				       rate,
				       seen,
				       accessctl_cell(m, "address"),
				       accessctl_cell(m, "version")};
		ctl_table_row(t, cells);
	}
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"NAME",	"STATE",   "ONLINE", "=TUNNEL",
					       "LANS",	"RELAYS",  ">RATE",  "=LAST SEEN",
					       "-FROM", "-VERSION"};
	static const struct accessctl_columns columns = {10, headings, row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "devices", "name"),
				   &columns);
}

/* --- the commands --- */

#define DESCRIBED                                                                         \
	{"--lan", "PREFIX", ACCESSCTL_PREFIXES, "the networks behind it; none: no more"}, \
	{                                                                                 \
		"--rate", "RATE", ACCESSCTL_RATE, "limit of each session: 10mbit, none"   \
	}

static const struct accessctl_option ADD_OPTIONS[] = {
	DESCRIBED,
	ACCESSCTL_FOLDER,
	ACCESSCTL_INVITES,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option SET_OPTIONS[] = {
	DESCRIBED,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option INVITE_OPTIONS[] = {
	ACCESSCTL_INVITES,
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_DEVICE[] = {
	{.words = "device add",
	 .operands = "NAME",
	 .options = ADD_OPTIONS,
	 .help = "A machine, and the networks behind it",
	 .more = "Prints an invitation: one line on standard output, for vpnd.\n",
	 .examples = "device add site1 --lan 192.168.201.0/24 10.5.0.0/16 --expires 24h\n"
		     "device add site1 --lan 192.168.201.0/24 --qr\n",
	 .run = add},
	{.words = "device set",
	 .operands = "DEVICE",
	 .options = SET_OPTIONS,
	 .help = "Change its networks or its limit",
	 .more = "What is given takes the place of what was. A rate counts for sessions that "
		 "begin\n"
		 "from now on.\n",
	 .examples = "device set site1 --lan 192.168.201.0/24\n"
		     "device set site1 --rate 10mbit\n",
	 .run = set},
	{.words = "device list",
	 .help = "All devices",
	 .examples = "device list\n"
		     "device list --json\n",
	 .run = list},
	{.words = "device reinvite",
	 .operands = "DEVICE",
	 .options = INVITE_OPTIONS,
	 .help = "A new invitation for the same UID",
	 .more = "The old key counts until the new one comes.\n",
	 .examples = "device reinvite site1 --expires 12h\n",
	 .run = reinvite},
	{.words = "device revoke",
	 .operands = "DEVICE",
	 .help = "Refuse its keys from now on, end its sessions",
	 .examples = "device revoke site1\n",
	 .run = with_name},
	{.words = "device remove",
	 .operands = "DEVICE",
	 .help = "The same, and forget it",
	 .examples = "device remove site1\n",
	 .run = with_name},
	{.words = NULL},
};
