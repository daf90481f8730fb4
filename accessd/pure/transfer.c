/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/lists.h"
#include "accessd/pure/permit.h"
#include "accessd/pure/transfer_fields.h"
#include "common/pure/hosts.h"
#include "common/pure/rate.h"
#include "common/pure/rules.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"

#define GROUPS_MAX 256 /* of one user */

#define F (1u << TRANSFER_FOLDER)
#define G (1u << TRANSFER_GROUP)
#define U (1u << TRANSFER_USER)
#define D (1u << TRANSFER_DEVICE)
#define P (1u << TRANSFER_PERMISSION)

static const struct {
	const char *one, *many;
} KINDS[TRANSFER_KINDS] = {
	[TRANSFER_FOLDER] = {"folder", "folders"},
	[TRANSFER_GROUP] = {"group", "groups"},
	[TRANSFER_USER] = {"user", "users"},
	[TRANSFER_DEVICE] = {"device", "devices"},
	[TRANSFER_PERMISSION] = {"permission", "permissions"},
};

const char *transfer_kind_name(enum transfer_kind k)
{
	return KINDS[k].one;
}

const char *transfer_list_name(enum transfer_kind k)
{
	return KINDS[k].many;
}

bool transfer_kind_find(enum transfer_kind *k, const char *name)
{
	for (size_t i = 0; i < TRANSFER_KINDS; i++) {
		if (strcmp(name, KINDS[i].one) == 0 || strcmp(name, KINDS[i].many) == 0) {
			*k = (enum transfer_kind)i;
			return true;
		}
	}
	return false;
}

bool transfer_path_ok(const char *path)
{
	char name[TEXT_NAME_MAX + 1];
	size_t depth = 0;

	if (strcmp(path, "/") == 0)
		return true;
	while (*path == '/' && ++depth <= TRANSFER_DEPTH_MAX) {
		size_t n = strcspn(++path, "/");

		if (n > TEXT_NAME_MAX)
			return false;
		memcpy(name, path, n);
		name[n] = '\0';
		if (!text_name_ok(name))
			return false;
		path += n;
	}
	return *path == '\0' && depth > 0 && depth <= TRANSFER_DEPTH_MAX;
}

/* --- each form in its one spelling; NULL: @error says more, or is empty --- */

static json_t *take_name(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *text = json_string_value(v);

	if (text && text_name_ok(text))
		return json_string(text);
	snprintf(error, TRANSFER_ERROR_SIZE,
		 "a name has 1 to 63 of a-z, 0-9, '-', '.' and '_', with a letter or digit at both "
		 "ends");
	return NULL;
}

static json_t *take_path(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *text = json_string_value(v);

	if (text && transfer_path_ok(text))
		return json_string(text);
	snprintf(error, TRANSFER_ERROR_SIZE,
		 "a folder is written / or /italy/plant3, at most %d deep", TRANSFER_DEPTH_MAX);
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *take_names(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *names[GROUPS_MAX];
	size_t n = json_array_size(v);
	json_t *out;

	snprintf(error, TRANSFER_ERROR_SIZE, "a list of up to %d names of groups, each once",
		 GROUPS_MAX);
	if (!json_is_array(v) || n > GROUPS_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		names[i] = json_string_value(json_array_get(v, i));
		if (!names[i] || !text_name_ok(names[i]))
			return NULL;
	}
	qsort(names, n, sizeof(names[0]), by_text);
	out = json_array();
	for (size_t i = 0; i < n && out; i++) {
		if (i > 0 && strcmp(names[i - 1], names[i]) == 0) {
			json_decref(out);
			return NULL;
		}
		json_array_append_new(out, json_string(names[i]));
	}
	return out;
}

static json_t *take_lans(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	char words[LISTS_ERROR_SIZE] = "a list of prefixes like 192.168.1.0/24";
	struct lans lans;

	if (json_is_array(v) && lans_of_device_from_json(&lans, v, words) == 0)
		return lans_to_json(&lans);
	snprintf(error, TRANSFER_ERROR_SIZE, "%s", words);
	return NULL;
}

static json_t *take_rate(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *text = json_string_value(v);
	char out[RATE_TEXT_SIZE];
	uint64_t rate;

	if (text && rate_parse(&rate, text) == 0) {
		rate_format(rate, out);
		return json_string(out);
	}
	snprintf(error, TRANSFER_ERROR_SIZE, "a rate is 64kbit to 100gbit, like 10mbit, or none");
	return NULL;
}

void transfer_until_format(int64_t until, char out[TRANSFER_UNTIL_SIZE])
{
	char text[UTC_TEXT_SIZE];

	snprintf(out, TRANSFER_UNTIL_SIZE, "none");
	if (until <= 0)
		return;
	utc_format(until > UTC_MAX_MS / 1000 ? UTC_MAX_MS : until * 1000, text);
	snprintf(out, TRANSFER_UNTIL_SIZE, "%.19sZ", text); /* whole seconds */
}

int transfer_until_parse(int64_t *until, const char *text)
{
	char whole[UTC_TEXT_SIZE];
	int64_t ms = 0;
	int rc = 0;

	if (strcmp(text, "none") != 0) {
		if (strlen(text) != strlen("2027-03-31T18:00:00Z") || text[19] != 'Z')
			return -EINVAL;
		snprintf(whole, sizeof(whole), "%.19s.000Z", text);
		rc = utc_parse(&ms, whole);
	}
	*until = ms / 1000;
	return rc;
}

static json_t *take_until(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *text = json_string_value(v);
	char out[TRANSFER_UNTIL_SIZE];
	int64_t until;

	if (text && transfer_until_parse(&until, text) == 0) {
		transfer_until_format(until, out);
		return json_string(out);
	}
	snprintf(error, TRANSFER_ERROR_SIZE, "a time like 2027-03-31T18:00:00Z, or none");
	return NULL;
}

static json_t *take_rules(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	size_t n = json_array_size(v);
	json_t *out;

	if (json_is_null(v))
		return json_null();
	snprintf(error, TRANSFER_ERROR_SIZE, "a list of up to %d rules", RULES_MAX);
	if (!json_is_array(v) || n > RULES_MAX)
		return NULL;
	out = json_array();
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(v, i));
		char spelled[RULE_TEXT_SIZE];
		struct rule r;

		if (!text || rule_parse(&r, text) != 0) {
			snprintf(error, TRANSFER_ERROR_SIZE, "number %zu is no rule", i + 1);
			json_decref(out);
			return NULL;
		}
		rule_format(&r, spelled);
		json_array_append_new(out, json_string(spelled));
	}
	return out;
}

static int by_host(const void *a, const void *b)
{
	const struct host *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : (int)one->addr.family - (int)other->addr.family;
}

static json_t *take_hosts(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	struct hosts *h = malloc(sizeof(*h));
	json_t *out = NULL;

	snprintf(error, TRANSFER_ERROR_SIZE,
		 "a list of up to %d hosts {name, address}, in a cell NAME=ADDRESS", HOSTS_MAX);
	if (h && hosts_decode(h, v) == 0) {
		qsort(h->at, h->n, sizeof(h->at[0]), by_host);
		out = hosts_encode(h);
	}
	free(h);
	return out;
}

static json_t *take_permission(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *text = json_string_value(v);
	enum permission p;

	if (text && permit_parse(&p, text))
		return json_string(permit_name(p));
	snprintf(error, TRANSFER_ERROR_SIZE, "there is no such permission");
	return NULL;
}

static json_t *take_effect(const json_t *v, char error[TRANSFER_ERROR_SIZE])
{
	const char *text = json_string_value(v);

	if (text && (strcmp(text, "allow") == 0 || strcmp(text, "deny") == 0))
		return json_string(text);
	snprintf(error, TRANSFER_ERROR_SIZE, "allow or deny");
	return NULL;
}

const struct transfer_field TRANSFER_FIELDS[] = {
	{"name", G | U | D, G | U | D, TRANSFER_TEXT, take_name},
	{"path", F, F, TRANSFER_TEXT, take_path},
	{"folder", G | U | D | P, 0, TRANSFER_TEXT, take_path},
	{"groups", U, 0, TRANSFER_WORDS, take_names},
	{"lans", D, 0, TRANSFER_WORDS, take_lans},
	{"rate", U | D, 0, TRANSFER_TEXT, take_rate},
	{"valid_until", U, 0, TRANSFER_TEXT, take_until},
	{"rules", D, 0, TRANSFER_RULES, take_rules},
	{"hosts", D, 0, TRANSFER_HOSTS, take_hosts},
	{"user", P, 0, TRANSFER_TEXT, take_name},
	{"group", P, 0, TRANSFER_TEXT, take_name},
	{"device", P, 0, TRANSFER_TEXT, take_name},
	{"permission", P, P, TRANSFER_TEXT, take_permission},
	{"effect", P, P, TRANSFER_TEXT, take_effect},
};
const size_t TRANSFER_FIELDS_N = sizeof(TRANSFER_FIELDS) / sizeof(TRANSFER_FIELDS[0]);

/* --- items --- */

static bool is_field_of(enum transfer_kind k, const char *name)
{
	for (size_t i = 0; i < TRANSFER_FIELDS_N; i++) {
		if (strcmp(TRANSFER_FIELDS[i].name, name) == 0)
			return TRANSFER_FIELDS[i].kinds & (1u << k);
	}
	return false;
}

/* A permission is of one user or group, and for one folder or device. */
static bool is_whole(enum transfer_kind k, const json_t *item, char error[TRANSFER_ERROR_SIZE])
{
	if (k != TRANSFER_PERMISSION)
		return true;
	if (!json_object_get(item, "user") == !json_object_get(item, "group"))
		snprintf(error, TRANSFER_ERROR_SIZE, "either user or group is needed");
	else if (!json_object_get(item, "folder") == !json_object_get(item, "device"))
		snprintf(error, TRANSFER_ERROR_SIZE, "either folder or device is needed");
	else
		return true;
	return false;
}

static bool take_field(enum transfer_kind k, const struct transfer_field *f, const json_t *raw,
		       json_t *out, char error[TRANSFER_ERROR_SIZE])
{
	char words[TRANSFER_ERROR_SIZE] = "";
	const json_t *v = json_object_get(raw, f->name);
	json_t *taken;

	if (!(f->kinds & (1u << k)))
		return true;
	if (!v && (f->needed & (1u << k))) {
		snprintf(error, TRANSFER_ERROR_SIZE, "%s is missing", f->name);
		return false;
	}
	if (!v)
		return true;
	taken = f->take(v, words);
	if (taken && json_object_set_new(out, f->name, taken) == 0)
		return true;
	snprintf(error, TRANSFER_ERROR_SIZE, "%s: %.200s", f->name, words);
	return false;
}

json_t *transfer_item(enum transfer_kind k, json_t *raw, char error[TRANSFER_ERROR_SIZE])
{
	json_t *out = json_object(), *v;
	const char *name;
	bool ok = out && json_is_object(raw);

	error[0] = '\0';
	if (!ok)
		snprintf(error, TRANSFER_ERROR_SIZE, "an object is needed");
	json_object_foreach (raw, name, v) {
		if (ok && !is_field_of(k, name)) {
			snprintf(error, TRANSFER_ERROR_SIZE, "a %s has no member %.64s",
				 KINDS[k].one, name);
			ok = false;
		}
	}
	for (size_t i = 0; i < TRANSFER_FIELDS_N && ok; i++)
		ok = take_field(k, &TRANSFER_FIELDS[i], raw, out, error);
	if (ok && is_whole(k, out, error))
		return out;
	json_decref(out);
	return NULL;
}

static const char *text_of(const json_t *item, const char *name)
{
	const char *text = json_string_value(json_object_get(item, name));

	return text ? text : "";
}

void transfer_key(enum transfer_kind k, const json_t *item, char out[TRANSFER_KEY_SIZE])
{
	bool of_group = json_object_get(item, "group"), on_device = json_object_get(item, "device");

	if (k == TRANSFER_FOLDER)
		snprintf(out, TRANSFER_KEY_SIZE, "%s", text_of(item, "path"));
	else if (k == TRANSFER_PERMISSION)
		snprintf(out, TRANSFER_KEY_SIZE, "%s %s %s %s%s", of_group ? "group" : "user",
			 text_of(item, of_group ? "group" : "user"), text_of(item, "permission"),
			 on_device ? "device " : "",
			 text_of(item, on_device ? "device" : "folder"));
	else
		snprintf(out, TRANSFER_KEY_SIZE, "%s", text_of(item, "name"));
}
