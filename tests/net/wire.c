// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * wire - a link emulator on packet sockets, and the small yardsticks that go with it.
 *
 *   wire run IF_A IF_B FILE          join two interfaces with the delay, rate, loss and queue of
 * FILE wire offload IF on|off           switch an interface's segmentation and checksum offloads
 *   wire ping HOST [COUNT [MS]]      round trips: sent, received, min, avg and max in milliseconds
 *   wire sink PORT                   the far end of push and pull
 *   wire push|pull HOST PORT SECONDS [SKIP]
 *                                    TCP throughput in Mbit/s, without the first SKIP seconds
 *
 * The emulator stands in the middle of a link:
 *
 *   node -- veth -- IF_A [ wire ] IF_B -- veth -- router
 *
 * Each direction is one line. A packet that would wait longer than `queue` for the line is dropped;
 * then it takes its time on the line (length / `rate`), is lost with the probability `loss`, and is
 * handed over `delay` later. The kernel's arrival stamps count, not the moment of reading, so that
 * a late turn of the loop makes nothing later than it has to be. Words of FILE, one to a line:
 *
 *   delay 40ms    one way, in each direction (us, ms, s)
 *   delay-to 198.51.100.6 80ms
 *                 the same, on top, for packets of the node to this address and from there; may
 * stand several times rate 10mbit   in each direction, counted on Ethernet frames without FCS (bit,
 * kbit, mbit, gbit) loss 1%       of the packets, at random queue 50ms    waiting time at the rate
 * (default 100ms) seed 7        of the random numbers (default 1) down          everything
 * vanishes, also what is under way
 *
 * SIGHUP reads FILE again; packets under way stay under way (those with a delay-to of their own
 * take the one that stands in its place in the list). SIGTERM hands over what is under way at once
 * and ends. The interfaces' offloads have to be off at the far ends of both veths.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/wire_to.h"

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
#define NS_PER_US 1000LL

/* --- small things --------------------------------------------------------------------------- */

/** die() - print a message with errno's words, if there is one, and end. */
__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fputs("wire: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (error)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
	exit(1);
}

/** clock_ns() - the time of @clock in nanoseconds. */
static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct timespec to_timespec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/** parse_number() - a whole number from @low to @high, or die naming @what. */
static long parse_number(const char *text, long low, long high, const char *what)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < low || n > high) {
		errno = 0;
		die("%s: '%s' is not a number from %ld to %ld", what, text, low, high);
	}
	return n;
}

/* --- settings ------------------------------------------------------------------------------- */

/** One link's settings, the same for both directions. */
struct settings {
	int64_t delay_ns;
	int64_t rate_bps; /* 0: no limit */
	int64_t queue_ns; /* the longest wait for the line */
	uint64_t seed;
	uint32_t loss; /* of 2^32 */
	bool down;
	struct to_table to;
};

/** A unit and its size in the smallest unit of its kind. */
struct unit {
	const char *name;
	double size;
};

static const struct unit time_units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rate_units[] = {
	{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit loss_units[] = {{"%", UINT32_MAX / 100.0}, {NULL, 0}};
static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};

/** parse_quantity() - a number and its unit ("1.5ms") in the smallest unit; 0 or -EINVAL. */
static int parse_quantity(const char *text, const struct unit *units, double max, double *value)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || !(n >= 0))
		return -EINVAL;
	for (; units->name; units++) {
		if (strcmp(end, units->name) == 0) {
			*value = n * units->size;
			return *value <= max ? 0 : -EINVAL;
		}
	}
	return -EINVAL;
}

/** settings_set() - one line of a settings file; 0 or -errno. */
static int settings_set(struct settings *s, const char *key, const char *text, const char *more)
{
	double value = 0;
	int rc = 0;

	if (strcmp(key, "delay-to") == 0) {
		rc = parse_quantity(more, time_units, 60e9, &value);
		if (rc == 0)
			rc = to_add(&s->to, text, (int64_t)value);
	} else if (strcmp(key, "delay") == 0) {
		rc = parse_quantity(text, time_units, 60e9, &value);
		s->delay_ns = (int64_t)value;
	} else if (strcmp(key, "rate") == 0) {
		rc = parse_quantity(text, rate_units, 100e9, &value);
		s->rate_bps = (int64_t)value;
	} else if (strcmp(key, "loss") == 0) {
		rc = parse_quantity(text, loss_units, UINT32_MAX + 0.5, &value);
		s->loss = (uint32_t)value;
	} else if (strcmp(key, "queue") == 0) {
		rc = parse_quantity(text, time_units, 60e9, &value);
		s->queue_ns = (int64_t)value;
	} else if (strcmp(key, "seed") == 0) {
		rc = parse_quantity(text, plain_units, 1e15, &value);
		s->seed = (uint64_t)value;
	} else if (strcmp(key, "down") == 0) {
		s->down = true;
	} else {
		rc = -EINVAL;
	}
	return rc;
}

/** settings_read() - read @path into @s, which changes on success only; 0 or -errno. */
static int settings_read(const char *path, struct settings *s)
{
	struct settings fresh = {.queue_ns = 100 * NS_PER_MS, .seed = 1};
	char line[128], key[32], text[64], more[32];
	FILE *file = fopen(path, "re");
	int rc = 0;

	if (!file)
		return -errno;
	while (rc == 0 && fgets(line, sizeof(line), file)) {
		text[0] = more[0] = '\0';
		if (sscanf(line, "%31s %63s %31s", key, text, more) < 1)
			continue;
		rc = settings_set(&fresh, key, text, more);
		if (rc)
			fprintf(stderr, "wire: %s: bad line: %s", path, line);
	}
	fclose(file);
	if (rc == 0)
		*s = fresh;
	return rc;
}

/* --- one direction -------------------------------------------------------------------------- */

#define SLOT_BYTES 2048u /* holds a frame of the usual MTU of 1500 */
#define SLOTS 32768u	 /* under way at most: 300 ms at 1 Gbit/s */
#define BATCH 64u
#define BATCHES_PER_TURN 16
#define SOCKET_BUFFER_BYTES (32 << 20)
#define CONTROL_BYTES 64u

/** A packet under way, in the slot of the same number. */
struct packet {
	int64_t ready_ns; /* when its last bit has left; it arrives `delay` later */
	uint32_t len;
	uint32_t next; /* of its lane */
};

/** Packets of one delay, in order. */
struct lane {
	uint32_t first, last; /* slots */
	uint32_t count;
};

/** One direction of the link. */
struct flow {
	int rx_fd;
	int tx_fd;
	uint8_t *pool;	      /* SLOTS slots of SLOT_BYTES; only those ever used take memory */
	uint32_t free[SLOTS]; /* a stack, so that warm slots are used again */
	uint32_t n_free;
	struct packet packets[SLOTS];
	struct lane lanes[TO_LANES];
	uint32_t count; /* in all lanes */
	bool from_node;
	int64_t busy_until_ns; /* the line is taken up to here */
	uint64_t random;
	uint64_t sent, lost, dropped; /* dropped: queue or pool full, too long, link down */
};

static uint8_t *flow_slot(const struct flow *f, uint32_t slot)
{
	return f->pool + (size_t)slot * SLOT_BYTES;
}

/** lane_delay_ns() - from the line's end to the arrival. */
static int64_t lane_delay_ns(const struct settings *s, uint32_t lane)
{
	return s->delay_ns + to_delay_ns(&s->to, lane);
}

static void flow_append(struct flow *f, uint32_t lane, uint32_t slot)
{
	struct lane *l = &f->lanes[lane];

	if (l->count++)
		f->packets[l->last].next = slot;
	else
		l->first = slot;
	l->last = slot;
	f->count++;
}

/** flow_take() - the first packet of a lane that is not empty. Return: its slot. */
static uint32_t flow_take(struct flow *f, uint32_t lane)
{
	struct lane *l = &f->lanes[lane];
	uint32_t slot = l->first;

	l->first = f->packets[slot].next;
	l->count--;
	f->count--;
	return slot;
}

static struct flow *flow_new(int rx_fd, int tx_fd, bool from_node)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		die("no memory");
	f->rx_fd = rx_fd;
	f->tx_fd = tx_fd;
	f->from_node = from_node;
	f->pool = mmap(NULL, (size_t)SLOTS * SLOT_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->pool == MAP_FAILED)
		die("no memory for packets");
	for (f->n_free = 0; f->n_free < SLOTS; f->n_free++)
		f->free[f->n_free] = SLOTS - 1 - f->n_free;
	return f;
}

static void flow_seed(struct flow *f, uint64_t seed)
{
	f->random = (seed + 1) * 0x9E3779B97F4A7C15u;
}

/** flow_random() - 32 random bits (xorshift64*). */
static uint32_t flow_random(struct flow *f)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return (uint32_t)((f->random * 0x2545F4914F6CDD1Du) >> 32);
}

/** line_ns() - how long @len bytes take on the line. */
static int64_t line_ns(const struct settings *s, uint32_t len)
{
	return s->rate_bps ? (int64_t)len * 8 * NS_PER_S / s->rate_bps : 0;
}

/** flow_admit() - take a received packet in. Return: whether its slot is now in a lane. */
static bool flow_admit(struct flow *f, const struct settings *s, uint32_t slot, uint32_t len,
		       int64_t arrived_ns)
{
	int64_t start = arrived_ns > f->busy_until_ns ? arrived_ns : f->busy_until_ns;

	if (s->down || len > SLOT_BYTES || (s->rate_bps && start - arrived_ns > s->queue_ns)) {
		f->dropped++;
		return false;
	}
	f->busy_until_ns = start + line_ns(s, len);
	if (s->loss && flow_random(f) <= s->loss) {
		f->lost++;
		return false;
	}
	f->packets[slot] = (struct packet){.ready_ns = f->busy_until_ns, .len = len};
	flow_append(f, to_lane(&s->to, flow_slot(f, slot), len, f->from_node), slot);
	return true;
}

/** arrival_ns() - when the kernel got a packet, on the monotonic clock, not after @now_ns. */
static int64_t arrival_ns(struct msghdr *msg, int64_t now_ns, int64_t wall_offset_ns)
{
	struct timespec t;
	int64_t ns;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		ns = t.tv_sec * NS_PER_S + t.tv_nsec - wall_offset_ns;
		if (ns < now_ns && ns > now_ns - NS_PER_S)
			return ns;
	}
	return now_ns;
}

/** flow_receive_batch() - read up to BATCH packets. Return: how many were there to read. */
static uint32_t flow_receive_batch(struct flow *f, const struct settings *s)
{
	static uint8_t control[BATCH][CONTROL_BYTES] __attribute__((aligned(8)));
	static uint8_t spare[SLOT_BYTES]; /* packets without a slot are read into this */
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	uint32_t slots[BATCH], n_slots = f->n_free < BATCH ? f->n_free : BATCH, n;
	int64_t now_ns, wall_offset_ns;
	int rc;

	for (uint32_t i = 0; i < BATCH; i++) {
		slots[i] = i < n_slots ? f->free[f->n_free - 1 - i] : SLOTS;
		iov[i].iov_base = i < n_slots ? flow_slot(f, slots[i]) : spare;
		iov[i].iov_len = SLOT_BYTES;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_control = control[i];
		msgs[i].msg_hdr.msg_controllen = CONTROL_BYTES;
	}
	rc = recvmmsg(f->rx_fd, msgs, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (rc <= 0)
		return 0; /* nothing there, or the interface is down */
	n = (uint32_t)rc;
	now_ns = clock_ns(CLOCK_MONOTONIC);
	wall_offset_ns = clock_ns(CLOCK_REALTIME) - now_ns;
	f->n_free -= n < n_slots ? n : n_slots;
	for (uint32_t i = 0; i < n; i++) {
		if (i >= n_slots)
			f->dropped++;
		else if (!flow_admit(f, s, slots[i], msgs[i].msg_len,
				     arrival_ns(&msgs[i].msg_hdr, now_ns, wall_offset_ns)))
			f->free[f->n_free++] = slots[i];
	}
	return n;
}

/** flow_receive() - read what is there, up to a bound. Return: whether there was anything. */
static bool flow_receive(struct flow *f, const struct settings *s)
{
	uint32_t n = BATCH, total = 0;

	for (int i = 0; i < BATCHES_PER_TURN && n == BATCH; i++) {
		n = flow_receive_batch(f, s);
		total += n;
	}
	return total > 0;
}

/** flow_send_batch() - hand these packets over; what the kernel refuses is dropped. */
static void flow_send_batch(struct flow *f, const uint32_t *slots, uint32_t n)
{
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	uint32_t done = 0;

	for (uint32_t i = 0; i < n; i++) {
		iov[i].iov_base = flow_slot(f, slots[i]);
		iov[i].iov_len = f->packets[slots[i]].len;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < n) {
		int rc = sendmmsg(f->tx_fd, msgs + done, n - done, MSG_DONTWAIT);

		if (rc > 0) {
			done += (uint32_t)rc;
			f->sent += (uint64_t)rc;
		} else {
			done++;
			f->dropped++;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		f->free[f->n_free++] = slots[i];
}

/** lane_send() - hand over what has arrived by @now_ns. Return: whether there was anything. */
static bool lane_send(struct flow *f, uint32_t lane, int64_t delay_ns, int64_t now_ns)
{
	struct lane *l = &f->lanes[lane];
	uint32_t slots[BATCH], n;
	bool any = false;

	do {
		for (n = 0; n < BATCH && l->count; n++) {
			if (f->packets[l->first].ready_ns + delay_ns > now_ns)
				break;
			slots[n] = flow_take(f, lane);
		}
		if (n)
			flow_send_batch(f, slots, n);
		any = any || n;
	} while (n == BATCH);
	return any;
}

/** flow_send() - the same, all lanes. */
static bool flow_send(struct flow *f, const struct settings *s, int64_t now_ns)
{
	bool any = false;

	for (uint32_t i = 0; i < TO_LANES && f->count; i++)
		any |= lane_send(f, i, lane_delay_ns(s, i), now_ns);
	return any;
}

/** flow_due_ns() - when the next packet has to be handed over. */
static int64_t flow_due_ns(const struct flow *f, const struct settings *s)
{
	int64_t due_ns = INT64_MAX;

	for (uint32_t i = 0; i < TO_LANES && f->count; i++) {
		int64_t t = f->lanes[i].count
				    ? f->packets[f->lanes[i].first].ready_ns + lane_delay_ns(s, i)
				    : INT64_MAX;

		due_ns = t < due_ns ? t : due_ns;
	}
	return due_ns;
}

static void flow_drop_all(struct flow *f)
{
	f->dropped += f->count;
	for (uint32_t i = 0; i < TO_LANES; i++)
		while (f->lanes[i].count)
			f->free[f->n_free++] = flow_take(f, i);
}

/** next_in_line() - of all that @at points at (and @left says is there), what came first. */
static uint32_t next_in_line(const struct flow *f, const uint32_t *at, const uint32_t *left)
{
	uint32_t best = TO_LANES;

	for (uint32_t i = 0; i < TO_LANES; i++)
		if (left[i] && (best == TO_LANES ||
				f->packets[at[i]].ready_ns < f->packets[at[best]].ready_ns))
			best = i;
	return best;
}

/** flow_reload() - fit the packets under way to new settings. */
static void flow_reload(struct flow *f, const struct settings *s, int64_t now_ns)
{
	uint32_t at[TO_LANES], left[TO_LANES], lane;
	int64_t t = now_ns;

	if (s->down)
		flow_drop_all(f);
	for (uint32_t i = 0; i < TO_LANES; i++) {
		at[i] = f->lanes[i].first;
		left[i] = f->lanes[i].count;
	}
	while ((lane = next_in_line(f, at, left)) < TO_LANES) {
		struct packet *p = &f->packets[at[lane]];

		if (p->ready_ns > now_ns)
			p->ready_ns = t += line_ns(s, p->len);
		at[lane] = p->next;
		left[lane]--;
	}
	if (f->busy_until_ns > t)
		f->busy_until_ns = t;
}

/* --- the emulator --------------------------------------------------------------------------- */

#define QUANTUM_NS (250 * NS_PER_US) /* the loop turns no faster while packets flow */

/** A link: flow[0] from A to B, flow[1] back. */
struct link {
	const char *path;
	struct settings settings;
	struct flow *flow[2];
};

static volatile sig_atomic_t reload_wanted, stop_wanted, report_wanted;

static void on_signal(int number)
{
	if (number == SIGHUP)
		reload_wanted = 1;
	else if (number == SIGUSR1)
		report_wanted = 1;
	else
		stop_wanted = 1;
}

/** catch_signals() - block the emulator's signals; @unblocked is the mask to wait with. */
static void catch_signals(sigset_t *unblocked)
{
	static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&set, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, unblocked);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigdelset(unblocked, numbers[i]);
}

static int ifindex_of(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		die("%s", name);
	return (int)index;
}

/** packet_open() - a packet socket on an interface that gets nothing before packet_hear(). */
static int packet_open(int ifindex)
{
	static struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	static const struct sock_fprog deaf = {.len = 1, .filter = nothing};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, size = SOCKET_BUFFER_BYTES;

	if (fd < 0)
		die("packet socket");
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &deaf, sizeof(deaf)))
		die("packet socket options");
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("bind to interface %d", ifindex);
	return fd;
}

/** packet_hear() - from now on the socket gets what the interface receives. */
static void packet_hear(int fd)
{
	int ignored = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof(ignored)))
		die("packet socket filter");
}

/** clsact_delete() - take the clsact qdisc with its redirects off an interface, if it is there. */
static void clsact_delete(int ifindex)
{
	struct {
		struct nlmsghdr header;
		struct tcmsg tc;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_DELQDISC,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.tc = {.tcm_family = AF_UNSPEC,
		       .tcm_ifindex = ifindex,
		       .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		       .tcm_parent = TC_H_CLSACT},
	};
	char answer[512];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0)
		die("netlink");
	(void)recv(fd, answer, sizeof(answer), 0); /* the answer comes when it is done */
	close(fd);
}

static void link_report(const struct link *l)
{
	for (int i = 0; i < 2; i++)
		fprintf(stderr, "wire: direction=%d sent=%llu lost=%llu dropped=%llu queued=%u\n",
			i, (unsigned long long)l->flow[i]->sent,
			(unsigned long long)l->flow[i]->lost,
			(unsigned long long)l->flow[i]->dropped, l->flow[i]->count);
}

/** link_reload() - read the settings again; bad ones change nothing. */
static void link_reload(struct link *l)
{
	uint64_t seed = l->settings.seed;

	if (settings_read(l->path, &l->settings))
		return;
	for (uint64_t i = 0; i < 2; i++) {
		flow_reload(l->flow[i], &l->settings, clock_ns(CLOCK_MONOTONIC));
		if (seed != l->settings.seed)
			flow_seed(l->flow[i], l->settings.seed + (i << 32));
	}
}

/** link_wait() - sleep until a packet comes, one has to leave, or a signal asks for something. */
static void link_wait(const struct link *l, const sigset_t *unblocked)
{
	struct pollfd fds[2] = {{.fd = l->flow[0]->rx_fd, .events = POLLIN},
				{.fd = l->flow[1]->rx_fd, .events = POLLIN}};
	int64_t due_ns = INT64_MAX, left_ns;
	struct timespec timeout;

	for (int i = 0; i < 2; i++) {
		int64_t t = flow_due_ns(l->flow[i], &l->settings);

		due_ns = t < due_ns ? t : due_ns;
	}
	left_ns = due_ns == INT64_MAX ? 0 : due_ns - clock_ns(CLOCK_MONOTONIC);
	timeout = to_timespec(left_ns > 0 ? left_ns : 0);
	(void)ppoll(fds, 2, due_ns == INT64_MAX ? NULL : &timeout, unblocked);
}

/** link_turn() - one turn of the loop; takes at least a quantum if packets were moved. */
static void link_turn(struct link *l)
{
	int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	struct timespec end = to_timespec(start_ns + QUANTUM_NS);
	bool moved = false;

	for (int i = 0; i < 2; i++)
		moved |= flow_receive(l->flow[i], &l->settings);
	for (int i = 0; i < 2; i++)
		moved |= flow_send(l->flow[i], &l->settings, clock_ns(CLOCK_MONOTONIC));
	if (moved)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static void link_loop(struct link *l, const sigset_t *unblocked)
{
	while (!stop_wanted) {
		if (reload_wanted) {
			reload_wanted = 0;
			link_reload(l);
		}
		if (report_wanted) {
			report_wanted = 0;
			link_report(l);
		}
		link_turn(l);
		link_wait(l, unblocked);
	}
	for (int i = 0; i < 2; i++)
		while (l->flow[i]->count)
			flow_send(l->flow[i], &l->settings, INT64_MAX);
	link_report(l);
}

/** be_prompt() - run before other processes: a late emulator is a wrong one. */
static void be_prompt(void)
{
	struct sched_param param = {.sched_priority = 1};

	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		(void)setpriority(PRIO_PROCESS, 0, -20);
}

/** detach() - go on in a child of its own session. Return: where to say that it is ready. */
static int detach(void)
{
	int ready[2], null;
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			exit(1); /* the child has said why */
		printf("%d\n", (int)pid);
		exit(0);
	}
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	return ready[1];
}

/**
 * run() - start the emulator in the background; prints its process id when packets flow.
 * What joined the interfaces before (a clsact qdisc with redirects) is taken off in the same
 * moment.
 */
static int run(const char *name_a, const char *name_b, const char *path)
{
	struct link l = {.path = path};
	int index_a = ifindex_of(name_a), index_b = ifindex_of(name_b);
	int fd_a, fd_b, ready;
	sigset_t unblocked;

	errno = 0;
	if (settings_read(path, &l.settings))
		die("%s: no usable settings", path);
	catch_signals(&unblocked);
	ready = detach();
	be_prompt();
	fd_a = packet_open(index_a);
	fd_b = packet_open(index_b);
	l.flow[0] = flow_new(fd_a, fd_b, true);
	l.flow[1] = flow_new(fd_b, fd_a, false);
	for (uint64_t i = 0; i < 2; i++)
		flow_seed(l.flow[i], l.settings.seed + (i << 32));
	clsact_delete(index_a);
	packet_hear(fd_a);
	clsact_delete(index_b);
	packet_hear(fd_b);
	if (write(ready, "", 1) != 1)
		die("the starter is gone");
	close(ready);
	link_loop(&l, &unblocked);
	return 0;
}

/* --- offloads ------------------------------------------------------------------------------- */

/** offload() - switch tso, gso, gro, scatter-gather and transmit checksums of an interface. */
static int offload(const char *name, bool on)
{
	/* Checksums last when switching off and first when switching on: the others need them. */
	static const uint32_t order[] = {ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO};
	size_t n = sizeof(order) / sizeof(order[0]);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	for (size_t i = 0; i < n; i++) {
		struct ethtool_value value = {.cmd = order[on ? i : n - 1 - i], .data = on};
		struct ifreq request = {.ifr_data = (char *)&value};

		snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
		if (ioctl(fd, SIOCETHTOOL, &request))
			die("%s: offload command 0x%x", name, value.cmd);
	}
	close(fd);
	return 0;
}

/* --- yardsticks ----------------------------------------------------------------------------- */

/** resolve() - the first address of @host, for stream sockets. The caller frees it. */
static struct addrinfo *resolve(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	int rc = getaddrinfo(host, port, &hints, &found);

	errno = 0;
	if (rc)
		die("%s: %s", host, gai_strerror(rc));
	return found;
}

/** An echo message; the same layout for ICMP and ICMPv6. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	int64_t sent_ns;
};

/** The tally of a ping run. */
struct tally {
	long sent, received;
	int64_t min_ns, max_ns, sum_ns;
};

static uint16_t internet_checksum(const struct echo *e)
{
	uint16_t words[sizeof(*e) / 2];
	uint32_t sum = 0;

	memcpy(words, e, sizeof(*e));
	for (size_t i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/** ping_send() - one echo request; the kernel fills in ICMPv6 checksums itself. */
static void ping_send(int fd, bool six, uint16_t sequence)
{
	struct echo e = {.type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
			 .id = htons((uint16_t)getpid()),
			 .sequence = htons(sequence),
			 .sent_ns = clock_ns(CLOCK_MONOTONIC)};

	if (!six)
		e.checksum = internet_checksum(&e);
	(void)send(fd, &e, sizeof(e), 0); /* a refusal is a lost packet */
}

/** ping_receive() - take in the answers that come until @until_ns. */
static void ping_receive(int fd, bool six, int64_t until_ns, struct tally *t)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint8_t packet[512];

	for (;;) {
		int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		struct timespec timeout = to_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
		size_t skip = 0;
		struct echo e;
		ssize_t n;

		if (t->received == t->sent && until_ns < now_ns)
			return;
		if (ppoll(&pfd, 1, &timeout, NULL) <= 0)
			return;
		n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
		if (n > 0 && !six)
			skip = (size_t)(packet[0] & 15) * 4;
		if (n < 0 || (size_t)n < skip + sizeof(e))
			continue;
		memcpy(&e, packet + skip, sizeof(e));
		if (e.type != (six ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) ||
		    e.id != htons((uint16_t)getpid()))
			continue;
		e.sent_ns = clock_ns(CLOCK_MONOTONIC) - e.sent_ns;
		t->received++;
		t->sum_ns += e.sent_ns;
		t->min_ns = e.sent_ns < t->min_ns ? e.sent_ns : t->min_ns;
		t->max_ns = e.sent_ns > t->max_ns ? e.sent_ns : t->max_ns;
	}
}

/** ping() - @count echo requests, @interval_ms apart; fails if no answer comes. */
static int ping(const char *host, long count, long interval_ms)
{
	struct addrinfo *address = resolve(host, NULL);
	bool six = address->ai_family == AF_INET6;
	struct tally t = {.min_ns = INT64_MAX};
	int fd = socket(address->ai_family, SOCK_RAW | SOCK_CLOEXEC,
			six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	int64_t start_ns = clock_ns(CLOCK_MONOTONIC);

	if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen))
		die("%s", host);
	while (t.sent < count) {
		ping_send(fd, six, (uint16_t)t.sent++);
		ping_receive(fd, six, start_ns + t.sent * interval_ms * NS_PER_MS, &t);
	}
	for (int i = 0; i < 20 && t.received < t.sent; i++)
		ping_receive(fd, six, clock_ns(CLOCK_MONOTONIC) + 50 * NS_PER_MS, &t);
	freeaddrinfo(address);
	close(fd);
	printf("sent=%ld received=%ld", t.sent, t.received);
	if (t.received)
		printf(" min_ms=%.3f avg_ms=%.3f max_ms=%.3f", (double)t.min_ns / 1e6,
		       (double)t.sum_ns / (double)t.received / 1e6, (double)t.max_ns / 1e6);
	putchar('\n');
	return t.received ? 0 : 1;
}

/** What push and pull say first, in network order. */
struct order {
	uint32_t pull;
	uint32_t duration_ms;
	uint32_t skip_ms;
};

static char bulk[128 * 1024];

/** send_for() - send as fast as it goes, then half-close. */
static void send_for(int fd, uint32_t duration_ms)
{
	int64_t end_ns = clock_ns(CLOCK_MONOTONIC) + duration_ms * NS_PER_MS;
	struct timeval patience = {.tv_sec = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (clock_ns(CLOCK_MONOTONIC) < end_ns)
		if (send(fd, bulk, sizeof(bulk), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
	shutdown(fd, SHUT_WR);
}

/** receive_rate() - read to the end. Return: Mbit/s from @skip_ms after the start to the end. */
static double receive_rate(int fd, uint32_t skip_ms)
{
	int64_t begin_ns = clock_ns(CLOCK_MONOTONIC) + skip_ms * NS_PER_MS;
	int64_t bytes = 0, now_ns = begin_ns;
	ssize_t n;

	while ((n = recv(fd, bulk, sizeof(bulk), 0)) > 0) {
		now_ns = clock_ns(CLOCK_MONOTONIC);
		if (now_ns > begin_ns)
			bytes += n;
	}
	return now_ns > begin_ns ? (double)bytes * 8e3 / (double)(now_ns - begin_ns) : 0;
}

/** serve() - do what one client asks for. */
static void serve(int fd)
{
	struct order order;

	if (recv(fd, &order, sizeof(order), MSG_WAITALL) != (ssize_t)sizeof(order))
		return;
	if (order.pull)
		send_for(fd, ntohl(order.duration_ms));
	else
		dprintf(fd, "%.2f\n", receive_rate(fd, ntohl(order.skip_ms)));
}

/** sink() - serve push and pull clients, each in a process of its own, until killed. */
static int sink(uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), client, on = 1;

	signal(SIGCHLD, SIG_IGN);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 16))
		die("listen on port %u", port);
	while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (fork() == 0) {
			serve(client);
			_exit(0);
		}
		close(client);
	}
	die("accept");
}

/** measure() - push or pull for @seconds; prints Mbit/s without the first @skip seconds. */
static int measure(bool pull, char **argv, long seconds, long skip)
{
	struct addrinfo *address = resolve(argv[0], argv[1]);
	struct order order = {htonl(pull), htonl((uint32_t)seconds * 1000),
			      htonl((uint32_t)skip * 1000)};
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[32] = "";

	if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen))
		die("%s port %s", argv[0], argv[1]);
	freeaddrinfo(address);
	if (send(fd, &order, sizeof(order), MSG_NOSIGNAL) < 0)
		die("send");
	if (pull) {
		printf("%.2f\n", receive_rate(fd, (uint32_t)skip * 1000));
		return 0;
	}
	send_for(fd, (uint32_t)seconds * 1000);
	if (recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) <= 0)
		die("no answer from %s", argv[0]);
	fputs(answer, stdout);
	return 0;
}

/* --- the command line ----------------------------------------------------------------------- */

static int usage(void)
{
	fputs("usage: wire run IF_A IF_B FILE\n"
	      "       wire check FILE\n"
	      "       wire offload IF on|off\n"
	      "       wire ping HOST [COUNT [INTERVAL_MS]]\n"
	      "       wire sink PORT\n"
	      "       wire push|pull HOST PORT SECONDS [SKIP_SECONDS]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int n = argc - 2; /* arguments after the verb */

	if (strcmp(verb, "run") == 0 && n == 3)
		return run(argv[2], argv[3], argv[4]);
	if (strcmp(verb, "check") == 0 && n == 1)
		return settings_read(argv[2], &(struct settings){0}) ? 1 : 0;
	if (strcmp(verb, "offload") == 0 && n == 2 &&
	    (strcmp(argv[3], "on") == 0 || strcmp(argv[3], "off") == 0))
		return offload(argv[2], strcmp(argv[3], "on") == 0);
	if (strcmp(verb, "ping") == 0 && n >= 1 && n <= 3)
		return ping(argv[2], n > 1 ? parse_number(argv[3], 1, 65535, "count") : 5,
			    n > 2 ? parse_number(argv[4], 1, 60000, "interval") : 200);
	if (strcmp(verb, "sink") == 0 && n == 1)
		return sink((uint16_t)parse_number(argv[2], 1, 65535, "port"));
	if ((strcmp(verb, "push") == 0 || strcmp(verb, "pull") == 0) && (n == 3 || n == 4))
		return measure(strcmp(verb, "pull") == 0, argv + 2,
			       parse_number(argv[4], 1, 3600, "seconds"),
			       n > 3 ? parse_number(argv[5], 0, 3600, "skip") : 0);
	return usage();
}
