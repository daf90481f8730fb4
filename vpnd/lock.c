/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The red button (docs/PROTOCOL.md, section 4.12): while a device is locked it has no session. By
 * hand (vpnctl lock, kept on disk) or by a switch (lock-input); nothing that comes from the network
 * changes it.
 *
 *   lock    counts at once, is answered when it is on disk
 *   unlock  counts, and is answered, when it is on disk
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/words.h"
#include "vpnd/app.h"

#define LOCK_FILE "lock.json"
#define FILE_MAX_BYTES 1024
#define LOCK_WORDS_SIZE 240

bool lock_is(const struct app *app)
{
	return app->lock.by_hand.locked || app->lock.input != LOCK_INPUT_OFF;
}

/* Why, for people here and at the other end: "locked at the machine: REASON". */
static const char *say(const struct lock *l, char out[LOCK_WORDS_SIZE])
{
	const char *reason = l->by_hand.locked		 ? l->by_hand.reason
			     : l->input == LOCK_INPUT_ON ? "its switch is on"
							 : "its switch cannot be read";

	snprintf(out, LOCK_WORDS_SIZE, LOCK_WORDS "%s%s", reason[0] ? ": " : "", reason);
	return out;
}

void lock_say(const struct app *app, char *out, size_t out_size)
{
	char words[LOCK_WORDS_SIZE];

	snprintf(out, out_size, "%s", say(&app->lock, words));
}

/* --- what follows --- */

void lock_tell(struct app *app)
{
	struct rpc *rpc = app->link && app->online ? access_link_rpc(app->link) : NULL;
	const struct lock *l = &app->lock;
	char words[LOCK_WORDS_SIZE];

	if (!rpc || app->config.role != TOKEN_DEVICE)
		return;
	if (lock_is(app))
		(void)rpc_notify(rpc, "lock.state",
				 json_pack("{s:b, s:s, s:I}", "locked", 1, "why", say(l, words),
					   "since", (json_int_t)l->since_s));
	else
		(void)rpc_notify(rpc, "lock.state", json_pack("{s:b}", "locked", 0));
}

/* Something has changed; @was: locked before. */
static void follow(struct app *app, bool was)
{
	char words[LOCK_WORDS_SIZE];
	bool is = lock_is(app);

	if (is && !was)
		app->lock.since_s = clock_wall_s();
	if (is) {
		log_notice("%s", say(&app->lock, words));
		sessions_end_all(app, words, true);
	} else if (was) {
		log_notice("unlocked at the machine");
	}
	lock_tell(app);
	signs_update(app);
}

/* --- the disk --- */

static void path_of(const struct app *app, char out[CONFIG_PATH_SIZE + 16])
{
	snprintf(out, CONFIG_PATH_SIZE + 16, "%s/%s", app->config.state, LOCK_FILE);
}

static void write_it(uv_work_t *work)
{
	struct app *app = work->data;
	struct lock *l = &app->lock;
	char path[CONFIG_PATH_SIZE + 16];
	json_t *o = lock_kept_encode(&l->writing_now);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	path_of(app, path);
	l->error = text ? file_replace(path, text, strlen(text), 0600) : -ENOMEM;
	free(text);
	json_decref(o);
}

static void start_writing(struct app *app);

static void answer(struct app *app)
{
	const struct lock *l = &app->lock;
	char words[LOCK_WORDS_SIZE];

	for (size_t i = 0; i < l->n_waiters; i++) {
		const struct waiter *w = &l->waiters[i];
		struct rpc *rpc = app->local ? local_client_find(app->local, w->client) : NULL;

		if (!rpc)
			continue;
		if (l->error)
			rpc_reject(rpc, w->id, RPC_INTERNAL, "%s, and this is not kept on disk: %s",
				   lock_is(app) ? "locked" : "not locked", strerror(-l->error));
		else
			rpc_reply(rpc, w->id,
				  json_pack("{s:b, s:s}", "locked", lock_is(app), "why",
					    lock_is(app) ? say(l, words) : ""));
	}
	app->lock.n_waiters = 0;
}

static void on_written(uv_work_t *work, int status)
{
	struct app *app = work->data;
	struct lock *l = &app->lock;
	bool was = lock_is(app);

	l->writing = false;
	if (status != 0)
		l->error = status;
	if (l->again) {
		start_writing(app);
		return;
	}
	if (l->error)
		app_note_error(app, "make room, or mend the disk, and do it again",
			       "the lock is not kept on disk: %s", strerror(-l->error));
	else
		l->unreadable = false;
	if (l->error == 0 && !l->writing_now.locked && l->by_hand.locked) {
		l->by_hand = l->writing_now;
		follow(app, was);
	}
	answer(app);
}

static void start_writing(struct app *app)
{
	struct lock *l = &app->lock;

	l->again = l->writing;
	if (l->writing)
		return;
	l->writing = true;
	l->writing_now = l->wanted;
	l->work.data = app;
	(void)uv_queue_work(app->loop, &l->work, write_it, on_written); /* 0: it has callbacks */
}

/* --- vpnctl --- */

/* Else the request is answered. */
static bool is_device(struct rpc *rpc, int64_t id)
{
	const struct app *app = local_arg(rpc);

	if (app->config.role == TOKEN_DEVICE)
		return true;
	rpc_reject(rpc, id, RPC_DENIED, "this end is a manager; devices are locked");
	return false;
}

/* It is answered when what is wanted is on disk; with too many of them, now. */
static void wait_for_disk(struct rpc *rpc, int64_t id)
{
	struct lock *l = &((struct app *)local_arg(rpc))->lock;

	if (l->n_waiters == LOCK_WAITERS_MAX)
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "the disk is slow: %d requests wait for it",
			   LOCK_WAITERS_MAX);
	else
		l->waiters[l->n_waiters++] =
			(struct waiter){.waiting = true,
					.client = local_client_number(local_client_of(rpc)),
					.id = id};
	start_writing(local_arg(rpc));
}

void lock_on_lock(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct lock *l = &app->lock;
	const char *reason = "";
	bool was = lock_is(app);

	if (!is_device(rpc, id))
		return;
	(void)rpc_str(params, "reason", &reason);
	/* Whatever its words are: it is locked. */
	l->wanted = (struct lock_kept){.locked = true, .since_s = clock_wall_s()};
	(void)words_clean(l->wanted.reason, sizeof(l->wanted.reason), reason);
	l->by_hand = l->wanted;
	follow(app, was);
	wait_for_disk(rpc, id);
}

void lock_on_unlock(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);

	(void)params;
	if (!is_device(rpc, id))
		return;
	app->lock.wanted = (struct lock_kept){.locked = false, .since_s = clock_wall_s()};
	wait_for_disk(rpc, id);
}

/* --- the switch --- */

static void on_input(void *arg, enum lock_input_state state, const char *words)
{
	struct app *app = arg;
	bool was = lock_is(app);

	if (state == app->lock.input)
		return;
	app->lock.input = state;
	snprintf(app->lock.input_words, sizeof(app->lock.input_words), "%s", words);
	if (state == LOCK_INPUT_BROKEN)
		app_note_error(app, "mend the switch, or take lock-input out of the configuration",
			       "locked, because the switch cannot be read: %s", words);
	follow(app, was);
}

/* --- start and end --- */

static int load(const char *path, struct lock_kept *kept)
{
	uint8_t *bytes;
	json_t *o;
	size_t n;
	int r = file_read(path, FILE_MAX_BYTES, &bytes, &n);

	if (r != 0)
		return r;
	o = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
	r = lock_kept_decode(kept, o);
	json_decref(o);
	free(bytes);
	return r;
}

int lock_open(struct app *app)
{
	struct lock *l = &app->lock;
	char path[CONFIG_PATH_SIZE + 16], words[LOCK_WORDS_SIZE];
	int r;

	l->input = LOCK_INPUT_OFF;
	if (app->config.role != TOKEN_DEVICE)
		return 0;
	path_of(app, path);
	r = load(path, &l->by_hand);
	if (r != 0 && r != -ENOENT) { /* who has locked must not be unlocked by a broken disk */
		l->by_hand = (struct lock_kept){.locked = true, .since_s = clock_wall_s()};
		snprintf(l->by_hand.reason, sizeof(l->by_hand.reason),
			 "the file that says whether it is locked cannot be read");
		l->unreadable = true;
		app_note_error(app, "vpnctl unlock writes it anew", "%s cannot be read: %s", path,
			       r == -EBADMSG ? "damaged" : strerror(-r));
	}
	l->since_s = l->by_hand.since_s;
	if (lock_is(app))
		log_notice("%s", say(l, words));
	if (!app->config.lock_input[0])
		return 0;
	return lock_input_open(&l->watch, app->loop, app->config.lock_input,
			       app->config.lock_inverted, on_input, app);
}

void lock_close(struct app *app)
{
	lock_input_close(app->lock.watch);
	app->lock.watch = NULL;
}

void lock_status(const struct app *app, json_t *o)
{
	static const char *const states[] = {"off", "on", "unreadable"};
	const struct lock *l = &app->lock;
	char words[LOCK_WORDS_SIZE];
	json_t *shown;

	if (app->config.role != TOKEN_DEVICE)
		return;
	shown = json_pack("{s:b, s:b}", "locked", lock_is(app), "by_hand", l->by_hand.locked);
	if (lock_is(app)) {
		json_object_set_new(shown, "why", json_string(say(l, words)));
		json_object_set_new(shown, "since", json_integer((json_int_t)l->since_s));
	}
	if (app->config.lock_input[0]) {
		json_object_set_new(shown, "input", json_string(states[l->input]));
		json_object_set_new(shown, "input_problem", json_string(l->input_words));
	}
	json_object_set_new(o, "lock", shown);
}
