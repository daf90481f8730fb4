/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessctl - the tool of accessd.
 */
#include "accessd/accessctl.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *group, *verb; /* verb "" for those of one word */
	const char *operands[2];  /* what the last words are, NULL: there is none */
	size_t more;		  /* words that may follow: run looks after them */
	bool lans, urls, domain, invites, rate, filters; /* which options it takes */
	bool json;
	bool rolls; /* --yes; of a CA --compromised, too */
	bool idle;  /* and any URLs */
	bool rule;  /* any number of words, --at and --file */
	int (*run)(struct ctl *c, const struct accessctl_args *a);
};

static const struct command COMMANDS[] = {
	{.group = "init",
	 .verb = "",
	 .urls = true,
	 .domain = true,
	 .json = true,
	 .run = accessctl_init},
	{.group = "status", .verb = "", .json = true, .run = accessctl_status},
	{.group = "doctor", .verb = "", .idle = true, .json = true, .run = accessctl_doctor},
	{"device",
	 "add",
	 {"NAME"},
	 .lans = true,
	 .rate = true,
	 .invites = true,
	 .json = true,
	 .run = accessctl_add},
	{"device", "set", {"NAME"}, .lans = true, .rate = true, .run = accessctl_set},
	{"device", "reinvite", {"NAME"}, .invites = true, .json = true, .run = accessctl_reinvite},
	{"device", "list", {NULL}, .json = true, .run = accessctl_list},
	{"device", "rule", {NULL}, .json = true, .rule = true, .run = accessctl_rule},
	{"device",
	 "host",
	 {"add, remove or list", "DEVICE"},
	 .more = 2,
	 .json = true,
	 .run = accessctl_host},
	{"device", "revoke", {"NAME"}, .run = accessctl_simple},
	{"device", "remove", {"NAME"}, .run = accessctl_simple},
	{"user",
	 "add",
	 {"NAME"},
	 .rate = true,
	 .invites = true,
	 .json = true,
	 .run = accessctl_add},
	{"user", "set", {"NAME"}, .rate = true, .run = accessctl_set},
	{"user", "passwd", {"NAME"}, .run = accessctl_passwd},
	{"user", "reinvite", {"NAME"}, .invites = true, .json = true, .run = accessctl_reinvite},
	{"user", "list", {NULL}, .json = true, .run = accessctl_list},
	{"user", "revoke", {"NAME"}, .run = accessctl_simple},
	{"user", "remove", {"NAME"}, .run = accessctl_simple},
	{"relay",
	 "add",
	 {"NAME"},
	 .urls = true,
	 .invites = true,
	 .json = true,
	 .run = accessctl_add},
	{"relay", "reinvite", {"NAME"}, .invites = true, .json = true, .run = accessctl_reinvite},
	{"relay", "list", {NULL}, .json = true, .run = accessctl_list},
	{"relay", "revoke", {"NAME"}, .run = accessctl_simple},
	{"relay", "remove", {"NAME"}, .run = accessctl_simple},
	{"relay", "drain", {"NAME"}, .run = accessctl_simple},
	{"relay", "enable", {"NAME"}, .run = accessctl_simple},
	{"relay", "pin", {"DEVICE", "RELAY"}, .run = accessctl_wish},
	{"relay", "unpin", {"DEVICE"}, .run = accessctl_wish},
	{"relay", "avoid", {"DEVICE", "RELAY"}, .run = accessctl_wish},
	{"relay", "unavoid", {"DEVICE", "RELAY"}, .run = accessctl_wish},
	{"ca", "show", {NULL}, .json = true, .run = accessctl_ca_show},
	{"ca", "roll", {NULL}, .rolls = true, .json = true, .run = accessctl_ca_roll},
	{"token-key", "roll", {NULL}, .rolls = true, .json = true, .run = accessctl_token_key_roll},
	{"session", "list", {NULL}, .json = true, .run = accessctl_sessions},
	{"session", "history", {NULL}, .filters = true, .json = true, .run = accessctl_history},
	{"session", "kill", {"ID"}, .run = accessctl_kill},
};

#define N_COMMANDS (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

static void help_commands(void)
{
	puts("Usage: accessctl [-s SOCKET] COMMAND [OPTIONS]\n"
	     "\n"
	     "The tool of accessd, the Access Server.\n"
	     "\n"
	     "  init --domain NAME --url https://HOST[:PORT][,...]\n"
	     "                          make the domain: its CA, keys and server addresses\n"
	     "  status [--json]         what is served, and who is there\n"
	     "\n"
	     "  device add NAME --lan PREFIX...       a machine, and the networks behind it\n"
	     "  device set NAME --lan PREFIX...|none  change these networks\n"
	     "  device host add DEVICE NAME ADDRESS   give a host on these networks a name: "
	     "connected\n"
	     "                                        engineers reach NAME.DEVICE.DOMAIN.farlan\n"
	     "  device host remove DEVICE NAME\n"
	     "  device host list DEVICE [--json]\n"
	     "  user add NAME                         a manager; the password is asked for on the\n"
	     "                                        terminal, or is a line of standard input\n"
	     "  user passwd NAME                      change the password\n"
	     "  device|user set NAME --rate RATE|none limit of each session with the device, or "
	     "of\n"
	     "                                        all of the user's at a relay: 10mbit; "
	     "counts\n"
	     "                                        for sessions that begin from now on\n"
	     "  device rule set NAME 'RULE'...        what sessions with the device may do; the\n"
	     "                                        first rule that fits decides, all that none\n"
	     "                                        allows is denied. Takes the place of the\n"
	     "                                        whole list at once, for running sessions, "
	     "too\n"
	     "  device rule set NAME --file FILE      the same from a file, a rule in each line; "
	     "-\n"
	     "                                        is standard input; # begins a comment\n"
	     "  device rule add NAME [--at N] RULE    one more; the first one denies all else\n"
	     "  device rule list NAME [--json]\n"
	     "  device rule remove NAME N             the Nth one; an empty list denies all\n"
	     "  device rule clear NAME                no list: all between the networks passes\n"
	     "  relay add NAME --url URL[,...]        a Relay Server\n"
	     "  device|user|relay reinvite NAME       a new invitation for the same UID; the old "
	     "key\n"
	     "                                        counts until the new one comes\n"
	     "  device|user|relay revoke NAME         refuse its keys from now on, end its "
	     "sessions\n"
	     "  device|user|relay remove NAME         the same, and forget it\n"
	     "  device|user|relay list [--json]\n"
	     "  relay drain NAME                      lead its sessions to other relays, give it "
	     "no\n"
	     "                                        new ones; relay enable NAME takes it back\n"
	     "  relay pin DEVICE RELAY                this device's sessions take this relay as "
	     "long\n"
	     "                                        as it can be used; relay unpin DEVICE\n"
	     "  relay avoid DEVICE RELAY              take it only if there is no other; relay\n"
	     "                                        unavoid DEVICE RELAY\n");
}

static void help_upkeep(void)
{
	puts("  session list [--json]\n"
	     "  session history [--since TIME] [--device NAME] [--user NAME] [--json]\n"
	     "                                        what sessions carried, as both ends and the\n"
	     "                                        relays count it, and why they ended\n"
	     "  session kill ID                       the beginning of the ID is enough\n"
	     "  doctor [--idle] [--url URL] [--json]  is it published well? --idle: a minute more\n"
	     "\n"
	     "  ca show [--json]        the domain's CAs, who still has certificates by which, and "
	     "the\n"
	     "                          keys that sign relay tokens\n"
	     "  ca roll --yes           a new CA; everybody follows by himself, also who is away "
	     "for\n"
	     "                          years\n"
	     "  ca roll --compromised --yes  the old one was stolen: nobody follows, each device,\n"
	     "                          user and relay needs a new invitation, all sessions end\n"
	     "  token-key roll --yes    a new key for relay tokens; sessions go on");
}

static void help_options(void)
{
	puts("\n"
	     "RULE: allow|deny [in|out] [PREFIX] [tcp|udp|icmp][/PORT[-PORT]]. in: begun on the\n"
	     "engineer's side, out: at the machine; PREFIX is at the machine, PORT is where to.\n"
	     "\n"
	     "add and reinvite print an invitation: one line on standard output, for vpnd or "
	     "relayd.\n"
	     "      --expires TIME      how long it is good: a number with m, h or d; default 7d\n"
	     "      --qr                draw it as a QR code, too (on standard error)\n"
	     "      --json              print it as JSON, with UID and expiry\n"
	     "\n"
	     "  -s, --socket SOCKET     where accessd listens for its tool; else $FARLAN_SOCKET,\n"
	     "                          else " ACCESSCTL_SOCKET "\n"
	     "      --version           print the version\n"
	     "  -h, --help              print this\n"
	     "\n"
	     "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 accessd cannot be reached.\n"
	     "\n"
	     "Examples:\n"
	     "  accessctl init --domain lab.example --url https://as1.lab.example\n"
	     "  accessctl relay add rs1 --url https://rs1.lab.example >relay.txt\n"
	     "  accessctl device add site1 --lan 192.168.201.0/24 10.5.0.0/16 --expires 24h\n"
	     "  accessctl user add anna --qr\n"
	     "  accessctl device host add site1 plc1 192.168.201.10\n"
	     "  accessctl device set site1 --rate 10mbit\n"
	     "  accessctl device rule set site1 'allow in 192.168.201.10 tcp/102' 'allow in "
	     "icmp'\n"
	     "  accessctl device rule add site1 --at 1 deny in 192.168.201.20\n"
	     "  accessctl device list --json\n"
	     "  accessctl session history --since 7d --user anna\n"
	     "  accessctl session kill 0011aabb");
}

static const struct command *find_command(const struct accessctl_args *a)
{
	const char *verb = a->n_words > 1 ? a->words[1] : "";

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(COMMANDS[i].group, a->words[0]) == 0 &&
		    (COMMANDS[i].verb[0] == '\0' || strcmp(COMMANDS[i].verb, verb) == 0))
			return &COMMANDS[i];
	}
	return NULL;
}

/* Are there the words and only the options that the command takes? Return: 0; CTL_USAGE. */
static int check(const struct command *cmd, const struct accessctl_args *a)
{
	size_t fixed = cmd->verb[0] ? 2 : 1,
	       want = fixed + (cmd->operands[0] != NULL) + (cmd->operands[1] != NULL);

	if (a->n_words < want)
		return accessctl_usage("%s %s: %s is missing", cmd->group, cmd->verb,
				       cmd->operands[a->n_words - fixed]);
	if (a->n_words > want + cmd->more && !cmd->rule)
		return accessctl_usage("%s is one word too many", a->words[want + cmd->more]);
	if (a->lans && !cmd->lans)
		return accessctl_usage("--lan has no meaning here");
	if (a->urls && !cmd->urls && !cmd->idle)
		return accessctl_usage("--url has no meaning here");
	if (a->domain && !cmd->domain)
		return accessctl_usage("--domain has no meaning here");
	if ((a->expires_s || a->qr) && !cmd->invites)
		return accessctl_usage("--expires and --qr have no meaning here");
	if (a->rate && !cmd->rate)
		return accessctl_usage("--rate has no meaning here");
	if ((a->since_s || a->device || a->user) && !cmd->filters)
		return accessctl_usage("--since, --device and --user have no meaning here");
	if ((a->at || a->file) && !cmd->rule)
		return accessctl_usage("--at and --file have no meaning here");
	if ((a->yes || a->compromised) && !cmd->rolls)
		return accessctl_usage("--yes and --compromised have no meaning here");
	if (a->idle && !cmd->idle)
		return accessctl_usage("--idle has no meaning here");
	if (a->json && !cmd->json)
		return accessctl_usage("--json has no meaning here");
	if (cmd->urls && json_array_size(a->urls) == 0)
		return accessctl_usage("--url is missing");
	if (cmd->domain && !a->domain)
		return accessctl_usage("--domain is missing");
	return 0;
}

json_t *accessctl_ask(struct ctl *c, const char *method, json_t *params)
{
	char error[512] = "";
	json_t *result = NULL;

	if (ctl_call(c, method, params, ACCESSCTL_TIMEOUT_MS, NULL, NULL, &result, error,
		     sizeof(error)) == 0)
		return result;
	fprintf(stderr, "accessctl: %s\n", error[0] ? error : "accessd does not answer");
	return NULL;
}

json_t *accessctl_ask_all(struct ctl *c, const char *method, const char *what, const char *key)
{
	return accessctl_ask_for(c, method, NULL, what, key);
}

static json_t *ask_page(struct ctl *c, const char *method, json_t *params, const char *after)
{
	json_t *o = json_pack("{s:s}", "after", after);

	if (params)
		json_object_update_missing(o, params);
	return accessctl_ask(c, method, o);
}

json_t *accessctl_ask_for(struct ctl *c, const char *method, json_t *params, const char *what,
			  const char *key)
{
	json_t *all = json_array(), *page;
	char after[128] = "";
	bool more = true;

	while (more) {
		json_t *items;

		page = ask_page(c, method, params, after);
		items = json_object_get(page, what);
		more = json_is_true(json_object_get(page, "more")) && json_array_size(items) > 0;
		if (!page || json_array_extend(all, items) != 0 ||
		    (more && !rpc_str_max(json_array_get(items, json_array_size(items) - 1), key,
					  after, sizeof(after)))) {
			if (page)
				fputs("accessctl: accessd answered something else\n", stderr);
			json_decref(page);
			json_decref(all);
			return NULL;
		}
		json_decref(page);
	}
	return all;
}

static int run(const struct accessctl_args *a)
{
	const struct command *cmd;
	struct ctl *c;
	int rc;

	if (a->n_words == 0)
		return accessctl_usage("no command");
	cmd = find_command(a);
	if (!cmd)
		return accessctl_usage("unknown command %s%s%s", a->words[0],
				       a->n_words > 1 ? " " : "",
				       a->n_words > 1 ? a->words[1] : "");
	rc = check(cmd, a);
	if (rc)
		return rc;
	if (ctl_open(&c, a->socket, ACCESSCTL_SOCKET) != 0)
		return CTL_NO_DAEMON;
	rc = cmd->run(c, a);
	ctl_close(c);
	return rc;
}

int main(int argc, char **argv)
{
	struct accessctl_args a;
	int rc = accessctl_parse(&a, argc, argv);

	if (rc == 0 && a.help) {
		help_commands();
		help_upkeep();
		help_options();
	} else if (rc == 0 && a.version)
		puts("accessctl " FARLAN_VERSION);
	else if (rc == 0)
		rc = run(&a);
	accessctl_release(&a);
	return ctl_finish("accessctl", rc);
}
