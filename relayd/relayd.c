/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relayd - the Relay Server.
 */
#include <errno.h>
#include <malloc.h>

#include "common/io/daemon.h"
#include "common/io/log.h"
#include "common/io/tls.h"
#include "relayd/daemon.h"

#define LONG_QUEUE_BYTES (64 << 10)

static void fit_sessions(struct conf *c, size_t files)
{
	long wanted = c->max_sessions;

	if (conf_fit_sessions(c, files))
		log_warn(
			"max-sessions = %ld does not fit: a session takes 2 open files and this "
			"process may have %zu, so at most %ld sessions are let in; raise the limit "
			"(LimitNOFILE= of the service, or ulimit -Hn)",
			wanted, files, c->max_sessions);
}

/*
 * Long queues get pages of their own, which go back to the system with them. In the heap of a relay
 * there is always something behind them that stays.
 */
static void give_memory_back(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, LONG_QUEUE_BYTES);
#endif
}

static int start(uv_loop_t *loop, void *conf, void *arg)
{
	struct daemon *d = arg;

	d->conf = *(const struct conf *)conf;
	give_memory_back();
	fit_sessions(&d->conf, daemon_raise_file_limit());
	if (tls_global_init() != 0) {
		log_error("the TLS library does not start");
		return -EIO;
	}
	return daemon_start(d, loop);
}

static bool linger(void *arg)
{
	return daemon_linger(arg);
}

static void stop(void *arg)
{
	daemon_stop(arg);
}

int main(int argc, char **argv)
{
	static struct conf conf;
	static struct daemon d;
	struct daemon_program p = {
		.program = *conf_program(),
		.conf = &conf,
		.start = start,
		.linger = linger,
		.stop = stop,
		.arg = &d,
	};
	int code = daemon_main(&p, argc, argv);

	daemon_deinit(&d);
	proxy_wipe(&conf.proxy.to);
	tls_global_deinit();
	return code ? code : d.exit_code;
}
