/* SPDX-License-Identifier: GPL-3.0-or-later */
/* domain list, move, remove; device release. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"

void accessctl_shared_host(const json_t *result)
{
	const char *host;

	if (rpc_str(result, "shared_host", &host))
		fprintf(stderr,
			"accessctl: another domain of this server has the host %s, too. Of the "
			"two, "
			"only the older one's members can check the certificate that is shown for "
			"it: "
			"give each domain a host name of its own, or accessd a certificate of a "
			"public "
			"CA\n",
			host);
}

/* "3 of 10" */
static void count(const json_t *o, const char *online, const char *all,
		  char out[ACCESSCTL_WHEN_SIZE])
{
	int64_t n = 0, of = 0;

	(void)!rpc_int(o, online, 0, INT64_MAX, &n); /* absent: none */
	(void)!rpc_int(o, all, 0, INT64_MAX, &of);
	snprintf(out, ACCESSCTL_WHEN_SIZE, "%" PRId64 " of %" PRId64, n, of);
}

static void domain_row(struct ctl_table *t, const json_t *o)
{
	char devices[ACCESSCTL_WHEN_SIZE], users[ACCESSCTL_WHEN_SIZE], relays[ACCESSCTL_WHEN_SIZE],
		sessions[ACCESSCTL_WHEN_SIZE];
	char urls[ACCESSCTL_CELL_SIZE];
	int64_t n = 0;
	const char *const cells[] = {accessctl_cell(o, "domain"),
				     accessctl_cell_yes(o, "served"),
				     devices,
				     users,
				     relays,
				     sessions,
				     urls};

	count(o, "devices_online", "devices", devices);
	count(o, "users_online", "users", users);
	count(o, "relays_online", "relays", relays);
	(void)!rpc_int(o, "sessions", 0, INT64_MAX, &n);
	snprintf(sessions, sizeof(sessions), "%" PRId64, n);
	accessctl_cell_list(o, "urls", urls);
	ctl_table_row(t, cells);
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"DOMAIN", "SERVED",   "DEVICES ONLINE", "USERS",
					       "RELAYS", "SESSIONS", "ADDRESSES"};
	static const struct accessctl_columns columns = {7, headings, domain_row};
	json_t *result = accessctl_ask(a, NULL, NULL);
	json_t *domains = result ? json_incref(json_object_get(result, "domains")) : NULL;

	json_decref(result);
	return accessctl_show_list(a, domains, &columns);
}

static int move(struct accessctl *a)
{
	json_t *result =
		accessctl_ask(a, NULL, json_pack("{s:O}", "urls", accessctl_list(a, "--url")));

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	accessctl_shared_host(result);
	json_decref(result);
	return CTL_OK;
}

static int remove_domain(struct accessctl *a)
{
	const char *name = accessctl_word(a, 0);

	if (!accessctl_flag(a, "--yes"))
		return accessctl_usage(
			a,
			"%s would be gone with its CA and keys, its devices, users and relays, "
			"what "
			"its sessions were and its settings; all of them would have to enrol anew. "
			"Only a backup brings it back, and the audit stays. If you mean that: "
			"--yes",
			name);
	a->domain = name;
	return accessctl_do(a, NULL, json_pack("{s:s}", "domain", name));
}

static int release(struct accessctl *a)
{
	return accessctl_do(a, NULL, json_pack("{s:s}", "name", accessctl_word(a, 0)));
}

static const struct accessctl_option MOVE_OPTIONS[] = {
	{"--url", "URL", ACCESSCTL_URLS | ACCESSCTL_NEEDED,
	 "where the server is reached: https://HOST[:PORT]"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option REMOVE_OPTIONS[] = {
	{"--yes", NULL, ACCESSCTL_FLAG, "really: there is no way back"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_DOMAIN[] = {
	{.words = "domain list",
	 .help = "The domains of this server, and who is there",
	 .more = "Only on the server's host: no domain sees the others.\n",
	 .examples = "domain list\n",
	 .run = list},
	{.words = "domain move",
	 .options = MOVE_OPTIONS,
	 .help = "Tell members other addresses of this server",
	 .more = "They hear of it when they connect the next time, by an address that they know:\n"
		 "leave the old one in the list until all have.\n",
	 .examples = "domain move --url https://as1.lab.example --url https://as2.lab.example\n",
	 .run = move},
	{.words = "domain remove",
	 .operands = "DOMAIN",
	 .options = REMOVE_OPTIONS,
	 .help = "Remove a domain with its keys and members",
	 .more = "Not while sessions of it run. Its audit stays in the database.\n",
	 .examples = "domain remove old.example --yes\n",
	 .run = remove_domain},
	{.words = "device release",
	 .operands = "DEVICE",
	 .help = "Let its machine be enrolled into another domain",
	 .more = "A machine belongs to the domain that it was enrolled into first, also when the\n"
		 "device was revoked or removed: who steals it cannot use it elsewhere on this\n"
		 "server. Released, it may be enrolled anywhere.\n",
	 .examples = "device release press-07\n",
	 .run = release},
	{.words = NULL},
};
