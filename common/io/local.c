/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/local.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/msg.h"

#define BACKLOG 16
#define READ_BYTES 16384
#define GROUPS_MAX 1024 /* of a peer that are looked at */

struct local {
	uv_pipe_t server;
	uv_loop_t *loop;
	struct rpc_ops ops;
	void *arg;
	void (*on_gone)(struct local_client *, void *arg);
	struct local_client *clients; /* list of those that are open */
	size_t n_clients;
	uint64_t last_number;
	size_t n_handles; /* whose close callback has not come */
	bool closing;
	bool has_group;
	gid_t group;
	dev_t dev; /* of the socket file: only our own is removed */
	ino_t ino;
	struct log_limit refused_limit;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct local_client {
	uv_pipe_t pipe;
	struct local *local;
	struct local_client *next;
	uid_t uid;
	struct rpc rpc;
	uint64_t number;
	bool closing;
	char in[READ_BYTES];
};

struct send_op {
	uv_write_t req;
	uint8_t bytes[];
};

/* --- memory goes with the last handle --- */

static void drop_handle(struct local *l)
{
	if (--l->n_handles == 0)
		free(l);
}

static void on_server_closed(uv_handle_t *handle)
{
	drop_handle(handle->data);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct local_client *c = handle->data;
	struct local *l = c->local;

	free(c);
	drop_handle(l);
}

/* --- clients --- */

static void unlink_client(struct local_client *c)
{
	struct local_client **at;

	for (at = &c->local->clients; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			c->local->n_clients--;
			return;
		}
	}
}

/* The memory stays until the loop's next round, so this may be called from within rpc_feed(). */
static void client_close(struct local_client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	unlink_client(c);
	rpc_deinit(&c->rpc);
	if (c->local->on_gone)
		c->local->on_gone(c, c->local->arg);
	explicit_bzero(c->in, sizeof(c->in));
	uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

static void on_written(uv_write_t *req, int status)
{
	struct local_client *c = req->handle->data;

	free(req->data);
	if (status < 0 && !c->closing)
		client_close(c);
}

static int write_copy(struct local_client *c, const void *bytes, size_t n)
{
	struct send_op *op = malloc(sizeof(*op) + n);
	uv_buf_t buf;
	int r;

	if (!op)
		return -ENOMEM;
	memcpy(op->bytes, bytes, n);
	op->req.data = op;
	buf = uv_buf_init((char *)op->bytes, (unsigned)n);
	r = uv_write(&op->req, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
	if (r != 0)
		free(op);
	return r;
}

static int client_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct local_client *c = rpc->arg;
	int r = -ENOBUFS;

	if (c->closing)
		return -EPIPE;
	if (uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) + n <= LOCAL_QUEUE_MAX_BYTES)
		r = write_copy(c, bytes, n);
	else
		log_warn("local client does not read its answers, closed client=%llu",
			 (unsigned long long)c->number);
	if (r != 0)
		client_close(c);
	return r;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct local_client *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->in, sizeof(c->in));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct local_client *c = stream->data;
	int r;

	if (c->closing || n == 0)
		return;
	if (n < 0) {
		client_close(c);
		return;
	}
	r = rpc_feed(&c->rpc, buf->base, (size_t)n);
	if (c->closing)
		return;
	explicit_bzero(buf->base, (size_t)n); /* passwords pass here */
	if (r != 0) {
		log_warn("local client sent what is no message, closed client=%llu error=\"%s\"",
			 (unsigned long long)c->number, strerror(-r));
		client_close(c);
	}
}

/* --- who may come in --- */

/*
 * SO_PEERGROUPS gives the groups that the peer had when it connected. A look-up by name
 * (getgrouplist) might ask a directory server, and this must not wait.
 */
static bool peer_in_group(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups), i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

static bool peer_allowed(const struct local *l, int fd, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) < 0 || len != sizeof(*peer))
		return false;
	if (peer->uid == 0 || peer->uid == geteuid())
		return true;
	return l->has_group && (peer->gid == l->group || peer_in_group(fd, l->group));
}

/* Why this client is refused, or NULL. */
static const char *refusal(struct local *l, const struct local_client *c, struct ucred *peer)
{
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0 || !peer_allowed(l, fd, peer))
		return "neither root, nor the daemon's user, nor in the group " LOCAL_GROUP;
	if (l->n_clients >= LOCAL_CLIENTS_MAX)
		return "too many clients";
	return NULL;
}

static void admit(struct local_client *c)
{
	struct local *l = c->local;

	c->number = ++l->last_number;
	c->next = l->clients;
	l->clients = c;
	l->n_clients++;
	rpc_init(&c->rpc, l->loop, &l->ops, c, MSG_MAX_BYTES);
	c->rpc.answer_keepalive = true;
	if (uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0)
		client_close(c);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct local *l = server->data;
	struct ucred peer = {.uid = (uid_t)-1};
	struct local_client *c;
	const char *why;

	if (l->closing || status < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		abort(); /* the loop would never accept again */
	c->local = l;
	uv_pipe_init(l->loop, &c->pipe, 0);
	c->pipe.data = c;
	l->n_handles++;
	why = uv_accept(server, (uv_stream_t *)&c->pipe) == 0 ? refusal(l, c, &peer) : "accept";
	if (!why) {
		c->uid = peer.uid;
		admit(c);
		return;
	}
	if (log_allowed(&l->refused_limit, 10))
		log_warn("local client refused: %s uid=%u pid=%d", why, (unsigned)peer.uid,
			 (int)peer.pid);
	c->closing = true;
	uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

/* --- the socket file --- */

static int set_address(struct sockaddr_un *addr, const char *path)
{
	size_t n = strlen(path);

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n >= sizeof(addr->sun_path)) {
		log_error("socket path is too long: %zu characters, at most %zu path=%s", n,
			  sizeof(addr->sun_path) - 1, path);
		return -ENAMETOOLONG;
	}
	memcpy(addr->sun_path, path, n + 1);
	return n > 0 ? 0 : -EINVAL;
}

static int make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int r;

	if (!slash || slash == path)
		return 0;
	parent = strndup(path, (size_t)(slash - path));
	r = parent ? file_mkdirs(parent, 0755) : -ENOMEM;
	free(parent);
	return r;
}

/* Is somebody listening? Return: 0 nobody; -EADDRINUSE; -errno. */
static int probe(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	/* EAGAIN: its queue is full, so there is one. */
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		r = -EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		r = -errno;
	close(fd);
	return r;
}

/* What a daemon that was killed left behind goes; nothing else does. */
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int r;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	r = probe(addr);
	if (r != 0)
		return r;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static void find_group(struct local *l)
{
	const struct group *g = getgrnam(LOCAL_GROUP);

	l->has_group = g != NULL;
	if (g)
		l->group = g->gr_gid;
}

int local_give(const char *path, gid_t group)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_gid == group)
		return 0;
	return lchown(path, (uid_t)-1, group) == 0 ? 0 : -errno;
}

/* From 0600 to 0660, once it belongs to the group. */
static int open_to_group(struct local *l)
{
	struct stat st;
	int rc;

	find_group(l);
	rc = l->has_group ? local_give(l->path, l->group) : 0;
	if (rc) {
		log_warn("socket stays closed to the group %s: %s path=%s", LOCAL_GROUP,
			 strerror(-rc), l->path);
		l->has_group = false;
	}
	if (l->has_group && chmod(l->path, 0660) < 0)
		return -errno;
	if (stat(l->path, &st) < 0)
		return -errno;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

/* Return: 0 and *fd is bound, with the file's mode 0600 from its first moment on. */
static int bind_socket(const struct sockaddr_un *addr, int *fd)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (s < 0)
		return -errno;
	/* On Linux the file gets the mode that the socket has. */
	if (fchmod(s, 0600) == 0 && bind(s, (const struct sockaddr *)addr, sizeof(*addr)) == 0) {
		*fd = s;
		return 0;
	}
	r = -errno;
	close(s);
	return r;
}

/* Takes @fd. */
static int listen_on(struct local *l, int fd)
{
	int r;

	uv_pipe_init(l->loop, &l->server, 0);
	l->server.data = l;
	l->n_handles = 1;
	r = uv_pipe_open(&l->server, fd);
	if (r != 0)
		close(fd);
	if (r == 0)
		r = open_to_group(l);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&l->server, BACKLOG, on_connection);
	return r;
}

int local_bind(const char *path, int *fd)
{
	struct sockaddr_un addr;
	int r = set_address(&addr, path);

	if (r == 0)
		r = make_parent(path);
	if (r == 0)
		r = remove_stale(&addr);
	if (r == 0)
		r = bind_socket(&addr, fd);
	return r;
}

const char *local_words(int error)
{
	if (error == -EADDRINUSE)
		return "another daemon listens there; stop it first";
	if (error == -EEXIST)
		return "something that is no socket has that name; move it away";
	return strerror(-error);
}

/* NOLINTNEXTLINE(readability-function-size): one call in each daemon */
int local_open(struct local **out, uv_loop_t *loop, const char *path,
	       const struct rpc_method *methods, size_t n_methods, void *arg,
	       void (*on_gone)(struct local_client *, void *arg))
{
	struct local *l;
	int fd = -1, r = local_bind(path, &fd);

	if (r != 0) {
		log_error("cannot listen on %s: %s", path, local_words(r));
		return r;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->loop = loop;
	l->ops = (struct rpc_ops){.send = client_send, .methods = methods, .n_methods = n_methods};
	l->arg = arg;
	l->on_gone = on_gone;
	memcpy(l->path, path, strlen(path) + 1); /* local_bind() has seen that it fits */
	r = listen_on(l, fd);
	if (r != 0) {
		log_error("cannot listen on %s: %s", path, strerror(-r));
		local_close(l);
		return r;
	}
	*out = l;
	return 0;
}

static void remove_socket_file(const struct local *l)
{
	struct stat st;

	if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
}

void local_close(struct local *l)
{
	if (!l || l->closing)
		return;
	l->closing = true;
	remove_socket_file(l);
	while (l->clients)
		client_close(l->clients);
	uv_close((uv_handle_t *)&l->server, on_server_closed);
}

void *local_arg(const struct rpc *rpc)
{
	return local_client_of(rpc)->local->arg;
}

struct local_client *local_client_of(const struct rpc *rpc)
{
	return rpc->arg;
}

uid_t local_client_uid(const struct local_client *c)
{
	return c->uid;
}

uint64_t local_client_number(const struct local_client *c)
{
	return c->number;
}

struct rpc *local_client_find(struct local *l, uint64_t number)
{
	struct local_client *c;

	for (c = l->clients; c; c = c->next) {
		if (c->number == number)
			return &c->rpc;
	}
	return NULL;
}
