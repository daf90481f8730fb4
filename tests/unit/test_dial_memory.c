/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/dial.h"
#include "common/io/file.h"

static struct dial_memory memory, again;
static char path[64];

static int set_up(void **state)
{
	memset(&memory, 0, sizeof(memory));
	memset(&again, 0, sizeof(again));
	snprintf(path, sizeof(path), "/tmp/farlan-test-memory-%d", getpid());
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return 0;
}

static void works(const char *host, const char *addr, uint16_t port)
{
	struct sockaddr_in6 *six;
	struct sockaddr_in *four;
	struct sockaddr_storage ss;

	memset(&ss, 0, sizeof(ss));
	six = (struct sockaddr_in6 *)&ss;
	four = (struct sockaddr_in *)&ss;
	if (strchr(addr, ':')) {
		ss.ss_family = AF_INET6;
		six->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, addr, &six->sin6_addr), 1);
	} else {
		ss.ss_family = AF_INET;
		four->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, addr, &four->sin_addr), 1);
	}
	dial_remember(&memory, host, &ss);
}

static void told(const char *host, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	dial_tell(&memory, host, &a, 1);
}

static void write_file(const char *text)
{
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static void holds(const struct dial_host *h, size_t i, const char *addr, uint16_t port)
{
	char text[ADDR_TEXT_SIZE];

	assert_true(i < h->n_worked);
	addr_format(&h->worked[i].addr, text);
	assert_string_equal(text, addr);
	assert_int_equal(h->worked[i].port, port);
}

static void lives_on_disk(void **state)
{
	works("as1.lab", "192.0.2.1", 443);
	works("as2.lab", "2001:db8::2", 80);
	works("as1.lab", "192.0.2.7", 5935);
	told("as1.lab", "192.0.2.9");
	told("rs1.lab", "192.0.2.10");
	assert_true(memory.changed);
	assert_int_equal(dial_memory_save(&memory, path), 0);
	assert_false(memory.changed);
	assert_int_equal(dial_memory_load(&again, path), 0);
	assert_false(again.changed);
	assert_int_equal(again.n, 3);
	assert_memory_equal(again.hosts, memory.hosts, 3 * sizeof(memory.hosts[0]));
	/* The order says what worked last. */
	assert_string_equal(again.hosts[1].name, "as1.lab");
	holds(&again.hosts[1], 0, "192.0.2.7", 5935);
	holds(&again.hosts[1], 1, "192.0.2.1", 443);
}

static void the_same_again_is_no_change(void **state)
{
	works("as1.lab", "192.0.2.1", 443);
	told("as1.lab", "192.0.2.9");
	memory.changed = false;
	works("as1.lab", "192.0.2.1", 443);
	told("as1.lab", "192.0.2.9");
	assert_false(memory.changed);
	works("as1.lab", "192.0.2.2", 443);
	assert_true(memory.changed);
	memory.changed = false;
	told("as1.lab", "192.0.2.8");
	assert_true(memory.changed);
	dial_tell(&memory, "as1.lab", NULL, 0); /* it has none any more */
	assert_int_equal(memory.hosts[0].n_told, 0);
	dial_tell(&memory, "nobody.lab", NULL, 0);
	assert_int_equal(memory.n, 1);
}

static void old_addresses_go(void **state)
{
	char text[20];

	for (int i = 1; i <= 6; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		works("as1.lab", text, 443);
	}
	assert_int_equal(memory.hosts[0].n_worked, DIAL_WORKED_MAX);
	holds(&memory.hosts[0], 0, "192.0.2.6", 443);
	holds(&memory.hosts[0], 3, "192.0.2.3", 443);
	memory.hosts[0].worked[1].at_s -= DIAL_WORKED_S;
	memory.hosts[0].worked[2].at_s -= DIAL_WORKED_S;
	works("as1.lab", "192.0.2.6", 80);
	assert_int_equal(memory.hosts[0].n_worked, 3);
	holds(&memory.hosts[0], 1, "192.0.2.6", 443);
	holds(&memory.hosts[0], 2, "192.0.2.3", 443);
}

/* A host that is only told of never takes the place of one that worked. */
static void what_worked_stays(void **state)
{
	char host[20];

	works("as1.lab", "192.0.2.1", 443);
	for (int i = 0; i < 2 * DIAL_MEMORY_MAX; i++) {
		snprintf(host, sizeof(host), "rs%d.lab", i);
		told(host, "192.0.2.9");
	}
	assert_int_equal(memory.n, DIAL_MEMORY_MAX);
	assert_non_null(dial_find_host(&memory, "as1.lab"));
	assert_null(dial_find_host(&memory, "rs3.lab"));
	assert_non_null(dial_find_host(&memory, host));
}

static void reads_the_old_file_and_damaged_ones(void **state)
{
	assert_int_equal(dial_memory_load(&memory, path), 0); /* none */
	write_file("{\"as1.lab\": \"192.0.2.1 443\", \"as2.lab\": \"2001:db8::2 80\"}");
	assert_int_equal(dial_memory_load(&memory, path), 0);
	assert_int_equal(memory.n, 2);
	holds(&memory.hosts[1], 0, "2001:db8::2", 80);
	write_file("{\"x\": 5, \"y\": \"192.0.2.1 0\", \"z\": {\"worked\": [[\"192.0.2.1\"], 3, "
		   "[\"a\", 443, 0], [\"192.0.2.1\", 70000, 0]], \"told\": [1, \"b\"]}, "
		   "\"as1.lab\": \"192.0.2.3 443\"}");
	assert_int_equal(dial_memory_load(&again, path), 0);
	assert_int_equal(again.n, 1);
	holds(&again.hosts[0], 0, "192.0.2.3", 443);
	write_file("[]");
	assert_int_equal(dial_memory_load(&again, path), -EBADMSG);
	write_file("{");
	assert_int_equal(dial_memory_load(&again, path), -EBADMSG);
}

static void rests_are_bounded_and_end(void **state)
{
	char host[20];

	dial_rest(&memory, "as1.lab", 100000, 5);
	assert_in_range(dial_rest_ms(&memory, "as1.lab", 5), DIAL_REST_MAX_S * 1000,
			DIAL_REST_MAX_S * 1250);
	assert_int_equal(dial_rest_ms(&memory, "as2.lab", 5), 0);
	dial_rest(&memory, "as1.lab", 1, 5); /* the last word counts */
	assert_in_range(dial_rest_ms(&memory, "as1.lab", 5), 1000, 1250);
	assert_int_equal(dial_rest_ms(&memory, "as1.lab", 1256), 0);
	dial_mark_poor(&memory, "as1.lab", 5);
	assert_true(dial_is_poor(&memory, "as1.lab", 5));
	assert_false(dial_is_poor(&memory, "as1.lab", 5 + DIAL_POOR_MS));
	for (int i = 0; i < 2 * DIAL_RESTS_MAX; i++) {
		snprintf(host, sizeof(host), "as%d.lab", i);
		dial_rest(&memory, host, 50, 5);
		assert_int_not_equal(dial_rest_ms(&memory, host, 5), 0);
	}
	dial_rest(NULL, "x", 1, 1);
	dial_mark_poor(NULL, "x", 1);
	assert_int_equal(dial_rest_ms(NULL, "x", 1), 0);
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(lives_on_disk),
		t(the_same_again_is_no_change),
		t(old_addresses_go),
		t(what_worked_stays),
		t(rests_are_bounded_and_end),
		t(reads_the_old_file_and_damaged_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
