/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "relayd/relayctl.h"

#define CELL_SIZE 64
#define METRICS_SIZE 600
#define CLOCK_SIZE 300
#define SHORT_ID 8 /* digits of a session's id in a table */

static const char *text_of(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));

	return v ? v : "";
}

static int64_t count_of(const json_t *o, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(o, key));
}

static bool is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static void duration(char out[CELL_SIZE], int64_t s)
{
	if (s < 60)
		snprintf(out, CELL_SIZE, "%" PRId64 " s", s);
	else if (s < 3600)
		snprintf(out, CELL_SIZE, "%" PRId64 " min", s / 60);
	else if (s < 86400)
		snprintf(out, CELL_SIZE, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
	else
		snprintf(out, CELL_SIZE, "%" PRId64 " d %" PRId64 " h", s / 86400,
			 s % 86400 / 3600);
}

/* Status */

static void print_access(const json_t *s)
{
	if (text_of(s, "server")[0])
		printf("Access Server: %s%s%s\n", text_of(s, "server"),
		       text_of(s, "proxy")[0] ? " by proxy " : "", text_of(s, "proxy"));
	if (text_of(s, "problem")[0])
		printf("Problem:       %s\n", text_of(s, "problem"));
	if (is_true(s, "removed"))
		puts("               the Access Server does not want this relay any more:\n"
		     "               run relayctl enroll --again with a new invitation");
	else if (count_of(s, "retry_in_ms") > 0)
		printf("               next try in %" PRId64 " s\n",
		       count_of(s, "retry_in_ms") / 1000 + 1);
	if (text_of(s, "inspection")[0])
		printf("Outer layer:   %s\n", text_of(s, "inspection"));
	else if (text_of(s, "outer_problem")[0])
		printf("Outer layer:   %s\n", text_of(s, "outer_problem"));
}

static void print_draining(const json_t *s)
{
	if (!is_true(s, "draining"))
		return;
	printf("Draining:      %s", text_of(s, "draining_why"));
	if (count_of(s, "draining_left_s") > 0)
		printf(", ends in %" PRId64 " s", count_of(s, "draining_left_s"));
	puts("; takes no new sessions");
}

static void print_refused(const json_t *s)
{
	json_t *refused = json_object_get(s, "refused");
	const char *sep = "Refused:       ";

	for (void *i = json_object_iter(refused); i; i = json_object_iter_next(refused, i)) {
		int64_t n = (int64_t)json_integer_value(json_object_iter_value(i));

		if (n == 0)
			continue;
		printf("%s%s %" PRId64, sep, json_object_iter_key(i), n);
		sep = ", ";
	}
	if (strcmp(sep, ", ") == 0)
		putchar('\n');
}

static void print_metrics(const json_t *s)
{
	char text[METRICS_SIZE];

	ctl_metrics(text, sizeof(text), s);
	if (text[0])
		printf("Metrics:       %s\n", text);
}

static void print_clock(const json_t *s)
{
	char text[CLOCK_SIZE];

	ctl_clock(text, sizeof(text), s);
	if (text[0])
		printf("Clock:         %s\n", text);
}

static void print_status(const json_t *s)
{
	char uptime[CELL_SIZE], bytes[CELL_SIZE];
	bool enrolled = strcmp(text_of(s, "state"), "not-enrolled") != 0;

	duration(uptime, count_of(s, "uptime_s"));
	printf("State:         %s\n", text_of(s, "state"));
	printf("Version:       %s, running for %s\n", text_of(s, "version"), uptime);
	printf("Listen:        %s%s\n", text_of(s, "listen"),
	       is_true(s, "listening") ? "" : " (not yet)");
	print_metrics(s);
	print_clock(s);
	if (!enrolled) {
		puts("               run relayctl enroll with an invitation for a relay");
		return;
	}
	printf("Relay:         %s in domain %s, UID %s\n", text_of(s, "name"), text_of(s, "domain"),
	       text_of(s, "uid"));
	print_access(s);
	print_draining(s);
	ctl_bytes(bytes, sizeof(bytes), (uint64_t)count_of(s, "bytes"));
	printf("Sessions:      %" PRId64 " of at most %" PRId64 "; %" PRId64 " joined, %" PRId64
	       " waiting legs; %s carried by %" PRId64 " threads\n",
	       count_of(s, "sessions"), count_of(s, "max_sessions"), count_of(s, "joined"),
	       count_of(s, "waiting"), bytes, count_of(s, "workers"));
	printf("Connections:   %" PRId64 ", of them %" PRId64 " that have shown no token\n",
	       count_of(s, "connections"), count_of(s, "unknown"));
	print_refused(s);
}

int relayctl_status(struct ctl *c, const struct relayctl_args *args)
{
	json_t *s = relayctl_ask(c, "status", NULL);

	if (!s)
		return CTL_FAILED;
	if (args->json)
		ctl_print_json(s);
	else
		print_status(s);
	json_decref(s);
	return CTL_OK;
}

/* Draining */

static int show_draining(const json_t *answer, bool wanted)
{
	if (wanted)
		printf("Draining: %" PRId64
		       " sessions are asked to go to other relays; see relayctl "
		       "status.\n",
		       count_of(answer, "sessions"));
	else if (!is_true(answer, "draining"))
		puts("The relay takes sessions.");
	else
		fprintf(stderr, "relayctl: the relay is still draining: %s\n",
			text_of(answer, "why"));
	return wanted || !is_true(answer, "draining") ? CTL_OK : CTL_FAILED;
}

static int set_draining(struct ctl *c, const struct relayctl_args *args, bool wanted)
{
	json_t *answer = relayctl_ask(c, wanted ? "drain" : "enable", NULL);
	int code = CTL_OK;

	if (!answer)
		return CTL_FAILED;
	if (args->json)
		ctl_print_json(answer);
	else
		code = show_draining(answer, wanted);
	json_decref(answer);
	return code;
}

int relayctl_drain(struct ctl *c, const struct relayctl_args *args)
{
	return set_draining(c, args, true);
}

int relayctl_enable(struct ctl *c, const struct relayctl_args *args)
{
	return set_draining(c, args, false);
}

/* Sessions */

/* All of them, from as many answers as it takes; caller owns. NULL: printed why. */
static json_t *all_sessions(struct ctl *c)
{
	json_t *all = json_array(), *after = json_integer(0);

	while (all && after) {
		json_t *answer = relayctl_ask(c, "sessions", json_pack("{s:o}", "after", after));

		if (!answer) {
			json_decref(all);
			return NULL;
		}
		(void)json_array_extend(all, json_object_get(answer, "sessions"));
		after = json_incref(json_object_get(answer, "after"));
		json_decref(answer);
	}
	return all;
}

/* PEER, BYTES and QUEUED of one end. */
static void end_cells(const json_t *end, char peer[CELL_SIZE], char bytes[CELL_SIZE],
		      char queued[CELL_SIZE])
{
	if (!text_of(end, "peer")[0]) {
		snprintf(peer, CELL_SIZE, "-");
		snprintf(bytes, CELL_SIZE, "-");
		snprintf(queued, CELL_SIZE, "-");
		return;
	}
	snprintf(peer, CELL_SIZE, "%s", text_of(end, "peer"));
	ctl_bytes(bytes, CELL_SIZE, (uint64_t)count_of(end, "bytes"));
	ctl_bytes(queued, CELL_SIZE, (uint64_t)count_of(end, "queued"));
}

static void add_row(struct ctl_table *t, const json_t *s)
{
	const json_t *manager = json_object_get(s, "manager"),
		     *device = json_object_get(s, "device");
	char m[3][CELL_SIZE], d[3][CELL_SIZE], since[CELL_SIZE], id[SHORT_ID + 1];
	const json_t *first = text_of(manager, "peer")[0] ? manager : device;

	snprintf(id, sizeof(id), "%s", text_of(s, "session"));
	duration(since, count_of(first, "since_s"));
	end_cells(manager, m[0], m[1], m[2]);
	end_cells(device, d[0], d[1], d[2]);
	ctl_table_row(t, (const char *const[]){id, text_of(s, "state"), since, m[0], m[1], m[2],
					       d[0], d[1], d[2]});
}

int relayctl_sessions(struct ctl *c, const struct relayctl_args *args)
{
	static const char *const headings[] = {"SESSION", "STATE",  "SINCE", "MANAGER", "SENT",
					       "QUEUED",  "DEVICE", "SENT",  "QUEUED"};
	json_t *all = all_sessions(c);
	struct ctl_table *t;

	if (!all)
		return CTL_FAILED;
	if (args->json) {
		ctl_print_json(all);
	} else {
		t = ctl_table_new(sizeof(headings) / sizeof(headings[0]), headings);
		for (size_t i = 0; i < json_array_size(all); i++)
			add_row(t, json_array_get(all, i));
		ctl_table_print(t);
	}
	json_decref(all);
	return CTL_OK;
}
