/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl connect, disconnect, devices. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"
#include "common/pure/words.h"
#include "vpnd/vpnctl.h"

#define LIST_SIZE 1024
#define SIGNAL_OVER SIGUSR1 /* to the watching thread: nothing more to watch */

/* --- taking a connect back --- */

/*
 * ctl_call() waits, so a thread of its own waits for Ctrl-C; it takes the connect back over
 * a second connection and ends the program.
 */
struct watch {
	const struct vpnctl_args *args;
	sigset_t signals;
	pthread_t thread;
};

/* Over a connection of its own: the first one may still wait for its answer. */
static int take_back(const struct vpnctl_args *args)
{
	struct vpnctl_answer answer;
	struct ctl *c;
	int code;

	if (ctl_open(&c, args->socket, VPNCTL_SOCKET) != 0)
		return CTL_NO_DAEMON;
	code = vpnctl_try(c, "disconnect", json_pack("{s:s}", "device", args->name),
			  VPNCTL_TIMEOUT_MS, args->json, &answer);
	json_decref(answer.result);
	ctl_close(c);
	if (code == 0 || code == RPC_NOT_FOUND) /* not granted yet: vpnd drops it when we go */
		return CTL_OK;
	vpnctl_explain("disconnect", code, answer.error);
	return CTL_FAILED;
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	int signum;

	if (sigwait(&w->signals, &signum) != 0 || signum == SIGNAL_OVER)
		return NULL;
	/* From here on this thread ends the program: watch_stop() waits for that. */
	fprintf(stderr, "vpnctl: interrupted, taking it back\n");
	if (take_back(w->args) == CTL_OK)
		fprintf(stderr, "vpnctl: nothing is connected with %s\n", w->args->name);
	fflush(stdout);
	_exit(CTL_FAILED);
}

static int watch_start(struct watch *w, const struct vpnctl_args *args)
{
	w->args = args;
	sigemptyset(&w->signals);
	sigaddset(&w->signals, SIGINT);
	sigaddset(&w->signals, SIGTERM);
	sigaddset(&w->signals, SIGHUP);
	sigaddset(&w->signals, SIGNAL_OVER);
	pthread_sigmask(SIG_BLOCK, &w->signals, NULL);
	return -pthread_create(&w->thread, NULL, watch_run, w);
}

/* Does not return once a signal has come. */
static void watch_stop(struct watch *w)
{
	pthread_kill(w->thread, SIGNAL_OVER);
	pthread_join(w->thread, NULL);
	pthread_sigmask(SIG_UNBLOCK, &w->signals, NULL);
}

/* --- connect --- */

static void print_skipped(const json_t *result)
{
	const json_t *skipped = json_object_get(result, "skipped");

	for (size_t i = 0; i < json_array_size(skipped); i++) {
		const json_t *s = json_array_get(skipped, i);

		fprintf(stderr, "vpnctl: not reachable: %s: %s\n", vpnctl_text(s, "prefix"),
			vpnctl_text(s, "reason"));
	}
}

static void print_connected(const struct vpnctl_args *args, const json_t *result)
{
	char lans[LIST_SIZE], addresses[LIST_SIZE];
	const char *relay = vpnctl_text(result, "relay");

	printf("%s to %s",
	       json_is_true(json_object_get(result, "already")) ? "Already connected" : "Connected",
	       args->name);
	if (relay[0])
		printf(" by %s", relay);
	if (json_is_integer(json_object_get(result, "ms")))
		printf(" in %" PRId64 " ms", vpnctl_int(result, "ms"));
	vpnctl_lans(result, lans, sizeof(lans));
	vpnctl_list(result, "addresses", addresses, sizeof(addresses));
	if (lans[0] || addresses[0])
		printf(". Reachable now: %s%s%s", lans, lans[0] && addresses[0] ? ", " : "",
		       addresses);
	puts(".");
	fflush(stdout);
	print_skipped(result);
}

/* False is said. A name that JSON cannot carry would otherwise become no name: all devices. */
static bool name_ok(const char *name)
{
	if (!name || text_name_ok(name))
		return true;
	fputs("vpnctl: this cannot be the name of a device; vpnctl devices lists them\n", stderr);
	return false;
}

static int give_up(const struct vpnctl_args *args, int code, const char *error)
{
	vpnctl_explain("connect", code, error);
	if (code == RPC_TIMEOUT) /* also if it was vpnd that has none */
		(void)take_back(args);
	return CTL_FAILED;
}

/* Takes @result. */
static void show_connected(struct ctl *c, const struct vpnctl_args *args, json_t *result,
			   struct vpnctl_live *live)
{
	if (args->json) {
		ctl_print_json(result);
	} else {
		print_connected(args, result);
		vpnctl_live_draw(live);
		vpnctl_live_follow(live, c);
	}
	json_decref(result);
}

/*
 * The device's folder wants to know what for. A person is asked; without one, nothing is said,
 * which does where it is only asked. Return: true: try again with @reason.
 */
static bool ask_reason(const struct vpnctl_args *args, const char *error, char reason[WORDS_SIZE])
{
	if (args->reason)
		return false;
	reason[0] = '\0';
	if (args->json || !isatty(STDIN_FILENO))
		return true;
	fprintf(stderr, "vpnctl: %s\n", error);
	return ctl_read_line("Reason: ", reason, WORDS_SIZE) == 0;
}

static int try_connect(struct ctl *c, const struct vpnctl_args *args, struct vpnctl_live *live,
		       struct vpnctl_answer *answer)
{
	const char *reason = args->reason;
	char line[WORDS_SIZE];
	int code = 0;

	for (int i = 0; i < 2; i++) {
		json_t *params = json_pack("{s:s, s:s*}", "device", args->name, "reason", reason);

		if (!params) {
			snprintf(answer->error, sizeof(answer->error), "a reason is text in UTF-8");
			return RPC_BAD_PARAMS;
		}
		code = vpnctl_try_live(c, "connect", params, VPNCTL_CONNECT_TIMEOUT_MS, args->json,
				       live, answer);
		if (code != RPC_REASON || i > 0 || !ask_reason(args, answer->error, line))
			break;
		reason = line;
	}
	return code;
}

int vpnctl_connect(struct ctl *c, const struct vpnctl_args *args)
{
	struct vpnctl_answer answer;
	struct vpnctl_live live;
	struct watch w;
	int code, err;

	if (!name_ok(args->name))
		return CTL_USAGE;
	err = watch_start(&w, args);
	if (err) {
		fprintf(stderr, "vpnctl: cannot start a thread: %s\n", strerror(-err));
		return CTL_FAILED;
	}
	vpnctl_live_begin(&live, args->name);
	code = try_connect(c, args, &live, &answer);
	watch_stop(&w);
	vpnctl_live_clear(&live);
	if (code == 0)
		show_connected(c, args, answer.result, &live);
	else
		code = give_up(args, code, answer.error);
	vpnctl_live_end(&live);
	return code;
}

/* --- disconnect --- */

int vpnctl_disconnect(struct ctl *c, const struct vpnctl_args *args)
{
	int64_t ended;
	json_t *result;

	if (!name_ok(args->name))
		return CTL_USAGE;
	if (vpnctl_ask(c, "disconnect", json_pack("{s:s*}", "device", args->name),
		       VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	ended = vpnctl_int(result, "ended");
	if (args->json)
		ctl_print_json(result);
	else if (args->name && ended > 0)
		printf("Disconnected from %s.\n", args->name);
	else if (ended > 0)
		printf("Disconnected, sessions ended: %" PRId64 ".\n", ended);
	else
		puts("Nothing was connected.");
	json_decref(result);
	return CTL_OK;
}

/* --- devices --- */

/* A server without permissions says nothing of connect. */
static const char *device_state(const json_t *d)
{
	bool online = json_is_true(json_object_get(d, "online"));

	if (json_is_false(json_object_get(d, "connect")))
		return online ? "online (may not connect)" : "offline (may not connect)";
	return online ? "online" : "offline";
}

static void print_devices(const json_t *list)
{
	static const char *const headings[] = {"DEVICE", "STATE", "NETWORKS"};
	struct ctl_table *t = ctl_table_new(3, headings);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		char lans[LIST_SIZE];
		const char *const cells[] = {vpnctl_text(d, "name"), device_state(d),
					     vpnctl_list(d, "lans", lans, sizeof(lans))};

		ctl_table_row(t, cells);
	}
	ctl_table_print(t);
}

int vpnctl_devices(struct ctl *c, const struct vpnctl_args *args)
{
	const json_t *list;
	json_t *result;

	if (vpnctl_ask(c, "devices", NULL, VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	list = json_object_get(result, "devices");
	if (args->json)
		ctl_print_json(result);
	else if (json_array_size(list) == 0)
		puts("The domain has no devices yet.");
	else
		print_devices(list);
	json_decref(result);
	return CTL_OK;
}
