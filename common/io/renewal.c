/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define DAY_S INT64_C(86400)

/* --- when --------------------------------------------------------------------------------------
 */

/* The key's hash gives each its own time, which stays the same over restarts. */
static int64_t spread(const struct x509_info *info, int64_t life)
{
	uint32_t dice = (uint32_t)info->spki_sha256[0] << 8 | info->spki_sha256[1];

	return life / 12 * dice / 65536;
}

int64_t renewal_wait_s(const struct identity *id, int64_t now)
{
	struct x509_info info;
	int64_t life, due;

	if (id->id.kind == IDENT_USER)
		return INT64_MAX;
	if (x509_parse(&info, id->cert.der, id->cert.len) != 0)
		return 0;
	life = info.not_after - info.not_before;
	due = info.not_before + life / 3 * 2 + spread(&info, life);
	return due > now ? due - now : 0;
}

bool renewal_expired(const struct identity *id, int64_t now)
{
	struct x509_info info;

	return id->id.kind != IDENT_USER && x509_parse(&info, id->cert.der, id->cert.len) == 0 &&
	       (now > info.not_after || now < info.not_before);
}

/* --- the answer --------------------------------------------------------------------------------
 */

static bool take_cert(const json_t *o, const char *key, struct x509_cert *cert)
{
	return rpc_bytes(o, key, cert->der, sizeof(cert->der), &cert->len) && cert->len > 0;
}

const char *renewal_take(const struct identity *id, const json_t *answer, struct identity *next)
{
	const json_t *keys = json_object_get(answer, "token_keys");
	bool changed = false; /* all of it is */
	const char *problem;

	*next = *id;
	if (identity_take_links(next, json_object_get(answer, "links")) != 0 ||
	    identity_take_formers(next, json_object_get(answer, "former_cas")) != 0)
		return "the server's answer does not lead from the domain's former CA to its new "
		       "one";
	if (!take_cert(answer, "cert", &next->cert) ||
	    (id->id.kind == IDENT_RELAY && !take_cert(answer, "outer_cert", &next->outer_cert)) ||
	    (keys && identity_take_token_keys(next, keys, &changed) != 0))
		return "the server's answer is malformed";
	problem = identity_check_cert(next, &next->cert, true);
	if (!problem && id->id.kind == IDENT_RELAY)
		problem = identity_check_cert(next, &next->outer_cert, false);
	return problem;
}

static void take_answer(struct renewal *r, const json_t *result)
{
	struct identity *next = malloc(sizeof(*next));
	const char *problem = next ? renewal_take(r->identity, result, next) : "out of memory";
	char words[RENEWAL_WORDS_SIZE];

	snprintf(words, sizeof(words), "%s%s",
		 problem && strncmp(problem, "a cert", 6) == 0 ? "the server's answer holds " : "",
		 problem ? problem : "");
	r->done(r->arg, problem ? NULL : next, RPC_DENIED, words);
	if (next)
		identity_wipe(next);
	free(next);
}

static void schedule(struct renewal *r);

/* The owner may end the connection meanwhile. */
static void on_answer(void *arg, const json_t *result, int code, const char *message)
{
	struct renewal *r = arg;
	char words[RENEWAL_WORDS_SIZE];

	r->asking = false;
	if (code == RPC_CLOSED || !r->rpc)
		return;
	if (result)
		take_answer(r, result);
	else
		r->done(r->arg, NULL, code,
			log_clean(words, sizeof(words), message, strlen(message)));
	if (r->rpc)
		schedule(r);
}

/* --- the question ------------------------------------------------------------------------------
 */

static uint32_t random_below(uint32_t n)
{
	uint32_t dice;

	file_random(&dice, sizeof(dice));
	return n ? dice % n : 0;
}

static int ask(struct renewal *r)
{
	const struct identity *id = r->identity;
	uint8_t csr[X509_CSR_MAX_BYTES];
	size_t n;
	int rc;

	if (r->asking)
		return 0;
	if (x509_csr_make(&id->key, csr, sizeof(csr), &n) != 0)
		return -EIO;
	rc = rpc_request(r->rpc, "identity.renew",
			 json_pack("{s:o}", "csr", rpc_json_bytes(csr, n)), RENEWAL_TIMEOUT_MS,
			 on_answer, r);
	r->asking = rc == 0;
	return rc;
}

static void on_timer(uv_timer_t *t)
{
	struct renewal *r = t->data;

	if (!r->rpc)
		return;
	if (r->is_called || renewal_wait_s(r->identity, clock_wall_s()) == 0) {
		r->is_called = false;
		if (ask(r) == 0)
			return; /* on_answer() goes on */
	}
	schedule(r);
}

/* Looked at once a day: clocks are set. After a renewal that was tried just now, later. */
static void schedule(struct renewal *r)
{
	int64_t wait_s = renewal_wait_s(r->identity, clock_wall_s());
	uint64_t ms = (uint64_t)(wait_s < DAY_S ? wait_s : DAY_S) * 1000;

	if (wait_s == 0)
		ms = RENEWAL_AGAIN_MS + random_below(RENEWAL_AGAIN_MS);
	uv_timer_start(&r->timer, on_timer, ms, 0);
}

/* --- life --------------------------------------------------------------------------------------
 */

void renewal_open(struct renewal *r, uv_loop_t *loop, const struct identity *identity,
		  renewal_done_fn *done, void *arg)
{
	*r = (struct renewal){.identity = identity, .done = done, .arg = arg};
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
}

void renewal_online(struct renewal *r, struct rpc *rpc)
{
	r->rpc = rpc;
	if (renewal_wait_s(r->identity, clock_wall_s()) == 0)
		renewal_within(r, RENEWAL_LATE_MS);
	else
		schedule(r);
}

void renewal_within(struct renewal *r, uint32_t ms)
{
	if (!r->rpc || r->asking)
		return;
	r->is_called = true;
	uv_timer_start(&r->timer, on_timer, random_below(ms), 0);
}

int renewal_now(struct renewal *r, struct rpc *rpc)
{
	r->rpc = rpc;
	return ask(r);
}

void renewal_offline(struct renewal *r)
{
	if (r->rpc)
		rpc_cancel(r->rpc, r);
	r->rpc = NULL;
	r->asking = r->is_called = false;
	if (!uv_is_closing((uv_handle_t *)&r->timer))
		uv_timer_stop(&r->timer);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct renewal *r = h->data;

	r->on_closed(r);
}

void renewal_close(struct renewal *r, void (*on_closed)(struct renewal *r))
{
	renewal_offline(r);
	r->on_closed = on_closed;
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
