/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"

struct running {
	struct measure *measure;
	struct probe *probe; /* NULL: free */
	char uid[IDENT_UID_SIZE];
};

struct measure {
	struct measure_config config;
	const struct measure_callbacks *cb;
	void *arg;
	struct tls_ctx *ctx;
	struct relay_table table;
	struct running running[RELAY_TABLE_MAX];
	bool has_way; /* of some result in the table */
	struct probe_way way;
};

void *measure_arg(const struct measure *m)
{
	return m->arg;
}

struct relay_table *measure_table(struct measure *m)
{
	return &m->table;
}

bool measure_runs(const struct measure *m)
{
	for (size_t i = 0; i < RELAY_TABLE_MAX; i++) {
		if (m->running[i].probe)
			return true;
	}
	return false;
}

static bool is_running(const struct measure *m, const char *uid)
{
	for (size_t i = 0; i < RELAY_TABLE_MAX; i++) {
		if (m->running[i].probe && strcmp(m->running[i].uid, uid) == 0)
			return true;
	}
	return false;
}

/* The relay may have left the table meanwhile. */
static void on_probe_done(struct probe *p, const struct relay_result *result,
			  const struct probe_way *way)
{
	struct running *r = probe_arg(p);
	struct measure *m = r->measure;
	struct relay_entry *e = relay_table_find(&m->table, r->uid);

	r->probe = NULL;
	if (way) {
		m->way = *way;
		m->has_way = true;
	}
	if (e) {
		e->result = *result;
		m->cb->on_result(m, e);
	}
	if (!measure_runs(m))
		m->cb->on_done(m);
}

static const struct probe_callbacks probe_calls = {.on_done = on_probe_done};

static struct running *free_place(struct measure *m)
{
	for (size_t i = 0; i < RELAY_TABLE_MAX; i++) {
		if (!m->running[i].probe)
			return &m->running[i];
	}
	return NULL; /* relays that left the table are still being probed: next time */
}

static void start_probe(struct measure *m, const struct relay_entry *e)
{
	struct probe_target target = {
		.urls = e->urls, .n_urls = e->n_urls, .ports = m->config.ports};
	struct running *r = free_place(m);
	int error;

	if (!r)
		return;
	r->measure = m;
	memcpy(r->uid, e->uid, sizeof(r->uid));
	error = probe_start(&r->probe, m->config.loop, m->ctx, &target, m->config.memory,
			    &probe_calls, r);
	if (error == 0)
		return;
	r->probe = NULL;
	log_warn("a relay cannot be measured relay=%s error=\"%s\"", e->name, strerror(-error));
}

bool measure_begin(struct measure *m, bool all, uint64_t max_age_ms)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < m->table.n; i++) {
		const struct relay_entry *e = &m->table.at[i];

		if ((all || e->asked) && relay_due(e, now, max_age_ms) && !is_running(m, e->uid))
			start_probe(m, e);
	}
	return measure_runs(m);
}

/* A connected UDP socket knows its own address, and nothing is sent. */
static bool local_addr_for(const struct sockaddr_storage *peer, struct sockaddr_storage *local)
{
	socklen_t size = peer->ss_family == AF_INET ? sizeof(struct sockaddr_in)
						    : sizeof(struct sockaddr_in6);
	socklen_t len = sizeof(*local);
	int fd = socket(peer->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	memset(local, 0, sizeof(*local));
	ok = connect(fd, (const struct sockaddr *)peer, size) == 0 &&
	     getsockname(fd, (struct sockaddr *)local, &len) == 0;
	close(fd);
	if (local->ss_family == AF_INET6)
		((struct sockaddr_in6 *)local)->sin6_port = 0;
	else
		((struct sockaddr_in *)local)->sin_port = 0;
	return ok;
}

bool measure_check_network(struct measure *m)
{
	struct sockaddr_storage local;

	if (!m->has_way || (local_addr_for(&m->way.peer, &local) &&
			    memcmp(&local, &m->way.local, sizeof(local)) == 0))
		return false;
	m->has_way = false;
	relay_table_forget(&m->table);
	return true;
}

int measure_open(struct measure **out, const struct measure_config *config,
		 const struct measure_callbacks *cb, void *arg)
{
	struct measure *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	r = tls_ctx_outer_probe(&m->ctx);
	if (r != 0) {
		free(m);
		return r;
	}
	m->config = *config;
	m->cb = cb;
	m->arg = arg;
	*out = m;
	return 0;
}

static void cancel_all(struct measure *m)
{
	for (size_t i = 0; i < RELAY_TABLE_MAX; i++) {
		if (m->running[i].probe)
			probe_cancel(m->running[i].probe);
		m->running[i].probe = NULL;
	}
}

int measure_verify(struct measure *m, const struct identity *id)
{
	struct tls_ctx *ctx;
	int r = tls_ctx_outer_client(&ctx, &id->ca, true);

	if (r != 0)
		return r;
	r = tls_ctx_trust_formers(ctx, id);
	if (r != 0) {
		tls_ctx_free(ctx);
		return r;
	}
	tls_ctx_refuse_inspection(ctx);
	cancel_all(m);
	tls_ctx_free(m->ctx);
	m->ctx = ctx;
	return 0;
}

void measure_close(struct measure *m)
{
	if (!m)
		return;
	cancel_all(m);
	tls_ctx_free(m->ctx);
	free(m);
}
