/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/password.h"

#include <wolfssl/options.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/pwdbased.h>

#include "common/io/file.h"
#include "common/pure/text.h"

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DELAYED };

struct job {
	struct passwords *owner;
	struct job *next;
	enum job_state state;
	uv_work_t work;
	uv_timer_t delay;
	bool is_check, is_known, ok;
	char user[STORE_NAME_SIZE]; /* "" for a new hash */
	char password[PASSWORD_MAX_BYTES + 1];
	struct store_password hash;
	uint8_t computed[STORE_HASH_BYTES];
	bool computed_ok;
	void (*done)(void *arg, bool ok, const struct store_password *hash);
	void *arg;
};

struct passwords {
	uv_loop_t *loop;
	struct job *jobs; /* in the order they came */
	size_t n_jobs, n_running;
	bool closing;
};

static void start_next(struct passwords *p);

int passwords_open(struct passwords **out, uv_loop_t *loop)
{
	struct passwords *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	*out = p;
	return 0;
}

static void job_free(struct job *j)
{
	explicit_bzero(j, sizeof(*j));
	free(j);
}

static void unlink_job(struct passwords *p, struct job *j)
{
	struct job **at = &p->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	p->n_jobs--;
}

static void free_if_done(struct passwords *p)
{
	if (p->n_jobs == 0)
		free(p);
}

static void finish(struct job *j)
{
	struct passwords *p = j->owner;
	void (*done)(void *arg, bool ok, const struct store_password *hash) = j->done;

	/* Still in the list, so that closing from within the callback leaves us our memory. */
	j->done = NULL;
	if (done)
		done(j->arg, j->ok, &j->hash);
	unlink_job(p, j);
	job_free(j);
	if (p->closing)
		free_if_done(p);
	else
		start_next(p);
}

static void on_delay_closed(uv_handle_t *h)
{
	finish(h->data);
}

static void on_delay(uv_timer_t *t)
{
	uv_close((uv_handle_t *)t, on_delay_closed);
}

/* In a thread of the pool: touches nothing but the job. */
static void compute(uv_work_t *w)
{
	struct job *j = w->data;

	j->computed_ok =
		wc_scrypt(j->computed, (const byte *)j->password, (int)strlen(j->password),
			  j->hash.salt, sizeof(j->hash.salt), (int)j->hash.cost, (int)j->hash.block,
			  (int)j->hash.parallel, sizeof(j->computed)) == 0;
}

static void judge(struct job *j)
{
	if (j->is_check) {
		j->ok = j->computed_ok &&
			text_equal_ct(j->computed, j->hash.hash, sizeof(j->computed)) &&
			j->is_known;
	} else {
		memcpy(j->hash.hash, j->computed, sizeof(j->computed));
		j->ok = j->computed_ok;
	}
}

static void on_computed(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct passwords *p = j->owner;

	p->n_running--;
	if (status == 0)
		judge(j);
	if (p->closing || j->ok || !j->is_check) {
		finish(j);
		return;
	}
	j->state = JOB_DELAYED;
	start_next(p);
	uv_timer_init(p->loop, &j->delay);
	j->delay.data = j;
	uv_timer_start(&j->delay, on_delay, PASSWORD_FAILED_MS, 0);
}

/* The first that waits and whose user has no earlier try under way. */
static struct job *next_job(struct passwords *p)
{
	for (struct job *j = p->jobs; j; j = j->next) {
		bool blocked = j->state != JOB_WAITING;

		for (struct job *k = p->jobs; !blocked && k != j; k = k->next)
			blocked = j->is_check && k->is_check && strcmp(j->user, k->user) == 0;
		if (!blocked)
			return j;
	}
	return NULL;
}

static void start_next(struct passwords *p)
{
	struct job *j;

	while (p->n_running < PASSWORD_RUNNING_MAX && (j = next_job(p))) {
		j->state = JOB_RUNNING;
		p->n_running++;
		j->work.data = j;
		if (uv_queue_work(p->loop, &j->work, compute, on_computed) != 0)
			abort(); /* only without a callback */
	}
}

static int add(struct passwords *p, struct job *j)
{
	struct job **at = &p->jobs;

	while (*at)
		at = &(*at)->next;
	*at = j;
	p->n_jobs++;
	start_next(p);
	return 0;
}

static struct job *job_new(struct passwords *p, const char *password,
			   void (*done)(void *arg, bool ok, const struct store_password *hash),
			   void *arg)
{
	struct job *j =
		!p->closing && p->n_jobs < PASSWORD_WAITING_MAX ? calloc(1, sizeof(*j)) : NULL;

	if (!j)
		return NULL;
	j->owner = p;
	j->done = done;
	j->arg = arg;
	snprintf(j->password, sizeof(j->password), "%s", password);
	j->hash.cost = PASSWORD_COST;
	j->hash.block = PASSWORD_BLOCK;
	j->hash.parallel = PASSWORD_PARALLEL;
	file_random(j->hash.salt, sizeof(j->hash.salt));
	return j;
}

int passwords_hash(struct passwords *p, const char *password,
		   void (*done)(void *arg, bool ok, const struct store_password *hash), void *arg)
{
	struct job *j = job_new(p, password, done, arg);

	return j ? add(p, j) : -EBUSY;
}

int passwords_check(struct passwords *p, const char *user, const char *password,
		    const struct store_password *hash,
		    void (*done)(void *arg, bool ok, const struct store_password *hash), void *arg)
{
	struct job *j = job_new(p, password, done, arg);

	if (!j)
		return -EBUSY;
	j->is_check = true;
	j->is_known = hash != NULL;
	if (hash)
		j->hash = *hash;
	snprintf(j->user, sizeof(j->user), "%s", user);
	return add(p, j);
}

void passwords_close(struct passwords *p)
{
	struct job *next;

	if (!p || p->closing)
		return;
	p->closing = true;
	for (struct job *j = p->jobs; j; j = j->next) {
		void (*done)(void *arg, bool ok, const struct store_password *hash) = j->done;

		j->done = NULL;
		if (done)
			done(j->arg, false, NULL);
	}
	for (struct job *j = p->jobs; j; j = next) {
		next = j->next;
		if (j->state == JOB_WAITING) {
			unlink_job(p, j);
			job_free(j);
		} else if (j->state == JOB_DELAYED && !uv_is_closing((uv_handle_t *)&j->delay)) {
			uv_close((uv_handle_t *)&j->delay, on_delay_closed);
		}
	}
	free_if_done(p);
}
