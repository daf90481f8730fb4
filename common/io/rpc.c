/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/rpc.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"
#include "common/pure/msg.h"

struct rpc_pending {
	struct rpc_pending *next;
	int64_t id;
	uint64_t deadline_ms; /* by uv_now() */
	rpc_answer_fn *fn;
	void *arg;
};

void rpc_init(struct rpc *rpc, uv_loop_t *loop, const struct rpc_ops *ops, void *arg,
	      size_t message_max)
{
	*rpc = (struct rpc){
		.loop = loop, .ops = ops, .arg = arg, .message_max = message_max, .next_id = 1};
	buf_init(&rpc->in, message_max + MSG_HEADER_BYTES);
}

/* --- sending --- */

static int send_message(struct rpc *rpc, const char *text, size_t len)
{
	uint8_t *bytes;
	int r;

	if (rpc->dead)
		return -EPIPE;
	if (len > MSG_MAX_BYTES)
		return -EMSGSIZE;
	bytes = malloc(MSG_HEADER_BYTES + len);
	if (!bytes)
		return -ENOMEM;
	msg_header_encode(bytes, len);
	if (len > 0)
		memcpy(bytes + MSG_HEADER_BYTES, text, len);
	r = rpc->ops->send(rpc, bytes, MSG_HEADER_BYTES + len);
	explicit_bzero(bytes, MSG_HEADER_BYTES + len);
	free(bytes);
	return r;
}

/* Takes @text, which is NULL when it could not be made. */
static int send_text(struct rpc *rpc, char *text, size_t len)
{
	int r;

	if (!text)
		return -ENOMEM;
	r = send_message(rpc, text, len);
	explicit_bzero(text, len);
	free(text);
	return r;
}

int rpc_keepalive(struct rpc *rpc)
{
	return send_message(rpc, NULL, 0);
}

int rpc_notify(struct rpc *rpc, const char *method, json_t *params)
{
	size_t len = 0;
	char *text = rpcmsg_notification(method, params, &len);

	return send_text(rpc, text, len);
}

static void note_answered(struct rpc *rpc, int64_t id, int code)
{
	if (rpc->tally)
		rpc_tally_answered(rpc->tally, &rpc->open, id, code);
}

int rpc_reply(struct rpc *rpc, int64_t id, json_t *result)
{
	size_t len = 0;
	char *text;

	if (id == 0) {
		json_decref(result);
		return 0;
	}
	text = rpcmsg_result(id, result, &len);
	if (text && len <= MSG_MAX_BYTES) {
		note_answered(rpc, id, 0);
		return send_text(rpc, text, len);
	}
	if (text)
		explicit_bzero(text, len);
	free(text);
	return rpc_reject(rpc, id, RPC_INTERNAL, "the answer is too long");
}

/* @id may be 0 here: the standard's null. Words that are not UTF-8 are brought to ASCII. */
static int send_error(struct rpc *rpc, int64_t id, int code, const char *words)
{
	char ascii[RPC_MESSAGE_SIZE];
	size_t len = 0;
	char *text = rpcmsg_error(id, code, words, &len);

	if (!text)
		text = rpcmsg_error(id, code, log_clean(ascii, sizeof(ascii), words, strlen(words)),
				    &len);
	return send_text(rpc, text, len);
}

int rpc_reject(struct rpc *rpc, int64_t id, int code, const char *fmt, ...)
{
	char words[RPC_MESSAGE_SIZE];
	va_list ap;

	if (id == 0)
		return 0;
	note_answered(rpc, id, code);
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return send_error(rpc, id, code, words);
}

/* --- what we asked --- */

/* Take the entry at @at out of the list, then call it: the list may change in the call. */
static void answer_pending(struct rpc *rpc, struct rpc_pending **at, const json_t *result, int code,
			   const char *message)
{
	struct rpc_pending *p = *at;

	*at = p->next;
	rpc->n_pending--;
	p->fn(p->arg, result, code, message);
	free(p);
}

static struct rpc_pending **find_expired(struct rpc *rpc)
{
	struct rpc_pending **at;

	for (at = &rpc->pending; *at; at = &(*at)->next) {
		if ((*at)->deadline_ms <= uv_now(rpc->loop))
			return at;
	}
	return NULL;
}

static void on_deadline(uv_timer_t *timer);

/* One timer for the earliest deadline. */
static void arm_deadline(struct rpc *rpc)
{
	uint64_t now = uv_now(rpc->loop), first = UINT64_MAX;
	const struct rpc_pending *p;

	if (!rpc->deadline)
		return;
	for (p = rpc->pending; p; p = p->next) {
		if (p->deadline_ms < first)
			first = p->deadline_ms;
	}
	if (!rpc->pending)
		uv_timer_stop(rpc->deadline);
	else
		uv_timer_start(rpc->deadline, on_deadline, first > now ? first - now : 0, 0);
}

/* timer->data is NULL from rpc_deinit() on, even if @rpc's memory went in a callback. */
static void on_deadline(uv_timer_t *timer)
{
	struct rpc_pending **at;
	struct rpc *rpc = timer->data;

	while (rpc && (at = find_expired(rpc)) != NULL) {
		answer_pending(rpc, at, NULL, RPC_TIMEOUT, "no answer in time");
		rpc = timer->data;
	}
	if (rpc)
		arm_deadline(rpc);
}

static int ensure_timer(struct rpc *rpc)
{
	if (rpc->deadline)
		return 0;
	rpc->deadline = malloc(sizeof(*rpc->deadline));
	if (!rpc->deadline)
		return -ENOMEM;
	uv_timer_init(rpc->loop, rpc->deadline);
	rpc->deadline->data = rpc;
	return 0;
}

/* Takes @params. */
static int send_request(struct rpc *rpc, int64_t id, const char *method, json_t *params)
{
	size_t len = 0;
	char *text = rpcmsg_request(id, method, params, &len);
	int r = send_text(rpc, text, len);

	/* The transport may have failed without saying so. */
	return r == 0 && rpc->dead ? -EPIPE : r;
}

static int request_allowed(struct rpc *rpc)
{
	if (rpc->dead)
		return -EPIPE;
	if (rpc->n_pending >= RPC_PENDING_MAX)
		return -ENOBUFS;
	return ensure_timer(rpc);
}

int rpc_request(struct rpc *rpc, const char *method, json_t *params, uint32_t timeout_ms,
		rpc_answer_fn *fn, void *arg)
{
	struct rpc_pending *p;
	int r = request_allowed(rpc);

	p = r == 0 ? malloc(sizeof(*p)) : NULL;
	if (!p) {
		json_decref(params);
		return r != 0 ? r : -ENOMEM;
	}
	*p = (struct rpc_pending){.id = rpc->next_id++,
				  .deadline_ms = uv_now(rpc->loop) + timeout_ms,
				  .fn = fn,
				  .arg = arg};
	r = send_request(rpc, p->id, method, params);
	if (r != 0) {
		free(p);
		return r;
	}
	p->next = rpc->pending;
	rpc->pending = p;
	rpc->n_pending++;
	arm_deadline(rpc);
	return 0;
}

void rpc_cancel(struct rpc *rpc, const void *arg)
{
	struct rpc_pending **at = &rpc->pending, *p;

	while ((p = *at) != NULL) {
		if (p->arg != arg) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		rpc->n_pending--;
		free(p);
	}
	if (!rpc->dead)
		arm_deadline(rpc);
}

/* --- receiving --- */

static void take_call(struct rpc *rpc, const struct rpcmsg *m)
{
	int64_t id = m->kind == RPC_REQUEST ? m->id : 0;
	char name[RPC_METHOD_SIZE];
	size_t i = 0;

	while (i < rpc->ops->n_methods && strcmp(rpc->ops->methods[i].name, m->method) != 0)
		i++;
	if (rpc->tally)
		rpc_tally_asked(rpc->tally, &rpc->open, id,
				i < rpc->ops->n_methods ? i : RPC_TALLY_OTHER);
	if (i < rpc->ops->n_methods) {
		rpc->called = rpc->ops->methods[i].name;
		rpc->ops->methods[i].fn(rpc, id, m->params);
	} else if (id != 0) {
		rpc_reject(rpc, m->id, RPC_NO_METHOD, "unknown method %s",
			   log_clean(name, sizeof(name), m->method, strlen(m->method)));
	}
}

static void take_answer(struct rpc *rpc, const struct rpcmsg *m)
{
	struct rpc_pending **at;

	for (at = &rpc->pending; *at; at = &(*at)->next) {
		if ((*at)->id != m->id)
			continue;
		if (m->kind == RPC_RESULT)
			answer_pending(rpc, at, m->result, 0, "");
		else
			answer_pending(rpc, at, NULL, m->code, m->message);
		return;
	}
	rpc->unknown_answers++;
}

static void take_message(struct rpc *rpc, const struct rpcmsg *m)
{
	switch (m->kind) {
	case RPC_REQUEST:
	case RPC_NOTIFICATION:
		take_call(rpc, m);
		break;
	case RPC_RESULT:
	case RPC_ERROR:
		take_answer(rpc, m);
		break;
	}
}

static void take_keepalive(struct rpc *rpc)
{
	rpc->keepalives_in++;
	if (rpc->answer_keepalive)
		rpc_keepalive(rpc);
}

/* One message from the queue. Return: 0; -EAGAIN there is none; else close. */
static int take_one(struct rpc *rpc)
{
	const uint8_t *body;
	size_t len, used;
	struct rpcmsg m;
	int r;

	r = msg_decode(buf_data(&rpc->in), buf_len(&rpc->in), rpc->message_max, &body, &len, &used);
	if (r != 0)
		return r;
	if (len == 0) {
		buf_consume(&rpc->in, used);
		take_keepalive(rpc);
		return 0;
	}
	r = rpcmsg_decode(&m, body, len);
	/* @m holds copies, so the queue may change or go from here on. */
	buf_consume(&rpc->in, used);
	if (r == -EBADMSG)
		send_error(rpc, 0, RPC_PARSE, "malformed message");
	if (r != 0)
		return r;
	take_message(rpc, &m);
	rpcmsg_deinit(&m);
	return 0;
}

/* As much of the input as there is room for. */
static int fill(struct rpc *rpc, const uint8_t **at, size_t *left)
{
	size_t n;
	int r;

	/* The owner may have raised the cap. */
	if (rpc->in.cap < rpc->message_max + MSG_HEADER_BYTES)
		rpc->in.cap = rpc->message_max + MSG_HEADER_BYTES;
	n = *left < buf_room(&rpc->in) ? *left : buf_room(&rpc->in);
	r = buf_append(&rpc->in, *at, n);
	if (r == 0) {
		*at += n;
		*left -= n;
	}
	return r;
}

int rpc_feed(struct rpc *rpc, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	bool gone = false;
	int r = 0;

	if (rpc->dead || n == 0)
		return 0;
	assert(!rpc->gone);
	/* cppcheck-suppress autoVariables ; taken back before this returns */
	rpc->gone = &gone;
	while (r == 0 && n > 0) {
		r = fill(rpc, &at, &n);
		while (r == 0 && !gone)
			r = take_one(rpc);
		if (gone)
			return 0;
		if (r == -EAGAIN)
			r = 0;
	}
	rpc->gone = NULL;
	return r;
}

/* --- the end --- */

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

void rpc_deinit(struct rpc *rpc)
{
	if (rpc->dead)
		return;
	rpc->dead = true;
	if (rpc->gone)
		*rpc->gone = true;
	rpc->gone = NULL;
	if (rpc->deadline) {
		rpc->deadline->data = NULL;
		uv_close((uv_handle_t *)rpc->deadline, on_timer_closed);
		rpc->deadline = NULL;
	}
	while (rpc->pending)
		answer_pending(rpc, &rpc->pending, NULL, RPC_CLOSED,
			       "connection closed before the answer");
	buf_wipe(&rpc->in);
	buf_deinit(&rpc->in);
}
