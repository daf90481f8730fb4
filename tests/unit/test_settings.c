/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "accessd/pure/settings.h"

static void values(void **state)
{
	static const struct {
		const char *key, *text;
		int64_t want; /* -1: refused */
	} t[] = {
		{"reason", "none", REASON_NONE},
		{"reason", "asked", REASON_ASKED},
		{"reason", "required", REASON_REQUIRED},
		{"reason", "Required", -1},
		{"reason", "", -1},
		{"approve", "person", APPROVE_PERSON},
		{"approve", "machine", APPROVE_MACHINE},
		{"approve", "either", APPROVE_EITHER},
		{"approve", "both", APPROVE_BOTH},
		{"approve", "both ", -1},
		{"approvers", "", 0},
		{"approvers", "shift-leaders", 0},
		{"approvers", "shift leaders", -1},
		{"approvers", "x'; DROP TABLE setting; --", -1},
		{"approvers", "%s%n", -1},
		{"approve-in", "5s", 5},
		{"approve-in", "15m", 900},
		{"approve-in", "16m", -1},
		{"approve-in", "4s", -1},
		{"approve-in", "none", -1},
		{"idle", "30m", 1800},
		{"idle", "none", 0},
		{"idle", "0", -1},
		{"idle", "0s", -1},
		{"idle", "4s", -1},
		{"idle", "5s", 5},
		{"idle", "24h", 86400},
		{"idle", "1d", 86400},
		{"idle", "25h", -1},
		{"idle", "2d", -1},
		{"idle", "-5m", -1},
		{"idle", "1h30m", -1},
		{"idle", "s", -1},
		{"idle", "99999999999999999999s", -1},
		{"limit", "8h", 28800},
		{"limit", "86401s", -1},
		{"limit", "none", -1},
		{"sessions-per-user", "1", 1},
		{"sessions-per-user", "none", 0},
		{"sessions-per-user", "0", -1},
		{"sessions-per-user", "10001", -1},
		{"sessions-per-user", "+1", -1},
		{"sessions-per-user", " 1", -1},
		{"sessions-per-user", "0x1", -1},
		{"sessions-per-domain", "100000", 100000},
		{"mfa", "required", SETTING_REQUIRED},
		{"mfa", "none", -1},
		{"hardware", "optional", SETTING_OPTIONAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct setting_value v = {0};
		enum setting s;
		int rc;

		assert_int_equal(settings_find(&s, t[i].key), 0);
		rc = settings_parse(s, t[i].text, &v);
		if (rc != (t[i].want < 0 ? -EINVAL : 0))
			fail_msg("%s=%s: %d", t[i].key, t[i].text, rc);
		if (rc == 0) {
			assert_int_equal(v.number, t[i].want);
			assert_string_equal(v.text, t[i].text);
		}
	}
}

static void keys(void **state)
{
	char text[1 << 16];
	struct setting_value v;
	enum setting s;

	(void)state;
	for (int i = 0; i < SETTINGS; i++) {
		assert_int_equal(settings_find(&s, settings_info((enum setting)i)->key), 0);
		assert_int_equal(s, i);
		assert_true(settings_info(s)->help[0] && settings_info(s)->values[0]);
		memset(text, 'a', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		assert_int_equal(settings_parse(s, text, &v), -EINVAL);
	}
	assert_int_equal(settings_find(&s, "Idle"), -ENOENT);
	assert_int_equal(settings_find(&s, ""), -ENOENT);
}

static void nearest_wins(void **state)
{
	struct settings all;

	(void)state;
	settings_init(&all, 4 * 3600);
	assert_int_equal(all.at[SETTING_IDLE].number, 1800);
	assert_int_equal(all.at[SETTING_LIMIT].number, 4 * 3600);
	assert_string_equal(all.at[SETTING_LIMIT].text, "4h");
	assert_int_equal(all.at[SETTING_APPROVE_IN].number, 120);
	assert_int_equal(all.at[SETTING_IDLE].from, SETTINGS_FROM_SERVER);
	/* Folder 7 in folder 3, then the domain. */
	assert_int_equal(settings_take(&all, "idle", "none", 7), 0);
	assert_int_equal(settings_take(&all, "idle", "5m", 3), 0);
	assert_int_equal(settings_take(&all, "reason", "asked", 3), 0);
	assert_int_equal(settings_take(&all, "reason", "required", SETTINGS_FROM_DOMAIN), 0);
	assert_int_equal(settings_take(&all, "limit", "1h", SETTINGS_FROM_DOMAIN), 0);
	assert_int_equal(settings_take(&all, "of-a-newer-version", "1h", 7), 0);
	assert_int_equal(all.at[SETTING_IDLE].number, 0);
	assert_int_equal(all.at[SETTING_IDLE].from, 7);
	assert_int_equal(all.at[SETTING_REASON].number, REASON_ASKED);
	assert_int_equal(all.at[SETTING_REASON].from, 3);
	assert_int_equal(all.at[SETTING_LIMIT].number, 3600);
	assert_int_equal(all.at[SETTING_LIMIT].from, SETTINGS_FROM_DOMAIN);
	/* A part cannot do without what is required above it; it can require more. */
	assert_int_equal(settings_take(&all, "mfa", "optional", 7), 0);
	assert_int_equal(settings_take(&all, "mfa", "required", 3), 0);
	assert_int_equal(settings_take(&all, "mfa", "optional", SETTINGS_FROM_DOMAIN), 0);
	assert_int_equal(all.at[SETTING_MFA].number, SETTING_REQUIRED);
	assert_int_equal(all.at[SETTING_MFA].from, 3);
	/* What cannot be read does not become the default. */
	assert_int_equal(settings_take(&all, "approve", "two-persons", 7), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(keys),
		cmocka_unit_test(nearest_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
