/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tcp_count - the kernel's counters of a TCP connection. Apart, because the kernel's header that
 * has them all does not go together with the C library's, which libuv includes.
 */
#ifndef FARLAN_TCP_COUNT_H
#define FARLAN_TCP_COUNT_H

#include <stdint.h>

/* Segments with data; all wrap. What an old kernel does not count is 0. */
struct tcp_counts {
	uint32_t sent, again;	      /* again: of the sent ones, for a reason */
	uint32_t received, displaced; /* displaced: behind a missing one */
	uint32_t rtt_us;	      /* smoothed, of what is sent */
};

/** tcp_count() - Return: 0; -errno. */
int tcp_count(int fd, struct tcp_counts *c) __attribute__((warn_unused_result));

#endif
