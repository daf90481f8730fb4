/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measuring: probes of a relay in this process, over loopback. */
#include "tests/unit/relay_rig.h"

#include "common/io/tls.h"
#include "relayd/relay.h"
#include "vpnd/measure.h"

#define UID_A "00112233445566778899aabbccddeeff"
#define UID_B "ffeeddccbbaa99887766554433221100"

static const struct opt_ports ports = {.n = 1, .port = {443}};
static struct dial_memory memory;
static struct measure *m;
static unsigned int results, done;

static void on_result(struct measure *of, const struct relay_entry *e)
{
	assert_ptr_equal(of, m);
	assert_ptr_not_equal(relay_table_find(measure_table(of), e->uid), NULL);
	results++;
}

static void on_done(struct measure *of)
{
	assert_false(measure_runs(of));
	done++;
}

static const struct measure_callbacks calls = {.on_result = on_result, .on_done = on_done};

static int open_both(void **state)
{
	struct measure_config config = {.loop = &loop, .ports = &ports, .memory = &memory};

	memset(&memory, 0, sizeof(memory));
	results = done = 0;
	return setup(state) || measure_open(&m, &config, &calls, NULL);
}

static int close_both(void **state)
{
	measure_close(m);
	m = NULL;
	return teardown(state);
}

static void set_list(uint16_t a, uint16_t b)
{
	json_t *o;
	char first[64], second[64];

	snprintf(first, sizeof(first), "https://127.0.0.1:%u", a);
	snprintf(second, sizeof(second), "https://127.0.0.1:%u", b);
	o = b ? json_pack("{s:[{s:s, s:s, s:[s]}, {s:s, s:s, s:[s]}]}", "relays", "name", "a",
			  "uid", UID_A, "urls", first, "name", "b", "uid", UID_B, "urls", second)
	      : json_pack("{s:[{s:s, s:s, s:[s]}]}", "relays", "name", "a", "uid", UID_A, "urls",
			  first);
	assert_int_equal(relay_table_decode(measure_table(m), o), 0);
	json_decref(o);
}

static const struct relay_result *result(const char *uid)
{
	return &relay_table_find(measure_table(m), uid)->result;
}

static bool is_done(void *arg)
{
	return done == *(unsigned int *)arg;
}

static void wait_done(unsigned int n)
{
	assert_true(run_until(is_done, &n, 8000));
}

static int listen_on(uint16_t *at)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*at = ntohs(addr.sin_port);
	return fd;
}

/* A port that nobody listens on. */
static uint16_t closed_port(void)
{
	uint16_t at;
	int fd = listen_on(&at);

	close(fd);
	return at;
}

static void one_is_there_and_one_is_not(void **state)
{
	set_list(port, closed_port());
	assert_true(measure_begin(m, true, RELAY_KEEP_MS));
	assert_int_equal(results, 0);
	wait_done(1);
	assert_int_equal(results, 2);
	assert_int_equal(result(UID_A)->known, RELAY_REACHED);
	assert_in_range(result(UID_A)->rtt_us, 1, 5000000);
	assert_int_equal(relay->probes, PROBE_ASKS);
	assert_int_equal(memory.n, 1);
	assert_int_equal(result(UID_B)->known, RELAY_FAILED);
	assert_non_null(strstr(result(UID_B)->failed, "refused"));
	/* What is known is not measured again, unless somebody wants so. */
	assert_false(measure_begin(m, true, RELAY_KEEP_MS));
	assert_true(measure_begin(m, true, 0) || result(UID_A)->at_ms == clock_mono_ms());
}

static void rounds_that_overlap(void **state)
{
	set_list(port, 0);
	assert_true(measure_begin(m, true, 0));
	assert_true(measure_begin(m, true, 0));
	wait_done(1);
	assert_int_equal(relay->probes, PROBE_ASKS);
	set_list(port, closed_port());
	assert_true(measure_begin(m, true, RELAY_KEEP_MS));
	wait_done(2);
	assert_int_equal(relay->probes, PROBE_ASKS);
	assert_int_equal(results, 2);
}

static void a_relay_that_leaves_the_list_meanwhile(void **state)
{
	json_t *none = json_pack("{s:[]}", "relays");

	set_list(port, 0);
	assert_true(measure_begin(m, true, 0));
	assert_int_equal(relay_table_decode(measure_table(m), none), 0);
	json_decref(none);
	wait_done(1);
	assert_int_equal(results, 0);
}

static void closed_at_any_time(void **state)
{
	struct measure_config config = {.loop = &loop, .ports = &ports, .memory = &memory};

	for (uint64_t ms = 0; ms < 12; ms++) {
		set_list(port, closed_port());
		assert_true(measure_begin(m, true, 0));
		run_for(ms);
		measure_close(m);
		assert_int_equal(measure_open(&m, &config, &calls, NULL), 0);
	}
}

static void the_network_is_the_same(void **state)
{
	assert_false(measure_check_network(m));
	set_list(port, 0);
	assert_true(measure_begin(m, true, 0));
	wait_done(1);
	assert_false(measure_check_network(m));
	assert_int_equal(result(UID_A)->known, RELAY_REACHED);
}

/* Somebody else's servers on the port */

static void one_that_says_nothing(void **state)
{
	uint16_t at;
	int fd = listen_on(&at);

	set_list(at, 0);
	assert_true(measure_begin(m, true, 0));
	wait_done(1);
	assert_int_equal(result(UID_A)->known, RELAY_FAILED);
	assert_non_null(strstr(result(UID_A)->failed, "no answer within 5 s"));
	close(fd);
}

static const char *foreign_body;
static bool foreign_stays;
static unsigned int foreign_gone;

static void foreign_request(struct outer *o, const struct http_head *head)
{
	if (foreign_stays)
		(void)outer_answer(o, head, foreign_body);
	else
		outer_respond(o, 200, "OK", foreign_body);
}

static void foreign_closed(struct outer *o, bool clean, const char *reason)
{
	foreign_gone++;
}

static const struct outer_callbacks foreign_calls = {
	.on_request = foreign_request,
	.on_closed = foreign_closed,
};

static void on_foreign(uv_poll_t *poll, int status, int events)
{
	struct outer *o;
	uv_os_fd_t listening;
	int fd;

	assert_int_equal(uv_fileno((uv_handle_t *)poll, &listening), 0);
	fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_int_equal(outer_accept(&o, &loop, relay->config.tls, fd, &foreign_calls, NULL), 0);
}

static bool foreign_is_gone(void *arg)
{
	return foreign_gone == 1;
}

static void measure_foreign(const char *body, bool stays)
{
	uv_poll_t poll;
	uint16_t at;
	int fd = listen_on(&at);

	foreign_body = body;
	foreign_stays = stays;
	foreign_gone = done = 0;
	assert_int_equal(uv_poll_init(&loop, &poll, fd), 0);
	assert_int_equal(uv_poll_start(&poll, UV_READABLE, on_foreign), 0);
	set_list(at, 0);
	assert_true(measure_begin(m, true, 0));
	wait_done(1);
	uv_close((uv_handle_t *)&poll, NULL);
	assert_true(run_until(foreign_is_gone, NULL, 3000));
	close(fd);
}

static void another_server(void **state)
{
	measure_foreign("It works!", false);
	assert_int_equal(result(UID_A)->known, RELAY_FAILED);
	assert_non_null(strstr(result(UID_A)->failed, "not a Farlan relay"));
	measure_foreign("farlan accessd 1", true);
	assert_int_equal(result(UID_A)->known, RELAY_FAILED);
}

/* As a proxy may: there is one answer, and it counts. */
static void one_answer_only(void **state)
{
	measure_foreign("farlan relayd 1", false);
	assert_int_equal(result(UID_A)->known, RELAY_REACHED);
}

#define TEST_OF(f) cmocka_unit_test_setup_teardown(f, open_both, close_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OF(one_is_there_and_one_is_not),
		TEST_OF(rounds_that_overlap),
		TEST_OF(a_relay_that_leaves_the_list_meanwhile),
		TEST_OF(closed_at_any_time),
		TEST_OF(the_network_is_the_same),
		TEST_OF(one_that_says_nothing),
		TEST_OF(another_server),
		TEST_OF(one_answer_only),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
