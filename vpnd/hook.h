/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hook - a program of the administrator that is told of a state: PROGRAM STATE, without a shell.
 * One at a time; what came meanwhile is left out but for the last; one that takes too long is
 * killed, with all that it started.
 *
 * It has none of vpnd's capabilities (but for root, who has all by being root), can gain no right
 * by running something else, and knows nothing of vpnd's environment and files.
 */
#ifndef FARLAN_HOOK_H
#define FARLAN_HOOK_H

#include <uv.h>

#define HOOK_MS 10000

struct hook;

/** hook_open() - @program: a path, copied. @ms: how long it may run; 0: HOOK_MS. From now on no
 * child of this process has its capabilities. Return: 0; -ENOMEM. */
int hook_open(struct hook **out, uv_loop_t *loop, const char *program, uint64_t ms)
	__attribute__((warn_unused_result));
/** hook_say() - @state: a constant. Never waits. */
void hook_say(struct hook *h, const char *state);
/** hook_close() - kills what runs; memory goes with the last handle. NULL is nothing. */
void hook_close(struct hook *h);

#endif
