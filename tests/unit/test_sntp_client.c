/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time servers on loopback: who is asked, when, and how often; and ends at any moment. */
#include "common/io/sntp_client.h"

#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/pure/bytes.h"
#include "common/pure/sntp.h"
#include "tests/unit/link_fixture.h"

#define SERVERS 3
#define UNIX_IN_NTP_S INT64_C(2208988800)
#define WHEN_S INT64_C(1800000000)

enum manner { GOOD, KISS_RATE, KISS_DENY, FORGED, MUTE };

struct time_server {
	uv_udp_t udp;
	uint16_t port;
	enum manner manner;
	int64_t off_s;
	unsigned int asked;
	uint8_t question[SNTP_BYTES];
	char buffer[64];
};

static uv_loop_t loop;
static struct time_server servers[SERVERS];
static struct opt_servers list;
static struct sntp_client *client;
static int64_t host_ms;

static int64_t host_now(void)
{
	return host_ms * 1000;
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct time_server *s = h->data;

	*buf = uv_buf_init(s->buffer, sizeof(s->buffer));
}

static void send_answer(struct time_server *s, const struct sockaddr *to, bool forged)
{
	uint8_t out[SNTP_BYTES] = {0x24, 2};
	struct wr w = wr_init(out + 24, 24);
	uint64_t stamp = (uint64_t)(WHEN_S + s->off_s + UNIX_IN_NTP_S) << 32;
	uv_buf_t buf = uv_buf_init((char *)out, sizeof(out));

	if (s->manner == KISS_RATE || s->manner == KISS_DENY) {
		out[1] = 0;
		memcpy(out + 12, s->manner == KISS_RATE ? "RATE" : "DENY", 4);
	}
	wr_bytes(&w, s->question + 40, 8);
	out[24] ^= forged;
	wr_u64(&w, stamp);
	wr_u64(&w, stamp);
	assert_int_equal(uv_udp_try_send(&s->udp, &buf, 1, to), sizeof(out));
}

static void on_question(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	struct time_server *s = udp->data;

	if (n == 0 && !from)
		return;
	assert_int_equal(n, SNTP_BYTES);
	memcpy(s->question, s->buffer, SNTP_BYTES);
	s->asked++;
	if (s->manner == MUTE)
		return;
	if (s->manner == FORGED) /* the right one comes behind it */
		send_answer(s, from, true);
	send_answer(s, from, false);
}

static void serve(struct time_server *s)
{
	struct sockaddr_in a;
	int len = sizeof(a);

	memset(s, 0, sizeof(*s));
	assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &a), 0);
	assert_int_equal(uv_udp_init(&loop, &s->udp), 0);
	s->udp.data = s;
	assert_int_equal(uv_udp_bind(&s->udp, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_udp_getsockname(&s->udp, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(uv_udp_recv_start(&s->udp, on_alloc, on_question), 0);
}

static int set_up(void **state)
{
	assert_int_equal(uv_loop_init(&loop), 0);
	memset(&list, 0, sizeof(list));
	for (list.n = 0; list.n < SERVERS; list.n++) {
		serve(&servers[list.n]);
		snprintf(list.at[list.n].host, sizeof(list.at[0].host), "127.0.0.1");
		list.at[list.n].port = servers[list.n].port;
	}
	sntp_client_times = (struct sntp_client_times){.first_ms = 20,
						       .round_ms = 150,
						       .min_ms = 40,
						       .max_ms = 80,
						       .rate_ms = 400,
						       .deny_ms = 60000};
	host_ms = 60000;
	clock_open("/nonexistent", false);
	return 0;
}

static int tear_down(void **state)
{
	sntp_client_close(client);
	client = NULL;
	for (size_t i = 0; i < SERVERS; i++)
		uv_close((uv_handle_t *)&servers[i].udp, NULL);
	fix_loop_end(&loop);
	return 0;
}

static void start(void)
{
	assert_int_equal(sntp_client_open(&client, &loop, &list), 0);
}

static enum owntime_state clock_state(void)
{
	struct clock_status s;

	clock_status(&s);
	return s.state;
}

static void most_of_three(void **state)
{
	servers[1].off_s = 500000;
	servers[2].manner = FORGED;
	start();
	assert_true(wait_for(clock_state() == OWNTIME_SNTP, 5000));
	assert_in_range(clock_wall_s(), WHEN_S, WHEN_S + 10);
	/* Each question has random bits of its own. */
	assert_memory_not_equal(servers[0].question + 40, servers[2].question + 40, 8);
	/* Now and then again, as long as nobody has signed a time; then nobody is asked any more.
	 */
	assert_true(wait_for(servers[0].asked >= 3, 5000));
	assert_int_equal(clock_take_signed((WHEN_S + 100) * 1000, 0), 0);
	wait_for(false, 300); /* what is under way */
	for (size_t i = 0; i < SERVERS; i++)
		servers[i].asked = 0;
	wait_for(false, 300);
	assert_int_equal(servers[0].asked + servers[1].asked + servers[2].asked, 0);
	assert_in_range(clock_wall_s(), WHEN_S + 100, WHEN_S + 110);
}

static void they_must_agree(void **state)
{
	servers[1].off_s = 500000;
	servers[2].off_s = -500000;
	start();
	assert_true(wait_for(servers[0].asked >= 3, 5000));
	assert_int_equal(clock_state(), OWNTIME_UNKNOWN);
	servers[2].off_s = 0;
	assert_true(wait_for(clock_state() == OWNTIME_SNTP, 5000));
}

static void kisses_are_obeyed(void **state)
{
	servers[0].manner = KISS_DENY;
	servers[1].manner = KISS_RATE;
	servers[2].manner = MUTE;
	start();
	assert_true(wait_for(servers[2].asked >= 3, 5000));
	assert_int_equal(servers[0].asked, 1);
	assert_in_range(servers[1].asked, 1, 3);
	assert_int_equal(clock_state(), OWNTIME_UNKNOWN);
	/* Those that are left alone are not counted among those that were asked. */
	servers[2].manner = GOOD;
	assert_true(wait_for(clock_state() == OWNTIME_SNTP, 5000));
	servers[1].manner = GOOD;
	assert_true(wait_for(servers[1].asked >= 2, 5000));
	assert_int_equal(servers[0].asked, 1);
}

static void a_good_clock_asks_nobody(void **state)
{
	host_ms = WHEN_S * 1000;
	clock_open("/nonexistent", false);
	start();
	wait_for(false, 300);
	assert_int_equal(servers[0].asked, 0);
	assert_int_equal(clock_state(), OWNTIME_SYSTEM);
}

/* In 2040 it would be ten years behind the floor and more. */
static void a_clock_far_ahead_asks(void **state)
{
	host_ms = INT64_C(2209000000000);
	clock_open("/nonexistent", false);
	start();
	assert_true(wait_for(clock_state() == OWNTIME_SNTP, 5000));
	assert_in_range(clock_wall_s(), WHEN_S, WHEN_S + 10);
}

static void names_that_fail(void **state)
{
	for (size_t i = 0; i < SERVERS; i++)
		snprintf(list.at[i].host, sizeof(list.at[0].host), "nothing.invalid");
	start();
	wait_for(false, 400);
	assert_int_equal(clock_state(), OWNTIME_UNKNOWN);
}

static void closes_in_any_state(void **state)
{
	servers[1].manner = MUTE;
	for (unsigned int turns = 0; turns < 60; turns++) {
		clock_open("/nonexistent", false);
		start();
		for (unsigned int i = 0; i < turns * 2; i++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(100);
		}
		sntp_client_close(client);
		sntp_client_close(NULL);
	}
	client = NULL;
}

static void nobody_to_ask(void **state)
{
	list.n = 0;
	start();
	assert_null(client);
}

static int group_set_up(void **state)
{
	log_init(LOG_ERROR);
	clock_host.now_us = host_now;
	return 0;
}

static int group_tear_down(void **state)
{
	uv_library_shutdown();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(most_of_three),	   t(they_must_agree),
		t(kisses_are_obeyed),	   t(a_good_clock_asks_nobody),
		t(a_clock_far_ahead_asks), t(names_that_fail),
		t(closes_in_any_state),	   t(nobody_to_ask),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
