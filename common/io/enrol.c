/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/enrol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/direct.h"
#include "common/io/file.h"
#include "common/io/inner.h"
#include "common/io/log.h"
#include "common/io/preamble.h"
#include "common/io/rpc.h"
#include "common/pure/msg.h"

#define ANSWER_MS 20000 /* a password is checked slowly on purpose */
#define NAME_SIZE 64
#define PASSWORD_SIZE 1024

struct enrol {
	uv_loop_t *loop;
	const struct enrol_callbacks *cb;
	void *arg;
	enum ident_kind kind;
	bool has_invite;
	struct invite invite;
	struct identity known; /* sign-in with a domain that is known: its CAs */
	char user[NAME_SIZE], password[PASSWORD_SIZE], version[32];
	json_t *more;
	struct hardware hardware;
	char *pending_key_path;
	struct x509_key key;
	struct dial_target target;
	struct dial_memory *memory;
	struct tls_ctx *outer_ctx, *inner_ctx;
	struct dial *dial;
	struct direct *direct; /* in its place */
	struct opt_access access;
	struct inner *inner;
	struct rpc rpc;
	struct preamble preamble;
	bool rpc_open, told, idle_closed;
	uv_idle_t idle; /* never started: its closing defers the freeing to the loop */
	struct identity result;
};

/* The end */

static void enrol_free(struct enrol *e)
{
	tls_ctx_free(e->outer_ctx);
	tls_ctx_free(e->inner_ctx);
	free(e->pending_key_path);
	json_decref(e->more);
	identity_wipe(&e->result);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

static void maybe_free(struct enrol *e)
{
	if (e->told && !e->inner && e->idle_closed)
		enrol_free(e);
}

static void on_idle_closed(uv_handle_t *handle)
{
	struct enrol *e = handle->data;

	e->idle_closed = true;
	maybe_free(e);
}

static void wind_up(struct enrol *e)
{
	e->told = true;
	if (e->dial)
		dial_cancel(e->dial);
	e->dial = NULL;
	preamble_stop(&e->preamble);
	if (e->direct)
		direct_cancel(e->direct);
	e->direct = NULL;
	if (e->inner)
		inner_finish(e->inner, "done");
	uv_close((uv_handle_t *)&e->idle, on_idle_closed);
}

static void fail(struct enrol *e, int code, const char *message)
{
	char text[DIAL_REASON_SIZE];

	if (e->told)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, message);
	wind_up(e);
	e->cb->on_done(e->arg, NULL, code, text);
}

static void drop_key(struct enrol *e)
{
	if (e->pending_key_path && unlink(e->pending_key_path) != 0 && errno != ENOENT)
		log_warn("cannot remove path=\"%s\" error=\"%s\"", e->pending_key_path,
			 strerror(errno));
}

static void succeed(struct enrol *e)
{
	wind_up(e);
	e->cb->on_done(e->arg, &e->result, 0, NULL);
	drop_key(e);
}

void enrol_cancel(struct enrol *e)
{
	if (!e->told)
		wind_up(e);
}

static void step(struct enrol *e, const char *fmt, const char *what)
{
	char text[200];

	if (!e->cb->on_step || e->told)
		return;
	snprintf(text, sizeof(text), "%s%s", fmt, what);
	e->cb->on_step(e->arg, text);
}

/* The answer: nothing of it is believed before it fits together */

static bool take_cert(const json_t *o, const char *key, struct x509_cert *cert)
{
	return rpc_bytes(o, key, cert->der, sizeof(cert->der), &cert->len);
}

static const char *check_certs(const struct enrol *e, const struct identity *id)
{
	const char *problem = identity_check_cert(id, &id->cert, true);

	if (!problem && e->kind == IDENT_RELAY)
		problem = identity_check_cert(id, &id->outer_cert, false);
	return problem;
}

static const char *take_answer(struct enrol *e, const json_t *o)
{
	const struct x509_cert *ca = e->has_invite ? inner_peer(e->inner)->root : &e->known.ca;
	struct identity *id = &e->result;
	bool changed = false; /* all of it is */
	const char *uri;

	memset(id, 0, sizeof(*id));
	if (!ca)
		return "the server has not shown the domain CA";
	id->key = e->key;
	id->ca = *ca;
	if (!rpc_str(o, "uri", &uri) || ident_parse(&id->id, uri, strlen(uri)) != 0 ||
	    id->id.kind != e->kind || !rpc_str_max(o, "name", id->name, sizeof(id->name)) ||
	    !take_cert(o, "cert", &id->cert) ||
	    identity_take_urls(id, json_object_get(o, "urls"), &changed) != 0)
		return "the server's answer is malformed";
	if (strcmp(id->id.domain, inner_peer(e->inner)->id.domain) != 0)
		return "the server's answer is for another domain";
	if (e->kind == IDENT_RELAY &&
	    (!take_cert(o, "outer_cert", &id->outer_cert) ||
	     identity_take_token_keys(id, json_object_get(o, "token_keys"), &changed) != 0))
		return "the server's answer is malformed";
	if (identity_take_links(id, json_object_get(o, "links")) != 0 ||
	    identity_take_formers(id, json_object_get(o, "former_cas")) != 0)
		return "the server's answer does not lead from the domain's former CA to its new "
		       "one";
	return check_certs(e, id);
}

static void fail_answer(struct enrol *e, const char *problem)
{
	char words[DIAL_REASON_SIZE];

	/* What is wrong with a certificate is only half a sentence. */
	snprintf(words, sizeof(words), "%s%s",
		 strncmp(problem, "a cert", 6) == 0 ? "the server's answer holds " : "", problem);
	fail(e, RPC_DENIED, words);
}

static void on_answer(void *arg, const json_t *result, int code, const char *message)
{
	struct enrol *e = arg;
	char words[RPC_MESSAGE_SIZE];
	const char *problem;

	if (e->told)
		return;
	if (!result) {
		if (code == RPC_CONFLICT) /* it is another domain's: with a new one it may go */
			drop_key(e);
		log_clean(words, sizeof(words), message, strlen(message));
		fail(e, code, words);
		return;
	}
	if (e->more && json_object_get(result, "missing")) {
		wind_up(e);
		e->cb->on_answer(e->arg, result, true);
		return;
	}
	problem = take_answer(e, result);
	if (problem) {
		fail_answer(e, problem);
		return;
	}
	if (e->more)
		e->cb->on_answer(e->arg, result, false);
	succeed(e);
}

/* The question */

/* Which machine it is: nothing of it, only hashes. */
static int add_hardware(const struct enrol *e, json_t *params)
{
	json_t *marks;

	if (e->hardware.n == 0)
		return 0;
	marks = json_array();
	for (size_t i = 0; i < e->hardware.n; i++)
		json_array_append_new(marks,
				      rpc_json_bytes(e->hardware.marks[i], HARDWARE_MARK_BYTES));
	return json_object_set_new(params, "hardware", marks);
}

static json_t *make_params(struct enrol *e)
{
	uint8_t csr[X509_CSR_MAX_BYTES];
	json_t *params = json_object();
	size_t n;

	if (!params || x509_csr_make(&e->key, csr, sizeof(csr), &n) != 0 ||
	    json_object_set_new(params, "csr", rpc_json_bytes(csr, n)) != 0 ||
	    json_object_set_new(params, "version", json_string(e->version)) != 0)
		goto failed;
	if (e->has_invite &&
	    json_object_set_new(params, "secret",
				rpc_json_bytes(e->invite.secret, sizeof(e->invite.secret))) != 0)
		goto failed;
	if (e->kind != IDENT_USER) {
		if (json_object_set_new(params, "kind", json_string(ident_kind_name(e->kind))) !=
			    0 ||
		    add_hardware(e, params) != 0)
			goto failed;
		return params;
	}
	if (e->user[0] && json_object_set_new(params, "user", json_string(e->user)) != 0)
		goto failed;
	if (json_object_set_new(params, "password", json_string(e->password)) != 0)
		goto failed;
	if (e->more && (json_object_update_missing(params, e->more) != 0 ||
			json_object_set_new(params, "dialogue", json_true()) != 0))
		goto failed;
	return params;
failed:
	json_decref(params);
	return NULL;
}

static int on_rpc_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct enrol *e = rpc->arg;

	return e->inner ? inner_send(e->inner, bytes, n) : -EPIPE;
}

static const struct rpc_ops ops = {.send = on_rpc_send};

static void on_preamble(void *arg, const char *problem)
{
	struct enrol *e = arg;
	json_t *params;

	if (problem) {
		fail(e, RPC_UNAVAILABLE, problem);
		return;
	}
	step(e, "server authenticated, domain ", inner_peer(e->inner)->id.domain);
	if (e->told)
		return;
	params = make_params(e);
	if (!params || rpc_request(&e->rpc, e->kind == IDENT_USER ? "login" : "enrol", params,
				   ANSWER_MS, on_answer, e) != 0)
		fail(e, RPC_INTERNAL, "the request could not be made");
}

static void on_ready(struct inner *in)
{
	struct enrol *e = inner_arg(in);

	if (e->told)
		return;
	rpc_init(&e->rpc, e->loop, &ops, e, MSG_MAX_BYTES); /* there may be many links */
	e->rpc_open = true;
	if (preamble_start(&e->preamble, &e->rpc, inner_peer(in), on_preamble, e) != 0)
		fail(e, RPC_INTERNAL, "the time could not be asked for");
}

static void on_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct enrol *e = inner_arg(in);

	if (!e->told && e->rpc_open && rpc_feed(&e->rpc, bytes, n) != 0)
		fail(e, RPC_INTERNAL, "the server sent a malformed message");
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct enrol *e = inner_arg(in);

	(void)clean;
	e->inner = NULL;
	if (!e->told)
		fail(e, RPC_UNAVAILABLE, reason);
	preamble_stop(&e->preamble);
	if (e->rpc_open)
		rpc_deinit(&e->rpc);
	e->rpc_open = false;
	maybe_free(e);
}

static const struct inner_callbacks inner_calls = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_closed = on_inner_closed,
};

/* Coming there */

static void authenticate(struct enrol *e, struct outer *o, const char *where)
{
	struct tls_expect expect = {
		.alpn = TLS_ALPN_ENROL, .any_of_kind = true, .dates_later = true};
	int r;

	expect.id.kind = IDENT_ACCESS;
	if (e->has_invite) {
		expect.has_ca_pin = true;
		memcpy(expect.ca_sha256, e->invite.ca_sha256, sizeof(expect.ca_sha256));
	} else {
		memcpy(expect.id.domain, e->known.id.domain, sizeof(expect.id.domain));
	}
	r = inner_open(&e->inner, o, e->inner_ctx, &expect, 0, &inner_calls, e);
	if (r != 0) {
		e->inner = NULL;
		fail(e, RPC_INTERNAL, strerror(-r));
		return;
	}
	step(e, "connected to ", where); /* may cancel: what is open is owned by now */
}

static void on_dial_open(struct dial *d, struct outer *o)
{
	struct enrol *e = dial_arg(d);
	char text[DIAL_ADDR_SIZE + PROXY_HOST_PORT_SIZE + 20];
	struct outer_tunnel tunnel;

	e->dial = NULL;
	if (outer_tunnel(o, &tunnel))
		snprintf(text, sizeof(text), "port %u by proxy %s", tunnel.port, tunnel.proxy);
	else
		dial_where(o, text);
	authenticate(e, o, text);
}

static void on_direct_open(void *arg, struct outer *o)
{
	struct enrol *e = arg;
	char at[DIRECT_TEXT_SIZE];

	e->direct = NULL;
	authenticate(e, o, direct_text(&e->access, at));
}

static void on_direct_failed(void *arg, const char *reason)
{
	struct enrol *e = arg;

	e->direct = NULL;
	fail(e, RPC_UNAVAILABLE, reason);
}

static const struct direct_callbacks direct_calls = {
	.on_open = on_direct_open,
	.on_failed = on_direct_failed,
};

static void on_dial_failed(struct dial *d, const char *reason)
{
	struct enrol *e = dial_arg(d);

	e->dial = NULL;
	fail(e, RPC_UNAVAILABLE, reason);
}

static void on_dial_step(struct dial *d, const char *what)
{
	step(dial_arg(d), "", what);
}

static const struct dial_callbacks dial_calls = {
	.on_open = on_dial_open,
	.on_failed = on_dial_failed,
	.on_step = on_dial_step,
};

/* The start */

/* The key of an attempt whose answer was lost, or a new one, kept until the answer is stored. */
static int load_or_make_key(struct enrol *e)
{
	uint8_t *bytes;
	size_t n;

	if (e->pending_key_path &&
	    file_read(e->pending_key_path, X509_KEY_MAX_BYTES, &bytes, &n) == 0) {
		uint8_t spki[256];
		size_t len;
		int r;

		memcpy(e->key.der, bytes, n);
		e->key.len = n;
		explicit_bzero(bytes, n);
		free(bytes);
		r = x509_spki(&e->key, spki, sizeof(spki), &len);
		if (r == 0)
			return 0;
		log_warn("damaged key is replaced path=\"%s\"", e->pending_key_path);
	}
	/* The same user at the same PC: the key that he has proves that, and keeps his addresses.
	 */
	if (!e->has_invite && e->kind == IDENT_USER && strcmp(e->user, e->known.name) == 0 &&
	    e->key.len > 0)
		return 0;
	if (x509_key_generate(&e->key) != 0)
		return -EIO;
	return e->pending_key_path ? file_replace(e->pending_key_path, e->key.der, e->key.len, 0600)
				   : 0;
}

static int copy_request(struct enrol *e, const struct enrol_request *q)
{
	e->kind = q->kind;
	e->target.path = "/v1/control";
	e->target.headers = "Priority: u=1\r\n"; /* somebody waits for it */
	e->target.ports = *q->ports;
	e->memory = q->memory;
	if (q->hardware)
		e->hardware = *q->hardware;
	if (q->access)
		e->access = *q->access;
	if (q->invite) {
		e->has_invite = true;
		e->invite = *q->invite;
		e->target.n_urls = q->invite->n_urls;
		memcpy(e->target.urls, q->invite->urls, sizeof(q->invite->urls));
	} else if (q->identity) {
		e->known = *q->identity;
		e->key = q->identity->key;
		x509_key_wipe(&e->known.key);
		e->target.n_urls = q->identity->n_urls;
		memcpy(e->target.urls, q->identity->urls, sizeof(q->identity->urls));
	} else {
		return -EINVAL;
	}
	if ((q->user && strlen(q->user) >= sizeof(e->user)) ||
	    (q->password && strlen(q->password) >= sizeof(e->password)))
		return -E2BIG;
	snprintf(e->user, sizeof(e->user), "%s", q->user ? q->user : "");
	snprintf(e->password, sizeof(e->password), "%s", q->password ? q->password : "");
	snprintf(e->version, sizeof(e->version), "%s", q->version);
	e->more = q->more ? json_deep_copy(q->more) : NULL;
	if (q->more && !e->more)
		return -ENOMEM;
	if (q->pending_key_path) {
		e->pending_key_path = strdup(q->pending_key_path);
		return e->pending_key_path ? 0 : -ENOMEM;
	}
	return 0;
}

static int start_connecting(struct enrol *e)
{
	struct direct_target target = {
		.to = &e->access, .url = &e->target.urls[0], .path = e->target.path};

	if (e->access.given)
		return direct_start(&e->direct, e->loop, &target, &direct_calls, e);
	return dial_start(&e->dial, e->loop, e->outer_ctx, &e->target, e->memory, &dial_calls, e);
}

int enrol_start(struct enrol **out, uv_loop_t *loop, const struct enrol_request *request,
		const struct enrol_callbacks *cb, void *arg)
{
	struct enrol *e = calloc(1, sizeof(*e));
	const struct x509_cert *ca;
	int r;

	if (!e)
		return -ENOMEM;
	e->loop = loop;
	e->cb = cb;
	e->arg = arg;
	r = copy_request(e, request);
	ca = e->has_invite ? NULL : &e->known.ca;
	if (r == 0)
		r = load_or_make_key(e);
	if (r == 0)
		r = tls_ctx_outer_trusting(&e->outer_ctx, ca, request->trust);
	if (r == 0 && (!request->trust || request->trust->domain))
		r = tls_ctx_trust_formers(e->outer_ctx, &e->known);
	if (r == 0 && request->refuse_inspection)
		tls_ctx_refuse_inspection(e->outer_ctx);
	if (r == 0 && e->has_invite)
		tls_ctx_outer_pin(e->outer_ctx, e->invite.ca_sha256);
	if (r == 0)
		r = tls_ctx_inner_client(&e->inner_ctx, NULL, NULL, ca);
	if (r == 0)
		r = start_connecting(e);
	if (r != 0) {
		enrol_free(e);
		return r;
	}
	uv_idle_init(loop, &e->idle);
	e->idle.data = e;
	*out = e;
	return 0;
}
