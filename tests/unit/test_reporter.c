/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>
#include <unistd.h>

#include "common/io/reporter.h"
#include "common/pure/msg.h"

#define SESSION "00112233445566778899aabbccddeeff"
#define SEEN_MAX 1000

/* A daemon and a server, and the bytes on their way between them. */
struct end {
	struct rpc rpc;
	struct buf inbox;
	struct end *other;
};

static char dir[64];
static uv_loop_t loop;
static struct end here, server;
static struct reporter *reporter;
static enum { TAKE, REFUSE, SILENT } mood;
static unsigned int messages;
static size_t n_seen;
static struct usage seen[SEEN_MAX];

static int end_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct end *e = rpc->arg;

	return buf_append(&e->other->inbox, bytes, n);
}

static void on_usage(struct rpc *rpc, int64_t id, const json_t *params)
{
	const json_t *list = json_object_get(params, "records"), *o;
	size_t i;

	messages++;
	assert_in_range(json_array_size(list), 1, USAGE_BATCH_MAX);
	json_array_foreach (list, i, o) {
		assert_true(n_seen < SEEN_MAX);
		assert_int_equal(usage_decode(&seen[n_seen++], o), 0);
	}
	if (mood == TAKE)
		rpc_reply(rpc, id, NULL);
	else if (mood == REFUSE)
		rpc_reject(rpc, id, RPC_INTERNAL, "not now");
}

static const struct rpc_method methods[] = {{"session.usage", on_usage}};
static const struct rpc_ops ops = {.send = end_send, .methods = methods, .n_methods = 1};

static void deliver(struct end *e)
{
	size_t n = buf_len(&e->inbox);

	if (n > 0) {
		assert_int_equal(rpc_feed(&e->rpc, buf_data(&e->inbox), n), 0);
		buf_consume(&e->inbox, n);
	}
}

static void run_ms(uint64_t ms)
{
	uint64_t until = uv_hrtime() / 1000000 + ms;

	do {
		uv_run(&loop, UV_RUN_NOWAIT);
		deliver(&server);
		deliver(&here);
		uv_sleep(1);
	} while (uv_hrtime() / 1000000 < until);
}

static void run_until_seen(size_t n)
{
	for (int i = 0; i < 5000 && n_seen < n; i++)
		run_ms(1);
	assert_true(n_seen >= n);
	run_ms(20);
}

static void connect_them(void)
{
	rpc_init(&here.rpc, &loop, &ops, &here, MSG_MAX_BYTES);
	rpc_init(&server.rpc, &loop, &ops, &server, MSG_MAX_BYTES);
	buf_init(&here.inbox, 1 << 20);
	buf_init(&server.inbox, 1 << 20);
	here.other = &server;
	server.other = &here;
	reporter_online(reporter, &here.rpc);
}

static void disconnect_them(void)
{
	reporter_offline(reporter);
	rpc_deinit(&here.rpc);
	rpc_deinit(&server.rpc);
	buf_deinit(&here.inbox);
	buf_deinit(&server.inbox);
}

static void open_reporter(void)
{
	struct ident id = {"lab", IDENT_DEVICE, "ffeeddccbbaa99887766554433221100"};

	assert_int_equal(reporter_open(&reporter, &loop, dir, &id, 1 << 20), 0);
}

static int set_up(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_reporter.XXXXXX");
	if (!mkdtemp(dir) || uv_loop_init(&loop) != 0)
		return 1;
	reporter_times.gather_ms = 5;
	reporter_times.answer_ms = 200;
	reporter_times.again_ms = 20;
	mood = TAKE;
	messages = 0;
	n_seen = 0;
	open_reporter();
	return 0;
}

static int tear_down(void **state)
{
	char path[96];

	reporter_close(reporter);
	uv_run(&loop, UV_RUN_DEFAULT);
	snprintf(path, sizeof(path), "%s/%s", dir, REPORTER_FILE);
	unlink(path);
	rmdir(dir);
	return uv_loop_close(&loop);
}

/* @from_ms names the stretch, @bytes tells the records apart. */
static void add(int64_t from_ms, uint64_t bytes)
{
	struct usage u = {.session = SESSION,
			  .from_ms = from_ms,
			  .to_ms = from_ms + 1,
			  .bytes_to_device = bytes};

	reporter_add(reporter, &u);
}

static size_t left(void)
{
	struct spool_stats st;

	reporter_stats(reporter, &st);
	return st.records;
}

static void goes_when_the_server_is_there(void **state)
{
	add(1, 10);
	add(2, 20);
	run_ms(20);
	assert_int_equal(n_seen, 0);
	connect_them();
	run_until_seen(2);
	assert_int_equal(messages, 1);
	assert_true(seen[0].bytes_to_device == 10 && seen[1].bytes_to_device == 20);
	assert_true(seen[1].seq == seen[0].seq + 1);
	assert_int_equal(left(), 0);
	add(3, 30);
	run_until_seen(3);
	assert_true(seen[2].bytes_to_device == 30);
	assert_int_equal(left(), 0);
	run_ms(60);
	assert_int_equal(n_seen, 3);
	disconnect_them();
}

static void newer_figures_replace_what_waits(void **state)
{
	add(1, 10);
	add(2, 1);
	add(1, 15);
	connect_them();
	run_until_seen(2);
	assert_true(seen[0].bytes_to_device == 1 && seen[1].bytes_to_device == 15);
	run_ms(30);
	assert_int_equal(n_seen, 2);
	disconnect_them();
}

static void many_go_in_several_messages(void **state)
{
	for (int i = 0; i < 450; i++)
		add(i + 1, 1);
	connect_them();
	run_until_seen(450);
	assert_true(messages >= 3);
	assert_int_equal(left(), 0);
	for (size_t i = 0; i < n_seen; i++)
		assert_int_equal(seen[i].from_ms, i + 1);
	disconnect_them();
}

/* A refusal, a lost answer, a lost connection, a new process: the same record, the same number. */
static void comes_again_until_it_is_acknowledged(void **state)
{
	add(1, 10);
	mood = REFUSE;
	connect_them();
	run_until_seen(2);
	mood = SILENT;
	run_until_seen(n_seen + 2); /* after its time is up */
	disconnect_them();
	assert_int_equal(left(), 1);
	reporter_close(reporter);
	open_reporter();
	assert_int_equal(left(), 1);
	mood = TAKE;
	connect_them();
	run_until_seen(n_seen + 1);
	assert_int_equal(left(), 0);
	for (size_t i = 1; i < n_seen; i++)
		assert_true(seen[i].seq == seen[0].seq && seen[i].bytes_to_device == 10);
	disconnect_them();
}

/* The figures grew while the older ones were under way: the answer is for these alone. */
static void an_answer_is_for_what_was_sent(void **state)
{
	mood = SILENT;
	add(1, 10);
	connect_them();
	run_until_seen(1);
	add(1, 99);
	disconnect_them();
	mood = TAKE;
	connect_them();
	run_until_seen(2);
	assert_true(seen[1].bytes_to_device == 99 && seen[1].seq > seen[0].seq);
	disconnect_them();
}

static void closed_with_a_question_under_way(void **state)
{
	mood = SILENT;
	add(1, 10);
	connect_them();
	run_until_seen(1);
	reporter_close(reporter);
	mood = TAKE;
	run_ms(300); /* the answer's time is up: nobody is told */
	open_reporter();
	assert_int_equal(left(), 1);
	disconnect_them();
}

/* A daemon that stops tells what it knows; whether that arrived is for the next one to ask. */
static void the_last_words(void **state)
{
	connect_them();
	add(1, 10);
	reporter_close(reporter);
	run_until_seen(1);
	open_reporter();
	assert_int_equal(left(), 1);
	disconnect_them();
	connect_them();
	run_until_seen(2);
	assert_true(seen[1].seq == seen[0].seq);
	assert_int_equal(left(), 0);
	disconnect_them();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_when_the_server_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(newer_figures_replace_what_waits, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(many_go_in_several_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(comes_again_until_it_is_acknowledged, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_answer_is_for_what_was_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closed_with_a_question_under_way, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
