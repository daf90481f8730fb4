/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/pure/duration.h"
#include "common/pure/text.h"

#define WORDS_MAX 5

enum kind {
	KIND_WORD,  /* one of words */
	KIND_SPAN,  /* "30m", "90s", or none */
	KIND_COUNT, /* a number, or none */
	KIND_NAME,  /* a name, or nothing */
};

struct row {
	struct setting_info info;
	const char *words[WORDS_MAX + 1], *dflt;
	int64_t min, max;
	enum kind kind;
	bool can_be_none;
};

#define NEEDED                               \
	{                                    \
		"optional", "required", NULL \
	}

/* clang-format off */
static const struct row TABLE[SETTINGS] = {
	[SETTING_REASON] = { .info = { "reason", false, "none, asked or required",
	  "whoever connects says what for" },
	  .kind = KIND_WORD, .words = {"none", "asked", "required", NULL}, .dflt = "none" },
	[SETTING_APPROVE] = { .info = { "approve", false, "none, person, machine, either or both",
	  "who lets a session begin: a second person, somebody at the machine" },
	  .kind = KIND_WORD, .words = {"none", "person", "machine", "either", "both", NULL}, .dflt = "none" },
	[SETTING_APPROVERS] = { .info = { "approvers", false, "a group",
	  "the persons who approve; without: who may administer the device" },
	  .kind = KIND_NAME, .dflt = "" },
	[SETTING_APPROVE_IN] = { .info = { "approve-in", false, "a time from 5s to 15m",
	  "nobody has answered by then: it is denied" },
	  .kind = KIND_SPAN, .min = 5, .max = SETTINGS_APPROVE_IN_MAX_S, .dflt = "2m" },
	[SETTING_IDLE] = { .info = { "idle", false, "a time from 5s to 24h, or none",
	  "a session that nobody uses ends" },
	  .kind = KIND_SPAN, .min = 5, .max = SETTINGS_LIMIT_MAX_S, .can_be_none = true, .dflt = "30m" },
	[SETTING_LIMIT] = { .info = { "limit", false, "a time from 10s to 24h",
	  "a session ends, used or not; without: session-hours of the configuration" },
	  .kind = KIND_SPAN, .min = 10, .max = SETTINGS_LIMIT_MAX_S, .dflt = "8h" },
	[SETTING_USER_MAX] = { .info = { "sessions-per-user", false, "a number, or none",
	  "sessions of a user of the folder at one time" },
	  .kind = KIND_COUNT, .min = 1, .max = 10000, .can_be_none = true, .dflt = "none" },
	[SETTING_DEVICE_MAX] = { .info = { "sessions-per-device", false, "a number, or none",
	  "sessions with a device of the folder at one time" },
	  .kind = KIND_COUNT, .min = 1, .max = 10000, .can_be_none = true, .dflt = "none" },
	[SETTING_DOMAIN_MAX] = { .info = { "sessions-per-domain", true, "a number, or none",
	  "sessions at one time" },
	  .kind = KIND_COUNT, .min = 1, .max = 100000, .can_be_none = true, .dflt = "none" },
	[SETTING_MFA] = { .info = { "mfa", false, "optional or required",
	  "users of the folder sign in with a second factor" },
	  .kind = KIND_WORD, .words = NEEDED, .dflt = "optional" },
	[SETTING_HARDWARE] = { .info = { "hardware", false, "optional or required",
	  "devices of the folder say which hardware they are when they enrol" },
	  .kind = KIND_WORD, .words = NEEDED, .dflt = "optional" },
};
/* clang-format on */

const struct setting_info *settings_info(enum setting s)
{
	return &TABLE[s].info;
}

int settings_find(enum setting *out, const char *key)
{
	for (int i = 0; i < SETTINGS; i++) {
		if (strcmp(TABLE[i].info.key, key) == 0) {
			*out = (enum setting)i;
			return 0;
		}
	}
	return -ENOENT;
}

static int parse_word(const struct row *r, const char *text, int64_t *n)
{
	for (int i = 0; r->words[i]; i++) {
		if (strcmp(r->words[i], text) == 0) {
			*n = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_number(const char *text, size_t len, int64_t *n)
{
	*n = 0;
	if (len == 0 || len > 9)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		*n = *n * 10 + (text[i] - '0');
	}
	return 0;
}

static int parse_span(const char *text, int64_t *n)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == 's')
		return parse_number(text, len - 1, n);
	return duration_parse(n, text);
}

static int parse_number_of(const struct row *r, const char *text, int64_t *n)
{
	int rc;

	if (r->can_be_none && strcmp(text, "none") == 0) {
		*n = 0;
		return 0;
	}
	rc = r->kind == KIND_SPAN ? parse_span(text, n) : parse_number(text, strlen(text), n);
	return rc || *n < r->min || *n > r->max ? -EINVAL : 0;
}

int settings_parse(enum setting s, const char *text, struct setting_value *v)
{
	const struct row *r = &TABLE[s];
	int64_t n = 0;
	int rc = 0;

	if (strlen(text) >= sizeof(v->text))
		return -EINVAL;
	switch (r->kind) {
	case KIND_WORD:
		rc = parse_word(r, text, &n);
		break;
	case KIND_SPAN:
	case KIND_COUNT:
		rc = parse_number_of(r, text, &n);
		break;
	case KIND_NAME:
		rc = !text[0] || text_name_ok(text) ? 0 : -EINVAL;
		break;
	}
	if (rc)
		return -EINVAL;
	v->number = n;
	snprintf(v->text, sizeof(v->text), "%s", text);
	return 0;
}

void settings_init(struct settings *all, int64_t limit_s)
{
	memset(all, 0, sizeof(*all));
	for (int i = 0; i < SETTINGS; i++) {
		(void)!settings_parse((enum setting)i, TABLE[i].dflt, &all->at[i]); /* it is one */
		all->at[i].from = SETTINGS_FROM_SERVER;
	}
	all->at[SETTING_LIMIT].number = limit_s;
	snprintf(all->at[SETTING_LIMIT].text, sizeof(all->at[SETTING_LIMIT].text), "%lldh",
		 (long long)(limit_s / 3600));
}

/* What is required above is required below, whatever is said there. */
static bool is_strict(enum setting s)
{
	return s == SETTING_MFA || s == SETTING_HARDWARE;
}

int settings_take(struct settings *all, const char *key, const char *text, int64_t from)
{
	struct setting_value v = {.from = from};
	enum setting s;

	if (settings_find(&s, key) != 0)
		return 0;
	if (all->at[s].from != SETTINGS_FROM_SERVER && !is_strict(s))
		return 0;
	if (settings_parse(s, text, &v) != 0)
		return -EINVAL;
	if (all->at[s].from == SETTINGS_FROM_SERVER || v.number == SETTING_REQUIRED)
		all->at[s] = v;
	return 0;
}
