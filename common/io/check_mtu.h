/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check_mtu - how large packets may be on the way to a server of ours that answers small requests.
 * A request of several full segments is sent; if no answer comes, the same with smaller and smaller
 * segments, all at once. One shot.
 */
#ifndef FARLAN_CHECK_MTU_H
#define FARLAN_CHECK_MTU_H

#include "common/io/check_port.h"

#define CHECK_MTU_PATIENCE_MS 1500 /* then smaller ones are tried beside it */

struct check_mtu_result {
	bool whole;	    /* segments of the usual size pass */
	uint32_t pmtu;	    /* as the kernel knows it then; 0: unknown */
	uint32_t passes;    /* not whole: packets of this size pass; 0: none that was tried */
	uint32_t too_large; /* not whole: the next larger size, which did not; 0: the usual one */
	uint32_t ms;
};

struct check_mtu;

/* The only call. */
typedef void check_mtu_fn(void *arg, const struct check_mtu_result *result);

/** check_mtu_start() - @target: mss, pad and quick are set here. @fn never comes before it returns.
 * Return: 0; -errno. */
int check_mtu_start(struct check_mtu **out, uv_loop_t *loop, const struct check_port_target *target,
		    check_mtu_fn *fn, void *arg) __attribute__((warn_unused_result));
/** check_mtu_cancel() - no callback any more; memory goes with the last handle. */
void check_mtu_cancel(struct check_mtu *c);
/** check_mtu_say() - state, text and todo of a line about it. */
void check_mtu_say(const struct check_mtu_result *r, struct finding *f);

#endif
