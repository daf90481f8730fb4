/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl doctor: what stands in the way, and what to allow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/pure/invite.h"
#include "common/pure/text.h"
#include "vpnd/pure/verdict.h"
#include "vpnd/vpnctl.h"

/* The order in which they stand in a file or a mail; on a terminal they come as they are found. */
static const char *const order[] = {"identity",	  "clock", "control", "dns",   "resolver", "route",
				    "proxy",	  "port",  "server",  "relay", "mtu",	   "portal",
				    "inspection", "tun",   "forward", "lan",   "lent"};

struct checks {
	json_t *list;
	bool live; /* each is printed when it comes */
};

static void print_check(const json_t *o)
{
	const char *todo = vpnctl_text(o, "todo");
	int64_t ms = vpnctl_int(o, "ms");
	char took[32] = "";

	if (ms >= 1000)
		snprintf(took, sizeof(took), "  [%.1f s]", (double)ms / 1000);
	printf("%-8s %-10s %-32s %s%s\n", vpnctl_text(o, "state"), vpnctl_text(o, "id"),
	       vpnctl_text(o, "subject"), vpnctl_text(o, "text"), took);
	if (todo[0])
		printf("%19s -> %s\n", "", todo);
	fflush(stdout);
}

static void on_notify(void *arg, const char *method, const json_t *params)
{
	struct checks *c = arg;
	json_t *copy;

	if (strcmp(method, "doctor.check") != 0)
		return;
	copy = json_deep_copy(params);
	vpnctl_clean(copy);
	if (c->live)
		print_check(copy);
	json_array_append_new(c->list, copy);
}

static size_t rank(const json_t *o)
{
	size_t i = 0, n = sizeof(order) / sizeof(order[0]);

	while (i < n && strcmp(order[i], vpnctl_text(o, "id")) != 0)
		i++;
	return i;
}

static int compare(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	size_t i = rank(x), k = rank(y);

	if (i != k)
		return i < k ? -1 : 1;
	return strcmp(vpnctl_text(x, "subject"), vpnctl_text(y, "subject"));
}

/* In the fixed order. Return: a new reference. */
static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list);
	json_t **at = calloc(n + 1, sizeof(json_t *)), *out = json_array();

	if (!at)
		abort();
	for (size_t i = 0; i < n; i++)
		at[i] = json_array_get(list, i);
	qsort(at, n, sizeof(json_t *), compare);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, at[i]);
	free(at);
	return out;
}

static void print_all(const struct checks *c, const json_t *checks, const json_t *result)
{
	char *allow = allow_text(json_object_get(result, "allow"));
	const json_t *check;
	size_t i;

	json_array_foreach (checks, i, check) {
		if (!c->live)
			print_check(check);
	}
	if (allow)
		printf("\n%s", allow);
	free(allow);
	printf("\n%s.\n(%.1f s)\n", vpnctl_text(result, "verdict"),
	       (double)vpnctl_int(result, "ms") / 1000);
}

/* Return: an exit code. */
static int print(const struct checks *c, json_t *result, bool json)
{
	bool up = json_is_true(json_object_get(result, "up"));
	json_t *checks = sorted(c->list);

	if (json) {
		json_object_set(result, "checks", checks);
		ctl_print_json(result);
	} else {
		print_all(c, checks, result);
	}
	json_decref(checks);
	return up ? CTL_OK : CTL_FAILED;
}

/* --- before enrolment --- */

/* The secret stays here: only where the servers are, and whose, is of interest. Return: 0; an exit
 * code. */
static int add_invited(json_t *params, const char *file)
{
	char text[INVITE_TEXT_SIZE], url[URL_TEXT_SIZE], ca[TEXT_HEX_SIZE(32)];
	json_t *urls = json_object_get(params, "urls");
	struct invite invite;
	int r = vpnctl_read_invitation(file, text, sizeof(text));

	if (r == 0 && invite_decode(&invite, text) != 0) {
		fputs("vpnctl: this is not an invitation, or not all of it\n", stderr);
		r = -1;
	}
	explicit_bzero(text, sizeof(text));
	if (r != 0)
		return CTL_FAILED;
	for (size_t i = 0; i < invite.n_urls; i++) {
		url_format(&invite.urls[i], url);
		json_array_append_new(urls, json_string(url));
	}
	if (text_hex_encode(ca, sizeof(ca), invite.ca_sha256, sizeof(invite.ca_sha256)) == 0)
		json_object_set_new(params, "ca_sha256", json_string(ca));
	explicit_bzero(&invite, sizeof(invite));
	return CTL_OK;
}

static int add_named(json_t *params, const struct vpnctl_args *args)
{
	json_t *urls = json_object_get(params, "urls");
	struct url url;

	for (size_t i = 0; i < args->n_urls; i++) {
		if (url_parse(&url, args->urls[i]) != 0) {
			fprintf(stderr, "vpnctl: %s is no https://HOST[:PORT][/PATH]\n",
				args->urls[i]);
			return CTL_USAGE;
		}
		json_array_append_new(urls, json_string(args->urls[i]));
	}
	return CTL_OK;
}

int vpnctl_doctor(struct ctl *c, const struct vpnctl_args *args)
{
	struct checks checks = {.list = json_array(), .live = !args->json && isatty(STDOUT_FILENO)};
	json_t *params = json_pack("{s:[]}", "urls"), *result = NULL;
	char error[VPNCTL_ERROR_SIZE];
	int code = args->file ? add_invited(params, args->file) : CTL_OK;

	if (code == CTL_OK)
		code = add_named(params, args);
	if (code != CTL_OK) {
		json_decref(params);
	} else if (ctl_call(c, "doctor", params, VPNCTL_DOCTOR_TIMEOUT_MS, on_notify, &checks,
			    &result, error, sizeof(error)) != 0) {
		fprintf(stderr, "vpnctl: %s\n", error);
		code = CTL_FAILED;
	} else {
		vpnctl_clean(result);
		code = print(&checks, result, args->json);
	}
	json_decref(result);
	json_decref(checks.list);
	return code;
}
