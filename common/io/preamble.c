/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/preamble.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"

static void finish(struct preamble *p, const char *problem)
{
	preamble_done_fn *done = p->done;

	p->done = NULL;
	if (done)
		done(p->arg, problem);
}

/* --- dates -------------------------------------------------------------------------------------
 */

static void judge_dates(struct preamble *p)
{
	char words[PREAMBLE_WORDS_SIZE];

	if (tls_peer_dates(p->peer) == 0) {
		finish(p, NULL);
		return;
	}
	snprintf(words, sizeof(words),
		 "the Access Server's certificate %s: check the clocks of this host and of the "
		 "Access Server",
		 clock_wall_s() < p->peer->not_before ? "is not valid yet" : "has expired");
	finish(p, words);
}

/* --- the time ----------------------------------------------------------------------------------
 */

static bool take_fixed(const json_t *o, const char *key, uint8_t *out, size_t size)
{
	size_t n;

	return rpc_bytes(o, key, out, size, &n) && n == size;
}

/* The CA's word for the key, then the key's for the time. Return: NULL, or what is wrong. */
static const char *take_time(const struct preamble *p, const json_t *o)
{
	uint8_t public[SIGNATURE_PUBLIC_BYTES], sig[SIGNATURE_BYTES];
	uint8_t text[STAMP_KEY_TEXT_MAX_BYTES], key_sig[X509_SIGNATURE_MAX_BYTES];
	const char *domain = p->peer->id.domain;
	uint64_t trip_ms = clock_mono_ms() - p->asked_ms;
	size_t key_sig_len;
	int64_t time_ms;

	if (!rpc_int(o, "time_ms", 0, OWNTIME_END_S * 1000, &time_ms) ||
	    !take_fixed(o, "public", public, sizeof(public)) ||
	    !take_fixed(o, "sig", sig, sizeof(sig)) ||
	    !rpc_bytes(o, "key_sig", key_sig, sizeof(key_sig), &key_sig_len))
		return "the Access Server's time is malformed";
	if (x509_check_signature(p->peer->ca, text, stamp_key_text(text, domain, public), key_sig,
				 key_sig_len) != 0)
		return "the key of the Access Server's time is not one of the domain's";
	if (stamp_check(sig, public, domain, p->nonce, time_ms) != 0)
		return "the Access Server's time has a wrong signature";
	if (trip_ms > PREAMBLE_TIME_MS)
		return "the Access Server's time came too late";
	if (clock_take_signed(time_ms, trip_ms) != 0)
		return "the Access Server's time lies before one that it signed earlier: check its "
		       "clock";
	return NULL;
}

static void on_time(void *arg, const json_t *result, int code, const char *message)
{
	struct preamble *p = arg;
	const char *problem;

	(void)message;
	if (!p->done || code == RPC_CLOSED)
		return;
	if (!result && code == RPC_TIMEOUT) {
		finish(p, "the Access Server did not say what time it is within 10 s");
		return;
	}
	/* Older servers do not know the question; one whose own clock is wrong does not answer it.
	 */
	problem = result ? take_time(p, result) : NULL;
	if (problem)
		finish(p, problem);
	else
		judge_dates(p);
}

static int ask(struct preamble *p, rpc_answer_fn *fn)
{
	file_random(p->nonce, sizeof(p->nonce));
	p->asked_ms = clock_mono_ms();
	return rpc_request(p->rpc, "time.get",
			   json_pack("{s:o}", "nonce", rpc_json_bytes(p->nonce, sizeof(p->nonce))),
			   PREAMBLE_TIME_MS, fn, p);
}

static void on_time_again(void *arg, const json_t *result, int code, const char *message)
{
	const char *problem = result ? take_time(arg, result) : NULL;

	(void)message;
	if (problem)
		log_warn("%s", problem);
	else if (!result)
		log_debug("time.get code=%d", code);
}

void preamble_ask_again(struct preamble *p)
{
	(void)!ask(p, on_time_again); /* there is a next time */
}

/* --- from outside ------------------------------------------------------------------------------
 */

int preamble_start(struct preamble *p, struct rpc *rpc, const struct tls_peer *peer,
		   preamble_done_fn *done, void *arg)
{
	*p = (struct preamble){.rpc = rpc, .peer = peer, .done = done, .arg = arg};
	return ask(p, on_time);
}

void preamble_stop(struct preamble *p)
{
	p->done = NULL;
	if (p->rpc)
		rpc_cancel(p->rpc, p);
	p->rpc = NULL;
}
