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
	uint64_t since_ms;
	bool is_check, is_known, ok;
	char user[PASSWORD_USER_SIZE]; /* "" for a new hash */
	char password[PASSWORD_MAX_BYTES + 1], next_password[PASSWORD_MAX_BYTES + 1];
	struct store_password hash, next_hash;
	uint8_t computed[STORE_HASH_BYTES];
	bool computed_ok, has_next, next_ok;
	bool (*judge)(void *arg, bool ok, const struct store_password *next);
	void (*checked)(void *arg, bool closing);
	void (*done)(void *arg, bool ok, const struct store_password *hash);
	void *arg;
};

struct passwords {
	uv_loop_t *loop;
	struct job *jobs; /* in the order they came */
	size_t n_jobs, n_running;
	uint32_t cost;
	bool closing;
};

static void start_next(struct passwords *p);

int passwords_open(struct passwords **out, uv_loop_t *loop, uint32_t cost)
{
	struct passwords *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->cost = cost;
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

/* Once: closing answers all. */
static void tell(struct job *j, bool closing)
{
	void (*done)(void *arg, bool ok, const struct store_password *hash) = j->done;
	void (*checked)(void *arg, bool closing) = j->checked;

	j->done = NULL;
	j->checked = NULL;
	j->judge = NULL;
	if (done)
		done(j->arg, j->ok && !closing, closing ? NULL : &j->hash);
	if (checked)
		checked(j->arg, closing);
}

static void finish(struct job *j)
{
	struct passwords *p = j->owner;

	/* Still in the list, so that closing from within the callback leaves us our memory. */
	tell(j, false);
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

static bool compute_one(const char *password, const struct store_password *h,
			uint8_t out[STORE_HASH_BYTES])
{
	return wc_scrypt(out, (const byte *)password, (int)strlen(password), h->salt,
			 sizeof(h->salt), (int)h->cost, (int)h->block, (int)h->parallel,
			 STORE_HASH_BYTES) == 0;
}

/* In a thread of the pool: touches nothing but the job. */
static void compute(uv_work_t *w)
{
	struct job *j = w->data;

	j->computed_ok = compute_one(j->password, &j->hash, j->computed);
	if (!j->is_check) {
		memcpy(j->hash.hash, j->computed, sizeof(j->computed));
		j->ok = j->computed_ok;
		return;
	}
	j->ok = j->computed_ok && text_equal_ct(j->computed, j->hash.hash, sizeof(j->computed)) &&
		j->is_known;
	if (j->ok && j->has_next)
		j->next_ok = compute_one(j->next_password, &j->next_hash, j->next_hash.hash);
}

/* To the second after it was asked: the loop and the disk have some of it, too. */
static void delay(struct job *j)
{
	struct passwords *p = j->owner;
	uint64_t spent = clock_mono_ms() - j->since_ms;

	j->state = JOB_DELAYED;
	start_next(p);
	uv_timer_init(p->loop, &j->delay);
	uv_update_time(p->loop);
	j->delay.data = j;
	uv_timer_start(&j->delay, on_delay, PASSWORD_FAILED_MS - spent % PASSWORD_FAILED_MS, 0);
}

static void on_computed(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct passwords *p = j->owner;

	p->n_running--;
	if (status != 0)
		j->ok = false;
	if (j->judge && !p->closing)
		j->ok = j->judge(j->arg, j->ok, j->next_ok ? &j->next_hash : NULL);
	if (p->closing || j->ok || !j->is_check)
		finish(j);
	else
		delay(j);
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

static void new_salt(const struct passwords *p, struct store_password *h)
{
	h->cost = p->cost;
	h->block = PASSWORD_BLOCK;
	h->parallel = PASSWORD_PARALLEL;
	file_random(h->salt, sizeof(h->salt));
}

static struct job *job_new(struct passwords *p, const char *password, void *arg)
{
	struct job *j =
		!p->closing && p->n_jobs < PASSWORD_WAITING_MAX ? calloc(1, sizeof(*j)) : NULL;

	if (!j)
		return NULL;
	j->owner = p;
	j->arg = arg;
	j->since_ms = clock_mono_ms();
	snprintf(j->password, sizeof(j->password), "%s", password);
	new_salt(p, &j->hash);
	return j;
}

int passwords_hash(struct passwords *p, const char *password,
		   void (*done)(void *arg, bool ok, const struct store_password *hash), void *arg)
{
	struct job *j = job_new(p, password, arg);

	if (!j)
		return -EBUSY;
	j->done = done;
	return add(p, j);
}

static bool is_lower(const struct store_password *h, const struct passwords *p)
{
	return h->cost < p->cost || h->block < PASSWORD_BLOCK || h->parallel < PASSWORD_PARALLEL;
}

int passwords_check(struct passwords *p, const struct password_try *t)
{
	struct job *j = job_new(p, t->password, t->arg);

	if (!j)
		return -EBUSY;
	j->judge = t->judge;
	j->checked = t->done;
	j->is_check = true;
	j->is_known = t->hash != NULL;
	j->has_next = t->next || (t->hash && is_lower(t->hash, p));
	new_salt(p, &j->next_hash);
	snprintf(j->next_password, sizeof(j->next_password), "%s", t->next ? t->next : t->password);
	if (t->hash)
		j->hash = *t->hash;
	snprintf(j->user, sizeof(j->user), "%s", t->user);
	return add(p, j);
}

void passwords_close(struct passwords *p)
{
	struct job *next;

	if (!p || p->closing)
		return;
	p->closing = true;
	for (struct job *j = p->jobs; j; j = j->next)
		tell(j, true);
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
