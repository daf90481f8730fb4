/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/dns.h"

#include "tests/unit/pure_test.h"

#include "tests/unit/dns_message.h"

static struct dns_query q;

static int decode(const struct message *m, size_t n)
{
	uint8_t *exact = exact_copy(m->at, n);
	int r = dns_query_decode(&q, exact, n);

	free(exact);
	return r;
}

static void golden(void **state)
{
	static const uint8_t bytes[] = {0x12, 0x34, 0x01, 0x10, 0,   1,	  0,   0,   0,
					0,    0,    0,	  4,	'P', 'l', 'c', '1', 4,
					'A',  'c',  'm',  'e',	0,   0,	  28,  0,   1};
	struct message m = {.n = sizeof(bytes)};

	(void)state;
	memcpy(m.at, bytes, sizeof(bytes));
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_NOERROR);
	assert_int_equal(q.id, 0x1234);
	assert_true(q.recurse && q.no_check);
	assert_string_equal(q.name, "plc1.acme");
	assert_int_equal(q.type, DNS_AAAA);
	assert_int_equal(q.class, DNS_CLASS_IN);
	assert_false(q.edns);
	assert_int_equal(q.question_bytes, 15);
	assert_memory_equal(q.question, bytes + 12, 15); /* the case stays */
}

static void edns(void **state)
{
	struct message m = message_ask("a", DNS_A);

	(void)state;
	message_edns(&m, 4096, 0, 0x8000);
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_NOERROR);
	assert_true(q.edns && q.dnssec_ok);
	assert_int_equal(q.udp_bytes, 4096);
	message_edns(&m, 4096, 0, 0); /* two of them */
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_FORMERR);
	m = message_ask("a", DNS_A);
	message_edns(&m, 512, 1, 0);
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_BADVERS);
	m = message_ask("a", DNS_A);
	message_edns(&m, 512, 0, 0);
	m.at[m.n - 1] = 6; /* an option, as of RFC 7873 */
	put16(&m, 10);
	put16(&m, 2);
	put16(&m, 0x5555);
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_NOERROR);
	m = message_ask("a", DNS_A);
	m.at[11] = 1;
	put_labels(&m, "b"); /* not the root's */
	put16(&m, DNS_OPT);
	for (int i = 0; i < 8; i++)
		put8(&m, 0);
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_FORMERR);
}

static void limits(void **state)
{
	static const struct {
		unsigned int size, limit;
	} t[] = {{0, 512}, {511, 512}, {512, 512}, {1000, 1000}, {1232, 1232}, {65535, 1232}};
	struct message m = message_ask("a", DNS_A);

	(void)state;
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(dns_reply_limit(&q, false), 512);
	assert_int_equal(dns_reply_limit(&q, true), 65535);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		m = message_ask("a", DNS_A);
		message_edns(&m, t[i].size, 0, 0);
		assert_int_equal(decode(&m, m.n), 0);
		assert_int_equal(dns_reply_limit(&q, false), t[i].limit);
	}
}

/* Of every length that is not whole: nothing, or FORMERR. */
static void truncations(void **state)
{
	struct message m = message_ask("plc1.site1.acme.farlan", DNS_A);

	(void)state;
	message_edns(&m, 1232, 0, 0);
	for (size_t n = 0; n < m.n; n++) {
		if (n < DNS_HEADER_BYTES) {
			assert_int_equal(decode(&m, n), -EBADMSG);
			continue;
		}
		assert_int_equal(decode(&m, n), 0);
		assert_int_equal(q.wrong, DNS_FORMERR);
	}
	put8(&m, 0); /* something behind the end */
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_FORMERR);
}

static void not_questions(void **state)
{
	struct message m = message_ask("a", DNS_A);

	(void)state;
	m.at[2] |= 0x80;
	assert_int_equal(decode(&m, m.n), -EBADMSG);
	for (unsigned int opcode = 1; opcode < 16; opcode++) {
		m.at[2] = (uint8_t)(opcode << 3);
		assert_int_equal(decode(&m, m.n), 0);
		assert_int_equal(q.wrong, DNS_NOTIMP);
		assert_int_equal(q.opcode, opcode);
	}
	for (size_t count = 5; count <= 9; count += 2) { /* questions, answers, authority */
		m = message_ask("a", DNS_A);
		m.at[count]++;
		assert_int_equal(decode(&m, m.n), 0);
		assert_int_equal(q.wrong, DNS_FORMERR);
	}
	m = message_ask("a", DNS_A);
	m.at[5] = 0;
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_FORMERR);
	m = message_ask("a", DNS_A);
	for (unsigned int i = 0; i <= DNS_ADDITIONAL_MAX; i++) {
		put8(&m, 0);
		for (int k = 0; k < 10; k++)
			put8(&m, 0);
	}
	m.at[11] = DNS_ADDITIONAL_MAX;
	m.n -= 11;
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_NOERROR);
	m.n += 11;
	m.at[11]++;
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_FORMERR);
}

static void names(void **state)
{
	struct message m;

	(void)state;
	m = message_ask("", DNS_A);
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_NOERROR);
	assert_string_equal(q.name, "");
	/* A dot within a label parts nothing, and neither does a NUL end it. */
	m = message_head(0, 0);
	put8(&m, 5);
	put8(&m, 'a');
	put8(&m, '.');
	put8(&m, 0);
	put8(&m, '_');
	put8(&m, 0xe4);
	put8(&m, 0);
	put16(&m, DNS_A);
	put16(&m, 1);
	assert_int_equal(decode(&m, m.n), 0);
	assert_int_equal(q.wrong, DNS_NOERROR);
	assert_string_equal(q.name, "a\?\?_\?");
	/* Pointers: to itself, forwards, into the header; and lengths that mean something else. */
	for (unsigned int first = 64; first < 256; first++) {
		m = message_head(0, 0);
		put8(&m, first);
		put8(&m, 12);
		for (int i = 0; i < 300; i++)
			put8(&m, 0);
		assert_int_equal(decode(&m, m.n), 0);
		assert_int_equal(q.wrong, DNS_FORMERR);
	}
}

/* 255 bytes on the wire are a name, 256 are none. */
static void longest_name(void **state)
{
	(void)state;
	for (unsigned int last = 61; last <= 62; last++) {
		struct message m = message_head(0, 0);

		for (unsigned int i = 0; i < 4; i++) {
			unsigned int n = i < 3 ? 63 : last;

			put8(&m, n);
			for (unsigned int k = 0; k < n; k++)
				put8(&m, 'x');
		}
		put8(&m, 0);
		put16(&m, DNS_A);
		put16(&m, 1);
		assert_int_equal(decode(&m, m.n), 0);
		assert_int_equal(q.wrong, last == 61 ? DNS_NOERROR : DNS_FORMERR);
		if (last == 61)
			assert_int_equal(strlen(q.name), DNS_NAME_SIZE - 1);
	}
}

static void answers(void **state)
{
	struct message m = message_ask("Host", DNS_A);
	struct addr four = {4, {192, 0, 2, 1}}, six = {6, {0xfd, [15] = 1}};
	uint8_t out[512];
	struct dns_reply r;
	size_t n;

	(void)state;
	message_edns(&m, 1232, 0, 0x8000);
	assert_int_equal(decode(&m, m.n), 0);
	dns_reply_begin(&r, &q, out, sizeof(out));
	dns_reply_addr(&r, &four, 5);
	dns_reply_addr(&r, &six, 5);
	dns_reply_ptr(&r, "a.b", 7);
	dns_reply_minimal(&r, 1);
	dns_reply_soa(&r, "acme.farlan", 1, false);
	n = dns_reply_end(&r, DNS_NOERROR);
	assert_int_equal(get16(out), 0xbeef);
	assert_string_equal(message_text(out, n),
			    "0 qr aa rd ra | Host. 1 1 5 c0000201"
			    " Host. 28 1 5 fd000000000000000000000000000001"
			    " Host. 12 1 7 a.b. Host. 13 1 1 075246433834383200"
			    " | acme.farlan. 6 1 1 acme.farlan. | . 41 1232 32768");
	dns_reply_begin(&r, &q, out, sizeof(out));
	n = dns_reply_end(&r, DNS_BADVERS);
	assert_string_equal(message_text(out, n), "0 qr rd ra | | | . 41 1232 16809984");
}

/* What does not fit leaves the question, TC and the OPT. */
static void cut(void **state)
{
	struct message m = message_ask("a", DNS_PTR);
	struct dns_reply r;
	uint8_t out[512];
	size_t n;

	(void)state;
	message_edns(&m, 512, 0, 0);
	assert_int_equal(decode(&m, m.n), 0);
	for (unsigned int records = 1; records < 60; records++) {
		dns_reply_begin(&r, &q, out, sizeof(out));
		for (unsigned int i = 0; i < records; i++)
			dns_reply_ptr(&r, "host.device", 5); /* 25 bytes */
		n = dns_reply_end(&r, DNS_NOERROR);
		if (12 + 7 + records * 25 + 11 <= 512) {
			assert_int_equal(n, 12 + 7 + records * 25 + 11);
			assert_int_equal(get16(out + 6), records);
		} else {
			assert_string_equal(message_text(out, n),
					    "0 qr aa tc rd ra | | | . 41 1232 0");
		}
	}
}

static void reverse(void **state)
{
	static const char six[] = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
				  ".ip6.arpa";
	static const char *const bad[] = {
		"",
		"in-addr.arpa",
		"1.in-addr.arpa",
		"2.1.168.192.in-addr.arpa.x",
		"1.2.3.4.5.in-addr.arpa",
		"256.1.168.192.in-addr.arpa",
		"01.1.168.192.in-addr.arpa",
		"x.1.168.192.in-addr.arpa",
		"1.1.168.192.ip6.arpa",
		"1.1.168.192",
		"-1.1.168.192.in-addr.arpa",
		"1111.1.168.192.in-addr.arpa",
		"ip6.arpa",
		"1..168.192.in-addr.arpa",
	};
	char text[ADDR_TEXT_SIZE], longer[100];
	struct addr a;

	(void)state;
	assert_int_equal(dns_reverse(&a, "10.1.168.192.in-addr.arpa"), 0);
	addr_format(&a, text);
	assert_string_equal(text, "192.168.1.10");
	assert_int_equal(dns_reverse(&a, six), 0);
	addr_format(&a, text);
	assert_string_equal(text, "2001:db8::1");
	assert_int_equal(dns_reverse(&a, six + 2), -EINVAL);
	snprintf(longer, sizeof(longer), "0.%s", six);
	assert_int_equal(dns_reverse(&a, longer), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dns_reverse(&a, bad[i]), -EINVAL);
}

static void noise(void **state)
{
	uint64_t seed = 5;
	struct message m = message_ask("plc1.site1.acme.farlan", DNS_A);

	(void)state;
	message_edns(&m, 1232, 0, 0);
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		struct message x = m;

		x.at[2 + noise_u32(&seed) % (x.n - 2)] = (uint8_t)noise_u32(&seed);
		x.n = 12 + noise_u32(&seed) % (x.n - 11);
		if (decode(&x, x.n) == 0)
			assert_true(strlen(q.name) < DNS_NAME_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),	 cmocka_unit_test(edns),
		cmocka_unit_test(limits),	 cmocka_unit_test(truncations),
		cmocka_unit_test(not_questions), cmocka_unit_test(names),
		cmocka_unit_test(longest_name),	 cmocka_unit_test(answers),
		cmocka_unit_test(cut),		 cmocka_unit_test(reverse),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
