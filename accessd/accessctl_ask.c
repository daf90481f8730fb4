/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What commands ask accessd, and what they all do with its answers. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accessd/accessctl.h"

int accessctl_strange(void)
{
	fputs("accessctl: accessd answered something else\n", stderr);
	return CTL_FAILED;
}

/* "device add" is device.add. */
static void method_of(const struct accessctl *a, char out[RPC_METHOD_SIZE])
{
	snprintf(out, RPC_METHOD_SIZE, "%s", a->command->words);
	for (char *at = out; *at; at++) {
		if (*at == ' ')
			*at = '.';
	}
}

int accessctl_call(struct accessctl *a, const char *method, json_t *params, int timeout_ms,
		   json_t **result, char error[ACCESSCTL_ERROR_SIZE])
{
	int code;

	error[0] = '\0';
	*result = NULL;
	if (!params)
		params = json_object();
	if (a->domain)
		json_object_set_new(params, "in_domain", json_string(a->domain));
	if (a->remote) {
		params = json_pack("{s:s, s:o}", "method", method, "params", params);
		method = "admin";
	}
	code = ctl_call(a->ctl, method, params, timeout_ms, NULL, NULL, result, error,
			ACCESSCTL_ERROR_SIZE);
	if (code && !error[0])
		snprintf(error, ACCESSCTL_ERROR_SIZE, "accessd does not answer");
	return code;
}

int accessctl_connect(struct accessctl *a)
{
	return ctl_open(&a->ctl, a->socket, a->remote ? ACCESSCTL_REMOTE_SOCKET : ACCESSCTL_SOCKET);
}

json_t *accessctl_ask(struct accessctl *a, const char *method, json_t *params)
{
	char error[ACCESSCTL_ERROR_SIZE], own[RPC_METHOD_SIZE];
	json_t *result;

	if (!method) {
		method_of(a, own);
		method = own;
	}
	if (accessctl_call(a, method, params, ACCESSCTL_TIMEOUT_MS, &result, error) == 0)
		return result;
	fprintf(stderr, "accessctl: %s\n", error);
	return NULL;
}

int accessctl_do(struct accessctl *a, const char *method, json_t *params)
{
	json_t *result = accessctl_ask(a, method, params);

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	json_decref(result);
	return CTL_OK;
}

/* --- lists --- */

#define AFTER_SIZE 1100 /* a folder's path is the longest */

/* @params: borrowed. */
static json_t *ask_page(struct accessctl *a, const char *method, json_t *params, const char *after)
{
	json_t *o = json_pack("{s:s}", "after", after);

	if (params)
		json_object_update_missing(o, params);
	return accessctl_ask(a, method, o);
}

json_t *accessctl_ask_all(struct accessctl *a, const char *method, json_t *params, const char *what,
			  const char *key)
{
	json_t *all = json_array(), *page;
	char after[AFTER_SIZE] = "";
	bool more = true;

	while (all && more) {
		json_t *items;

		page = ask_page(a, method, params, after);
		items = json_object_get(page, what);
		more = json_is_true(json_object_get(page, "more")) && json_array_size(items) > 0;
		if (!page || json_array_extend(all, items) != 0 ||
		    (more && !rpc_str_max(json_array_get(items, json_array_size(items) - 1), key,
					  after, sizeof(after)))) {
			if (page)
				(void)accessctl_strange();
			json_decref(all);
			all = NULL;
		}
		json_decref(page);
	}
	json_decref(params);
	return all;
}

int accessctl_show_list(const struct accessctl *a, json_t *list, const struct accessctl_columns *c)
{
	struct ctl_table *t;

	if (!list)
		return CTL_FAILED;
	if (a->json) {
		ctl_print_json(list);
	} else {
		t = ctl_table_new(c->n, c->headings);
		for (size_t i = 0; i < json_array_size(list); i++)
			c->row(t, json_array_get(list, i));
		ctl_table_print(t);
	}
	json_decref(list);
	return CTL_OK;
}

/* --- cells --- */

const char *accessctl_cell(const json_t *o, const char *key)
{
	const char *text;

	return rpc_str(o, key, &text) && text[0] ? text : "-";
}

void accessctl_cell_when(const json_t *o, const char *key, char out[ACCESSCTL_WHEN_SIZE])
{
	struct tm tm;
	int64_t v;
	time_t t;

	snprintf(out, ACCESSCTL_WHEN_SIZE, "-");
	if (!rpc_int(o, key, 1, INT64_MAX, &v))
		return;
	t = (time_t)v;
	if (localtime_r(&t, &tm))
		strftime(out, ACCESSCTL_WHEN_SIZE, "%Y-%m-%d %H:%M", &tm);
}

void accessctl_cell_list(const json_t *o, const char *key, char out[ACCESSCTL_CELL_SIZE])
{
	const json_t *list = json_object_get(o, key);
	size_t used = 0;

	snprintf(out, ACCESSCTL_CELL_SIZE, "-");
	for (size_t i = 0; i < json_array_size(list) && used < ACCESSCTL_CELL_SIZE - 1; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		used += (size_t)snprintf(out + used, ACCESSCTL_CELL_SIZE - used, "%s%s",
					 i ? " " : "", text ? text : "?");
	}
}

void accessctl_cell_rate(const json_t *o, char out[RATE_TEXT_SIZE])
{
	int64_t v = 0;

	(void)!rpc_int(o, "rate", 0, INT64_MAX, &v); /* absent: none */
	rate_format((uint64_t)v, out);
}

const char *accessctl_cell_yes(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key)) ? "yes" : "no";
}
