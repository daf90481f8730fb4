/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two planes, each in a network namespace of its own and on one loop, joined in memory by queues
 * as sessions use them; the kernels talk through them. Skipped where that is not permitted.
 *
 *   talker -- TUN 100.64.0.1 fd77::1 -- plane a == queues == plane b -- TUN 100.64.0.2 fd77::2 --
 * talker
 */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "tests/unit/super_packet.h"
#include "vpnd/plane.h"
#include "vpnd/queue.h"

#define TUN "planetest"
#define SLOT 3
#define PORT 7777
#define STREAM_BYTES 20000000
#define PART_BYTES 100000

struct end {
	int netns;
	char journal[80];
	struct packets *packets;
	struct plane *plane;
	struct queue queue; /* what the other end is to get */
	struct end *other;
	struct grant grant;
	bool offload, gone, closed;
	bool held; /* nothing is taken out of the queue */
	uint64_t supers, plain, unfinished, fragments;
	size_t largest; /* as it leaves the host at the other end */
};

static struct end a, b;
static uv_loop_t loop;
static int home = -1;
static char folder[64];
static struct opt_prefixes pools; /* of virtual prefixes */

static bool sh(const char *command)
{
	return system(command) == 0; /* NOLINT(cert-env33-c): literals of this file */
}

static void enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

/* The queues between */

static void on_outgoing(void *arg, uint16_t slot, struct packet *p)
{
	struct end *e = arg;
	struct queue_form form = {.super = plane_super(e->other->plane),
				  .uso = plane_uso(e->other->plane)};

	assert_int_equal(slot, SLOT);
	queue_put(&e->queue, p, &form, clock_mono_us());
}

/* Through the frame and back, as it would travel. */
static void deliver(struct end *e, struct packet *p)
{
	struct frame f;
	struct vnet v = {.gso = VNET_GSO_NONE};
	size_t n, used, skip;
	const uint8_t *at = packet_frame(p, &n);

	assert_int_equal(frame_decode(at, n, &f, &used), 0);
	skip = f.type == FRAME_SUPER ? VNET_BYTES : 0;
	if (skip)
		assert_int_equal(vnet_decode_wire(&v, f.payload), 0);
	e->supers += v.gso != VNET_GSO_NONE;
	e->unfinished += v.gso == VNET_GSO_NONE && v.needs_csum;
	e->plain += !skip;
	n = v.gso == VNET_GSO_NONE ? f.len - skip : (size_t)v.hdr_len + v.gso_size;
	if (n > e->largest)
		e->largest = n;
	at = f.payload + skip;
	e->fragments += at[0] >> 4 == 4 && ((at[6] & 0x3f) != 0 || at[7] != 0);
	plane_incoming(e->other->plane, SLOT, &v, p->room + (at - p->room), f.len - skip);
}

static void on_flush(void *arg)
{
	struct end *e = arg;
	struct packet *p;

	while (!e->held && (p = queue_take(&e->queue, clock_mono_us()))) {
		deliver(e, p);
		packet_free(p);
	}
}

static void on_gone(void *arg)
{
	((struct end *)arg)->gone = true;
}

static void on_closed(void *arg)
{
	struct end *e = arg;

	e->closed = true;
	e->plane = NULL;
}

static const struct plane_callbacks calls = {
	.on_outgoing = on_outgoing,
	.on_flush = on_flush,
	.on_gone = on_gone,
	.on_closed = on_closed,
};

/* Set-up */

static struct addr addr(const char *text)
{
	struct addr at;

	assert_int_equal(addr_parse(&at, text), 0);
	return at;
}

static int new_netns(void)
{
	if (unshare(CLONE_NEWNET) != 0 || !sh("ip link set lo up"))
		return -1;
	(void)sh("echo 1 > /proc/sys/net/ipv6/conf/default/accept_dad; "
		 "echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations");
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void end_open(struct end *e, const char *name, const char *own4, const char *own6,
		     const char *peer4, const char *peer6)
{
	struct addr v4 = addr(own4), v6 = addr(own6);
	struct plane_config config = {
		.tun_name = TUN, .offload = e->offload, .pools = pools.n ? &pools : NULL};
	char error[PLANE_ERROR_SIZE], virtual[100];

	snprintf(virtual, sizeof(virtual), "%s/%s.virtual", folder, name);
	config.virtual_file = virtual;
	snprintf(e->journal, sizeof(e->journal), "%s/%s", folder, name);
	e->packets = packets_new();
	config.journal = e->journal;
	config.packets = e->packets;
	queue_init(&e->queue);
	assert_int_equal(plane_open(&e->plane, &loop, &config, &calls, e), 0);
	if (plane_set_addresses(e->plane, &v4, &v6, error) != 0)
		fail_msg("%s", error);
	e->grant.role = TOKEN_MANAGER;
	e->grant.peer_ipv4 = addr(peer4);
	e->grant.peer_ipv6 = addr(peer6);
	if (plane_attach(e->plane, SLOT, &e->grant, error) != 0)
		fail_msg("%s", error);
}

static void both_open(bool offload_a, bool offload_b)
{
	static const struct opt_prefixes defaults = {
		2, {{{4, {100, 64}}, 10}, {{6, {0xfd, 0xfb, 0x94, 2, 0x99, 0x9f}}, 48}}};

	pools = defaults;
	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		skip();
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.offload = offload_a;
	b.offload = offload_b;
	a.other = &b;
	b.other = &a;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	a.netns = new_netns();
	b.netns = new_netns();
	if (home < 0 || a.netns < 0 || b.netns < 0)
		skip();
	strcpy(folder, "/tmp/test_plane.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(uv_loop_init(&loop), 0);
	enter(a.netns);
	end_open(&a, "a", "100.64.0.1", "fd77::1", "100.64.0.2", "fd77::2");
	enter(b.netns);
	end_open(&b, "b", "100.64.0.2", "fd77::2", "100.64.0.1", "fd77::1");
}

static void end_close(struct end *e)
{
	enter(e->netns);
	plane_close(e->plane);
	plane_close(e->plane);
	while (!e->closed)
		uv_run(&loop, UV_RUN_ONCE);
	queue_deinit(&e->queue);
	packets_free(e->packets);
	close(e->netns);
	(void)unlink(e->journal);
}

static void both_close(void)
{
	end_close(&a);
	end_close(&b);
	enter(home);
	close(home);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (const char *name = "ab"; *name; name++) {
		char virtual[100];

		snprintf(virtual, sizeof(virtual), "%s/%c.virtual", folder, *name);
		(void)unlink(virtual);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void run_ms(uint64_t ms)
{
	uint64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(200);
	}
}

/* The talkers */

static struct sockaddr_storage at(const char *address, socklen_t *len)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&ss;

	if (strchr(address, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(PORT);
		assert_int_equal(inet_pton(AF_INET6, address, &in6->sin6_addr), 1);
		*len = sizeof(*in6);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(PORT);
		assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
		*len = sizeof(*in);
	}
	return ss;
}

static int talker(struct end *e, const char *own, int type)
{
	socklen_t len;
	struct sockaddr_storage ss = at(own, &len);
	int fd, on = 1, bytes = 4 << 20;

	enter(e->netns);
	fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static int dial(int fd, const char *peer)
{
	socklen_t len;
	struct sockaddr_storage ss = at(peer, &len);

	return connect(fd, (struct sockaddr *)&ss, len);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* One direction of a TCP connection, byte for byte; the loop runs in between. */
static void stream(int from, int to)
{
	static uint8_t out[PART_BYTES], in[PART_BYTES];
	uint64_t end = clock_mono_ms() + 20000;
	size_t sent = 0, got = 0;

	while (got < STREAM_BYTES) {
		size_t n = STREAM_BYTES - sent < sizeof(out) ? STREAM_BYTES - sent : sizeof(out);
		ssize_t r;

		for (size_t i = 0; i < n; i++)
			out[i] = byte_at(sent + i);
		r = n > 0 ? send(from, out, n, MSG_NOSIGNAL) : 0;
		sent += r > 0 ? (size_t)r : 0;
		uv_run(&loop, UV_RUN_NOWAIT);
		r = recv(to, in, sizeof(in), 0);
		for (ssize_t i = 0; i < r; i++)
			assert_int_equal(in[i], byte_at(got + (size_t)i));
		got += r > 0 ? (size_t)r : 0;
		if (clock_mono_ms() > end)
			fail_msg("%zu of %d bytes", got, STREAM_BYTES);
	}
}

/* @called: how the peer's address is known at a. */
static void tcp_called(const char *own, const char *peer, const char *called)
{
	int listener = talker(&b, peer, SOCK_STREAM), there = -1;
	int here = talker(&a, own, SOCK_STREAM);

	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(dial(here, called), -1);
	for (int i = 0; i < 1000 && there < 0; i++) {
		run_ms(1);
		there = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	assert_true(there >= 0);
	stream(here, there);
	stream(there, here);
	close(here);
	close(there);
	close(listener);
	run_ms(20);
}

static void tcp(const char *own, const char *peer)
{
	tcp_called(own, peer, peer);
}

static bool segments_udp(int fd)
{
	int size = 1200;

	return setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) == 0;
}

/* @gso: as one super-packet of 40 datagrams. */
static void udp_called(const char *own, const char *peer, const char *called, bool gso)
{
	static uint8_t out[40 * 1200], in[2000];
	int here = talker(&a, own, SOCK_DGRAM), there = talker(&b, peer, SOCK_DGRAM);
	size_t n = gso ? sizeof(out) : 1200;

	assert_int_equal(dial(here, called), 0);
	if (gso && !segments_udp(here))
		n = 1200;
	for (size_t i = 0; i < n; i++)
		out[i] = byte_at(i);
	assert_int_equal(send(here, out, n, 0), n);
	run_ms(50);
	for (size_t got = 0; got < n; got += 1200) {
		assert_int_equal(recv(there, in, sizeof(in), 0), 1200);
		assert_memory_equal(in, out + got, 1200);
	}
	assert_int_equal(recv(there, in, sizeof(in), 0), -1);
	close(here);
	close(there);
}

static void udp(const char *own, const char *peer, bool gso)
{
	udp_called(own, peer, peer, gso);
}

static void expect_clean(const struct end *e)
{
	const struct plane_counters *c = plane_counters(e->plane, SLOT);

	assert_int_equal(c->malformed, 0);
	assert_int_equal(c->not_taken, 0);
	assert_int_equal(plane_no_memory(e->plane), 0);
	assert_true(c->gate[GATE_PASS] > 0);
	assert_int_equal(c->gate[GATE_SRC_NOT_PEER] + c->gate[GATE_DST_NOT_OURS], 0);
}

static void all_kinds(void)
{
	tcp("100.64.0.1", "100.64.0.2");
	tcp("fd77::1", "fd77::2");
	udp("100.64.0.1", "100.64.0.2", false);
	udp("100.64.0.1", "100.64.0.2", true);
	udp("fd77::1", "fd77::2", true);
	expect_clean(&a);
	expect_clean(&b);
}

static void super_packets_go_whole(void **state)
{
	(void)state;
	both_open(true, true);
	assert_true(plane_super(a.plane) && plane_super(b.plane));
	all_kinds();
	assert_true(a.supers > 100 && b.supers > 100);
	both_close();
}

static void one_end_without(void **state)
{
	(void)state;
	both_open(true, false);
	assert_false(plane_super(b.plane));
	all_kinds();
	assert_int_equal(a.supers + a.unfinished + b.supers + b.unfinished, 0);
	both_close();
}

static void both_ends_without(void **state)
{
	(void)state;
	both_open(false, false);
	all_kinds();
	assert_int_equal(a.supers + b.supers + a.unfinished + b.unfinished, 0);
	both_close();
}

/* A peer with a smaller MTU */

#define PEER_MTU 1300

static int talker_with(const char *own, const char *peer, int level, int option, int value)
{
	int fd = talker(&a, own, SOCK_DGRAM);

	assert_int_equal(setsockopt(fd, level, option, &value, sizeof(value)), 0);
	assert_int_equal(dial(fd, peer), 0);
	return fd;
}

/* The first one is answered, and then the kernel knows. */
static void is_told(const char *own, const char *peer, int level, int option, int value,
		    int headers)
{
	static const uint8_t out[1500];
	const struct plane_counters *c = plane_counters(a.plane, SLOT);
	int here = talker_with(own, peer, level, option, value);
	uint64_t before = c->too_big;

	assert_int_equal(send(here, out, 1500 - (size_t)headers, 0), 1500 - headers);
	run_ms(50);
	assert_int_equal(c->too_big, before + 1);
	(void)send(here, out, 1, 0); /* takes the error of the socket */
	assert_int_equal(send(here, out, PEER_MTU + 1 - (size_t)headers, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(send(here, out, PEER_MTU - (size_t)headers, 0), PEER_MTU - headers);
	run_ms(20);
	assert_int_equal(c->too_big, before + 1);
	close(here);
}

static void others_are_told(bool offload)
{
	both_open(offload, offload);
	plane_set_peer_mtu(a.plane, SLOT, PEER_MTU);
	is_told("100.64.0.1", "100.64.0.2", IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, 28);
	is_told("fd77::1", "fd77::2", IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, 48);
	assert_in_range(a.largest, 1, PEER_MTU);
	assert_int_equal(a.fragments, 0);
	both_close();
}

/* IP_PMTUDISC_INTERFACE: without DF, and no PMTU is believed. @size: of each of several in a
 * super-packet; 0: one datagram. */
static void goes_in_fragments(size_t n, int size)
{
	static uint8_t out[8000], in[2000];
	int there = talker(&b, "100.64.0.2", SOCK_DGRAM), here;
	size_t each = size ? (size_t)size : n;
	uint64_t before = a.fragments;

	for (size_t i = 0; i < n; i++)
		out[i] = byte_at(i);
	here = talker_with("100.64.0.1", "100.64.0.2", IPPROTO_IP, IP_MTU_DISCOVER,
			   IP_PMTUDISC_INTERFACE);
	if (size && setsockopt(here, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) != 0)
		n = each;
	assert_int_equal(send(here, out, n, 0), n);
	run_ms(50);
	for (size_t got = 0; got < n; got += each) {
		size_t want = n - got < each ? n - got : each;

		assert_int_equal(recv(there, in, sizeof(in), 0), want);
		assert_memory_equal(in, out + got, want);
	}
	assert_true(a.fragments >= before + 2 * (n / each));
	close(here);
	close(there);
}

static void a_smaller_peer(bool offload)
{
	both_open(offload, offload);
	plane_set_peer_mtu(a.plane, SLOT, PEER_MTU);
	plane_set_peer_mtu(b.plane, SLOT, 1400); /* the smaller one of all counts */
	goes_in_fragments(1472, 0);
	goes_in_fragments(3 * 1400 + 1350, 1400);
	tcp("100.64.0.1", "100.64.0.2");
	tcp("fd77::1", "fd77::2");
	assert_in_range(a.largest, 1, PEER_MTU);
	assert_in_range(b.largest, 1, 1400);
	assert_int_equal(plane_counters(a.plane, SLOT)->too_big, 0); /* MSS was lowered */
	assert_int_equal(plane_counters(b.plane, SLOT)->too_big, 0);
	expect_clean(&a);
	expect_clean(&b);
	both_close();
}

static void a_peer_with_a_smaller_mtu(void **state)
{
	(void)state;
	a_smaller_peer(true);
	a_smaller_peer(false);
	others_are_told(true);
	others_are_told(false);
}

/* A TCP stream that did not agree on less: its super-packets are too big, and it mends its ways. */
static void super_packets_that_are_too_big(void **state)
{
	const struct plane_counters *c;
	int listener, here, there = -1;

	(void)state;
	both_open(true, true);
	c = plane_counters(a.plane, SLOT);
	listener = talker(&b, "100.64.0.2", SOCK_STREAM);
	here = talker(&a, "100.64.0.1", SOCK_STREAM);
	assert_int_equal(listen(listener, 1), 0);
	(void)dial(here, "100.64.0.2");
	for (int i = 0; i < 1000 && there < 0; i++) {
		run_ms(1);
		there = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	assert_true(there >= 0);
	plane_set_peer_mtu(a.plane, SLOT, PEER_MTU);
	stream(here, there);
	assert_true(c->too_big > 0);
	assert_in_range(a.largest, 1, PEER_MTU);
	assert_int_equal(a.fragments, 0);
	close(here);
	close(there);
	close(listener);
	both_close();
}

/* What a peer may not send */

static void incoming(const struct vnet *v, const uint8_t *ip, size_t n)
{
	uint8_t *own = malloc(n);

	assert_non_null(own);
	memcpy(own, ip, n);
	plane_incoming(b.plane, SLOT, v, own, n);
	free(own);
}

/* A TCP packet of 3,000 bytes of payload from a to b. */
static size_t from_a(uint8_t *ip, struct vnet *v, uint16_t gso_size)
{
	static const uint8_t addresses[] = {100, 64, 0, 1, 100, 64, 0, 2};
	size_t n = super_make(ip, v, SUPER_TCP4, 1, 1, 3000, gso_size);

	memcpy(ip + 12, addresses, sizeof(addresses));
	super_put16(ip + 10, 0);
	super_put16(ip + 10, ~super_sum(ip, 20, 0));
	super_put16(ip + 36, super_pseudo(ip, n, SUPER_TCP4));
	return n;
}

static void what_a_peer_may_not_send(void **state)
{
	const struct plane_counters *c;
	uint8_t ip[4000];
	struct vnet v, bad;
	size_t n;

	(void)state;
	both_open(true, true);
	c = plane_counters(b.plane, SLOT);
	n = from_a(ip, &v, 1000);
	incoming(&v, ip, n);
	assert_int_equal(c->malformed + c->not_taken, 0);
	assert_true(c->gate[GATE_PASS] >= 1);
	bad = v;
	bad.hdr_len++;
	incoming(&bad, ip, n);
	bad = v;
	bad.gso_size = 0;
	incoming(&bad, ip, n);
	bad = v;
	bad.csum_start = 0xffff;
	incoming(&bad, ip, n);
	bad = (struct vnet){.needs_csum = true};
	incoming(&bad, ip, n);
	incoming(&v, ip, n - 1);
	incoming(&v, ip, 19);
	assert_int_equal(c->malformed, 6);
	ip[15] = 9; /* of nobody */
	super_put16(ip + 10, 0);
	super_put16(ip + 10, ~super_sum(ip, 20, 0));
	incoming(&v, ip, n);
	assert_int_equal(c->gate[GATE_SRC_NOT_PEER], 1);
	assert_int_equal(c->not_taken, 0);
	both_close();
}

static void super_packets_that_were_not_asked_for(void **state)
{
	uint8_t ip[4000];
	struct vnet v;
	size_t n;

	(void)state;
	both_open(true, false);
	n = from_a(ip, &v, 1000);
	incoming(&v, ip, n);
	n = from_a(ip, &v, 4000);
	incoming(&v, ip, n);
	assert_int_equal(plane_counters(b.plane, SLOT)->malformed, 2);
	both_close();
}

/* Both LANs are the same */

#define UID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HOST4 "192.168.1.10"
#define HOST6 "fd00:1::10"

static void give_lans(struct grant *g, const char *uid)
{
	strcpy(g->peer.uid, uid);
	g->n_own_lans = g->n_peer_lans = 2;
	assert_int_equal(prefix_parse(&g->own_lans[0], "192.168.1.0/24"), 0);
	assert_int_equal(prefix_parse(&g->own_lans[1], "fd00:1::/64"), 0);
	memcpy(g->peer_lans, g->own_lans, sizeof(g->peer_lans));
}

static void add_lan(struct end *e, const char *uid)
{
	enter(e->netns);
	plane_detach(e->plane, SLOT);
	if (!sh("ip link add lan0 type veth peer name lan1 && ip link set lan0 up && "
		"ip link set lan1 up && ip address add " HOST4 "/24 dev lan0 && "
		"ip address add " HOST6 "/64 dev lan0 nodad"))
		fail_msg("no LAN");
	give_lans(&e->grant, uid);
}

static void attach(struct end *e)
{
	char error[PLANE_ERROR_SIZE];

	enter(e->netns);
	if (plane_attach(e->plane, SLOT, &e->grant, error) != 0)
		fail_msg("%s", error);
	assert_string_equal(error, "");
	assert_int_equal(e->grant.n_peer_lans, 2);
}

static void same_lans_open(void)
{
	both_open(true, true);
	add_lan(&a, UID_B);
	add_lan(&b, UID_A);
	attach(&a);
	attach(&b);
}

/* What the peer's address is called at @e. */
static const char *called(const struct end *e, const char *text, char out[ADDR_TEXT_SIZE])
{
	struct addr at_peer = addr(text);

	assert_true(translate_here(plane_translate(e->plane, SLOT), &at_peer));
	addr_format(&at_peer, out);
	return out;
}

static void the_same_lan_at_both_ends(void **state)
{
	char four[ADDR_TEXT_SIZE], six[ADDR_TEXT_SIZE], again[ADDR_TEXT_SIZE];

	(void)state;
	same_lans_open();
	called(&a, HOST4, four);
	called(&a, HOST6, six);
	assert_int_equal(plane_translate(a.plane, SLOT)->n, 2);
	tcp_called(HOST4, HOST4, four);
	tcp_called(HOST6, HOST6, six);
	udp_called(HOST4, HOST4, four, true);
	udp_called(HOST6, HOST6, six, true);
	udp("100.64.0.1", "100.64.0.2", true); /* what does not collide is what it was */
	expect_clean(&a);
	expect_clean(&b);
	assert_true(a.supers > 100 && b.supers > 100);
	plane_set_peer_mtu(a.plane, SLOT, PEER_MTU);
	is_told(HOST4, four, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, 28);
	is_told(HOST6, six, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, 48);
	plane_detach(a.plane, SLOT);
	attach(&a);
	assert_string_equal(called(&a, HOST4, again), four);
	both_close();
}

/* Each session has a prefix of its own; what ended is free again, but others are preferred. */
static void several_with_the_same_lan(void **state)
{
	struct grant more[3];
	struct addr first, host = addr(HOST4);
	char error[PLANE_ERROR_SIZE];

	(void)state;
	same_lans_open();
	first = host;
	assert_true(translate_here(plane_translate(a.plane, SLOT), &first));
	enter(a.netns);
	for (uint16_t i = 0; i < 3; i++) {
		struct addr at = host;

		more[i] = a.grant;
		more[i].peer.uid[0] = (char)('0' + i);
		more[i].peer_ipv4.bytes[3] = (uint8_t)(10 + i);
		more[i].peer_ipv6.bytes[15] = (uint8_t)(10 + i);
		assert_int_equal(plane_attach(a.plane, i, &more[i], error), 0);
		assert_true(translate_here(plane_translate(a.plane, i), &at));
		assert_false(addr_equal(&at, &first));
		for (uint16_t k = 0; k < i; k++) {
			struct addr other = host;

			assert_true(translate_here(plane_translate(a.plane, k), &other));
			assert_false(addr_equal(&at, &other));
		}
	}
	both_close();
}

/* The same user at two PCs: one tunnel address, known here by two. */
static void the_same_tunnel_address(void **state)
{
	struct translate seen;
	struct grant other;
	char error[PLANE_ERROR_SIZE];

	(void)state;
	both_open(true, true);
	enter(a.netns);
	other = a.grant;
	strcpy(other.peer.uid, UID_B);
	assert_int_equal(plane_attach(a.plane, 0, &other, error), 0);
	seen = *plane_translate(a.plane, 0);
	assert_int_equal(seen.n, 2);
	assert_true(prefix_contains(&seen.pairs[0].there, &other.peer_ipv6) &&
		    prefix_contains(&seen.pairs[1].there, &other.peer_ipv4));
	assert_int_equal(plane_translate(a.plane, SLOT)->n, 0);
	udp("100.64.0.1", "100.64.0.2", false);
	both_close();
}

static void no_pool_has_room(void **state)
{
	char error[PLANE_ERROR_SIZE];
	struct grant as_device;

	(void)state;
	same_lans_open();
	plane_detach(a.plane, SLOT);
	enter(a.netns);
	assert_int_equal(prefix_parse(&a.grant.own_lans[0], "192.0.0.0/8"), 0);
	a.grant.peer_lans[0] = a.grant.own_lans[0];
	as_device = a.grant;
	assert_int_equal(plane_attach(a.plane, SLOT, &a.grant, error), -EEXIST);
	assert_non_null(strstr(error, "no virtual /8 in its place: no pool is large enough"));
	as_device.role = TOKEN_DEVICE;
	assert_int_equal(plane_attach(a.plane, SLOT, &as_device, error), 0);
	assert_int_equal(as_device.n_peer_lans, 1);
	assert_non_null(strstr(error, "192.0.0.0/8"));
	both_close();
}

/* Troubles */

/* Others have it all: what comes from the TUN is dropped and counted, and later it goes on. */
static void all_memory_in_use(void **state)
{
	struct packet *p, *all = NULL;
	int here;

	(void)state;
	both_open(true, true);
	here = talker(&a, "100.64.0.1", SOCK_DGRAM);
	assert_int_equal(dial(here, "100.64.0.2"), 0);
	for (int i = 0; i < 2; i++) {
		while ((p = packet_new(a.packets, i ? VNET_PACKET_MAX_BYTES : 20))) {
			p->next_free = all;
			all = p;
		}
	}
	assert_int_equal(send(here, "short", 5, 0), 5);
	if (segments_udp(here))
		assert_int_equal(send(here, folder, sizeof(folder), 0), sizeof(folder));
	run_ms(20);
	assert_int_equal(plane_no_memory(a.plane), 2);
	while ((p = all)) {
		all = p->next_free;
		packet_free(p);
	}
	close(here);
	udp("100.64.0.1", "100.64.0.2", true);
	both_close();
}

static void down_and_up(void **state)
{
	struct vnet v;
	uint8_t ip[4000];
	size_t n;

	(void)state;
	both_open(true, true);
	enter(b.netns);
	assert_true(sh("ip link set " TUN " down"));
	n = from_a(ip, &v, 1000);
	incoming(&v, ip, n);
	assert_int_equal(plane_counters(b.plane, SLOT)->not_taken, 1);
	run_ms(50);
	assert_false(b.gone);
	assert_true(sh("ip link set " TUN " up"));
	assert_true(sh("ip route replace 100.64.0.1/32 dev " TUN));
	run_ms(300); /* it rests after an error */
	udp("100.64.0.1", "100.64.0.2", true);
	both_close();
}

static void deleted_under_us(void **state)
{
	struct addr v4, v6;
	char error[PLANE_ERROR_SIZE];

	(void)state;
	both_open(true, true);
	enter(b.netns);
	assert_true(sh("ip link del " TUN));
	run_ms(50);
	assert_true(b.gone);
	assert_false(plane_super(b.plane));
	a.held = true;
	v4 = addr("100.64.0.2");
	v6 = addr("fd77::2");
	enter(b.netns);
	if (plane_set_addresses(b.plane, &v4, &v6, error) != 0 ||
	    plane_attach(b.plane, SLOT, &b.grant, error) != 0)
		fail_msg("%s", error);
	a.held = false;
	on_flush(&a);
	udp("100.64.0.1", "100.64.0.2", true);
	both_close();
}

/* Rules: b is a device from here on, a the manager. */

static void set_rules(const char *text)
{
	static struct rules rules;

	memset(&rules, 0, sizeof(rules));
	rules.present = true;
	rules.n = 1;
	assert_int_equal(rule_parse(&rules.at[0], text), 0);
	enter(b.netns);
	assert_int_equal(plane_set_rules(b.plane, SLOT, &rules), 0);
}

static void become_device(void)
{
	char error[PLANE_ERROR_SIZE];

	enter(b.netns);
	plane_detach(b.plane, SLOT);
	b.grant.role = TOKEN_DEVICE;
	assert_int_equal(plane_attach(b.plane, SLOT, &b.grant, error), 0);
}

/* What becomes of a connection. Return: 0; an errno; ETIMEDOUT nothing. */
static int outcome(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err), name_len;
	struct sockaddr_storage ss;

	for (int i = 0; i < 3000; i++) {
		run_ms(1);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
		if (err)
			return err;
		name_len = sizeof(ss);
		if (getpeername(fd, (struct sockaddr *)&ss, &name_len) == 0)
			return 0;
	}
	return ETIMEDOUT;
}

static int try_tcp(const char *own, const char *peer)
{
	int fd = talker(&a, own, SOCK_STREAM), r;

	assert_int_equal(dial(fd, peer), -1);
	r = outcome(fd);
	close(fd);
	return r;
}

/* The kernel tells a connected UDP socket what ICMP says: 3/13 is EHOSTUNREACH, ICMPv6 1/1 EACCES.
 */
static int try_udp(struct end *e, const char *own, const char *peer)
{
	int fd = talker(e, own, SOCK_DGRAM), err = 0;
	socklen_t len = sizeof(err);

	assert_int_equal(dial(fd, peer), 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	for (int i = 0; i < 3000 && !err; i++) {
		run_ms(1);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	}
	close(fd);
	return err;
}

static void rules_at_a_device(void **state)
{
	static const struct {
		const char *own, *peer;
		int prohibited;
	} families[] = {{"100.64.0.1", "100.64.0.2", EHOSTUNREACH}, {"fd77::1", "fd77::2", EACCES}};

	(void)state;
	both_open(true, true);
	become_device();
	for (size_t i = 0; i < 2; i++) {
		const char *own = families[i].own, *peer = families[i].peer;

		set_rules("allow in tcp/7777");
		tcp(own, peer); /* 20 MB each way, in super-packets */
		assert_int_equal(try_udp(&a, own, peer), families[i].prohibited);
		assert_int_equal(try_udp(&b, peer, own), families[i].prohibited);
		set_rules("allow in tcp/7778");
		assert_int_equal(try_tcp(own, peer), ECONNREFUSED);
		set_rules("deny in tcp");
		assert_int_equal(try_tcp(own, peer), ECONNREFUSED);
		set_rules("allow in udp");
		udp(own, peer, false);
	}
	assert_true(firewall_counters(plane_firewall(b.plane, SLOT), SLOT)->refused >= 8);
	assert_null(plane_firewall(a.plane, SLOT));
	both_close();
}

/* Windows: by a clock that is somewhere else. */

#define MONDAY_US INT64_C(1795996800000000) /* 2026-11-30 00:00 UTC */
#define HOUR_US INT64_C(3600000000)

static int64_t (*true_now_us)(void);
static int64_t ahead_us;

static int64_t shifted_now_us(void)
{
	return true_now_us() + ahead_us;
}

static void set_clock(int64_t us)
{
	if (!true_now_us)
		true_now_us = clock_host.now_us;
	clock_host.now_us = shifted_now_us;
	ahead_us = us - true_now_us();
	clock_open("/nonexistent", false);
}

/* The timer closes and opens it: nothing else happens at the edge. */
static void windows_at_a_device(void **state)
{
	const char *own = "100.64.0.1", *peer = "100.64.0.2";

	(void)state;
	both_open(true, true);
	become_device();
	set_clock(MONDAY_US + 8 * HOUR_US - 500000);
	set_rules("allow in udp mon 08:00-17:00 +00:00");
	assert_false(firewall_is_open(plane_firewall(b.plane, SLOT), SLOT, 0));
	run_ms(900);
	assert_true(firewall_is_open(plane_firewall(b.plane, SLOT), SLOT, 0));
	udp(own, peer, false);
	set_clock(MONDAY_US + 17 * HOUR_US - 500000);
	set_rules("allow in udp mon 08:00-17:00 +00:00");
	udp(own, peer, false);
	run_ms(900);
	assert_int_equal(try_udp(&a, own, peer), EHOSTUNREACH);
	set_clock(12 * HOUR_US); /* 1970: nobody knows what time it is */
	set_rules("allow in udp daily 00:00-24:00 +00:00");
	assert_int_equal(try_udp(&a, own, peer), EHOSTUNREACH);
	clock_host.now_us = true_now_us;
	both_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(super_packets_go_whole),
		cmocka_unit_test(one_end_without),
		cmocka_unit_test(both_ends_without),
		cmocka_unit_test(a_peer_with_a_smaller_mtu),
		cmocka_unit_test(super_packets_that_are_too_big),
		cmocka_unit_test(what_a_peer_may_not_send),
		cmocka_unit_test(super_packets_that_were_not_asked_for),
		cmocka_unit_test(the_same_lan_at_both_ends),
		cmocka_unit_test(several_with_the_same_lan),
		cmocka_unit_test(the_same_tunnel_address),
		cmocka_unit_test(no_pool_has_room),
		cmocka_unit_test(all_memory_in_use),
		cmocka_unit_test(down_and_up),
		cmocka_unit_test(deleted_under_us),
		cmocka_unit_test(rules_at_a_device),
		cmocka_unit_test(windows_at_a_device),
	};

	log_init(LOG_ERROR);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
