/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status, and the lists as tables. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accessd/accessctl.h"
#include "accessd/pure/duration.h"
#include "common/pure/rate.h"

#define CERT_SIZE 600
#define CELL_SIZE 512
#define WHEN_SIZE 32
#define NUMBERS_SIZE 48

static const char *text_of(const json_t *o, const char *key)
{
	const char *text;

	return rpc_str(o, key, &text) && text[0] ? text : "-";
}

static void when_of(const json_t *o, const char *key, char out[WHEN_SIZE])
{
	int64_t v;
	struct tm tm;
	time_t t;

	snprintf(out, WHEN_SIZE, "-");
	if (!rpc_int(o, key, 1, INT64_MAX, &v))
		return;
	t = (time_t)v;
	if (localtime_r(&t, &tm))
		strftime(out, WHEN_SIZE, "%Y-%m-%d %H:%M", &tm);
}

/* A list of strings with spaces between them. */
static void joined(const json_t *o, const char *key, char out[CELL_SIZE])
{
	const json_t *list = json_object_get(o, key);
	size_t used = 0;

	snprintf(out, CELL_SIZE, "-");
	for (size_t i = 0; i < json_array_size(list) && used < CELL_SIZE - 1; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		used += (size_t)snprintf(out + used, CELL_SIZE - used, "%s%s", i ? " " : "",
					 text ? text : "?");
	}
}

/* A limit in bytes a second, as it is set. */
static void rate_of(const json_t *o, char out[RATE_TEXT_SIZE])
{
	int64_t v = 0;

	(void)!rpc_int(o, "rate", 0, INT64_MAX, &v); /* absent: none */
	rate_format((uint64_t)v, out);
}

static const char *yes_no(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key)) ? "yes" : "no";
}

/* --- relays ---------------------------------------------------------------------------------- */

/* "12/10000", or "-" as long as it has not reported. */
static void sessions_of(const json_t *m, char out[NUMBERS_SIZE])
{
	int64_t n, max;

	snprintf(out, NUMBERS_SIZE, "-");
	if (rpc_int(m, "sessions", 0, INT64_MAX, &n) &&
	    rpc_int(m, "max_sessions", 0, INT64_MAX, &max))
		snprintf(out, NUMBERS_SIZE, "%" PRId64 "/%" PRId64, n, max);
}

static void load_of(const json_t *m, char out[NUMBERS_SIZE])
{
	int64_t pm;

	snprintf(out, NUMBERS_SIZE, "-");
	if (rpc_int(m, "load_pm", 0, 1000, &pm))
		snprintf(out, NUMBERS_SIZE, "%" PRId64 "%%", (pm + 5) / 10);
}

static void relay_row(struct ctl_table *t, const json_t *m)
{
	char seen[WHEN_SIZE], urls[CELL_SIZE], sessions[NUMBERS_SIZE], load[NUMBERS_SIZE];

	when_of(m, "last_seen", seen);
	joined(m, "urls", urls);
	sessions_of(m, sessions);
	load_of(m, load);
	{
		const char *cells[] = {text_of(m, "name"),
				       text_of(m, "state"),
				       text_of(m, "health"),
				       sessions,
				       load,
				       urls,
				       seen,
				       text_of(m, "address"),
				       text_of(m, "version")};
		ctl_table_row(t, cells);
	}
}

/* "rs1", "not rs2", "rs1, not rs2 rs3". */
static void wishes_of(const json_t *m, char out[CELL_SIZE])
{
	const char *pinned = "";
	char avoided[CELL_SIZE];
	bool avoids = json_array_size(json_object_get(m, "avoided")) > 0;

	(void)!rpc_str(m, "pinned", &pinned); /* may be absent */
	joined(m, "avoided", avoided);
	snprintf(out, CELL_SIZE, "%s%s%.400s", pinned,
		 !avoids   ? ""
		 : *pinned ? ", not "
			   : "not ",
		 avoids ? avoided : "");
	if (!out[0])
		snprintf(out, CELL_SIZE, "-");
}

/* --- members --------------------------------------------------------------------------------- */

static void member_row(struct ctl_table *t, const char *group, const json_t *m)
{
	char seen[WHEN_SIZE], lans[CELL_SIZE], wishes[CELL_SIZE], rate[RATE_TEXT_SIZE];

	if (strcmp(group, "relay") == 0) {
		relay_row(t, m);
		return;
	}
	when_of(m, "last_seen", seen);
	rate_of(m, rate);
	if (strcmp(group, "device") == 0) {
		joined(m, "lans", lans);
		wishes_of(m, wishes);
		const char *cells[] = {text_of(m, "name"),
				       text_of(m, "state"),
				       yes_no(m, "online"),
				       text_of(m, "ipv4"),
				       lans,
				       wishes,
				       rate,
				       seen,
				       text_of(m, "address"),
				       text_of(m, "version")};
		ctl_table_row(t, cells);
	} else {
		const char *cells[] = {text_of(m, "name"),
				       text_of(m, "state"),
				       yes_no(m, "online"),
				       rate,
				       seen,
				       text_of(m, "address"),
				       text_of(m, "version")};
		ctl_table_row(t, cells);
	}
}

static struct ctl_table *member_table(const char *group)
{
	static const char *const device[] = {"NAME",   "STATE", "ONLINE",    "TUNNEL", "LANS",
					     "RELAYS", "RATE",	"LAST SEEN", "FROM",   "VERSION"};
	static const char *const relay[] = {"NAME", "STATE",	 "HEALTH", "SESSIONS", "LOAD",
					    "URLS", "LAST SEEN", "FROM",   "VERSION"};
	static const char *const user[] = {"NAME",	"STATE", "ONLINE", "RATE",
					   "LAST SEEN", "FROM",	 "VERSION"};

	if (strcmp(group, "device") == 0)
		return ctl_table_new(10, device);
	return strcmp(group, "relay") == 0 ? ctl_table_new(9, relay) : ctl_table_new(7, user);
}

int accessctl_list(struct ctl *c, const struct accessctl_args *a)
{
	const char *group = a->words[0];
	char method[32], what[32];
	struct ctl_table *t;
	json_t *all;

	snprintf(method, sizeof(method), "%s.list", group);
	snprintf(what, sizeof(what), "%ss", group);
	all = accessctl_ask_all(c, method, what, "name");
	if (!all)
		return CTL_FAILED;
	if (a->json) {
		ctl_print_json(all);
	} else {
		t = member_table(group);
		for (size_t i = 0; i < json_array_size(all); i++)
			member_row(t, group, json_array_get(all, i));
		ctl_table_print(t);
	}
	json_decref(all);
	return CTL_OK;
}

/* --- sessions -------------------------------------------------------------------------------- */

static void session_row(struct ctl_table *t, const json_t *s)
{
	char started[WHEN_SIZE], left[DURATION_TEXT_SIZE], relays[CELL_SIZE];
	int64_t ends = 0;

	when_of(s, "started", started);
	joined(s, "relays", relays);
	(void)!rpc_int(s, "ends", 0, INT64_MAX, &ends); /* 0: nothing is left */
	duration_format(ends - (int64_t)time(NULL), left);
	{
		const char *cells[] = {text_of(s, "session"),
				       text_of(s, "user"),
				       text_of(s, "device"),
				       started,
				       left,
				       text_of(s, "relay"),
				       relays};
		ctl_table_row(t, cells);
	}
}

int accessctl_sessions(struct ctl *c, const struct accessctl_args *a)
{
	static const char *const headings[] = {"SESSION", "USER",  "DEVICE", "SINCE",
					       "LEFT",	  "RELAY", "LIST"};
	json_t *all = accessctl_ask_all(c, "session.list", "sessions", "session");
	struct ctl_table *t;

	if (!all)
		return CTL_FAILED;
	if (a->json) {
		ctl_print_json(all);
	} else {
		t = ctl_table_new(7, headings);
		for (size_t i = 0; i < json_array_size(all); i++)
			session_row(t, json_array_get(all, i));
		ctl_table_print(t);
	}
	json_decref(all);
	return CTL_OK;
}

/* --- CAs ------------------------------------------------------------------------------------- */

static void ca_row(struct ctl_table *t, const json_t *ca)
{
	char since[WHEN_SIZE], until[WHEN_SIZE], members[NUMBERS_SIZE];
	int64_t n = 0;

	when_of(ca, "not_before", since);
	when_of(ca, "not_after", until);
	(void)!rpc_int(ca, "members", 0, INT64_MAX, &n); /* absent: 0 */
	snprintf(members, sizeof(members), "%" PRId64, n);
	{
		const char *cells[] = {text_of(ca, "ca_sha256"), text_of(ca, "state"), members,
				       since, until};
		ctl_table_row(t, cells);
	}
}

static void key_row(struct ctl_table *t, const json_t *key)
{
	const char *cells[] = {text_of(key, "kid"), text_of(key, "state")};

	ctl_table_row(t, cells);
}

static void print_rows(const json_t *list, struct ctl_table *t,
		       void (*row)(struct ctl_table *t, const json_t *o))
{
	for (size_t i = 0; i < json_array_size(list); i++)
		row(t, json_array_get(list, i));
	ctl_table_print(t);
}

void accessctl_print_cas(const json_t *o)
{
	static const char *const cas[] = {"CA", "STATE", "DEVICES AND RELAYS", "SINCE", "UNTIL"};
	static const char *const keys[] = {"TOKEN KEY", "STATE"};

	print_rows(json_object_get(o, "cas"), ctl_table_new(5, cas), ca_row);
	puts("");
	print_rows(json_object_get(o, "token_keys"), ctl_table_new(2, keys), key_row);
	if (json_object_get(o, "problem"))
		printf("\n%s\n", text_of(o, "problem"));
}

/* --- status ---------------------------------------------------------------------------------- */

static void print_number(const json_t *o, const char *label, const char *key)
{
	int64_t n;

	if (rpc_int(o, key, 0, INT64_MAX, &n))
		printf("%-16s%" PRId64 "\n", label, n);
}

static void print_status(const json_t *o)
{
	char uptime[DURATION_TEXT_SIZE], urls[CELL_SIZE], metrics[CELL_SIZE], cert[CERT_SIZE];
	int64_t seconds = 0;

	(void)!rpc_int(o, "uptime_s", 0, INT64_MAX, &seconds); /* absent: 0 s */
	duration_format(seconds, uptime);
	printf("accessd         %s, up %s\n", text_of(o, "version"), uptime);
	printf("listening       %s\n",
	       json_is_true(json_object_get(o, "listening")) ? text_of(o, "listen") : "no");
	ctl_metrics(metrics, sizeof(metrics), o);
	if (metrics[0])
		printf("metrics         %s\n", metrics);
	if (!json_object_get(o, "domain")) {
		puts("domain          none yet: run accessctl init");
		return;
	}
	joined(o, "urls", urls);
	printf("domain          %s\n", text_of(o, "domain"));
	printf("addresses       %s\n", urls);
	printf("CA              %s\n", text_of(o, "ca_sha256"));
	ctl_certificate(cert, sizeof(cert), o);
	printf("certificate     %s\n", cert);
	if (json_object_get(o, "ca_problem"))
		printf("                %s\n", text_of(o, "ca_problem"));
	print_number(o, "connections", "connections");
	print_number(o, "devices online", "devices_online");
	print_number(o, "users online", "users_online");
	print_number(o, "relays online", "relays_online");
	print_number(o, "sessions", "sessions");
}

int accessctl_status(struct ctl *c, const struct accessctl_args *a)
{
	json_t *result = accessctl_ask(c, "status", NULL);

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else
		print_status(result);
	json_decref(result);
	return CTL_OK;
}
