/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl relays, and the ways to the relays as they are drawn. */
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vpnd/pure/bars.h"
#include "vpnd/vpnctl.h"

#define ROWS_MAX 64
#define WIDTH_DEFAULT 80
#define POLL_MS 100
#define MEASURE_MS 8000 /* a round ends before */
#define SETTLE_MS 1500	/* a session has this long to go over to the nearest */
#define COMPLETE_MS 4000

/* --- what is drawn --- */

static void nap(void)
{
	const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};

	nanosleep(&t, NULL);
}

static struct bars_look look_of(bool two)
{
	struct bars_look look = {.width = WIDTH_DEFAULT, .two = two};
	struct winsize size;

	setlocale(LC_CTYPE, "");
	look.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		look.width = size.ws_col;
	return look;
}

static struct bars_way way_of(const json_t *o)
{
	struct bars_way w = {.known = BARS_UNKNOWN};

	if (json_object_get(o, "failed")) {
		w.known = BARS_FAILED;
	} else if (json_object_get(o, "rtt_us")) {
		w.known = BARS_REACHED;
		w.rtt_us = (uint32_t)vpnctl_int(o, "rtt_us");
		w.loss_pm = (uint32_t)vpnctl_int(o, "loss_pm");
	}
	return w;
}

static const json_t *with(const json_t *list, const char *key, const char *value)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (strcmp(vpnctl_text(json_array_get(list, i), key), value) == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

/* @session: whose other end is shown; NULL: this end alone. Return: how many rows. */
static size_t rows_of(struct bars_row rows[ROWS_MAX], const json_t *answer, const json_t *session)
{
	const json_t *own = json_object_get(answer, "relays");
	const json_t *far = json_object_get(session, "relays");
	const char *in_use = vpnctl_text(session, "relay");
	size_t n = 0;

	for (; n < json_array_size(own) && n < ROWS_MAX; n++) {
		const json_t *o = json_array_get(own, n);

		rows[n] = (struct bars_row){
			.name = vpnctl_text(o, "name"),
			.in_use = in_use[0] && strcmp(in_use, vpnctl_text(o, "name")) == 0,
			.near = way_of(o),
			.far = way_of(with(far, "uid", vpnctl_text(o, "uid"))),
		};
	}
	return n;
}

/* Return: how many lines. */
static size_t draw(const json_t *answer, const json_t *session)
{
	struct bars_look look = look_of(session != NULL);
	struct bars_row rows[ROWS_MAX];
	char line[BARS_LINE_SIZE];
	size_t n = rows_of(rows, answer, session);

	bars_sort(rows, n, &look);
	for (size_t i = 0; i < n; i++) {
		bars_line(line, rows, n, i, &look);
		puts(line);
	}
	return n;
}

/* --- while a connect runs --- */

void vpnctl_live_begin(struct vpnctl_live *live, const char *peer)
{
	*live = (struct vpnctl_live){.peer = peer, .terminal = isatty(STDOUT_FILENO) == 1};
}

void vpnctl_live_end(struct vpnctl_live *live)
{
	json_decref(live->last);
	live->last = NULL;
}

void vpnctl_live_clear(struct vpnctl_live *live)
{
	if (live->lines > 0)
		printf("\033[%zuA\033[J", live->lines); /* up, and clear what is below */
	live->lines = 0;
}

static const json_t *session_of(const struct vpnctl_live *live, const json_t *answer)
{
	return with(json_object_get(answer, "sessions"), "peer", live->peer);
}

void vpnctl_live_draw(struct vpnctl_live *live)
{
	json_t *none = NULL;
	const json_t *session;

	if (!live->terminal || !live->last)
		return;
	session = session_of(live, live->last);
	if (!session)
		session = none = json_object();
	live->lines = draw(live->last, session);
	fflush(stdout);
	json_decref(none);
}

static void say_news(const char *relay, const char *from, const json_t *before, const json_t *now)
{
	struct bars_way was = way_of(before), is = way_of(now);

	if (is.known == BARS_UNKNOWN || (was.known == is.known && was.rtt_us == is.rtt_us))
		return;
	if (is.known == BARS_FAILED)
		printf("           relay %s: not reached from %s: %s\n", relay, from,
		       vpnctl_text(now, "failed"));
	else
		printf("           relay %s: %.1f ms from %s%s\n", relay,
		       (double)is.rtt_us / 1000.0, from, is.loss_pm ? ", with loss" : "");
}

/* Where there is no terminal: each result once. */
static void say_all_news(const struct vpnctl_live *live, const json_t *answer)
{
	const json_t *own = json_object_get(answer, "relays");
	const json_t *own_before = json_object_get(live->last, "relays");
	const json_t *far = json_object_get(session_of(live, answer), "relays");
	const json_t *far_before = json_object_get(session_of(live, live->last), "relays");

	for (size_t i = 0; i < json_array_size(own); i++) {
		const json_t *o = json_array_get(own, i);
		const char *name = vpnctl_text(o, "name"), *uid = vpnctl_text(o, "uid");

		say_news(name, "here", with(own_before, "uid", uid), o);
		say_news(name, live->peer, with(far_before, "uid", uid), with(far, "uid", uid));
	}
	fflush(stdout);
}

void vpnctl_live_take(struct vpnctl_live *live, const json_t *answer)
{
	json_t *clean = json_deep_copy(answer);

	if (!clean)
		return;
	vpnctl_clean(clean);
	if (json_equal(clean, live->last)) {
		json_decref(clean);
		return;
	}
	if (!live->terminal)
		say_all_news(live, clean);
	json_decref(live->last);
	live->last = clean;
	vpnctl_live_clear(live);
	vpnctl_live_draw(live);
}

/* Is all known that will be? */
static bool complete(const struct vpnctl_live *live)
{
	const json_t *session = session_of(live, live->last);
	struct bars_row rows[ROWS_MAX];
	size_t n = rows_of(rows, live->last, session);

	if (!session || json_is_true(json_object_get(live->last, "measuring")))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].near.known == BARS_UNKNOWN || rows[i].far.known == BARS_UNKNOWN)
			return false;
	}
	return true;
}

static bool nearest_in_use(const struct vpnctl_live *live)
{
	const struct bars_look look = {.two = true};
	struct bars_row rows[ROWS_MAX];
	size_t n = rows_of(rows, live->last, session_of(live, live->last));

	bars_sort(rows, n, &look);
	return n > 0 && rows[0].in_use;
}

void vpnctl_live_follow(struct vpnctl_live *live, struct ctl *c)
{
	struct vpnctl_answer answer;
	int left = COMPLETE_MS;

	while (live->terminal && left > 0 &&
	       vpnctl_try(c, "relays", NULL, VPNCTL_TIMEOUT_MS, true, &answer) == 0) {
		vpnctl_live_take(live, answer.result);
		json_decref(answer.result);
		if (complete(live) && left > SETTLE_MS)
			left = SETTLE_MS;
		if (complete(live) && nearest_in_use(live))
			break;
		nap();
		left -= POLL_MS;
	}
}

/* --- vpnctl relays --- */

static void print_failed(const json_t *list, const char *from)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (json_object_get(o, "failed"))
			printf("%s is not reached from %s: %s\n", vpnctl_text(o, "name"), from,
			       vpnctl_text(o, "failed"));
	}
}

static void print_age(const json_t *list)
{
	char text[VPNCTL_TEXT_SIZE];
	int64_t oldest = -1;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *age = json_object_get(json_array_get(list, i), "age_s");

		if (json_is_integer(age) && json_integer_value(age) > oldest)
			oldest = json_integer_value(age);
	}
	if (oldest >= 0)
		printf("Measured here within the last %s.\n", vpnctl_duration(text, oldest + 1));
	else if (json_array_size(list) > 0)
		puts("Nothing was measured here lately; vpnctl relays --measure does.");
}

static void print_all(const json_t *answer)
{
	const json_t *own = json_object_get(answer, "relays");
	const json_t *sessions = json_object_get(answer, "sessions");

	if (json_array_size(own) == 0)
		puts("The Access Server has named no relays yet.");
	for (size_t i = 0; i < json_array_size(sessions); i++) {
		const json_t *s = json_array_get(sessions, i);

		printf("From here, and from %s (*: in use):\n", vpnctl_text(s, "peer"));
		(void)draw(answer, s);
		print_failed(json_object_get(s, "relays"), vpnctl_text(s, "peer"));
	}
	if (json_array_size(sessions) == 0)
		(void)draw(answer, NULL);
	print_failed(own, "here");
	print_age(own);
}

/* Return: 0 and *result; an exit code. */
static int ask(struct ctl *c, const struct vpnctl_args *args, bool measure, json_t **result)
{
	json_t *params = measure ? json_pack("{s:b}", "measure", 1) : NULL;

	return vpnctl_ask(c, "relays", params, VPNCTL_TIMEOUT_MS, args->json, result) == 0
		       ? CTL_OK
		       : CTL_FAILED;
}

int vpnctl_relays(struct ctl *c, const struct vpnctl_args *args)
{
	json_t *result;
	int exit_code = ask(c, args, args->measure, &result);

	for (int left = MEASURE_MS; exit_code == CTL_OK && args->measure && left > 0 &&
				    json_is_true(json_object_get(result, "measuring"));
	     left -= POLL_MS) {
		json_decref(result);
		nap();
		exit_code = ask(c, args, false, &result);
	}
	if (exit_code != CTL_OK)
		return exit_code;
	if (args->json)
		ctl_print_json(result);
	else
		print_all(result);
	json_decref(result);
	return CTL_OK;
}
