/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "relayd/control.h"

#define BYTES_OF_MBIT 125000

/* The three that need an identity */

static void on_accept(int fd, void *arg)
{
	struct daemon *d = arg;

	relay_accept(d->relay, fd);
}

static void on_changed(void *arg)
{
	struct daemon *d = arg;
	int r = identity_save(&d->identity, d->conf.state);

	if (r)
		log_error("the identity could not be saved: %s: check the disk", strerror(-r));
	if (d->relay)
		relay_set_keys(d->relay, d->identity.token_keys, d->identity.n_token_keys);
}

static void on_session_end(void *arg, const uint8_t id[PAIR_ID_BYTES])
{
	struct daemon *d = arg;

	if (d->relay)
		relay_end_session(d->relay, id);
}

static void on_drain(void *arg, bool drain)
{
	(void)arg; /* accessd leads the sessions elsewhere */
	log_notice(drain ? "the Access Server drains this relay"
			 : "the Access Server counts on this relay");
}

static void on_report(void *arg, struct uplink_report *r)
{
	const struct daemon *d = arg;

	*r = (struct uplink_report){.max_sessions = (uint64_t)d->conf.max_sessions,
				    .capacity = (uint64_t)d->conf.capacity * BYTES_OF_MBIT,
				    .draining = !d->relay};
	if (d->relay) {
		r->sessions = d->relay->pairs.n_live;
		r->bytes = d->relay->bytes;
	}
}

static void on_refused(void *arg);
static void on_uplink_closed(void *arg);

static const struct uplink_ops uplink_ops = {
	.on_changed = on_changed,
	.on_session_end = on_session_end,
	.on_drain = on_drain,
	.on_report = on_report,
	.on_refused = on_refused,
	.on_closed = on_uplink_closed,
};

static int open_relay(struct daemon *d)
{
	const struct identity *id = &d->identity;
	struct relay_config config = {
		.self = id->id,
		.outer_cert = &id->outer_cert,
		.ca = &id->ca,
		.key = &id->key,
		.n_token_keys = id->n_token_keys,
		.max_sessions = (size_t)d->conf.max_sessions,
		.shed = d->conf.shed,
	};

	memcpy(config.token_keys, id->token_keys, sizeof(config.token_keys));
	return relay_open(&d->relay, d->loop, &config);
}

static int start_services(struct daemon *d)
{
	int r = open_relay(d);

	if (r) {
		log_error("the relay could not start: %s", strerror(-r));
		return r;
	}
	r = listen_open(&d->listeners, d->loop, &d->conf.listen, on_accept, d);
	if (r)
		return r;
	d->uplink = (struct uplink){.identity = &d->identity,
				    .ports = &d->conf.ports,
				    .memory = &d->memory,
				    .ops = &uplink_ops,
				    .arg = d};
	r = uplink_open(&d->uplink, d->loop);
	if (r) {
		log_error("the connection to the Access Server could not be set up: %s",
			  strerror(-r));
		return r;
	}
	d->uplink_open = true;
	log_notice("relay ready name=%s domain=%s uid=%s", d->identity.name, d->identity.id.domain,
		   d->identity.id.uid);
	return 0;
}

/* One of the services has stopped: when all have, go on with the new identity, if there is one. */
static void service_stopped(struct daemon *d)
{
	int r;

	if (d->relay || d->uplink_open || !d->next)
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

static void on_relay_closed(void *arg)
{
	struct daemon *d = arg;

	d->relay = NULL;
	service_stopped(d);
}

static void stop_relaying(struct daemon *d)
{
	listen_close(d->listeners);
	d->listeners = NULL;
	if (d->relay)
		relay_close(d->relay, on_relay_closed, d);
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

int daemon_start(struct daemon *d, uv_loop_t *loop)
{
	int r;

	d->loop = loop;
	d->started_ms = clock_mono_ms();
	r = file_mkdirs(d->conf.state, 0700);
	if (r) {
		log_error("the state folder %s cannot be made: %s", d->conf.state, strerror(-r));
		return r;
	}
	r = load_identity(d);
	if (r)
		return r;
	r = control_open(d);
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
	enrolment_stop(d);
	stop_services(d);
	local_close(d->local);
	d->local = NULL;
}

void daemon_deinit(struct daemon *d)
{
	identity_wipe(&d->identity);
	if (d->next)
		identity_wipe(d->next);
	free(d->next);
	d->next = NULL;
}
