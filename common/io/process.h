/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * process - what the kernel says of this process: time, memory, files.
 */
#ifndef FARLAN_PROCESS_H
#define FARLAN_PROCESS_H

#include <stdint.h>

struct process_figures {
	uint64_t cpu_us;			/* user and system, of all threads */
	uint64_t virtual_bytes, resident_bytes; /* 0: /proc does not say */
	uint64_t open_fds, max_fds;
};

void process_read(struct process_figures *f);

#endif
