/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/rpc.h"
#include "common/pure/msg.h"

/* Two ends and what is on its way to each; nothing is delivered before pump(). */
struct end {
	struct rpc rpc;
	struct buf inbox; /* on its way to this end */
	struct end *other;
	int send_error;
	bool send_deinits;
	int64_t last_id; /* of "later" */
	unsigned notified;
	char note[32];
};

static uv_loop_t loop;
static struct end a, b;

static int end_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct end *e = rpc->arg;

	if (e->send_deinits)
		rpc_deinit(rpc);
	if (e->send_error != 0)
		return e->send_error;
	return buf_append(&e->other->inbox, bytes, n);
}

static void do_add(struct rpc *rpc, int64_t id, const json_t *params)
{
	int64_t x, y;

	if (!rpc_int(params, "x", 0, 1000, &x) || !rpc_int(params, "y", 0, 1000, &y))
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "x and y are %s", "0 to 1000");
	else
		rpc_reply(rpc, id, json_pack("{s:I}", "sum", (json_int_t)x + (json_int_t)y));
}

static void do_later(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct end *e = rpc->arg;

	(void)params;
	e->last_id = id;
}

static void do_note(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct end *e = rpc->arg;

	assert_int_equal(id, 0);
	e->notified++;
	assert_true(rpc_str_max(params, "text", e->note, sizeof(e->note)));
	assert_int_equal(rpc_reply(rpc, id, json_object()), 0);
	assert_int_equal(rpc_reject(rpc, id, 1, "no"), 0);
}

static void do_close(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)id;
	(void)params;
	rpc_deinit(rpc);
}

static void do_big(struct rpc *rpc, int64_t id, const json_t *params)
{
	char *text = malloc(70001);

	(void)params;
	assert_non_null(text);
	memset(text, 'x', 70000);
	text[70000] = '\0';
	assert_int_equal(rpc_reply(rpc, id, json_pack("{s:s}", "text", text)), 0);
	free(text);
}

static void do_words(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	assert_int_equal(rpc_reject(rpc, id, RPC_CONFLICT, "b\xff\xfe%s", "d"), 0);
}

static const struct rpc_method methods[] = {
	{"add", do_add},     {"later", do_later}, {"note", do_note},
	{"close", do_close}, {"big", do_big},	  {"words", do_words},
};
static const struct rpc_ops ops = {
	.send = end_send, .methods = methods, .n_methods = sizeof(methods) / sizeof(methods[0])};

static void end_init(struct end *e, struct end *other)
{
	*e = (struct end){.other = other};
	buf_init(&e->inbox, 1u << 22);
	rpc_init(&e->rpc, &loop, &ops, e, MSG_MAX_BYTES);
}

static int setup(void **state)
{
	(void)state;
	if (uv_loop_init(&loop) != 0)
		return -1;
	end_init(&a, &b);
	end_init(&b, &a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rpc_deinit(&a.rpc);
	rpc_deinit(&a.rpc);
	rpc_deinit(&b.rpc);
	buf_deinit(&a.inbox);
	buf_deinit(&b.inbox);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void deliver(struct end *e)
{
	size_t n = buf_len(&e->inbox);
	uint8_t *copy = malloc(n + 1);

	assert_non_null(copy);
	memcpy(copy, buf_data(&e->inbox), n);
	buf_consume(&e->inbox, n);
	assert_int_equal(rpc_feed(&e->rpc, copy, n), 0);
	free(copy);
}

static void pump(void)
{
	while (buf_len(&a.inbox) > 0 || buf_len(&b.inbox) > 0) {
		if (buf_len(&a.inbox) > 0)
			deliver(&a);
		if (buf_len(&b.inbox) > 0)
			deliver(&b);
	}
}

/* Static in each test: what is pending at its end is called in teardown. */
struct outcome {
	int calls, code;
	int64_t sum;
	char message[600];
	struct rpc *deinit, *ask_again, *cancel_on;
	const void *cancel_arg;
	int asked;
	struct end *free_end;
};

static void on_answer(void *arg, const json_t *result, int code, const char *message)
{
	struct outcome *o = arg;

	o->calls++;
	o->code = code;
	o->sum = json_integer_value(json_object_get(result, "sum"));
	assert_true(result != NULL || code != 0);
	snprintf(o->message, sizeof(o->message), "%s", message);
	if (o->ask_again)
		o->asked = rpc_request(o->ask_again, "add", json_object(), 1, on_answer, o);
	if (o->cancel_on)
		rpc_cancel(o->cancel_on, o->cancel_arg);
	if (o->deinit)
		rpc_deinit(o->deinit);
	if (o->free_end) {
		rpc_deinit(&o->free_end->rpc);
		memset(&o->free_end->rpc, 0xa5, sizeof(o->free_end->rpc));
	}
}

static json_t *xy(int x, int y)
{
	return json_pack("{s:i, s:i}", "x", x, "y", y);
}

/* The text of the only message on its way to @e. */
static void expect_inbox(struct end *e, const char *want)
{
	const uint8_t *body;
	size_t len, used;

	assert_int_equal(msg_decode(buf_data(&e->inbox), buf_len(&e->inbox), MSG_MAX_BYTES, &body,
				    &len, &used),
			 0);
	assert_int_equal(used, buf_len(&e->inbox));
	assert_int_equal(len, strlen(want));
	assert_memory_equal(body, want, len);
	buf_consume(&e->inbox, used);
}

static int feed_text(struct end *e, const char *text)
{
	uint8_t bytes[4096];
	size_t n = strlen(text);

	assert_true(n <= sizeof(bytes) - MSG_HEADER_BYTES);
	msg_header_encode(bytes, n);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): there is no NUL on the wire */
	memcpy(bytes + MSG_HEADER_BYTES, text, n);
	return rpc_feed(&e->rpc, bytes, MSG_HEADER_BYTES + n);
}

static void requests_both_ways(void **state)
{
	static struct outcome x = {0}, y = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2), 1000, on_answer, &x), 0);
	assert_int_equal(rpc_request(&b.rpc, "add", xy(30, 4), 1000, on_answer, &y), 0);
	assert_int_equal(x.calls, 0);
	pump();
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.code, 0);
	assert_int_equal(x.sum, 3);
	assert_int_equal(y.calls, 1);
	assert_int_equal(y.sum, 34);
	assert_int_equal(a.rpc.n_pending + b.rpc.n_pending, 0);

	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2000), 1000, on_answer, &x), 0);
	pump();
	assert_int_equal(x.calls, 2);
	assert_int_equal(x.code, RPC_BAD_PARAMS);
	assert_string_equal(x.message, "x and y are 0 to 1000");
}

static void wire_bytes(void **state)
{
	static const uint8_t keepalive[4];
	static struct outcome x = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2), 1000, on_answer, &x), 0);
	expect_inbox(
		&b,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":{\"x\":1,\"y\":2}}");
	assert_int_equal(rpc_request(&a.rpc, "m", NULL, 1000, on_answer, &x), 0);
	expect_inbox(&b, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"m\"}");
	assert_int_equal(rpc_reply(&a.rpc, 7, NULL), 0);
	expect_inbox(&b, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}");
	assert_int_equal(rpc_notify(&a.rpc, "n", json_pack("{s:b}", "k", 1)), 0);
	expect_inbox(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{\"k\":true}}");
	assert_int_equal(rpc_keepalive(&a.rpc), 0);
	assert_int_equal(buf_len(&b.inbox), 4);
	assert_memory_equal(buf_data(&b.inbox), keepalive, 4);
}

static void notifications(void **state)
{
	(void)state;
	assert_int_equal(rpc_notify(&a.rpc, "note", json_pack("{s:s}", "text", "hi")), 0);
	pump();
	assert_int_equal(b.notified, 1);
	assert_string_equal(b.note, "hi");
	assert_int_equal(rpc_notify(&a.rpc, "nothing.such", NULL), 0);
	deliver(&b);
	assert_int_equal(buf_len(&a.inbox), 0);
}

static void unknown_method(void **state)
{
	static struct outcome x = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "nothing.such", NULL, 1000, on_answer, &x), 0);
	pump();
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.code, -32601);
	assert_string_equal(x.message, "unknown method nothing.such");
}

static void answers_later_and_unknown(void **state)
{
	static struct outcome x = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &x), 0);
	pump();
	assert_int_equal(x.calls, 0);
	assert_int_equal(b.last_id, 1);
	assert_int_equal(rpc_reply(&b.rpc, 1, json_pack("{s:i}", "sum", 5)), 0);
	assert_int_equal(rpc_reply(&b.rpc, 1, json_pack("{s:i}", "sum", 6)), 0);
	assert_int_equal(rpc_reject(&b.rpc, 99, 1, "?"), 0);
	pump();
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.sum, 5);
	assert_int_equal(a.rpc.unknown_answers, 2);
	assert_int_equal(feed_text(&a,
				   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				   "\"message\":\"malformed message\"}}"),
			 0);
	assert_int_equal(a.rpc.unknown_answers, 3);
	assert_int_equal(buf_len(&b.inbox), 0);
}

static void timeouts(void **state)
{
	static struct outcome x = {0}, y = {0}, z = {0};
	uint64_t begin = uv_now(&loop);

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 60, on_answer, &x), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 20, on_answer, &y), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 40, on_answer, &z), 0);
	uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(y.calls, 1);
	assert_int_equal(y.code, RPC_TIMEOUT);
	assert_string_equal(y.message, "no answer in time");
	assert_int_equal(x.calls + z.calls, 0);
	assert_true(uv_now(&loop) - begin >= 20);
	uv_run(&loop, UV_RUN_DEFAULT); /* returns: no timer is left */
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.code, RPC_TIMEOUT);
	assert_int_equal(z.calls, 1);
	assert_true(uv_now(&loop) - begin >= 60 && uv_now(&loop) - begin < 1000);
	pump();
	assert_int_equal(rpc_reply(&b.rpc, 2, NULL), 0);
	pump();
	assert_int_equal(y.calls, 1);
	assert_int_equal(a.rpc.unknown_answers, 1);
}

static void timeout_that_ends_all(void **state)
{
	static struct outcome x = {.deinit = &a.rpc, .ask_again = &a.rpc}, y = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 10000, on_answer, &y), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 0, on_answer, &x), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	/* It asked once more in its time-out, and that was closed with the rest. */
	assert_int_equal(x.calls, 2);
	assert_int_equal(x.code, RPC_CLOSED);
	assert_int_equal(x.asked, -EPIPE);
	assert_int_equal(y.calls, 1);
	assert_int_equal(y.code, RPC_CLOSED);
}

static void timeout_that_frees(void **state)
{
	static struct outcome x = {.free_end = &a}, y = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 0, on_answer, &y), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 0, on_answer, &x), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(x.calls, 1);
	assert_int_equal(y.calls, 1);
	assert_int_equal(y.code, RPC_CLOSED);
	rpc_init(&a.rpc, &loop, &ops, &a, MSG_MAX_BYTES);
}

static void answer_that_frees(void **state)
{
	static struct outcome x = {.free_end = &a}, y = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 1), 1000, on_answer, &x), 0);
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2), 1000, on_answer, &y), 0);
	pump(); /* both answers come in one piece */
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.sum, 2);
	assert_int_equal(y.calls, 1);
	assert_int_equal(y.code, RPC_CLOSED);
	rpc_init(&a.rpc, &loop, &ops, &a, MSG_MAX_BYTES);
}

static void closed(void **state)
{
	static struct outcome x = {.ask_again = &a.rpc}, y = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &x), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &y), 0);
	rpc_deinit(&a.rpc);
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.code, RPC_CLOSED);
	assert_string_equal(x.message, "connection closed before the answer");
	assert_int_equal(x.asked, -EPIPE);
	assert_int_equal(y.calls, 1);
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2), 10, on_answer, &y), -EPIPE);
	assert_int_equal(rpc_notify(&a.rpc, "note", json_object()), -EPIPE);
	assert_int_equal(rpc_reply(&a.rpc, 1, json_object()), -EPIPE);
	assert_int_equal(rpc_reject(&a.rpc, 1, 1, "no"), -EPIPE);
	assert_int_equal(rpc_keepalive(&a.rpc), -EPIPE);
	assert_int_equal(rpc_feed(&a.rpc, "abc", 3), 0);
	assert_int_equal(y.calls, 1);
}

static void cancel(void **state)
{
	static struct outcome x = {0}, y = {0}, z = {.cancel_on = &a.rpc, .cancel_arg = &x};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &x), 0);
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2), 1000, on_answer, &y), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &x), 0);
	rpc_cancel(&a.rpc, &x);
	assert_int_equal(a.rpc.n_pending, 1);
	pump();
	assert_int_equal(y.calls, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(x.calls, 0);

	/* From within the callback of another that is being closed. */
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &x), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &z), 0);
	rpc_deinit(&a.rpc);
	assert_int_equal(z.calls, 1);
	assert_int_equal(x.calls, 0);
}

static void pending_cap(void **state)
{
	static struct outcome x = {0};

	(void)state;
	for (int i = 0; i < RPC_PENDING_MAX; i++)
		assert_int_equal(rpc_request(&a.rpc, "add", xy(i, 0), 1000, on_answer, &x), 0);
	assert_int_equal(RPC_PENDING_MAX, 256);
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 1), 1000, on_answer, &x), -ENOBUFS);
	pump();
	assert_int_equal(x.calls, 256);
	assert_int_equal(x.code, 0);
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 1), 1000, on_answer, &x), 0);
}

static void send_fails(void **state)
{
	static struct outcome x = {0}, y = {0};

	(void)state;
	a.send_error = -ENOBUFS;
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 1), 1000, on_answer, &x), -ENOBUFS);
	assert_int_equal(a.rpc.n_pending, 0);
	assert_int_equal(rpc_keepalive(&a.rpc), -ENOBUFS);
	a.send_error = 0;
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 1), 1000, on_answer, &y), 0);
	/* The transport ends within send: what waited is told, the new one only by the return
	 * value. */
	a.send_deinits = true;
	a.send_error = -EPIPE;
	assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 1), 1000, on_answer, &x), -EPIPE);
	assert_int_equal(y.calls, 1);
	assert_int_equal(y.code, RPC_CLOSED);
	assert_int_equal(x.calls, 0);
	/* The same, but send does not say so. */
	a.send_error = 0;
	b.send_deinits = true;
	assert_int_equal(rpc_request(&b.rpc, "add", xy(1, 1), 1000, on_answer, &x), -EPIPE);
	assert_int_equal(x.calls, 0);
}

static void garbage(void **state)
{
	static const char *const bad[] = {
		"x",
		"[]",
		"{}",
		"{\"jsonrpc\":\"2.0\"}",
		"{\"jsonrpc\":\"2.0\",\"method\":1}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1,\"id\":2}",
		"[{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1}]",
		"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1}x",
		"{\"jsonrpc\":\"2.0\",\"method\":\"a\xff\",\"id\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(feed_text(&b, bad[i]), -EBADMSG);
		expect_inbox(&a, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				 "\"message\":\"malformed message\"}}");
	}
	assert_int_equal(b.notified, 0);
	b.send_deinits = true;
	assert_int_equal(feed_text(&b, "x"), 0);
}

static void too_long(void **state)
{
	static const uint8_t over[] = {0, 1, 0, 1}, far_over[] = {255, 255, 255, 255};
	uint8_t header[4];

	(void)state;
	assert_int_equal(rpc_feed(&a.rpc, over, 4), -EMSGSIZE);
	assert_int_equal(rpc_feed(&b.rpc, far_over, 4), -EMSGSIZE);
	rpc_deinit(&a.rpc);
	rpc_init(&a.rpc, &loop, &ops, &a, 100);
	msg_header_encode(header, 101);
	assert_int_equal(rpc_feed(&a.rpc, header, 4), -EMSGSIZE);
	assert_int_equal(buf_len(&b.inbox), 0);
}

/* The owner raises the cap; and more comes at once than the queue may hold. */
static void cap_raised_and_many_at_once(void **state)
{
	static const char note[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"note\",\"params\":{\"text\":\"\"}}";
	static struct outcome x = {0};
	char text[301];

	(void)state;
	rpc_deinit(&b.rpc);
	rpc_init(&b.rpc, &loop, &ops, &b, 100);
	for (int i = 0; i < 200; i++)
		assert_int_equal(rpc_request(&a.rpc, "add", xy(1, 2), 1000, on_answer, &x), 0);
	assert_true(buf_len(&b.inbox) > 10000);
	pump();
	assert_int_equal(x.calls, 200);
	snprintf(text, sizeof(text), "%300s", note);
	b.rpc.message_max = 300;
	assert_int_equal(feed_text(&b, text), 0);
	assert_int_equal(b.notified, 1);
}

static void too_long_to_send(void **state)
{
	static struct outcome x = {0};
	char *text = malloc(70001);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 70000);
	text[70000] = '\0';
	assert_int_equal(
		rpc_request(&a.rpc, "add", json_pack("{s:s}", "text", text), 10, on_answer, &x),
		-EMSGSIZE);
	assert_int_equal(rpc_notify(&a.rpc, "add", json_pack("{s:s}", "text", text)), -EMSGSIZE);
	assert_int_equal(rpc_request(&a.rpc, "big", NULL, 1000, on_answer, &x), 0);
	pump();
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.code, RPC_INTERNAL);
	assert_string_equal(x.message, "the answer is too long");
	free(text);
}

static void words_that_are_no_utf8(void **state)
{
	static struct outcome x = {0};

	(void)state;
	assert_int_equal(rpc_request(&a.rpc, "words", NULL, 1000, on_answer, &x), 0);
	pump();
	assert_int_equal(x.code, RPC_CONFLICT);
	assert_string_equal(x.message, "b??d");
}

static void keepalives(void **state)
{
	(void)state;
	b.rpc.answer_keepalive = true;
	assert_int_equal(rpc_keepalive(&a.rpc), 0);
	assert_int_equal(rpc_keepalive(&a.rpc), 0);
	pump();
	assert_int_equal(b.rpc.keepalives_in, 2);
	assert_int_equal(a.rpc.keepalives_in, 2);
}

/* Cut in two at every place, then byte by byte. */
static void every_truncation(void **state)
{
	static struct outcome x = {0};
	uint8_t bytes[512];
	size_t n, cut;

	(void)state;
	assert_int_equal(rpc_notify(&a.rpc, "note", json_pack("{s:s}", "text", "one")), 0);
	assert_int_equal(rpc_keepalive(&a.rpc), 0);
	assert_int_equal(rpc_request(&a.rpc, "later", NULL, 1000, on_answer, &x), 0);
	n = buf_len(&b.inbox);
	assert_true(n > 80 && n < sizeof(bytes));
	memcpy(bytes, buf_data(&b.inbox), n);
	for (cut = 0; cut <= n; cut++) {
		buf_deinit(&b.inbox);
		rpc_deinit(&b.rpc);
		end_init(&b, &a);
		assert_int_equal(rpc_feed(&b.rpc, bytes, cut), 0);
		assert_int_equal(b.last_id, cut == n ? 1 : 0);
		assert_int_equal(rpc_feed(&b.rpc, bytes + cut, n - cut), 0);
		assert_int_equal(b.notified, 1);
		assert_int_equal(b.rpc.keepalives_in, 1);
		assert_int_equal(b.last_id, 1);
		assert_int_equal(buf_len(&b.rpc.in), 0);
	}
	for (cut = 0; cut < n; cut++)
		assert_int_equal(rpc_feed(&b.rpc, bytes + cut, 1), 0);
	assert_int_equal(b.notified, 2);
}

static void method_that_closes(void **state)
{
	static struct outcome x = {0};

	(void)state;
	assert_int_equal(rpc_request(&b.rpc, "later", NULL, 1000, on_answer, &x), 0);
	buf_consume(&a.inbox, buf_len(&a.inbox));
	assert_int_equal(rpc_notify(&a.rpc, "note", json_pack("{s:s}", "text", "1")), 0);
	assert_int_equal(rpc_notify(&a.rpc, "close", NULL), 0);
	assert_int_equal(rpc_notify(&a.rpc, "note", json_pack("{s:s}", "text", "2")), 0);
	pump();
	assert_string_equal(b.note, "1");
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.code, RPC_CLOSED);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_both_ways),
		TEST(wire_bytes),
		TEST(notifications),
		TEST(unknown_method),
		TEST(answers_later_and_unknown),
		TEST(timeouts),
		TEST(timeout_that_ends_all),
		TEST(timeout_that_frees),
		TEST(answer_that_frees),
		TEST(closed),
		TEST(cancel),
		TEST(pending_cap),
		TEST(send_fails),
		TEST(garbage),
		TEST(too_long),
		TEST(cap_raised_and_many_at_once),
		TEST(too_long_to_send),
		TEST(words_that_are_no_utf8),
		TEST(keepalives),
		TEST(every_truncation),
		TEST(method_that_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
