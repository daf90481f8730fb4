/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking vpnd, and its answers for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "vpnd/vpnctl.h"

/* What a peer or server wrote must not steer the terminal. */
static void clean_text(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static void clean_string(json_t *s)
{
	char *copy = strdup(json_string_value(s));

	if (!copy)
		abort();
	clean_text(copy);
	(void)json_string_set(s, copy);
	free(copy);
}

/* The daemon's keys are its own; only what they hold may come from elsewhere. */
/* NOLINTNEXTLINE(misc-no-recursion): the decoder bounds the depth. */
void vpnctl_clean(json_t *v)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(v))
		clean_string(v);
	json_array_foreach (v, i, member) {
		vpnctl_clean(member);
	}
	json_object_foreach (v, key, member) {
		vpnctl_clean(member);
	}
}

/* Who hears the notifications of a call. */
struct listener {
	bool json;
	struct vpnctl_live *live; /* NULL: only steps */
};

static void print_step(const json_t *params)
{
	const char *json_text;
	char *text;

	if (!rpc_str(params, "text", &json_text))
		return;
	text = strdup(json_text);
	if (!text)
		abort();
	clean_text(text);
	printf("%6" PRId64 " ms  %s\n", vpnctl_int(params, "ms"), text);
	fflush(stdout);
	free(text);
}

static void on_notify(void *arg, const char *method, const json_t *params)
{
	const struct listener *to = arg;

	if (to->json)
		return;
	if (strcmp(method, "step") == 0) {
		if (to->live)
			vpnctl_live_clear(to->live);
		print_step(params);
		if (to->live)
			vpnctl_live_draw(to->live);
	} else if (strcmp(method, "relays") == 0 && to->live) {
		vpnctl_live_take(to->live, params);
	}
}

static const char *what_to_do(const char *method, int code)
{
	switch (code) {
	case RPC_DENIED:
		return "check what you entered, or ask the administrator of the domain";
	case RPC_NOT_FOUND:
		return strcmp(method, "disconnect") == 0 ? "vpnctl status lists the sessions"
		       : strcmp(method, "connect") == 0	 ? "vpnctl devices lists what there is"
							 : "vpnctl approvals lists what there is";
	case RPC_UNAVAILABLE:
		return "vpnctl status says what is missing";
	case RPC_EXPIRED:
		return "managers: vpnctl login; devices: ask the administrator for a new "
		       "invitation";
	case RPC_REASON:
		return "say what for: vpnctl connect DEVICE --reason 'TEXT'";
	case RPC_TIMEOUT:
	case RPC_CLOSED:
		return "see vpnctl status and the log of vpnd";
	case RPC_NO_METHOD:
		return "vpnd and vpnctl are of different versions, or this is for the other role";
	default:
		return NULL;
	}
}

/* NOLINTNEXTLINE(readability-function-size): a call, and who hears of it */
int vpnctl_try_live(struct ctl *c, const char *method, json_t *params, int timeout_ms, bool json,
		    struct vpnctl_live *live, struct vpnctl_answer *answer)
{
	struct listener to = {.json = json, .live = live};
	int code = ctl_call(c, method, params, timeout_ms, on_notify, &to, &answer->result,
			    answer->error, sizeof(answer->error));

	if (code == 0)
		vpnctl_clean(answer->result);
	return code;
}

int vpnctl_try(struct ctl *c, const char *method, json_t *params, int timeout_ms, bool json,
	       struct vpnctl_answer *answer)
{
	return vpnctl_try_live(c, method, params, timeout_ms, json, NULL, answer);
}

void vpnctl_explain(const char *method, int code, const char *error)
{
	const char *todo = what_to_do(method, code);

	fflush(stdout);
	fprintf(stderr, "vpnctl: %s failed: %s\n", method, error[0] ? error : "no reason given");
	if (todo)
		fprintf(stderr, "vpnctl: %s\n", todo);
}

int vpnctl_ask(struct ctl *c, const char *method, json_t *params, int timeout_ms, bool json,
	       json_t **result)
{
	struct vpnctl_answer answer;
	int code = vpnctl_try(c, method, params, timeout_ms, json, &answer);

	if (code)
		vpnctl_explain(method, code, answer.error);
	*result = answer.result;
	return code;
}

const char *vpnctl_text(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));

	return v ? v : "";
}

int64_t vpnctl_int(const json_t *o, const char *key)
{
	return (int64_t)json_number_value(json_object_get(o, key));
}

/* Return: the bytes used then; a list that is full stays as it is. */
static size_t list_add(char *out, size_t out_size, size_t used, const char *item, const char *here)
{
	int n = snprintf(out + used, out_size - used, "%s%s%s%s", used ? ", " : "", item,
			 here ? " is here " : "", here ? here : "");

	if (n >= 0 && (size_t)n < out_size - used)
		return used + (size_t)n;
	out[used] = '\0';
	return used;
}

const char *vpnctl_list(const json_t *o, const char *key, char *out, size_t out_size)
{
	const json_t *list = json_object_get(o, key);
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		if (item)
			used = list_add(out, out_size, used, item, NULL);
	}
	return out;
}

static bool list_has(const json_t *list, const char *item)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *has = json_string_value(json_array_get(list, i));

		if (has && strcmp(has, item) == 0)
			return true;
	}
	return false;
}

/* NULL: the peer's own addresses hold here. */
static const char *here_of(const json_t *virtual, const char *lan)
{
	for (size_t i = 0; i < json_array_size(virtual); i++) {
		const json_t *v = json_array_get(virtual, i);

		if (strcmp(vpnctl_text(v, "lan"), lan) == 0)
			return vpnctl_text(v, "here");
	}
	return NULL;
}

const char *vpnctl_lans(const json_t *o, char *out, size_t out_size)
{
	const json_t *lans = json_object_get(o, "lans"), *virtual = json_object_get(o, "virtual");
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(lans); i++) {
		const char *lan = json_string_value(json_array_get(lans, i));

		if (lan)
			used = list_add(out, out_size, used, lan, here_of(virtual, lan));
	}
	for (size_t i = 0; i < json_array_size(virtual); i++) {
		const json_t *v = json_array_get(virtual, i);

		if (!list_has(lans, vpnctl_text(v, "lan")))
			used = list_add(out, out_size, used, vpnctl_text(v, "lan"),
					vpnctl_text(v, "here"));
	}
	return out;
}

const char *vpnctl_duration(char out[VPNCTL_TEXT_SIZE], int64_t s)
{
	if (s < 60)
		snprintf(out, VPNCTL_TEXT_SIZE, "%" PRId64 " s", s);
	else if (s < 3600)
		snprintf(out, VPNCTL_TEXT_SIZE, "%" PRId64 " min", s / 60);
	else if (s < 86400)
		snprintf(out, VPNCTL_TEXT_SIZE, "%" PRId64 " h %" PRId64 " min", s / 3600,
			 s % 3600 / 60);
	else
		snprintf(out, VPNCTL_TEXT_SIZE, "%" PRId64 " d %" PRId64 " h", s / 86400,
			 s % 86400 / 3600);
	return out;
}
