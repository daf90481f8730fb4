/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/app.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessd/admin.h"
#include "accessd/figures.h"
#include "accessd/forward.h"
#include "accessd/host_user.h"
#include "accessd/restore.h"
#include "accessd/store_realms.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/outer.h"

/* Certificates that were made while this host's clock was wrong must go soon after it was set. */
#define UPKEEP_MS (5 * UINT64_C(60) * 1000)
#define HOUR_S INT64_C(3600)

static void on_accept(int fd, bool plain, void *arg)
{
	struct app *a = arg;

	clients_accept(a->front, fd, plain);
}

static int start_listening(struct app *a)
{
	const struct listen_ways ways = {
		.where = &a->conf.listen, .tls = a->conf.tls, .on_accept = on_accept, .arg = a};

	return listen_open_ways(&a->listeners, a->loop, &ways);
}

struct realm *app_realm(struct app *a, const char *domain)
{
	if (!domain[0])
		return a->n_realms == 1 ? a->realms[0] : NULL;
	for (size_t i = 0; i < a->n_realms; i++) {
		if (strcmp(domain, a->realms[i]->domain.row.name) == 0)
			return a->realms[i];
	}
	return NULL;
}

/* Those that end first: whoever looks after these looks after all. */
void app_watch_certs(struct app *a)
{
	const struct x509_cert *own = NULL, *ca = NULL;
	int64_t own_end = INT64_MAX, ca_end = INT64_MAX;

	for (size_t i = 0; i < a->n_realms; i++) {
		const struct store_domain *row = &a->realms[i]->domain.row;
		struct x509_info info;

		if (x509_parse(&info, row->outer_cert.der, row->outer_cert.len) == 0 &&
		    info.not_after < own_end) {
			own_end = info.not_after;
			own = &row->outer_cert;
		}
		if (x509_parse(&info, row->ca.der, row->ca.len) == 0 && info.not_after < ca_end) {
			ca_end = info.not_after;
			ca = &row->ca;
		}
	}
	if (own && ca)
		certs_watch(a->certs, own, ca);
}

int app_serve(struct app *a, int64_t domain, struct realm **out)
{
	struct realm *r;
	int rc;

	*out = NULL;
	if (a->n_realms == REALMS_MAX) {
		log_error("more than %d domains: the rest is not served", REALMS_MAX);
		return -ENOSPC;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	rc = realm_open(r, a, domain);
	if (!r->timer_open) {
		log_error(
			"the domain could not be loaded: %s: check the disk, and this host's clock",
			strerror(-rc));
		free(r);
		return rc;
	}
	a->realms[a->n_realms++] = r;
	*out = r;
	if (rc) {
		log_error("the domain is not served domain=%s: %s", r->domain.row.name,
			  strerror(-rc));
		realm_close(r);
		return rc;
	}
	app_watch_certs(a);
	if (!a->listeners)
		rc = start_listening(a);
	if (rc == 0)
		log_notice("serving domain=%s", r->domain.row.name);
	return rc;
}

void app_drop(struct app *a, struct realm *r, const char *reason)
{
	struct realm **more = reallocarray(a->gone, a->n_gone + 1, sizeof(struct realm *));
	struct sessions_counts n = {0};
	size_t i = 0;

	if (!more)
		abort(); /* it may not be freed while others point to it */
	a->gone = more;
	a->gone[a->n_gone++] = r;
	while (a->realms[i] != r)
		i++;
	a->n_realms--;
	memmove(&a->realms[i], &a->realms[i + 1], (a->n_realms - i) * sizeof(struct realm *));
	if (r->clients)
		clients_drop_all(r->clients, reason, false);
	if (r->sessions)
		sessions_counts(r->sessions, &n);
	a->sessions_gone.opened += n.opened;
	a->sessions_gone.ended += n.ended;
	realm_close(r);
	domain_wipe(&r->domain);
	app_watch_certs(a);
}

static int serve_all(struct app *a)
{
	int64_t ids[REALMS_MAX];
	size_t n, failed = 0;
	struct realm *r;
	int rc = store_domain_ids(a->store, ids, REALMS_MAX, &n);

	if (rc)
		return rc;
	if (n == 0)
		log_notice("no domain yet: run accessctl init");
	for (size_t i = 0; i < n && i < REALMS_MAX; i++) {
		int one = app_serve(a, ids[i], &r);

		failed += one != 0;
		rc = one ? one : rc;
	}
	/* One that is damaged takes no other with it. */
	return n > 0 && failed == n ? rc : 0;
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_upkeep(uv_timer_t *t)
{
	struct app *a = t->data;

	if (store_purge(a->store, clock_wall_s(), a->conf.history_days * 24 * HOUR_S) != 0)
		log_warn("old rows could not be removed");
	audit_recount(a->audit); /* what was taken back was counted, too */
	signin_upkeep(a->signin);
	for (size_t i = 0; i < a->n_realms; i++)
		realm_upkeep(a->realms[i]);
}

static void start_upkeep(struct app *a)
{
	uv_timer_init(a->loop, &a->upkeep);
	a->upkeep.data = a;
	uv_timer_start(&a->upkeep, on_upkeep, 0, UPKEEP_MS);
	a->upkeep_open = true;
}

static int open_certs(struct app *a)
{
	const struct certs_config config = {.chain = a->conf.certificate,
					    .key = a->conf.certificate_key};

	return certs_open(&a->certs, a->loop, &config);
}

static int open_metrics(struct app *a)
{
	struct metrics_config config = {
		.program = "accessd", .where = &a->conf.metrics, .write = figures_write, .arg = a};

	return metrics_open(&a->metrics, a->loop, &config);
}

static void on_recorded(void *arg)
{
	const struct app *a = arg;

	forward_kick(a->forward);
}

static int open_front(struct app *a)
{
	const struct clients_config config = {.store = a->store,
					      .proxies = &a->conf.proxies,
					      .certs = a->certs,
					      .per_s = (uint32_t)a->conf.handshakes};

	return clients_open(&a->front, a->loop, &config);
}

static int open_audit(struct app *a)
{
	const struct audit_config config = {.store = a->store,
					    .max_records = a->conf.audit_records,
					    .full_continues = a->conf.audit_continues,
					    .on_written = on_recorded,
					    .arg = a};
	const struct forward_config forward = {.store = a->store,
					       .syslog = a->conf.audit_syslog,
					       .journal = a->conf.audit_journal};
	int rc = audit_open(&a->audit, a->loop, &config);

	return rc ? rc : forward_open(&a->forward, a->loop, &forward);
}

/* Who has restored a backup could not record it. */
static void note_restored(struct app *a)
{
	char path[PATH_MAX], name[STORE_REASON_SIZE * 2], user[STORE_NAME_SIZE], uid[16],
		who[STORE_NAME_SIZE + 8];
	struct audit_note note = {.event = EVENT_RESTORED,
				  .result = AUDIT_OK,
				  .who = who,
				  .who_uid = uid,
				  .from = "local"};
	unsigned long number;
	uint8_t *bytes;
	json_t *detail;
	char *end;
	size_t n;

	if (snprintf(path, sizeof(path), "%s/" RESTORE_MARK, a->conf.state) >= (int)sizeof(path) ||
	    file_read(path, RESTORE_WORDS_SIZE, &bytes, &n) != 0)
		return;
	number = strtoul((const char *)bytes, &end, 10);
	log_clean(name, sizeof(name), *end ? end + 1 : end, strlen(*end ? end + 1 : end));
	free(bytes);
	snprintf(uid, sizeof(uid), "%lu", number);
	host_user_name((uid_t)number, user, sizeof(user));
	snprintf(who, sizeof(who), "host %s", user);
	log_notice("goes on from a backup file=\"%s\"", name);
	detail = json_pack("{s:s}", "file", name);
	note.detail = detail;
	for (size_t i = 0; i < a->n_realms; i++) {
		note.domain = a->realms[i]->domain.row.id;
		(void)audit_note(a->audit, &note);
	}
	note.domain = 0;
	if (audit_note(a->audit, &note) == 0)
		(void)unlink(path);
	json_decref(detail);
}

static int open_signin(struct app *a)
{
	const struct signin_config config = {.store = a->store,
					     .passwords = a->passwords,
					     .audit = a->audit,
					     .min_bytes = (size_t)a->conf.password_bytes,
					     .refused_path = a->conf.refused_passwords};

	return signin_open(&a->signin, &config);
}

int app_start(struct app *a, uv_loop_t *loop, const struct conf *conf)
{
	int rc;

	a->loop = loop;
	a->conf = *conf;
	a->started_ms = clock_mono_ms();
	rc = store_open(&a->store, a->conf.state);
	if (rc)
		return rc;
	rc = passwords_open(&a->passwords, loop, (uint32_t)conf->password_cost);
	if (rc)
		return rc;
	rc = open_audit(a);
	if (rc == 0)
		rc = open_signin(a);
	if (rc)
		return rc;
	disk_open(&a->disk, loop, a->conf.state, a->store);
	start_upkeep(a);
	rc = open_certs(a);
	if (rc == 0)
		rc = open_front(a);
	if (rc == 0)
		rc = admin_open(a);
	if (rc == 0)
		rc = open_metrics(a);
	if (rc == 0)
		rc = backup_open(&a->backup, loop, a->store);
	if (rc == 0)
		rc = serve_all(a);
	if (rc == 0)
		note_restored(a);
	return rc;
}

void app_reload(struct app *a)
{
	if (!a->stopping && a->certs)
		certs_check(a->certs);
}

/* In the order of who uses whom; answers that are still waited for come while the next are still
 * there. */
void app_stop(struct app *a)
{
	if (a->stopping)
		return;
	a->stopping = true;
	outer_hurry();
	listen_close(a->listeners);
	metrics_close(a->metrics);
	a->metrics = NULL;
	certs_close(a->certs);
	passwords_close(a->passwords);
	backup_close(a->backup);
	a->backup = NULL;
	for (size_t i = 0; i < a->n_realms; i++)
		realm_close(a->realms[i]);
	clients_close(a->front);
	if (a->local)
		local_close(a->local);
	a->local = NULL; /* for answers that come later */
	audit_close(a->audit);
	forward_close(a->forward);
	a->forward = NULL;
	disk_close(&a->disk);
	if (!a->upkeep_open)
		return;
	uv_close((uv_handle_t *)&a->upkeep, NULL);
}

void app_free(struct app *a)
{
	certs_free(a->certs);
	signin_free(a->signin);
	audit_free(a->audit);
	store_close(a->store);
	for (size_t i = 0; i < a->n_realms; i++)
		realm_free(a->realms[i]);
	for (size_t i = 0; i < a->n_gone; i++)
		realm_free(a->gone[i]);
	free(a->gone);
}
