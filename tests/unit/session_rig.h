/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session_rig - a small world for tests of paths and sessions, on one loop: a domain (CA, token
 * key, a manager, a device, strangers), relays on loopback ports that can be stopped, cut,
 * frozen and started again, and grants for both ends.
 */
#ifndef FARLAN_TESTS_SESSION_RIG_H
#define FARLAN_TESTS_SESSION_RIG_H

#include "tests/unit/tls_fixture.h"

#include "common/io/dial.h"
#include "common/io/log.h"
#include "common/pure/grant.h"
#include "common/pure/text.h"
#include "relayd/relay.h"

#define RIG_RELAYS 3
#define RIG_LIFE_S 3600
#define RIG_RCVBUF_BYTES (32 << 10) /* of a relay's sockets: a slow one is felt soon */
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* Somebody with a certificate, as a client and as a server of the inner layer. */
struct rig_id {
	struct fix_id f;
	struct tls_ctx *client, *server;
};

struct rig_relay {
	struct ident id;
	struct relay *relay; /* NULL: it does not run */
	struct relay_common common;
	uv_poll_t accepting;
	int fd;	       /* -1: nobody listens */
	uint16_t port; /* stays the same after a restart */
};

struct rig {
	uv_loop_t loop;
	struct fix_ca ca, other_ca; /* domains "lab" and "field" */
	struct rig_id manager, device;
	struct rig_id user2, device2;		    /* of the same domain */
	struct rig_id manager_key2, device_key2;    /* the right URI, another key */
	struct rig_id foreign_user, foreign_device; /* domain "field" */
	struct x509_key relay_key;
	struct x509_cert outer_cert;
	struct tls_ctx *outer, *outer_server;
	uint8_t token_secret[PASETO_SECRET_BYTES];
	struct token_key token_key;
	struct opt_ports ports;
	struct rig_relay relays[RIG_RELAYS];
	unsigned int session; /* number of the current one */
	uint64_t generation;  /* for legs that tests dial by hand */
};
static struct rig rig;

static inline bool rig_verbose(void)
{
	return getenv("RIG_VERBOSE") != NULL;
}

/* The domain */

/* Strangers trust our domain: that they are refused must be the other side's doing. */
static inline void make_ctx(struct rig_id *id)
{
	assert_int_equal(tls_ctx_inner_client(&id->client, &id->f.cert, &id->f.key, &rig.ca.cert),
			 0);
	assert_int_equal(tls_ctx_inner_server(&id->server, &id->f.cert, &id->f.key, &rig.ca.cert),
			 0);
}

static inline void make_id(struct rig_id *id, const struct fix_ca *ca, enum ident_kind kind,
			   char uid)
{
	fix_id_make(&id->f, ca, kind, uid);
	make_ctx(id);
}

static inline void free_id(struct rig_id *id)
{
	tls_ctx_free(id->client);
	tls_ctx_free(id->server);
}

static inline void make_ids(void)
{
	make_id(&rig.manager, &rig.ca, IDENT_USER, '1');
	make_id(&rig.device, &rig.ca, IDENT_DEVICE, '2');
	make_id(&rig.user2, &rig.ca, IDENT_USER, '3');
	make_id(&rig.device2, &rig.ca, IDENT_DEVICE, '4');
	make_id(&rig.manager_key2, &rig.ca, IDENT_USER, '1');
	make_id(&rig.device_key2, &rig.ca, IDENT_DEVICE, '2');
	make_id(&rig.foreign_user, &rig.other_ca, IDENT_USER, '1');
	make_id(&rig.foreign_device, &rig.other_ca, IDENT_DEVICE, '2');
}

static inline void name_relays(void)
{
	for (size_t i = 0; i < RIG_RELAYS; i++) {
		struct rig_relay *r = &rig.relays[i];

		memcpy(r->id.domain, rig.ca.domain, sizeof(r->id.domain));
		r->id.kind = IDENT_RELAY;
		memset(r->id.uid, 'a' + (int)i, IDENT_UID_SIZE - 1);
		r->fd = -1;
	}
}

static inline int rig_group_setup(void **state)
{
	(void)state;
	log_init(rig_verbose() ? LOG_DEBUG : LOG_ERROR);
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&rig.ca, "lab");
	fix_ca_make(&rig.other_ca, "field");
	make_ids();
	assert_int_equal(x509_key_generate(&rig.relay_key), 0);
	fix_host_cert(&rig.ca, "127.0.0.1", &rig.relay_key, &rig.outer_cert);
	assert_int_equal(tls_ctx_outer_client(&rig.outer, &rig.ca.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&rig.outer_server, &rig.outer_cert, &rig.relay_key,
					      &rig.ca.cert),
			 0);
	assert_int_equal(x509_ed25519_generate(rig.token_secret, rig.token_key.public), 0);
	token_kid(rig.token_key.kid, rig.token_key.public);
	rig.ports = (struct opt_ports){.n = 1, .port = {443}};
	name_relays();
	return 0;
}

static inline int rig_group_teardown(void **state)
{
	(void)state;
	free_id(&rig.manager);
	free_id(&rig.device);
	free_id(&rig.user2);
	free_id(&rig.device2);
	free_id(&rig.manager_key2);
	free_id(&rig.device_key2);
	free_id(&rig.foreign_user);
	free_id(&rig.foreign_device);
	tls_ctx_free(rig.outer);
	tls_ctx_free(rig.outer_server);
	tls_global_deinit();
	return 0;
}

/* Relays */

static inline void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct rig_relay *r = poll->data;
	int fd = accept4(r->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (fd >= 0)
		relay_accept(r->relay, fd, false);
}

static inline void start_listening(struct rig_relay *r)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(r->port)};
	socklen_t len = sizeof(addr);
	int on = 1, bytes = RIG_RCVBUF_BYTES;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(r->fd >= 0);
	assert_int_equal(setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(r->fd, 128), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&addr, &len), 0);
	r->port = ntohs(addr.sin_port);
	assert_int_equal(uv_poll_init(&rig.loop, &r->accepting, r->fd), 0);
	r->accepting.data = r;
	assert_int_equal(uv_poll_start(&r->accepting, UV_READABLE, on_acceptable), 0);
}

static inline void rig_relay_start(size_t i)
{
	struct rig_relay *r = &rig.relays[i];
	struct relay_config config = {
		.self = r->id,
		.tls = rig.outer_server,
		.n_token_keys = 1,
		.token_keys = {rig.token_key},
		.common = &r->common,
	};

	relay_common_init(&r->common, 1, 8);
	assert_int_equal(relay_open(&r->relay, &rig.loop, &config), 0);
	start_listening(r);
}

static inline void on_listener_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

/** rig_relay_stop() - nobody listens any more, legs end in order. */
static inline void rig_relay_stop(size_t i)
{
	struct rig_relay *r = &rig.relays[i];
	bool closed = false;

	if (r->fd < 0)
		return;
	relay_close(r->relay, NULL, NULL);
	r->relay = NULL;
	r->accepting.data = &closed;
	uv_close((uv_handle_t *)&r->accepting, on_listener_closed);
	close(r->fd);
	r->fd = -1;
	while (!closed)
		uv_run(&rig.loop, UV_RUN_NOWAIT);
}

/** rig_relay_kill() - the same, but legs are cut off. */
static inline void rig_relay_kill(size_t i)
{
	struct leg *l;

	if (rig.relays[i].fd < 0)
		return;
	TAILQ_FOREACH (l, &rig.relays[i].relay->legs, list)
		leg_close(l, "the test cut it");
	rig_relay_stop(i);
}

/** rig_relay_hold() - connections are made, but nobody answers on them. */
static inline void rig_relay_hold(size_t i, bool held)
{
	struct rig_relay *r = &rig.relays[i];

	if (held)
		assert_int_equal(uv_poll_stop(&r->accepting), 0);
	else
		assert_int_equal(uv_poll_start(&r->accepting, UV_READABLE, on_acceptable), 0);
}

/** rig_relay_freeze() - its connections stay, but carry nothing any more. */
static inline void rig_relay_freeze(size_t i, bool frozen)
{
	struct leg *l;

	TAILQ_FOREACH (l, &rig.relays[i].relay->legs, list) {
		l->stalled = false; /* so that a drained queue does not resume it */
		if (frozen)
			outer_pause(l->outer);
		else
			outer_resume(l->outer);
	}
}

/** rig_relay_cut() - close the legs of one role. Return: how many there were. */
static inline size_t rig_relay_cut(size_t i, enum token_role role)
{
	struct leg *l;
	size_t n = 0;

	TAILQ_FOREACH (l, &rig.relays[i].relay->legs, list) {
		if (!l->admitted || l->role != role || l->closing)
			continue;
		leg_close(l, "the test cut it");
		n++;
	}
	return n;
}

static inline size_t rig_relay_legs(size_t i)
{
	return rig.relays[i].relay->n_legs;
}

static inline struct sockaddr_storage rig_relay_addr(size_t i)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(rig.relays[i].port)};
	struct sockaddr_storage ss = {0};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&ss, &in, sizeof(in));
	return ss;
}

/* Grants */

static inline void session_id(char out[TOKEN_SESSION_SIZE])
{
	uint8_t id[TOKEN_SESSION_BYTES] = {0};

	memcpy(id, &rig.session, sizeof(rig.session));
	assert_int_equal(text_hex_encode(out, TOKEN_SESSION_SIZE, id, sizeof(id)), 0);
}

static inline void make_token(char out[PASETO_TOKEN_SIZE], enum token_role role, size_t relay)
{
	struct token t = {
		.role = role,
		.relay = rig.relays[relay].id,
		.issued = clock_wall_s(),
		.expires = clock_wall_s() + RIG_LIFE_S,
	};

	session_id(t.session);
	assert_int_equal(token_sign(out, &t, rig.token_secret, rig.token_key.public), 0);
}

static inline void grant_relay(struct grant_relay *r, enum token_role role, size_t i)
{
	snprintf(r->name, sizeof(r->name), "rs%zu", i);
	memcpy(r->uid, rig.relays[i].id.uid, sizeof(r->uid));
	r->n_urls = 1;
	snprintf(r->urls[0].host, sizeof(r->urls[0].host), "127.0.0.1");
	r->urls[0].is_address = true;
	r->urls[0].port = rig.relays[i].port;
	make_token(r->token, role, i);
}

/** rig_grant() - for one end of session number rig.session: the relays 0 to @n_relays - 1. */
static inline void rig_grant(struct grant *g, enum token_role role, size_t n_relays)
{
	const struct rig_id *peer = role == TOKEN_MANAGER ? &rig.device : &rig.manager;

	memset(g, 0, sizeof(*g));
	session_id(g->session);
	g->serial = g->epoch = 1;
	g->role = role;
	g->life_s = RIG_LIFE_S;
	snprintf(g->peer_name, sizeof(g->peer_name), "%s",
		 role == TOKEN_MANAGER ? "site1" : "eng1");
	g->peer = peer->f.id;
	memcpy(g->peer_key, peer->f.key_sha256, sizeof(g->peer_key));
	g->n_relays = n_relays;
	for (size_t i = 0; i < n_relays; i++)
		grant_relay(&g->relays[i], role, i);
}

/** rig_headers() - what a leg of @role dialled by hand says to relay @i. */
static inline void rig_headers(char *out, size_t size, enum token_role role, size_t i)
{
	char token[PASETO_TOKEN_SIZE];

	make_token(token, role, i);
	snprintf(out, size, "Authorization: Bearer %s\r\nFarlan-Generation: %llu\r\n", token,
		 (unsigned long long)++rig.generation);
}

/* Running */

static inline void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

/** rig_run() - until @done (NULL: never), at most @ms; @turn (may be NULL) is called between.
 * Return: @done said so. */
static inline bool rig_run(bool (*done)(void *arg), void (*turn)(void *arg), void *arg, uint64_t ms)
{
	uint64_t end = clock_mono_ms() + ms;
	uv_timer_t wake;
	bool ok;

	uv_timer_init(&rig.loop, &wake);
	uv_timer_start(&wake, on_wake, 2, 2);
	while (!(ok = done && done(arg)) && clock_mono_ms() < end) {
		if (turn)
			turn(arg);
		uv_run(&rig.loop, UV_RUN_ONCE);
	}
	uv_close((uv_handle_t *)&wake, NULL);
	uv_run(&rig.loop, UV_RUN_NOWAIT);
	return ok;
}

static inline void rig_run_for(uint64_t ms)
{
	(void)rig_run(NULL, NULL, NULL, ms);
}

/* Of each test: a loop and all relays; everything must be gone at the end. */
static inline int rig_setup(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_init(&rig.loop), 0);
	rig.session++;
	for (size_t i = 0; i < RIG_RELAYS; i++) {
		rig.relays[i].port = 0;
		rig_relay_start(i);
	}
	return 0;
}

static inline int rig_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < RIG_RELAYS; i++)
		rig_relay_kill(i);
	fix_loop_end(&rig.loop);
	return 0;
}

#endif
