/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <math.h>
#include <stdio.h>

#include "vpnd/pure/fqcodel.h"

#define POOL 20000
#define MS 1000U
#define SECOND 1000000U
#define LINK_BITS_US 10 /* 10 Mbit/s */

/* A packet of the tests: 48 bytes are real, what is longer is only counted. */
struct item {
	struct fq_packet p;
	uint8_t bytes[64];
	int source;
	uint32_t serial;
	bool out; /* with the queue */
	struct item *next_free;
};

static struct fq fq;
static struct item pool[POOL];
static struct item *free_items;
static struct {
	uint64_t n[3];
	int last_source;
	uint64_t bytes_of[8];
	void (*tell)(struct item *item);
} drops;

static void give_back(struct item *item)
{
	assert_true(item->out);
	item->out = false;
	item->next_free = free_items;
	free_items = item;
}

static void on_drop(void *arg, struct fq_packet *p, enum fq_drop why)
{
	struct item *item = (struct item *)p;

	assert_ptr_equal(arg, &drops);
	drops.n[why]++;
	drops.last_source = item->source;
	drops.bytes_of[item->source & 7] += p->len;
	if (drops.tell)
		drops.tell(item);
	give_back(item);
}

static struct fq_params params(void)
{
	struct fq_params p = fq_params_default();

	p.hash_key[0] = 0x0706050403020100;
	p.hash_key[1] = 0x0f0e0d0c0b0a0908;
	p.dropped = on_drop;
	p.arg = &drops;
	return p;
}

static void begin(const struct fq_params *p)
{
	memset(&drops, 0, sizeof(drops));
	memset(pool, 0, sizeof(pool));
	free_items = NULL;
	for (size_t i = 0; i < POOL; i++) {
		pool[i].next_free = free_items;
		free_items = &pool[i];
	}
	fq_init(&fq, p);
}

static void begin_default(void)
{
	struct fq_params p = params();

	begin(&p);
}

static size_t count_free(void)
{
	size_t n = 0;

	for (struct item *i = free_items; i; i = i->next_free)
		n++;
	return n;
}

static void finish(void)
{
	const struct fq_counters *c = fq_counters(&fq);
	uint32_t left = fq_backlog_packets(&fq);

	assert_int_equal(c->enqueued, c->dequeued + c->dropped_codel + c->dropped_limit + left);
	assert_int_equal(drops.n[FQ_DROP_CODEL], c->dropped_codel);
	assert_int_equal(drops.n[FQ_DROP_LIMIT], c->dropped_limit);
	fq_deinit(&fq);
	assert_int_equal(drops.n[FQ_DROP_DEINIT], left);
	assert_int_equal(fq_backlog_packets(&fq), 0);
	assert_int_equal(fq_backlog_bytes(&fq), 0);
	assert_null(fq_dequeue(&fq, 0));
	assert_int_equal(count_free(), POOL);
}

/* RFC 791 section 3.1, one word after the other: independent of what is tested. */
static uint16_t header_sum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void set_header_csum(uint8_t *ip)
{
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = (uint16_t)~header_sum(ip);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* UDP over IPv4 from port 1000 + @source. */
static void udp4(uint8_t *ip, int source, uint8_t ecn)
{
	static const uint8_t base[28] = {0x45, 0, 0,   100, 0,	 0, 0x40, 0, 64, 17, 0, 0, 192, 0,
					 2,    1, 198, 51,  100, 2, 0,	  0, 0,	 53, 0, 8, 0,	0};
	int port = 1000 + source;

	memcpy(ip, base, sizeof(base));
	ip[1] = (uint8_t)(0xb8 | ecn);
	ip[20] = (uint8_t)(port >> 8);
	ip[21] = (uint8_t)port;
	set_header_csum(ip);
}

static struct item *item_new(int source, uint32_t len)
{
	struct item *item = free_items;

	assert_non_null(item);
	free_items = item->next_free;
	memset(item->bytes, 0, sizeof(item->bytes));
	item->p = (struct fq_packet){.ip = item->bytes, .len = len};
	item->source = source;
	item->out = true;
	return item;
}

static struct item *put(int source, uint32_t len, uint8_t ecn, uint64_t now)
{
	static uint32_t serial;
	struct item *item = item_new(source, len);

	udp4(item->bytes, source, ecn);
	item->serial = ++serial;
	fq_enqueue(&fq, &item->p, now);
	return item;
}

/* The source of the next packet, or -1. */
static int get(uint64_t now)
{
	struct fq_packet *p = fq_dequeue(&fq, now);
	struct item *item = (struct item *)p;

	if (!p)
		return -1;
	assert_null(p->next);
	give_back(item);
	return item->source;
}

static void empty_queue(void **state)
{
	begin_default();
	assert_int_equal(get(0), -1);
	put(1, 100, 0, 5);
	assert_int_equal(fq_backlog_bytes(&fq), 100);
	assert_int_equal(fq_backlog_packets(&fq), 1);
	assert_int_equal(get(12), 1);
	assert_int_equal(fq_counters(&fq)->sojourn_us, 7);
	assert_int_equal(get(12), -1);
	put(1, 100, 0, 20);
	assert_int_equal(get(10), 1); /* a clock that runs backwards */
	assert_int_equal(fq_counters(&fq)->sojourn_us, 0);
	assert_int_equal(fq_counters(&fq)->max_backlog_bytes, 100);
	assert_int_equal(fq_counters(&fq)->max_backlog_packets, 1);
	finish();
}

static void order_within_a_flow_is_kept(void **state)
{
	uint64_t seed = 3;
	uint32_t last[4] = {0};

	begin_default();
	for (int i = 0; i < 5000; i++) {
		struct fq_packet *p;

		put((int)(noise_u32(&seed) % 4), 60 + noise_u32(&seed) % 1400, 0, (uint64_t)i);
		if (noise_u32(&seed) % 3 == 0)
			continue;
		p = fq_dequeue(&fq, (uint64_t)i);
		if (p) {
			struct item *item = (struct item *)p;

			assert_true(item->serial > last[item->source]);
			last[item->source] = item->serial;
			give_back(item);
		}
	}
	finish();
}

/* RFC 8290 section 5.1.1: a flow that was idle goes before those that are not, for one quantum. */
static void sparse_flow_goes_first(void **state)
{
	begin_default();
	for (int i = 0; i < 60; i++)
		put(1, 100, 0, 0);
	for (int i = 0; i < 17; i++)
		assert_int_equal(get(0), 1); /* becomes old on the way, 1328 bytes are left to it */
	put(2, 100, 0, 0);
	assert_int_equal(get(0), 2);
	assert_int_equal(get(0), 1);
	/* Empty, 2 went to the old flows and is not new again before it was seen there. */
	put(2, 100, 0, 0);
	put(3, 100, 0, 0);
	put(3, 100, 0, 0);
	assert_int_equal(get(0), 3);
	assert_int_equal(get(0), 3);
	for (int i = 0; i < 13; i++)
		assert_int_equal(get(0), 1);
	assert_int_equal(get(0), 2);
	finish();
}

/* One quantum is all that being new gives. */
static void new_flows_cannot_starve_old_ones(void **state)
{
	uint64_t bytes[2] = {0};

	begin_default();
	for (int i = 0; i < 100; i++)
		put(0, 1500, 0, 0);
	/* A flow that becomes empty and comes again all the time. */
	for (int i = 0; i < 150; i++) {
		put(1, 1500, 0, 0);
		bytes[get(0)] += 1500;
	}
	assert_true(bytes[0] >= 70 * 1500);
	finish();
}

static void assert_fair(const uint64_t *bytes, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += bytes[i];
	for (int i = 0; i < n; i++) {
		assert_true(bytes[i] * (uint64_t)n * 10 >= sum * 9);
		assert_true(bytes[i] * (uint64_t)n * 10 <= sum * 11);
	}
}

/* Bytes, not packets: each source has another size of packet; one sends super-packets. */
static void bulk_flows_share_by_bytes(void **state)
{
	static const uint32_t sizes[6] = {1500, 300, 64, 900, 1514, 65000};
	struct fq_params p = params();
	uint64_t bytes[6] = {0}, sum = 0;
	int waiting[6] = {0};

	p.target_us = SECOND; /* no CoDel here */
	begin(&p);
	while (sum < 20U << 20) {
		struct item *item;

		for (int s = 0; s < 6; s++) {
			for (; waiting[s] < 5; waiting[s]++)
				put(s, sizes[s], 0, 0);
		}
		item = (struct item *)fq_dequeue(&fq, 0);
		bytes[item->source] += item->p.len;
		sum += item->p.len;
		waiting[item->source]--;
		give_back(item);
	}
	assert_fair(bytes, 6);
	finish();
}

static void control_law_is_interval_by_sqrt_count(void **state)
{
	for (uint32_t count = 1; count < 5000; count++) {
		double want = 100000.0 / sqrt(count);

		assert_true(fabs((double)fq_control_law(100000, count) - want) <= 1.0);
	}
	assert_int_equal(fq_control_law(100000, 0), 100000);
	assert_int_equal(fq_control_law(UINT32_MAX, 1), UINT32_MAX);
	assert_int_equal(fq_control_law(1, UINT32_MAX), 0);
}

static uint64_t clock_us;
static uint64_t drop_times[128];
static size_t n_drop_times;

static void note_time(struct item *item)
{
	assert_true(n_drop_times < 128);
	drop_times[n_drop_times++] = clock_us;
}

/* One packet in and one out each millisecond, @depth ms of queue. */
static void run_constant(uint64_t *now, uint64_t until, uint8_t ecn, uint64_t marked_at[128])
{
	uint64_t marked = fq_counters(&fq)->marked;
	size_t n = 0;

	for (; *now < until; *now += MS) {
		clock_us = *now;
		put(1, 1000, ecn, *now);
		get(*now);
		if (marked_at && fq_counters(&fq)->marked != marked) {
			marked = fq_counters(&fq)->marked;
			assert_true(n < 128);
			marked_at[n++] = *now;
		}
	}
}

/* A standing queue of 200 ms: the times of the RFC, with the packets' 1 ms as error. */
static void assert_law(const uint64_t *times, size_t n, uint64_t first)
{
	double next = (double)first;

	assert_true(n >= 20);
	for (size_t i = 0; i < n; i++) {
		assert_true((double)times[i] >= next - 1);
		assert_true((double)times[i] <= next + MS);
		next += 100000.0 / sqrt((double)i + 1);
	}
}

static void drop_times_follow_the_law(void **state)
{
	uint64_t now = 10 * SECOND;

	begin_default();
	n_drop_times = 0;
	for (int i = 0; i < 300; i++)
		put(1, 1000, 0, now - 200 * MS);
	drops.tell = note_time;
	run_constant(&now, now + 1500 * MS, 0, NULL);
	drops.tell = NULL;
	/* Above target since the first packet: an interval of grace. */
	assert_law(drop_times, n_drop_times, 10 * SECOND + 100 * MS);
	finish();
}

static void ecn_marks_instead_of_drops(void **state)
{
	uint64_t marked_at[128] = {0}, now = 10 * SECOND;

	begin_default();
	for (int i = 0; i < 300; i++)
		put(1, 1000, 1, now - 200 * MS);
	run_constant(&now, now + 1500 * MS, 2, marked_at);
	assert_int_equal(fq_counters(&fq)->dropped_codel, 0);
	assert_law(marked_at, fq_counters(&fq)->marked, 10 * SECOND + 100 * MS);
	finish();
}

static void ecn_can_be_off(void **state)
{
	struct fq_params p = params();
	uint64_t now = 10 * SECOND;

	p.ecn = false;
	begin(&p);
	for (int i = 0; i < 300; i++)
		put(1, 1000, 1, now - 200 * MS);
	run_constant(&now, now + 500 * MS, 1, NULL);
	assert_int_equal(fq_counters(&fq)->marked, 0);
	assert_true(fq_counters(&fq)->dropped_codel > 5);
	finish();
}

/* Below target once within an interval, or at most an MTU behind: nothing happens. */
static void good_queues_are_left_alone(void **state)
{
	uint64_t now = SECOND;

	begin_default();
	for (int i = 0; i < 2000; i++, now += 1500) { /* a burst of 60 ms every 90 ms */
		if (i % 60 == 0) {
			for (int j = 0; j < 40; j++)
				put(1, 1500, 0, now);
		}
		get(now);
	}
	while (get(now) >= 0)
		;
	for (int i = 0; i < 2000; i++, now += 20 * MS) { /* always one behind, always late */
		put(1, 1400, 0, now);
		if (i > 0)
			assert_int_equal(get(now + 10 * MS), 1);
	}
	assert_int_equal(fq_counters(&fq)->dropped_codel, 0);
	finish();
}

/* Dropping begins again near the rate at which it ended (RFC 8289 section 5.5). */
static void remembers_the_rate_for_a_while(void **state)
{
	static const unsigned int pause_ms[2] = {200, 5000};
	size_t n[2];

	for (int i = 0; i < 2; i++) {
		uint64_t now = 10 * SECOND;

		begin_default();
		for (int j = 0; j < 300; j++)
			put(1, 1000, 0, now - 200 * MS);
		run_constant(&now, now + 1500 * MS, 0, NULL);
		while (get(now) >= 0)
			;
		now += pause_ms[i] * MS;
		for (int j = 0; j < 300; j++)
			put(1, 1000, 0, now);
		drops.n[FQ_DROP_CODEL] = 0;
		run_constant(&now, now + 300 * MS, 0, NULL);
		n[i] = drops.n[FQ_DROP_CODEL];
		drops.n[FQ_DROP_CODEL] = fq_counters(&fq)->dropped_codel;
		finish();
	}
	assert_in_range(n[1], 2, 5);
	assert_true(n[0] > n[1] + 3);
}

static void marks_keep_the_checksum(void **state)
{
	uint64_t seed = 8;

	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		uint8_t ip[20], before[20];
		uint8_t ecn;

		noise_fill(&seed, ip, sizeof(ip));
		ip[0] = 0x45;
		set_header_csum(ip);
		memcpy(before, ip, sizeof(ip));
		ecn = ip[1] & 3;
		assert_int_equal(fq_mark_ce(ip, sizeof(ip)), ecn != 0);
		assert_int_equal(header_sum(ip), 0xffff);
		assert_int_equal(ip[1], ecn ? before[1] | 3 : before[1]);
		assert_memory_equal(ip + 2, before + 2, 8);
		assert_memory_equal(ip + 12, before + 12, 8);
		if (ecn == 0 || ecn == 3)
			assert_memory_equal(ip, before, sizeof(ip));
	}
}

static void marks_ipv6(void **state)
{
	for (unsigned int tclass = 0; tclass < 256; tclass++) {
		uint8_t ip[40] = {(uint8_t)(0x60 | tclass >> 4), (uint8_t)(tclass << 4 | 0xa), 1,
				  2};
		unsigned int want = tclass & 3 ? tclass | 3 : tclass;

		assert_int_equal(fq_mark_ce(ip, sizeof(ip)), (tclass & 3) != 0);
		assert_int_equal(ip[0], 0x60 | want >> 4);
		assert_int_equal(ip[1], (want << 4 & 0xf0) | 0xa);
	}
}

static void marks_nothing_else(void **state)
{
	uint8_t bytes[40];

	for (unsigned int version = 0; version < 16; version++) {
		for (size_t len = 0; len < sizeof(bytes); len++) {
			uint8_t *cut;

			memset(bytes, 0xff, sizeof(bytes));
			bytes[0] = (uint8_t)(version << 4 | 5);
			cut = exact_copy(bytes, len);
			if (version == 4 && len >= 20)
				assert_true(fq_mark_ce(cut, len));
			else
				assert_false(fq_mark_ce(cut, len));
			free(cut);
		}
	}
}

static uint32_t classify(const uint8_t *ip, size_t len)
{
	static const uint64_t key[2] = {1, 2};
	uint8_t *cut = exact_copy(ip, len);
	uint32_t flow = fq_classify(cut, len, key);

	free(cut);
	return flow;
}

/* Does the flow change with byte @at? Several values, as one could collide. */
static bool matters(const uint8_t *ip, size_t len, size_t at)
{
	uint32_t base = classify(ip, len);
	uint8_t copy[80];

	memcpy(copy, ip, len);
	for (unsigned int i = 1; i < 4; i++) {
		copy[at] = (uint8_t)(ip[at] ^ i);
		if (classify(copy, len) != base)
			return true;
	}
	return false;
}

static void five_tuple_ipv4(void **state)
{
	uint8_t ip[32] = {0};

	udp4(ip, 1, 0);
	for (size_t at = 12; at < 24; at++)
		assert_true(matters(ip, sizeof(ip), at));
	assert_true(matters(ip, sizeof(ip), 9));
	assert_false(matters(ip, sizeof(ip), 1));
	assert_false(matters(ip, sizeof(ip), 4));
	assert_false(matters(ip, sizeof(ip), 8));
	for (size_t at = 24; at < sizeof(ip); at++)
		assert_false(matters(ip, sizeof(ip), at));
	ip[9] = 47; /* GRE has no ports */
	assert_false(matters(ip, sizeof(ip), 20));
}

/* All fragments of a datagram are one flow, and go in their order. */
static void fragments_have_no_ports(void **state)
{
	uint8_t first[32] = {0}, later[32] = {0};

	udp4(first, 1, 0);
	udp4(later, 77, 0);
	first[6] = 0x20;
	later[7] = 0x40;
	assert_int_equal(classify(first, sizeof(first)), classify(later, sizeof(later)));
	assert_false(matters(first, sizeof(first), 20));
	assert_true(matters(later, sizeof(later), 12));
}

static void icmp_by_identifier(void **state)
{
	static const uint8_t echo[] = {8, 0, 128, 129};
	uint8_t v4[28] = {0x45, [9] = 1}, v6[48] = {0x60, [6] = 58};

	for (int i = 0; i < 4; i++) {
		bool is_v4 = i < 2;
		uint8_t *ip = is_v4 ? v4 : v6;
		size_t len = is_v4 ? sizeof(v4) : sizeof(v6), l4 = len - 8;

		ip[l4] = echo[i];
		assert_true(matters(ip, len, l4 + 4));
		assert_true(matters(ip, len, l4 + 5));
		assert_false(matters(ip, len, l4 + 6));
		ip[l4] = 3;
		assert_false(matters(ip, len, l4 + 4));
	}
}

static void ipv6_extension_headers(void **state)
{
	/* Hop-by-hop, destination options of 16 bytes, then TCP ports. */
	uint8_t ip[64 + 8] = {0x60, [6] = 0, [40] = 60, [48] = 6, [49] = 1};
	uint8_t bare[44] = {0x60, [6] = 6};

	assert_int_equal(classify(ip, 68), classify(bare, sizeof(bare)));
	assert_true(matters(ip, 68, 24));
	assert_true(matters(ip, 68, 64));
	ip[40] = 44; /* a fragment header instead: its next header counts, what follows does not */
	assert_true(matters(ip, 68, 48));
	assert_false(matters(ip, 68, 56));
	assert_false(matters(ip, 68, 64));
	for (size_t len = 40; len < 64; len++)
		assert_true(classify(ip, len) < FQ_FLOWS);
}

static void what_is_not_ip_is_a_flow_of_its_own(void **state)
{
	uint8_t bytes[64] = {0};

	for (unsigned int first = 0; first < 256; first++) {
		for (size_t len = 0; len < sizeof(bytes); len++) {
			unsigned int version = first >> 4, words = first & 15;
			bool ok = (version == 6 && len >= 40) ||
				  (version == 4 && words >= 5 && words * 4 <= len);

			bytes[0] = (uint8_t)first;
			assert_int_equal(classify(bytes, len) < FQ_FLOWS, ok);
			assert_true(classify(bytes, len) <= FQ_FLOWS);
		}
	}
}

static void garbage_goes_through(void **state)
{
	uint64_t seed = 11;
	int seen = 0;

	begin_default();
	for (int i = 0; i < 1000; i++) {
		struct item *item = item_new(7, 1 + noise_u32(&seed) % 64);

		noise_fill(&seed, item->bytes, sizeof(item->bytes));
		if (i % 2)
			item->bytes[0] &= 0x3f;
		fq_enqueue(&fq, &item->p, (uint64_t)i * 10);
		if (item->bytes[0] < 0x40)
			assert_int_equal(item->p.flow, FQ_FLOWS);
	}
	while (get(20 * MS) >= 0)
		seen++;
	assert_int_equal(seen, 1000);
	finish();
}

/* Chi-squared over the flows, and another key gives other flows. */
static void hash_spreads_and_depends_on_the_key(void **state)
{
	static uint32_t hits[FQ_FLOWS];
	const uint64_t key[2] = {3, 4}, other[2] = {3, 5};
	uint8_t ip[28];
	double chi = 0;
	int same = 0;

	for (int i = 0; i < 65536 - 1000; i++) {
		udp4(ip, i, 0);
		hits[fq_classify(ip, sizeof(ip), key)]++;
		same += fq_classify(ip, sizeof(ip), key) == fq_classify(ip, sizeof(ip), other);
	}
	for (int i = 0; i < FQ_FLOWS; i++)
		chi += (hits[i] - 63.02) * (hits[i] - 63.02) / 63.02;
	assert_true(chi > 800 && chi < 1250); /* 1023 +- 5 sigma */
	assert_in_range(same, 20, 120);
}

/* Two flows in one queue share it in order; nothing else happens. */
static void collisions_share_a_queue(void **state)
{
	struct item *a, *b = NULL;
	int source = 1;

	begin_default();
	a = put(0, 500, 0, 0);
	for (; !b; source++) {
		struct item *item = item_new(source, 400);

		udp4(item->bytes, source, 0);
		if (fq_classify(item->bytes, 28, fq.params.hash_key) == a->p.flow)
			b = item;
		else
			give_back(item);
	}
	fq_enqueue(&fq, &b->p, 0);
	assert_int_equal(b->p.flow, a->p.flow);
	assert_int_equal(get(0), 0);
	assert_int_equal(get(0), b->source);
	finish();
}

static void limit_drops_from_the_fattest(void **state)
{
	struct fq_params p = params();

	p.limit_bytes = 100000;
	begin(&p);
	for (int i = 0; i < 20; i++)
		put(1, 1000, 0, 0);
	for (int i = 0; i < 79; i++)
		put(2, 1000, 0, 0);
	assert_int_equal(fq_backlog_bytes(&fq), 99000);
	put(1, 1000, 0, 0);
	assert_int_equal(drops.n[FQ_DROP_LIMIT], 0);
	put(3, 200, 0, 0);
	/* Half of flow 2, from its head. */
	assert_int_equal(drops.n[FQ_DROP_LIMIT], 40);
	assert_int_equal(drops.bytes_of[2], 40000);
	assert_int_equal(fq_backlog_bytes(&fq), 60200);
	finish();
}

static void limit_drops_from_the_head_in_batches(void **state)
{
	struct fq_params p = params();
	struct item *first[65], *item;

	p.limit_packets = 1000;
	begin(&p);
	for (int i = 0; i < 1000; i++) {
		item = put(1, 100, 0, 0);
		if (i < 65)
			first[i] = item;
	}
	assert_int_equal(drops.n[FQ_DROP_LIMIT], 0);
	put(1, 100, 0, 0);
	assert_int_equal(drops.n[FQ_DROP_LIMIT], FQ_BATCH_PACKETS);
	assert_false(first[63]->out);
	item = (struct item *)fq_dequeue(&fq, 0);
	assert_ptr_equal(item, first[64]);
	give_back(item);
	assert_int_equal(fq_counters(&fq)->max_backlog_packets, 1001);
	finish();
}

static void limit_below_a_packet(void **state)
{
	struct fq_params p = params();

	p.limit_bytes = 0;
	p.quantum_bytes = 0;
	p.limit_packets = 0;
	begin(&p);
	put(1, 1000, 0, 0);
	assert_int_equal(drops.n[FQ_DROP_LIMIT], 1);
	assert_int_equal(get(0), -1);
	put(1, 1, 0, 0);
	assert_int_equal(get(0), 1);
	finish();
}

/* --- a line of 10 Mbit/s and senders that behave like TCP (Reno)
 * ---------------------------------- */

#define SENDERS 4
#define ACKS 16384 /* a power of two */

struct sender {
	double cwnd; /* packets */
	bool slow_start;
	int in_flight;
	uint64_t recover_us; /* one reaction in a round trip */
	uint64_t bytes;
};

/* Answers on their way back, in the order of their times: all round trips are the same. */
static struct {
	uint64_t at_us;
	int source;
	bool congestion;
} acks[ACKS];
static uint32_t acks_head, acks_tail;
static struct sender senders[SENDERS];
static const uint64_t rtt_us = 40 * MS;

static void ack_later(int source, bool congestion)
{
	acks[acks_tail % ACKS].at_us = clock_us + rtt_us;
	acks[acks_tail % ACKS].source = source;
	acks[acks_tail % ACKS].congestion = congestion;
	acks_tail++;
	assert_true(acks_tail - acks_head < ACKS);
}

static void tell_sender(struct item *item)
{
	if (item->source < SENDERS)
		ack_later(item->source, true);
}

static void sender_ack(int source, bool congestion)
{
	struct sender *s = &senders[source];

	s->in_flight--;
	if (congestion && clock_us >= s->recover_us) {
		s->cwnd = s->cwnd > 4 ? s->cwnd / 2 : 2;
		s->slow_start = false;
		s->recover_us = clock_us + rtt_us + fq_counters(&fq)->sojourn_us;
	} else if (!congestion) {
		s->cwnd += s->slow_start ? 1 : 1 / s->cwnd;
	}
}

static void senders_send(int n, uint32_t size, uint8_t ecn)
{
	for (; acks_head != acks_tail && acks[acks_head % ACKS].at_us <= clock_us; acks_head++)
		sender_ack(acks[acks_head % ACKS].source, acks[acks_head % ACKS].congestion);
	for (int i = 0; i < n; i++) {
		while (senders[i].in_flight < (int)senders[i].cwnd) {
			senders[i].in_flight++;
			put(i, size, ecn, clock_us);
		}
	}
}

struct result {
	double mean_us;	  /* sojourn of bulk packets in the second half */
	double sparse_us; /* and of the sparse flow */
	double load;	  /* part of the line that was used in the second half */
};

static void serve(struct item *item, struct result *r, int *n, int *n_sparse, bool counts)
{
	double sojourn = (double)fq_counters(&fq)->sojourn_us;
	uint64_t bits = (uint64_t)item->p.len * 8;

	if (counts) {
		r->load += (double)bits;
		if (item->source < SENDERS) {
			r->mean_us += sojourn;
			(*n)++;
			senders[item->source].bytes += item->p.len;
		} else {
			r->sparse_us += sojourn;
			(*n_sparse)++;
		}
	}
	clock_us += bits / LINK_BITS_US;
	if (item->source < SENDERS)
		ack_later(item->source, (item->bytes[1] & 3) == 3);
	give_back(item);
}

static struct result simulate(const struct fq_params *p, int n_senders, uint32_t size, uint8_t ecn)
{
	const uint64_t end = 60 * SECOND;
	struct result r = {0};
	uint64_t next_ping = 0;
	int n = 0, n_sparse = 0;

	begin(p);
	drops.tell = tell_sender;
	clock_us = 0;
	acks_head = acks_tail = 0;
	for (int i = 0; i < SENDERS; i++)
		senders[i] = (struct sender){.cwnd = 2, .slow_start = true};
	while (clock_us < end) {
		struct item *item;

		senders_send(n_senders, size, ecn);
		for (; next_ping <= clock_us; next_ping += 50 * MS)
			put(100, 100, 0, next_ping);
		item = (struct item *)fq_dequeue(&fq, clock_us);
		if (item)
			serve(item, &r, &n, &n_sparse, clock_us > end / 2);
		else
			clock_us += 100;
	}
	finish();
	r.mean_us /= n;
	r.sparse_us /= n_sparse;
	r.load /= (double)(end / 2) * LINK_BITS_US;
	return r;
}

static void show(const char *what, const struct result *r)
{
	print_message("# %s: sojourn %.1f ms, sparse %.2f ms, load %.3f\n", what, r->mean_us / MS,
		      r->sparse_us / MS, r->load);
}

static void slow_line_keeps_its_queue_short(void **state)
{
	struct fq_params p = params();
	struct result r;

	for (int n = 1; n <= SENDERS; n *= 2) {
		r = simulate(&p, n, 1500, 0);
		show("drops", &r);
		assert_true(r.mean_us > 1000 && r.mean_us < 12000);
		assert_true(r.sparse_us < 2500);
		assert_true(r.load > 0.85);
	}
	for (int i = 0; i < SENDERS; i++)
		assert_true(senders[i].bytes > 0);
	r = simulate(&p, SENDERS, 1500, 1);
	show("marks", &r);
	assert_int_equal(drops.n[FQ_DROP_CODEL], 0);
	assert_true(r.mean_us > 1000 && r.mean_us < 12000);
	assert_true(r.load > 0.9);
}

static void tcp_flows_share_the_line(void **state)
{
	struct fq_params p = params();
	uint64_t bytes[SENDERS];

	simulate(&p, SENDERS, 1500, 0);
	for (int i = 0; i < SENDERS; i++)
		bytes[i] = senders[i].bytes;
	assert_fair(bytes, SENDERS);
}

/* What it is against: without CoDel the same senders fill whatever there is. */
static void without_codel_the_queue_is_long(void **state)
{
	struct fq_params p = params();
	struct result r;

	p.target_us = 100 * SECOND;
	p.limit_packets = 400;
	r = simulate(&p, 1, 1500, 0);
	show("tail", &r);
	assert_true(r.mean_us > 100000);
	assert_true(r.sparse_us < 2500); /* FQ alone is enough for this one */
}

/* Super-packets: CoDel acts, though one of them is 26 ms of the line. */
static void super_packets_are_controlled(void **state)
{
	struct fq_params p = params();
	struct result r = simulate(&p, 2, 32000, 0);

	show("32 KB", &r);
	assert_true(r.mean_us < 120000);
	assert_true(r.sparse_us < 30000);
	assert_true(fq_counters(&fq)->dropped_codel > 50);
	assert_true(r.load > 0.8);
}

static void noise(void **state)
{
	struct fq_params p = params();
	uint64_t seed = 21, now = SECOND;

	p.limit_bytes = 3000000;
	p.limit_packets = 2000;
	begin(&p);
	for (int i = 0; i < 300000; i++) {
		uint32_t dice = noise_u32(&seed);

		now += dice % 700;
		if ((dice & 3 << 20) == 0 || (i / 5000) % 2)
			get(now);
		else
			put((int)(dice >> 8 & 63),
			    28 + noise_u32(&seed) % (dice & 7 ? 1500 : 65000), dice >> 24 & 3, now);
		assert_true(fq_backlog_bytes(&fq) <= p.limit_bytes);
		assert_true(fq_backlog_packets(&fq) <= p.limit_packets);
	}
	assert_true(drops.n[FQ_DROP_CODEL] > 0);
	assert_true(drops.n[FQ_DROP_LIMIT] > 0);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_queue),
		cmocka_unit_test(order_within_a_flow_is_kept),
		cmocka_unit_test(sparse_flow_goes_first),
		cmocka_unit_test(new_flows_cannot_starve_old_ones),
		cmocka_unit_test(bulk_flows_share_by_bytes),
		cmocka_unit_test(control_law_is_interval_by_sqrt_count),
		cmocka_unit_test(drop_times_follow_the_law),
		cmocka_unit_test(ecn_marks_instead_of_drops),
		cmocka_unit_test(ecn_can_be_off),
		cmocka_unit_test(good_queues_are_left_alone),
		cmocka_unit_test(remembers_the_rate_for_a_while),
		cmocka_unit_test(marks_keep_the_checksum),
		cmocka_unit_test(marks_ipv6),
		cmocka_unit_test(marks_nothing_else),
		cmocka_unit_test(five_tuple_ipv4),
		cmocka_unit_test(fragments_have_no_ports),
		cmocka_unit_test(icmp_by_identifier),
		cmocka_unit_test(ipv6_extension_headers),
		cmocka_unit_test(what_is_not_ip_is_a_flow_of_its_own),
		cmocka_unit_test(garbage_goes_through),
		cmocka_unit_test(hash_spreads_and_depends_on_the_key),
		cmocka_unit_test(collisions_share_a_queue),
		cmocka_unit_test(limit_drops_from_the_fattest),
		cmocka_unit_test(limit_drops_from_the_head_in_batches),
		cmocka_unit_test(limit_below_a_packet),
		cmocka_unit_test(slow_line_keeps_its_queue_short),
		cmocka_unit_test(tcp_flows_share_the_line),
		cmocka_unit_test(without_codel_the_queue_is_long),
		cmocka_unit_test(super_packets_are_controlled),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
