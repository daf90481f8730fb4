/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define TUN_FILE "/dev/net/tun"
#define REST_MS 200 /* without reading after an error that would make the poll spin */

struct tun {
	int fd;
	char name[TUN_NAME_SIZE];
	const struct tun_callbacks *cb;
	void *arg;
	uv_poll_t poll;
	uv_timer_t rest;
	unsigned int n_handles; /* not closed yet */
	bool closing, paused, gone;
	bool vnet;    /* each packet has a header in front */
	bool offload; /* and it may say something */
	bool uso;     /* of UDP, too */
	struct tun_counters counters;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct tun *t = poll->data;

	if (t->closing)
		return;
	if (status < 0) { /* EPOLLERR: the device was deleted; libuv has stopped */
		t->gone = true;
		uv_timer_stop(&t->rest);
		t->cb->on_gone(t, status == UV_EBADF ? -EBADFD : status);
		return;
	}
	if (events & UV_READABLE)
		t->cb->on_readable(t);
}

static void poll_start(struct tun *t)
{
	int err;

	if (t->closing || t->paused || t->gone || uv_is_active((uv_handle_t *)&t->rest))
		return;
	err = uv_poll_start(&t->poll, UV_READABLE, on_poll);
	(void)err; /* fails only for handles that are closing */
}

static void on_rested(uv_timer_t *timer)
{
	poll_start(timer->data);
}

/* All that the kernel has; without any the headers come all the same, and stay plain. */
static void ask_offload(struct tun *t)
{
	const unsigned int tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	t->uso = ioctl(t->fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0;
	t->offload = t->uso || ioctl(t->fd, TUNSETOFFLOAD, tcp) == 0; /* before Linux 6.2 */
}

static int attach(int fd, const char *name, bool offload, char actual[TUN_NAME_SIZE])
{
	struct ifreq ifr = {0};

	if (!*name || strlen(name) >= sizeof(ifr.ifr_name))
		return -EINVAL;
	/* EXCL: a device that is there already is somebody else's, never share or adopt it. */
	ifr.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL | (offload ? IFF_VNET_HDR : 0));
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &ifr) != 0)
		return -errno;
	memcpy(actual, ifr.ifr_name, TUN_NAME_SIZE);
	actual[TUN_NAME_SIZE - 1] = '\0';
	return 0;
}

static int device_open(int *fd, const char *name, bool offload, char actual[TUN_NAME_SIZE])
{
	int err;

	*fd = open(TUN_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	err = attach(*fd, name, offload, actual);
	if (err == -EEXIST || (err == -EINVAL && *name && if_nametoindex(name) != 0))
		err = -EBUSY;
	if (err)
		close(*fd);
	return err;
}

int tun_open(struct tun **out, uv_loop_t *loop, const char *name, bool offload,
	     const struct tun_callbacks *cb, void *arg)
{
	struct tun *t = calloc(1, sizeof(*t));
	int err;

	*out = NULL;
	if (!t)
		return -ENOMEM;
	err = device_open(&t->fd, name, offload, t->name);
	if (!err) {
		t->vnet = offload;
		if (offload)
			ask_offload(t);
		err = uv_poll_init(loop, &t->poll, t->fd);
		if (err)
			close(t->fd);
	}
	if (err) {
		free(t);
		return err;
	}
	uv_timer_init(loop, &t->rest);
	t->n_handles = 2;
	t->poll.data = t->rest.data = t;
	t->cb = cb;
	t->arg = arg;
	poll_start(t);
	*out = t;
	return 0;
}

const char *tun_open_error(char *out, size_t out_size, const char *name, int err)
{
	switch (err) {
	case -EBUSY:
		snprintf(out, out_size,
			 "the name %s is in use: another program or interface has it; end that one "
			 "or choose another name for the TUN device",
			 name);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(out, out_size,
			 "no right to make TUN devices: CAP_NET_ADMIN and access "
			 "to " TUN_FILE " are needed");
		break;
	case -ENODEV:
		snprintf(out, out_size,
			 "there is no " TUN_FILE ": load the kernel module tun (modprobe tun)");
		break;
	case -EINVAL:
		snprintf(out, out_size,
			 "'%s' cannot be the name of an interface (1 to %d "
			 "characters, no spaces, no slashes)",
			 name, TUN_NAME_SIZE - 1);
		break;
	default:
		snprintf(out, out_size, "cannot make the TUN device %s: %s", name, strerror(-err));
	}
	return out;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct tun *t = handle->data;

	if (--t->n_handles > 0)
		return;
	if (t->cb->on_closed)
		t->cb->on_closed(t);
	free(t);
}

void tun_close(struct tun *t)
{
	if (!t || t->closing)
		return;
	t->closing = true;
	uv_close((uv_handle_t *)&t->poll, on_handle_closed);
	uv_close((uv_handle_t *)&t->rest, on_handle_closed);
	close(t->fd); /* not polled any more; the device goes now */
	t->fd = -1;
}

/* An error that may stay: look again later, so that a readable descriptor does not spin. */
static int rest(struct tun *t, int err)
{
	if (err == -EBADFD || t->gone)
		return -EBADFD; /* the poll reports it, too */
	uv_poll_stop(&t->poll);
	uv_timer_start(&t->rest, on_rested, REST_MS, 0);
	return -EAGAIN;
}

static ssize_t read_packet(struct tun *t, struct vnet *v, void *out, size_t size)
{
	uint8_t head[VNET_BYTES];
	struct iovec iov[2] = {{.iov_base = head, .iov_len = sizeof(head)},
			       {.iov_base = out, .iov_len = size}};
	ssize_t got;

	memset(v, 0, sizeof(*v));
	if (!t->vnet)
		return read(t->fd, out, size);
	got = readv(t->fd, iov, 2);
	if (got < 0)
		return got;
	if (got <= (ssize_t)sizeof(head) || vnet_decode_host(v, head) != 0) {
		errno = EPROTO;
		return -1;
	}
	return got - (ssize_t)sizeof(head);
}

int tun_read(struct tun *t, struct vnet *v, void *out, size_t size, size_t *n)
{
	ssize_t got;

	if (t->closing || t->gone)
		return -EBADFD;
	do
		got = read_packet(t, v, out, size);
	while (got < 0 && (errno == EINTR || errno == EPROTO));
	if (got < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (got <= 0)
		return rest(t, got < 0 ? -errno : -EIO);
	*n = (size_t)got;
	t->counters.packets_read++;
	t->counters.bytes_read += *n;
	return 0;
}

static ssize_t write_packet(struct tun *t, const struct vnet *v, const void *packet, size_t n)
{
	uint8_t head[VNET_BYTES];
	struct iovec iov[2] = {{.iov_base = head, .iov_len = sizeof(head)}, {.iov_len = n}};

	if (!t->vnet)
		return write(t->fd, packet, n);
	vnet_encode_host(v, head);
	memcpy(&iov[1].iov_base, &packet, sizeof(packet)); /* writev() does not change it */
	return writev(t->fd, iov, 2);
}

int tun_write(struct tun *t, const struct vnet *v, const void *packet, size_t n)
{
	ssize_t put;

	if (t->closing || t->gone) {
		t->counters.write_drops++;
		return -EBADFD;
	}
	do
		put = write_packet(t, v, packet, n);
	while (put < 0 && errno == EINTR);
	if (put < 0) {
		int err = -errno;

		t->counters.write_drops++;
		return err;
	}
	t->counters.packets_written++;
	t->counters.bytes_written += n;
	return 0;
}

bool tun_offload(const struct tun *t)
{
	return t->offload;
}

bool tun_uso(const struct tun *t)
{
	return t->uso;
}

void tun_pause(struct tun *t)
{
	t->paused = true;
	if (!t->closing)
		uv_poll_stop(&t->poll);
}

void tun_resume(struct tun *t)
{
	t->paused = false;
	poll_start(t);
}

const char *tun_name(const struct tun *t)
{
	return t->name;
}

void *tun_arg(const struct tun *t)
{
	return t->arg;
}

const struct tun_counters *tun_counters(const struct tun *t)
{
	return &t->counters;
}
