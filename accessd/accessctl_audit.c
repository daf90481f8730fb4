/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit list, follow, export, head, prune, events. */
#include "accessd/accessctl_audit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accessd/pure/audit_csv.h"
#include "accessd/pure/duration.h"
#include "accessd/pure/events.h"
#include "common/pure/utc.h"

#define FOLLOW_MS 500
#define TIME_SIZE 64

static const char *const COLUMNS[] = {"SEQ", "TIME (UTC)", "EVENT", "RESULT",
				      "WHO", "FROM",	   "ON",    "DETAIL"};
#define N_COLUMNS (sizeof(COLUMNS) / sizeof(COLUMNS[0]))

bool accessctl_audit_take(const json_t *item, struct audit_record *r,
			  uint8_t hash[AUDIT_HASH_BYTES])
{
	uint8_t real[AUDIT_HASH_BYTES];
	char *line = json_dumps(item, JSON_COMPACT);
	int rc = line ? audit_line_decode(r, hash, real, line, strlen(line)) : -1;

	free(line);
	if (rc)
		(void)accessctl_strange();
	return rc == 0;
}

/* --- what is asked for ----------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void put_ago(struct accessctl *a, json_t *o, const char *option, const char *key)
{
	int64_t ago_s = accessctl_number(a, option);

	if (ago_s > 0)
		json_object_set_new(o, key, json_integer(now_ms() - ago_s * 1000));
}

static void put_text(struct accessctl *a, json_t *o, const char *option, const char *key)
{
	const char *text = accessctl_text(a, option);

	if (text)
		json_object_set_new(o, key, json_string(text));
}

static json_t *query(struct accessctl *a)
{
	json_t *o = json_object();

	put_ago(a, o, "--since", "since_ms");
	put_ago(a, o, "--until", "until_ms");
	put_text(a, o, "--who", "who");
	put_text(a, o, "--target", "target");
	put_text(a, o, "--event", "event");
	put_text(a, o, "--result", "result");
	put_text(a, o, "--kind", "kind");
	if (accessctl_flag(a, "--server"))
		json_object_set_new(o, "server", json_true());
	return o;
}

/* One page; @after: behind which record, @key which way. */
static json_t *ask_page(struct accessctl *a, const char *method, const json_t *what,
			const char *key, int64_t seq, int64_t n)
{
	json_t *o = json_deep_copy(what);

	if (seq > 0)
		json_object_set_new(o, key, json_integer(seq));
	if (n > 0)
		json_object_set_new(o, "n", json_integer(n));
	return accessctl_ask(a, method, o);
}

static int64_t last_seq(const json_t *list)
{
	int64_t seq = 0;

	(void)!rpc_int(json_array_get(list, json_array_size(list) - 1), "seq", 1, AUDIT_SEQ_MAX,
		       &seq);
	return seq;
}

/* --- for people ------------------------------------------------------------------------------ */

static void party(const struct audit_party *p, char out[AUDIT_NAME_SIZE + AUDIT_UID_SIZE])
{
	snprintf(out, AUDIT_NAME_SIZE + AUDIT_UID_SIZE, "%s %s", p->kind,
		 p->name[0] ? p->name : p->uid);
}

static void put_row(struct ctl_table *t, const json_t *item)
{
	char seq[24], time[UTC_TEXT_SIZE], who[AUDIT_NAME_SIZE + AUDIT_UID_SIZE],
		on[AUDIT_NAME_SIZE + AUDIT_UID_SIZE];
	uint8_t hash[AUDIT_HASH_BYTES];
	struct audit_record r;
	const char *const cells[N_COLUMNS] = {seq, time,   r.event, audit_result_name(AUDIT_OK),
					      who, r.from, on,	    r.detail};
	const char *all[N_COLUMNS];

	if (!accessctl_audit_take(item, &r, hash))
		return;
	memcpy(all, cells, sizeof(all));
	all[3] = audit_result_name(r.result);
	snprintf(seq, sizeof(seq), "%lld", (long long)r.seq);
	utc_format(r.time_ms, time);
	time[10] = ' ';
	if (!r.synced) /* the host's clock was nobody's word then */
		time[sizeof(time) - 2] = '?';
	else
		time[sizeof(time) - 2] = '\0';
	party(&r.who, who);
	party(&r.on, on);
	ctl_table_row(t, all);
}

/* The newest ones, in the order in which they came. */
static json_t *newest(struct accessctl *a, const json_t *what, int64_t n)
{
	json_t *all = json_array(), *page;
	int64_t before = 0;
	bool more = true;

	while (more && (int64_t)json_array_size(all) < n) {
		json_t *list;

		page = ask_page(a, "audit.list", what, "before_seq", before,
				n - (int64_t)json_array_size(all) > 500
					? 500
					: n - (int64_t)json_array_size(all));
		list = json_object_get(page, "records");
		if (!page || json_array_extend(all, list) != 0) {
			json_decref(page);
			json_decref(all);
			return NULL;
		}
		more = json_is_true(json_object_get(page, "more")) && json_array_size(list) > 0;
		before = last_seq(list);
		json_decref(page);
	}
	return all;
}

static json_t *reversed(json_t *list)
{
	json_t *out = json_array();

	for (size_t i = json_array_size(list); i > 0; i--)
		json_array_append(out, json_array_get(list, i - 1));
	json_decref(list);
	return out;
}

static void print_csv(const json_t *item)
{
	uint8_t hash[AUDIT_HASH_BYTES];
	struct audit_record r;
	char line[AUDIT_CSV_SIZE];

	if (accessctl_audit_take(item, &r, hash) && audit_csv(&r, hash, line) == 0)
		fputs(line, stdout);
}

static int list(struct accessctl *a)
{
	static const struct accessctl_columns columns = {N_COLUMNS, COLUMNS, put_row};
	int64_t n = accessctl_number(a, "--last");
	json_t *what = query(a), *all = newest(a, what, n > 0 ? n : 50);

	json_decref(what);
	if (!all)
		return CTL_FAILED;
	all = reversed(all);
	if (!accessctl_flag(a, "--csv"))
		return accessctl_show_list(a, all, &columns);
	fputs(audit_csv_header(), stdout);
	for (size_t i = 0; i < json_array_size(all); i++)
		print_csv(json_array_get(all, i));
	json_decref(all);
	return CTL_OK;
}

/* --- export, follow -------------------------------------------------------------------------- */

static void print_line(const json_t *item)
{
	char *line = json_dumps(item, JSON_COMPACT);

	if (line)
		puts(line);
	free(line);
}

static void print_all(const struct accessctl *a, const json_t *list, bool csv)
{
	(void)a;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (csv)
			print_csv(json_array_get(list, i));
		else
			print_line(json_array_get(list, i));
	}
}

/* All that is there, the oldest first. @after: goes on with it. Return: an exit code. */
static int print_from(struct accessctl *a, const char *method, const json_t *what, bool csv,
		      int64_t *after)
{
	bool more = true;

	while (more) {
		json_t *page = ask_page(a, method, what, "after_seq", *after, 0), *items;
		int64_t last;

		if (!page)
			return CTL_FAILED;
		items = json_object_get(page, "records");
		print_all(a, items, csv);
		more = json_is_true(json_object_get(page, "more")) && json_array_size(items) > 0;
		last = last_seq(items);
		*after = last > 0 ? last : *after;
		json_decref(page);
		if (ferror(stdout))
			return CTL_FAILED;
	}
	return CTL_OK;
}

static int export_all(struct accessctl *a)
{
	bool csv = accessctl_flag(a, "--csv");
	json_t *what = query(a);
	int64_t after = 0;
	int rc;

	if (csv)
		fputs(audit_csv_header(), stdout);
	rc = print_from(a, "audit.export", what, csv, &after);
	json_decref(what);
	return rc;
}

static int follow(struct accessctl *a)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_MS * 1000000L};
	json_t *what = query(a), *head;
	int64_t after = 0;
	int rc = CTL_OK;

	head = accessctl_ask(a, "audit.head",
			     json_object_get(what, "server") ? json_pack("{s:b}", "server", 1)
							     : NULL);
	if (!rpc_int(head, "seq", 0, AUDIT_SEQ_MAX, &after))
		rc = CTL_FAILED;
	json_decref(head);
	json_object_set_new(what, "oldest_first", json_true());
	while (rc == CTL_OK) {
		rc = print_from(a, "audit.list", what, accessctl_flag(a, "--csv"), &after);
		if (fflush(stdout) != 0)
			rc = CTL_FAILED;
		nanosleep(&pause, NULL);
	}
	json_decref(what);
	return rc;
}

/* --- head, prune, events --------------------------------------------------------------------- */

static int head(struct accessctl *a)
{
	json_t *o = accessctl_ask(
		a, NULL, accessctl_flag(a, "--server") ? json_pack("{s:b}", "server", 1) : NULL);
	int64_t seq = 0;

	if (!o)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(o);
	else if (rpc_int(o, "seq", 0, AUDIT_SEQ_MAX, &seq))
		printf("%lld:%s\n", (long long)seq, accessctl_cell(o, "hash"));
	json_decref(o);
	return CTL_OK;
}

/* "2026-01-31", "2026-01-31T12:00:00.000Z", or how long ago. */
static bool parse_time(const char *text, int64_t *ms)
{
	char full[TIME_SIZE];
	int64_t ago_s;

	if (duration_parse(&ago_s, text) == 0) {
		*ms = now_ms() - ago_s * 1000;
		return true;
	}
	snprintf(full, sizeof(full), "%.30s%s", text, strlen(text) == 10 ? "T00:00:00.000Z" : "");
	return utc_parse(ms, full) == 0;
}

static int prune(struct accessctl *a)
{
	const char *text = accessctl_text(a, "--before");
	json_t *o;
	int64_t ms, n = 0;

	if (!parse_time(text, &ms))
		return accessctl_usage(a, "%s: not a time like 2026-01-31 or 90d", text);
	if (!accessctl_flag(a, "--yes"))
		return accessctl_usage(a,
				       "records that are pruned are gone: export them first, then "
				       "say --yes");
	o = accessctl_ask(a, NULL,
			  json_pack("{s:I, s:b}", "before_ms", (json_int_t)ms, "server",
				    accessctl_flag(a, "--server")));
	if (!o)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(o);
	else if (rpc_int(o, "removed", 0, AUDIT_SEQ_MAX, &n))
		printf("%lld records removed\n", (long long)n);
	json_decref(o);
	return CTL_OK;
}

static void put_event(struct ctl_table *t, const json_t *o)
{
	const char *const cells[] = {accessctl_cell(o, "event"), accessctl_cell(o, "kind"),
				     accessctl_cell(o, "sr"), accessctl_cell(o, "meaning")};

	ctl_table_row(t, cells);
}

static int events(struct accessctl *a)
{
	static const char *const headings[] = {"EVENT", "KIND", "IEC 62443-3-3", "MEANING"};
	static const struct accessctl_columns columns = {4, headings, put_event};
	json_t *all = json_array();

	for (enum event e = EVENT_NONE + 1; e < EVENTS_END; e++) {
		const char *name = event_name(e);

		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:s}", "event", name, "kind",
				       event_is_connection(name) ? "connection" : "operation", "sr",
				       event_sr(name), "meaning", event_meaning(e)));
	}
	return accessctl_show_list(a, all, &columns);
}

/* --- the table ------------------------------------------------------------------------------- */

#define FILTERS                                                                                 \
	{"--since", "TIME", ACCESSCTL_DURATION, "not older than that: 30m, 12h, 7d"},           \
		{"--until", "TIME", ACCESSCTL_DURATION, "not younger than that"},               \
		{"--who", "NAME", ACCESSCTL_TEXT, "who did it: a name or a UID"},               \
		{"--target", "NAME", ACCESSCTL_TEXT,                                            \
		 "to what: a name or a UID; /FOLDER with all below"},                           \
		{"--event", "EVENT", ACCESSCTL_TEXT, "device.added, or device.* for all such"}, \
		{"--result", "RESULT", ACCESSCTL_TEXT, "ok, refused or failed"},                \
		{"--kind", "KIND", ACCESSCTL_TEXT, "operation or connection"},                  \
	{                                                                                       \
		"--server", NULL, ACCESSCTL_FLAG, "the server's own records, of no domain"      \
	}

static const struct accessctl_option LIST_OPTIONS[] = {
	FILTERS,
	{"--last", "N", ACCESSCTL_NUMBER, "the last N; default 50"},
	{"--csv", NULL, ACCESSCTL_FLAG, "as a table for spreadsheets (RFC 4180)"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option EXPORT_OPTIONS[] = {
	FILTERS,
	{"--csv", NULL, ACCESSCTL_FLAG, "as a table for spreadsheets (RFC 4180)"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option SERVER_OPTION[] = {
	{"--server", NULL, ACCESSCTL_FLAG, "the server's own records, of no domain"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option VERIFY_OPTIONS[] = {
	{"--head", "SEQ:HASH", ACCESSCTL_TEXT, "what audit head printed once: is it still so?"},
	{"--file", "FILE", ACCESSCTL_TEXT, "an export instead; - is standard input"},
	{"--server", NULL, ACCESSCTL_FLAG, "the server's own records, of no domain"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option PRUNE_OPTIONS[] = {
	{"--before", "TIME", ACCESSCTL_TEXT | ACCESSCTL_NEEDED,
	 "2026-01-31, or how long ago: 365d"},
	{"--yes", NULL, ACCESSCTL_FLAG, "do it"},
	{"--server", NULL, ACCESSCTL_FLAG, "the server's own records, of no domain"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option RECORD_OPTIONS[] = {
	{"--save", "FOLDER", ACCESSCTL_TEXT, "as files, too, which openssl can check"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_AUDIT[] = {
	{.words = "audit list",
	 .options = LIST_OPTIONS,
	 .help = "Who did what, the newest last",
	 .more = "A ? behind a time: the host's clock was kept right by nothing then.\n",
	 .examples = "audit list --since 7d --who anna\n"
		     "audit list --event 'session.*' --target site1 --json\n",
	 .run = list},
	{.words = "audit follow",
	 .options = EXPORT_OPTIONS,
	 .help = "Records as they come, a JSON object a line",
	 .examples = "audit follow --result refused\n",
	 .run = follow},
	{.words = "audit export",
	 .options = EXPORT_OPTIONS,
	 .help = "All records, a JSON object a line, the oldest first",
	 .more = "Each line is what its hash was made from, so audit verify --file can check it.\n",
	 .examples = "audit export >audit-2026.json\n"
		     "audit export --csv --since 30d >audit.csv\n",
	 .run = export_all},
	{.words = "audit verify",
	 .options = VERIFY_OPTIONS,
	 .help = "Are all records there, as they were written?",
	 .examples = "audit verify\n"
		     "audit verify --file audit-2026.json\n",
	 .run = accessctl_audit_verify},
	{.words = "audit head",
	 .options = SERVER_OPTION,
	 .help = "Number and hash of the last record, to be kept",
	 .examples = "audit head\n",
	 .run = head},
	{.words = "audit prune",
	 .options = PRUNE_OPTIONS,
	 .help = "Cut old records off; a record says that",
	 .examples = "audit prune --before 2026-01-31 --yes\n",
	 .run = prune},
	{.words = "audit events",
	 .help = "The catalogue of what is recorded",
	 .examples = "audit events\n",
	 .run = events,
	 .alone = true},
	{.words = "session record",
	 .operands = "ID",
	 .options = RECORD_OPTIONS,
	 .help = "What both ends have signed of a session",
	 .more = "Exit code 1: a record is missing or false, or the two ends differ.\n",
	 .examples = "session record 0011aabb\n"
		     "session record 0011aabb --save /tmp/records\n",
	 .run = accessctl_session_record},
	{.words = NULL},
};
