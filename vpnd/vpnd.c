/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnd - the endpoint: builds everything in order and unwinds in reverse.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/log.h"
#include "vpnd/app.h"

static struct {
	uv_signal_t term, interrupt;
} signals;

static void on_signal(uv_signal_t *handle, int number)
{
	struct app *app = handle->data;

	if (app->stopping) /* asked twice: now */
		_exit(128 + number);
	app_stop(app, 0);
	uv_unref((uv_handle_t *)&signals.term);
	uv_unref((uv_handle_t *)&signals.interrupt);
}

/* Return: 0; 2, and what is wrong was printed. */
static int load_config(struct config *c, const struct opt_args *args)
{
	char error[OPT_ERROR_SIZE];
	int r = config_load(c, args->config, error);

	if (r == -ENOENT && !args->config_given) {
		config_defaults(c);
		return 0;
	}
	if (r != 0)
		fprintf(stderr, "vpnd: %s%s%s\n", r == -EINVAL ? error : args->config,
			r == -EINVAL ? "" : ": ", r == -EINVAL ? "" : strerror(-r));
	return r == 0 ? 0 : 2;
}

static int run(const struct config *config)
{
	struct app *app = calloc(1, sizeof(*app));
	uv_loop_t loop;
	int exit_code;

	if (!app || uv_loop_init(&loop) != 0) {
		free(app);
		return 1;
	}
	app->config = *config;
	uv_signal_init(&loop, &signals.term);
	uv_signal_init(&loop, &signals.interrupt);
	signals.term.data = signals.interrupt.data = app;
	uv_signal_start(&signals.term, on_signal, SIGTERM);
	uv_signal_start(&signals.interrupt, on_signal, SIGINT);
	uv_unref((uv_handle_t *)&signals.term);
	uv_unref((uv_handle_t *)&signals.interrupt);
	log_notice("vpnd " FARLAN_VERSION " starts role=%s",
		   config->role == TOKEN_DEVICE ? "device" : "manager");
	if (app_start(app, &loop) != 0)
		app_stop(app, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&signals.term, NULL);
	uv_close((uv_handle_t *)&signals.interrupt, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	exit_code = app->exit_code;
	if (uv_loop_close(&loop) != 0)
		log_error("handles were left open");
	identity_wipe(&app->identity);
	free(app);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct opt_args args;
	struct config config;
	int exit_code = 0;

	if (!opt_args_parse(&args, argc, argv, "vpnd",
			    "Endpoint: joins this host's LAN to a far one.", CONFIG_FILE, &exit_code))
		return exit_code;
	log_init(args.verbose ? LOG_DEBUG : LOG_INFO);
	exit_code = load_config(&config, &args);
	if (exit_code != 0)
		return exit_code;
	if (args.check_only) {
		config_print(&config);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	if (tls_global_init() != 0) {
		log_error("the TLS library does not start");
		return 1;
	}
	exit_code = run(&config);
	tls_global_deinit();
	return exit_code;
}
