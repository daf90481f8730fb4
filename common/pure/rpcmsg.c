/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/rpcmsg.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/text.h"

#define ID_MAX ((INT64_C(1) << 53) - 1) /* what every JSON library holds exactly (RFC 8259) */

/* Before parsing, which recurses. Brackets within strings do not count. */
static bool depth_ok(const char *s, size_t len)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			in_string = !in_string;
		else if (!in_string && (s[i] == '{' || s[i] == '['))
			depth++;
		else if (!in_string && (s[i] == '}' || s[i] == ']'))
			depth -= depth > 0;
		if (depth > RPC_DEPTH_MAX)
			return false;
	}
	return true;
}

static bool id_ok(const json_t *id)
{
	return json_is_integer(id) && json_integer_value(id) >= 1 &&
	       json_integer_value(id) <= ID_MAX;
}

/* Visible ASCII, so that a log may show it. */
static bool set_method(struct rpcmsg *m, const json_t *method)
{
	size_t n = json_string_length(method);
	const char *s = json_string_value(method);

	if (!s || n < 1 || n >= sizeof(m->method))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < 0x21 || s[i] > 0x7e)
			return false;
	}
	memcpy(m->method, s, n + 1);
	return true;
}

static bool read_call(struct rpcmsg *m)
{
	const json_t *id = json_object_get(m->root, "id");

	m->kind = id ? RPC_REQUEST : RPC_NOTIFICATION;
	m->id = json_integer_value(id);
	m->params = json_object_get(m->root, "params");
	if (m->params && !json_is_object(m->params))
		return false;
	return !id || id_ok(id);
}

static bool read_error(struct rpcmsg *m, const json_t *id, const json_t *error)
{
	const json_t *code = json_object_get(error, "code");
	json_int_t value = json_integer_value(code);

	m->kind = RPC_ERROR;
	m->message = json_string_value(json_object_get(error, "message"));
	if (!json_is_integer(code) || value < INT_MIN || value > INT_MAX || !m->message)
		return false;
	m->code = (int)value;
	return json_is_null(id) || id_ok(id);
}

static bool read_answer(struct rpcmsg *m)
{
	const json_t *id = json_object_get(m->root, "id");
	const json_t *error = json_object_get(m->root, "error");

	m->result = json_object_get(m->root, "result");
	m->id = json_integer_value(id);
	if (error)
		return !m->result && read_error(m, id, error);
	m->kind = RPC_RESULT;
	return m->result && id_ok(id);
}

static bool read_root(struct rpcmsg *m)
{
	const char *version = json_string_value(json_object_get(m->root, "jsonrpc"));
	const json_t *method = json_object_get(m->root, "method");

	if (!version || strcmp(version, "2.0") != 0)
		return false;
	if (!method)
		return read_answer(m);
	if (json_object_get(m->root, "result") || json_object_get(m->root, "error"))
		return false;
	return set_method(m, method) && read_call(m);
}

/* Only a message of the text's own size may follow from it; the caller has capped that. */
int rpcmsg_decode(struct rpcmsg *m, const void *json, size_t len)
{
	struct rpcmsg found = {.kind = RPC_REQUEST};
	json_error_t error;

	if (len == 0 || !depth_ok(json, len))
		return -EBADMSG;
	found.root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
	if (!found.root)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
	if (!json_is_object(found.root) || !read_root(&found)) {
		rpcmsg_deinit(&found);
		return -EBADMSG;
	}
	*m = found;
	return 0;
}

void rpcmsg_deinit(struct rpcmsg *m)
{
	json_decref(m->root);
	*m = (struct rpcmsg){.root = NULL};
}

/* Takes @root, which may be NULL. */
static char *dump(json_t *root, bool ok, size_t *len)
{
	char *text = ok ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	if (text)
		*len = strlen(text);
	return text;
}

static bool put(json_t *o, const char *key, json_t *value)
{
	return json_object_set_new(o, key, value) == 0;
}

static char *build_call(int64_t id, const char *method, json_t *params, size_t *len)
{
	json_t *root = json_object();
	bool ok = put(root, "jsonrpc", json_string("2.0"));

	if (id != 0)
		ok &= put(root, "id", json_integer(id));
	ok &= put(root, "method", json_string(method));
	if (params)
		ok &= put(root, "params", params);
	return dump(root, ok, len);
}

char *rpcmsg_request(int64_t id, const char *method, json_t *params, size_t *len)
{
	return build_call(id, method, params, len);
}

char *rpcmsg_notification(const char *method, json_t *params, size_t *len)
{
	return build_call(0, method, params, len);
}

char *rpcmsg_result(int64_t id, json_t *result, size_t *len)
{
	json_t *root = json_object();
	bool ok = put(root, "jsonrpc", json_string("2.0"));

	ok &= put(root, "id", json_integer(id));
	ok &= put(root, "result", result ? result : json_object());
	return dump(root, ok, len);
}

char *rpcmsg_error(int64_t id, int code, const char *message, size_t *len)
{
	json_t *root = json_object(), *error = json_object();
	bool ok = put(root, "jsonrpc", json_string("2.0"));

	ok &= put(root, "id", id ? json_integer(id) : json_null());
	ok &= put(error, "code", json_integer(code));
	ok &= put(error, "message", json_string(message));
	ok &= put(root, "error", error);
	return dump(root, ok, len);
}

bool rpc_str(const json_t *o, const char *key, const char **v)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s)
		return false;
	*v = s;
	return true;
}

bool rpc_str_max(const json_t *o, const char *key, char *out, size_t out_size)
{
	const char *s;
	size_t n;

	if (!rpc_str(o, key, &s))
		return false;
	n = strlen(s);
	if (n >= out_size)
		return false;
	memcpy(out, s, n + 1);
	return true;
}

bool rpc_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *v)
{
	const json_t *value = json_object_get(o, key);
	int64_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < min || n > max)
		return false;
	*v = n;
	return true;
}

bool rpc_bool(const json_t *o, const char *key, bool *v)
{
	const json_t *value = json_object_get(o, key);

	if (!json_is_boolean(value))
		return false;
	*v = json_is_true(value);
	return true;
}

bool rpc_bytes(const json_t *o, const char *key, uint8_t *out, size_t size, size_t *n)
{
	const char *s;

	return rpc_str(o, key, &s) && text_b64_decode(out, size, n, s, strlen(s)) == 0;
}

json_t *rpc_json_bytes(const void *bytes, size_t n)
{
	size_t size = TEXT_B64_SIZE(n);
	json_t *value = NULL;
	char *text;

	if (n > SIZE_MAX / 8)
		return NULL;
	text = malloc(size);
	if (text && text_b64_encode(text, size, bytes, n) == 0)
		value = json_string(text);
	free(text);
	return value;
}
