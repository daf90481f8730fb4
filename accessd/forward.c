/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessd/pure/audit_syslog.h"
#include "accessd/store_audit.h"
#include "accessd/way.h"
#include "common/io/log.h"

#define JOURNAL "/run/systemd/journal/socket"
#define DOMAINS_MAX 256
#define AT_ONCE 64    /* records, then the loop has its turn */
#define KEEP_MS 10000 /* how far each place has got is written down so often */

struct cursor {
	int64_t domain, seq;
	bool dirty; /* not written down yet */
};

struct place {
	struct forward *owner;
	char name[STORE_PLACE_SIZE];
	bool journal;
	struct way *way;	/* NULL: there is no such place */
	struct cursor *cursors; /* DOMAINS_MAX */
	size_t n_cursors, sent_now;
	bool stopped; /* the way does not take more */
};

struct forward {
	struct store *store;
	struct audit_sender sender;
	char host[256];
	struct place places[2];
	uv_timer_t more, keep;
	unsigned int n_handles;
	bool closing;
};

/* --- how far ---------------------------------------------------------------------------------- */

/* A place that is new hears what happens from now on. */
static bool add_cursor(void *arg, int64_t domain)
{
	struct place *p = arg;
	struct store_audit_head h;
	struct cursor *c;

	for (size_t i = 0; i < p->n_cursors; i++) {
		if (p->cursors[i].domain == domain)
			return true;
	}
	if (p->n_cursors == DOMAINS_MAX)
		return false;
	c = &p->cursors[p->n_cursors];
	*c = (struct cursor){.domain = domain};
	if (store_audit_sent(p->owner->store, p->name, domain, &c->seq) != 0 &&
	    p->sent_now == SIZE_MAX && store_audit_head(p->owner->store, domain, &h) == 0) {
		c->seq = h.seq;
		c->dirty = true;
	}
	p->n_cursors++;
	return true;
}

static void keep(struct place *p)
{
	for (size_t i = 0; i < p->n_cursors; i++) {
		struct cursor *c = &p->cursors[i];

		if (c->dirty &&
		    store_audit_set_sent(p->owner->store, p->name, c->domain, c->seq) == 0)
			c->dirty = false;
	}
}

static void on_keep(uv_timer_t *t)
{
	struct forward *f = t->data;

	for (size_t i = 0; i < 2; i++)
		keep(&f->places[i]);
}

/* --- sending --------------------------------------------------------------------------------- */

struct sending {
	struct place *place;
	struct cursor *cursor;
};

static bool send_row(void *arg, const struct store_audit_row *row)
{
	struct sending *s = arg;
	struct place *p = s->place;
	char message[AUDIT_SYSLOG_SIZE];
	size_t n;
	int rc = p->journal ? audit_journal(&row->r, row->hash, message, &n)
			    : audit_syslog(&row->r, row->hash, &p->owner->sender, message, &n);

	if (rc == 0)
		rc = way_send(p->way, message, n);
	if (rc == -EAGAIN) {
		p->stopped = true;
		return false;
	}
	s->cursor->seq = row->r.seq; /* also of one that cannot be said so: it stays in the audit */
	s->cursor->dirty = true;
	return ++p->sent_now < AT_ONCE;
}

static void pump(struct place *p)
{
	p->stopped = false;
	p->sent_now = 0;
	(void)!store_audit_domains(p->owner->store, add_cursor, p); /* logged */
	for (size_t i = 0; i < p->n_cursors && !p->stopped && p->sent_now < AT_ONCE; i++) {
		struct sending s = {.place = p, .cursor = &p->cursors[i]};
		struct store_audit_query q = {.domain = p->cursors[i].domain,
					      .after = p->cursors[i].seq,
					      .kind = -1,
					      .result = -1,
					      .oldest_first = true};

		(void)!store_audit_each(p->owner->store, &q, send_row, &s); /* logged */
	}
}

static void on_more(uv_timer_t *t)
{
	struct forward *f = t->data;
	bool again = false;

	for (size_t i = 0; i < 2; i++) {
		if (!f->places[i].way)
			continue;
		pump(&f->places[i]);
		again = again || f->places[i].sent_now >= AT_ONCE;
	}
	if (again)
		uv_timer_start(&f->more, on_more, 0, 0);
}

void forward_kick(struct forward *f)
{
	if (f && !f->closing && !uv_is_active((uv_handle_t *)&f->more))
		uv_timer_start(&f->more, on_more, 0, 0);
}

static void on_ready(void *arg)
{
	forward_kick(arg);
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_place(struct forward *f, struct place *p, uv_loop_t *loop,
		      const struct conf_syslog *to, bool journal)
{
	p->owner = f;
	p->journal = journal;
	p->cursors = calloc(DOMAINS_MAX, sizeof(*p->cursors));
	if (!p->cursors)
		return -ENOMEM;
	if (journal)
		snprintf(p->name, sizeof(p->name), "journal");
	else
		conf_print_syslog(NULL, to, p->name, sizeof(p->name));
	p->sent_now = SIZE_MAX; /* what is there now is old */
	(void)!store_audit_domains(f->store, add_cursor, p);
	p->sent_now = 0;
	keep(p); /* else a place that is new would be new again after a crash */
	return way_open(&p->way, loop, to, on_ready, f);
}

static void name_host(struct forward *f)
{
	size_t n;

	if (gethostname(f->host, sizeof(f->host) - 1) != 0)
		f->host[0] = '\0';
	for (n = 0; f->host[n]; n++) {
		if (f->host[n] < 0x21 || f->host[n] > 0x7e)
			f->host[n] = '-';
	}
	f->sender = (struct audit_sender){.host = f->host, .pid = (long)getpid()};
}

static void on_closed(uv_handle_t *h)
{
	struct forward *f = h->data;

	if (--f->n_handles > 0)
		return;
	for (size_t i = 0; i < 2; i++)
		free(f->places[i].cursors);
	free(f);
}

int forward_open(struct forward **out, uv_loop_t *loop, const struct forward_config *config)
{
	struct conf_syslog journal = {.way = CONF_UNIX, .path = JOURNAL};
	struct forward *f;
	int rc = 0;

	*out = NULL;
	if (config->syslog.way == CONF_NOWHERE && !config->journal)
		return 0;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->store = config->store;
	name_host(f);
	uv_timer_init(loop, &f->more);
	uv_timer_init(loop, &f->keep);
	f->more.data = f->keep.data = f;
	f->n_handles = 2;
	uv_timer_start(&f->keep, on_keep, KEEP_MS, KEEP_MS);
	if (config->syslog.way != CONF_NOWHERE)
		rc = open_place(f, &f->places[0], loop, &config->syslog, false);
	if (rc == 0 && config->journal)
		rc = open_place(f, &f->places[1], loop, &journal, true);
	if (rc)
		forward_close(f);
	else
		*out = f;
	return rc;
}

void forward_close(struct forward *f)
{
	if (!f || f->closing)
		return;
	f->closing = true;
	for (size_t i = 0; i < 2; i++) {
		if (f->places[i].way)
			pump(&f->places[i]);
		keep(&f->places[i]);
		way_close(f->places[i].way);
	}
	uv_close((uv_handle_t *)&f->more, on_closed);
	uv_close((uv_handle_t *)&f->keep, on_closed);
}
