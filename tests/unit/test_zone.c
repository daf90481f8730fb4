/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which names there are, and what is said of them. */
#include "vpnd/pure/zone.h"

#include "tests/unit/pure_test.h"

#include "tests/unit/dns_message.h"

#define NEGATIVE "acme.farlan. 6 1 1 acme.farlan."

static struct zone z;
static struct zone_device site1, dotted;
static enum zone_result result;

static void name_host(struct zone_device *d, const char *name, const char *address)
{
	struct host *h = &d->hosts.at[d->hosts.n++];

	assert_int_equal(hosts_label(h->name, name), 0);
	assert_int_equal(addr_parse(&h->addr, address), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&z, 0, sizeof(z));
	memset(&site1, 0, sizeof(site1));
	memset(&dotted, 0, sizeof(dotted));
	zone_set_domain(&z, "acme");
	strcpy(site1.name, "press-07");
	assert_int_equal(addr_parse(&site1.ipv4, "100.64.0.3"), 0);
	assert_int_equal(addr_parse(&site1.ipv6, "fd00::3"), 0);
	site1.n_lans = 1;
	assert_int_equal(prefix_parse(&site1.lans[0], "192.168.201.0/24"), 0);
	name_host(&site1, "plc1", "192.168.201.10");
	name_host(&site1, "plc1", "fd64::10");
	name_host(&site1, "hmi", "192.168.201.20");
	strcpy(dotted.name, "line_2.hall");
	assert_int_equal(addr_parse(&dotted.ipv4, "100.64.0.4"), 0);
	z.at[3] = &site1;
	z.at[63] = &dotted;
	return 0;
}

static const char *answer(const struct message *m, bool tcp)
{
	static uint8_t out[65535];
	struct dns_query q;
	size_t n;

	assert_int_equal(dns_query_decode(&q, m->at, m->n), 0);
	result = zone_answer(&z, &q, tcp, out, sizeof(out), &n);
	assert_true(n <= dns_reply_limit(&q, tcp));
	return message_text(out, n);
}

static const char *ask(const char *name, unsigned int type)
{
	struct message m = message_ask(name, type);

	return answer(&m, false);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(ask("plc1.press-07.acme.farlan", DNS_A),
			    "0 qr aa rd ra | plc1.press-07.acme.farlan. 1 1 5 c0a8c90a | |");
	assert_int_equal(result, ZONE_ANSWERED);
	assert_string_equal(ask("PLC1.Press-07.ACME.farLAN", DNS_AAAA),
			    "0 qr aa rd ra | PLC1.Press-07.ACME.farLAN. 28 1 5 "
			    "fd640000000000000000000000000010 | |");
	assert_string_equal(ask("press-07.acme.farlan", DNS_A),
			    "0 qr aa rd ra | press-07.acme.farlan. 1 1 5 64400003 | |");
	assert_string_equal(ask("line_2.hall.acme.farlan", DNS_A),
			    "0 qr aa rd ra | line_2.hall.acme.farlan. 1 1 5 64400004 | |");
}

static void nothing_of_this_type(void **state)
{
	static const char *const there[] = {"hmi.press-07.acme.farlan", "line_2.hall.acme.farlan",
					    "hall.acme.farlan", "acme.farlan"};

	(void)state;
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		assert_string_equal(ask(there[i], DNS_AAAA), "0 qr aa rd ra | | " NEGATIVE " |");
		assert_int_equal(result, ZONE_NO_DATA);
		assert_string_equal(ask(there[i], 16), "0 qr aa rd ra | | " NEGATIVE " |");
	}
}

static void no_such_name(void **state)
{
	static const char *const absent[] = {
		"plc2.press-07.acme.farlan",	"site2.acme.farlan",	  "plc1.site2.acme.farlan",
		"x.plc1.press-07.acme.farlan",	"all.acme.farlan",	  "ress-07.acme.farlan",
		"plc1press-07.acme.farlan",	"*.press-07.acme.farlan", "farlan.acme.farlan",
		"plc1.line_2.hall.acme.farlan",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		assert_string_equal(ask(absent[i], DNS_A), "3 qr aa rd ra | | " NEGATIVE " |");
		assert_int_equal(result, ZONE_NO_NAME);
	}
	z.at[3] = NULL; /* disconnected */
	assert_string_equal(ask("plc1.press-07.acme.farlan", DNS_A),
			    "3 qr aa rd ra | | " NEGATIVE " |");
}

static void not_ours(void **state)
{
	static const char *const foreign[] = {
		"",
		"farlan",
		"lab.farlan",
		"example.org",
		"xacme.farlan",
		"plc1.press-07.acme.farlan.org",
		"press-07.acme",
		"1.2.0.192.in-addr.arpa",
		"201.168.192.in-addr.arpa",
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		assert_string_equal(ask(foreign[i], DNS_A), "5 qr rd ra | | |");
		assert_int_equal(result, ZONE_REFUSED);
	}
	assert_string_equal(ask("acme.farlan", DNS_AXFR), "5 qr rd ra | | |");
	assert_string_equal(ask("acme.farlan", DNS_IXFR), "5 qr rd ra | | |");
	m = message_ask("press-07.acme.farlan", DNS_A);
	m.at[m.n - 1] = 3; /* CH */
	assert_string_equal(answer(&m, false), "5 qr rd ra | | |");
	m.at[m.n - 1] = 255;
	assert_string_equal(answer(&m, false), "5 qr rd ra | | |");
	zone_set_domain(&z, "");
	assert_string_equal(ask("press-07.acme.farlan", DNS_A), "5 qr rd ra | | |");
	assert_string_equal(ask("", DNS_A), "5 qr rd ra | | |");
}

static void apex_and_any(void **state)
{
	(void)state;
	assert_string_equal(ask("acme.farlan", DNS_SOA), "0 qr aa rd ra | " NEGATIVE " | |");
	assert_string_equal(ask("plc1.press-07.acme.farlan", DNS_ANY),
			    "0 qr aa rd ra | plc1.press-07.acme.farlan. 13 1 5 "
			    "075246433834383200 | |");
	assert_string_equal(ask("plc9.press-07.acme.farlan", DNS_ANY),
			    "3 qr aa rd ra | | " NEGATIVE " |");
}

static void names_of_addresses(void **state)
{
	static const char six[] = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.6.d.f"
				  ".ip6.arpa";

	(void)state;
	assert_string_equal(ask("10.201.168.192.in-addr.arpa", DNS_PTR),
			    "0 qr aa rd ra | 10.201.168.192.in-addr.arpa. 12 1 5 "
			    "plc1.press-07.acme.farlan. | |");
	assert_non_null(strstr(ask(six, DNS_PTR), " plc1.press-07.acme.farlan. "));
	assert_non_null(strstr(ask("3.0.64.100.in-addr.arpa", DNS_PTR), " press-07.acme.farlan. "));
	assert_string_equal(ask("10.201.168.192.in-addr.arpa", DNS_A), "0 qr aa rd ra | | |");
	assert_int_equal(result, ZONE_NO_DATA);
	assert_string_equal(ask("11.201.168.192.in-addr.arpa", DNS_PTR), "3 qr aa rd ra | | |");
	assert_string_equal(ask("9.0.64.100.in-addr.arpa", DNS_PTR), "5 qr rd ra | | |");
	z.at[3] = NULL;
	assert_string_equal(ask("10.201.168.192.in-addr.arpa", DNS_PTR), "5 qr rd ra | | |");
}

/* Many names of one address: too many for UDP, cut at ZONE_NAMES_MAX for TCP. */
static void too_long(void **state)
{
	struct message m = message_ask("30.201.168.192.in-addr.arpa", DNS_PTR);
	char name[16];

	(void)state;
	for (unsigned int i = 0; site1.hosts.n < HOSTS_MAX; i++) {
		snprintf(name, sizeof(name), "alias%u", i);
		name_host(&site1, name, "192.168.201.30");
	}
	assert_string_equal(answer(&m, false), "0 qr aa tc rd ra | | |");
	assert_non_null(strstr(answer(&m, true), " alias63.press-07.acme.farlan. |"));
	message_edns(&m, 4096, 0, 0);
	assert_string_equal(answer(&m, false), "0 qr aa tc rd ra | | | . 41 1232 0");
}

static void malformed(void **state)
{
	struct message m = message_ask("press-07.acme.farlan", DNS_A);

	(void)state;
	m.n--;
	assert_string_equal(answer(&m, false), "1 qr rd ra | | |");
	assert_int_equal(result, ZONE_MALFORMED);
	m.at[2] = 4 << 3; /* NOTIFY */
	assert_string_equal(answer(&m, false), "4 qr ra | | |");
	m = message_ask("press-07.acme.farlan", DNS_A);
	message_edns(&m, 512, 1, 0);
	assert_string_equal(answer(&m, false), "0 qr rd ra | | | . 41 1232 16777216");
}

/* A device goes before a host of another one that would have its name. */
static void device_before_host(void **state)
{
	static struct zone_device d;

	(void)state;
	strcpy(d.name, "plc1.press-07");
	assert_int_equal(addr_parse(&d.ipv4, "100.64.0.9"), 0);
	z.at[9] = &d;
	assert_non_null(strstr(ask("plc1.press-07.acme.farlan", DNS_A), " 1 1 5 64400009 "));
	assert_true(zone_hides(&z, &site1, "plc1"));
	assert_false(zone_hides(&z, &site1, "hmi"));
	assert_false(zone_hides(&z, &site1, "plc"));
	assert_false(zone_hides(&z, &d, "plc1"));
	/* So its address has no name. */
	name_host(&site1, "cell", "192.168.201.11");
	name_host(&site1, "plc1", "192.168.201.11");
	assert_string_equal(ask("11.201.168.192.in-addr.arpa", DNS_PTR),
			    "0 qr aa rd ra | 11.201.168.192.in-addr.arpa. 12 1 5 "
			    "cell.press-07.acme.farlan. | |");
	assert_string_equal(ask("10.201.168.192.in-addr.arpa", DNS_PTR), "3 qr aa rd ra | | |");
	z.at[9] = NULL;
	assert_false(zone_hides(&z, &site1, "plc1"));
	assert_non_null(strstr(ask("plc1.press-07.acme.farlan", DNS_A), " 1 1 5 c0a8c90a "));
	assert_true(zone_can_name("a.b_c"));
	assert_false(zone_can_name("a..b"));
	assert_false(zone_can_name(""));
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),
		TEST(nothing_of_this_type),
		TEST(no_such_name),
		TEST(not_ours),
		TEST(apex_and_any),
		TEST(names_of_addresses),
		TEST(too_long),
		TEST(malformed),
		TEST(device_before_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
