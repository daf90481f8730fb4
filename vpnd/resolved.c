/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/resolved.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/log.h"

#define TEXT_SIZE 300
#define STEPS 4
#define ARGS 4
#define WORDS_MS 500 /* for what an ended command said to come in */
#define STDERR_AND_BELOW 3

struct resolved_ways resolved_ways = {.folder = "/run/systemd/resolve", .step_ms = 10000};

struct resolved {
	uv_loop_t *loop;
	enum resolved_state state;
	char link[IF_NAMESIZE], server[TEXT_SIZE], domain[TEXT_SIZE];
	unsigned int index; /* of the device that it was told for */
	size_t step;
	char words[RESOLVED_WORDS_SIZE];
	size_t n_words;
	struct command *running;
};

/* One resolvectl. Its handles outlive it by a turn of the loop. */
struct command {
	struct resolved *owner; /* NULL: closed meanwhile */
	uv_process_t process;
	uv_pipe_t errors;
	uv_timer_t deadline;
	unsigned int handles;
	char chunk[RESOLVED_WORDS_SIZE];
	int64_t status;
	bool late; /* it was killed for it */
};

const char *resolved_state_name(enum resolved_state s)
{
	switch (s) {
	case RESOLVED_UNTOLD:
		return "untold";
	case RESOLVED_ABSENT:
		return "absent";
	case RESOLVED_TELLING:
		return "telling";
	case RESOLVED_KNOWS:
		return "knows";
	case RESOLVED_FAILED:
		return "failed";
	}
	return "unknown";
}

enum resolved_state resolved_state(const struct resolved *r, const char **words)
{
	*words = r->state == RESOLVED_FAILED ? r->words : "";
	return r->state;
}

/* --- one command --- */

static int run_step(struct resolved *r);

static void fail(struct resolved *r, const char *words)
{
	char clean[RESOLVED_WORDS_SIZE];

	log_clean(clean, sizeof(clean), words, strcspn(words, "\n"));
	snprintf(r->words, sizeof(r->words), "%s", clean);
	r->state = RESOLVED_FAILED;
	log_warn("systemd-resolved does not take the names of %s error=\"%s\" "
		 "todo=\"vpnctl dns tells other ways\"",
		 r->domain, r->words);
}

static void command_done(struct resolved *r, const struct command *c)
{
	r->running = NULL;
	if (c->late)
		fail(r, "resolvectl did not end in time");
	else if (c->status != 0)
		fail(r, r->n_words > 0 ? r->words : "resolvectl failed");
	else if (++r->step == STEPS)
		r->state = RESOLVED_KNOWS;
	else if (run_step(r) != 0)
		fail(r, "resolvectl could not be started");
	if (r->state == RESOLVED_KNOWS)
		log_info("systemd-resolved asks us device=%s domain=%s server=%s", r->link,
			 r->domain, r->server);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct command *c = handle->data;

	if (--c->handles > 0)
		return;
	if (c->owner)
		command_done(c->owner, c);
	free(c);
}

static void close_handle(void *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_handle_closed);
}

static void on_late(uv_timer_t *timer);

/* What it said may still be on its way, or never end: who it started may hold on to it. */
static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
	struct command *c = process->data;

	c->status = signal ? -1 : status;
	close_handle(&c->process);
	if (uv_is_closing((uv_handle_t *)&c->errors))
		close_handle(&c->deadline);
	else
		uv_timer_start(&c->deadline, on_late, WORDS_MS, 0);
}

static void on_late(uv_timer_t *timer)
{
	struct command *c = timer->data;

	if (uv_is_closing((uv_handle_t *)&c->process)) {
		close_handle(&c->errors);
		close_handle(&c->deadline);
	} else {
		c->late = true;
		(void)uv_process_kill(&c->process, SIGKILL);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct command *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->chunk, sizeof(c->chunk));
}

/* What it complains of: the beginning is enough. The end comes when it and its children are gone.
 */
static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct command *c = stream->data;
	struct resolved *r = c->owner;
	size_t room = r ? sizeof(r->words) - 1 - r->n_words : 0;

	if (n < 0) {
		close_handle(stream);
		if (uv_is_closing((uv_handle_t *)&c->process))
			close_handle(&c->deadline);
	} else if (n > 0 && room > 0) {
		size_t take = (size_t)n < room ? (size_t)n : room;

		memcpy(r->words + r->n_words, buf->base, take);
		r->n_words += take;
		r->words[r->n_words] = '\0';
	}
}

static struct command *command_new(struct resolved *r)
{
	struct command *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->owner = r;
	uv_pipe_init(r->loop, &c->errors, 0);
	uv_timer_init(r->loop, &c->deadline);
	c->errors.data = c->deadline.data = c->process.data = c;
	c->handles = 2;
	return c;
}

static int spawn(struct resolved *r, char **args)
{
	struct command *c = command_new(r);
	uv_stdio_container_t io[STDERR_AND_BELOW] = {
		{.flags = UV_IGNORE},
		{.flags = UV_IGNORE},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE},
	};
	uv_process_options_t options = {.file = args[0],
					.args = args,
					.stdio = io,
					.stdio_count = STDERR_AND_BELOW,
					.exit_cb = on_exit_of};
	int rc;

	if (!c)
		return -ENOMEM;
	io[STDERR_FILENO].data.stream = (uv_stream_t *)&c->errors;
	rc = uv_spawn(r->loop, &c->process, &options);
	c->handles++; /* it is a handle even if it could not be started */
	if (rc == 0)
		rc = uv_read_start((uv_stream_t *)&c->errors, on_alloc, on_words);
	if (rc != 0) {
		c->owner = NULL;
		close_handle(&c->process);
		close_handle(&c->deadline);
		close_handle(&c->errors);
		return rc;
	}
	uv_timer_start(&c->deadline, on_late, resolved_ways.step_ms, 0);
	r->running = c;
	return 0;
}

/* First that it is for these names alone: else it would be asked all for a moment. These names are
 * signed by nobody. */
static int run_step(struct resolved *r)
{
	static const char *const verbs[STEPS] = {"default-route", "domain", "dnssec", "dns"};
	char words[ARGS][TEXT_SIZE + 1], *args[ARGS + 1] = {NULL};

	snprintf(words[0], sizeof(words[0]), "resolvectl");
	snprintf(words[1], sizeof(words[1]), "%s", verbs[r->step]);
	snprintf(words[2], sizeof(words[2]), "%s", r->link);
	if (strcmp(verbs[r->step], "domain") == 0)
		snprintf(words[3], sizeof(words[3]), "~%s", r->domain);
	else
		snprintf(words[3], sizeof(words[3]), "%s",
			 strcmp(verbs[r->step], "dns") == 0 ? r->server : "no");
	for (size_t i = 0; i < ARGS; i++)
		args[i] = words[i];
	r->n_words = 0;
	return spawn(r, args);
}

/* --- life --- */

int resolved_open(struct resolved **out, uv_loop_t *loop)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->loop = loop;
	return 0;
}

void resolved_close(struct resolved *r)
{
	if (!r)
		return;
	if (r->running) {
		r->running->owner = NULL;
		(void)uv_process_kill(&r->running->process, SIGKILL);
	}
	free(r);
}

static bool knows(const struct resolved *r, unsigned int index, const char *server,
		  const char *domain)
{
	return r->state == RESOLVED_KNOWS && r->index == index && strcmp(r->server, server) == 0 &&
	       strcmp(r->domain, domain) == 0;
}

void resolved_tell(struct resolved *r, const char *link, const char *server, const char *domain)
{
	unsigned int index = if_nametoindex(link);
	int rc;

	if (r->running || index == 0 || knows(r, index, server, domain))
		return;
	if (access(resolved_ways.folder, F_OK) != 0) {
		r->state = RESOLVED_ABSENT;
		return;
	}
	r->index = index;
	snprintf(r->link, sizeof(r->link), "%s", link);
	snprintf(r->server, sizeof(r->server), "%s", server);
	snprintf(r->domain, sizeof(r->domain), "%s", domain);
	r->state = RESOLVED_TELLING;
	r->step = 0;
	rc = run_step(r);
	if (rc == UV_ENOENT)
		r->state = RESOLVED_ABSENT;
	else if (rc != 0)
		fail(r, strerror(-rc));
}
