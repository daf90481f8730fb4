/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/listen.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/local.h"
#include "common/io/log.h"

#define BACKLOG 1024
#define ACCEPTS_PER_EVENT 32 /* then the connections that are there have their turn */
#define REST_MS 100	     /* without accepting, when the process has no descriptors left */

struct listener {
	uv_poll_t poll;
	uv_timer_t rest;
	struct listen_set *set;
	int fd;
	bool plain;
	char path[OPT_SOCKET_MAX + 1]; /* "": a port */
};

struct listen_set {
	size_t n;
	unsigned int handles;
	bool shared, closing;
	void (*on_accept)(int fd, void *arg);
	void (*on_accept_way)(int fd, bool plain, void *arg);
	void *arg;
	struct log_limit limit;
	struct listener at[OPT_LISTENS_MAX];
};

static void on_readable(uv_poll_t *poll, int status, int events);

static socklen_t to_sockaddr(const struct opt_listen *w, bool v6, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *a4 = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (v6) {
		a6->sin6_family = AF_INET6;
		a6->sin6_port = htons(w->port);
		memcpy(&a6->sin6_addr, w->addr.bytes, 16);
		return sizeof(*a6);
	}
	a4->sin_family = AF_INET;
	a4->sin_port = htons(w->port);
	memcpy(&a4->sin_addr, w->addr.bytes, 4);
	return sizeof(*a4);
}

/* "All addresses" is family 0: zero bytes, so the same conversion serves. */
static int open_socket(const struct opt_listen *w, bool v6, bool shared)
{
	int on = 1, v6only = w->addr.family == 6;
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(w, v6, &ss);
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
	    (!v6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) == 0) &&
	    bind(fd, (struct sockaddr *)&ss, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* It is for one who stands in front, not for everybody here: his group is LISTEN_GROUP. */
static void open_to_group(const char *path)
{
	const struct group *g = getgrnam(LISTEN_GROUP);
	int rc = g ? local_give(path, g->gr_gid) : 0;

	if (rc)
		log_warn("socket stays closed to the group " LISTEN_GROUP ": %s path=\"%s\"",
			 strerror(-rc), path);
	else if (g && chmod(path, 0660) != 0)
		log_warn("socket stays closed to its group: %m path=\"%s\"", path);
}

/* Return: the socket; -errno, logged. */
static int open_path(const char *path)
{
	int fd, r = local_bind(path, &fd);

	if (r == 0 && listen(fd, BACKLOG) != 0) {
		r = -errno;
		close(fd);
	}
	if (r != 0) {
		log_error("cannot listen path=\"%s\" error=\"%s\"", path, local_words(r));
		return r;
	}
	open_to_group(path);
	return fd;
}

static int open_one(const struct opt_listen *w, bool shared)
{
	char text[ADDR_TEXT_SIZE] = "all addresses";
	int fd;

	if (w->path[0])
		return open_path(w->path);
	fd = open_socket(w, w->addr.family != 4, shared);
	if (fd == -EAFNOSUPPORT && w->addr.family == 0)
		fd = open_socket(w, false, shared);
	if (fd >= 0)
		return fd;
	if (w->addr.family)
		addr_format(&w->addr, text);
	log_error("cannot listen address=\"%s\" port=%u error=\"%s\"", text, w->port,
		  strerror(-fd));
	return fd;
}

static void on_rested(uv_timer_t *timer)
{
	struct listener *l = timer->data;

	if (!l->set->closing)
		uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void hand_out(struct listener *l, int fd)
{
	if (l->set->on_accept)
		l->set->on_accept(fd, l->set->arg);
	else
		l->set->on_accept_way(fd, l->plain, l->set->arg);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT && !l->set->closing && status == 0; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			hand_out(l, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			if (log_allowed(&l->set->limit, 1))
				log_warn("new connections wait error=\"%s\"", strerror(errno));
			uv_poll_stop(poll);
			uv_timer_start(&l->rest, on_rested, REST_MS, 0);
			return;
		}
		if (errno == EAGAIN)
			return;
	}
	if (status != 0 && !l->set->closing)
		uv_poll_start(poll, UV_READABLE, on_readable);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;
	struct listen_set *set = l->set;

	if (--set->handles == 0)
		free(set);
}

void listen_close(struct listen_set *set)
{
	if (!set || set->closing)
		return;
	set->closing = true;
	if (set->n == 0)
		free(set);
	else
		for (size_t i = 0; i < set->n; i++) {
			uv_close((uv_handle_t *)&set->at[i].poll, on_handle_closed);
			uv_close((uv_handle_t *)&set->at[i].rest, on_handle_closed);
			close(set->at[i].fd); /* now: the same ports may be opened next */
			if (set->at[i].path[0])
				unlink(set->at[i].path);
		}
}

static int add(struct listen_set *set, uv_loop_t *loop, const struct opt_listen *w, bool tls)
{
	struct listener *l = &set->at[set->n];
	int r;

	l->fd = open_one(w, set->shared);
	if (l->fd < 0)
		return l->fd;
	r = uv_poll_init(loop, &l->poll, l->fd);
	if (r != 0) {
		close(l->fd);
		return r;
	}
	uv_timer_init(loop, &l->rest);
	l->set = set;
	l->plain = opt_entry_is_plain(w, tls);
	snprintf(l->path, sizeof(l->path), "%s", w->path);
	l->poll.data = l->rest.data = l;
	set->n++;
	set->handles += 2;
	uv_poll_start(&l->poll, UV_READABLE, on_readable);
	return 0;
}

int listen_check(const struct opt_listens *where)
{
	for (size_t i = 0; i < where->n; i++) {
		int fd;

		if (where->at[i].path[0])
			continue; /* looked at when it is opened */
		fd = open_one(&where->at[i], false);

		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

static int open_set(struct listen_set **out, uv_loop_t *loop, const struct listen_ways *ways,
		    void (*on_accept)(int fd, void *arg))
{
	struct listen_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->shared = ways->shared;
	set->on_accept = on_accept;
	set->on_accept_way = ways->on_accept;
	set->arg = ways->arg;
	for (size_t i = 0; i < ways->where->n; i++) {
		const struct opt_listen *w = &ways->where->at[i];
		int r = ways->ports_only && w->path[0] ? 0 : add(set, loop, w, ways->tls);

		if (r != 0) {
			listen_close(set);
			return r;
		}
	}
	*out = set;
	return 0;
}

int listen_open(struct listen_set **out, uv_loop_t *loop, const struct opt_listens *where,
		bool shared, void (*on_accept)(int fd, void *arg), void *arg)
{
	const struct listen_ways ways = {.where = where, .tls = true, .shared = shared, .arg = arg};

	return open_set(out, loop, &ways, on_accept);
}

int listen_open_ways(struct listen_set **out, uv_loop_t *loop, const struct listen_ways *ways)
{
	return open_set(out, loop, ways, NULL);
}
