/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/conf.h"

#include <stddef.h>

#include "accessd/password.h"

#define FIELD(member) \
	.offset = offsetof(struct conf, member), .size = sizeof(((struct conf *)0)->member)

/* clang-format off */
const struct opt CONF_TABLE[] = {
	{ .section = "accessd", .key = "state", .parse = opt_parse_path, .print = opt_print_string,
	  FIELD(state), .dflt = "/var/lib/farlan/accessd",
	  .help = "folder of the database: it holds the keys of the domain, so keep it safe" },
	{ .section = "accessd", .key = "socket", .parse = opt_parse_path, .print = opt_print_string,
	  FIELD(socket), .max = OPT_SOCKET_MAX, .dflt = CONF_SOCKET,
	  .help = "where accessctl finds accessd" },
	{ .section = "accessd", .key = "listen", .parse = opt_parse_entries, .print = opt_print_listen,
	  FIELD(listen), .dflt = "443, 80, 5935",
	  .help = "PORT (on all addresses), ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH; behind it tls=no: HTTP, for a reverse proxy" },
	{ .section = "accessd", .key = "tls", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(tls), .dflt = "yes",
	  .help = "no: HTTP where listen does not say; each of those must name an address. unix: is HTTP by itself" },
	{ .section = "accessd", .key = "trusted-proxies", .parse = opt_parse_proxies, .print = opt_print_prefixes,
	  FIELD(proxies), .dflt = "",
	  .help = "addresses and networks of reverse proxies that say whose a connection is: X-Forwarded-For or PROXY protocol" },
	{ .section = "accessd", .key = "certificate", .parse = opt_parse_file, .print = opt_print_string,
	  FIELD(certificate), .dflt = "",
	  .help = "a public CA's, with its chain, for the outer layer: /etc/letsencrypt/live/NAME/fullchain.pem; empty: the domain's" },
	{ .section = "accessd", .key = "certificate-key", .parse = opt_parse_file, .print = opt_print_string,
	  FIELD(certificate_key), .dflt = "",
	  .help = "its key: /etc/letsencrypt/live/NAME/privkey.pem; both are read anew when they change" },
	{ .section = "accessd", .key = "session-hours", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(session_hours), .dflt = "8", .min = 1, .max = 24,
	  .help = "a session ends after this time, where neither its folder nor the domain has a limit" },
	{ .section = "accessd", .key = "login-hours", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(login_hours), .dflt = "24", .min = 1, .max = 720,
	  .help = "a manager signs in anew after this time" },
	{ .section = "accessd", .key = "password-cost", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(password_cost), .dflt = "15", .min = PASSWORD_COST_MIN, .max = PASSWORD_COST_MAX,
	  .help = "scrypt's N of new hashes, as a power of two: 15 takes 32 MB and some 60 ms; lower ones are raised at the sign-in" },
	{ .section = "accessd", .key = "password-bytes", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(password_bytes), .dflt = "10", .min = 8, .max = 64,
	  .help = "shorter passwords are refused" },
	{ .section = "accessd", .key = "refused-passwords", .parse = opt_parse_file, .print = opt_print_string,
	  FIELD(refused_passwords), .dflt = "",
	  .help = "a file of passwords that are refused, one in a line, beside those that accessd knows; empty: none" },
	{ .section = "accessd", .key = "identity-days", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(identity_days), .dflt = "365", .min = 1, .max = 3650,
	  .help = "life of a device's or relay's certificate; it renews it by itself at two thirds" },
	{ .section = "accessd", .key = "session-rate", .parse = opt_parse_rate, .print = opt_print_rate,
	  FIELD(session_rate), .dflt = "none",
	  .help = "limit of a session, both directions together, where the device has none of its own: 10mbit" },
	{ .section = "accessd", .key = "user-rate", .parse = opt_parse_rate, .print = opt_print_rate,
	  FIELD(user_rate), .dflt = "none",
	  .help = "limit of a user's sessions together at a relay, where the user has none of his own" },
	{ .section = "accessd", .key = "history-days", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(history_days), .dflt = "90", .min = 1, .max = 3650,
	  .help = "sessions that are over, and what they carried, are forgotten after this time" },
	{ .section = "accessd", .key = "audit-records", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(audit_records), .dflt = "10000000", .min = 0, .max = 1000000000,
	  .help = "how many records the audit has room for, some 450 bytes each; 0: as the disk has. accessctl audit prune makes room" },
	{ .section = "accessd", .key = "audit-full", .parse = conf_parse_full, .print = conf_print_full,
	  FIELD(audit_continues), .dflt = "refuse",
	  .help = "what cannot be recorded is not done (refuse), or is done all the same and counted (continue)" },
	{ .section = "accessd", .key = "audit-syslog", .parse = conf_parse_syslog, .print = conf_print_syslog,
	  FIELD(audit_syslog), .dflt = "",
	  .help = "records go there, too, as RFC 5424 has it: unix, unix:PATH, udp HOST[:PORT], tcp HOST[:PORT]; empty: nowhere" },
	{ .section = "accessd", .key = "audit-journal", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(audit_journal), .dflt = "no",
	  .help = "records go to this host's journal, too, with fields FARLAN_*" },
	{ .section = "accessd", .key = "handshakes", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(handshakes), .dflt = "200", .min = 5, .max = 5000,
	  .help = "control connections that are let in in a second; when more come, each is told when to come back" },
	{ .section = "accessd", .key = "metrics", .parse = opt_parse_listen_here, .print = opt_print_listen,
	  FIELD(metrics), .dflt = "",
	  .help = "addresses for GET /metrics (Prometheus), such as 127.0.0.1:9470; PORT alone is 127.0.0.1; empty: none" },
};
/* clang-format on */

const char *conf_check(const void *conf)
{
	const struct conf *c = conf;

	if (!c->certificate[0] != !c->certificate_key[0])
		return "certificate and certificate-key belong together";
	return opt_check_entries(&c->listen, c->tls);
}

const size_t CONF_TABLE_N = sizeof(CONF_TABLE) / sizeof(CONF_TABLE[0]);

void conf_listen_text(const struct conf *c, char *out, size_t out_size)
{
	opt_print_listen(&CONF_TABLE[2], &c->listen, out, out_size);
}
