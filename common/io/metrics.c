/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/metrics_internal.h"
#include "common/io/process.h"

#ifndef FARLAN_VERSION
#define FARLAN_VERSION "0.0.0"
#endif

#define LISTEN_TEXT_SIZE 512

struct metrics_times metrics_times = {
	.head_ms = 10000,
	.idle_ms = 120000,
	.answer_ms = 10000,
	.linger_ms = 2000,
	.retry_ms = 60000,
};

/* --- what all daemons say --- */

/* Names that all programs of this world use. */
static void write_process(const struct metrics *m, struct expo *e)
{
	static const struct expo_family
		cpu = {"process_cpu_seconds", "seconds", "User and system CPU time.", EXPO_COUNTER},
		start = {"process_start_time_seconds", "seconds",
			 "When the process started, Unix time.", EXPO_GAUGE},
		resident = {"process_resident_memory_bytes", "bytes", "Memory in RAM.", EXPO_GAUGE},
		virtual = {"process_virtual_memory_bytes", "bytes", "Memory in the address space.",
			   EXPO_GAUGE},
		fds = {"process_open_fds", NULL, "Files that are open.", EXPO_GAUGE},
		max_fds = {"process_max_fds", NULL, "Files that may be open.", EXPO_GAUGE};
	struct process_figures p;

	process_read(&p);
	expo_one(e, &cpu, (double)p.cpu_us / 1e6);
	/* When it started the time may not have been known. */
	expo_one(e, &start,
		 (double)(clock_wall_s() - (int64_t)((clock_mono_ms() - m->started_ms) / 1000)));
	expo_one(e, &resident, (double)p.resident_bytes);
	expo_one(e, &virtual, (double)p.virtual_bytes);
	expo_one(e, &fds, (double)p.open_fds);
	expo_one(e, &max_fds, (double)p.max_fds);
}

static void write_own(const struct metrics *m, struct expo *e)
{
	static const struct expo_family
		build = {"farlan_build", NULL, "Which program this is.", EXPO_INFO},
		answers = {"farlan_metrics_answers", NULL,
			   "Answers given here, by HTTP status, before this one.", EXPO_COUNTER},
		away = {"farlan_metrics_connections_refused", NULL,
			"Connections turned away here, because there were too many.", EXPO_COUNTER},
		lag = {"farlan_loop_lag_seconds", "seconds",
		       "How much too late the main loop was, looked at twice a second.",
		       EXPO_HISTOGRAM};
	const struct expo_label what[] = {{"program", m->config.program},
					  {"version", FARLAN_VERSION}};

	expo_family(e, &build);
	expo_sample(e, 1, what, 2);
	expo_family(e, &answers);
	for (int i = 0; i < METRICS_CODES; i++) {
		char code[12];

		snprintf(code, sizeof(code), "%d", metrics_code_status((enum metrics_code)i));
		expo_labelled(e, (double)m->answered[i], "code", code);
	}
	expo_one(e, &away, (double)m->turned_away);
	expo_family(e, &lag);
	expo_histogram(e, &m->lag.delays, NULL, 0);
}

int metrics_write(struct metrics *m, struct buf *out, enum expo_format format)
{
	struct expo e;

	expo_begin(&e, out, format);
	write_own(m, &e);
	write_process(m, &e);
	m->config.write(m->config.arg, &e);
	return expo_end(&e);
}

/* --- life --- */

static void on_accept(int fd, void *arg)
{
	conn_accept(arg, fd);
}

static void on_retry(uv_timer_t *timer);

static void try_listen(struct metrics *m)
{
	if (listen_open(&m->listeners, m->loop, &m->where, false, on_accept, m) == 0)
		return;
	m->listeners = NULL;
	log_warn("metrics are not served yet: tried again every %u s",
		 metrics_times.retry_ms / 1000);
	uv_timer_start(&m->retry, on_retry, metrics_times.retry_ms, 0);
}

static void on_retry(uv_timer_t *timer)
{
	struct metrics *m = timer->data;

	if (!m->closing)
		try_listen(m);
}

int metrics_open(struct metrics **out, uv_loop_t *loop, const struct metrics_config *config)
{
	struct metrics *m;

	*out = NULL;
	if (config->where->n == 0)
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->loop = loop;
	m->config = *config;
	m->where = *config->where;
	m->config.where = &m->where;
	m->started_ms = clock_mono_ms();
	TAILQ_INIT(&m->conns);
	uv_timer_init(loop, &m->retry);
	m->retry.data = m;
	lag_open(&m->lag, loop);
	m->handles = 2;
	try_listen(m);
	*out = m;
	return 0;
}

static void free_if_done(struct metrics *m)
{
	if (m->closing && m->handles == 0 && m->n_conns == 0)
		free(m);
}

void metrics_conn_gone(struct metrics *m)
{
	m->n_conns--;
	free_if_done(m);
}

static void on_retry_closed(uv_handle_t *handle)
{
	struct metrics *m = handle->data;

	m->handles--;
	free_if_done(m);
}

static void on_lag_closed(uv_handle_t *handle)
{
	struct lag *l = handle->data;
	struct metrics *m = (struct metrics *)(void *)((char *)l - offsetof(struct metrics, lag));

	m->handles--;
	free_if_done(m);
}

void metrics_close(struct metrics *m)
{
	struct conn *c;

	if (!m || m->closing)
		return;
	m->closing = true;
	listen_close(m->listeners);
	m->listeners = NULL;
	TAILQ_FOREACH (c, &m->conns, list)
		conn_close(c);
	uv_close((uv_handle_t *)&m->retry, on_retry_closed);
	lag_close(&m->lag, on_lag_closed);
}

/* Return: 0: it cannot be read. */
static int64_t end_of(const struct x509_cert *cert)
{
	struct x509_info info;

	return cert->len > 0 && x509_parse(&info, cert->der, cert->len) == 0 ? info.not_after : 0;
}

void metrics_write_certs(struct expo *e, const struct metrics_cert *certs, size_t n)
{
	static const struct expo_family family = {"farlan_certificate_left_seconds", "seconds",
						  "Until a certificate expires; negative: since.",
						  EXPO_GAUGE};
	int64_t now = clock_wall_s();

	expo_family(e, &family);
	for (size_t i = 0; i < n; i++) {
		int64_t end = certs[i].cert ? end_of(certs[i].cert) : certs[i].not_after;

		if (end != 0)
			expo_labelled(e, (double)(end - now), "certificate", certs[i].name);
	}
}

void metrics_write_clock(struct expo *e)
{
	static const struct expo_family family = {
		"farlan_clock_off_seconds", "seconds",
		"How far this host's clock is ahead of the time that is known; negative: behind.",
		EXPO_GAUGE};
	struct clock_status s;

	clock_status(&s);
	expo_one(e, &family, (double)s.system_ahead_ms / 1000);
}

void metrics_status(const struct metrics *m, json_t *status)
{
	char text[LISTEN_TEXT_SIZE];

	if (!m)
		return;
	opt_print_listen(NULL, &m->where, text, sizeof(text));
	(void)json_object_set_new(
		status, "metrics",
		json_pack("{s:s, s:b}", "listen", text, "listening", m->listeners != NULL));
}
