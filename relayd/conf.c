/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/conf.h"

#include <stddef.h>

#include "relayd/workers.h"

/* Listening, the control socket, the Access Server, connections that have not shown a token yet. */
#define FILES_BESIDE 200

#define FIELD(member) \
	.offset = offsetof(struct conf, member), .size = sizeof(((struct conf *)0)->member)

/* clang-format off */
static const struct opt table[] = {
	{ .section = "relayd", .key = "state", .parse = opt_parse_path, .print = opt_print_string,
	  FIELD(state), .dflt = "/var/lib/farlan/relayd",
	  .help = "folder of the identity that enrolment left here" },
	{ .section = "relayd", .key = "socket", .parse = opt_parse_path, .print = opt_print_string,
	  FIELD(socket), .max = OPT_SOCKET_MAX, .dflt = "/run/farlan/relayd.sock",
	  .help = "where relayctl finds relayd" },
	{ .section = "relayd", .key = "listen", .parse = opt_parse_listen, .print = opt_print_listen,
	  FIELD(listen), .dflt = "443, 80, 5935",
	  .help = "PORT (on all addresses), ADDRESS:PORT or [ADDRESS]:PORT, for both ends of sessions" },
	{ .section = "relayd", .key = "ports", .parse = opt_parse_ports, .print = opt_print_ports,
	  FIELD(ports), .dflt = "443, 80, 5935",
	  .help = "ports to try, in this order, at an Access Server whose URL names none" },
	{ .section = "relayd", .key = "proxy", .parse = opt_parse_proxy, .print = opt_print_proxy,
	  FIELD(proxy), .dflt = "", .is_secret = opt_proxy_is_secret,
	  .help = "HTTP proxy to the Access Server: http://[USER:PASSWORD@]HOST[:PORT]; none; empty: as https_proxy in the environment says" },
	{ .section = "relayd", .key = "no-proxy", .parse = opt_parse_no_proxy, .print = opt_print_no_proxy,
	  FIELD(no_proxy), .dflt = "",
	  .help = "what is reached without the proxy: names (what is below them, too), addresses, prefixes, each with :PORT if need be; *" },
	{ .section = "relayd", .key = "inspection", .parse = opt_parse_inspection, .print = opt_print_inspection,
	  FIELD(refuse_inspection), .dflt = "report",
	  .help = "somebody ends the outer TLS on the way, with a certificate that is not trusted: report it (the inner layer protects all the same), or refuse to go through" },
	{ .section = "relayd", .key = "max-sessions", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(max_sessions), .dflt = "10000", .min = 1, .max = 100000,
	  .help = "more sessions than this at a time are answered with 503" },
	{ .section = "relayd", .key = "capacity", .parse = opt_parse_rate, .print = opt_print_rate,
	  FIELD(capacity), .dflt = "none",
	  .help = "what the line of this relay carries, e.g. 1gbit, for a fair choice; none: not said" },
	{ .section = "relayd", .key = "rate", .parse = opt_parse_rate, .print = opt_print_rate,
	  FIELD(rate), .dflt = "none",
	  .help = "limit of all sessions together, both directions: 100mbit, or none" },
	{ .section = "relayd", .key = "workers", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(workers), .dflt = "0", .min = 0, .max = WORKERS_MAX,
	  .help = "threads that carry sessions, up to 64; 0: one for each core" },
	{ .section = "relayd", .key = "shed", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(shed), .dflt = "yes",
	  .help = "agree to shed the outer TLS layer where nobody is found to sit between" },
	{ .section = "relayd", .key = "drain", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(drain_s), .dflt = "60", .min = 0, .max = 86400,
	  .help = "seconds that sessions have for going to other relays before relayd stops" },
	{ .section = "relayd", .key = "set-clock", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(set_clock), .dflt = "no",
	  .help = "set this host's clock by the Access Server's time when it is wrong (needs CAP_SYS_TIME)" },
	{ .section = "relayd", .key = "ntp", .parse = opt_parse_servers, .print = opt_print_servers,
	  FIELD(ntp), .dflt = "",
	  .help = "time servers, HOST or HOST:PORT with commas, asked only if this host's clock cannot be right and no Access Server answers; empty: none" },
	{ .section = "relayd", .key = "metrics", .parse = opt_parse_listen_here, .print = opt_print_listen,
	  FIELD(metrics), .dflt = "",
	  .help = "addresses for GET /metrics (Prometheus), such as 127.0.0.1:9471; PORT alone is 127.0.0.1; empty: none" },
};
/* clang-format on */

#define TABLE_N (sizeof(table) / sizeof(table[0]))

static const struct opt_program program = {
	.name = "relayd",
	.what_it_is = "Relay Server: joins the two ends of each session.",
	.default_config = CONF_FILE,
	.table = table,
	.n = TABLE_N,
};

const struct opt_program *conf_program(void)
{
	return &program;
}

void conf_defaults(struct conf *c)
{
	opt_defaults(table, TABLE_N, c);
}

bool conf_fit_sessions(struct conf *c, size_t files)
{
	size_t fit = files > 2 * FILES_BESIDE ? (files - FILES_BESIDE) / 2 : files / 4;

	if ((size_t)c->max_sessions <= fit)
		return false;
	c->max_sessions = (long)fit;
	return true;
}

unsigned int conf_workers(const struct conf *c)
{
	unsigned int cores = uv_available_parallelism();

	if (c->workers > 0)
		return (unsigned int)c->workers;
	return cores < WORKERS_MAX ? cores : WORKERS_MAX;
}

void conf_listen_text(const struct conf *c, char *out, size_t out_size)
{
	opt_print_listen(&table[2], &c->listen, out, out_size);
}
