/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/lock_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "vpnd/pure/debounce.h"

#define PATH_SIZE 256
#define VALUE_SIZE 16
#define EVENTS_MAX 50 /* between two looks: beyond, somebody makes us spin */

struct lock_input {
	uv_timer_t timer;
	uv_fs_event_t folder; /* of an ordinary file: it may be replaced */
	uv_poll_t poll;	      /* of one that the kernel makes: sysfs wakes with POLLPRI */
	unsigned int handles;
	bool closing, has_poll;
	int fd; /* for @poll; -1: none */
	unsigned int events;
	char path[PATH_SIZE];
	bool inverted;
	struct debounce debounce;
	lock_input_fn *fn;
	void *arg;
};

/* --- looking --- */

/* The value alone, "0" or "1" with white space behind. */
static enum lock_input_state judge(const struct lock_input *in, char *text, const char **words)
{
	text[strcspn(text, " \t\r\n")] = '\0';
	if ((text[0] != '0' && text[0] != '1') || text[1]) {
		*words = "it holds neither 0 nor 1";
		return LOCK_INPUT_BROKEN;
	}
	return (text[0] == '1') != in->inverted ? LOCK_INPUT_ON : LOCK_INPUT_OFF;
}

/* Anew each time: an ordinary file may be another one by now. */
static enum lock_input_state read_value(const struct lock_input *in, const char **words)
{
	int fd = open(in->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	enum lock_input_state state = LOCK_INPUT_BROKEN;
	char text[VALUE_SIZE];
	struct stat st;
	ssize_t n;

	if (fd < 0) {
		*words = strerror(errno);
		return LOCK_INPUT_BROKEN;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		*words = "it is no file with a value";
	} else {
		n = read(fd, text, sizeof(text) - 1);
		if (n >= 0) {
			text[n] = '\0';
			state = judge(in, text, words);
		} else {
			*words = strerror(errno);
		}
	}
	close(fd);
	return state;
}

static void look(struct lock_input *in)
{
	const char *why = "";
	char words[LOCK_INPUT_WORDS_SIZE] = "";
	enum lock_input_state state = read_value(in, &why);

	if (!debounce_take(&in->debounce, (int)state, clock_mono_ms()))
		return;
	if (state == LOCK_INPUT_BROKEN)
		snprintf(words, sizeof(words), "%.100s: %s", in->path, why);
	in->fn(in->arg, state, words);
}

static void on_timer(uv_timer_t *timer);

static void look_and_wait(struct lock_input *in)
{
	look(in);
	if (!in->closing)
		uv_timer_start(&in->timer, on_timer,
			       in->debounce.waits ? DEBOUNCE_MS : LOCK_INPUT_LOOK_MS, 0);
}

/* --- being told --- */

static void on_folder(uv_fs_event_t *handle, const char *name, int events, int status)
{
	(void)name;
	(void)events;
	(void)status;
	look_and_wait(handle->data);
}

/* Reading it is what makes the kernel wait for the next change. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct lock_input *in = poll->data;
	char text[VALUE_SIZE];

	(void)events;
	if (status != 0 || pread(in->fd, text, sizeof(text), 0) < 0 || ++in->events > EVENTS_MAX) {
		uv_poll_stop(poll); /* the timer goes on */
		return;
	}
	look_and_wait(in);
}

static void on_timer(uv_timer_t *timer)
{
	struct lock_input *in = timer->data;

	if (in->has_poll && !in->debounce.waits) {
		in->events = 0;
		uv_poll_start(&in->poll, UV_PRIORITIZED, on_poll);
	}
	look_and_wait(in);
}

/* Only files that the kernel makes can be waited for (epoll_ctl(2), EPERM). */
static bool open_poll(struct lock_input *in, uv_loop_t *loop)
{
	char text[VALUE_SIZE];

	in->fd = open(in->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (in->fd < 0)
		return false;
	if (uv_poll_init(loop, &in->poll, in->fd) != 0) {
		close(in->fd);
		in->fd = -1;
		return false;
	}
	in->poll.data = in;
	in->handles++;
	in->has_poll = true;
	if (pread(in->fd, text, sizeof(text), 0) >= 0)
		uv_poll_start(&in->poll, UV_PRIORITIZED, on_poll);
	return true;
}

static void open_folder(struct lock_input *in, uv_loop_t *loop)
{
	char folder[PATH_SIZE], *slash;
	int r;

	snprintf(folder, sizeof(folder), "%s", in->path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	uv_fs_event_init(loop, &in->folder);
	in->folder.data = in;
	in->handles++;
	r = uv_fs_event_start(&in->folder, on_folder, folder, 0);
	if (r != 0)
		log_info("lock-input is looked at by time only folder=%s error=\"%s\"", folder,
			 uv_strerror(r));
}

/* --- opening, closing --- */

int lock_input_open(struct lock_input **out, uv_loop_t *loop, const char *path, bool inverted,
		    lock_input_fn *fn, void *arg)
{
	struct lock_input *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	snprintf(in->path, sizeof(in->path), "%s", path);
	in->inverted = inverted;
	in->fn = fn;
	in->arg = arg;
	in->fd = -1;
	uv_timer_init(loop, &in->timer);
	in->timer.data = in;
	in->handles = 1;
	if (!open_poll(in, loop))
		open_folder(in, loop);
	*out = in;
	look_and_wait(in);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct lock_input *in = handle->data;

	if (--in->handles > 0)
		return;
	if (in->fd >= 0)
		close(in->fd);
	free(in);
}

void lock_input_close(struct lock_input *in)
{
	if (!in || in->closing)
		return;
	in->closing = true;
	uv_close((uv_handle_t *)&in->timer, on_closed);
	uv_close(in->has_poll ? (uv_handle_t *)&in->poll : (uv_handle_t *)&in->folder, on_closed);
}
