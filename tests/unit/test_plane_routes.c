/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a plane does to its host's routes, in a network namespace; skipped where that is not
 * permitted. What the kernel has is looked at with ip(8).
 *
 *   wan  10.0.0.2/24, default route via 10.0.0.9
 *   lan  192.168.50.1/24
 *   TUN  100.64.0.1
 */
#include "tests/unit/pure_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/plane.h"

#define TUN "routetest"
#define SLOT 2
#define OTHER 5
#define THIRD 9
#define EVENTS_MS 10000

static uv_loop_t loop;
static struct packets *packets;
static struct plane *plane;
static const struct opt_prefixes *pools; /* of virtual prefixes, then sessions are kept, too */
static char folder[64], journal[80], assigned[80], trouble[PLANE_ERROR_SIZE];
static bool closed;
static unsigned int changes; /* of ways to what is connected */

static bool sh(const char *command)
{
	return system(command) == 0; /* NOLINT(cert-env33-c): literals of this file */
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static void on_outgoing(void *arg, uint16_t slot, struct packet *p)
{
	packet_free(p);
}

static void on_flush(void *arg)
{
}

static void on_note(void *arg, const char *todo, const char *text)
{
	snprintf(trouble, sizeof(trouble), "%s", text);
}

static void on_closed(void *arg)
{
	closed = true;
	plane = NULL;
}

static void on_network(void *arg)
{
	changes++;
}

static const struct plane_callbacks calls = {
	.on_outgoing = on_outgoing,
	.on_flush = on_flush,
	.on_note = on_note,
	.on_gone = on_flush,
	.on_closed = on_closed,
	.on_network = on_network,
};

/* @via: "PREFIX via GATEWAY" as a pair, or NULL. */
static void plane_begin(bool allow_overlap, const char *via, const char *gateway)
{
	struct opt_lans lans = {.n = via ? 1 : 0};
	struct plane_config config = {
		.tun_name = TUN,
		.journal = journal,
		.allow_overlap = allow_overlap,
		.lans = &lans,
		.pools = pools,
		.assigned_file = pools ? assigned : NULL,
	};
	struct addr ipv4 = addr("100.64.0.1"), none = {0};
	char error[PLANE_ERROR_SIZE];

	if (via)
		lans.at[0] = (struct opt_lan){.prefix = prefix(via), .gateway = addr(gateway)};
	packets = config.packets = packets_new();
	closed = false;
	trouble[0] = '\0';
	assert_int_equal(plane_open(&plane, &loop, &config, &calls, NULL), 0);
	if (plane_set_addresses(plane, &ipv4, &none, error) != 0)
		fail_msg("%s", error);
}

static void plane_end(void)
{
	plane_close(plane);
	while (!closed)
		uv_run(&loop, UV_RUN_ONCE);
	packets_free(packets);
	assert_false(sh("ip route show table all proto 70 | grep -q ."));
	assert_int_equal(access(journal, F_OK), -1);
}

static int set_up(void **state)
{
	strcpy(folder, "/tmp/test_plane_routes.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(journal, sizeof(journal), "%s/undo", folder);
	snprintf(assigned, sizeof(assigned), "%s/assigned", folder);
	pools = NULL;
	return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
	if (plane) /* a test has failed */
		plane_close(plane);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	(void)unlink(assigned);
	return rmdir(folder);
}

static void new_host(void)
{
	if (access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0 ||
	    !sh("ip link set lo up && ip link add wan type veth peer name wan-far && "
		"ip link add lan type veth peer name lan-far"))
		skip();
	assert_true(sh("echo 0 >/proc/sys/net/ipv4/ip_forward && "
		       "for i in wan wan-far lan lan-far; do ip link set $i up || exit 1; done && "
		       "ip addr add 10.0.0.2/24 dev wan && ip addr add 192.168.50.1/24 dev lan && "
		       "ip route add default via 10.0.0.9"));
}

static int attach(uint16_t slot, enum token_role role, const char *peer, const char *peer_lan,
		  const char *own_lan, char error[PLANE_ERROR_SIZE])
{
	static struct grant g;

	memset(&g, 0, sizeof(g));
	g.role = role;
	snprintf(g.peer_name, sizeof(g.peer_name), "peer");
	g.peer_ipv4 = addr(peer);
	if (peer_lan)
		g.peer_lans[g.n_peer_lans++] = prefix(peer_lan);
	if (own_lan)
		g.own_lans[g.n_own_lans++] = prefix(own_lan);
	return plane_attach(plane, slot, &g, error);
}

static void attached(const char *peer_lan)
{
	char error[PLANE_ERROR_SIZE];

	if (attach(SLOT, TOKEN_MANAGER, "100.64.0.2", peer_lan, NULL, error) != 0)
		fail_msg("%s", error);
}

static void refused(const char *peer_lan, const char *words)
{
	char error[PLANE_ERROR_SIZE];

	assert_int_equal(attach(SLOT, TOKEN_MANAGER, "100.64.0.2", peer_lan, NULL, error), -EEXIST);
	assert_non_null(strstr(error, words));
	assert_false(sh("ip route show table all proto 70 | grep -q ."));
}

static bool goes(const char *to, const char *words)
{
	char command[200];

	snprintf(command, sizeof(command), "ip route get %s | grep -q '%s'", to, words);
	return sh(command);
}

static int protect(const char *to)
{
	struct addr a = addr(to);

	return plane_protect(plane, &a, "a server");
}

static void wait_goes(const char *to, const char *words)
{
	uint64_t end = clock_mono_ms() + EVENTS_MS;

	while (!goes(to, words)) {
		if (clock_mono_ms() > end)
			fail_msg("%s: never %s", to, words);
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(20000);
	}
}

static void servers_stay_outside(void **state)
{
	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	assert_int_equal(protect("203.0.113.7"), 0);
	assert_false(sh("ip route show proto 70 | grep -q 203.0.113.7")); /* nothing covers it */
	attached("0.0.0.0/0");
	assert_true(goes("8.8.8.8", "dev " TUN));
	assert_true(goes("250.0.0.1", "dev " TUN));
	assert_true(goes("203.0.113.7", "via 10.0.0.9 dev wan"));
	assert_true(goes("192.168.50.9", "dev lan"));
	assert_true(goes("10.0.0.9", "dev wan"));
	assert_true(sh("ip route show default | grep -q 'via 10.0.0.9 dev wan'"));
	/* One that is dialled later; this host itself; and one in the LAN. */
	assert_true(goes("203.0.113.8", "dev " TUN));
	assert_int_equal(protect("203.0.113.8"), 0);
	assert_true(goes("203.0.113.8", "via 10.0.0.9 dev wan"));
	assert_int_equal(protect("127.0.0.53"), 0);
	assert_int_equal(protect("10.0.0.2"), 0);
	assert_int_equal(protect("192.168.50.77"), 0);
	assert_true(goes("192.168.50.77", "dev lan"));
	plane_detach(plane, SLOT);
	assert_false(sh("ip route show table all proto 70 | grep -q ."));
	assert_true(goes("8.8.8.8", "dev wan"));
	plane_end();
}

static void pins_follow_the_uplink(void **state)
{
	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	assert_int_equal(protect("203.0.113.7"), 0);
	attached("128.0.0.0/1");
	assert_true(goes("203.0.113.7", "via 10.0.0.9"));
	/* Another gateway: heard of from the kernel. */
	assert_true(sh("ip route replace default via 10.0.0.8"));
	wait_goes("203.0.113.7", "via 10.0.0.8");
	/* Somebody took it away, and the next dial puts it back. */
	assert_true(sh("ip route del 203.0.113.7"));
	assert_true(goes("203.0.113.7", "dev " TUN));
	assert_int_equal(protect("203.0.113.7"), 0);
	assert_true(goes("203.0.113.7", "via 10.0.0.8"));
	/* No way outside: nobody is to be reached through the tunnel instead. */
	assert_true(sh("ip link set wan down"));
	assert_int_equal(protect("203.0.113.9"), -EHOSTUNREACH);
	assert_int_equal(protect("10.1.1.1"), 0); /* not covered */
	assert_true(sh("ip link set wan up && ip route add default via 10.0.0.7"));
	wait_goes("203.0.113.9", "via 10.0.0.7");
	wait_goes("203.0.113.7", "via 10.0.0.7");
	plane_end();
}

/* A table of many addresses forgets the oldest, and its pin goes with it. */
static void run_for(uint64_t ms)
{
	uint64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
}

/* @command changes the host; then that many changes were told. */
static void told(const char *command, unsigned int n)
{
	uint64_t end = clock_mono_ms() + EVENTS_MS;

	assert_true(sh(command));
	if (n == changes)
		run_for(900); /* and no more than that */
	while (changes < n && clock_mono_ms() < end)
		run_for(20);
	if (changes != n)
		fail_msg("%s: %u changes, not %u", command, changes, n);
}

/* Of all that happens on a host, what matters to connections. */
static void ways_that_change_are_told(void **state)
{
	(void)state;
	new_host();
	changes = 0;
	plane_begin(false, NULL, NULL);
	assert_int_equal(protect("203.0.113.7"), 0);
	assert_int_equal(protect("127.0.0.53"), 0);
	told("ip link set lan-far down && sleep 0.6 && ip link set lan-far up", 0);
	told("ip link add more type veth peer name m2 && ip link set m2 up && ip link set more up "
	     "&& ip addr add 10.9.0.1/24 dev "
	     "more",
	     0);
	told("ip addr change 10.0.0.2/24 dev wan valid_lft 900 preferred_lft 900", 0); /* a lease */
	told("ip link set wan-far down", 0); /* nobody can be asked */
	told("ip link set wan-far up", 1);
	told("ip route replace default via 10.0.0.8", 2);
	told("ip addr add 10.0.0.3/24 dev wan && ip route replace default via 10.0.0.8 src "
	     "10.0.0.3",
	     3);
	told("ip route del default", 3);
	told("ip route add default via 10.0.0.8 src 10.0.0.3", 4);
	told("ip route add 203.0.113.0/24 via 10.9.0.9", 5);
	plane_end();
}

static void the_oldest_is_forgotten(void **state)
{
	char text[24];

	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	attached("198.18.0.0/15");
	for (int i = 1; i <= 110; i++) {
		snprintf(text, sizeof(text), "198.18.7.%d", i);
		assert_int_equal(protect(text), 0);
		usleep(i < 20 ? 2000 : 0); /* their order is told in milliseconds */
	}
	assert_true(sh("test $(ip route show proto 70 | grep -c '^198.18.7') = 96"));
	assert_true(goes("198.18.7.1", "dev " TUN));
	assert_true(goes("198.18.7.110", "dev wan"));
	plane_end();
}

static void own_networks_are_not_captured(void **state)
{
	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	refused("192.168.50.0/24", "192.168.50.0/24 is connected here on lan");
	refused("192.168.50.128/25", "192.168.50.0/24 is connected here on lan");
	refused("192.168.0.0/16", "192.168.50.0/24 is connected here on lan");
	attached("10.0.0.0/8"); /* wide: what is in it stays */
	assert_true(goes("10.7.7.7", "dev " TUN));
	assert_true(goes("10.0.0.9", "dev wan"));
	plane_detach(plane, SLOT);
	assert_true(sh("ip route add 0.0.0.0/1 via 10.0.0.9")); /* somebody had the same idea */
	refused("0.0.0.0/0", "there is a route to 0.0.0.0/1 here already");
	plane_end();
}

static void they_are_where_that_is_wanted(void **state)
{
	(void)state;
	new_host();
	plane_begin(true, NULL, NULL);
	attached("192.168.50.0/24"); /* exactly ours */
	assert_true(goes("192.168.50.9", "dev " TUN));
	assert_true(goes("192.168.50.200", "dev " TUN));
	assert_true(goes("192.168.50.1", "dev lo"));
	assert_true(sh("ip route show 192.168.50.0/24 | grep -q 'dev lan'"));
	plane_detach(plane, SLOT);
	attached("192.168.50.128/25");
	assert_true(goes("192.168.50.9", "dev lan"));
	assert_true(goes("192.168.50.200", "dev " TUN));
	plane_detach(plane, SLOT);
	/* The uplink's: its gateway stays, or no server could be reached. */
	assert_int_equal(protect("10.0.0.77"), 0);
	assert_int_equal(protect("203.0.113.7"), 0);
	attached("10.0.0.0/24");
	assert_true(goes("10.0.0.50", "dev " TUN));
	assert_true(goes("10.0.0.77", "dev wan"));
	assert_true(goes("10.0.0.9", "dev wan"));
	assert_true(goes("203.0.113.7", "via 10.0.0.9 dev wan"));
	plane_detach(plane, SLOT);
	attached("0.0.0.0/0");
	plane_detach(plane, SLOT);
	assert_true(goes("10.0.0.50", "dev wan"));
	plane_end();
}

/* Servers are covered and the LAN of the gateway to them is captured, too. */
static void the_gateway_stays(void **state)
{
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	plane_begin(true, NULL, NULL);
	assert_int_equal(protect("203.0.113.7"), 0);
	attached("203.0.113.0/24");
	assert_int_equal(attach(OTHER, TOKEN_MANAGER, "100.64.0.3", "10.0.0.0/24", NULL, error), 0);
	assert_true(goes("10.0.0.50", "dev " TUN));
	assert_true(goes("10.0.0.9", "dev wan"));
	assert_true(goes("203.0.113.7", "via 10.0.0.9 dev wan"));
	plane_end();
}

static void lans_behind_gateways(void **state)
{
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	plane_begin(false, "172.20.0.0/16", "192.168.50.7");
	assert_int_equal(attach(SLOT, TOKEN_DEVICE, "100.64.0.2", NULL, "172.30.0.0/16", error), 0);
	assert_non_null(strstr(trouble, "no interface here has the LAN 172.30.0.0/16"));
	assert_false(sh("ip route show 172.20.0.0/16 | grep -q ."));
	assert_int_equal(attach(OTHER, TOKEN_DEVICE, "100.64.0.3", NULL, "172.20.1.0/24", error),
			 0);
	assert_true(goes("172.20.1.1", "via 192.168.50.7 dev lan"));
	assert_true(sh("grep -q 1 /proc/sys/net/ipv4/conf/lan/forwarding"));
	plane_detach(plane, SLOT);
	assert_true(goes("172.20.1.1", "via 192.168.50.7 dev lan"));
	plane_detach(plane, OTHER);
	assert_false(sh("ip route show 172.20.0.0/16 | grep -q ."));
	assert_true(sh("grep -q 0 /proc/sys/net/ipv4/conf/lan/forwarding"));
	/* One that is there already stays, and serves. */
	assert_true(sh("ip route add 172.20.0.0/16 via 192.168.50.8 metric 300"));
	assert_int_equal(attach(SLOT, TOKEN_DEVICE, "100.64.0.2", NULL, "172.20.0.0/16", error), 0);
	assert_true(goes("172.20.1.1", "via 192.168.50.8"));
	plane_end();
	assert_true(goes("172.20.1.1", "via 192.168.50.8"));
	plane_begin(false, "172.20.0.0/16", "172.16.9.9");
	assert_int_equal(attach(SLOT, TOKEN_DEVICE, "100.64.0.2", NULL, "172.20.0.0/16", error), 0);
	assert_non_null(strstr(trouble, "via 172.16.9.9: this gateway is on no network"));
	plane_end();
}

/* --- what is listed --- */

struct listed {
	size_t n[PLANE_SETTING + 1], missing;
	bool half;
};

static void on_thing(const struct plane_thing *t, void *arg)
{
	struct listed *l = arg;

	l->n[t->kind]++;
	l->missing += !t->there;
	l->half |=
		t->kind == PLANE_ROUTE && t->prefix.len == 1 && t->of.len == 0 && t->slot == SLOT;
	if (t->kind == PLANE_PIN) {
		assert_string_equal(t->name, "a server");
		assert_string_equal(t->interface, "wan");
	}
	if (t->kind == PLANE_SETTING)
		assert_string_equal(t->before, "0");
}

static struct listed list(void)
{
	struct listed l = {.missing = 0};

	assert_int_equal(plane_list(plane, on_thing, &l), 0);
	return l;
}

static void all_is_listed(void **state)
{
	char error[PLANE_ERROR_SIZE];
	struct listed l;

	(void)state;
	new_host();
	plane_begin(false, "172.20.0.0/16", "192.168.50.7");
	assert_int_equal(protect("203.0.113.7"), 0);
	l = list();
	assert_int_equal(l.n[PLANE_ADDRESS], 1);
	assert_int_equal(l.n[PLANE_ROUTE] + l.n[PLANE_PIN] + l.n[PLANE_VIA], 0);
	assert_int_equal(
		attach(SLOT, TOKEN_MANAGER, "100.64.0.2", "0.0.0.0/0", "172.20.0.0/16", error), 0);
	l = list();
	assert_int_equal(l.n[PLANE_ROUTE], 3); /* two halves, a tunnel address */
	assert_int_equal(l.n[PLANE_PIN], 1);
	assert_int_equal(l.n[PLANE_VIA], 1);
	assert_int_equal(l.n[PLANE_SETTING], 2);
	assert_true(l.half);
	assert_int_equal(l.missing, 0);
	assert_true(sh("ip route del 0.0.0.0/1; ip route del 172.20.0.0/16; "
		       "ip addr del 100.64.0.1/32 dev " TUN "; "
		       "echo 0 >/proc/sys/net/ipv4/conf/lan/forwarding"));
	l = list();
	assert_in_range(l.missing, 4, 6); /* routes with that source may have gone, too */
	plane_end();
}

/* --- whose an address is --- */

/* A UDP packet without payload or checksums. */
static void incoming_to(uint16_t slot, const char *from, const char *to)
{
	static const struct vnet plain;
	uint8_t ip[28] = {0x45, [3] = 28, [8] = 64, [9] = 17, [25] = 8};

	memcpy(ip + 12, addr(from).bytes, 4);
	memcpy(ip + 16, addr(to).bytes, 4);
	plane_incoming(plane, slot, &plain, ip, sizeof(ip));
}

static void incoming(uint16_t slot, const char *from)
{
	incoming_to(slot, from, "100.64.0.1");
}

static void a_session_does_not_speak_for_another(void **state)
{
	const struct plane_counters *c;
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	attached("172.0.0.0/8"); /* wide: others may have a part of it */
	assert_int_equal(attach(OTHER, TOKEN_MANAGER, "100.64.0.3", "172.20.0.0/16", NULL, error),
			 0);
	c = plane_counters(plane, SLOT);
	incoming(SLOT, "172.17.0.1");
	incoming(SLOT, "100.64.0.2");
	assert_int_equal(c->gate[GATE_SRC_NOT_PEER], 0);
	incoming(SLOT, "172.20.0.1"); /* the narrower prefix is the other one's */
	incoming(SLOT, "100.64.0.3");
	assert_int_equal(c->gate[GATE_SRC_NOT_PEER], 2);
	c = plane_counters(plane, OTHER);
	incoming(OTHER, "172.20.0.1");
	assert_int_equal(c->gate[GATE_SRC_NOT_PEER], 0);
	incoming(OTHER, "172.17.0.1");
	assert_int_equal(c->gate[GATE_SRC_NOT_PEER], 1);
	plane_end();
}

/* A device whose LAN is everything is no way from one manager to another. */
static void a_wide_lan_joins_no_sessions(void **state)
{
	const struct plane_counters *c;
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	assert_int_equal(
		attach(SLOT, TOKEN_DEVICE, "100.64.0.2", "172.20.0.0/16", "0.0.0.0/0", error), 0);
	assert_int_equal(
		attach(OTHER, TOKEN_DEVICE, "100.64.0.3", "172.21.0.0/16", "0.0.0.0/0", error), 0);
	c = plane_counters(plane, SLOT);
	incoming_to(SLOT, "172.20.0.1", "8.8.8.8");
	incoming_to(SLOT, "172.20.0.1", "100.64.0.1");
	assert_int_equal(c->gate[GATE_PASS], 2);
	incoming_to(SLOT, "172.20.0.1", "100.64.0.3");
	incoming_to(SLOT, "172.20.0.1", "172.21.0.1");
	assert_int_equal(c->gate[GATE_PASS], 2);
	assert_int_equal(c->gate[GATE_DST_NOT_OURS], 2);
	plane_end();
}

/* Another one's source does not come in through our TUN either. */
static void sources_of_sessions_are_not_ours(void **state)
{
	const struct plane_counters *c;
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	assert_int_equal(
		attach(SLOT, TOKEN_DEVICE, "100.64.0.2", "172.20.0.0/16", "0.0.0.0/0", error), 0);
	assert_int_equal(
		attach(OTHER, TOKEN_DEVICE, "100.64.0.3", "172.21.0.0/16", "0.0.0.0/0", error), 0);
	c = plane_counters(plane, OTHER);
	assert_true(sh("ip addr add 172.20.0.9/32 dev lo && ip addr add 172.30.0.9/32 dev lo && "
		       "ping -c 1 -W 1 -I 172.20.0.9 172.21.0.1; "
		       "ping -c 1 -W 1 -I 172.30.0.9 172.21.0.1; true"));
	for (int i = 0; i < 1000 && c->gate[GATE_SRC_NOT_OURS] == 0; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_int_equal(c->gate[GATE_SRC_NOT_OURS], 1);
	assert_int_equal(c->gate[GATE_PASS], 1);
	plane_end();
}

/* Both halves of 0.0.0.0/0, or one of them: the host has one route to it. */
static void no_route_is_shared(void **state)
{
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	plane_begin(false, NULL, NULL);
	attached("0.0.0.0/0");
	assert_int_not_equal(attach(OTHER, TOKEN_MANAGER, "100.64.0.3", "128.0.0.0/1", NULL, error),
			     0);
	assert_non_null(strstr(error, "another session has a route to 128.0.0.0/1"));
	assert_int_not_equal(attach(OTHER, TOKEN_MANAGER, "100.64.0.3", "0.0.0.0/0", NULL, error),
			     0);
	assert_non_null(strstr(error, "another session has a route to 0.0.0.0/0"));
	assert_true(sh("ip route show dev " TUN " | grep -q '^128.0.0.0/1 '"));
	assert_true(sh("ip route show dev " TUN " | grep -q '^0.0.0.0/1 '"));
	plane_end();
}

static bool forwards(const char *link)
{
	char command[120];

	snprintf(command, sizeof(command), "grep -q 1 /proc/sys/net/ipv4/conf/%s/forwarding", link);
	return sh(command);
}

static void wait_forwards(const char *link, bool want)
{
	uint64_t end = clock_mono_ms() + EVENTS_MS;

	while (forwards(link) != want) {
		if (clock_mono_ms() > end)
			fail_msg("%s: forwarding is never %d", link, want);
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(20000);
	}
}

/* A bridge, or an address from DHCP, that comes when sessions run already. */
static void a_lan_may_come_later(void **state)
{
	char error[PLANE_ERROR_SIZE];

	(void)state;
	new_host();
	assert_true(sh("ip addr del 192.168.50.1/24 dev lan"));
	plane_begin(false, NULL, NULL);
	assert_int_equal(attach(SLOT, TOKEN_DEVICE, "100.64.0.2", NULL, "192.168.50.0/24", error),
			 0);
	assert_non_null(strstr(trouble, "no interface here has the LAN"));
	assert_false(forwards("lan"));
	assert_true(sh("ip addr add 192.168.50.1/24 dev lan"));
	wait_forwards("lan", true);
	assert_true(sh("ip addr del 192.168.50.1/24 dev lan && ip link add br0 type bridge && "
		       "ip link set br0 up && ip addr add 192.168.50.1/24 dev br0"));
	wait_forwards("br0", true);
	assert_false(forwards("lan"));
	plane_end();
	assert_false(forwards("br0"));
}

#define SAME_LAN "192.168.1.0/24"

/* A session with a machine that has the same LAN as all of them. Return: what it is called here. */
static struct prefix comes(uint16_t slot, unsigned int number)
{
	struct prefix lan = prefix(SAME_LAN);
	char error[PLANE_ERROR_SIZE], text[24];
	struct grant g = {.role = TOKEN_MANAGER, .n_peer_lans = 1, .peer_lans = {lan}};

	snprintf(g.session, sizeof(g.session), "%032x", number);
	snprintf(g.peer.uid, sizeof(g.peer.uid), "%032x", number + 100);
	snprintf(g.peer_name, sizeof(g.peer_name), "peer%u", number);
	snprintf(text, sizeof(text), "100.64.0.%u", number + 10);
	g.peer_ipv4 = addr(text);
	if (plane_attach(plane, slot, &g, error) != 0)
		fail_msg("%s", error);
	return translate_here_prefix(plane_translate(plane, slot), &lan);
}

static bool is(const struct prefix *p, const char *text)
{
	struct prefix other = prefix(text);

	return prefix_equal(p, &other);
}

/* 1 and 2 were there, the first with its own addresses. @first comes back before the other. */
static void come_back(unsigned int first, const struct prefix *of_2)
{
	struct prefix here, new;

	plane_end();
	plane_begin(false, NULL, NULL);
	plane_grants_come(plane);
	new = comes(THIRD, 3); /* has nothing to come back to, and takes nobody's place */
	assert_false(is(&new, SAME_LAN) || prefix_overlaps(&new, of_2));
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int number = i == 0 ? first : 3 - first;

		here = comes(i == 0 ? SLOT : OTHER, number);
		if (number == 1)
			assert_true(is(&here, SAME_LAN));
		else
			assert_true(prefix_equal(&here, of_2));
		assert_int_equal(goes("192.168.1.10", "dev " TUN), first == 1 || i == 1);
	}
	plane_detach(plane, THIRD);
	plane_session_over(plane, "00000000000000000000000000000003");
}

static void sessions_come_back(void **state)
{
	static const struct opt_prefixes some = {1, {{{4, {198, 18}}, 15}}};
	struct prefix here;

	(void)state;
	new_host();
	pools = &some;
	plane_begin(false, NULL, NULL);
	here = comes(SLOT, 1);
	assert_true(is(&here, SAME_LAN));
	here = comes(OTHER, 2);
	assert_false(is(&here, SAME_LAN));
	come_back(1, &here);
	come_back(2, &here);
	come_back(1, &here);
	/* The first one ends while nobody is here to hear of it, but the server says so. */
	plane_end();
	plane_begin(false, NULL, NULL);
	plane_grants_come(plane);
	plane_session_over(plane, "00000000000000000000000000000001");
	here = comes(THIRD, 3);
	assert_true(is(&here, SAME_LAN));
	plane_end();
}

/* The host has taken it for itself meanwhile: then another one, and not that of somebody else. */
static void a_place_that_is_gone(void **state)
{
	static const struct opt_prefixes some = {1, {{{4, {198, 18}}, 15}}};
	struct prefix two, here;

	(void)state;
	new_host();
	pools = &some;
	plane_begin(false, NULL, NULL);
	(void)comes(SLOT, 1);
	two = comes(OTHER, 2);
	plane_end();
	assert_true(sh("ip addr add 192.168.1.77/24 dev lan"));
	plane_begin(false, NULL, NULL);
	here = comes(SLOT, 1);
	assert_false(is(&here, SAME_LAN) || prefix_overlaps(&here, &two));
	here = comes(OTHER, 2);
	assert_true(prefix_equal(&here, &two));
	plane_end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(servers_stay_outside),
		TEST(pins_follow_the_uplink),
		TEST(ways_that_change_are_told),
		TEST(the_oldest_is_forgotten),
		TEST(own_networks_are_not_captured),
		TEST(they_are_where_that_is_wanted),
		TEST(the_gateway_stays),
		TEST(lans_behind_gateways),
		TEST(all_is_listed),
		TEST(a_session_does_not_speak_for_another),
		TEST(a_wide_lan_joins_no_sessions),
		TEST(sources_of_sessions_are_not_ours),
		TEST(no_route_is_shared),
		TEST(a_lan_may_come_later),
		TEST(sessions_come_back),
		TEST(a_place_that_is_gone),
	};

	log_init(LOG_ERROR);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
