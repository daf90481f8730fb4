/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/ctl.h"
#include "common/io/file.h"
#include "common/io/tls.h"
#include "tests/unit/accessd_fixture.h"
#include "tests/unit/accessd_net.h"

char net_error[512];

/* --- the loop -------------------------------------------------------------------------------- */

static void on_wake(uv_timer_t *t)
{
	(void)t;
}

static void run_until(struct net *n, bool (*done)(void *arg), void *arg, uint64_t deadline_ms)
{
	uv_timer_t wake;

	uv_timer_init(&n->loop, &wake);
	uv_timer_start(&wake, on_wake, 2, 2);
	while (clock_mono_ms() < deadline_ms && !(done && done(arg)))
		uv_run(&n->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&wake, NULL);
	uv_run(&n->loop, UV_RUN_NOWAIT);
}

void net_until(struct net *n, bool (*done)(void *arg), void *arg)
{
	run_until(n, done, arg, clock_mono_ms() + NET_WAIT_MS);
	if (!done(arg))
		fail_msg("nothing came in time");
}

void net_for(struct net *n, unsigned ms)
{
	run_until(n, NULL, NULL, clock_mono_ms() + ms);
}

/* --- accessd --------------------------------------------------------------------------------- */

static uint16_t free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

void net_open(struct net *n)
{
	char url[64];

	memset(n, 0, sizeof(*n));
	fixture_dir(n->dir);
	n->port = free_port();
	net_defaults(n);
	snprintf(n->conf.state, sizeof(n->conf.state), "%s/state", n->dir);
	snprintf(n->conf.socket, sizeof(n->conf.socket), "%s/s", n->dir);
	n->conf.listen.n = 1;
	assert_int_equal(addr_parse(&n->conf.listen.at[0].addr, "127.0.0.1"), 0);
	n->conf.listen.at[0].port = n->port;
	assert_int_equal(uv_loop_init(&n->loop), 0);
	net_start(n);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", n->port);
	net_admin_ok(n, "init", json_pack("{s:s, s:[s]}", "domain", "lab.example", "urls", url));
	net_admin_ok(n, "permission.allow",
		     json_pack("{s:s, s:s, s:s}", "subject", "everyone", "what", "connect",
			       "target", "/"));
}

void net_restart(struct net *n)
{
	net_stop(n);
	net_start(n);
}

void net_close(struct net *n)
{
	net_stop(n);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&n->loop), 0);
	fixture_remove(n->dir);
}

/* --- beside the loop: what blocks ------------------------------------------------------------- */

struct job {
	uv_work_t work;
	const char *method, *command, *socket;
	json_t *params, *result;
	int code;
	char out[4096];
	bool done;
};

static void run_job(uv_work_t *w)
{
	struct job *j = w->data;
	struct ctl *c;
	FILE *p;

	if (j->command) {
		p = popen(j->command, "r"); /* NOLINT(cert-env33-c): a fixed command of this test */
		if (p) {
			j->out[fread(j->out, 1, sizeof(j->out) - 1, p)] = '\0';
			j->code = pclose(p);
		}
		return;
	}
	j->code = RPC_CLOSED;
	if (ctl_open(&c, j->socket, NULL) != 0) {
		json_decref(j->params);
		return;
	}
	j->code = ctl_call(c, j->method, j->params, 10000, NULL, NULL, &j->result, j->out,
			   sizeof(j->out));
	ctl_close(c);
}

static void on_job(uv_work_t *w, int status)
{
	struct job *j = w->data;

	(void)status;
	j->done = true;
}

static bool job_done(void *arg)
{
	return ((struct job *)arg)->done;
}

static void do_job(struct net *n, struct job *j)
{
	j->work.data = j;
	assert_int_equal(uv_queue_work(&n->loop, &j->work, run_job, on_job), 0);
	net_until(n, job_done, j);
}

json_t *net_admin(struct net *n, const char *method, json_t *params, int *rc)
{
	struct job j = {.method = method, .socket = n->conf.socket};

	if (n->domain && !params)
		params = json_object();
	if (n->domain)
		json_object_set_new(params, "in_domain", json_string(n->domain));
	j.params = params;
	do_job(n, &j);
	*rc = j.code;
	snprintf(net_error, sizeof(net_error), "%.500s", j.out);
	return j.result;
}

void net_admin_ok(struct net *n, const char *method, json_t *params)
{
	int rc;
	json_t *o = net_admin(n, method, params, &rc);

	if (!o)
		fail_msg("%s: %d %s", method, rc, net_error);
	json_decref(o);
}

const char *net_shell(struct net *n, const char *command)
{
	static struct job j;

	memset(&j, 0, sizeof(j));
	j.command = command;
	do_job(n, &j);
	return j.out;
}

/* --- enrolment ------------------------------------------------------------------------------- */

static json_t *add_params(enum ident_kind kind, const char *name)
{
	json_t *o = json_pack("{s:s}", "name", name);

	if (kind == IDENT_USER)
		json_object_update_new(
			o, json_pack("{s:s, s:b}", "password", NET_PASSWORD, "no_change", 1));
	if (kind == IDENT_RELAY)
		json_object_set_new(o, "urls", json_pack("[s]", "https://127.0.0.1:1"));
	if (kind == IDENT_DEVICE)
		json_object_set_new(o, "lans", json_pack("[s]", "192.168.201.0/24"));
	return o;
}

struct invite net_invite(struct net *n, enum ident_kind kind, const char *name)
{
	struct invite in;
	const char *text;
	char method[32];
	json_t *o;
	int rc;

	snprintf(method, sizeof(method), "%s.add", ident_kind_name(kind));
	o = net_admin(n, method, add_params(kind, name), &rc);
	if (!o && rc == RPC_CONFLICT) {
		snprintf(method, sizeof(method), "%s.reinvite", ident_kind_name(kind));
		o = net_admin(n, method, json_pack("{s:s}", "name", name), &rc);
	}
	if (!o)
		fail_msg("%s: %d %s", method, rc, net_error);
	assert_true(rpc_str(o, "invitation", &text));
	assert_int_equal(invite_decode(&in, text), 0);
	json_decref(o);
	return in;
}

struct outcome {
	struct identity *id;
	int code;
	bool done;
};

static void on_enrolled(void *arg, const struct identity *id, int rc, const char *message)
{
	struct outcome *o = arg;

	o->done = true;
	o->code = rc;
	if (id)
		*o->id = *id;
	else
		snprintf(net_error, sizeof(net_error), "%s", message);
}

static bool outcome_done(void *arg)
{
	return ((struct outcome *)arg)->done;
}

int net_enrol(struct peer *p, struct net *n, const struct invite *in, const char *user,
	      const char *password)
{
	static const struct enrol_callbacks callbacks = {.on_done = on_enrolled};
	struct identity known = p->id;
	char pending[128];
	struct enrol_request r = {
		.invite = in,
		.identity = in ? NULL : &known,
		.user = user,
		.password = password,
		.pending_key_path = pending,
		.hardware = n->hardware,
		.kind = in ? in->kind : IDENT_USER,
		.ports = &n->ports,
		.memory = &n->memory,
		.version = "0.1.0",
	};
	struct outcome o = {.id = &p->id};
	struct enrol *e;

	snprintf(pending, sizeof(pending), "%s/key", n->dir);
	unlink(pending);
	p->net = n;
	assert_int_equal(enrol_start(&e, &n->loop, &r, &callbacks, &o), 0);
	net_until(n, outcome_done, &o);
	return o.code;
}

/* --- a member -------------------------------------------------------------------------------- */

static void hear(struct peer *p, const char *what, const char *detail, const char *more)
{
	if (p->n_heard < NET_HEARD_MAX)
		snprintf(p->heard[p->n_heard++], sizeof(p->heard[0]), "%s%s%s%s%s", what,
			 detail ? " " : "", detail ? detail : "", more ? " " : "",
			 more ? more : "");
}

static void on_grant(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct peer *p = access_link_arg(rpc->arg);

	hear(p, "session.grant", NULL, NULL);
	json_decref(p->grant);
	p->grant = json_deep_copy(json_object_get(params, "grant"));
	if (p->mood == PEER_ACCEPTS)
		rpc_reply(rpc, id, json_pack("{s:b}", "rules", 1));
	else if (p->mood == PEER_IS_OLD)
		rpc_reply(rpc, id, json_object());
	else if (p->mood == PEER_REFUSES)
		rpc_reject(rpc, id, RPC_CONFLICT, "its LAN overlaps");
}

static void on_rules(struct rpc *rpc, int64_t id, const json_t *params)
{
	const json_t *list = json_object_get(params, "rules");
	struct peer *p = access_link_arg(rpc->arg);
	char n[16];

	snprintf(n, sizeof(n), "%zu", json_array_size(list));
	hear(p, "session.rules", list ? n : "none", json_string_value(json_array_get(list, 0)));
	if (p->mood == PEER_IS_OLD)
		rpc_reject(rpc, id, RPC_NO_METHOD, "unknown method");
	else
		rpc_reply(rpc, id, json_pack("{s:b}", "rules", 1));
}

static void on_end(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)id;
	hear(access_link_arg(rpc->arg), "session.end",
	     json_string_value(json_object_get(params, "session")),
	     json_string_value(json_object_get(params, "reason")));
}

static void on_bye(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)id;
	hear(access_link_arg(rpc->arg), "bye",
	     json_is_true(json_object_get(params, "retry")) ? "1" : "0",
	     json_string_value(json_object_get(params, "reason")));
	access_link_give_up(rpc->arg, "bye"); /* the test says when it comes back */
}

/* The names, and round trips in ms or words, if there are. */
static void name_relays(const json_t *list, char *out, size_t size)
{
	size_t used = 0;
	int64_t us;

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(list) && used < size; i++) {
		const json_t *o = json_array_get(list, i);
		const char *name = "?", *why = NULL;

		assert_true(rpc_str(o, "name", &name));
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "", name);
		if (used < size && rpc_int(o, "rtt_us", 0, INT64_MAX, &us))
			used += (size_t)snprintf(out + used, size - used, " %d", (int)(us / 1000));
		if (used < size && rpc_str(o, "failed", &why))
			used += (size_t)snprintf(out + used, size - used, " %s", why);
	}
}

static void hear_relays(struct rpc *rpc, const char *method, const char *what, const json_t *params)
{
	char names[150];

	name_relays(json_object_get(params, "relays"), names, sizeof(names));
	hear(access_link_arg(rpc->arg), method, what, names);
}

static void on_relays(struct rpc *rpc, int64_t id, const json_t *params)
{
	static struct grant_relay relays[GRANT_RELAYS_MAX];
	char serial[24];
	int64_t n = 0;
	size_t count;

	(void)id;
	assert_true(rpc_int(params, "serial", 1, INT64_MAX, &n));
	assert_int_equal(grant_relays_decode(relays, &count, json_object_get(params, "relays")), 0);
	snprintf(serial, sizeof(serial), "%lld", (long long)n);
	hear_relays(rpc, "session.relays", serial, params);
}

/* "hosts NAME ADDRESS NAME ADDRESS ..." */
static void on_hosts(struct rpc *rpc, int64_t id, const json_t *params)
{
	static struct hosts h;
	char text[150] = "", addr[ADDR_TEXT_SIZE];
	size_t used = 0;

	(void)id;
	assert_int_equal(hosts_decode(&h, json_object_get(params, "hosts")), 0);
	for (size_t i = 0; i < h.n && used < sizeof(text); i++) {
		addr_format(&h.at[i].addr, addr);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", i ? " " : "",
					 h.at[i].name, addr);
	}
	hear(access_link_arg(rpc->arg), "hosts", text, NULL);
}

static void on_measured(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)id;
	hear_relays(rpc, "session.measured", json_string_value(json_object_get(params, "device")),
		    params);
}

static void on_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)id;
	hear_relays(rpc, "relay.list", NULL, params);
}

static void on_measure(struct rpc *rpc, int64_t id, const json_t *params)
{
	char age[24];
	int64_t n = 0;

	(void)id;
	assert_true(rpc_int(params, "max_age_s", 0, INT64_MAX, &n));
	snprintf(age, sizeof(age), "%lld", (long long)n);
	hear_relays(rpc, "relay.measure", age, params);
}

static void on_drain(struct rpc *rpc, int64_t id, const json_t *params)
{
	bool drain = false;

	(void)id;
	assert_true(rpc_bool(params, "drain", &drain));
	hear(access_link_arg(rpc->arg), "relay.drain", drain ? "1" : "0", NULL);
}

static void on_due(struct rpc *rpc, int64_t id, const json_t *params)
{
	char within[24];
	int64_t n = -1;

	(void)id;
	assert_true(rpc_int(params, "within_s", 0, INT64_MAX, &n));
	snprintf(within, sizeof(within), "%lld", (long long)n);
	hear(access_link_arg(rpc->arg), "identity.due", within, NULL);
}

static void on_keys(struct rpc *rpc, int64_t id, const json_t *params)
{
	char n[24];

	(void)id;
	snprintf(n, sizeof(n), "%zu", json_array_size(json_object_get(params, "token_keys")));
	hear(access_link_arg(rpc->arg), "relay.keys", n, NULL);
}

static void on_online(struct access_link *l)
{
	struct peer *p = access_link_arg(l);

	p->onlines++;
}

static void on_offline(struct access_link *l, const char *reason)
{
	struct peer *p = access_link_arg(l);

	p->offline = true;
	(void)reason;
}

static void on_link_closed(struct access_link *l)
{
	struct peer *p = access_link_arg(l);

	p->link = NULL;
}

static bool link_is_up(void *arg)
{
	return ((struct peer *)arg)->onlines > 0;
}

void peer_link(struct peer *p)
{
	static const struct rpc_method methods[] = {
		{"session.grant", on_grant},   {"session.end", on_end},
		{"session.relays", on_relays}, {"session.measured", on_measured},
		{"relay.measure", on_measure}, {"relay.list", on_list},
		{"relay.drain", on_drain},     {"session.rules", on_rules},
		{"session.hosts", on_hosts},   {"identity.due", on_due},
		{"relay.keys", on_keys},       {"bye", on_bye}};
	static const struct access_link_callbacks callbacks = {
		.on_online = on_online, .on_offline = on_offline, on_link_closed};
	struct access_link_config config = {.identity = &p->id,
					    .ports = &p->net->ports,
					    .memory = &p->net->memory,
					    .methods = methods,
					    .n_methods = sizeof(methods) / sizeof(methods[0])};

	p->onlines = 0;
	assert_int_equal(access_link_open(&p->link, &p->net->loop, &config, &callbacks, p), 0);
	net_until(p->net, link_is_up, p);
}

static bool link_is_gone(void *arg)
{
	return !((struct peer *)arg)->link;
}

void peer_unlink(struct peer *p)
{
	if (!p->link)
		return;
	access_link_close(p->link);
	net_until(p->net, link_is_gone, p);
}

struct question {
	json_t *result;
	int code;
	bool done;
};

static void on_answer(void *arg, const json_t *result, int rc, const char *message)
{
	struct question *q = arg;

	q->done = true;
	q->code = rc;
	q->result = result ? json_deep_copy(result) : NULL;
	snprintf(net_error, sizeof(net_error), "%s", message);
}

static bool question_done(void *arg)
{
	return ((struct question *)arg)->done;
}

json_t *peer_ask(struct peer *p, const char *method, json_t *params, int *rc)
{
	struct rpc *rpc = access_link_rpc(p->link);
	struct question q = {0};

	assert_non_null(rpc);
	assert_int_equal(rpc_request(rpc, method, params, NET_WAIT_MS, on_answer, &q), 0);
	net_until(p->net, question_done, &q);
	*rc = q.code;
	return q.result;
}

void peer_tell(struct peer *p, const char *method, json_t *params)
{
	assert_int_equal(rpc_notify(access_link_rpc(p->link), method, params), 0);
}

void peer_hello(struct peer *p, json_t *params)
{
	json_t *o;
	int rc;

	if (!params)
		params = json_object();
	json_object_set_new(params, "version", json_string("0.1.0"));
	peer_link(p);
	o = peer_ask(p, "hello", params, &rc);
	if (!o)
		fail_msg("hello: %d %s", rc, net_error);
	json_decref(o);
}

bool peer_heard(const struct peer *p, const char *prefix)
{
	for (size_t i = 0; i < p->n_heard; i++) {
		if (strncmp(p->heard[i], prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

struct awaited {
	const struct peer *peer;
	const char *prefix;
};

static bool was_heard(void *arg)
{
	const struct awaited *a = arg;

	return peer_heard(a->peer, a->prefix);
}

void peer_wait(struct peer *p, const char *prefix)
{
	struct awaited a = {p, prefix};

	run_until(p->net, was_heard, &a, clock_mono_ms() + NET_WAIT_MS);
	if (was_heard(&a))
		return;
	for (size_t i = 0; i < p->n_heard; i++)
		print_error("heard: %s\n", p->heard[i]);
	fail_msg("%s was not heard", prefix);
}

void peer_forget(struct peer *p)
{
	p->n_heard = 0;
}

void peer_free(struct peer *p)
{
	peer_unlink(p);
	json_decref(p->grant);
	memset(p, 0, sizeof(*p));
}
