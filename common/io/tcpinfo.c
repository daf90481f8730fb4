/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/tcpinfo.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define KNOWS_BYTES (offsetof(struct tcp_info, tcpi_data_segs_out) + sizeof(uint32_t))

void tcpinfo_get(int fd, struct tcpinfo *t)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	uint32_t sent;

	memset(&info, 0, sizeof(info));
	memset(t, 0, sizeof(*t));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || len < KNOWS_BYTES)
		return;
	sent = info.tcpi_data_segs_out + 1; /* which holds what was sent again, but no SYN */
	t->again = info.tcpi_total_retrans;
	t->segments = sent > t->again ? sent - t->again : 1;
}
