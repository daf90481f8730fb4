/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/lookup.h"

#ifndef FARLAN_VERSION
#define FARLAN_VERSION "0.0.0"
#endif

#define NOTIFY_SIZE 512
#define STATUS_SIZE 400
#define PULSE_MS 10000 /* between two lines for the service manager, at most */
#define STOP_LOOK_MS 250

/* --- the process --- */

/* Else the first socket would become standard error, and log lines would go to a peer. */
static void fill_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

size_t daemon_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return SIZE_MAX;
	if (limit.rlim_cur == limit.rlim_max)
		return limit.rlim_cur < SIZE_MAX ? (size_t)limit.rlim_cur : SIZE_MAX;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		log_warn("the limit of open files cannot be raised error=\"%s\"", strerror(errno));
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < SIZE_MAX ? (size_t)limit.rlim_cur : SIZE_MAX;
}

void daemon_process_setup(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit now = {1, 1};

	fill_standard_files();
	signal(SIGPIPE, SIG_IGN);
	/* A unit may have done it, and taken the right to do it away. */
	(void)getrlimit(RLIMIT_CORE, &now);
	if (now.rlim_max > 0 && setrlimit(RLIMIT_CORE, &none) < 0)
		log_warn("core dumps cannot be turned off: %m");
}

/* --- signals --- */

/* Without a handle of ours the default is back: a second signal ends the process. */
static void on_stop_signal(uv_signal_t *handle, int signum)
{
	struct daemon_signals *s = handle->data;

	if (s->closing || s->stopping)
		return;
	if (s->on_linger && !s->asked) {
		s->asked = true;
		if (s->on_linger(s->arg))
			return;
	}
	s->stopping = true;
	uv_signal_stop(&s->term);
	uv_signal_stop(&s->intr);
	log_notice("stops signal=%s", signum == SIGTERM ? "TERM" : "INT");
	s->on_stop(s->arg);
}

static void on_reload_signal(uv_signal_t *handle, int signum)
{
	struct daemon_signals *s = handle->data;

	(void)signum;
	if (!s->closing && !s->stopping && s->on_reload)
		s->on_reload(s->arg);
}

static int watch(struct daemon_signals *s, uv_signal_t *handle, uv_signal_cb cb, int signum)
{
	handle->data = s;
	uv_unref((uv_handle_t *)handle);
	return uv_signal_start(handle, cb, signum);
}

int daemon_signals_open(struct daemon_signals *s, uv_loop_t *loop, void (*on_stop)(void *arg),
			void (*on_reload)(void *arg), void *arg)
{
	int r;

	*s = (struct daemon_signals){
		.on_linger = s->on_linger, .on_stop = on_stop, .on_reload = on_reload, .arg = arg};
	/* All fail together, if at all: the loop's signal pipe is made with the first. */
	r = uv_signal_init(loop, &s->term);
	if (r != 0) {
		s->closing = true;
		return r;
	}
	uv_signal_init(loop, &s->intr);
	uv_signal_init(loop, &s->hup);
	r = watch(s, &s->term, on_stop_signal, SIGTERM);
	if (r == 0)
		r = watch(s, &s->intr, on_stop_signal, SIGINT);
	if (r == 0)
		r = watch(s, &s->hup, on_reload_signal, SIGHUP);
	if (r != 0)
		daemon_signals_close(s);
	return r;
}

void daemon_signals_close(struct daemon_signals *s)
{
	if (s->closing)
		return;
	s->closing = true;
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->intr, NULL);
	uv_close((uv_handle_t *)&s->hup, NULL);
}

/* --- the service manager --- */

/* A path, or with '@' in front a name in the abstract space. Return: false: not usable. */
static bool notify_address(struct sockaddr_un *addr, socklen_t *len)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t n = name ? strlen(name) : 0;

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n < 2 || n >= sizeof(addr->sun_path) || (name[0] != '/' && name[0] != '@'))
		return false;
	memcpy(addr->sun_path, name, n);
	if (name[0] == '@')
		addr->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

void daemon_notify(const char *fmt, ...)
{
	struct sockaddr_un addr;
	char text[NOTIFY_SIZE];
	socklen_t len;
	va_list ap;
	ssize_t n;
	int fd;

	if (!notify_address(&addr, &len))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	n = sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&addr, len);
	(void)n;
	close(fd);
}

/* --- all together --- */

struct running {
	const struct daemon_program *p;
	struct daemon_signals signals;
	uv_timer_t stop_timer, pulse; /* do not keep the loop alive */
	unsigned int stopping_ms;
	bool hung; /* a thread waits for a name server, and cannot be called back */
	bool stopping;
};

static int load_conf(const struct daemon_program *p, const struct opt_args *args)
{
	const struct opt_program *o = &p->program;
	char error[OPT_ERROR_SIZE];
	const char *wrong;
	int r = opt_load(args->config, o->table, o->n, p->conf, error);

	if (r == -ENOENT && !args->config_given) {
		opt_defaults(o->table, o->n, p->conf);
		r = 0;
	}
	if (r != 0 && r != -EINVAL) /* opt_load() has logged that */
		log_error("configuration cannot be read: %s", error);
	if (r != 0)
		return r;
	wrong = p->check ? p->check(p->conf) : NULL;
	if (wrong)
		log_error("%s: %s", args->config, wrong);
	return wrong ? -EINVAL : 0;
}

/* Nothing is left but name servers that do not answer, or it takes too long. */
static void on_stop_timer(uv_timer_t *timer)
{
	struct running *run = timer->data;
	const uv_loop_t *loop = timer->loop;
	size_t hung = lookup_hung(loop);

	/* The timer itself does not keep the loop alive, so it does not count. */
	if (hung > 0 && loop->active_handles == 0 && loop->active_reqs.count == hung) {
		uv_stop(timer->loop);
		return;
	}
	run->stopping_ms += STOP_LOOK_MS;
	if (run->stopping_ms < DAEMON_STOP_MS)
		return;
	log_error("something did not close within %d s, it is left behind", DAEMON_STOP_MS / 1000);
	uv_stop(timer->loop);
}

static void stop(void *arg)
{
	struct running *run = arg;

	if (run->stopping)
		return;
	run->stopping = true;
	daemon_notify("STOPPING=1");
	run->stop_timer.data = run;
	uv_timer_start(&run->stop_timer, on_stop_timer, STOP_LOOK_MS, STOP_LOOK_MS);
	uv_unref((uv_handle_t *)&run->stop_timer);
	run->p->stop(run->p->arg);
}

static bool linger(void *arg)
{
	struct running *run = arg;
	bool lingers = !run->stopping && run->p->linger(run->p->arg);

	if (lingers)
		daemon_notify("STATUS=waits until it may stop");
	return lingers;
}

/* Source: sd_notify(3): the manager waits for READY=1 behind it. */
static void reload(void *arg)
{
	struct running *run = arg;

	daemon_notify("RELOADING=1\nMONOTONIC_USEC=%llu",
		      (unsigned long long)clock_mono_ms() * 1000);
	run->p->reload(run->p->arg);
	daemon_notify("READY=1");
}

/* --- the service manager's watchdog --- */

/* Half of what it waits for. Return: 0: it does not watch this process. Source:
 * sd_watchdog_enabled(3). */
static uint64_t watchdog_ms(void)
{
	const char *every = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us = every ? strtoull(every, NULL, 10) : 0;

	if (us == 0 || us == ULLONG_MAX || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return us >= 2000 ? us / 2000 : 1;
}

static void tell_status(const struct running *run)
{
	char words[STATUS_SIZE] = "";

	if (run->stopping || !run->p->status) {
		daemon_notify("WATCHDOG=1");
		return;
	}
	run->p->status(run->p->arg, words, sizeof(words));
	daemon_notify("WATCHDOG=1\nSTATUS=%s", words);
}

/* From the loop: it turns. */
static void on_pulse(uv_timer_t *timer)
{
	tell_status(timer->data);
}

static void start_pulse(struct running *run)
{
	uint64_t ms = watchdog_ms();

	if (!getenv("NOTIFY_SOCKET") || (ms == 0 && !run->p->status))
		return;
	if (ms == 0 || ms > PULSE_MS)
		ms = PULSE_MS;
	tell_status(run);
	run->pulse.data = run;
	uv_timer_start(&run->pulse, on_pulse, ms, ms);
	uv_unref((uv_handle_t *)&run->pulse);
}

static void close_timers(struct running *run)
{
	uv_close((uv_handle_t *)&run->stop_timer, NULL);
	uv_close((uv_handle_t *)&run->pulse, NULL);
}

static int run_loop(struct running *run, uv_loop_t *loop)
{
	const struct daemon_program *p = run->p;
	int r;

	uv_timer_init(loop, &run->stop_timer);
	uv_timer_init(loop, &run->pulse);
	r = daemon_signals_open(&run->signals, loop, stop, p->reload ? reload : NULL, run);
	run->signals.on_linger = p->linger ? linger : NULL;
	if (r != 0) {
		log_error("signals cannot be watched: %s", uv_strerror(r));
		close_timers(run);
		return r;
	}
	r = p->start(loop, p->conf, p->arg);
	if (r == 0) {
		daemon_notify("READY=1");
		start_pulse(run);
	} else {
		stop(run);
	}
	uv_run(loop, UV_RUN_DEFAULT);
	daemon_signals_close(&run->signals);
	close_timers(run);
	return r;
}

static int run_program(struct running *run)
{
	static uv_loop_t loop; /* a thread that hangs may come back to it */
	int r = uv_loop_init(&loop), left;

	if (r != 0) {
		log_error("no event loop: %s", uv_strerror(r));
		return 1;
	}
	r = run_loop(run, &loop);
	/* The last close callbacks. What did not close may wait for ever, so no more than that. */
	uv_run(&loop, UV_RUN_NOWAIT);
	run->hung = lookup_hung(&loop) > 0;
	left = run->hung ? 0 : uv_loop_close(&loop);
	if (left != 0)
		log_error("handles were left open");
	return r != 0 || left != 0;
}

int daemon_main(const struct daemon_program *p, int argc, char **argv)
{
	struct running run = {.p = p};
	struct opt_args args;
	int code = 0;

	if (!opt_args_parse_for(&args, argc, argv, &p->program, &code))
		return code;
	daemon_process_setup();
	log_init(args.verbose > 0 ? LOG_DEBUG : LOG_INFO);
	if (load_conf(p, &args) != 0)
		return 2;
	if (args.check_only) {
		opt_print(p->program.table, p->program.n, p->conf);
		return 0;
	}
	log_notice("%s %s starts", p->program.name, FARLAN_VERSION);
	code = run_program(&run);
	log_notice("%s stopped", p->program.name);
	if (run.hung)
		_exit(code); /* an ordinary end would join that thread */
	return code;
}
