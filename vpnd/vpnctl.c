/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnctl - the tool of vpnd.
 */
#include "vpnd/vpnctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAKES_FILE = 1,
	TAKES_INVITE = 2,
	TAKES_JSON = 4,
	TAKES_NAME = 8,
	NEEDS_NAME = 16,
	TAKES_MEASURE = 32,
	TAKES_WORDS = 64, /* any number of them */
	TAKES_CAPTURE = 128,
	TAKES_FROM = 256,
	NEEDS_TARGET = 512,
	TAKES_HOSTS = 1024,
	TAKES_URL = 2048,
	TAKES_REASON = 4096,
	NEEDS_ID = 8192,
	TAKES_SAVE = 16384,
};

struct command {
	const char *name;
	int (*run)(struct ctl *c, const struct vpnctl_args *args);
	unsigned int takes;
};

static const struct command commands[] = {
	{"enroll", vpnctl_enroll, TAKES_FILE | TAKES_JSON},
	{"login", vpnctl_login, TAKES_INVITE | TAKES_NAME | TAKES_JSON},
	{"passwd", vpnctl_passwd, TAKES_JSON},
	{"totp", vpnctl_totp, TAKES_JSON},
	{"recovery-codes", vpnctl_recovery_codes, TAKES_JSON},
	{"connect", vpnctl_connect, TAKES_NAME | NEEDS_NAME | TAKES_REASON | TAKES_JSON},
	{"disconnect", vpnctl_disconnect, TAKES_NAME | TAKES_JSON},
	{"devices", vpnctl_devices, TAKES_JSON},
	{"approvals", vpnctl_approvals, TAKES_JSON},
	{"approve", vpnctl_approve, TAKES_NAME | NEEDS_ID | TAKES_JSON},
	{"reject", vpnctl_reject, TAKES_NAME | NEEDS_ID | TAKES_REASON | TAKES_JSON},
	{"relays", vpnctl_relays, TAKES_MEASURE | TAKES_JSON},
	{"dns", vpnctl_dns, TAKES_HOSTS | TAKES_JSON},
	{"routes", vpnctl_routes, TAKES_JSON},
	{"status", vpnctl_status, TAKES_JSON},
	{"lock", vpnctl_lock, TAKES_REASON | TAKES_JSON},
	{"unlock", vpnctl_unlock, TAKES_JSON},
	{"sessions", vpnctl_sessions, TAKES_NAME | TAKES_SAVE | TAKES_JSON},
	{"trace", vpnctl_trace, TAKES_NAME | NEEDS_TARGET | TAKES_FROM | TAKES_JSON},
	{"capture", vpnctl_capture, TAKES_WORDS | TAKES_CAPTURE},
	{"doctor", vpnctl_doctor, TAKES_INVITE | TAKES_URL | TAKES_JSON},
};

struct given {
	struct vpnctl_args args;
	const char *command;
	const char *file, *invite;
};

static void help_commands(void)
{
	puts("Usage: vpnctl [-s SOCKET] COMMAND [OPTIONS]\n"
	     "\n"
	     "The tool of vpnd, the endpoint: a manager's PC or a device.\n"
	     "\n"
	     "Device:\n"
	     "  enroll [--file FILE]           bring this device into a domain. The invitation\n"
	     "                                 comes from FILE, from standard input, or is asked\n"
	     "                                 for on a terminal\n"
	     "  lock [--reason TEXT]           the red button: end all sessions and take no\n"
	     "                                 new ones, after a restart, too. Needs no server\n"
	     "  unlock                         take sessions again\n"
	     "Manager:\n"
	     "  login [--invite FILE] [USER]   sign in. The first time with an invitation; where\n"
	     "                                 standard input is no terminal, its first line is\n"
	     "                                 the invitation (if one is needed and --invite is\n"
	     "                                 not given), the next one the password, then what\n"
	     "                                 is asked for: a one-time or recovery code, the\n"
	     "                                 first code of a new second factor, a new password\n"
	     "  passwd                         change the own password\n"
	     "  totp                           set up a second factor, or another one\n"
	     "  recovery-codes                 new ones, in place of the old ones\n"
	     "  devices [--json]               the devices of the domain\n"
	     "  connect DEVICE [--reason TEXT] reach the networks behind DEVICE. Shows each step\n"
	     "                                 with its time, and how far the relays are from\n"
	     "                                 both ends; Ctrl-C takes it back. TEXT: what for,\n"
	     "                                 up to 200 bytes; asked for where it is wanted\n"
	     "  disconnect [DEVICE]            end the session with DEVICE, or all sessions\n"
	     "  dns [--hosts] [--json]         the names of what is connected, who answers them,\n"
	     "                                 and how resolvers come to know; --hosts: lines\n"
	     "                                 for /etc/hosts\n"
	     "Both:\n"
	     "  approvals [--json]             sessions that wait for you to approve them: for\n"
	     "                                 this machine, or where you are an administrator\n"
	     "  approve ID                     let one begin\n"
	     "  reject ID [--reason TEXT]      do not\n"
	     "  relays [--measure] [--json]    how far it is to each relay, from here and from "
	     "the\n"
	     "                                 devices that are connected; --measure looks anew\n"
	     "  routes [--json]                what vpnd has set on this host, why, and whether "
	     "it\n"
	     "                                 is still there\n"
	     "  status [--json]                state, server, sessions, and the last errors with\n"
	     "                                 what to do\n"
	     "  sessions [ID] [--save DIR] [--json]\n"
	     "                                 the sessions that were, as this end has signed\n"
	     "                                 them, and whether each record is good and whole;\n"
	     "                                 --save: files that openssl can check\n"
	     "  trace ADDRESS[:PORT][/tcp|/udp|/icmp] [--from ADDRESS] [--json]\n"
	     "                                 what would become of something new: its route,\n"
	     "                                 session, translation, rules, queue and relay,\n"
	     "                                 or where it stops (exit code 1); nothing is sent.\n"
	     "                                 --from: a host on this side; on the other side:\n"
	     "                                 it comes in. IPv6 with a port: [ADDRESS]:PORT\n"
	     "  capture [FILTER] [-w FILE] [--text] [--count N] [--seconds S] [--snap BYTES]\n"
	     "                                 packets of the sessions, those that rules deny,\n"
	     "                                 too; with the addresses of both LANs, not with\n"
	     "                                 what they are translated to here. pcapng, into\n"
	     "                                 FILE or standard output; a line for each on a\n"
	     "                                 terminal. Super-packets stand for many segments;\n"
	     "                                 transport checksums of this host's own packets\n"
	     "                                 may be unfinished\n"
	     "  doctor [--invite FILE | --url https://HOST ...] [--json]\n"
	     "                                 what stands in the way here: names, ports, "
	     "proxies,\n"
	     "                                 packet sizes, clock, relays; and what a "
	     "firewall\n"
	     "                                 has to let out. Exit code 0: it can come up here,\n"
	     "                                 1: it cannot. --invite, --url: before enrolment\n"
	     "\n"
	     "FILTER: [src|dst] host ADDRESS, [src|dst] net PREFIX, [src|dst] port N[-M], ip,\n"
	     "ip6, tcp, udp, icmp, in, out; joined by not, and, or, brackets.");
}

static void help_options(void)
{
	puts("\n"
	     "Options:\n"
	     "  -s, --socket SOCKET   where vpnd listens for its tool; else $FARLAN_SOCKET,\n"
	     "                        else " VPNCTL_SOCKET "\n"
	     "      --json            the daemon's answer as JSON\n"
	     "      --version         print the version\n"
	     "  -h, --help            print this\n"
	     "\n"
	     "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 vpnd cannot be reached.\n"
	     "\n"
	     "Examples:\n"
	     "  vpnctl enroll --file /root/invitation.txt\n"
	     "  vpnctl login alice\n"
	     "  vpnctl connect site1\n"
	     "  vpnctl connect site1 --reason 'belt slips, ticket 4711'\n"
	     "  vpnctl status --json\n"
	     "  vpnctl lock --reason 'robot cell is being serviced'\n"
	     "  vpnctl trace 192.168.1.10:102\n"
	     "  vpnctl capture -w plc.pcapng 'host 192.168.1.10 and not port 22'\n"
	     "  vpnctl doctor --invite /root/invitation.txt\n"
	     "  vpnctl disconnect");
}

static int usage(const char *what, const char *detail)
{
	fprintf(stderr, "vpnctl: %s%s; see vpnctl --help\n", what, detail);
	return CTL_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* Return: what is wrong, or NULL. */
static const char *misfit(const struct command *command, const struct given *g)
{
	if (g->file && !(command->takes & TAKES_FILE))
		return "--file belongs to enroll";
	if (g->invite && !(command->takes & TAKES_INVITE))
		return "--invite belongs to login and doctor";
	if (g->args.n_urls > 0 && !(command->takes & TAKES_URL))
		return "--url belongs to doctor";
	if (g->args.measure && !(command->takes & TAKES_MEASURE))
		return "--measure belongs to relays";
	if ((g->args.write || g->args.text || g->args.count || g->args.seconds || g->args.snap) &&
	    !(command->takes & TAKES_CAPTURE))
		return "-w, --text, --count, --seconds and --snap belong to capture";
	if (g->args.reason && !(command->takes & TAKES_REASON))
		return "--reason belongs to connect, reject and lock";
	if (g->args.save && !(command->takes & TAKES_SAVE))
		return "--save belongs to sessions";
	if (g->args.hosts && !(command->takes & TAKES_HOSTS))
		return "--hosts belongs to dns";
	if (command->takes & TAKES_WORDS)
		return NULL;
	if (g->args.n_words > 1)
		return "too many arguments";
	if (g->args.name && !(command->takes & TAKES_NAME))
		return "too many arguments";
	if (g->args.from && !(command->takes & TAKES_FROM))
		return "--from belongs to trace";
	if (!g->args.name && (command->takes & NEEDS_TARGET))
		return "where to? ADDRESS[:PORT][/udp]";
	if (!g->args.name && (command->takes & NEEDS_NAME))
		return "which device? vpnctl devices lists them";
	if (!g->args.name && (command->takes & NEEDS_ID))
		return "which one? vpnctl approvals lists them";
	return NULL;
}

static int run(struct given *g)
{
	const struct command *command = find_command(g->command);
	const char *wrong;
	struct ctl *c;
	int exit_code;

	if (!command)
		return usage("there is no command ", g->command);
	wrong = misfit(command, g);
	if (wrong)
		return usage(wrong, "");
	g->args.file = g->file ? g->file : g->invite;
	if (ctl_open(&c, g->args.socket, VPNCTL_SOCKET) != 0) {
		if (command->run == vpnctl_doctor)
			fputs("vpnctl: start it: systemctl enable --now vpnd; why it ended: "
			      "journalctl -u vpnd\n",
			      stderr);
		return CTL_NO_DAEMON;
	}
	exit_code = command->run(c, &g->args);
	ctl_close(c);
	return exit_code;
}

/* Of an option, from optarg: 1 to @max. Return: an exit code. */
static int number(int64_t *out, const char *option, int64_t max)
{
	char *end;

	*out = strtol(optarg, &end, 10);
	return *end || *out < 1 || *out > max ? usage(option, " takes a number") : CTL_OK;
}

/* Return: an exit code; *end: there is nothing more to do. */
static int take_option(struct given *g, int option, bool *end)
{
	switch (option) {
	case 's':
		g->args.socket = optarg;
		break;
	case 'f':
		g->file = optarg;
		break;
	case 'i':
		g->invite = optarg;
		break;
	case 'j':
		g->args.json = true;
		break;
	case 'm':
		g->args.measure = true;
		break;
	case 'r':
		g->args.from = optarg;
		break;
	case 'w':
		g->args.write = optarg;
		break;
	case 't':
		g->args.text = true;
		break;
	case 'c':
		return number(&g->args.count, "--count", INT32_MAX);
	case 'd':
		return number(&g->args.seconds, "--seconds", INT32_MAX);
	case 'n':
		return number(&g->args.snap, "--snap", UINT16_MAX);
	case 'S':
		g->args.save = optarg;
		break;
	case 'H':
		g->args.hosts = true;
		break;
	case 'u':
		if (g->args.n_urls == VPNCTL_URLS_MAX)
			return usage("too many: ", "--url");
		g->args.urls[g->args.n_urls++] = optarg;
		break;
	case 'R':
		g->args.reason = optarg;
		break;
	case 'V':
		*end = true;
		puts("vpnctl " FARLAN_VERSION);
		break;
	case 'h':
		*end = true;
		help_commands();
		help_options();
		break;
	default: /* getopt_long() has said what is wrong */
		return usage("wrong option", "");
	}
	return CTL_OK;
}

/* Return: true go on; false exit with *exit_code. */
static bool parse_options(struct given *g, int argc, char **argv, int *exit_code)
{
	/* clang-format off */
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"file", required_argument, NULL, 'f'},
		{"invite", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},
		{"measure", no_argument, NULL, 'm'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{"text", no_argument, NULL, 't'},
		{"count", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 'd'},
		{"from", required_argument, NULL, 'r'},
		{"snap", required_argument, NULL, 'n'},
		{"hosts", no_argument, NULL, 'H'},
		{"url", required_argument, NULL, 'u'},
		{"reason", required_argument, NULL, 'R'},
		{"save", required_argument, NULL, 'S'},
		{NULL, 0, NULL, 0},
	};
	/* clang-format on */
	bool end = false;
	int o;

	*exit_code = CTL_OK;
	while (*exit_code == CTL_OK && !end &&
	       (o = getopt_long(argc, argv, "s:w:h", options, NULL)) != -1)
		*exit_code = take_option(g, o, &end);
	return *exit_code == CTL_OK && !end;
}

int main(int argc, char **argv)
{
	struct given g = {0};
	int exit_code;

	if (!parse_options(&g, argc, argv, &exit_code))
		return exit_code;
	if (optind == argc)
		return usage("no command", "");
	g.command = argv[optind];
	if (optind + 1 < argc)
		g.args.name = argv[optind + 1];
	g.args.words = argv + optind + 1;
	g.args.n_words = argc - optind - 1;
	return ctl_finish("vpnctl", run(&g));
}
