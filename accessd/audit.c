/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessd/audit_fill.h"
#include "accessd/store_audit.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define LOG_BURST 5
#define STRANGERS_BURST 20
#define STRANGERS_MS 10000
/* Beyond max_records there is room for what mends it: exports, cuts, sign-ins. */
#define RESERVE(max) ((max) / 100 + 1000)
#define FILLING(max) ((max) / 10 * 8)

struct waiting {
	int64_t domain;
	struct audit_record r;
};

/* Of one event. */
struct strangers {
	uint64_t since_ms;
	unsigned int n, more;
};

/* Of one domain: what happens at another one neither shows here nor takes the room of what happens
 * here. As many as the server has had. */
struct stranger_domain {
	struct stranger_domain *next;
	int64_t domain;
	struct strangers of[EVENTS_END];
};

struct audit {
	bool refused; /* the last record, for there was no room */
	uv_loop_t *loop;
	struct audit_config config;
	struct waiting *waiting; /* AUDIT_LATER_MAX */
	size_t n_waiting;
	uv_timer_t timer; /* for them */
	uv_timer_t told;  /* on_written, once the caller's transaction is through */
	struct stranger_domain *strangers;
	int64_t stored;
	uint64_t written, failed;
	uint64_t unrecorded; /* since a record could be written last */
	int64_t unrecorded_ms;
	bool filling; /* was told */
	bool seen[EVENTS_END];
	int seen_fd; /* -1: nobody wants to know */
	struct log_limit limit;
	bool closed;
};

/* --- a test looks whether each event of the catalogue is produced by some test -----------------
 */

static void note_seen(struct audit *a, enum event e)
{
	char line[AUDIT_EVENT_SIZE + 1];
	int n;

	if (a->seen_fd < 0 || a->seen[e])
		return;
	a->seen[e] = true;
	n = snprintf(line, sizeof(line), "%s\n", event_name(e));
	(void)!write(a->seen_fd, line, (size_t)n);
}

static int open_seen(void)
{
	const char *path = getenv("FARLAN_EVENTS_SEEN"); /* NOLINT(concurrency-mt-unsafe) */

	return path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
}

/* --- writing --------------------------------------------------------------------------------- */

static void on_told(uv_timer_t *t)
{
	struct audit *a = t->data;

	a->config.on_written(a->config.arg);
}

/* Not from here: the transaction may not be committed yet. */
static void tell(struct audit *a)
{
	if (a->config.on_written && !a->closed && !uv_is_active((uv_handle_t *)&a->told))
		uv_timer_start(&a->told, on_told, 0, 0);
}

static bool is_mending(const struct audit_record *r)
{
	return strncmp(r->event, "audit.", 6) == 0 || strcmp(r->event, "signed-in") == 0 ||
	       strncmp(r->event, "server.", 7) == 0;
}

static bool is_full(const struct audit *a, const struct audit_record *r)
{
	int64_t max = a->config.max_records;

	if (max == 0)
		return false;
	return a->stored >= max + (is_mending(r) ? RESERVE(max) : 0);
}

static int append_own(struct audit *a, enum event e, int64_t domain, const json_t *detail)
{
	struct audit_record r;
	int rc;

	audit_fill_own(&r, e, detail);
	rc = store_audit_append(a->config.store, domain, &r);
	if (rc == 0) {
		a->stored++;
		a->written++;
		note_seen(a, e);
	}
	return rc;
}

/* What has to be said before the next record. */
static int append_news(struct audit *a, int64_t domain)
{
	json_t *detail;
	int rc = 0;

	if (a->unrecorded > 0) {
		detail = json_pack("{s:I, s:I}", "records", (json_int_t)a->unrecorded, "since_ms",
				   (json_int_t)a->unrecorded_ms);
		rc = append_own(a, EVENT_AUDIT_GAP, domain, detail);
		json_decref(detail);
	}
	if (rc == 0 && a->config.max_records > 0 && !a->filling &&
	    a->stored >= FILLING(a->config.max_records)) {
		detail = json_pack("{s:I, s:I}", "records", (json_int_t)a->stored, "of",
				   (json_int_t)a->config.max_records);
		rc = append_own(a, EVENT_AUDIT_FILLING, domain, detail);
		json_decref(detail);
		a->filling = rc == 0;
		log_warn("the audit has room for few more records stored=%lld of=%lld: export "
			 "and prune it",
			 (long long)a->stored, (long long)a->config.max_records);
	}
	return rc;
}

/* Within a transaction. Return: 0; -ENOSPC; -EIO. */
static int append(struct audit *a, int64_t domain, struct audit_record *r)
{
	int rc;

	a->refused = is_full(a, r);
	if (a->refused)
		return -ENOSPC;
	rc = append_news(a, domain);
	if (rc == 0)
		rc = store_audit_append(a->config.store, domain, r);
	if (rc)
		return -EIO;
	a->stored++;
	a->written++;
	return 0;
}

const char *audit_trouble(const struct audit *a)
{
	return a->refused ? "the audit is full: accessctl audit export, then audit prune" : NULL;
}

static void count_failure(struct audit *a, const char *event, int rc)
{
	a->failed++;
	if (a->unrecorded++ == 0)
		a->unrecorded_ms = clock_wall_ms();
	if (log_allowed(&a->limit, LOG_BURST))
		log_error("not recorded event=%s: %s", event,
			  rc == -ENOSPC ? "the audit is full; accessctl audit export, then prune"
					: "the database cannot be written; check the disk");
}

/* A part of the transaction that is open: what fails of it leaves no half of a record behind. */
static int write_joined(struct audit *a, int64_t domain, struct audit_record *r)
{
	struct store *s = a->config.store;
	int rc = store_part_begin(s), end;

	if (rc)
		return rc;
	rc = append(a, domain, r);
	end = store_part_end(s, rc == 0);
	return rc ? rc : end;
}

static int write_alone(struct audit *a, int64_t domain, struct audit_record *r)
{
	struct store *s = a->config.store;
	int rc = store_begin(s);

	if (rc == 0)
		rc = append(a, domain, r);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

static int write_one(struct audit *a, int64_t domain, struct audit_record *r)
{
	uint64_t unrecorded = a->unrecorded;
	int rc = store_in_transaction(a->config.store) ? write_joined(a, domain, r)
						       : write_alone(a, domain, r);

	if (rc == 0)
		a->unrecorded -= unrecorded;
	return rc;
}

static int note_record(struct audit *a, int64_t domain, enum event e, struct audit_record *r)
{
	int rc = write_one(a, domain, r);

	if (rc == 0) {
		note_seen(a, e);
		tell(a);
		return 0;
	}
	count_failure(a, r->event, rc);
	if (a->config.full_continues)
		return 0;
	if (store_in_transaction(a->config.store))
		store_doom(a->config.store);
	return rc;
}

int audit_note(struct audit *a, const struct audit_note *n)
{
	struct audit_record r;

	if (!a || n->event == EVENT_NONE)
		return 0;
	if (!store_in_transaction(a->config.store))
		audit_flush(a);
	audit_fill(&r, a->config.store, n);
	return note_record(a, n->domain, n->event, &r);
}

/* --- what may wait --------------------------------------------------------------------------- */

static int append_waiting(struct audit *a, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = append(a, a->waiting[i].domain, &a->waiting[i].r);
	return rc;
}

void audit_flush(struct audit *a)
{
	struct store *s = a->config.store;
	uint64_t unrecorded = a->unrecorded;
	size_t n = a->n_waiting;
	int rc;

	if (n == 0 || store_in_transaction(s))
		return;
	a->n_waiting = 0;
	rc = store_begin(s);
	if (rc == 0)
		rc = append_waiting(a, n);
	if (rc == 0)
		rc = store_commit(s);
	if (rc == 0) {
		a->unrecorded -= unrecorded;
		tell(a);
		return;
	}
	store_rollback(s);
	for (size_t i = 0; i < n; i++)
		count_failure(a, a->waiting[i].r.event, rc);
}

void audit_catch_up(struct audit *a, int64_t domain)
{
	struct store *s = a->config.store;
	uint64_t unrecorded = a->unrecorded;
	int rc;

	audit_flush(a);
	if (store_in_transaction(s) || store_begin(s) != 0)
		return;
	rc = append_news(a, domain);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	else
		a->unrecorded -= unrecorded;
}

static void on_timer(uv_timer_t *t)
{
	audit_flush(t->data);
}

void audit_later(struct audit *a, const struct audit_note *n)
{
	if (!a || n->event == EVENT_NONE)
		return;
	if (a->n_waiting == AUDIT_LATER_MAX)
		audit_flush(a);
	if (a->closed || a->n_waiting == AUDIT_LATER_MAX) { /* within a transaction */
		(void)audit_note(a, n);
		return;
	}
	a->waiting[a->n_waiting].domain = n->domain;
	audit_fill(&a->waiting[a->n_waiting++].r, a->config.store, n);
	note_seen(a, n->event);
	if (!uv_is_active((uv_handle_t *)&a->timer))
		uv_timer_start(&a->timer, on_timer, AUDIT_LATER_MS, 0);
}

/* --- strangers ------------------------------------------------------------------------------- */

static struct stranger_domain *strangers_of(struct audit *a, int64_t domain)
{
	struct stranger_domain *d = a->strangers;

	while (d && d->domain != domain)
		d = d->next;
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		abort(); /* what happens here could be neither recorded nor summed up */
	d->domain = domain;
	d->next = a->strangers;
	a->strangers = d;
	return d;
}

static void tell_more(struct audit *a, enum event e, int64_t domain, struct strangers *x)
{
	json_t *detail = json_pack("{s:i}", "more", (int)x->more);

	audit_later(a, &(struct audit_note){.event = e,
					    .result = AUDIT_REFUSED,
					    .domain = domain,
					    .who = "stranger",
					    .detail = detail});
	json_decref(detail);
	x->more = 0;
}

void audit_stranger(struct audit *a, const struct audit_note *n)
{
	struct strangers *x = &strangers_of(a, n->domain)->of[n->event];
	uint64_t now = clock_mono_ms();

	if (now - x->since_ms >= STRANGERS_MS) {
		if (x->more > 0)
			tell_more(a, n->event, n->domain, x);
		x->since_ms = now;
		x->n = 0;
	}
	if (x->n++ < STRANGERS_BURST)
		audit_later(a, n);
	else
		x->more++;
}

/* --- life ------------------------------------------------------------------------------------ */

void audit_counts(const struct audit *a, struct audit_counts *c)
{
	*c = (struct audit_counts){.written = a->written,
				   .failed = a->failed,
				   .stored = a->stored,
				   .max_records = a->config.max_records};
}

void audit_recount(struct audit *a)
{
	int64_t n;

	if (store_audit_count(a->config.store, &n) != 0)
		return;
	a->stored = n;
	a->filling = a->config.max_records > 0 && n >= FILLING(a->config.max_records);
}

int audit_open(struct audit **out, uv_loop_t *loop, const struct audit_config *config)
{
	struct audit *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return -ENOMEM;
	a->waiting = calloc(AUDIT_LATER_MAX, sizeof(*a->waiting));
	a->loop = loop;
	a->config = *config;
	rc = a->waiting ? store_audit_count(config->store, &a->stored) : -ENOMEM;
	if (rc) {
		free(a->waiting);
		free(a);
		return rc;
	}
	a->seen_fd = open_seen();
	uv_timer_init(loop, &a->timer);
	uv_timer_init(loop, &a->told);
	a->timer.data = a->told.data = a;
	*out = a;
	return 0;
}

void audit_close(struct audit *a)
{
	if (!a || a->closed)
		return;
	for (struct stranger_domain *d = a->strangers; d; d = d->next) {
		for (size_t i = 0; i < EVENTS_END; i++) {
			if (d->of[i].more > 0)
				tell_more(a, (enum event)i, d->domain, &d->of[i]);
		}
	}
	audit_flush(a);
	a->closed = true;
	uv_close((uv_handle_t *)&a->timer, NULL);
	uv_close((uv_handle_t *)&a->told, NULL);
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	if (a->seen_fd >= 0)
		close(a->seen_fd);
	while (a->strangers) {
		struct stranger_domain *d = a->strangers;

		a->strangers = d->next;
		free(d);
	}
	free(a->waiting);
	free(a);
}
