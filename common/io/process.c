/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t cpu_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* proc(5), /proc/pid/statm: in pages. */
static void read_memory(struct process_figures *f)
{
	unsigned long long virtual, resident, page = (unsigned long long)sysconf(_SC_PAGESIZE);
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return;
	if (fscanf(file, "%llu %llu", &virtual, &resident) == 2) {
		f->virtual_bytes = virtual * page;
		f->resident_bytes = resident * page;
	}
	fclose(file);
}

/* Since Linux 6.2 the folder's size is the number of its files; older ones say 0, and they are
 * counted.
 */
static uint64_t count_fds(void)
{
	struct stat st;
	uint64_t n = 0;
	DIR *dir;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return 0;
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n > 0 ? n - 1 : 0; /* without the folder itself */
}

void process_read(struct process_figures *f)
{
	struct rlimit limit;

	memset(f, 0, sizeof(*f));
	f->cpu_us = cpu_us();
	read_memory(f);
	f->open_fds = count_fds();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		f->max_fds = (uint64_t)limit.rlim_cur;
}
