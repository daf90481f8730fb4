/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * resolved - tells systemd-resolved, where it runs, who answers the names of a domain: by
 * resolvectl, for our TUN device, so that it forgets all of it when the device goes. Never waits.
 */
#ifndef FARLAN_RESOLVED_H
#define FARLAN_RESOLVED_H

#include <uv.h>

#define RESOLVED_WORDS_SIZE 160

/* What holds; only tests set other ones. */
extern struct resolved_ways {
	const char *folder; /* is there while systemd-resolved runs */
	uint32_t step_ms;   /* for one command */
} resolved_ways;

enum resolved_state {
	RESOLVED_UNTOLD,
	RESOLVED_ABSENT, /* it does not run, or resolvectl is not there */
	RESOLVED_TELLING,
	RESOLVED_KNOWS,
	RESOLVED_FAILED,
};
const char *resolved_state_name(enum resolved_state s); /* "untold", "absent" ... */

struct resolved;

/** resolved_open() - Return: 0; -ENOMEM. */
int resolved_open(struct resolved **out, uv_loop_t *loop) __attribute__((warn_unused_result));
/** resolved_close() - NULL is nothing; a command that runs is ended. Memory goes with the last
 * handle. */
void resolved_close(struct resolved *r);

/**
 * resolved_tell() - @server ("127.0.0.1:453") answers @domain and what is below it, on network
 * device @link. What it knows already it is not told again; while it is being told, this is
 * nothing.
 */
void resolved_tell(struct resolved *r, const char *link, const char *server, const char *domain);
/** resolved_state() - *words: why it failed, else "". */
enum resolved_state resolved_state(const struct resolved *r, const char **words);

#endif
