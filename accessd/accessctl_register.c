/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What accessd has, as items of pure/transfer.h, from the ordinary lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl_transfer.h"

struct reading {
	struct accessctl *a;
	struct register_now *now;
	bool plain;
};

static json_t *copy_of(const json_t *o, const char *key)
{
	return json_incref(json_object_get(o, key));
}

/* @raw: taken. Return: an exit code. */
static int put_item(struct reading *r, enum transfer_kind k, json_t *raw)
{
	char error[TRANSFER_ERROR_SIZE], key[TRANSFER_KEY_SIZE];
	json_t *item = transfer_item(k, raw, error);

	json_decref(raw);
	if (!item)
		return accessctl_strange();
	transfer_key(k, item, key);
	return json_object_set_new(r->now->items[k], key, item) == 0 ? CTL_OK : accessctl_strange();
}

/* @list: taken; NULL: it was said why. */
static int each(struct reading *r, json_t *list, int (*fn)(struct reading *r, const json_t *o))
{
	int rc = list ? CTL_OK : CTL_FAILED;

	for (size_t i = 0; i < json_array_size(list) && rc == CTL_OK; i++)
		rc = fn(r, json_array_get(list, i));
	json_decref(list);
	return rc;
}

/* What is revoked is not part of it: it would come back as something else. */
static bool is_revoked(const struct reading *r, const char *kind, const json_t *o)
{
	char name[128];

	if (strcmp(accessctl_cell(o, "state"), "revoked") != 0)
		return false;
	snprintf(name, sizeof(name), "%s %s", kind, accessctl_cell(o, "name"));
	json_object_set_new(r->now->revoked, name, json_true());
	return true;
}

static void put_rate(json_t *raw, const json_t *o)
{
	char rate[RATE_TEXT_SIZE];

	accessctl_cell_rate(o, rate);
	json_object_set_new(raw, "rate", json_string(rate));
}

/* How long an account is good. */
static void put_until(json_t *raw, const json_t *o)
{
	char text[TRANSFER_UNTIL_SIZE];
	int64_t until = 0;

	(void)!rpc_int(o, "valid_until", 0, INT64_MAX, &until); /* absent: no end */
	transfer_until_format(until, text);
	json_object_set_new(raw, "valid_until", json_string(text));
}

/* --- folders, groups, users --- */

static int take_folder(struct reading *r, const json_t *o)
{
	const char *path = accessctl_cell(o, "path");

	if (strcmp(path, "/") == 0)
		return CTL_OK; /* always there */
	return put_item(r, TRANSFER_FOLDER, json_pack("{s:s}", "path", path));
}

static int take_group(struct reading *r, const json_t *o)
{
	if (json_is_true(json_object_get(o, "everyone")))
		return CTL_OK;
	return put_item(r, TRANSFER_GROUP,
			json_pack("{s:o?, s:o?}", "name", copy_of(o, "name"), "folder",
				  copy_of(o, "folder")));
}

static int take_user(struct reading *r, const json_t *o)
{
	json_t *raw;

	if (is_revoked(r, "user", o))
		return CTL_OK;
	raw = json_pack("{s:o?, s:o?, s:o?}", "name", copy_of(o, "name"), "folder",
			copy_of(o, "folder"), "groups", copy_of(o, "groups"));
	put_rate(raw, o);
	put_until(raw, o);
	return put_item(r, TRANSFER_USER, raw);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --- devices --- */

/* What the caller may not see is not said. */
static json_t *ask_about(struct reading *r, const char *method, const char *key, const json_t *o)
{
	char error[ACCESSCTL_ERROR_SIZE];
	json_t *result;
	int code = accessctl_call(r->a, method, json_pack("{s:o?}", key, copy_of(o, "name")),
				  ACCESSCTL_TIMEOUT_MS, &result, error);

	if (code && code != RPC_DENIED)
		fprintf(stderr, "accessctl: %s: %s\n", accessctl_cell(o, "name"), error);
	return code ? NULL : result;
}

static void put_details(struct reading *r, const json_t *o, json_t *raw)
{
	json_t *rules = ask_about(r, "device.rule.list", "name", o),
	       *hosts = ask_about(r, "device.host.list", "device", o), *list, *h;
	size_t i;

	if (rules) {
		list = copy_of(rules, "rules");
		json_object_set_new(raw, "rules", list ? list : json_null());
	}
	list = json_object_get(hosts, "hosts");
	json_array_foreach (list, i, h) {
		json_object_del(h, "reachable");
	}
	if (list)
		json_object_set(raw, "hosts", list);
	json_decref(rules);
	json_decref(hosts);
}

static int take_device(struct reading *r, const json_t *o)
{
	json_t *raw;

	if (is_revoked(r, "device", o))
		return CTL_OK;
	raw = json_pack("{s:o?, s:o?, s:o?}", "name", copy_of(o, "name"), "folder",
			copy_of(o, "folder"), "lans", copy_of(o, "lans"));
	put_rate(raw, o);
	if (!r->plain)
		put_details(r, o, raw);
	return put_item(r, TRANSFER_DEVICE, raw);
}

/* --- permissions --- */

static int take_permission(struct reading *r, const json_t *o)
{
	bool on_device = json_is_true(json_object_get(o, "is_device"));

	return put_item(r, TRANSFER_PERMISSION,
			json_pack("{s:o?, s:o?, s:o?, s:o?}", accessctl_cell(o, "kind"),
				  copy_of(o, "subject"), "permission", copy_of(o, "permission"),
				  "effect", copy_of(o, "rule"), on_device ? "device" : "folder",
				  copy_of(o, "target")));
}

/* Lists of names come in order; of permissions it is the order in which they were made. */
static int sort(json_t **items)
{
	size_t n = json_object_size(*items), i = 0;
	const char **keys = calloc(n + 1, sizeof(*keys)), *key;
	json_t *sorted = json_object(), *item;

	if (!keys || !sorted)
		abort();
	json_object_foreach (*items, key, item) {
		keys[i++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_name);
	for (i = 0; i < n; i++)
		json_object_set(sorted, keys[i], json_object_get(*items, keys[i]));
	free(keys);
	json_decref(*items);
	*items = sorted;
	return CTL_OK;
}

/* --- all --- */

static int read_kind(struct reading *r, enum transfer_kind k)
{
	switch (k) {
	case TRANSFER_FOLDER:
		return each(r, accessctl_ask_all(r->a, "folder.list", NULL, "folders", "path"),
			    take_folder);
	case TRANSFER_GROUP:
		return each(r, accessctl_ask_all(r->a, "group.list", NULL, "groups", "name"),
			    take_group);
	case TRANSFER_USER:
		return each(r, accessctl_ask_all(r->a, "user.list", NULL, "users", "name"),
			    take_user);
	case TRANSFER_DEVICE:
		return each(r, accessctl_ask_all(r->a, "device.list", NULL, "devices", "name"),
			    take_device);
	case TRANSFER_PERMISSION:
		return each(r,
			    accessctl_ask_all(r->a, "permission.list", NULL, "permissions", "id"),
			    take_permission);
	}
	return CTL_FAILED;
}

int register_read(struct register_now *now, struct accessctl *a, unsigned int kinds, bool plain)
{
	struct reading r = {.a = a, .now = now, .plain = plain};
	int rc = CTL_OK;

	*now = (struct register_now){.revoked = json_object()};
	for (int k = 0; k < TRANSFER_KINDS; k++)
		now->items[k] = json_object();
	for (int k = 0; k < TRANSFER_KINDS && rc == CTL_OK; k++) {
		if (kinds & (1u << k))
			rc = read_kind(&r, (enum transfer_kind)k);
		if (rc == CTL_OK)
			rc = sort(&now->items[k]);
	}
	return rc;
}

void register_free(struct register_now *r)
{
	for (int k = 0; k < TRANSFER_KINDS; k++)
		json_decref(r->items[k]);
	json_decref(r->revoked);
}
