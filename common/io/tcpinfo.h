/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tcpinfo - what the kernel counts on a TCP connection. Apart, because libuv brings the C library's
 * struct tcp_info, which ends before these members.
 */
#ifndef FARLAN_TCPINFO_H
#define FARLAN_TCPINFO_H

#include <stdint.h>

struct tcpinfo {
	uint32_t segments; /* of ours: the SYN and those with data, once each */
	uint32_t again;	   /* sent again */
};

/** tcpinfo_get() - zeros where the kernel does not say (before Linux 4.6). */
void tcpinfo_get(int fd, struct tcpinfo *t);

#endif
