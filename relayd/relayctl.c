/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relayctl - the tool of relayd.
 */
#include "relayd/relayctl.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define SOCKET "/run/farlan/relayd.sock"

struct command {
	const char *name;
	int (*run)(struct ctl *c, const struct relayctl_args *args);
};

static const struct command commands[] = {
	{"enroll", relayctl_enroll}, {"status", relayctl_status}, {"sessions", relayctl_sessions},
	{"drain", relayctl_drain},   {"enable", relayctl_enable}, {"doctor", relayctl_doctor},
};

static void help(void)
{
	puts("Usage: relayctl [-s SOCKET] COMMAND [OPTIONS]\n"
	     "\n"
	     "The tool of relayd, the Relay Server.\n"
	     "\n"
	     "  enroll [--file FILE] [--again]\n"
	     "                        bring this relay into a domain: relayd makes its key here "
	     "and\n"
	     "                        gets the signed identity for it. The invitation comes from\n"
	     "                        FILE, from standard input, or is asked for on a terminal.\n"
	     "                        --again replaces the identity of a relay that has one\n"
	     "  status [--json]       state, Access Server, sessions, refused connections\n"
	     "  sessions [--json]     each session with its two ends\n"
	     "  doctor [--idle] [--url URL] [--json]\n"
	     "                        is it published well: names, ports, certificates, "
	     "WebSocket.\n"
	     "                        relayd doctor is the same\n"
	     "  drain                 take no new sessions, ask those that run to go to other "
	     "relays;\n"
	     "                        until enable, or until relayd is started again\n"
	     "  enable                take sessions again\n"
	     "\n"
	     "Options:\n"
	     "  -s, --socket SOCKET   where relayd listens for its tool; else $FARLAN_SOCKET,\n"
	     "                        else " SOCKET "\n"
	     "      --version         print the version\n"
	     "  -h, --help            print this\n"
	     "\n"
	     "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 relayd cannot be reached.\n"
	     "\n"
	     "Examples:\n"
	     "  relayctl enroll <invitation.txt\n"
	     "  relayctl enroll --file /root/invitation.txt\n"
	     "  relayctl status --json\n"
	     "  relayctl sessions");
}

static int usage(const char *what, const char *detail)
{
	fprintf(stderr, "relayctl: %s%s; see relayctl --help\n", what, detail);
	return CTL_USAGE;
}

json_t *relayctl_ask(struct ctl *c, const char *method, json_t *params)
{
	char error[512] = "";
	json_t *result = NULL;

	if (ctl_call(c, method, params, RELAYCTL_TIMEOUT_MS, NULL, NULL, &result, error,
		     sizeof(error)) == 0)
		return result;
	fprintf(stderr, "relayctl: %s\n", error[0] ? error : "relayd does not answer");
	return NULL;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run(const char *name, const struct relayctl_args *args)
{
	const struct command *command = find_command(name);
	struct ctl *c;
	int exit_code;

	if (!command)
		return usage("there is no command ", name);
	if ((args->file || args->again) && command->run != relayctl_enroll)
		return usage("--file and --again belong to enroll", "");
	if ((args->idle || args->urls) && command->run != relayctl_doctor)
		return usage("--idle and --url belong to doctor", "");
	if (ctl_open(&c, args->socket, SOCKET))
		return CTL_NO_DAEMON;
	exit_code = command->run(c, args);
	ctl_close(c);
	return exit_code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"file", required_argument, NULL, 'f'},
		{"again", no_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"idle", no_argument, NULL, 'i'},
		{"url", required_argument, NULL, 'u'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct relayctl_args args = {0};
	int o, code;

	while ((o = getopt_long(argc, argv, "s:f:h", options, NULL)) != -1) {
		switch (o) {
		case 's':
			args.socket = optarg;
			break;
		case 'f':
			args.file = optarg;
			break;
		case 'a':
			args.again = true;
			break;
		case 'j':
			args.json = true;
			break;
		case 'i':
			args.idle = true;
			break;
		case 'u':
			args.urls = args.urls ? args.urls : json_array();
			json_array_append_new(args.urls, json_string(optarg));
			break;
		case 'V':
			puts("relayctl " FARLAN_VERSION);
			return CTL_OK;
		case 'h':
			help();
			return CTL_OK;
		default:
			return usage("wrong option", "");
		}
	}
	if (optind == argc)
		return usage("no command", "");
	if (optind + 1 < argc)
		return usage("too many arguments: ", argv[optind + 1]);
	code = run(argv[optind], &args);
	json_decref(args.urls);
	return ctl_finish("relayctl", code);
}
