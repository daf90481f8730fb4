/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps from what accessd has to what a file wants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl_transfer.h"

#define ERRORS_MAX 20

struct planning {
	struct register_plan *plan;
	const struct register_now *now;
	const struct register_file *file;
	bool prune;
	size_t errors;
	/* of the item that it is at */
	enum transfer_kind kind;
	const char *where;
	json_t *step;
};

static void complain(struct planning *p, const char *words, const char *name)
{
	if (++p->errors <= ERRORS_MAX)
		fprintf(stderr, "%s: %s %s\n", p->where, words, name);
	else if (p->errors == ERRORS_MAX + 1)
		fputs("... and more\n", stderr);
}

/* --- what will be there --- */

static bool is_wanted(const struct planning *p, enum transfer_kind k, const char *key)
{
	return json_object_get(p->file->items[k], key) != NULL;
}

/* Will there be one once the file was imported? */
static bool will_be(const struct planning *p, enum transfer_kind k, const char *key)
{
	bool goes = p->prune && p->file->items[k];

	return is_wanted(p, k, key) || (json_object_get(p->now->items[k], key) && !goes);
}

static bool needs(struct planning *p, enum transfer_kind k, const char *key)
{
	char words[64];

	if (!key || will_be(p, k, key) || (k == TRANSFER_FOLDER && strcmp(key, "/") == 0) ||
	    (k == TRANSFER_GROUP && strcmp(key, "everyone") == 0))
		return true;
	snprintf(words, sizeof(words), "there is no %s", transfer_kind_name(k));
	complain(p, words, key);
	return false;
}

static const char *text_of(const json_t *item, const char *key)
{
	return json_string_value(json_object_get(item, key));
}

/* The folder that a folder stands in. */
static bool has_parent(struct planning *p, const char *path)
{
	char parent[TRANSFER_KEY_SIZE];
	char *last;

	snprintf(parent, sizeof(parent), "%s", path);
	last = strrchr(parent, '/');
	last[last == parent] = '\0';
	return needs(p, TRANSFER_FOLDER, parent);
}

/* Does all exist that an item names? */
static void check_names(struct planning *p, const json_t *item)
{
	const json_t *groups = json_object_get(item, "groups"), *g;
	size_t i;

	if (p->kind == TRANSFER_FOLDER)
		(void)has_parent(p, text_of(item, "path"));
	(void)needs(p, TRANSFER_FOLDER, text_of(item, "folder"));
	json_array_foreach (groups, i, g) {
		(void)needs(p, TRANSFER_GROUP, json_string_value(g));
	}
	if (p->kind != TRANSFER_PERMISSION)
		return;
	(void)needs(p, TRANSFER_USER, text_of(item, "user"));
	(void)needs(p, TRANSFER_GROUP, text_of(item, "group"));
	(void)needs(p, TRANSFER_DEVICE, text_of(item, "device"));
}

/* --- steps --- */

static void begin_step(struct planning *p, const char *what, const char *key)
{
	p->step = json_pack("{s:s, s:s, s:s, s:s, s:[], s:[]}", "do", what, "kind",
			    transfer_kind_name(p->kind), "name", key, "where", p->where, "changes",
			    "calls");
}

static void end_step(struct planning *p)
{
	json_array_append_new(p->plan->steps, p->step);
	p->step = NULL;
}

/* @params: taken. */
static void add_call(struct planning *p, const char *method, json_t *params)
{
	json_array_append_new(json_object_get(p->step, "calls"),
			      json_pack("{s:s, s:o}", "method", method, "params", params));
}

static void note_change(struct planning *p, const char *field, const json_t *from, const json_t *to)
{
	char *before = transfer_cell(field, from), *after = transfer_cell(field, to);
	size_t size = strlen(field) + strlen(before ? before : "") + strlen(after ? after : "") + 8;
	char *text = malloc(size);

	if (!text)
		abort();
	snprintf(text, size, "%s: %s -> %s", field, before ? before : "", after ? after : "");
	json_array_append_new(json_object_get(p->step, "changes"), json_string(text));
	free(text);
	free(after);
	free(before);
}

/* --- parts of items: what has to be done about a field --- */

static void set_rules(struct planning *p, const char *name, json_t *rules)
{
	if (json_is_null(rules))
		add_call(p, "device.rule.clear", json_pack("{s:s}", "name", name));
	else
		add_call(p, "device.rule.set",
			 json_pack("{s:s, s:O}", "name", name, "rules", rules));
}

static bool has_value(const json_t *list, const json_t *v)
{
	const json_t *o;
	size_t i;

	json_array_foreach (list, i, o) {
		if (json_equal(o, v))
			return true;
	}
	return false;
}

/* A name goes with all its addresses; what it keeps comes again. */
static void set_hosts(struct planning *p, const char *device, const json_t *from, const json_t *to)
{
	json_t *gone = json_object(), *o;
	size_t i;

	json_array_foreach (from, i, o) {
		const char *name = text_of(o, "name");

		if (has_value(to, o) || json_object_get(gone, name))
			continue;
		json_object_set_new(gone, name, json_true());
		add_call(p, "device.host.remove",
			 json_pack("{s:s, s:s}", "device", device, "name", name));
	}
	json_array_foreach (to, i, o) {
		if (!has_value(from, o) || json_object_get(gone, text_of(o, "name")))
			add_call(p, "device.host.add",
				 json_pack("{s:s, s:s, s:s}", "device", device, "name",
					   text_of(o, "name"), "address", text_of(o, "address")));
	}
	json_decref(gone);
}

static void set_groups(struct planning *p, const char *user, const json_t *from, const json_t *to)
{
	const json_t *g;
	size_t i;

	json_array_foreach (from, i, g) {
		if (!has_value(to, g))
			add_call(p, "group.member.remove",
				 json_pack("{s:s, s:s}", "name", json_string_value(g), "user",
					   user));
	}
	json_array_foreach (to, i, g) {
		if (!has_value(from, g))
			add_call(p, "group.member.add",
				 json_pack("{s:s, s:s}", "name", json_string_value(g), "user",
					   user));
	}
}

/* As accessd takes it. */
static json_t *value_of(const char *field, json_t *v)
{
	int64_t until = 0;

	if (strcmp(field, "valid_until") != 0)
		return json_incref(v);
	(void)!transfer_until_parse(&until, json_string_value(v)); /* it was checked */
	return json_integer(until);
}

/* What is asked for by the method of the kind that a field belongs to: device.set ... */
static void set_field(struct planning *p, const char *name, const char *field, const json_t *from,
		      json_t *to)
{
	const char *kind = transfer_kind_name(p->kind);
	char method[32];

	if (strcmp(field, "rules") == 0) {
		set_rules(p, name, to);
	} else if (strcmp(field, "hosts") == 0) {
		set_hosts(p, name, from, to);
	} else if (strcmp(field, "groups") == 0) {
		set_groups(p, name, from, to);
	} else {
		snprintf(method, sizeof(method), "%s.%s", kind,
			 strcmp(field, "folder") == 0 ? "move" : "set");
		add_call(p, method,
			 json_pack("{s:s, s:o}", "name", name, field, value_of(field, to)));
	}
}

/* --- permissions --- */

static void say_permission(struct planning *p, const json_t *item, const char *verb)
{
	const char *user = text_of(item, "user"), *device = text_of(item, "device");
	char method[32], subject[80];

	snprintf(method, sizeof(method), "permission.%s", verb);
	snprintf(subject, sizeof(subject), "%s:%s", user ? "user" : "group",
		 user ? user : text_of(item, "group"));
	add_call(p, method,
		 json_pack("{s:s, s:s, s:s}", "subject", subject, "what",
			   text_of(item, "permission"), "target",
			   device ? device : text_of(item, "folder")));
}

/* --- items --- */

static void add_item(struct planning *p, const char *key, json_t *item)
{
	/* What the method that adds it takes; the rest is set then. */
	static const char *const at_once[] = {"name", "path", "folder",
					      "lans", "rate", "valid_until"};
	json_t *params = json_object(), *v;
	const char *field;
	char method[32];

	begin_step(p, "add", key);
	if (p->kind == TRANSFER_PERMISSION) {
		json_decref(params);
		say_permission(p, item, text_of(item, "effect"));
		end_step(p);
		return;
	}
	for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++) {
		v = json_object_get(item, at_once[i]);
		if (v)
			json_object_set_new(params, at_once[i], value_of(at_once[i], v));
	}
	snprintf(method, sizeof(method), "%s.add", transfer_kind_name(p->kind));
	add_call(p, method, params);
	json_object_foreach (item, field, v) {
		bool is_list = strcmp(field, "groups") == 0 || strcmp(field, "hosts") == 0;

		if (is_list || (strcmp(field, "rules") == 0 && !json_is_null(v)))
			set_field(p, key, field, NULL, v);
	}
	end_step(p);
}

static void change_item(struct planning *p, const char *key, json_t *item, const json_t *old)
{
	const char *field;
	json_t *v;

	begin_step(p, "change", key);
	json_object_foreach (item, field, v) {
		const json_t *from = json_object_get(old, field);

		if (json_equal(from, v))
			continue;
		note_change(p, field, from, v);
		if (p->kind == TRANSFER_PERMISSION)
			say_permission(p, item, text_of(item, "effect"));
		else
			set_field(p, key, field, from, v);
	}
	if (json_array_size(json_object_get(p->step, "calls")) > 0) {
		end_step(p);
		return;
	}
	p->plan->same++;
	json_decref(p->step);
	p->step = NULL;
}

static void plan_item(struct planning *p, const char *key, json_t *item)
{
	const json_t *old = json_object_get(p->now->items[p->kind], key);
	char name[TRANSFER_KEY_SIZE + 16];

	snprintf(name, sizeof(name), "%s %s", transfer_kind_name(p->kind), key);
	check_names(p, item);
	if (json_object_get(p->now->revoked, name))
		complain(p, "it was revoked: invite or remove it first:", name);
	else if (p->kind == TRANSFER_GROUP && strcmp(key, "everyone") == 0)
		complain(p, "each user is in it, and it stays as it is:", key);
	else if (old)
		change_item(p, key, item, old);
	else
		add_item(p, key, item);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their keys: a folder comes behind the one that it stands in. */
static const char **sorted_keys(json_t *items, size_t *n)
{
	const char **keys = calloc(json_object_size(items) + 1, sizeof(*keys)), *key;
	json_t *item;

	if (!keys)
		abort();
	*n = 0;
	json_object_foreach (items, key, item) {
		keys[(*n)++] = key;
	}
	qsort(keys, *n, sizeof(*keys), by_key);
	return keys;
}

static void plan_kind(struct planning *p, enum transfer_kind k)
{
	size_t n;
	const char **keys = sorted_keys(p->file->items[k], &n);

	p->kind = k;
	for (size_t i = 0; i < n; i++) {
		p->where = text_of(p->file->where[k], keys[i]);
		plan_item(p, keys[i], json_object_get(p->file->items[k], keys[i]));
	}
	free(keys);
}

/* --- what goes --- */

static void remove_item(struct planning *p, const char *key)
{
	char method[32];

	begin_step(p, "remove", key);
	if (p->kind == TRANSFER_PERMISSION) {
		say_permission(p, json_object_get(p->now->items[p->kind], key), "clear");
	} else {
		snprintf(method, sizeof(method), "%s.remove", transfer_kind_name(p->kind));
		add_call(p, method,
			 json_pack("{s:s}", p->kind == TRANSFER_FOLDER ? "path" : "name", key));
	}
	end_step(p);
}

/* Who is in a group that goes leaves it first. Those whose groups the file tells have left. */
static void empty_group(struct planning *p, const char *group)
{
	json_t *users = p->now->items[TRANSFER_USER], *user, *name = json_string(group);
	const char *key;

	json_object_foreach (users, key, user) {
		const json_t *wanted = json_object_get(p->file->items[TRANSFER_USER], key);

		if (!has_value(json_object_get(user, "groups"), name) ||
		    json_object_get(wanted, "groups") || !will_be(p, TRANSFER_USER, key))
			continue;
		begin_step(p, "change", group);
		json_array_append_new(json_object_get(p->step, "changes"),
				      json_sprintf("%s leaves", key));
		add_call(p, "group.member.remove",
			 json_pack("{s:s, s:s}", "name", group, "user", key));
		end_step(p);
	}
	json_decref(name);
}

/* The last ones first: a folder before the one that it stands in. */
static void prune_kind(struct planning *p, enum transfer_kind k)
{
	size_t n;
	const char **keys = sorted_keys(p->now->items[k], &n);

	p->kind = k;
	p->where = "--prune";
	while (n-- > 0 && p->file->items[k]) {
		if (is_wanted(p, k, keys[n]))
			continue;
		if (k == TRANSFER_GROUP)
			empty_group(p, keys[n]);
		remove_item(p, keys[n]);
	}
	free(keys);
}

int register_plan_make(struct register_plan *plan, const struct register_now *now,
		       const struct register_file *f, bool prune)
{
	struct planning p = {.plan = plan, .now = now, .file = f, .prune = prune};

	*plan = (struct register_plan){.steps = json_array()};
	for (int k = 0; k < TRANSFER_KINDS; k++)
		plan_kind(&p, (enum transfer_kind)k);
	for (int k = TRANSFER_KINDS - 1; k >= 0 && prune; k--)
		prune_kind(&p, (enum transfer_kind)k);
	if (p.errors == 0)
		return CTL_OK;
	fputs("accessctl: nothing was changed\n", stderr);
	return CTL_FAILED;
}

void register_plan_free(struct register_plan *p)
{
	json_decref(p->steps);
}
