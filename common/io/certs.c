/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/certs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/x509_leaf.h"
#include "common/pure/expiry.h"

#define POLL_MS 10000
#define CHAIN_MAX_BYTES (64u << 10)
#define KEY_MAX_BYTES (16u << 10)
#define PATH_SIZE 200
#define PROBLEM_SIZE 300

struct certs_times certs_times = {.poll_ms = POLL_MS};

/* A file as it was: links are followed, so another target is another file. */
struct seen {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
	int error;
};

/* One look at the files, on the thread pool. */
struct look {
	struct seen chain, key;
	struct tls_ctx *tls; /* a good pair */
	struct x509_leaf leaf;
	char problem[PROBLEM_SIZE];
};

struct used {
	struct used *older;
	struct tls_ctx *tls;
};

struct certs {
	char chain[PATH_SIZE], key[PATH_SIZE];
	void (*on_new)(void *arg);
	void *arg;
	uv_timer_t timer;
	uv_work_t work;
	bool working, again, closing;
	struct look look, last; /* under way; the last one that was news */
	struct used *used;	/* the one in use first; engines were made from the others */
	struct x509_leaf leaf;	/* of the one in use */
	struct x509_leaf own;	/* the domain's */
	struct expiry outer, ca;
	char problem[PROBLEM_SIZE], missing[PROBLEM_SIZE];
};

/* Looking: without the loop */

static void see(struct seen *s, const char *path)
{
	struct stat st;

	memset(s, 0, sizeof(*s));
	if (stat(path, &st) != 0) {
		s->error = errno;
		return;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->size = st.st_size;
	s->changed = st.st_mtim;
}

static bool same(const struct seen *a, const struct seen *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->error == b->error &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static int read_file(struct look *l, const char *path, size_t max, uint8_t **bytes, size_t *n)
{
	struct stat st;
	int r;

	/* Opening a FIFO would wait for its writer, and nothing could end the thread. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		snprintf(l->problem, sizeof(l->problem), "%s: not a file", path);
		return -EINVAL;
	}
	r = file_read(path, max, bytes, n);
	if (r != 0)
		snprintf(l->problem, sizeof(l->problem), "%s: %s%s", path, strerror(-r),
			 r == -EACCES ? " (may this daemon's user read it?)" : "");
	return r;
}

static void make_context(struct look *l, const struct tls_pem *chain, const struct tls_pem *key)
{
	const char *why = "out of memory";

	if (x509_leaf_read_pem(&l->leaf, (const char *)chain->bytes, chain->len) != 0)
		why = "the certificate cannot be read: is it a PEM file, and whole?";
	else if (tls_ctx_outer_server_pem(&l->tls, chain, key, &why) == 0)
		return;
	snprintf(l->problem, sizeof(l->problem), "%s", why);
}

static void read_pair(struct look *l, const char *chain_path, const char *key_path)
{
	uint8_t *chain = NULL, *key = NULL;
	size_t n_chain, n_key = 0;

	if (read_file(l, chain_path, CHAIN_MAX_BYTES, &chain, &n_chain) == 0 &&
	    read_file(l, key_path, KEY_MAX_BYTES, &key, &n_key) == 0)
		make_context(l, &(struct tls_pem){chain, n_chain}, &(struct tls_pem){key, n_key});
	if (key)
		explicit_bzero(key, n_key);
	free(key);
	free(chain);
}

static void on_work(uv_work_t *work)
{
	struct certs *c = work->data;
	struct look *l = &c->look;

	memset(l, 0, sizeof(*l));
	see(&l->chain, c->chain);
	see(&l->key, c->key);
	if (!same(&l->chain, &c->last.chain) || !same(&l->key, &c->last.key))
		read_pair(l, c->chain, c->key);
}

/* Names */

static void name_missing(struct certs *c)
{
	size_t used = 0;

	c->missing[0] = '\0';
	for (size_t i = 0; c->used && i < c->own.n_hosts && used < sizeof(c->missing); i++) {
		if (!x509_leaf_names(&c->leaf, c->own.hosts[i]))
			used += (size_t)snprintf(c->missing + used, sizeof(c->missing) - used,
						 "%s%s", used ? ", " : "", c->own.hosts[i]);
	}
	if (c->missing[0])
		log_warn("the certificate is not for all names in this server's URLs: clients "
			 "cannot check it there file=\"%s\" missing=\"%s\"",
			 c->chain, c->missing);
}

/* Ends */

static void warn_of(struct expiry *x, const char *which, const char *what_to_do)
{
	int days;

	if (!expiry_due(x, clock_wall_s(), &days))
		return;
	if (days < 0)
		log_error("certificate has expired certificate=%s: %s", which, what_to_do);
	else
		log_warn("certificate expires certificate=%s days=%d: %s", which, days, what_to_do);
}

static void warn_of_ends(struct certs *c)
{
	warn_of(&c->outer, "outer",
		c->used ? "renew the file; it is taken without a restart"
			: "it should have been renewed by itself: look for errors above");
	warn_of(&c->ca, "ca", "roll it over: accessctl ca roll, on the Access Server");
}

/* Taking what was found */

static void set_dates(struct certs *c)
{
	expiry_set(&c->outer, certs_not_after(c));
	warn_of_ends(c);
}

static int take(struct certs *c, struct look *l)
{
	struct used *u = malloc(sizeof(*u));

	if (!u) {
		tls_ctx_free(l->tls);
		return -ENOMEM;
	}
	*u = (struct used){.older = c->used, .tls = l->tls};
	c->used = u;
	c->leaf = l->leaf;
	c->problem[0] = '\0';
	log_notice("certificate of the outer layer file=\"%s\" days=%lld", c->chain,
		   (long long)(l->leaf.not_after - clock_wall_s()) / 86400);
	name_missing(c);
	return 0;
}

static void on_news(struct certs *c, struct look *l)
{
	if (l->tls && take(c, l) != 0)
		snprintf(l->problem, sizeof(l->problem), "out of memory");
	if (!l->problem[0])
		return;
	snprintf(c->problem, sizeof(c->problem), "%s", l->problem);
	log_error("the certificate cannot be used, %s file=\"%s\" reason=\"%s\"",
		  c->used ? "the old one stays" : "the domain's own serves", c->chain, c->problem);
}

static void look_ended(struct certs *c)
{
	struct look *l = &c->look;
	bool news = l->tls || l->problem[0];

	if (news)
		on_news(c, l);
	c->last = *l;
	set_dates(c);
	if (news && !l->problem[0] && c->on_new)
		c->on_new(c->arg);
}

static void on_worked(uv_work_t *work, int status)
{
	struct certs *c = work->data;

	(void)status;
	c->working = false;
	if (c->closing) {
		tls_ctx_free(c->look.tls);
		return;
	}
	look_ended(c);
	if (c->again)
		certs_check(c);
}

void certs_check(struct certs *c)
{
	if (c->closing)
		return;
	c->again = c->working;
	if (c->working)
		return;
	if (!c->chain[0])
		warn_of_ends(c);
	else if (uv_queue_work(c->timer.loop, &c->work, on_work, on_worked) == 0)
		c->working = true;
}

static void on_timer(uv_timer_t *timer)
{
	certs_check(timer->data);
}

/* Life */

int certs_open(struct certs **out, uv_loop_t *loop, const struct certs_config *config)
{
	struct certs *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	snprintf(c->chain, sizeof(c->chain), "%s", config->chain);
	snprintf(c->key, sizeof(c->key), "%s", config->key);
	c->on_new = config->on_new;
	c->arg = config->arg;
	c->work.data = c;
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, on_timer, certs_times.poll_ms, certs_times.poll_ms);
	uv_unref((uv_handle_t *)&c->timer);
	if (c->chain[0]) { /* before anybody is let in */
		on_work(&c->work);
		if (c->look.tls || c->look.problem[0])
			on_news(c, &c->look);
		c->last = c->look;
		set_dates(c);
	}
	*out = c;
	return 0;
}

void certs_close(struct certs *c)
{
	if (!c || c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->timer, NULL);
}

void certs_free(struct certs *c)
{
	struct used *older;

	for (; c && c->used; c->used = older) {
		older = c->used->older;
		tls_ctx_free(c->used->tls);
		free(c->used);
	}
	free(c);
}

/* Asking */

const struct tls_ctx *certs_tls(const struct certs *c)
{
	return c->used ? c->used->tls : NULL;
}

int64_t certs_not_after(const struct certs *c)
{
	return c->used ? c->leaf.not_after : c->own.not_after;
}

void certs_watch(struct certs *c, const struct x509_cert *domains_own, const struct x509_cert *ca)
{
	struct x509_leaf root;

	if (x509_leaf_read(&c->own, domains_own->der, domains_own->len) != 0)
		memset(&c->own, 0, sizeof(c->own));
	expiry_set(&c->ca, x509_leaf_read(&root, ca->der, ca->len) == 0 ? root.not_after : 0);
	name_missing(c);
	set_dates(c);
}

static void put_left(json_t *o, const char *key, int64_t not_after)
{
	if (not_after)
		(void)json_object_set_new(o, key,
					  json_integer((json_int_t)(not_after - clock_wall_s())));
}

void certs_status(const struct certs *c, json_t *o)
{
	json_t *about = json_object();

	(void)json_object_set_new(about, "file", json_string(c->chain));
	(void)json_object_set_new(about, "in_use", json_boolean(c->used != NULL));
	(void)json_object_set_new(about, "problem", json_string(c->problem));
	(void)json_object_set_new(about, "missing", json_string(c->missing));
	put_left(about, "left_s", certs_not_after(c));
	put_left(about, "ca_left_s", c->ca.not_after);
	(void)json_object_set_new(o, "certificate", about);
}
