/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A device's plane in a network namespace, and a host on its LAN, in another one, that knows no
 * gateway. The peer is the test: it gives packets to the plane and gets the answers. Skipped where
 * namespaces are not permitted.
 *
 *   peer 10.0.0.5 fd0a::5 == plane == TUN -- lan0 192.168.50.1 fd50::1 --- host0 192.168.50.10
 * fd50::10
 */
#include "tests/unit/pure_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/ip.h"
#include "vpnd/lend.h"
#include "vpnd/plane.h"
#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"
#include "vpnd/pure/neigh.h"

#define TUN "lendtest"
#define SLOTS 3
#define PATIENCE_MS 10000
#define ECHO_BYTES 16

static int home = -1, device = -1, host = -1;
static char folder[64], journal[80];
static uv_loop_t loop;
static struct packets *packets;
static struct plane *plane;
static struct grant grant;
static bool closed;
static unsigned int notes;
static char note[PLANE_ERROR_SIZE];
/* The last packet that came for the peer. */
static uint8_t got[2048];
static size_t got_n;
static uint16_t got_slot;
static unsigned int n_got;

static const uint8_t stranger[6] = {2, 0, 0, 0, 0, 0x77};

static bool sh(const char *command)
{
	return system(command) == 0; /* NOLINT(cert-env33-c): literals of this file */
}

static void enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
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

/* --- the plane's owner --- */

static void on_outgoing(void *arg, uint16_t slot, struct packet *p)
{
	got_slot = slot;
	got_n = p->fq.len < sizeof(got) ? p->fq.len : sizeof(got);
	memcpy(got, p->fq.ip, got_n);
	n_got++;
	packet_free(p);
}

static void on_flush(void *arg)
{
}

static void on_closed(void *arg)
{
	closed = true;
}

static void on_note(void *arg, const char *todo, const char *text)
{
	notes++;
	snprintf(note, sizeof(note), "%s", text);
	assert_true(todo[0] != '\0');
}

static const struct plane_callbacks calls = {
	.on_outgoing = on_outgoing,
	.on_flush = on_flush,
	.on_gone = on_closed,
	.on_closed = on_closed,
	.on_note = on_note,
};

/* --- the network --- */

static int new_netns(void)
{
	if (unshare(CLONE_NEWNET) != 0 || !sh("ip link set lo up"))
		return -1;
	(void)sh("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; "
		 "echo 0 > /proc/sys/net/ipv4/ip_forward");
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void open_plane(const char *pool, enum plane_lan_mode mode)
{
	struct plane_config config = {.tun_name = TUN, .journal = journal, .packets = packets};
	struct addr v4 = addr("100.64.0.1"), v6 = addr("fd77::1");
	char error[PLANE_ERROR_SIZE];

	config.lend.mode = mode;
	assert_null(lendable_parse(&config.lend.pool, pool));
	closed = false;
	enter(device);
	assert_int_equal(plane_open(&plane, &loop, &config, &calls, NULL), 0);
	assert_int_equal(plane_set_addresses(plane, &v4, &v6, error), 0);
}

static void close_plane(void)
{
	enter(device);
	plane_close(plane);
	while (!closed)
		uv_run(&loop, UV_RUN_ONCE);
	plane = NULL;
}

static void attach(uint16_t slot)
{
	char error[PLANE_ERROR_SIZE];
	char peer[20];

	grant.role = TOKEN_DEVICE;
	snprintf(peer, sizeof(peer), "100.64.0.%u", 10U + slot);
	grant.peer_ipv4 = addr(peer);
	grant.n_peer_lans = 2;
	snprintf(peer, sizeof(peer), "10.0.%u.0/24", slot);
	grant.peer_lans[0] = prefix(peer);
	snprintf(peer, sizeof(peer), "fd0a:%u::/64", slot);
	grant.peer_lans[1] = prefix(peer);
	enter(device);
	if (plane_attach(plane, slot, &grant, error) != 0)
		fail_msg("%s", error);
}

static int setup(void **state)
{
	char command[64];

	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		return 0;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	host = new_netns();
	device = new_netns();
	if (home < 0 || host < 0 || device < 0)
		return 0;
	enter(device);
	snprintf(command, sizeof(command), "ip link set host0 netns /proc/%d/fd/%d", (int)getpid(),
		 host);
	if (!sh("ip link add lan0 type veth peer name host0") || !sh(command))
		return -1;
	if (!sh("ip addr add 192.168.50.1/24 dev lan0 && ip addr add fd50::1/64 dev lan0 nodad && "
		"ip link set lan0 up"))
		return -1;
	enter(host);
	if (!sh("ip addr add 192.168.50.10/24 dev host0 && ip addr add fd50::10/64 dev host0 nodad "
		"&& "
		"ip link set host0 up"))
		return -1;
	enter(device);
	strcpy(folder, "/tmp/test_lend.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(journal, sizeof(journal), "%s/undo", folder);
	memset(&grant, 0, sizeof(grant));
	grant.n_own_lans = 2;
	grant.own_lans[0] = prefix("192.168.50.0/24");
	grant.own_lans[1] = prefix("fd50::/64");
	packets = packets_new();
	notes = n_got = 0;
	return uv_loop_init(&loop);
}

static int teardown(void **state)
{
	if (!packets)
		return 0;
	if (plane)
		close_plane();
	enter(device);
	if (sh("ip neigh show proxy | grep -q . || ip route | grep -q " TUN))
		return -1;
	enter(home);
	close(home);
	close(device);
	close(host);
	packets_free(packets);
	packets = NULL;
	return uv_loop_close(&loop) == 0 ? rmdir(folder) : -1;
}

static void need_network(void)
{
	if (!packets)
		skip();
}

static void run_ms(uint64_t ms)
{
	uint64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(500);
	}
}

static struct plane_lent lent(uint8_t family)
{
	struct plane_lend_status st;

	plane_lend_status(plane, &st);
	for (size_t i = 0; i < st.n; i++) {
		if (st.lent[i].subnet.addr.family == family)
			return st.lent[i];
	}
	return (struct plane_lent){.state = ""};
}

static struct addr wait_for_state(uint8_t family, const char *state)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;

	while (strcmp(lent(family).state, state) != 0) {
		assert_true(clock_mono_ms() < end);
		run_ms(10);
	}
	return lent(family).addr;
}

/* --- the peer --- */

static size_t make_echo(uint8_t *p, const struct addr *src, const struct addr *dst, uint16_t id)
{
	bool v4 = src->family == 4;
	size_t at = v4 ? 20 : 40, n = at + ECHO_BYTES;
	uint8_t rest[4] = {0, L4_ICMPV6, 0, ECHO_BYTES};
	uint64_t sum = v4 ? 0 : csum_add(rest, 4, 0);
	uint16_t csum;

	memset(p, 0, n);
	p[0] = v4 ? 0x45 : 0x60;
	put_be16(p + (v4 ? 2 : 4), v4 ? n : ECHO_BYTES);
	p[v4 ? 8 : 7] = 64;
	p[v4 ? 9 : 6] = v4 ? L4_ICMP : L4_ICMPV6;
	memcpy(p + (v4 ? 12 : 8), src->bytes, v4 ? 4 : 16);
	memcpy(p + (v4 ? 16 : 24), dst->bytes, v4 ? 4 : 16);
	if (v4) {
		csum = (uint16_t)~csum_fold(csum_add(p, 20, 0));
		memcpy(p + 10, &csum, 2);
	} else {
		sum = csum_add(p + 8, 32, sum);
	}
	p[at] = v4 ? 8 : 128;
	put_be16(p + at + 4, id);
	csum = (uint16_t)~csum_fold(csum_add(p + at, ECHO_BYTES, sum));
	memcpy(p + at + 2, &csum, 2);
	return n;
}

static void ping(uint16_t slot, const char *from, const char *to, uint16_t id)
{
	struct addr src = addr(from), dst = addr(to);
	struct vnet plain = {.gso = VNET_GSO_NONE};
	uint8_t p[80];
	size_t n = make_echo(p, &src, &dst, id);

	enter(device);
	plane_incoming(plane, slot, &plain, p, n);
}

/* The answer to a ping comes, to whom it is for. */
static void answered(uint16_t slot, const char *from, const char *to, uint16_t id)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	struct addr src = addr(to), dst = addr(from);
	struct ip_info ip;
	struct l4 l4;

	while (clock_mono_ms() < end) {
		unsigned int before = n_got;

		run_ms(5);
		if (n_got == before || ip_parse(got, got_n, &ip) != 0)
			continue;
		l4_parse(got, got_n, &l4);
		if (l4.kind == L4_ECHO && !l4.request && l4.src == id && got_slot == slot &&
		    addr_equal(&ip.src, &src) && addr_equal(&ip.dst, &dst))
			return;
	}
	fail_msg("no answer from %s to %s", to, from);
}

static void pings(uint16_t slot, const char *from, const char *to, uint16_t id)
{
	ping(slot, from, to, id);
	answered(slot, from, to, id);
}

/* --- another host --- */

static int stranger_socket(uint16_t protocol)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
	int fd;

	enter(host);
	at.sll_ifindex = (int)if_nametoindex("host0");
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(protocol));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	enter(device);
	return fd;
}

static void stranger_sends(int fd, const struct neigh_message *m, uint16_t protocol)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_halen = 6};

	enter(host);
	to.sll_ifindex = (int)if_nametoindex("host0");
	memcpy(to.sll_addr, m->to, 6);
	assert_int_equal(sendto(fd, m->bytes, m->n, 0, (struct sockaddr *)&to, sizeof(to)), m->n);
	enter(device);
}

/* Somebody says that he has @a; whoever hears it needs some turns of the loop. */
static void claim(const struct addr *a)
{
	uint16_t protocol = a->family == 4 ? ETH_P_ARP : ETH_P_IPV6;
	int fd = stranger_socket(protocol);
	struct neigh_message m;

	neigh_announce(&m, a, stranger);
	stranger_sends(fd, &m, protocol);
	run_ms(50);
	close(fd);
}

/* Is there an answer to a probe for @a? */
static bool is_defended(const struct addr *a)
{
	uint16_t protocol = a->family == 4 ? ETH_P_ARP : ETH_P_IPV6;
	uint64_t end = clock_mono_ms() + 3000;
	int fd = stranger_socket(protocol);
	struct neigh_message m;
	bool found = false;

	neigh_probe(&m, a, stranger);
	stranger_sends(fd, &m, protocol);
	while (!found && clock_mono_ms() < end) {
		uint8_t bytes[1500];
		struct neigh said;
		ssize_t n;

		run_ms(5);
		while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			found |= neigh_parse(&said, a->family, bytes, (size_t)n, stranger) == 0 &&
				 addr_equal(&said.used, a);
	}
	close(fd);
	return found;
}

static void wait_for_proxy(void)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;

	while (!sh("ip neigh show proxy dev lan0 | grep -q 192.168.50")) {
		assert_true(clock_mono_ms() < end);
		run_ms(50);
	}
}

/* --- tests --- */

static void a_host_without_a_gateway_answers(void **state)
{
	struct addr a;

	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	ping(0, "10.0.0.5", "192.168.50.10", 7); /* held until there is an address */
	assert_string_equal(lent(4).state, "looking");
	answered(0, "10.0.0.5", "192.168.50.10", 7);
	pings(0, "fd0a:0::5", "fd50::10", 8);
	a = wait_for_state(4, "lent");
	assert_true(prefix_contains(&grant.own_lans[0], &a));
	a = wait_for_state(6, "lent");
	assert_true(prefix_contains(&grant.own_lans[1], &a));
	assert_true(sh("ip neigh show proxy dev lan0 | grep -q 192.168.50"));
	pings(0, "10.0.0.5", "192.168.50.1", 9); /* the device itself */
	pings(0, "10.0.0.5", "100.64.0.1", 10);	 /* by its tunnel address */
	assert_int_equal(notes, 0);
	plane_detach(plane, 0);
	assert_false(sh("ip neigh show proxy | grep -q . || ip route show proto 70 | grep -q ."));
}

static void peers_share_it(void **state)
{
	char from[20];

	need_network();
	open_plane("", PLANE_LAN_LEND);
	for (uint16_t slot = 0; slot < SLOTS; slot++)
		attach(slot);
	for (uint16_t slot = 0; slot < SLOTS; slot++) {
		snprintf(from, sizeof(from), "10.0.%u.5", slot);
		pings(slot, from, "192.168.50.10", 7);
	}
	plane_detach(plane, 0);
	plane_detach(plane, 1);
	pings(2, "10.0.2.5", "192.168.50.10", 7);
}

static void the_same_again_and_one_that_is_free(void **state)
{
	char command[200], text[ADDR_TEXT_SIZE];
	struct addr first, again;

	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	first = wait_for_state(4, "lent");
	plane_detach(plane, 0);
	run_ms(20);
	attach(0);
	again = wait_for_state(4, "lent");
	assert_true(addr_equal(&first, &again));
	plane_detach(plane, 0);
	addr_format(&first, text);
	enter(host);
	snprintf(command, sizeof(command), "ip addr add %s/24 dev host0", text);
	assert_true(sh(command));
	attach(0);
	again = wait_for_state(4, "lent");
	assert_false(addr_equal(&first, &again));
	pings(0, "10.0.0.5", "192.168.50.10", 3);
}

static void it_is_defended_and_given_up(void **state)
{
	static const uint8_t families[] = {4, 6};

	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	(void)wait_for_state(4, "lent");
	(void)wait_for_state(6, "lent");
	run_ms(LEND_YOUNG_MS);
	for (int i = 0; i < 2; i++) {
		struct addr first = wait_for_state(families[i], "lent"), next;
		struct plane_lent still;

		assert_true(is_defended(&first));
		claim(&first); /* once is a mistake ... */
		still = lent(families[i]);
		assert_true(addr_equal(&still.addr, &first));
		assert_int_equal(notes, i);
		claim(&first); /* ... twice is an owner */
		assert_int_equal(notes, i + 1);
		assert_non_null(strstr(note, "02:00:00:00:00:77"));
		next = wait_for_state(families[i], "lent");
		assert_false(addr_equal(&first, &next));
		pings(0, i ? "fd0a:0::5" : "10.0.0.5", i ? "fd50::10" : "192.168.50.10", 4);
	}
}

static void who_answers_late_has_it(void **state)
{
	struct addr first, next;

	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	first = wait_for_state(4, "lent");
	claim(&first);
	next = wait_for_state(4, "lent");
	assert_false(addr_equal(&first, &next));
}

static void a_full_lan_is_routed(void **state)
{
	need_network();
	enter(device);
	assert_true(sh("ip addr add 10.9.0.1/30 dev lan0"));
	enter(host);
	assert_true(
		sh("ip addr add 10.9.0.2/30 dev host0 && ip route add 10.0.0.0/24 via 10.9.0.1"));
	grant.n_own_lans = 1;
	grant.own_lans[0] = prefix("10.9.0.0/30");
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	ping(0, "10.0.0.5", "10.9.0.2", 7);
	answered(0, "10.0.0.5", "10.9.0.2", 7); /* it has a route */
	assert_string_equal(lent(4).state, "none");
	assert_int_equal(notes, 1);
	assert_non_null(strstr(note, "10.9.0.0/30"));
	assert_false(sh("ip neigh show proxy | grep -q ."));
}

static void a_pool_is_kept_to(void **state)
{
	struct addr want = addr("192.168.50.77"), have;

	need_network();
	open_plane("192.168.50.77", PLANE_LAN_LEND);
	attach(0);
	have = wait_for_state(4, "lent");
	assert_true(addr_equal(&have, &want));
	claim(&want);
	claim(&want);
	(void)wait_for_state(4, "none");
	assert_int_equal(notes, 2);
}

static void route_mode_lends_nothing(void **state)
{
	struct plane_lend_status st;

	need_network();
	enter(host);
	assert_true(sh("ip route add default via 192.168.50.1"));
	open_plane("", PLANE_LAN_ROUTE);
	attach(0);
	pings(0, "10.0.0.5", "192.168.50.10", 7);
	plane_lend_status(plane, &st);
	assert_int_equal(st.n, 0);
	assert_false(sh("ip neigh show proxy | grep -q ."));
}

/* A LAN host that knows a way begins: it stays what it is, and so does who answers. */
static void what_the_lan_begins(void **state)
{
	struct vnet plain = {.gso = VNET_GSO_NONE};
	struct ip_info ip;
	struct addr want = addr("192.168.50.10");
	char command[200];
	uint64_t end;
	struct l4 l4;

	need_network();
	enter(host);
	assert_true(sh("ip route add default via 192.168.50.1"));
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	(void)wait_for_state(4, "lent");
	enter(host);
	snprintf(command, sizeof(command),
		 "(ping -c 1 -W 5 10.0.0.5 >/dev/null 2>&1; echo $? >%s/ping) &", folder);
	assert_true(sh(command));
	enter(device);
	for (end = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < end;) {
		run_ms(5);
		if (n_got == 0 || ip_parse(got, got_n, &ip) != 0)
			continue;
		l4_parse(got, got_n, &l4);
		if (l4.kind == L4_ECHO && l4.request)
			break;
	}
	assert_true(addr_equal(&ip.src, &want));
	/* The peer answers: type and addresses change, and the checksum with the type. */
	memcpy(got + 16, ip.src.bytes, 4);
	memcpy(got + 12, ip.dst.bytes, 4);
	got[20] = 0;
	csum_mend(got + 22, (const uint8_t[2]){8, 0}, (const uint8_t[2]){0, 0}, 2);
	plane_incoming(plane, 0, &plain, got, got_n);
	for (end = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < end;) {
		run_ms(20);
		snprintf(command, sizeof(command), "test -s %s/ping", folder);
		if (sh(command))
			break;
	}
	snprintf(command, sizeof(command), "grep -qx 0 %s/ping && rm %s/ping", folder, folder);
	assert_true(sh(command));
	assert_int_equal(plane_counters(plane, 0)->lend[LEND_NO_FLOW], 0);
}

static void a_lan_that_changes(void **state)
{
	struct addr a = {0};
	uint64_t end;

	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	pings(0, "10.0.0.5", "192.168.50.10", 7);
	assert_true(
		sh("ip addr del 192.168.50.1/24 dev lan0 && ip addr add 192.168.50.2/26 dev lan0"));
	for (end = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < end; run_ms(20)) {
		a = lent(4).addr;
		if (a.family && a.bytes[3] < 63)
			break;
	}
	assert_true(a.family && a.bytes[3] < 63);
	pings(0, "10.0.0.5", "192.168.50.10", 8);
	/* Down takes its entry away; it comes back. */
	assert_true(sh("ip link set lan0 down && ip link set lan0 up"));
	wait_for_proxy();
	pings(0, "10.0.0.5", "192.168.50.10", 9);
}

/* As DHCP servers do. */
static void it_answers_pings(void **state)
{
	char command[200], text[ADDR_TEXT_SIZE];
	struct addr a;
	uint64_t end;
	int done;

	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	a = wait_for_state(4, "lent");
	addr_format(&a, text);
	snprintf(command, sizeof(command), "(ping -c 1 -W 5 %s >/dev/null 2>&1 && touch %s/ping) &",
		 text, folder);
	enter(host);
	assert_true(sh(command));
	enter(device);
	snprintf(command, sizeof(command), "rm %s/ping 2>/dev/null", folder);
	for (done = false, end = clock_mono_ms() + PATIENCE_MS; !done && clock_mono_ms() < end;) {
		run_ms(20);
		done = sh(command);
	}
	assert_true(done);
}

static void only_so_many_wait(void **state)
{
	need_network();
	open_plane("", PLANE_LAN_LEND);
	attach(0);
	for (uint16_t i = 0; i < 200; i++)
		ping(0, "10.0.0.5", "192.168.50.10", i);
	assert_int_equal(plane_counters(plane, 0)->lend[LEND_WAITING], 200 - 128);
	answered(0, "10.0.0.5", "192.168.50.10", 127);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_without_a_gateway_answers),
		TEST(peers_share_it),
		TEST(the_same_again_and_one_that_is_free),
		TEST(it_is_defended_and_given_up),
		TEST(who_answers_late_has_it),
		TEST(a_full_lan_is_routed),
		TEST(a_pool_is_kept_to),
		TEST(route_mode_lends_nothing),
		TEST(what_the_lan_begins),
		TEST(a_lan_that_changes),
		TEST(it_answers_pings),
		TEST(only_so_many_wait),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
