/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests counted by method and answer, alone and in rpc. */
#include "tests/unit/pure_test.h"

#include "common/io/rpc.h"
#include "common/pure/msg.h"

static struct rpc_tally tally;

static int clear(void **state)
{
	memset(&tally, 0, sizeof(tally));
	return 0;
}

static uint64_t sum(void)
{
	uint64_t n = 0;

	for (size_t m = 0; m < RPC_TALLY_METHODS; m++)
		for (int r = 0; r < RPC_RESULTS; r++)
			n += tally.n[m][r];
	return n;
}

static void answers_find_their_method(void **state)
{
	static const struct {
		int code;
		enum rpc_result result;
	} cases[] = {
		{0, RPC_RESULT_OK},
		{RPC_DENIED, RPC_RESULT_DENIED},
		{RPC_NOT_FOUND, RPC_RESULT_NOT_FOUND},
		{RPC_CONFLICT, RPC_RESULT_CONFLICT},
		{RPC_UNAVAILABLE, RPC_RESULT_UNAVAILABLE},
		{RPC_EXPIRED, RPC_RESULT_EXPIRED},
		{RPC_BAD_PARAMS, RPC_RESULT_MALFORMED},
		{RPC_NO_METHOD, RPC_RESULT_MALFORMED},
		{RPC_INTERNAL, RPC_RESULT_INTERNAL},
		{12345, RPC_RESULT_INTERNAL},
	};
	const size_t n = sizeof(cases) / sizeof(cases[0]);
	struct rpc_tally_open open = {0};

	for (size_t i = 0; i < n; i++) {
		rpc_tally_asked(&tally, &open, 7, 3);
		rpc_tally_asked(&tally, &open, 8, 4);
		rpc_tally_answered(&tally, &open, 7, cases[i].code); /* not the one asked last */
		rpc_tally_answered(&tally, &open, 8, 0);
		assert_true(tally.n[3][cases[i].result] > 0);
		assert_true(strlen(rpc_result_name(cases[i].result)) > 1);
	}
	assert_int_equal(tally.n[4][RPC_RESULT_OK], n);
	assert_int_equal(sum(), 2 * n);
}

static void more_than_it_remembers(void **state)
{
	struct rpc_tally_open open = {0};

	for (int64_t id = 1; id <= RPC_TALLY_OPEN + 3; id++)
		rpc_tally_asked(&tally, &open, id, 1);
	for (int64_t id = 1; id <= RPC_TALLY_OPEN + 3; id++)
		rpc_tally_answered(&tally, &open, id, 0);
	assert_int_equal(tally.n[1][RPC_RESULT_OK], RPC_TALLY_OPEN);
	assert_int_equal(tally.n[RPC_TALLY_OTHER][RPC_RESULT_OK], 3);
	rpc_tally_asked(&tally, &open, 1, 1); /* all places are free again */
	rpc_tally_answered(&tally, &open, 1, 0);
	assert_int_equal(tally.n[1][RPC_RESULT_OK], RPC_TALLY_OPEN + 1);
	rpc_tally_asked(&tally, &open, 0, 999);
	assert_int_equal(tally.n[RPC_TALLY_OTHER][RPC_RESULT_NOTIFICATION], 1);
}

/* --- in rpc --- */

static int64_t kept;

static void on_now(struct rpc *rpc, int64_t id, const json_t *params)
{
	rpc_reply(rpc, id, json_object());
}

static void on_later(struct rpc *rpc, int64_t id, const json_t *params)
{
	kept = id;
}

static void on_never(struct rpc *rpc, int64_t id, const json_t *params)
{
	rpc_reject(rpc, id, RPC_DENIED, "never");
}

static int drop(struct rpc *rpc, const void *bytes, size_t n)
{
	return 0;
}

static const struct rpc_method methods[] = {
	{"now", on_now}, {"later", on_later}, {"never", on_never}};
static const struct rpc_ops ops = {.send = drop, .methods = methods, .n_methods = 3};

static void hear(struct rpc *rpc, int64_t id, const char *method)
{
	size_t len = 0;
	char *text = id ? rpcmsg_request(id, method, NULL, &len)
			: rpcmsg_notification(method, NULL, &len);
	uint8_t header[MSG_HEADER_BYTES];

	assert_non_null(text);
	msg_header_encode(header, len);
	assert_int_equal(rpc_feed(rpc, header, sizeof(header)), 0);
	assert_int_equal(rpc_feed(rpc, text, len), 0);
	free(text);
}

static void rpc_counts(void **state)
{
	struct rpc rpc;
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	rpc_init(&rpc, &loop, &ops, NULL, MSG_MAX_BYTES);
	hear(&rpc, 1, "now"); /* not counted yet */
	assert_int_equal(sum(), 0);
	rpc.tally = &tally;
	hear(&rpc, 2, "now");
	hear(&rpc, 3, "later");
	hear(&rpc, 4, "never");
	hear(&rpc, 5, "a-name-of-the-peer's");
	hear(&rpc, 0, "now");
	hear(&rpc, 0, "nothing");
	assert_int_equal(tally.n[0][RPC_RESULT_OK], 1);
	assert_int_equal(tally.n[0][RPC_RESULT_NOTIFICATION], 1);
	assert_int_equal(tally.n[1][RPC_RESULT_OK], 0);
	assert_int_equal(kept, 3);
	rpc_reply(&rpc, kept, json_object());
	assert_int_equal(tally.n[1][RPC_RESULT_OK], 1);
	assert_int_equal(tally.n[2][RPC_RESULT_DENIED], 1);
	assert_int_equal(tally.n[RPC_TALLY_OTHER][RPC_RESULT_MALFORMED], 1);
	assert_int_equal(tally.n[RPC_TALLY_OTHER][RPC_RESULT_NOTIFICATION], 1);
	assert_int_equal(sum(), 6);
	rpc_deinit(&rpc);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(answers_find_their_method, clear),
		cmocka_unit_test_setup(more_than_it_remembers, clear),
		cmocka_unit_test_setup(rpc_counts, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
