/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What accessd tells of names; the names are answered here. */
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/addresses.h"
#include "common/io/file.h"
#include "common/io/lookup.h"

static uv_loop_t loop;
static struct addresses *addresses;
static struct url urls[8];
static size_t n_urls;
static const char *_Atomic as1, *_Atomic rs1; /* what the names mean; NULL: nothing */
static _Atomic unsigned int n_asked;

__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node,
						       const char *restrict service,
						       const struct addrinfo *restrict hints,
						       struct addrinfo **restrict res)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	const char *to = strcmp(node, "as1.lab") == 0 ? as1 : rs1;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	n_asked++;
	if (strcmp(node, "dead.lab") == 0)
		usleep(300000);
	return to ? real(to, service, hints, res) : EAI_NONAME;
}

static void each(struct addresses *a, void *arg)
{
	assert_ptr_equal(arg, urls);
	addresses_want(a, urls, n_urls);
}

static void add_url(const char *text)
{
	assert_int_equal(url_parse(&urls[n_urls++], text), 0);
}

static void turn_for(unsigned int ms)
{
	uint64_t until = clock_mono_ms() + ms;

	while (clock_mono_ms() < until) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(500);
	}
}

static void asked_for(unsigned int n)
{
	for (int i = 0; i < 2000 && n_asked < n; i++)
		turn_for(1);
	turn_for(20);
	assert_int_equal(n_asked, n);
}

static int set_up(void **state)
{
	struct addresses_config config = {.each = each, .arg = urls};

	n_urls = 0;
	n_asked = 0;
	as1 = "192.0.2.1";
	rs1 = "2001:db8::1";
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(addresses_open(&addresses, &loop, &config), 0);
	return 0;
}

static int tear_down(void **state)
{
	addresses_close(addresses);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

/* @want: the addresses of the item, "" none at all. */
static void tells(const char *item, const char *want)
{
	json_t *o = json_loads(item, 0, NULL), *list;
	char *text;

	addresses_tell(addresses, o);
	list = json_object_get(o, "addresses");
	text = list ? json_dumps(list, JSON_COMPACT) : strdup("");
	assert_string_equal(text, want);
	free(text);
	json_decref(o);
}

static void tells_what_names_mean(void **state)
{
	json_t *list;

	add_url("https://as1.lab");
	add_url("https://rs1.lab:444/x");
	add_url("https://192.0.2.7"); /* needs no name */
	asked_for(2);
	tells("{\"url\": \"https://as1.lab\"}", "[\"192.0.2.1\"]");
	tells("{\"urls\": [\"https://as1.lab\", \"https://rs1.lab\"]}",
	      "[\"192.0.2.1\",\"2001:db8::1\"]");
	tells("{\"url\": \"https://other.lab\"}", "");
	tells("{\"url\": \"https://192.0.2.7\"}", "");
	list = json_loads("[{\"url\": \"https://as1.lab\"}, {\"url\": 1}]", 0, NULL);
	addresses_tell(addresses, list);
	assert_non_null(json_object_get(json_array_get(list, 0), "addresses"));
	addresses_tell(NULL, list);
	json_decref(list);
}

/* Its own name means this host, as Debian's /etc/hosts has it: of no use to others. */
static void does_not_tell_of_loopback(void **state)
{
	as1 = "127.0.1.1";
	add_url("https://as1.lab");
	asked_for(1);
	tells("{\"url\": \"https://as1.lab\"}", "");
}

static void keeps_what_it_had_when_names_fail(void **state)
{
	add_url("https://as1.lab");
	asked_for(1);
	as1 = NULL;
	uv_update_time(&loop);
	addresses_refresh(addresses); /* not at once: a moment ago it was asked */
	asked_for(1);
	turn_for(ADDRESSES_NEWS_MS + 100);
	assert_int_equal(n_asked, 2);
	tells("{\"url\": \"https://as1.lab\"}", "[\"192.0.2.1\"]");
}

static void can_be_closed_while_it_asks(void **state)
{
	add_url("https://dead.lab");
	turn_for(50);
	assert_int_equal(n_asked, 1);
	addresses_close(addresses);
	addresses_close(NULL);
	addresses_refresh(NULL);
	assert_int_equal(lookup_hung(&loop), 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(lookup_hung(&loop), 0);
	addresses = NULL;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(tells_what_names_mean),
		t(does_not_tell_of_loopback),
		t(keeps_what_it_had_when_names_fail),
		t(can_be_closed_while_it_asks),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	uv_library_shutdown(); /* its threads, so that none is left when the sanitizer looks for
				  leaks */
	return failed;
}
