/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In a network namespace of its own; skipped where that is not permitted. What the kernel has is
 * looked at with ip(8).
 *
 *   lan0  192.168.50.1/24 fd50::1/64 --- veth --- host0, in a namespace of its own
 *   tun   farlantest, held open by the test
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/log.h"
#include "vpnd/netconf.h"
#include "vpnd/netconf_internal.h"
#include "vpnd/undo.h"

#define TUN "farlantest"

static char folder[64], journal[80];
static struct undo *undo;
static struct netconf *nc;
static int tun_fd = -1;

static bool sh(const char *command)
{
	return system(command) == 0; /* NOLINT(cert-env33-c): literals of this file */
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static int make_tun(const char *name, bool persistent)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (fd < 0)
		return -1;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	if (persistent)
		assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_netconf.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(journal, sizeof(journal), "%s/undo", folder);
	return 0;
}

static void close_tun(void)
{
	if (tun_fd >= 0)
		close(tun_fd);
	tun_fd = -1;
}

static int teardown(void **state)
{
	(void)state;
	netconf_close(nc);
	undo_close(undo);
	nc = NULL;
	undo = NULL;
	close_tun();
	return rmdir(folder);
}

/* Skips where it cannot be made. */
static void new_namespace(void)
{
	if (unshare(CLONE_NEWNET) != 0 || !sh("ip link set lo up"))
		skip();
	if (!sh("ip link add lan0 type veth peer name host0"))
		skip();
	/* IPv4 settings are inherited from the namespace before. */
	assert_true(sh("echo 0 > /proc/sys/net/ipv4/ip_forward"));
	assert_true(sh("ip addr add 192.168.50.1/24 dev lan0 && ip link set lan0 up && "
		       "ip link set host0 up && ip addr add fd50::1/64 dev lan0 nodad"));
	tun_fd = make_tun(TUN, false);
	if (tun_fd < 0)
		skip();
	assert_int_equal(undo_open(&undo, journal), 0);
	assert_int_equal(netconf_open(&nc, TUN, undo), 0);
}

static void up(void)
{
	assert_int_equal(netconf_link_up(nc, 1400), 0);
}

static void test_link_up(void **state)
{
	(void)state;
	new_namespace();
	up();
	assert_true(sh("ip link show dev " TUN " up | grep -q 'mtu 1400'"));
	assert_true(sh("ip link show dev " TUN " | grep -q 'qlen 2000'"));
	assert_false(sh("ip -6 addr show dev " TUN " | grep -q fe80"));
	close_tun();
	assert_int_equal(netconf_link_up(nc, 1400), -ENODEV);
	assert_non_null(strstr(netconf_error(nc), TUN));
}

static void test_addresses(void **state)
{
	struct addr v4 = {0}, v6, taken;

	(void)state;
	new_namespace();
	up();
	v4 = addr("100.64.0.1");
	v6 = addr("fd00::1");
	taken = addr("192.168.50.1");
	assert_int_equal(netconf_address_add(nc, &v4), 0);
	assert_int_equal(netconf_address_add(nc, &v4), 0);
	assert_int_equal(netconf_address_add(nc, &v6), 0);
	assert_true(sh("ip -4 addr show dev " TUN " | grep -q 'inet 100.64.0.1/32'"));
	assert_true(sh("ip -6 addr show dev " TUN " | grep -q 'inet6 fd00::1/128 .*nodad'"));
	assert_false(sh("ip -6 addr show dev " TUN " | grep -q tentative"));
	assert_int_equal(netconf_address_add(nc, &taken), -EEXIST);
	assert_non_null(strstr(netconf_error(nc), "lan0"));
	assert_int_equal(netconf_address_remove(nc, &v4), 0);
	assert_int_equal(netconf_address_remove(nc, &v4), 0);
	assert_false(sh("ip -4 addr show dev " TUN " | grep -q inet"));
}

static void test_no_ipv6(void **state)
{
	struct addr v6;

	(void)state;
	new_namespace();
	assert_true(sh("echo 1 > /proc/sys/net/ipv6/conf/" TUN "/disable_ipv6"));
	up();
	v6 = addr("fd00::1");
	assert_int_equal(netconf_address_add(nc, &v6), -EACCES);
	assert_non_null(strstr(netconf_error(nc), "disable_ipv6"));
}

static void test_routes(void **state)
{
	struct addr v4, v6;
	struct prefix p4, p6, host;

	(void)state;
	new_namespace();
	up();
	v4 = addr("100.64.0.1");
	v6 = addr("fd00::1");
	p4 = prefix("192.168.201.0/24");
	p6 = prefix("fd02::/64");
	host = prefix("100.64.0.2/32");
	assert_int_equal(netconf_address_add(nc, &v4), 0);
	assert_int_equal(netconf_address_add(nc, &v6), 0);
	assert_int_equal(netconf_route_add(nc, &p4, &v4), 0);
	assert_int_equal(netconf_route_add(nc, &p4, &v4), 0);
	assert_int_equal(netconf_route_add(nc, &p6, &v6), 0);
	assert_int_equal(netconf_route_add(nc, &host, NULL), 0);
	assert_true(sh("ip -4 route | grep -q '^192.168.201.0/24 dev " TUN
		       " proto 70 scope link src 100.64.0.1'"));
	assert_true(sh("ip -6 route | grep -q '^fd02::/64 dev " TUN " proto 70 src fd00::1'"));
	assert_true(sh("ip -4 route | grep -q '^100.64.0.2 dev " TUN "'"));
	assert_int_equal(netconf_route_remove(nc, &p6), 0);
	assert_int_equal(netconf_route_remove(nc, &p6), 0);
	assert_false(sh("ip -6 route | grep -q fd02"));
	netconf_close(nc);
	nc = NULL;
	assert_false(sh("ip route show dev " TUN " | grep -q ."));
	assert_false(sh("ip addr show dev " TUN " | grep -q inet"));
}

/* Also one of another metric, which NLM_F_EXCL alone would not see. */
static void test_never_replaces_a_route(void **state)
{
	static const char *const theirs[] = {"192.168.50.0/24", "192.168.60.0/24", "fd50::/64",
					     "192.168.70.0/24"};

	(void)state;
	new_namespace();
	up();
	assert_true(sh("ip route add 192.168.60.0/24 via 192.168.50.2 metric 100"));
	assert_true(sh("ip route add blackhole 192.168.70.0/24"));
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
		struct prefix p = prefix(theirs[i]);

		assert_int_equal(netconf_route_add(nc, &p, NULL), -EEXIST);
		assert_non_null(strstr(netconf_error(nc), theirs[i]));
	}
	assert_false(sh("ip route show dev " TUN " | grep -q ."));
}

/* Ours went already: that is what was wanted. */
static void test_remove_what_somebody_removed(void **state)
{
	struct prefix p;
	struct addr a;

	(void)state;
	new_namespace();
	up();
	p = prefix("192.168.201.0/24");
	a = addr("100.64.0.1");
	assert_int_equal(netconf_address_add(nc, &a), 0);
	assert_int_equal(netconf_route_add(nc, &p, NULL), 0);
	assert_true(sh("ip route del 192.168.201.0/24 && ip addr flush dev " TUN));
	assert_int_equal(netconf_route_remove(nc, &p), 0);
	assert_int_equal(netconf_address_remove(nc, &a), 0);
	assert_int_equal(netconf_route_add(nc, &p, NULL), 0);
	close_tun();
	assert_int_equal(netconf_route_remove(nc, &p), 0);
}

/* Down takes the routes and the IPv6 addresses; the next route brings back all that was there. */
static void test_set_down(void **state)
{
	struct prefix first, p4, p6;
	struct addr v4, v6;

	(void)state;
	new_namespace();
	up();
	first = prefix("192.168.203.0/24");
	p4 = prefix("192.168.201.0/24");
	p6 = prefix("fd02::/64");
	v4 = addr("100.64.0.1");
	v6 = addr("fd00::1");
	assert_int_equal(netconf_address_add(nc, &v4), 0);
	assert_int_equal(netconf_address_add(nc, &v6), 0);
	assert_int_equal(netconf_route_add(nc, &first, &v4), 0);
	/* Down and up again: the source of an IPv6 route is gone. */
	assert_true(sh("ip link set " TUN " down && ip link set " TUN " up"));
	assert_int_equal(netconf_route_add(nc, &p6, &v6), 0);
	assert_true(sh("ip -6 addr show dev " TUN " | grep -q 'inet6 fd00::1/128'"));
	assert_true(sh("ip route show dev " TUN " | grep -q '192.168.203.0/24.*src 100.64.0.1'"));
	/* Down still. */
	assert_true(sh("ip link set " TUN " down"));
	assert_int_equal(netconf_route_add(nc, &p4, &v4), 0);
	assert_true(sh("ip link show dev " TUN " up | grep -q 'mtu 1400'"));
	assert_true(sh("ip route show dev " TUN " | grep -q '192.168.201.0/24.*src 100.64.0.1'"));
	assert_true(sh("ip route show dev " TUN " | grep -q '192.168.203.0/24.*src 100.64.0.1'"));
	assert_true(sh("ip -6 route show dev " TUN " | grep -q 'fd02::/64.*src fd00::1'"));
}

/* A TUN that was deleted and made again: nothing of the old one is taken for there. */
static void test_device_made_again(void **state)
{
	struct prefix p;
	struct addr a;

	(void)state;
	new_namespace();
	up();
	p = prefix("192.168.201.0/24");
	a = addr("100.64.0.1");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(netconf_address_add(nc, &a), 0);
		assert_int_equal(netconf_route_add(nc, &p, &a), 0);
		assert_true(sh("ip route show dev " TUN " | grep -q 192.168.201"));
		close_tun();
		tun_fd = make_tun(TUN, false);
		up();
	}
	assert_false(sh("ip route show dev " TUN " | grep -q ."));
}

static void assert_lan(const char *text, const char *want)
{
	struct prefix p = prefix(text);
	struct netconf_link link;
	int err = netconf_find_lan(nc, &p, &link);

	assert_int_equal(err, want ? 0 : -ENOENT);
	if (want) {
		assert_string_equal(link.name, want);
		assert_int_equal(link.ifindex, if_nametoindex(want));
	}
}

static void test_find_lan(void **state)
{
	struct addr a;

	(void)state;
	new_namespace();
	up();
	a = addr("100.64.0.1");
	assert_int_equal(netconf_address_add(nc, &a), 0);
	assert_true(sh("ip route add 10.5.0.0/16 dev host0 && ip addr add 10.99.0.1/32 dev lo && "
		       "ip route add 10.6.0.0/16 via 192.168.50.9 && "
		       "ip route add default via 192.168.50.9"));
	assert_lan("192.168.50.0/24", "lan0");
	assert_lan("192.168.50.128/25", "lan0"); /* part of the LAN */
	assert_lan("192.168.0.0/16", "lan0");	 /* more than the LAN */
	assert_lan("fd50::/64", "lan0");
	assert_lan("10.5.7.0/24", "host0");
	assert_lan("10.6.0.0/16", NULL); /* behind a gateway: assert_links() */
	assert_lan("10.99.0.0/24", NULL);
	assert_lan("100.64.0.0/24", NULL);
	assert_lan("172.16.0.0/24", NULL);
	assert_lan("fd51::/64", NULL);
}

static void assert_subnet(const char *lan, const char *want)
{
	struct prefix p = prefix(lan);
	struct netconf_subnet s;
	char text[PREFIX_TEXT_SIZE];
	int err = netconf_find_subnet(nc, &p, &s);

	assert_int_equal(err, want ? 0 : -ENOENT);
	if (!want)
		return;
	prefix_format(&s.prefix, text);
	assert_string_equal(text, want);
	assert_string_equal(s.link.name, "lan0");
}

static void test_find_subnet(void **state)
{
	(void)state;
	new_namespace();
	up();
	assert_true(sh("ip addr add 10.50.0.1/16 dev lan0 && ip route add 10.5.0.0/16 dev host0 && "
		       "ip addr add 10.51.0.1 peer 10.52.0.1/32 dev lan0"));
	assert_subnet("192.168.50.0/24", "192.168.50.0/24");
	assert_subnet("192.168.50.128/25", "192.168.50.0/24"); /* a part */
	assert_subnet("192.168.50.77/32", "192.168.50.0/24");  /* one host */
	assert_subnet("192.168.0.0/16", "192.168.50.0/24");    /* more */
	assert_subnet("10.50.7.0/24", "10.50.0.0/16");
	assert_subnet("fd50::/64", "fd50::/64"); /* not the link-local one */
	assert_subnet("10.5.7.0/24", NULL);	 /* an interface without addresses */
	assert_subnet("172.16.0.0/24", NULL);
}

static bool is_in(const struct addr *list, size_t n, const char *text)
{
	struct addr a = addr(text);

	for (size_t i = 0; i < n; i++) {
		if (addr_equal(&list[i], &a))
			return true;
	}
	return false;
}

static void test_taken(void **state)
{
	struct prefix lan;
	struct netconf_subnet s;
	struct addr found[16];
	size_t n;

	(void)state;
	new_namespace();
	up();
	lan = prefix("192.168.50.0/24");
	assert_true(sh("ip route add default via 192.168.50.9 && "
		       "ip neigh add 192.168.50.77 lladdr 02:00:00:00:00:01 dev lan0 && "
		       "ip neigh add 192.168.50.78 nud failed dev lan0 && "
		       "ip neigh add 192.168.50.79 lladdr 02:00:00:00:00:02 dev host0 && "
		       "ip -6 neigh add fd50::77 lladdr 02:00:00:00:00:01 dev lan0"));
	assert_int_equal(netconf_find_subnet(nc, &lan, &s), 0);
	n = netconf_taken(nc, &s, found, 16);
	assert_int_equal(n, 3);
	assert_true(is_in(found, n, "192.168.50.1"));
	assert_true(is_in(found, n, "192.168.50.9"));
	assert_true(is_in(found, n, "192.168.50.77"));
	assert_int_equal(netconf_taken(nc, &s, found, 2), 2);
	lan = prefix("fd50::/64");
	assert_int_equal(netconf_find_subnet(nc, &lan, &s), 0);
	n = netconf_taken(nc, &s, found, 16);
	assert_true(is_in(found, n, "fd50::1"));
	assert_true(is_in(found, n, "fd50::77"));
}

/* @want: names in the order of interfaces. */
static void assert_links(const char *text, const char *want)
{
	struct netconf_link links[8];
	struct prefix p = prefix(text);
	char all[8 * (NETCONF_NAME_SIZE + 1)] = "";
	size_t n;
	int err = netconf_find_links(nc, &p, links, 8, &n);

	assert_int_equal(err, want[0] ? 0 : -ENOENT);
	for (size_t i = 0; i < n; i++) {
		strcat(all, i ? " " : "");
		strcat(all, links[i].name);
	}
	if (strcmp(all, want) != 0)
		print_error("%s:\n", text);
	assert_string_equal(all, want);
}

static void test_find_links(void **state)
{
	struct addr a;

	(void)state;
	new_namespace();
	up();
	a = addr("100.64.0.1");
	assert_int_equal(netconf_address_add(nc, &a), 0);
	assert_true(sh("ip route add 10.6.0.0/16 via 192.168.50.9 && "
		       "ip addr add 172.20.0.1/24 dev host0"));
	assert_links("10.6.0.0/16", "lan0"); /* by a gateway */
	assert_links("10.6.7.0/24", "lan0");
	assert_links("172.20.0.0/24", "host0");
	assert_links("172.30.0.0/24", "");
	assert_links("100.64.0.0/24", "");
	assert_true(sh("ip route add default via 172.20.0.9"));
	assert_links("172.30.0.0/24", "");	 /* the Internet is no LAN of ours, */
	assert_links("0.0.0.0/0", "host0 lan0"); /* unless all of it is */
	assert_links("128.0.0.0/1", "host0 lan0");
	assert_links("8.0.0.0/8", "host0");
	assert_links("fd50::/64", "lan0");
}

static void assert_conflict(const char *text, const char *ifname, const char *words)
{
	struct netconf_conflict what;
	struct prefix p = prefix(text);
	int err = netconf_conflicts(nc, &p, 0, &what);

	assert_int_equal(err, words ? -EEXIST : 0);
	if (words) {
		assert_string_equal(what.link.name, ifname);
		assert_string_equal(what.text, words);
	}
}

static void test_conflicts(void **state)
{
	struct prefix lan;

	(void)state;
	new_namespace();
	up();
	assert_true(sh("ip addr add 10.200.0.1/16 dev host0 && "
		       "ip route add default via 10.200.9.9 && "
		       "ip route add 10.6.0.0/24 via 192.168.50.9 && "
		       "ip route add blackhole 10.7.0.0/24 && "
		       "ip route add 10.8.0.0/24 dev " TUN));
	lan = prefix("192.168.50.0/24");
	assert_conflict("192.168.50.0/24", "lan0", "192.168.50.0/24 is connected here on lan0");
	assert_conflict("192.168.0.0/16", "lan0", "192.168.50.0/24 is connected here on lan0");
	assert_conflict("fd50::/64", "lan0", "fd50::/64 is connected here on lan0");
	assert_conflict("192.168.50.0/28", "lan0", "192.168.50.0/24 is connected here on lan0");
	assert_true(sh("ip addr add 10.98.0.1/32 dev lan0 && "
		       "ip route add 10.97.0.0/24 via 10.99.9.9 dev lan0 onlink"));
	assert_conflict("10.99.9.0/24", "lan0", "10.99.9.9 is the gateway in use here on lan0");
	assert_conflict("10.98.0.0/24", "lan0", "10.98.0.1 is the address of this host on lan0");
	assert_conflict("10.6.0.0/16", "lan0", "10.6.0.0/24 is routed here by a gateway on lan0");
	assert_conflict("10.7.0.0/24", "", "10.7.0.0/24 has a route of its own here");
	/* A part of what is connected; not a part of what a gateway leads to. */
	assert_conflict("10.200.77.0/24", "host0", "10.200.0.0/16 is connected here on host0");
	assert_true(sh("ip route add 10.61.0.0/16 via 192.168.50.9 && "
		       "ip route add 64.0.0.0/3 dev host0"));
	assert_conflict("10.61.3.0/24", NULL, NULL);
	assert_conflict("65.0.0.0/24", NULL, NULL);
	assert_conflict("10.8.0.0/24", NULL, NULL); /* the TUN's own */
	assert_conflict("192.168.201.0/24", NULL, NULL);
	assert_conflict("fd02::/64", NULL, NULL);
	assert_int_equal(netconf_conflicts(nc, &lan, (int)if_nametoindex("lan0"), NULL), 0);
}

static bool is_in_use(uint8_t family, const char *text)
{
	struct prefix p = prefix(text), *list;
	bool found = false;
	size_t n;

	assert_int_equal(netconf_in_use(nc, family, &list, &n), 0);
	for (size_t i = 0; i < n; i++)
		found = found || prefix_equal(&list[i], &p);
	free(list);
	return found;
}

static void test_in_use(void **state)
{
	static const char *const yes[] = {"192.168.50.0/24", "192.168.50.1/32", "192.168.50.9/32",
					  "10.200.9.9/32",   "10.6.0.0/24",	"10.7.0.0/24",
					  "10.9.0.0/24",     "127.0.0.1/32"};
	static const char *const no[] = {"10.8.0.0/24", "10.8.0.1/32", "0.0.0.0/0"};

	(void)state;
	new_namespace();
	up();
	assert_true(sh("ip addr add 10.200.0.1/16 dev host0 && "
		       "ip addr add 10.8.0.1/32 dev " TUN " && "
		       "ip route add default via 10.200.9.9 && "
		       "ip route add 10.6.0.0/24 via 192.168.50.9 && "
		       "ip route add blackhole 10.7.0.0/24 && "
		       "ip route add 10.8.0.0/24 dev " TUN " && "
		       "ip route add 10.9.0.0/24 via 192.168.50.9 table 77"));
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!is_in_use(4, yes[i]))
			fail_msg("%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (is_in_use(4, no[i]))
			fail_msg("%s", no[i]);
	}
	assert_true(is_in_use(6, "fd50::/64") && is_in_use(6, "fd50::1/128"));
	assert_false(is_in_use(6, "192.168.50.0/24") || is_in_use(4, "fd50::/64"));
}

static void assert_sysctl(const char *path, const char *want)
{
	char now[UNDO_VALUE_SIZE];

	assert_int_equal(undo_read(path, now, sizeof(now)), 0);
	if (strcmp(now, want) != 0)
		print_error("%s:\n", path);
	assert_string_equal(now, want);
}

static void test_forward_ipv4(void **state)
{
	uint32_t a, b;

	(void)state;
	new_namespace();
	assert_int_equal(netconf_forward(nc, "lan0", 4, &a), 0);
	assert_int_equal(netconf_forward(nc, "lan0", 4, &b), 0);
	assert_sysctl("net/ipv4/conf/lan0/forwarding", "1");
	assert_sysctl("net/ipv4/conf/" TUN "/forwarding", "1");
	assert_sysctl("net/ipv4/ip_forward", "0");
	assert_sysctl("net/ipv4/conf/host0/forwarding", "0");
	netconf_unforward(nc, a);
	assert_sysctl("net/ipv4/conf/lan0/forwarding", "1");
	netconf_unforward(nc, b);
	assert_sysctl("net/ipv4/conf/lan0/forwarding", "0");
	assert_sysctl("net/ipv4/conf/" TUN "/forwarding", "0");
	assert_int_equal(netconf_forward(nc, "nosuch", 4, &a), -ENOENT);
	assert_int_equal(a, 0);
	assert_sysctl("net/ipv4/conf/" TUN "/forwarding", "0");
	assert_non_null(strstr(netconf_error(nc), "nosuch"));
}

static bool has_proxy(const char *address)
{
	char command[120];

	snprintf(command, sizeof(command),
		 "ip neigh show proxy dev lan0 | grep -q '^%s .*proto 70'", address);
	return sh(command);
}

static void test_proxies(void **state)
{
	struct netconf_link lan = {.name = "lan0"};
	struct addr v4, v6, theirs;
	char before[UNDO_VALUE_SIZE];

	(void)state;
	new_namespace();
	up();
	lan.ifindex = (int)if_nametoindex("lan0");
	v4 = addr("192.168.50.250");
	v6 = addr("fd50::ff");
	theirs = addr("192.168.50.99");
	assert_int_equal(undo_read("net/ipv4/neigh/lan0/proxy_delay", before, sizeof(before)), 0);
	assert_int_equal(netconf_proxy_add(nc, &lan, &v4), 0);
	assert_int_equal(netconf_proxy_add(nc, &lan, &v6), 0);
	assert_true(has_proxy("192.168.50.250"));
	assert_true(has_proxy("fd50::ff"));
	assert_sysctl("net/ipv4/neigh/lan0/proxy_delay", "0");
	/* Down takes them, another time brings them back. */
	assert_true(sh("ip link set lan0 down && ip link set lan0 up"));
	assert_false(has_proxy("192.168.50.250"));
	assert_int_equal(netconf_proxy_add(nc, &lan, &v4), 0);
	assert_true(has_proxy("192.168.50.250"));
	assert_int_equal(netconf_proxy_remove(nc, &lan, &v4), 0);
	assert_int_equal(netconf_proxy_remove(nc, &lan, &v4), 0);
	assert_false(has_proxy("192.168.50.250"));
	assert_sysctl("net/ipv4/neigh/lan0/proxy_delay", before);
	/* Somebody else's stays somebody else's. */
	assert_true(sh("ip neigh add proxy 192.168.50.99 dev lan0"));
	assert_int_equal(netconf_proxy_add(nc, &lan, &theirs), -EEXIST);
	assert_non_null(strstr(netconf_error(nc), "192.168.50.99"));
	assert_int_equal(netconf_proxy_add(nc, &lan, &v4), 0);
	netconf_close(nc);
	nc = NULL;
	assert_false(has_proxy("192.168.50.250"));
	assert_true(sh("ip neigh show proxy dev lan0 | grep -q 192.168.50.99"));
}

/* What is left has no route into a TUN any more. */
static void test_cleanup_of_proxies(void **state)
{
	(void)state;
	new_namespace();
	up();
	close_tun();
	assert_true(sh("ip neigh add proxy 192.168.50.250 dev lan0 protocol 70 && "
		       "ip neigh add proxy 192.168.50.251 dev lan0 protocol 70 && "
		       "ip neigh add proxy 192.168.50.99 dev lan0 && "
		       "ip neigh add proxy fd50::ff dev lan0 protocol 70 && "
		       "ip link set host0 up && ip route add 192.168.50.251 dev host0 proto 70"));
	assert_int_equal(netconf_cleanup(nc), 0);
	assert_false(has_proxy("192.168.50.250"));
	assert_false(has_proxy("fd50::ff"));
	assert_true(has_proxy("192.168.50.251")); /* another vpnd uses it */
	assert_true(sh("ip neigh show proxy dev lan0 | grep -q 192.168.50.99"));
}

static void test_forward_ipv6_two(void **state)
{
	uint32_t hold;

	(void)state;
	new_namespace();
	if (access("/proc/sys/net/ipv6/conf/lan0/force_forwarding", W_OK) != 0)
		skip();
	assert_int_equal(netconf_forward(nc, "lan0", 6, &hold), 0);
	assert_sysctl("net/ipv6/conf/lan0/force_forwarding", "1");
	assert_sysctl("net/ipv6/conf/" TUN "/force_forwarding", "1");
	assert_sysctl("net/ipv6/conf/all/forwarding", "0");
	assert_sysctl("net/ipv6/conf/lan0/forwarding", "0");
	netconf_unforward(nc, hold);
	assert_sysctl("net/ipv6/conf/lan0/force_forwarding", "0");
	assert_sysctl("net/ipv6/conf/" TUN "/force_forwarding", "0");
}

/* The way of older kernels: two holds, and everything is as before after both. */
static void test_forward_ipv6_all(void **state)
{
	uint32_t a, b;

	(void)state;
	new_namespace();
	assert_true(sh("echo 1 > /proc/sys/net/ipv6/conf/host0/forwarding && "
		       "echo 1 > /proc/sys/net/ipv6/conf/lan0/accept_ra && "
		       "echo 0 > /proc/sys/net/ipv6/conf/host0/accept_ra"));
	a = undo_hold(undo);
	b = undo_hold(undo);
	assert_int_equal(netconf_forward6_all(nc, a), 0);
	assert_int_equal(netconf_forward6_all(nc, b), 0);
	assert_sysctl("net/ipv6/conf/all/forwarding", "1");
	assert_sysctl("net/ipv6/conf/lan0/forwarding", "1");
	assert_sysctl("net/ipv6/conf/lan0/accept_ra", "2");
	assert_sysctl("net/ipv6/conf/host0/accept_ra", "0");
	netconf_unforward(nc, a);
	assert_sysctl("net/ipv6/conf/all/forwarding", "1");
	assert_sysctl("net/ipv6/conf/lan0/accept_ra", "2");
	netconf_unforward(nc, b);
	assert_sysctl("net/ipv6/conf/all/forwarding", "0");
	assert_sysctl("net/ipv6/conf/lan0/forwarding", "0");
	assert_sysctl("net/ipv6/conf/lan0/accept_ra", "1");
	assert_sysctl("net/ipv6/conf/host0/forwarding", "1");
	assert_sysctl("net/ipv6/conf/default/forwarding", "0");
}

/* A host that is a router already is left as it is. */
static void test_forward_ipv6_router(void **state)
{
	uint32_t hold;

	(void)state;
	new_namespace();
	assert_true(sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"));
	hold = undo_hold(undo);
	assert_int_equal(netconf_forward6_all(nc, hold), 0);
	assert_true(access(journal, F_OK) != 0);
	netconf_unforward(nc, hold);
	assert_sysctl("net/ipv6/conf/all/forwarding", "1");
}

/* --- outside of the tunnel --- */

static void assert_way(const char *to, const char *ifname, const char *gateway)
{
	struct netconf_way way;
	struct addr a = addr(to);
	char text[ADDR_TEXT_SIZE];
	int err = netconf_way_outside(nc, &a, &way);

	if (!ifname) {
		assert_int_equal(err, -ENETUNREACH);
		return;
	}
	assert_int_equal(err, 0);
	assert_string_equal(way.link.name, ifname);
	addr_format(&way.gateway, text);
	assert_string_equal(text, gateway);
}

static void add_outside(const char *p, const char *to)
{
	struct prefix host = prefix(p);
	struct addr a = addr(to);
	struct netconf_way way;

	assert_int_equal(netconf_way_outside(nc, &a, &way), 0);
	assert_int_equal(netconf_outside_add(nc, &host, &way), 0);
}

/* By lan0 (@in), or from this host. */
static void assert_way_from(const char *from, const char *to, bool in, const char *ifname)
{
	struct addr src = addr(from), dst = addr(to);
	int ifindex = in ? (int)if_nametoindex("lan0") : 0;
	struct netconf_way way;
	int err = netconf_way_from(nc, &dst, &src, ifindex, &way);

	assert_int_equal(err, ifname ? 0 : -ENETUNREACH);
	if (ifname)
		assert_string_equal(way.link.name, ifname);
}

static void test_ways_of_a_sender(void **state)
{
	char setting[UNDO_PATH_SIZE];

	(void)state;
	new_namespace();
	up();
	assert_true(sh("echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter && "
		       "echo 0 > /proc/sys/net/ipv4/conf/lan0/rp_filter && "
		       "ip route add default via 192.168.50.9 && "
		       "ip -6 route add default via fd50::9 && "
		       "ip route add unreachable default table 99 && "
		       "ip rule add from 192.168.50.77 table 99 && "
		       "ip -6 route add unreachable default table 99 && "
		       "ip -6 rule add from fd50::77 table 99"));
	assert_way_from("192.168.50.78", "203.0.113.7", true, NULL); /* nothing is forwarded */
	assert_false(netconf_forwards("lan0", 4, setting, sizeof(setting)));
	assert_string_equal(setting, "net/ipv4/conf/lan0/forwarding");
	assert_true(sh("echo 1 > /proc/sys/net/ipv4/conf/lan0/forwarding"));
	assert_true(netconf_forwards("lan0", 4, setting, sizeof(setting)));
	assert_way_from("192.168.50.78", "203.0.113.7", true, "lan0");
	assert_way_from("192.168.50.77", "203.0.113.7", true, NULL);
	assert_way_from("192.168.50.78", "192.168.50.1", true, ""); /* this host */
	assert_way_from("192.168.50.1", "203.0.113.7", false, "lan0");
	assert_way_from("192.168.50.2", "203.0.113.7", false, NULL); /* not its address */
	assert_way_from("fd50::78", "2001:db8::1", true, "lan0");
	assert_way_from("fd50::77", "2001:db8::1", true, NULL);
	assert_false(netconf_forwards("lan0", 6, setting, sizeof(setting)));
	assert_true(sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"));
	assert_true(netconf_forwards("lan0", 6, setting, sizeof(setting)));
}

static void test_ways(void **state)
{
	struct prefix half;

	(void)state;
	new_namespace();
	up();
	assert_way("203.0.113.7", NULL, NULL);
	assert_way("192.168.50.7", "lan0", "none");
	assert_way("192.168.50.1", "", "none"); /* this host */
	assert_true(sh("ip route add default via 192.168.50.9 metric 50 && "
		       "ip route add default via 192.168.50.8 metric 100 && "
		       "ip -6 route add default via fd50::9 && "
		       "ip route add blackhole 198.18.0.0/15 && "
		       "ip route add 198.18.1.0/24 via 192.168.50.7"));
	half = prefix("128.0.0.0/1");
	for (int i = 0; i < 2; i++) { /* without and with a route of ours */
		assert_way("203.0.113.7", "lan0", "192.168.50.9");
		assert_way("192.168.50.7", "lan0", "none");
		assert_way("2001:db8::1", "lan0", "fd50::9");
		assert_way("198.18.0.1", NULL, NULL);
		assert_way("198.18.1.1", "lan0", "192.168.50.7");
		assert_int_equal(netconf_route_add(nc, &half, NULL), 0);
	}
	add_outside("203.0.113.7/32", "203.0.113.7");
	assert_way("203.0.113.7", "lan0", "192.168.50.9");
	assert_true(sh("ip route del default metric 50"));
	assert_way("203.0.113.7", "lan0", "192.168.50.8"); /* not what the pin says */
}

static void test_outside(void **state)
{
	struct prefix host, host6;

	(void)state;
	new_namespace();
	up();
	assert_true(sh("ip route add default via 192.168.50.9 && "
		       "ip -6 route add default via fd50::9 && "
		       "ip route add 203.0.113.8 via 192.168.50.7"));
	host = prefix("203.0.113.7/32");
	host6 = prefix("2001:db8::7");
	add_outside("203.0.113.7/32", "203.0.113.7");
	add_outside("203.0.113.7/32", "203.0.113.7");
	add_outside("2001:db8::7/128", "2001:db8::7");
	add_outside("203.0.113.8/32", "203.0.113.7"); /* theirs stays, and wins */
	assert_true(sh("ip route show 203.0.113.7 | grep -q 'via 192.168.50.9 dev lan0 proto 70'"));
	assert_true(sh("ip -6 route show 2001:db8::7 | grep -q 'via fd50::9 dev lan0 proto 70'"));
	assert_true(sh("ip route get 203.0.113.8 | grep -q 'via 192.168.50.7'"));
	/* Taken away by somebody, and put back; the gateway changed, and it goes along. */
	assert_true(sh("ip route del 203.0.113.7"));
	add_outside("203.0.113.7/32", "203.0.113.7");
	assert_true(sh("ip route show 203.0.113.7 | grep -q 192.168.50.9"));
	assert_true(sh("ip route replace default via 192.168.50.6"));
	add_outside("203.0.113.7/32", "203.0.113.7");
	assert_true(sh("ip route show 203.0.113.7 | grep -q 192.168.50.6"));
	assert_false(sh("ip route show 203.0.113.7 | grep -q 192.168.50.9"));
	netconf_outside_remove(nc, &host);
	netconf_outside_remove(nc, &host);
	assert_true(sh("ip -6 route del 2001:db8::7"));
	netconf_outside_remove(nc, &host6);
	netconf_close(nc);
	nc = NULL;
	assert_false(sh("ip route show proto 70 | grep -q ."));
	assert_true(sh("ip route show 203.0.113.8 | grep -q 192.168.50.7"));
}

/* Left by a run of ours, and by one with another TUN. */
static void test_cleanup_of_what_is_outside(void **state)
{
	struct netconf *other;
	struct prefix host;
	struct netconf_way way = {.link = {.name = "lan0"}};

	(void)state;
	new_namespace();
	host = prefix("203.0.113.7/32");
	way.link.ifindex = (int)if_nametoindex("lan0");
	assert_int_equal(netconf_open(&other, "othertun", undo), 0);
	assert_int_equal(netconf_outside_add(nc, &host, &way), 0);
	assert_int_equal(netconf_outside_add(other, &host, &way), 0);
	assert_true(sh("test $(ip route show 203.0.113.7 | wc -l) = 2"));
	nc->n_outside = 0;			       /* killed */
	assert_int_equal(netconf_cleanup(nc), -EBUSY); /* one that runs has this name */
	assert_true(sh("test $(ip route show 203.0.113.7 | wc -l) = 2"));
	close_tun();
	assert_int_equal(netconf_cleanup(nc), 0);
	assert_true(sh("test $(ip route show 203.0.113.7 | wc -l) = 1"));
	netconf_close(other);
	assert_false(sh("ip route show 203.0.113.7 | grep -q ."));
}

static void test_see(void **state)
{
	struct netconf_seen *seen;
	struct prefix lan, host;
	struct addr a;
	int lan0;

	(void)state;
	new_namespace();
	up();
	lan = prefix("192.168.201.0/24");
	host = prefix("203.0.113.7/32");
	a = addr("100.64.0.1");
	lan0 = (int)if_nametoindex("lan0");
	assert_true(sh("ip route add default via 192.168.50.9"));
	assert_int_equal(netconf_address_add(nc, &a), 0);
	assert_int_equal(netconf_route_add(nc, &lan, NULL), 0);
	add_outside("203.0.113.7/32", "203.0.113.7");
	for (int i = 0; i < 2; i++) {
		struct prefix own = prefix_of(&a, 32);

		assert_int_equal(netconf_see(nc, &seen), 0);
		assert_int_equal(netconf_seen_has(seen, false, &own, 0), i == 0);
		assert_int_equal(netconf_seen_has(seen, true, &lan, 0), i == 0);
		assert_int_equal(netconf_seen_has(seen, true, &host, lan0), i == 0);
		assert_false(netconf_seen_has(seen, true, &host, 0));
		netconf_seen_free(seen);
		assert_true(sh("ip route flush proto 70; ip addr flush dev " TUN));
	}
}

/* --- cleanup --- */

static void test_cleanup_of_nothing(void **state)
{
	(void)state;
	new_namespace();
	close_tun();
	assert_int_equal(netconf_cleanup(nc), 0);
}

static void test_cleanup_of_a_device(void **state)
{
	(void)state;
	new_namespace();
	close_tun();
	close(make_tun(TUN, true));
	assert_true(sh("ip link set " TUN " up && ip route add 10.8.0.0/24 dev " TUN " proto 70"));
	assert_int_equal(netconf_cleanup(nc), 0);
	assert_int_equal(if_nametoindex(TUN), 0);
	assert_false(sh("ip route | grep -q 10.8"));
}

static void test_cleanup_spares_what_is_used(void **state)
{
	(void)state;
	new_namespace();
	assert_int_equal(netconf_cleanup(nc), -EBUSY); /* the test holds it open */
	assert_non_null(strstr(netconf_error(nc), TUN));
	close_tun();
	assert_true(sh("ip link add " TUN " type veth peer name other"));
	assert_int_equal(netconf_cleanup(nc), -EBUSY);
	assert_true(if_nametoindex(TUN) > 0);
}

/* An administrator's device: only our routes go. */
static void test_cleanup_spares_owned_devices(void **state)
{
	(void)state;
	new_namespace();
	close_tun();
	assert_true(sh("ip tuntap add " TUN " mode tun user 12345 && ip link set " TUN " up && "
		       "ip route add 10.8.0.0/24 dev " TUN " proto 70 && "
		       "ip route add 10.9.0.0/24 dev " TUN " && "
		       "ip route add fd08::/64 dev " TUN " proto 70"));
	assert_int_equal(netconf_cleanup(nc), -EBUSY);
	assert_non_null(strstr(netconf_error(nc), "ip link del"));
	assert_true(if_nametoindex(TUN) > 0);
	assert_false(sh("ip route | grep -q 10.8"));
	assert_true(sh("ip route | grep -q 10.9"));
	assert_false(sh("ip -6 route | grep -q fd08"));
}

/* Everything set, then kill -9: the next start finds the host as it was. */
static void set_all_and_be_killed(void)
{
	struct addr a = addr("100.64.0.1");
	struct prefix p = prefix("192.168.201.0/24");
	pid_t pid = fork();
	uint32_t hold;
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (undo_open(&nc->undo, journal) == 0 && make_tun(TUN, false) >= 0 &&
		    netconf_link_up(nc, 1400) == 0 && netconf_address_add(nc, &a) == 0 &&
		    netconf_route_add(nc, &p, &a) == 0 &&
		    netconf_forward(nc, "lan0", 4, &hold) == 0 &&
		    netconf_forward(nc, "lan0", 6, &hold) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_after_kill(void **state)
{
	(void)state;
	new_namespace();
	close_tun();
	undo_close(undo);
	undo = NULL;
	set_all_and_be_killed();
	assert_sysctl("net/ipv4/conf/lan0/forwarding", "1");
	assert_int_equal(undo_open(&undo, journal), 0);
	nc->undo = undo;
	assert_int_equal(netconf_cleanup(nc), 0);
	assert_sysctl("net/ipv4/conf/lan0/forwarding", "0");
	assert_sysctl("net/ipv6/conf/all/forwarding", "0");
	assert_int_equal(if_nametoindex(TUN), 0);
	assert_false(sh("ip route | grep -q 192.168.201"));
}

/* --- packets --- */

static uint16_t checksum(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* UDP without a checksum, to port 5000. */
static size_t make_udp(uint8_t *p, const char *src, const char *dst, const char *text)
{
	size_t len = 28 + strlen(text);
	uint16_t sum;

	memset(p, 0, len);
	p[0] = 0x45;
	p[3] = (uint8_t)len;
	p[8] = 64;
	p[9] = 17;
	memcpy(p + 12, addr(src).bytes, 4);
	memcpy(p + 16, addr(dst).bytes, 4);
	sum = checksum(p, 20);
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
	p[20] = p[22] = 5000 >> 8;
	p[21] = p[23] = 5000 & 0xff;
	p[25] = (uint8_t)(len - 20);
	memcpy(p + 28, text, len - 28);
	return len;
}

/* A host at the other end of the veth: answers one datagram. Its namespace goes with it. */
static pid_t start_host(int *ready)
{
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(5000)}, from;
		socklen_t from_len = sizeof(from);
		char text[64];
		ssize_t n;
		int fd;

		if (unshare(CLONE_NEWNET) != 0)
			_exit(1);
		c = 1;
		if (write(fds[1], &c, 1) != 1)
			_exit(1);
		while (if_nametoindex("host0") == 0)
			usleep(1000);
		if (!sh("ip addr add 192.168.50.2/24 dev host0 && ip link set host0 up && "
			"ip route add default via 192.168.50.1"))
			_exit(2);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 ||
		    write(fds[1], &c, 1) != 1)
			_exit(3);
		n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &from_len);
		_exit(n > 0 && sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&from, from_len) ==
					      n
			      ? 0
			      : 4);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[1]);
	*ready = fds[0];
	return pid;
}

/* The next packet of @version out of the TUN, within 3 s; IPv6 to unicast only. */
static size_t read_packet(uint8_t *packet, size_t size, int version)
{
	struct pollfd p = {.fd = tun_fd, .events = POLLIN};

	while (poll(&p, 1, 3000) > 0) {
		ssize_t n = read(tun_fd, packet, size);

		if (n > 0 && packet[0] >> 4 == version && (version == 4 || packet[24] != 0xff))
			return (size_t)n;
	}
	return 0;
}

/*
 * From the peer's LAN (through the TUN) to a host of ours and back, with rp_filter strict
 * everywhere and forwarding on TUN and LAN only.
 */
static void test_packets_through(void **state)
{
	uint8_t packet[256];
	struct prefix peer_lan;
	char command[64], c;
	uint32_t hold;
	int ready, status;
	size_t len;
	pid_t pid;

	(void)state;
	new_namespace();
	peer_lan = prefix("192.168.201.0/24");
	assert_true(sh("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter && "
		       "echo 1 > /proc/sys/net/ipv4/conf/lan0/rp_filter && "
		       "echo 1 > /proc/sys/net/ipv4/conf/" TUN "/rp_filter"));
	up();
	assert_int_equal(netconf_route_add(nc, &peer_lan, NULL), 0);
	assert_int_equal(netconf_forward(nc, "lan0", 4, &hold), 0);
	pid = start_host(&ready);
	snprintf(command, sizeof(command), "ip link set host0 netns %d", (int)pid);
	assert_true(sh(command));
	assert_int_equal(read(ready, &c, 1), 1);
	close(ready);
	len = make_udp(packet, "192.168.201.7", "192.168.50.2", "through");
	assert_int_equal(write(tun_fd, packet, len), len);
	memset(packet, 0, sizeof(packet));
	assert_int_equal(read_packet(packet, sizeof(packet), 4), len);
	assert_memory_equal(packet + 12, addr("192.168.50.2").bytes, 4);
	assert_memory_equal(packet + 16, addr("192.168.201.7").bytes, 4);
	assert_memory_equal(packet + 28, "through", 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A host that pings fd02::7 from behind lan0; its exit status is 0 if it is answered. */
static int ping6(void)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6};
	struct timeval patience = {.tv_sec = 3};
	uint8_t echo[8] = {128}, answer[64];
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	inet_pton(AF_INET6, "fd02::7", &to.sin6_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return 1;
	while (recv(fd, answer, sizeof(answer), 0) > 0) {
		if (answer[0] == 129)
			return 0;
	}
	return 2;
}

/* Returns when it has its namespace. */
static pid_t start_pinger(void)
{
	int fds[2];
	pid_t pid;
	char c = 1;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid != 0) {
		assert_int_equal(read(fds[0], &c, 1), 1);
		close(fds[0]);
		close(fds[1]);
		return pid;
	}
	if (unshare(CLONE_NEWNET) != 0 || write(fds[1], &c, 1) != 1)
		_exit(3);
	for (int i = 0; if_nametoindex("host0") == 0 && i < 3000; i++)
		usleep(1000);
	if (!sh("ip addr add fd50::2/64 dev host0 nodad && ip link set host0 up && "
		"ip -6 route add default via fd50::1"))
		_exit(4);
	_exit(ping6());
}

/* An echo request becomes its answer: addresses swapped, type 129 for 128 in the checksum, too. */
static void make_echo_reply(uint8_t *p)
{
	uint8_t address[16];
	uint32_t sum = ((uint32_t)p[42] << 8 | p[43]) - 0x100;

	memcpy(address, p + 8, 16);
	memcpy(p + 8, p + 24, 16);
	memcpy(p + 24, address, 16);
	p[40] = 129;
	sum = (sum & 0xffff) - (sum >> 31);
	p[42] = (uint8_t)(sum >> 8);
	p[43] = (uint8_t)sum;
}

static void test_packets_through_ipv6(void **state)
{
	struct prefix peer_lan;
	uint8_t packet[256] = {0};
	char command[64];
	int status;
	uint32_t hold;
	pid_t pid;

	(void)state;
	new_namespace();
	peer_lan = prefix("fd02::/64");
	up();
	assert_int_equal(netconf_route_add(nc, &peer_lan, NULL), 0);
	assert_int_equal(netconf_forward(nc, "lan0", 6, &hold), 0);
	pid = start_pinger();
	snprintf(command, sizeof(command), "ip link set host0 netns %d", (int)pid);
	assert_true(sh(command));
	assert_int_equal(read_packet(packet, sizeof(packet), 6), 48);
	assert_memory_equal(packet + 24, addr("fd02::7").bytes, 16);
	make_echo_reply(packet);
	assert_int_equal(write(tun_fd, packet, 48), 48);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_link_up),
		TEST(test_addresses),
		TEST(test_no_ipv6),
		TEST(test_routes),
		TEST(test_never_replaces_a_route),
		TEST(test_remove_what_somebody_removed),
		TEST(test_set_down),
		TEST(test_device_made_again),
		TEST(test_find_lan),
		TEST(test_find_links),
		TEST(test_conflicts),
		TEST(test_find_subnet),
		TEST(test_taken),
		TEST(test_proxies),
		TEST(test_cleanup_of_proxies),
		TEST(test_in_use),
		TEST(test_ways),
		TEST(test_ways_of_a_sender),
		TEST(test_outside),
		TEST(test_cleanup_of_what_is_outside),
		TEST(test_see),
		TEST(test_forward_ipv4),
		TEST(test_forward_ipv6_two),
		TEST(test_forward_ipv6_all),
		TEST(test_forward_ipv6_router),
		TEST(test_cleanup_of_nothing),
		TEST(test_cleanup_of_a_device),
		TEST(test_cleanup_spares_what_is_used),
		TEST(test_cleanup_spares_owned_devices),
		TEST(test_after_kill),
		TEST(test_packets_through),
		TEST(test_packets_through_ipv6),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
