/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"

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
	       now > info.not_after;
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
	if (identity_take_links(next, json_object_get(answer, "links")) != 0)
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

static void finish(struct renewal *r, const struct identity *next, int code, const char *words)
{
	renewal_done_fn *done = r->done;

	r->done = NULL;
	if (done)
		done(r->arg, next, code, words);
}

static void take_answer(struct renewal *r, const json_t *result)
{
	struct identity *next = malloc(sizeof(*next));
	const char *problem = next ? renewal_take(r->identity, result, next) : "out of memory";
	char words[RENEWAL_WORDS_SIZE];

	snprintf(words, sizeof(words), "%s%s",
		 problem && strncmp(problem, "a cert", 6) == 0 ? "the server's answer holds " : "",
		 problem ? problem : "");
	finish(r, problem ? NULL : next, RPC_DENIED, words);
	if (next)
		identity_wipe(next);
	free(next);
}

static void on_answer(void *arg, const json_t *result, int code, const char *message)
{
	struct renewal *r = arg;
	char words[RENEWAL_WORDS_SIZE];

	if (!r->done || code == RPC_CLOSED)
		return;
	if (result)
		take_answer(r, result);
	else
		finish(r, NULL, code, log_clean(words, sizeof(words), message, strlen(message)));
}

/* --- the question ------------------------------------------------------------------------------
 */

int renewal_start(struct renewal *r, struct rpc *rpc, const struct identity *identity,
		  renewal_done_fn *done, void *arg)
{
	uint8_t csr[X509_CSR_MAX_BYTES];
	size_t n;

	*r = (struct renewal){.rpc = rpc, .identity = identity, .done = done, .arg = arg};
	if (x509_csr_make(&identity->key, csr, sizeof(csr), &n) != 0)
		return -EIO;
	return rpc_request(rpc, "identity.renew", json_pack("{s:o}", "csr", rpc_json_bytes(csr, n)),
			   RENEWAL_TIMEOUT_MS, on_answer, r);
}

void renewal_stop(struct renewal *r)
{
	r->done = NULL;
	if (r->rpc)
		rpc_cancel(r->rpc, r);
	r->rpc = NULL;
}
