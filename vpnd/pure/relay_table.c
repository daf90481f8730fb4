/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/relay_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

#define RTT_MAX_US 60000000
#define LOSS_MAX_PM 1000

static bool get_who(const json_t *o, char name[GRANT_NAME_SIZE], char uid[IDENT_UID_SIZE])
{
	return rpc_str_max(o, "name", name, GRANT_NAME_SIZE) && text_name_ok(name) &&
	       rpc_str_max(o, "uid", uid, IDENT_UID_SIZE) && ident_uid_ok(uid);
}

static bool same_urls(const struct relay_entry *a, const struct relay_entry *b)
{
	if (a->n_urls != b->n_urls)
		return false;
	for (size_t i = 0; i < a->n_urls; i++) {
		const struct url *x = &a->urls[i], *y = &b->urls[i];

		if (strcmp(x->host, y->host) != 0 || x->port != y->port ||
		    strcmp(x->path, y->path) != 0)
			return false;
	}
	return true;
}

static bool get_entry(const json_t *o, struct relay_entry *e)
{
	return get_who(o, e->name, e->uid) &&
	       grant_urls_decode(e->urls, &e->n_urls, json_object_get(o, "urls")) == 0;
}

int relay_table_decode(struct relay_table *t, const json_t *params)
{
	const json_t *list = json_object_get(params, "relays");
	struct relay_table fresh = {.n = 0};

	if (!json_is_array(list) || json_array_size(list) > RELAY_TABLE_MAX)
		return -EBADMSG;
	for (; fresh.n < json_array_size(list); fresh.n++) {
		struct relay_entry *e = &fresh.at[fresh.n];
		const struct relay_entry *old;

		if (!get_entry(json_array_get(list, fresh.n), e) ||
		    relay_table_find(&fresh, e->uid))
			return -EBADMSG;
		old = relay_table_find(t, e->uid);
		if (old && same_urls(old, e))
			e->result = old->result;
	}
	*t = fresh;
	return 0;
}

int relay_table_merge(struct relay_table *t, const json_t *params)
{
	struct relay_table fresh = *t;
	int r = relay_table_decode(&fresh, params);

	if (r != 0)
		return r;
	for (size_t i = 0; i < fresh.n; i++)
		fresh.at[i].asked = true;
	for (size_t i = 0; i < t->n && fresh.n < RELAY_TABLE_MAX; i++) {
		if (relay_table_find(&fresh, t->at[i].uid))
			continue;
		fresh.at[fresh.n] = t->at[i];
		fresh.at[fresh.n++].asked = false;
	}
	*t = fresh;
	return 0;
}

struct relay_entry *relay_table_find(struct relay_table *t, const char *uid)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->at[i].uid, uid) == 0)
			return &t->at[i];
	}
	return NULL;
}

bool relay_due(const struct relay_entry *e, uint64_t now_ms, uint64_t max_age_ms)
{
	const struct relay_result *r = &e->result;

	if (r->known == RELAY_FAILED && max_age_ms > RELAY_KEEP_FAILED_MS)
		max_age_ms = RELAY_KEEP_FAILED_MS;
	return r->known == RELAY_UNKNOWN || now_ms < r->at_ms || now_ms - r->at_ms > max_age_ms;
}

void relay_table_forget(struct relay_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		memset(&t->at[i].result, 0, sizeof(t->at[i].result));
}

json_t *relay_result_encode(const struct relay_entry *e)
{
	const struct relay_result *r = &e->result;

	switch (r->known) {
	case RELAY_UNKNOWN:
		break;
	case RELAY_REACHED:
		return json_pack("{s:s, s:I, s:I}", "uid", e->uid, "rtt_us", (json_int_t)r->rtt_us,
				 "loss_pm", (json_int_t)r->loss_pm);
	case RELAY_FAILED:
		return json_pack("{s:s, s:s}", "uid", e->uid, "failed", r->failed);
	}
	return NULL;
}

/* The other end */

/* Words from there are shown to people: only what is text. */
static void copy_words(char out[RELAY_WHY_SIZE], const char *words)
{
	size_t n = 0;

	for (; *words && n + 1 < RELAY_WHY_SIZE; words++)
		out[n++] = (unsigned char)*words >= 0x20 && *words != 0x7f ? *words : '?';
	out[n] = '\0';
}

static bool get_result(const json_t *o, struct relay_result *r)
{
	const char *failed;
	int64_t rtt, loss;

	if (rpc_str(o, "failed", &failed)) {
		r->known = RELAY_FAILED;
		copy_words(r->failed, failed);
		return true;
	}
	if (!rpc_int(o, "rtt_us", 1, RTT_MAX_US, &rtt) ||
	    !rpc_int(o, "loss_pm", 0, LOSS_MAX_PM, &loss))
		return false;
	r->known = RELAY_REACHED;
	r->rtt_us = (uint32_t)rtt;
	r->loss_pm = (uint32_t)loss;
	return true;
}

static bool session_ok(const char *s)
{
	return ident_uid_ok(s); /* both are 32 hex digits in lower case */
}

int relay_far_decode(struct relay_far *f, const json_t *params)
{
	const json_t *list = json_object_get(params, "relays");
	struct relay_far fresh = {.n = 0};

	if (!rpc_str_max(params, "session", fresh.session, sizeof(fresh.session)) ||
	    !session_ok(fresh.session) ||
	    !rpc_str_max(params, "device", fresh.device, sizeof(fresh.device)) ||
	    !text_name_ok(fresh.device) || !json_is_array(list) ||
	    json_array_size(list) > RELAY_TABLE_MAX)
		return -EBADMSG;
	for (; fresh.n < json_array_size(list); fresh.n++) {
		struct relay_far_row *row = &fresh.rows[fresh.n];
		const json_t *o = json_array_get(list, fresh.n);

		if (!get_who(o, row->name, row->uid) || !get_result(o, &row->result) ||
		    relay_far_find(&fresh, row->uid))
			return -EBADMSG;
	}
	*f = fresh;
	return 0;
}

static void drop_row(struct relay_far *f, size_t i)
{
	f->n--;
	memmove(&f->rows[i], &f->rows[i + 1], (f->n - i) * sizeof(f->rows[0]));
}

void relay_far_merge(struct relay_far *f, const struct relay_far *news)
{
	for (size_t i = 0; i < news->n; i++) {
		const struct relay_far_row *old = relay_far_find(f, news->rows[i].uid);

		if (old)
			drop_row(f, (size_t)(old - f->rows));
		else if (f->n == RELAY_TABLE_MAX)
			drop_row(f, 0);
		f->rows[f->n++] = news->rows[i];
	}
}

const struct relay_far_row *relay_far_find(const struct relay_far *f, const char *uid)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->rows[i].uid, uid) == 0)
			return &f->rows[i];
	}
	return NULL;
}
