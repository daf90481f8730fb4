/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What of this host has to do with it. Nothing is sent; the kernel is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "vpnd/doctor_internal.h"
#include "vpnd/nft_query.h"

#define DAY_S 86400
#define SOON_S (30 * INT64_C(86400))
#define CLOCK_OFF_S 60 /* more is worth a word */
#define STATUS_MAX_BYTES 16384

static void name(struct finding *f, const char *id, const char *subject)
{
	*f = (struct finding){.state = FINDING_OK};
	snprintf(f->id, sizeof(f->id), "%s", id);
	snprintf(f->subject, sizeof(f->subject), "%s", subject);
}

static void date(int64_t when, char out[20])
{
	struct tm tm;
	time_t t = (time_t)when;

	if (!gmtime_r(&t, &tm) || strftime(out, 20, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(out, 20, "?");
}

/* --- who we are --- */

static void check_identity(struct doctor *d)
{
	const struct app *app = d->app;
	const char *command = app->config.role == TOKEN_DEVICE ? "vpnctl enroll" : "vpnctl login";
	struct x509_info info;
	struct finding f;
	char until[20];

	name(&f, "identity", "identity");
	if (!app->enrolled) {
		finding_say(&f, FINDING_WARNING, "none yet: not enrolled");
		finding_todo(&f, "%s, once the servers are reached", command);
	} else if (x509_parse(&info, app->identity.cert.der, app->identity.cert.len) != 0) {
		finding_say(&f, FINDING_FAILED, "cannot be read");
		finding_todo(&f, "%s, with a new invitation", command);
	} else if (info.not_after < clock_wall_s()) {
		date(info.not_after, until);
		finding_say(&f, FINDING_WARNING, "%s of %s has expired at %s UTC",
			    app->identity.name, app->identity.id.domain, until);
		finding_todo(&f, "%s",
			     app->config.role == TOKEN_DEVICE
				     ? "nothing: it is renewed when the Access Server is reached"
				     : command);
	} else {
		date(info.not_after, until);
		finding_say(&f, FINDING_OK, "%s of %s, good until %s UTC", app->identity.name,
			    app->identity.id.domain, until);
	}
	doctor_tell(d, &f);
}

static void say_signed(const struct clock_status *c, const char *now, struct finding *f)
{
	int64_t ahead_s = c->system_ahead_ms / 1000;

	if (ahead_s >= -CLOCK_OFF_S && ahead_s <= CLOCK_OFF_S) {
		finding_say(f, FINDING_OK, "right, says the Access Server: %s UTC", now);
		return;
	}
	finding_say(f, FINDING_WARNING,
		    "this host's is %lld s %s; vpnd goes by the Access Server's: %s UTC",
		    (long long)(ahead_s < 0 ? -ahead_s : ahead_s), ahead_s < 0 ? "behind" : "ahead",
		    now);
	finding_todo(
		f, "nothing, for Farlan; for this host: NTP (UDP port 123), or set-clock = yes in "
		   "vpnd.conf");
}

static void check_clock(struct doctor *d)
{
	struct clock_status c;
	struct finding f;
	char now[20];

	name(&f, "clock", "clock");
	date(clock_wall_s(), now);
	clock_status(&c);
	if (c.state == OWNTIME_SIGNED) {
		say_signed(&c, now, &f);
	} else if (c.doubtful || c.state == OWNTIME_UNKNOWN) {
		date(clock_host.now_us() / 1000000, now);
		finding_say(&f, FINDING_WARNING, "this host's cannot be right: it says %s UTC",
			    now);
		finding_todo(&f,
			     "nothing, if the Access Server is reached: it tells the time; else "
			     "set it: date -s, or NTP (UDP port 123)");
	} else {
		finding_say(&f, FINDING_OK, "%s UTC, says %s; the Access Server was not asked yet",
			    now, c.state == OWNTIME_SNTP ? "NTP" : "this host");
	}
	doctor_tell(d, &f);
}

static void check_control(struct doctor *d)
{
	const struct app *app = d->app;
	struct access_link_status st;
	struct finding f;

	name(&f, "control", "Access Server");
	if (!app->enrolled || !app->link) {
		finding_say(&f, FINDING_SKIPPED, "no connection: not enrolled");
		doctor_tell(d, &f);
		return;
	}
	access_link_status(app->link, &st);
	if (app->online)
		finding_say(&f, FINDING_OK, "connected to %.200s since %llu s (%s)", st.server,
			    (unsigned long long)((clock_mono_ms() - st.since_ms) / 1000),
			    st.outer_version);
	else
		finding_say(&f, FINDING_FAILED, "not connected: %.300s",
			    st.last_error[0] ? st.last_error : "it is being tried");
	doctor_tell(d, &f);
}

/* --- what vpnd needs here --- */

static bool has_capability(int number)
{
	unsigned long long set = 0;
	uint8_t *text;
	size_t n;
	const char *at;

	if (file_read("/proc/self/status", STATUS_MAX_BYTES, &text, &n) != 0)
		return true; /* nothing is known against it */
	at = strstr((const char *)text, "\nCapEff:");
	if (at)
		set = strtoull(at + strlen("\nCapEff:"), NULL, 16);
	free(text);
	return !at || (set >> number & 1);
}

static void check_tun(struct doctor *d)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), error = errno;
	struct finding f;

	if (fd >= 0)
		close(fd);
	name(&f, "tun", "TUN device");
	if (fd < 0) {
		finding_say(&f, FINDING_FAILED, "/dev/net/tun cannot be opened: %s",
			    strerror(error));
		finding_todo(&f, "modprobe tun; in a container, pass the device in");
		d->obstacle = "there is no TUN device: load the kernel's module (modprobe tun), or "
			      "pass /dev/net/tun into the container";
	} else if (!has_capability(CAP_NET_ADMIN)) {
		finding_say(&f, FINDING_FAILED, "vpnd lacks CAP_NET_ADMIN");
		finding_todo(&f, "use the service file that comes with vpnd");
		d->obstacle = "vpnd may not set up networks: it lacks CAP_NET_ADMIN";
	} else {
		finding_say(&f, FINDING_OK, "can be made; CAP_NET_ADMIN is there");
	}
	doctor_tell(d, &f);
}

static void check_forward(struct doctor *d)
{
	char chain[100];
	struct finding f;
	int r = nft_forward_drops(chain, sizeof(chain));

	name(&f, "forward", "forwarding");
	if (r == -EEXIST) {
		finding_say(&f, FINDING_WARNING,
			    "this host's firewall drops what it forwards, unless a rule allows it "
			    "(chain %s; Docker sets that)",
			    chain);
		finding_todo(&f,
			     "iptables -I FORWARD -i %s -j ACCEPT; iptables -I FORWARD -o %s -j "
			     "ACCEPT (ip6tables, too), if such rules are not there yet",
			     d->app->config.tun, d->app->config.tun);
	} else if (r == 0) {
		finding_say(&f, FINDING_OK,
			    "no firewall of this host drops what it forwards as a rule");
	} else {
		finding_say(&f, FINDING_SKIPPED, "the firewall cannot be asked: %s", strerror(-r));
	}
	doctor_tell(d, &f);
}

/* --- LANs --- */

static bool is_up(const char *interface)
{
	char path[80];
	uint8_t *text;
	bool up;
	size_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", interface);
	if (file_read(path, 32, &text, &n) != 0)
		return true;
	up = strncmp((const char *)text, "up", 2) == 0 ||
	     strncmp((const char *)text, "unknown", 7) == 0;
	free(text);
	return up;
}

static void check_lan(struct doctor *d, const struct prefix *lan)
{
	char text[PREFIX_TEXT_SIZE], interface[16];
	struct finding f;

	prefix_format(lan, text);
	name(&f, "lan", text);
	if (plane_lan_at(d->app->plane, lan, interface) != 0) {
		finding_say(&f, FINDING_WARNING, "no interface of this host is in this LAN");
		finding_todo(&f, "give an interface an address in it, or: lan = %s via GATEWAY",
			     text);
	} else if (!is_up(interface)) {
		finding_say(&f, FINDING_WARNING, "%s is down", interface);
		finding_todo(&f, "look at the cable, the switch and the interface's settings");
	} else {
		finding_say(&f, FINDING_OK, "behind %s, which is up", interface);
	}
	doctor_tell(d, &f);
}

static void check_lans(struct doctor *d)
{
	const struct app *app = d->app;
	bool device = app->config.role == TOKEN_DEVICE;
	size_t n = device ? app->n_lans : app->config.lans.n;

	for (size_t i = 0; i < n && app->plane; i++) {
		const struct prefix *lan = device ? &app->lans[i] : &app->config.lans.at[i].prefix;

		if (!prefix_is_wide(lan))
			check_lan(d, lan);
	}
}

static void check_lent(struct doctor *d)
{
	struct plane_lend_status st;
	char text[ADDR_TEXT_SIZE];
	struct finding f;

	if (d->app->config.role != TOKEN_DEVICE || !d->app->plane)
		return;
	plane_lend_status(d->app->plane, &st);
	for (size_t i = 0; i < st.n; i++) {
		char subnet[PREFIX_TEXT_SIZE];

		prefix_format(&st.lent[i].subnet, subnet);
		name(&f, "lent", subnet);
		addr_format(&st.lent[i].addr, text);
		if (strcmp(st.lent[i].state, "none") == 0) {
			finding_say(&f, FINDING_WARNING,
				    "no free address was found to borrow on %s",
				    st.lent[i].interface);
			finding_todo(&f, "name free addresses: lend = ADDRESS-ADDRESS");
		} else if (st.lent[i].addr.family) {
			finding_say(&f, FINDING_OK, "%s is borrowed on %s", text,
				    st.lent[i].interface);
		} else {
			finding_say(&f, FINDING_OK, "an address is being looked for on %s",
				    st.lent[i].interface);
		}
		doctor_tell(d, &f);
	}
}

/* TUN, TAP and WireGuard have no address of a link. */
static bool is_tunnel(const char *interface)
{
	char path[80];
	uint8_t *text;
	bool yes;
	size_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/tun_flags", interface);
	if (access(path, F_OK) == 0)
		return true;
	snprintf(path, sizeof(path), "/sys/class/net/%s/type", interface);
	if (file_read(path, 32, &text, &n) != 0)
		return false;
	yes = strncmp((const char *)text, "65534", 5) == 0; /* ARPHRD_NONE */
	free(text);
	return yes;
}

void doctor_host_way(struct doctor *d, const char *host, const struct sockaddr_storage *ss)
{
	char interface[16], text[ADDR_TEXT_SIZE];
	struct addr to = check_host_addr(ss), gateway;
	struct finding f;

	name(&f, "route", host);
	if (!d->app->plane)
		return;
	if (plane_way_outside(d->app->plane, &to, interface, &gateway) != 0) {
		addr_format(&to, text);
		finding_say(&f, FINDING_FAILED, "this host has no route to %s", text);
		finding_todo(&f, "set a default gateway");
	} else if (is_tunnel(interface)) {
		finding_say(&f, FINDING_WARNING, "leads into another VPN, %s", interface);
		finding_todo(&f, "end that VPN, or give the server a route outside of it");
	} else {
		addr_format(&gateway, text);
		finding_say(&f, FINDING_OK, "by %s%s%s", interface, gateway.family ? " to " : "",
			    gateway.family ? text : "");
	}
	doctor_tell(d, &f);
}

void doctor_host_check(struct doctor *d)
{
	check_identity(d);
	check_clock(d);
	check_control(d);
	check_tun(d);
	check_forward(d);
	check_lans(d);
	check_lent(d);
}
