/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relayd - the Relay Server: builds everything in order and unwinds in reverse.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "relayd/daemon.h"

/* Return: 0; 2, and what is wrong was printed. */
static int load_conf(struct conf *c, const struct opt_args *args)
{
	char error[OPT_ERROR_SIZE];
	int r = conf_load(c, args->config, error);

	if (r == -ENOENT && !args->config_given) {
		conf_defaults(c);
		return 0;
	}
	if (r == 0)
		return 0;
	fprintf(stderr, "relayd: %s\n", r == -EINVAL ? error : strerror(-r));
	if (r != -EINVAL)
		fprintf(stderr, "relayd: the configuration %s cannot be read\n", args->config);
	return 2;
}

/* Each leg is a file; as many as the system lets us. */
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
	struct daemon *d = calloc(1, sizeof(*d));
	uv_loop_t loop;
	int r, exit_code;

	if (!d)
		return 1;
	r = uv_loop_init(&loop);
	if (r) {
		log_error("no event loop: %s", uv_strerror(r));
		free(d);
		return 1;
	}
	d->conf = *conf;
	log_notice("relayd " FARLAN_VERSION " starts");
	if (daemon_start(d, &loop))
		daemon_stop(d, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	daemon_deinit(d);
	r = uv_loop_close(&loop);
	if (r)
		log_error("handles were left open: %s", uv_strerror(r));
	exit_code = d->exit_code;
	free(d);
	log_notice("relayd stopped");
	return exit_code;
}

int main(int argc, char **argv)
{
	struct opt_args args;
	struct conf conf;
	int exit_code = 0;

	if (!opt_args_parse_for(&args, argc, argv, conf_program(), &exit_code))
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
