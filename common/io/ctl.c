/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/pure/buf.h"
#include "common/pure/msg.h"
#include "common/pure/rpcmsg.h"

#define WAIT_MAX_S 7200
#define CONNECT_TRIES 50 /* 100 ms apart, while the daemon's queue is full */

struct ctl {
	int fd;
	struct buf in;
	int64_t last_id;
};

/* One call on its way. */
struct call {
	struct ctl *c;
	uint64_t deadline_ms; /* UINT64_MAX: none */
	void (*on_notify)(void *arg, const char *method, const json_t *params);
	void *arg;
	json_t **result;
	char *error;
	size_t error_size;
};

/* --- connecting --- */

static void explain(const char *path, int error)
{
	const char *me = program_invocation_short_name;

	if (error == -ENOENT || error == -ECONNREFUSED)
		fprintf(stderr, "%s: no daemon listens on %s: is it running?\n", me, path);
	else if (error == -EACCES || error == -EPERM)
		fprintf(stderr,
			"%s: no permission for %s: become root or join the group farlan "
			"(and log in again)\n",
			me, path);
	else if (error == -ENAMETOOLONG)
		fprintf(stderr, "%s: the socket's path is too long: %s\n", me, path);
	else
		fprintf(stderr, "%s: cannot connect to %s: %s\n", me, path, strerror(-error));
}

/* A full queue says EAGAIN, and poll() cannot wait for it. */
static int connect_patiently(int fd, const struct sockaddr_un *addr)
{
	int tries;

	for (tries = 0; tries < CONNECT_TRIES; tries++) {
		if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		poll(NULL, 0, 100);
	}
	return -EAGAIN;
}

static int connect_to(const char *path, int *out)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd, r;

	if (n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	if (n == 0)
		return -ENOENT;
	memcpy(addr.sun_path, path, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect_patiently(fd, &addr);
	if (r != 0)
		close(fd);
	else
		*out = fd;
	return r;
}

int ctl_open(struct ctl **out, const char *path, const char *dflt)
{
	struct ctl *c;
	int fd = -1, r;

	if (!path)
		path = getenv("FARLAN_SOCKET");
	if (!path)
		path = dflt;
	r = connect_to(path, &fd);
	if (r != 0) {
		explain(path, r);
		return r;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->fd = fd;
	buf_init(&c->in, MSG_MAX_BYTES + MSG_HEADER_BYTES);
	*out = c;
	return 0;
}

void ctl_close(struct ctl *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	buf_wipe(&c->in);
	buf_deinit(&c->in);
	free(c);
}

/* --- calling --- */

static int say(struct call *k, int code, const char *words)
{
	char *at;

	if (k->error_size == 0)
		return code;
	snprintf(k->error, k->error_size, "%s", words);
	for (at = k->error; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	return code;
}

static int out_of_memory(struct call *k)
{
	return say(k, RPC_INTERNAL, "out of memory");
}

/* The connection is of no more use: later calls fail, too. */
static int lost(struct call *k, const char *words)
{
	if (k->c->fd >= 0)
		close(k->c->fd);
	k->c->fd = -1;
	return say(k, RPC_CLOSED, words);
}

static int wait_ms(const struct call *k)
{
	uint64_t now = clock_mono_ms();

	if (k->deadline_ms == UINT64_MAX)
		return -1;
	if (now >= k->deadline_ms)
		return 0;
	return k->deadline_ms - now < 60000 ? (int)(k->deadline_ms - now) : 60000;
}

/* Until the socket is ready for @events. Return: 0; RPC_TIMEOUT; RPC_CLOSED. */
static int wait_for(struct call *k, short events)
{
	struct pollfd p = {.fd = k->c->fd, .events = events};
	int ms, n;

	do {
		ms = wait_ms(k);
		n = poll(&p, 1, ms);
		if (n < 0 && errno != EINTR)
			return lost(k, strerror(errno));
		if (n > 0)
			return 0;
	} while (ms != 0);
	return say(k, RPC_TIMEOUT, "the daemon did not answer in time");
}

static int send_all(struct call *k, const uint8_t *bytes, size_t n)
{
	size_t sent = 0;
	int r;

	while (sent < n) {
		ssize_t w = send(k->c->fd, bytes + sent, n - sent, MSG_NOSIGNAL);

		if (w >= 0) {
			sent += (size_t)w;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return lost(k, "the daemon closed the connection");
		r = wait_for(k, POLLOUT);
		/* Half a message cannot be followed by another. */
		if (r == RPC_TIMEOUT && sent > 0)
			lost(k, "the daemon did not answer in time");
		if (r != 0)
			return r;
	}
	return 0;
}

/* Takes @params. */
static int send_request(struct call *k, int64_t id, const char *method, json_t *params)
{
	size_t len = 0;
	char *text = rpcmsg_request(id, method, params, &len);
	uint8_t *bytes = text ? malloc(MSG_HEADER_BYTES + len) : NULL;
	int r;

	if (!bytes) {
		r = out_of_memory(k);
	} else if (len > MSG_MAX_BYTES) {
		r = say(k, RPC_BAD_PARAMS, "the request is too long");
	} else {
		msg_header_encode(bytes, len);
		memcpy(bytes + MSG_HEADER_BYTES, text, len);
		r = send_all(k, bytes, MSG_HEADER_BYTES + len);
	}
	if (text)
		explicit_bzero(text, len);
	if (bytes)
		explicit_bzero(bytes, MSG_HEADER_BYTES + len);
	free(bytes);
	free(text);
	return r;
}

/* More bytes from the daemon. */
static int receive(struct call *k)
{
	uint8_t *at;
	ssize_t n;
	int r = wait_for(k, POLLIN);

	if (r != 0)
		return r;
	/* There is room: msg_decode() would have found a whole message, or one that is too long. */
	if (buf_reserve(&k->c->in, buf_room(&k->c->in), &at) != 0)
		return out_of_memory(k);
	n = recv(k->c->fd, at, buf_room(&k->c->in), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return lost(k, "the daemon closed the connection");
	buf_commit(&k->c->in, (size_t)n);
	return 0;
}

/* One message, waited for. @m is to be given to rpcmsg_deinit(). */
static int next_message(struct call *k, struct rpcmsg *m)
{
	struct buf *in = &k->c->in;
	const uint8_t *body;
	size_t len, used;
	int r;

	for (;;) {
		r = msg_decode(buf_data(in), buf_len(in), MSG_MAX_BYTES, &body, &len, &used);
		if (r == 0 && len > 0)
			break;
		if (r == 0)
			buf_consume(in, used); /* keep-alive */
		else if (r != -EAGAIN)
			return lost(k, "the daemon's answer is too long");
		else if ((r = receive(k)) != 0)
			return r;
	}
	r = rpcmsg_decode(m, body, len);
	buf_consume(in, used);
	return r == 0 ? 0 : lost(k, "the daemon's answer cannot be read");
}

/* Return: 0 the result was taken; a code. */
static int take_answer(struct call *k, const struct rpcmsg *m)
{
	if (m->kind == RPC_RESULT) {
		*k->result = json_incref(m->result);
		return 0;
	}
	/* 0 would be taken for success. */
	return say(k, m->code != 0 ? m->code : RPC_INTERNAL, m->message);
}

/* The daemon itself waits, for a person: so long from now. */
static void be_patient(struct call *k, const struct rpcmsg *m)
{
	int64_t s;

	if (strcmp(m->method, "wait") == 0 && k->deadline_ms != UINT64_MAX &&
	    rpc_int(m->params, "within_s", 1, WAIT_MAX_S, &s))
		k->deadline_ms = clock_mono_ms() + (uint64_t)s * 1000;
}

/* Return: true when the call is over, with its outcome in *r. */
static bool take_message(struct call *k, const struct rpcmsg *m, int64_t id, int *r)
{
	bool is_answer = m->kind == RPC_RESULT || m->kind == RPC_ERROR;

	if (m->kind == RPC_NOTIFICATION) {
		be_patient(k, m);
		if (k->on_notify)
			k->on_notify(k->arg, m->method, m->params);
		return false;
	}
	/* An error without id is about what was sent last. */
	if (is_answer && (m->id == id || (m->kind == RPC_ERROR && m->id == 0))) {
		*r = take_answer(k, m);
		return true;
	}
	if (is_answer && m->id > 0 && m->id < id)
		return false; /* to an earlier call, too late */
	*r = lost(k, "the daemon's answer belongs to no question");
	return true;
}

static int wait_answer(struct call *k, int64_t id)
{
	struct rpcmsg m = {.kind = RPC_REQUEST};
	bool over = false;
	int r = 0;

	while (!over) {
		r = next_message(k, &m);
		if (r != 0)
			return r;
		over = take_message(k, &m, id, &r);
		rpcmsg_deinit(&m);
	}
	return r;
}

/* NOLINTNEXTLINE(readability-function-size): most callers pass all on; struct call is inside */
int ctl_call(struct ctl *c, const char *method, json_t *params, int timeout_ms,
	     void (*on_notify)(void *arg, const char *method, const json_t *params), void *arg,
	     json_t **result, char *error, size_t error_size)
{
	struct call k = {.c = c,
			 .on_notify = on_notify,
			 .arg = arg,
			 .result = result,
			 .error = error,
			 .error_size = error_size};
	int64_t id = ++c->last_id;
	int r;

	*result = NULL;
	say(&k, 0, "");
	k.deadline_ms = timeout_ms < 0 ? UINT64_MAX : clock_mono_ms() + (uint64_t)timeout_ms;
	if (c->fd < 0) {
		json_decref(params);
		return say(&k, RPC_CLOSED, "the connection to the daemon is closed");
	}
	r = send_request(&k, id, method, params);
	return r != 0 ? r : wait_answer(&k, id);
}
