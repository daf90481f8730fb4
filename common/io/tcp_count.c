/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/tcp_count.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

int tcp_count(int fd, struct tcp_counts *c)
{
	struct tcp_info info = {0}; /* the kernel may know a shorter one */
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return -errno;
	*c = (struct tcp_counts){
		.sent = info.tcpi_data_segs_out,
		/* Probes of a tail and what was given up too early arrive twice. */
		.again = info.tcpi_total_retrans - info.tcpi_dsack_dups,
		.received = info.tcpi_data_segs_in,
		.displaced = info.tcpi_rcv_ooopack,
		.rtt_us = info.tcpi_rtt,
	};
	return 0;
}
