/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/msg.h"

static const uint8_t GOLDEN[] = {0, 0, 0, 2, '{', '}', 0, 0};

static void a_message_is_length_and_json(void **state)
{
	uint8_t header[MSG_HEADER_BYTES];
	const uint8_t *body;
	size_t n, used;

	(void)state;
	assert_int_equal(msg_decode(GOLDEN, sizeof(GOLDEN), 100, &body, &n, &used), 0);
	assert_ptr_equal(body, GOLDEN + 4);
	assert_int_equal(n, 2);
	assert_int_equal(used, 6);
	msg_header_encode(header, 0x12345);
	assert_memory_equal(header, "\x00\x01\x23\x45", 4);
}

static void length_zero_keeps_alive(void **state)
{
	static const uint8_t in[] = {0, 0, 0, 0};
	const uint8_t *body;
	size_t n = 9, used;

	(void)state;
	assert_int_equal(msg_decode(in, sizeof(in), 0, &body, &n, &used), 0);
	assert_int_equal(n, 0);
	assert_int_equal(used, 4);
}

static void every_truncation_waits(void **state)
{
	(void)state;
	for (size_t len = 0; len < 6; len++) {
		uint8_t *in = exact_copy(GOLDEN, len);
		const uint8_t *body = NULL;
		size_t n = 77, used = 88;

		assert_int_equal(msg_decode(in, len, 100, &body, &n, &used), -EAGAIN);
		assert_null(body);
		assert_int_equal(n, 77);
		assert_int_equal(used, 88);
		free(in);
	}
}

static void the_cap_is_checked_on_the_length_alone(void **state)
{
	uint8_t in[MSG_HEADER_BYTES];
	const uint8_t *body;
	size_t n, used;

	(void)state;
	msg_header_encode(in, MSG_MAX_BYTES);
	assert_int_equal(msg_decode(in, 4, MSG_MAX_BYTES, &body, &n, &used), -EAGAIN);
	assert_int_equal(msg_decode(in, 4, MSG_MAX_BYTES_UNKNOWN, &body, &n, &used), -EMSGSIZE);
	msg_header_encode(in, MSG_MAX_BYTES + 1);
	assert_int_equal(msg_decode(in, 4, MSG_MAX_BYTES, &body, &n, &used), -EMSGSIZE);
	assert_int_equal(
		msg_decode((const uint8_t *)"\xff\xff\xff\xff", 4, MSG_MAX_BYTES, &body, &n, &used),
		-EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_length_and_json),
		cmocka_unit_test(length_zero_keeps_alive),
		cmocka_unit_test(every_truncation_waits),
		cmocka_unit_test(the_cap_is_checked_on_the_length_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
