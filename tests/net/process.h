/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * process - what the system knows about a running daemon: for the load generators here.
 */
#ifndef FARLAN_TESTS_PROCESS_H
#define FARLAN_TESTS_PROCESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static inline void die(const char *what, const char *detail)
{
	fprintf(stderr, "%s%s\n", what, detail);
	exit(1);
}

static inline unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n < min || n > max)
		die("not a number, or out of bounds: ", text);
	return n;
}

/* Processor time of all its threads. */
static inline double process_cpu_s(long pid)
{
	char path[64], text[1024], *at;
	unsigned long user, system;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		die("the daemon is not there: ", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	at = strrchr(text, ')');
	/* Fields 3 to 13 are skipped, 14 and 15 are what we want; see proc(5). */
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			  &system) != 2)
		die("unexpected: ", path);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* How long its main thread could have run, and others did. */
static inline double process_waited_s(long pid)
{
	char path[64];
	unsigned long long ran_ns, waited_ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/schedstat", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu %llu", &ran_ns, &waited_ns) != 2)
		waited_ns = 0;
	if (f)
		fclose(f);
	return (double)waited_ns / 1e9;
}

/* The number behind @name in a file of lines "name number". Return: 0 if it is not there. */
static inline long process_line(const char *path, const char *name)
{
	char line[256];
	long value = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static inline long process_rss_kb(long pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	return process_line(path, "VmRSS:");
}

/* The most that it ever was. */
static inline long process_peak_kb(long pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	return process_line(path, "VmHWM:");
}

/*
 * Kernel memory of the whole machine: objects (sockets, files, their entries in epoll sets) and
 * what waits in sockets. A difference counts both ends of a connection, if both are here.
 */
static inline long kernel_kb(void)
{
	long pages = 0;
	char line[256], *at;
	FILE *f = fopen("/proc/net/sockstat", "r");

	while (f && fgets(line, sizeof(line), f)) {
		at = strncmp(line, "TCP:", 4) == 0 ? strstr(line, " mem ") : NULL;
		if (at)
			pages = strtol(at + 5, NULL, 10);
	}
	if (f)
		fclose(f);
	return process_line("/proc/meminfo", "Slab:") + pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#endif
