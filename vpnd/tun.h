/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tun - the TUN device: whole IP packets to and from the kernel. Addresses, MTU and state of the
 * link are netconf's. The device is not persistent: it goes when its descriptor is closed.
 */
#ifndef FARLAN_TUN_H
#define FARLAN_TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "vpnd/pure/vnet.h"

#define TUN_NAME_SIZE 16 /* IFNAMSIZ */
#define TUN_PACKET_MAX_BYTES 65535

struct tun;

struct tun_callbacks {
	/* Packets wait: call tun_read() until -EAGAIN, or some and come again (level-triggered). */
	void (*on_readable)(struct tun *t);
	/*
	 * The device was deleted under us, or its descriptor failed; @err is -errno. Comes at most
	 * once, and not from within tun_read() or tun_write(); nothing works any more, close it.
	 */
	void (*on_gone)(struct tun *t, int err);
	/* tun_close() is done; the memory goes after it. May be NULL. */
	void (*on_closed)(struct tun *t);
};

struct tun_counters {
	uint64_t packets_read, bytes_read; /* kernel -> us */
	uint64_t packets_written, bytes_written;
	uint64_t write_drops; /* the kernel did not take it: full, down, refused */
};

/**
 * tun_open() - with @offload: super-packets and unfinished checksums, if the kernel has them
 * (TUNSETOFFLOAD; tun_offload() says so). Make the device @name (a trailing "%d" lets the kernel
 * number it), IFF_TUN without packet information, non-blocking. Reading begins at once; callbacks
 * never come before it returns.
 * @name: borrowed for the call; 1..15 characters.
 * @cb: borrowed for the device's life.
 * Return: 0; -EBUSY the name is in use by another program or another kind of interface; -EPERM no
 * CAP_NET_ADMIN; -ENODEV no /dev/net/tun; -EINVAL name; -errno. tun_open_error() says it in words.
 */
int tun_open(struct tun **out, uv_loop_t *loop, const char *name, bool offload,
	     const struct tun_callbacks *cb, void *arg) __attribute__((warn_unused_result));

/** tun_offload() - does the device take and give super-packets? */
bool tun_offload(const struct tun *t);
/** tun_uso() - those of UDP, too? From Linux 6.2 on. */
bool tun_uso(const struct tun *t);

/** tun_open_error() - what a failure of tun_open() means and what to do, one line. Return: @out. */
const char *tun_open_error(char *out, size_t out_size, const char *name, int err);

/** tun_close() - idempotent, NULL is allowed; on_closed follows from the loop. */
void tun_close(struct tun *t);

/**
 * tun_read() - one packet, and what the kernel left to be done to it, into the caller's memory.
 * @size: bytes at @out; what does not fit is cut by the kernel, so give at least the MTU.
 * Return: 0 and *n > 0; -EAGAIN none waits, or the device is down; -EBADFD it is gone.
 */
int tun_read(struct tun *t, struct vnet *v, void *out, size_t size, size_t *n)
	__attribute__((warn_unused_result));

/**
 * tun_write() - give one packet to the kernel; @v in normal form, plain without tun_offload(). A
 * packet that is not taken is dropped and counted. Return: 0; -EAGAIN, -ENOBUFS, -EIO (device
 * down), -EINVAL (not an IP packet), -EBADFD: dropped.
 */
int tun_write(struct tun *t, const struct vnet *v, const void *packet, size_t n);

/** tun_pause(), tun_resume() - stop and go on with on_readable; idempotent. */
void tun_pause(struct tun *t);
void tun_resume(struct tun *t);

const char *tun_name(const struct tun *t);
void *tun_arg(const struct tun *t);
const struct tun_counters *tun_counters(const struct tun *t);

#endif
