/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/signin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/weak.h"
#include "accessd/signin_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define KEEP_S (LOCKOUT_WINDOW_MS / 1000 * 2)

/* --- failures -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	return (int64_t)clock_mono_ms();
}

/* What was kept is of the clock that people set; what is counted is not. A restart is the only
 * moment when the first one matters, and then neither a lock nor a failure lasts longer than it
 * would have. */
static int64_t mono_of(int64_t wall_s)
{
	int64_t ago_s = clock_wall_s() - wall_s;

	return now_ms() - (ago_s > 0 ? (ago_s < KEEP_S ? ago_s : KEEP_S) : 0) * 1000;
}

static int64_t wall_of(int64_t mono_ms)
{
	return clock_wall_s() + (mono_ms - now_ms()) / 1000;
}

static void on_kept(void *arg, const struct store_failures *f)
{
	struct signin *s = arg;
	struct lockout_state state = {.n = f->n, .is_locked = f->until != 0};
	int64_t left_s = f->until - clock_wall_s();

	for (size_t i = 0; i < f->n; i++)
		state.at_ms[i] = mono_of(f->at[i]);
	if (left_s > LOCKOUT_MS / 1000)
		left_s = LOCKOUT_MS / 1000;
	state.until_ms = state.is_locked ? now_ms() + left_s * 1000 : 0;
	lockout_put(s->lockout, &f->key, &state);
}

static int keep(struct signin *s, const struct lockout_key *k, const struct lockout_state *state)
{
	struct store_failures f = {.key = *k, .n = state->n};

	for (size_t i = 0; i < state->n; i++)
		f.at[i] = wall_of(state->at_ms[i]);
	f.until = state->is_locked ? wall_of(state->until_ms) : 0;
	return store_failures_put(s->config.store, &f);
}

bool signin_is_locked(const struct signin *s, const struct lockout_key *k)
{
	return lockout_left_ms(s->lockout, k, now_ms()) > 0;
}

int signin_count(struct signin *s, const struct lockout_key *account,
		 const struct lockout_key *address, const struct lockout_key **locked)
{
	const struct lockout_key *of[] = {account, address};
	struct lockout_state state;
	int rc = 0;

	*locked = NULL;
	for (size_t i = 0; i < 2; i++) {
		if (!of[i])
			continue;
		if (lockout_fail(s->lockout, of[i], now_ms(), &state) && !*locked)
			*locked = of[i];
		if (rc == 0)
			rc = keep(s, of[i], &state);
	}
	return rc;
}

int signin_clear(struct signin *s, const struct lockout_key *k)
{
	if (!lockout_clear(s->lockout, k))
		return 0;
	return store_failures_put(s->config.store, &(struct store_failures){.key = *k});
}

/* --- accounts -------------------------------------------------------------------------------- */

struct longest {
	const struct signin *s;
	int64_t left_ms;
};

static void look_at_pc(void *arg, int64_t endpoint)
{
	struct longest *x = arg;
	struct lockout_key k = lockout_key_of(LOCKOUT_PC, endpoint);
	int64_t left_ms = lockout_left_ms(x->s->lockout, &k, now_ms());

	x->left_ms = left_ms > x->left_ms ? left_ms : x->left_ms;
}

int64_t signin_locked_s(const struct signin *s, int64_t member)
{
	struct lockout_key k = lockout_key_of(LOCKOUT_USER, member);
	struct longest x = {.s = s, .left_ms = lockout_left_ms(s->lockout, &k, now_ms())};

	if (store_pcs_each(s->config.store, member, look_at_pc, &x) != 0)
		log_warn("a user's PCs could not be read");
	return (x.left_ms + 999) / 1000;
}

struct unlocking {
	struct signin *s;
	int rc;
};

static void unlock_pc(void *arg, int64_t endpoint)
{
	struct unlocking *u = arg;
	struct lockout_key k = lockout_key_of(LOCKOUT_PC, endpoint);

	if (u->rc == 0)
		u->rc = signin_clear(u->s, &k);
}

int signin_unlock(struct signin *s, int64_t member)
{
	struct lockout_key k = lockout_key_of(LOCKOUT_USER, member);
	struct unlocking u = {.s = s, .rc = signin_clear(s, &k)};
	int rc = store_pcs_each(s->config.store, member, unlock_pc, &u);

	return rc ? rc : u.rc;
}

bool signin_refuses(const struct signin *s, const char *user, const char *domain,
		    const char *password, char words[SIGNIN_WORDS_SIZE])
{
	struct weak_context here = {
		.user = user, .domain = domain, .min_bytes = s->config.min_bytes};
	enum weak w = weak_check(password, &here);

	if (w == WEAK_NOT && s->refused && refused_has(s->refused, password))
		w = WEAK_COMMON;
	if (w == WEAK_SHORT)
		snprintf(words, SIGNIN_WORDS_SIZE, "it is too short: at least %zu bytes",
			 s->config.min_bytes);
	else if (w != WEAK_NOT)
		snprintf(words, SIGNIN_WORDS_SIZE, "%s", weak_words(w));
	return w != WEAK_NOT;
}

/* --- life ------------------------------------------------------------------------------------ */

int signin_open(struct signin **out, const struct signin_config *config)
{
	struct signin *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->config = *config;
	file_random(s->ticket_key, sizeof(s->ticket_key));
	s->lockout = lockout_new();
	if (!s->lockout)
		rc = -ENOMEM;
	if (rc == 0)
		rc = store_failures_each(s->config.store, on_kept, s);
	if (rc == 0 && config->refused_path[0]) {
		rc = refused_load(&s->refused, config->refused_path);
		if (rc)
			log_error("refused-passwords: %s: %s", config->refused_path, strerror(-rc));
	}
	s->config.refused_path = NULL;
	if (rc)
		signin_free(s);
	else
		*out = s;
	return rc;
}

void signin_free(struct signin *s)
{
	if (!s)
		return;
	lockout_free(s->lockout);
	refused_free(s->refused);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

void signin_upkeep(struct signin *s)
{
	if (store_failures_purge(s->config.store, clock_wall_s() - KEEP_S) != 0)
		log_warn("old failures to sign in could not be removed");
}
