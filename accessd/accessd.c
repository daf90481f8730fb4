/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessd - the Access Server: builds everything in order and unwinds in reverse.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "accessd/app.h"
#include "common/io/log.h"
#include "common/io/tls.h"

/* Return: 0; 2, and what is wrong was printed. */
static int load_conf(struct conf *c, const struct opt_args *args)
{
	char error[OPT_ERROR_SIZE];
	int rc = conf_load(c, args->config, error);

	if (rc == -ENOENT && !args->config_given) {
		conf_defaults(c);
		return 0;
	}
	if (rc == 0)
		return 0;
	if (rc == -EINVAL)
		fprintf(stderr, "accessd: %s\n", error);
	else
		fprintf(stderr, "accessd: the configuration %s cannot be read: %s\n", args->config, strerror(-rc));
	return 2;
}

/* Each connection is a file; as many as the system lets us. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("the limit of open files cannot be raised: %s", strerror(errno));
}

static int run(const struct conf *conf)
{
	struct app *a = calloc(1, sizeof(*a));
	uv_loop_t loop;
	int rc, exit_code;

	if (!a)
		return 1;
	rc = uv_loop_init(&loop);
	if (rc) {
		log_error("no event loop: %s", uv_strerror(rc));
		free(a);
		return 1;
	}
	a->conf = *conf;
	log_notice("accessd " FARLAN_VERSION " starts");
	if (app_start(a, &loop))
		app_stop(a, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&loop);
	if (rc)
		log_error("handles were left open: %s", uv_strerror(rc));
	exit_code = a->exit_code;
	app_free(a);
	free(a);
	log_notice("accessd stopped");
	return exit_code;
}

int main(int argc, char **argv)
{
	struct opt_args args;
	struct conf conf;
	int exit_code = 0;

	if (!opt_args_parse(&args, argc, argv, "accessd",
			    "Access Server: enrols devices, signs managers in, brokers sessions.", CONF_FILE,
			    &exit_code))
		return exit_code;
	log_init(args.verbose ? LOG_DEBUG : LOG_INFO);
	exit_code = load_conf(&conf, &args);
	if (exit_code)
		return exit_code;
	if (args.check_only) {
		conf_print(&conf);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	if (tls_global_init()) {
		log_error("the TLS library does not start");
		return 1;
	}
	exit_code = run(&conf);
	tls_global_deinit();
	return exit_code;
}
