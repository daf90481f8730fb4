/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/rpcmsg.h"

static int decode_n(struct rpcmsg *m, const void *text, size_t len)
{
	void *in = exact_copy(text, len);
	int r = rpcmsg_decode(m, in, len);

	free(in);
	return r;
}

static int decode(struct rpcmsg *m, const char *text)
{
	return decode_n(m, text, strlen(text));
}

static void a_request(void **state)
{
	struct rpcmsg m;
	int64_t a;

	(void)state;
	assert_int_equal(decode(&m, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"time.get\","
				    "\"params\":{\"a\":1},\"later\":[]}"),
			 0);
	assert_int_equal(m.kind, RPC_REQUEST);
	assert_int_equal(m.id, 7);
	assert_string_equal(m.method, "time.get");
	assert_true(rpc_int(m.params, "a", 1, 1, &a));
	rpcmsg_deinit(&m);
	assert_null(m.root);
	rpcmsg_deinit(&m);
}

static void a_notification(void **state)
{
	struct rpcmsg m;

	(void)state;
	assert_int_equal(decode(&m, " {\"method\":\"x\",\"jsonrpc\":\"2.0\"}\n"), 0);
	assert_int_equal(m.kind, RPC_NOTIFICATION);
	assert_int_equal(m.id, 0);
	assert_null(m.params);
	rpcmsg_deinit(&m);
}

static void a_result(void **state)
{
	struct rpcmsg m;

	(void)state;
	assert_int_equal(
		decode(&m, "{\"jsonrpc\":\"2.0\",\"id\":9007199254740991,\"result\":null}"), 0);
	assert_int_equal(m.kind, RPC_RESULT);
	assert_true(m.id == 9007199254740991);
	assert_true(json_is_null(m.result));
	rpcmsg_deinit(&m);
}

static void an_error(void **state)
{
	struct rpcmsg m;

	(void)state;
	assert_int_equal(decode(&m, "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32601,"
				    "\"message\":\"no such method\",\"data\":1}}"),
			 0);
	assert_int_equal(m.kind, RPC_ERROR);
	assert_int_equal(m.id, 3);
	assert_int_equal(m.code, RPC_NO_METHOD);
	assert_string_equal(m.message, "no such method");
	rpcmsg_deinit(&m);
	assert_int_equal(decode(&m, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				    "\"message\":\"\"}}"),
			 0);
	assert_int_equal(m.id, 0);
	rpcmsg_deinit(&m);
}

#define V "\"jsonrpc\":\"2.0\""
#define M ",\"method\":\"m\""
#define E "{\"code\":1,\"message\":\"x\"}"

static void refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{}",
		"[]",
		"1",
		"null",
		"[{" V M "}]",
		"{" V "}",
		"{" V M,
		"{" V M "}x",
		"{" V M "}{}",
		"{" V M ",}",
		"{" V M ",'a':1}",
		"{" V M ",\"a\":01}",
		"{" V M ",\"a\":NaN}",
		"{" V M ",\"a\":99999999999999999999}",
		"{" V M ",\"a\":1e999}",
		"{\"jsonrpc\":\"1.0\"" M "}",
		"{\"jsonrpc\":2.0" M "}",
		"{\"method\":\"m\"}",
		"{" V "," V M "}",
		"{" V M M "}",
		"{" V M ",\"params\":{\"a\":1,\"a\":1}}",
		"{" V M ",\"params\":[]}",
		"{" V M ",\"params\":null}",
		"{" V M ",\"params\":\"x\"}",
		"{" V M ",\"id\":0}",
		"{" V M ",\"id\":-1}",
		"{" V M ",\"id\":9007199254740992}",
		"{" V M ",\"id\":1.0}",
		"{" V M ",\"id\":\"1\"}",
		"{" V M ",\"id\":null}",
		"{" V ",\"method\":1}",
		"{" V ",\"method\":\"\"}",
		"{" V ",\"method\":\"a b\"}",
		"{" V ",\"method\":\"a\\n\"}",
		"{" V ",\"method\":\"\xc3\xa4\"}",
		"{" V M ",\"id\":1,\"result\":1}",
		"{" V M ",\"error\":" E "}",
		"{" V ",\"result\":1}",
		"{" V ",\"id\":null,\"result\":1}",
		"{" V ",\"id\":0,\"result\":1}",
		"{" V ",\"id\":1,\"result\":1,\"error\":" E "}",
		"{" V ",\"error\":" E "}",
		"{" V ",\"id\":0,\"error\":" E "}",
		"{" V ",\"id\":\"1\",\"error\":" E "}",
		"{" V ",\"id\":1,\"error\":null}",
		"{" V ",\"id\":1,\"error\":\"x\"}",
		"{" V ",\"id\":1,\"error\":{\"code\":1}}",
		"{" V ",\"id\":1,\"error\":{\"message\":\"x\"}}",
		"{" V ",\"id\":1,\"error\":{\"code\":1.5,\"message\":\"x\"}}",
		"{" V ",\"id\":1,\"error\":{\"code\":2147483648,\"message\":\"x\"}}",
		"{" V ",\"id\":1,\"error\":{\"code\":1,\"message\":1}}",
		/* NUL in a string or a name, invalid UTF-8: too long, a surrogate, cut, a lone byte
		 */
		"{" V M ",\"params\":{\"a\":\"\\u0000\"}}",
		"{" V M ",\"params\":{\"\\u0000\":1}}",
		"{" V M ",\"params\":{\"a\":\"\xc0\xaf\"}}",
		"{" V M ",\"params\":{\"a\":\"\xed\xa0\x80\"}}",
		"{" V M ",\"params\":{\"a\":\"\\ud800\"}}",
		"{" V M ",\"params\":{\"a\":\"\xe2\x82\"}}",
		"{" V M ",\"params\":{\"a\":\"\xff\"}}",
		"{" V M ",\"params\":{\"a\":\"\n\"}}",
		"\xef\xbb\xbf{" V M "}",
	};
	struct rpcmsg m = {.id = 55};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (decode(&m, bad[i]) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(decode_n(&m, "{" V M "}\0", strlen("{" V M "}") + 1), -EBADMSG);
	assert_int_equal(decode_n(&m, "{" V ",\"method\":\"m\0\"}", strlen("{" V M "}") + 1),
			 -EBADMSG);
	assert_int_equal(m.id, 55);
}

static void methods_have_a_longest_name(void **state)
{
	char text[200], name[RPC_METHOD_SIZE + 1];
	struct rpcmsg m;

	(void)state;
	memset(name, 'm', RPC_METHOD_SIZE);
	name[RPC_METHOD_SIZE] = '\0';
	snprintf(text, sizeof(text), "{" V ",\"method\":\"%s\"}", name);
	assert_int_equal(decode(&m, text), -EBADMSG);
	snprintf(text, sizeof(text), "{" V ",\"method\":\"%s\"}", name + 1);
	assert_int_equal(decode(&m, text), 0);
	assert_string_equal(m.method, name + 1);
	rpcmsg_deinit(&m);
}

/* {"jsonrpc":"2.0","method":"m","params":{"a":[[...]]}} with @depth brackets open at once. */
static char *nested(size_t depth, size_t open)
{
	char *text = malloc(100 + 2 * depth);
	size_t n = (size_t)sprintf(text, "{" V M ",\"params\":{\"a\":");

	for (size_t i = 2; i < depth; i++)
		text[n++] = '[';
	for (size_t i = 2; i < open; i++)
		text[n++] = ']';
	strcpy(text + n, "}}");
	return text;
}

static void depth_is_limited(void **state)
{
	struct rpcmsg m;
	char *text = nested(RPC_DEPTH_MAX, RPC_DEPTH_MAX);

	(void)state;
	assert_int_equal(decode(&m, text), 0);
	rpcmsg_deinit(&m);
	free(text);
	text = nested(RPC_DEPTH_MAX + 1, RPC_DEPTH_MAX + 1);
	assert_int_equal(decode(&m, text), -EBADMSG);
	free(text);
	text = nested(1000000, 0);
	assert_int_equal(decode(&m, text), -EBADMSG);
	free(text);
}

static void brackets_in_strings_do_not_count(void **state)
{
	struct rpcmsg m;
	const char *s;

	(void)state;
	assert_int_equal(decode(&m, "{" V M ",\"params\":{\"a\":\"{{{\\\"[[[[[[[[[[[[[[[[[[[[\"}}"),
			 0);
	assert_true(rpc_str(m.params, "a", &s));
	assert_string_equal(s, "{{{\"[[[[[[[[[[[[[[[[[[[[");
	rpcmsg_deinit(&m);
	/* A string that ends in a backslash does not hide what follows it. */
	assert_int_equal(decode(&m, "{" V M ",\"params\":{\"a\":\"\\\\\","
				    "\"b\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}}"),
			 -EBADMSG);
}

static void every_truncation_is_refused(void **state)
{
	static const char text[] = "{" V ",\"id\":1" M ",\"params\":{\"a\":[1,\"\\u00e4\",{}]}}";
	struct rpcmsg m;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(decode_n(&m, text, len), -EBADMSG);
	assert_int_equal(decode(&m, text), 0);
	rpcmsg_deinit(&m);
}

static void check_text(char *text, size_t len, const char *want)
{
	struct rpcmsg m;

	assert_non_null(text);
	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
	assert_int_equal(decode(&m, text), 0);
	rpcmsg_deinit(&m);
	free(text);
}

static void golden_texts(void **state)
{
	size_t n;
	char *text;

	(void)state;
	text = rpcmsg_request(1, "a.b", json_pack("{s:i}", "x", 2), &n);
	check_text(text, n, "{" V ",\"id\":1,\"method\":\"a.b\",\"params\":{\"x\":2}}");
	text = rpcmsg_request(1, "a.b", NULL, &n);
	check_text(text, n, "{" V ",\"id\":1,\"method\":\"a.b\"}");
	text = rpcmsg_notification("n", json_object(), &n);
	check_text(text, n, "{" V ",\"method\":\"n\",\"params\":{}}");
	text = rpcmsg_result(2, json_true(), &n);
	check_text(text, n, "{" V ",\"id\":2,\"result\":true}");
	text = rpcmsg_result(2, NULL, &n);
	check_text(text, n, "{" V ",\"id\":2,\"result\":{}}");
	text = rpcmsg_error(3, RPC_DENIED, "no", &n);
	check_text(text, n, "{" V ",\"id\":3,\"error\":{\"code\":1,\"message\":\"no\"}}");
	text = rpcmsg_error(0, RPC_PARSE, "what", &n);
	check_text(text, n, "{" V ",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"what\"}}");
}

/* Leaks, if any, are the sanitizer's to find. */
static void a_failed_build_takes_its_values(void **state)
{
	size_t n = 77;

	(void)state;
	assert_null(rpcmsg_request(1, "\xff", json_object(), &n));
	assert_null(rpcmsg_error(1, 1, "\xff", &n));
	assert_int_equal(n, 77);
}

static void members(void **state)
{
	json_t *o =
		json_pack("{s:s, s:I, s:b, s:n, s:f, s:s, s:s}", "s", "four", "i", (json_int_t)-5,
			  "b", 1, "n", "f", 1.0, "bytes", "AAEC", "notb64", "AAE");
	const char *s = "old";
	char out[5] = "old";
	uint8_t bytes[3];
	int64_t i = 99;
	bool b = false;
	size_t n = 88;

	(void)state;
	assert_true(rpc_str(o, "s", &s));
	assert_string_equal(s, "four");
	assert_false(rpc_str(o, "i", &s));
	assert_false(rpc_str(o, "none", &s));
	assert_false(rpc_str(o, "n", &s));
	assert_false(rpc_str(NULL, "s", &s));
	assert_false(rpc_str_max(o, "s", out, 4));
	assert_string_equal(out, "old");
	assert_true(rpc_str_max(o, "s", out, 5));
	assert_string_equal(out, "four");
	assert_false(rpc_str_max(o, "i", out, 5));
	assert_false(rpc_int(o, "i", -4, 0, &i));
	assert_false(rpc_int(o, "i", -9, -6, &i));
	assert_false(rpc_int(o, "f", 0, 9, &i));
	assert_false(rpc_int(o, "s", 0, 9, &i));
	assert_false(rpc_int(o, "b", 0, 9, &i));
	assert_int_equal(i, 99);
	assert_true(rpc_int(o, "i", -5, -5, &i));
	assert_int_equal(i, -5);
	assert_false(rpc_bool(o, "i", &b));
	assert_false(rpc_bool(o, "n", &b));
	assert_true(rpc_bool(o, "b", &b));
	assert_true(b);
	assert_false(rpc_bytes(o, "bytes", bytes, 2, &n));
	assert_false(rpc_bytes(o, "notb64", bytes, 3, &n));
	assert_false(rpc_bytes(o, "i", bytes, 3, &n));
	assert_int_equal(n, 88);
	assert_true(rpc_bytes(o, "bytes", bytes, 3, &n));
	assert_int_equal(n, 3);
	assert_memory_equal(bytes, "\0\1\2", 3);
	json_decref(o);
	o = rpc_json_bytes("\0\1\2\3", 4);
	assert_string_equal(json_string_value(o), "AAECAw==");
	json_decref(o);
	assert_null(rpc_json_bytes("", SIZE_MAX));
}

static void noise(void **state)
{
	static const char text[] = "{" V ",\"id\":1" M ",\"params\":{\"a\":[1,\"\\u00e4\",{}]}}";
	uint64_t seed = 13;

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		char *in = exact_copy(text, sizeof(text) - 1);
		struct rpcmsg m;

		in[noise_u32(&seed) % (sizeof(text) - 1)] = (char)noise_u32(&seed);
		if (rpcmsg_decode(&m, in, sizeof(text) - 1) == 0)
			rpcmsg_deinit(&m);
		free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request),
		cmocka_unit_test(a_notification),
		cmocka_unit_test(a_result),
		cmocka_unit_test(an_error),
		cmocka_unit_test(refused),
		cmocka_unit_test(methods_have_a_longest_name),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(brackets_in_strings_do_not_count),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(golden_texts),
		cmocka_unit_test(a_failed_build_takes_its_values),
		cmocka_unit_test(members),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
