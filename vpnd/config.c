/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/config.h"

#include <stdio.h>
#include <string.h>

#include "vpnd/pure/vprefix.h"

#define FIELD(member) \
	.offset = offsetof(struct config, member), .size = sizeof(((struct config *)0)->member)

static const char *parse_role(const struct opt *o, const char *value, void *field)
{
	enum token_role *role = field;

	(void)o;
	if (strcmp(value, "device") == 0)
		*role = TOKEN_DEVICE;
	else if (strcmp(value, "manager") == 0)
		*role = TOKEN_MANAGER;
	else
		return "not device or manager";
	return NULL;
}

static void print_role(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const enum token_role *role = field;

	(void)o;
	snprintf(out, out_size, "%s", *role == TOKEN_DEVICE ? "device" : "manager");
}

static const char *parse_lan_mode(const struct opt *o, const char *value, void *field)
{
	enum plane_lan_mode *mode = field;

	(void)o;
	if (strcmp(value, "lend") == 0)
		*mode = PLANE_LAN_LEND;
	else if (strcmp(value, "route") == 0)
		*mode = PLANE_LAN_ROUTE;
	else
		return "not lend or route";
	return NULL;
}

static void print_lan_mode(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const enum plane_lan_mode *mode = field;

	(void)o;
	snprintf(out, out_size, "%s", *mode == PLANE_LAN_LEND ? "lend" : "route");
}

static const char *parse_lend(const struct opt *o, const char *value, void *field)
{
	(void)o;
	return lendable_parse(field, value);
}

static void print_lend(const struct opt *o, const void *field, char *out, size_t out_size)
{
	(void)o;
	lendable_format(field, out, out_size);
}

/* What the kernel would refuse, or take for a pattern. */
static const char *parse_tun(const struct opt *o, const char *value, void *field)
{
	if (!value[0] || strpbrk(value, "/:% \t") || strcmp(value, ".") == 0 ||
	    strcmp(value, "..") == 0)
		return "this cannot be the name of a network device";
	return opt_parse_string(o, value, field);
}

/* Beside 53, where somebody else may answer for all of the host; below 1024, so that no other user
 * can sit there while vpnd is away. */
#define DNS_HERE "127.0.0.1:453"

static const char *parse_dns(const struct opt *o, const char *value, void *field)
{
	struct opt_listens *l = field;
	const char *wrong;

	if (strcmp(value, "yes") == 0)
		return opt_parse_listen_here(o, DNS_HERE, field);
	if (strcmp(value, "no") == 0)
		value = "";
	wrong = opt_parse_listen_here(o, value, field);
	for (size_t i = 0; !wrong && i < l->n; i++) {
		struct addr all = {.family = l->at[i].addr.family};

		if (addr_equal(&l->at[i].addr, &all))
			wrong = "one address is needed, not all: names are not for the network";
	}
	return wrong;
}

static void print_dns(const struct opt *o, const void *field, char *out, size_t out_size)
{
	opt_print_listen(o, field, out, out_size);
	if (!out[0])
		snprintf(out, out_size, "no");
}

static const char *parse_leds(const struct opt *o, const char *value, void *field)
{
	(void)o;
	return sign_leds_parse(field, value);
}

static void print_leds(const struct opt *o, const void *field, char *out, size_t out_size)
{
	(void)o;
	sign_leds_format(field, out, out_size);
}

static const char *parse_hardware(const struct opt *o, const char *value, void *field)
{
	if (strcmp(value, "auto") == 0 || strcmp(value, "none") == 0)
		return opt_parse_string(o, value, field);
	return value[0] == '/' ? opt_parse_path(o, value, field) : "auto, none, or a file";
}

const char *config_check(const void *conf)
{
	const struct config *c = conf;

	for (size_t i = 0; c->role == TOKEN_DEVICE && i < c->lans.n; i++) {
		if (!c->lans.at[i].gateway.family)
			return "lan: a device needs PREFIX via GATEWAY here; what is behind it "
			       "stands in the Access Server's register (accessctl device set NAME "
			       "--lan PREFIX)";
	}
	for (size_t i = 0; i < c->virtual.n; i++) {
		if (vprefix_in_pools(&c->virtual.at[i], &vprefix_tunnels, 1))
			return "virtual: 100.64.0.0/12 is left to the domain's own addresses";
	}
	if (c->role == TOKEN_MANAGER && c->lend.n > 0)
		return "lend: only for role = device; a manager's own LAN is routed";
	if (c->role == TOKEN_MANAGER && c->lock_input[0])
		return "lock-input: only for role = device; there is nothing to lock here";
	return NULL;
}

/* clang-format off */
const struct opt config_table[] = {
	{ .section = "vpnd", .key = "role", .parse = parse_role, .print = print_role,
	  FIELD(role), .dflt = "device",
	  .help = "device (at the machine) or manager (the engineer's PC, the office router)" },
	{ .section = "vpnd", .key = "state", .parse = opt_parse_path, .print = opt_print_string,
	  FIELD(state), .dflt = "/var/lib/farlan/vpnd",
	  .help = "folder of the identity that enrolment left here" },
	{ .section = "vpnd", .key = "socket", .parse = opt_parse_path, .print = opt_print_string,
	  FIELD(socket), .max = OPT_SOCKET_MAX, .dflt = "/run/farlan/vpnd.sock",
	  .help = "where vpnctl finds vpnd; what vpnd changed on the host is noted beside it" },
	{ .section = "vpnd", .key = "tun", .parse = parse_tun, .print = opt_print_string,
	  FIELD(tun), .dflt = "farlan0",
	  .help = "name of the TUN device" },
	{ .section = "vpnd", .key = "lan", .parse = opt_parse_lans, .print = opt_print_lans,
	  FIELD(lans), .dflt = "",
	  .help = "PREFIX or PREFIX via GATEWAY. manager: networks here that connected devices may reach; device: how to reach those that are behind a gateway" },
	{ .section = "vpnd", .key = "virtual", .parse = opt_parse_prefixes, .print = opt_print_prefixes,
	  FIELD(virtual), .dflt = "100.64.0.0/10, 198.18.0.0/15, 10.0.0.0/8, fdfb:9402:999f::/48",
	  .help = "where prefixes are taken from that stand for a peer's LAN if its own is in use here; empty: such a LAN is refused" },
	{ .section = "vpnd", .key = "lan-mode", .parse = parse_lan_mode, .print = print_lan_mode,
	  FIELD(lan_mode), .dflt = "lend",
	  .help = "device: lend (managers appear with a borrowed address of the LAN: its hosts need no gateway) or route" },
	{ .section = "vpnd", .key = "lend", .parse = parse_lend, .print = print_lend,
	  FIELD(lend), .dflt = "",
	  .help = "device: addresses that may be borrowed, ADDRESS or ADDRESS-ADDRESS, with commas; empty: a free one is looked for" },
	{ .section = "vpnd", .key = "allow-overlap", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(allow_overlap), .dflt = "no",
	  .help = "let a peer's network take addresses that this host's own networks have" },
	{ .section = "vpnd", .key = "hardware-id", .parse = parse_hardware, .print = opt_print_string,
	  FIELD(hardware_id), .dflt = "auto",
	  .help = "device: what tells this machine from others, so that it cannot be enrolled into another domain before its owner releases it; hashes alone are sent: auto (serial numbers, built-in network devices), a file with something of that kind, none" },
	{ .section = "vpnd", .key = "ports", .parse = opt_parse_ports, .print = opt_print_ports,
	  FIELD(ports), .dflt = "443, 80, 5935",
	  .help = "ports to try, in this order, at servers whose URL names none" },
	{ .section = "vpnd", .key = "proxy", .parse = opt_parse_proxy, .print = opt_print_proxy,
	  FIELD(proxy), .dflt = "", .is_secret = opt_proxy_is_secret,
	  .help = "HTTP proxy to servers and relays: http://[USER:PASSWORD@]HOST[:PORT]; none; empty: as https_proxy in the environment says" },
	{ .section = "vpnd", .key = "no-proxy", .parse = opt_parse_no_proxy, .print = opt_print_no_proxy,
	  FIELD(no_proxy), .dflt = "",
	  .help = "what is reached without the proxy: names (what is below them, too), addresses, prefixes, each with :PORT if need be; *" },
	{ .section = "vpnd", .key = "inspection", .parse = opt_parse_inspection, .print = opt_print_inspection,
	  FIELD(refuse_inspection), .dflt = "report",
	  .help = "somebody ends the outer TLS on the way, with a certificate that is not trusted: report it (the inner layer protects all the same), or refuse to go through" },
	{ .section = "vpnd", .key = "trust", .parse = opt_parse_trust, .print = opt_print_trust,
	  FIELD(trust), .dflt = "domain, system",
	  .help = "what may have signed servers' outer certificates: domain, system, and files of CAs (an inspecting firewall's, say)" },
	{ .section = "vpnd", .key = "shed", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(shed), .dflt = "yes",
	  .help = "shed the outer TLS layer at a relay once nobody is found to sit between" },
	{ .section = "vpnd", .key = "offload", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(offload), .dflt = "yes",
	  .help = "super-packets (up to 64 KiB) through the TUN device, if the kernel has them" },
	{ .section = "vpnd", .key = "mtu", .parse = opt_parse_int, .print = opt_print_int,
	  FIELD(mtu), .min = 1280, .max = 9000, .dflt = "1500",
	  .help = "MTU of the TUN device" },
	{ .section = "vpnd", .key = "dns", .parse = parse_dns, .print = print_dns,
	  FIELD(dns), .dflt = "yes",
	  .help = "manager: addresses at which names of what is connected are answered; yes: " DNS_HERE "; no: none" },
	{ .section = "vpnd", .key = "resolved", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(resolved), .dflt = "yes",
	  .help = "manager: tell systemd-resolved, where it runs, to ask there" },
	{ .section = "vpnd", .key = "lock-input", .parse = opt_parse_file, .print = opt_print_string,
	  FIELD(lock_input), .dflt = "",
	  .help = "device: file of a switch (a GPIO's value, or any other) that holds 1 while the device is to be locked; if it cannot be read it is locked; empty: none" },
	{ .section = "vpnd", .key = "lock-input-inverted", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(lock_inverted), .dflt = "no",
	  .help = "device: 0 in that file locks, not 1" },
	{ .section = "vpnd", .key = "led", .parse = parse_leds, .print = print_leds,
	  FIELD(leds), .dflt = "",
	  .help = "files that show the state, FILE STATE[=VALUE]..., with commas: VALUE (1 if not said) is written in this state, else 0 (none into .../trigger); states: not-enrolled, wrong-domain, offline, connected, session, locked" },
	{ .section = "vpnd", .key = "hook", .parse = opt_parse_file, .print = opt_print_string,
	  FIELD(hook), .dflt = "",
	  .help = "program that is run with the state when it changes, without vpnd's capabilities, for at most 10 s; empty: none" },
	{ .section = "vpnd", .key = "set-clock", .parse = opt_parse_bool, .print = opt_print_bool,
	  FIELD(set_clock), .dflt = "no",
	  .help = "set this host's clock by the Access Server's time when it is wrong (needs CAP_SYS_TIME)" },
	{ .section = "vpnd", .key = "ntp", .parse = opt_parse_servers, .print = opt_print_servers,
	  FIELD(ntp), .dflt = "",
	  .help = "time servers, HOST or HOST:PORT with commas, asked only if this host's clock cannot be right and no Access Server answers; empty: none" },
	{ .section = "vpnd", .key = "metrics", .parse = opt_parse_listen_here, .print = opt_print_listen,
	  FIELD(metrics), .dflt = "",
	  .help = "addresses for GET /metrics (Prometheus), such as 127.0.0.1:9472; PORT alone is 127.0.0.1; empty: none" },
};
/* clang-format on */

const size_t config_table_n = sizeof(config_table) / sizeof(config_table[0]);
