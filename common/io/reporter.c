/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/reporter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"

#define BATCH_BYTES 50000 /* of the 65,536 of a message */
#define LOG_BURST 2

struct reporter_times reporter_times = {
	.every_ms = 15 * 60 * 1000,
	.gather_ms = 200,
	.answer_ms = 30000,
	.again_ms = 60000,
};

struct kind {
	const char *file, *method, *what;
	size_t batch;
	bool keeps;
};

static const struct kind USAGE = {.file = REPORTER_FILE,
				  .method = "session.usage",
				  .what = "records of usage",
				  .batch = USAGE_BATCH_MAX};
static const struct kind RECEIPTS = {.file = REPORTER_RECEIPTS_FILE,
				     .method = "session.record",
				     .what = "signed records of sessions",
				     .batch = REPORTER_RECEIPTS_MAX,
				     .keeps = true};

struct reporter {
	const struct kind *kind;
	struct spool *spool;
	struct rpc *rpc;    /* NULL: offline */
	bool asked;	    /* a batch is under way */
	int64_t asked_last; /* its last number */
	uv_timer_t timer;   /* for the next batch */
	struct log_limit limit;
};

static void on_timer(uv_timer_t *timer);

static void send_in(struct reporter *r, uint32_t ms)
{
	if (r->rpc && !r->asked && !uv_is_active((uv_handle_t *)&r->timer))
		uv_timer_start(&r->timer, on_timer, ms, 0);
}

static void on_answer(void *arg, const json_t *result, int code, const char *message)
{
	struct reporter *r = arg;

	r->asked = false;
	if (result) {
		spool_acked(r->spool, r->asked_last);
		send_in(r, 0);
		return;
	}
	if (code == RPC_CLOSED)
		return;
	if (log_allowed(&r->limit, LOG_BURST))
		log_warn("the Access Server does not take %s, they are kept code=%d "
			 "reason=\"%.100s\"",
			 r->kind->what, code, message);
	send_in(r, reporter_times.again_ms);
}

static void on_timer(uv_timer_t *timer)
{
	struct reporter *r = timer->data;
	json_t *list;

	if (!r->rpc || r->asked)
		return;
	list = spool_batch(r->spool, r->kind->batch, BATCH_BYTES, &r->asked_last);
	if (!list)
		return;
	r->asked = rpc_request(r->rpc, r->kind->method, json_pack("{s:o}", "records", list),
			       reporter_times.answer_ms, on_answer, r) == 0;
	if (!r->asked)
		send_in(r, reporter_times.again_ms);
}

void reporter_online(struct reporter *r, struct rpc *rpc)
{
	if (!r)
		return;
	r->rpc = rpc;
	send_in(r, 0);
}

void reporter_offline(struct reporter *r)
{
	if (!r || !r->rpc)
		return;
	uv_timer_stop(&r->timer);
	rpc_cancel(r->rpc, r);
	r->asked = false;
	r->rpc = NULL;
}

/* FNV-1a of what names the stretch. */
static uint64_t key_of(const struct usage *u)
{
	char text[TOKEN_SESSION_SIZE + 24];
	uint64_t h = 0xcbf29ce484222325u;

	snprintf(text, sizeof(text), "%s/%lld", u->session, (long long)u->from_ms);
	for (const char *c = text; *c; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3u;
	return h;
}

void reporter_add(struct reporter *r, const struct usage *u)
{
	json_t *o;
	int rc;

	if (!r)
		return;
	o = usage_encode(u);
	rc = o ? spool_add(r->spool, o, key_of(u)) : -ENOMEM;
	if (rc != 0 && log_allowed(&r->limit, LOG_BURST))
		log_error("usage is not recorded session=%.8s error=\"%s\"", u->session,
			  strerror(-rc));
	send_in(r, reporter_times.gather_ms);
}

int reporter_add_receipt(struct reporter *r, json_t *receipt)
{
	int rc = spool_add(r->spool, receipt, 0);

	send_in(r, reporter_times.gather_ms);
	return rc;
}

void reporter_each(const struct reporter *r,
		   bool (*fn)(void *arg, const json_t *record, bool arrived), void *arg)
{
	spool_each(r->spool, fn, arg);
}

void reporter_stats(const struct reporter *r, struct spool_stats *st)
{
	*st = (struct spool_stats){.records = 0};
	if (r)
		spool_stats(r->spool, st);
}

static int open_kind(struct reporter **out, uv_loop_t *loop, const char *dir,
		     const struct ident *id, const struct spool_config *limits,
		     const struct kind *kind)
{
	struct reporter *r = calloc(1, sizeof(*r));
	char owner[IDENT_URI_SIZE];
	struct spool_config config = *limits;
	char *path;
	int rc;

	if (!r)
		return -ENOMEM;
	if (asprintf(&path, "%s/%s", dir, kind->file) < 0) {
		free(r);
		return -ENOMEM;
	}
	ident_format(id, owner);
	config.path = path;
	config.owner = owner;
	config.keeps = kind->keeps;
	r->kind = kind;
	rc = spool_open(&r->spool, loop, &config);
	free(path);
	if (rc != 0) {
		free(r);
		return rc;
	}
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	*out = r;
	return 0;
}

int reporter_open(struct reporter **out, uv_loop_t *loop, const char *dir, const struct ident *id,
		  size_t max_bytes)
{
	return open_kind(out, loop, dir, id, &(struct spool_config){.max_bytes = max_bytes},
			 &USAGE);
}

int reporter_open_receipts(struct reporter **out, uv_loop_t *loop, const char *dir,
			   const struct ident *id, size_t max_bytes)
{
	return open_kind(out, loop, dir, id, &(struct spool_config){.max_bytes = max_bytes},
			 &RECEIPTS);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void reporter_close(struct reporter *r)
{
	if (!r)
		return;
	on_timer(&r->timer); /* nobody waits for the answer: it goes again with the next start */
	reporter_offline(r);
	spool_close(r->spool);
	uv_close((uv_handle_t *)&r->timer, on_closed);
}
