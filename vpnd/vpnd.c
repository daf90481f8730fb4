/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnd - the endpoint.
 */
#include <errno.h>

#include "common/io/daemon.h"
#include "common/io/log.h"
#include "vpnd/app.h"

static int start(uv_loop_t *loop, void *conf, void *arg)
{
	if (tls_global_init() != 0) {
		log_error("the TLS library does not start");
		return -EIO;
	}
	return app_start(arg, loop, conf);
}

static void stop(void *arg)
{
	app_stop(arg);
}

int main(int argc, char **argv)
{
	static struct config config;
	static struct app app;
	struct daemon_program p = {
		.program = {.name = "vpnd",
			    .what_it_is = "Endpoint: joins this host's LAN to a far one.",
			    .default_config = CONFIG_FILE,
			    .table = config_table,
			    .n = config_table_n},
		.conf = &config,
		.check = config_check,
		.start = start,
		.stop = stop,
		.arg = &app,
	};
	int code = daemon_main(&p, argc, argv);

	packets_free(app.packets);
	identity_wipe(&app.identity);
	dial_proxy_deinit(&app.proxy);
	proxy_wipe(&app.config.proxy.to);
	proxy_wipe(&config.proxy.to);
	tls_global_deinit();
	return code;
}
