/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/hook.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/log.h"

#define PATH_SIZE 256
#define ENV_SIZE 64

struct hook {
	uv_loop_t *loop;
	char program[PATH_SIZE];
	uint64_t ms;
	uv_timer_t timer;
	uv_process_t process;
	unsigned int handles;
	bool running, closing, late;
	const char *said; /* what runs, or ran last; NULL: nothing */
	const char *next; /* what comes then; NULL: nothing */
	struct log_limit limit;
};

static void complain(struct hook *h, const char *what)
{
	if (log_allowed(&h->limit, 3))
		log_warn("hook: %s program=%s", what, h->program);
}

/* Who may write it may do what this process may. */
static const char *unsafe(const struct hook *h)
{
	struct stat st;

	if (stat(h->program, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return "it is no program";
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return "it is not run, because others may write it";
	return NULL;
}

static void start(struct hook *h);

static void on_process_closed(uv_handle_t *handle)
{
	struct hook *h = handle->data;

	h->running = false;
	if (--h->handles == 0)
		free(h);
	else
		start(h);
}

static void on_exit_seen(uv_process_t *process, int64_t status, int signal)
{
	struct hook *h = process->data;

	(void)kill(-process->pid, SIGKILL); /* what it has left behind */
	if (!h->closing) {
		uv_timer_stop(&h->timer);
		if (!h->late && (status != 0 || signal != 0))
			complain(h, "it has failed");
	}
	uv_close((uv_handle_t *)process, on_process_closed);
}

static void on_late(uv_timer_t *timer)
{
	struct hook *h = timer->data;

	h->late = true;
	complain(h, "it took too long, and was killed");
	(void)kill(-h->process.pid, SIGKILL);
}

/* Its process is the leader of a group of its own: UV_PROCESS_DETACHED. */
static int spawn(struct hook *h)
{
	char state[32],
		path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char env_state[ENV_SIZE];
	char *args[] = {h->program, state, NULL}, *env[] = {path, env_state, NULL};
	uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
					 {.flags = UV_IGNORE},
					 {.flags = UV_INHERIT_FD, .data = {.fd = STDERR_FILENO}}};
	uv_process_options_t options = {
		.exit_cb = on_exit_seen,
		.file = h->program,
		.args = args,
		.env = env,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};

	snprintf(state, sizeof(state), "%s", h->said);
	snprintf(env_state, sizeof(env_state), "FARLAN_STATE=%s", h->said);
	h->process.data = h;
	return uv_spawn(h->loop, &h->process, &options);
}

static void start(struct hook *h)
{
	const char *wrong;
	int r;

	if (h->running || h->closing || !h->next)
		return;
	h->said = h->next;
	h->next = NULL;
	wrong = unsafe(h);
	if (wrong) {
		complain(h, wrong);
		return;
	}
	h->running = true;
	h->late = false;
	h->handles++; /* a process that did not start has a handle, too */
	r = spawn(h);
	if (r != 0) {
		complain(h, uv_strerror(r));
		uv_close((uv_handle_t *)&h->process, on_process_closed);
		return;
	}
	uv_timer_start(&h->timer, on_late, h->ms, 0);
}

int hook_open(struct hook **out, uv_loop_t *loop, const char *program, uint64_t ms)
{
	struct hook *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	/* Capabilities go to children by the ambient set alone (capabilities(7)). */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_warn("hook: rights could not be given up error=\"%s\"", strerror(errno));
	snprintf(h->program, sizeof(h->program), "%s", program);
	h->loop = loop;
	h->ms = ms ? ms : HOOK_MS;
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
	h->handles = 1;
	*out = h;
	return 0;
}

void hook_say(struct hook *h, const char *state)
{
	const char *last = h->next ? h->next : h->said;

	if (last && strcmp(last, state) == 0)
		return;
	h->next = h->running && h->said && strcmp(h->said, state) == 0 ? NULL : state;
	start(h);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct hook *h = handle->data;

	if (--h->handles == 0)
		free(h);
}

void hook_close(struct hook *h)
{
	if (!h || h->closing)
		return;
	h->closing = true;
	if (h->running && uv_is_active((uv_handle_t *)&h->process))
		(void)kill(-h->process.pid, SIGKILL);
	uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}
