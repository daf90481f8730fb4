/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessd - the Access Server.
 */
#include <errno.h>

#include "accessd/app.h"
#include "common/io/daemon.h"
#include "common/io/log.h"
#include "common/io/server_doctor.h"
#include "common/io/tls.h"

static int start(uv_loop_t *loop, void *conf, void *arg)
{
	(void)daemon_raise_file_limit();
	if (tls_global_init()) {
		log_error("the TLS library does not start");
		return -EIO;
	}
	return app_start(arg, loop, conf);
}

static void stop(void *arg)
{
	app_stop(arg);
}

static void reload(void *arg)
{
	app_reload(arg);
}

int main(int argc, char **argv)
{
	static struct conf conf;
	static struct app app;
	struct daemon_program p = {
		.program = {.name = "accessd",
			    .what_it_is = "Access Server: enrols devices, signs managers in, "
					  "brokers sessions.",
			    .default_config = CONF_FILE,
			    .table = CONF_TABLE,
			    .n = CONF_TABLE_N},
		.conf = &conf,
		.check = conf_check,
		.start = start,
		.stop = stop,
		.reload = reload,
		.arg = &app,
	};
	int code;

	if (server_doctor_asked(argc, argv))
		return server_doctor_main(&p.program, &conf, conf.socket, argc, argv);
	code = daemon_main(&p, argc, argv);

	app_free(&app);
	tls_global_deinit();
	return code;
}
