/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/lend.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/pure/neigh.h"

#define READS_PER_EVENT 64
#define READ_BYTES 1500
#define TAKEN_MAX 512
#define MAC_TEXT_SIZE 18

struct candidate {
	struct addr addr;
	bool taken; /* somebody has it, or wants it */
};

struct lend {
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	bool closing;
	const struct lend_callbacks *cb;
	void *arg;
	struct lend_config config;
	char ifname[IF_NAMESIZE];
	int fd;
	uint8_t mac[NEIGH_MAC_BYTES];
	enum lend_state state;
	/* probing */
	struct lendable lendable;
	size_t tries, batch, n, probes;
	struct candidate candidates[LEND_BATCH_MAX];
	size_t n_taken;
	struct addr taken[TAKEN_MAX];
	/* held */
	struct addr addr;
	unsigned int announcements;
	uint64_t since_ms, conflict_ms; /* it was taken; the last conflict, 0: none */
	struct addr lost;		/* not again at once */
	struct log_limit limit;
};

static void look(struct lend *l);
static void on_timer(uv_timer_t *timer);

/* --- the wire --- */

static uint16_t ether_type(const struct lend *l)
{
	return l->config.subnet.addr.family == 4 ? ETH_P_ARP : ETH_P_IPV6;
}

static void put(struct lend *l, const struct neigh_message *m)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ether_type(l)),
				 .sll_ifindex = l->config.ifindex,
				 .sll_halen = NEIGH_MAC_BYTES};

	memcpy(to.sll_addr, m->to, NEIGH_MAC_BYTES);
	if (sendto(l->fd, m->bytes, m->n, 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	    log_allowed(&l->limit, 1))
		log_warn("cannot send to the LAN interface=%s error=\"%s\"", l->ifname,
			 strerror(errno));
}

/* Neighbour solicitations and advertisements only: other IPv6 packets do not come up here. */
static int filter_nd(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6), /* next header */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40), /* type */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, READ_BYTES),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0
		       ? 0
		       : -errno;
}

/* Protocol 0 receives nothing: not until the filter is there. */
static int open_socket(struct lend *l)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ether_type(l)),
				 .sll_ifindex = l->config.ifindex};
	struct ifreq ifr = {0};
	int err;

	l->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", l->ifname);
	err = ioctl(l->fd, SIOCGIFHWADDR, &ifr) == 0 ? 0 : -errno;
	if (err == 0 && ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		err = -EOPNOTSUPP;
	if (err == 0 && at.sll_protocol == htons(ETH_P_IPV6))
		err = filter_nd(l->fd);
	if (err == 0 && bind(l->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		err = -errno;
	memcpy(l->mac, ifr.ifr_hwaddr.sa_data, NEIGH_MAC_BYTES);
	if (err != 0)
		close(l->fd);
	return err;
}

/* --- looking --- */

static bool is_taken(const struct lend *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n_taken; i++) {
		if (addr_equal(&l->taken[i], a))
			return true;
	}
	return addr_equal(&l->lost, a);
}

static void fill_batch(struct lend *l)
{
	struct addr a;

	l->n = 0;
	while (l->n < l->batch && l->tries < LEND_TRIES_MAX && lendable_next(&l->lendable, &a)) {
		if (is_taken(l, &a))
			continue;
		l->tries++;
		l->candidates[l->n++] = (struct candidate){.addr = a};
	}
}

static uint64_t jitter_ms(void)
{
	uint16_t r;

	file_random(&r, sizeof(r));
	return r % (LEND_PROBE_JITTER_MS + 1);
}

static void probe(struct lend *l)
{
	struct neigh_message m;

	for (size_t i = 0; i < l->n; i++) {
		if (l->candidates[i].taken)
			continue;
		neigh_probe(&m, &l->candidates[i].addr, l->mac);
		put(l, &m);
	}
	l->probes++;
	uv_timer_start(&l->timer, on_timer,
		       l->probes < LEND_PROBES ? LEND_PROBE_MS + jitter_ms() : LEND_LISTEN_MS, 0);
}

static void begin_batch(struct lend *l)
{
	fill_batch(l);
	l->probes = 0;
	if (l->n > 0) {
		probe(l);
		return;
	}
	l->state = LEND_NONE;
	l->lost.family = 0;
	uv_timer_start(&l->timer, on_timer, LEND_RETRY_MS, 0);
	l->cb->on_none(l->arg);
}

static void look(struct lend *l)
{
	l->state = LEND_PROBING;
	l->tries = 0;
	l->batch = LEND_BATCH;
	l->n_taken = l->config.taken ? l->config.taken(l->arg, l->taken, TAKEN_MAX) : 0;
	lendable_init(&l->lendable, &l->config.subnet, l->config.pool, l->config.seed);
	begin_batch(l);
}

/* --- holding --- */

static void announce(struct lend *l)
{
	struct neigh_message m;

	neigh_announce(&m, &l->addr, l->mac);
	put(l, &m);
}

static void hold(struct lend *l, const struct addr *a)
{
	l->state = LEND_HELD;
	l->addr = *a;
	l->conflict_ms = 0;
	l->since_ms = clock_mono_ms();
	l->announcements = 1;
	uv_timer_start(&l->timer, on_timer, LEND_ANNOUNCE_MS, 0);
	l->cb->on_held(l->arg, a);
	if (!l->closing)
		announce(l);
}

/* All probes are out and nobody spoke up, or some did. */
static void decide(struct lend *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!l->candidates[i].taken) {
			hold(l, &l->candidates[i].addr);
			return;
		}
	}
	if (l->batch < LEND_BATCH_MAX)
		l->batch *= 2;
	begin_batch(l);
}

static void on_timer(uv_timer_t *timer)
{
	struct lend *l = timer->data;

	if (l->closing)
		return;
	switch (l->state) {
	case LEND_PROBING:
		if (l->probes < LEND_PROBES)
			probe(l);
		else
			decide(l);
		break;
	case LEND_HELD:
		if (l->announcements++ < 2)
			announce(l);
		break;
	case LEND_NONE:
		look(l);
		break;
	}
}

static void lose(struct lend *l, const uint8_t mac[NEIGH_MAC_BYTES])
{
	char who[MAC_TEXT_SIZE];

	snprintf(who, sizeof(who), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	l->lost = l->addr;
	l->state = LEND_PROBING;
	l->cb->on_lost(l->arg, &l->lost, who);
	if (!l->closing)
		look(l);
}

static void on_conflict(struct lend *l, const uint8_t mac[NEIGH_MAC_BYTES])
{
	uint64_t now = clock_mono_ms();
	bool again = (l->conflict_ms && now - l->conflict_ms < LEND_DEFEND_MS) ||
		     now - l->since_ms < LEND_YOUNG_MS;

	l->conflict_ms = now;
	if (again)
		lose(l, mac);
	else
		announce(l);
}

static void while_held(struct lend *l, const struct neigh *n, const uint8_t from[NEIGH_MAC_BYTES])
{
	struct addr nobody = {0};
	struct neigh_message m;

	if (addr_equal(&n->used, &l->addr)) {
		on_conflict(l, n->mac);
	} else if (addr_equal(&n->probed, &l->addr)) {
		neigh_answer(&m, &l->addr, l->mac, &nobody, from);
		put(l, &m);
	} else if (l->addr.family == 6 && addr_equal(&n->asked, &l->addr)) {
		neigh_answer(&m, &l->addr, l->mac, &n->used, from);
		put(l, &m);
	}
}

static void while_probing(struct lend *l, const struct neigh *n)
{
	for (size_t i = 0; i < l->n; i++) {
		struct candidate *c = &l->candidates[i];

		c->taken |= addr_equal(&n->used, &c->addr) || addr_equal(&n->probed, &c->addr);
	}
}

static void take_message(struct lend *l, const uint8_t *p, size_t n,
			 const uint8_t from[NEIGH_MAC_BYTES])
{
	struct neigh said;

	if (neigh_parse(&said, l->config.subnet.addr.family, p, n, from) != 0 ||
	    memcmp(said.mac, l->mac, NEIGH_MAC_BYTES) == 0)
		return;
	switch (l->state) {
	case LEND_PROBING:
		while_probing(l, &said);
		break;
	case LEND_HELD:
		while_held(l, &said, from);
		break;
	case LEND_NONE:
		break;
	}
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* libuv stops when there is an error on the socket: the interface went down, or away. Up again, the
 * socket goes on by itself. */
static void go_on(struct lend *l)
{
	socklen_t len = sizeof(int);
	int err = 0;

	(void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (log_allowed(&l->limit, 1))
		log_notice("the LAN's interface does not listen interface=%s error=\"%s\"",
			   l->ifname, strerror(err));
	uv_poll_start(&l->poll, UV_READABLE, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct lend *l = poll->data;
	uint8_t bytes[READ_BYTES];

	(void)events;
	if (l->closing)
		return;
	if (status < 0) {
		go_on(l);
		return;
	}
	for (int i = 0; i < READS_PER_EVENT && !l->closing; i++) {
		struct sockaddr_ll from = {0};
		socklen_t len = sizeof(from);
		ssize_t n =
			recvfrom(l->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);

		if (n < 0)
			break;
		if (from.sll_halen == NEIGH_MAC_BYTES && from.sll_pkttype != PACKET_OUTGOING)
			take_message(l, bytes, (size_t)n, from.sll_addr);
	}
}

/* --- opening and closing --- */

static void on_first(uv_timer_t *timer)
{
	struct lend *l = timer->data;

	if (!l->closing)
		look(l);
}

int lend_open(struct lend **out, uv_loop_t *loop, const struct lend_config *config,
	      const struct lend_callbacks *cb, void *arg)
{
	struct lend *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->config = *config;
	l->cb = cb;
	l->arg = arg;
	snprintf(l->ifname, sizeof(l->ifname), "%s", config->ifname);
	err = open_socket(l);
	if (err != 0) {
		free(l);
		return err;
	}
	err = uv_poll_init(loop, &l->poll, l->fd);
	if (err != 0) {
		close(l->fd);
		free(l);
		return err;
	}
	l->poll.data = l;
	(void)uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	l->open_handles = 2;
	uv_poll_start(&l->poll, UV_READABLE, on_poll);
	uv_timer_start(&l->timer, on_first, 0, 0);
	*out = l;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct lend *l = handle->data;

	if (--l->open_handles > 0)
		return;
	close(l->fd);
	l->cb->on_closed(l->arg);
	free(l);
}

void lend_close(struct lend *l)
{
	if (l->closing)
		return;
	l->closing = true;
	uv_close((uv_handle_t *)&l->poll, on_handle_closed);
	uv_close((uv_handle_t *)&l->timer, on_handle_closed);
}

enum lend_state lend_state(const struct lend *l)
{
	return l->state;
}

const char *lend_state_name(enum lend_state s)
{
	switch (s) {
	case LEND_PROBING:
		return "looking";
	case LEND_HELD:
		return "lent";
	case LEND_NONE:
		return "none";
	}
	return "?";
}
