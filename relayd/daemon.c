/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "relayd/control.h"
#include "relayd/figures.h"

#define SPOOL_BYTES (4 << 20)

/* The three that need an identity */

static void take_keys(struct relay *r, void *arg)
{
	const struct identity *id = arg;

	relay_set_keys(r, id->token_keys, id->n_token_keys);
}

static void on_changed(void *arg)
{
	struct daemon *d = arg;
	int r = identity_save(&d->identity, d->conf.state);

	if (r)
		log_error("the identity could not be saved: %s: check the disk", strerror(-r));
	if (d->workers)
		workers_ask_all(d->workers, take_keys, &d->identity);
}

/* The next start uses it if this one cannot. */
static void use_outer_cert(struct daemon *d)
{
	const struct identity *id = &d->identity;
	struct daemon_renewed *x = calloc(1, sizeof(*x));

	if (!x || tls_ctx_outer_server(&x->tls, &id->outer_cert, &id->key,
				       identity_outer_ca(id, &id->outer_cert)) != 0) {
		log_error("the renewed certificate is used from the next start on");
		free(x);
		return;
	}
	x->older = d->renewed;
	d->renewed = x;
	workers_use_tls(d->workers, x->tls);
}

static void free_renewed(struct daemon *d)
{
	struct daemon_renewed *older;

	for (; d->renewed; d->renewed = older) {
		older = d->renewed->older;
		tls_ctx_free(d->renewed->tls);
		free(d->renewed);
	}
}

static int on_renewed(void *arg, const struct identity *next)
{
	struct daemon *d = arg;
	int r = identity_save(next, d->conf.state);

	if (r)
		return r;
	d->identity = *next;
	certs_watch(d->certs, &d->identity.outer_cert, &d->identity.ca);
	if (d->workers)
		workers_ask_all(d->workers, take_keys, &d->identity);
	if (d->workers && d->relaying && !certs_tls(d->certs)) /* one from files stays */
		use_outer_cert(d);
	return 0;
}

static void end_session(struct relay *r, void *arg)
{
	relay_end_session(r, arg);
}

/* To all: one that is not its home forgets it in a day. */
static void on_session_end(void *arg, const uint8_t id[PAIR_ID_BYTES])
{
	struct daemon *d = arg;
	uint8_t copy[PAIR_ID_BYTES];

	memcpy(copy, id, sizeof(copy));
	if (d->workers)
		workers_ask_all(d->workers, end_session, copy);
}

static void on_drain(void *arg, bool drain)
{
	struct daemon *d = arg;

	drain_set(&d->drain, DRAIN_BY_ACCESS, drain);
}

static void add_report(struct relay *relay, void *arg)
{
	struct uplink_report *r = arg;
	uint64_t lag = lag_take(&relay->lag);

	r->sessions += relay->pairs.n_live;
	r->bytes += relay->bytes;
	if (lag > r->loop_lag_ms)
		r->loop_lag_ms = lag;
}

static void on_report(void *arg, struct uplink_report *r)
{
	const struct daemon *d = arg;

	*r = (struct uplink_report){.max_sessions = (uint64_t)d->conf.max_sessions,
				    .capacity = d->conf.capacity,
				    .draining = !d->relaying || drain_on(&d->drain)};
	if (d->workers)
		workers_ask_all(d->workers, add_report, r);
}

static void on_usage(void *arg, const struct usage *u)
{
	struct daemon *d = arg;

	reporter_add(d->reporter, u);
}

static void on_refused(void *arg);
static void on_uplink_closed(void *arg);

static const struct uplink_ops uplink_ops = {
	.on_changed = on_changed,
	.on_renewed = on_renewed,
	.on_session_end = on_session_end,
	.on_drain = on_drain,
	.on_report = on_report,
	.on_refused = on_refused,
	.on_closed = on_uplink_closed,
};

static int open_workers(struct daemon *d)
{
	const struct identity *id = &d->identity;
	struct workers_config config = {
		.n = conf_workers(&d->conf),
		.listen = &d->conf.listen,
		.tls = d->conf.tls,
		.outer = certs_tls(d->certs),
		.outer_cert = &id->outer_cert,
		.ca = identity_outer_ca(id, &id->outer_cert),
		.key = &id->key,
		.relay.self = id->id,
		.relay.n_token_keys = id->n_token_keys,
		.relay.shed = d->conf.shed,
		.relay.proxies = &d->conf.proxies,
		.relay.access = d->conf.access.given ? &d->conf.access : NULL,
		.max_sessions = (size_t)d->conf.max_sessions,
		.limits = d->limits,
		.on_usage = on_usage,
		.arg = d,
	};

	memcpy(config.relay.token_keys, id->token_keys, sizeof(config.relay.token_keys));
	return workers_open(&d->workers, d->loop, &config);
}

static void open_reporter(struct daemon *d)
{
	int r = reporter_open(&d->reporter, d->loop, d->conf.state, &d->identity.id, SPOOL_BYTES);

	if (r)
		log_error("usage is not recorded error=\"%s\"", strerror(-r));
}

static void on_new_certificate(void *arg)
{
	struct daemon *d = arg;

	if (d->workers && d->relaying)
		workers_use_tls(d->workers, certs_tls(d->certs));
}

static int open_certs(struct daemon *d)
{
	const struct certs_config config = {.chain = d->conf.certificate,
					    .key = d->conf.certificate_key,
					    .on_new = on_new_certificate,
					    .arg = d};

	return certs_open(&d->certs, d->loop, &config);
}

static int start_services(struct daemon *d)
{
	int r = open_workers(d);

	certs_watch(d->certs, &d->identity.outer_cert, &d->identity.ca);
	if (r) {
		log_error("the relay could not start: %s", strerror(-r));
		return r;
	}
	d->relaying = true;
	open_reporter(d);
	d->uplink = (struct uplink){.reporter = d->reporter,
				    .identity = &d->identity,
				    .ports = &d->conf.ports,
				    .memory = &d->memory,
				    .state_dir = d->conf.state,
				    .refuse_inspection = d->conf.refuse_inspection,
				    .access = &d->conf.access,
				    .trust = &d->conf.trust,
				    .ops = &uplink_ops,
				    .arg = d};
	r = uplink_open(&d->uplink, d->loop);
	if (r) {
		log_error("the connection to the Access Server could not be set up: %s",
			  strerror(-r));
		return r;
	}
	d->uplink_open = true;
	drain_again(&d->drain);
	log_notice("relay ready name=%s domain=%s uid=%s workers=%u", d->identity.name,
		   d->identity.id.domain, d->identity.id.uid, workers_count(d->workers));
	return 0;
}

/* One of the services has stopped: when all have, go on with the new identity, if there is one. */
static void service_stopped(struct daemon *d)
{
	int r;

	if (d->workers || d->uplink_open)
		return;
	reporter_close(d->reporter);
	d->reporter = NULL;
	if (!d->next)
		return;
	identity_wipe(&d->identity);
	d->identity = *d->next;
	identity_wipe(d->next);
	free(d->next);
	d->next = NULL;
	if (d->stopping)
		return;
	r = start_services(d);
	if (r)
		daemon_give_up(d);
}

static void on_uplink_closed(void *arg)
{
	struct daemon *d = arg;

	d->uplink_open = false;
	service_stopped(d);
}

static void on_workers_closed(void *arg)
{
	struct daemon *d = arg;

	d->workers = NULL;
	free_renewed(d);
	service_stopped(d);
}

static void stop_relaying(struct daemon *d)
{
	d->relaying = false;
	if (d->workers)
		workers_close(d->workers, on_workers_closed, d);
}

/* Its tokens are good for hours yet: sessions leave by its own doing, for other relays. */
static void on_refused(void *arg)
{
	stop_relaying(arg);
}

static void stop_services(struct daemon *d)
{
	stop_relaying(d);
	if (d->uplink_open)
		uplink_close(&d->uplink);
}

static int replace_identity(struct daemon *d, const struct identity *id)
{
	d->next = malloc(sizeof(*d->next));
	if (!d->next)
		return -ENOMEM;
	*d->next = *id;
	log_notice("identity replaced: all sessions of the old one end");
	stop_services(d);
	return 0;
}

int daemon_enrolled(struct daemon *d, const struct identity *id)
{
	int r;

	if (d->next)
		return -EBUSY;
	r = identity_save(id, d->conf.state);
	if (r) {
		log_error("the identity could not be saved: %s", strerror(-r));
		return r;
	}
	log_notice("enrolled name=%s domain=%s uid=%s", id->name, id->id.domain, id->id.uid);
	if (d->enrolled)
		return replace_identity(d, id);
	d->identity = *id;
	d->enrolled = true;
	return start_services(d);
}

/* Draining */

static void drain_relay(struct relay *r, void *arg)
{
	relay_drain(r, *(const uint16_t *)arg);
}

static void undrain_relay(struct relay *r, void *arg)
{
	(void)arg;
	relay_undrain(r);
}

static void drain_relays(void *arg, bool draining, uint16_t left_s)
{
	struct daemon *d = arg;

	if (d->workers)
		workers_ask_all(d->workers, draining ? drain_relay : undrain_relay, &left_s);
	if (d->uplink_open)
		uplink_report_now(&d->uplink);
}

static void add_sessions(struct relay *r, void *arg)
{
	*(size_t *)arg += r->pairs.n_live;
}

static size_t count_sessions(void *arg)
{
	struct daemon *d = arg;
	size_t n = 0;

	if (d->workers)
		workers_ask_all(d->workers, add_sessions, &n);
	return n;
}

static void on_drained(void *arg)
{
	(void)arg;
	raise(SIGTERM);
}

static const struct drain_ops drain_ops = {
	.set = drain_relays,
	.sessions = count_sessions,
	.done = on_drained,
};

bool daemon_linger(struct daemon *d)
{
	return !d->stopping && d->exit_code == 0 && drain_stop(&d->drain);
}

/* Start and stop */

static int load_identity(struct daemon *d)
{
	int r = identity_load(&d->identity, d->conf.state);

	switch (r) {
	case 0:
		d->enrolled = true;
		return 0;
	case -ENOENT:
		log_notice("not enrolled: run relayctl enroll");
		return 0;
	case -EBADMSG:
		log_error("the identity in %s is damaged: remove " IDENTITY_FILE
			  " and run relayctl enroll with a new invitation",
			  d->conf.state);
		return r;
	case -EPERM:
		log_error("the identity in %s can be read by others: is it still secret? "
			  "chmod 600, or enroll anew",
			  d->conf.state);
		return r;
	default:
		log_error("the identity in %s cannot be read: %s", d->conf.state, strerror(-r));
		return r;
	}
}

static int open_metrics(struct daemon *d)
{
	struct metrics_config config = {
		.program = "relayd", .where = &d->conf.metrics, .write = figures_write, .arg = d};

	return metrics_open(&d->metrics, d->loop, &config);
}

int daemon_start(struct daemon *d, uv_loop_t *loop)
{
	int r;

	d->loop = loop;
	d->started_ms = clock_mono_ms();
	drain_open(&d->drain, loop, (uint32_t)d->conf.drain_s, &drain_ops, d);
	r = file_mkdirs(d->conf.state, 0700);
	if (r) {
		log_error("the state folder %s cannot be made: %s", d->conf.state, strerror(-r));
		return r;
	}
	clock_open(d->conf.state, d->conf.set_clock);
	dial_memory_recall(&d->memory, d->conf.state);
	dial_proxy_use(&d->proxy, &d->conf.proxy, &d->conf.no_proxy);
	d->memory.proxy = &d->proxy;
	r = sntp_client_open(&d->sntp, loop, &d->conf.ntp);
	if (r)
		return r;
	r = limits_open(&d->limits, d->conf.rate);
	if (r)
		return r;
	r = open_certs(d);
	if (r)
		return r;
	r = load_identity(d);
	if (r)
		return r;
	r = control_open(d);
	if (r)
		return r;
	r = open_metrics(d);
	if (r)
		return r;
	return d->enrolled ? start_services(d) : 0;
}

void daemon_give_up(struct daemon *d)
{
	d->exit_code = 1;
	raise(SIGTERM);
}

void daemon_stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	outer_hurry();
	drain_close(&d->drain);
	certs_close(d->certs);
	enrolment_stop(d);
	stop_services(d);
	metrics_close(d->metrics);
	d->metrics = NULL;
	sntp_client_close(d->sntp);
	d->sntp = NULL;
	local_close(d->local);
	d->local = NULL;
}

void daemon_deinit(struct daemon *d)
{
	limits_close(d->limits);
	d->limits = NULL;
	certs_free(d->certs);
	d->certs = NULL;
	identity_wipe(&d->identity);
	dial_proxy_deinit(&d->proxy);
	proxy_wipe(&d->conf.proxy.to);
	if (d->next)
		identity_wipe(d->next);
	free(d->next);
	d->next = NULL;
}
