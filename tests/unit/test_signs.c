/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host shows of vpnd, what its switch says, and the lock as it stands on disk. */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/debounce.h"
#include "vpnd/pure/lock_kept.h"
#include "vpnd/pure/signs.h"

/* --- states --- */

static void what_matters_most_is_shown(void **state)
{
	struct sign_facts f = {.enrolled = false};

	assert_string_equal(sign_name(sign_of(&f)), "not-enrolled");
	f.enrolled = true;
	assert_string_equal(sign_name(sign_of(&f)), "offline");
	f.online = true;
	assert_string_equal(sign_name(sign_of(&f)), "connected");
	f.session = true;
	assert_string_equal(sign_name(sign_of(&f)), "session");
	f.online = false; /* sessions need no Access Server */
	assert_string_equal(sign_name(sign_of(&f)), "session");
	f.refused = true;
	assert_string_equal(sign_name(sign_of(&f)), "wrong-domain");
	f.locked = true;
	assert_string_equal(sign_name(sign_of(&f)), "locked");
	f = (struct sign_facts){.locked = true};
	assert_string_equal(sign_name(sign_of(&f)), "locked");
}

/* --- diodes --- */

static void leds_are_read(void **state)
{
	static const char text[] =
		"/sys/class/leds/green/brightness connected session, /sys/class/leds/red/trigger "
		"offline=default-on locked=timer, /tmp/x locked=9";
	struct sign_leds l;
	char back[400];

	assert_null(sign_leds_parse(&l, text));
	assert_int_equal(l.n, 3);
	assert_string_equal(l.at[0].file, "/sys/class/leds/green/brightness");
	assert_string_equal(l.at[0].values[SIGN_SESSION], "1");
	assert_string_equal(l.at[0].values[SIGN_LOCKED], "0");
	assert_string_equal(l.at[1].values[SIGN_LOCKED], "timer");
	assert_string_equal(l.at[1].values[SIGN_SESSION], "none");
	assert_string_equal(l.at[2].values[SIGN_LOCKED], "9");
	sign_leds_format(&l, back, sizeof(back));
	assert_string_equal(back, text);
	assert_null(sign_leds_parse(&l, ""));
	assert_int_equal(l.n, 0);
}

static void other_leds_are_refused(void **state)
{
	static const char *const texts[] = {
		"/a",
		"a connected",
		"/a connected,",
		",/a connected",
		"/a online",
		"/a connected=",
		"/a =1",
		"/a locked=123456789012345678901234",
		"/a locked,/b locked,/c locked,/d locked,/e locked",
		"/a locked,,/b locked",
		"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa locked",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sign_leds l = {.n = 77};

		if (!sign_leds_parse(&l, texts[i]))
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(l.n, 77);
	}
}

static void leds_of_noise(void **state)
{
	static const char chars[] = "/ab ,=locked session";
	uint64_t seed = 5;

	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		char text[40], back[600], again[600];
		size_t n = noise_u32(&seed) % (sizeof(text) - 1);
		struct sign_leds l;

		for (size_t k = 0; k < n; k++)
			text[k] = chars[noise_u32(&seed) % (sizeof(chars) - 1)];
		text[n] = '\0';
		if (sign_leds_parse(&l, text))
			continue;
		sign_leds_format(&l, back, sizeof(back));
		if (l.n == 0 || sign_leds_parse(&l, back)) /* a state with "0" is no state */
			continue;
		sign_leds_format(&l, again, sizeof(again));
		assert_string_equal(again, back);
	}
}

/* --- the switch --- */

static void a_switch_that_bounces(void **state)
{
	struct debounce d = {.begun = false};

	assert_true(debounce_take(&d, 0, 1000)); /* at the start at once */
	assert_false(debounce_take(&d, 1, 1001));
	assert_false(debounce_take(&d, 0, 1010));
	assert_false(debounce_take(&d, 1, 1020));
	assert_false(debounce_take(&d, 1, 1020 + DEBOUNCE_MS - 1));
	assert_true(debounce_take(&d, 1, 1020 + DEBOUNCE_MS));
	assert_int_equal(d.value, 1);
	assert_false(debounce_take(&d, 1, 2000));
	assert_false(debounce_take(&d, 2, 2010));
	assert_false(debounce_take(&d, 0, 2070)); /* another one: its own time */
	assert_true(debounce_take(&d, 0, 2070 + DEBOUNCE_MS));
	assert_int_equal(d.value, 0);
}

/* --- the file --- */

static void the_lock_comes_back(void **state)
{
	struct lock_kept k = {true, 1796000000, "servicing \"cell 4\""}, back;
	json_t *o = lock_kept_encode(&k);

	assert_int_equal(lock_kept_decode(&back, o), 0);
	assert_true(back.locked);
	assert_int_equal(back.since_s, k.since_s);
	assert_string_equal(back.reason, k.reason);
	json_decref(o);
}

static void other_files_are_no_lock(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"locked\": 1, \"since\": 1, \"reason\": \"\"}",
		"{\"locked\": false, \"since\": \"1\", \"reason\": \"\"}",
		"{\"locked\": false, \"since\": 1}",
		"{\"locked\": false, \"since\": 1, \"reason\": \"a\\nb\"}",
	};
	struct lock_kept k = {.since_s = 7};
	char longer[LOCK_REASON_SIZE + 1];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *o = json_loads(texts[i], 0, NULL);

		assert_int_equal(lock_kept_decode(&k, o), -EBADMSG);
		assert_int_equal(k.since_s, 7);
		json_decref(o);
	}
	assert_int_equal(lock_kept_decode(&k, NULL), -EBADMSG);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_false(lock_reason_ok(longer));
	assert_true(lock_reason_ok(longer + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_matters_most_is_shown), cmocka_unit_test(leds_are_read),
		cmocka_unit_test(other_leds_are_refused),     cmocka_unit_test(leds_of_noise),
		cmocka_unit_test(a_switch_that_bounces),      cmocka_unit_test(the_lock_comes_back),
		cmocka_unit_test(other_files_are_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
