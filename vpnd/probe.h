/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probe - measures the way to one relay: reaches it as a session would, then a few small requests
 * on that connection, one after the other.
 *
 *   dial -> answer -> ask, answer ... -> on_done
 */
#ifndef FARLAN_PROBE_H
#define FARLAN_PROBE_H

#include "common/io/dial.h"
#include "vpnd/pure/relay_table.h"

#define PROBE_ASKS 4	     /* the least of so many */
#define PROBE_ENOUGH_MS 1100 /* no third one after this long */
#define PROBE_TOTAL_MS 5000  /* then what is there counts */

struct probe;

struct probe_way {			     /* of a result that says RELAY_REACHED */
	struct sockaddr_storage peer, local; /* with the port; without */
};

struct probe_callbacks {
	/* The only call; @p is freed after it. */
	void (*on_done)(struct probe *p, const struct relay_result *result,
			const struct probe_way *way);
};

struct probe_target {
	const struct url *urls; /* copied */
	size_t n_urls;
	const struct opt_ports *ports;
};

/** probe_start() - @result->at_ms is CLOCK_BOOTTIME. Never calls back before it returns.
 * Return: 0; -errno. */
int probe_start(struct probe **out, uv_loop_t *loop, const struct tls_ctx *ctx,
		const struct probe_target *target, struct dial_memory *memory,
		const struct probe_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** probe_cancel() - no callback any more; memory goes with the last handle. */
void probe_cancel(struct probe *p);
void *probe_arg(const struct probe *p);

#endif
