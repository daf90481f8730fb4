/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/session_record.h"

#define ID "00112233445566778899aabbccddeeff"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define GOLDEN                                                             \
	"farlan-session-record/1\n"                                        \
	"session " ID "\n"                                                 \
	"role device\n"                                                    \
	"own farlan://lab/device/4f23f47d4161de026110bce2b4540384\n"       \
	"own-key 01" /* and zeros */                                       \
	"00000000000000000000000000000000000000000000000000000000000000\n" \
	"peer farlan://lab/user/e399fbe53a50739f989ca030a13f9953\n"        \
	"peer-key 02"                                                      \
	"00000000000000000000000000000000000000000000000000000000000000\n" \
	"start 2026-11-20T07:00:00.123Z\n"                                 \
	"end 2026-11-20T07:01:00.125Z\n"                                   \
	"clock signed\n"                                                   \
	"bytes-to-device 84\n"                                             \
	"bytes-to-manager 18446744073709551615\n"                          \
	"packets-to-device 1\n"                                            \
	"packets-to-manager 2\n"                                           \
	"reason \n"                                                        \
	"ended disconnected\n"                                             \
	"number 3\n"                                                       \
	"prev " ZEROS "\n"

static struct session_record sample(void)
{
	return (struct session_record){
		.session = ID,
		.role = TOKEN_DEVICE,
		.own = {.domain = "lab",
			.kind = IDENT_DEVICE,
			.uid = "4f23f47d4161de026110bce2b4540384"},
		.peer = {.domain = "lab",
			 .kind = IDENT_USER,
			 .uid = "e399fbe53a50739f989ca030a13f9953"},
		.own_key = {1},
		.peer_key = {2},
		.start_ms = 1795158000123,
		.end_ms = 1795158060125,
		.clock = SESSION_CLOCK_SIGNED,
		.bytes_to_device = 84,
		.bytes_to_manager = UINT64_MAX,
		.packets_to_device = 1,
		.packets_to_manager = 2,
		.ended = "disconnected",
		.number = 3,
	};
}

static void golden(void **state)
{
	struct session_record r = sample(), back;
	char text[SESSION_RECORD_SIZE];
	size_t n;

	(void)state;
	assert_int_equal(session_record_encode(&r, text, &n), 0);
	assert_string_equal(text, GOLDEN);
	assert_int_equal(session_record_decode(&back, text, n), 0);
	assert_memory_equal(&back, &r, sizeof(r));
}

static void every_truncation(void **state)
{
	struct session_record r;

	(void)state;
	for (size_t n = 0; n < strlen(GOLDEN); n++) {
		char *exact = exact_copy(GOLDEN, n);

		assert_int_equal(session_record_decode(&r, exact, n), -EBADMSG);
		free(exact);
	}
	assert_int_equal(session_record_decode(&r, GOLDEN "x", strlen(GOLDEN) + 1), -EBADMSG);
}

/* One text for another: each must be refused, though it may mean the same. */
static void other_spellings(void **state)
{
	static const char *const t[][2] = {
		{"record/1", "record/2"},
		{"role device", "role user"},
		{"number 3", "number 03"},
		{"number 3", "number 0"},
		{"number 3", "number -3"},
		{"number 3", "number +3"},
		{"bytes-to-device 84", "bytes-to-device 84 "},
		{"bytes-to-device 84", "bytes-to-device 0x54"},
		{"18446744073709551615", "18446744073709551616"},
		{"device/4f23", "device/4F23"},
		{"device/4f23f47d4161de026110bce2b4540384", "relay/x"},
		{"own-key 01", "own-key 0A"},
		{"start 2026", "start 2027-"},
		{"clock signed", "clock "},
		{"clock signed", "clock perhaps"},
		{"ended disconnected", "ended a\x1b[2J"},
		{"ended disconnected", "ended \xff"},
		{"ended disconnected\n", ""},
		{"reason \n", "reason\n"},
		{"reason \n", "reason \nreason \n"},
	};
	char text[SESSION_RECORD_SIZE + 64];
	struct session_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *at = strstr(GOLDEN, t[i][0]);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOLDEN), GOLDEN, t[i][1],
			 at + strlen(t[i][0]));
		if (session_record_decode(&r, text, strlen(text)) != -EBADMSG)
			fail_msg("%s", t[i][1]);
	}
}

static void the_longest_fits(void **state)
{
	struct session_record r = sample(), back;
	char text[SESSION_RECORD_SIZE];
	size_t n;

	(void)state;
	memset(r.reason, 'a', sizeof(r.reason) - 1);
	memset(r.ended, 'b', sizeof(r.ended) - 1);
	memset(r.own.domain, 'a', sizeof(r.own.domain) - 1);
	r.peer = r.own;
	r.bytes_to_device = r.packets_to_device = r.packets_to_manager = UINT64_MAX;
	r.number = SESSION_RECORD_NUMBER_MAX;
	assert_int_equal(session_record_encode(&r, text, &n), 0);
	assert_int_equal(session_record_decode(&back, text, n), 0);
}

static void two_ends(void **state)
{
	struct session_record a = sample(), b = sample();

	(void)state;
	assert_false(session_records_match(&a, &b));
	b.role = TOKEN_MANAGER;
	b.own = a.peer;
	b.peer = a.own;
	b.own_key[0] = 2;
	b.peer_key[0] = 1;
	assert_true(session_records_match(&a, &b));
	b.peer_key[31] = 1;
	assert_false(session_records_match(&a, &b));
	b.peer_key[31] = 0;
	b.session[0] = '1';
	assert_false(session_records_match(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),	   cmocka_unit_test(every_truncation),
		cmocka_unit_test(other_spellings), cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(two_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
