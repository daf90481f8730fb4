/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the audit: their one form, the chain, and the forms for others. */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "accessd/pure/audit_chain.h"
#include "accessd/pure/audit_csv.h"
#include "accessd/pure/audit_syslog.h"
#include "accessd/pure/events.h"
#include "common/pure/printable.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"

static struct audit_record sample(void)
{
	return (struct audit_record){
		.seq = 7,
		.domain = "lab.example",
		.time_ms = 1795158000123,
		.synced = true,
		.event = "device.added",
		.who = {.kind = "host", .uid = "0", .name = "root"},
		.on = {.kind = "device",
		       .uid = "4f23f47d4161de026110bce2b4540384",
		       .name = "press4"},
		.from = "local",
		.folder = 3,
		.path = "/italy",
		.detail = "{\"lans\":[\"192.168.201.0/24\"]}",
		.prev = {0xab, 0xcd},
	};
}

#define ZEROS30 "000000000000000000000000000000000000000000000000000000000000"
#define GOLDEN                                                                                     \
	"{\"seq\":7,\"domain\":\"lab.example\",\"time\":\"2026-11-20T07:00:00.123Z\",\"clock\":"   \
	"\"synced\","                                                                              \
	"\"kind\":\"operation\",\"event\":\"device.added\",\"result\":\"ok\",\"who\":{\"kind\":"   \
	"\"host\","                                                                                \
	"\"uid\":\"0\",\"name\":\"root\"},\"from\":\"local\",\"on\":{\"kind\":\"device\",\"uid\":" \
	"\"4f23f47d4161de026110bce2b4540384\",\"name\":\"press4\"},\"folder\":3,\"path\":\"/"      \
	"italy\","                                                                                 \
	"\"detail\":{\"lans\":[\"192.168.201.0/24\"]},\"prev\":\"abcd" ZEROS30 "\"}"

static void golden_form(void **state)
{
	struct audit_record r = sample();
	char text[AUDIT_LINE_SIZE];
	size_t n;

	(void)state;
	assert_int_equal(audit_canonical(&r, text, &n), 0);
	assert_string_equal(text, GOLDEN);
	assert_int_equal(n, strlen(GOLDEN));
}

/* What an auditor does without us: cut the hash off, close the brace, and hash what is left. */
static void a_line_is_the_form_and_its_hash(void **state)
{
	struct audit_record r = sample(), back;
	uint8_t hash[AUDIT_HASH_BYTES], claimed[AUDIT_HASH_BYTES], real[AUDIT_HASH_BYTES];
	char text[AUDIT_LINE_SIZE], hex[AUDIT_HASH_HEX];
	size_t n;

	(void)state;
	assert_int_equal(audit_canonical(&r, text, &n), 0);
	assert_int_equal(audit_hash(text, n, hash), 0);
	assert_int_equal(text_hex_encode(hex, sizeof(hex), hash, sizeof(hash)), 0);
	assert_int_equal(audit_line(text, &n, hash), 0);
	assert_int_equal(strlen(text), n);
	assert_memory_equal(text, GOLDEN, strlen(GOLDEN) - 1);
	assert_string_equal(text + n - 2, "\"}");
	assert_memory_equal(text + n - 2 - 64, hex, 64);
	assert_int_equal(audit_line_decode(&back, claimed, real, text, n), 0);
	assert_memory_equal(claimed, real, sizeof(real));
	assert_memory_equal(claimed, hash, sizeof(hash));
	assert_memory_equal(&back, &r, sizeof(r));
}

/* Every byte: either it is refused, or it is another record with another hash than it claims. */
static void one_changed_byte_is_found(void **state)
{
	struct audit_record r = sample(), back;
	uint8_t hash[AUDIT_HASH_BYTES], claimed[AUDIT_HASH_BYTES], real[AUDIT_HASH_BYTES];
	char text[AUDIT_LINE_SIZE];
	size_t n;

	(void)state;
	assert_int_equal(audit_canonical(&r, text, &n), 0);
	assert_int_equal(audit_hash(text, n, hash), 0);
	assert_int_equal(audit_line(text, &n, hash), 0);
	for (size_t i = 0; i < n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ (1 << bit));
			if (audit_line_decode(&back, claimed, real, text, n) == 0)
				assert_memory_not_equal(claimed, real, sizeof(real));
			text[i] = (char)(text[i] ^ (1 << bit));
		}
		assert_int_equal(audit_line_decode(&back, claimed, real, text, i), -EBADMSG);
	}
}

/* The longest texts, of characters that need an escape, still fit. */
static void the_longest_record_fits(void **state)
{
	struct audit_record r = sample(), back;
	uint8_t claimed[AUDIT_HASH_BYTES], real[AUDIT_HASH_BYTES];
	char text[AUDIT_LINE_SIZE], csv[AUDIT_CSV_SIZE], out[AUDIT_SYSLOG_SIZE];
	const struct audit_sender by = {.host = "as1", .pid = 1};
	size_t n;

	(void)state;
#define FILL(field) (memset(field, '"', sizeof(field) - 1), (field)[sizeof(field) - 1] = '\0')
	FILL(r.domain);
	FILL(r.event);
	FILL(r.who.kind);
	FILL(r.who.uid);
	FILL(r.who.name);
	r.on = r.who;
	FILL(r.from);
	FILL(r.path);
	memset(r.detail, 'a', sizeof(r.detail) - 1);
	r.detail[sizeof(r.detail) - 1] = '\0';
	memcpy(r.detail, "{\"a\":\"", 6);
	memcpy(r.detail + sizeof(r.detail) - 3, "\"}", 2);
	r.seq = r.folder = AUDIT_SEQ_MAX;
	assert_int_equal(audit_canonical(&r, text, &n), 0);
	assert_int_equal(audit_hash(text, n, real), 0);
	assert_int_equal(audit_line(text, &n, real), 0);
	assert_int_equal(audit_line_decode(&back, claimed, real, text, n), 0);
	assert_memory_equal(&back, &r, sizeof(r));
	assert_int_equal(audit_csv(&r, real, csv), 0);
	assert_int_equal(audit_syslog(&r, real, &by, out, &n), 0);
	assert_int_equal(audit_journal(&r, real, out, &n), 0);
}

static void bad_lines(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"hash\":1}",
		GOLDEN, /* without a hash */
		/* Another order, a blank, another spelling: each would be another text for the
		   same. */
		"{\"seq\":7, \"domain\":\"\"}",
		"{\"seq\":07,\"domain\":\"\"}",
	};
	uint8_t claimed[AUDIT_HASH_BYTES], real[AUDIT_HASH_BYTES];
	struct audit_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(audit_line_decode(&r, claimed, real, bad[i], strlen(bad[i])),
				 -EBADMSG);
}

/* --- the chain ------------------------------------------------------------------------------- */

#define RECORDS 5

static struct audit_record records[RECORDS];
static uint8_t hashes[RECORDS][AUDIT_HASH_BYTES];

static void write_records(void)
{
	char text[AUDIT_LINE_SIZE];
	size_t n;

	for (size_t i = 0; i < RECORDS; i++) {
		records[i] = sample();
		records[i].seq = (int64_t)i + 1;
		records[i].time_ms += (int64_t)i * 2000;
		memset(records[i].prev, 0, sizeof(records[i].prev));
		if (i > 0)
			memcpy(records[i].prev, hashes[i - 1], sizeof(hashes[0]));
		assert_int_equal(audit_canonical(&records[i], text, &n), 0);
		assert_int_equal(audit_hash(text, n, hashes[i]), 0);
	}
}

static enum audit_fault check(const int *order, size_t n, size_t *at)
{
	static const uint8_t zeros[AUDIT_HASH_BYTES];
	enum audit_fault f = AUDIT_SOUND;
	struct audit_chain c;

	audit_chain_init(&c, 0, zeros);
	for (*at = 0; *at < n && f == AUDIT_SOUND; ++*at)
		f = audit_chain_take(&c, &records[order[*at]], hashes[order[*at]]);
	return f;
}

static void chains(void **state)
{
	size_t at;

	(void)state;
	write_records();
	assert_int_equal(check((const int[]){0, 1, 2, 3, 4}, 5, &at), AUDIT_SOUND);
	assert_int_equal(check((const int[]){0, 2, 3, 4}, 4, &at), AUDIT_MISSING);
	assert_int_equal(at, 2);
	assert_int_equal(check((const int[]){1, 2, 3, 4}, 4, &at), AUDIT_MISSING);
	assert_int_equal(check((const int[]){0, 2, 1, 3}, 4, &at), AUDIT_MISSING);
	assert_int_equal(check((const int[]){0, 0, 1, 2}, 4, &at), AUDIT_MISSING);
	records[2].result = AUDIT_FAILED;
	assert_int_equal(check((const int[]){0, 1, 2, 3, 4}, 5, &at), AUDIT_CHANGED);
	assert_int_equal(at, 3);
	/* With its own hash made anew, the next one tells. */
	{
		char text[AUDIT_LINE_SIZE];
		size_t n;

		assert_int_equal(audit_canonical(&records[2], text, &n), 0);
		assert_int_equal(audit_hash(text, n, hashes[2]), 0);
	}
	assert_int_equal(check((const int[]){0, 1, 2, 3, 4}, 5, &at), AUDIT_UNLINKED);
	assert_int_equal(at, 4);
}

static void clocks_that_step_back_are_told(void **state)
{
	static const uint8_t zeros[AUDIT_HASH_BYTES];
	char text[AUDIT_LINE_SIZE];
	struct audit_chain c;
	size_t n;

	(void)state;
	write_records();
	records[4].time_ms -= 3600 * 1000;
	assert_int_equal(audit_canonical(&records[4], text, &n), 0);
	assert_int_equal(audit_hash(text, n, hashes[4]), 0);
	audit_chain_init(&c, 0, zeros);
	for (size_t i = 0; i < RECORDS; i++)
		assert_int_equal(audit_chain_take(&c, &records[i], hashes[i]), AUDIT_SOUND);
	assert_int_equal(c.backwards, 1);
	assert_int_equal(c.backwards_seq, 5);
	assert_int_equal(c.records, RECORDS);
}

/* --- for others ------------------------------------------------------------------------------ */

static void rfc5424(void **state)
{
	const struct audit_sender by = {.host = "as1.example.org", .pid = 4711};
	struct audit_record r = sample();
	uint8_t hash[AUDIT_HASH_BYTES] = {1};
	char out[AUDIT_SYSLOG_SIZE];
	size_t n;

	(void)state;
	snprintf(r.on.name, sizeof(r.on.name), "a]\"\\");
	assert_int_equal(audit_syslog(&r, hash, &by, out, &n), 0);
	out[n] = '\0';
	assert_string_equal(
		out, "<109>1 2026-11-20T07:00:00.123Z as1.example.org accessd 4711 device.added "
		     "[timeQuality tzKnown=\"1\" isSynced=\"1\"][meta sequenceId=\"7\"]"
		     "[farlan@32473 event=\"device.added\" result=\"ok\" kind=\"operation\" "
		     "sr=\"SR 1.4\" "
		     "seq=\"7\" domain=\"lab.example\" whoKind=\"host\" who=\"root\" whoUid=\"0\" "
		     "from=\"local\" onKind=\"device\" on=\"a\\]\\\"\\\\\" "
		     "onUid=\"4f23f47d4161de026110bce2b4540384\" path=\"/italy\" "
		     "detail=\"{\\\"lans\\\":[\\\"192.168.201.0/24\\\"\\]}\" hash=\"0100" ZEROS30
		     "\"] device.added ok: host root from local: device a]\"\\");
	/* Not only ASCII: section 6.4. Nobody known: nothing said. */
	r.result = AUDIT_REFUSED;
	snprintf(r.on.name, sizeof(r.on.name), "\xc3\xa4");
	assert_int_equal(
		audit_syslog(&r, hash, &(struct audit_sender){.host = "", .pid = 1}, out, &n), 0);
	out[n] = '\0';
	assert_memory_equal(out, "<108>1 2026-11-20T07:00:00.123Z - accessd 1 device.added ", 56);
	assert_non_null(strstr(out, "] \xef\xbb\xbf"
				    "device.added refused: host root"));
}

static void journal_datagrams(void **state)
{
	struct audit_record r = sample();
	uint8_t hash[AUDIT_HASH_BYTES] = {1};
	char out[AUDIT_SYSLOG_SIZE + 1], id[AUDIT_MESSAGE_ID_SIZE];
	size_t n;

	(void)state;
	assert_int_equal(audit_message_id("device.added", id), 0);
	assert_string_equal(id, "46a2dcb2096ca65f31f4d8eaa4368855");
	assert_int_equal(audit_journal(&r, hash, out, &n), 0);
	out[n] = '\0';
	assert_memory_equal(out, "MESSAGE=device.added ok: host root from local: device press4\n",
			    60);
	assert_non_null(strstr(out, "\nMESSAGE_ID=46a2dcb2096ca65f31f4d8eaa4368855\nPRIORITY=5\n"));
	assert_non_null(strstr(out, "\nFARLAN_SEQ=7\nFARLAN_TIME=2026-11-20T07:00:00.123Z\n"));
	assert_non_null(strstr(out, "\nFARLAN_HASH=0100"));
	for (const char *line = out; *line; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '=') < strchr(line, '\n'));
}

static void csv_lines(void **state)
{
	struct audit_record r = sample();
	uint8_t hash[AUDIT_HASH_BYTES] = {1};
	char out[AUDIT_CSV_SIZE];
	size_t commas = 0, heads = 0;

	(void)state;
	snprintf(r.who.name, sizeof(r.who.name), "=HYPERLINK(\"http://x\")");
	snprintf(r.on.name, sizeof(r.on.name), "@a,b");
	snprintf(r.from, sizeof(r.from), "-1");
	assert_int_equal(audit_csv(&r, hash, out), 0);
	assert_string_equal(
		out, "7,lab.example,2026-11-20T07:00:00.123Z,synced,operation,device.added,ok,"
		     "host,\"'=HYPERLINK(\"\"http://x\"\")\",0,\"'-1\",device,\"'@a,b\","
		     "4f23f47d4161de026110bce2b4540384,3,/italy,"
		     "\"{\"\"lans\"\":[\"\"192.168.201.0/24\"\"]}\",0100" ZEROS30 "\r\n");
	r = sample();
	snprintf(r.detail, sizeof(r.detail), "{}");
	assert_int_equal(audit_csv(&r, hash, out), 0);
	for (const char *c = out; *c; c++)
		commas += *c == ',';
	for (const char *c = audit_csv_header(); *c; c++)
		heads += *c == ',';
	assert_int_equal(commas, heads);
}

/* --- texts and times ------------------------------------------------------------------------- */

static void printable_texts(void **state)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{"press4", "press4"},
		{"M\xc3\xbcller \xe6\x97\xa5 \xf0\x9f\x94\x91",
		 "M\xc3\xbcller \xe6\x97\xa5 \xf0\x9f\x94\x91"},
		{"a\nb\x1b[2J\x7f", "a?b?[2J?"},
		{"\xff\xc3", "??"},
		{"\xc0\xaf", "??"},	 /* not the shortest form */
		{"\xed\xa0\x80", "???"}, /* a surrogate */
		{"\xf5\x80\x80\x80", "????"},
		{"\xe2\x80\xae"
		 "evil",
		 "???evil"},	    /* right to left from here on */
		{"\xc2\x85", "??"}, /* C1 */
	};
	char out[64], small[4];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *exact = exact_copy(t[i].text, strlen(t[i].text));

		printable_copy(out, sizeof(out), exact, strlen(t[i].text));
		assert_string_equal(out, t[i].want);
		assert_true(printable_ok(out, strlen(out)));
		assert_int_equal(printable_ok(exact, strlen(t[i].text)),
				 strcmp(t[i].text, t[i].want) == 0);
		free(exact);
	}
	printable_copy(small, sizeof(small), "ab\xc3\xbc", 4); /* between characters */
	assert_string_equal(small, "ab");
}

static void utc_times(void **state)
{
	static const char *const bad[] = {"",
					  "2026-11-20T07:00:00Z",
					  "2026-02-31T00:00:00.000Z",
					  "2026-11-20 06:20:00.123Z",
					  "2026-11-20T07:00:00.123z",
					  "2026-11-20T07:00:00.-23Z",
					  "+026-11-20T07:00:00.123Z",
					  "2026-11-20T24:20:00.123Z"};
	char text[UTC_TEXT_SIZE];
	int64_t ms;

	(void)state;
	utc_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	utc_format(-5, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	utc_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	assert_int_equal(utc_parse(&ms, text), 0);
	assert_int_equal(ms, UTC_MAX_MS);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(utc_parse(&ms, bad[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_form),
		cmocka_unit_test(a_line_is_the_form_and_its_hash),
		cmocka_unit_test(one_changed_byte_is_found),
		cmocka_unit_test(the_longest_record_fits),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(chains),
		cmocka_unit_test(clocks_that_step_back_are_told),
		cmocka_unit_test(rfc5424),
		cmocka_unit_test(journal_datagrams),
		cmocka_unit_test(csv_lines),
		cmocka_unit_test(printable_texts),
		cmocka_unit_test(utc_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
